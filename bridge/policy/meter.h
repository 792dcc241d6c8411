/* meter.h -- pure: how many bits a second pass here. */
#pragma once

#include <glib.h>

typedef struct {
    gint64 second_us; /* start of the second being counted */
    guint64 bytes;
    guint32 bps; /* the last full second */
} Meter;         /* zero-initialise */

static inline void meter_turn(Meter *meter, gint64 now_us) {
    gint64 past_us = now_us - meter->second_us;
    if (past_us < G_USEC_PER_SEC) return;
    meter->bps = past_us > 4 * G_USEC_PER_SEC
                     ? 0
                     : (guint32)MIN(meter->bytes * 8 * G_USEC_PER_SEC / (guint64)past_us, G_MAXUINT32);
    meter->second_us = now_us;
    meter->bytes = 0;
}

static inline void meter_add(Meter *meter, gsize n_bytes, gint64 now_us) {
    meter_turn(meter, now_us);
    meter->bytes += n_bytes;
}

/* The last full second, or this one when it is more already. */
static inline guint32 meter_bps(const Meter *meter) {
    return (guint32)MIN(MAX((guint64)meter->bps, meter->bytes * 8), G_MAXUINT32);
}
