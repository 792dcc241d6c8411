/* presentation.c -- the screen that a seat shows: forwarded from its sending leg to every other leg of the conference, in two
 * layers of which each line takes the one it carries. Streams are new for each leg that presents, so nothing of an older
 * screen can come behind a newer one. */
#include "bridge/meeting/bridge.h"

/* What the slow layer may cost: a full picture now and then, the same size as main. */
enum { SCREEN_SOURCE = 0x40000000 }; /* beside the seats' own ids, which are the cameras' */
enum { SLOW_FPS = 2, SLOW_BPS = 300000, NOMINAL_MAIN_BPS_MAX = 800000 };

static json_t *layer_json(const char *rid, gboolean active, guint fps, guint max_bps) {
    return json_pack("{s:s,s:b,s:i,s:i,s:i,s:i}", "rid", rid, "active", active, "width", 0, "height", 0,
                     "fps", (int)fps, "max_bps", (int)max_bps);
}

static void tell_needs(Bridge *bridge, guint32 leg, gboolean active) {
    const Settings *settings = bridge->settings;
    json_t *rids = json_pack("[o,o]", layer_json("t", active, SLOW_FPS, SLOW_BPS),
                             layer_json("m", active, (guint)settings->video_presentation_fps,
                                        (guint)settings->video_presentation_bps));
    json_t *event =
        json_pack("{s:s,s:I,s:o}", "t", "presentation.needs", "leg", (json_int_t)leg, "rids", rids);
    bridge->events.event(bridge->user, event);
    json_decref(event);
}

static void end_streams(Bridge *bridge, const Presentation *presentation) {
    for (guint i = 0; i < SCREEN_LAYERS; i++)
        for (guint desk = 0; presentation->streams[i] != 0 && desk < bridge->n_desks; desk++)
            desk_end_stream(bridge->desks[desk], presentation->streams[i]);
}

static void stop(Conference *conference) {
    static const StreamId none[SCREEN_LAYERS] = { 0 };
    Bridge *bridge = conference->bridge;
    Presentation *presentation = &conference->presentation;
    const LegRecord *leg = bridge_leg(bridge, presentation->leg);
    if (presentation->leg == 0) return;
    if (leg != NULL) {
        desk_present(leg->desk, leg->id, none, 0, NULL);
        tell_needs(bridge, leg->id, FALSE);
    }
    end_streams(bridge, presentation);
    studio_source_unref(presentation->source);
    *presentation = (Presentation){ .revision = presentation->revision + 1 };
}

static void begin(Conference *conference, const LegRecord *leg) {
    Bridge *bridge = conference->bridge;
    Presentation *presentation = &conference->presentation;
    presentation->leg = leg->id;
    presentation->source_id = SCREEN_SOURCE | leg->seat;
    presentation->source = studio_source_new(bridge->studio, presentation->source_id);
    studio_source_enter(presentation->source);
    for (guint i = 0; i < SCREEN_LAYERS; i++) presentation->streams[i] = ++bridge->next_stream;
    desk_present(leg->desk, leg->id, presentation->streams,
                 (guint)bridge->settings->video_presentation_bps + SLOW_BPS,
                 studio_source_ref(presentation->source));
    tell_needs(bridge, leg->id, TRUE);
}

static const LegRecord *presenting_leg(const Conference *conference) {
    const Scene *scene = conference->scene;
    const Seat *seat = scene != NULL && scene->presenter != 0
                           ? g_hash_table_lookup(conference->seats, GUINT_TO_POINTER(scene->presenter))
                           : NULL;
    return seat != NULL && seat->sending_leg != 0 ? bridge_leg(conference->bridge, seat->sending_leg) : NULL;
}

static void tell_watchers(Conference *conference) {
    const Presentation *presentation = &conference->presentation;
    static const RungLadder nothing = { .n_rungs = 0 };
    GHashTableIter iter;
    gpointer value;
    g_hash_table_iter_init(&iter, conference->bridge->legs);
    while (g_hash_table_iter_next(&iter, NULL, &value)) {
        LegRecord *leg = value;
        /* Who presents sees it already; a second screen of the same room does not. */
        gboolean watches = presentation->ladder.n_rungs > 0 && leg->conference == conference &&
                           leg->way != LEG_SEND && leg->id != presentation->leg;
        guint revision = watches ? presentation->revision : 0;
        if (leg->conference != conference || leg->told_presentation == revision) continue;
        leg->told_presentation = revision;
        desk_watch_presentation(leg->desk, leg->id, watches ? &presentation->ladder : &nothing);
    }
}

/* ---- composed, for legs that take one picture ---- */

static const SceneView *program_of(const Conference *conference) {
    for (guint i = 0; conference->scene != NULL && i < conference->scene->n_views; i++)
        if (g_str_equal(conference->scene->views[i].name, "program")) return &conference->scene->views[i];
    return NULL;
}

static gboolean takes_composed(const LegRecord *leg) {
    const SceneView *program = program_of(leg->conference);
    return leg->single_picture && program != NULL && leg->scene_view == program->view &&
           leg->conference->presentation.ladder.n_rungs > 0;
}

guint32 presentation_view(const LegRecord *leg) {
    return takes_composed(leg) && conference_view(leg->conference, SLIDES_VIEW) != NULL ? SLIDES_VIEW
                                                                                        : leg->scene_view;
}

static void drop_view(Conference *conference) {
    for (guint i = 0; i < conference->n_views; i++) {
        if (conference->views[i]->spec.view != SLIDES_VIEW) continue;
        shown_view_free(conference->bridge, conference->views[i]);
        conference->views[i] = conference->views[--conference->n_views];
        return;
    }
}

/* The view is there while a leg is sent it, and follows the program's pins. */
static void refresh_view(Conference *conference) {
    GHashTableIter iter;
    gpointer value;
    gboolean wanted = FALSE;
    g_hash_table_iter_init(&iter, conference->bridge->legs);
    while (g_hash_table_iter_next(&iter, NULL, &value))
        wanted = wanted || (((LegRecord *)value)->conference == conference && takes_composed(value));
    ShownView *view = conference_view(conference, SLIDES_VIEW);
    if (view == NULL && !wanted) return;
    if (wanted) {
        SceneView spec = *program_of(conference);
        spec.view = SLIDES_VIEW;
        spec.layout = LAYOUT_PRESENTATION;
        spec.turns = FALSE;
        if (view == NULL) {
            conference->views[conference->n_views++] = shown_view_new(conference->bridge, &spec);
            conference->dirty = TRUE; /* composed when its watchers are known */
        } else {
            view->spec = spec;
        }
    }
    g_hash_table_iter_init(&iter, conference->bridge->legs);
    while (g_hash_table_iter_next(&iter, NULL, &value)) {
        LegRecord *leg = value;
        guint32 shown = wanted ? presentation_view(leg) : leg->scene_view;
        if (leg->conference != conference || leg->view == shown) continue;
        bridge_leg_watch(conference->bridge, leg, shown, leg->hears);
        conference->dirty = TRUE;
    }
    if (!wanted) drop_view(conference);
}

gboolean presentation_source_keyframe(Bridge *bridge, guint32 source) {
    GHashTableIter iter;
    gpointer value;
    if ((source & SCREEN_SOURCE) == 0) return FALSE;
    g_hash_table_iter_init(&iter, bridge->conferences);
    while (g_hash_table_iter_next(&iter, NULL, &value)) {
        const Presentation *presentation = &((Conference *)value)->presentation;
        const LegRecord *leg = bridge_leg(bridge, presentation->leg);
        if (leg != NULL && presentation->source_id == source) desk_present_keyframe(leg->desk, leg->id, 0);
    }
    return TRUE;
}

void presentation_refresh(Conference *conference) {
    const LegRecord *leg = presenting_leg(conference);
    if ((leg != NULL ? leg->id : 0) != conference->presentation.leg) {
        stop(conference);
        if (leg != NULL) begin(conference, leg);
    }
    tell_watchers(conference);
    refresh_view(conference);
}

void presentation_end(Conference *conference) { stop(conference); }

/* Which layers arrive: they are the rungs, best first. */
void presentation_on_screen(Conference *conference, const NewsLegScreen *news) {
    Presentation *presentation = &conference->presentation;
    const guint32 main_bps =
        MIN((guint32)conference->bridge->settings->video_presentation_bps, NOMINAL_MAIN_BPS_MAX);
    const gint64 main_fps = conference->bridge->settings->video_presentation_fps;
    if (news->leg != presentation->leg || news->streams[SCREEN_MAIN] != presentation->streams[SCREEN_MAIN])
        return; /* of an older one */
    RungLadder *ladder = &presentation->ladder;
    *ladder = (RungLadder){ .n_rungs = 0 };
    for (guint i = 0; i < SCREEN_LAYERS; i++) {
        if ((news->alive & 1u << i) == 0) continue;
        ladder->vp8[ladder->n_rungs++] =
            (DownlinkRung){ .stream = news->streams[i],
                            .bitrate_bps = i == SCREEN_MAIN ? main_bps : SLOW_BPS,
                            .fps = (guint8)(i == SCREEN_MAIN ? main_fps : SLOW_FPS),
                            .layers = 1,
                            .width = news->width[i],
                            .height = news->height[i] };
    }
    presentation->revision++;
    conference->dirty = TRUE;
}

gboolean presentation_keyframe(Bridge *bridge, StreamId stream) {
    GHashTableIter iter;
    gpointer value;
    g_hash_table_iter_init(&iter, bridge->conferences);
    while (g_hash_table_iter_next(&iter, NULL, &value)) {
        const Presentation *presentation = &((Conference *)value)->presentation;
        for (guint i = 0; i < SCREEN_LAYERS; i++) {
            if (stream == 0 || presentation->streams[i] != stream) continue;
            const LegRecord *leg = bridge_leg(bridge, presentation->leg);
            if (leg != NULL) desk_present_keyframe(leg->desk, leg->id, stream);
            return TRUE;
        }
    }
    return FALSE;
}

void presentation_tell_again(Conference *conference) {
    if (conference->presentation.leg != 0) tell_needs(conference->bridge, conference->presentation.leg, TRUE);
}
