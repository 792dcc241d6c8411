/* view.c -- see view.h. Everything that crosses to the canvas thread lies under `lock` and is picked up at the next tick. */
#include "bridge/media/view.h"

#include <string.h>

enum { VIEW_RUNGS_EVER = 16, SLEW_US_PER_S = 2000, TICKS_LATE_MAX = 3 };

struct View {
    const ViewParts *parts;
    GThread *thread;
    gint ended; /* atomic */

    GMutex lock;
    GCond wake;
    gboolean stopping;
    ViewScene *scene; /* letters; NULL, or newer than what the thread has */
    RungSpec wanted[STUDIO_RUNGS_MAX];
    guint n_wanted;
    gboolean rungs_changed, speaking_changed;
    guint32 speaking[STUDIO_TILES_MAX];
    guint n_speaking;
    Rung *rungs[VIEW_RUNGS_EVER]; /* written by the thread, under the lock */
    guint n_rungs;

    /* the thread's */
    Canvas *canvas;
    guint fps;
    gint nice;
    gint64 path_delay_us;
    gboolean path_known;
};

static Rung *find_rung(const View *view, StreamId stream) {
    for (guint i = 0; i < view->n_rungs; i++)
        if (rung_spec(view->rungs[i])->stream == stream) return view->rungs[i];
    return NULL;
}

/* A place for a new stream: a free one, else that of a stream whose encoder has ended. */
static Rung **rung_place(View *view) {
    if (view->n_rungs < VIEW_RUNGS_EVER) return &view->rungs[view->n_rungs++];
    for (guint i = 0; i < view->n_rungs; i++)
        if (!rung_is_running(view->rungs[i])) {
            rung_free(view->rungs[i]);
            return &view->rungs[i];
        }
    return NULL;
}

/* Lock held. */
static void take_rungs(View *view, gint64 now_us) {
    for (guint i = 0; i < view->n_rungs; i++) {
        gboolean wanted = FALSE;
        for (guint k = 0; k < view->n_wanted; k++)
            wanted |= view->wanted[k].stream == rung_spec(view->rungs[i])->stream;
        if (!wanted) rung_unwant(view->rungs[i], now_us);
    }
    for (guint k = 0; k < view->n_wanted; k++) {
        Rung *rung = find_rung(view, view->wanted[k].stream);
        if (rung == NULL) {
            Rung **place = rung_place(view);
            if (place == NULL) continue;
            *place = rung = rung_new(&view->parts->rung, &view->wanted[k], view->nice);
        }
        rung_want(rung, &view->wanted[k]);
    }
}

static void take_letters(View *view, gint64 now_us) {
    guint32 speaking[STUDIO_TILES_MAX];
    guint n_speaking = 0;
    gboolean speaking_changed;
    ViewScene *scene;
    g_mutex_lock(&view->lock);
    scene = g_steal_pointer(&view->scene);
    if (scene != NULL) {
        view->fps = CLAMP(scene->fps, 1, 60);
        view->nice = (gint)MIN(scene->nice, 19);
    }
    if (view->rungs_changed) take_rungs(view, now_us);
    view->rungs_changed = FALSE;
    speaking_changed = view->speaking_changed;
    if (speaking_changed) {
        n_speaking = view->n_speaking;
        memcpy(speaking, view->speaking, n_speaking * sizeof *speaking);
    }
    view->speaking_changed = FALSE;
    g_mutex_unlock(&view->lock);
    if (scene != NULL) canvas_take_scene(view->canvas, scene);
    if (speaking_changed) canvas_set_speaking(view->canvas, speaking, n_speaking);
}

/* Lip sync is told to listeners by sender reports; it moves so slowly that nobody hears or sees it. */
static void slew_path_delay(View *view, gint64 now_us) {
    gint64 delay_us = canvas_path_delay_us(view->canvas, now_us), step_us = SLEW_US_PER_S / (gint64)view->fps;
    if (!view->path_known && delay_us > 0) {
        view->path_known = TRUE;
        view->path_delay_us = delay_us;
    } else if (delay_us > 0) {
        view->path_delay_us += CLAMP(delay_us - view->path_delay_us, -step_us, step_us);
    }
}

/* The thread, or under the lock. */
static guint n_running(const View *view) {
    guint n = 0;
    for (guint i = 0; i < view->n_rungs; i++) n += rung_is_running(view->rungs[i]) ? 1 : 0;
    return n;
}

static void tick(View *view, gint64 tick_us) {
    take_letters(view, tick_us);
    gboolean changed = canvas_tick(view->canvas, tick_us);
    slew_path_delay(view, tick_us);
    if (canvas_picture(view->canvas)->width == 0) return;
    RungTick now = { .picture = canvas_picture(view->canvas),
                     .changed = changed,
                     .own_keys = n_running(view) > 1,
                     .fps = view->fps,
                     .tick_us = tick_us,
                     .path_delay_us = view->path_delay_us };
    for (guint i = 0; i < view->n_rungs; i++) rung_tick(view->rungs[i], &now);
}

static gboolean wait_until(View *view, gint64 until_us) {
    g_mutex_lock(&view->lock);
    while (!view->stopping && g_cond_wait_until(&view->wake, &view->lock, until_us)) continue;
    gboolean going_on = !view->stopping;
    g_mutex_unlock(&view->lock);
    return going_on;
}

static gpointer view_thread(gpointer data) {
    View *view = data;
    StudioCounters *counters = view->parts->canvas.counters;
    gint64 cpu_before_us = 0, due_us = g_get_monotonic_time();
    thread_begin("canvas", view->nice);
    view->canvas = canvas_new(&view->parts->canvas);
    while (wait_until(view, due_us)) {
        lateness_add(&counters->canvas_lateness, g_get_monotonic_time() - due_us);
        tick(view, due_us);
        gint64 cpu_now_us = thread_cpu_us();
        count(&counters->canvas_cpu_us, (guint64)(cpu_now_us - cpu_before_us));
        if (view->nice >= STUDIO_NICE_WALL)
            count(&counters->wall_canvas_cpu_us, (guint64)(cpu_now_us - cpu_before_us));
        cpu_before_us = cpu_now_us;
        gint64 frame_us = G_USEC_PER_SEC / view->fps, late_us = g_get_monotonic_time() - (due_us + frame_us);
        due_us += frame_us;
        if (late_us > TICKS_LATE_MAX * frame_us) { /* too far behind to catch up: go on from here */
            gint64 n_skipped = late_us / frame_us;
            count(&counters->n_canvas_late, (guint64)n_skipped);
            due_us += n_skipped * frame_us;
        }
    }
    for (guint i = 0; i < view->n_rungs; i++) rung_free(view->rungs[i]);
    canvas_free(view->canvas);
    g_atomic_int_set(&view->ended, 1);
    return NULL;
}

View *view_start(const ViewParts *parts, ViewScene *scene, GError **error) {
    View *view = g_new0(View, 1);
    view->parts = parts;
    view->fps = CLAMP(scene->fps, 1, 60);
    view->nice = (gint)MIN(scene->nice, 19);
    view->scene = scene;
    g_mutex_init(&view->lock);
    g_cond_init(&view->wake);
    view->thread = g_thread_try_new("canvas", view_thread, view, error);
    if (view->thread == NULL) g_clear_pointer(&view, view_free);
    return view;
}

void view_end(View *view) {
    g_mutex_lock(&view->lock);
    view->stopping = TRUE;
    g_cond_signal(&view->wake);
    g_mutex_unlock(&view->lock);
}

gboolean view_has_ended(const View *view) { return g_atomic_int_get(&view->ended) != 0; }

void view_free(View *view) {
    if (view == NULL) return;
    if (view->thread != NULL) {
        view_end(view);
        g_thread_join(view->thread);
    }
    g_free(view->scene);
    g_mutex_clear(&view->lock);
    g_cond_clear(&view->wake);
    g_free(view);
}

void view_take_scene(View *view, ViewScene *scene) {
    g_mutex_lock(&view->lock);
    ViewScene *old = view->scene;
    view->scene = scene;
    g_mutex_unlock(&view->lock);
    g_free(old);
}

void view_set_rungs(View *view, const RungSpec *rungs, guint n_rungs) {
    g_mutex_lock(&view->lock);
    view->n_wanted = MIN(n_rungs, STUDIO_RUNGS_MAX);
    if (n_rungs > 0) memcpy(view->wanted, rungs, view->n_wanted * sizeof *rungs);
    view->rungs_changed = TRUE;
    g_mutex_unlock(&view->lock);
}

void view_set_speaking(View *view, const guint32 *sources, guint n_sources) {
    g_mutex_lock(&view->lock);
    view->n_speaking = MIN(n_sources, STUDIO_TILES_MAX);
    if (n_sources > 0) memcpy(view->speaking, sources, view->n_speaking * sizeof *sources);
    view->speaking_changed = TRUE;
    g_mutex_unlock(&view->lock);
}

gboolean view_force_keyframe(View *view, StreamId stream) {
    g_mutex_lock(&view->lock);
    Rung *rung = view->stopping || view_has_ended(view) ? NULL : find_rung(view, stream);
    if (rung != NULL) rung_ask_keyframe(rung);
    g_mutex_unlock(&view->lock);
    return rung != NULL;
}

guint view_n_encoders(View *view) {
    g_mutex_lock(&view->lock);
    guint n_encoders = view->stopping ? 0 : n_running(view);
    g_mutex_unlock(&view->lock);
    return n_encoders;
}
