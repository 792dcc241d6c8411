/* meeting.h -- the meeting as a pure state machine: command + actor + time -> events or refusal; event -> new state.
 * No I/O, no clock, no thread. The same events give the same state: replay of the log is recovery.
 *
 * A command is a JSON object {"t": name, ...fields}; an event {"k": kind, ...fields}, what the log keeps. Tables of both:
 * meeting_commands.c, meeting_events.c. What builds scenes and views from a state: meeting_view.h.
 *
 * Commands and who may (RIGHT_DIRECT = chair, technician, admin; SYSTEM = the server itself):
 *   create title:string chair:id?            RIGHT_MEETINGS     open                        RIGHT_MEETINGS
 *   end                     RIGHT_DIRECT     takes effect 5 s later unless undone           due     SYSTEM, when meeting_due_ms() has come
 *   join seat:id microphone:bool camera:bool SYSTEM on behalf of the room (after takeover checks); a rejoin keeps everything
 *   connected seat:id       SYSTEM: its media lives (first time or again)
 *   lost seat:id            SYSTEM: its media is gone for 5 s or more, or has not come within 20 s
 *   leave seat:id           SYSTEM or the room itself
 *   state seat:id microphone:bool? camera:bool? deaf:bool?   the room (its own seat)
 *   hand seat:id up:bool    the room
 *   hand.lower seat:id      RIGHT_DIRECT
 *   floor.give seat:id, floor.take           RIGHT_DIRECT; floor.take also the room that has it
 *   mute seat:id, unmute.allow seat:id, mute.all, unmute.all.allow, undo     RIGHT_DIRECT
 *   layout layout:string, pin seats:array, notice text:string ("" = none), seat.disconnect seat:id   RIGHT_DIRECT
 *
 *   turn view:word on:bool? every_s:int? side:int? hold:bool? step:int?   RIGHT_DIRECT; view: pages (the wall in turn,
 *       side x side tiles a page) or program (its places that nobody is pinned to show all rooms, page by page)
 *
 *   present seat:id         the room (its own seat): shows its screen to all; replaces who did, but never the chair's seat
 *   present.stop seat:id?   RIGHT_DIRECT any, the room its own        present.allow seat:id on:bool   RIGHT_DIRECT
 *
 * Presenting. One seat shows its screen at a time. The chair's seat may, the seat with the floor, and rooms that the chair
 * lets; who presents goes on when the floor moves on. A presenter that is lost is waited for MEETING_PRESENTER_LOST_MS.
 *
 * Microphones. A microphone is off, on, or held-off (off, and the room may not turn it on). Giving the floor turns that seat's
 * microphone on and holds everybody else's off, except the chair's own seat; mute.all holds all but the chair's seat and
 * the floor; late joiners inherit both. What was held never becomes live by itself: when the hold ends the microphone is off
 * until the room turns it on. Only undo of mute.all (5 s) brings back what was. */
#pragma once

#include "config/turn.h"
#include "signaling/role.h"

#include <glib.h>
#include <jansson.h>

typedef struct Meeting Meeting;

enum {
    MEETING_UNDO_MS = 5000,
    MEETING_PRESENTER_LOST_MS = 15000,
    MEETING_TITLE_BYTES_MAX = 400,
    MEETING_NOTICE_BYTES_MAX = 1000,
    MEETING_SEATS_MAX = 1024, /* the bridge takes no larger scene */
    MEETING_PINS_MAX = 48
};

typedef enum { MEETING_NONE = 0, MEETING_DRAFT, MEETING_OPEN, MEETING_ENDED } MeetingPhase;
typedef enum { SEAT_ABSENT = 0, SEAT_JOINING, SEAT_PRESENT, SEAT_LOST } SeatPresence;
typedef enum { MICROPHONE_OFF = 0, MICROPHONE_ON, MICROPHONE_HELD_OFF } Microphone;
typedef enum { FLOOR_NONE = 0, FLOOR_ASKED, FLOOR_GIVEN } FloorState;

Meeting *meeting_new(void); /* knows nothing yet: MEETING_NONE */
void meeting_free(Meeting *meeting);
/* TRUE and the events (array, transfer full; may be empty: nothing to do), or FALSE with a sentence in the actor's language:
 * FAULT_BAD_INPUT malformed, FAULT_REFUSED may not, FAULT_CONFLICT not in this state, FAULT_NOT_FOUND. State is unchanged. */
gboolean meeting_decide(const Meeting *meeting, json_t *command, const Actor *actor, gint64 now_ms,
                        json_t **ret_events, GError **error);
/* FAULT_BAD_INPUT when the event is none of ours (a damaged log); the state is then unchanged. */
gboolean meeting_apply(Meeting *meeting, json_t *event, gint64 time_ms, GError **error);
gboolean meeting_equal(const Meeting *a, const Meeting *b); /* for tests of replay */
gboolean meeting_table_check(GError **error);

/* ---- questions ---- */
typedef struct {
    gint32 id;
    SeatPresence presence;
    gint64 since_ms; /* of this presence */
    Microphone microphone;
    gboolean camera, deaf;
    gboolean may_present;     /* now, for whatever reason */
    gboolean present_allowed; /* because the chair lets it */
    FloorState floor;
    gint64 hand_ms;   /* 0 = down */
    guint hand_place; /* 1 .. in the queue, 0 = down */
    /* attendance: one row, however often it came back */
    gint64 first_ms, last_ms,
        present_ms; /* present_ms: up to the last change; add now - since_ms while present */
    guint n_lost;
} SeatState;

MeetingPhase meeting_phase(const Meeting *meeting);
const char *meeting_phase_word(MeetingPhase phase); /* "none" draft open ended */
const char *meeting_title(const Meeting *meeting);
const char *meeting_layout(const Meeting *meeting);
const char *meeting_notice(const Meeting *meeting); /* "" = none */
gint64 meeting_opened_ms(const Meeting *meeting);
gint64 meeting_ended_ms(const Meeting *meeting);
gint32 meeting_floor(const Meeting *meeting);      /* 0 = nobody */
gint32 meeting_presenting(const Meeting *meeting); /* 0 = nobody */
gint32 meeting_chair_seat(const Meeting *meeting);
gboolean meeting_muted_all(const Meeting *meeting);
/* Pages that follow each other. start, interval and held say which one is shown when (config/turn.h): no event per step. */
typedef struct {
    gboolean program; /* else the view `pages` */
    Turn turn;        /* of the program, every_ms 0: it does not turn */
    guint side;       /* of `pages`: side x side tiles; of the program 0 */
} MeetingTurn;
enum { MEETING_PAGES_SIDE_MIN = 2, MEETING_PAGES_SIDE_MAX = 7 };
MeetingTurn meeting_pages(const Meeting *meeting); /* from the opening on 4 x 4, 15 s */
MeetingTurn meeting_program_turn(const Meeting *meeting);
/* {"start_ms","every_ms","held"?,"side"?} (transfer full) */
json_t *meeting_turn_json(const MeetingTurn *turn);
guint meeting_n_pinned(const Meeting *meeting);
gint32 meeting_pinned(const Meeting *meeting, guint index);
/* When `due` should be given, 0 = not now. */
gint64 meeting_due_ms(const Meeting *meeting);
/* What could be undone until when: "mute.all", "end" or NULL. */
const char *meeting_undo(const Meeting *meeting, gint64 now_ms, gint64 *ret_until_ms);
/* The seat's state; a seat that never came is absent with everything off (and held-off where it would be). */
SeatState meeting_seat(const Meeting *meeting, gint32 id);
guint meeting_n_seats(const Meeting *meeting); /* that ever joined */
gint32 meeting_seat_id_at(const Meeting *meeting, guint index);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(Meeting, meeting_free)
