/* meeting_scene.c -- the media consequences of a meeting's state, whole, for the bridge. */
#include "signaling/meeting_view.h"

#include "signaling/meeting_state.h"

#include <string.h>

ViewId view_from_word(const char *word) {
    if (g_strcmp0(word, "program") == 0) return VIEW_PROGRAM;
    if (g_strcmp0(word, "wall") == 0) return VIEW_WALL;
    return g_strcmp0(word, "pages") == 0 ? VIEW_PAGES : VIEW_NONE;
}

static const char *heard_word(const SeatState *seat) {
    if (seat->presence == SEAT_ABSENT || seat->microphone != MICROPHONE_ON) return "never";
    return seat->floor == FLOOR_GIVEN ? "always" : "may";
}

static json_t *endpoint_json(const Meeting *meeting, const SeatRecord *record) {
    SeatState seat = meeting_seat(meeting, record->id);
    gboolean present = seat.presence == SEAT_PRESENT || seat.presence == SEAT_JOINING;
    json_t *endpoint =
        json_pack("{s:i, s:s, s:s, s:b, s:b, s:b}", "seat", (int)record->id, "label", record->label, "heard",
                  heard_word(&seat), "present", present, "microphone_off",
                  present && seat.microphone != MICROPHONE_ON, "hand", seat.hand_ms != 0);
    if (seat.presence == SEAT_LOST)
        json_object_set_new(endpoint, "offline_since", json_integer(seat.since_ms / 1000));
    return endpoint;
}

/* ---- slots of the program ---- */

typedef struct {
    json_t *slots;
    GArray *used; /* of gint32, as these must not come twice */
    guint n_loudest, n_max;
} SlotPlan;

static void add_pin(SlotPlan *plan, gint32 id) {
    if (id == 0 || json_array_size(plan->slots) >= plan->n_max) return;
    for (guint i = 0; i < plan->used->len; i++)
        if (g_array_index(plan->used, gint32, i) == id) return;
    g_array_append_val(plan->used, id);
    json_array_append_new(plan->slots, json_pack("{s:i}", "pin", (int)id));
}

static void add_loudest(SlotPlan *plan) {
    if (json_array_size(plan->slots) < plan->n_max)
        json_array_append_new(plan->slots, json_pack("{s:i}", "loudest", (int)++plan->n_loudest));
}

static gboolean is_shown(const Meeting *meeting, gint32 id) {
    return meeting_seat(meeting, id).presence != SEAT_ABSENT;
}

static json_t *program_slots(const Meeting *meeting) {
    const char *layout = meeting_layout(meeting);
    g_autoptr(GArray) used = g_array_new(FALSE, FALSE, sizeof(gint32));
    SlotPlan plan = { .slots = json_array(), .used = used, .n_max = meeting_layout_tiles(layout) };
    gboolean is_grid = strcmp(layout, "grid") == 0 || layout[1] == 'x'; /* 2x2 to 7x7 */
    gboolean is_with_chair = strcmp(layout, "1+1") == 0 || strcmp(layout, "lecture") == 0;
    /* A grid has no first place: the bridge fills it with whoever is there, loudest first. */
    if (meeting->floor != 0) {
        add_pin(&plan, meeting->floor);
    } else if (!is_grid && (meeting->pinned->len == 0 || plan.n_max > 1)) {
        add_loudest(&plan);
    }
    if (is_with_chair && is_shown(meeting, meeting->chair_seat)) add_pin(&plan, meeting->chair_seat);
    for (guint i = 0; i < meeting->pinned->len; i++) {
        gint32 id = g_array_index(meeting->pinned, gint32, i);
        if (is_shown(meeting, id)) add_pin(&plan, id);
    }
    if (is_grid) return plan.slots;
    while (json_array_size(plan.slots) < plan.n_max) add_loudest(&plan);
    return plan.slots;
}

static json_t *view_json(ViewId view, const char *name, const char *layout, json_t *slots) {
    return json_pack("{s:i, s:s, s:s, s:o}", "view", (int)view, "name", name, "layout", layout, "slots",
                     slots);
}

static json_t *pages_view(const Meeting *meeting) {
    MeetingTurn pages = meeting_pages(meeting);
    g_autofree char *layout = g_strdup_printf("%ux%u", pages.side, pages.side);
    json_t *view = view_json(VIEW_PAGES, "pages", layout, json_array());
    pages.side = 0; /* the layout says it */
    json_object_set_new(view, "turn", meeting_turn_json(&pages));
    return view;
}

json_t *meeting_scene(const Meeting *meeting, const char *meeting_id, const Roster *roster, gint64 epoch,
                      gint64 revision, const SceneLeg *legs, guint n_legs) {
    json_t *endpoints = json_array(), *scene_legs = json_array();
    for (guint i = 0; i < roster_n_seats(roster); i++)
        json_array_append_new(endpoints, endpoint_json(meeting, roster_seat_at(roster, i)));
    for (guint i = 0; i < n_legs; i++)
        json_array_append_new(scene_legs, json_pack("{s:i, s:i, s:b}", "leg", (int)legs[i].leg, "view",
                                                    (int)legs[i].view, "hears", legs[i].hears));
    json_t *program = view_json(VIEW_PROGRAM, "program", meeting_layout(meeting), program_slots(meeting));
    json_t *wall = view_json(VIEW_WALL, "wall", "wall", json_array());
    json_t *pages = pages_view(meeting);
    MeetingTurn turn = meeting_program_turn(meeting);
    if (turn.turn.every_ms != 0) json_object_set_new(program, "turn", meeting_turn_json(&turn));
    json_t *scene = json_pack("{s:s, s:I, s:I, s:o, s:[o, o, o], s:o}", "meeting", meeting_id, "epoch",
                              (json_int_t)epoch, "revision", (json_int_t)revision, "endpoints", endpoints,
                              "views", program, wall, pages, "legs", scene_legs);
    if (meeting->chair_seat != 0) json_object_set_new(scene, "hall", json_integer(meeting->chair_seat));
    if (meeting->presenting != 0) json_object_set_new(scene, "presenter", json_integer(meeting->presenting));
    return scene;
}
