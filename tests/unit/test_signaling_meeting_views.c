/* What others are told of a meeting: the scene for the bridge, snapshot and differences for consoles, a room's own view, the
 * attendance. */
#include "signaling/meeting_view.h"
#include "tests/unit/meeting_actors.h"

static Roster *small_roster(void) {
    static const char csv[] =
        "code,name,type,district\nT,Quảng Ninh,tỉnh,\nA,Bắc Sơn,xã,Huyện A\nB,Bắc Sơn,xã,Thị xã B\n"
        "C,Đầm Hà,thị trấn,Huyện Đầm Hà\n";
    Roster *roster = roster_new();
    g_autoptr(RosterPlan) plan =
        roster_plan_import(roster, csv, sizeof csv - 1, ROSTER_SEATS_MAX, LANGUAGE_VI);
    assert_int_equal(plan->n_errors, 0);
    roster_take_seats(roster, g_steal_pointer(&plan->seats));
    return roster;
}

static const char *text_at(json_t *object, const char *key) {
    return json_string_value(json_object_get(object, key));
}

static void assert_slots(const Meeting *meeting, const Roster *roster, const char *wanted) {
    json_t *scene = meeting_scene(meeting, "m1", roster, 1, 1, NULL, 0);
    json_t *program = json_array_get(json_object_get(scene, "views"), 0);
    char *slots = json_dumps(json_object_get(program, "slots"), JSON_COMPACT);
    if (!g_str_has_prefix(slots, wanted)) fail_msg("slots %s instead of %s", slots, wanted);
    free(slots);
    json_decref(scene);
}

static void test_scene(void **state) {
    (void)state;
    g_autoptr(Roster) roster = small_roster();
    g_autoptr(Meeting) meeting = open_meeting_at(START_MS);
    SceneLeg leg = { .leg = 9, .view = VIEW_WALL, .hears = FALSE };
    give_ok(meeting, "system", START_MS, JOIN(1), NULL);
    give_ok(meeting, "system", START_MS, JOIN(2), NULL);
    give_ok(meeting, "system", START_MS, JOIN(3), NULL);
    give_ok(meeting, "room 3", START_MS, "{'t':'hand','seat':3,'up':true}", NULL);
    assert_slots(meeting, roster, "[{\"loudest\":1},{\"loudest\":2},");
    give_ok(meeting, "chair", START_MS, "{'t':'pin','seats':[3,4]}", NULL); /* 4 is not there */
    assert_slots(meeting, roster, "[{\"loudest\":1},{\"pin\":3},{\"loudest\":2},");
    give_ok(meeting, "chair", START_MS, "{'t':'floor.give','seat':2}", NULL);
    assert_slots(meeting, roster, "[{\"pin\":2},{\"pin\":3},{\"loudest\":1},");
    give_ok(meeting, "chair", START_MS, "{'t':'layout','layout':'lecture'}", NULL);
    assert_slots(meeting, roster, "[{\"pin\":2},{\"pin\":1},{\"pin\":3},{\"loudest\":1},");
    give_ok(meeting, "chair", START_MS, "{'t':'layout','layout':'full'}", NULL);
    assert_slots(meeting, roster, "[{\"pin\":2}]");
    give_ok(meeting, "system", START_MS + 4000, "{'t':'lost','seat':3}", NULL);

    json_t *scene = meeting_scene(meeting, "m1", roster, 7, 8, &leg, 1);
    json_t *endpoints = json_object_get(scene, "endpoints");
    assert_int_equal(json_array_size(endpoints), 4);
    assert_null(json_object_get(scene, "presenter"));
    static const struct {
        const char *heard;
        gboolean present, off, hand;
    } wanted[] = { { "may", TRUE, FALSE, FALSE },
                   { "always", TRUE, FALSE, FALSE },
                   { "never", FALSE, FALSE, TRUE },
                   { "never", FALSE, FALSE, FALSE } };
    for (guint i = 0; i < 4; i++) {
        json_t *endpoint = json_array_get(endpoints, i);
        assert_string_equal(text_at(endpoint, "heard"), wanted[i].heard);
        assert_int_equal(json_is_true(json_object_get(endpoint, "present")), wanted[i].present);
        assert_int_equal(json_is_true(json_object_get(endpoint, "microphone_off")), wanted[i].off);
        assert_int_equal(json_is_true(json_object_get(endpoint, "hand")), wanted[i].hand);
    }
    assert_string_equal(text_at(json_array_get(endpoints, 1), "label"), "Xã Bắc Sơn, huyện A");
    assert_int_equal(json_integer_value(json_object_get(json_array_get(endpoints, 2), "offline_since")),
                     (START_MS + 4000) / 1000);
    json_t *pages = json_array_get(json_object_get(scene, "views"), 2);
    assert_string_equal(text_at(pages, "layout"), "4x4");
    assert_int_equal(json_integer_value(json_object_get(json_object_get(pages, "turn"), "start_ms")),
                     START_MS);
    assert_null(json_object_get(json_array_get(json_object_get(scene, "views"), 0), "turn"));
    json_t *scene_leg = json_array_get(json_object_get(scene, "legs"), 0);
    assert_int_equal(json_integer_value(json_object_get(scene_leg, "view")), VIEW_WALL);
    assert_true(json_is_false(json_object_get(scene_leg, "hears")));
    json_decref(scene);
    give_ok(meeting, "room 2", START_MS + 5000, "{'t':'present','seat':2}", NULL);
    give_ok(meeting, "chair", START_MS + 5000, "{'t':'turn','view':'program','on':true}", NULL);
    scene = meeting_scene(meeting, "m1", roster, 7, 9, &leg, 1);
    assert_int_equal(json_integer_value(json_object_get(scene, "presenter")), 2);
    json_t *turn = json_object_get(json_array_get(json_object_get(scene, "views"), 0), "turn");
    assert_int_equal(json_integer_value(json_object_get(turn, "every_ms")), 10000);
    json_decref(scene);
    give_ok(meeting, "chair", START_MS + 5000, "{'t':'layout','layout':'3x3'}", NULL);
    assert_slots(meeting, roster, "[{\"pin\":2},{\"pin\":3}]"); /* a grid has no first place */
}

static void add_quality(gpointer user, gint32 seat_id, json_t *seat) {
    if (seat_id == 2) json_object_set(seat, "quality", user);
}

static void test_snapshot_and_delta(void **state) {
    (void)state;
    g_autoptr(Roster) roster = small_roster();
    g_autoptr(Meeting) meeting = open_meeting_at(START_MS);
    json_t *quality = json_pack("{s:i}", "rtt_ms", 20);
    give_ok(meeting, "system", START_MS, JOIN(2), NULL);
    json_t *before = meeting_snapshot(meeting, "m1", roster, START_MS, NULL, NULL);
    assert_null(meeting_delta(before, before));
    give_ok(meeting, "room 2", START_MS + 9, "{'t':'hand','seat':2,'up':true}", NULL);
    json_t *after = meeting_snapshot(meeting, "m1", roster, START_MS + 10, add_quality, quality);
    json_t *delta = meeting_delta(before, after);
    assert_null(json_object_get(delta, "meeting"));
    assert_int_equal(json_array_size(json_object_get(delta, "seats")), 1);
    json_t *seat = json_array_get(json_object_get(delta, "seats"), 0);
    assert_int_equal(json_object_size(seat), 5); /* id, floor, hand_at_ms, hand_place, quality */
    assert_string_equal(text_at(seat, "floor"), "asked");
    assert_int_equal(json_integer_value(json_object_get(seat, "hand_place")), 1);
    json_decref(delta);

    delta = meeting_delta(after, before); /* what went away is said */
    seat = json_array_get(json_object_get(delta, "seats"), 0);
    assert_true(json_is_null(json_object_get(seat, "hand_at_ms")) &&
                json_is_null(json_object_get(seat, "quality")));
    json_decref(delta);

    roster_take_seats(roster, g_ptr_array_new_with_free_func((GDestroyNotify)seat_record_free));
    json_t *empty = meeting_snapshot(meeting, "m1", roster, START_MS + 10, NULL, NULL);
    delta = meeting_delta(after, empty);
    assert_int_equal(json_array_size(json_object_get(delta, "seats")), 4);
    assert_true(json_is_true(json_object_get(json_array_get(json_object_get(delta, "seats"), 0), "gone")));
    json_decref(delta);
    json_decref(empty);
    json_decref(after);
    json_decref(before);
    json_decref(quality);
}

static void test_room_view(void **state) {
    (void)state;
    g_autoptr(Roster) roster = small_roster();
    g_autoptr(Meeting) meeting = open_meeting_at(START_MS);
    give_ok(meeting, "system", START_MS, JOIN(2), NULL);
    give_ok(meeting, "system", START_MS, JOIN(3), NULL);
    give_ok(meeting, "chair", START_MS, "{'t':'floor.give','seat':3}", NULL);
    give_ok(meeting, "room 3", START_MS, "{'t':'present','seat':3}", NULL);
    json_t *view = meeting_room_view(meeting, "m1", roster, 2);
    assert_string_equal(text_at(json_object_get(view, "presenting"), "label"), "Xã Bắc Sơn, thị xã B");
    json_t *seat = json_object_get(view, "seat");
    assert_string_equal(text_at(seat, "label"), "Xã Bắc Sơn, huyện A");
    assert_string_equal(text_at(seat, "microphone"), "held-off");
    assert_string_equal(text_at(json_object_get(view, "floor"), "label"), "Xã Bắc Sơn, thị xã B");
    assert_true(json_is_null(json_object_get(view, "notice")));
    assert_true(json_is_false(json_object_get(seat, "may_present")));
    json_decref(view);
    view = meeting_room_view(meeting, "m1", roster, 3);
    assert_true(json_is_true(json_object_get(json_object_get(view, "seat"), "may_present")));
    json_decref(view);
}

static void test_attendance(void **state) {
    (void)state;
    g_autoptr(Roster) roster = small_roster();
    g_autoptr(Meeting) meeting = open_meeting_at(START_MS);
    give_ok(meeting, "system", START_MS, JOIN(2), NULL);
    give_ok(meeting, "system", START_MS + 60000, "{'t':'lost','seat':2}", NULL);
    give_ok(meeting, "system", START_MS + 90000, "{'t':'connected','seat':2}", NULL);
    json_t *rows = meeting_attendance(meeting, roster, START_MS + 100000);
    assert_int_equal(json_array_size(rows), 4);
    json_t *row = json_array_get(rows, 1);
    assert_int_equal(json_integer_value(json_object_get(row, "present_ms")), 70000);
    assert_int_equal(json_integer_value(json_object_get(row, "n_lost")), 1);
    assert_string_equal(text_at(json_array_get(rows, 2), "state"), "absent");
    json_decref(rows);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_scene),
        cmocka_unit_test(test_snapshot_and_delta),
        cmocka_unit_test(test_room_view),
        cmocka_unit_test(test_attendance),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
