/* session_speaking.c -- news of the bridge that are no state: who speaks, and alarms. See session_broadcast.h. */
#include "signaling/session_broadcast.h"

#include "config/log.h"

#include <string.h>

typedef struct {
    const char *meeting;
    GBytes *bytes;
    char *who; /* the seats without their levels */
} Speaking;

/* Consoles see levels move; a room is told when somebody else begins or stops: 200 rooms need no five messages a second. */
static void tell_speaking(Session *session, gpointer user) {
    const Speaking *speaking = user;
    if (g_strcmp0(session->meeting, speaking->meeting) != 0) return;
    if (session->is_room) {
        if (g_strcmp0(session->told_speaking, speaking->who) == 0) return;
        g_free(session->told_speaking);
        session->told_speaking = g_strdup(speaking->who);
    }
    session_push_bytes(session, speaking->bytes, OUTBOX_STATE);
}

void broadcast_speaking(Service *service, json_t *event) {
    Roster *roster = office_roster(service->office);
    json_t *seats = json_array();
    g_autoptr(GString) who = g_string_new(NULL);
    gsize index;
    json_t *row;
    json_array_foreach(json_object_get(event, "seats"), index, row) {
        gint32 id = (gint32)json_integer_value(json_object_get(row, "seat"));
        const SeatRecord *seat = roster_seat(roster, id);
        if (seat == NULL) continue;
        json_array_append_new(seats, json_pack("{s:i, s:s, s:O?}", "seat", id, "label", seat->label, "level",
                                               json_object_get(row, "level")));
        g_string_append_printf(who, "%d,", id);
    }
    json_t *message = json_pack("{s:s, s:o}", "t", "speaking", "seats", seats);
    char *text = json_dumps(message, JSON_COMPACT);
    json_decref(message);
    Speaking speaking = { .meeting = json_string_value(json_object_get(event, "meeting")),
                          .bytes = g_bytes_new_take(text, strlen(text)),
                          .who = who->str };
    session_each(service, tell_speaking, &speaking);
    g_bytes_unref(speaking.bytes);
}

typedef struct {
    const char *code, *text;
} Alarm;

static void tell_alarm(Session *session, gpointer user) {
    const Alarm *alarm = user;
    if (session->role != ROLE_TECHNICIAN && session->role != ROLE_ADMIN) return;
    session_push(session,
                 json_pack("{s:s, s:s, s:s}", "t", "alarm", "code", alarm->code, "text", alarm->text),
                 OUTBOX_CONTROL);
}

void broadcast_alarm(Service *service, const char *code, const char *text) {
    log_warn("alarm", "code=%s text=\"%s\"", code, text);
    Alarm alarm = { .code = code, .text = text };
    session_each(service, tell_alarm, &alarm);
}
