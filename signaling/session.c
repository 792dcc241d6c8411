/* session.c -- the table of sessions, their outboxes and answers; see session.h. */
#include "signaling/session.h"

#include "config/fields.h"
#include "config/log.h"
#include "signaling/protocol.h"
#include "signaling/session_broadcast.h"
#include "signaling/session_legs.h"
#include "signaling/session_speaking.h"

#include <string.h>

enum { BAD_MESSAGES_MAX = 20 };

struct SessionTable {
    GHashTable *by_number; /* guint64* -> Session */
    guint64 n_made;
};

SessionTable *session_table_new(void) {
    SessionTable *table = g_new0(SessionTable, 1);
    table->by_number = g_hash_table_new(g_int64_hash, g_int64_equal);
    return table;
}

static void session_free(Session *session) {
    outbox_free(session->outbox);
    char *texts[] = { session->name,      session->client,       session->page,         session->meeting,
                      session->told_view, session->told_waiting, session->told_meetings };
    for (guint i = 0; i < G_N_ELEMENTS(texts); i++) g_free(texts[i]);
    g_free(session);
}

void session_table_free(SessionTable *table) {
    if (table == NULL) return;
    g_autoptr(GList) all = g_hash_table_get_values(table->by_number);
    for (GList *at = all; at != NULL; at = at->next) session_free(at->data);
    g_hash_table_unref(table->by_number);
    g_free(table);
}

Session *session_new(Service *service, const Credentials *credentials, const SocketPort *port,
                     gpointer socket) {
    Session *session = g_new0(Session, 1);
    session->number = ++service->sessions->n_made;
    session->service = service;
    session->credentials = *credentials;
    session->outbox = outbox_new(OUTBOX_BYTES_MAX);
    session->port = port;
    session->socket = socket;
    session->language = service_language(service);
    session->made_us = reactor_now_us();
    g_hash_table_insert(service->sessions->by_number, &session->number, session);
    service->stats.ws_opened++;
    return session;
}

void session_gone(Session *session) {
    if (session == NULL) return;
    session->port = NULL;
    g_hash_table_remove(session->service->sessions->by_number, &session->number);
    if (session->said_hello) {
        log_info("session.gone", "session=%" G_GUINT64_FORMAT " page=%s name=%s", session->number,
                 session->page, session->name);
        legs_session_gone(session);
        broadcast_presence_changed(session->service, session->meeting);
    }
    session_free(session);
}

Session *session_find(Service *service, guint64 number) {
    return g_hash_table_lookup(service->sessions->by_number, &number);
}

guint session_count(Service *service, gboolean rooms) {
    guint n = 0;
    GHashTableIter iter;
    gpointer value;
    g_hash_table_iter_init(&iter, service->sessions->by_number);
    while (g_hash_table_iter_next(&iter, NULL, &value)) {
        const Session *session = value;
        if (session->said_hello && session->is_room == rooms) n++;
    }
    return n;
}

void session_each(Service *service, void (*func)(Session *session, gpointer user), gpointer user) {
    g_autoptr(GList) all = g_hash_table_get_values(service->sessions->by_number);
    for (GList *at = all; at != NULL; at = at->next) {
        Session *session = at->data;
        if (session->said_hello && session->port != NULL) func(session, user);
    }
}

const guint8 *session_login(const Session *session) {
    return session->is_room ? session->credentials.room_hash : session->credentials.user_hash;
}

void session_close_silent(Service *service) {
    gint64 since_us = reactor_now_us() - SESSION_SILENT_US;
    g_autoptr(GList) all = g_hash_table_get_values(service->sessions->by_number);
    for (GList *at = all; at != NULL; at = at->next) {
        Session *session = at->data;
        if (!session->said_hello && session->made_us < since_us)
            session_close(session, CLOSE_BAD_PROTOCOL, "no hello");
    }
}

void session_leave_meeting(Session *session) {
    legs_close_session_legs(session);
    g_clear_pointer(&session->meeting, g_free);
    g_clear_pointer(&session->told_view, g_free);
    session->told_speaking = 0;
    session->told_floor = FALSE;
}

void session_close(Session *session, guint code, const char *reason) {
    if (session->port == NULL) return;
    const SocketPort *port = session->port;
    session->port = NULL;
    port->close(session->socket, code, reason);
}

void session_push_bytes(Session *session, GBytes *bytes, OutboxKind kind) {
    if (session->port == NULL) return;
    if (!outbox_put(session->outbox, bytes, kind)) {
        session->service->stats.ws_too_slow++;
        log_warn("session.too-slow", "session=%" G_GUINT64_FORMAT " waiting=%zu", session->number,
                 outbox_n_bytes(session->outbox));
        session_close(session, CLOSE_TOO_SLOW, "too slow");
        return;
    }
    session->port->ask_writable(session->socket);
}

void session_push(Session *session, json_t *message, OutboxKind kind) {
    char *text = json_dumps(message, JSON_COMPACT);
    json_decref(message);
    g_autoptr(GBytes) bytes = g_bytes_new_take(text, strlen(text));
    session_push_bytes(session, bytes, kind);
}

GBytes *session_next(Session *session) {
    GBytes *message = outbox_take(session->outbox);
    if (message != NULL) session->service->stats.ws_bytes_out += g_bytes_get_size(message);
    if (outbox_wants_snapshot(session->outbox)) {
        broadcast_send_snapshot(session);
        speaking_send(session);
    }
    return message;
}

void asked_ok(Service *service, const Asked *asked, json_t *fields) {
    Session *session = session_find(service, asked->session);
    json_t *answer = json_pack("{s:s, s:I}", "t", "ok", "re", asked->id);
    if (fields != NULL) {
        json_object_update(answer, fields);
        json_decref(fields);
    }
    if (session == NULL)
        json_decref(answer);
    else
        session_push(session, answer, OUTBOX_CONTROL);
}

void asked_fault(Service *service, const Asked *asked, const GError *why) {
    Session *session = session_find(service, asked->session);
    service->stats.commands_refused++;
    if (session == NULL) return;
    session_push(session,
                 json_pack("{s:s, s:I, s:s, s:s}", "t", "fault", "re", asked->id, "code", fault_word(why),
                           "text", why->message),
                 OUTBOX_CONTROL);
}

/* A message that cannot even be answered by its id still gets an answer: re 0. */
static void bad_message(Session *session, json_int_t id, const GError *why) {
    Asked asked = { .session = session->number, .id = id };
    asked_fault(session->service, &asked, why);
    if (++session->n_bad > BAD_MESSAGES_MAX) {
        log_warn("session.bad-protocol", "session=%" G_GUINT64_FORMAT " address=%s", session->number,
                 session->credentials.address);
        session_close(session, CLOSE_BAD_PROTOCOL, "too many malformed messages");
    }
}

/* One page must not keep the store and all the others busy: more in a second than any page needs is refused. */
static gboolean too_fast(Session *session) {
    gint64 now_us = reactor_now_us();
    if (now_us - session->second_us >= G_USEC_PER_SEC) {
        session->second_us = now_us;
        session->n_in_second = 0;
    }
    return ++session->n_in_second >
           (session->is_room ? SESSION_MESSAGES_PER_S_MAX : CONSOLE_MESSAGES_PER_S_MAX);
}

void asked_note_commit(Service *service, const Asked *asked) {
    gint64 waited_us = reactor_now_us() - asked->asked_us;
    service->stats.n_commits++;
    service->stats.commit_us_sum += (guint64)waited_us;
    service->stats.commit_us_max = MAX(service->stats.commit_us_max, waited_us);
}

void session_receive(Session *session, const char *text, gsize n_bytes) {
    Service *service = session->service;
    service->stats.ws_messages++;
    if (session->port == NULL) return; /* closing: what still arrives was sent before the page knew */
    g_autoptr(GError) error = NULL;
    json_t *message = fields_parse_object(text, n_bytes, SESSION_MESSAGE_BYTES_MAX, &error);
    if (message == NULL) {
        bad_message(session, 0, error);
        return;
    }
    json_int_t id = json_integer_value(json_object_get(message, "id"));
    Asked asked = { .session = session->number, .id = id, .asked_us = reactor_now_us() };
    if (too_fast(session)) {
        words_refuse(&error, FAULT_BUSY, session->language, WORD_TOO_FAST);
        asked_fault(service, &asked, error);
    } else if (!protocol_dispatch(session, message, &asked, &error)) {
        if (g_error_matches(error, FAULT, FAULT_BAD_INPUT))
            bad_message(session, id, error);
        else
            asked_fault(service, &asked, error);
    }
    json_decref(message);
}

Actor session_actor(const Session *session) {
    return (Actor){
        .role = session->role, .seat = session->seat, .name = session->name, .language = session->language
    };
}
