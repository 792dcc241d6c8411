/* label.c -- see label.h. */
#include "bridge/media/label.h"

#include "bridge/media/icons.h"
#include "bridge/media/palette.h"

#include <pango/pangocairo.h>

struct Labels {
    GMutex lock; /* pango contexts are for one thread at a time */
    PangoFontMap *map;
    PangoContext *context;
    char *font, *narrow_font; /* narrow: for names that do not fit */
};

Labels *labels_new(const char *font) {
    Labels *labels = g_new0(Labels, 1);
    g_mutex_init(&labels->lock);
    labels->map = pango_cairo_font_map_new();
    labels->context = pango_font_map_create_context(labels->map);
    labels->font = g_strdup(font != NULL && *font != '\0' ? font : "Open Sans");
    labels->narrow_font = g_strdup_printf("%s Condensed, %s", labels->font, labels->font);
    /* Names are Vietnamese whatever the locale of the server is. */
    pango_context_set_language(labels->context, pango_language_from_string("vi"));
    return labels;
}

void labels_free(Labels *labels) {
    if (labels == NULL) return;
    g_object_unref(labels->context);
    g_object_unref(labels->map);
    g_mutex_clear(&labels->lock);
    g_free(labels->font);
    g_free(labels->narrow_font);
    g_free(labels);
}

static guint even_up(double pixels) { return ((guint)(pixels + 0.999) + 1) & ~1u; }

static guint even_down(double pixels) { return (guint)pixels & ~1u; }

guint label_margin(guint tile_height) { return tile_height < 60 ? 2 : MAX(4, even_down(tile_height * 0.03)); }

/* 12 px at 72, 18 at 180, 26 at 360, 36 from 720 on. */
static double font_pixels(guint tile_height) {
    return MIN(9.6 + tile_height * 0.0405, 22 + tile_height * 0.0195);
}

/* Below this size badges are drawn without discs and with less air. */
enum { QUIET_PIXELS = 15 };

typedef struct {
    cairo_surface_t *surface;
    cairo_t *cairo;
    guint width, height;
} Paper;

static Paper paper_new(guint width, guint height) {
    Paper paper = { .width = width, .height = height };
    paper.surface = cairo_image_surface_create(CAIRO_FORMAT_ARGB32, (int)width, (int)height);
    paper.cairo = cairo_create(paper.surface);
    return paper;
}

static Sprite *paper_to_sprite(Paper *paper) {
    cairo_destroy(paper->cairo);
    cairo_surface_flush(paper->surface);
    Sprite *sprite =
        sprite_new_from_argb(cairo_image_surface_get_data(paper->surface),
                             cairo_image_surface_get_stride(paper->surface), paper->width, paper->height);
    cairo_surface_destroy(paper->surface);
    return sprite;
}

static void set_font(const Labels *labels, PangoLayout *layout, double pixels, PangoWeight weight,
                     gboolean narrow) {
    PangoFontDescription *font = pango_font_description_new();
    pango_font_description_set_family(font, narrow ? labels->narrow_font : labels->font);
    pango_font_description_set_absolute_size(font, pixels * PANGO_SCALE);
    pango_font_description_set_weight(font, narrow ? PANGO_WEIGHT_BOLD : weight);
    pango_layout_set_font_description(layout, font);
    pango_font_description_free(font);
}

/* Lock held. At most lines_max lines of width_max pixels. What is too long is set narrower, then a little smaller, and only
 * then cut with an ellipsis: a place should be known by its whole name. (transfer full) */
static PangoLayout *text_layout(Labels *labels, const char *text, double pixels, PangoWeight weight,
                                double width_max, guint lines_max) {
    static const double sizes[] = { 1, 1, 0.9 };
    PangoLayout *layout = pango_layout_new(labels->context);
    g_autofree char *valid = g_utf8_make_valid(text, -1);
    pango_layout_set_text(layout, valid, -1);
    pango_layout_set_single_paragraph_mode(layout, TRUE);
    pango_layout_set_width(layout, (int)(MAX(width_max, 1) * PANGO_SCALE));
    pango_layout_set_height(layout, -(int)lines_max);
    pango_layout_set_wrap(layout, PANGO_WRAP_WORD_CHAR);
    pango_layout_set_ellipsize(layout, PANGO_ELLIPSIZE_END);
    for (guint i = 0; i < G_N_ELEMENTS(sizes); i++) {
        set_font(labels, layout, pixels * sizes[i], weight, i > 0);
        if (!pango_layout_is_ellipsized(layout)) break;
    }
    return layout;
}

static void text_size(PangoLayout *layout, double *ret_width, double *ret_height) {
    int width, height;
    pango_layout_get_pixel_size(layout, &width, &height);
    *ret_width = width;
    *ret_height = height;
}

static void draw_text(Paper *paper, PangoLayout *layout, double x, double y, guint32 rgb) {
    icon_set_colour(paper->cairo, rgb, 1);
    cairo_move_to(paper->cairo, x, y);
    pango_cairo_update_layout(paper->cairo, layout);
    pango_cairo_show_layout(paper->cairo, layout);
}

/* A dark rounded plate just large enough for an icon and a text. */
static Sprite *pill(Labels *labels, const char *text, double pixels, double width_max,
                    gboolean microphone_off, guint32 rgb) {
    gboolean quiet = pixels < QUIET_PIXELS;
    double pad = pixels * (quiet ? 0.3 : 0.48), high = pixels * (quiet ? 1.45 : 1.62);
    double icon = microphone_off ? pixels * (quiet ? 1.0 : 1.22) : 0, text_width = 0, text_height = 0;
    double gap = microphone_off && *text != '\0' ? pixels * (quiet ? 0.2 : 0.36) : 0;
    if (microphone_off) pad = MIN(pad, (high - icon) / 2 + 1);
    g_mutex_lock(&labels->lock);
    g_autoptr(PangoLayout) layout = text_layout(labels, text, pixels, PANGO_WEIGHT_SEMIBOLD,
                                                width_max - 2 * pad - icon - gap - pixels * 0.2, 1);
    if (*text != '\0') text_size(layout, &text_width, &text_height);
    double wide = MIN(2 * pad + icon + gap + text_width + (gap > 0 ? pixels * 0.2 : 0), width_max);
    Paper paper = paper_new(MAX(even_down(wide + 1), 2), MAX(even_up(high), 2));
    icon_rounded(paper.cairo, 0, 0, paper.width, paper.height, paper.height * 0.34);
    icon_set_colour(paper.cairo, COLOUR_PILL, 0.7);
    cairo_fill(paper.cairo);
    if (microphone_off)
        (quiet ? icon_microphone_off_quiet : icon_microphone_off)(paper.cairo, pad, (paper.height - icon) / 2,
                                                                  icon);
    if (*text != '\0') draw_text(&paper, layout, pad + icon + gap, (paper.height - text_height) / 2, rgb);
    g_clear_object(&layout);
    g_mutex_unlock(&labels->lock);
    return paper_to_sprite(&paper);
}

Sprite *label_name(Labels *labels, guint tile_width, guint tile_height, const char *text,
                   gboolean microphone_off) {
    if (*text == '\0' && !microphone_off) return NULL;
    double width_max = tile_width - 2.0 * label_margin(tile_height);
    return pill(labels, text, font_pixels(tile_height), width_max, microphone_off, COLOUR_TEXT);
}

Sprite *label_note(Labels *labels, guint tile_width, guint tile_height, const char *text) {
    double width_max = tile_width * 0.7;
    return pill(labels, text, font_pixels(tile_height) * 0.82, width_max, FALSE, COLOUR_NOTE);
}

Sprite *label_hand(Labels *labels, guint tile_height) {
    guint side = even_up(font_pixels(tile_height) * (tile_height < LABEL_SMALL_HEIGHT ? 1.5 : 1.9));
    Paper paper = paper_new(side, side);
    g_mutex_lock(&labels->lock);
    icon_hand(paper.cairo, 0.5, 0.5, side - 1.0);
    g_mutex_unlock(&labels->lock);
    return paper_to_sprite(&paper);
}

static const struct {
    guint32 top, low, name, line;
} plate_colours[] = {
    [PLATE_NO_CAMERA] = { COLOUR_PLATE_TOP, COLOUR_PLATE_LOW, COLOUR_TEXT, COLOUR_TEXT_QUIET },
    [PLATE_WAITING] = { COLOUR_PLATE_TOP, COLOUR_PLATE_LOW, COLOUR_TEXT, COLOUR_TEXT_QUIET },
    [PLATE_OFFLINE] = { COLOUR_AWAY_TOP, COLOUR_AWAY_LOW, COLOUR_NAME_AWAY, COLOUR_TEXT_AWAY },
    [PLATE_ABSENT] = { COLOUR_AWAY_TOP, COLOUR_AWAY_LOW, COLOUR_NAME_AWAY, COLOUR_TEXT_ABSENT },
    [PLATE_EMPTY] = { COLOUR_EMPTY, COLOUR_EMPTY, COLOUR_TEXT_QUIET, COLOUR_TEXT_QUIET },
};

static void fill_plate(Paper *paper, PlateKind kind) {
    cairo_pattern_t *shade = cairo_pattern_create_linear(0, 0, 0, paper->height);
    const guint32 ends[] = { plate_colours[kind].top, plate_colours[kind].low };
    for (guint i = 0; i < G_N_ELEMENTS(ends); i++)
        cairo_pattern_add_color_stop_rgb(shade, i, ((ends[i] >> 16) & 0xff) / 255.0,
                                         ((ends[i] >> 8) & 0xff) / 255.0, (ends[i] & 0xff) / 255.0);
    cairo_set_source(paper->cairo, shade);
    cairo_paint(paper->cairo);
    cairo_pattern_destroy(shade);
}

static void plate_icon(Paper *paper, PlateKind kind, double x, double y, double side) {
    guint32 ground = plate_colours[kind].top, rgb = plate_colours[kind].line;
    if (kind == PLATE_OFFLINE) icon_line_lost(paper->cairo, x, y, side, rgb, ground);
    if (kind == PLATE_NO_CAMERA) icon_camera_off(paper->cairo, x, y, side, rgb, ground);
}

Sprite *label_plate(Labels *labels, guint width, guint height, PlateKind kind, const char *name,
                    const char *line) {
    Paper paper = paper_new(width, height);
    double room = width - 2.0 * label_margin(height) - 2,
           pixels = font_pixels(height) * (height < LABEL_SMALL_HEIGHT ? 1.26 : 1.14);
    gboolean with_icon = height >= LABEL_SMALL_HEIGHT && (kind == PLATE_OFFLINE || kind == PLATE_NO_CAMERA);
    double icon = with_icon ? height * 0.17 : 0;
    double name_width = 0, name_height = 0, line_width = 0, line_height = 0, gap = pixels * 0.22;
    fill_plate(&paper, kind);
    g_mutex_lock(&labels->lock);
    g_autoptr(PangoLayout) name_layout = text_layout(labels, name, pixels, PANGO_WEIGHT_SEMIBOLD, room, 2);
    g_autoptr(PangoLayout) line_layout =
        text_layout(labels, line, MAX(pixels * 0.72, 10), PANGO_WEIGHT_NORMAL, room, 1);
    pango_layout_set_alignment(name_layout, PANGO_ALIGN_CENTER);
    pango_layout_set_alignment(line_layout, PANGO_ALIGN_CENTER);
    if (*name != '\0') text_size(name_layout, &name_width, &name_height);
    if (*line != '\0') text_size(line_layout, &line_width, &line_height);
    double total =
        icon + (icon > 0 ? gap * 1.5 : 0) + name_height + (line_height > 0 ? gap : 0) + line_height;
    double y = (height - total) / 2;
    if (icon > 0) {
        plate_icon(&paper, kind, (width - icon) / 2, y, icon);
        y += icon + gap * 1.5;
    }
    /* The layouts are as wide as the room and centre their lines in it. */
    if (*name != '\0') draw_text(&paper, name_layout, (width - room) / 2, y, plate_colours[kind].name);
    if (*line != '\0')
        draw_text(&paper, line_layout, (width - room) / 2, y + name_height + gap, plate_colours[kind].line);
    g_clear_object(&name_layout);
    g_clear_object(&line_layout);
    g_mutex_unlock(&labels->lock);
    return paper_to_sprite(&paper);
}

Sprite *label_title(Labels *labels, guint width, guint height, const char *title) {
    Paper paper = paper_new(width, height);
    icon_set_colour(paper.cairo, COLOUR_GROUND, 1);
    cairo_paint(paper.cairo);
    g_mutex_lock(&labels->lock);
    double pixels = height * 0.062, room = width * 0.84, wide, high;
    g_autoptr(PangoLayout) layout = text_layout(labels, title, pixels, PANGO_WEIGHT_SEMIBOLD, room, 3);
    pango_layout_set_alignment(layout, PANGO_ALIGN_CENTER);
    pango_layout_set_line_spacing(layout, 1.15f);
    text_size(layout, &wide, &high);
    double y = (height - high) / 2 - height * 0.03;
    draw_text(&paper, layout, (width - room) / 2, y, COLOUR_TEXT);
    if (*title != '\0') {
        double rule = MAX(2, height * 0.005);
        icon_rounded(paper.cairo, width / 2.0 - height * 0.07, y + high + height * 0.045, height * 0.14, rule,
                     rule / 2);
        icon_set_colour(paper.cairo, COLOUR_GOLD, 1);
        cairo_fill(paper.cairo);
    }
    g_clear_object(&layout);
    g_mutex_unlock(&labels->lock);
    return paper_to_sprite(&paper);
}

Sprite *label_corner(Labels *labels, guint quarter, guint side, guint radius, guint border) {
    Paper paper = paper_new(side, side);
    g_mutex_lock(&labels->lock);
    cairo_t *cairo = paper.cairo;
    cairo_translate(cairo, side / 2.0, side / 2.0);
    cairo_rotate(cairo, quarter * G_PI_2);
    cairo_translate(cairo, -(double)side / 2.0, -(double)side / 2.0);
    double far = side * 4.0; /* the tile goes on beyond the sprite */
    if (border > 0) {
        cairo_set_fill_rule(cairo, CAIRO_FILL_RULE_EVEN_ODD);
        icon_rounded(cairo, 0, 0, far, far, radius);
        icon_rounded(cairo, border, border, far, far, MAX((double)radius - border, 1));
        icon_set_colour(cairo, COLOUR_SPEAKING, 1);
        cairo_fill(cairo);
    }
    cairo_set_fill_rule(cairo, CAIRO_FILL_RULE_EVEN_ODD);
    cairo_rectangle(cairo, -1, -1, far, far);
    icon_rounded(cairo, 0, 0, far, far, radius);
    icon_set_colour(cairo, COLOUR_GROUND, 1);
    cairo_fill(cairo);
    g_mutex_unlock(&labels->lock);
    return paper_to_sprite(&paper);
}
