/* bench_media_pictures.c -- what the picture side costs: walls of live thumbnails and a program of eight cameras, for real:
 * VP8 in, decode pool, canvas, encoders, blocks out.  CPU time is that of the threads, not of the clock. */
#include "bridge/media/encoder.h"
#include "bridge/media/studio.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CLIP_FRAMES = 50, RUN_S = 6, SOURCES_MAX = 256 };

typedef struct {
    const char *name;
    Layout layout;
    guint n_sources, camera_width, camera_height, camera_fps, width, height, fps, n_rungs;
    RungSpec rungs[4];
} Scenario;

static const Scenario scenarios[] = {
    { .name = "wall 201, 1080p8",
      .layout = LAYOUT_WALL,
      .n_sources = 201,
      .camera_width = 128, /* what the bridge asks for where the tiles are of that size */
      .camera_height = 72,
      .camera_fps = 8,
      .width = 1920,
      .height = 1080,
      .fps = 8,
      .n_rungs = 1,
      .rungs = { { 1, CODEC_VP8, 1920, 1080, 8, 2500000, FALSE, FALSE } } },
    { .name = "wall 256, 1440p8",
      .layout = LAYOUT_WALL,
      .n_sources = 256,
      .camera_width = 160,
      .camera_height = 90,
      .camera_fps = 8,
      .width = 2560,
      .height = 1440,
      .fps = 8,
      .n_rungs = 1,
      .rungs = { { 1, CODEC_VP8, 2560, 1440, 8, 4000000, FALSE, FALSE } } },
    { .name = "program 1+7, 720p25 alone",
      .layout = LAYOUT_1_7,
      .n_sources = 8,
      .camera_width = 640,
      .camera_height = 360,
      .camera_fps = 25,
      .width = 1280,
      .height = 720,
      .fps = 25,
      .n_rungs = 1,
      .rungs = { { 2, CODEC_VP8, 1280, 720, 25, 1500000, FALSE, TRUE } } },
    { .name = "program 1+7, 720p25 + 360p25",
      .layout = LAYOUT_1_7,
      .n_sources = 8,
      .camera_width = 640,
      .camera_height = 360,
      .camera_fps = 25,
      .width = 1280,
      .height = 720,
      .fps = 25,
      .n_rungs = 2,
      .rungs = { { 3, CODEC_VP8, 1280, 720, 25, 1500000, FALSE, TRUE },
                 { 4, CODEC_VP8, 640, 360, 25, 500000, FALSE, TRUE } } },
    { .name = "program 1+7, all rungs",
      .layout = LAYOUT_1_7,
      .n_sources = 8,
      .camera_width = 640,
      .camera_height = 360,
      .camera_fps = 25,
      .width = 1280,
      .height = 720,
      .fps = 25,
      .n_rungs = 4,
      .rungs = { { 3, CODEC_VP8, 1280, 720, 25, 1500000, FALSE, TRUE },
                 { 4, CODEC_VP8, 640, 360, 25, 500000, FALSE, TRUE },
                 { 5, CODEC_VP8, 320, 180, 12, 150000, FALSE, TRUE },
                 { 6, CODEC_VP8, 640, 360, 1, 20000, TRUE, FALSE } } },
    { .name = "program full, 720p25 + 360p25",
      .layout = LAYOUT_FULL,
      .n_sources = 1,
      .camera_width = 1280,
      .camera_height = 720,
      .camera_fps = 25,
      .width = 1280,
      .height = 720,
      .fps = 25,
      .n_rungs = 2,
      .rungs = { { 5, CODEC_VP8, 1280, 720, 25, 1500000, FALSE, TRUE },
                 { 6, CODEC_VP8, 640, 360, 25, 500000, FALSE, TRUE } } },
    { .name = "grid 7x7, 720p25",
      .layout = LAYOUT_GRID,
      .n_sources = 49,
      .camera_width = 320,
      .camera_height = 180,
      .camera_fps = 15,
      .width = 1280,
      .height = 720,
      .fps = 25,
      .n_rungs = 1,
      .rungs = { { 7, CODEC_VP8, 1280, 720, 25, 1500000, FALSE, TRUE } } },
};

static guint64 n_blocks, n_block_bytes;

static void on_block(gpointer user, Block *block) {
    (void)user;
    __atomic_fetch_add(&n_blocks, 1, __ATOMIC_RELAXED);
    __atomic_fetch_add(&n_block_bytes, block->n_bytes, __ATOMIC_RELAXED);
    block_unref(block);
}

static void on_keyframe(gpointer user, guint32 source) {
    (void)user;
    (void)source;
}

static void on_clip_frame(gpointer user, const EncodedFrame *encoded) {
    Frame *frame = frame_new(CODEC_VP8, encoded->n_bytes);
    memcpy(frame->bytes, encoded->bytes, encoded->n_bytes);
    frame->keyframe = encoded->keyframe;
    g_async_queue_push(user, frame);
}

/* A head that sways before a wall, with the noise of a cheap camera. */
static void draw_camera(const Picture *picture, guint at, GRand *random) {
    for (guint y = 0; y < picture->height; y++)
        for (guint x = 0; x < picture->width; x++) {
            gint dx = (gint)(x * 1000 / picture->width) - 500 - (gint)(at % 25) * 4;
            gint dy = (gint)(y * 1000 / picture->height) - 550;
            gint luma =
                dx * dx + dy * dy < 60000 ? 150 + (dx + dy) / 20 : 60 + (gint)(x * 60 / picture->width);
            picture->planes[0][y * (guint)picture->strides[0] + x] =
                (guint8)(luma + (gint)(g_rand_int(random) & 3));
        }
    for (guint c = 1; c < 3; c++)
        for (guint y = 0; y < picture->height / 2; y++)
            memset(picture->planes[c] + y * (guint)picture->strides[c], (int)(110 + y * 30 / picture->height),
                   picture->width / 2);
}

static GPtrArray *make_clip(guint width, guint height, guint fps) {
    GAsyncQueue *queue = g_async_queue_new();
    GPtrArray *clip = g_ptr_array_new();
    EncoderSpec spec = { .codec = CODEC_VP8,
                         .width = width,
                         .height = height,
                         .fps = fps,
                         .bitrate_bps = width * height * 2,
                         .speed = 8,
                         .two_layers = TRUE };
    Counter cpu_us = 0;
    Encoder *encoder = encoder_start(&spec, on_clip_frame, queue, &cpu_us, NULL);
    Picture picture = picture_new(width, height);
    GRand *random = g_rand_new_with_seed(1);
    for (guint i = 0; i < CLIP_FRAMES; i++) {
        draw_camera(&picture, i, random);
        encoder_give(encoder, &picture, 1000 + i * (G_USEC_PER_SEC / fps), FALSE);
        g_ptr_array_add(clip, g_async_queue_pop(queue));
    }
    encoder_stop(encoder);
    picture_clear(&picture);
    g_rand_free(random);
    g_async_queue_unref(queue);
    return clip;
}

static void send_all(StudioSource **sources, guint n_sources, const GPtrArray *clip, guint at) {
    for (guint i = 0; i < n_sources; i++) {
        Frame *stored = clip->pdata[at % CLIP_FRAMES], *frame = frame_new(CODEC_VP8, stored->n_bytes);
        memcpy(frame->bytes, stored->bytes, stored->n_bytes);
        frame->keyframe = stored->keyframe;
        frame->arrival_us = frame->capture_us = g_get_monotonic_time();
        studio_source_push(sources[i], frame);
    }
}

static void set_scene(Studio *studio, const Scenario *scenario) {
    ViewScene *scene = g_new0(ViewScene, 1);
    Rect rects[STUDIO_TILES_MAX];
    *scene = (ViewScene){
        .view = 1, .width = scenario->width, .height = scenario->height, .fps = scenario->fps, .nice = 5
    };
    scene->n_tiles = layout_place(scenario->layout, scenario->n_sources, scenario->width, scenario->height,
                                  rects, STUDIO_TILES_MAX);
    for (guint i = 0; i < scene->n_tiles; i++) {
        scene->tiles[i] =
            (Tile){ .source = i + 1, .rect = rects[i], .state = TILE_LIVE, .microphone_off = i % 3 == 0 };
        g_snprintf(scene->tiles[i].label, STUDIO_LABEL_BYTES_MAX, "Phường Hồng Hải %u", i + 1);
    }
    studio_set_view(studio, scene);
    studio_set_rungs(studio, 1, scenario->rungs, scenario->n_rungs);
    g_free(scene);
}

static void report(const Scenario *scenario, const StudioStats *from, const StudioStats *to, double seconds,
                   FILE *json) {
    double decode = (double)(to->decode_cpu_us - from->decode_cpu_us) / 1e6 / seconds;
    double canvas = (double)(to->canvas_cpu_us - from->canvas_cpu_us) / 1e6 / seconds;
    double encode = (double)(to->encode_cpu_us - from->encode_cpu_us) / 1e6 / seconds;
    double fps = (double)(to->n_encoded - from->n_encoded) / seconds / scenario->n_rungs;
    double decoded = (double)(to->n_decoded - from->n_decoded) / seconds;
    double ticks = MAX((double)(to->n_composed - from->n_composed), 1);
    double canvas_ms = (double)(to->canvas_cpu_us - from->canvas_cpu_us) / 1e3 / ticks;
    double encode_ms = (double)(to->encode_cpu_us - from->encode_cpu_us) / 1e3 /
                       MAX((double)(to->n_encoded - from->n_encoded), 1);
    double kbps = (double)n_block_bytes * 8 / 1000 / seconds;
    printf("%-30s %6.2f %6.2f %6.2f %6.2f %7.1f %6.1f %6.2f %6.2f %6.0f %5" G_GUINT64_FORMAT "\n",
           scenario->name, decode, canvas, encode, decode + canvas + encode, decoded, fps, canvas_ms,
           encode_ms, kbps, to->n_canvas_late - from->n_canvas_late);
    if (json == NULL) return;
    fprintf(json,
            "{\"bench\":\"media_pictures\",\"scenario\":\"%s\",\"decode_cores\":%.4f,\"canvas_cores\":%.4f,"
            "\"encode_cores\":%.4f,"
            "\"decoded_per_s\":%.1f,\"fps\":%.2f,\"canvas_ms\":%.3f,\"encode_ms\":%.3f,\"kbps\":%.0f,"
            "\"late\":%" G_GUINT64_FORMAT "}\n",
            scenario->name, decode, canvas, encode, decoded, fps, canvas_ms, encode_ms, kbps,
            to->n_canvas_late - from->n_canvas_late);
}

static void run(const Scenario *scenario, FILE *json) {
    static const StudioSettings settings = { .n_decoders = 2, .encoder_speed = 8 };
    static const StudioEvents events = { on_block, on_keyframe, NULL };
    Studio *studio = studio_start(&settings, &events, NULL, NULL);
    StudioSource *sources[SOURCES_MAX];
    GPtrArray *clip = make_clip(scenario->camera_width, scenario->camera_height, scenario->camera_fps);
    for (guint i = 0; i < scenario->n_sources; i++) sources[i] = studio_source_new(studio, i + 1);
    set_scene(studio, scenario);
    g_usleep(300000);
    StudioStats from = { 0 }, to;
    gint64 start_us = g_get_monotonic_time(), measured_us = 0, next_us = start_us;
    for (guint at = 0; next_us < start_us + (RUN_S + 1) * G_USEC_PER_SEC; at++) {
        send_all(sources, scenario->n_sources, clip, at);
        if (measured_us == 0 && next_us > start_us + G_USEC_PER_SEC) {
            studio_read_stats(studio, &from);
            n_block_bytes = 0;
            measured_us = g_get_monotonic_time();
        }
        next_us += G_USEC_PER_SEC / scenario->camera_fps;
        g_usleep((gulong)MAX(next_us - g_get_monotonic_time(), 0));
    }
    studio_read_stats(studio, &to);
    report(scenario, &from, &to, (double)(g_get_monotonic_time() - measured_us) / 1e6, json);
    for (guint i = 0; i < scenario->n_sources; i++) studio_source_unref(sources[i]);
    studio_stop(studio);
    for (guint i = 0; i < clip->len; i++) frame_unref(clip->pdata[i]);
    g_ptr_array_unref(clip);
}

int main(void) {
    g_autoptr(GError) error = NULL;
    if (!studio_global_init(&error)) {
        fprintf(stderr, "%s\n", error->message);
        return 1;
    }
    const char *out = g_getenv("OUT");
    g_autofree char *path = g_build_filename(out != NULL ? out : ".", "media_pictures.jsonl", NULL);
    FILE *json = out != NULL ? fopen(path, "w") : NULL;
    printf("%-30s %6s %6s %6s %6s %7s %6s %6s %6s %6s %5s\n", "", "decode", "canvas", "encode", "cores",
           "frames", "fps", "ms/", "ms/", "kbit/s", "late");
    printf("%-30s %6s %6s %6s %6s %7s %6s %6s %6s\n", "", "cores", "cores", "cores", "in all", "in/s", "out",
           "canvas", "encode");
    const char *only = g_getenv("SCENARIO"); /* the beginning of a name */
    for (guint i = 0; i < G_N_ELEMENTS(scenarios); i++)
        if (only == NULL || g_str_has_prefix(scenarios[i].name, only)) run(&scenarios[i], json);
    if (json != NULL) fclose(json);
    return 0;
}
