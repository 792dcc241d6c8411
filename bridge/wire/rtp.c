/* rtp.c -- see rtp.h. Reading: RFC 3550 5.1 and 5.3.1, RFC 8285 4.2 and 4.3. Everything is bounds-checked once, in
 * rtp_parse(); the views it gives may then be walked without fear. */
#include "bridge/wire/rtp.h"

#include <string.h>

enum { PROFILE_ONE_BYTE = 0xBEDE, PROFILE_TWO_BYTE = 0x1000 /* low 4 bits: appbits */ };

static guint16 be16(const guint8 *b) { return (guint16)(b[0] << 8 | b[1]); }

static guint32 be32(const guint8 *b) {
    return (guint32)b[0] << 24 | (guint32)b[1] << 16 | (guint32)b[2] << 8 | b[3];
}

DatagramKind datagram_kind(const guint8 *bytes, gsize n_bytes) {
    if (n_bytes < 2) return DATAGRAM_OTHER;
    if (bytes[0] <= 3) return DATAGRAM_STUN;
    if (bytes[0] >= 20 && bytes[0] <= 63) return DATAGRAM_DTLS;
    if (bytes[0] < 128 || bytes[0] > 191) return DATAGRAM_OTHER;
    /* RFC 5761 4: RTCP packet types 192 to 223 are no RTP payload types that anybody may agree on (64 to 95). */
    return bytes[1] >= 192 && bytes[1] <= 223 ? DATAGRAM_RTCP : DATAGRAM_RTP;
}

gboolean rtp_parse(const guint8 *bytes, gsize n_bytes, RtpPacket *ret_packet) {
    RtpPacket packet = { .header = bytes };
    gsize at, padding = 0;

    if (n_bytes < RTP_HEADER_BYTES || bytes[0] >> 6 != 2) return FALSE;
    at = RTP_HEADER_BYTES + 4u * (bytes[0] & 0x0F);
    if (bytes[0] & 0x10) {
        if (n_bytes < at + 4) return FALSE;
        packet.ext_profile = be16(bytes + at);
        packet.n_ext_bytes = 4u * be16(bytes + at + 2);
        packet.ext = bytes + at + 4;
        at += 4 + packet.n_ext_bytes;
    }
    if (n_bytes < at) return FALSE;
    if (bytes[0] & 0x20) {
        if (n_bytes == at) return FALSE;
        padding = bytes[n_bytes - 1];
        if (padding == 0 || padding > n_bytes - at) return FALSE;
    }
    packet.marker = bytes[1] >> 7;
    packet.payload_type = bytes[1] & 0x7F;
    packet.sequence = be16(bytes + 2);
    packet.timestamp = be32(bytes + 4);
    packet.ssrc = be32(bytes + 8);
    packet.n_header_bytes = at;
    packet.payload = bytes + at;
    packet.n_payload_bytes = n_bytes - at - padding;
    packet.n_padding_bytes = padding;
    *ret_packet = packet;
    return TRUE;
}

/* One-byte elements: id and length - 1 in one byte; id 0 is padding, id 15 ends the list. */
static const guint8 *find_one_byte(const RtpPacket *packet, guint8 id, gsize *ret_n_bytes) {
    const guint8 *at = packet->ext, *end = packet->ext + packet->n_ext_bytes;

    while (at < end) {
        guint8 found = *at >> 4;
        gsize n = (*at & 0x0F) + 1u;

        if (*at == 0) {
            at++;
            continue;
        }
        if (found == 0 || found == 15 || n > (gsize)(end - at) - 1) return NULL;
        if (found == id) {
            *ret_n_bytes = n;
            return at + 1;
        }
        at += 1 + n;
    }
    return NULL;
}

static const guint8 *find_two_byte(const RtpPacket *packet, guint8 id, gsize *ret_n_bytes) {
    const guint8 *at = packet->ext, *end = packet->ext + packet->n_ext_bytes;

    while (at < end) {
        if (*at == 0) {
            at++;
            continue;
        }
        if (end - at < 2 || at[1] > (gsize)(end - at) - 2) return NULL;
        if (*at == id) {
            *ret_n_bytes = at[1];
            return at + 2;
        }
        at += 2 + at[1];
    }
    return NULL;
}

const guint8 *rtp_ext_find(const RtpPacket *packet, guint8 id, gsize *ret_n_bytes) {
    if (id == 0 || packet->n_ext_bytes == 0) return NULL;
    if (packet->ext_profile == PROFILE_ONE_BYTE) return find_one_byte(packet, id, ret_n_bytes);
    if ((packet->ext_profile & 0xFFF0) == PROFILE_TWO_BYTE) return find_two_byte(packet, id, ret_n_bytes);
    return NULL;
}

gboolean rtp_ext_audio_level(const RtpPacket *packet, guint8 id, guint8 *ret_level, gboolean *ret_voice) {
    gsize n;
    const guint8 *at = rtp_ext_find(packet, id, &n);

    if (at == NULL || n < 1) return FALSE;
    *ret_level = at[0] & 0x7F;
    *ret_voice = at[0] >> 7;
    return TRUE;
}

gboolean rtp_ext_abs_send_time(const RtpPacket *packet, guint8 id, guint32 *ret_time_24) {
    gsize n;
    const guint8 *at = rtp_ext_find(packet, id, &n);

    if (at == NULL || n != 3) return FALSE;
    *ret_time_24 = (guint32)at[0] << 16 | (guint32)at[1] << 8 | at[2];
    return TRUE;
}

gboolean rtp_ext_transport_cc(const RtpPacket *packet, guint8 id, guint16 *ret_sequence) {
    gsize n;
    const guint8 *at = rtp_ext_find(packet, id, &n);

    if (at == NULL || n < 2) return FALSE;
    *ret_sequence = be16(at);
    return TRUE;
}

gboolean rtp_ext_video_orientation(const RtpPacket *packet, guint8 id, guint8 *ret_quarter_turns) {
    gsize n;
    const guint8 *at = rtp_ext_find(packet, id, &n);

    if (at == NULL || n != 1) return FALSE;
    *ret_quarter_turns = at[0] & 0x03;
    return TRUE;
}

gboolean rtp_ext_text(const RtpPacket *packet, guint8 id, char ret_text[RTP_TEXT_BYTES]) {
    gsize n;
    const guint8 *at = rtp_ext_find(packet, id, &n);

    if (at == NULL || n < 1 || n >= RTP_TEXT_BYTES) return FALSE;
    for (gsize i = 0; i < n; i++)
        if (!g_ascii_isalnum(at[i]) && at[i] != '-' && at[i] != '_') return FALSE;
    memcpy(ret_text, at, n);
    ret_text[n] = '\0';
    return TRUE;
}

void rtp_write_header(Writer *writer, const RtpHeader *header) {
    writer_u8(writer, 0x80);
    writer_u8(writer, (guint8)((header->marker ? 0x80 : 0) | (header->payload_type & 0x7F)));
    writer_u16(writer, header->sequence);
    writer_u32(writer, header->timestamp);
    writer_u32(writer, header->ssrc);
}

RtpExtWriter rtp_ext_begin(Writer *writer) {
    RtpExtWriter ext = { .writer = writer, .block_at = writer->n_bytes };

    if (writer->n_bytes < RTP_HEADER_BYTES)
        writer->bad = TRUE;
    else
        ext.header_at = writer->n_bytes - RTP_HEADER_BYTES;
    writer_u16(writer, PROFILE_ONE_BYTE);
    writer_u16(writer, 0);
    return ext;
}

void rtp_ext_put(RtpExtWriter *ext, guint8 id, const void *bytes, gsize n_bytes) {
    if (id == 0) return;
    if (id > 14 || n_bytes < 1 || n_bytes > 16) {
        ext->writer->bad = TRUE;
        return;
    }
    writer_u8(ext->writer, (guint8)((guint)id << 4 | (guint)(n_bytes - 1)));
    writer_bytes(ext->writer, bytes, n_bytes);
}

void rtp_ext_put_audio_level(RtpExtWriter *ext, guint8 id, guint8 level, gboolean voice) {
    guint8 byte = (guint8)((voice ? 0x80 : 0) | MIN(level, 127));

    rtp_ext_put(ext, id, &byte, 1);
}

void rtp_ext_put_abs_send_time(RtpExtWriter *ext, guint8 id, guint32 time_24) {
    guint8 bytes[3] = { (guint8)(time_24 >> 16), (guint8)(time_24 >> 8), (guint8)time_24 };

    rtp_ext_put(ext, id, bytes, sizeof bytes);
}

void rtp_ext_put_transport_cc(RtpExtWriter *ext, guint8 id, guint16 sequence) {
    guint8 bytes[2] = { (guint8)(sequence >> 8), (guint8)sequence };

    rtp_ext_put(ext, id, bytes, sizeof bytes);
}

void rtp_ext_put_video_orientation(RtpExtWriter *ext, guint8 id, guint8 quarter_turns) {
    guint8 byte = quarter_turns & 0x03;

    rtp_ext_put(ext, id, &byte, 1);
}

void rtp_ext_put_text(RtpExtWriter *ext, guint8 id, const char *text) {
    rtp_ext_put(ext, id, text, strlen(text));
}

void rtp_ext_end(RtpExtWriter *ext) {
    Writer *writer = ext->writer;
    gsize n_words;

    if (writer->bad) return;
    if (writer->n_bytes == ext->block_at + 4) {
        writer->n_bytes = ext->block_at;
        return;
    }
    while ((writer->n_bytes - ext->block_at) % 4 != 0 && !writer->bad) writer_u8(writer, 0);
    if (writer->bad) return;
    n_words = (writer->n_bytes - ext->block_at) / 4 - 1;
    writer->start[ext->block_at + 2] = (guint8)(n_words >> 8);
    writer->start[ext->block_at + 3] = (guint8)n_words;
    writer->start[ext->header_at] |= 0x10;
}

gboolean rtp_rtx_restore(const RtpPacket *rtx, guint32 ssrc, guint8 payload_type, RtpPacket *ret_original) {
    if (rtx->n_payload_bytes < 2) return FALSE;
    *ret_original = *rtx;
    ret_original->ssrc = ssrc;
    ret_original->payload_type = payload_type;
    ret_original->sequence = be16(rtx->payload);
    ret_original->payload += 2;
    ret_original->n_payload_bytes -= 2;
    return TRUE;
}

void rtp_rtx_write(Writer *writer, const RtpPacket *original, guint32 rtx_ssrc, guint8 rtx_payload_type,
                   guint16 rtx_sequence) {
    gsize at = writer->n_bytes;

    rtp_write_header(writer, &(RtpHeader){ .ssrc = rtx_ssrc,
                                           .timestamp = original->timestamp,
                                           .sequence = rtx_sequence,
                                           .payload_type = rtx_payload_type,
                                           .marker = original->marker });
    if (original->n_ext_bytes > 0) {
        writer_u16(writer, original->ext_profile);
        writer_u16(writer, (guint16)(original->n_ext_bytes / 4));
        writer_bytes(writer, original->ext, original->n_ext_bytes);
        if (!writer->bad) writer->start[at] |= 0x10;
    }
    writer_u16(writer, original->sequence);
    writer_bytes(writer, original->payload, original->n_payload_bytes);
}

guint64 sequence_unwrap_peek(const SequenceUnwrap *unwrap, guint16 sequence) {
    gint16 step = (gint16)(guint16)(sequence - (guint16)unwrap->highest);
    guint64 value = unwrap->highest + (guint64)(gint64)step;

    return value;
}

guint64 sequence_unwrap(SequenceUnwrap *unwrap, guint16 sequence) {
    guint64 value;

    if (unwrap->highest == 0) return unwrap->highest = 65536u + sequence;
    value = sequence_unwrap_peek(unwrap, sequence);
    if (value > unwrap->highest) unwrap->highest = value;
    return value;
}

guint64 rtp_time_unwrap(TimeUnwrap *unwrap, guint32 timestamp) {
    guint64 value;

    if (unwrap->latest == 0) return unwrap->latest = ((guint64)1 << 32) + timestamp;
    value = unwrap->latest + (guint64)(gint64)(gint32)(timestamp - (guint32)unwrap->latest);
    if (value > unwrap->latest) unwrap->latest = value;
    return value;
}

guint32 abs_send_time_from_us(gint64 now_us) {
    /* 64 s is the period: reduce first, so that the shift cannot overflow. */
    guint64 in_period_us = (guint64)now_us % (64u * G_USEC_PER_SEC);

    return (guint32)(((in_period_us << 18) + G_USEC_PER_SEC / 2) / G_USEC_PER_SEC) & 0xFFFFFF;
}
