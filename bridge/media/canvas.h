/* canvas.h -- one composed picture, kept between ticks: only a tile with a new frame or a new look is touched.
 * One thread: the view's. Where tiles are and what is written on them comes with the scene; pictures come from the sources. */
#pragma once

#include "bridge/media/painter.h"

typedef struct Canvas Canvas;

enum { CANVAS_OLD_PICTURE_S = 5, CANVAS_WIDTH_MAX = 3840, CANVAS_HEIGHT_MAX = 2160 };

typedef struct {
    SourceTable *sources;
    Labels *labels;
    GTimeZone *zone;
    gboolean vietnamese;
    StudioCounters *counters;
} CanvasParts;

Canvas *canvas_new(const CanvasParts *parts); /* parts outlive the canvas */
void canvas_free(Canvas *canvas);             /* NULL is fine */

/* Takes the scene. Tiles that stand outside the canvas are left out. What did not change is not drawn again. */
void canvas_take_scene(Canvas *canvas, ViewScene *scene);
void canvas_set_speaking(Canvas *canvas, const guint32 *sources, guint n_sources);

/* Draws what is new. TRUE: the picture changed. */
gboolean canvas_tick(Canvas *canvas, gint64 now_us);
const Picture *canvas_picture(const Canvas *canvas); /* width 0 before the first scene */
/* How long before now the picture in the largest live tile was taken; 0 when there is none. */
gint64 canvas_path_delay_us(const Canvas *canvas, gint64 now_us);
