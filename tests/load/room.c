/* room.c -- see room.h. Requests carry small numbers of their own meaning (REQUEST_*): at most one of each is under way. */
#include "tests/load/room.h"

#include "config/log.h"
#include "tests/load/janus_room.h"

#include <string.h>

enum {
    REQUEST_HELLO = 1,
    REQUEST_JOIN,
    REQUEST_OPEN,
    REQUEST_ANSWER,
    REQUEST_PING,
    REQUEST_LAYOUT,
    REQUEST_RESTART
};
enum {
    CLOSED_TAKEN_OVER = 4001,
    CLOSED_REVOKED = 4003,
    DEAD_US = 15 * G_USEC_PER_SEC,
    ASK_AGAIN_US = 1500 * 1000,
    PING_US = 8 * G_USEC_PER_SEC, /* as the page does: a dead line is not told by the socket for minutes */
    PONG_US = 4 * G_USEC_PER_SEC,
    ANSWER_US = 300 * 1000,
    ALIVE_US = 1000 * 1000,
    RESTART_AGAIN_US = 5 * G_USEC_PER_SEC
};

struct Room {
    RoomSettings settings;
    char *token, *meeting, *layout;
    RoomEvents events;
    gpointer user;
    JanusRoom *janus; /* speaks instead of us; NULL: our own server */
    WebClient *web;
    RoomState state;
    char *cookie, *client, *trouble;
    gint leg; /* 0: none */
    gboolean joining, leg_asked, restarting, web_dead;
    gint64 due_us, now_us, started_us, leg_due_us, heard_us, ping_us;
    gint64 deaf_us, alive_us,
        restart_us; /* deaf since, the server answered while deaf, the last restart; 0: no */
    guint n_failures, n_returns;
};

static const gint64 PAUSES_US[] = { 200 * 1000, 500 * 1000, 1000 * 1000, 2000 * 1000 };

RoomState room_state(const Room *room) {
    return room->janus != NULL ? janus_room_state(room->janus) : room->state;
}
gboolean room_has_control(const Room *room) {
    gboolean waits = room->ping_us > room->heard_us && room->now_us - room->ping_us > ANSWER_US;
    return room_state(room) == ROOM_JOINED && !waits;
}

const char *room_trouble(const Room *room) {
    return room->janus != NULL ? janus_room_trouble(room->janus) : room->trouble;
}
guint room_n_returns(const Room *room) {
    return room->janus != NULL ? janus_room_n_returns(room->janus) : room->n_returns;
}
gint64 room_started_us(const Room *room) {
    return room->janus != NULL ? janus_room_started_us(room->janus) : room->started_us;
}

static void set_trouble(Room *room, const char *text) {
    g_free(room->trouble);
    room->trouble = g_strdup(text);
}

static void send_json(Room *room, json_t *message) {
    char *text = json_dumps(message, JSON_COMPACT);
    web_client_send(room->web, text);
    free(text);
    json_decref(message);
}

static void come_back_later(Room *room) {
    gint64 pause_us = PAUSES_US[MIN(room->n_failures, G_N_ELEMENTS(PAUSES_US) - 1)];
    room->n_failures++;
    room->state = ROOM_AWAY;
    room->joining = room->leg_asked = room->restarting = FALSE;
    room->deaf_us = room->alive_us = 0;
    room->due_us = room->now_us + pause_us + g_random_int_range(0, (gint32)pause_us);
}

static void end(Room *room, const char *why) {
    set_trouble(room, why);
    if (room->state == ROOM_ENDED) return;
    room->state = ROOM_ENDED;
    room->leg = 0;
    room->events.left(room->user);
}

/* ---- requests ---- */

static void hello(Room *room) {
    json_t *message =
        json_pack("{s:s, s:i, s:s, s:s, s:s}", "t", "hello", "id", REQUEST_HELLO, "client", room->client,
                  "page", room->settings.console != NULL ? "technician" : "sim", "language", "vi");
    if (room->leg != 0) json_object_set_new(message, "leg", json_integer(room->leg));
    send_json(room, message);
}

static void join(Room *room, const char *meeting) {
    if (room->joining || room->state == ROOM_JOINED) return;
    room->joining = TRUE;
    if (room->settings.console != NULL) {
        send_json(room, json_pack("{s:s, s:i, s:s}", "t", "attend", "id", REQUEST_JOIN, "meeting", meeting));
        return;
    }
    send_json(room, json_pack("{s:s, s:i, s:s, s:b, s:b}", "t", "join", "id", REQUEST_JOIN, "meeting",
                              meeting, "microphone", 1, "camera", 1));
}

static void open_leg(Room *room) {
    room->leg_due_us = 0;
    if (room->leg_asked || room->leg != 0 || room->state != ROOM_JOINED) return;
    room->leg_asked = TRUE;
    if (room->settings.console != NULL) {
        if (strcmp(room->settings.console, "none") == 0) return;
        send_json(room, json_pack("{s:s, s:i, s:s, s:s, s:b}", "t", "leg.open", "id", REQUEST_OPEN, "way",
                                  "receive", "view", room->settings.console, "hears", 0));
        return;
    }
    send_json(room, json_pack("{s:s, s:i, s:s, s:s}", "t", "leg.open", "id", REQUEST_OPEN, "way", "duplex",
                              "view", "program"));
}

static void direct(Room *room) {
    if (room->layout == NULL) return;
    send_json(room,
              json_pack("{s:s, s:i, s:s}", "t", "layout", "id", REQUEST_LAYOUT, "layout", room->layout));
}

void room_answer(Room *room, gint leg, const char *sdp) {
    if (room->janus != NULL) {
        janus_room_describe(room->janus, sdp);
        return;
    }
    send_json(room, json_pack("{s:s, s:i, s:i, s:s}", "t", "leg.answer", "id", REQUEST_ANSWER, "leg", leg,
                              "sdp", sdp));
}

void room_new_leg(Room *room, gint64 now_us) {
    if (room->janus != NULL) janus_room_again(room->janus, now_us);
    room->leg = 0;
    room->leg_due_us = now_us + 300 * 1000 + g_random_int_range(0, 300 * 1000);
}

/* ---- answers ---- */

static void on_ok(Room *room, json_t *message) {
    const char *sdp;
    switch (json_integer_value(json_object_get(message, "re"))) {
    case REQUEST_HELLO:
        room->n_failures = 0;
        room->state = ROOM_WAITING;
        if (room->leg != 0 && !json_is_true(json_object_get(message, "leg_alive"))) {
            room->leg = 0;
            room->events.media_lost(room->user);
        }
        break;
    case REQUEST_JOIN:
        room->joining = FALSE;
        room->state = ROOM_JOINED;
        direct(room);
        open_leg(room);
        break;
    case REQUEST_OPEN:
        room->leg_asked = FALSE;
        sdp = json_string_value(json_object_get(message, "sdp"));
        if (sdp == NULL) break;
        room->leg = (gint)json_integer_value(json_object_get(message, "leg"));
        room->events.offer(room->user, room->leg, sdp);
        break;
    case REQUEST_RESTART:
        room->restarting = FALSE;
        sdp = json_string_value(json_object_get(message, "sdp"));
        if (sdp != NULL && room->leg != 0) room->events.restarted(room->user, room->leg, sdp);
        break;
    default: break;
    }
}

static void on_fault(Room *room, json_t *message) {
    const char *text = json_string_value(json_object_get(message, "text"));
    guint re = (guint)json_integer_value(json_object_get(message, "re"));
    set_trouble(room, text != NULL ? text : "refused");
    log_warn("room.fault", "number=%u request=%u text=%s", room->settings.number, re, room->trouble);
    if (re == REQUEST_HELLO) end(room, room->trouble);
    if (re == REQUEST_JOIN) room->joining = FALSE;
    if (re == REQUEST_OPEN) room->leg_asked = FALSE;
    if (re == REQUEST_RESTART) room->restarting = FALSE;
    if (re == REQUEST_ANSWER || re == REQUEST_RESTART) room->events.media_lost(room->user);
    if (re == REQUEST_OPEN || re == REQUEST_ANSWER || re == REQUEST_RESTART) {
        room->leg = 0;
        room->leg_due_us = room->now_us + ASK_AGAIN_US;
    }
}

/* ---- pushes ---- */

static void on_waiting(Room *room, json_t *message) {
    json_t *meeting;
    size_t i;
    json_array_foreach(json_object_get(message, "meetings"), i, meeting) {
        const char *id = json_string_value(json_object_get(meeting, "id"));
        if (id == NULL || g_strcmp0(json_string_value(json_object_get(meeting, "state")), "open") != 0)
            continue;
        if (room->meeting != NULL && strcmp(room->meeting, id) != 0) continue;
        join(room, id);
        return;
    }
}

static guint number_of(json_t *entry, const char *key) {
    return (guint)CLAMP(json_integer_value(json_object_get(entry, key)), 0, G_MAXINT32);
}

static void on_needs(Room *room, json_t *message) {
    json_t *entry;
    size_t i;
    json_array_foreach(json_object_get(message, "rids"), i, entry) {
        const char *rid = json_string_value(json_object_get(entry, "rid"));
        LayerWish wish = { json_is_true(json_object_get(entry, "active")), number_of(entry, "width"),
                           number_of(entry, "height"), number_of(entry, "fps"), number_of(entry, "max_bps") };
        if (rid != NULL) room->events.need(room->user, rid, &wish);
    }
}

/* Unless it is old news from before the line came back: then a restart would change nothing. */
static void restart_ice(Room *room) {
    if (room->leg == 0 || room->restarting || !room->events.is_silent(room->user)) return;
    room->restarting = TRUE;
    room->restart_us = room->now_us;
    send_json(room,
              json_pack("{s:s, s:i, s:i}", "t", "leg.restart", "id", REQUEST_RESTART, "leg", room->leg));
}

static void on_push(Room *room, const char *name, json_t *message) {
    if (strcmp(name, "waiting") == 0 || (room->settings.console != NULL && strcmp(name, "meetings") == 0)) {
        on_waiting(room, message);
    } else if (strcmp(name, "needs") == 0) {
        on_needs(room, message);
    } else if (strcmp(name, "room") == 0) {
        const char *layout =
            json_string_value(json_object_get(json_object_get(message, "meeting"), "layout"));
        if (layout != NULL) room->events.layout(room->user, layout);
    } else if (strcmp(name, "restart-ice") == 0) {
        restart_ice(room);
    } else if (strcmp(name, "media-lost") == 0) {
        room->leg = 0;
        room->events.media_lost(room->user);
        room->leg_due_us = room->now_us + g_random_int_range(0, 200 * 1000);
    } else if (strcmp(name, "ended") == 0 || strcmp(name, "removed") == 0) {
        room->state = ROOM_WAITING;
        room->leg = 0;
        room->events.left(room->user);
    } else if (strcmp(name, "taken-over") == 0) {
        end(room, "another page took the seat");
    }
}

static void on_message(gpointer user, const char *text, gsize n_bytes) {
    Room *room = user;
    json_t *message = json_loadb(text, n_bytes, JSON_REJECT_DUPLICATES, NULL);
    const char *name = json_string_value(json_object_get(message, "t"));
    room->heard_us = room->now_us;
    if (name == NULL)
        log_warn("room.garbled", "number=%u", room->settings.number);
    else if (strcmp(name, "ok") == 0)
        on_ok(room, message);
    else if (strcmp(name, "fault") == 0)
        on_fault(room, message);
    else
        on_push(room, name, message);
    json_decref(message);
}

/* ---- the connection ---- */

static void on_answered(gpointer user, guint status, const char *cookie, const char *body) {
    Room *room = user;
    if (status == 200 && *cookie != '\0') {
        g_free(room->cookie);
        room->cookie = g_strdup(cookie);
        web_client_open(room->web, "/ws", "diemcau.v1", room->cookie);
        return;
    }
    log_warn("room.refused", "number=%u status=%u body=%.160s", room->settings.number, status, body);
    set_trouble(room, body);
    room->web_dead = TRUE;
    if (status == 403)
        end(room, body);
    else
        come_back_later(room);
}

static void on_opened(gpointer user) { hello(user); }

static void on_closed(gpointer user, guint code, const char *why) {
    Room *room = user;
    room->web_dead = TRUE;
    if (room->state == ROOM_ENDED) return;
    set_trouble(room, why);
    if (code == CLOSED_TAKEN_OVER || code == CLOSED_REVOKED)
        end(room, why);
    else
        come_back_later(room);
}

Room *room_new(const RoomSettings *settings, const RoomEvents *events, gpointer user) {
    Room *room = g_new0(Room, 1);
    room->settings = *settings;
    room->token = g_strdup(settings->token);
    room->meeting = g_strdup(settings->meeting);
    room->layout = g_strdup(settings->layout);
    room->events = *events;
    room->user = user;
    room->state = ROOM_AWAY;
    room->client = g_strdup_printf("sim-%08x%08x", g_random_int(), g_random_int());
    room->trouble = g_strdup("");
    room->due_us = G_MAXINT64;
    if (settings->janus != JANUS_NONE) room->janus = janus_room_new(settings, events, user);
    return room;
}

void room_free(Room *room) {
    if (room == NULL) return;
    janus_room_free(room->janus);
    web_client_free(room->web);
    g_free(room->token);
    g_free(room->meeting);
    g_free(room->layout);
    g_free(room->cookie);
    g_free(room->client);
    g_free(room->trouble);
    g_free(room);
}

void room_start(Room *room, gint64 now_us) {
    room->due_us = room->started_us = now_us;
    if (room->janus != NULL) janus_room_start(room->janus, now_us);
}

static void connect_now(Room *room) {
    static const WebEvents EVENTS = { on_answered, on_opened, on_message, on_closed };
    room->due_us = G_MAXINT64;
    room->state = ROOM_ENTERING;
    room->web_dead = FALSE;
    room->heard_us = room->ping_us = room->now_us;
    web_client_free(room->web);
    room->web = web_client_new(room->settings.address, &EVENTS, room);
    if (room->cookie != NULL) {
        room->n_returns++;
        web_client_open(room->web, "/ws", "diemcau.v1", room->cookie);
        return;
    }
    json_t *body = json_pack("{s:s}", "token", room->token);
    char *text = json_dumps(body, JSON_COMPACT);
    web_client_post(room->web, room->settings.console != NULL ? "/api/v1/login" : "/api/v1/room", text);
    free(text);
    json_decref(body);
}

/* The line gives no sign of life: another connection. */
static void drop_dead_line(Room *room, const char *why) {
    room->web_dead = TRUE;
    set_trouble(room, why);
    come_back_later(room);
}

static void ping(Room *room) {
    if (room->ping_us > room->heard_us && room->now_us - room->ping_us > PONG_US) {
        drop_dead_line(room, "a ping stays unanswered");
    } else if (room->now_us - MAX(room->ping_us, room->heard_us) > PING_US) {
        room->ping_us = room->now_us;
        send_json(room, json_pack("{s:s, s:i}", "t", "ping", "id", REQUEST_PING));
    }
}

/* As a page does whose network has changed: the server answers and media does not come. */
static void listen_for_media(Room *room) {
    if (room->leg == 0 || !room->events.is_deaf(room->user)) {
        room->deaf_us = room->alive_us = 0;
    } else if (room->deaf_us == 0) {
        room->deaf_us = room->ping_us = room->now_us;
        send_json(room, json_pack("{s:s, s:i}", "t", "ping", "id", REQUEST_PING));
    } else if (room->alive_us == 0) {
        if (room->heard_us > room->deaf_us) room->alive_us = room->heard_us;
    } else if (room->now_us - room->alive_us > ALIVE_US &&
               room->now_us - room->restart_us > RESTART_AGAIN_US) {
        restart_ice(room);
    }
}

/* A connection under way may be one whose first packet was lost: TCP sends it again after 1, 3 and 7 s. */
void room_poke(Room *room, gint64 now_us) {
    if (room->janus != NULL) return;
    room->now_us = now_us;
    if (room->state == ROOM_ENTERING && !room->web_dead && now_us - room->heard_us > ANSWER_US)
        drop_dead_line(room, "the network is back");
    if (room->state == ROOM_AWAY && room->started_us != 0) room->due_us = now_us;
}

void room_tick(Room *room, gint64 now_us) {
    room->now_us = now_us;
    if (room->janus != NULL) {
        janus_room_tick(room->janus, now_us);
        return;
    }
    if (room->state == ROOM_AWAY && now_us >= room->due_us) connect_now(room);
    if (room->web == NULL || room->web_dead) return;
    if (room->state == ROOM_JOINED && room->leg_due_us != 0 && now_us >= room->leg_due_us) open_leg(room);
    web_client_turn(room->web);
    if (!room->web_dead && room->state == ROOM_ENTERING && now_us - room->heard_us > DEAD_US)
        drop_dead_line(room, "no answer for 15 s");
    if (!room->web_dead && (room->state == ROOM_JOINED || room->state == ROOM_WAITING)) ping(room);
    if (!room->web_dead && room->state == ROOM_JOINED) listen_for_media(room);
}
