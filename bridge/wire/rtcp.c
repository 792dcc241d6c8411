/* rtcp.c -- reading RTCP, see rtcp.h. One packet of a compound at a time, each inside a Reader of exactly its length, so
 * that a lying field can spoil its own packet only. Writing: rtcp_write.c. */
#include "bridge/wire/rtcp.h"

#include <string.h>

enum { PT_SR = 200, PT_RR, PT_SDES, PT_BYE, PT_APP, PT_RTPFB, PT_PSFB };
enum { RTPFB_NACK = 1, RTPFB_TWCC = 15, PSFB_PLI = 1, PSFB_FIR = 4, PSFB_AFB = 15 };
enum { SDES_CNAME = 1 };

typedef struct {
    RtcpItem *item;
    RtcpVisit visit;
    gpointer user;
} Visitor;

static void give(const Visitor *visitor) { visitor->visit(visitor->user, visitor->item); }

static void read_block(Reader *reader, RtcpReportBlock *block) {
    guint32 lost;

    block->ssrc = reader_u32(reader);
    block->fraction_lost = reader_u8(reader);
    lost = reader_u24(reader);
    block->n_lost = lost & 0x800000 ? (gint32)(lost | 0xFF000000) : (gint32)lost;
    block->highest_sequence = reader_u32(reader);
    block->jitter = reader_u32(reader);
    block->last_sr = reader_u32(reader);
    block->since_last_sr = reader_u32(reader);
}

static gboolean read_report(Reader *reader, gboolean sender, guint n_blocks, const Visitor *visitor) {
    RtcpItem *item = visitor->item;

    item->kind = sender ? RTCP_SR : RTCP_RR;
    item->sender_ssrc = reader_u32(reader);
    item->media_ssrc = 0;
    item->report.info = (RtcpSenderInfo){ 0 };
    if (sender) {
        item->report.info.ntp = reader_u64(reader);
        item->report.info.rtp_time = reader_u32(reader);
        item->report.info.n_packets = reader_u32(reader);
        item->report.info.n_bytes = reader_u32(reader);
    }
    item->report.n_blocks = n_blocks;
    for (guint i = 0; i < n_blocks; i++) read_block(reader, &item->report.blocks[i]);
    if (reader->bad) return FALSE;
    give(visitor);
    return TRUE;
}

/* One chunk: SSRC, items, a zero, padding to 32 bits. Gives its CNAME. */
static gboolean read_chunk(Reader *reader, const Visitor *visitor) {
    RtcpItem *item = visitor->item;
    gsize left_at_start = reader->left;
    gboolean named = FALSE;

    item->kind = RTCP_CNAME;
    item->sender_ssrc = reader_u32(reader);
    item->media_ssrc = 0;
    for (;;) {
        guint8 type = reader_u8(reader), n;
        const guint8 *text;

        if (type == 0) break;
        n = reader_u8(reader);
        text = reader_bytes(reader, n);
        if (text == NULL) return FALSE;
        if (type != SDES_CNAME || named) continue;
        memcpy(item->cname, text, n);
        item->cname[n] = '\0';
        named = TRUE;
    }
    if (reader->bad) return FALSE;
    reader_skip(reader, (4 - (left_at_start - reader->left) % 4) % 4);
    if (named) give(visitor);
    return !reader->bad;
}

static gboolean read_bye(Reader *reader, guint n_ssrcs, const Visitor *visitor) {
    RtcpItem *item = visitor->item;

    item->kind = RTCP_BYE;
    item->media_ssrc = 0;
    item->bye.n_ssrcs = n_ssrcs;
    for (guint i = 0; i < n_ssrcs; i++) item->bye.ssrcs[i] = reader_u32(reader);
    if (reader->bad) return FALSE;
    item->sender_ssrc = n_ssrcs > 0 ? item->bye.ssrcs[0] : 0;
    give(visitor);
    return TRUE;
}

static gboolean read_nack(Reader *reader, const Visitor *visitor) {
    RtcpItem *item = visitor->item;
    guint n = 0;

    item->kind = RTCP_NACK;
    while (reader->left > 0) {
        guint16 first = reader_u16(reader), mask = reader_u16(reader);

        if (reader->bad) return FALSE;
        if (n < RTCP_NACKS_MAX) item->nack.sequences[n++] = first;
        for (guint i = 0; i < 16; i++)
            if (mask >> i & 1 && n < RTCP_NACKS_MAX) item->nack.sequences[n++] = (guint16)(first + 1 + i);
    }
    item->nack.n_sequences = n;
    give(visitor);
    return TRUE;
}

static gboolean read_fir(Reader *reader, const Visitor *visitor) {
    RtcpItem *item = visitor->item;
    guint n = 0;

    item->kind = RTCP_FIR;
    while (reader->left > 0) {
        guint32 ssrc = reader_u32(reader);
        guint8 sequence = reader_u8(reader);

        reader_skip(reader, 3);
        if (reader->bad) return FALSE;
        if (n == RTCP_FIRS_MAX) continue;
        item->fir.entries[n].ssrc = ssrc;
        item->fir.entries[n++].sequence = sequence;
    }
    item->fir.n_entries = n;
    give(visitor);
    return TRUE;
}

static gboolean read_remb(Reader *reader, const Visitor *visitor) {
    RtcpItem *item = visitor->item;
    guint n_ssrcs, exponent;
    guint64 mantissa;

    if (reader_u32(reader) != 0x52454D42)
        return !reader->bad; /* "REMB"; other application feedback is not ours */
    n_ssrcs = reader_u8(reader);
    mantissa = reader_u24(reader);
    exponent = (guint)(mantissa >> 18);
    mantissa &= 0x3FFFF;
    item->kind = RTCP_REMB;
    item->remb.bitrate_bps =
        exponent > 45 && mantissa > 0 ? G_MAXUINT64 : mantissa << (exponent > 45 ? 0 : exponent);
    item->remb.n_ssrcs = 0;
    for (guint i = 0; i < n_ssrcs; i++) {
        guint32 ssrc = reader_u32(reader);

        if (item->remb.n_ssrcs < RTCP_SSRCS_MAX) item->remb.ssrcs[item->remb.n_ssrcs++] = ssrc;
    }
    if (reader->bad) return FALSE;
    give(visitor);
    return TRUE;
}

/* ---- transport-wide feedback ---- */

enum { SYMBOL_LOST = 0, SYMBOL_SMALL = 1, SYMBOL_LARGE = 2, TWCC_TICK_US = 250, TWCC_REFERENCE_US = 64000 };

/* Unpacks one chunk's symbols; returns how many of at most n_wanted. */
static guint read_symbols(guint16 chunk, guint n_wanted, guint8 *ret_symbol, guint16 *ret_run) {
    *ret_run = 0;
    if ((chunk & 0x8000) == 0) {
        *ret_run = chunk & 0x1FFF;
        *ret_symbol = chunk >> 13 & 3;
        return MIN(*ret_run, n_wanted);
    }
    return MIN(chunk & 0x4000 ? 7u : 14u, n_wanted);
}

static guint8 symbol_of(guint16 chunk, guint i) {
    if (chunk & 0x4000) return (guint8)(chunk >> (12 - 2 * i) & 3);
    return (guint8)(chunk >> (13 - i) & 1);
}

/* Fills arrival_us with symbols for now; returns FALSE when a chunk is missing. */
static gboolean read_chunks(Reader *reader, RtcpTwcc *twcc, guint n_statuses) {
    guint n_done = 0;

    while (n_done < n_statuses) {
        guint16 chunk = reader_u16(reader), run;
        guint8 symbol = 0;
        guint n = read_symbols(chunk, n_statuses - n_done, &symbol, &run);

        if (reader->bad || n == 0) return FALSE;
        for (guint i = 0; i < n && n_done + i < RTCP_TWCC_MAX; i++)
            twcc->arrival_us[n_done + i] = run > 0 ? symbol : symbol_of(chunk, i);
        n_done += n;
    }
    return TRUE;
}

static gboolean read_twcc(Reader *reader, const Visitor *visitor) {
    RtcpItem *item = visitor->item;
    RtcpTwcc *twcc = &item->twcc;
    guint n_statuses;
    guint32 reference;
    gint64 at_us = 0;

    item->kind = RTCP_TWCC;
    twcc->base_sequence = reader_u16(reader);
    n_statuses = reader_u16(reader);
    reference = reader_u24(reader);
    twcc->reference_us =
        (gint64)(reference & 0x800000 ? (gint32)(reference | 0xFF000000) : (gint32)reference) *
        TWCC_REFERENCE_US;
    twcc->feedback_count = reader_u8(reader);
    if (!read_chunks(reader, twcc, n_statuses)) return FALSE;
    twcc->n_packets = MIN(n_statuses, RTCP_TWCC_MAX);
    for (guint i = 0; i < twcc->n_packets; i++) {
        switch (twcc->arrival_us[i]) {
        case SYMBOL_LOST: twcc->arrival_us[i] = RTCP_TWCC_LOST; continue;
        case SYMBOL_SMALL: at_us += reader_u8(reader) * TWCC_TICK_US; break;
        case SYMBOL_LARGE: at_us += (gint16)reader_u16(reader) * TWCC_TICK_US; break;
        default: return FALSE;
        }
        if (reader->bad || at_us > G_MAXINT32 || at_us <= G_MININT32) return FALSE;
        twcc->arrival_us[i] = (gint32)at_us;
    }
    give(visitor);
    return TRUE;
}

gint64 rtcp_twcc_reference_us(const RtcpTwcc *twcc, gint64 before_us) {
    const gint64 round_us = ((gint64)1 << 24) * TWCC_REFERENCE_US;
    gint64 past_us = (twcc->reference_us - before_us) % round_us;
    if (past_us >= round_us / 2) past_us -= round_us;
    if (past_us < -round_us / 2) past_us += round_us;
    return before_us + past_us;
}

/* ---- compound ---- */

static gboolean read_feedback(Reader *reader, guint8 type, guint format, const Visitor *visitor) {
    visitor->item->sender_ssrc = reader_u32(reader);
    visitor->item->media_ssrc = reader_u32(reader);
    if (reader->bad) return FALSE;
    if (type == PT_RTPFB) {
        if (format == RTPFB_NACK) return read_nack(reader, visitor);
        return format == RTPFB_TWCC ? read_twcc(reader, visitor) : TRUE;
    }
    switch (format) {
    case PSFB_PLI:
        visitor->item->kind = RTCP_PLI;
        give(visitor);
        return TRUE;
    case PSFB_FIR: return read_fir(reader, visitor);
    case PSFB_AFB: return read_remb(reader, visitor);
    default: return TRUE;
    }
}

static gboolean read_packet(Reader *reader, guint8 type, guint count, const Visitor *visitor) {
    switch (type) {
    case PT_SR: return read_report(reader, TRUE, count, visitor);
    case PT_RR: return read_report(reader, FALSE, count, visitor);
    case PT_SDES:
        for (guint i = 0; i < count; i++)
            if (!read_chunk(reader, visitor)) return FALSE;
        return TRUE;
    case PT_BYE: return read_bye(reader, count, visitor);
    case PT_RTPFB:
    case PT_PSFB: return read_feedback(reader, type, count, visitor);
    default: return TRUE; /* APP, XR and what is still to be invented */
    }
}

gboolean rtcp_parse(const guint8 *bytes, gsize n_bytes, RtcpItem *scratch, RtcpVisit visit, gpointer user) {
    Visitor visitor = { scratch, visit, user };
    Reader reader = reader_over(bytes, n_bytes);

    while (reader.left > 0) {
        guint8 first = reader_u8(&reader), type = reader_u8(&reader);
        gsize n = 4u * reader_u16(&reader);
        Reader body = reader_sub(&reader, n);

        if (reader.bad || first >> 6 != 2) return FALSE;
        if (first & 0x20) { /* padding: the last byte tells how much */
            guint8 padding = n > 0 ? body.at[n - 1] : 0;

            if (padding == 0 || padding > n) return FALSE;
            body.left -= padding;
        }
        if (!read_packet(&body, type, first & 0x1F, &visitor)) return FALSE;
    }
    return n_bytes > 0;
}
