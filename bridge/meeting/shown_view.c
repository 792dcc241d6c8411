/* shown_view.c -- one view: who stands where, drawn only while somebody watches, encoded only in the rungs that are wished. */
#include "bridge/meeting/bridge.h"

#include <string.h>

enum { SPEAKER_HOLD_US = 8 * G_USEC_PER_SEC };

/* ---- rungs ---- */

static void add_rung(Bridge *bridge, ShownView *view, guint width, guint height, gint64 bps) {
    DownlinkRung rung = { .bitrate_bps = (guint32)bps, .width = (guint16)width, .height = (guint16)height };
    rung.stream = ++bridge->next_stream;
    view->ladder.vp8[view->ladder.n_rungs] = rung;
    rung.stream = ++bridge->next_stream;
    view->ladder.h264[view->ladder.n_rungs++] = rung;
}

ShownView *shown_view_new(Bridge *bridge, const SceneView *spec) {
    const Settings *settings = bridge->settings;
    ShownView *view = g_new0(ShownView, 1);
    view->spec = *spec;
    view->studio_view = ++bridge->next_studio_view;
    if (spec->layout == LAYOUT_WALL) {
        view->fps = (guint)settings->video_wall_fps;
        add_rung(bridge, view, 1920, 1080, settings->video_wall_bps);
    } else {
        view->fps = (guint)settings->video_program_fps;
        add_rung(bridge, view, 1280, 720, settings->video_720p_bps);
        add_rung(bridge, view, 640, 360, settings->video_360p_bps);
    }
    return view;
}

static void end_composing(Bridge *bridge, ShownView *view) {
    if (view->shown == NULL) return;
    g_clear_pointer(&view->shown, g_free);
    view->n_told = 0;
    studio_end_view(bridge->studio, view->studio_view);
}

void shown_view_free(Bridge *bridge, ShownView *view) {
    end_composing(bridge, view);
    for (guint i = 0; i < view->ladder.n_rungs; i++) {
        for (guint desk = 0; desk < bridge->n_desks; desk++) {
            desk_end_stream(bridge->desks[desk], view->ladder.vp8[i].stream);
            desk_end_stream(bridge->desks[desk], view->ladder.h264[i].stream);
        }
    }
    g_free(view);
}

static gboolean is_wished(Conference *conference, StreamId stream) {
    GHashTableIter iter;
    gpointer value;
    g_hash_table_iter_init(&iter, conference->bridge->legs);
    while (g_hash_table_iter_next(&iter, NULL, &value))
        if (((LegRecord *)value)->conference == conference && ((LegRecord *)value)->wished == stream)
            return TRUE;
    return FALSE;
}

static void refresh_rungs(Conference *conference, ShownView *view) {
    RungSpec specs[2 * VIEW_RUNGS_MAX];
    StreamId told[2 * VIEW_RUNGS_MAX] = { 0 };
    guint n = 0;
    for (guint i = 0; i < 2 * view->ladder.n_rungs; i++) {
        const DownlinkRung *rung =
            i < view->ladder.n_rungs ? &view->ladder.vp8[i] : &view->ladder.h264[i - view->ladder.n_rungs];
        if (!is_wished(conference, rung->stream)) continue;
        told[n] = rung->stream;
        specs[n++] = (RungSpec){ .stream = rung->stream,
                                 .codec = i < view->ladder.n_rungs ? CODEC_VP8 : CODEC_H264,
                                 .width = rung->width,
                                 .height = rung->height,
                                 .fps = view->fps,
                                 .bitrate_bps = rung->bitrate_bps };
    }
    if (n == view->n_told && memcmp(told, view->told, sizeof told) == 0) return;
    view->n_told = n;
    memcpy(view->told, told, sizeof told);
    studio_set_rungs(conference->bridge->studio, view->studio_view, specs, n);
}

/* ---- tiles ---- */

static TileState tile_state(Conference *conference, const SceneSeat *seat) {
    const Seat *own = g_hash_table_lookup(conference->seats, GUINT_TO_POINTER(seat->seat));
    const LegRecord *leg =
        own != NULL && own->sending_leg != 0 ? bridge_leg(conference->bridge, own->sending_leg) : NULL;
    if (leg == NULL || leg->state == TRANSPORT_LOST || !seat->present) return TILE_OFFLINE;
    return leg->camera_on ? TILE_LIVE : TILE_NO_CAMERA;
}

static void fill_tile(Conference *conference, const SceneSeat *seat, const Rect *rect, Tile *tile) {
    tile->source = seat->seat;
    tile->rect = *rect;
    g_strlcpy(tile->label, seat->label, sizeof tile->label);
    tile->state = tile_state(conference, seat);
    tile->offline_since_s = seat->offline_since_s;
    tile->microphone_off = seat->microphone_off;
    tile->hand = seat->hand;
}

/* The wall shows every seat of the scene in its order: a leader finds a room where it was yesterday. */
static guint wall_seats(const Conference *conference, const ShownView *view, guint32 *ret_seats) {
    const Scene *scene = conference->scene;
    guint n = 0;
    if (view->spec.n_slots > 0) {
        for (guint i = 0; i < view->spec.n_slots; i++)
            if (scene_seat(scene, view->spec.slots[i].pin) != NULL) ret_seats[n++] = view->spec.slots[i].pin;
        return n;
    }
    for (guint i = 0; i < scene->n_seats && n < STUDIO_TILES_MAX; i++) ret_seats[n++] = scene->seats[i].seat;
    return n;
}

static guint stage_seats(Conference *conference, ShownView *view, gint64 now_us, guint32 *ret_seats) {
    const Scene *scene = conference->scene;
    guint32 *present = g_new(guint32, scene->n_seats + 1), speaking[AUDIO_SPEAKING_MAX],
            pins[STAGE_SLOTS_MAX] = { 0 };
    guint n_present = 0, n = 0;
    for (guint i = 0; i < scene->n_seats; i++)
        if (scene->seats[i].present) present[n_present++] = scene->seats[i].seat;
    for (guint i = 0; i < conference->n_speaking; i++) speaking[i] = conference->speaking[i].seat;
    for (guint i = 0; i < view->spec.n_slots; i++) pins[i] = view->spec.slots[i].pin;
    /* The scene names the slots that matter; whoever is there fills the rest of the layout. */
    guint n_slots = MIN(layout_capacity(view->spec.layout, n_present), STAGE_SLOTS_MAX);
    gboolean leads = view->spec.layout != LAYOUT_GRID;
    stage_update(&view->stage, leads, pins, n_slots, present, n_present, speaking, conference->n_speaking,
                 now_us, SPEAKER_HOLD_US);
    for (guint i = 0; i < view->stage.n_slots; i++)
        if (view->stage.seats[i] != 0) ret_seats[n++] = view->stage.seats[i];
    g_free(present);
    return n;
}

static ViewScene *compose(Conference *conference, ShownView *view, gint64 now_us) {
    guint32 seats[STUDIO_TILES_MAX];
    Rect rects[STUDIO_TILES_MAX];
    ViewScene *scene = g_new0(ViewScene, 1);
    gboolean wall = view->spec.layout == LAYOUT_WALL;
    scene->view = view->studio_view;
    scene->width = view->ladder.vp8[0].width;
    scene->height = view->ladder.vp8[0].height;
    scene->fps = view->fps;
    scene->nice = wall ? 12 : 5;
    guint n = wall ? wall_seats(conference, view, seats) : stage_seats(conference, view, now_us, seats);
    guint n_placed = layout_place(layout_tightened(view->spec.layout, n), n, scene->width, scene->height,
                                  rects, STUDIO_TILES_MAX);
    for (guint i = 0; i < MIN(n, n_placed); i++)
        fill_tile(conference, scene_seat(conference->scene, seats[i]), &rects[i],
                  &scene->tiles[scene->n_tiles++]);
    return scene;
}

static gboolean is_watched(Conference *conference, const ShownView *view) {
    GHashTableIter iter;
    gpointer value;
    g_hash_table_iter_init(&iter, conference->bridge->legs);
    while (g_hash_table_iter_next(&iter, NULL, &value)) {
        const LegRecord *leg = value;
        if (leg->conference == conference && leg->view == view->spec.view && leg->way != LEG_SEND)
            return TRUE;
    }
    return FALSE;
}

void shown_view_refresh(Conference *conference, ShownView *view, gint64 now_us) {
    Studio *studio = conference->bridge->studio;
    view->in_use = is_watched(conference, view);
    if (!view->in_use) {
        end_composing(conference->bridge, view);
        return;
    }
    ViewScene *scene = compose(conference, view, now_us);
    if (view->shown != NULL && memcmp(scene, view->shown, sizeof *scene) == 0) {
        g_free(scene);
    } else {
        studio_set_view(studio, scene);
        g_free(view->shown);
        view->shown = scene;
    }
    refresh_rungs(conference, view);
}

void shown_view_speaking(Conference *conference, ShownView *view) {
    guint32 sources[AUDIO_SPEAKING_MAX];
    if (view->shown == NULL) return;
    for (guint i = 0; i < conference->n_speaking; i++) sources[i] = conference->speaking[i].seat;
    studio_set_speaking(conference->bridge->studio, view->studio_view, sources, conference->n_speaking);
}

void shown_view_tile_size(const ShownView *view, guint32 seat, guint *width, guint *height) {
    for (guint i = 0; view->shown != NULL && i < view->shown->n_tiles; i++) {
        const Tile *tile = &view->shown->tiles[i];
        if (tile->source != seat || tile->rect.width <= *width) continue;
        *width = tile->rect.width;
        *height = tile->rect.height;
    }
}
