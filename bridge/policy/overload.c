/* overload.c -- see overload.h. */
#include "bridge/policy/overload.h"

/* Shares of the budget, in percent, and times. Full comes first, then the goal of a step down, then what a step up may lead to:
 * the distances keep the ladder from swinging. */
enum {
    FULL_PERCENT = 92,
    GOAL_PERCENT = 82,
    ROOM_PERCENT = 76,
    PLENTY_PERCENT = 50,
    OURS_PERCENT =
        25, /* who uses less than that of the budget is late because of others, and has nothing to give */
    BEATS_OVER = 3,       /* 1.5 s */
    BEATS_LATE_OVER = 10, /* 5 s: what others do to us passes more often than not */
    PLENTY_US = 1000000,
    UP_US_MIN = 8000000,
    UP_US_MAX = 120000000,
    TRIAL_US = 15000000, /* trouble so soon after a step up: the step was too much */
    LATE_US = 80000,     /* two frames of the program */
    DROPS_PERCENT = 20,
    TOP_ENCODE_PERCENT =
        55, /* of the program's cost is its top rung, as measured at 720p with 360p beside it */
    SMALL_HEIGHT = 360,
    SPEED_MAX = 16,
    ENCODER_US = 10000000
};

/* Shares of the full values in thousandths. */
static const struct {
    guint wall, program, thumbnail;
    guint top_height; /* 0: as full */
} levels[OVERLOAD_LEVELS] = {
    { 1000, 1000, 1000, 0 }, { 625, 1000, 1000, 0 }, { 375, 1000, 1000, 0 },
    { 375, 800, 1000, 0 },   { 375, 600, 1000, 0 },  { 375, 480, 1000, 0 },
    { 375, 480, 1000, 360 }, { 375, 480, 500, 360 }, { 375, 480, 250, 360 },
};

static guint part_of(guint full, guint thousandths) { return MAX((full * thousandths + 500) / 1000, 1); }

OverloadLimits overload_limits(const OverloadLimits *full, guint level) {
    level = MIN(level, OVERLOAD_LEVELS - 1);
    guint top = levels[level].top_height;
    return (OverloadLimits){ .wall_fps = part_of(full->wall_fps, levels[level].wall),
                             .program_fps = part_of(full->program_fps, levels[level].program),
                             .top_height = top == 0 ? full->top_height : MIN(top, full->top_height),
                             .thumbnail_fps = part_of(full->thumbnail_fps, levels[level].thumbnail) };
}

const char *overload_cause_word(OverloadCause cause) {
    static const char *const words[] = { "calm", "processor", "late", "encoders" };
    return cause < G_N_ELEMENTS(words) ? words[cause] : "calm";
}

/* ---- how much a step would give ---- */

static double ratio(guint then, guint now) { return now > 0 ? (double)then / now : 1; }

double overload_predict_cores(const OverloadLimits *full, const OverloadLoad *load, guint level_now,
                              guint level_then) {
    OverloadLimits now = overload_limits(full, level_now), then = overload_limits(full, level_then);
    double program = ratio(then.program_fps, now.program_fps);
    double top = (double)TOP_ENCODE_PERCENT / 100;
    if (then.top_height < now.top_height) program *= 1 - top;
    if (then.top_height > now.top_height) program /= 1 - top;
    /* Thumbnails come no faster than anybody shows them; the wall, where there is one, shows nearly all. */
    guint thumbnails_now = now.thumbnail_fps, thumbnails_then = then.thumbnail_fps;
    if (load->wall_cores > 0) {
        thumbnails_now = MIN(thumbnails_now, now.wall_fps);
        thumbnails_then = MIN(thumbnails_then, then.wall_fps);
    }
    return load->used_cores + load->wall_cores * (ratio(then.wall_fps, now.wall_fps) - 1) +
           load->program_cores * (program - 1) +
           load->decode_cores * (ratio(thumbnails_then, thumbnails_now) - 1);
}

static double share(const OverloadLoad *load, guint percent) { return load->budget_cores * percent / 100; }

/* ---- down ---- */

static OverloadCause cause_now(const OverloadLoad *load) {
    if (load->used_cores > share(load, FULL_PERCENT)) return OVERLOAD_PROCESSOR;
    if (load->used_cores < share(load, OURS_PERCENT)) return OVERLOAD_CALM;
    if (load->encoder_drops * 100 > DROPS_PERCENT) return OVERLOAD_ENCODERS;
    return load->canvas_late_us > LATE_US ? OVERLOAD_LATE : OVERLOAD_CALM;
}

/* Whether the step makes a difference: one that changes what nobody watches gives nothing. */
static gboolean gives(const OverloadLimits *full, const OverloadLoad *load, guint from, guint to) {
    double before = overload_predict_cores(full, load, from, from);
    return before - overload_predict_cores(full, load, from, to) > 0.001;
}

static guint level_below(const Overload *overload, const OverloadLimits *full, const OverloadLoad *load,
                         OverloadCause cause) {
    guint level = overload->level;
    while (level + 1 < OVERLOAD_LEVELS) {
        gboolean gave = gives(full, load, overload->level, ++level);
        if (!gave) continue;
        /* Lateness has causes outside this process: there the costs say nothing, and each step is looked at. */
        if (cause != OVERLOAD_PROCESSOR) break;
        if (overload_predict_cores(full, load, overload->level, level) <= share(load, GOAL_PERCENT)) break;
    }
    return gives(full, load, overload->level, level) ? level : overload->level;
}

static gboolean step_down(Overload *overload, const OverloadLimits *full, const OverloadLoad *load,
                          OverloadCause cause, gint64 now_us) {
    guint level = level_below(overload, full, load, cause);
    overload->n_over = 0;
    if (level == overload->level) return FALSE;
    gboolean failed = overload->raised_us != 0 && now_us - overload->raised_us < TRIAL_US;
    overload->up_after_us = failed ? MIN(2 * overload->up_after_us, UP_US_MAX) : UP_US_MIN;
    overload->raised_us = 0;
    overload->level = level;
    overload->cause = cause;
    return TRUE;
}

/* ---- up ---- */

/* The next step that brings something back; at level 0: none. */
static guint level_above(const Overload *overload, const OverloadLimits *full, const OverloadLoad *load) {
    guint level = overload->level;
    while (level > 0) {
        level--;
        double then = overload_predict_cores(full, load, overload->level, level);
        if (then - load->used_cores > 0.001) break;
    }
    return level;
}

static gboolean step_up(Overload *overload, const OverloadLimits *full, const OverloadLoad *load,
                        gint64 now_us) {
    guint level = level_above(overload, full, load);
    double then = overload_predict_cores(full, load, overload->level, level);
    gint64 calm_us = now_us - overload->calm_since_us;
    gboolean plenty = then <= share(load, PLENTY_PERCENT) && overload->up_after_us == UP_US_MIN;
    if (then > share(load, ROOM_PERCENT) || calm_us < (plenty ? PLENTY_US : overload->up_after_us))
        return FALSE;
    overload->level = level;
    overload->raised_us = now_us;
    overload->calm_since_us = now_us;
    if (level == 0) overload->cause = OVERLOAD_CALM;
    return TRUE;
}

/* ---- encoders ---- */

guint overload_encoder_speed(guint at_rest, guint step, guint height) {
    step = MIN(step, OVERLOAD_ENCODER_STEPS - 1);
    return MIN(at_rest + (height <= SMALL_HEIGHT ? step : 2 * step), MAX(at_rest, SPEED_MAX));
}

/* Finer pictures are the first thing given up, before any frame rate, and nobody notices at once: no waiting downward. */
static void update_encoder_step(Overload *overload, const OverloadLoad *load, gint64 now_us) {
    static const guint full_percents[OVERLOAD_ENCODER_STEPS - 1] = { 60, 72, 84 };
    guint step = 0, easier = 0;
    while (step + 1 < OVERLOAD_ENCODER_STEPS && load->used_cores > share(load, full_percents[step])) step++;
    while (easier + 1 < OVERLOAD_ENCODER_STEPS && load->used_cores > share(load, full_percents[easier] - 12))
        easier++;
    if (step > overload->encoder_step) {
        overload->encoder_step = step;
        overload->encoder_calm_us = now_us;
    } else if (easier >= overload->encoder_step) {
        overload->encoder_calm_us = now_us;
    } else if (now_us - overload->encoder_calm_us >= ENCODER_US) {
        overload->encoder_step--;
        overload->encoder_calm_us = now_us;
    }
}

gboolean overload_update(Overload *overload, const OverloadLimits *full, const OverloadLoad *load,
                         gint64 now_us) {
    OverloadCause cause = cause_now(load);
    update_encoder_step(overload, load, now_us);
    if (overload->up_after_us == 0) overload->up_after_us = UP_US_MIN;
    if (cause != OVERLOAD_CALM) {
        overload->calm_since_us = now_us;
        if (++overload->n_over < (cause == OVERLOAD_PROCESSOR ? BEATS_OVER : BEATS_LATE_OVER)) return FALSE;
        return step_down(overload, full, load, cause, now_us);
    }
    overload->n_over = 0;
    if (overload->calm_since_us == 0) overload->calm_since_us = now_us;
    if (overload->level == 0) return FALSE;
    return step_up(overload, full, load, now_us);
}
