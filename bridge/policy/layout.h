/* layout.h -- pure: a layout's name and what it shows -> rectangles. No state, no clock. */
#pragma once

#include <glib.h>

typedef struct {
    guint16 x, y, width, height; /* pixels, all even */
} Rect;

typedef enum {
    LAYOUT_FULL = 1, /* one */
    LAYOUT_1_1,      /* chair and speaker side by side */
    LAYOUT_1_5,
    LAYOUT_1_7,
    LAYOUT_1_12,
    LAYOUT_1_20,
    LAYOUT_GRID,         /* smallest n x n that holds all, 2x2 to 7x7 */
    LAYOUT_LECTURE,      /* speaker large, chair small, strip of others */
    LAYOUT_PRESENTATION, /* the presented picture large, a strip of others beside it, then below it */
    LAYOUT_WALL,         /* any n <= 256 */
    LAYOUT_GRID_2,       /* 2x2: places stay where they are, however many are taken; up to LAYOUT_GRID_7 */
    LAYOUT_GRID_7 = LAYOUT_GRID_2 + 5,
} Layout;

/* "full" "1+1" "1+5" "1+7" "1+12" "1+20" "grid" "lecture" "presentation" "wall" "2x2" to "7x7"; 0 when unknown. */
Layout layout_from_word(const char *word);
const char *layout_word(Layout layout);

/* The tightest layout of the same kind for so many tiles: three rooms in "1+20" stand as in "1+5", two as in "1+1". */
Layout layout_tightened(Layout layout, guint n_tiles);

/* Whether its first place is larger than the others: it belongs to who speaks. */
gboolean layout_leads(Layout layout);
/* Side of a grid with fixed places, 0 for all others. layout_sized_grid: the grid of that side, 2 to 7. */
guint layout_grid_side(Layout layout);
Layout layout_sized_grid(guint side);

/* How many tiles the layout can show (n_wanted bounds the flexible ones). */
guint layout_capacity(Layout layout, guint n_wanted);

/* Rectangles for n_tiles in a canvas of width x height, best place first; gaps even; returns how many were placed
 * (at most rects_max). Tiles are 16:9 as near as the canvas allows, never overlap, never leave it. */
guint layout_place(Layout layout, guint n_tiles, guint width, guint height, Rect *ret_rects, guint rects_max);
