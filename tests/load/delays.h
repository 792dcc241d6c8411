/* delays.h -- a histogram of delays in steps of 5 ms up to 5 s. Pure. */
#pragma once

#include <glib.h>

enum { DELAY_STEPS = 1000, DELAY_STEP_US = 5000 };

typedef struct {
    guint32 n[DELAY_STEPS];
} Delays;

static inline void delays_add(Delays *delays, gint64 delay_us) {
    delays->n[CLAMP(delay_us / DELAY_STEP_US, 0, DELAY_STEPS - 1)]++;
}

/* The delay in ms that `share` of all do not exceed; -1: there are none. */
static inline gint delays_at(const Delays *delays, double share) {
    guint64 all = 0, sum = 0;
    for (guint i = 0; i < DELAY_STEPS; i++) all += delays->n[i];
    for (guint i = 0; i < DELAY_STEPS; i++)
        if (all > 0 && (double)(sum += delays->n[i]) >= share * (double)all)
            return (gint)((i + 1) * DELAY_STEP_US / 1000);
    return -1;
}
