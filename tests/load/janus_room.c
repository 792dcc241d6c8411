/* janus_room.c -- see janus_room.h. One WebSocket, one session and one handle per endpoint, as a page would have them. The
 * transaction of a request is its name, so that an answer says what it answers. */
#include "tests/load/janus_room.h"

#include "config/log.h"

#include <string.h>

enum {
    KEEPALIVE_US = 25 * G_USEC_PER_SEC, /* Janus forgets a session after 60 s */
    AGAIN_US = 500 * 1000,
    DEAD_US = 20 * G_USEC_PER_SEC,
};

struct JanusRoom {
    RoomSettings settings;
    RoomEvents events;
    gpointer user;
    WebClient *web;
    RoomState state;
    char *trouble;
    json_int_t session, handle;
    gboolean web_dead;
    gint leg;
    guint n_returns;
    gint64 now_us, started_us, due_us, join_due_us, keepalive_due_us, heard_us;
};

static const char *const PLUGINS[] = {
    [JANUS_AUDIO] = "janus.plugin.audiobridge",
    [JANUS_PUBLISH] = "janus.plugin.videoroom",
    [JANUS_SUBSCRIBE] = "janus.plugin.videoroom",
};

RoomState janus_room_state(const JanusRoom *room) { return room->state; }
const char *janus_room_trouble(const JanusRoom *room) { return room->trouble; }
guint janus_room_n_returns(const JanusRoom *room) { return room->n_returns; }
gint64 janus_room_started_us(const JanusRoom *room) { return room->started_us; }

/* ---- requests ---- */

/* message: consumed */
static void send_request(JanusRoom *room, const char *what, json_t *message) {
    json_object_set_new(message, "transaction", json_string(what));
    if (room->session != 0) json_object_set_new(message, "session_id", json_integer(room->session));
    if (room->handle != 0) json_object_set_new(message, "handle_id", json_integer(room->handle));
    char *text = json_dumps(message, JSON_COMPACT);
    web_client_send(room->web, text);
    free(text);
    json_decref(message);
}

static void ask_plugin(JanusRoom *room, const char *what, json_t *body, json_t *jsep) {
    json_t *message = json_pack("{s:s, s:o}", "janus", "message", "body", body);
    if (jsep != NULL) json_object_set_new(message, "jsep", jsep);
    send_request(room, what, message);
}

static void join(JanusRoom *room) {
    json_t *body = json_pack("{s:s, s:i}", "request", "join", "room", JANUS_ROOM);
    g_autofree char *display = g_strdup_printf("room-%u", room->settings.number);
    room->join_due_us = 0;
    if (room->settings.janus == JANUS_AUDIO) {
        json_object_set_new(body, "display", json_string(display));
        json_object_set_new(body, "generate_offer", json_true());
    } else if (room->settings.janus == JANUS_PUBLISH) {
        json_object_set_new(body, "ptype", json_string("publisher"));
        json_object_set_new(body, "id", json_integer(JANUS_FEED));
        json_object_set_new(body, "display", json_string(display));
    } else {
        json_object_set_new(body, "ptype", json_string("subscriber"));
        json_object_set_new(body, "streams", json_pack("[{s:i}]", "feed", JANUS_FEED));
    }
    ask_plugin(room, "join", body, NULL);
}

void janus_room_describe(JanusRoom *room, const char *sdp) {
    static const struct {
        const char *request, *type;
    } WORDS[] = { [JANUS_AUDIO] = { "configure", "answer" },
                  [JANUS_PUBLISH] = { "publish", "offer" },
                  [JANUS_SUBSCRIBE] = { "start", "answer" } };
    guint part = room->settings.janus;
    ask_plugin(room, "describe", json_pack("{s:s}", "request", WORDS[part].request),
               json_pack("{s:s, s:s, s:b}", "type", WORDS[part].type, "sdp", sdp, "trickle", 0));
}

/* ---- answers ---- */

static void set_trouble(JanusRoom *room, const char *text) {
    g_free(room->trouble);
    room->trouble = g_strdup(text);
}

static void on_success(JanusRoom *room, const char *transaction, json_t *message) {
    json_int_t id = json_integer_value(json_object_get(json_object_get(message, "data"), "id"));
    if (strcmp(transaction, "create") == 0) {
        room->session = id;
        room->keepalive_due_us = room->now_us + KEEPALIVE_US;
        send_request(room, "attach",
                     json_pack("{s:s, s:s}", "janus", "attach", "plugin", PLUGINS[room->settings.janus]));
    } else if (strcmp(transaction, "attach") == 0) {
        room->handle = id;
        join(room);
    }
}

static void on_plugin(JanusRoom *room, const char *transaction, json_t *message) {
    json_t *data = json_object_get(json_object_get(message, "plugindata"), "data"),
           *jsep = json_object_get(message, "jsep");
    const char *sdp = json_string_value(json_object_get(jsep, "sdp")),
               *type = json_string_value(json_object_get(jsep, "type")),
               *error = json_string_value(json_object_get(data, "error")),
               *what = json_string_value(
                   json_object_get(data, room->settings.janus == JANUS_AUDIO ? "audiobridge" : "videoroom"));
    if (error != NULL) {
        set_trouble(room, error);
        log_debug("janus.refused", "number=%u request=%s text=%s", room->settings.number, transaction, error);
        /* The publisher may not be there yet. */
        if (strcmp(transaction, "join") == 0) room->join_due_us = room->now_us + AGAIN_US;
        return;
    }
    if (what != NULL && strcmp(what, "joined") == 0 && room->state != ROOM_JOINED) {
        room->state = ROOM_JOINED;
        if (room->settings.janus == JANUS_PUBLISH) room->events.offer_wanted(room->user, ++room->leg);
    }
    if (sdp == NULL || type == NULL) return;
    room->state = ROOM_JOINED;
    if (strcmp(type, "offer") == 0)
        room->events.offer(room->user, ++room->leg, sdp);
    else
        room->events.answered(room->user, sdp);
}

static void on_message(gpointer user, const char *text, gsize n_bytes) {
    JanusRoom *room = user;
    json_t *message = json_loadb(text, n_bytes, 0, NULL);
    const char *name = json_string_value(json_object_get(message, "janus")),
               *transaction = json_string_value(json_object_get(message, "transaction"));
    if (transaction == NULL) transaction = "";
    room->heard_us = room->now_us;
    if (name == NULL) {
        log_warn("janus.garbled", "number=%u", room->settings.number);
    } else if (strcmp(name, "success") == 0) {
        on_success(room, transaction, message);
    } else if (strcmp(name, "event") == 0) {
        on_plugin(room, transaction, message);
    } else if (strcmp(name, "error") == 0) {
        const char *reason = json_string_value(json_object_get(json_object_get(message, "error"), "reason"));
        set_trouble(room, reason != NULL ? reason : "refused");
        log_warn("janus.error", "number=%u request=%s text=%s", room->settings.number, transaction,
                 room->trouble);
    } else if (strcmp(name, "hangup") == 0) {
        const char *reason = json_string_value(json_object_get(message, "reason"));
        set_trouble(room, reason != NULL ? reason : "hung up");
        room->events.media_lost(room->user);
        janus_room_again(room, room->now_us);
    }
    json_decref(message);
}

/* ---- the connection ---- */

static void on_answered(gpointer user, guint status, const char *cookie, const char *body) {
    (void)user;
    (void)status;
    (void)cookie;
    (void)body; /* nothing is posted */
}

static void on_opened(gpointer user) { send_request(user, "create", json_pack("{s:s}", "janus", "create")); }

static void on_closed(gpointer user, guint code, const char *why) {
    JanusRoom *room = user;
    (void)code;
    room->web_dead = TRUE;
    set_trouble(room, why);
    room->events.media_lost(room->user);
    janus_room_again(room, room->now_us);
}

void janus_room_again(JanusRoom *room, gint64 now_us) {
    room->state = ROOM_AWAY;
    room->due_us = now_us + AGAIN_US + g_random_int_range(0, AGAIN_US);
}

static void connect_now(JanusRoom *room) {
    static const WebEvents EVENTS = { on_answered, on_opened, on_message, on_closed };
    if (room->web != NULL) room->n_returns++;
    web_client_free(room->web);
    room->session = room->handle = 0;
    room->join_due_us = room->keepalive_due_us = 0;
    room->due_us = G_MAXINT64;
    room->heard_us = room->now_us;
    room->state = ROOM_ENTERING;
    room->web_dead = FALSE;
    room->web = web_client_new(room->settings.address, &EVENTS, room);
    web_client_open(room->web, "/", "janus-protocol", "");
}

void janus_room_tick(JanusRoom *room, gint64 now_us) {
    room->now_us = now_us;
    if (now_us >= room->due_us) connect_now(room);
    if (room->web == NULL || room->web_dead) return;
    web_client_turn(room->web);
    if (room->web_dead) return;
    if (room->join_due_us != 0 && now_us >= room->join_due_us) join(room);
    if (room->keepalive_due_us != 0 && now_us >= room->keepalive_due_us) {
        room->keepalive_due_us = now_us + KEEPALIVE_US;
        json_int_t handle = room->handle;
        room->handle = 0; /* of the session, not of the handle */
        send_request(room, "keepalive", json_pack("{s:s}", "janus", "keepalive"));
        room->handle = handle;
    }
    if (room->state == ROOM_ENTERING && now_us - room->heard_us > DEAD_US) {
        set_trouble(room, "no answer for 20 s");
        janus_room_again(room, now_us);
    }
}

void janus_room_start(JanusRoom *room, gint64 now_us) { room->due_us = room->started_us = now_us; }

JanusRoom *janus_room_new(const RoomSettings *settings, const RoomEvents *events, gpointer user) {
    JanusRoom *room = g_new0(JanusRoom, 1);
    room->settings = *settings;
    room->events = *events;
    room->user = user;
    room->state = ROOM_AWAY;
    room->trouble = g_strdup("");
    room->due_us = G_MAXINT64;
    return room;
}

void janus_room_free(JanusRoom *room) {
    if (room == NULL) return;
    web_client_free(room->web);
    g_free(room->trouble);
    g_free(room);
}
