/* session_hello.c -- the first message of a page: which of its cookies counts, whose seat it takes, which leg it still has. */
#include "signaling/protocol.h"
#include "signaling/session_broadcast.h"
#include "signaling/session_legs.h"
#include "signaling/session_load.h"

#include "config/log.h"

#include <string.h>

static gboolean page_is(const char *page, const char *a, const char *b) {
    return strcmp(page, a) == 0 || (b != NULL && strcmp(page, b) == 0);
}

/* A browser may hold a room's cookie and a user's: the page says as what it comes. */
static gboolean take_role(Session *session, const char *page, GError **error) {
    const Credentials *credentials = &session->credentials;
    Roster *roster = office_roster(session->service->office);
    Auth *auth = office_auth(session->service->office);
    gint64 now_ms = office_now_ms(session->service->office);
    /* Asked again: a login or link may have ended since the upgrade. */
    gboolean has_room = credentials->has_room && auth_identity_lives(auth, credentials->room_hash, now_ms);
    gboolean has_user = credentials->has_user && auth_identity_lives(auth, credentials->user_hash, now_ms);
    if (page_is(page, "room", "sim")) {
        const SeatRecord *seat = has_room ? roster_seat(roster, credentials->seat) : NULL;
        if (seat == NULL) return words_refuse(error, FAULT_REFUSED, session->language, WORD_ROOM_LINK_WRONG);
        session->is_room = TRUE;
        session->role = ROLE_ROOM;
        session->seat = seat->id;
        session->name = g_strdup(seat->code);
        return TRUE;
    }
    if (!page_is(page, "chair", "technician"))
        return words_refuse(error, FAULT_BAD_INPUT, session->language, WORD_COMMAND_MALFORMED, "page");
    if (!has_user) return words_refuse(error, FAULT_REFUSED, session->language, WORD_LOGIN_FIRST);
    session->role = credentials->user_role;
    session->name = g_strdup(credentials->user_name);
    /* The chair's console commands for the seat the chair sits in; other consoles sit nowhere. */
    if (session->role == ROLE_CHAIR) session->seat = roster_hall(roster);
    return TRUE;
}

typedef struct {
    gint32 seat;
    const Session *by; /* NULL: a WHIP client */
} Taking;

static void take_over(Session *other, gpointer user) {
    const Taking *taking = user;
    if (other == taking->by || other->seat != taking->seat) return;
    if (!other
             ->is_room) { /* a console that took part takes part no more, and can no longer leave for the seat */
        g_clear_pointer(&other->told_view, g_free);
        return;
    }
    gboolean same_page = taking->by != NULL && g_strcmp0(other->client, taking->by->client) == 0;
    log_info("seat.taken", "seat=%d from=%" G_GUINT64_FORMAT " by=%" G_GUINT64_FORMAT " same_page=%d",
             taking->seat, other->number, taking->by != NULL ? taking->by->number : 0, same_page);
    /* The same page with a new socket: its old one is a corpse that needs no words. */
    if (!same_page) session_push(other, json_pack("{s:s}", "t", "taken-over"), OUTBOX_CONTROL);
    session_close(other, same_page ? CLOSE_GOING_AWAY : CLOSE_TAKEN_OVER,
                  same_page ? "replaced" : "taken over");
}

void session_take_seat(Service *service, gint32 seat, const Session *by) {
    Taking taking = { .seat = seat, .by = by };
    session_each(service, take_over, &taking);
}

gboolean on_hello(Session *session, json_t *message, const Asked *asked, GError **error) {
    Service *service = session->service;
    session->language =
        language_from_text(json_string_value(json_object_get(message, "language")), session->language);
    if (session->said_hello) return words_refuse(error, FAULT_CONFLICT, session->language, WORD_HELLO_TWICE);
    const char *page = json_string_value(json_object_get(message, "page"));
    if (!take_role(session, page, error)) return FALSE;
    session->page = g_strdup(page);
    session->client = g_strdup(json_string_value(json_object_get(message, "client")));
    session->said_hello = TRUE;
    if (session->is_room) session_take_seat(service, session->seat, session);
    gint32 leg = (gint32)json_integer_value(json_object_get(message, "leg"));
    gboolean alive = leg > 0 && legs_claim(session, leg);
    /* After the claim: a leg adopted from the bridge has no page yet. */
    if (session->is_room) legs_replace_sender(service, session->seat, session->client);
    log_info("session.hello",
             "session=%" G_GUINT64_FORMAT " page=%s name=%s seat=%d address=%s leg=%d alive=%d",
             session->number, page, session->name, session->seat, session->credentials.address, leg, alive);
    json_t *answer = json_pack("{s:s, s:s, s:I, s:s, s:b}", "role", role_word(session->role), "server",
                               service->instance, "now_ms", (json_int_t)office_now_ms(service->office),
                               "time_zone", service->settings->meeting_time_zone, "leg_alive", alive);
    if (session->seat != 0) json_object_set_new(answer, "seat", json_integer(session->seat));
    asked_ok(service, asked, answer);
    broadcast_send_waiting(session, TRUE);
    load_send(session);
    return TRUE;
}
