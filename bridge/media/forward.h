/* forward.h -- a received stream on its way to many: whole frames, not decoded, packed anew into blocks that everybody's
 * downlink carries. And its keyframe gate: however many ask, the sender hears it once a second.
 * Owned by one leg; worker thread. */
#pragma once

#include "bridge/media/frame.h"

typedef struct Forward Forward;

/* bps: what the sender was told to keep to. One that sends four times as much for long, or never a keyframe, is held back: two
 * hundred lines would carry it, and the stores keep it. */
Forward *forward_new(StreamId stream, guint bps);
void forward_free(Forward *forward); /* NULL is fine */
StreamId forward_stream(const Forward *forward);

/* The block of a VP8 frame (one reference, payloads of at most BLOCK_VP8_PAYLOAD_BYTES_MAX), or NULL: nobody could decode it,
 * because frames before it are missing, or the sender floods. Borrows frame. */
Block *forward_frame(Forward *forward, const Frame *frame);

/* Somebody needs a keyframe. Kept until forward_keyframe_due() says TRUE, or a keyframe comes by itself. */
void forward_want_keyframe(Forward *forward);
/* Ask the sender now? At most once a second, and not within a second of a keyframe: the store serves those who come then. */
gboolean forward_keyframe_due(Forward *forward, gint64 now_us);

typedef struct {
    guint64 n_frames, n_keyframes, n_held_back; /* held back: not decodable */
    guint64 n_bytes, n_asked;
    guint16 width, height; /* of the last keyframe */
} ForwardStats;
void forward_read_stats(const Forward *forward, ForwardStats *ret_stats);
