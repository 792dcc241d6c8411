/* overload.c -- see overload.h. What it knows of the load is CPU time: of the process by its clock, of canvases, encoders and
 * decoders by the studio's counters. */
#include "bridge/meeting/overload.h"

#include "bridge/meeting/machine.h"
#include "bridge/policy/overload.h"
#include "bridge/policy/overload_cost.h"
#include "config/log.h"

#include <time.h>

/* FLOOR_LEVEL: a layout that fits with the frame rates of this level is not refused. */
enum { TELL_US = 5 * G_USEC_PER_SEC, GAP_US = 3 * G_USEC_PER_SEC, SMOOTH_PERCENT = 40, FLOOR_LEVEL = 4 };

struct BridgeOverload {
    OverloadLimits full;
    double budget_cores;
    Overload state;
    OverloadScale scale;
    OverloadLoad load; /* of the last beat */
    double used_cores; /* smoothed, for people */
    gint64 next_us, next_tell_us, measured_us, cpu_us;
    StudioStats stats;
};

static double budget_of(gint64 percent) { return percent > 0 ? (double)percent / 100 : machine_cores(); }

BridgeOverload *bridge_overload_new(const Settings *settings) {
    BridgeOverload *overload = g_new0(BridgeOverload, 1);
    overload->full = (OverloadLimits){ .wall_fps = (guint)settings->video_wall_fps,
                                       .program_fps = (guint)settings->video_program_fps,
                                       .top_height = 1080,
                                       .thumbnail_fps = 8 };
    overload->budget_cores = budget_of(settings->bridge_budget_percent);
    return overload;
}

void bridge_overload_free(BridgeOverload *overload) { g_free(overload); }

void bridge_overload_set_budget(Bridge *bridge, double cores) {
    bridge->overload->budget_cores = cores > 0 ? cores : machine_cores();
}

void bridge_overload_tell_again(Bridge *bridge) {
    bridge->overload->next_tell_us = 0;
    bridge->overload->next_us = 0;
}

/* ---- measuring ---- */

static gint64 process_cpu_us(void) {
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (gint64)now.tv_sec * G_USEC_PER_SEC + now.tv_nsec / 1000;
}

static double cores(guint64 now_us, guint64 before_us, gint64 passed_us) {
    return now_us > before_us ? (double)(now_us - before_us) / (double)passed_us : 0;
}

/* Three quarters, not more: where a program is shown, a wall has fewer ticks than the rest, and its lateness alone is no
 * trouble. */
static guint canvas_late_us(const Lateness *now, const Lateness *before) {
    Lateness between;
    for (guint i = 0; i < G_N_ELEMENTS(between.n); i++) between.n[i] = now->n[i] - before->n[i];
    return lateness_at_us(&between, 0.75);
}

/* FALSE: there is nothing to compare with yet. */
static gboolean measure(Bridge *bridge, gint64 now_us) {
    BridgeOverload *overload = bridge->overload;
    StudioStats before = overload->stats, now;
    gint64 passed_us = now_us - overload->measured_us, cpu_before_us = overload->cpu_us;
    gboolean known = overload->measured_us != 0 && passed_us < GAP_US;
    studio_read_stats(bridge->studio, &now);
    overload->stats = now;
    overload->measured_us = now_us;
    overload->cpu_us = process_cpu_us();
    if (!known) return FALSE;
    guint64 n_encoded = now.n_encoded - before.n_encoded,
            n_dropped = now.n_encoder_drops - before.n_encoder_drops;
    double pictures =
        cores(now.canvas_cpu_us + now.encode_cpu_us, before.canvas_cpu_us + before.encode_cpu_us, passed_us);
    double wall = cores(now.wall_canvas_cpu_us + now.wall_encode_cpu_us,
                        before.wall_canvas_cpu_us + before.wall_encode_cpu_us, passed_us);
    overload->load = (OverloadLoad){
        .budget_cores = overload->budget_cores,
        .used_cores = (double)(overload->cpu_us - cpu_before_us) / (double)passed_us,
        .wall_cores = wall,
        .program_cores = MAX(pictures - wall, 0),
        .decode_cores = cores(now.decode_cpu_us, before.decode_cpu_us, passed_us),
        .canvas_late_us = canvas_late_us(&now.canvas_lateness, &before.canvas_lateness),
        .encoder_drops = n_encoded + n_dropped > 0 ? (double)n_dropped / (double)(n_encoded + n_dropped) : 0,
    };
    overload->used_cores += (overload->load.used_cores - overload->used_cores) * SMOOTH_PERCENT / 100;
    return TRUE;
}

/* ---- which layouts fit ---- */

static guint n_cameras(const Conference *conference) {
    GHashTableIter iter;
    gpointer value;
    guint n = 0;
    g_hash_table_iter_init(&iter, conference->bridge->legs);
    while (g_hash_table_iter_next(&iter, NULL, &value)) {
        const LegRecord *leg = value;
        n += leg->conference == conference && leg->camera_on ? 1 : 0;
    }
    return n;
}

static gboolean is_told(const ShownView *view, StreamId stream) {
    for (guint i = 0; i < view->n_told; i++)
        if (view->told[i].stream == stream) return TRUE;
    return FALSE;
}

/* What the view costs as it is, or would with another layout. Rungs that nobody wishes now cost nothing; where none is, the best
 * one that is not larger than 720p stands for them (1080p for the wall). */
static OverloadView view_of(const Conference *conference, const ShownView *view, Layout layout,
                            const OverloadLimits *limits) {
    gboolean wall = layout == LAYOUT_WALL;
    OverloadView cost = { .layout = layout,
                          .n_rooms = n_cameras(conference),
                          .fps = wall ? limits->wall_fps : limits->program_fps,
                          .thumbnail_fps = limits->thumbnail_fps };
    for (guint i = 0; view != NULL && i < view->ladder.n_rungs; i++) {
        const DownlinkRung *rung = &view->ladder.vp8[i];
        OverloadPicture picture = { rung->width, rung->height, MIN(rung->fps, cost.fps) };
        if (rung->stills || picture.fps == 0) continue;
        if (is_told(view, rung->stream)) cost.rungs[cost.n_rungs++] = picture;
        if (is_told(view, view->ladder.h264[i].stream)) cost.rungs[cost.n_rungs++] = picture;
    }
    if (cost.n_rungs == 0)
        cost.rungs[cost.n_rungs++] =
            wall ? (OverloadPicture){ 1920, 1080, cost.fps } : (OverloadPicture){ 1280, 720, cost.fps };
    return cost;
}

static const ShownView *program_of(const Conference *conference) {
    for (guint i = 0; i < conference->n_views; i++)
        if (g_str_equal(conference->views[i]->spec.name, "program")) return conference->views[i];
    return NULL;
}

static gboolean shows_wall(const Conference *conference) {
    for (guint i = 0; i < conference->n_views; i++)
        if (conference->views[i]->in_use && conference->views[i]->spec.layout == LAYOUT_WALL) return TRUE;
    return FALSE;
}

static void learn(Bridge *bridge) {
    BridgeOverload *overload = bridge->overload;
    GHashTableIter iter;
    gpointer value;
    double expected = 0;
    g_hash_table_iter_init(&iter, bridge->conferences);
    while (g_hash_table_iter_next(&iter, NULL, &value)) {
        const Conference *conference = value;
        for (guint i = 0; i < conference->n_views; i++) {
            const ShownView *view = conference->views[i];
            if (!view->in_use || view->n_told == 0) continue;
            OverloadView cost = view_of(conference, view, view->spec.layout, &bridge->limits);
            expected += overload_layout_cost(&cost);
        }
    }
    overload_scale_learn(&overload->scale, expected,
                         overload->load.wall_cores + overload->load.program_cores +
                             overload->load.decode_cores);
}

static void add_misfit(const Bridge *bridge, const Conference *conference, const OverloadView *after,
                       double before_cores, json_t *misfits) {
    const BridgeOverload *overload = bridge->overload;
    double scale = overload_scale_factor(&overload->scale);
    double used = overload->used_cores;
    OverloadLoad load = overload->load;
    load.used_cores = used; /* smoothed: a moment of many joins refuses nothing */
    /* Judged by the frame rates that the ladder may go down to: only what does not even fit then is refused. */
    if (overload->state.level < FLOOR_LEVEL)
        used = overload_predict_cores(&overload->full, &load, overload->state.level, FLOOR_LEVEL);
    OverloadFit fit =
        overload_fit(overload->budget_cores, used, before_cores * scale, overload_layout_cost(after) * scale);
    if (fit.fits) return;
    json_array_append_new(misfits, json_pack("{s:s,s:s,s:f,s:f}", "meeting", conference->meeting, "layout",
                                             layout_word(after->layout), "needs_cores", fit.needs_cores,
                                             "free_cores", fit.free_cores));
}

static json_t *misfits_json(const Bridge *bridge) {
    static const Layout layouts[] = { LAYOUT_FULL,       LAYOUT_1_1,        LAYOUT_1_5,
                                      LAYOUT_1_7,        LAYOUT_1_12,       LAYOUT_1_20,
                                      LAYOUT_GRID,       LAYOUT_LECTURE,    LAYOUT_PRESENTATION,
                                      LAYOUT_GRID_2,     LAYOUT_GRID_2 + 1, LAYOUT_GRID_2 + 2,
                                      LAYOUT_GRID_2 + 3, LAYOUT_GRID_2 + 4, LAYOUT_GRID_7 };
    OverloadLimits limits = overload_limits(&bridge->overload->full, FLOOR_LEVEL);
    json_t *misfits = json_array();
    GHashTableIter iter;
    gpointer value;
    g_hash_table_iter_init(&iter, bridge->conferences);
    while (g_hash_table_iter_next(&iter, NULL, &value)) {
        const Conference *conference = value;
        const ShownView *program = program_of(conference);
        OverloadView now =
            view_of(conference, program, program != NULL ? program->spec.layout : LAYOUT_FULL, &limits);
        double before = program != NULL && program->in_use ? overload_layout_cost(&now) : 0;
        for (guint i = 0; program != NULL && i < G_N_ELEMENTS(layouts); i++) {
            OverloadView after = now;
            after.layout = layouts[i];
            if (after.layout != now.layout) add_misfit(bridge, conference, &after, before, misfits);
        }
        if (shows_wall(conference)) continue;
        OverloadView wall = view_of(conference, NULL, LAYOUT_WALL, &limits);
        add_misfit(bridge, conference, &wall, 0, misfits);
    }
    return misfits;
}

/* ---- telling ---- */

json_t *bridge_overload_json(const Bridge *bridge) {
    const BridgeOverload *overload = bridge->overload;
    const BridgeLimits *limits = &bridge->limits;
    return json_pack("{s:i,s:s,s:i,s:i,s:i,s:i,s:f,s:f}", "level", (int)overload->state.level, "why",
                     overload_cause_word(overload->state.cause), "wall_fps", (int)limits->wall_fps,
                     "program_fps", (int)limits->program_fps, "top_height", (int)limits->top_height,
                     "thumbnail_fps", (int)limits->thumbnail_fps, "budget_cores", overload->budget_cores,
                     "used_cores", overload->used_cores);
}

static void tell(Bridge *bridge, gint64 now_us) {
    bridge->overload->next_tell_us = now_us + TELL_US;
    json_t *event = bridge_overload_json(bridge);
    json_object_set_new(event, "t", json_string("load"));
    json_object_set_new(event, "misfits", misfits_json(bridge));
    bridge->events.event(bridge->user, event);
    json_decref(event);
}

static void apply(Bridge *bridge) {
    const BridgeOverload *overload = bridge->overload;
    const OverloadLoad *load = &overload->load;
    GHashTableIter iter;
    gpointer value;
    OverloadLimits limits = overload_limits(&overload->full, overload->state.level);
    bridge->limits = limits;
    studio_set_thumbnail_fps(bridge->studio,
                             limits.thumbnail_fps < overload->full.thumbnail_fps ? limits.thumbnail_fps : 0);
    g_hash_table_iter_init(&iter, bridge->conferences);
    while (g_hash_table_iter_next(&iter, NULL, &value)) ((Conference *)value)->dirty = TRUE;
    log_warn("overload.level",
             "level=%u why=%s used=%.2f budget=%.2f wall_cores=%.2f program_cores=%.2f decode_cores=%.2f "
             "late_us=%u drops=%.2f wall_fps=%u program_fps=%u top=%u thumbnail_fps=%u",
             overload->state.level, overload_cause_word(overload->state.cause), load->used_cores,
             load->budget_cores, load->wall_cores, load->program_cores, load->decode_cores,
             load->canvas_late_us, load->encoder_drops, limits.wall_fps, limits.program_fps,
             limits.top_height, limits.thumbnail_fps);
}

gint64 bridge_overload_beat(Bridge *bridge, gint64 now_us) {
    BridgeOverload *overload = bridge->overload;
    if (now_us < overload->next_us) return overload->next_us;
    overload->next_us = now_us + OVERLOAD_BEAT_US;
    if (!measure(bridge, now_us)) return overload->next_us;
    learn(bridge);
    gboolean changed = overload_update(&overload->state, &overload->full, &overload->load, now_us);
    studio_set_encoder_step(bridge->studio, overload->state.encoder_step);
    if (changed) apply(bridge);
    if (changed || now_us >= overload->next_tell_us) tell(bridge, now_us);
    return overload->next_us;
}
