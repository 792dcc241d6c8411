/* session_join.c -- into a meeting and out of it: rooms join, consoles attend. */
#include "signaling/protocol.h"
#include "signaling/session_broadcast.h"
#include "signaling/session_legs.h"

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

/* The join is committed: now the page is told and its view follows. */
static void on_joined(gpointer user, json_t *events, const GError *why) {
    (void)events;
    Joining *joining = user;
    Session *session = session_find(joining->service, joining->asked.session);
    if (why != NULL) {
        asked_fault(joining->service, &joining->asked, why);
    } else if (session != NULL) {
        if (session->is_room) {
            g_free(session->meeting);
            session->meeting = g_strdup(joining->meeting);
        }
        asked_ok(joining->service, &joining->asked, json_pack("{s:i}", "seat", session->seat));
        broadcast_send_room_view(session, TRUE);
    }
    g_free(joining->meeting);
    g_free(joining);
}

static void is_used(Session *other, gpointer user) {
    const Session **session = user;
    if (other->is_room && *session != NULL && other->seat == (*session)->seat) *session = NULL;
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
    if (!session->is_room) {
        const Session *free_seat = session;
        session_each(service, is_used, &free_seat);
        if (free_seat == NULL)
            return words_refuse(error, FAULT_CONFLICT, session->language, WORD_CONSOLE_SEAT_USED);
        if (g_strcmp0(session->meeting, id) != 0)
            return words_refuse(error, FAULT_CONFLICT, session->language, WORD_CONSOLE_ATTEND_FIRST);
    }
    json_t *command = json_pack("{s:s, s:i, s:b, s:b}", "t", "join", "seat", session->seat, "microphone",
                                json_is_true(json_object_get(message, "microphone")), "camera",
                                json_is_true(json_object_get(message, "camera")));
    Actor actor = {
        .role = ROLE_SYSTEM, .seat = session->seat, .name = session->name, .language = session->language
    };
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

static void forget_meeting(Session *session) {
    legs_close_session_legs(session);
    g_clear_pointer(&session->meeting, g_free);
    g_clear_pointer(&session->told_view, g_free);
    session->told_floor = FALSE;
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
    forget_meeting(session);
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
