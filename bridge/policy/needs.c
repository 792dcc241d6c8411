/* needs.c -- see needs.h. */
#include "bridge/policy/needs.h"

/* Heights that encoders like, with bit rates at which VP8 looks clean for a head-and-shoulders picture. */
static const struct {
    guint width, height, max_bps;
} steps[] = { { 320, 180, 200000 }, { 640, 360, 600000 }, { 960, 540, 1000000 }, { 1280, 720, 1500000 } };

static const LayerNeed off = { .active = FALSE };
/* The small one is a tile of the wall of two hundred, pixel by pixel: it is decoded and drawn without being scaled, which saves
 * the wall a third of its work (bench_media_pictures). */
static const LayerNeed thumbnails[] = {
    { .active = TRUE, .width = 128, .height = 72, .fps = 8, .max_bps = 50000 },
    { .active = TRUE, .width = 160, .height = 90, .fps = 8, .max_bps = 60000 },
};

CameraNeed camera_need(guint width, guint height, guint fps, guint thumbnail_fps) {
    gboolean small = width > 0 && width <= thumbnails[0].width && height <= thumbnails[0].height;
    CameraNeed need = { .thumbnail = thumbnails[small ? 0 : 1], .main = off };
    /* No faster than anybody shows it: what would be decoded beyond that is thrown away. */
    need.thumbnail.fps = CLAMP(thumbnail_fps, 1, MIN(need.thumbnail.fps, MAX(fps, 1)));
    if (width == 0 || height == 0) {
        /* A rare thumbnail, so that a room that comes on is never black for long. */
        need.thumbnail.fps = NEED_REST_FPS;
        need.thumbnail.max_bps = 15000;
        return need;
    }
    if (width <= NEED_THUMBNAIL_WIDTH_MAX) return need;
    guint i = 0;
    /* One step below is good enough when it covers four fifths of the tile. */
    while (i + 1 < G_N_ELEMENTS(steps) && steps[i].height * 5 < height * 4) i++;
    need.main = (LayerNeed){ .active = TRUE,
                             .width = steps[i].width,
                             .height = steps[i].height,
                             .fps = fps,
                             .max_bps = steps[i].max_bps };
    return need;
}

static gboolean layer_equal(const LayerNeed *a, const LayerNeed *b) {
    return a->active == b->active && a->width == b->width && a->height == b->height && a->fps == b->fps &&
           a->max_bps == b->max_bps;
}

gboolean camera_need_equal(const CameraNeed *a, const CameraNeed *b) {
    return layer_equal(&a->thumbnail, &b->thumbnail) && layer_equal(&a->main, &b->main);
}

guint camera_need_bps(const CameraNeed *need) {
    return need->main.active ? need->main.max_bps : need->thumbnail.max_bps;
}
