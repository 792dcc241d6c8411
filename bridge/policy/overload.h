/* overload.h -- pure: what the machine affords, and what is given up when it does not suffice. Time is an argument.
 * Pictures give way, in an order that is declared here; sound never does: nothing in this file knows of it. */
#pragma once

#include <glib.h>

/* ---- the ladder ---- */

typedef struct {
    guint wall_fps, program_fps; /* frames per second */
    guint top_height;            /* no rung of a program view is higher */
    guint thumbnail_fps;         /* what a thumbnail is asked to send */
} OverloadLimits;

/* Level 0 gives up nothing. 1, 2: frame rate of the wall; 3 to 5: frame rate of the program; 6: its top rung; 7, 8: frame
 * rate of thumbnails, and with it their decoding. */
enum { OVERLOAD_LEVELS = 9, OVERLOAD_BEAT_US = 500000 };

/* What is left of `full` at a level. */
OverloadLimits overload_limits(const OverloadLimits *full, guint level);

/* What the last beat has seen. Cores: CPU seconds per second of this process. */
typedef struct {
    double budget_cores, used_cores;
    double wall_cores, program_cores; /* canvases and encoders, of used_cores */
    double decode_cores;
    guint canvas_late_us; /* the lateness that three quarters of the canvases' ticks keep */
    double encoder_drops; /* share of pictures that encoders were too slow for, 0..1 */
} OverloadLoad;

typedef enum { OVERLOAD_CALM, OVERLOAD_PROCESSOR, OVERLOAD_LATE, OVERLOAD_ENCODERS } OverloadCause;
const char *overload_cause_word(OverloadCause cause); /* "calm" "processor" "late" "encoders" */

typedef struct {
    guint level;
    OverloadCause cause; /* of the last step down; OVERLOAD_CALM at level 0 */
    guint encoder_step;  /* see overload_encoder_speed() */
    guint n_over;        /* beats in trouble in a row */
    gint64 calm_since_us, raised_us, up_after_us, encoder_calm_us;
} Overload; /* zero-initialise */

/* Each OVERLOAD_BEAT_US. Steps down within 2 s when the budget is full (within 6 s when pictures are late, which may be the work of
 * other programs), as far as the measured costs say is needed; up one step at a time after
 * 8 s of calm (1 s with plenty of room), when there is room for what the step brings back; twice as long after each step up that
 * failed, up to 2 min.
 * Steps that would change nothing (no wall is watched) are passed over. TRUE: the level changed. */
gboolean overload_update(Overload *overload, const OverloadLimits *full, const OverloadLoad *load,
                         gint64 now_us);

/* What the load would be at another level, by the measured costs. */
double overload_predict_cores(const OverloadLimits *full, const OverloadLoad *load, guint level_now,
                              guint level_then);

/* ---- encoders ---- */

enum { OVERLOAD_ENCODER_STEPS = 4 };

/* VP8 speed of an encoder of that height: `at_rest`, and more under load, in steps 0 to OVERLOAD_ENCODER_STEPS - 1. Small
 * pictures gain little and would show it most. */
guint overload_encoder_speed(guint at_rest, guint step, guint height);
