/* studio_counters.h -- what the picture side has done so far. Written by many threads, read by anyone. */
#pragma once

#include "bridge/policy/lateness.h"

#include <glib.h>
#include <stdatomic.h>

typedef _Atomic guint64 Counter;

typedef struct {
    Counter n_decoded, n_decode_errors, n_frames_dropped, n_scaled, n_composed, n_encoded, n_canvas_late,
        n_encoder_drops, n_keyframes_forced;
    Counter decode_cpu_us, canvas_cpu_us, encode_cpu_us;
    Counter wall_canvas_cpu_us, wall_encode_cpu_us; /* of those, what background views took */
    LatenessCounter canvas_lateness;
} StudioCounters;

static inline void count(Counter *counter, guint64 more) {
    atomic_fetch_add_explicit(counter, more, memory_order_relaxed);
}

/* CPU time of the calling thread. */
gint64 thread_cpu_us(void);
/* Names the calling thread and lowers its priority. */
void thread_begin(const char *name, gint nice);
