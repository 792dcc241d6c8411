/* lateness.c -- see lateness.h. */
#include "bridge/policy/lateness.h"

static const guint steps_us[LATENESS_STEPS] = { 50,   100,  200,  300,  500,   750,   1000,  1500,  2000,
                                                3000, 4000, 6000, 8000, 10000, 15000, 20000, 40000, 100000 };

guint lateness_step_us(guint i) { return steps_us[MIN(i, LATENESS_STEPS - 1)]; }

void lateness_add(LatenessCounter *counter, gint64 late_us) {
    guint i = 0;
    while (i < LATENESS_STEPS && late_us > steps_us[i]) i++;
    atomic_fetch_add_explicit(&counter->n[i], 1, memory_order_relaxed);
}

void lateness_read(const LatenessCounter *counter, Lateness *ret_lateness) {
    for (guint i = 0; i <= LATENESS_STEPS; i++)
        ret_lateness->n[i] = atomic_load_explicit(&counter->n[i], memory_order_relaxed);
}

guint lateness_at_us(const Lateness *lateness, double share) {
    guint64 all = 0, sum = 0;
    for (guint i = 0; i <= LATENESS_STEPS; i++) all += lateness->n[i];
    if (all == 0) return 0;
    for (guint i = 0; i < LATENESS_STEPS; i++) {
        sum += lateness->n[i];
        if ((double)sum >= share * (double)all) return steps_us[i];
    }
    return steps_us[LATENESS_STEPS - 1];
}
