/* meeting_view.h -- what leaves a meeting: the scene for the bridge, the snapshot and deltas for consoles, the view of a room,
 * the attendance. All pure: state + roster -> JSON (transfer full). */
#pragma once

#include "signaling/meeting.h"
#include "signaling/roster.h"

typedef enum { VIEW_NONE = 0, VIEW_PROGRAM = 1, VIEW_WALL = 2, VIEW_PAGES = 3 } ViewId;
ViewId view_from_word(const char *word); /* program wall pages */

typedef struct {
    gint32 leg;
    ViewId view;
    gboolean hears; /* FALSE: a console without sound */
} SceneLeg;

/* {meeting, epoch, revision, endpoints, views, legs} as config/control.c says ("t" and "id" are the caller's).
 * endpoints: every seat of the roster in its order, absent ones with present:false, so that the wall shows their plates.
 * program slots: the floor (else loudest 1) first, the chair second in 1+1 and lecture, then pins, then the next loudest. */
json_t *meeting_scene(const Meeting *meeting, const char *meeting_id, const Roster *roster, gint64 epoch,
                      gint64 revision, const SceneLeg *legs, guint n_legs);

/* Adds to a seat's object what is no event: quality, console. seat: borrowed object to write into. */
typedef void (*SeatExtra)(gpointer user, gint32 seat_id, json_t *seat);
/* {"meeting":{...},"seats":[...]} ("t", "n", "meetings" are the caller's). Every seat of the roster is in it. */
json_t *meeting_snapshot(const Meeting *meeting, const char *meeting_id, const Roster *roster, gint64 now_ms,
                         SeatExtra extra, gpointer user);
/* Changed fields only; {"meeting"?, "seats"?}; a field that went away is null; NULL when nothing changed. A seat that left
 * the roster comes as {"id", "gone": true}. */
json_t *meeting_delta(json_t *old_snapshot, json_t *new_snapshot);

/* {"meeting":{"id","title","layout"},"seat":{"id","label","microphone","floor","hand_place"?,"camera_wanted","may_present"},
 *  "floor":{"seat","label"}|null,"presenting":{"seat","label"}|null,"notice":text|null} */
json_t *meeting_room_view(const Meeting *meeting, const char *meeting_id, const Roster *roster, gint32 seat);

/* [{"id","code","label","first_ms","last_ms","present_ms","n_lost","state"}] one row per seat of the roster. */
json_t *meeting_attendance(const Meeting *meeting, const Roster *roster, gint64 now_ms);
