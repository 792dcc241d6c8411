/* test_media_views.c -- views that change under their watchers' eyes: sizes, layouts, frame rates, several rungs, several views of
 * the same cameras. What is asserted is what a watcher would see, and what it costs. */
#include "bridge/policy/overload.h"
#include "tests/unit/studio_stage.h"

static void set_rung(Stage *stage, guint fps, guint width, guint height, gboolean stills, guint bitrate_bps) {
    RungSpec rung = { .stream = STREAM,
                      .codec = CODEC_VP8,
                      .width = width,
                      .height = height,
                      .fps = fps,
                      .stills = stills,
                      .bitrate_bps = bitrate_bps };
    studio_set_rungs(stage->studio, VIEW, &rung, 1);
}

static void watch_for(Stage *stage, gint64 for_us) {
    gint64 until_us = g_get_monotonic_time() + for_us;
    while (g_get_monotonic_time() < until_us) {
        cameras_send(stage);
        g_usleep(20000);
        view_new_blocks(stage);
    }
}

static guint frames_in(Stage *stage, gint64 for_us) {
    guint before = stage->n_decoded;
    watch_for(stage, for_us);
    return stage->n_decoded - before;
}

/* ---- frame rates ---- */

/* The rate of a view and of its rung change: the same encoder goes on, no keyframe is made, the numbers of frames run on. */
static void frame_rates_change_without_a_break(void **state) {
    (void)state;
    static const struct {
        const char *name;
        guint view_fps, rung_fps, least, most; /* frames in 2 s */
    } cases[] = {
        { "as the view", 25, 25, 36, 54 },     { "every second picture", 25, 12, 18, 28 },
        { "a slower view", 15, 25, 22, 34 },   { "a slower view yet", 8, 12, 12, 19 },
        { "all of it again", 25, 25, 36, 54 },
    };
    Stage *stage = stage_new();
    add_camera(stage, 1, colours[0], 320, 180);
    ViewScene *scene = scene_new(LAYOUT_FULL, 1, 640, 360, 25);
    show(stage, scene, 640, 360, 600000);
    assert_true(watch_until(stage, all_colours_there, scene));
    guint64 n_keyframes = stage->n_keyframes;
    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        scene->fps = cases[i].view_fps;
        studio_set_view(stage->studio, scene);
        set_rung(stage, cases[i].rung_fps, 640, 360, FALSE, 600000);
        watch_for(stage, 200000);
        guint n = frames_in(stage, 2 * G_USEC_PER_SEC);
        print_message("case: %s: %u frames\n", cases[i].name, n);
        assert_in_range(n, cases[i].least, cases[i].most);
    }
    assert_int_equal(stage->n_keyframes, n_keyframes);
    const Block *last = stage->blocks->pdata[stage->n_decoded - 1];
    assert_int_equal(last->frame_index, stage->n_decoded - 1);
    g_free(scene);
    stage_free(stage);
}

static void encoders_save_work_without_a_break(void **state) {
    (void)state;
    Stage *stage = stage_new();
    add_camera(stage, 1, colours[0], 320, 180);
    ViewScene *scene = scene_new(LAYOUT_FULL, 1, 640, 360, 25);
    show(stage, scene, 640, 360, 600000);
    assert_true(watch_until(stage, all_colours_there, scene));
    guint64 n_keyframes = stage->n_keyframes;
    for (guint step = 0; step < 2 * OVERLOAD_ENCODER_STEPS; step++) {
        studio_set_encoder_step(stage->studio, step % OVERLOAD_ENCODER_STEPS);
        watch_for(stage, 150000);
    }
    assert_int_equal(stage->n_keyframes, n_keyframes);
    assert_true(all_colours_there(stage, scene));
    g_free(scene);
    stage_free(stage);
}

/* ---- stills, own keyframes ---- */

static void stills_are_rare_and_small(void **state) {
    (void)state;
    Stage *stage = stage_new();
    for (guint id = 1; id <= 8; id++) add_camera(stage, id, colours[id - 1], 320, 180);
    ViewScene *scene = scene_new(LAYOUT_1_7, 8, 1280, 720, 25);
    studio_set_view(stage->studio, scene);
    set_rung(stage, 1, 640, 360, TRUE, 20000);
    watch_for(stage, 9 * G_USEC_PER_SEC);
    assert_in_range(stage->blocks->len, 2, 4); /* at once, then every 4 s of the common clock */
    for (guint i = 0; i < stage->blocks->len; i++) {
        const Block *block = stage->blocks->pdata[i];
        assert_true(block->keyframe);
        assert_in_range(block->n_bytes, 1000, 10000);
        for (guint k = 0; k < block->n_packets; k++) assert_true(block->packets[k].n_bytes <= 400);
    }
    ViewScene *small = scene_new(LAYOUT_1_7, 8, 640, 360, 25);
    assert_true(all_colours_there(stage, small)); /* coarse, but everybody is recognised */
    save_png(&stage->seen, "still-360p");
    g_free(small);
    g_free(scene);
    stage_free(stage);
}

static void several_rungs_make_keyframes_of_their_own(void **state) {
    (void)state;
    Stage *stage = stage_new();
    add_camera(stage, 1, colours[0], 320, 180);
    ViewScene *scene = scene_new(LAYOUT_FULL, 1, 640, 360, 25);
    studio_set_view(stage->studio, scene);
    RungSpec rungs[] = {
        { .stream = STREAM,
          .codec = CODEC_VP8,
          .width = 640,
          .height = 360,
          .fps = 25,
          .bitrate_bps = 500000 },
        { .stream = STREAM + 1,
          .codec = CODEC_VP8,
          .width = 320,
          .height = 180,
          .fps = 12,
          .bitrate_bps = 150000 },
    };
    studio_set_rungs(stage->studio, VIEW, rungs, 2);
    gint64 until_us = g_get_monotonic_time() + 9 * G_USEC_PER_SEC;
    while (g_get_monotonic_time() < until_us) {
        cameras_send(stage);
        g_usleep(40000);
    }
    guint n_keys[2] = { 0 };
    gint64 key_us[2] = { 0 };
    g_mutex_lock(&stage->lock);
    for (guint i = 0; i < stage->blocks->len; i++) {
        const Block *block = stage->blocks->pdata[i];
        if (!block->keyframe) continue;
        n_keys[block->stream - STREAM]++;
        key_us[block->stream - STREAM] = block->capture_us;
    }
    g_mutex_unlock(&stage->lock);
    print_message("keyframes in 9 s: %u and %u\n", n_keys[0], n_keys[1]);
    assert_in_range(n_keys[0], 3, 4); /* the first, then every 4 s */
    assert_in_range(n_keys[1], 5, 6); /* the first, then every 2 s */
    assert_true(ABS(key_us[0] - key_us[1]) % (2 * G_USEC_PER_SEC) < 200000 ||
                ABS(key_us[0] - key_us[1]) % (2 * G_USEC_PER_SEC) > 1800000);
    g_free(scene);
    stage_free(stage);
}

/* ---- changes ---- */

static gboolean no_plate_between(Stage *stage, gconstpointer data) { return all_colours_there(stage, data); }

/* A new room comes into the picture whose camera takes a while to send: nobody sees a plate or a dark place meanwhile. */
static void a_new_camera_comes_without_a_flash(void **state) {
    (void)state;
    static const struct {
        const char *name;
        Layout before, after;
        guint n_before, n_after;
    } cases[] = { { "somebody else in the same place", LAYOUT_FULL, LAYOUT_FULL, 1, 1 },
                  { "another layout", LAYOUT_FULL, LAYOUT_GRID, 1, 4 },
                  { "a layout with a strip", LAYOUT_GRID, LAYOUT_1_5, 4, 6 } };
    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        Stage *stage = stage_new();
        for (guint id = 1; id <= cases[i].n_before; id++) add_camera(stage, id, colours[id - 1], 320, 180);
        ViewScene *before = scene_new(cases[i].before, cases[i].n_before, 640, 360, 25),
                  *after = scene_new(cases[i].after, cases[i].n_after, 640, 360, 25);
        if (cases[i].n_after == cases[i].n_before) after->tiles[0].source = 7;
        show(stage, before, 640, 360, 1500000);
        assert_true(watch_until(stage, all_colours_there, before));
        watch_for(stage, 500000);
        guint64 n_keyframes = stage->n_keyframes;
        stage->darkest = 255;
        for (guint k = 0; k < after->n_tiles; k++)
            if (stage->sources[after->tiles[k].source] == NULL)
                stage->sources[after->tiles[k].source] =
                    studio_source_new(stage->studio, after->tiles[k].source);
        studio_set_view(stage->studio, after);
        watch_for(stage, 250000); /* it has not sent yet */
        assert_true(all_colours_there(stage, before));
        for (guint k = 0; k < after->n_tiles; k++) {
            guint id = after->tiles[k].source;
            if (stage->clips[id] == NULL) stage->clips[id] = clip_new(colours[id - 1], 320, 180, CLIP_FRAMES);
        }
        assert_true(watch_until(stage, no_plate_between, after));
        print_message("case: %s: darkest %u\n", cases[i].name, stage->darkest);
        assert_true(stage->darkest > 70);
        assert_int_equal(stage->n_keyframes, n_keyframes);
        g_free(before);
        g_free(after);
        stage_free(stage);
    }
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
    watch_for(stage, 1200000);
    assert_true(looks_like(&stage->seen, after->tiles[0].rect, colours[0]));
    assert_true(mean_of(&stage->seen, after->tiles[3].rect).y < 70);
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
        watch_for(stage, 400000);
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
        watch_for(stage, 2 * G_USEC_PER_SEC);
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

/* A camera falls silent: its last picture stays, and says how old it is; when it goes on, the note goes. */
static void an_old_picture_says_its_age(void **state) {
    (void)state;
    Stage *stage = stage_new();
    add_camera(stage, 1, colours[0], 320, 180);
    ViewScene *scene = scene_new(LAYOUT_FULL, 1, 640, 360, 12);
    show(stage, scene, 640, 360, 800000);
    assert_true(watch_until(stage, all_colours_there, scene));
    watch_for(stage, 500000);
    Rect corner = { 4, 4, 200, 40 };
    assert_true(luma_spread(&stage->seen, corner) < 60);
    Clip *clip = g_steal_pointer(&stage->clips[1]);
    watch_for(stage, 3 * G_USEC_PER_SEC);
    assert_true(luma_spread(&stage->seen, corner) < 60); /* a short pause is not worth a word */
    watch_for(stage, 5 * G_USEC_PER_SEC);
    assert_true(luma_spread(&stage->seen, corner) > 90);
    assert_true(looks_like(&stage->seen, scene->tiles[0].rect, colours[0]));
    save_png(&stage->seen, "old-picture");
    stage->clips[1] = clip;
    stage->positions[1] = 0;
    watch_for(stage, G_USEC_PER_SEC);
    assert_true(luma_spread(&stage->seen, corner) < 60);
    g_free(scene);
    stage_free(stage);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(frame_rates_change_without_a_break),
        cmocka_unit_test(encoders_save_work_without_a_break),
        cmocka_unit_test(stills_are_rare_and_small),
        cmocka_unit_test(several_rungs_make_keyframes_of_their_own),
        cmocka_unit_test(a_new_camera_comes_without_a_flash),
        cmocka_unit_test(a_silent_camera_does_not_hold_the_layout),
        cmocka_unit_test(a_canvas_changes_its_size_unseen),
        cmocka_unit_test(equal_tiles_of_two_views_are_scaled_once),
        cmocka_unit_test(the_wall_of_256_fills_a_large_screen),
        cmocka_unit_test(an_old_picture_says_its_age),
    };
    return cmocka_run_group_tests(tests, stage_init, NULL);
}
