/* janus_room.h -- the signaling of one simulated endpoint at a Janus server instead of ours, over Janus' own WebSocket API:
 * create, attach, join, JSEP, keepalive. room.c hands over to it when RoomSettings.janus says which part is played; the
 * events are those of a room. One thread. */
#pragma once

#include "tests/load/room.h"

typedef struct JanusRoom JanusRoom;

enum { JANUS_ROOM = 1234, JANUS_FEED = 1 }; /* the room of the configuration, and the name of its publisher */

JanusRoom *janus_room_new(const RoomSettings *settings, const RoomEvents *events, gpointer user);
void janus_room_free(JanusRoom *room); /* NULL is fine */
void janus_room_start(JanusRoom *room, gint64 now_us);
void janus_room_tick(JanusRoom *room, gint64 now_us);
void janus_room_describe(JanusRoom *room, const char *sdp); /* our offer or answer */
void janus_room_again(JanusRoom *room, gint64 now_us);      /* the path failed: a new session, soon */

RoomState janus_room_state(const JanusRoom *room);
const char *janus_room_trouble(const JanusRoom *room);
guint janus_room_n_returns(const JanusRoom *room);
gint64 janus_room_started_us(const JanusRoom *room);
