/* session_legs.c -- the table of legs: opening, closing, whose they are; see session_legs.h.
 * What the bridge tells of them: session_legs_bridge.c. Presence of seats: session_presence.c. Requests of pages: session_media.c. */
#include "signaling/session_legs.h"

#include "config/log.h"
#include "signaling/session_broadcast.h"
#include "signaling/session_legs_table.h"

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

Leg *leg_add(Service *service, gint32 id, const char *meeting, gint32 seat, LegWay way) {
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

void leg_remove(Service *service, Leg *leg) {
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
    if (wish->owner != NULL) memcpy(leg->owner, wish->owner, sizeof leg->owner);
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

void legs_each(Service *service, void (*func)(Service *service, Leg *leg, gconstpointer what),
               gconstpointer what) {
    g_autoptr(GList) all = g_hash_table_get_values(service->legs->legs);
    for (GList *at = all; at != NULL; at = at->next) func(service, at->data, what);
}

gboolean leg_has_owner(const Leg *leg) {
    static const guint8 nobody[TOKEN_HASH_BYTES];
    return memcmp(leg->owner, nobody, sizeof nobody) != 0;
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
    memcpy(leg->owner, session_login(session), sizeof leg->owner);
    leg->asked_restart = FALSE; /* whoever was asked while the line was down may never have heard it */
    leg_tell_needs(session, leg);
    return TRUE;
}

static void forget_session(Service *service, Leg *leg, gconstpointer what) {
    (void)service;
    const Session *session = what;
    if (leg->session == session->number) leg->session = 0;
}

void legs_session_gone(const Session *session) { legs_each(session->service, forget_session, session); }

static void close_if_session(Service *service, Leg *leg, gconstpointer what) {
    const Session *session = what;
    if (leg->session == session->number) leg_close(service, leg->id);
}

void legs_close_session_legs(const Session *session) {
    legs_each(session->service, close_if_session, session);
}

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
    legs_each(service, close_sender, &wish);
}

static void close_if_meeting(Service *service, Leg *leg, gconstpointer what) {
    if (strcmp(leg->meeting, what) == 0) leg_close(service, leg->id);
}

void legs_close_meeting(Service *service, const char *meeting) {
    legs_each(service, close_if_meeting, meeting);
    legs_forget_meeting(service, meeting);
}

static void close_if_rooms(Service *service, Leg *leg, gconstpointer what) {
    const SeatWish *wish = what;
    gboolean there = wish->meeting == NULL || strcmp(leg->meeting, wish->meeting) == 0;
    if (there && leg->seat == wish->seat && (leg->room || sends(leg))) leg_close(service, leg->id);
}

void legs_close_seat(Service *service, const char *meeting, gint32 seat) {
    SeatWish wish = { .meeting = meeting, .seat = seat };
    legs_each(service, close_if_rooms, &wish);
}

static void close_if_unclaimed(Service *service, Leg *leg, gconstpointer what) {
    if (leg->seat == *(const gint32 *)what && leg->client == NULL) leg_close(service, leg->id);
}

void legs_close_unclaimed(Service *service, gint32 seat) { legs_each(service, close_if_unclaimed, &seat); }

void legs_committed(Service *service, const char *meeting, json_t *events) {
    gsize index;
    json_t *event;
    json_array_foreach(events, index, event) {
        const char *kind = json_string_value(json_object_get(event, "k"));
        const char *why = json_string_value(json_object_get(event, "why"));
        if (g_strcmp0(kind, "left") == 0 && g_strcmp0(why, "disconnected") == 0)
            legs_close_seat(service, meeting, (gint32)json_integer_value(json_object_get(event, "seat")));
    }
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

guint legs_count_owner(Service *service, const guint8 *owner) {
    guint n = 0;
    GHashTableIter iter;
    gpointer value;
    g_hash_table_iter_init(&iter, service->legs->legs);
    while (g_hash_table_iter_next(&iter, NULL, &value))
        n += memcmp(((const Leg *)value)->owner, owner, TOKEN_HASH_BYTES) == 0;
    return n;
}
