/* test_meeting_scene.c -- scenes read, and refused in words. */
#include "bridge/meeting/scene.h"
#include "config/fault.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define SCENE(endpoints, views, legs)                                                                        \
    "{\"meeting\":\"m1\",\"epoch\":2,\"revision\":7,\"endpoints\":[" endpoints "],\"views\":[" views         \
    "],\"legs\":[" legs "]}"

static void scenes_are_refused_in_words(void **state) {
    (void)state;
    static const struct {
        const char *name, *json, *complaint;
    } cases[] = {
        { "seat without id", SCENE("{\"label\":\"x\",\"heard\":\"may\"}", "", ""), "\"seat\" is missing" },
        { "heard is no known word", SCENE("{\"seat\":1,\"label\":\"x\",\"heard\":\"loud\"}", "", ""),
          "heard must be" },
        { "layout is unknown",
          SCENE("", "{\"view\":1,\"name\":\"program\",\"layout\":\"1+99\",\"slots\":[]}", ""),
          "unknown layout" },
        { "view id zero", SCENE("", "{\"view\":0,\"name\":\"program\",\"layout\":\"full\",\"slots\":[]}", ""),
          "view" },
        { "turn is a number",
          SCENE("", "{\"view\":3,\"name\":\"pages\",\"layout\":\"4x4\",\"slots\":[],\"turn\":3}", ""),
          "turn" },
        { "turn is shorter than anybody can look",
          SCENE("",
                "{\"view\":3,\"name\":\"pages\",\"layout\":\"4x4\",\"slots\":[],"
                "\"turn\":{\"start_ms\":1,\"every_ms\":10}}",
                ""),
          "too short" },
        { "leg is text", SCENE("", "", "{\"leg\":\"1\",\"view\":1}"), "leg" },
    };
    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GError) error = NULL;
        json_t *message = json_loads(cases[i].json, 0, NULL);
        print_message("case: %s\n", cases[i].name);
        assert_non_null(message);
        assert_null(scene_parse(message, &error));
        assert_int_equal(error->code, FAULT_BAD_INPUT);
        assert_non_null(strstr(error->message, cases[i].complaint));
        json_decref(message);
    }
}

static void a_scene_is_read_whole(void **state) {
    (void)state;
    json_t *message =
        json_loads(SCENE("{\"seat\":5,\"label\":\"Xã Đầm Hà\",\"heard\":\"always\",\"hand\":true},"
                         "{\"seat\":6,\"label\":\"Thị trấn Đầm Hà\",\"heard\":\"never\",\"present\":false,"
                         "\"offline_since\":1700000000,\"microphone_off\":true}",
                         "{\"view\":1,\"name\":\"program\",\"layout\":\"1+5\",\"slots\":[{\"pin\":5},"
                         "{\"loudest\":1}]}",
                         "{\"leg\":9,\"view\":1},{\"leg\":10,\"view\":0,\"hears\":false}"),
                   0, NULL);
    g_autoptr(Scene) scene = scene_parse(message, NULL);
    json_decref(message);
    assert_non_null(scene);
    assert_int_equal(scene->revision, 7);
    assert_string_equal(scene_seat(scene, 5)->label, "Xã Đầm Hà");
    assert_true(scene_seat(scene, 5)->present);
    assert_int_equal(scene_seat(scene, 5)->heard, HEARD_ALWAYS);
    assert_false(scene_seat(scene, 6)->present);
    assert_int_equal(scene_seat(scene, 6)->offline_since_s, 1700000000);
    assert_null(scene_seat(scene, 7));
    assert_int_equal(scene_view(scene, 1)->layout, LAYOUT_1_5);
    assert_int_equal(scene_view(scene, 1)->n_slots, 2);
    assert_int_equal(scene_view(scene, 1)->slots[0].pin, 5);
    assert_int_equal(scene_view(scene, 1)->slots[1].pin, 0);
    assert_true(scene->legs[0].hears);
    assert_false(scene->legs[1].hears);
}

static void a_turn_is_read(void **state) {
    (void)state;
    json_t *message = json_loads(SCENE("",
                                       "{\"view\":3,\"name\":\"pages\",\"layout\":\"5x5\",\"slots\":[],"
                                       "\"turn\":{\"start_ms\":1700000000000,\"every_ms\":15000}},"
                                       "{\"view\":1,\"name\":\"program\",\"layout\":\"full\",\"slots\":[],"
                                       "\"turn\":{\"start_ms\":5,\"every_ms\":9000,\"held\":2}},"
                                       "{\"view\":2,\"name\":\"wall\",\"layout\":\"wall\",\"slots\":[]}",
                                       ""),
                                 0, NULL);
    g_autoptr(Scene) scene = scene_parse(message, NULL);
    json_decref(message);
    assert_non_null(scene);
    assert_true(scene_view(scene, 3)->turns);
    assert_int_equal(scene_view(scene, 3)->turn.start_ms, 1700000000000);
    assert_int_equal(scene_view(scene, 3)->turn.held, -1);
    assert_int_equal(scene_view(scene, 1)->turn.held, 2);
    assert_false(scene_view(scene, 2)->turns);
}

static void a_long_label_ends_at_a_letter(void **state) {
    (void)state;
    g_autoptr(GString) label = g_string_new(NULL);
    while (label->len < 300) g_string_append(label, "Đầ");
    json_t *message =
        json_pack("{s:s,s:i,s:i,s:[{s:i,s:s,s:s}],s:[],s:[]}", "meeting", "m", "epoch", 1, "revision", 1,
                  "endpoints", "seat", 1, "label", label->str, "heard", "may", "views", "legs");
    g_autoptr(Scene) scene = scene_parse(message, NULL);
    json_decref(message);
    assert_true(g_utf8_validate(scene->seats[0].label, -1, NULL));
    assert_in_range(strlen(scene->seats[0].label), STUDIO_LABEL_BYTES_MAX - 4, STUDIO_LABEL_BYTES_MAX - 1);
}

static void too_many_are_refused(void **state) {
    (void)state;
    g_autoptr(GError) error = NULL;
    json_t *seats = json_array();
    for (int i = 0; i <= SCENE_SEATS_MAX; i++)
        json_array_append_new(seats, json_pack("{s:i,s:s,s:s}", "seat", i + 1, "label", "x", "heard", "may"));
    json_t *message = json_pack("{s:s,s:i,s:i,s:o,s:[],s:[]}", "meeting", "m", "epoch", 1, "revision", 1,
                                "endpoints", seats, "views", "legs");
    assert_null(scene_parse(message, &error));
    assert_int_equal(error->code, FAULT_FULL);
    json_decref(message);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(scenes_are_refused_in_words),
        cmocka_unit_test(a_scene_is_read_whole),
        cmocka_unit_test(a_turn_is_read),
        cmocka_unit_test(a_long_label_ends_at_a_letter),
        cmocka_unit_test(too_many_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
