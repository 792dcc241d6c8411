/* line_share.c -- see line_share.h. All steps of all legs are one list: first the rooms' first step, one room after the other, then
 * their second, ...; then the halls', the floor's; then the same three ranks go to stills. A round of the list is one step of
 * one rank; a leg's place in it is a number below ROUND, drawn by its id. The pressure is how much of the list is done: a leg has taken
 * a step when its place in that round lies below. So the same pressure means the same for whoever comes or goes. */
#include "bridge/policy/line_share.h"

static const double NEAR = 0.95;     /* of the line: sound's bursts and signaling need some of it, too */
static const double SPARE = 0.90;    /* of the line: a step up must fit in that */
static const double OVERHEAD = 1.08; /* headers, seals, a few resends */

enum {
    UP_US = 10000000,
    CLIMB_US = 30000000,
    ROUND = 1 << 16,
    RANK_STEPS = LADDER_LEVELS_MAX - 1, /* that a rank may go down while pictures move */
    STILL_ROUNDS = N_LINE_RANKS * RANK_STEPS,
    PRESSURE_MAX = (STILL_ROUNDS + N_LINE_RANKS) * ROUND
};

/* Fibonacci hashing: neighbours in number are far apart, each draw deals anew. */
static guint place_of(const LineShare *share, const LineLeg *leg) {
    return (leg->id + share->draw * 7919U) * 2654435769U >> 16;
}

static guint lowest_moving(const LineLeg *leg) {
    return leg->n_rungs - (leg->stills && leg->n_rungs > 1 ? 2 : 1);
}

static guint steps_taken(guint pressure, guint first_round, guint place) {
    guint from = first_round * ROUND + place;
    return pressure > from ? (pressure - from - 1) / ROUND + 1 : 0;
}

static LadderTop top_after(const LineShare *share, const LineLeg *leg, guint pressure) {
    guint place = place_of(share, leg), rung = leg->best, lowest = lowest_moving(leg);
    guint steps = MIN(steps_taken(pressure, (guint)leg->rank * RANK_STEPS, place), RANK_STEPS);
    gboolean thin = FALSE;
    if (steps_taken(pressure, STILL_ROUNDS + (guint)leg->rank, place) > 0)
        return ladder_top(leg->n_rungs - 1, FALSE);
    for (; steps > 0; steps--) {
        if (!thin && leg->rungs[rung].two_layers)
            thin = TRUE;
        else if (rung < lowest)
            rung++, thin = FALSE;
    }
    return ladder_top(rung, thin);
}

LadderTop line_share_top(const LineShare *share, const LineLeg *leg) {
    return leg->n_rungs > 0 ? top_after(share, leg, share->pressure) : 0;
}

double line_share_steps(const LineShare *share) { return (double)share->pressure / ROUND; }

static guint64 needed(const LineShare *share, const LineLeg *legs, guint n_legs, guint pressure) {
    guint64 bps = 0;
    for (guint i = 0; i < n_legs; i++) {
        const LineLeg *leg = &legs[i];
        bps += leg->beside_bps;
        if (leg->n_rungs > 0)
            bps += ladder_top_bps(leg->rungs, leg->n_rungs, MAX(top_after(share, leg, pressure), leg->own));
    }
    return (guint64)((double)bps * OVERHEAD);
}

/* The least pressure with which all fit into so much, at most PRESSURE_MAX: what is needed never grows with it. */
static guint least_pressure(const LineShare *share, const LineLeg *legs, guint n_legs, double budget_bps) {
    guint low = 0, high = PRESSURE_MAX;
    while (low < high) {
        guint middle = low + (high - low) / 2;
        if ((double)needed(share, legs, n_legs, middle) <= budget_bps)
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

static void press(LineShare *share, guint pressure, gint64 now_us) {
    if (pressure == share->pressure) return;
    share->pressure = pressure;
    share->changed_us = now_us;
    if (pressure == 0) share->draw++;
}

static void find_pressure(LineShare *share, const LineLeg *legs, guint n_legs, double budget_bps,
                          gint64 now_us) {
    if ((double)needed(share, legs, n_legs, share->pressure) > NEAR * budget_bps) {
        press(share, least_pressure(share, legs, n_legs, NEAR * budget_bps), now_us);
        return;
    }
    guint least = least_pressure(share, legs, n_legs, SPARE * budget_bps);
    if (least >= share->pressure)
        share->changed_us =
            MAX(share->changed_us, now_us - UP_US / 2); /* room must have been there for a while */
    else if (now_us - share->changed_us >= UP_US)
        press(share, MAX(least, share->pressure - MIN(share->pressure, ROUND)), now_us);
}

void line_share_update(LineShare *share, LineLeg *legs, guint n_legs, guint64 budget_bps, gint64 now_us) {
    if (budget_bps == 0)
        press(share, 0, now_us);
    else
        find_pressure(share, legs, n_legs, (double)budget_bps, now_us);
    share->needed_bps = needed(share, legs, n_legs, share->pressure);
    share->n_lowered = 0;
    for (guint i = 0; i < n_legs; i++) {
        legs[i].top = line_share_top(share, &legs[i]);
        if (legs[i].n_rungs > 0 && legs[i].top > ladder_top(legs[i].best, FALSE)) share->n_lowered++;
    }
}

static gboolean climbs(const LineClimb *climb, gint64 now_us) {
    return !climb->told || now_us - climb->from_us < CLIMB_US;
}

void line_climb_allow(LineClimb *climb, LadderTop top, LadderTop level, gint64 now_us) {
    gboolean same = climb->told && climb->top == top;
    gboolean held = level <= climb->top;
    if (!same && (held || climbs(climb, now_us))) climb->from_us = now_us;
    climb->told = TRUE;
    climb->top = top;
}

LadderTop line_climb_own(const LineClimb *climb, LadderTop level, gint64 now_us) {
    return !climbs(climb, now_us) && level > climb->top ? level : 0;
}
