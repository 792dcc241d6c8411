/* test_media_studio.c -- cameras in, blocks out, and the pixels in between: what a viewer would see is what is asserted.
 * Pictures of the canvases are left in build/pictures/ for a person to look at. */
#include "tests/unit/studio_stage.h"

static void each_camera_is_in_its_tile(void **state) {
    (void)state;
    Stage *stage = stage_new();
    for (guint id = 1; id <= 8; id++) add_camera(stage, id, colours[id - 1], 320, 180);
    ViewScene *scene = scene_new(LAYOUT_1_7, 8, 1280, 720, 25);
    scene->tiles[1].microphone_off = scene->tiles[4].microphone_off = TRUE;
    scene->tiles[2].hand = TRUE;
    show(stage, scene, 1280, 720, 2000000);
    const guint32 speaking[] = { 1, 5 };
    studio_set_speaking(stage->studio, VIEW, speaking, 2);
    assert_true(watch_until(stage, all_colours_there, scene));
    for (guint i = 0; i < 8; i++)
        assert_true(luma_spread(&stage->seen, label_area(scene->tiles[i].rect)) > 60);
    save_png(&stage->seen, "program-1+7");
    StudioStats stats;
    studio_read_stats(stage->studio, &stats);
    assert_int_equal(stats.n_sources_shown, 8);
    assert_int_equal(stats.n_encoders, 1);
    assert_int_equal(stats.n_decode_errors, 0);
    g_free(scene);
    stage_free(stage);
}

static gboolean offline_plate_is_there(Stage *stage, gconstpointer data) {
    const ViewScene *scene = data;
    return all_colours_there(stage, scene) && mean_of(&stage->seen, scene->tiles[1].rect).y < 60;
}

/* People move, the layout changes, somebody goes: no dark frame, no keyframe, no other encoder. */
static void layout_changes_without_a_break(void **state) {
    (void)state;
    Stage *stage = stage_new();
    for (guint id = 1; id <= 6; id++) add_camera(stage, id, colours[id - 1], 320, 180);
    ViewScene *first = scene_new(LAYOUT_1_5, 6, 640, 360, 25),
              *second = scene_new(LAYOUT_GRID, 4, 640, 360, 25);
    show(stage, first, 640, 360, 800000);
    assert_true(watch_until(stage, all_colours_there, first));
    stage->darkest = 255;
    guint64 n_keyframes = stage->n_keyframes, n_before = stage->n_decoded;
    studio_set_view(stage->studio, second);
    assert_true(watch_until(stage, all_colours_there, second));
    save_png(&stage->seen, "grid-2x2");
    second->tiles[1].state = TILE_OFFLINE;
    second->tiles[1].offline_since_s = g_get_real_time() / G_USEC_PER_SEC - 60;
    studio_set_view(stage->studio, second);
    assert_true(watch_until(stage, offline_plate_is_there, second));
    save_png(&stage->seen, "grid-offline");
    assert_int_equal(stage->n_keyframes, n_keyframes);
    assert_true(stage->darkest > 45);
    Block *last = stage->blocks->pdata[stage->n_decoded - 1];
    assert_true(place_of(stage, last) > n_before);
    assert_int_equal(place_of(stage, last), stage->n_decoded - 1); /* one encoder, one count */
    StudioStats stats;
    studio_read_stats(stage->studio, &stats);
    assert_int_equal(stats.n_sources_shown, 3);
    g_free(first);
    g_free(second);
    stage_free(stage);
}

static gboolean three_seconds_seen(Stage *stage, gconstpointer data) {
    (void)data;
    return stage->n_decoded >= 75;
}

static void blocks_are_numbered_and_timed(void **state) {
    (void)state;
    Stage *stage = stage_new();
    add_camera(stage, 1, colours[0], 640, 360);
    ViewScene *scene = scene_new(LAYOUT_FULL, 1, 1280, 720, 25);
    show(stage, scene, 640, 360, 500000);
    assert_true(watch_until(stage, three_seconds_seen, NULL));
    guint64 next_packet = 0, n_upper = 0;
    guint8 tl0_index = 0;
    for (guint i = 0; i < stage->n_decoded; i++) {
        const Block *block = stage->blocks->pdata[i];
        assert_int_equal(block->stream, STREAM);
        assert_int_equal(place_of(stage, block), i);
        assert_int_equal(block->first_packet, next_packet);
        assert_int_equal(block->keyframe, i == 0);
        assert_int_equal(block->width, 640);
        next_packet += block->n_packets;
        n_upper += block->temporal_layer;
        if (i > 0 && block->temporal_layer == 0) tl0_index++;
        assert_int_equal(block->tl0_index, tl0_index);
        if (i > 0) {
            const Block *before = stage->blocks->pdata[i - 1];
            guint32 ticks = block->rtp_time - before->rtp_time;
            assert_true(ticks >= 3599); /* 40 ms, or more where a tick was left out */
            assert_true(block->capture_us > before->capture_us);
        }
    }
    /* Two temporal layers: every other frame can be left out. */
    assert_in_range(n_upper, stage->n_decoded / 2 - 3, stage->n_decoded / 2 + 3);
    g_free(scene);
    stage_free(stage);
}

/* A viewer that leaves out the upper layer still has a whole picture. */
static void upper_layer_can_be_left_out(void **state) {
    (void)state;
    Stage *stage = stage_new();
    add_camera(stage, 1, colours[2], 640, 360);
    ViewScene *scene = scene_new(LAYOUT_FULL, 1, 640, 360, 25);
    show(stage, scene, 640, 360, 500000);
    assert_true(watch_until(stage, three_seconds_seen, NULL));
    decoder_free(stage->decoder);
    stage->decoder = decoder_new(CODEC_VP8, on_seen, stage, NULL);
    guint64 n_before = stage->n_pictures;
    guint n_lower = 0, n_all = stage->n_decoded;
    for (guint i = 0; i < n_all; i++) {
        const Block *block = stage->blocks->pdata[i];
        if (block->temporal_layer != 0) continue;
        view_block(stage, block);
        n_lower++;
    }
    assert_int_equal(stage->n_pictures - n_before, n_lower);
    assert_true(looks_like(&stage->seen, scene->tiles[0].rect, colours[2]));
    g_free(scene);
    stage_free(stage);
}

static gboolean keyframes_came(Stage *stage, gconstpointer data) {
    return stage->n_keyframes >= *(const guint *)data;
}

static void many_keyframe_requests_are_one(void **state) {
    (void)state;
    Stage *stage = stage_new();
    add_camera(stage, 1, colours[3], 320, 180);
    ViewScene *scene = scene_new(LAYOUT_FULL, 1, 320, 180, 25);
    const guint one = 1, two = 2;
    show(stage, scene, 320, 180, 300000);
    assert_true(watch_until(stage, keyframes_came, &one));
    for (guint i = 0; i < 50; i++) studio_force_keyframe(stage->studio, STREAM);
    assert_true(watch_until(stage, keyframes_came, &two));
    assert_true(watch_until(stage, three_seconds_seen, NULL));
    assert_int_equal(stage->n_keyframes, 2);
    guint32 times[2] = { 0 };
    for (guint i = 0, n = 0; i < stage->n_decoded && n < 2; i++) {
        const Block *block = stage->blocks->pdata[i];
        if (block->keyframe) times[n++] = block->rtp_time;
    }
    assert_true(times[1] - times[0] >= 90000 - 90); /* folded: never two within a second */
    studio_force_keyframe(stage->studio, 999);      /* nobody's stream */
    g_free(scene);
    stage_free(stage);
}

static gboolean wall_is_whole(Stage *stage, gconstpointer data) {
    const ViewScene *scene = data;
    return stage->seen.width == 1920 && all_colours_there(stage, scene);
}

/* 201 rooms at once: most live from a handful of clips, some without camera, some away. */
static void the_wall_of_201_works(void **state) {
    (void)state;
    Stage *stage = stage_new();
    ViewScene *scene = scene_new(LAYOUT_WALL, 201, 1920, 1080, 8);
    assert_int_equal(scene->n_tiles, 201);
    for (guint i = 0; i < 201; i++) {
        Tile *tile = &scene->tiles[i];
        if (i % 9 == 4) tile->state = TILE_NO_CAMERA;
        if (i % 13 == 7) {
            tile->state = TILE_OFFLINE;
            tile->offline_since_s = 1795400000;
        }
        tile->microphone_off = i % 3 != 0;
        tile->hand = i % 50 == 20;
        if (tile->state == TILE_LIVE) add_camera(stage, i + 1, colours[i % G_N_ELEMENTS(colours)], 160, 90);
    }
    show(stage, scene, 1920, 1080, 4000000);
    const guint32 speaking[] = { 1, 17, 84 };
    studio_set_speaking(stage->studio, VIEW, speaking, 3);
    assert_true(watch_until(stage, wall_is_whole, scene));
    save_png(&stage->seen, "wall-201");
    StudioStats stats;
    studio_read_stats(stage->studio, &stats);
    assert_int_equal(stats.n_decode_errors, 0);
    g_free(scene);
    stage_free(stage);
}

static gboolean some_picture(Stage *stage, gconstpointer data) {
    (void)data;
    return stage->n_pictures > 30; /* the first pictures of a stream are coarse */
}

static void a_view_without_tiles_has_a_title(void **state) {
    (void)state;
    Stage *stage = stage_new();
    ViewScene *scene = scene_new(LAYOUT_GRID, 0, 1280, 720, 25);
    show(stage, scene, 1280, 720, 800000);
    assert_true(watch_until(stage, some_picture, NULL));
    assert_true(luma_spread(&stage->seen, (Rect){ 200, 300, 880, 120 }) > 150);
    save_png(&stage->seen, "title");
    g_free(scene);
    stage_free(stage);
}

static void h264_is_made_or_missed_in_words(void **state) {
    (void)state;
    Stage *stage = stage_new();
    add_camera(stage, 1, colours[0], 320, 180);
    ViewScene *scene = scene_new(LAYOUT_FULL, 1, 640, 360, 25);
    studio_set_view(stage->studio, scene);
    RungSpec rung = {
        .stream = STREAM, .codec = CODEC_H264, .width = 640, .height = 360, .fps = 25, .bitrate_bps = 800000
    };
    studio_set_rungs(stage->studio, VIEW, &rung, 1);
    gint64 until_us = g_get_monotonic_time() + WAIT_US;
    guint n_blocks = 0;
    while (n_blocks < 10 && g_atomic_int_get((gint *)&stage->n_faults) == 0 &&
           g_get_monotonic_time() < until_us) {
        cameras_send(stage);
        g_usleep(40000);
        g_mutex_lock(&stage->lock);
        n_blocks = stage->blocks->len;
        g_mutex_unlock(&stage->lock);
    }
    if (encoder_element(CODEC_H264) != NULL) {
        assert_true(n_blocks >= 10);
        const Block *first = stage->blocks->pdata[0];
        assert_int_equal(first->codec, CODEC_H264);
        assert_true(first->keyframe);
        assert_int_equal(first->bytes[0] & 0x1f, 24); /* SPS and PPS together (STAP-A) */
    } else {
        assert_int_equal(stage->n_faults, 1);
    }
    g_free(scene);
    stage_free(stage);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_camera_is_in_its_tile),       cmocka_unit_test(layout_changes_without_a_break),
        cmocka_unit_test(blocks_are_numbered_and_timed),    cmocka_unit_test(upper_layer_can_be_left_out),
        cmocka_unit_test(many_keyframe_requests_are_one),   cmocka_unit_test(the_wall_of_201_works),
        cmocka_unit_test(a_view_without_tiles_has_a_title), cmocka_unit_test(h264_is_made_or_missed_in_words),
    };
    return cmocka_run_group_tests(tests, stage_init, NULL);
}
