/* test_media_studio.c -- cameras in, blocks out, and the pixels in between: what a viewer would see is what is asserted.
 * Pictures of the canvases are left in build/pictures/ for a person to look at. */
#include "bridge/media/decoder.h"
#include "bridge/media/encoder.h"
#include "bridge/media/studio.h"

#include <cairo.h>
#include <libyuv/convert_argb.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

enum { CLIP_FRAMES = 12, WAIT_US = 15000000, SOURCES_MAX = 256, VIEW = 7, STREAM = 70 };

/* ---- clips: VP8 frames of one colour, as a camera would send them ---- */

typedef struct {
    GMutex lock;
    GCond came;
    GPtrArray *frames; /* Frame */
} Clip;

static void on_clip_frame(gpointer user, const EncodedFrame *encoded) {
    Clip *clip = user;
    Frame *frame = frame_new(CODEC_VP8, encoded->n_bytes);
    memcpy(frame->bytes, encoded->bytes, encoded->n_bytes);
    frame->keyframe = encoded->keyframe;
    g_mutex_lock(&clip->lock);
    g_ptr_array_add(clip->frames, frame);
    g_cond_signal(&clip->came);
    g_mutex_unlock(&clip->lock);
}

static void free_frame(gpointer frame) { frame_unref(frame); }

static Clip *clip_new(guint32 rgb, guint width, guint height, guint n_frames) {
    Clip *clip = g_new0(Clip, 1);
    g_mutex_init(&clip->lock);
    g_cond_init(&clip->came);
    clip->frames = g_ptr_array_new_with_free_func(free_frame);
    EncoderSpec spec = { CODEC_VP8, width, height, 10, 400000, 12, 0 };
    Counter cpu_us = 0;
    Encoder *encoder = encoder_start(&spec, on_clip_frame, clip, &cpu_us, NULL);
    assert_non_null(encoder);
    Picture picture = picture_new(width, height);
    picture_fill(&picture, yuv_of_rgb(rgb));
    for (guint i = 0; i < n_frames; i++) {
        assert_true(encoder_give(encoder, &picture, 1000 + i * 100000, FALSE));
        g_mutex_lock(&clip->lock);
        while (clip->frames->len <= i) g_cond_wait(&clip->came, &clip->lock);
        g_mutex_unlock(&clip->lock);
    }
    encoder_stop(encoder);
    picture_clear(&picture);
    return clip;
}

static void clip_free(Clip *clip) {
    if (clip == NULL) return;
    g_ptr_array_unref(clip->frames);
    g_mutex_clear(&clip->lock);
    g_cond_clear(&clip->came);
    g_free(clip);
}

/* ---- the stage: a studio, its cameras, and a viewer that decodes what comes out ---- */

typedef struct {
    Studio *studio;
    StudioSource *sources[SOURCES_MAX];
    Clip *clips[SOURCES_MAX];
    guint positions[SOURCES_MAX];
    GMutex lock;
    GCond came;
    GPtrArray *blocks; /* Block, as they came */
    guint n_decoded;
    Decoder *decoder;
    Picture seen; /* the newest picture of the viewer */
    guint64 n_keyframes, n_pictures;
    guint darkest; /* the lowest mean luma of all pictures seen */
    guint n_asked[SOURCES_MAX];
    guint n_faults;
} Stage;

static void on_block(gpointer user, Block *block) {
    Stage *stage = user;
    g_mutex_lock(&stage->lock);
    g_ptr_array_add(stage->blocks, block);
    g_cond_signal(&stage->came);
    g_mutex_unlock(&stage->lock);
}

static void on_keyframe_wanted(gpointer user, guint32 source) {
    Stage *stage = user;
    if (source < SOURCES_MAX) g_atomic_int_inc((gint *)&stage->n_asked[source]);
}

static void on_fault(gpointer user, StreamId stream, const GError *why) {
    (void)stream;
    assert_non_null(strstr(why->message, "gstreamer1.0-"));
    g_atomic_int_inc((gint *)&((Stage *)user)->n_faults);
}

static guint mean_luma(const Picture *picture) {
    guint64 sum = 0;
    for (guint y = 0; y < picture->height; y++)
        for (guint x = 0; x < picture->width; x++)
            sum += picture->planes[0][y * (guint)picture->strides[0] + x];
    return (guint)(sum / (picture->width * picture->height));
}

static void on_seen(gpointer user, GstBuffer *buffer, const GstVideoInfo *info, guint32 token) {
    (void)token;
    Stage *stage = user;
    GstVideoFrame frame;
    if (gst_video_frame_map(&frame, info, buffer, GST_MAP_READ)) {
        guint width = (guint)GST_VIDEO_INFO_WIDTH(info), height = (guint)GST_VIDEO_INFO_HEIGHT(info);
        if (stage->seen.width != width || stage->seen.height != height) {
            picture_clear(&stage->seen);
            stage->seen = picture_new(width, height);
        }
        Picture from = { .width = width, .height = height };
        for (guint i = 0; i < 3; i++) {
            from.planes[i] = GST_VIDEO_FRAME_PLANE_DATA(&frame, i);
            from.strides[i] = GST_VIDEO_FRAME_PLANE_STRIDE(&frame, i);
        }
        picture_scale(&from, &stage->seen, FALSE);
        gst_video_frame_unmap(&frame);
        stage->darkest = MIN(stage->darkest, mean_luma(&stage->seen));
        stage->n_pictures++;
    }
    gst_buffer_unref(buffer);
}

static const StudioEvents stage_events = { on_block, on_keyframe_wanted, on_fault };

static void free_block(gpointer block) { block_unref(block); }

static Stage *stage_new(void) {
    static const StudioSettings settings = { .n_decoders = 2, .encoder_speed = 12, .font = "Open Sans" };
    Stage *stage = g_new0(Stage, 1);
    g_mutex_init(&stage->lock);
    g_cond_init(&stage->came);
    stage->blocks = g_ptr_array_new_with_free_func(free_block);
    stage->darkest = 255;
    stage->decoder = decoder_new(CODEC_VP8, on_seen, stage, NULL);
    stage->studio = studio_start(&settings, &stage_events, stage, NULL);
    assert_non_null(stage->studio);
    return stage;
}

static void stage_free(Stage *stage) {
    for (guint i = 0; i < SOURCES_MAX; i++) studio_source_unref(stage->sources[i]);
    studio_stop(stage->studio);
    for (guint i = 0; i < SOURCES_MAX; i++) clip_free(stage->clips[i]);
    decoder_free(stage->decoder);
    g_ptr_array_unref(stage->blocks);
    picture_clear(&stage->seen);
    g_mutex_clear(&stage->lock);
    g_cond_clear(&stage->came);
    g_free(stage);
}

static void add_camera(Stage *stage, guint id, guint32 rgb, guint width, guint height) {
    stage->sources[id] = studio_source_new(stage->studio, id);
    stage->clips[id] = clip_new(rgb, width, height, CLIP_FRAMES);
}

/* Every camera sends its next frame; a clip begins again with its keyframe. */
static void cameras_send(Stage *stage) {
    for (guint id = 0; id < SOURCES_MAX; id++) {
        if (stage->clips[id] == NULL || stage->sources[id] == NULL) continue;
        Frame *stored = stage->clips[id]->frames->pdata[stage->positions[id]++ % CLIP_FRAMES];
        Frame *frame = frame_new(CODEC_VP8, stored->n_bytes);
        memcpy(frame->bytes, stored->bytes, stored->n_bytes);
        frame->keyframe = stored->keyframe;
        frame->arrival_us = frame->capture_us = g_get_monotonic_time();
        studio_source_push(stage->sources[id], frame);
    }
}

/* Puts a block's packets together again and decodes it, in order. */
static void view_block(Stage *stage, const Block *block) {
    Frame *frame = frame_new(CODEC_VP8, block->n_bytes);
    gsize at = 0;
    for (guint i = 0; i < block->n_packets; i++) {
        memcpy(frame->bytes + at, block->bytes + block->packets[i].offset, block->packets[i].n_bytes);
        at += block->packets[i].n_bytes;
    }
    assert_int_equal(at, block->n_bytes);
    frame->keyframe = block->keyframe;
    stage->n_keyframes += block->keyframe ? 1 : 0;
    assert_true(decoder_push(stage->decoder, frame, stage->n_decoded));
    frame_unref(frame);
}

static void view_new_blocks(Stage *stage) {
    for (;;) {
        g_mutex_lock(&stage->lock);
        Block *block = stage->n_decoded < stage->blocks->len ? stage->blocks->pdata[stage->n_decoded] : NULL;
        g_mutex_unlock(&stage->lock);
        if (block == NULL) return;
        view_block(stage, block);
        stage->n_decoded++;
    }
}

typedef gboolean (*Condition)(Stage *stage, gconstpointer data);

/* Cameras send and the viewer watches until the condition holds. */
static gboolean watch_until(Stage *stage, Condition condition, gconstpointer data) {
    gint64 until_us = g_get_monotonic_time() + WAIT_US;
    while (g_get_monotonic_time() < until_us) {
        cameras_send(stage);
        g_usleep(40000);
        view_new_blocks(stage);
        if (stage->n_pictures > 0 && condition(stage, data)) return TRUE;
    }
    return FALSE;
}

/* ---- looking at pictures ---- */

static Yuv mean_of(const Picture *picture, Rect rect) {
    Picture part = picture_part(picture, rect);
    guint64 sums[3] = { 0 };
    for (guint c = 0; c < 3; c++) {
        guint width = c == 0 ? part.width : part.width / 2, height = c == 0 ? part.height : part.height / 2;
        for (guint y = 0; y < height; y++)
            for (guint x = 0; x < width; x++) sums[c] += part.planes[c][y * (guint)part.strides[c] + x];
        sums[c] /= width * height;
    }
    return (Yuv){ (guint8)sums[0], (guint8)sums[1], (guint8)sums[2] };
}

/* The middle of a tile: away from name and badges. */
static Rect middle(Rect rect) {
    return (Rect){ (guint16)((rect.x + rect.width * 3 / 8) & ~1),
                   (guint16)((rect.y + rect.height * 3 / 8) & ~1), (guint16)((rect.width / 4) & ~1),
                   (guint16)((rect.height / 4) & ~1) };
}

static gboolean looks_like(const Picture *picture, Rect rect, guint32 rgb) {
    if (rect.x + rect.width > picture->width || rect.y + rect.height > picture->height) return FALSE;
    Yuv is = mean_of(picture, middle(rect)), should = yuv_of_rgb(rgb);
    return ABS(is.y - should.y) < 14 && ABS(is.u - should.u) < 14 && ABS(is.v - should.v) < 14;
}

/* How far luma spreads in a part of the picture: writing has both dark and light. */
static guint luma_spread(const Picture *picture, Rect rect) {
    Picture part = picture_part(picture, rect);
    guint low = 255, high = 0;
    for (guint y = 0; y < part.height; y++)
        for (guint x = 0; x < part.width; x++) {
            guint luma = part.planes[0][y * (guint)part.strides[0] + x];
            low = MIN(low, luma);
            high = MAX(high, luma);
        }
    return high - low;
}

static Rect label_area(Rect tile) {
    return (Rect){ (guint16)(tile.x + 6), (guint16)((tile.y + tile.height * 3 / 4) & ~1),
                   (guint16)((tile.width / 2) & ~1), (guint16)((tile.height / 4 - 4) & ~1) };
}

static void save_png(const Picture *picture, const char *name) {
    cairo_surface_t *surface =
        cairo_image_surface_create(CAIRO_FORMAT_RGB24, (int)picture->width, (int)picture->height);
    I420ToARGB(picture->planes[0], picture->strides[0], picture->planes[1], picture->strides[1],
               picture->planes[2], picture->strides[2], cairo_image_surface_get_data(surface),
               cairo_image_surface_get_stride(surface), (int)picture->width, (int)picture->height);
    cairo_surface_mark_dirty(surface);
    g_mkdir_with_parents("build/pictures", 0755);
    g_autofree char *path = g_strdup_printf("build/pictures/%s.png", name);
    cairo_surface_write_to_png(surface, path);
    cairo_surface_destroy(surface);
}

/* ---- scenes ---- */

static const guint32 colours[] = { 0xb03030, 0x30a040, 0x3050c0, 0xc0a030,
                                   0x8040a0, 0x30a0a0, 0xd07020, 0x707888 };
static const char *names[] = { "Hội trường tỉnh Quảng Ninh",
                               "Thành phố Hạ Long",
                               "Thị trấn Đầm Hà",
                               "Xã Bắc Sơn (Uông Bí)",
                               "Phường Cộng Hòa",
                               "Xã Đồng Rui",
                               "Phường Yết Kiêu",
                               "Xã Thanh Sơn (Ba Chẽ)" };

static ViewScene *scene_new(Layout layout, guint n_tiles, guint width, guint height, guint fps) {
    ViewScene *scene = g_new0(ViewScene, 1);
    Rect rects[STUDIO_TILES_MAX];
    *scene = (ViewScene){ .view = VIEW, .width = width, .height = height, .fps = fps, .nice = 5 };
    g_strlcpy(scene->title, "Họp giao ban trực tuyến tháng 11", sizeof scene->title);
    scene->n_tiles = layout_place(layout, n_tiles, width, height, rects, STUDIO_TILES_MAX);
    for (guint i = 0; i < scene->n_tiles; i++) {
        scene->tiles[i] = (Tile){ .source = i + 1, .rect = rects[i], .state = TILE_LIVE };
        g_strlcpy(scene->tiles[i].label, names[i % G_N_ELEMENTS(names)], STUDIO_LABEL_BYTES_MAX);
    }
    return scene;
}

static void show(Stage *stage, const ViewScene *scene, guint width, guint height, guint bitrate_bps) {
    RungSpec rung = { STREAM, CODEC_VP8, width, height, scene->fps, bitrate_bps };
    studio_set_view(stage->studio, scene);
    studio_set_rungs(stage->studio, VIEW, &rung, 1);
}

/* Every live tile of the scene shows its camera's colour. */
static gboolean all_colours_there(Stage *stage, gconstpointer data) {
    const ViewScene *scene = data;
    if (stage->seen.width != scene->width) return FALSE;
    for (guint i = 0; i < scene->n_tiles; i++) {
        const Tile *tile = &scene->tiles[i];
        if (tile->state == TILE_LIVE && tile->source != 0 && stage->clips[tile->source] != NULL &&
            !looks_like(&stage->seen, tile->rect, colours[(tile->source - 1) % G_N_ELEMENTS(colours)]))
            return FALSE;
    }
    return TRUE;
}

/* ---- the tests ---- */

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
    guint64 n_keyframes = stage->n_keyframes, frame_index = stage->n_decoded;
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
    assert_true(last->frame_index > frame_index);
    assert_int_equal(last->frame_index, stage->n_decoded - 1); /* one encoder, one count */
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
        assert_int_equal(block->frame_index, i);
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
            assert_in_range(ticks, 3599, 3601 * 10); /* 40 ms, or more where a tick was left out */
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
    const Block *first = NULL, *second = NULL;
    for (guint i = 0; i < stage->n_decoded; i++) {
        const Block *block = stage->blocks->pdata[i];
        if (block->keyframe && first == NULL)
            first = block;
        else if (block->keyframe)
            second = block;
    }
    assert_true(second->rtp_time - first->rtp_time >= 90000 - 90); /* folded: never two within a second */
    studio_force_keyframe(stage->studio, 999);                     /* nobody's stream */
    g_free(scene);
    stage_free(stage);
}

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

static void h264_is_made_or_missed_in_words(void **state) {
    (void)state;
    Stage *stage = stage_new();
    add_camera(stage, 1, colours[0], 320, 180);
    ViewScene *scene = scene_new(LAYOUT_FULL, 1, 640, 360, 25);
    studio_set_view(stage->studio, scene);
    RungSpec rung = { STREAM, CODEC_H264, 640, 360, 25, 800000 };
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

static int init(void **state) {
    (void)state;
    g_autoptr(GError) error = NULL;
    if (!studio_global_init(&error)) print_error("%s\n", error->message);
    return error != NULL;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_camera_is_in_its_tile),
        cmocka_unit_test(layout_changes_without_a_break),
        cmocka_unit_test(blocks_are_numbered_and_timed),
        cmocka_unit_test(upper_layer_can_be_left_out),
        cmocka_unit_test(many_keyframe_requests_are_one),
        cmocka_unit_test(a_corrupt_camera_stays_alone),
        cmocka_unit_test(a_camera_changes_its_size),
        cmocka_unit_test(the_wall_of_201_works),
        cmocka_unit_test(a_view_without_tiles_has_a_title),
        cmocka_unit_test(hidden_cameras_cost_nothing),
        cmocka_unit_test(a_returning_source_keeps_its_tile),
        cmocka_unit_test(h264_is_made_or_missed_in_words),
    };
    return cmocka_run_group_tests(tests, init, NULL);
}
