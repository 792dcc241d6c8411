/* meeting_commands.c -- who may ask what of a meeting, and which events follow. Nothing here changes the state. */
#include "config/fields.h"
#include "signaling/meeting_state.h"

#include <string.h>

/* What a decision sees, and where its events go. */
typedef struct {
    const Meeting *meeting;
    json_t *command;
    const Actor *actor;
    gint64 now_ms;
    gint32 id;        /* the command's seat, 0 = none */
    const Seat *seat; /* NULL: never joined */
    json_t *events;
    GError **error;
} Case;

#define REFUSE(c, code, ...) words_refuse((c)->error, code, (c)->actor->language, __VA_ARGS__)

/* Appends {"k": kind, "by": actor, ...}; fields is taken, NULL = none. */
static gboolean emit(Case *c, const char *kind, json_t *fields) {
    json_t *event = json_object();
    json_object_set_new(event, "k", json_string(kind));
    if (fields != NULL) json_object_update(event, fields);
    json_decref(fields);
    json_object_set_new(event, "by", json_string(c->actor->name != NULL ? c->actor->name : ""));
    json_array_append_new(c->events, event);
    return TRUE;
}

static gboolean emit_seat(Case *c, const char *kind, gint32 id) {
    return emit(c, kind, json_pack("{s:i}", "seat", (int)id));
}

static gboolean is_in(const Seat *seat) { return seat != NULL && seat->presence != SEAT_ABSENT; }

static gboolean flag(Case *c, const char *field) { return json_is_true(json_object_get(c->command, field)); }

static gboolean text_fits(const char *text, gsize n_bytes_max, gboolean lines) {
    gsize n_bytes = strlen(text);
    if (n_bytes > n_bytes_max || !g_utf8_validate(text, (gssize)n_bytes, NULL)) return FALSE;
    for (const char *at = text; *at != '\0'; at = g_utf8_next_char(at))
        if (g_unichar_iscntrl(g_utf8_get_char(at)) && !(lines && *at == '\n')) return FALSE;
    return TRUE;
}

/* ---- the meeting as a whole ---- */

static gboolean on_create(Case *c) {
    if (c->meeting->phase != MEETING_NONE) return REFUSE(c, FAULT_CONFLICT, WORD_MEETING_EXISTS);
    const char *title = json_string_value(json_object_get(c->command, "title"));
    if (*title == '\0' || !text_fits(title, MEETING_TITLE_BYTES_MAX, FALSE))
        return REFUSE(c, FAULT_BAD_INPUT, WORD_MEETING_TITLE, MEETING_TITLE_BYTES_MAX);
    json_t *fields = json_pack("{s:s}", "title", title);
    json_t *chair = json_object_get(c->command, "chair"),
           *planned = json_object_get(c->command, "planned_at_ms");
    if (chair != NULL) json_object_set(fields, "chair", chair);
    if (planned != NULL) json_object_set(fields, "planned_at_ms", planned);
    return emit(c, "created", fields);
}

static gboolean on_open(Case *c) {
    if (c->meeting->phase == MEETING_OPEN) return REFUSE(c, FAULT_CONFLICT, WORD_MEETING_ALREADY_OPEN);
    return emit(c, "opened", NULL);
}

static gboolean on_end(Case *c) {
    /* A meeting that never opened has nobody in it who could be thrown out by mistake; scripts say now. */
    if (c->meeting->phase == MEETING_DRAFT || flag(c, "now")) return emit(c, "ended", NULL);
    if (c->meeting->ending_due_ms != 0) return REFUSE(c, FAULT_CONFLICT, WORD_MEETING_ENDING);
    return emit(c, "ending", json_pack("{s:I}", "due_ms", (json_int_t)(c->now_ms + MEETING_UNDO_MS)));
}

static gboolean emit_presenting_ended(Case *c, const char *why) {
    return emit(c, "presenting-ended",
                json_pack("{s:i, s:s}", "seat", (int)c->meeting->presenting, "why", why));
}

static gboolean is_due(const Case *c, gint64 due_ms) { return due_ms != 0 && c->now_ms >= due_ms; }

static gboolean on_due(Case *c) {
    if (is_due(c, c->meeting->ending_due_ms)) return emit(c, "ended", NULL);
    if (is_due(c, c->meeting->presenter_due_ms)) return emit_presenting_ended(c, "lost");
    return REFUSE(c, FAULT_CONFLICT, WORD_MEETING_NOT_DUE);
}

static gboolean on_undo(Case *c) {
    const char *what = meeting_undo(c->meeting, c->now_ms, NULL);
    if (what == NULL) return REFUSE(c, FAULT_CONFLICT, WORD_NOTHING_TO_UNDO);
    return emit(c, strcmp(what, "end") == 0 ? "ending-undone" : "mute-all-undone", NULL);
}

static gboolean on_layout(Case *c) {
    const char *layout = json_string_value(json_object_get(c->command, "layout"));
    if (!meeting_layout_known(layout)) return REFUSE(c, FAULT_BAD_INPUT, WORD_LAYOUT_UNKNOWN, layout);
    if (strcmp(layout, c->meeting->layout) == 0) return TRUE;
    return emit(c, "layout", json_pack("{s:s}", "layout", layout));
}

static gboolean on_turn(Case *c) {
    MeetingTurn turn;
    if (!meeting_turn_decide(c->meeting, c->command, c->now_ms, &turn))
        return REFUSE(c, FAULT_BAD_INPUT, WORD_TURN_MALFORMED, TURN_EVERY_MS_MIN / 1000,
                      TURN_EVERY_MS_MAX / 1000, MEETING_PAGES_SIDE_MIN, MEETING_PAGES_SIDE_MAX);
    MeetingTurn before = turn.program ? meeting_program_turn(c->meeting) : meeting_pages(c->meeting);
    if (turn.side == before.side && turn_equal(&turn.turn, &before.turn)) return TRUE;
    json_t *fields = meeting_turn_json(&turn);
    json_object_set_new(fields, "view", json_string(turn.program ? "program" : "pages"));
    return emit(c, "turned", fields);
}

static gboolean on_pin(Case *c) {
    json_t *seats = json_object_get(c->command, "seats");
    gsize n = json_array_size(seats);
    if (n > MEETING_PINS_MAX) return REFUSE(c, FAULT_BAD_INPUT, WORD_PINS_TOO_MANY, MEETING_PINS_MAX);
    gboolean same = n == c->meeting->pinned->len;
    for (gsize i = 0; i < n; i++) {
        json_int_t id = json_integer_value(json_array_get(seats, i));
        if (id < 1 || id > G_MAXINT32) return REFUSE(c, FAULT_BAD_INPUT, WORD_PINS_MALFORMED);
        for (gsize j = 0; j < i; j++)
            if (json_integer_value(json_array_get(seats, j)) == id)
                return REFUSE(c, FAULT_BAD_INPUT, WORD_PINS_MALFORMED);
        same = same && meeting_pinned(c->meeting, (guint)i) == (gint32)id;
    }
    if (same) return TRUE;
    return emit(c, "pinned", json_pack("{s:O}", "seats", seats));
}

static gboolean on_notice(Case *c) {
    const char *text = json_string_value(json_object_get(c->command, "text"));
    if (!text_fits(text, MEETING_NOTICE_BYTES_MAX, TRUE))
        return REFUSE(c, FAULT_BAD_INPUT, WORD_NOTICE_LONG, MEETING_NOTICE_BYTES_MAX);
    if (strcmp(text, c->meeting->notice) == 0) return TRUE;
    return emit(c, "notice", json_pack("{s:s}", "text", text));
}

/* ---- a seat comes and goes ---- */

static gboolean on_join(Case *c) {
    if (c->seat == NULL && c->meeting->seats->len >= MEETING_SEATS_MAX)
        return REFUSE(c, FAULT_FULL, WORD_MEETING_FULL, MEETING_SEATS_MAX);
    gboolean microphone = flag(c, "microphone") && !meeting_holds(c->meeting, c->seat, c->id);
    /* Who comes back finds the microphone as it was, unless the room itself wants it off now. */
    if (is_in(c->seat)) microphone = microphone && c->seat->microphone_on;
    return emit(c, "joined",
                json_pack("{s:i, s:b, s:b}", "seat", (int)c->id, "microphone", microphone, "camera",
                          flag(c, "camera")));
}

static gboolean on_connected(Case *c) {
    if (!is_in(c->seat)) return REFUSE(c, FAULT_CONFLICT, WORD_SEAT_ABSENT);
    return c->seat->presence == SEAT_PRESENT ? TRUE : emit_seat(c, "connected", c->id);
}

static gboolean on_lost(Case *c) {
    if (!is_in(c->seat) || c->seat->presence == SEAT_LOST) return TRUE;
    return emit_seat(c, "lost", c->id);
}

static gboolean on_leave(Case *c) {
    if (!is_in(c->seat)) return TRUE;
    return emit_seat(c, "left", c->id);
}

static gboolean on_disconnect(Case *c) {
    if (!is_in(c->seat)) return REFUSE(c, FAULT_CONFLICT, WORD_SEAT_ABSENT);
    return emit(c, "left", json_pack("{s:i, s:s}", "seat", (int)c->id, "why", "disconnected"));
}

static gboolean on_state(Case *c) {
    static const char *const names[] = { "microphone", "camera", "deaf" };
    if (!is_in(c->seat)) return REFUSE(c, FAULT_CONFLICT, WORD_SEAT_ABSENT);
    if (flag(c, "microphone") && meeting_holds(c->meeting, c->seat, c->id))
        return REFUSE(c, FAULT_REFUSED, WORD_MICROPHONE_HELD);
    const gboolean now[] = { c->seat->microphone_on, c->seat->camera, c->seat->deaf };
    json_t *fields = json_pack("{s:i}", "seat", (int)c->id);
    for (guint i = 0; i < G_N_ELEMENTS(names); i++) {
        json_t *wanted = json_object_get(c->command, names[i]);
        if (wanted != NULL && json_is_true(wanted) != (now[i] != FALSE))
            json_object_set(fields, names[i], wanted);
    }
    if (json_object_size(fields) > 1) return emit(c, "seat-state", fields);
    json_decref(fields);
    return TRUE;
}

/* ---- hands, floor, microphones ---- */

static gboolean on_hand(Case *c) {
    if (!is_in(c->seat)) return REFUSE(c, FAULT_CONFLICT, WORD_SEAT_ABSENT);
    if (flag(c, "up") && c->meeting->floor == c->id) return REFUSE(c, FAULT_CONFLICT, WORD_HAND_HAS_FLOOR);
    if (flag(c, "up") == (c->seat->hand_ms != 0)) return TRUE;
    return emit_seat(c, flag(c, "up") ? "hand-up" : "hand-down", c->id);
}

static gboolean on_hand_lower(Case *c) {
    if (!is_in(c->seat) || c->seat->hand_ms == 0) return REFUSE(c, FAULT_CONFLICT, WORD_HAND_NOT_UP);
    return emit_seat(c, "hand-down", c->id);
}

static gboolean on_floor_give(Case *c) {
    if (!is_in(c->seat)) return REFUSE(c, FAULT_CONFLICT, WORD_SEAT_ABSENT);
    if (c->seat->presence == SEAT_LOST) return REFUSE(c, FAULT_CONFLICT, WORD_SEAT_LOST);
    /* Given again to the same room: turns its microphone on again, which is what the chair wants then. */
    if (c->meeting->floor == c->id && c->seat->microphone_on) return TRUE;
    if (c->meeting->floor != 0 && c->meeting->floor != c->id) emit_seat(c, "floor-taken", c->meeting->floor);
    return emit_seat(c, "floor-given", c->id);
}

static gboolean on_floor_take(Case *c) {
    gint32 floor = c->meeting->floor;
    if (!role_may(c->actor->role, RIGHT_DIRECT) && (floor == 0 || floor != c->actor->seat))
        return REFUSE(c, FAULT_REFUSED, WORD_FLOOR_NOT_YOURS);
    if (floor == 0) return REFUSE(c, FAULT_CONFLICT, WORD_FLOOR_NOBODY);
    if (c->id != 0 && c->id != floor) return REFUSE(c, FAULT_CONFLICT, WORD_FLOOR_MOVED);
    return emit_seat(c, "floor-taken", floor);
}

static gboolean on_mute(Case *c) {
    if (!is_in(c->seat)) return REFUSE(c, FAULT_CONFLICT, WORD_SEAT_ABSENT);
    gboolean is_done = c->seat->held || (c->id == c->meeting->chair_seat && !c->seat->microphone_on);
    return is_done ? TRUE : emit_seat(c, "muted", c->id);
}

static gboolean on_unmute_allow(Case *c) {
    if (!is_in(c->seat)) return REFUSE(c, FAULT_CONFLICT, WORD_SEAT_ABSENT);
    if (!meeting_holds(c->meeting, c->seat, c->id)) return TRUE;
    return emit_seat(c, "unmute-allowed", c->id);
}

static gboolean on_mute_all(Case *c) {
    return emit(c, "muted-all",
                json_pack("{s:I}", "undo_until_ms", (json_int_t)(c->now_ms + MEETING_UNDO_MS)));
}

static gboolean on_unmute_all_allow(Case *c) {
    gboolean anything = c->meeting->muted_all;
    for (guint i = 0; i < c->meeting->seats->len && !anything; i++)
        anything = ((const Seat *)c->meeting->seats->pdata[i])->held;
    return anything ? emit(c, "all-unmute-allowed", NULL) : TRUE;
}

/* ---- presenting ---- */

/* Who may present may also follow another, as speakers follow each other; only the chair's own seat is not cut off. */
static gboolean on_present(Case *c) {
    gint32 before = c->meeting->presenting;
    if (!is_in(c->seat)) return REFUSE(c, FAULT_CONFLICT, WORD_SEAT_ABSENT);
    if (!meeting_may_present(c->meeting, c->seat, c->id))
        return REFUSE(c, FAULT_REFUSED, WORD_PRESENT_NOT_YOU);
    if (before == c->id) return TRUE;
    if (before != 0 && before == c->meeting->chair_seat)
        return REFUSE(c, FAULT_CONFLICT, WORD_PRESENT_CHAIR_DOES);
    if (before != 0) emit_presenting_ended(c, "followed");
    return emit_seat(c, "presenting", c->id);
}

static gboolean on_present_stop(Case *c) {
    gint32 presenting = c->meeting->presenting;
    gboolean directs = role_may(c->actor->role, RIGHT_DIRECT);
    if (!directs && (presenting == 0 || presenting != c->actor->seat))
        return REFUSE(c, FAULT_CONFLICT, WORD_PRESENT_NOT_YOURS);
    if (presenting == 0) return REFUSE(c, FAULT_CONFLICT, WORD_PRESENT_NOBODY);
    if (c->id != 0 && c->id != presenting) return REFUSE(c, FAULT_CONFLICT, WORD_PRESENT_MOVED);
    return emit_presenting_ended(c, directs ? "stopped" : "done");
}

static gboolean on_present_allow(Case *c) {
    if (!is_in(c->seat)) return REFUSE(c, FAULT_CONFLICT, WORD_SEAT_ABSENT);
    if (flag(c, "on") == (c->seat->present_allowed != FALSE)) return TRUE;
    return emit(c, "present-allowed", json_pack("{s:i, s:b}", "seat", (int)c->id, "on", flag(c, "on")));
}

/* ---- the table ---- */

enum { IN_NONE = 1, IN_DRAFT = 2, IN_OPEN = 4, ONLY_SYSTEM = 8 };

static const struct {
    const char *name, *fields;
    Right right; /* RIGHT_SEAT: of its own seat only, for everybody but the system */
    guint when;
    gboolean (*decide)(Case *c);
} rows[] = {
    { "create", "title:string chair:id? planned_at_ms:int?", RIGHT_MEETINGS, IN_NONE | IN_DRAFT | IN_OPEN,
      on_create },
    { "open", "", RIGHT_MEETINGS, IN_DRAFT | IN_OPEN, on_open },
    { "end", "now:bool?", RIGHT_DIRECT, IN_DRAFT | IN_OPEN, on_end },
    { "due", "", RIGHT_SEAT, IN_OPEN | ONLY_SYSTEM, on_due },
    { "undo", "", RIGHT_DIRECT, IN_DRAFT | IN_OPEN, on_undo },
    { "layout", "layout:string", RIGHT_DIRECT, IN_DRAFT | IN_OPEN, on_layout },
    { "turn", "view:word on:bool? every_s:int? side:int? hold:bool? step:int?", RIGHT_DIRECT, IN_OPEN,
      on_turn },
    { "pin", "seats:array", RIGHT_DIRECT, IN_DRAFT | IN_OPEN, on_pin },
    { "notice", "text:string", RIGHT_DIRECT, IN_DRAFT | IN_OPEN, on_notice },
    { "join", "seat:id microphone:bool? camera:bool?", RIGHT_SEAT, IN_OPEN, on_join },
    { "connected", "seat:id", RIGHT_SEAT, IN_OPEN | ONLY_SYSTEM, on_connected },
    { "lost", "seat:id", RIGHT_SEAT, IN_OPEN | ONLY_SYSTEM, on_lost },
    { "leave", "seat:id", RIGHT_SEAT, IN_OPEN, on_leave },
    { "seat.disconnect", "seat:id", RIGHT_DIRECT, IN_OPEN, on_disconnect },
    { "state", "seat:id microphone:bool? camera:bool? deaf:bool?", RIGHT_SEAT, IN_OPEN, on_state },
    { "hand", "seat:id up:bool", RIGHT_SEAT, IN_OPEN, on_hand },
    { "hand.lower", "seat:id", RIGHT_DIRECT, IN_OPEN, on_hand_lower },
    { "floor.give", "seat:id", RIGHT_DIRECT, IN_OPEN, on_floor_give },
    { "floor.take", "seat:id?", N_RIGHTS, IN_OPEN, on_floor_take },
    { "mute", "seat:id", RIGHT_DIRECT, IN_OPEN, on_mute },
    { "unmute.allow", "seat:id", RIGHT_DIRECT, IN_OPEN, on_unmute_allow },
    { "mute.all", "", RIGHT_DIRECT, IN_DRAFT | IN_OPEN, on_mute_all },
    { "unmute.all.allow", "", RIGHT_DIRECT, IN_DRAFT | IN_OPEN, on_unmute_all_allow },
    { "present", "seat:id", RIGHT_SEAT, IN_OPEN, on_present },
    { "present.stop", "seat:id?", N_RIGHTS, IN_OPEN, on_present_stop },
    { "present.allow", "seat:id on:bool", RIGHT_DIRECT, IN_OPEN, on_present_allow },
};

gboolean meeting_table_check(GError **error) {
    for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
        if (rows[i].decide != NULL && fields_parsable(rows[i].fields)) continue;
        g_set_error(error, FAULT, FAULT_INTERNAL, "meeting commands: row %s is broken", rows[i].name);
        return FALSE;
    }
    return meeting_events_check(error);
}

static gboolean check_phase(Case *c, guint when) {
    static const guint bits[] = { IN_NONE, IN_DRAFT, IN_OPEN, 0 };
    if (bits[c->meeting->phase] & when) return TRUE;
    if (c->meeting->phase == MEETING_NONE) return REFUSE(c, FAULT_NOT_FOUND, WORD_MEETING_UNKNOWN);
    if (c->meeting->phase == MEETING_ENDED) return REFUSE(c, FAULT_CONFLICT, WORD_MEETING_ENDED);
    return REFUSE(c, FAULT_CONFLICT, WORD_MEETING_NOT_OPEN);
}

static gboolean check_right(Case *c, Right right, guint when) {
    Role role = c->actor->role;
    if ((when & ONLY_SYSTEM) && role != ROLE_SYSTEM) return REFUSE(c, FAULT_REFUSED, WORD_REFUSED_ROLE);
    if (right != N_RIGHTS && !role_may(role, right)) return REFUSE(c, FAULT_REFUSED, WORD_REFUSED_ROLE);
    if (right == RIGHT_SEAT && role != ROLE_SYSTEM && c->id != c->actor->seat)
        return REFUSE(c, FAULT_REFUSED, WORD_REFUSED_OTHER_SEAT);
    return TRUE;
}

gboolean meeting_decide(const Meeting *meeting, json_t *command, const Actor *actor, gint64 now_ms,
                        json_t **ret_events, GError **error) {
    const char *name = json_string_value(json_object_get(command, "t"));
    Case c = { .meeting = meeting, .command = command, .actor = actor, .now_ms = now_ms, .error = error };
    for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
        if (g_strcmp0(rows[i].name, name) != 0) continue;
        g_autoptr(GError) malformed = NULL;
        if (!fields_check(name, rows[i].fields, command, FALSE, &malformed))
            return REFUSE(&c, FAULT_BAD_INPUT, WORD_COMMAND_MALFORMED, malformed->message);
        c.id = (gint32)json_integer_value(json_object_get(command, "seat"));
        c.seat = meeting_peek_seat(meeting, c.id);
        if (!check_right(&c, rows[i].right, rows[i].when) || !check_phase(&c, rows[i].when)) return FALSE;
        c.events = json_array();
        if (rows[i].decide(&c)) {
            *ret_events = c.events;
            return TRUE;
        }
        json_decref(c.events);
        return FALSE;
    }
    return REFUSE(&c, FAULT_BAD_INPUT, WORD_COMMAND_UNKNOWN, name != NULL ? name : "");
}
