/* session_broadcast.h -- who is told what changed: the bridge gets scenes, consoles a snapshot and then numbered deltas (at most
 * five a second, serialised once for all), rooms their own view alone, waiting rooms the list of meetings.
 * Callers mark what changed; the work is done once, a little later, however many changes gathered. Thread: server. */
#pragma once

#include "signaling/session.h"

Broadcast *broadcast_new(Service *service);
void broadcast_free(Broadcast *broadcast);

/* ---- marks ---- */
void broadcast_committed(Service *service, const char *meeting, json_t *events); /* after each commit */
void broadcast_scene_changed(Service *service, const char *meeting); /* legs; NULL meeting is fine */
void broadcast_all_scenes_changed(Service *service);
void broadcast_presence_changed(Service *service, const char *meeting); /* what consoles see beside events */
void broadcast_roster_changed(Service *service);

/* ---- at once ---- */
void broadcast_send_snapshot(Session *session);                   /* a console in a meeting; else nothing */
void broadcast_send_room_view(Session *session, gboolean always); /* a room in a meeting */
void broadcast_send_waiting(Session *session,
                            gboolean always); /* a room in none, or a console's list of meetings */
void broadcast_alarm(Service *service, const char *code, const char *text);
