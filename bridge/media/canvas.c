/* canvas.c -- see canvas.h. */
#include "bridge/media/canvas.h"

#include "bridge/media/palette.h"

#include <string.h>

enum {
    DRAW_US_MAX = 60000,
    GOOD_SCALING_TILES_MAX = 16,
    HOLD_US = 600000,        /* what was there stays so long for a camera that has not sent a picture yet */
    HOLD_TILES_MAX = 49,     /* on a wall somebody comes all the time */
    COMING_US_MAX = 1500000, /* changes that follow each other faster than they are drawn */
};

typedef struct {
    Tile spec;
    StudioSource *source;    /* reference, shown; or NULL */
    SourcePicture *stand_in; /* the last of the source before, until the new one has a picture */
    guint serial;            /* of the picture that is drawn */
    guint age_s;             /* as drawn */
    gint64 hold_until_us;    /* not drawn before its camera has a picture, or then */
    gboolean dirty, speaking;
} CanvasTile;

struct Canvas {
    CanvasParts parts;
    Painter *painter;
    Picture picture; /* what is given away */
    Picture coming;  /* another layout or size, drawn aside until it is whole; width 0: none */
    gint64 coming_since_us;
    char title[STUDIO_LABEL_BYTES_MAX];
    guint n_tiles, next; /* next: where drawing goes on when there was no time for all */
    CanvasTile *tiles;
    guint generation;
    gboolean title_dirty, gutter;
    guint32 speaking[STUDIO_TILES_MAX];
    guint n_speaking;
};

Canvas *canvas_new(const CanvasParts *parts) {
    Canvas *canvas = g_new0(Canvas, 1);
    canvas->parts = *parts;
    canvas->painter = painter_new(parts->labels, parts->zone, parts->vietnamese);
    canvas->tiles = g_new0(CanvasTile, STUDIO_TILES_MAX);
    return canvas;
}

static void leave(StudioSource *source, const Rect *rect) {
    if (source == NULL) return;
    source_drop_size(source, rect->width, rect->height);
    source_hide(source);
    studio_source_unref(source);
}

static void tile_clear(CanvasTile *tile) {
    leave(tile->source, &tile->spec.rect);
    source_picture_unref(tile->stand_in);
    *tile = (CanvasTile){ 0 };
}

void canvas_free(Canvas *canvas) {
    if (canvas == NULL) return;
    for (guint i = 0; i < canvas->n_tiles; i++) tile_clear(&canvas->tiles[i]);
    painter_free(canvas->painter);
    picture_clear(&canvas->picture);
    picture_clear(&canvas->coming);
    g_free(canvas->tiles);
    g_free(canvas);
}

/* A tile that says who somebody is keeps its source only while a picture is wanted. */
static gboolean wants_source(const Tile *spec) { return spec->source != 0 && spec->state == TILE_LIVE; }

/* Finds the sources anew: one may have come, gone, or been replaced by another of the same id. */
static void resolve(Canvas *canvas) {
    canvas->generation = source_table_generation(canvas->parts.sources);
    for (guint i = 0; i < canvas->n_tiles; i++) {
        CanvasTile *tile = &canvas->tiles[i];
        StudioSource *found =
            wants_source(&tile->spec) ? source_table_find(canvas->parts.sources, tile->spec.source) : NULL;
        if (found == tile->source) {
            studio_source_unref(found);
            continue;
        }
        /* A leg that went and has no successor yet leaves its last picture, with its age, until the scene says more. */
        if (found == NULL && tile->source != NULL && wants_source(&tile->spec)) continue;
        if (tile->source != NULL && found != NULL) { /* a room came back on a new leg: no flash of a plate */
            source_picture_unref(tile->stand_in);
            tile->stand_in = source_latest(tile->source);
        }
        leave(tile->source, &tile->spec.rect);
        tile->source = found;
        if (found != NULL) {
            source_show(found);
            source_add_size(found, tile->spec.rect.width, tile->spec.rect.height);
        }
        tile->serial = 0;
        tile->dirty = TRUE;
    }
}

static gboolean same_geometry(const Canvas *canvas, const ViewScene *scene) {
    if (scene->n_tiles != canvas->n_tiles || scene->n_tiles == 0) return FALSE;
    for (guint i = 0; i < scene->n_tiles; i++)
        if (memcmp(&scene->tiles[i].rect, &canvas->tiles[i].spec.rect, sizeof(Rect)) != 0) return FALSE;
    return TRUE;
}

static gboolean same_look(const Tile *a, const Tile *b) {
    return a->source == b->source && a->state == b->state && a->offline_since_s == b->offline_since_s &&
           !a->microphone_off == !b->microphone_off && !a->hand == !b->hand &&
           strcmp(a->label, b->label) == 0;
}

static gboolean fits(const Rect *rect, const ViewScene *scene) {
    return rect->width >= 4 && rect->height >= 4 &&
           ((rect->x | rect->y | rect->width | rect->height) & 1) == 0 &&
           rect->x + rect->width <= scene->width && rect->y + rect->height <= scene->height;
}

/* In place: what cannot be drawn is left out, sizes are brought into range, texts end. */
static void make_sane(ViewScene *scene) {
    scene->width = CLAMP(scene->width, 16, CANVAS_WIDTH_MAX) & ~1u;
    scene->height = CLAMP(scene->height, 16, CANVAS_HEIGHT_MAX) & ~1u;
    scene->title[sizeof scene->title - 1] = '\0';
    guint n_kept = 0;
    for (guint i = 0; i < MIN(scene->n_tiles, STUDIO_TILES_MAX); i++) {
        scene->tiles[i].label[STUDIO_LABEL_BYTES_MAX - 1] = '\0';
        if (fits(&scene->tiles[i].rect, scene)) scene->tiles[n_kept++] = scene->tiles[i];
    }
    scene->n_tiles = n_kept;
}

static gboolean tiles_touch(const ViewScene *scene) {
    for (guint i = 0; i < scene->n_tiles; i++)
        for (guint k = 0; k < scene->n_tiles; k++) {
            const Rect *a = &scene->tiles[i].rect, *b = &scene->tiles[k].rect;
            if (a->y == b->y && a->x + a->width == b->x) return TRUE;
        }
    return FALSE;
}

static gboolean is_speaking(const Canvas *canvas, guint32 source) {
    for (guint i = 0; source != 0 && i < canvas->n_speaking; i++)
        if (canvas->speaking[i] == source) return TRUE;
    return FALSE;
}

static gboolean has_picture(StudioSource *source) {
    SourcePicture *picture = source_latest(source);
    source_picture_unref(picture);
    return picture != NULL;
}

/* Somebody new in a place that was seen: a plate for the blink until the camera's first picture would be a flash. */
static void hold(const Canvas *canvas, CanvasTile *tile, gint64 now_us) {
    if (canvas->picture.width == 0 || canvas->n_tiles > HOLD_TILES_MAX || tile->source == NULL) return;
    if (!has_picture(tile->source)) tile->hold_until_us = now_us + HOLD_US;
}

static gboolean is_held(const CanvasTile *tile, gint64 now_us) {
    return now_us < tile->hold_until_us && tile->source != NULL && !has_picture(tile->source);
}

/* From now on all is drawn aside, at this size; what was given away goes on being given. */
static void begin_anew(Canvas *canvas, guint width, guint height, gint64 now_us) {
    if (canvas->coming.width != width || canvas->coming.height != height) {
        if (canvas->coming.width == 0) canvas->coming_since_us = now_us;
        picture_clear(&canvas->coming);
        canvas->coming = picture_new(width, height);
    }
    picture_fill(&canvas->coming, yuv_of_rgb(COLOUR_GROUND));
    for (guint i = 0; i < canvas->n_tiles; i++) canvas->tiles[i].dirty = TRUE;
    canvas->title_dirty = canvas->n_tiles == 0;
}

/* The old tiles' references are given up only after the new ones hold theirs: a camera that moves stays decoded. */
static void replace_tiles(Canvas *canvas, const ViewScene *scene, gint64 now_us) {
    CanvasTile *old = canvas->tiles;
    guint n_old = canvas->n_tiles;
    canvas->tiles = g_new0(CanvasTile, STUDIO_TILES_MAX);
    canvas->n_tiles = scene->n_tiles;
    for (guint i = 0; i < scene->n_tiles; i++) {
        CanvasTile *tile = &canvas->tiles[i];
        tile->spec = scene->tiles[i];
        tile->speaking = is_speaking(canvas, tile->spec.source);
        tile->dirty = TRUE;
    }
    resolve(canvas);
    for (guint i = 0; i < n_old; i++) tile_clear(&old[i]);
    g_free(old);
    for (guint i = 0; i < canvas->n_tiles; i++) hold(canvas, &canvas->tiles[i], now_us);
    canvas->gutter = tiles_touch(scene);
}

/* Same places, other people or badges. Sources are left only after the new ones are held, as above. */
static void change_looks(Canvas *canvas, const ViewScene *scene, gint64 now_us) {
    StudioSource *left[STUDIO_TILES_MAX];
    Rect left_rects[STUDIO_TILES_MAX];
    guint n_left = 0;
    for (guint i = 0; i < scene->n_tiles; i++) {
        CanvasTile *tile = &canvas->tiles[i];
        const Tile *spec = &scene->tiles[i];
        if (same_look(&tile->spec, spec)) continue;
        if (tile->spec.source != spec->source || wants_source(&tile->spec) != wants_source(spec)) {
            left_rects[n_left] = tile->spec.rect;
            left[n_left++] = g_steal_pointer(&tile->source);
            g_clear_pointer(&tile->stand_in, source_picture_unref);
        }
        tile->spec = *spec;
        tile->speaking = is_speaking(canvas, spec->source);
        tile->dirty = TRUE;
    }
    if (n_left > 0) resolve(canvas);
    for (guint i = 0; i < n_left; i++) leave(left[i], &left_rects[i]);
    for (guint i = 0; n_left > 0 && i < canvas->n_tiles; i++)
        if (canvas->tiles[i].dirty) hold(canvas, &canvas->tiles[i], now_us);
}

static gboolean is_size(const Canvas *canvas, guint width, guint height) {
    const Picture *newest = canvas->coming.width != 0 ? &canvas->coming : &canvas->picture;
    return newest->width == width && newest->height == height;
}

void canvas_take_scene(Canvas *canvas, ViewScene *scene) {
    gint64 now_us = g_get_monotonic_time();
    make_sane(scene);
    gboolean anew = !is_size(canvas, scene->width, scene->height);
    if (strcmp(scene->title, canvas->title) != 0) {
        memcpy(canvas->title, scene->title, sizeof canvas->title);
        if (scene->n_tiles == 0) anew = TRUE;
    }
    if (!same_geometry(canvas, scene)) {
        anew = anew || scene->n_tiles > 0 || canvas->n_tiles > 0;
        if (scene->n_tiles > 0 || canvas->n_tiles > 0) replace_tiles(canvas, scene, now_us);
        painter_sweep(canvas->painter);
    } else {
        change_looks(canvas, scene, now_us);
    }
    if (anew) begin_anew(canvas, scene->width, scene->height, now_us);
    g_free(scene);
}

void canvas_set_speaking(Canvas *canvas, const guint32 *sources, guint n_sources) {
    canvas->n_speaking = MIN(n_sources, STUDIO_TILES_MAX);
    if (n_sources > 0) memcpy(canvas->speaking, sources, canvas->n_speaking * sizeof *sources);
    for (guint i = 0; i < canvas->n_tiles; i++) {
        CanvasTile *tile = &canvas->tiles[i];
        gboolean speaking = is_speaking(canvas, tile->spec.source);
        tile->dirty |= speaking != tile->speaking;
        tile->speaking = speaking;
    }
}

static guint age_shown(const SourcePicture *picture, gint64 now_us) {
    gint64 age_s = (now_us - picture->arrival_us) / G_USEC_PER_SEC;
    if (age_s <= CANVAS_OLD_PICTURE_S) return 0;
    return (guint)(age_s < 60 ? age_s : age_s - age_s % 60);
}

static void draw_tile(Canvas *canvas, CanvasTile *tile, gint64 now_us) {
    const Tile *spec = &tile->spec;
    const Picture *whole = canvas->coming.width != 0 ? &canvas->coming : &canvas->picture;
    if (tile->source != NULL) tile->serial = source_serial(tile->source);
    SourcePicture *picture = tile->source != NULL ? source_latest(tile->source) : NULL;
    if (picture != NULL) g_clear_pointer(&tile->stand_in, source_picture_unref);
    if (picture == NULL && tile->stand_in != NULL) picture = source_picture_ref(tile->stand_in);
    tile->age_s = picture != NULL ? age_shown(picture, now_us) : 0;
    tile->dirty = FALSE;
    TileLook look = { .rect = spec->rect,
                      .label = spec->label,
                      .state = spec->state,
                      .offline_since_s = spec->offline_since_s,
                      .microphone_off = spec->microphone_off,
                      .hand = spec->hand,
                      .speaking = tile->speaking,
                      .empty = spec->source == 0 && spec->label[0] == '\0',
                      .framed = spec->rect.width < whole->width || spec->rect.height < whole->height,
                      .gutter = canvas->gutter,
                      .good = canvas->n_tiles <= GOOD_SCALING_TILES_MAX,
                      .age_s = tile->age_s,
                      .picture = picture };
    painter_tile(canvas->painter, whole, &look);
    source_picture_unref(picture);
}

static gboolean needs_drawing(const CanvasTile *tile, gboolean aside, gint64 now_us) {
    if (is_held(tile, now_us)) return FALSE;
    /* Aside, each tile is drawn once: newer pictures have time until the whole is there. */
    if (tile->dirty || aside) return tile->dirty;
    if (tile->source == NULL) return FALSE;
    if (source_serial(tile->source) != tile->serial) return TRUE;
    SourcePicture *picture = source_latest(tile->source);
    gboolean older = picture != NULL && age_shown(picture, now_us) != tile->age_s;
    source_picture_unref(picture);
    return older;
}

/* Whether what is drawn aside can take the place of what is given away. */
static gboolean is_whole(const Canvas *canvas, gint64 now_us) {
    if (now_us - canvas->coming_since_us > COMING_US_MAX) return TRUE;
    for (guint i = 0; i < canvas->n_tiles; i++)
        if (canvas->tiles[i].dirty) return FALSE;
    return TRUE;
}

static gboolean draw_tiles(Canvas *canvas, gint64 now_us) {
    gboolean changed = FALSE, aside = canvas->coming.width != 0;
    gint64 start_us = g_get_monotonic_time();
    for (guint i = 0; i < canvas->n_tiles; i++) {
        CanvasTile *tile = &canvas->tiles[(canvas->next + i) % canvas->n_tiles];
        if (!needs_drawing(tile, aside, now_us)) continue;
        draw_tile(canvas, tile, now_us);
        changed = TRUE;
        /* Two hundred plates at once take a while: better some next time than a late picture for all. */
        if (g_get_monotonic_time() - start_us > DRAW_US_MAX) {
            canvas->next = (canvas->next + i + 1) % canvas->n_tiles;
            break;
        }
    }
    return changed;
}

gboolean canvas_tick(Canvas *canvas, gint64 now_us) {
    if (canvas->picture.width == 0 && canvas->coming.width == 0) return FALSE;
    if (canvas->generation != source_table_generation(canvas->parts.sources)) resolve(canvas);
    gboolean changed = FALSE;
    if (canvas->title_dirty) painter_title(canvas->painter, &canvas->coming, canvas->title);
    canvas->title_dirty = FALSE;
    if (canvas->coming.width == 0) {
        changed = draw_tiles(canvas, now_us);
    } else {
        draw_tiles(canvas, now_us);
        if (is_whole(canvas, now_us)) {
            picture_clear(&canvas->picture);
            canvas->picture = canvas->coming;
            canvas->coming = (Picture){ 0 };
            changed = TRUE;
        }
    }
    count(&canvas->parts.counters->n_composed, changed ? 1 : 0);
    return changed;
}

const Picture *canvas_picture(const Canvas *canvas) { return &canvas->picture; }

gint64 canvas_path_delay_us(const Canvas *canvas, gint64 now_us) {
    const CanvasTile *largest = NULL;
    for (guint i = 0; i < canvas->n_tiles; i++) {
        const CanvasTile *tile = &canvas->tiles[i];
        if (tile->source != NULL && (largest == NULL || tile->spec.rect.height > largest->spec.rect.height))
            largest = tile;
    }
    SourcePicture *picture = largest != NULL ? source_latest(largest->source) : NULL;
    gint64 delay_us = picture != NULL ? now_us - picture->capture_us : 0;
    source_picture_unref(picture);
    return CLAMP(delay_us, 0, G_USEC_PER_SEC);
}
