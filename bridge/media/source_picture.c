/* source_picture.c -- see source_picture.h. */
#include "bridge/media/source_picture.h"

SourcePicture *source_picture_ref(SourcePicture *picture) {
    g_atomic_int_inc(&picture->n_refs);
    return picture;
}

void source_picture_unref(SourcePicture *picture) {
    if (picture == NULL || !g_atomic_int_dec_and_test(&picture->n_refs)) return;
    gst_buffer_unref(picture->buffer);
    picture_clear(&picture->shared);
    g_mutex_clear(&picture->lock);
    g_free(picture);
}

/* Full chroma is rare (H.264 high profiles): it is brought to I420 by scaling the chroma planes alone. */
static void draw_full_chroma(const GstVideoFrame *frame, const SourcePicture *picture, const Picture *to,
                             Yuv ground, gboolean good) {
    Picture whole =
        picture_new((guint)GST_VIDEO_FRAME_WIDTH(frame) & ~1u, (guint)GST_VIDEO_FRAME_HEIGHT(frame) & ~1u);
    for (guint c = 0; c < 3; c++) {
        guint wide = c == 0 ? whole.width : whole.width / 2, high = c == 0 ? whole.height : whole.height / 2;
        guint step_x = (guint)GST_VIDEO_FRAME_COMP_WIDTH(frame, c) / MAX(wide, 1);
        guint step_y = (guint)GST_VIDEO_FRAME_COMP_HEIGHT(frame, c) / MAX(high, 1);
        const guint8 *from = GST_VIDEO_FRAME_COMP_DATA(frame, c);
        for (guint y = 0; y < high; y++)
            for (guint x = 0; x < wide; x++)
                whole.planes[c][y * (guint)whole.strides[c] + x] =
                    from[(gsize)(y * step_y) * (gsize)GST_VIDEO_FRAME_COMP_STRIDE(frame, c) + x * step_x];
    }
    picture_fit(&whole, picture->rotation, to, ground, good);
    picture_clear(&whole);
}

static gboolean draw(const SourcePicture *picture, const Picture *to, Yuv ground, gboolean good) {
    GstVideoFrame frame;
    count(&picture->counters->n_scaled, 1);
    if (!gst_video_frame_map(&frame, &picture->info, picture->buffer,
                             GST_MAP_READ | GST_VIDEO_FRAME_MAP_FLAG_NO_REF))
        return FALSE;
    if (GST_VIDEO_FRAME_FORMAT(&frame) == GST_VIDEO_FORMAT_I420) {
        Picture from = { .width = (guint)GST_VIDEO_FRAME_WIDTH(&frame),
                         .height = (guint)GST_VIDEO_FRAME_HEIGHT(&frame) };
        for (guint c = 0; c < 3; c++) {
            from.planes[c] = GST_VIDEO_FRAME_PLANE_DATA(&frame, c);
            from.strides[c] = GST_VIDEO_FRAME_PLANE_STRIDE(&frame, c);
        }
        picture_fit(&from, picture->rotation, to, ground, good);
    } else {
        draw_full_chroma(&frame, picture, to, ground, good);
    }
    gst_video_frame_unmap(&frame);
    return TRUE;
}

gboolean source_picture_draw(SourcePicture *picture, const Picture *to, Yuv ground, gboolean good) {
    if (to->width != picture->shared_width || to->height != picture->shared_height)
        return draw(picture, to, ground, good);
    g_mutex_lock(
        &picture->lock); /* the other canvas waits for the drawing: that takes as long as making it */
    gboolean there = picture->shared.width != 0;
    if (!there) {
        picture->shared = picture_new(to->width, to->height);
        there = draw(picture, &picture->shared, ground, good);
        if (!there) picture_clear(&picture->shared);
    }
    g_mutex_unlock(&picture->lock);
    if (there) picture_scale(&picture->shared, to, FALSE);
    return there;
}
