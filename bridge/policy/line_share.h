/* line_share.h -- pure: the province's own line as a budget. Near it legs step down one by one and level by level (ladder.h: a rung
 * whole, then thin): ordinary rooms first, then the hall and its consoles, then who has the floor; nobody takes a second
 * step before all of its rank have taken the first, and nobody goes to stills before all others of moving pictures are on
 * the lowest. Who of a rank steps first is drawn by leg, anew each time the line has been free. Counts nominal rates: a picture that
 * grows lively must not cost the voices their packets. */
#pragma once

#include "bridge/policy/ladder.h"

typedef enum { LINE_ROOM, LINE_HALL, LINE_FLOOR, N_LINE_RANKS } LineRank; /* who steps down first */

typedef struct {
    guint32 id; /* of the leg: its place among those of its rank */
    LineRank rank;
    guint n_rungs;                      /* 0: no picture */
    LadderRung rungs[LADDER_RUNGS_MAX]; /* best first */
    gboolean stills;                    /* the last rung is one of stills */
    guint best;                         /* the best rung by other limits: its screen, the machine */
    LadderTop own;                      /* what its own line keeps it on, when that is lower; else 0 */
    guint32 beside_bps;                 /* sound, a presentation */
    LadderTop top;                      /* out: the best level it may have */
} LineLeg;

typedef struct {
    guint pressure; /* how far down all together are: one order of all steps of all legs; see line_share.c */
    guint draw;     /* of who steps first */
    gint64 changed_us;
    guint64 needed_bps; /* with this pressure */
    guint n_lowered;    /* legs that have less than other limits allow */
} LineShare;            /* zero-initialise */

/* Every second, or when legs came and went. budget_bps: what the line carries, 0: without limit. Down at once and no further than
 * needed; up, by at most one level for all of a rank, after 10 s in which it would have fitted with a tenth to spare. */
void line_share_update(LineShare *share, LineLeg *legs, guint n_legs, guint64 budget_bps, gint64 now_us);
/* The same for one leg, as things are now: what a newcomer may have. */
LadderTop line_share_top(const LineShare *share, const LineLeg *leg);
/* Rounds of steps that are done, in fractions: for those who watch how tight it is. 0: nobody is lowered. */
double line_share_steps(const LineShare *share);

/* What a leg was last allowed, and since when it may climb there. zero-initialise: it was told nothing. */
typedef struct {
    gboolean told;
    LadderTop top;
    gint64 from_us;
} LineClimb;

/* level: what the leg gets at the moment. Whom his own line keeps lower than he was allowed does not begin to climb because he is
 * allowed more: he would count with all of it again and again, and hold down the others. */
void line_climb_allow(LineClimb *climb, LadderTop top, LadderTop level, gint64 now_us);
/* The level that its own line keeps the leg on (LineLeg.own); 0: none that is lower than allowed, or it may be on its way up. */
LadderTop line_climb_own(const LineClimb *climb, LadderTop level, gint64 now_us);
