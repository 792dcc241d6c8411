/* room.h -- the signaling of one simulated endpoint, exactly as a room's page speaks it: link token for a cookie, WebSocket,
 * hello, join, leg. Comes back by itself when the connection breaks, with the leg it still has. One thread. */
#pragma once

#include "tests/load/camera.h"
#include "tests/load/web_client.h"

#include <jansson.h>

typedef struct Room Room;

typedef enum {
    ROOM_AWAY = 1, /* waiting to try (again) */
    ROOM_ENTERING, /* POST, upgrade, hello */
    ROOM_WAITING,  /* no open meeting */
    ROOM_JOINED,
    ROOM_ENDED, /* refused, or another page took the seat: never returns */
} RoomState;

/* Which part is played at a Janus server (janus_room.h) instead of a room at ours. */
typedef enum { JANUS_NONE = 0, JANUS_AUDIO, JANUS_PUBLISH, JANUS_SUBSCRIBE } JanusPart;

typedef struct {
    void (*offer)(gpointer user, gint leg, const char *sdp); /* answer with room_answer */
    void (*need)(gpointer user, const char *rid, const LayerWish *wish);
    void (*layout)(gpointer user, const char *layout);
    void (*media_lost)(gpointer user); /* the leg is gone on the other side; a new one is asked for already */
    void (*left)(gpointer user);       /* the meeting has ended, or the seat was taken: media must stop */
    gboolean (*is_silent)(gpointer user); /* nothing comes on the leg that a restart is asked for */
    gboolean (*is_deaf)(
        gpointer user); /* the same, and for longer than any pause: our way may be another now */
    void (*restarted)(gpointer user, gint leg,
                      const char *sdp); /* the server's offer for another path of this leg */
    /* Janus alone: it wants our offer, by room_answer; and has answered it. */
    void (*offer_wanted)(gpointer user, gint leg);
    void (*answered)(gpointer user, const char *sdp);
} RoomEvents;

typedef struct {
    const WebAddress *address;
    const char *token;
    const char *meeting; /* NULL: the one that is open */
    guint number;
    JanusPart janus;
    const char
        *console; /* the view that a console's page watches, "none" for none: token is a one-time login then;
                          * NULL: this is a room */
    const char *layout; /* a console gives this layout to the program; NULL: leaves it */
} RoomSettings;

Room *room_new(const RoomSettings *settings, const RoomEvents *events, gpointer user);
void room_free(Room *room);
void room_start(Room *room, gint64 now_us);
void room_tick(Room *room, gint64 now_us); /* every 20 ms or so */
void room_answer(Room *room, gint leg, const char *sdp);
/* Media flows again after a pause: the network is back, so a knock that waits for its turn is made now. */
void room_poke(Room *room, gint64 now_us);
void room_new_leg(Room *room, gint64 now_us);
RoomState room_state(const Room *room);
gboolean room_has_control(
    const Room *room); /* in the meeting, and the server does not leave a ping unanswered */
const char *room_trouble(const Room *room); /* the last thing that went wrong, "" when nothing did */
guint room_n_returns(const Room *room);     /* reconnects so far */
gint64 room_started_us(const Room *room);
