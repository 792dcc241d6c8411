/* studio.c -- see studio.h. The door: looks views and sources up and hands on. All work is done on the pool, canvas and encoder
 * threads behind it. */
#include "bridge/media/studio.h"

#include "bridge/media/decoder.h"
#include "bridge/media/view.h"
#include "config/fault.h"

#include <string.h>

enum { VIEWS_MAX = 32 };

struct Studio {
    StudioEvents events;
    gpointer user;
    StudioCounters counters;
    SourceTable *sources;
    Labels *labels;
    GTimeZone *zone;
    ViewParts parts;

    GMutex lock; /* the list of views: verbs come on the control thread, keyframe requests from any */
    View *views[VIEWS_MAX];
    guint32 view_ids[VIEWS_MAX];
    guint n_views;
    View *ending[VIEWS_MAX]; /* told to end; joined when they have */
    guint n_ending;
};

Studio *studio_start(const StudioSettings *settings, const StudioEvents *events, gpointer user,
                     GError **error) {
    Studio *studio = g_new0(Studio, 1);
    studio->events = *events;
    studio->user = user;
    g_mutex_init(&studio->lock);
    studio->zone = g_time_zone_new_identifier(settings->time_zone != NULL && *settings->time_zone != '\0'
                                                  ? settings->time_zone
                                                  : "Asia/Ho_Chi_Minh");
    if (studio->zone == NULL)
        studio->zone = g_time_zone_new_identifier("+07:00"); /* no zone files installed */
    studio->labels = labels_new(settings->font);
    studio->sources =
        source_table_start(settings->n_decoders, &studio->events, user, &studio->counters, error);
    if (studio->sources == NULL) {
        studio_stop(studio);
        return NULL;
    }
    studio->parts = (ViewParts){
        .canvas = { .sources = studio->sources,
                    .labels = studio->labels,
                    .zone = studio->zone,
                    .vietnamese = g_strcmp0(settings->language, "en") != 0,
                    .counters = &studio->counters },
        .rung = { .events = &studio->events,
                  .user = user,
                  .counters = &studio->counters,
                  .encoder_speed = settings->encoder_speed,
                  .rtp_base = g_random_int() },
    };
    return studio;
}

void studio_stop(Studio *studio) {
    if (studio == NULL) return;
    for (guint i = 0; i < studio->n_views; i++) view_end(studio->views[i]); /* all at once, then one by one */
    for (guint i = 0; i < studio->n_views; i++) view_free(studio->views[i]);
    for (guint i = 0; i < studio->n_ending; i++) view_free(studio->ending[i]);
    source_table_stop(studio->sources);
    labels_free(studio->labels);
    if (studio->zone != NULL) g_time_zone_unref(studio->zone);
    g_mutex_clear(&studio->lock);
    g_free(studio);
}

StudioSource *studio_source_new(Studio *studio, guint32 source) {
    return source_new(studio->sources, source);
}

void studio_set_thumbnail_fps(Studio *studio, guint fps) {
    source_table_set_thumbnail_fps(studio->sources, fps);
}

/* ---- views ---- */

static gint view_index(const Studio *studio, guint32 view) {
    for (guint i = 0; i < studio->n_views; i++)
        if (studio->view_ids[i] == view) return (gint)i;
    return -1;
}

/* Joins the threads of ended views that are really through: no waiting here. */
static void bury_views(Studio *studio) {
    for (guint i = 0; i < studio->n_ending;) {
        if (!view_has_ended(studio->ending[i])) {
            i++;
            continue;
        }
        view_free(studio->ending[i]);
        studio->ending[i] = studio->ending[--studio->n_ending];
    }
}

gboolean studio_set_view(Studio *studio, const ViewScene *scene) {
    ViewScene *copy = g_memdup2(scene, sizeof *scene);
    g_mutex_lock(&studio->lock);
    bury_views(studio);
    gint index = view_index(studio, scene->view);
    gboolean ok = TRUE;
    if (index >= 0) {
        view_take_scene(studio->views[index], copy);
    } else if (studio->n_views + studio->n_ending < VIEWS_MAX) {
        View *view = view_start(&studio->parts, copy, NULL);
        ok = view != NULL;
        if (ok) {
            studio->views[studio->n_views] = view;
            studio->view_ids[studio->n_views++] = scene->view;
        }
    } else {
        ok = FALSE;
        g_free(copy);
    }
    g_mutex_unlock(&studio->lock);
    return ok;
}

void studio_end_view(Studio *studio, guint32 view) {
    g_mutex_lock(&studio->lock);
    bury_views(studio);
    gint index = view_index(studio, view);
    if (index >= 0) {
        view_end(studio->views[index]);
        studio->ending[studio->n_ending++] = studio->views[index];
        studio->n_views--;
        studio->views[index] = studio->views[studio->n_views];
        studio->view_ids[index] = studio->view_ids[studio->n_views];
    }
    g_mutex_unlock(&studio->lock);
}

void studio_set_rungs(Studio *studio, guint32 view, const RungSpec *rungs, guint n_rungs) {
    g_mutex_lock(&studio->lock);
    gint index = view_index(studio, view);
    if (index >= 0) view_set_rungs(studio->views[index], rungs, n_rungs);
    g_mutex_unlock(&studio->lock);
}

void studio_set_speaking(Studio *studio, guint32 view, const guint32 *sources, guint n_sources) {
    g_mutex_lock(&studio->lock);
    gint index = view_index(studio, view);
    if (index >= 0) view_set_speaking(studio->views[index], sources, n_sources);
    g_mutex_unlock(&studio->lock);
}

void studio_set_encoder_step(Studio *studio, guint step) {
    g_atomic_int_set(&studio->parts.rung.encoder_step, (gint)step);
}

void studio_force_keyframe(Studio *studio, StreamId stream) {
    g_mutex_lock(&studio->lock);
    for (guint i = 0; i < studio->n_views; i++)
        if (view_force_keyframe(studio->views[i], stream)) break;
    g_mutex_unlock(&studio->lock);
}

void studio_read_stats(Studio *studio, StudioStats *ret_stats) {
    StudioCounters *c = &studio->counters;
    *ret_stats = (StudioStats){
        .n_decoded = c->n_decoded,
        .n_decode_errors = c->n_decode_errors,
        .n_frames_dropped = c->n_frames_dropped,
        .n_scaled = c->n_scaled,
        .n_composed = c->n_composed,
        .n_encoded = c->n_encoded,
        .n_canvas_late = c->n_canvas_late,
        .n_encoder_drops = c->n_encoder_drops,
        .n_keyframes_forced = c->n_keyframes_forced,
        .decode_cpu_us = c->decode_cpu_us,
        .canvas_cpu_us = c->canvas_cpu_us,
        .encode_cpu_us = c->encode_cpu_us,
        .wall_canvas_cpu_us = c->wall_canvas_cpu_us,
        .wall_encode_cpu_us = c->wall_encode_cpu_us,
    };
    lateness_read(&c->canvas_lateness, &ret_stats->canvas_lateness);
    source_table_count(studio->sources, &ret_stats->n_sources_shown, &ret_stats->n_decoders);
    g_mutex_lock(&studio->lock);
    ret_stats->n_views = studio->n_views;
    for (guint i = 0; i < studio->n_views; i++) ret_stats->n_encoders += view_n_encoders(studio->views[i]);
    g_mutex_unlock(&studio->lock);
}
