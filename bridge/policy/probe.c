/* probe.c -- see probe.h. */
#include "bridge/policy/probe.h"

static const double ABOVE = 1.12, SAME = 0.85;
/* Of what is known to get through. A probe that fails leaves its surplus in the line's queue: STEP a quarter of a second, for
 * which the voice waits. */
static const double STEP = 1.6, STEP_NARROW = 1.25;
static const guint32 NARROW_BPS = 250000;
/* Below, lines let the few packets of a probe through at once and are full with the next ones (seen on tbf's bucket), and a
 * still is a probe too: it leaves as fast as the estimate lets it. So they are rare there. */
static const guint32 OFTEN_BPS_MIN = 80000;

enum {
    STEP_BPS_MIN = 64000,
    CLEAN_US = 2500000,
    CLEAN_RARE_US = 20000000,
    FIRST_US = 3000000,
    NEXT_US = 1000000
};

guint32 probe_due(Probe *probe, guint32 wanted_bps, guint32 has_bps, guint32 known_bps, gboolean clean,
                  gint64 now_us) {
    if (!clean || probe->clean_since_us == 0) probe->clean_since_us = now_us;
    gint64 clean_us = has_bps < OFTEN_BPS_MIN ? CLEAN_RARE_US : CLEAN_US;
    if (wanted_bps == 0 || has_bps >= wanted_bps || now_us - probe->clean_since_us < clean_us) return 0;
    if (probe->ended_us != 0 && now_us - probe->ended_us < (probe->climbing ? NEXT_US : FIRST_US)) return 0;
    guint32 through_bps = MAX(known_bps, probe->held_bps);
    double step = through_bps < NARROW_BPS ? STEP_NARROW : STEP;
    double target_bps = MIN(wanted_bps * ABOVE, MAX(through_bps * step, STEP_BPS_MIN));
    /* What is well below what failed is another question, and its answer does not make that one due. */
    gboolean same = probe->failed_bps != 0 && target_bps >= SAME * probe->failed_bps;
    if (same && now_us - probe->failed_us < probe->every_us) return 0;
    return (guint32)target_bps;
}

void probe_ended(Probe *probe, gboolean held, guint32 target_bps, gint64 now_us) {
    probe->ended_us = now_us;
    probe->climbing = held;
    probe->held_bps = held ? target_bps : 0;
    if (held && target_bps >= probe->failed_bps) {
        probe->every_us = 0;
        probe->failed_bps = 0;
    }
    if (held) return;
    probe->failed_us = now_us;
    probe->every_us =
        probe->every_us == 0 ? PROBE_EVERY_US_MIN : MIN(probe->every_us * 2, PROBE_EVERY_US_MAX);
    probe->failed_bps = target_bps;
}
