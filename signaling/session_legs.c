/* session_legs.c -- the table of legs: opening, closing, adoption; see session_legs.h.
 * Presence of seats: session_presence.c. Requests of pages: session_media.c. */
#include "signaling/session_legs.h"

#include "config/log.h"
#include "signaling/session_broadcast.h"
#include "signaling/session_legs_table.h"
#include "signaling/session_load.h"
#include "signaling/session_speaking.h"

#include <string.h>

LegTable *legs_new(void) {
    LegTable *table = g_new0(LegTable, 1);
    table->legs = g_hash_table_new(NULL, NULL);
    table->next_id = 1;
    table->settle_until_us = reactor_now_us() + LEG_SETTLE_MS * 1000;
    table->dark = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    return table;
}

static void leg_free(Leg *leg) {
    g_free(leg->meeting);
    g_free(leg->client);
    g_free(leg->resource);
    g_free(leg->offer);
    if (leg->quality != NULL) json_decref(leg->quality);
    if (leg->needs != NULL) json_decref(leg->needs);
    if (leg->screen_needs != NULL) json_decref(leg->screen_needs);
    g_free(leg);
}

void legs_free(LegTable *table) {
    if (table == NULL) return;
    g_autoptr(GList) all = g_hash_table_get_values(table->legs);
    for (GList *at = all; at != NULL; at = at->next) leg_free(at->data);
    g_hash_table_unref(table->legs);
    g_hash_table_unref(table->dark);
    g_free(table);
}

Leg *leg_find(Service *service, gint32 id) {
    return g_hash_table_lookup(service->legs->legs, GINT_TO_POINTER(id));
}

Leg *leg_find_resource(Service *service, const char *resource) {
    GHashTableIter iter;
    gpointer value;
    g_hash_table_iter_init(&iter, service->legs->legs);
    while (g_hash_table_iter_next(&iter, NULL, &value)) {
        Leg *leg = value;
        if (leg->resource != NULL && strcmp(leg->resource, resource) == 0) return leg;
    }
    return NULL;
}

static Leg *leg_add(Service *service, gint32 id, const char *meeting, gint32 seat, LegWay way) {
    Leg *leg = g_new0(Leg, 1);
    leg->id = id;
    leg->meeting = g_strdup(meeting);
    leg->seat = seat;
    leg->way = way;
    leg->hears = way != LEG_SEND;
    leg->state = LEG_CONNECTING;
    leg->state_us = reactor_now_us();
    g_hash_table_insert(service->legs->legs, GINT_TO_POINTER(id), leg);
    return leg;
}

static void leg_remove(Service *service, Leg *leg) {
    g_hash_table_remove(service->legs->legs, GINT_TO_POINTER(leg->id));
    broadcast_scene_changed(service, leg->meeting);
    leg_free(leg);
}

void leg_close(Service *service, gint32 id) {
    Leg *leg = leg_find(service, id);
    if (leg != NULL) leg_remove(service, leg);
    if (bridge_link_is_up(service->bridge))
        bridge_link_request(service->bridge, json_pack("{s:s, s:i}", "t", "leg.close", "leg", id),
                            BRIDGE_DEADLINE_MS, NULL, NULL);
}

/* ---- opening ---- */

typedef struct {
    Service *service;
    gint32 leg;
    BridgeDone done;
    gpointer user;
} Opening;

static void on_opened(gpointer user, json_t *answer, const GError *why) {
    Opening *opening = user;
    Leg *leg = leg_find(opening->service, opening->leg);
    if (why != NULL && leg != NULL) {
        log_warn("leg.refused", "leg=%d seat=%d why=\"%s\"", leg->id, leg->seat, why->message);
        /* After a time-out the bridge may have it all the same. */
        leg_close(opening->service, opening->leg);
    }
    if (why == NULL && leg == NULL) {
        g_autoptr(GError) gone =
            g_error_new(FAULT, FAULT_GONE, "the leg was closed while it was being opened");
        opening->done(opening->user, NULL, gone);
    } else {
        opening->done(opening->user, answer, why);
    }
    g_free(opening);
}

static const char *way_word(LegWay way) {
    return way == LEG_DUPLEX ? "duplex" : way == LEG_RECEIVE ? "receive" : "send";
}

gint32 leg_open(Service *service, const LegWish *wish, BridgeDone done, gpointer user) {
    LegTable *table = service->legs;
    while (leg_find(service, table->next_id) != NULL) table->next_id++;
    gint32 id = table->next_id++;
    if (table->next_id == G_MAXINT32) table->next_id = 1;
    Leg *leg = leg_add(service, id, wish->meeting, wish->seat, wish->way);
    leg->view = wish->way == LEG_SEND ? VIEW_NONE : wish->view;
    leg->hears = wish->hears && wish->way != LEG_SEND;
    leg->room = wish->room;
    leg->session = wish->session;
    leg->client = g_strdup(wish->client);
    leg->offer = g_strdup(wish->offer);
    broadcast_scene_changed(service, wish->meeting);

    json_t *message = json_pack("{s:s, s:i, s:s, s:i, s:s}", "t", "leg.open", "leg", id, "meeting",
                                wish->meeting, "seat", wish->seat, "way", way_word(wish->way));
    if (leg->view != VIEW_NONE) json_object_set_new(message, "view", json_integer(leg->view));
    if (wish->screen_height > 0)
        json_object_set_new(message, "screen_height", json_integer(wish->screen_height));
    if (wish->offer != NULL) json_object_set_new(message, "offer", json_string(wish->offer));
    Opening *opening = g_new0(Opening, 1);
    *opening = (Opening){ .service = service, .leg = id, .done = done, .user = user };
    bridge_link_request(service->bridge, message, BRIDGE_DEADLINE_MS, on_opened, opening);
    return id;
}

/* ---- whose legs ---- */

/* Calls func for a copy of the list: func may close legs. */
static void each(Service *service, void (*func)(Service *service, Leg *leg, gconstpointer what),
                 gconstpointer what) {
    g_autoptr(GList) all = g_hash_table_get_values(service->legs->legs);
    for (GList *at = all; at != NULL; at = at->next) func(service, at->data, what);
}

static void tell_rids(Session *session, const char *name, gint32 leg, json_t *rids) {
    if (rids != NULL)
        session_push(session, json_pack("{s:s, s:i, s:O}", "t", name, "leg", leg, "rids", rids),
                     OUTBOX_CONTROL);
}

static void leg_tell_needs(Session *session, const Leg *leg) {
    tell_rids(session, "needs", leg->id, leg->needs);
    tell_rids(session, "presentation-needs", leg->id, leg->screen_needs);
}

gboolean legs_claim(Session *session, gint32 id) {
    Leg *leg = leg_find(session->service, id);
    if (leg == NULL || leg->resource != NULL) return FALSE;
    gint32 seat = session->seat != 0 ? session->seat : SEAT_NOBODY;
    if (leg->seat != seat && !(session->is_room == FALSE && leg->seat == SEAT_NOBODY)) return FALSE;
    /* An adopted leg is whose page names it first; a known one stays with its page load. */
    if (leg->client != NULL && g_strcmp0(leg->client, session->client) != 0) return FALSE;
    if (leg->client == NULL) {
        leg->client = g_strdup(session->client);
        leg->room = session->is_room;
    }
    leg->session = session->number;
    leg->asked_restart = FALSE; /* whoever was asked while the line was down may never have heard it */
    leg_tell_needs(session, leg);
    return TRUE;
}

static void forget_session(Service *service, Leg *leg, gconstpointer what) {
    (void)service;
    const Session *session = what;
    if (leg->session == session->number) leg->session = 0;
}

void legs_session_gone(const Session *session) { each(session->service, forget_session, session); }

static void close_if_session(Service *service, Leg *leg, gconstpointer what) {
    const Session *session = what;
    if (leg->session == session->number) leg_close(service, leg->id);
}

void legs_close_session_legs(const Session *session) { each(session->service, close_if_session, session); }

typedef struct {
    const char *meeting; /* NULL: any */
    gint32 seat;
    const char *client; /* not this one's; NULL: everybody's */
} SeatWish;

static gboolean sends(const Leg *leg) { return leg->way != LEG_RECEIVE; }

static void close_sender(Service *service, Leg *leg, gconstpointer what) {
    const SeatWish *wish = what;
    gboolean theirs = wish->client != NULL && g_strcmp0(leg->client, wish->client) == 0;
    if (leg->seat == wish->seat && sends(leg) && !theirs) leg_close(service, leg->id);
}

void legs_replace_sender(Service *service, gint32 seat, const char *client) {
    SeatWish wish = { .seat = seat, .client = client };
    each(service, close_sender, &wish);
}

static void close_if_meeting(Service *service, Leg *leg, gconstpointer what) {
    const SeatWish *wish = what;
    if (strcmp(leg->meeting, wish->meeting) == 0 && (wish->seat == 0 || leg->seat == wish->seat))
        leg_close(service, leg->id);
}

void legs_close_meeting(Service *service, const char *meeting) {
    SeatWish wish = { .meeting = meeting };
    each(service, close_if_meeting, &wish);
}

void legs_close_seat(Service *service, const char *meeting, gint32 seat) {
    SeatWish wish = { .meeting = meeting, .seat = seat };
    each(service, close_if_meeting, &wish);
}

/* ---- scene ---- */

GArray *legs_scene(Service *service, const char *meeting) {
    GArray *array = g_array_new(FALSE, FALSE, sizeof(SceneLeg));
    GHashTableIter iter;
    gpointer value;
    g_hash_table_iter_init(&iter, service->legs->legs);
    while (g_hash_table_iter_next(&iter, NULL, &value)) {
        const Leg *leg = value;
        if (strcmp(leg->meeting, meeting) != 0) continue;
        SceneLeg row = { .leg = leg->id, .view = leg->view };
        g_array_append_val(array, row);
    }
    return array;
}

void legs_finish_scene(Service *service, json_t *scene) {
    gsize index;
    json_t *row;
    json_array_foreach(json_object_get(scene, "legs"), index, row) {
        const Leg *leg = leg_find(service, (gint32)json_integer_value(json_object_get(row, "leg")));
        json_object_set_new(row, "hears", json_boolean(leg != NULL && leg->hears));
    }
}

guint legs_count(Service *service, LegState state) {
    guint n = 0;
    GHashTableIter iter;
    gpointer value;
    g_hash_table_iter_init(&iter, service->legs->legs);
    while (g_hash_table_iter_next(&iter, NULL, &value)) n += ((const Leg *)value)->state == state;
    return n;
}

guint legs_count_session(Service *service, guint64 session) {
    guint n = 0;
    GHashTableIter iter;
    gpointer value;
    g_hash_table_iter_init(&iter, service->legs->legs);
    while (g_hash_table_iter_next(&iter, NULL, &value)) n += ((const Leg *)value)->session == session;
    return n;
}

/* ---- adoption ---- */

static LegState state_from_word(const char *word) {
    if (g_strcmp0(word, "live") == 0) return LEG_LIVE;
    if (g_strcmp0(word, "lost") == 0) return LEG_LOST;
    return LEG_CONNECTING;
}

static void adopt(Service *service, json_t *row) {
    gint32 id = (gint32)json_integer_value(json_object_get(row, "leg"));
    const char *meeting = json_string_value(json_object_get(row, "meeting"));
    gint32 seat = (gint32)json_integer_value(json_object_get(row, "seat"));
    const char *way = json_string_value(json_object_get(row, "way"));
    if (id <= 0 || meeting == NULL) return;
    if (id >= service->legs->next_id && id < G_MAXINT32) service->legs->next_id = id + 1;
    const Meeting *known = office_meeting(service->office, meeting);
    gboolean wanted = known != NULL && meeting_phase(known) == MEETING_OPEN &&
                      (seat == SEAT_NOBODY || roster_seat(office_roster(service->office), seat) != NULL);
    Leg *leg = leg_find(service, id);
    if (!wanted || (leg != NULL && strcmp(leg->meeting, meeting) != 0)) {
        log_info("leg.unknown-closed", "leg=%d meeting=%s seat=%d", id, meeting, seat);
        leg_close(service, id);
        return;
    }
    if (leg == NULL) {
        LegWay kind = g_strcmp0(way, "receive") == 0 ? LEG_RECEIVE
                      : g_strcmp0(way, "send") == 0  ? LEG_SEND
                                                     : LEG_DUPLEX;
        leg = leg_add(service, id, meeting, seat, kind);
        json_int_t view = json_integer_value(json_object_get(row, "view"));
        leg->view = kind == LEG_SEND ? VIEW_NONE : view > 0 ? (ViewId)view : VIEW_PROGRAM;
        leg->room = kind != LEG_RECEIVE;
        json_t *hears = json_object_get(row, "hears");
        if (hears != NULL) leg->hears = json_is_true(hears);
    }
    LegState state = state_from_word(json_string_value(json_object_get(row, "state")));
    if (state != leg->state) leg->state_us = reactor_now_us();
    leg->state = state;
}

static void tell_media_lost(Service *service, guint64 session_number, gint32 id) {
    Session *session = session_find(service, session_number);
    if (session != NULL)
        session_push(session, json_pack("{s:s, s:i}", "t", "media-lost", "leg", id), OUTBOX_CONTROL);
}

/* The leg is gone at the bridge: its page is told to make a new one. */
void leg_vanished(Service *service, gint32 id) {
    Leg *leg = leg_find(service, id);
    if (leg == NULL) return;
    guint64 session = leg->session;
    leg_remove(service, leg);
    tell_media_lost(service, session, id);
}

void legs_bridge_up(Service *service, json_t *hello, gboolean is_new) {
    LegTable *table = service->legs;
    json_t *legs = json_object_get(hello, "legs");
    g_autoptr(GHashTable) there = g_hash_table_new(NULL, NULL);
    gsize index;
    json_t *row;
    json_array_foreach(legs, index, row)
        g_hash_table_add(there, GINT_TO_POINTER((int)json_integer_value(json_object_get(row, "leg"))));
    if (is_new) table->settle_until_us = reactor_now_us() + LEG_SETTLE_MS * 1000;
    /* First what we have and the bridge has not, so that numbers of an earlier bridge are not taken for its own. */
    g_autoptr(GList) ids = g_hash_table_get_keys(table->legs);
    for (GList *at = ids; at != NULL; at = at->next)
        if (is_new ? table->n_adoptions > 0 : !g_hash_table_contains(there, at->data))
            leg_vanished(service, GPOINTER_TO_INT(at->data));
    json_array_foreach(legs, index, row) adopt(service, row);
    table->n_adoptions++;
    broadcast_all_scenes_changed(service);
    legs_review(service);
}

void legs_bridge_down(Service *service) {
    load_forget(service);
    service->legs->settle_until_us = reactor_now_us() + LEG_SETTLE_MS * 1000;
}

static void on_leg_state(Service *service, json_t *event) {
    gint32 id = (gint32)json_integer_value(json_object_get(event, "leg"));
    const char *word = json_string_value(json_object_get(event, "state"));
    Leg *leg = leg_find(service, id);
    if (leg == NULL) return; /* closed by us a moment ago */
    const char *why = json_string_value(json_object_get(event, "why"));
    log_info("leg.state", "leg=%d seat=%d state=%s why=\"%s\"", id, leg->seat, word, why != NULL ? why : "");
    if (strcmp(word, "failed") == 0 || strcmp(word, "closed") == 0) {
        if (strcmp(word, "failed") == 0) {
            guint64 session = leg->session;
            leg_close(service, id);
            tell_media_lost(service, session, id);
        } else {
            leg_vanished(service, id);
        }
    } else {
        leg->state = state_from_word(word);
        leg->state_us = reactor_now_us();
        if (leg->state == LEG_LIVE) leg->asked_restart = FALSE;
    }
    legs_review(service);
}

static void on_needs(Service *service, json_t *event) {
    Leg *leg = leg_find(service, (gint32)json_integer_value(json_object_get(event, "leg")));
    if (leg == NULL) return;
    if (leg->needs != NULL) json_decref(leg->needs);
    leg->needs = json_incref(json_object_get(event, "rids"));
    Session *session = session_find(service, leg->session);
    if (session != NULL) leg_tell_needs(session, leg);
}

static void on_presentation_needs(Service *service, json_t *event) {
    Leg *leg = leg_find(service, (gint32)json_integer_value(json_object_get(event, "leg")));
    if (leg == NULL) return;
    if (leg->screen_needs != NULL) json_decref(leg->screen_needs);
    leg->screen_needs = json_incref(json_object_get(event, "rids"));
    Session *session = session_find(service, leg->session);
    if (session != NULL) tell_rids(session, "presentation-needs", leg->id, leg->screen_needs);
}

static void on_quality_event(Service *service, json_t *event) {
    gsize index;
    json_t *row;
    json_array_foreach(json_object_get(event, "legs"), index, row) {
        Leg *leg = leg_find(service, (gint32)json_integer_value(json_object_get(row, "leg")));
        if (leg == NULL) continue;
        if (leg->quality != NULL) json_decref(leg->quality);
        leg->quality = json_incref(row);
        broadcast_presence_changed(service, leg->meeting);
    }
}

void legs_bridge_event(Service *service, const char *name, json_t *event) {
    if (strcmp(name, "leg.state") == 0)
        on_leg_state(service, event);
    else if (strcmp(name, "needs") == 0)
        on_needs(service, event);
    else if (strcmp(name, "presentation.needs") == 0)
        on_presentation_needs(service, event);
    else if (strcmp(name, "quality") == 0)
        on_quality_event(service, event);
    else if (strcmp(name, "speaking") == 0)
        speaking_take(service, event);
    else if (strcmp(name, "load") == 0)
        load_take(service, event);
    else if (strcmp(name, "alarm") == 0)
        broadcast_alarm(service, json_string_value(json_object_get(event, "code")),
                        json_string_value(json_object_get(event, "text")));
}
