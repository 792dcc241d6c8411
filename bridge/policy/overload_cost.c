/* overload_cost.c -- see overload_cost.h. */
#include "bridge/policy/overload_cost.h"

#include "bridge/policy/needs.h"

/* Measured with bench_media_pictures on a virtual Xeon core with AVX-512, VP8, encoders at speed 8: nanoseconds for each
 * picture, tile or frame, and picoseconds for each of its pixels. */
enum {
    DECODE_NS = 35000,
    DECODE_PIXEL_PS = 1700,
    TILE_NS = 20000,
    TILE_PIXEL_PS = 1500,
    ENCODE_NS = 250000,
    ENCODE_PIXEL_PS = 3400,
    ENCODE_WALL_PIXEL_PS = 6300, /* two hundred pictures that all move */
    BUDGET_PERCENT = 92,
    LEARN_PERCENT = 15,
    TILES_MAX = 256
};

static double pixels(guint width, guint height) { return (double)width * height; }

static double seconds_each(guint each_ns, guint pixel_ps, double n_pixels) {
    return each_ns * 1e-9 + pixel_ps * 1e-12 * n_pixels;
}

/* The camera sends what the tile needs; it is decoded whole and drawn at the tile's size. */
static double tile_cost(const OverloadView *view, const Rect *rect) {
    CameraNeed need = camera_need(rect->width, rect->height, view->fps, view->thumbnail_fps);
    const LayerNeed *layer = need.main.active ? &need.main : &need.thumbnail;
    return layer->fps * (seconds_each(DECODE_NS, DECODE_PIXEL_PS, pixels(layer->width, layer->height)) +
                         seconds_each(TILE_NS, TILE_PIXEL_PS, pixels(rect->width, rect->height)));
}

double overload_layout_cost(const OverloadView *view) {
    Rect rects[TILES_MAX];
    double cost = 0;
    if (view->n_rungs == 0 || view->fps == 0) return 0;
    guint n_rooms = MIN(view->n_rooms, layout_capacity(view->layout, view->n_rooms));
    guint n_tiles = layout_place(layout_tightened(view->layout, n_rooms), n_rooms, view->rungs[0].width,
                                 view->rungs[0].height, rects, TILES_MAX);
    for (guint i = 0; i < n_tiles; i++) cost += tile_cost(view, &rects[i]);
    guint pixel_ps = view->layout == LAYOUT_WALL ? ENCODE_WALL_PIXEL_PS : ENCODE_PIXEL_PS;
    for (guint i = 0; i < MIN(view->n_rungs, OVERLOAD_RUNGS_MAX); i++) {
        const OverloadPicture *rung = &view->rungs[i];
        cost +=
            MIN(rung->fps, view->fps) * seconds_each(ENCODE_NS, pixel_ps, pixels(rung->width, rung->height));
    }
    return cost;
}

void overload_scale_learn(OverloadScale *scale, double expected_cores, double measured_cores) {
    if (expected_cores < 0.02) return; /* too little to learn from */
    double factor = CLAMP(measured_cores / expected_cores, 0.25, 6);
    scale->factor =
        scale->factor == 0 ? factor : scale->factor + (factor - scale->factor) * LEARN_PERCENT / 100;
}

double overload_scale_factor(const OverloadScale *scale) { return scale->factor == 0 ? 1 : scale->factor; }

OverloadFit overload_fit(double budget_cores, double used_cores, double before_cores, double after_cores) {
    OverloadFit fit = { .needs_cores = after_cores - before_cores,
                        .free_cores = MAX(budget_cores * BUDGET_PERCENT / 100 - used_cores, 0) };
    /* What costs no more than what is shown is never refused, however full the machine is. */
    fit.fits = fit.needs_cores <= 0 || fit.needs_cores <= fit.free_cores;
    return fit;
}
