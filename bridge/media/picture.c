/* picture.c -- see picture.h. libyuv does the work on pixels. */
#include "bridge/media/picture.h"

#include <libyuv/convert.h>
#include <libyuv/planar_functions.h>
#include <libyuv/rotate.h>
#include <libyuv/scale.h>
#include <string.h>

enum { ALIGN_BYTES = 64, CROP_PERCENT_MAX = 13 };

static guint8 clamp_u8(double value) { return (guint8)CLAMP(value + 0.5, 0, 255); }

Yuv yuv_of_rgb(guint32 rgb) {
    double r = (rgb >> 16) & 0xff, g = (rgb >> 8) & 0xff, b = rgb & 0xff;
    return (Yuv){ clamp_u8(16 + 0.257 * r + 0.504 * g + 0.098 * b),
                  clamp_u8(128 - 0.148 * r - 0.291 * g + 0.439 * b),
                  clamp_u8(128 + 0.439 * r - 0.368 * g - 0.071 * b) };
}

static gsize stride_of(guint width) { return (width + ALIGN_BYTES - 1) / ALIGN_BYTES * ALIGN_BYTES; }

Picture picture_new(guint width, guint height) {
    gsize luma = stride_of(width), chroma = stride_of(width / 2);
    gsize n_bytes = luma * height + 2 * chroma * (height / 2);
    guint8 *bytes = g_aligned_alloc(n_bytes, 1, ALIGN_BYTES);
    Picture picture = { .width = width, .height = height };
    picture.planes[0] = bytes;
    picture.planes[1] = bytes + luma * height;
    picture.planes[2] = picture.planes[1] + chroma * (height / 2);
    picture.strides[0] = (gint)luma;
    picture.strides[1] = picture.strides[2] = (gint)chroma;
    return picture;
}

void picture_clear(Picture *picture) {
    g_aligned_free(picture->planes[0]);
    *picture = (Picture){ 0 };
}

gsize picture_bytes(guint width, guint height) {
    return (gsize)width * height + 2 * (gsize)(width / 2) * (height / 2);
}

Picture picture_over(guint8 *bytes, guint width, guint height) {
    Picture picture = { .width = width, .height = height };
    picture.planes[0] = bytes;
    picture.planes[1] = bytes + (gsize)width * height;
    picture.planes[2] = picture.planes[1] + (gsize)(width / 2) * (height / 2);
    picture.strides[0] = (gint)width;
    picture.strides[1] = picture.strides[2] = (gint)(width / 2);
    return picture;
}

Picture picture_part(const Picture *picture, Rect rect) {
    Picture part = *picture;
    part.planes[0] += (gsize)rect.y * (gsize)picture->strides[0] + rect.x;
    part.planes[1] += (gsize)(rect.y / 2) * (gsize)picture->strides[1] + rect.x / 2;
    part.planes[2] += (gsize)(rect.y / 2) * (gsize)picture->strides[2] + rect.x / 2;
    part.width = rect.width;
    part.height = rect.height;
    return part;
}

void picture_fill(const Picture *p, Yuv colour) {
    I420Rect(p->planes[0], p->strides[0], p->planes[1], p->strides[1], p->planes[2], p->strides[2], 0, 0,
             (int)p->width, (int)p->height, colour.y, colour.u, colour.v);
}

void picture_fill_rect(const Picture *picture, Rect rect, Yuv colour) {
    if (rect.width == 0 || rect.height == 0) return;
    Picture part = picture_part(picture, rect);
    picture_fill(&part, colour);
}

void picture_scale(const Picture *from, const Picture *to, gboolean good) {
    if (from->width == to->width && from->height == to->height) {
        I420Copy(from->planes[0], from->strides[0], from->planes[1], from->strides[1], from->planes[2],
                 from->strides[2], to->planes[0], to->strides[0], to->planes[1], to->strides[1],
                 to->planes[2], to->strides[2], (int)to->width, (int)to->height);
        return;
    }
    enum FilterMode filter = good && from->height > 2 * to->height ? kFilterBox : kFilterBilinear;
    I420Scale(from->planes[0], from->strides[0], from->planes[1], from->strides[1], from->planes[2],
              from->strides[2], (int)from->width, (int)from->height, to->planes[0], to->strides[0],
              to->planes[1], to->strides[1], to->planes[2], to->strides[2], (int)to->width, (int)to->height,
              filter);
}

static guint even(guint pixels) { return pixels & ~1u; }

/* Cuts `whole` (the source) and shrinks `target` so that both have one shape: first by cropping at most CROP_PERCENT_MAX of
 * a side, the rest by bars. However small the source is, it is not cut to nothing. */
static void match_shapes(Rect *source, Rect *target) {
    guint64 sw = source->width, sh = source->height, tw = target->width, th = target->height;
    if (sw * th > sh * tw) { /* the source is wider: cut its sides, then leave bars above and below */
        guint least = (guint)(sw * (100 - CROP_PERCENT_MAX) / 100);
        guint wide = MAX(even(MAX((guint)(sh * tw / th), least)), 2);
        source->x = (guint16)even((source->width - wide) / 2);
        source->width = (guint16)wide;
        guint high = MIN(even((guint)(tw * sh / wide) + 1), (guint)th);
        if (th - high < 4) high = (guint)th;
        target->y = (guint16)even((target->height - high) / 2);
        target->height = (guint16)high;
    } else {
        guint least = (guint)(sh * (100 - CROP_PERCENT_MAX) / 100);
        guint high = MAX(even(MAX((guint)(sw * th / tw), least)), 2);
        source->y = (guint16)even((source->height - high) / 2);
        source->height = (guint16)high;
        guint wide = MIN(even((guint)(th * sw / high) + 1), (guint)tw);
        if (tw - wide < 4) wide = (guint)tw;
        target->x = (guint16)even((target->width - wide) / 2);
        target->width = (guint16)wide;
    }
}

static void scale_turned(const Picture *from, guint quarters, const Picture *to, gboolean good) {
    if (quarters == 0) {
        picture_scale(from, to, good);
        return;
    }
    static const enum RotationMode modes[] = { kRotate0, kRotate90, kRotate180, kRotate270 };
    gboolean across = quarters & 1;
    /* Small first, then turned: turning is the dear part. */
    Picture small = picture_new(across ? to->height : to->width, across ? to->width : to->height);
    picture_scale(from, &small, good);
    I420Rotate(small.planes[0], small.strides[0], small.planes[1], small.strides[1], small.planes[2],
               small.strides[2], to->planes[0], to->strides[0], to->planes[1], to->strides[1], to->planes[2],
               to->strides[2], (int)small.width, (int)small.height, modes[quarters]);
    picture_clear(&small);
}

Rect picture_fit(const Picture *from, guint quarters, const Picture *to, Yuv ground, gboolean good) {
    quarters &= 3;
    gboolean across = quarters & 1;
    Rect source = { 0, 0, (guint16)even(from->width), (guint16)even(from->height) };
    Rect target = { 0, 0, (guint16)to->width, (guint16)to->height };
    if (source.width == 0 || source.height == 0) {
        picture_fill(to, ground);
        return target;
    }
    Rect shape = across ? (Rect){ 0, 0, source.height, source.width } : source;
    match_shapes(&shape, &target);
    source = across ? (Rect){ shape.y, shape.x, shape.height, shape.width } : shape;
    if (target.width < to->width || target.height < to->height) picture_fill(to, ground);
    if (target.width == 0 || target.height == 0 || source.width == 0 || source.height == 0) return target;
    Picture cut = picture_part(from, source), place = picture_part(to, target);
    scale_turned(&cut, quarters, &place, good);
    return target;
}

/* ---- sprites ---- */

Sprite *sprite_new_from_argb(guint8 *argb, gint stride, guint width, guint height) {
    Sprite *sprite = g_new0(Sprite, 1);
    sprite->n_refs = 1;
    sprite->colour = picture_new(width, height);
    sprite->alpha = g_malloc((gsize)width * height);
    Picture *c = &sprite->colour;
    ARGBExtractAlpha(argb, stride, sprite->alpha, (int)width, (int)width, (int)height);
    ARGBUnattenuate(argb, stride, argb, stride, (int)width, (int)height);
    ARGBToI420(argb, stride, c->planes[0], c->strides[0], c->planes[1], c->strides[1], c->planes[2],
               c->strides[2], (int)width, (int)height);
    return sprite;
}

Sprite *sprite_ref(Sprite *sprite) {
    g_atomic_int_inc(&sprite->n_refs);
    return sprite;
}

void sprite_unref(Sprite *sprite) {
    if (sprite == NULL || !g_atomic_int_dec_and_test(&sprite->n_refs)) return;
    picture_clear(&sprite->colour);
    g_free(sprite->alpha);
    g_free(sprite);
}

void sprite_blend(const Sprite *sprite, const Picture *onto, guint x, guint y) {
    if (x >= onto->width || y >= onto->height) return;
    guint width = even(MIN(sprite->colour.width, onto->width - x));
    guint height = even(MIN(sprite->colour.height, onto->height - y));
    const Picture *c = &sprite->colour;
    Picture to = picture_part(onto, (Rect){ (guint16)x, (guint16)y, (guint16)width, (guint16)height });
    if (width == 0 || height == 0) return;
    I420Blend(c->planes[0], c->strides[0], c->planes[1], c->strides[1], c->planes[2], c->strides[2],
              to.planes[0], to.strides[0], to.planes[1], to.strides[1], to.planes[2], to.strides[2],
              sprite->alpha, (int)c->width, to.planes[0], to.strides[0], to.planes[1], to.strides[1],
              to.planes[2], to.strides[2], (int)width, (int)height);
}
