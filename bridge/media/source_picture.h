/* source_picture.h -- one decoded picture of a camera, immutable and counted, and how it comes into a tile. Any thread. */
#pragma once

#include "bridge/media/picture.h"
#include "bridge/media/studio_counters.h"

#include <gst/video/video.h>

typedef struct {
    gint n_refs; /* atomic */
    GstBuffer *buffer;
    GstVideoInfo info;
    guint8 rotation;
    gint64 arrival_us, capture_us;
    /* Two tiles show it at this size: whoever draws first keeps the drawing for the others. 0: no two do. */
    guint shared_width, shared_height;
    GMutex lock;
    Picture shared; /* under the lock; width 0: not drawn yet */
    StudioCounters *counters;
} SourcePicture;

SourcePicture *source_picture_ref(SourcePicture *picture);
void source_picture_unref(SourcePicture *picture); /* NULL is fine */
/* Draws the picture into `to`; see picture_fit. FALSE: its memory could not be read. */
gboolean source_picture_draw(SourcePicture *picture, const Picture *to, Yuv ground, gboolean good);
