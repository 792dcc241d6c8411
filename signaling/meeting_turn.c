/* meeting_turn.c -- pages that follow each other: of the second screen, and of a program that shows all rooms in turn. */
#include "signaling/meeting_state.h"

#include <string.h>

enum { PAGES_EVERY_MS = 15000, PAGES_SIDE = 4, PROGRAM_EVERY_MS = 10000 };

MeetingTurn meeting_pages(const Meeting *meeting) {
    MeetingTurn pages = { .turn = meeting->pages_turn, .side = meeting->pages_side };
    if (pages.turn.every_ms == 0)
        pages.turn = (Turn){ .start_ms = meeting->opened_ms, .every_ms = PAGES_EVERY_MS, .held = -1 };
    if (pages.side == 0) pages.side = PAGES_SIDE;
    return pages;
}

MeetingTurn meeting_program_turn(const Meeting *meeting) {
    return (MeetingTurn){ .program = TRUE, .turn = meeting->program_turn };
}

json_t *meeting_turn_json(const MeetingTurn *turn) {
    json_t *json = json_pack("{s:I, s:I}", "start_ms", (json_int_t)turn->turn.start_ms, "every_ms",
                             (json_int_t)turn->turn.every_ms);
    if (turn->turn.held >= 0) json_object_set_new(json, "held", json_integer(turn->turn.held));
    if (turn->side != 0) json_object_set_new(json, "side", json_integer((json_int_t)turn->side));
    return json;
}

/* Another interval begins with a whole one, on the page that is shown. */
static Turn with_interval(const Turn *turn, gint64 every_ms, gint64 now_ms) {
    Turn other = turn_hold(turn, now_ms);
    other.every_ms = every_ms;
    return turn->held >= 0 ? other : turn_go_on(&other, now_ms);
}

gboolean meeting_turn_decide(const Meeting *meeting, json_t *command, gint64 now_ms, MeetingTurn *ret_turn) {
    const char *view = json_string_value(json_object_get(command, "view"));
    json_t *on = json_object_get(command, "on"), *every = json_object_get(command, "every_s"),
           *side = json_object_get(command, "side"), *hold = json_object_get(command, "hold"),
           *step = json_object_get(command, "step");
    json_int_t every_s = json_integer_value(every), wanted_side = json_integer_value(side);
    gboolean program = strcmp(view, "program") == 0;
    if (!program && strcmp(view, "pages") != 0) return FALSE;
    if (every != NULL && (every_s < TURN_EVERY_MS_MIN / 1000 || every_s > TURN_EVERY_MS_MAX / 1000))
        return FALSE;
    if (side != NULL &&
        (program || wanted_side < MEETING_PAGES_SIDE_MIN || wanted_side > MEETING_PAGES_SIDE_MAX))
        return FALSE;
    MeetingTurn turn = program ? meeting_program_turn(meeting) : meeting_pages(meeting);
    *ret_turn = turn;
    if (program && json_is_false(on)) {
        ret_turn->turn = (Turn){ .held = -1 };
        return TRUE;
    }
    if (program && turn.turn.every_ms == 0) {
        if (!json_is_true(on)) return FALSE;
        turn.turn = (Turn){ .start_ms = now_ms, .every_ms = PROGRAM_EVERY_MS, .held = -1 };
    }
    if (every != NULL) turn.turn = with_interval(&turn.turn, every_s * 1000, now_ms);
    if (side != NULL) turn.side = (guint)wanted_side;
    if (hold != NULL)
        turn.turn = json_is_true(hold) ? turn_hold(&turn.turn, now_ms) : turn_go_on(&turn.turn, now_ms);
    if (step != NULL) turn.turn = turn_step(&turn.turn, CLAMP(json_integer_value(step), -1000, 1000), now_ms);
    *ret_turn = turn;
    return TRUE;
}
