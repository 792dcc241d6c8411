/* painter.c -- see painter.h. */
#include "bridge/media/painter.h"

#include "bridge/media/palette.h"

struct Painter {
    Labels *labels;
    GTimeZone *zone;
    gboolean vietnamese;
    GHashTable *sprites, *sprites_before; /* text key -> Sprite; used since the last sweep, and before it */
    Yuv bars, ground, speaking;
};

static GHashTable *sprite_table(void) {
    return g_hash_table_new_full(g_str_hash, g_str_equal, g_free, (GDestroyNotify)sprite_unref);
}

Painter *painter_new(Labels *labels, GTimeZone *zone, gboolean vietnamese) {
    Painter *painter = g_new0(Painter, 1);
    painter->labels = labels;
    painter->zone = zone;
    painter->vietnamese = vietnamese;
    painter->sprites = sprite_table();
    painter->sprites_before = sprite_table();
    painter->bars = yuv_of_rgb(COLOUR_BARS);
    painter->ground = yuv_of_rgb(COLOUR_GROUND);
    painter->speaking = yuv_of_rgb(COLOUR_SPEAKING);
    return painter;
}

void painter_free(Painter *painter) {
    if (painter == NULL) return;
    g_hash_table_unref(painter->sprites);
    g_hash_table_unref(painter->sprites_before);
    g_free(painter);
}

void painter_sweep(Painter *painter) {
    g_hash_table_unref(painter->sprites_before);
    painter->sprites_before = painter->sprites;
    painter->sprites = sprite_table();
}

/* Borrowed, or NULL: not drawn yet. */
static Sprite *sprite_known(Painter *painter, const char *key) {
    Sprite *sprite = g_hash_table_lookup(painter->sprites, key);
    if (sprite != NULL) return sprite;
    sprite = g_hash_table_lookup(painter->sprites_before, key);
    if (sprite != NULL) g_hash_table_insert(painter->sprites, g_strdup(key), sprite_ref(sprite));
    return sprite;
}

static Sprite *sprite_keep(Painter *painter, const char *key, Sprite *sprite) {
    if (sprite != NULL) g_hash_table_insert(painter->sprites, g_strdup(key), sprite);
    return sprite;
}

/* ---- words ---- */

static char *offline_words(const Painter *painter, gint64 since_s) {
    const char *away = painter->vietnamese ? "Mất kết nối" : "Offline",
               *from = painter->vietnamese ? "từ" : "since";
    g_autoptr(GDateTime) utc = g_date_time_new_from_unix_utc(since_s);
    g_autoptr(GDateTime) then = utc != NULL ? g_date_time_to_timezone(utc, painter->zone) : NULL;
    g_autoptr(GDateTime) now = g_date_time_new_now(painter->zone);
    if (then == NULL || now == NULL) return g_strdup(away);
    gboolean today = g_date_time_get_year(then) == g_date_time_get_year(now) &&
                     g_date_time_get_day_of_year(then) == g_date_time_get_day_of_year(now);
    g_autofree char *clock = g_date_time_format(then, today ? "%H:%M" : "%H:%M %d/%m");
    return g_strdup_printf("%s %s %s", away, from, clock);
}

static const char *plate_words(const Painter *painter, PlateKind kind) {
    if (kind == PLATE_NO_CAMERA) return painter->vietnamese ? "Không có hình" : "No camera";
    if (kind == PLATE_ABSENT) return painter->vietnamese ? "Vắng" : "Absent";
    if (kind == PLATE_WAITING) return painter->vietnamese ? "Đang chờ hình…" : "Waiting for the picture…";
    return "";
}

static char *age_words(const Painter *painter, guint age_s, gboolean roomy) {
    guint value = age_s < 60 ? age_s : age_s / 60;
    const char *unit = painter->vietnamese ? (age_s < 60 ? "giây" : "phút") : (age_s < 60 ? "s" : "min");
    if (!roomy) return g_strdup_printf("%u %s", value, unit);
    if (painter->vietnamese) return g_strdup_printf("Hình cách đây %u %s", value, unit);
    return g_strdup_printf("Picture is %u %s old", value, unit);
}

/* ---- parts of a tile ---- */

enum { ROOMY_HEIGHT = 160, KEPT_PLATE_HEIGHT_MAX = 120, SPRITES_MAX = 2000 };

/* Where something must begin to stand at the foot of a tile. */
static guint foot_of(const Picture *tile, const Sprite *sprite) {
    guint from_foot = sprite->colour.height + label_margin(tile->height);
    return tile->height > from_foot ? (tile->height - from_foot) & ~1u : 0;
}

static Sprite *name_sprite(Painter *painter, const Picture *tile, const char *text, gboolean microphone_off) {
    g_autofree char *key =
        g_strdup_printf("n%ux%u%c%s", tile->width, tile->height, microphone_off ? '-' : '+', text);
    Sprite *name = sprite_known(painter, key);
    if (name != NULL) return name;
    return sprite_keep(painter, key,
                       label_name(painter->labels, tile->width, tile->height, text, microphone_off));
}

/* Name and microphone at the foot of the tile; in a small one the microphone stands alone at the head, and the width is the
 * name's. Returns how much of the head's left is taken. */
static guint draw_name(Painter *painter, const Picture *tile, const TileLook *look, const char *text) {
    gboolean small = tile->height < LABEL_SMALL_HEIGHT;
    Sprite *name = name_sprite(painter, tile, text, look->microphone_off && !small);
    guint margin = label_margin(tile->height);
    if (name != NULL) sprite_blend(name, tile, margin, foot_of(tile, name));
    if (!small || !look->microphone_off) return 0;
    Sprite *microphone = name_sprite(painter, tile, "", TRUE);
    /* A plate has its words in the middle and room at its foot. */
    sprite_blend(microphone, tile, margin, *text != '\0' ? margin : foot_of(tile, microphone));
    return microphone->colour.width + margin;
}

static void draw_hand(Painter *painter, const Picture *tile, gboolean at_foot) {
    g_autofree char *key = g_strdup_printf("h%u", tile->height);
    Sprite *hand = sprite_known(painter, key);
    if (hand == NULL) hand = sprite_keep(painter, key, label_hand(painter->labels, tile->height));
    guint margin = label_margin(tile->height);
    if (tile->width > hand->colour.width + margin)
        sprite_blend(hand, tile, (tile->width - hand->colour.width - margin) & ~1u,
                     at_foot ? foot_of(tile, hand) : margin);
}

static void draw_age(Painter *painter, const Picture *tile, guint age_s, guint left) {
    g_autofree char *words = age_words(painter, age_s, tile->height >= ROOMY_HEIGHT);
    g_autofree char *key = g_strdup_printf("a%ux%u%s", tile->width, tile->height, words);
    Sprite *note = sprite_known(painter, key);
    if (note == NULL)
        note = sprite_keep(painter, key, label_note(painter->labels, tile->width, tile->height, words));
    guint margin = label_margin(tile->height);
    sprite_blend(note, tile, left + margin, margin);
}

static PlateKind plate_kind(const TileLook *look) {
    if (look->empty) return PLATE_EMPTY;
    if (look->state == TILE_NO_CAMERA) return PLATE_NO_CAMERA;
    if (look->state == TILE_OFFLINE) return look->offline_since_s > 0 ? PLATE_OFFLINE : PLATE_ABSENT;
    return PLATE_WAITING;
}

static void draw_plate(Painter *painter, const Picture *tile, const TileLook *look) {
    PlateKind kind = plate_kind(look);
    g_autofree char *words = kind == PLATE_OFFLINE ? offline_words(painter, look->offline_since_s)
                                                   : g_strdup(plate_words(painter, kind));
    Sprite *plate = label_plate(painter->labels, tile->width, tile->height, kind, look->label, words);
    sprite_blend(plate, tile, 0, 0);
    sprite_unref(plate);
}

static guint border_of(guint tile_height) { return tile_height < 60 ? 2 : tile_height < 320 ? 4 : 6; }

static guint radius_of(guint tile_height) { return CLAMP(tile_height * 3 / 100 + 2, 4, 12); }

static void draw_border(const Painter *painter, const Picture *tile, guint border) {
    guint16 wide = (guint16)tile->width, high = (guint16)tile->height, b = (guint16)border;
    const Rect sides[] = { { 0, 0, wide, b },
                           { 0, (guint16)(high - b), wide, b },
                           { 0, b, b, (guint16)(high - 2 * b) },
                           { (guint16)(wide - b), b, b, (guint16)(high - 2 * b) } };
    for (guint i = 0; i < G_N_ELEMENTS(sides); i++) picture_fill_rect(tile, sides[i], painter->speaking);
}

/* One luma pixel at every side: with the neighbour's, a line of two. */
static void draw_gutter(const Painter *painter, const Picture *tile) {
    guint8 *luma = tile->planes[0];
    gsize stride = (gsize)tile->strides[0];
    for (guint x = 0; x < tile->width; x++)
        luma[x] = luma[(tile->height - 1) * stride + x] = painter->ground.y;
    for (guint y = 0; y < tile->height; y++)
        luma[y * stride] = luma[y * stride + tile->width - 1] = painter->ground.y;
}

static void draw_corners(Painter *painter, const Picture *tile, guint border) {
    guint radius = radius_of(tile->height), side = (MAX(radius, border) + 1) & ~1u;
    if (tile->width < 2 * side || tile->height < 2 * side) return;
    for (guint quarter = 0; quarter < 4; quarter++) {
        g_autofree char *key = g_strdup_printf("c%u.%u.%u", quarter, radius, border);
        Sprite *corner = sprite_known(painter, key);
        if (corner == NULL)
            corner = sprite_keep(painter, key, label_corner(painter->labels, quarter, side, radius, border));
        gboolean right = quarter == 1 || quarter == 2, low = quarter >= 2;
        sprite_blend(corner, tile, right ? tile->width - side : 0, low ? tile->height - side : 0);
    }
}

void painter_tile(Painter *painter, const Picture *canvas, const TileLook *look) {
    /* Ages and times make new words all the time. */
    if (g_hash_table_size(painter->sprites) > SPRITES_MAX) painter_sweep(painter);
    Picture tile = picture_part(canvas, look->rect);
    gboolean live = look->state == TILE_LIVE && look->picture != NULL && !look->empty &&
                    source_picture_draw(look->picture, &tile, painter->bars, look->good);
    if (!live) draw_plate(painter, &tile, look);
    guint left = 0;
    if (!look->empty && look->state != TILE_OFFLINE)
        left = draw_name(painter, &tile, look, live ? look->label : "");
    gboolean small = tile.height < LABEL_SMALL_HEIGHT;
    if (look->hand && !look->empty && !(small && look->state == TILE_OFFLINE))
        draw_hand(painter, &tile, small && !live);
    if (live && look->age_s > 0) draw_age(painter, &tile, look->age_s, left);
    guint border = look->speaking ? border_of(tile.height) : 0;
    if (look->gutter) draw_gutter(painter, &tile);
    if (!look->framed || tile.width < 4 * border_of(tile.height)) return;
    if (border > 0) draw_border(painter, &tile, border);
    draw_corners(painter, &tile, border);
}

void painter_title(Painter *painter, const Picture *canvas, const char *title) {
    Sprite *card = label_title(painter->labels, canvas->width, canvas->height, title);
    sprite_blend(card, canvas, 0, 0);
    sprite_unref(card);
}
