/* icons.h -- three small pictures drawn as paths: no font has to carry them. Each fills a square of `side` at (x, y). */
#pragma once

#include <cairo.h>
#include <glib.h>

void icon_set_colour(cairo_t *cairo, guint32 rgb, double alpha);
void icon_rounded(cairo_t *cairo, double x, double y, double width, double height,
                  double radius); /* path only */
void icon_microphone_off(cairo_t *cairo, double x, double y, double side);
/* Without the red disc: on a wall nearly everybody is mute, and that must not shout. */
void icon_microphone_off_quiet(cairo_t *cairo, double x, double y, double side);
void icon_hand(cairo_t *cairo, double x, double y, double side);
void icon_camera_off(cairo_t *cairo, double x, double y, double side, guint32 rgb, guint32 ground_rgb);
void icon_line_lost(cairo_t *cairo, double x, double y, double side, guint32 rgb, guint32 ground_rgb);
