/* test_policy_overload.c -- what is given up under load, in which order, how fast it comes back, and what a layout costs. */
#include "bridge/policy/needs.h"
#include "bridge/policy/overload.h"
#include "bridge/policy/overload_cost.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static const OverloadLimits full = {
    .wall_fps = 8, .program_fps = 25, .top_height = 1080, .thumbnail_fps = 8
};

static void each_level_gives_up_what_is_declared(void **state) {
    (void)state;
    static const OverloadLimits wanted[OVERLOAD_LEVELS] = {
        { 8, 25, 1080, 8 }, { 5, 25, 1080, 8 }, { 3, 25, 1080, 8 }, { 3, 20, 1080, 8 }, { 3, 15, 1080, 8 },
        { 3, 12, 1080, 8 }, { 3, 12, 360, 8 },  { 3, 12, 360, 4 },  { 3, 12, 360, 2 },
    };
    for (guint level = 0; level < OVERLOAD_LEVELS + 3; level++) {
        OverloadLimits is = overload_limits(&full, level);
        assert_memory_equal(&is, &wanted[MIN(level, OVERLOAD_LEVELS - 1)], sizeof is);
    }
    OverloadLimits low = { .wall_fps = 1, .program_fps = 5, .top_height = 180, .thumbnail_fps = 1 };
    OverloadLimits least = overload_limits(&low, OVERLOAD_LEVELS - 1);
    assert_true(least.wall_fps >= 1 && least.program_fps >= 1 && least.thumbnail_fps >= 1);
    assert_int_equal(least.top_height, 180); /* nothing is raised */
}

/* A machine whose load follows what the ladder allows: the costs at full rates, and a part that pictures have no share in. */
typedef struct {
    double budget, other, wall, program, decode;
} Costs;

static OverloadLoad load_at(const Costs *costs, guint level) {
    OverloadLoad at_full = { .budget_cores = costs->budget,
                             .used_cores = costs->other + costs->wall + costs->program + costs->decode,
                             .wall_cores = costs->wall,
                             .program_cores = costs->program,
                             .decode_cores = costs->decode };
    OverloadLimits now = overload_limits(&full, level);
    OverloadLoad load = at_full;
    guint thumbnail_fps = costs->wall > 0 ? MIN(now.thumbnail_fps, now.wall_fps) : now.thumbnail_fps;
    load.wall_cores *= (double)now.wall_fps / full.wall_fps;
    load.program_cores *= (double)now.program_fps / full.program_fps * (now.top_height < 720 ? 0.45 : 1);
    load.decode_cores *= (double)thumbnail_fps / full.thumbnail_fps;
    load.used_cores = costs->other + load.wall_cores + load.program_cores + load.decode_cores;
    return load;
}

static gint64 run(Overload *overload, const Costs *costs, gint64 from_us, gint64 for_us) {
    gint64 now_us = from_us;
    for (; now_us < from_us + for_us; now_us += OVERLOAD_BEAT_US) {
        OverloadLoad load = load_at(costs, overload->level);
        overload_update(overload, &full, &load, now_us);
    }
    return now_us;
}

static void steps_down_as_far_as_needed(void **state) {
    (void)state;
    static const struct {
        const char *name;
        Costs costs;
        guint level_min, level_max;
    } cases[] = {
        { "room for all", { 2, 0.4, 0.2, 0.3, 0.2 }, 0, 0 },
        { "a little too much: the wall gives way", { 1, 0.4, 0.2, 0.2, 0.15 }, 1, 2 },
        { "more: the program's frame rate", { 1, 0.3, 0.2, 0.6, 0.1 }, 3, 5 },
        { "much more: the top rung", { 0.6, 0.2, 0.1, 0.9, 0.1 }, 6, 8 },
        { "no wall is watched: its steps are passed over", { 1, 0.4, 0, 0.65, 0 }, 3, 5 },
        { "pictures cannot help: all of them give way, and no more", { 0.2, 1.0, 0.1, 0.1, 0.1 }, 8, 8 },
        { "nothing is shown: nothing is given up in vain", { 0.2, 1.0, 0, 0, 0 }, 0, 0 },
    };
    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        Overload overload = { 0 };
        run(&overload, &cases[i].costs, 1000000, 2 * G_USEC_PER_SEC);
        guint after_2s = overload.level;
        run(&overload, &cases[i].costs, 3000000, 6 * G_USEC_PER_SEC);
        if (overload.level < cases[i].level_min || overload.level > cases[i].level_max)
            fail_msg("%s: level %u", cases[i].name, overload.level);
        if (cases[i].level_min > 0 && after_2s == 0) fail_msg("%s: nothing within 2 s", cases[i].name);
        if (cases[i].level_min > 0 && cases[i].level_min < 8)
            assert_true(load_at(&cases[i].costs, overload.level).used_cores < 0.92 * cases[i].costs.budget);
    }
}

static void a_moment_of_load_is_no_overload(void **state) {
    (void)state;
    Overload overload = { 0 };
    OverloadLoad busy = { .budget_cores = 2, .used_cores = 2, .wall_cores = 0.3, .program_cores = 0.4 };
    OverloadLoad calm = { .budget_cores = 2, .used_cores = 0.9, .wall_cores = 0.3, .program_cores = 0.4 };
    for (guint i = 0; i < 40; i++) /* a mass join now and then */
        assert_false(
            overload_update(&overload, &full, i % 5 < 2 ? &busy : &calm, (i + 1) * OVERLOAD_BEAT_US));
}

static void late_pictures_and_slow_encoders_count(void **state) {
    (void)state;
    static const struct {
        const char *name, *word;
        guint late_us;
        double drops, used;
        guint seconds, level;
    } cases[] = {
        { "on time", "calm", 2000, 0, 0.9, 8, 0 },
        { "a little late", "calm", 35000, 0.05, 0.9, 8, 0 },
        { "late, but perhaps others are to blame", "calm", 100000, 0, 0.9, 4, 0 },
        { "late for long: one step at a time", "late", 100000, 0, 0.9, 6, 1 },
        { "encoders behind", "encoders", 3000, 0.5, 0.9, 6, 1 },
        { "late, though we do next to nothing", "calm", 100000, 0.5, 0.4, 60, 0 },
    };
    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        Overload overload = { 0 };
        OverloadLoad load = { .budget_cores = 2,
                              .used_cores = cases[i].used,
                              .wall_cores = 0.1,
                              .program_cores = 0.1,
                              .canvas_late_us = cases[i].late_us,
                              .encoder_drops = cases[i].drops };
        for (guint k = 0; k < 2 * cases[i].seconds; k++)
            overload_update(&overload, &full, &load, (k + 1) * OVERLOAD_BEAT_US);
        if (overload.level != cases[i].level) fail_msg("%s: level %u", cases[i].name, overload.level);
        assert_string_equal(overload_cause_word(overload.cause), cases[i].word);
    }
}

static void comes_back_step_by_step(void **state) {
    (void)state;
    Overload overload = { 0 };
    Costs heavy = { 1, 0.3, 0.2, 0.6, 0.1 }, light = heavy;
    light.other = 0;
    light.program = 0.3;
    gint64 now_us = run(&overload, &heavy, 1000000, 4 * G_USEC_PER_SEC);
    guint low = overload.level;
    assert_true(low >= 3);
    now_us = run(&overload, &light, now_us, G_USEC_PER_SEC);
    assert_true(overload.level + 1 >= low); /* not all at once */
    for (guint i = 0, before = overload.level; i < 120 && overload.level > 0; i++) {
        now_us = run(&overload, &light, now_us, OVERLOAD_BEAT_US);
        assert_true(overload.level == before || overload.level == before - 1);
        before = overload.level;
    }
    assert_int_equal(overload.level, 0);
    assert_string_equal(overload_cause_word(overload.cause), "calm");
}

/* The costs lie: what a step up brings back is three times what was measured. */
static void a_step_up_that_fails_is_tried_more_rarely(void **state) {
    (void)state;
    Overload overload = { .level = 1, .cause = OVERLOAD_PROCESSOR };
    gint64 now_us = OVERLOAD_BEAT_US, raised_us = 0, pauses_us[4] = { 0 };
    guint n = 0;
    for (; n < G_N_ELEMENTS(pauses_us) && now_us < 400 * G_USEC_PER_SEC; now_us += OVERLOAD_BEAT_US) {
        OverloadLoad load = { .budget_cores = 1,
                              .used_cores = overload.level == 0 ? 0.99 : 0.6,
                              .wall_cores = overload.level == 0 ? 0.5 : 0.1 };
        guint before = overload.level;
        overload_update(&overload, &full, &load, now_us);
        if (overload.level < before && overload.level == 0) {
            if (raised_us != 0) pauses_us[n++] = now_us - raised_us;
            raised_us = now_us;
        }
    }
    assert_int_equal(n, G_N_ELEMENTS(pauses_us));
    for (guint i = 1; i < n; i++) assert_true(pauses_us[i] > pauses_us[i - 1] * 3 / 2);
}

static void encoders_save_before_frame_rates_do(void **state) {
    (void)state;
    static const struct {
        double used;
        guint step;
    } cases[] = { { 0.3, 0 }, { 0.55, 0 }, { 0.65, 1 }, { 0.8, 2 }, { 0.9, 3 } };
    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        Overload overload = { 0 };
        OverloadLoad load = { .budget_cores = 1, .used_cores = cases[i].used, .program_cores = 0.2 };
        for (guint k = 0; k < 10; k++) overload_update(&overload, &full, &load, (k + 1) * OVERLOAD_BEAT_US);
        assert_int_equal(overload.encoder_step, cases[i].step);
        assert_int_equal(overload.level, 0);
        load.used_cores = 0.2; /* calm again: finer, but not at once */
        gint64 now_us = 11 * OVERLOAD_BEAT_US;
        overload_update(&overload, &full, &load, now_us);
        assert_int_equal(overload.encoder_step, cases[i].step);
        for (guint k = 0; k < 80; k++) overload_update(&overload, &full, &load, now_us += OVERLOAD_BEAT_US);
        assert_int_equal(overload.encoder_step, 0);
    }
    assert_int_equal(overload_encoder_speed(8, 0, 720), 8);
    assert_true(overload_encoder_speed(8, 2, 720) > overload_encoder_speed(8, 2, 180));
    assert_int_equal(overload_encoder_speed(8, 99, 1080), 14);
    assert_int_equal(overload_encoder_speed(16, 3, 1080), 16);
}

/* ---- costs ---- */

static OverloadView view_with(Layout layout, guint n_rooms) {
    gboolean wall = layout == LAYOUT_WALL;
    return (OverloadView){ .layout = layout,
                           .n_rooms = n_rooms,
                           .fps = wall ? 8 : 25,
                           .thumbnail_fps = 8,
                           .n_rungs = 1,
                           .rungs = { wall ? (OverloadPicture){ 1920, 1080, 8 }
                                           : (OverloadPicture){ 1280, 720, 25 } } };
}

/* bench_media_pictures says: 0.25 for the wall of 201, 0.22 for 1+7 with cameras of 640x360, less for a grid whose
 * cameras send thumbnails. */
static void costs_are_near_what_was_measured(void **state) {
    (void)state;
    static const struct {
        const char *name;
        Layout layout;
        guint n_rooms;
        double least, most;
    } cases[] = { { "the wall of 201", LAYOUT_WALL, 201, 0.17, 0.33 },
                  { "one and seven", LAYOUT_1_7, 8, 0.12, 0.3 },
                  { "one alone", LAYOUT_FULL, 1, 0.1, 0.22 },
                  { "the grid of 49", LAYOUT_GRID, 49, 0.1, 0.3 } };
    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        OverloadView view = view_with(cases[i].layout, cases[i].n_rooms);
        double cost = overload_layout_cost(&view);
        if (cost < cases[i].least || cost > cases[i].most) fail_msg("%s: %.3f", cases[i].name, cost);
    }
    OverloadView one = view_with(LAYOUT_1_7, 8), two = one, slower = one, nobody = one;
    two.rungs[two.n_rungs++] = (OverloadPicture){ 640, 360, 25 };
    slower.fps = 15;
    nobody.n_rungs = 0;
    assert_true(overload_layout_cost(&two) > overload_layout_cost(&one));
    assert_true(overload_layout_cost(&slower) < overload_layout_cost(&one));
    assert_true(overload_layout_cost(&nobody) == 0);
}

static void a_layout_is_refused_only_for_want_of_room(void **state) {
    (void)state;
    static const struct {
        const char *name;
        double budget, used, before, after;
        gboolean fits;
    } cases[] = {
        { "plenty of room", 2, 0.8, 0.2, 0.4, TRUE },
        { "no room", 1, 0.85, 0.2, 0.5, FALSE },
        { "just no room", 1, 0.85, 0.2, 0.28, FALSE },
        { "a full machine, but the layout is cheaper", 1, 1.2, 0.5, 0.3, TRUE },
        { "a full machine, the same layout", 1, 1.2, 0.5, 0.5, TRUE },
    };
    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        OverloadFit fit = overload_fit(cases[i].budget, cases[i].used, cases[i].before, cases[i].after);
        if (fit.fits != cases[i].fits) fail_msg("%s", cases[i].name);
        assert_true(fit.free_cores >= 0);
    }
}

static void the_scale_follows_what_is_measured(void **state) {
    (void)state;
    OverloadScale scale = { 0 };
    assert_true(overload_scale_factor(&scale) == 1);
    overload_scale_learn(&scale, 0.001, 5); /* too little to learn from */
    assert_true(overload_scale_factor(&scale) == 1);
    for (guint i = 0; i < 60; i++) overload_scale_learn(&scale, 0.2, 0.5);
    assert_true(overload_scale_factor(&scale) > 2.4 && overload_scale_factor(&scale) < 2.6);
    for (guint i = 0; i < 100; i++) overload_scale_learn(&scale, 0.2, 100);
    assert_true(overload_scale_factor(&scale) <= 6);
}

static void thumbnails_come_no_faster_than_shown(void **state) {
    (void)state;
    static const struct {
        guint width, fps, limit, thumbnail_fps;
    } cases[] = { { 128, 8, 8, 8 },  { 128, 5, 8, 5 }, { 128, 25, 8, 8 },
                  { 128, 25, 2, 2 }, { 320, 3, 8, 3 }, { 0, 1, 8, NEED_REST_FPS } };
    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        CameraNeed need = camera_need(cases[i].width, cases[i].width * 9 / 16, cases[i].fps, cases[i].limit);
        assert_int_equal(need.thumbnail.fps, cases[i].thumbnail_fps);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_level_gives_up_what_is_declared),
        cmocka_unit_test(steps_down_as_far_as_needed),
        cmocka_unit_test(a_moment_of_load_is_no_overload),
        cmocka_unit_test(late_pictures_and_slow_encoders_count),
        cmocka_unit_test(comes_back_step_by_step),
        cmocka_unit_test(a_step_up_that_fails_is_tried_more_rarely),
        cmocka_unit_test(encoders_save_before_frame_rates_do),
        cmocka_unit_test(costs_are_near_what_was_measured),
        cmocka_unit_test(a_layout_is_refused_only_for_want_of_room),
        cmocka_unit_test(the_scale_follows_what_is_measured),
        cmocka_unit_test(thumbnails_come_no_faster_than_shown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
