/* meeting_state.h -- the inside of a meeting, for meeting*.c alone. Everybody else reads it through meeting.h. */
#pragma once

#include "config/turn.h"
#include "signaling/meeting.h"

typedef struct {
    gint32 id;
    SeatPresence presence;
    gint64 since_ms;
    gboolean microphone_on; /* never TRUE while held_off(): settle() sees to it */
    gboolean held;          /* the chair muted this one */
    gboolean allowed;       /* excepted from mute.all and from the floor's hold */
    gboolean camera, deaf;
    gboolean present_allowed; /* the chair lets this room show its screen without the floor */
    gint64 hand_ms;
    gint64 first_ms, last_ms, present_ms;
    guint n_lost;
    gboolean undo_microphone_on, undo_held, undo_allowed; /* before the last mute.all */
} Seat;

struct Meeting {
    MeetingPhase phase;
    char *title, *layout, *notice;
    gint64 created_ms, planned_ms, opened_ms, ended_ms;
    gint32 chair_seat, floor;
    gint32 presenting;       /* the seat whose screen is shown, 0 = none */
    gint64 presenting_ms;    /* since when */
    gint64 presenter_due_ms; /* the presenter is lost and is waited for until then; 0 = it is there */
    gboolean muted_all, undo_muted_all;
    Turn program_turn;         /* every_ms 0: the program does not turn */
    Turn pages_turn;           /* every_ms 0: as at the opening, see meeting_pages() */
    guint pages_side;          /* 0: as at the opening */
    gint64 ending_due_ms;      /* 0 = not ending */
    gint64 mute_undo_until_ms; /* 0 = nothing to undo */
    GArray *pinned;            /* of gint32 */
    GArray *hands;             /* of gint32, first asked first */
    GPtrArray *seats;          /* of Seat, in the order of their first join */
    GHashTable *by_id;         /* id -> Seat, borrowed */
};

Seat *meeting_peek_seat(const Meeting *meeting, gint32 id); /* NULL: never joined */
/* Whether a seat's microphone is held by the chair; seat NULL: one that never joined. */
gboolean meeting_holds(const Meeting *meeting, const Seat *seat, gint32 id);
/* Who may show its screen now: the chair's own seat, who has the floor, and whom the chair lets. */
gboolean meeting_may_present(const Meeting *meeting, const Seat *seat, gint32 id);
/* The command "turn" on a state: what follows from it. FALSE: it asks for what there is not. meeting_turn.c */
gboolean meeting_turn_decide(const Meeting *meeting, json_t *command, gint64 now_ms, MeetingTurn *ret_turn);
/* A layout that the bridge knows. */
gboolean meeting_layout_known(const char *layout);
/* How many tiles the program shows in this layout at most. */
guint meeting_layout_tiles(const char *layout);
/* The table of events can be read (part of meeting_table_check()). */
gboolean meeting_events_check(GError **error);
