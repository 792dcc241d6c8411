/* conference.c -- one meeting's media: scene applied as a difference, seats, who speaks, what cameras are needed for. */
#include "bridge/meeting/bridge.h"

#include <string.h>

enum { CONFERENCES_MAX = 64 };

static void free_seat(gpointer value) {
    Seat *seat = value;
    studio_source_unref(seat->source);
    g_free(seat);
}

Conference *bridge_conference(Bridge *bridge, const char *meeting) {
    Conference *conference = g_hash_table_lookup(bridge->conferences, meeting);
    if (conference != NULL) return conference;
    if (g_hash_table_size(bridge->conferences) >= CONFERENCES_MAX) return NULL;
    conference = g_new0(Conference, 1);
    conference->bridge = bridge;
    conference->id = ++bridge->next_conference;
    g_strlcpy(conference->meeting, meeting, sizeof conference->meeting);
    conference->seats = g_hash_table_new_full(NULL, NULL, NULL, free_seat);
    g_hash_table_insert(bridge->conferences, conference->meeting, conference);
    return conference;
}

Seat *conference_seat(Conference *conference, guint32 id) {
    Seat *seat = g_hash_table_lookup(conference->seats, GUINT_TO_POINTER(id));
    if (seat != NULL) return seat;
    seat = g_new0(Seat, 1);
    seat->seat = id;
    seat->source = studio_source_new(conference->bridge->studio, id);
    g_hash_table_insert(conference->seats, GUINT_TO_POINTER(id), seat);
    return seat;
}

ShownView *conference_view(Conference *conference, guint32 id) {
    for (guint i = 0; i < conference->n_views; i++)
        if (conference->views[i]->spec.view == id) return conference->views[i];
    return NULL;
}

/* ---- the parts of a scene ---- */

static void apply_audio(Conference *conference) {
    const Scene *scene = conference->scene;
    AudioScene *audio = g_malloc0(sizeof *audio + scene->n_seats * sizeof audio->seats[0]);
    audio->conference = conference->id;
    for (guint i = 0; i < scene->n_seats; i++) {
        if (!scene->seats[i].present) continue;
        audio->seats[audio->n_seats].seat = scene->seats[i].seat;
        audio->seats[audio->n_seats++].heard = scene->seats[i].heard;
    }
    audio_mixer_set_scene(conference->bridge->mixer, audio);
    g_free(audio);
}

static void apply_views(Conference *conference) {
    const Scene *scene = conference->scene;
    for (guint i = 0; i < conference->n_views;) {
        ShownView *view = conference->views[i];
        if (view->spec.view == SLIDES_VIEW || scene_view(scene, view->spec.view) != NULL) {
            i++;
            continue;
        }
        conference->views[i] = conference->views[--conference->n_views];
        shown_view_free(conference->bridge, view);
    }
    for (guint i = 0; i < scene->n_views; i++) {
        ShownView *view = conference_view(conference, scene->views[i].view);
        if (view != NULL)
            view->spec = scene->views[i];
        else
            conference->views[conference->n_views++] = shown_view_new(conference->bridge, &scene->views[i]);
    }
}

/* All are told, also those the scene does not name yet: a view may have come or gone, or the best rung. */
static void watch_again(Conference *conference) {
    Bridge *bridge = conference->bridge;
    GHashTableIter iter;
    gpointer value;
    conference->told_top_height = bridge->limits.top_height;
    g_hash_table_iter_init(&iter, bridge->legs);
    while (g_hash_table_iter_next(&iter, NULL, &value)) {
        LegRecord *leg = value;
        if (leg->conference == conference) bridge_leg_watch(bridge, leg, presentation_view(leg), leg->hears);
    }
}

static void apply_legs(Conference *conference) {
    Bridge *bridge = conference->bridge;
    for (guint i = 0; i < conference->scene->n_legs; i++) {
        const SceneLeg *wanted = &conference->scene->legs[i];
        LegRecord *leg = bridge_leg(bridge, wanted->leg);
        if (leg == NULL || leg->conference != conference) continue;
        leg->scene_view = wanted->view;
        leg->hears = wanted->hears;
    }
    watch_again(conference);
}

/* Seats that left and have no connection give their source back. */
static gboolean is_over(gpointer key, gpointer value, gpointer user) {
    const Conference *conference = user;
    const Seat *seat = value;
    GHashTableIter iter;
    gpointer leg;
    (void)key;
    if (scene_seat(conference->scene, seat->seat) != NULL) return FALSE;
    g_hash_table_iter_init(&iter, conference->bridge->legs);
    while (g_hash_table_iter_next(&iter, NULL, &leg))
        if (((LegRecord *)leg)->conference == conference && ((LegRecord *)leg)->seat == seat->seat)
            return FALSE;
    return TRUE;
}

void conference_apply(Conference *conference, Scene *scene) {
    scene_free(conference->scene);
    conference->scene = scene;
    apply_audio(conference);
    apply_views(conference);
    apply_legs(conference);
    g_hash_table_foreach_remove(conference->seats, is_over, conference);
    conference->dirty = TRUE;
}

/* ---- what is shown, and what follows for cameras ---- */

static json_t *layer_json(const char *rid, const LayerNeed *need) {
    return json_pack("{s:s,s:b,s:i,s:i,s:i,s:i}", "rid", rid, "active", need->active, "width",
                     (int)need->width, "height", (int)need->height, "fps", (int)need->fps, "max_bps",
                     (int)need->max_bps);
}

static void tell_need(Conference *conference, LegRecord *leg, guint width, guint height, guint fps) {
    Bridge *bridge = conference->bridge;
    CameraNeed need = camera_need(width, height, fps, bridge->limits.thumbnail_fps);
    gboolean same = leg->need_told && camera_need_equal(&need, &leg->need);
    if (leg->state != TRANSPORT_LIVE || same) return;
    leg->need = need;
    leg->need_told = TRUE;
    desk_need(leg->desk, leg->id, TRUE, height, camera_need_bps(&need));
    json_t *event = json_pack("{s:s,s:I,s:[o,o]}", "t", "needs", "leg", (json_int_t)leg->id, "rids",
                              layer_json("t", &need.thumbnail), layer_json("m", &need.main));
    bridge->events.event(bridge->user, event);
    json_decref(event);
}

static void refresh_needs(Conference *conference) {
    GHashTableIter iter;
    gpointer value;
    g_hash_table_iter_init(&iter, conference->seats);
    while (g_hash_table_iter_next(&iter, NULL, &value)) {
        const Seat *seat = value;
        LegRecord *leg = seat->sending_leg != 0 ? bridge_leg(conference->bridge, seat->sending_leg) : NULL;
        guint width = 0, height = 0, fps = 1;
        if (leg == NULL) continue;
        for (guint i = 0; i < conference->n_views; i++) {
            guint here = 0, here_height = 0;
            if (!conference->views[i]->in_use) continue;
            shown_view_tile_size(conference->views[i], seat->seat, &width, &height);
            shown_view_tile_size(conference->views[i], seat->seat, &here, &here_height);
            if (here > 0) fps = MAX(fps, conference->views[i]->fps);
        }
        tell_need(conference, leg, width, height, fps);
    }
}

void conference_refresh(Conference *conference, gint64 now_us) {
    conference->dirty = FALSE;
    if (conference->scene == NULL) return;
    if (conference->told_top_height != conference->bridge->limits.top_height) watch_again(conference);
    for (guint i = 0; i < conference->n_views; i++)
        shown_view_refresh(conference, conference->views[i], now_us);
    presentation_refresh(conference);
    refresh_needs(conference);
}

gint64 conference_next_us(const Conference *conference) {
    gint64 next_us = G_MAXINT64;
    for (guint i = 0; i < conference->n_views; i++)
        if (conference->views[i]->in_use) next_us = MIN(next_us, conference->views[i]->pages.next_us);
    return next_us;
}

void conference_tell_speaking(const Conference *conference) {
    json_t *seats = json_array();
    for (guint i = 0; i < conference->n_speaking; i++)
        json_array_append_new(seats, json_pack("{s:I,s:i}", "seat", (json_int_t)conference->speaking[i].seat,
                                               "level", (int)conference->speaking[i].level));
    json_t *event =
        json_pack("{s:s,s:s,s:o}", "t", "speaking", "meeting", conference->meeting, "seats", seats);
    conference->bridge->events.event(conference->bridge->user, event);
    json_decref(event);
}

void conference_on_speaking(Conference *conference, const NewsSpeaking *news) {
    conference->n_speaking = news->n_seats;
    memcpy(conference->speaking, news->seats, news->n_seats * sizeof news->seats[0]);
    conference_tell_speaking(conference);
    conference->dirty = TRUE;
    for (guint i = 0; i < conference->n_views; i++) shown_view_speaking(conference, conference->views[i]);
}

void conference_end(Conference *conference) {
    Bridge *bridge = conference->bridge;
    GHashTableIter iter;
    gpointer value;
    g_clear_pointer(&conference->scene, scene_free); /* nothing is refreshed from here on */
    g_hash_table_iter_init(&iter, bridge->legs);
    while (g_hash_table_iter_next(&iter, NULL, &value)) {
        if (((LegRecord *)value)->conference != conference) continue;
        bridge_end_leg(bridge, value, "the meeting has ended");
        g_hash_table_iter_init(&iter, bridge->legs);
    }
    presentation_end(conference);
    for (guint i = 0; i < conference->n_views; i++) shown_view_free(bridge, conference->views[i]);
    audio_mixer_end_conference(bridge->mixer, conference->id);
    g_hash_table_remove(bridge->conferences, conference->meeting);
    g_hash_table_unref(conference->seats);
    g_free(conference);
}
