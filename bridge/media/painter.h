/* painter.h -- draws one tile of a canvas: picture or plate, name, badges, border. Keeps what is drawn again and again (names,
 * corners) as sprites. One thread: the canvas's. */
#pragma once

#include "bridge/media/label.h"
#include "bridge/media/source.h"

typedef struct Painter Painter;

typedef struct {
    Rect rect;
    const char *label;
    TileState state;
    gint64 offline_since_s;
    gboolean microphone_off, hand, speaking;
    gboolean empty;         /* nobody's place */
    gboolean framed;        /* rounded corners and borders: all but a tile that is the whole canvas */
    gboolean gutter;        /* a thin dark line around: tiles that touch each other */
    gboolean good;          /* worth a better scaling filter */
    guint age_s;            /* of the picture; 0: fresh */
    SourcePicture *picture; /* or NULL; borrowed */
} TileLook;

/* zone: borrowed. */
Painter *painter_new(Labels *labels, GTimeZone *zone, gboolean vietnamese);
void painter_free(Painter *painter); /* NULL is fine */

void painter_tile(Painter *painter, const Picture *canvas, const TileLook *look);
void painter_title(Painter *painter, const Picture *canvas, const char *title);
/* Forgets the sprites that were not used since the last sweep. */
void painter_sweep(Painter *painter);
