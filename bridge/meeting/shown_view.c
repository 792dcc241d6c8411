/* shown_view.c -- one view: who stands where, drawn only while somebody watches, encoded only in the rungs that are wished. */
#include "bridge/meeting/bridge.h"
#include "config/log.h"

#include <string.h>

enum { SPEAKER_HOLD_US = 8 * G_USEC_PER_SEC };

/* ---- rungs ---- */

enum { LOWEST_FPS = 12, TWO_LAYERS_FPS_MIN = 12, STILL_BPS = 20000, WALL_STILL_BPS = 60000 };

static void add_rung(Bridge *bridge, ShownView *view, DownlinkRung rung) {
    gboolean layered = !rung.stills && rung.fps >= TWO_LAYERS_FPS_MIN;
    rung.stream = ++bridge->next_stream;
    rung.layers = layered ? 2 : 1;
    view->ladder.vp8[view->ladder.n_rungs] = rung;
    rung.stream = ++bridge->next_stream;
    rung.layers = 1;
    view->ladder.h264[view->ladder.n_rungs++] = rung;
}

static void add_moving(Bridge *bridge, ShownView *view, guint width, guint height, guint fps, gint64 bps) {
    add_rung(bridge, view,
             (DownlinkRung){ .width = (guint16)width,
                             .height = (guint16)height,
                             .fps = (guint8)fps,
                             .bitrate_bps = (guint32)bps });
}

/* A sharp keyframe now and then, for lines that have room for little more than the voice. */
static void add_still(Bridge *bridge, ShownView *view, guint width, guint height, gint64 bps) {
    add_rung(bridge, view,
             (DownlinkRung){ .width = (guint16)width,
                             .height = (guint16)height,
                             .fps = 1,
                             .stills = 1,
                             .bitrate_bps = (guint32)bps });
}

static gboolean is_pages(const ShownView *view) { return strcmp(view->spec.name, "pages") == 0; }

/* A wall and the pages are watched by few, from near; they are what gives way when the machine is short. */
static gboolean is_patient(const ShownView *view) {
    return view->spec.layout == LAYOUT_WALL || is_pages(view);
}

static guint view_fps(const ShownView *view, guint wall_fps, guint program_fps) {
    if (view->spec.layout == LAYOUT_WALL) return wall_fps;
    return is_pages(view) ? MIN(wall_fps * 3 / 2, program_fps) : program_fps;
}

static void add_rungs(Bridge *bridge, ShownView *view) {
    const Settings *settings = bridge->settings;
    if (is_patient(view)) {
        if (view->spec.layout == LAYOUT_WALL)
            add_moving(bridge, view, 2560, 1440, view->fps, settings->video_wall_1440p_bps);
        add_moving(bridge, view, 1920, 1080, view->fps, settings->video_wall_bps);
        add_still(bridge, view, 1280, 720, WALL_STILL_BPS);
        return;
    }
    if (settings->video_1080p) add_moving(bridge, view, 1920, 1080, view->fps, settings->video_1080p_bps);
    add_moving(bridge, view, 1280, 720, view->fps, settings->video_720p_bps);
    add_moving(bridge, view, 640, 360, view->fps, settings->video_360p_bps);
    add_moving(bridge, view, 320, 180, MIN(LOWEST_FPS, view->fps), settings->video_180p_bps);
    add_still(bridge, view, 640, 360, STILL_BPS);
}

ShownView *shown_view_new(Bridge *bridge, const SceneView *spec) {
    ShownView *view = g_new0(ShownView, 1);
    view->spec = *spec;
    view->studio_view = ++bridge->next_studio_view;
    view->pages.next_us = G_MAXINT64;
    view->fps =
        view_fps(view, (guint)bridge->settings->video_wall_fps, (guint)bridge->settings->video_program_fps);
    add_rungs(bridge, view); /* with the full frame rates, whatever the machine affords just now */
    return view;
}

static void end_composing(Bridge *bridge, ShownView *view) {
    if (view->shown == NULL) return;
    g_clear_pointer(&view->shown, g_free);
    view->n_told = 0;
    shown_pages_end(view);
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
    while (g_hash_table_iter_next(&iter, NULL, &value)) {
        const LegRecord *leg = value;
        if (leg->conference == conference && (leg->wished == stream || leg->leaving == stream) &&
            leg->state != TRANSPORT_LOST)
            return TRUE;
    }
    return FALSE;
}

static void refresh_rungs(Conference *conference, ShownView *view) {
    RungSpec specs[2 * VIEW_RUNGS_MAX];
    guint n = 0;
    for (guint i = 0; i < 2 * view->ladder.n_rungs; i++) {
        const DownlinkRung *rung =
            i < view->ladder.n_rungs ? &view->ladder.vp8[i] : &view->ladder.h264[i - view->ladder.n_rungs];
        if (!is_wished(conference, rung->stream)) continue;
        specs[n++] = (RungSpec){ .stream = rung->stream,
                                 .codec = i < view->ladder.n_rungs ? CODEC_VP8 : CODEC_H264,
                                 .width = rung->width,
                                 .height = rung->height,
                                 .fps = MIN(rung->fps, view->fps),
                                 .stills = rung->stills != 0,
                                 .two_layers = rung->layers == 2,
                                 .bitrate_bps = rung->bitrate_bps };
    }
    if (n == view->n_told && memcmp(specs, view->told, n * sizeof *specs) == 0) return;
    view->n_told = n;
    if (n > 0) memcpy(view->told, specs, n * sizeof *specs);
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

/* Who is present, in the order of the roster, and who is heard. */
typedef struct {
    guint32 *present, speaking[AUDIO_SPEAKING_MAX];
    guint n_present, n_speaking;
} Company;

static Company company_of(const Conference *conference) {
    const Scene *scene = conference->scene;
    Company company = { .present = g_new(guint32, scene->n_seats + 1), .n_speaking = conference->n_speaking };
    for (guint i = 0; i < scene->n_seats; i++)
        if (scene->seats[i].present) company.present[company.n_present++] = scene->seats[i].seat;
    for (guint i = 0; i < conference->n_speaking; i++) company.speaking[i] = conference->speaking[i].seat;
    return company;
}

static guint update_stage(ShownView *view, const Company *company, const guint32 *pins, guint n_slots,
                          gint64 now_us, guint32 *ret_seats) {
    guint n = 0;
    stage_update(&view->stage, layout_leads(view->spec.layout), pins, n_slots, company->present,
                 company->n_present, company->speaking, company->n_speaking, now_us, SPEAKER_HOLD_US);
    for (guint i = 0; i < view->stage.n_slots; i++)
        if (view->stage.seats[i] != 0) ret_seats[n++] = view->stage.seats[i];
    return n;
}

/* What is placed, and for how many the places are made: a last page with few on it looks like the others. */
typedef struct {
    guint32 seats[STUDIO_TILES_MAX];
    guint n, n_places;
} Placing;

static void stage_seats(Conference *conference, ShownView *view, gint64 now_us, Placing *placing) {
    guint32 pins[STAGE_SLOTS_MAX] = { 0 };
    Company company = company_of(conference);
    for (guint i = 0; i < view->spec.n_slots; i++) pins[i] = view->spec.slots[i].pin;
    /* The scene names the slots that matter; whoever is there fills the rest of the layout. */
    guint n_slots = MIN(layout_capacity(view->spec.layout, company.n_present), STAGE_SLOTS_MAX);
    if (view->spec.view == SLIDES_VIEW) n_slots--; /* the large place is the screen's */
    placing->n = placing->n_places = update_stage(view, &company, pins, n_slots, now_us, placing->seats);
    g_free(company.present);
}

/* Pinned seats stand; the large place belongs to who speaks; the others show all who are here, page by page. */
static void turning_seats(Conference *conference, ShownView *view, gint64 now_us, Placing *placing) {
    guint32 pins[STAGE_SLOTS_MAX] = { 0 };
    Company company = company_of(conference);
    guint n_slots = MIN(layout_capacity(view->spec.layout, STAGE_SLOTS_MAX), STAGE_SLOTS_MAX), n_pins = 0,
          n_all;
    for (guint i = 0; i < view->spec.n_slots; i++)
        if (view->spec.slots[i].pin != 0) pins[n_pins++] = view->spec.slots[i].pin;
    gboolean has_leader = n_slots > 1 && view->spec.n_slots > 0 && view->spec.slots[0].pin == 0;
    if (layout_leads(view->spec.layout) && has_leader) {
        memmove(pins + 1, pins, n_pins * sizeof *pins);
        pins[0] = 0;
        n_pins++;
    }
    guint n_standing = update_stage(view, &company, pins, MIN(n_pins, n_slots), now_us, placing->seats);
    placing->n = n_standing;
    placing->n += shown_pages_seats(conference, view, n_slots - MIN(n_pins, n_slots), placing->seats,
                                    n_standing, placing->seats + n_standing, &n_all);
    placing->n_places = MIN(n_standing + n_all, n_slots);
    g_free(company.present);
}

/* The places that are needed at most, of the smallest layout of the kind. */
static Layout layout_for(const ShownView *view, guint n_places) {
    guint side = layout_grid_side(view->spec.layout);
    if (side == 0 || !is_pages(view)) return layout_tightened(view->spec.layout, n_places);
    while (side > 2 && (side - 1) * (side - 1) >= n_places) side--;
    return n_places == 1 ? LAYOUT_FULL : layout_sized_grid(side);
}

/* As large as the largest rung that is wished, and never so small that names cannot be read. */
static void canvas_size(Conference *conference, const ShownView *view, guint *ret_width, guint *ret_height) {
    const RungLadder *ladder = &view->ladder;
    guint at_least = is_patient(view) ? 1080 : 720, best = 0;
    for (guint i = 0; i < ladder->n_rungs && ladder->vp8[i].height >= at_least; i++) {
        best = i;
        if (is_wished(conference, ladder->vp8[i].stream) || is_wished(conference, ladder->h264[i].stream))
            break;
    }
    *ret_width = ladder->vp8[best].width;
    *ret_height = ladder->vp8[best].height;
}

static ViewScene *compose(Conference *conference, ShownView *view, gint64 now_us) {
    Placing placing = { .n = 0 };
    Rect rects[STUDIO_TILES_MAX];
    ViewScene *scene = g_new0(ViewScene, 1);
    scene->view = view->studio_view;
    scene->fps = view->fps;
    scene->nice = is_patient(view) ? 12 : 5;
    canvas_size(conference, view, &scene->width, &scene->height);
    if (view->spec.layout == LAYOUT_WALL)
        placing.n = placing.n_places = wall_seats(conference, view, placing.seats);
    else if (view->spec.turns)
        turning_seats(conference, view, now_us, &placing);
    else
        stage_seats(conference, view, now_us, &placing);
    if (!view->spec.turns) shown_pages_end(view);
    guint first = 0;
    if (view->spec.view == SLIDES_VIEW) {
        scene->tiles[0].source = conference->presentation.source_id;
        scene->tiles[0].state = TILE_LIVE;
        first = scene->n_tiles = 1;
        placing.n_places++;
    }
    guint n_placed = layout_place(layout_for(view, placing.n_places), placing.n_places, scene->width,
                                  scene->height, rects, STUDIO_TILES_MAX);
    if (first > 0) scene->tiles[0].rect = rects[0];
    for (guint i = 0; i < MIN(placing.n, MAX(n_placed, first) - first); i++)
        fill_tile(conference, scene_seat(conference->scene, placing.seats[i]), &rects[first + i],
                  &scene->tiles[scene->n_tiles++]);
    return scene;
}

static gboolean is_watched(Conference *conference, const ShownView *view) {
    GHashTableIter iter;
    gpointer value;
    g_hash_table_iter_init(&iter, conference->bridge->legs);
    while (g_hash_table_iter_next(&iter, NULL, &value)) {
        const LegRecord *leg = value;
        /* Who is lost is sent nothing; who comes back is looked at anew. */
        if (leg->conference == conference && leg->view == view->spec.view && leg->way != LEG_SEND &&
            leg->state != TRANSPORT_LOST)
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
    const BridgeLimits *limits = &conference->bridge->limits;
    view->fps = view_fps(view, limits->wall_fps, limits->program_fps);
    ViewScene *scene = compose(conference, view, now_us);
    if (view->shown != NULL && memcmp(scene, view->shown, sizeof *scene) == 0) {
        g_free(scene);
    } else if (!studio_set_view(studio, scene)) {
        if (!view->refused)
            log_error("view.refused", "meeting=%s view=%s why=\"too many views at once\"",
                      conference->meeting, view->spec.name);
        view->refused = TRUE;
        g_free(scene);
        return;
    } else {
        view->refused = FALSE;
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

static void widen(const Tile *tile, guint *width, guint *height) {
    if (tile->rect.width <= *width) return;
    *width = tile->rect.width;
    *height = tile->rect.height;
}

void shown_view_tile_size(const ShownView *view, guint32 seat, guint *width, guint *height) {
    if (view->shown == NULL || view->shown->n_tiles == 0) return;
    for (guint i = 0; i < view->shown->n_tiles; i++)
        if (view->shown->tiles[i].source == seat) widen(&view->shown->tiles[i], width, height);
    /* Where the next page will stand, its cameras are wanted in that size already. */
    if (view->spec.turns && shown_pages_warms(view, seat))
        widen(&view->shown->tiles[view->shown->n_tiles - 1], width, height);
}
