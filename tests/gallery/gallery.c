/* gallery.c -- the pictures of docs/pictures.md, made by the bridge's own code: cameras drawn here are encoded, decoded, placed
 * and written on as in a meeting, and what the canvas holds then is kept as PNG.
 *   gallery FOLDER   writes FOLDER/layouts.png and FOLDER/wall.png */
#include "bridge/media/canvas.h"
#include "bridge/media/encoder.h"
#include "bridge/media/palette.h"
#include "bridge/media/source.h"
#include "bridge/policy/layout.h"

#include <cairo.h>
#include <libyuv.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

enum {
    ROOMS = 201,
    SLIDE = 1000, /* id of the presentation */
    CAMERA_WIDTH = 640,
    CAMERA_HEIGHT = 360,
    SHEET_COLUMNS = 3,
    CELL_WIDTH = 640,
    CELL_HEIGHT = 360,
    CAPTION = 44,
    MARGIN = 16,
    WAIT_US = 20000000
};

static char *labels[ROOMS];
static StudioCounters counters;
static SourceTable *sources;

/* ---- cameras: people at a table, every room in its own colours ---- */

static void colour(cairo_t *cr, double hue, double saturation, double value) {
    double part = fmod(hue, 1) * 6, chroma = value * saturation, low = value - chroma;
    double between = chroma * (1 - fabs(fmod(part, 2) - 1));
    double rgb[6][3] = { { chroma, between, 0 }, { between, chroma, 0 }, { 0, chroma, between },
                         { 0, between, chroma }, { between, 0, chroma }, { chroma, 0, between } };
    const double *at = rgb[(guint)part % 6];
    cairo_set_source_rgb(cr, at[0] + low, at[1] + low, at[2] + low);
}

static void person(cairo_t *cr, double x, double size, double hue, GRand *random) {
    double skin = g_rand_double_range(random, 0.72, 0.92), y = CAMERA_HEIGHT * 0.62;
    colour(cr, hue, 0.35, g_rand_double_range(random, 0.3, 0.9));
    cairo_arc(cr, x, y + size * 1.35, size * 1.15, G_PI, 0); /* shoulders */
    cairo_fill(cr);
    cairo_set_source_rgb(cr, 0.12, 0.1, 0.1);
    cairo_arc(cr, x, y - size * 0.12, size * 0.56, G_PI * 0.95, G_PI * 0.05); /* hair */
    cairo_fill(cr);
    cairo_set_source_rgb(cr, skin, skin * 0.8, skin * 0.65);
    cairo_save(cr);
    cairo_translate(cr, x, y + size * 0.05);
    cairo_scale(cr, 0.8, 1);
    cairo_arc(cr, 0, 0, size * 0.56, 0, 2 * G_PI);
    cairo_restore(cr);
    cairo_fill(cr);
}

static void draw_room(cairo_t *cr, guint room) {
    g_autoptr(GRand) random = g_rand_new_with_seed(room + 7);
    double hue = room * 0.618034; /* neighbours differ */
    cairo_pattern_t *wall = cairo_pattern_create_linear(0, 0, CAMERA_WIDTH, CAMERA_HEIGHT);
    double light = g_rand_double_range(random, 0.5, 0.85);
    cairo_pattern_add_color_stop_rgb(wall, 0, light, light * 0.98, light * 0.92);
    cairo_pattern_add_color_stop_rgb(wall, 1, light * 0.7, light * 0.72, light * 0.75);
    cairo_set_source(cr, wall);
    cairo_paint(cr);
    cairo_pattern_destroy(wall);
    colour(cr, hue, 0.45, 0.6); /* a curtain or a board */
    double board = g_rand_double_range(random, 0.1, 0.6) * CAMERA_WIDTH;
    cairo_rectangle(cr, board, 20, CAMERA_WIDTH * 0.3, CAMERA_HEIGHT * 0.4);
    cairo_fill(cr);
    guint n_people = (guint)g_rand_int_range(random, 1, 5);
    double size = n_people == 1 ? 92 : 78 - 8 * (double)n_people;
    for (guint i = 0; i < n_people; i++)
        person(cr, CAMERA_WIDTH * (i + 0.5) / n_people, size, g_rand_double(random), random);
    cairo_set_source_rgb(cr, 0.36, 0.25, 0.17); /* the table */
    cairo_rectangle(cr, 0, CAMERA_HEIGHT * 0.86, CAMERA_WIDTH, CAMERA_HEIGHT * 0.14);
    cairo_fill(cr);
}

/* A page of a report, as it is presented. */
static void draw_slide(cairo_t *cr) {
    static const double bars[] = { 0.45, 0.62, 0.5, 0.78, 0.91 };
    cairo_set_source_rgb(cr, 1, 1, 1);
    cairo_paint(cr);
    cairo_set_source_rgb(cr, 0.72, 0.1, 0.12);
    cairo_rectangle(cr, 0, 0, CAMERA_WIDTH, 48);
    cairo_fill(cr);
    cairo_set_source_rgb(cr, 1, 1, 1);
    cairo_select_font_face(cr, "Open Sans", CAIRO_FONT_SLANT_NORMAL, CAIRO_FONT_WEIGHT_BOLD);
    cairo_set_font_size(cr, 24);
    cairo_move_to(cr, 20, 33);
    cairo_show_text(cr, "Thu ngân sách theo quý");
    for (guint i = 0; i < G_N_ELEMENTS(bars); i++) {
        cairo_set_source_rgb(cr, 0.12, 0.35, 0.65);
        cairo_rectangle(cr, 60 + i * 110, 320 - 240 * bars[i], 70, 240 * bars[i]);
        cairo_fill(cr);
    }
    cairo_set_source_rgb(cr, 0.2, 0.2, 0.2);
    cairo_rectangle(cr, 40, 320, 560, 2);
    cairo_fill(cr);
}

/* ---- from a drawing to a picture on the canvas ---- */

typedef struct {
    GAsyncQueue *frames; /* Frame */
    Encoder *encoder;
    Picture picture;
    cairo_surface_t *surface;
    gint64 time_us;
} Film; /* one encoder for all cameras, one keyframe for each */

static void on_frame(gpointer user, const EncodedFrame *encoded) {
    Frame *frame = frame_new(CODEC_VP8, encoded->n_bytes);
    memcpy(frame->bytes, encoded->bytes, encoded->n_bytes);
    frame->keyframe = encoded->keyframe;
    g_async_queue_push(user, frame);
}

static void shoot(Film *film, StudioSource *source, guint room) {
    cairo_t *cr = cairo_create(film->surface);
    if (room == SLIDE)
        draw_slide(cr);
    else
        draw_room(cr, room);
    cairo_destroy(cr);
    cairo_surface_flush(film->surface);
    ARGBToI420(cairo_image_surface_get_data(film->surface), cairo_image_surface_get_stride(film->surface),
               film->picture.planes[0], film->picture.strides[0], film->picture.planes[1],
               film->picture.strides[1], film->picture.planes[2], film->picture.strides[2], CAMERA_WIDTH,
               CAMERA_HEIGHT);
    film->time_us += 2 * G_USEC_PER_SEC;
    while (!encoder_give(film->encoder, &film->picture, film->time_us, TRUE)) g_usleep(2000);
    Frame *frame = g_async_queue_pop(film->frames);
    frame->keyframe = TRUE;
    /* One camera in a while hangs; the others are as fresh when the last sheet is drawn as when the first is. */
    gint64 age_us = room % 37 == 12 ? 42 * G_USEC_PER_SEC : -60 * G_USEC_PER_SEC;
    frame->arrival_us = frame->capture_us = g_get_monotonic_time() - age_us;
    studio_source_push(source, frame);
}

static gboolean all_decoded(StudioSource **all, guint n) {
    for (guint i = 0; i < n; i++) {
        SourcePicture *picture = source_latest(all[i]);
        source_picture_unref(picture);
        if (picture == NULL) return FALSE;
    }
    return TRUE;
}

/* ---- scenes ---- */

typedef struct {
    const char *caption;
    Layout layout;
    guint n_tiles, first; /* first: index of the room in the first tile */
    gboolean slide;
} Shot;

static const Shot shots[] = {
    { "full: một điểm cầu", LAYOUT_FULL, 1, 1, FALSE },
    { "1+1: chủ tọa và người phát biểu", LAYOUT_1_1, 2, 0, FALSE },
    { "1+5", LAYOUT_1_5, 6, 1, FALSE },
    { "1+7", LAYOUT_1_7, 8, 0, FALSE },
    { "1+12", LAYOUT_1_12, 13, 0, FALSE },
    { "1+20", LAYOUT_1_20, 21, 0, FALSE },
    { "lecture: người nói lớn, chủ tọa nhỏ", LAYOUT_LECTURE, 8, 2, FALSE },
    { "presentation: trình chiếu và dải hình", LAYOUT_PRESENTATION, 6, 3, TRUE },
    { "grid: 5 điểm cầu", LAYOUT_GRID, 5, 0, FALSE },
    { "3x3", LAYOUT_GRID_2 + 1, 9, 0, FALSE },
    { "pages: trang 2 của màn hình thứ hai, 4x4", LAYOUT_GRID_2 + 2, 16, 16, FALSE },
    { "7x7", LAYOUT_GRID_7, 49, 0, FALSE },
};

/* A meeting as it is: some microphones off, a hand, a camera that is off, a line that broke, rooms that never came. */
static void dress(Tile *tile, guint room, gboolean wall) {
    g_strlcpy(tile->label, labels[room], sizeof tile->label);
    tile->source = room + 1;
    tile->state = TILE_LIVE;
    tile->microphone_off = room % 5 != 1;
    tile->hand = room % 23 == 4;
    if (room % 17 == 6) tile->state = TILE_NO_CAMERA;
    if (room % 29 == 8) {
        tile->state = TILE_OFFLINE;
        tile->offline_since_s = 1795312500;
    }
    if (wall && room % 11 == 9) tile->state = TILE_OFFLINE; /* has not been here */
    if (tile->state == TILE_OFFLINE) tile->microphone_off = FALSE;
}

static ViewScene *scene_of(const Shot *shot, guint width, guint height) {
    ViewScene *scene = g_new0(ViewScene, 1);
    Rect rects[STUDIO_TILES_MAX];
    *scene = (ViewScene){ .view = 1, .width = width, .height = height, .fps = 25 };
    scene->n_tiles = layout_place(shot->layout, shot->n_tiles, width, height, rects, STUDIO_TILES_MAX);
    for (guint i = 0; i < scene->n_tiles; i++) {
        Tile *tile = &scene->tiles[i];
        guint room = (shot->first + i - (shot->slide ? 1 : 0)) % ROOMS;
        tile->rect = rects[i];
        if (i == 0 && shot->slide) {
            tile->source = SLIDE;
            tile->state = TILE_LIVE;
            continue;
        }
        dress(tile, room, shot->layout == LAYOUT_WALL);
    }
    return scene;
}

/* What the canvas holds, as a surface. */
static cairo_surface_t *take(const Shot *shot, guint width, guint height) {
    GTimeZone *zone = g_time_zone_new_identifier("+07:00");
    CanvasParts parts = { .sources = sources,
                          .labels = labels_new("Open Sans"),
                          .zone = zone,
                          .vietnamese = TRUE,
                          .counters = &counters };
    Canvas *canvas = canvas_new(&parts);
    ViewScene *scene = scene_of(shot, width, height);
    Tile *speaker = &scene->tiles[shot->slide ? 1 : 0];
    guint32 speaking = speaker->source;
    speaker->microphone_off = FALSE;
    canvas_take_scene(canvas, scene);
    canvas_set_speaking(canvas, &speaking, 1);
    for (guint i = 0; i < 60; i++) { /* a large wall is drawn in several turns */
        canvas_tick(canvas, g_get_monotonic_time());
        g_usleep(10000);
    }
    const Picture *picture = canvas_picture(canvas);
    cairo_surface_t *surface = cairo_image_surface_create(CAIRO_FORMAT_RGB24, (int)width, (int)height);
    I420ToARGB(picture->planes[0], picture->strides[0], picture->planes[1], picture->strides[1],
               picture->planes[2], picture->strides[2], cairo_image_surface_get_data(surface),
               cairo_image_surface_get_stride(surface), (int)width, (int)height);
    cairo_surface_mark_dirty(surface);
    canvas_free(canvas);
    labels_free(parts.labels);
    g_time_zone_unref(zone);
    return surface;
}

/* ---- the sheet ---- */

static void place_on_sheet(cairo_t *cr, cairo_surface_t *shot, const char *caption, guint at) {
    double x = MARGIN + (at % SHEET_COLUMNS) * (CELL_WIDTH + MARGIN);
    guint row = at / SHEET_COLUMNS;
    double y = MARGIN + row * (CELL_HEIGHT + CAPTION + MARGIN);
    double scale = (double)CELL_WIDTH / cairo_image_surface_get_width(shot);
    cairo_save(cr);
    cairo_translate(cr, x, y);
    cairo_scale(cr, scale, scale);
    cairo_set_source_surface(cr, shot, 0, 0);
    cairo_pattern_set_filter(cairo_get_source(cr), CAIRO_FILTER_BEST);
    cairo_paint(cr);
    cairo_restore(cr);
    cairo_set_source_rgb(cr, 0.1, 0.13, 0.17);
    cairo_select_font_face(cr, "Open Sans", CAIRO_FONT_SLANT_NORMAL, CAIRO_FONT_WEIGHT_BOLD);
    cairo_set_font_size(cr, 22);
    cairo_move_to(cr, x + 2, y + CELL_HEIGHT + 30);
    cairo_show_text(cr, caption);
}

static gboolean save(cairo_surface_t *surface, const char *folder, const char *name) {
    g_autofree char *path = g_build_filename(folder, name, NULL);
    cairo_status_t status = cairo_surface_write_to_png(surface, path);
    cairo_surface_destroy(surface);
    if (status == CAIRO_STATUS_SUCCESS) return TRUE;
    fprintf(stderr, "gallery: %s: %s\n", path, cairo_status_to_string(status));
    return FALSE;
}

static gboolean make_sheet(const char *folder) {
    enum { ROWS = (G_N_ELEMENTS(shots) + SHEET_COLUMNS - 1) / SHEET_COLUMNS };
    cairo_surface_t *sheet =
        cairo_image_surface_create(CAIRO_FORMAT_RGB24, SHEET_COLUMNS * (CELL_WIDTH + MARGIN) + MARGIN,
                                   (int)ROWS * (CELL_HEIGHT + CAPTION + MARGIN) + MARGIN);
    cairo_t *cr = cairo_create(sheet);
    cairo_set_source_rgb(cr, 0.96, 0.97, 0.98);
    cairo_paint(cr);
    for (guint i = 0; i < G_N_ELEMENTS(shots); i++) {
        cairo_surface_t *shot = take(&shots[i], 1280, 720);
        place_on_sheet(cr, shot, shots[i].caption, i);
        cairo_surface_destroy(shot);
    }
    cairo_destroy(cr);
    return save(sheet, folder, "layouts.png");
}

/* ---- names, as the demo roster has them ---- */

static gboolean read_roster(const char *path) {
    g_autofree char *text = NULL;
    if (!g_file_get_contents(path, &text, NULL, NULL)) return FALSE;
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
    guint n = 0;
    for (guint i = 1; lines[i] != NULL && n < ROOMS; i++) {
        g_auto(GStrv) fields = g_strsplit(lines[i], ",", 5);
        if (g_strv_length(fields) < 5) continue;
        g_autofree char *first = g_utf8_strup(fields[2], 1);
        const char *rest = g_utf8_find_next_char(fields[2], NULL);
        g_autofree char *upper = g_utf8_substring(first, 0, 1);
        labels[n++] = g_strdup_printf("%s%s %s", upper, rest, fields[1]);
    }
    return n == ROOMS;
}

static void on_keyframe(gpointer user, guint32 source) {
    (void)user;
    (void)source;
}

static gboolean film_all(StudioSource **all, GError **error) {
    EncoderSpec spec = { .codec = CODEC_VP8,
                         .width = CAMERA_WIDTH,
                         .height = CAMERA_HEIGHT,
                         .fps = 10,
                         .bitrate_bps = 4000000,
                         .speed = 6 };
    Counter cpu_us = 0;
    Film camera = { .frames = g_async_queue_new(),
                    .picture = picture_new(CAMERA_WIDTH, CAMERA_HEIGHT),
                    .surface = cairo_image_surface_create(CAIRO_FORMAT_RGB24, CAMERA_WIDTH, CAMERA_HEIGHT),
                    .time_us = 1000 };
    camera.encoder = encoder_start(&spec, on_frame, camera.frames, &cpu_us, error);
    if (camera.encoder == NULL) return FALSE;
    for (guint i = 0; i <= ROOMS; i++) shoot(&camera, all[i], i < ROOMS ? i : SLIDE);
    encoder_stop(camera.encoder);
    picture_clear(&camera.picture);
    cairo_surface_destroy(camera.surface);
    g_async_queue_unref(camera.frames);
    gint64 end_us = g_get_monotonic_time() + WAIT_US;
    while (!all_decoded(all, ROOMS + 1))
        if (g_get_monotonic_time() > end_us)
            return FALSE;
        else
            g_usleep(10000);
    return TRUE;
}

int main(int argc, char **argv) {
    static const StudioEvents events = { .keyframe = on_keyframe };
    static const Shot wall = { NULL, LAYOUT_WALL, ROOMS, 0, FALSE };
    StudioSource *all[ROOMS + 1];
    g_autoptr(GError) error = NULL;
    if (argc != 3 || !read_roster(argv[2])) {
        fprintf(stderr, "usage: gallery FOLDER ROSTER.csv\n");
        return 2;
    }
    sources = studio_global_init(&error) ? source_table_start(2, &events, NULL, &counters, &error) : NULL;
    if (sources == NULL) {
        fprintf(stderr, "gallery: %s\n", error->message);
        return 1;
    }
    for (guint i = 0; i <= ROOMS; i++) {
        all[i] = source_new(sources, i < ROOMS ? i + 1 : SLIDE);
        source_show(all[i]);
    }
    if (!film_all(all, &error)) {
        fprintf(stderr, "gallery: %s\n",
                error != NULL ? error->message : "the cameras were not decoded in time");
        return 1;
    }
    gboolean good = make_sheet(argv[1]) && save(take(&wall, 1920, 1080), argv[1], "wall.png");
    for (guint i = 0; i <= ROOMS; i++) {
        source_hide(all[i]);
        studio_source_unref(all[i]);
    }
    source_table_stop(sources);
    for (guint i = 0; i < ROOMS; i++) g_free(labels[i]);
    return good ? 0 : 1;
}
