/* frame.h -- one whole encoded frame as it came from an endpoint, counted. Made by a worker, read by the decode pool. */
#pragma once

#include "bridge/media/block.h"

typedef struct {
    gint n_refs; /* atomic */
    Codec codec;
    gboolean keyframe;
    guint16 width, height; /* from the keyframe's own header; 0 when this is no keyframe */
    guint8 temporal_layer; /* 0: base, or a sender without layers; else 1 */
    gboolean referenced;   /* later frames may stand on it */
    guint8 rotation;       /* quarter turns clockwise, from the video-orientation extension */
    guint32 rtp_time;      /* the sender's 90 kHz clock */
    gint64 arrival_us;     /* monotonic, last packet */
    gint64 capture_us;     /* monotonic estimate from the sender's reports; arrival_us when unknown */
    gboolean after_loss;   /* frames before it were lost: do not show until the next keyframe */
    gsize n_bytes;
    guint8 bytes[]; /* VP8 frame, or H.264 access unit in byte-stream format */
} Frame;

Frame *frame_new(Codec codec, gsize n_bytes);
Frame *frame_ref(Frame *frame);
void frame_unref(Frame *frame);
