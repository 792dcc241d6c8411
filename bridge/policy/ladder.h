/* ladder.h -- pure: which rung of a view a leg gets, and whether with both of its temporal layers. A rung with two layers is
 * two levels: whole, and thin (half the pictures, no keyframe needed to change). Down at once; up one level after 8 s without
 * trouble, twice as long after each try that failed, up to 2 min; at once when the room has been measured (probe.h). */
#pragma once

#include <glib.h>

enum {
    LADDER_RUNGS_MAX = 5,
    LADDER_LEVELS_MAX = 2 * LADDER_RUNGS_MAX,
    LADDER_SETTLE_US = 2200000, /* reports and rates of the level before must have passed */
    LADDER_UP_US_MIN = 8000000,
    LADDER_UP_US_MAX = 120000000,
    LADDER_THIN_PERCENT = 65 /* what the lower layer has of a rung's rate */
};

typedef struct {
    guint32 bitrate_bps;
    gboolean two_layers;
} LadderRung;

/* The best level that is allowed: twice the rung, and one more when that is allowed only thin. Comparable: more is lower. */
typedef guint LadderTop;
static inline LadderTop ladder_top(guint rung, gboolean thin) { return 2 * rung + (thin ? 1 : 0); }
/* Its nominal rate; n_rungs above 0. */
guint32 ladder_top_bps(const LadderRung *rungs, guint n_rungs, LadderTop top);

typedef struct {
    guint rung;
    gboolean thin;
    guint32 bitrate_bps;
} LadderLevel;

typedef struct {
    guint n_levels, level_max, level;      /* level_max: the best one allowed */
    LadderLevel levels[LADDER_LEVELS_MAX]; /* best first */
    gint64 settle_us;                      /* after a change nothing is believed for so long */
    gint64 changed_us, clean_since_us, tried_us;
    gint64 up_after_us[LADDER_LEVELS_MAX]; /* how long the line must be clean before this level is tried */
} Ladder;

/* Starts on the best level allowed. Rungs best first; n_rungs 0 is fine. */
void ladder_init(Ladder *ladder, const LadderRung *rungs, guint n_rungs, LadderTop top, gint64 now_us);
/* Another best level allowed: a leg above it goes down at once. */
void ladder_set_top(Ladder *ladder, LadderTop top, gint64 now_us);
void ladder_set_rung(Ladder *ladder, guint rung, gint64 now_us); /* whole, within what is allowed */

guint ladder_rung(const Ladder *ladder);
gboolean ladder_is_thin(const Ladder *ladder);
guint32 ladder_bitrate_bps(const Ladder *ladder); /* nominal, of the level; 0: no rungs */
/* What the level above would need, as easy as the picture is now; 0: there is none that is allowed. */
guint32 ladder_next_bps(const Ladder *ladder, guint32 sent_bps);

/* BACK: down again after a try that failed, to the level that was good before. */
typedef enum { LADDER_STAYS, LADDER_DOWN, LADDER_BACK, LADDER_UP } LadderMove;

/* Every few 100 ms. estimate_bps: what the line has for this picture. sent_bps: what the leg really gets of it; an easy
 * picture needs less than its rung's nominal rate. measured: the estimate was measured, not guessed: up as soon as it has
 * room, and never by a mere try. */
LadderMove ladder_update(Ladder *ladder, guint32 estimate_bps, guint32 sent_bps, gboolean clean,
                         gboolean measured, gint64 now_us);
/* One level down whatever the estimate says (pictures that keep breaking). FALSE: it is the lowest. */
gboolean ladder_push_down(Ladder *ladder, gint64 now_us);
