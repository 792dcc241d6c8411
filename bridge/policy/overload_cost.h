/* overload_cost.h -- pure: what a layout costs, before anybody asks for it. Codec work follows pixels per second; the constants
 * were measured (bench_media_pictures) and are corrected at run time by what the work really takes here. */
#pragma once

#include "bridge/policy/layout.h"

enum { OVERLOAD_RUNGS_MAX = 10 };

typedef struct {
    guint width, height, fps;
} OverloadPicture;

typedef struct {
    Layout layout;
    guint n_rooms;       /* that have a camera and would fill it */
    guint fps;           /* of the canvas */
    guint thumbnail_fps; /* of a camera that is shown small */
    guint n_rungs;
    OverloadPicture
        rungs[OVERLOAD_RUNGS_MAX]; /* encoded, the largest first: the canvas is as large as that */
} OverloadView;

/* Cores for decoding, composing and encoding it on the machine on which the constants were measured. */
double overload_layout_cost(const OverloadView *view);

/* ---- what it costs here ---- */

typedef struct {
    double factor; /* measured by expected; 0 until known, then 1 is as on that machine */
} OverloadScale;   /* zero-initialise */

/* Now and then: what all views together were expected to cost, and what they did. */
void overload_scale_learn(OverloadScale *scale, double expected_cores, double measured_cores);
double overload_scale_factor(const OverloadScale *scale);

/* ---- whether it fits ---- */

typedef struct {
    double needs_cores; /* more than now; below 0: less */
    double free_cores;  /* what may be used beyond now */
    gboolean fits;
} OverloadFit;

/* before_cores, after_cores: what the view costs now and would cost, as expected here. */
OverloadFit overload_fit(double budget_cores, double used_cores, double before_cores, double after_cores);
