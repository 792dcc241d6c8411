/* lateness.h -- how late a periodic thread woke, counted in steps: cheap to add, and the difference of two readings gives
 * the percentiles of the time between. Counters may be written by several threads and read by any. */
#pragma once

#include <glib.h>
#include <stdatomic.h>

enum { LATENESS_STEPS = 18 };

typedef struct {
    guint64 n[LATENESS_STEPS +
              1]; /* ticks up to lateness_step_us(i), not counted before; the last: all later ones */
} Lateness;

typedef struct {
    _Atomic guint64 n[LATENESS_STEPS + 1];
} LatenessCounter;

/* Upper bound of step i < LATENESS_STEPS: 50 us to 100 ms. */
guint lateness_step_us(guint i);

/* late_us < 0 counts as on time. Any thread. */
void lateness_add(LatenessCounter *counter, gint64 late_us);
void lateness_read(const LatenessCounter *counter, Lateness *ret_lateness); /* any thread */

/* The bound that `share` (0..1) of the ticks keep; 0 without a tick, the last bound where it is beyond all. */
guint lateness_at_us(const Lateness *lateness, double share);
