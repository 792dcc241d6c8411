/* session_join.c -- into a meeting and out of it: rooms join, consoles attend. */
#include "signaling/protocol.h"
#include "signaling/session_broadcast.h"
#include "signaling/session_legs.h"
#include "signaling/session_load.h"
#include "signaling/session_speaking.h"

#include <string.h>

typedef struct {
    Service *service;
    Asked asked;
    char *meeting;
} Joining;

static const Meeting *open_meeting(const Session *session, json_t *message, const char **ret_id,
                                   GError **error) {
    const char *id = json_string_value(json_object_get(message, "meeting"));
    const Meeting *meeting = office_meeting(session->service->office, id);
    if (meeting == NULL) {
        words_refuse(error, FAULT_NOT_FOUND, session->language, WORD_MEETING_UNKNOWN);
        return NULL;
    }
    *ret_id = id;
    return meeting;
}

/* The page is told and its view follows. */
static void tell_joined(Service *service, const Asked *asked, const char *meeting) {
    Session *session = session_find(service, asked->session);
    if (session == NULL) return;
    if (session->is_room) {
        g_free(session->meeting);
        session->meeting = g_strdup(meeting);
    }
    asked_ok(service, asked, json_pack("{s:i}", "seat", session->seat));
    broadcast_send_room_view(session, TRUE);
    speaking_send(session);
}

static void on_joined(gpointer user, json_t *events, const GError *why) {
    (void)events;
    Joining *joining = user;
    asked_note_commit(joining->service, &joining->asked);
    if (why != NULL)
        asked_fault(joining->service, &joining->asked, why);
    else
        tell_joined(joining->service, &joining->asked, joining->meeting);
    g_free(joining->meeting);
    g_free(joining);
}

static void is_used(Session *other, gpointer user) {
    const Session **session = user;
    if (other->is_room && *session != NULL && other->seat == (*session)->seat) *session = NULL;
}

/* A console takes part for the seat it is attached to only while no room's page does. */
static gboolean console_may_join(Session *session, const char *id, GError **error) {
    const Session *free_seat = session;
    session_each(session->service, is_used, &free_seat);
    if (free_seat == NULL)
        return words_refuse(error, FAULT_CONFLICT, session->language, WORD_CONSOLE_SEAT_USED);
    if (g_strcmp0(session->meeting, id) != 0)
        return words_refuse(error, FAULT_CONFLICT, session->language, WORD_CONSOLE_ATTEND_FIRST);
    return TRUE;
}

/* What the page wishes, else what was. */
static gboolean wish(json_t *message, const char *key, gboolean before) {
    json_t *value = json_object_get(message, key);
    return value != NULL ? json_is_true(value) : before;
}

/* A line that was cut takes socket and media, and either may be back first: a page that still has its leg has not left, its
 * seat is found again (`connected`) when the leg carries. */
static gboolean has_stayed(const Session *session, const SeatState *seat) {
    if (seat->presence == SEAT_LOST) return legs_session_sends(session);
    return seat->presence == SEAT_JOINING || seat->presence == SEAT_PRESENT;
}

/* The command that a join is: none for a page that only lost its socket (nobody who stayed is logged as coming), `state` when
 * it comes back with something switched off, `join` for everybody else. (transfer full) or NULL. */
static json_t *join_command(const Session *session, json_t *message, const SeatState *seat) {
    gboolean was_on = seat->microphone == MICROPHONE_ON;
    gboolean microphone = wish(message, "microphone", was_on), camera = wish(message, "camera", seat->camera);
    if (!has_stayed(session, seat))
        return json_pack("{s:s, s:i, s:b, s:b}", "t", "join", "seat", session->seat, "microphone", microphone,
                         "camera", camera);
    /* A microphone that was off stays off: turning it on is a press of its own. */
    if ((was_on && !microphone) || camera != seat->camera)
        return json_pack("{s:s, s:i, s:b, s:b}", "t", "state", "seat", session->seat, "microphone",
                         was_on && microphone, "camera", camera);
    return NULL;
}

gboolean on_join(Session *session, json_t *message, const Asked *asked, GError **error) {
    Service *service = session->service;
    const char *id = NULL;
    const Meeting *meeting = open_meeting(session, message, &id, error);
    if (meeting == NULL) return FALSE;
    if (meeting_phase(meeting) != MEETING_OPEN)
        return words_refuse(error, FAULT_CONFLICT, session->language, WORD_MEETING_NOT_OPEN);
    if (session->seat == 0)
        return words_refuse(error, FAULT_REFUSED, session->language, WORD_CONSOLE_NO_SEAT);
    if (!session->is_room && !console_may_join(session, id, error)) return FALSE;
    SeatState seat = meeting_seat(meeting, session->seat);
    json_t *command = join_command(session, message, &seat);
    if (command == NULL) {
        tell_joined(service, asked, id);
        return TRUE;
    }
    gboolean joins = strcmp(json_string_value(json_object_get(command, "t")), "join") == 0;
    Actor actor = { .role = joins ? ROLE_SYSTEM : ROLE_ROOM,
                    .seat = session->seat,
                    .name = session->name,
                    .language = session->language };
    Joining *joining = g_new0(Joining, 1);
    *joining = (Joining){ .service = service, .asked = *asked, .meeting = g_strdup(id) };
    gboolean good = office_command(service->office, id, &actor, command, on_joined, joining, error);
    json_decref(command);
    if (!good) {
        g_free(joining->meeting);
        g_free(joining);
    }
    return good;
}

gboolean on_attend(Session *session, json_t *message, const Asked *asked, GError **error) {
    const char *id = NULL;
    const Meeting *meeting = open_meeting(session, message, &id, error);
    if (meeting == NULL) return FALSE;
    gboolean moved = g_strcmp0(session->meeting, id) != 0;
    if (moved) legs_close_session_legs(session);
    g_autofree char *before = session->meeting;
    session->meeting = g_strdup(id);
    gint32 seat = meeting_chair_seat(meeting);
    if (session->role == ROLE_CHAIR && seat != 0) session->seat = seat;
    asked_ok(session->service, asked, NULL);
    broadcast_send_snapshot(session);
    speaking_send(session);
    load_send(session);
    broadcast_presence_changed(session->service, before);
    broadcast_presence_changed(session->service, id);
    return TRUE;
}

typedef struct {
    Service *service;
    Asked asked;
} Answering;

static void on_left(gpointer user, json_t *events, const GError *why) {
    (void)events;
    Answering *answering = user;
    if (why != NULL)
        asked_fault(answering->service, &answering->asked, why);
    else
        asked_ok(answering->service, &answering->asked, NULL);
    g_free(answering);
}

gboolean on_leave(Session *session, json_t *message, const Asked *asked, GError **error) {
    (void)message;
    Service *service = session->service;
    if (session->meeting == NULL) {
        asked_ok(service, asked, NULL);
        return TRUE;
    }
    gboolean has_seat = session->is_room || (session->seat != 0 && session->told_view != NULL);
    if (has_seat) {
        json_t *command = json_pack("{s:s, s:i}", "t", "leave", "seat", session->seat);
        Actor actor = { .role = ROLE_SYSTEM, .name = session->name, .language = session->language };
        Answering *answering = g_new0(Answering, 1);
        *answering = (Answering){ .service = service, .asked = *asked };
        gboolean good =
            office_command(service->office, session->meeting, &actor, command, on_left, answering, error);
        json_decref(command);
        if (!good) {
            g_free(answering);
            return FALSE;
        }
    } else {
        asked_ok(service, asked, NULL);
    }
    session_leave_meeting(session);
    broadcast_send_waiting(session, TRUE);
    return TRUE;
}

gboolean on_snapshot(Session *session, json_t *message, const Asked *asked, GError **error) {
    (void)message;
    if (session->meeting == NULL)
        return words_refuse(error, FAULT_CONFLICT, session->language, WORD_NO_MEETING);
    asked_ok(session->service, asked, NULL);
    broadcast_send_snapshot(session);
    return TRUE;
}
