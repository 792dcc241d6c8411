/* test_media_views.c -- views that change under their watchers' eyes: sizes, layouts, people; several views of the same cameras. What is asserted is what a watcher would see, and what it costs. */
#include "tests/unit/studio_stage.h"

static void watch_for(Stage *stage, gint64 for_us) {
    gint64 until_us = g_get_monotonic_time() + for_us;
    while (g_get_monotonic_time() < until_us) {
        cameras_send(stage);
        g_usleep(20000);
        view_new_blocks(stage);
    }
}

/* ---- changes ---- */

/* A new room comes into the picture whose camera takes a while to send: nobody sees a plate or a dark place meanwhile. */
static void a_new_camera_comes_without_a_flash(void **state) {
    (void)state;
    static const struct {
        const char *name;
        Layout before, after;
        guint n_before, n_after;
    } cases[] = { { "somebody else in the same place", LAYOUT_FULL, LAYOUT_FULL, 1, 1 },
                  { "another layout", LAYOUT_FULL, LAYOUT_GRID, 1, 4 } };
    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        Stage *stage = stage_new();
        for (guint id = 1; id <= cases[i].n_before; id++) add_camera(stage, id, colours[id - 1], 320, 180);
        ViewScene *before = scene_new(cases[i].before, cases[i].n_before, 640, 360, 25),
                  *after = scene_new(cases[i].after, cases[i].n_after, 640, 360, 25);
        if (cases[i].n_after == cases[i].n_before) after->tiles[0].source = 7;
        show(stage, before, 640, 360, 1500000);
        assert_true(watch_until(stage, all_colours_there, before));
        watch_for(stage, 200000);
        guint64 n_keyframes = stage->n_keyframes;
        stage->darkest = 255;
        Clip *coming[STUDIO_TILES_MAX] = { NULL }; /* made before: the picture is held for a blink only */
        for (guint k = 0; k < after->n_tiles; k++) {
            guint id = after->tiles[k].source;
            if (stage->sources[id] != NULL) continue;
            stage->sources[id] = studio_source_new(stage->studio, id);
            coming[id] = clip_new(colours[id - 1], 320, 180, CLIP_FRAMES);
        }
        gint64 set_us = g_get_monotonic_time();
        studio_set_view(stage->studio, after);
        watch_for(stage, 150000); /* it has not sent yet */
        gboolean in_time = g_get_monotonic_time() - set_us < 500000;
        if (in_time) assert_true(all_colours_there(stage, before));
        for (guint id = 0; id < STUDIO_TILES_MAX; id++)
            if (coming[id] != NULL) stage->clips[id] = coming[id];
        assert_true(watch_until(stage, all_colours_there, after));
        print_message("case: %s: darkest %u\n", cases[i].name, stage->darkest);
        if (in_time) assert_true(stage->darkest > 70);
        assert_int_equal(stage->n_keyframes, n_keyframes);
        g_free(before);
        g_free(after);
        stage_free(stage);
    }
}

static gboolean the_layout_is_there(Stage *stage, gconstpointer data) {
    const ViewScene *after = data;
    return looks_like(&stage->seen, after->tiles[0].rect, colours[0]) &&
           mean_of(&stage->seen, after->tiles[3].rect).y < 70;
}

/* A camera that never sends must not hold the picture for ever. */
static void a_silent_camera_does_not_hold_the_layout(void **state) {
    (void)state;
    Stage *stage = stage_new();
    add_camera(stage, 1, colours[0], 320, 180);
    ViewScene *before = scene_new(LAYOUT_FULL, 1, 640, 360, 25),
              *after = scene_new(LAYOUT_GRID, 4, 640, 360, 25);
    show(stage, before, 640, 360, 1000000);
    assert_true(watch_until(stage, all_colours_there, before));
    for (guint id = 2; id <= 4; id++) stage->sources[id] = studio_source_new(stage->studio, id);
    studio_set_view(stage->studio, after);
    assert_true(watch_until(stage, the_layout_is_there, after));
    g_free(before);
    g_free(after);
    stage_free(stage);
}

/* The canvas grows and shrinks with who watches; the rung that goes on sees none of it. */
static void a_canvas_changes_its_size_unseen(void **state) {
    (void)state;
    Stage *stage = stage_new();
    for (guint id = 1; id <= 4; id++) add_camera(stage, id, colours[id - 1], 320, 180);
    ViewScene *small = scene_new(LAYOUT_GRID, 4, 640, 360, 25),
              *large = scene_new(LAYOUT_GRID, 4, 1280, 720, 25);
    show(stage, small, 640, 360, 1000000);
    assert_true(watch_until(stage, all_colours_there, small));
    stage->darkest = 255;
    guint64 n_keyframes = stage->n_keyframes;
    for (guint i = 0; i < 4; i++) {
        studio_set_view(stage->studio, i % 2 == 0 ? large : small);
        watch_for(stage, 250000);
        assert_true(all_colours_there(stage, small));
    }
    assert_int_equal(stage->n_keyframes, n_keyframes);
    assert_true(stage->darkest > 70);
    g_free(small);
    g_free(large);
    stage_free(stage);
}

/* ---- several views ---- */

static StudioStats stats_of(Stage *stage) {
    StudioStats stats;
    studio_read_stats(stage->studio, &stats);
    return stats;
}

static void equal_tiles_of_two_views_are_scaled_once(void **state) {
    (void)state;
    static const struct {
        const char *name;
        guint width, height; /* of the second view */
        guint most_percent;  /* scalings by frames decoded and shown twice */
    } cases[] = { { "the same size: half", 640, 360, 70 }, { "another size: all", 320, 180, 200 } };
    guint percents[G_N_ELEMENTS(cases)] = { 0 };
    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        Stage *stage = stage_new();
        for (guint id = 1; id <= 4; id++) add_camera(stage, id, colours[id - 1], 320, 180);
        ViewScene *first = scene_new(LAYOUT_GRID, 4, 640, 360, 25),
                  *second = scene_new(LAYOUT_GRID, 4, cases[i].width, cases[i].height, 25);
        second->view = VIEW + 1;
        show(stage, first, 640, 360, 800000);
        studio_set_view(stage->studio, second);
        assert_true(watch_until(stage, all_colours_there, first));
        StudioStats from = stats_of(stage);
        watch_for(stage, G_USEC_PER_SEC);
        StudioStats to = stats_of(stage);
        guint n_frames = (guint)(to.n_decoded - from.n_decoded),
              n_scaled = (guint)(to.n_scaled - from.n_scaled);
        percents[i] = n_scaled * 100 / MAX(2 * n_frames, 1);
        print_message("case: %s: %u scalings for %u frames\n", cases[i].name, n_scaled, n_frames);
        assert_true(percents[i] <= cases[i].most_percent);
        assert_true(all_colours_there(stage, first));
        g_free(first);
        g_free(second);
        stage_free(stage);
    }
    assert_true(percents[0] * 3 < percents[1] * 2);
}

/* ---- the large wall ---- */

static gboolean large_wall_is_whole(Stage *stage, gconstpointer data) {
    return stage->seen.width == 2560 && all_colours_there(stage, data);
}

static void the_wall_of_256_fills_a_large_screen(void **state) {
    (void)state;
    Stage *stage = stage_new();
    ViewScene *scene = scene_new(LAYOUT_WALL, 256, 2560, 1440, 8);
    assert_int_equal(scene->n_tiles, 256);
    for (guint i = 0; i < 256; i++) {
        Tile *tile = &scene->tiles[i];
        assert_in_range(tile->rect.width, 158, 160);
        assert_in_range(tile->rect.height, 88, 90);
        if (i % 16 == 3) tile->state = TILE_OFFLINE;
        if (i >= SOURCES_MAX - 1) tile->state = TILE_NO_CAMERA;
        if (tile->state == TILE_LIVE && i % 4 == 0)
            add_camera(stage, i + 1, colours[i % G_N_ELEMENTS(colours)], 160, 90);
    }
    show(stage, scene, 2560, 1440, 6000000);
    assert_true(watch_until(stage, large_wall_is_whole, scene));
    save_png(&stage->seen, "wall-256");
    g_free(scene);
    stage_free(stage);
}

/* ---- old pictures ---- */

static void send_old(Stage *stage, gint64 age_us) {
    Frame *stored = stage->clips[2]->frames->pdata[0], *frame = frame_new(CODEC_VP8, stored->n_bytes);
    memcpy(frame->bytes, stored->bytes, stored->n_bytes);
    frame->keyframe = TRUE;
    frame->arrival_us = frame->capture_us = g_get_monotonic_time() - age_us;
    studio_source_push(stage->sources[1], frame);
}

/* A camera has fallen silent: its last picture stays, and says how old it is; when it goes on, the note goes. */
static void an_old_picture_says_its_age(void **state) {
    (void)state;
    static const struct {
        const char *name;
        guint age_s;
        gboolean note;
    } cases[] = { { "a short pause is not worth a word", 3, FALSE },
                  { "seconds", 8, TRUE },
                  { "minutes", 190, TRUE },
                  { "fresh again", 0, FALSE } };
    Stage *stage = stage_new();
    Rect corner = { 4, 4, 200, 40 };
    add_camera(stage, 1, colours[0], 320, 180);
    ViewScene *scene = scene_new(LAYOUT_FULL, 1, 640, 360, 12);
    show(stage, scene, 640, 360, 800000);
    assert_true(watch_until(stage, all_colours_there, scene));
    stage->clips[2] = g_steal_pointer(&stage->clips[1]);
    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        gint64 until_us = g_get_monotonic_time() + WAIT_US;
        gboolean note;
        print_message("case: %s\n", cases[i].name);
        send_old(stage, cases[i].age_s * G_USEC_PER_SEC);
        do {
            watch_for(stage, 400000);
            note = luma_spread(&stage->seen, corner) > 90;
        } while (note != cases[i].note && g_get_monotonic_time() < until_us);
        assert_int_equal(note, cases[i].note);
        assert_true(looks_like(&stage->seen, scene->tiles[0].rect, colours[0]));
        if (i == 1) save_png(&stage->seen, "old-picture");
    }
    g_free(scene);
    stage_free(stage);
}

static gboolean can_be_added(Stage *stage, const ViewScene *scene) {
    gint64 until_us = g_get_monotonic_time() + WAIT_US;
    while (!studio_set_view(stage->studio, scene) && g_get_monotonic_time() < until_us) g_usleep(20000);
    return g_get_monotonic_time() < until_us;
}

/* What has no place is said to have none, and has one when another has ended. */
static void more_views_than_may_be_are_refused(void **state) {
    (void)state;
    Stage *stage = stage_new();
    ViewScene *scene = scene_new(LAYOUT_FULL, 1, 64, 36, 1);
    guint n_taken = 0;
    while (n_taken < 100) {
        scene->view = VIEW + n_taken;
        if (!studio_set_view(stage->studio, scene)) break;
        n_taken++;
    }
    assert_int_equal(n_taken, 32);
    studio_end_view(stage->studio, VIEW);
    assert_true(can_be_added(stage, scene));
    assert_true(studio_set_view(stage->studio, scene)); /* a change of one that is there */
    g_free(scene);
    stage_free(stage);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_new_camera_comes_without_a_flash),
        cmocka_unit_test(a_silent_camera_does_not_hold_the_layout),
        cmocka_unit_test(a_canvas_changes_its_size_unseen),
        cmocka_unit_test(equal_tiles_of_two_views_are_scaled_once),
        cmocka_unit_test(the_wall_of_256_fills_a_large_screen),
        cmocka_unit_test(an_old_picture_says_its_age),
        cmocka_unit_test(more_views_than_may_be_are_refused),
    };
    return cmocka_run_group_tests(tests, stage_init, NULL);
}
