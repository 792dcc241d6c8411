/* line_share.c -- see line_share.h. The steps are one list for all: first the rooms go down as far as pictures move, then the
 * halls, then the floor; then the same three ranks go to stills. */
#include "bridge/policy/line_share.h"

static const double NEAR = 0.95;     /* of the line: sound's bursts and signaling need some of it, too */
static const double SPARE = 0.85;    /* of the line: a step up must fit in that */
static const double OVERHEAD = 1.08; /* headers, seals, a few resends */

enum {
    UP_US = 10000000,
    RANK_STEPS = LINE_RUNGS_MAX - 1, /* steps that a rank may go down while pictures move */
    STEPS_MAX = N_LINE_RANKS * RANK_STEPS + N_LINE_RANKS
};

static guint lowest_moving(const LineLeg *leg) {
    return leg->n_rungs - (leg->stills && leg->n_rungs > 1 ? 2 : 1);
}

static guint rung_after(const LineLeg *leg, guint steps) {
    guint moving = steps > (guint)leg->rank * RANK_STEPS ? steps - (guint)leg->rank * RANK_STEPS : 0;
    gboolean still = steps > N_LINE_RANKS * RANK_STEPS + (guint)leg->rank;
    if (still) return leg->n_rungs - 1;
    return MAX(leg->best, MIN(leg->best + MIN(moving, RANK_STEPS), lowest_moving(leg)));
}

guint line_share_rung(const LineShare *share, const LineLeg *leg) {
    return leg->n_rungs > 0 ? rung_after(leg, share->steps) : 0;
}

static guint64 needed(const LineLeg *legs, guint n_legs, guint steps) {
    guint64 bps = 0;
    for (guint i = 0; i < n_legs; i++) {
        const LineLeg *leg = &legs[i];
        bps += leg->beside_bps;
        if (leg->n_rungs > 0)
            bps += leg->bitrate_bps[MIN(MAX(rung_after(leg, steps), leg->own), leg->n_rungs - 1)];
    }
    return (guint64)((double)bps * OVERHEAD);
}

/* The next step that changes anything: a rank without legs, or with few rungs, has empty ones. */
static guint step_down(const LineLeg *legs, guint n_legs, guint steps) {
    guint64 before = needed(legs, n_legs, steps);
    while (steps < STEPS_MAX && needed(legs, n_legs, steps) == before) steps++;
    return steps;
}

void line_share_update(LineShare *share, LineLeg *legs, guint n_legs, guint64 budget_bps, gint64 now_us) {
    guint before = share->steps, up = 0;
    if (budget_bps == 0) share->steps = 0;
    while (budget_bps != 0 && share->steps < STEPS_MAX &&
           (double)needed(legs, n_legs, share->steps) > NEAR * (double)budget_bps)
        share->steps = step_down(legs, n_legs, share->steps);
    if (share->steps != before) share->changed_us = now_us;
    if (share->steps > 0) {
        guint64 now_bps = needed(legs, n_legs, share->steps);
        up = share->steps - 1;
        while (up > 0 && needed(legs, n_legs, up) == now_bps) up--;
    }
    if (up < share->steps && (double)needed(legs, n_legs, up) <= SPARE * (double)budget_bps) {
        if (now_us - share->changed_us >= UP_US) {
            share->steps = up;
            share->changed_us = now_us;
        }
    } else if (share->steps > 0) {
        share->changed_us =
            MAX(share->changed_us, now_us - UP_US / 2); /* room must have been there for a while */
    }
    share->needed_bps = needed(legs, n_legs, share->steps);
    for (guint i = 0; i < n_legs; i++) legs[i].rung_max = line_share_rung(share, &legs[i]);
}
