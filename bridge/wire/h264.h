/* h264.h -- H.264 in RTP (RFC 6184, packetization-mode 0 and 1): payload -> pieces of byte-stream. Pure.
 * Single NAL units, STAP-A and FU-A; other aggregates are refused (packetization-mode 2 is never agreed). */
#pragma once

#include <glib.h>

enum {
    H264_NAL_SLICE = 1,
    H264_NAL_IDR = 5,
    H264_NAL_SEI = 6,
    H264_NAL_SPS = 7,
    H264_NAL_PPS = 8,
    H264_NAL_AUD = 9
};

/* What to append to the access unit: when `starts`, first 00 00 00 01, then the header byte; then the bytes. */
typedef struct {
    gboolean starts, ends; /* of its NAL unit; both TRUE but for FU-A */
    guint8 header;         /* NAL header byte (for FU-A rebuilt); its type: header & 31 */
    const guint8 *bytes;   /* after the NAL header; into the payload */
    gsize n_bytes;
} H264Piece;

enum { H264_PIECES_MAX = 32 };
/* Returns how many pieces; 0 when malformed or of a kind we do not take. */
guint h264_pieces(const guint8 *payload, gsize n_bytes, H264Piece ret_pieces[H264_PIECES_MAX]);

/* TRUE when the payload begins a keyframe: an SPS, or an IDR slice that starts in it. */
gboolean h264_starts_keyframe(const guint8 *payload, gsize n_bytes);

/* Size in pixels after cropping, from an SPS NAL unit (with its header byte, emulation prevention inside).
 * FALSE: malformed or absurd (over 8192, or cropped by more than 64). */
gboolean h264_sps_size(const guint8 *nal, gsize n_bytes, guint16 *ret_width, guint16 *ret_height);

/* The next NAL unit of a byte stream: returns it without start code (NULL at the end), moves *at. */
const guint8 *h264_next_nal(const guint8 **at, const guint8 *end, gsize *ret_n_bytes);
