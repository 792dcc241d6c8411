/* label.h -- writing and small drawings for the canvas: names, badges, plates. Rendered once into Sprites and blended later.
 * Any thread: one drawing at a time (fontconfig and pango are shared). Sizes follow the height of the tile, so that a name can
 * be read at 128x72 and is not shy at 720p. */
#pragma once

#include "bridge/media/picture.h"

typedef struct Labels Labels;

/* font: a family, NULL for "Open Sans"; fontconfig finds a substitute when it is missing. */
Labels *labels_new(const char *font);
void labels_free(Labels *labels); /* NULL is fine */

/* Tiles lower than this have the name alone at their foot, as wide as it can be; the microphone stands above. */
enum { LABEL_SMALL_HEIGHT = 120 };

/* Space between a tile's edge and what is written on it, even. */
guint label_margin(guint tile_height);

/* Name at the lower left, with a struck-out microphone when it is off. text "" and a microphone that is on: NULL. */
Sprite *label_name(Labels *labels, guint tile_width, guint tile_height, const char *text,
                   gboolean microphone_off);
/* A raised hand, for the upper right. */
Sprite *label_hand(Labels *labels, guint tile_height);
/* A few quiet words, for the upper left. */
Sprite *label_note(Labels *labels, guint tile_width, guint tile_height, const char *text);

typedef enum { PLATE_NO_CAMERA = 1, PLATE_WAITING, PLATE_OFFLINE, PLATE_ABSENT, PLATE_EMPTY } PlateKind;
/* A whole tile that stands for a picture: the name large, a line of words below. Opaque. */
Sprite *label_plate(Labels *labels, guint width, guint height, PlateKind kind, const char *name,
                    const char *line);
/* The whole canvas while nobody is shown. Opaque. */
Sprite *label_title(Labels *labels, guint width, guint height, const char *title);

/* A corner of a tile: outside the curve the ground, inside it a border of `border` pixels (0: none). quarter: 0 upper left, then
 * clockwise. side: even, at least radius. */
Sprite *label_corner(Labels *labels, guint quarter, guint side, guint radius, guint border);
