/* block.c -- see block.h. A block is one allocation: facts, packet table, bytes. */
#include "bridge/media/block.h"

#include <string.h>

/* RFC 6184 5.2 and 7.4.1 of H.264: the kinds of NAL unit that matter for packing. */
enum { NAL_SEI = 6, NAL_SPS = 7, NAL_PPS = 8, NAL_AUD = 9, NAL_FILLER = 12, NAL_STAP_A = 24, NAL_FU_A = 28 };
enum { NAL_TYPE_MASK = 0x1f, NAL_IMPORTANCE_MASK = 0x60, FU_START = 0x80, FU_END = 0x40 };

static Block *block_alloc(StreamId stream, Codec codec, guint n_packets, gsize n_bytes) {
    gsize table_bytes = n_packets * sizeof(BlockPacket);
    Block *block = g_malloc(sizeof *block + table_bytes + n_bytes);
    memset(block, 0, sizeof *block);
    block->n_refs = 1;
    block->stream = stream;
    block->codec = codec;
    block->n_packets = n_packets;
    block->packets = (BlockPacket *)(block + 1);
    block->bytes = (guint8 *)(block->packets + n_packets);
    block->n_bytes = n_bytes;
    return block;
}

Block *block_ref(Block *block) {
    g_atomic_int_inc(&block->n_refs);
    return block;
}

void block_unref(Block *block) {
    if (block != NULL && g_atomic_int_dec_and_test(&block->n_refs)) g_free(block);
}

Block *block_new_audio(StreamId stream, const guint8 *bytes, gsize n_bytes) {
    Block *block = block_alloc(stream, CODEC_OPUS, 1, n_bytes);
    block->keyframe = TRUE;
    block->packets[0] = (BlockPacket){ .offset = 0, .n_bytes = (guint32)n_bytes };
    if (n_bytes > 0) memcpy(block->bytes, bytes, n_bytes);
    return block;
}

/* The size of equal pieces (the last may be smaller) that cut n_bytes into as few as `most` bytes each allow. */
static gsize even_piece(gsize n_bytes, gsize most) {
    gsize n_pieces = MAX((n_bytes + most - 1) / most, 1);
    return MAX((n_bytes + n_pieces - 1) / n_pieces, 1);
}

Block *block_new_vp8(StreamId stream, const guint8 *frame, gsize n_bytes, gsize payload_bytes_max) {
    gsize piece = even_piece(n_bytes, payload_bytes_max);
    guint n_packets = (guint)MAX((n_bytes + piece - 1) / piece, 1);
    Block *block = block_alloc(stream, CODEC_VP8, n_packets, n_bytes);
    for (guint i = 0; i < n_packets; i++) {
        gsize offset = i * piece;
        block->packets[i] =
            (BlockPacket){ .offset = (guint32)offset, .n_bytes = (guint32)MIN(piece, n_bytes - offset) };
    }
    if (n_bytes > 0) memcpy(block->bytes, frame, n_bytes);
    /* RFC 6386 9.1: the lowest bit of the frame tag is 0 in a keyframe. */
    block->keyframe = n_bytes > 0 && (frame[0] & 1) == 0;
    return block;
}

/* ---- H.264 ---- */

typedef struct {
    const guint8 *bytes;
    gsize n_bytes;
} Nal;

/* The next NAL unit of a byte stream (annex B) at or after *at; FALSE at the end. */
static gboolean next_nal(const guint8 *unit, gsize n_bytes, gsize *at, Nal *ret_nal) {
    gsize start = *at;
    while (start + 3 <= n_bytes && !(unit[start] == 0 && unit[start + 1] == 0 && unit[start + 2] == 1))
        start++;
    if (start + 3 >= n_bytes) return FALSE;
    start += 3;
    gsize end = start;
    while (end + 3 <= n_bytes && !(unit[end] == 0 && unit[end + 1] == 0 && unit[end + 2] <= 1)) end++;
    if (end + 3 > n_bytes) end = n_bytes;
    *at = end;
    while (end > start && unit[end - 1] == 0) end--; /* trailing_zero_8bits */
    *ret_nal = (Nal){ unit + start, end - start };
    return TRUE;
}

/* What the packets will be is walked twice: first with block NULL to count, then to fill. */
typedef struct {
    Block *block;
    guint n_packets;
    gsize n_bytes;
    gsize packet_start;
} Packing;

static void put(Packing *packing, const guint8 *bytes, gsize n_bytes) {
    if (packing->block != NULL) memcpy(packing->block->bytes + packing->n_bytes, bytes, n_bytes);
    packing->n_bytes += n_bytes;
}

static void begin_packet(Packing *packing) { packing->packet_start = packing->n_bytes; }

static void end_packet(Packing *packing) {
    if (packing->block != NULL)
        packing->block->packets[packing->n_packets] = (BlockPacket){
            .offset = (guint32)packing->packet_start,
            .n_bytes = (guint32)(packing->n_bytes - packing->packet_start),
        };
    packing->n_packets++;
}

static void put_fragments(Packing *packing, const Nal *nal, gsize payload_bytes_max) {
    gsize left = nal->n_bytes - 1, piece = even_piece(left, payload_bytes_max - 2);
    for (gsize offset = 1; offset < nal->n_bytes; offset += piece) {
        gsize n_bytes = MIN(piece, nal->n_bytes - offset);
        guint8 header[2] = { (guint8)((nal->bytes[0] & NAL_IMPORTANCE_MASK) | NAL_FU_A),
                             (guint8)(nal->bytes[0] & NAL_TYPE_MASK) };
        if (offset == 1) header[1] |= FU_START;
        if (offset + n_bytes == nal->n_bytes) header[1] |= FU_END;
        begin_packet(packing);
        put(packing, header, sizeof header);
        put(packing, nal->bytes + offset, n_bytes);
        end_packet(packing);
    }
}

static gboolean is_parameter(const Nal *nal) {
    guint type = nal->bytes[0] & NAL_TYPE_MASK;
    return type == NAL_SPS || type == NAL_PPS || type == NAL_SEI;
}

/* Parameter sets travel together (STAP-A): a joiner then needs one packet before the picture, not three. */
static void put_parameters(Packing *packing, const Nal *nals, guint n_nals) {
    if (n_nals == 0) return;
    begin_packet(packing);
    if (n_nals > 1) {
        guint8 header = NAL_STAP_A;
        for (guint i = 0; i < n_nals; i++) {
            guint8 importance = nals[i].bytes[0] & NAL_IMPORTANCE_MASK;
            header =
                (guint8)((header & ~NAL_IMPORTANCE_MASK) | MAX(header & NAL_IMPORTANCE_MASK, importance));
        }
        put(packing, &header, 1);
    }
    for (guint i = 0; i < n_nals; i++) {
        const guint8 size[2] = { (guint8)(nals[i].n_bytes >> 8), (guint8)nals[i].n_bytes };
        if (n_nals > 1) put(packing, size, sizeof size);
        put(packing, nals[i].bytes, nals[i].n_bytes);
    }
    end_packet(packing);
}

enum { PARAMETERS_MAX = 8 };

static void pack_unit(Packing *packing, const guint8 *unit, gsize n_bytes, gsize payload_bytes_max) {
    Nal parameters[PARAMETERS_MAX], nal;
    guint n_parameters = 0;
    gsize parameter_bytes = 1, at = 0;
    while (next_nal(unit, n_bytes, &at, &nal)) {
        guint type = nal.n_bytes == 0 ? NAL_FILLER : nal.bytes[0] & NAL_TYPE_MASK;
        if (type == NAL_AUD || type == NAL_FILLER) continue;
        if (is_parameter(&nal) && n_parameters < PARAMETERS_MAX &&
            parameter_bytes + 2 + nal.n_bytes <= payload_bytes_max) {
            parameters[n_parameters++] = nal;
            parameter_bytes += 2 + nal.n_bytes;
            continue;
        }
        put_parameters(packing, parameters, n_parameters);
        n_parameters = 0;
        parameter_bytes = 1;
        if (nal.n_bytes > payload_bytes_max) {
            put_fragments(packing, &nal, payload_bytes_max);
        } else {
            begin_packet(packing);
            put(packing, nal.bytes, nal.n_bytes);
            end_packet(packing);
        }
    }
    put_parameters(packing, parameters, n_parameters);
}

static gboolean has_idr(const guint8 *unit, gsize n_bytes) {
    gsize at = 0;
    Nal nal;
    while (next_nal(unit, n_bytes, &at, &nal))
        if (nal.n_bytes > 0 && (nal.bytes[0] & NAL_TYPE_MASK) == 5) return TRUE;
    return FALSE;
}

Block *block_new_h264(StreamId stream, const guint8 *unit, gsize n_bytes, gsize payload_bytes_max) {
    Packing count = { 0 };
    pack_unit(&count, unit, n_bytes, payload_bytes_max);
    Packing fill = { .block = block_alloc(stream, CODEC_H264, count.n_packets, count.n_bytes) };
    pack_unit(&fill, unit, n_bytes, payload_bytes_max);
    fill.block->keyframe = has_idr(unit, n_bytes);
    return fill.block;
}
