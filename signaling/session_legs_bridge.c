/* session_legs_bridge.c -- what the bridge tells of its legs: those it holds when the connection comes up, their states, and what
 * it wishes of their cameras; see session_legs.h. */
#include "config/log.h"
#include "signaling/session_broadcast.h"
#include "signaling/session_legs_table.h"
#include "signaling/session_load.h"
#include "signaling/session_speaking.h"

#include <string.h>

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
    speaking_stop(service);
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

/* ---- wishes ---- */

static void tell_rids(Session *session, const char *name, gint32 leg, json_t *rids) {
    if (rids != NULL)
        session_push(session, json_pack("{s:s, s:i, s:O}", "t", name, "leg", leg, "rids", rids),
                     OUTBOX_CONTROL);
}

void leg_tell_needs(Session *session, const Leg *leg) {
    tell_rids(session, "needs", leg->id, leg->needs);
    tell_rids(session, "presentation-needs", leg->id, leg->screen_needs);
}

/* Told now, and kept for a page that comes back. */
static void on_needs(Service *service, json_t *event, gboolean of_screen) {
    Leg *leg = leg_find(service, (gint32)json_integer_value(json_object_get(event, "leg")));
    if (leg == NULL) return;
    json_t **needs = of_screen ? &leg->screen_needs : &leg->needs;
    json_decref(*needs);
    *needs = json_incref(json_object_get(event, "rids"));
    Session *session = session_find(service, leg->session);
    if (session != NULL) tell_rids(session, of_screen ? "presentation-needs" : "needs", leg->id, *needs);
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
        on_needs(service, event, FALSE);
    else if (strcmp(name, "presentation.needs") == 0)
        on_needs(service, event, TRUE);
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
