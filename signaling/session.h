/* session.h -- one WebSocket of a page: who it is, what it watches, its outbox. server_ws.c feeds it and sends what it has;
 * requests are dispatched by protocol.c. A session never owns media: its legs live on when the socket is lost.
 * Between parts travel session numbers, not pointers: looking one up and finding nobody is normal. Thread: server. */
#pragma once

#include "signaling/auth.h"
#include "signaling/outbox.h"
#include "signaling/service.h"

enum {
    SESSION_MESSAGE_BYTES_MAX = 64 * 1024,
    SESSION_MESSAGES_PER_S_MAX = 60, /* of a room; a console may act on two hundred rooms at once */
    CONSOLE_MESSAGES_PER_S_MAX = 400,
    SESSION_SILENT_US = 10 * G_USEC_PER_SEC, /* from the upgrade to the first message of a page */
    CLOSE_GOING_AWAY = 1001,
    CLOSE_TOO_BIG = 1009,
    CLOSE_TAKEN_OVER = 4001,
    CLOSE_LOGGED_OUT = 4003,
    CLOSE_BAD_PROTOCOL = 4004, /* too many messages that make no sense, or none at all */
    CLOSE_TOO_SLOW = 4008,
};

/* What the cookies of the upgrade said; a browser may hold both. hash all zero: absent. */
typedef struct {
    gboolean has_user, has_room;
    guint8 user_hash[TOKEN_HASH_BYTES], room_hash[TOKEN_HASH_BYTES];
    Role user_role;
    char user_name[80];
    gint32 seat;
    char address[48];
} Credentials;

/* How a session reaches its socket; server_ws.c fills it. */
typedef struct {
    void (*ask_writable)(gpointer socket);                          /* session_next() will be called, later */
    void (*close)(gpointer socket, guint code, const char *reason); /* later, from the loop; never at once */
} SocketPort;

typedef struct Session {
    guint64 number;
    Service *service;
    Credentials credentials;
    Outbox *outbox;
    const SocketPort *port; /* NULL once the socket is gone or closing */
    gpointer socket;

    gboolean said_hello;
    gint64 made_us;
    gboolean is_room; /* room or simulator; else a console */
    Role role;
    gint32 seat; /* a room's own, or the seat a console is attached to; 0 = none */
    char *name;  /* user's name or seat's code, for the log */
    char *client;
    char *page;
    Language language;
    char *meeting;    /* NULL: in none */
    guint n_bad;      /* messages that made no sense */
    gint64 second_us; /* start of the second that n_in_second counts */
    guint n_in_second;

    /* what was told last, so that nothing is told twice */
    char *told_view, *told_waiting, *told_meetings;
    guint64 told_speaking; /* number of the company; session_speaking.c */
    gboolean told_floor;
} Session;

SessionTable *session_table_new(void);
void session_table_free(SessionTable *table);

Session *session_new(Service *service, const Credentials *credentials, const SocketPort *port,
                     gpointer socket);
void session_gone(Session *session); /* the socket is closed: forgets and frees it */
void session_receive(Session *session, const char *text, gsize n_bytes);
GBytes *session_next(Session *session); /* what to send now (transfer full), NULL: nothing */

Session *session_find(Service *service, guint64 number); /* NULL when gone */
guint session_count(Service *service, gboolean rooms);
/* Out of its meeting: its legs end, and what it was told of it is forgotten. */
void session_leave_meeting(Session *session);
/* Calls func for every session that said hello; func may close sessions. */
void session_each(Service *service, void (*func)(Session *session, gpointer user), gpointer user);

/* ---- telling ---- */
void session_push(Session *session, json_t *message, OutboxKind kind); /* takes message */
void session_push_bytes(Session *session, GBytes *bytes, OutboxKind kind);
void session_close(Session *session, guint code, const char *reason);

/* ---- answering a request: by number, because the answer may come when the page has gone. Each request exactly once ---- */
typedef struct {
    guint64 session;
    json_int_t id;
    gint64 asked_us;
} Asked;
void asked_ok(Service *service, const Asked *asked, json_t *fields); /* takes fields; NULL: none */
void asked_fault(Service *service, const Asked *asked, const GError *why);
void asked_note_commit(Service *service, const Asked *asked); /* it waited for a commit that has come */

Actor session_actor(const Session *session);
/* A page, or a WHIP client (NULL), takes the seat: other pages of it are told and closed. session_hello.c */
void session_take_seat(Service *service, gint32 seat, const Session *by);
const guint8 *session_login(const Session *session); /* hash of the login or link it came by */
void session_close_silent(Service *service);         /* sockets that have said nothing for too long */
/* ---- session_logins.c ---- */
/* Closes the sessions and the legs whose login, link or bearer has ended. */
void session_check_logins(Service *service);
/* Every few seconds: logins and bearers that are in use in an open meeting are prolonged, the others checked. */
void session_review_logins(Service *service);
