/* block.h -- one encoded frame, packetised once, immutable, counted: what encoders publish and every leg sends.
 * Made by an encoder thread, read by both workers, kept by the resend stores; the last one out frees it. */
#pragma once

#include "bridge/wire/codec.h"

#include <glib.h>

typedef guint32 StreamId; /* one encoder's output: given by the control thread, never reused in a process */

typedef struct {
    guint32 offset, n_bytes; /* VP8: payload without a descriptor; H.264: with the FU-A or STAP header */
} BlockPacket;

typedef struct {
    gint n_refs; /* atomic */
    StreamId stream;
    Codec codec;
    guint64
        frame_index; /* up by one from frame to frame; on from anywhere above when the encoder is another */
    guint64 first_packet;  /* index of packets[0] among all packets of the stream */
    guint32 rtp_time;      /* 48 kHz or 90 kHz, continuous within the stream, random start */
    gint64 capture_us;     /* monotonic time of what is shown or heard */
    gboolean keyframe;     /* audio: TRUE */
    guint8 temporal_layer; /* 0 or 1 */
    gboolean chained;      /* upper layer, and later frames of that layer stand on it (forwarded streams) */
    gboolean kept;         /* of a stream that may rest: stored until its next keyframe, however old */
    guint8 tl0_index;      /* VP8 TL0PICIDX */
    guint16 width, height; /* video */
    guint8 audio_level;    /* audio: -dBov 0..127 of this frame */
    guint n_packets;
    BlockPacket *packets;
    guint8 *bytes;
    gsize n_bytes;
} Block;

/* One packet holding the given bytes (audio). One reference. */
Block *block_new_audio(StreamId stream, const guint8 *bytes, gsize n_bytes);

/* Splits a VP8 frame evenly into packets of at most `payload_bytes_max` (equal size but the last, so that they leave by
 * GSO). One reference. first_packet, rtp_time and the other facts are the caller's to set before it is shared. */
Block *block_new_vp8(StreamId stream, const guint8 *frame, gsize n_bytes, gsize payload_bytes_max);

/* The same for an H.264 access unit in byte-stream format (RFC 6184: single NAL, STAP-A for parameter sets, FU-A). */
Block *block_new_h264(StreamId stream, const guint8 *unit, gsize n_bytes, gsize payload_bytes_max);

Block *block_ref(Block *block); /* any thread */
void block_unref(Block *block); /* any thread; NULL is fine */

enum { BLOCK_VP8_PAYLOAD_BYTES_MAX = 1100, BLOCK_H264_PAYLOAD_BYTES_MAX = 1100 };
