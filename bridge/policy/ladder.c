/* ladder.c -- see ladder.h. */
#include "bridge/policy/ladder.h"

static const double FITS = 0.85; /* an encoder's nominal rate is a ceiling more than a mean */
static const double MOVES = 0.6; /* pictures that move badly are better than stills, up to here */
static const double HEADROOM = 1.1;
static const double ROOM = 1.05; /* a measured estimate must be that much above what the next level needs */

enum { TRIAL_US = 15000000, MEASURED_CLEAN_US = 1500000 };

guint32 ladder_top_bps(const LadderRung *rungs, guint n_rungs, LadderTop top) {
    const LadderRung *rung = &rungs[MIN(top / 2, n_rungs - 1)];
    return top % 2 != 0 && rung->two_layers ? rung->bitrate_bps / 100 * LADDER_THIN_PERCENT
                                            : rung->bitrate_bps;
}

/* A rung without layers has no thin level: the next one then. */
static guint first_level_of(const Ladder *ladder, LadderTop top) {
    for (guint i = 0; i < ladder->n_levels; i++)
        if (ladder_top(ladder->levels[i].rung, ladder->levels[i].thin) >= top) return i;
    return ladder->n_levels > 0 ? ladder->n_levels - 1 : 0;
}

static void add_level(Ladder *ladder, guint rung, gboolean thin, guint32 bitrate_bps) {
    ladder->up_after_us[ladder->n_levels] = LADDER_UP_US_MIN;
    ladder->levels[ladder->n_levels++] =
        (LadderLevel){ .rung = rung, .thin = thin, .bitrate_bps = MAX(bitrate_bps, 1) };
}

void ladder_init(Ladder *ladder, const LadderRung *rungs, guint n_rungs, LadderTop top, gint64 now_us) {
    *ladder = (Ladder){ .settle_us = LADDER_SETTLE_US, .changed_us = now_us, .clean_since_us = now_us };
    for (guint i = 0; i < MIN(n_rungs, LADDER_RUNGS_MAX); i++) {
        add_level(ladder, i, FALSE, rungs[i].bitrate_bps);
        if (rungs[i].two_layers) add_level(ladder, i, TRUE, rungs[i].bitrate_bps / 100 * LADDER_THIN_PERCENT);
    }
    ladder->level = ladder->level_max = first_level_of(ladder, top);
}

static void set_level(Ladder *ladder, guint level, gint64 now_us) {
    ladder->level = level;
    ladder->changed_us = ladder->clean_since_us = now_us;
}

void ladder_set_top(Ladder *ladder, LadderTop top, gint64 now_us) {
    ladder->level_max = first_level_of(ladder, top);
    if (ladder->level >= ladder->level_max) return;
    set_level(ladder, ladder->level_max, now_us);
    ladder->tried_us = 0;
}

void ladder_set_rung(Ladder *ladder, guint rung, gint64 now_us) {
    set_level(ladder, MAX(first_level_of(ladder, ladder_top(rung, FALSE)), ladder->level_max), now_us);
    ladder->tried_us = 0;
}

guint ladder_rung(const Ladder *ladder) {
    return ladder->n_levels > 0 ? ladder->levels[ladder->level].rung : 0;
}

gboolean ladder_is_thin(const Ladder *ladder) {
    return ladder->n_levels > 0 && ladder->levels[ladder->level].thin;
}

guint32 ladder_bitrate_bps(const Ladder *ladder) {
    return ladder->n_levels > 0 ? ladder->levels[ladder->level].bitrate_bps : 0;
}

/* An easy picture needs this share of its level's nominal rate, and of the levels' below and above. */
static double ease_of(const Ladder *ladder, guint32 sent_bps) {
    return MIN(1.0, sent_bps * HEADROOM / ladder->levels[ladder->level].bitrate_bps);
}

guint32 ladder_next_bps(const Ladder *ladder, guint32 sent_bps) {
    if (ladder->level <= ladder->level_max || ladder->n_levels == 0) return 0;
    /* A still says nothing of how lively the moving picture is. */
    gboolean still = ladder->level + 1 == ladder->n_levels;
    double ease = still ? 1 : ease_of(ladder, sent_bps);
    return (guint32)(ladder->levels[ladder->level - 1].bitrate_bps * ease);
}

/* needed_bps: with nothing to spare. */
static gboolean too_narrow(const Ladder *ladder, guint level, guint32 estimate_bps, double needed_bps) {
    if (level + 1 >= ladder->n_levels) return FALSE;
    return estimate_bps < needed_bps * (level + 2 == ladder->n_levels ? MOVES : FITS);
}

/* The level that fits the estimate; after a failed try the one from before, because that one was clean. */
static LadderMove go_down(Ladder *ladder, guint32 estimate_bps, double ease, gint64 now_us) {
    guint from = ladder->level, level = from + 1;
    gboolean failed = ladder->tried_us != 0 && now_us - ladder->tried_us < TRIAL_US;
    if (failed)
        ladder->up_after_us[from] = MIN(ladder->up_after_us[from] * 2, LADDER_UP_US_MAX);
    else
        while (too_narrow(ladder, level, estimate_bps, ladder->levels[level].bitrate_bps * ease / FITS))
            level++;
    ladder->tried_us = 0;
    set_level(ladder, level, now_us);
    return failed ? LADDER_BACK : LADDER_DOWN;
}

static gboolean may_go_up(const Ladder *ladder, guint32 estimate_bps, guint32 sent_bps, gboolean measured,
                          gint64 now_us) {
    gint64 clean_us = now_us - ladder->clean_since_us;
    if (ladder->level <= ladder->level_max) return FALSE;
    if (measured)
        return clean_us >= MEASURED_CLEAN_US && estimate_bps >= ladder_next_bps(ladder, sent_bps) * ROOM;
    return clean_us >= ladder->up_after_us[ladder->level - 1];
}

LadderMove ladder_update(Ladder *ladder, guint32 estimate_bps, guint32 sent_bps, gboolean clean,
                         gboolean measured, gint64 now_us) {
    if (ladder->n_levels == 0) return LADDER_STAYS;
    if (!clean) ladder->clean_since_us = now_us;
    double ease = ease_of(ladder, sent_bps);
    const LadderLevel *level = &ladder->levels[ladder->level];
    if (now_us - ladder->changed_us >= ladder->settle_us &&
        too_narrow(ladder, ladder->level, estimate_bps, level->bitrate_bps * ease))
        return go_down(ladder, estimate_bps, ease, now_us);
    if (ladder->tried_us != 0 && now_us - ladder->tried_us >= TRIAL_US) {
        ladder->tried_us = 0; /* it held: the next try of this level need not wait longer */
        ladder->up_after_us[ladder->level] = LADDER_UP_US_MIN;
    }
    if (may_go_up(ladder, estimate_bps, sent_bps, measured, now_us)) {
        set_level(ladder, ladder->level - 1, now_us);
        ladder->tried_us = now_us;
        return LADDER_UP;
    }
    return LADDER_STAYS;
}

gboolean ladder_push_down(Ladder *ladder, gint64 now_us) {
    if (ladder->level + 1 >= ladder->n_levels) return FALSE;
    set_level(ladder, ladder->level + 1, now_us);
    ladder->tried_us = 0;
    return TRUE;
}
