/* ladder.h -- pure: which rung of a view a leg gets. Down at once; up one rung after 8 s without trouble, twice as long
 * after each try that failed, up to 2 min. */
#pragma once

#include <glib.h>

enum { LADDER_RUNGS_MAX = 4, LADDER_UP_US_MIN = 8000000, LADDER_UP_US_MAX = 120000000 };

typedef struct {
    guint n_rungs, rung_max;               /* rung_max: the best one allowed */
    guint32 bitrate_bps[LADDER_RUNGS_MAX]; /* best first */
    guint rung;
    gboolean still; /* not even the lowest rung fits: keyframes only */
    gint64 changed_us, clean_since_us, tried_us;
    gint64 up_after_us[LADDER_RUNGS_MAX]; /* how long the line must be clean before this rung is tried */
} Ladder;

/* Starts on the best rung allowed. n_rungs 0 is fine. */
void ladder_init(Ladder *ladder, const guint32 *bitrate_bps, guint n_rungs, guint rung_max, gint64 now_us);

/* BACK: down again after a try that failed, to the rung that was good before. STILL: from now on keyframes only. UP: also from
 * there to the moving lowest rung. */
typedef enum { LADDER_STAYS, LADDER_DOWN, LADDER_BACK, LADDER_UP, LADDER_STILL } LadderMove;

/* Every few 100 ms. sent_bps: what the leg really gets; an easy picture needs less than its rung's nominal rate. */
LadderMove ladder_update(Ladder *ladder, guint32 estimate_bps, guint32 sent_bps, gboolean clean,
                         gint64 now_us);
/* One rung down whatever the estimate says (pictures that keep breaking). FALSE: it is the lowest. */
gboolean ladder_push_down(Ladder *ladder, gint64 now_us);
