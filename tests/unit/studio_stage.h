/* studio_stage.h -- a stage for tests of the studio: cameras of one colour that send VP8, a viewer that decodes what comes out,
 * and eyes for its pictures. Included by the tests that stand on it; each uses the part it needs. */
#pragma once

#include "bridge/media/decoder.h"
#include "bridge/media/encoder.h"
#include "bridge/media/studio.h"

#include <cairo.h>
#include <libyuv/convert_argb.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

enum { CLIP_FRAMES = 12, WAIT_US = 15000000, SOURCES_MAX = 256, VIEW = 7, STREAM = 70 };

/* ---- clips: VP8 frames of one colour, as a camera would send them ---- */

typedef struct {
    Codec codec;
    GMutex lock;
    GCond came;
    GPtrArray *frames; /* Frame */
} Clip;

G_GNUC_UNUSED static void on_clip_frame(gpointer user, const EncodedFrame *encoded) {
    Clip *clip = user;
    Frame *frame = frame_new(clip->codec, encoded->n_bytes);
    memcpy(frame->bytes, encoded->bytes, encoded->n_bytes);
    frame->keyframe = encoded->keyframe;
    g_mutex_lock(&clip->lock);
    g_ptr_array_add(clip->frames, frame);
    g_cond_signal(&clip->came);
    g_mutex_unlock(&clip->lock);
}

G_GNUC_UNUSED static void free_frame(gpointer frame) { frame_unref(frame); }

G_GNUC_UNUSED static Clip *clip_new_of(Codec codec, guint32 rgb, guint width, guint height, guint n_frames) {
    Clip *clip = g_new0(Clip, 1);
    clip->codec = codec;
    g_mutex_init(&clip->lock);
    g_cond_init(&clip->came);
    clip->frames = g_ptr_array_new_with_free_func(free_frame);
    EncoderSpec spec = {
        .codec = codec, .width = width, .height = height, .fps = 10, .bitrate_bps = 400000, .speed = 12
    };
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

G_GNUC_UNUSED static Clip *clip_new(guint32 rgb, guint width, guint height, guint n_frames) {
    return clip_new_of(CODEC_VP8, rgb, width, height, n_frames);
}

G_GNUC_UNUSED static void clip_free(Clip *clip) {
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
    gboolean every_second_is_spare; /* of what cameras send: no other frame stands on it */
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

G_GNUC_UNUSED static void on_block(gpointer user, Block *block) {
    Stage *stage = user;
    g_mutex_lock(&stage->lock);
    g_ptr_array_add(stage->blocks, block);
    g_cond_signal(&stage->came);
    g_mutex_unlock(&stage->lock);
}

G_GNUC_UNUSED static void on_keyframe_wanted(gpointer user, guint32 source) {
    Stage *stage = user;
    if (source < SOURCES_MAX) g_atomic_int_inc((gint *)&stage->n_asked[source]);
}

G_GNUC_UNUSED static void on_fault(gpointer user, StreamId stream, const GError *why) {
    (void)stream;
    assert_non_null(strstr(why->message, "gstreamer1.0-"));
    g_atomic_int_inc((gint *)&((Stage *)user)->n_faults);
}

G_GNUC_UNUSED static guint mean_luma(const Picture *picture) {
    guint64 sum = 0;
    for (guint y = 0; y < picture->height; y++)
        for (guint x = 0; x < picture->width; x++)
            sum += picture->planes[0][y * (guint)picture->strides[0] + x];
    return (guint)(sum / (picture->width * picture->height));
}

G_GNUC_UNUSED static void on_seen(gpointer user, GstBuffer *buffer, const GstVideoInfo *info, guint32 token) {
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

G_GNUC_UNUSED static void free_block(gpointer block) { block_unref(block); }

G_GNUC_UNUSED static Stage *stage_new(void) {
    static const StudioSettings settings = { .n_decoders = 2, .encoder_speed = 8, .font = "Open Sans" };
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

G_GNUC_UNUSED static void stage_free(Stage *stage) {
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

G_GNUC_UNUSED static void add_camera(Stage *stage, guint id, guint32 rgb, guint width, guint height) {
    stage->sources[id] = studio_source_new(stage->studio, id);
    stage->clips[id] = clip_new(rgb, width, height, CLIP_FRAMES);
}

/* Every camera sends its next frame; a clip begins again with its keyframe. */
G_GNUC_UNUSED static void cameras_send(Stage *stage) {
    for (guint id = 0; id < SOURCES_MAX; id++) {
        if (stage->clips[id] == NULL || stage->sources[id] == NULL) continue;
        Frame *stored = stage->clips[id]->frames->pdata[stage->positions[id]++ % CLIP_FRAMES];
        Frame *frame = frame_new(CODEC_VP8, stored->n_bytes);
        memcpy(frame->bytes, stored->bytes, stored->n_bytes);
        frame->keyframe = stored->keyframe;
        frame->referenced = stage->positions[id] % 2 != 0 || !stage->every_second_is_spare;
        frame->arrival_us = frame->capture_us = g_get_monotonic_time();
        studio_source_push(stage->sources[id], frame);
    }
}

/* Puts a block's packets together again and decodes it, in order. */
G_GNUC_UNUSED static void view_block(Stage *stage, const Block *block) {
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

G_GNUC_UNUSED static void view_new_blocks(Stage *stage) {
    for (;;) {
        g_mutex_lock(&stage->lock);
        Block *block = stage->n_decoded < stage->blocks->len ? stage->blocks->pdata[stage->n_decoded] : NULL;
        g_mutex_unlock(&stage->lock);
        if (block == NULL) return;
        view_block(stage, block);
        stage->n_decoded++;
    }
}

/* How many frames after the first one that came; they begin anywhere. */
G_GNUC_UNUSED static guint64 place_of(const Stage *stage, const Block *block) {
    return block->frame_index - ((const Block *)stage->blocks->pdata[0])->frame_index;
}

typedef gboolean (*Condition)(Stage *stage, gconstpointer data);

/* Cameras send and the viewer watches until the condition holds. */
G_GNUC_UNUSED static gboolean watch_until(Stage *stage, Condition condition, gconstpointer data) {
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

G_GNUC_UNUSED static Yuv mean_of(const Picture *picture, Rect rect) {
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
G_GNUC_UNUSED static Rect middle(Rect rect) {
    return (Rect){ (guint16)((rect.x + rect.width * 3 / 8) & ~1),
                   (guint16)((rect.y + rect.height * 3 / 8) & ~1), (guint16)((rect.width / 4) & ~1),
                   (guint16)((rect.height / 4) & ~1) };
}

G_GNUC_UNUSED static gboolean looks_like(const Picture *picture, Rect rect, guint32 rgb) {
    if (rect.x + rect.width > picture->width || rect.y + rect.height > picture->height) return FALSE;
    Yuv is = mean_of(picture, middle(rect)), should = yuv_of_rgb(rgb);
    return ABS(is.y - should.y) < 14 && ABS(is.u - should.u) < 14 && ABS(is.v - should.v) < 14;
}

/* How far luma spreads in a part of the picture: writing has both dark and light. */
G_GNUC_UNUSED static guint luma_spread(const Picture *picture, Rect rect) {
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

G_GNUC_UNUSED static Rect label_area(Rect tile) {
    return (Rect){ (guint16)(tile.x + 6), (guint16)((tile.y + tile.height * 3 / 4) & ~1),
                   (guint16)((tile.width / 2) & ~1), (guint16)((tile.height / 4 - 4) & ~1) };
}

G_GNUC_UNUSED static void save_png(const Picture *picture, const char *name) {
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

G_GNUC_UNUSED static const guint32 colours[] = { 0xb03030, 0x30a040, 0x3050c0, 0xc0a030,
                                                 0x8040a0, 0x30a0a0, 0xd07020, 0x707888 };
G_GNUC_UNUSED static const char *names[] = { "Hội trường tỉnh Quảng Ninh",
                                             "Thành phố Hạ Long",
                                             "Thị trấn Đầm Hà",
                                             "Xã Bắc Sơn (Uông Bí)",
                                             "Phường Cộng Hòa",
                                             "Xã Đồng Rui",
                                             "Phường Yết Kiêu",
                                             "Xã Thanh Sơn (Ba Chẽ)" };

G_GNUC_UNUSED static ViewScene *scene_new(Layout layout, guint n_tiles, guint width, guint height,
                                          guint fps) {
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

G_GNUC_UNUSED static void show(Stage *stage, const ViewScene *scene, guint width, guint height,
                               guint bitrate_bps) {
    RungSpec rung = { .stream = STREAM,
                      .codec = CODEC_VP8,
                      .width = width,
                      .height = height,
                      .fps = scene->fps,
                      .bitrate_bps = bitrate_bps,
                      .two_layers = TRUE };
    studio_set_view(stage->studio, scene);
    studio_set_rungs(stage->studio, VIEW, &rung, 1);
}

/* Every live tile of the scene shows its camera's colour. */
G_GNUC_UNUSED static gboolean all_colours_there(Stage *stage, gconstpointer data) {
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

G_GNUC_UNUSED static int stage_init(void **state) {
    (void)state;
    g_autoptr(GError) error = NULL;
    if (!studio_global_init(&error)) print_error("%s\n", error->message);
    return error != NULL;
}
