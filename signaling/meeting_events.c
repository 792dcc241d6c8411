/* meeting_events.c -- what happened, and what it does to the state. One row per kind; the log keeps these objects, so a kind
 * and its fields are for ever: new fields are optional, old kinds stay readable. */
#include "config/fields.h"
#include "signaling/meeting_state.h"

#include <string.h>

/* ---- small hands ---- */

static gint32 id_of(json_t *event, const char *field) {
    return (gint32)json_integer_value(json_object_get(event, field));
}

static void set_text(char **slot, json_t *event, const char *field) {
    const char *text = json_string_value(json_object_get(event, field));
    g_free(*slot);
    *slot = g_strdup(text != NULL ? text : "");
}

static void drop_id(GArray *ids, gint32 id) {
    for (guint i = 0; i < ids->len; i++) {
        if (g_array_index(ids, gint32, i) == id) {
            g_array_remove_index(ids, i);
            return;
        }
    }
}

static gboolean is_here(SeatPresence presence) {
    return presence == SEAT_JOINING || presence == SEAT_PRESENT;
}

/* Attendance is counted here and nowhere else: time runs while the seat is joining or present. */
static void set_presence(Seat *seat, SeatPresence presence, gint64 time_ms) {
    if (is_here(seat->presence) && time_ms > seat->since_ms) seat->present_ms += time_ms - seat->since_ms;
    if (is_here(seat->presence) && !is_here(presence)) seat->last_ms = time_ms;
    if (seat->first_ms == 0 && is_here(presence)) seat->first_ms = time_ms;
    seat->presence = presence;
    seat->since_ms = time_ms;
}

static void lower_hand(Meeting *meeting, Seat *seat) {
    seat->hand_ms = 0;
    drop_id(meeting->hands, seat->id);
}

static void clear_allowed(Meeting *meeting) {
    for (guint i = 0; i < meeting->seats->len; i++) ((Seat *)meeting->seats->pdata[i])->allowed = FALSE;
}

/* A microphone that is held is off, so that nothing goes live by itself when the hold ends. */
static void settle(Meeting *meeting) {
    if (!meeting->muted_all && meeting->floor == 0) clear_allowed(meeting);
    for (guint i = 0; i < meeting->seats->len; i++) {
        Seat *seat = meeting->seats->pdata[i];
        if (meeting_holds(meeting, seat, seat->id)) seat->microphone_on = FALSE;
    }
}

static Seat *ensure_seat(Meeting *meeting, gint32 id) {
    Seat *seat = meeting_peek_seat(meeting, id);
    if (seat != NULL) return seat;
    seat = g_new0(Seat, 1);
    seat->id = id;
    g_ptr_array_add(meeting->seats, seat);
    g_hash_table_insert(meeting->by_id, GINT_TO_POINTER(id), seat);
    return seat;
}

static void take_floor(Meeting *meeting) {
    Seat *seat = meeting_peek_seat(meeting, meeting->floor);
    if (seat != NULL) seat->microphone_on = FALSE;
    meeting->floor = 0;
}

static void stop_presenting(Meeting *meeting) {
    meeting->presenting = 0;
    meeting->presenting_ms = meeting->presenter_due_ms = 0;
}

/* ---- the meeting as a whole ---- */

static void on_created(Meeting *meeting, Seat *seat, json_t *event, gint64 time_ms) {
    (void)seat;
    meeting->phase = MEETING_DRAFT;
    meeting->created_ms = time_ms;
    meeting->planned_ms = json_integer_value(json_object_get(event, "planned_at_ms"));
    meeting->chair_seat = id_of(event, "chair");
    set_text(&meeting->title, event, "title");
}

static void on_opened(Meeting *meeting, Seat *seat, json_t *event, gint64 time_ms) {
    (void)seat, (void)event;
    meeting->phase = MEETING_OPEN;
    meeting->opened_ms = time_ms;
}

static void on_ending(Meeting *meeting, Seat *seat, json_t *event, gint64 time_ms) {
    (void)seat, (void)time_ms;
    meeting->ending_due_ms = json_integer_value(json_object_get(event, "due_ms"));
}

static void on_ending_undone(Meeting *meeting, Seat *seat, json_t *event, gint64 time_ms) {
    (void)seat, (void)event, (void)time_ms;
    meeting->ending_due_ms = 0;
}

static void empty_seat(Meeting *meeting, Seat *seat, gint64 time_ms) {
    if (seat->presence != SEAT_ABSENT) set_presence(seat, SEAT_ABSENT, time_ms);
    lower_hand(meeting, seat);
    seat->microphone_on = seat->camera = seat->deaf = FALSE;
    seat->undo_microphone_on = FALSE;
}

static void on_ended(Meeting *meeting, Seat *unused, json_t *event, gint64 time_ms) {
    (void)unused, (void)event;
    meeting->phase = MEETING_ENDED;
    meeting->ended_ms = time_ms;
    meeting->ending_due_ms = meeting->mute_undo_until_ms = 0;
    meeting->floor = 0;
    stop_presenting(meeting);
    for (guint i = 0; i < meeting->seats->len; i++) empty_seat(meeting, meeting->seats->pdata[i], time_ms);
}

static void on_layout(Meeting *meeting, Seat *seat, json_t *event, gint64 time_ms) {
    (void)seat, (void)time_ms;
    set_text(&meeting->layout, event, "layout");
}

static void on_turned(Meeting *meeting, Seat *seat, json_t *event, gint64 time_ms) {
    (void)seat, (void)time_ms;
    json_t *held = json_object_get(event, "held");
    Turn turn = { .start_ms = json_integer_value(json_object_get(event, "start_ms")),
                  .every_ms = json_integer_value(json_object_get(event, "every_ms")),
                  .held = held != NULL ? json_integer_value(held) : -1 };
    if (strcmp(json_string_value(json_object_get(event, "view")), "program") == 0) {
        meeting->program_turn = turn;
        return;
    }
    meeting->pages_turn = turn;
    meeting->pages_side = (guint)json_integer_value(json_object_get(event, "side"));
}

static void on_pinned(Meeting *meeting, Seat *seat, json_t *event, gint64 time_ms) {
    (void)seat, (void)time_ms;
    g_array_set_size(meeting->pinned, 0);
    gsize index;
    json_t *entry;
    json_array_foreach(json_object_get(event, "seats"), index, entry) {
        gint32 id = (gint32)json_integer_value(entry);
        if (id > 0 && meeting->pinned->len < MEETING_PINS_MAX) g_array_append_val(meeting->pinned, id);
    }
}

static void on_notice(Meeting *meeting, Seat *seat, json_t *event, gint64 time_ms) {
    (void)seat, (void)time_ms;
    set_text(&meeting->notice, event, "text");
}

/* ---- a seat comes and goes ---- */

static void on_joined(Meeting *meeting, Seat *seat, json_t *event, gint64 time_ms) {
    set_presence(seat, SEAT_JOINING, time_ms);
    if (meeting->presenting == seat->id) meeting->presenter_due_ms = 0;
    seat->microphone_on = json_is_true(json_object_get(event, "microphone"));
    seat->camera = json_is_true(json_object_get(event, "camera"));
    seat->deaf = FALSE;
}

static void on_connected(Meeting *meeting, Seat *seat, json_t *event, gint64 time_ms) {
    (void)event;
    set_presence(seat, SEAT_PRESENT, time_ms);
    if (meeting->presenting == seat->id) meeting->presenter_due_ms = 0;
}

static void on_lost(Meeting *meeting, Seat *seat, json_t *event, gint64 time_ms) {
    (void)event;
    set_presence(seat, SEAT_LOST, time_ms);
    seat->n_lost++;
    if (meeting->presenting == seat->id) meeting->presenter_due_ms = time_ms + MEETING_PRESENTER_LOST_MS;
}

static void on_left(Meeting *meeting, Seat *seat, json_t *event, gint64 time_ms) {
    (void)event;
    if (meeting->floor == seat->id) take_floor(meeting);
    if (meeting->presenting == seat->id) stop_presenting(meeting);
    seat->present_allowed = FALSE;
    empty_seat(meeting, seat, time_ms);
}

static void on_seat_state(Meeting *meeting, Seat *seat, json_t *event, gint64 time_ms) {
    (void)meeting, (void)time_ms;
    json_t *microphone = json_object_get(event, "microphone"), *camera = json_object_get(event, "camera");
    json_t *deaf = json_object_get(event, "deaf");
    if (microphone != NULL) seat->microphone_on = json_is_true(microphone);
    if (camera != NULL) seat->camera = json_is_true(camera);
    if (deaf != NULL) seat->deaf = json_is_true(deaf);
}

/* ---- hands, floor, microphones ---- */

static void on_hand_up(Meeting *meeting, Seat *seat, json_t *event, gint64 time_ms) {
    (void)event;
    if (seat->hand_ms == 0) g_array_append_val(meeting->hands, seat->id);
    seat->hand_ms = MAX(time_ms, 1);
}

static void on_hand_down(Meeting *meeting, Seat *seat, json_t *event, gint64 time_ms) {
    (void)event, (void)time_ms;
    lower_hand(meeting, seat);
}

static void on_floor_given(Meeting *meeting, Seat *seat, json_t *event, gint64 time_ms) {
    (void)event, (void)time_ms;
    if (meeting->floor != seat->id) take_floor(meeting);
    clear_allowed(meeting); /* who was let speak beside the last speaker is not let speak beside this one */
    meeting->floor = seat->id;
    meeting->mute_undo_until_ms =
        0; /* undoing an older mute.all would open microphones under the new speaker */
    lower_hand(meeting, seat);
    seat->held = FALSE;
    seat->microphone_on = TRUE;
}

static void on_floor_taken(Meeting *meeting, Seat *seat, json_t *event, gint64 time_ms) {
    (void)event, (void)time_ms;
    if (meeting->floor == seat->id) take_floor(meeting);
}

static void on_muted(Meeting *meeting, Seat *seat, json_t *event, gint64 time_ms) {
    (void)event, (void)time_ms;
    /* The chair's own room is muted, not held: nobody else could let it speak again. */
    seat->held = seat->id != meeting->chair_seat;
    seat->allowed = FALSE;
    seat->microphone_on = FALSE;
    seat->undo_microphone_on = FALSE;
    seat->undo_held = seat->held;
}

static void on_unmute_allowed(Meeting *meeting, Seat *seat, json_t *event, gint64 time_ms) {
    (void)event, (void)time_ms;
    seat->held = FALSE;
    seat->allowed = meeting->muted_all || meeting->floor != 0;
}

static void keep_for_undo(Seat *seat) {
    seat->undo_microphone_on = seat->microphone_on;
    seat->undo_held = seat->held;
    seat->undo_allowed = seat->allowed;
}

static void on_muted_all(Meeting *meeting, Seat *unused, json_t *event, gint64 time_ms) {
    (void)unused;
    json_t *until = json_object_get(event, "undo_until_ms");
    /* Pressed again while it can be undone: what undo brings back is what was before the first. */
    gboolean again = time_ms < meeting->mute_undo_until_ms;
    meeting->mute_undo_until_ms = until != NULL ? json_integer_value(until) : time_ms;
    if (!again) meeting->undo_muted_all = meeting->muted_all;
    meeting->muted_all = TRUE;
    for (guint i = 0; i < meeting->seats->len; i++) {
        Seat *seat = meeting->seats->pdata[i];
        if (!again) keep_for_undo(seat);
        seat->allowed = FALSE;
    }
}

static void on_mute_all_undone(Meeting *meeting, Seat *unused, json_t *event, gint64 time_ms) {
    (void)unused, (void)event, (void)time_ms;
    meeting->muted_all = meeting->undo_muted_all;
    meeting->mute_undo_until_ms = 0;
    for (guint i = 0; i < meeting->seats->len; i++) {
        Seat *seat = meeting->seats->pdata[i];
        seat->held = seat->undo_held;
        seat->allowed = seat->undo_allowed;
        /* A microphone that somebody turned on meanwhile (the floor's) stays on. */
        if (seat->presence != SEAT_ABSENT && seat->undo_microphone_on) seat->microphone_on = TRUE;
    }
}

static void on_all_unmute_allowed(Meeting *meeting, Seat *unused, json_t *event, gint64 time_ms) {
    (void)unused, (void)event, (void)time_ms;
    meeting->muted_all = FALSE;
    meeting->mute_undo_until_ms = 0;
    for (guint i = 0; i < meeting->seats->len; i++) ((Seat *)meeting->seats->pdata[i])->held = FALSE;
}

/* ---- presenting ---- */

static void on_presenting(Meeting *meeting, Seat *seat, json_t *event, gint64 time_ms) {
    (void)event;
    meeting->presenting = seat->id;
    meeting->presenting_ms = time_ms;
    meeting->presenter_due_ms = 0;
}

static void on_presenting_ended(Meeting *meeting, Seat *seat, json_t *event, gint64 time_ms) {
    (void)event, (void)time_ms;
    if (meeting->presenting == seat->id) stop_presenting(meeting);
}

static void on_present_allowed(Meeting *meeting, Seat *seat, json_t *event, gint64 time_ms) {
    (void)meeting, (void)time_ms;
    seat->present_allowed = json_is_true(json_object_get(event, "on"));
}

/* ---- the table ---- */

static const struct {
    const char *kind, *fields;
    gboolean makes_seat; /* the seat may be new */
    void (*apply)(Meeting *meeting, Seat *seat, json_t *event, gint64 time_ms);
} rows[] = {
    { "created", "title:string chair:id? planned_at_ms:int?", FALSE, on_created },
    { "opened", "", FALSE, on_opened },
    { "ending", "due_ms:int", FALSE, on_ending },
    { "ending-undone", "", FALSE, on_ending_undone },
    { "ended", "", FALSE, on_ended },
    { "layout", "layout:string", FALSE, on_layout },
    { "turned", "view:word start_ms:int every_ms:int held:int? side:int?", FALSE, on_turned },
    { "pinned", "seats:array", FALSE, on_pinned },
    { "notice", "text:string", FALSE, on_notice },
    { "joined", "seat:id microphone:bool camera:bool", TRUE, on_joined },
    { "connected", "seat:id", FALSE, on_connected },
    { "lost", "seat:id", FALSE, on_lost },
    { "left", "seat:id why:string?", FALSE, on_left },
    { "seat-state", "seat:id microphone:bool? camera:bool? deaf:bool?", FALSE, on_seat_state },
    { "hand-up", "seat:id", FALSE, on_hand_up },
    { "hand-down", "seat:id", FALSE, on_hand_down },
    { "floor-given", "seat:id", FALSE, on_floor_given },
    { "floor-taken", "seat:id", FALSE, on_floor_taken },
    { "muted", "seat:id", FALSE, on_muted },
    { "unmute-allowed", "seat:id", FALSE, on_unmute_allowed },
    { "muted-all", "undo_until_ms:int?", FALSE, on_muted_all },
    { "mute-all-undone", "", FALSE, on_mute_all_undone },
    { "all-unmute-allowed", "", FALSE, on_all_unmute_allowed },
    { "presenting", "seat:id", FALSE, on_presenting },
    { "presenting-ended", "seat:id why:string?", FALSE, on_presenting_ended },
    { "present-allowed", "seat:id on:bool", FALSE, on_present_allowed },
};

gboolean meeting_events_check(GError **error) {
    for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
        if (rows[i].apply != NULL && fields_parsable(rows[i].fields)) continue;
        g_set_error(error, FAULT, FAULT_INTERNAL, "meeting events: row %s is broken", rows[i].kind);
        return FALSE;
    }
    return TRUE;
}

gboolean meeting_apply(Meeting *meeting, json_t *event, gint64 time_ms, GError **error) {
    const char *kind = json_string_value(json_object_get(event, "k"));
    for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
        if (g_strcmp0(rows[i].kind, kind) != 0) continue;
        if (!fields_check(kind, rows[i].fields, event, FALSE, error)) return FALSE;
        Seat *seat = NULL;
        gint32 id = id_of(event, "seat");
        if (g_str_has_prefix(rows[i].fields, "seat:id")) {
            seat = rows[i].makes_seat ? ensure_seat(meeting, id) : meeting_peek_seat(meeting, id);
            if (seat == NULL) {
                g_set_error(error, FAULT, FAULT_BAD_INPUT, "event %s names seat %d, which never joined", kind,
                            id);
                return FALSE;
            }
        }
        rows[i].apply(meeting, seat, event, time_ms);
        settle(meeting);
        return TRUE;
    }
    g_set_error(error, FAULT, FAULT_BAD_INPUT, "unknown event \"%s\"", kind != NULL ? kind : "");
    return FALSE;
}
