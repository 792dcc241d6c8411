/* picture.h -- I420 pictures and the few strokes a canvas needs. No thread of its own: the caller owns what it draws on.
 * Colours are BT.601 limited range, as WebRTC video is. All positions and sizes on a canvas are even. */
#pragma once

#include "bridge/policy/layout.h"

#include <glib.h>

/* A view on somebody's planes; copying the struct copies no pixel. */
typedef struct {
    guint8 *planes[3]; /* Y, U, V */
    gint strides[3];
    guint width, height;
} Picture;

typedef struct {
    guint8 y, u, v;
} Yuv;

Yuv yuv_of_rgb(guint32 rgb); /* 0xRRGGBB */

/* Owns its memory; width and height even. */
Picture picture_new(guint width, guint height);
void picture_clear(Picture *picture); /* frees what picture_new gave; zero is fine */
gsize picture_bytes(guint width, guint height);
/* The planes laid one after the other in `bytes` of picture_bytes(). */
Picture picture_over(guint8 *bytes, guint width, guint height);

Picture picture_part(const Picture *picture, Rect rect); /* rect inside, even */

void picture_fill(const Picture *picture, Yuv colour);
void picture_fill_rect(const Picture *picture, Rect rect, Yuv colour);
/* Same size: copies. Otherwise scales; good: box filter where it is made much smaller, else bilinear. */
void picture_scale(const Picture *from, const Picture *to, gboolean good);

/* Fills `to` with `from` turned by `quarters` clockwise: a small difference of shape is cropped, a large one leaves bars of
 * colour `ground`. Returns the part of `to` that shows the picture. */
Rect picture_fit(const Picture *from, guint quarters, const Picture *to, Yuv ground, gboolean good);

/* A small drawing with its own alpha, blended over pictures again and again. Immutable and counted. */
typedef struct {
    gint n_refs; /* atomic */
    Picture colour;
    guint8 *alpha; /* width x height */
} Sprite;

/* From cairo's ARGB32 (premultiplied, native order); width and height even. */
Sprite *sprite_new_from_argb(guint8 *argb, gint stride, guint width, guint height);
Sprite *sprite_ref(Sprite *sprite);
void sprite_unref(Sprite *sprite); /* NULL is fine */
/* x, y even; what would stand out at the right or below is cut. */
void sprite_blend(const Sprite *sprite, const Picture *onto, guint x, guint y);
