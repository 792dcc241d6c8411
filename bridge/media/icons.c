/* icons.c -- see icons.h. Coordinates are in a square of 24 x 24, scaled to the side that was asked for. */
#include "bridge/media/icons.h"

#include "bridge/media/palette.h"

void icon_set_colour(cairo_t *cairo, guint32 rgb, double alpha) {
    cairo_set_source_rgba(cairo, ((rgb >> 16) & 0xff) / 255.0, ((rgb >> 8) & 0xff) / 255.0,
                          (rgb & 0xff) / 255.0, alpha);
}

void icon_rounded(cairo_t *cairo, double x, double y, double width, double height, double radius) {
    double r = MIN(radius, MIN(width, height) / 2);
    cairo_new_sub_path(cairo);
    cairo_arc(cairo, x + width - r, y + r, r, -G_PI_2, 0);
    cairo_arc(cairo, x + width - r, y + height - r, r, 0, G_PI_2);
    cairo_arc(cairo, x + r, y + height - r, r, G_PI_2, G_PI);
    cairo_arc(cairo, x + r, y + r, r, G_PI, 3 * G_PI_2);
    cairo_close_path(cairo);
}

static void begin(cairo_t *cairo, double x, double y, double side) {
    cairo_save(cairo);
    cairo_translate(cairo, x, y);
    cairo_scale(cairo, side / 24, side / 24);
    cairo_set_line_cap(cairo, CAIRO_LINE_CAP_ROUND);
    cairo_set_line_join(cairo, CAIRO_LINE_JOIN_ROUND);
}

static void line(cairo_t *cairo, double x1, double y1, double x2, double y2) {
    cairo_move_to(cairo, x1, y1);
    cairo_line_to(cairo, x2, y2);
    cairo_stroke(cairo);
}

/* A stroke across, with a little of the ground beside it so that it reads as "struck out". */
static void strike(cairo_t *cairo, guint32 rgb, guint32 ground_rgb, double x1, double y1, double x2,
                   double y2) {
    icon_set_colour(cairo, ground_rgb, 1);
    cairo_set_line_width(cairo, 5.4);
    line(cairo, x1, y1, x2, y2);
    icon_set_colour(cairo, rgb, 1);
    cairo_set_line_width(cairo, 2.2);
    line(cairo, x1, y1, x2, y2);
}

static void microphone(cairo_t *cairo) {
    icon_rounded(cairo, 9.2, 4.6, 5.6, 9.4, 2.8);
    cairo_fill(cairo);
    cairo_set_line_width(cairo, 1.9);
    cairo_new_sub_path(cairo);
    cairo_arc(cairo, 12, 11.6, 5.2, 0.1, G_PI - 0.1);
    cairo_stroke(cairo);
    line(cairo, 12, 17, 12, 19.4);
}

void icon_microphone_off(cairo_t *cairo, double x, double y, double side) {
    begin(cairo, x, y, side);
    icon_set_colour(cairo, COLOUR_MICROPHONE_OFF, 1);
    cairo_arc(cairo, 12, 12, 12, 0, 2 * G_PI);
    cairo_fill(cairo);
    icon_set_colour(cairo, 0xffffff, 1);
    microphone(cairo);
    strike(cairo, 0xffffff, COLOUR_MICROPHONE_OFF, 5.8, 5.2, 18.2, 18.8);
    cairo_restore(cairo);
}

void icon_microphone_off_quiet(cairo_t *cairo, double x, double y, double side) {
    begin(cairo, x, y, side);
    cairo_translate(cairo, 12, 12);
    cairo_scale(cairo, 1.25, 1.25);
    cairo_translate(cairo, -12, -12);
    icon_set_colour(cairo, COLOUR_TEXT_QUIET, 1);
    microphone(cairo);
    strike(cairo, COLOUR_MICROPHONE_OFF, COLOUR_PILL, 5.2, 4.6, 18.8, 19.4);
    cairo_restore(cairo);
}

void icon_hand(cairo_t *cairo, double x, double y, double side) {
    static const struct {
        double x1, y1, x2, y2;
    } fingers[] = {
        { 9.0, 12.5, 8.4, 6.9 }, { 11.4, 12, 11.3, 5.2 }, { 13.8, 12, 14.1, 5.9 }, { 16.1, 12.8, 16.8, 8.1 }
    };
    begin(cairo, x, y, side);
    icon_set_colour(cairo, COLOUR_HAND, 1);
    cairo_arc(cairo, 12, 12, 12, 0, 2 * G_PI);
    cairo_fill(cairo);
    icon_set_colour(cairo, 0x1b1503, 1);
    cairo_set_line_width(cairo, 2.0);
    for (guint i = 0; i < G_N_ELEMENTS(fingers); i++)
        line(cairo, fingers[i].x1, fingers[i].y1, fingers[i].x2, fingers[i].y2);
    cairo_move_to(cairo, 8.0, 11.4); /* palm */
    cairo_curve_to(cairo, 8.0, 17.6, 9.6, 19.3, 12.4, 19.3);
    cairo_curve_to(cairo, 15.6, 19.3, 17.1, 16.8, 17.1, 11.8);
    cairo_close_path(cairo);
    cairo_fill(cairo);
    cairo_set_line_width(cairo, 2.2);
    cairo_move_to(cairo, 9.6, 17.4); /* thumb */
    cairo_curve_to(cairo, 7.6, 15.6, 6.8, 14.4, 6.0, 12.9);
    cairo_stroke(cairo);
    cairo_restore(cairo);
}

void icon_camera_off(cairo_t *cairo, double x, double y, double side, guint32 rgb, guint32 ground_rgb) {
    begin(cairo, x, y, side);
    icon_set_colour(cairo, rgb, 1);
    icon_rounded(cairo, 2.5, 6.5, 13, 11, 2.4);
    cairo_fill(cairo);
    cairo_move_to(cairo, 16.8, 11);
    cairo_line_to(cairo, 21.5, 7.8);
    cairo_line_to(cairo, 21.5, 16.2);
    cairo_line_to(cairo, 16.8, 13);
    cairo_close_path(cairo);
    cairo_fill(cairo);
    strike(cairo, rgb, ground_rgb, 4, 4, 20, 20);
    cairo_restore(cairo);
}

void icon_line_lost(cairo_t *cairo, double x, double y, double side, guint32 rgb, guint32 ground_rgb) {
    begin(cairo, x, y, side);
    icon_set_colour(cairo, rgb, 1);
    cairo_set_line_width(cairo, 2.2);
    for (guint i = 0; i < 3; i++) { /* waves of a transmitter */
        cairo_new_sub_path(cairo);
        cairo_arc(cairo, 12, 18, 4.6 + 4.2 * i, -G_PI_2 - 0.8, -G_PI_2 + 0.8);
        cairo_stroke(cairo);
    }
    cairo_arc(cairo, 12, 18, 1.7, 0, 2 * G_PI);
    cairo_fill(cairo);
    strike(cairo, rgb, ground_rgb, 4.5, 4.5, 19.5, 19.5);
    cairo_restore(cairo);
}
