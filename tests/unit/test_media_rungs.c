/* test_media_rungs.c -- the encoded streams of a view: frame rates, effort and own keyframes of rungs, and stills. */
#include "bridge/policy/overload.h"
#include "tests/unit/studio_stage.h"

static void set_rung(Stage *stage, guint fps, guint width, guint height, gboolean stills, guint bitrate_bps) {
    RungSpec rung = { .stream = STREAM,
                      .codec = CODEC_VP8,
                      .width = width,
                      .height = height,
                      .fps = fps,
                      .stills = stills,
                      .two_layers = !stills,
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

/* The rate of a view and of its rung change: the same encoder goes on, no keyframe is made, the numbers of frames run on. Counted
 * against the first case: a busy machine makes fewer of all. */
static void frame_rates_change_without_a_break(void **state) {
    (void)state;
    static const struct {
        const char *name;
        guint view_fps, rung_fps, least_percent, most_percent; /* of the first */
    } cases[] = {
        { "as the view", 25, 25, 100, 100 },
        { "every second picture", 25, 12, 30, 75 },
        { "a slower view", 8, 12, 15, 60 },
        { "all of it again", 25, 25, 70, 150 },
    };
    Stage *stage = stage_new();
    guint n_first = 0;
    add_camera(stage, 1, colours[0], 320, 180);
    ViewScene *scene = scene_new(LAYOUT_FULL, 1, 640, 360, 25);
    show(stage, scene, 640, 360, 600000);
    assert_true(watch_until(stage, all_colours_there, scene));
    guint64 n_keyframes = stage->n_keyframes;
    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        scene->fps = cases[i].view_fps;
        studio_set_view(stage->studio, scene);
        set_rung(stage, cases[i].rung_fps, 640, 360, FALSE, 600000);
        watch_for(stage, 150000);
        guint n = frames_in(stage, G_USEC_PER_SEC);
        if (i == 0) n_first = n;
        print_message("case: %s: %u frames\n", cases[i].name, n);
        assert_in_range(n * 100, cases[i].least_percent * n_first, cases[i].most_percent * n_first);
    }
    assert_int_equal(stage->n_keyframes, n_keyframes);
    const Block *last = stage->blocks->pdata[stage->n_decoded - 1];
    assert_int_equal(place_of(stage, last), stage->n_decoded - 1);
    g_free(scene);
    stage_free(stage);
}

static gboolean fourteen_seen(Stage *stage, gconstpointer data) {
    (void)data;
    return stage->n_decoded >= 14;
}

/* Begun while the machine is short and the view slow: legs on thin levels count on the upper layer all the same. */
static void a_slow_start_has_two_layers(void **state) {
    (void)state;
    Stage *stage = stage_new();
    add_camera(stage, 1, colours[0], 320, 180);
    ViewScene *scene = scene_new(LAYOUT_FULL, 1, 640, 360, 7);
    show(stage, scene, 640, 360, 600000);
    assert_true(watch_until(stage, fourteen_seen, NULL));
    guint n_upper = 0;
    for (guint i = 0; i < stage->n_decoded; i++)
        n_upper += ((const Block *)stage->blocks->pdata[i])->temporal_layer == 1;
    assert_in_range(n_upper, stage->n_decoded / 2 - 2, stage->n_decoded / 2 + 2);
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
        watch_for(stage, 80000);
    }
    assert_int_equal(stage->n_keyframes, n_keyframes);
    assert_true(all_colours_there(stage, scene));
    g_free(scene);
    stage_free(stage);
}

/* ---- stills, own keyframes ---- */

typedef struct {
    gint n_out; /* atomic */
    gint n_bytes;
} Still;

static void on_still(gpointer user, const EncodedFrame *frame) {
    Still *still = user;
    still->n_bytes = (gint)frame->n_bytes;
    g_atomic_int_inc(&still->n_out);
}

/* A still is brought to its size by making it again, coarser or finer, while the encoder runs. */
static void a_still_is_made_coarser_and_finer(void **state) {
    (void)state;
    static const guint steps[] = { 40, 50, 63, 61, 30, 4, 63, 40 };
    EncoderSpec spec = { .codec = CODEC_VP8,
                         .width = 640,
                         .height = 360,
                         .fps = 1,
                         .bitrate_bps = 20000,
                         .speed = 8,
                         .stills = TRUE };
    Still still = { 0 };
    Counter cpu_us = 0;
    Encoder *encoder = encoder_start(&spec, on_still, &still, &cpu_us, NULL);
    assert_non_null(encoder);
    Picture picture = picture_new(spec.width, spec.height);
    g_autoptr(GRand) random = g_rand_new_with_seed(1);
    for (guint i = 0; i < picture.height * picture.strides[0]; i++)
        picture.planes[0][i] = (guint8)g_rand_int_range(random, 100, 140);
    gint n_bytes[G_N_ELEMENTS(steps)];
    for (guint i = 0; i < G_N_ELEMENTS(steps); i++) {
        encoder_set_quantizer(encoder, steps[i]);
        assert_true(encoder_give(encoder, &picture, 1000 + i * G_USEC_PER_SEC, TRUE));
        gint64 until_us = g_get_monotonic_time() + WAIT_US;
        while (g_atomic_int_get(&still.n_out) <= (gint)i && g_get_monotonic_time() < until_us) g_usleep(1000);
        assert_false(encoder_has_failed(encoder));
        assert_int_equal(g_atomic_int_get(&still.n_out), i + 1);
        n_bytes[i] = still.n_bytes;
    }
    for (guint i = 1; i < G_N_ELEMENTS(steps); i++)
        assert_true(steps[i] > steps[i - 1] ? n_bytes[i] < n_bytes[i - 1] : n_bytes[i] > n_bytes[i - 1]);
    encoder_stop(encoder);
    picture_clear(&picture);
}

enum { WHOLE = STREAM, SMALL, STILLS, N_STREAMS = 3 };

typedef struct {
    guint n_blocks, n_keys, n_bytes_max, n_payload_max;
    gint64 key_us;
} StreamSeen;

static void look_at(const Stage *stage, StreamSeen *seen) {
    for (guint i = 0; i < stage->blocks->len; i++) {
        const Block *block = stage->blocks->pdata[i];
        StreamSeen *stream = &seen[block->stream - STREAM];
        stream->n_blocks++;
        stream->n_bytes_max = MAX(stream->n_bytes_max, (guint)block->n_bytes);
        for (guint k = 0; k < block->n_packets; k++)
            stream->n_payload_max = MAX(stream->n_payload_max, block->packets[k].n_bytes);
        if (!block->keyframe) continue;
        stream->n_keys++;
        stream->key_us = block->capture_us;
    }
}

/* Three rungs of one view: each makes keyframes at its own pace, all by one clock; stills are keyframes and nothing else, no larger
 * than their bit rate gives in four seconds, in packets that hold no voice up. */
static void each_rung_makes_keyframes_of_its_own(void **state) {
    (void)state;
    static const RungSpec rungs[] = {
        { .stream = WHOLE,
          .codec = CODEC_VP8,
          .width = 640,
          .height = 360,
          .fps = 25,
          .bitrate_bps = 500000,
          .two_layers = TRUE },
        { .stream = SMALL,
          .codec = CODEC_VP8,
          .width = 320,
          .height = 180,
          .fps = 12,
          .bitrate_bps = 150000,
          .two_layers = TRUE },
        { .stream = STILLS,
          .codec = CODEC_VP8,
          .width = 640,
          .height = 360,
          .fps = 1,
          .bitrate_bps = 20000,
          .stills = TRUE },
    };
    Stage *stage = stage_new();
    StreamSeen seen[N_STREAMS] = { { 0 } };
    for (guint id = 1; id <= 8; id++) add_camera(stage, id, colours[id - 1], 320, 180);
    ViewScene *scene = scene_new(LAYOUT_1_7, 8, 1280, 720, 25);
    studio_set_view(stage->studio, scene);
    studio_set_rungs(stage->studio, VIEW, rungs, N_STREAMS);
    gint64 until_us = g_get_monotonic_time() + 6500000;
    while (g_get_monotonic_time() < until_us) {
        cameras_send(stage);
        g_usleep(40000);
    }
    g_mutex_lock(&stage->lock);
    look_at(stage, seen);
    for (guint i = 0; i < stage->blocks->len; i++) { /* the viewer looks at stills only */
        const Block *block = stage->blocks->pdata[i];
        if (block->stream == STILLS) view_block(stage, block);
    }
    g_mutex_unlock(&stage->lock);
    print_message("keyframes: %u, %u, %u; stills of %u bytes\n", seen[0].n_keys, seen[1].n_keys,
                  seen[2].n_keys, seen[2].n_bytes_max);
    assert_in_range(seen[0].n_keys, 2, 3); /* the first, then every 4 s unless one was just made */
    assert_in_range(seen[1].n_keys, 3, 5); /* the first, then every 2 s */
    assert_in_range(seen[2].n_keys, 2, 3);
    assert_int_equal(seen[2].n_blocks, seen[2].n_keys);
    assert_true(seen[2].n_bytes_max <= 10000);
    assert_true(seen[2].n_payload_max <= 400);
    gint64 apart_us = ABS(seen[0].key_us - seen[1].key_us) % (2 * G_USEC_PER_SEC);
    assert_true(apart_us < 300000 || apart_us > 1700000);
    ViewScene *small = scene_new(LAYOUT_1_7, 8, 640, 360, 25);
    assert_true(all_colours_there(stage, small)); /* coarse, but everybody is recognised */
    save_png(&stage->seen, "still-360p");
    g_free(small);
    g_free(scene);
    stage_free(stage);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(frame_rates_change_without_a_break),
        cmocka_unit_test(a_slow_start_has_two_layers),
        cmocka_unit_test(encoders_save_work_without_a_break),
        cmocka_unit_test(a_still_is_made_coarser_and_finer),
        cmocka_unit_test(each_rung_makes_keyframes_of_its_own),
    };
    return cmocka_run_group_tests(tests, stage_init, NULL);
}
