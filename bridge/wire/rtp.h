/* rtp.h -- RTP packets (RFC 3550 5.1) and their header extensions (RFC 8285): views over received bytes, and a writer.
 * Pure: no state but what the caller holds, no clock. Hostile bytes are expected; nothing reads past n_bytes. */
#pragma once

#include "config/bytes.h"

/* ---- which protocol is this datagram (RFC 7983, RFC 5761 4) ---- */
typedef enum { DATAGRAM_OTHER, DATAGRAM_STUN, DATAGRAM_DTLS, DATAGRAM_RTP, DATAGRAM_RTCP } DatagramKind;
DatagramKind datagram_kind(const guint8 *bytes, gsize n_bytes);

/* ---- reading ---- */

/* A view: pointers are into the parsed bytes and live as long as they do. */
typedef struct {
    guint32 ssrc, timestamp;
    guint16 sequence;
    guint8 payload_type; /* 0..127 */
    gboolean marker;
    const guint8 *header;  /* start of the packet */
    gsize n_header_bytes;  /* fixed header, CSRCs and extension block */
    const guint8 *payload; /* padding already stripped; may be empty */
    gsize n_payload_bytes;
    gsize n_padding_bytes;
    guint16 ext_profile; /* 0xBEDE: one-byte, 0x100X: two-byte elements; 0: no extension */
    const guint8 *ext;   /* elements, without profile and length */
    gsize n_ext_bytes;
} RtpPacket;

enum { RTP_HEADER_BYTES = 12 };

/* FALSE when this is no RTP version 2 packet or lengths inside lie; ret_packet is then untouched. */
gboolean rtp_parse(const guint8 *bytes, gsize n_bytes, RtpPacket *ret_packet);

/* The element with this id, or NULL (also for id 0: "not negotiated"). *ret_n_bytes: its length, 0 is possible (two-byte). */
const guint8 *rtp_ext_find(const RtpPacket *packet, guint8 id, gsize *ret_n_bytes);

/* FALSE when absent or malformed; the out parameters are then untouched. */
gboolean rtp_ext_audio_level(const RtpPacket *packet, guint8 id, guint8 *ret_level,
                             gboolean *ret_voice); /* 0..127 -dBov */
gboolean rtp_ext_abs_send_time(const RtpPacket *packet, guint8 id, guint32 *ret_time_24);
gboolean rtp_ext_transport_cc(const RtpPacket *packet, guint8 id, guint16 *ret_sequence);
/* Quarter turns clockwise to show the picture upright, 0..3. */
gboolean rtp_ext_video_orientation(const RtpPacket *packet, guint8 id, guint8 *ret_quarter_turns);
/* mid, rid, repaired rid: 1 to 16 letters, digits, '-' or '_'; ret_text gets a NUL. */
enum { RTP_TEXT_BYTES = 17 };
gboolean rtp_ext_text(const RtpPacket *packet, guint8 id, char ret_text[RTP_TEXT_BYTES]);

/* ---- writing ---- */
typedef struct {
    guint32 ssrc, timestamp;
    guint16 sequence;
    guint8 payload_type;
    gboolean marker;
} RtpHeader;

/* Appends the 12 fixed bytes, without extension. */
void rtp_write_header(Writer *writer, const RtpHeader *header);

/* Appends an extension block of one-byte elements after the header just written, e.g.
 *     RtpExtWriter ext = rtp_ext_begin(&writer);
 *     rtp_ext_put_transport_cc(&ext, id, n);       // id 0: nothing is written
 *     rtp_ext_end(&ext);                           // pads; takes the block away again when it stayed empty
 * Ids 1..14, elements of 1..16 bytes; anything else makes the writer bad. */
typedef struct {
    Writer *writer;
    gsize header_at, block_at;
} RtpExtWriter;
RtpExtWriter rtp_ext_begin(Writer *writer);
void rtp_ext_put(RtpExtWriter *ext, guint8 id, const void *bytes, gsize n_bytes);
void rtp_ext_put_audio_level(RtpExtWriter *ext, guint8 id, guint8 level, gboolean voice);
void rtp_ext_put_abs_send_time(RtpExtWriter *ext, guint8 id, guint32 time_24);
void rtp_ext_put_transport_cc(RtpExtWriter *ext, guint8 id, guint16 sequence);
void rtp_ext_put_video_orientation(RtpExtWriter *ext, guint8 id, guint8 quarter_turns);
void rtp_ext_put_text(RtpExtWriter *ext, guint8 id, const char *text);
void rtp_ext_end(RtpExtWriter *ext);

/* ---- retransmission (RFC 4588) ---- */

/* A view of the original packet inside a received RTX packet: its sequence, and the SSRC and payload type given.
 * header/ext stay those of the RTX packet. FALSE: too short (padding-only probes are). */
gboolean rtp_rtx_restore(const RtpPacket *rtx, guint32 ssrc, guint8 payload_type, RtpPacket *ret_original);

/* Appends the RTX packet of an original: header, extension bytes of the original as they are, OSN, payload. */
void rtp_rtx_write(Writer *writer, const RtpPacket *original, guint32 rtx_ssrc, guint8 rtx_payload_type,
                   guint16 rtx_sequence);

/* ---- numbers that wrap ---- */

/* 16 bit -> 64 bit by the nearest to the highest seen. Zero-initialise. The first value maps to 65536 + value, so that
 * neighbours before it do not go below zero. */
typedef struct {
    guint64 highest; /* 0: nothing seen */
} SequenceUnwrap;
guint64 sequence_unwrap(SequenceUnwrap *unwrap, guint16 sequence);
/* The same without moving: where would this number be? Needs one seen value. */
guint64 sequence_unwrap_peek(const SequenceUnwrap *unwrap, guint16 sequence);

/* 32 bit RTP time -> 64 bit ticks in the same manner; the first value maps to 2^32 + value. */
typedef struct {
    guint64 latest;
} TimeUnwrap;
guint64 rtp_time_unwrap(TimeUnwrap *unwrap, guint32 timestamp);

/* a newer than b, modulo 2^16. */
static inline gboolean sequence_newer(guint16 a, guint16 b) { return a != b && (guint16)(a - b) < 0x8000; }

/* Any microsecond clock -> 24 bit abs-send-time (6.18 fixed point, wraps every 64 s). */
guint32 abs_send_time_from_us(gint64 now_us);
