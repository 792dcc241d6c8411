/* h264.c -- see h264.h. RFC 6184 5.6 (single), 5.7.1 (STAP-A), 5.8 (FU-A); the SPS by ITU-T H.264 7.3.2.1.1. */
#include "bridge/wire/h264.h"

#include "config/bytes.h"

enum { NAL_STAP_A = 24, NAL_FU_A = 28, SIZE_MAX_PIXELS = 8192, CROP_MAX_PIXELS = 64 };

static guint aggregate_pieces(const guint8 *payload, gsize n_bytes, H264Piece *ret_pieces) {
    Reader reader = reader_over(payload + 1, n_bytes - 1);
    guint n = 0;

    while (reader.left > 0 && n < H264_PIECES_MAX) {
        gsize size = reader_u16(&reader);
        const guint8 *nal = reader_bytes(&reader, size);

        if (nal == NULL || size == 0) return 0;
        ret_pieces[n++] = (H264Piece){ TRUE, TRUE, nal[0], nal + 1, size - 1 };
    }
    return n;
}

guint h264_pieces(const guint8 *payload, gsize n_bytes, H264Piece ret_pieces[H264_PIECES_MAX]) {
    guint8 type = n_bytes > 0 ? payload[0] & 0x1F : 0;

    if (type >= 1 && type <= 23) {
        ret_pieces[0] = (H264Piece){ TRUE, TRUE, payload[0], payload + 1, n_bytes - 1 };
        return 1;
    }
    if (type == NAL_STAP_A) return aggregate_pieces(payload, n_bytes, ret_pieces);
    if (type != NAL_FU_A || n_bytes < 3) return 0;
    if ((payload[1] & 0xC0) == 0xC0) return 0; /* start and end in one fragment: forbidden, 5.8 */
    ret_pieces[0] = (H264Piece){ .starts = payload[1] >> 7,
                                 .ends = payload[1] >> 6 & 1,
                                 .header = (guint8)((payload[0] & 0xE0) | (payload[1] & 0x1F)),
                                 .bytes = payload + 2,
                                 .n_bytes = n_bytes - 2 };
    return 1;
}

gboolean h264_starts_keyframe(const guint8 *payload, gsize n_bytes) {
    H264Piece pieces[H264_PIECES_MAX];
    guint n = h264_pieces(payload, n_bytes, pieces);

    for (guint i = 0; i < n; i++) {
        guint8 type = pieces[i].header & 0x1F;

        if (pieces[i].starts && (type == H264_NAL_SPS || type == H264_NAL_IDR)) return TRUE;
    }
    return FALSE;
}

/* ---- SPS ---- */

/* Bits with emulation prevention (00 00 03) taken out on the way. */
typedef struct {
    const guint8 *at, *end;
    guint n_zeros, n_bits;
    guint8 byte;
    gboolean bad;
} Bits;

static guint bits_one(Bits *bits) {
    if (bits->n_bits == 0) {
        if (bits->at < bits->end && bits->n_zeros >= 2 && *bits->at == 3) {
            bits->at++;
            bits->n_zeros = 0;
        }
        if (bits->at >= bits->end) {
            bits->bad = TRUE;
            return 0;
        }
        bits->byte = *bits->at++;
        bits->n_zeros = bits->byte == 0 ? bits->n_zeros + 1 : 0;
        bits->n_bits = 8;
    }
    bits->n_bits--;
    return bits->byte >> bits->n_bits & 1;
}

static guint32 bits_n(Bits *bits, guint n) {
    guint32 value = 0;

    while (n-- > 0) value = value << 1 | bits_one(bits);
    return value;
}

/* Exp-Golomb, unsigned (9.1). */
static guint32 bits_ue(Bits *bits) {
    guint n = 0;

    while (!bits->bad && bits_one(bits) == 0)
        if (++n > 31) bits->bad = TRUE;
    if (bits->bad) return 0;
    return (guint32)((1u << n) - 1 + bits_n(bits, n));
}

static gint32 bits_se(Bits *bits) {
    guint32 value = bits_ue(bits);

    return value & 1 ? (gint32)(value / 2 + 1) : -(gint32)(value / 2);
}

static void skip_scaling_list(Bits *bits, guint n) {
    gint last = 8, next = 8;

    for (guint i = 0; i < n && !bits->bad; i++) {
        if (next != 0) next = (gint)(((gint64)last + bits_se(bits) + 256) & 0xFF);
        last = next == 0 ? last : next;
    }
}

/* The part that only the high profiles have; returns chroma_format_idc. */
static guint32 high_profile_part(Bits *bits) {
    guint32 chroma = bits_ue(bits);

    if (chroma == 3) bits_one(bits);
    bits_ue(bits);
    bits_ue(bits);
    bits_one(bits);
    if (bits_one(bits))
        for (guint i = 0; i < (chroma == 3 ? 12u : 8u) && !bits->bad; i++)
            if (bits_one(bits)) skip_scaling_list(bits, i < 6 ? 16 : 64);
    return chroma;
}

static void skip_order_count(Bits *bits) {
    guint32 type = bits_ue(bits);

    if (type == 0) {
        bits_ue(bits);
    } else if (type == 1) {
        guint32 n;

        bits_one(bits);
        bits_se(bits);
        bits_se(bits);
        n = bits_ue(bits);
        if (n > 255) bits->bad = TRUE;
        for (guint32 i = 0; i < n && !bits->bad; i++) bits_se(bits);
    }
}

static gboolean has_high_part(guint32 profile) {
    static const guint8 HIGH[] = { 100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135 };

    for (guint i = 0; i < G_N_ELEMENTS(HIGH); i++)
        if (HIGH[i] == profile) return TRUE;
    return FALSE;
}

gboolean h264_sps_size(const guint8 *nal, gsize n_bytes, guint16 *ret_width, guint16 *ret_height) {
    Bits bits = { .at = nal, .end = nal + n_bytes };
    guint32 profile, chroma = 1, width_mbs, height_units, frame_only, crop[4] = { 0 };
    guint64 width, height, crop_x, crop_y;

    if (n_bytes < 5 || (nal[0] & 0x1F) != H264_NAL_SPS) return FALSE;
    bits_n(&bits, 8); /* NAL header */
    profile = bits_n(&bits, 8);
    bits_n(&bits, 16);
    bits_ue(&bits);
    if (has_high_part(profile)) chroma = high_profile_part(&bits);
    bits_ue(&bits);
    skip_order_count(&bits);
    bits_ue(&bits);
    bits_one(&bits);
    width_mbs = bits_ue(&bits);
    height_units = bits_ue(&bits);
    frame_only = bits_one(&bits);
    if (!frame_only) bits_one(&bits);
    bits_one(&bits);
    if (bits_one(&bits))
        for (guint i = 0; i < 4; i++) crop[i] = bits_ue(&bits); /* left right top bottom */
    if (bits.bad || chroma > 3) return FALSE;
    width = ((guint64)width_mbs + 1) * 16;
    height = ((guint64)height_units + 1) * 16 * (2 - frame_only);
    if (width > SIZE_MAX_PIXELS || height > SIZE_MAX_PIXELS) return FALSE;
    crop_x = ((guint64)crop[0] + crop[1]) * (chroma == 1 || chroma == 2 ? 2 : 1);
    crop_y = ((guint64)crop[2] + crop[3]) * (chroma == 1 ? 2 : 1) * (2 - frame_only);
    if (crop_x >= width || crop_y >= height) return FALSE;
    /* Padding to whole blocks. More would hide the size that a decoder takes memory for. */
    if (crop_x > CROP_MAX_PIXELS || crop_y > CROP_MAX_PIXELS) return FALSE;
    *ret_width = (guint16)(width - crop_x);
    *ret_height = (guint16)(height - crop_y);
    return TRUE;
}

/* ---- byte streams ---- */

/* The next 00 00 01, or NULL. */
static const guint8 *start_code(const guint8 *at, const guint8 *end) {
    for (; end - at >= 3; at++)
        if (at[0] == 0 && at[1] == 0 && at[2] == 1) return at;
    return NULL;
}

const guint8 *h264_next_nal(const guint8 **at, const guint8 *end, gsize *ret_n_bytes) {
    const guint8 *start, *next;

    for (start = start_code(*at, end); start != NULL; start = start_code(*at, end)) {
        start += 3;
        next = start_code(start, end);
        *at = next != NULL ? next : end;
        next = *at;
        while (next > start && next[-1] == 0) next--; /* trailing zeros belong to the next start code */
        if (next > start) {
            *ret_n_bytes = (gsize)(next - start);
            return start;
        }
    }
    *at = end;
    return NULL;
}
