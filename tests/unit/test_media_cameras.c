/* test_media_cameras.c -- the studio's cameras: hostile bytes, other sizes, hidden ones, rooms that come back. */
#include "tests/unit/studio_stage.h"

/* Hostile bytes in one camera: its tile suffers, no other, and the sender is asked for a keyframe, seldom. */
static void a_corrupt_camera_stays_alone(void **state) {
    (void)state;
    Stage *stage = stage_new();
    for (guint id = 1; id <= 4; id++) add_camera(stage, id, colours[id - 1], 320, 180);
    ViewScene *scene = scene_new(LAYOUT_GRID, 4, 640, 360, 25);
    show(stage, scene, 640, 360, 800000);
    assert_true(watch_until(stage, all_colours_there, scene));
    GRand *random = g_rand_new_with_seed(7);
    g_ptr_array_unref(stage->clips[2]->frames);
    stage->clips[2]->frames = g_ptr_array_new_with_free_func(free_frame);
    for (guint i = 0; i < CLIP_FRAMES;
         i++) { /* what looks like frames, some like keyframes, some of them huge */
        static const guint8 heads[][10] = { { 0x10, 0, 0, 0x9d, 0x01, 0x2a, 0x40, 0x01, 0xb4, 0x00 },
                                            { 0x10, 0, 0, 0x9d, 0x01, 0x2a, 0xff, 0x3f, 0xff, 0x3f },
                                            { 0x11, 0xff, 0xff } };
        Frame *frame = frame_new(CODEC_VP8, 3 + (gsize)g_rand_int_range(random, 0, 900));
        for (gsize k = 0; k < frame->n_bytes; k++) frame->bytes[k] = (guint8)g_rand_int(random);
        memcpy(frame->bytes, heads[i % 3], MIN(10, frame->n_bytes));
        frame->keyframe = (frame->bytes[0] & 1) == 0;
        g_ptr_array_add(stage->clips[2]->frames, frame);
    }
    gint64 from_us = g_get_monotonic_time();
    guint asked_before = stage->n_asked[2], n_seen = stage->n_decoded;
    while (stage->n_decoded < n_seen + 60) {
        cameras_send(stage);
        g_usleep(40000);
        view_new_blocks(stage);
    }
    gint64 seconds = (g_get_monotonic_time() - from_us) / G_USEC_PER_SEC + 1;
    assert_in_range(stage->n_asked[2] - asked_before, 1, 2 * seconds + 1);
    static const guint others[] = { 0, 2, 3 };
    for (guint i = 0; i < 3; i++)
        assert_true(looks_like(&stage->seen, scene->tiles[others[i]].rect, colours[others[i]]));
    StudioStats stats;
    studio_read_stats(stage->studio, &stats);
    assert_true(stats.n_decode_errors > 0);
    /* And it recovers with the first good keyframe. */
    clip_free(stage->clips[2]);
    stage->clips[2] = clip_new(colours[1], 320, 180, CLIP_FRAMES);
    stage->positions[2] = 0;
    assert_true(watch_until(stage, all_colours_there, scene));
    g_rand_free(random);
    g_free(scene);
    stage_free(stage);
}

static void count_picture(gpointer user, GstBuffer *buffer, const GstVideoInfo *info, guint32 token) {
    (void)info;
    (void)token;
    (*(guint *)user)++;
    gst_buffer_unref(buffer);
}

/* Whatever the frame says of itself: what is larger than a decoder may be is known at the latest when it has been decoded. */
static void too_large_pictures_do_not_come_out(void **state) {
    (void)state;
    static const struct {
        Codec codec;
        guint width, height;
        gboolean taken;
    } cases[] = { { CODEC_VP8, 2560, 64, TRUE },
                  { CODEC_VP8, 2576, 64, FALSE },
                  { CODEC_H264, 2560, 64, TRUE },
                  { CODEC_H264, 2576, 64, FALSE } };
    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        if (encoder_element(cases[i].codec) == NULL) continue;
        print_message("case: codec %d, %ux%u\n", (int)cases[i].codec, cases[i].width, cases[i].height);
        guint n_pictures = 0, n_taken = 0;
        Clip *clip = clip_new_of(cases[i].codec, colours[0], cases[i].width, cases[i].height, 4);
        Decoder *decoder = decoder_new(cases[i].codec, count_picture, &n_pictures, NULL);
        assert_non_null(decoder);
        for (guint k = 0; k < 4; k++) n_taken += decoder_push(decoder, clip->frames->pdata[k], k) ? 1 : 0;
        assert_int_equal(n_pictures > 0, cases[i].taken);
        assert_int_equal(n_taken, cases[i].taken ? 4 : 0);
        decoder_free(decoder);
        clip_free(clip);
    }
}

static void a_camera_changes_its_size(void **state) {
    (void)state;
    static const struct {
        const char *name;
        guint width, height;
    } cases[] = {
        { "thumbnail", 160, 90 }, { "main", 640, 360 }, { "four by three", 640, 480 }, { "odd", 322, 182 }
    };
    Stage *stage = stage_new();
    add_camera(stage, 1, colours[0], 320, 180);
    add_camera(stage, 2, colours[1], 320, 180);
    ViewScene *scene = scene_new(LAYOUT_1_1, 2, 640, 360, 25);
    show(stage, scene, 640, 360, 800000);
    assert_true(watch_until(stage, all_colours_there, scene));
    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        print_message("case: %s\n", cases[i].name);
        guint32 rgb = colours[(3 + i) % G_N_ELEMENTS(colours)];
        clip_free(stage->clips[1]);
        stage->clips[1] = clip_new(rgb, cases[i].width, cases[i].height, CLIP_FRAMES);
        stage->positions[1] = 0;
        gint64 until_us = g_get_monotonic_time() + WAIT_US;
        do {
            cameras_send(stage);
            g_usleep(40000);
            view_new_blocks(stage);
        } while (!looks_like(&stage->seen, scene->tiles[0].rect, rgb) && g_get_monotonic_time() < until_us);
        assert_true(looks_like(&stage->seen, scene->tiles[0].rect, rgb));
        assert_true(looks_like(&stage->seen, scene->tiles[1].rect, colours[1]));
    }
    g_free(scene);
    stage_free(stage);
}

/* Nothing is decoded that nobody sees, and a camera that is shown again is asked for a keyframe. */
static void hidden_cameras_cost_nothing(void **state) {
    (void)state;
    Stage *stage = stage_new();
    add_camera(stage, 1, colours[0], 320, 180);
    add_camera(stage, 2, colours[1], 320, 180);
    ViewScene *scene = scene_new(LAYOUT_FULL, 1, 320, 180, 25);
    show(stage, scene, 320, 180, 300000);
    assert_true(watch_until(stage, all_colours_there, scene));
    assert_true(studio_source_is_shown(stage->sources[1]));
    assert_false(studio_source_is_shown(stage->sources[2]));
    assert_int_equal(stage->n_asked[2], 0);
    scene->tiles[0].source = 2;
    studio_set_view(stage->studio, scene);
    assert_true(watch_until(stage, all_colours_there, scene));
    assert_false(studio_source_is_shown(stage->sources[1]));
    assert_true(stage->n_asked[2] > 0);
    studio_end_view(stage->studio, VIEW);
    studio_end_view(stage->studio, VIEW); /* twice is fine */
    gint64 until_us = g_get_monotonic_time() + WAIT_US;
    while (studio_source_is_shown(stage->sources[2]) && g_get_monotonic_time() < until_us) g_usleep(10000);
    assert_false(studio_source_is_shown(stage->sources[2]));
    StudioStats stats; /* both decoders end after a while out of sight */
    do {
        g_usleep(100000);
        studio_read_stats(stage->studio, &stats);
    } while (stats.n_decoders > 0 && g_get_monotonic_time() < until_us);
    assert_int_equal(stats.n_decoders, 0);
    g_free(scene);
    stage_free(stage);
}

/* A room comes back on a new leg: the same tile goes on, first with the old picture, then with the new. */
static void a_returning_source_keeps_its_tile(void **state) {
    (void)state;
    Stage *stage = stage_new();
    add_camera(stage, 1, colours[0], 320, 180);
    ViewScene *scene = scene_new(LAYOUT_FULL, 1, 320, 180, 25);
    show(stage, scene, 320, 180, 300000);
    assert_true(watch_until(stage, all_colours_there, scene));
    stage->darkest = 255;
    StudioSource *old = stage->sources[1];
    stage->sources[1] = NULL;
    studio_source_unref(old);
    stage->sources[1] = studio_source_new(stage->studio, 1);
    studio_source_enter(stage->sources[1]);
    stage->positions[1] = 0;
    clip_free(stage->clips[1]);
    stage->clips[1] = clip_new(colours[3], 320, 180, CLIP_FRAMES);
    gint64 until_us = g_get_monotonic_time() + WAIT_US;
    do {
        cameras_send(stage);
        g_usleep(40000);
        view_new_blocks(stage);
    } while (!looks_like(&stage->seen, scene->tiles[0].rect, colours[3]) &&
             g_get_monotonic_time() < until_us);
    assert_true(looks_like(&stage->seen, scene->tiles[0].rect, colours[3]));
    assert_true(stage->darkest > 50); /* no plate in between */
    g_free(scene);
    stage_free(stage);
}

/* Two meetings have a source of one seat: shown is the one whose leg took the seat last, also when that had been the other's. */
static void the_source_that_was_entered_is_shown(void **state) {
    (void)state;
    static const struct {
        const char *name;
        guint from;
        gboolean enter, drop_other;
    } cases[] = { { "the first", 0, FALSE, FALSE },
                  { "still the first", 0, TRUE, FALSE },
                  { "the second has begun", 1, TRUE, FALSE },
                  { "the first again", 0, TRUE, FALSE },
                  { "the second has ended", 0, FALSE, TRUE } };
    Stage *stage = stage_new();
    StudioSource *sources[2];
    Clip *clips[2];
    for (guint i = 0; i < 2; i++) {
        sources[i] = studio_source_new(stage->studio, 1);
        clips[i] = clip_new(colours[i], 320, 180, CLIP_FRAMES);
    }
    ViewScene *scene = scene_new(LAYOUT_FULL, 1, 320, 180, 25);
    show(stage, scene, 320, 180, 300000);
    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        print_message("case: %s\n", cases[i].name);
        StudioSource *from = sources[cases[i].from];
        if (cases[i].enter) studio_source_enter(from);
        if (cases[i].drop_other) g_clear_pointer(&sources[1 - cases[i].from], studio_source_unref);
        stage->sources[1] = from;
        stage->clips[1] = clips[cases[i].from];
        stage->positions[1] = 0;
        gint64 until_us = g_get_monotonic_time() + WAIT_US;
        do {
            cameras_send(stage);
            g_usleep(40000);
            view_new_blocks(stage);
        } while (!looks_like(&stage->seen, scene->tiles[0].rect, colours[cases[i].from]) &&
                 g_get_monotonic_time() < until_us);
        assert_true(looks_like(&stage->seen, scene->tiles[0].rect, colours[cases[i].from]));
        assert_true(studio_source_is_shown(from));
    }
    stage->sources[1] = sources[0];
    stage->clips[1] = clips[0];
    clip_free(clips[1]);
    g_free(scene);
    stage_free(stage);
}

/* Under load thumbnails are decoded more rarely, where that harms no other frame; larger pictures never. */
static void spare_frames_of_thumbnails_are_left_out(void **state) {
    (void)state;
    static const struct {
        const char *name;
        guint width, height, limit_fps;
        gboolean spare;
        guint least, most; /* left out, of 25 in a second */
    } cases[] = { { "no limit", 160, 90, 0, TRUE, 0, 0 },
                  { "a thumbnail with spare frames", 160, 90, 2, TRUE, 10, 13 },
                  { "a thumbnail whose frames stand on each other", 160, 90, 2, FALSE, 0, 0 },
                  { "a large picture", 320, 180, 2, TRUE, 0, 0 } };
    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        Stage *stage = stage_new();
        StudioStats from, to;
        add_camera(stage, 1, colours[0], cases[i].width, cases[i].height);
        stage->every_second_is_spare = cases[i].spare;
        ViewScene *scene = scene_new(LAYOUT_FULL, 1, 320, 180, 25);
        show(stage, scene, 320, 180, 300000);
        assert_true(watch_until(stage, all_colours_there, scene));
        g_usleep(100000);
        studio_set_thumbnail_fps(stage->studio, cases[i].limit_fps);
        studio_read_stats(stage->studio, &from);
        for (guint k = 0; k < 25; k++) {
            cameras_send(stage);
            g_usleep(40000);
        }
        studio_read_stats(stage->studio, &to);
        guint n = (guint)(to.n_frames_dropped - from.n_frames_dropped);
        print_message("case: %s: %u left out\n", cases[i].name, n);
        assert_in_range(n, cases[i].least, cases[i].most);
        assert_true(all_colours_there(stage, scene));
        g_free(scene);
        stage_free(stage);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_corrupt_camera_stays_alone),
        cmocka_unit_test(too_large_pictures_do_not_come_out),
        cmocka_unit_test(a_camera_changes_its_size),
        cmocka_unit_test(hidden_cameras_cost_nothing),
        cmocka_unit_test(a_returning_source_keeps_its_tile),
        cmocka_unit_test(the_source_that_was_entered_is_shown),
        cmocka_unit_test(spare_frames_of_thumbnails_are_left_out),
    };
    return cmocka_run_group_tests(tests, stage_init, NULL);
}
