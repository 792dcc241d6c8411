/* test_policy_stage.c -- who stands where, and what that asks of cameras. */
#include "bridge/policy/needs.h"
#include "bridge/policy/stage.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

enum { HOLD_US = 8000000 };

typedef struct {
    const char *what;
    guint n_slots;
    guint32 pins[6], candidates[8], speaking[4]; /* 0 ends the last two */
    gint64 now_us;
    guint32 expected[6];
} Step;

static guint count(const guint32 *seats, guint most) {
    guint n = 0;
    while (n < most && seats[n] != 0) n++;
    return n;
}

static void slots_follow_the_steps(void **state) {
    (void)state;
    static const Step steps[] = {
        { "filled in order", 3, { 0 }, { 1, 2, 3, 4, 5 }, { 0 }, 1, { 1, 2, 3 } },
        { "who is shown stays when it speaks", 3, { 0 }, { 1, 2, 3, 4, 5 }, { 2 }, 2, { 1, 2, 3 } },
        { "a new speaker takes the last silent slot", 3, { 0 }, { 1, 2, 3, 4, 5 }, { 5 }, 3, { 1, 2, 5 } },
        { "the next one takes the next silent slot", 3, { 0 }, { 1, 2, 3, 4, 5 }, { 4, 5 }, 4, { 4, 2, 5 } },
        { "nobody who just spoke is pushed out", 3, { 0 }, { 1, 2, 3, 4, 5 }, { 3 }, 5, { 4, 2, 5 } },
        { "after the hold the longest silent goes",
          3,
          { 0 },
          { 1, 2, 3, 4, 5 },
          { 3 },
          HOLD_US + 2,
          { 4, 3, 5 } },
        { "who leaves makes room", 3, { 0 }, { 1, 2, 3, 5 }, { 0 }, HOLD_US + 3, { 1, 3, 5 } },
        { "a pin takes its slot from another place",
          3,
          { 5 },
          { 1, 2, 3, 5 },
          { 0 },
          HOLD_US + 4,
          { 5, 3, 1 } },
        { "a pin that is absent leaves its slot empty",
          3,
          { 9 },
          { 1, 2, 3, 5 },
          { 0 },
          HOLD_US + 5,
          { 0, 3, 1 } },
        { "more slots are filled", 5, { 0 }, { 1, 2, 3, 5 }, { 0 }, HOLD_US + 6, { 2, 3, 1, 5, 0 } },
        { "fewer slots drop the tail", 2, { 0 }, { 1, 2, 3, 5 }, { 0 }, HOLD_US + 7, { 2, 3 } },
        { "a speaker who is not in the meeting is nobody", 2, { 0 }, { 2, 3 }, { 7 }, HOLD_US + 8, { 2, 3 } },
        { "no slots", 0, { 0 }, { 2, 3 }, { 2 }, HOLD_US + 9, { 0 } },
    };
    Stage stage = { 0 };
    for (guint i = 0; i < G_N_ELEMENTS(steps); i++) {
        const Step *step = &steps[i];
        guint32 pins[STAGE_SLOTS_MAX] = { 0 };
        memcpy(pins, step->pins, sizeof step->pins);
        print_message("case: %s\n", step->what);
        stage_update(&stage, FALSE, pins, step->n_slots, step->candidates, count(step->candidates, 8),
                     step->speaking, count(step->speaking, 4), step->now_us, HOLD_US);
        assert_int_equal(stage.n_slots, step->n_slots);
        for (guint slot = 0; slot < step->n_slots; slot++)
            assert_int_equal(stage.seats[slot], step->expected[slot]);
    }
}

static void the_large_tile_follows_who_goes_on_speaking(void **state) {
    (void)state;
    static const struct {
        const char *what;
        guint32 pin, speaking;
        gint64 now_us;
        guint32 first, second, third;
    } steps[] = {
        { "filled", 0, 0, 1, 1, 2, 3 },
        { "a cough", 0, 3, 100000, 1, 2, 3 },
        { "silence", 0, 0, 300000, 1, 2, 3 },
        { "begins to speak", 0, 3, 1000000, 1, 2, 3 },
        { "goes on", 0, 3, 2600000, 3, 2, 1 },
        { "stays when nobody speaks", 0, 0, 9000000, 3, 2, 1 },
        { "a pinned lead stays", 3, 2, 20000000, 3, 2, 1 },
        { "and still does", 3, 2, 30000000, 3, 2, 1 },
    };
    const guint32 candidates[] = { 1, 2, 3 };
    Stage stage = { 0 };
    for (guint i = 0; i < G_N_ELEMENTS(steps); i++) {
        const guint32 pins[3] = { steps[i].pin }, speaking[1] = { steps[i].speaking };
        print_message("case: %s\n", steps[i].what);
        stage_update(&stage, TRUE, pins, 3, candidates, 3, speaking, steps[i].speaking != 0, steps[i].now_us,
                     HOLD_US);
        assert_int_equal(stage.seats[0], steps[i].first);
        assert_int_equal(stage.seats[1], steps[i].second);
        assert_int_equal(stage.seats[2], steps[i].third);
    }
}

static void an_unchanged_stage_says_so(void **state) {
    (void)state;
    const guint32 pins[2] = { 0 }, candidates[] = { 1, 2, 3 };
    Stage stage = { 0 };
    assert_true(stage_update(&stage, FALSE, pins, 2, candidates, 3, NULL, 0, 1, HOLD_US));
    assert_false(stage_update(&stage, FALSE, pins, 2, candidates, 3, NULL, 0, 2, HOLD_US));
}

static void cameras_send_what_is_shown(void **state) {
    (void)state;
    static const struct {
        const char *name;
        guint width, height;
        gboolean main;
        guint main_height, fps_thumbnail;
    } cases[] = {
        { "nowhere: a rare thumbnail", 0, 0, FALSE, 0, 1 },
        { "wall tile", 128, 72, FALSE, 0, 8 },
        { "tile of a 4x4 grid", 320, 180, TRUE, 180, 8 },
        { "half of the program", 640, 360, TRUE, 360, 8 },
        { "a bit more than 360", 700, 394, TRUE, 360, 8 },
        { "large tile of 1+5", 848, 478, TRUE, 540, 8 },
        { "full", 1280, 720, TRUE, 720, 8 },
        { "more than anybody sends", 1920, 1080, TRUE, 720, 8 },
    };
    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        CameraNeed need = camera_need(cases[i].width, cases[i].height, 25, 8);
        print_message("case: %s\n", cases[i].name);
        assert_true(need.thumbnail.active);
        assert_int_equal(need.thumbnail.fps, cases[i].fps_thumbnail);
        assert_int_equal(need.main.active, cases[i].main);
        if (cases[i].main) assert_int_equal(need.main.height, cases[i].main_height);
        assert_int_equal(camera_need_bps(&need), cases[i].main ? need.main.max_bps : need.thumbnail.max_bps);
        assert_true(camera_need_equal(&need, &need));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(slots_follow_the_steps),
        cmocka_unit_test(the_large_tile_follows_who_goes_on_speaking),
        cmocka_unit_test(an_unchanged_stage_says_so),
        cmocka_unit_test(cameras_send_what_is_shown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
