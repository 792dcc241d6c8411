/* rtcp_write.c -- making RTCP packets, see rtcp.h. A packet is begun with length 0 and closed with the real one. */
#include "bridge/wire/rtcp.h"

#include <string.h>

static gsize begin(Writer *writer, guint count, guint8 type) {
    gsize at = writer->n_bytes;

    writer_u8(writer, (guint8)(0x80 | count));
    writer_u8(writer, type);
    writer_u16(writer, 0);
    return at;
}

static void end(Writer *writer, gsize at) {
    gsize n_words;

    while ((writer->n_bytes - at) % 4 != 0 && !writer->bad) writer_u8(writer, 0);
    if (writer->bad) return;
    n_words = (writer->n_bytes - at) / 4 - 1;
    writer->start[at + 2] = (guint8)(n_words >> 8);
    writer->start[at + 3] = (guint8)n_words;
}

static void write_blocks(Writer *writer, const RtcpReportBlock *blocks, guint n_blocks) {
    for (guint i = 0; i < n_blocks; i++) {
        const RtcpReportBlock *block = &blocks[i];

        writer_u32(writer, block->ssrc);
        writer_u8(writer, block->fraction_lost);
        writer_u24(writer, (guint32)CLAMP(block->n_lost, -0x800000, 0x7FFFFF) & 0xFFFFFF);
        writer_u32(writer, block->highest_sequence);
        writer_u32(writer, block->jitter);
        writer_u32(writer, block->last_sr);
        writer_u32(writer, block->since_last_sr);
    }
}

void rtcp_write_sr(Writer *writer, guint32 ssrc, const RtcpSenderInfo *info, const RtcpReportBlock *blocks,
                   guint n_blocks) {
    guint n = MIN(n_blocks, RTCP_BLOCKS_MAX);
    gsize at = begin(writer, n, 200);

    writer_u32(writer, ssrc);
    writer_u64(writer, info->ntp);
    writer_u32(writer, info->rtp_time);
    writer_u32(writer, info->n_packets);
    writer_u32(writer, info->n_bytes);
    write_blocks(writer, blocks, n);
    end(writer, at);
}

void rtcp_write_rr(Writer *writer, guint32 ssrc, const RtcpReportBlock *blocks, guint n_blocks) {
    guint n = MIN(n_blocks, RTCP_BLOCKS_MAX);
    gsize at = begin(writer, n, 201);

    writer_u32(writer, ssrc);
    write_blocks(writer, blocks, n);
    end(writer, at);
}

void rtcp_write_cname(Writer *writer, guint32 ssrc, const char *cname) {
    gsize at = begin(writer, 1, 202);
    guint8 n = (guint8)MIN(strlen(cname), RTCP_CNAME_BYTES - 1);

    writer_u32(writer, ssrc);
    writer_u8(writer, 1);
    writer_u8(writer, n);
    writer_bytes(writer, cname, n);
    writer_u8(writer, 0); /* at least one zero ends the chunk; end() pads it */
    end(writer, at);
}

void rtcp_write_bye(Writer *writer, const guint32 *ssrcs, guint n_ssrcs, const char *reason) {
    guint n = MIN(n_ssrcs, RTCP_SSRCS_MAX);
    gsize at = begin(writer, n, 203);

    for (guint i = 0; i < n; i++) writer_u32(writer, ssrcs[i]);
    if (reason != NULL && *reason != '\0') {
        guint8 n_bytes = (guint8)MIN(strlen(reason), 255);

        writer_u8(writer, n_bytes);
        writer_bytes(writer, reason, n_bytes);
    }
    end(writer, at);
}

static gsize begin_feedback(Writer *writer, guint format, guint8 type, guint32 sender, guint32 media) {
    gsize at = begin(writer, format, type);

    writer_u32(writer, sender);
    writer_u32(writer, media);
    return at;
}

void rtcp_write_nack(Writer *writer, guint32 sender, guint32 media, const guint16 *sequences,
                     guint n_sequences) {
    gsize at = begin_feedback(writer, 1, 205, sender, media);
    guint i = 0;

    while (i < n_sequences) {
        guint16 first = sequences[i++], mask = 0;

        for (; i < n_sequences; i++) {
            guint16 after = (guint16)(sequences[i] - first - 1);

            if (after >= 16) break;
            mask |= (guint16)(1u << after);
        }
        writer_u16(writer, first);
        writer_u16(writer, mask);
    }
    end(writer, at);
}

void rtcp_write_pli(Writer *writer, guint32 sender, guint32 media) {
    end(writer, begin_feedback(writer, 1, 206, sender, media));
}

void rtcp_write_fir(Writer *writer, guint32 sender, guint32 media, guint8 sequence) {
    gsize at = begin_feedback(writer, 4, 206, sender,
                              0); /* RFC 5104 4.3.1.2: media SSRC in the entry, 0 in the header */

    writer_u32(writer, media);
    writer_u8(writer, sequence);
    writer_u24(writer, 0);
    end(writer, at);
}

void rtcp_write_remb(Writer *writer, guint32 sender, guint64 bitrate_bps, const guint32 *ssrcs,
                     guint n_ssrcs) {
    guint n = MIN(n_ssrcs, RTCP_SSRCS_MAX), exponent = 0;
    guint64 mantissa = bitrate_bps;
    gsize at = begin_feedback(writer, 15, 206, sender, 0);

    while (mantissa > 0x3FFFF) {
        mantissa >>= 1;
        exponent++;
    }
    writer_u32(writer, 0x52454D42);
    writer_u8(writer, (guint8)n);
    writer_u24(writer, (guint32)(exponent << 18 | mantissa));
    for (guint i = 0; i < n; i++) writer_u32(writer, ssrcs[i]);
    end(writer, at);
}

/* ---- transport-wide feedback ---- */

enum { TICK_US = 250, CHUNK_SYMBOLS = 7, RUN_MAX = 0x1FFF };

/* Delta of packet i in ticks to *at (which moves); symbol 0 lost, 1 small, 2 large, 3: does not fit. */
static guint8 symbol_at(const RtcpTwcc *twcc, guint i, gint64 *at_ticks, gint32 *ret_delta) {
    gint64 ticks;

    if (twcc->arrival_us[i] == RTCP_TWCC_LOST) return 0;
    ticks = twcc->arrival_us[i] >= 0 ? twcc->arrival_us[i] / TICK_US
                                     : -(((gint64)TICK_US - 1 - twcc->arrival_us[i]) / TICK_US);
    if (ticks - *at_ticks < G_MININT16 || ticks - *at_ticks > G_MAXINT16) return 3;
    *ret_delta = (gint32)(ticks - *at_ticks);
    *at_ticks = ticks;
    return *ret_delta >= 0 && *ret_delta <= 255 ? 1 : 2;
}

/* A run chunk where it pays (8 equal symbols or more, or all that is left), else 7 two-bit symbols. Returns how many. */
static guint write_chunk(Writer *writer, const guint8 *symbols, guint n) {
    guint run = 1;
    guint16 chunk = 0xC000;

    while (run < n && run < RUN_MAX && symbols[run] == symbols[0]) run++;
    if (run > CHUNK_SYMBOLS || run == n) {
        writer_u16(writer, (guint16)((guint)symbols[0] << 13 | run));
        return run;
    }
    n = MIN(n, CHUNK_SYMBOLS);
    for (guint i = 0; i < n; i++) chunk |= (guint16)(symbols[i] << (12 - 2 * i));
    writer_u16(writer, chunk);
    return n;
}

guint rtcp_write_twcc(Writer *writer, guint32 sender, guint32 media, const RtcpTwcc *twcc) {
    guint8 symbols[RTCP_TWCC_MAX];
    guint n = 0, n_wanted = MIN(twcc->n_packets, RTCP_TWCC_MAX);
    gint64 at_ticks = 0;
    gint32 delta = 0;
    gsize at = begin_feedback(writer, 15, 205, sender, media);

    while (n < n_wanted && (symbols[n] = symbol_at(twcc, n, &at_ticks, &delta)) != 3) n++;
    writer_u16(writer, twcc->base_sequence);
    writer_u16(writer, (guint16)n);
    writer_u24(writer, (guint32)(twcc->reference_us / 64000) & 0xFFFFFF);
    writer_u8(writer, twcc->feedback_count);
    for (guint i = 0; i < n;) i += write_chunk(writer, symbols + i, n - i);
    at_ticks = 0;
    for (guint i = 0; i < n; i++) {
        switch (symbol_at(twcc, i, &at_ticks, &delta)) {
        case 1: writer_u8(writer, (guint8)delta); break;
        case 2: writer_u16(writer, (guint16)delta); break;
        default: break;
        }
    }
    end(writer, at);
    return n;
}

/* ---- times ---- */

static const guint64 UTC_TO_NTP_S = 2208988800u; /* 1900 to 1970 */

guint64 ntp_from_utc_us(gint64 utc_us) {
    guint64 seconds = (guint64)(utc_us / G_USEC_PER_SEC), us = (guint64)(utc_us % G_USEC_PER_SEC);

    return (seconds + UTC_TO_NTP_S) << 32 | ((us << 32) / G_USEC_PER_SEC);
}

gint64 ntp_to_utc_us(guint64 ntp) {
    gint64 seconds = (gint64)(ntp >> 32) - (gint64)UTC_TO_NTP_S;
    guint64 us = ((ntp & 0xFFFFFFFF) * G_USEC_PER_SEC + ((guint64)1 << 31)) >> 32;

    return seconds * G_USEC_PER_SEC + (gint64)us;
}

gint64 rtcp_round_trip_us(const RtcpReportBlock *block, guint64 arrival_ntp) {
    guint32 trip;

    if (block->last_sr == 0) return -1;
    trip = ntp_middle(arrival_ntp) - block->last_sr - block->since_last_sr;
    if (trip > 0x80000000u) return 0; /* clocks tick apart by a little: as good as nothing */
    return (gint64)((guint64)trip * G_USEC_PER_SEC >> 16);
}
