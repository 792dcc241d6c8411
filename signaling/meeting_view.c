/* meeting_view.c -- a meeting as people see it: consoles by snapshot and delta, a room by itself, the attendance. */
#include "signaling/meeting_view.h"

#include "signaling/meeting_state.h"

#include <string.h>

static const char *const presence_words[] = { "absent", "joining", "present", "lost" };
static const char *const microphone_words[] = { "off", "on", "held-off" };
static const char *const floor_words[] = { "none", "asked", "given" };

static json_t *id_or_null(gint32 id) { return id != 0 ? json_integer(id) : json_null(); }

/* ---- consoles ---- */

static json_t *snapshot_seat(const Meeting *meeting, const SeatRecord *record) {
    SeatState state = meeting_seat(meeting, record->id);
    json_t *seat = roster_seat_json(record, FALSE);
    json_object_set_new(seat, "state", json_string(presence_words[state.presence]));
    json_object_set_new(seat, "microphone", json_string(microphone_words[state.microphone]));
    json_object_set_new(seat, "camera", json_boolean(state.camera));
    json_object_set_new(seat, "deaf", json_boolean(state.deaf));
    json_object_set_new(seat, "floor", json_string(floor_words[state.floor]));
    json_object_set_new(seat, "present_allowed", json_boolean(state.present_allowed));
    json_object_set_new(seat, "since_ms", json_integer(state.since_ms));
    if (state.hand_ms == 0) return seat;
    json_object_set_new(seat, "hand_at_ms", json_integer(state.hand_ms));
    json_object_set_new(seat, "hand_place", json_integer(state.hand_place));
    return seat;
}

static json_t *snapshot_meeting(const Meeting *meeting, const char *meeting_id, gint64 now_ms) {
    gint64 until_ms = 0;
    const char *undo = meeting_undo(meeting, now_ms, &until_ms);
    json_t *pinned = json_array();
    for (guint i = 0; i < meeting->pinned->len; i++)
        json_array_append_new(pinned, json_integer(g_array_index(meeting->pinned, gint32, i)));
    json_t *json =
        json_pack("{s:s, s:s, s:s, s:s, s:s, s:I, s:b}", "id", meeting_id, "title", meeting->title, "state",
                  meeting_phase_word(meeting->phase), "layout", meeting->layout, "notice", meeting->notice,
                  "opened_at_ms", (json_int_t)meeting->opened_ms, "muted_all", meeting->muted_all);
    MeetingTurn pages = meeting_pages(meeting), program = meeting_program_turn(meeting);
    json_object_set_new(json, "pages", meeting_turn_json(&pages));
    json_object_set_new(json, "turn", program.turn.every_ms != 0 ? meeting_turn_json(&program) : json_null());
    json_object_set_new(json, "floor", id_or_null(meeting->floor));
    json_object_set_new(json, "presenting", id_or_null(meeting->presenting));
    json_object_set_new(json, "chair_seat", id_or_null(meeting->chair_seat));
    json_object_set_new(json, "pinned", pinned);
    json_object_set_new(json, "undo",
                        undo != NULL ? json_pack("{s:s, s:I}", "what", undo, "until_ms", (json_int_t)until_ms)
                                     : json_null());
    return json;
}

json_t *meeting_snapshot(const Meeting *meeting, const char *meeting_id, const Roster *roster, gint64 now_ms,
                         SeatExtra extra, gpointer user) {
    json_t *seats = json_array();
    for (guint i = 0; i < roster_n_seats(roster); i++) {
        const SeatRecord *record = roster_seat_at(roster, i);
        json_t *seat = snapshot_seat(meeting, record);
        if (extra != NULL) extra(user, record->id, seat);
        json_array_append_new(seats, seat);
    }
    return json_pack("{s:o, s:o}", "meeting", snapshot_meeting(meeting, meeting_id, now_ms), "seats", seats);
}

/* What changed from a to b, fields that went away as null. NULL when nothing did. */
static json_t *changed_fields(json_t *a, json_t *b) {
    json_t *changes = NULL;
    const char *key;
    json_t *value;
    json_object_foreach(b, key, value) {
        if (json_equal(json_object_get(a, key), value)) continue;
        if (changes == NULL) changes = json_object();
        json_object_set(changes, key, value);
    }
    json_object_foreach(a, key, value) {
        if (json_object_get(b, key) != NULL || json_is_null(value)) continue;
        if (changes == NULL) changes = json_object();
        json_object_set_new(changes, key, json_null());
    }
    return changes;
}

static GHashTable *seats_by_id(json_t *snapshot) {
    GHashTable *by_id = g_hash_table_new(g_direct_hash, g_direct_equal);
    gsize index;
    json_t *seat;
    json_array_foreach(json_object_get(snapshot, "seats"), index, seat) g_hash_table_insert(
        by_id, GINT_TO_POINTER((gint)json_integer_value(json_object_get(seat, "id"))), seat);
    return by_id;
}

json_t *meeting_delta(json_t *old_snapshot, json_t *new_snapshot) {
    g_autoptr(GHashTable) left = seats_by_id(old_snapshot);
    json_t *seats = json_array();
    gsize index;
    json_t *seat;
    json_array_foreach(json_object_get(new_snapshot, "seats"), index, seat) {
        json_t *id = json_object_get(seat, "id");
        gpointer key = GINT_TO_POINTER((gint)json_integer_value(id));
        json_t *before = g_hash_table_lookup(left, key);
        json_t *changes = before == seat ? NULL : changed_fields(before, seat);
        g_hash_table_remove(left, key);
        if (changes == NULL) continue;
        json_object_set(changes, "id", id);
        json_array_append_new(seats, changes);
    }
    GHashTableIter gone;
    gpointer key;
    g_hash_table_iter_init(&gone, left);
    while (g_hash_table_iter_next(&gone, &key, NULL))
        json_array_append_new(seats, json_pack("{s:i, s:b}", "id", GPOINTER_TO_INT(key), "gone", TRUE));

    json_t *meeting =
        changed_fields(json_object_get(old_snapshot, "meeting"), json_object_get(new_snapshot, "meeting"));
    json_t *delta = NULL;
    if (meeting != NULL || json_array_size(seats) > 0) delta = json_object();
    if (meeting != NULL) json_object_set_new(delta, "meeting", meeting);
    if (json_array_size(seats) > 0) json_object_set(delta, "seats", seats);
    json_decref(seats);
    return delta;
}

/* ---- a room ---- */

static json_t *named(const Roster *roster, gint32 id) {
    const SeatRecord *record = id != 0 ? roster_seat(roster, id) : NULL;
    if (record == NULL) return json_null();
    return json_pack("{s:i, s:s}", "seat", (int)record->id, "label", record->label);
}

json_t *meeting_room_view(const Meeting *meeting, const char *meeting_id, const Roster *roster, gint32 id) {
    const SeatRecord *record = roster_seat(roster, id);
    SeatState state = meeting_seat(meeting, id);
    json_t *seat = json_pack(
        "{s:i, s:s, s:s, s:s, s:b, s:b}", "id", (int)id, "label", record != NULL ? record->label : "",
        "microphone", microphone_words[state.microphone], "floor", floor_words[state.floor], "camera_wanted",
        meeting->phase == MEETING_OPEN, "may_present", state.may_present);
    if (state.hand_place != 0) json_object_set_new(seat, "hand_place", json_integer(state.hand_place));
    json_t *notice = *meeting->notice != '\0' ? json_string(meeting->notice) : json_null();
    return json_pack("{s:{s:s, s:s, s:s}, s:o, s:o, s:o, s:o}", "meeting", "id", meeting_id, "title",
                     meeting->title, "layout", meeting->layout, "seat", seat, "floor",
                     named(roster, meeting->floor), "presenting", named(roster, meeting->presenting),
                     "notice", notice);
}

/* ---- attendance ---- */

json_t *meeting_attendance(const Meeting *meeting, const Roster *roster, gint64 now_ms) {
    json_t *rows = json_array();
    for (guint i = 0; i < roster_n_seats(roster); i++) {
        const SeatRecord *record = roster_seat_at(roster, i);
        SeatState seat = meeting_seat(meeting, record->id);
        gboolean here = seat.presence == SEAT_JOINING || seat.presence == SEAT_PRESENT;
        gint64 present_ms = seat.present_ms + (here ? MAX(now_ms - seat.since_ms, 0) : 0);
        json_array_append_new(rows, json_pack("{s:i, s:s, s:s, s:I, s:I, s:I, s:i, s:s}", "id",
                                              (int)record->id, "code", record->code, "label", record->label,
                                              "first_ms", (json_int_t)seat.first_ms, "last_ms",
                                              (json_int_t)(here ? now_ms : seat.last_ms), "present_ms",
                                              (json_int_t)present_ms, "n_lost", (int)seat.n_lost, "state",
                                              presence_words[seat.presence]));
    }
    return rows;
}
