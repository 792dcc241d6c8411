/* ladder.c -- see ladder.h. Inside, the still is one more step below the lowest rung. */
#include "bridge/policy/ladder.h"

static const double FITS = 0.85;       /* an encoder's nominal rate is a ceiling more than a mean */
static const double STILL_BELOW = 0.5; /* moving pictures that break are better than none, up to here */
static const double HEADROOM = 1.1;

/* SETTLE: reports and rates of the rung before must have passed. */
enum { SETTLE_US = 2200000, TRIAL_US = 15000000 };

void ladder_init(Ladder *ladder, const guint32 *bitrate_bps, guint n_rungs, guint rung_max, gint64 now_us) {
    *ladder =
        (Ladder){ .n_rungs = MIN(n_rungs, LADDER_RUNGS_MAX), .changed_us = now_us, .clean_since_us = now_us };
    for (guint i = 0; i < ladder->n_rungs; i++) {
        ladder->bitrate_bps[i] = bitrate_bps[i];
        ladder->up_after_us[i] = LADDER_UP_US_MIN;
    }
    if (ladder->n_rungs > 0) ladder->rung = ladder->rung_max = MIN(rung_max, ladder->n_rungs - 1);
}

static guint step_of(const Ladder *ladder) { return ladder->still ? ladder->n_rungs : ladder->rung; }

static void set_step(Ladder *ladder, guint step, gint64 now_us) {
    ladder->still = step >= ladder->n_rungs;
    ladder->rung = MIN(step, ladder->n_rungs - 1);
    ladder->changed_us = ladder->clean_since_us = now_us;
}

static gboolean too_narrow(const Ladder *ladder, guint step, guint32 estimate_bps, double needed_bps) {
    if (step >= ladder->n_rungs) return FALSE;
    return estimate_bps < needed_bps * (step + 1 == ladder->n_rungs ? STILL_BELOW : FITS);
}

/* An easy picture needs this share of its rung's nominal rate, and of the rungs' below. */
static double ease_of(const Ladder *ladder, guint32 sent_bps) {
    return MIN(1.0, sent_bps * HEADROOM / MAX(ladder->bitrate_bps[ladder->rung], 1u));
}

/* The step that fits the estimate; after a failed try the one from before, because that one was clean. */
static LadderMove go_down(Ladder *ladder, guint32 estimate_bps, double ease, gint64 now_us) {
    guint from = step_of(ladder), step = from + 1;
    gboolean failed = ladder->tried_us != 0 && now_us - ladder->tried_us < TRIAL_US;
    if (failed)
        ladder->up_after_us[from] = MIN(ladder->up_after_us[from] * 2, LADDER_UP_US_MAX);
    else
        while (step < ladder->n_rungs &&
               too_narrow(ladder, step, estimate_bps, ladder->bitrate_bps[step] * ease / FITS))
            step++;
    ladder->tried_us = 0;
    set_step(ladder, step, now_us);
    if (step == ladder->n_rungs) return LADDER_STILL;
    return failed ? LADDER_BACK : LADDER_DOWN;
}

LadderMove ladder_update(Ladder *ladder, guint32 estimate_bps, guint32 sent_bps, gboolean clean,
                         gint64 now_us) {
    if (ladder->n_rungs == 0) return LADDER_STAYS;
    if (!clean) ladder->clean_since_us = now_us;
    guint step = step_of(ladder);
    double ease = ease_of(ladder, sent_bps);
    if (now_us - ladder->changed_us >= SETTLE_US &&
        too_narrow(ladder, step, estimate_bps, ladder->bitrate_bps[ladder->rung] * ease))
        return go_down(ladder, estimate_bps, ease, now_us);
    if (ladder->tried_us != 0 && now_us - ladder->tried_us >= TRIAL_US) {
        ladder->tried_us = 0; /* it held: the next try of this rung need not wait longer */
        ladder->up_after_us[ladder->rung] = LADDER_UP_US_MIN;
    }
    if (step > ladder->rung_max && now_us - ladder->clean_since_us >= ladder->up_after_us[step - 1]) {
        set_step(ladder, step - 1, now_us);
        ladder->tried_us = now_us;
        return LADDER_UP;
    }
    return LADDER_STAYS;
}

gboolean ladder_push_down(Ladder *ladder, gint64 now_us) {
    if (ladder->rung + 1 >= ladder->n_rungs) return FALSE;
    set_step(ladder, ladder->rung + 1, now_us);
    ladder->tried_us = 0;
    return TRUE;
}
