/* ladder.c -- see ladder.h. */
#include "bridge/policy/ladder.h"

static const double FITS = 0.85; /* an encoder's nominal rate is a ceiling more than a mean */
static const double STILL_BELOW = 0.5, MOVES_ABOVE = 0.8, HEADROOM = 1.1;

enum { SETTLE_US = 1500000, TRIAL_US = 15000000 };

void ladder_init(Ladder *ladder, const guint32 *bitrate_bps, guint n_rungs, guint rung_max, gint64 now_us) {
    *ladder = (Ladder){ .n_rungs = MIN(n_rungs, LADDER_RUNGS_MAX), .changed_us = now_us, .clean_since_us = now_us };
    for (guint i = 0; i < ladder->n_rungs; i++) {
        ladder->bitrate_bps[i] = bitrate_bps[i];
        ladder->up_after_us[i] = LADDER_UP_US_MIN;
    }
    if (ladder->n_rungs > 0) ladder->rung = ladder->rung_max = MIN(rung_max, ladder->n_rungs - 1);
}

/* The rung that fits the estimate; after a failed try the one from before, because that one was clean. */
static LadderMove go_down(Ladder *ladder, guint32 estimate_bps, gint64 now_us) {
    gboolean failed = ladder->tried_us != 0 && now_us - ladder->tried_us < TRIAL_US;
    if (failed)
        ladder->up_after_us[ladder->rung] = MIN(ladder->up_after_us[ladder->rung] * 2, LADDER_UP_US_MAX);
    ladder->tried_us = 0;
    ladder->rung++;
    while (!failed && ladder->rung + 1 < ladder->n_rungs && estimate_bps < ladder->bitrate_bps[ladder->rung])
        ladder->rung++;
    ladder->changed_us = ladder->clean_since_us = now_us;
    return failed ? LADDER_BACK : LADDER_DOWN;
}

/* What the rung takes of the line now: never more than its nominal rate. */
static double needed_bps(const Ladder *ladder, guint32 sent_bps) {
    return MIN((double)ladder->bitrate_bps[ladder->rung], sent_bps * HEADROOM);
}

static LadderMove consider_still(Ladder *ladder, guint32 estimate_bps, guint32 sent_bps) {
    gboolean lowest = ladder->rung + 1 == ladder->n_rungs;
    double   least = ladder->still ? ladder->bitrate_bps[ladder->rung] * MOVES_ABOVE
                                   : needed_bps(ladder, sent_bps) * STILL_BELOW;
    gboolean still = lowest && estimate_bps < least;
    if (still == ladder->still) return LADDER_STAYS;
    ladder->still = still;
    return LADDER_STILL;
}

LadderMove ladder_update(Ladder *ladder, guint32 estimate_bps, guint32 sent_bps, gboolean clean, gint64 now_us) {
    if (ladder->n_rungs == 0) return LADDER_STAYS;
    if (!clean) ladder->clean_since_us = now_us;
    gboolean settled = now_us - ladder->changed_us >= SETTLE_US;
    gboolean lowest = ladder->rung + 1 == ladder->n_rungs;
    if (settled && !lowest && estimate_bps < needed_bps(ladder, sent_bps) * FITS)
        return go_down(ladder, estimate_bps, now_us);
    if (ladder->tried_us != 0 && now_us - ladder->tried_us >= TRIAL_US) {
        ladder->tried_us = 0; /* it held: the next try of this rung need not wait longer */
        ladder->up_after_us[ladder->rung] = LADDER_UP_US_MIN;
    }
    if (!ladder->still && ladder->rung > ladder->rung_max &&
        now_us - ladder->clean_since_us >= ladder->up_after_us[ladder->rung - 1]) {
        ladder->rung--;
        ladder->tried_us = ladder->changed_us = ladder->clean_since_us = now_us;
        return LADDER_UP;
    }
    return consider_still(ladder, estimate_bps, sent_bps);
}

gboolean ladder_push_down(Ladder *ladder, gint64 now_us) {
    if (ladder->rung + 1 >= ladder->n_rungs) return FALSE;
    go_down(ladder, ladder->bitrate_bps[ladder->rung + 1], now_us);
    return TRUE;
}
