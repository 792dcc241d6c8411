/* line_share.h -- pure: the province's own line as a budget. Near it all legs step down together, one rung at a time: ordinary
 * rooms first, then the hall and its consoles, then who has the floor; nobody goes to stills before all others of moving
 * pictures are on the lowest. Counts nominal rates: a picture that grows lively must not cost the voices their packets. */
#pragma once

#include <glib.h>

typedef enum { LINE_ROOM, LINE_HALL, LINE_FLOOR, N_LINE_RANKS } LineRank; /* who steps down first */

enum { LINE_RUNGS_MAX = 5 };

typedef struct {
    LineRank rank;
    guint n_rungs;                       /* 0: no picture */
    guint32 bitrate_bps[LINE_RUNGS_MAX]; /* best first */
    gboolean stills;                     /* the last rung is one of stills */
    guint best;                          /* the best rung by other limits: its screen, the machine */
    guint own;          /* what its own line keeps it on, when that is lower; else the same as best */
    guint32 beside_bps; /* sound, a presentation */
    guint rung_max;     /* out: the best rung it may have */
} LineLeg;

typedef struct {
    guint steps; /* down, all together; see line_share.c */
    gint64 changed_us;
    guint64 needed_bps; /* with these steps */
} LineShare;            /* zero-initialise */

/* Every second, or when legs came and went. budget_bps: what the line carries, 0: without limit. Down at once, up one step
 * after 10 s in which it would have fitted with a tenth to spare. */
void line_share_update(LineShare *share, LineLeg *legs, guint n_legs, guint64 budget_bps, gint64 now_us);
/* The same for one leg, as the steps are now: what a newcomer may have. */
guint line_share_rung(const LineShare *share, const LineLeg *leg);
