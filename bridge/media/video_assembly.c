/* video_assembly.c -- see the header.
 * The partial frame grows in one scratch buffer that is kept for the stream's life, and is copied once when whole.
 * What a loss breaks: in H.264 everything up to the next IDR; in VP8 with temporal layers only what refers to the lost
 * frame, which TL0PICIDX tells: an unbroken row of base frames needs no keyframe. */
#include "bridge/media/video_assembly.h"

#include "bridge/media/decoder.h"
#include "bridge/wire/h264.h"
#include "bridge/wire/vp8.h"

#include <string.h>

struct VideoAssembly {
    Codec codec;
    void (*frame)(gpointer user, Frame *frame);
    gpointer user;
    VideoAssemblyStats stats;

    guint8 *bytes; /* the partial frame */
    gsize n_bytes, capacity;

    gboolean open;     /* a frame has begun and is whole so far */
    gboolean skipping; /* what comes belongs to a frame whose beginning is lost */
    gboolean had_gap;  /* since the last whole frame */
    guint n_lost_in_gap;
    gboolean chain_broken; /* only a keyframe helps */
    gboolean upper_broken; /* VP8: upper temporal layers wait for a frame that refers to the base alone */
    gboolean have_keyframe;
    gboolean keyframe;       /* the open frame is one */
    gboolean parameter_sets; /* H.264: so it begins, the IDR is not here yet */
    guint16 frame_width, frame_height;
    guint32 rtp_time; /* of the open or skipped frame */
    guint8 rotation;
    gint64 arrival_us;

    Vp8Descriptor vp8; /* of the open frame's first packet */
    gint16 last_tl0;
    gint32 last_picture_id;
};

VideoAssembly *video_assembly_new(Codec codec, void (*frame)(gpointer user, Frame *frame), gpointer user) {
    VideoAssembly *assembly = g_new0(VideoAssembly, 1);
    assembly->codec = codec;
    assembly->frame = frame;
    assembly->user = user;
    video_assembly_reset(assembly);
    return assembly;
}

void video_assembly_free(VideoAssembly *assembly) {
    if (assembly == NULL) return;
    g_free(assembly->bytes);
    g_free(assembly);
}

void video_assembly_reset(VideoAssembly *assembly) {
    assembly->open = assembly->had_gap = assembly->have_keyframe = assembly->upper_broken = FALSE;
    assembly->skipping = FALSE;
    assembly->chain_broken = TRUE;
    assembly->last_tl0 = -1;
    assembly->last_picture_id = -1;
    assembly->n_bytes = 0;
}

gboolean video_assembly_is_broken(const VideoAssembly *assembly) { return assembly->chain_broken; }

gboolean video_assembly_in_keyframe(const VideoAssembly *assembly) {
    return assembly->open && (assembly->keyframe || assembly->parameter_sets);
}

const VideoAssemblyStats *video_assembly_stats(const VideoAssembly *assembly) { return &assembly->stats; }

static void count_lost(VideoAssembly *assembly) {
    assembly->stats.n_frames_lost++;
    assembly->n_lost_in_gap++;
}

static void close_gap(VideoAssembly *assembly) {
    assembly->had_gap = FALSE;
    assembly->n_lost_in_gap = 0;
}

/* The open frame cannot be completed. */
static void break_frame(VideoAssembly *assembly) {
    if (assembly->open) count_lost(assembly);
    assembly->open = FALSE;
    assembly->skipping = TRUE;
    assembly->had_gap = TRUE;
    assembly->n_bytes = 0;
}

void video_assembly_gap(VideoAssembly *assembly) {
    if (!assembly->open && !assembly->had_gap) count_lost(assembly);
    break_frame(assembly);
    /* H.264 has no word for "nobody refers to this"; VP8 waits for the next descriptor, which may tell that no harm was
     * done. Streams without layers get to know only then, too. */
    if (assembly->codec != CODEC_VP8) assembly->chain_broken = TRUE;
}

static gboolean append(VideoAssembly *assembly, const guint8 *bytes, gsize n_bytes) {
    gsize needed = assembly->n_bytes + n_bytes;
    if (needed > VIDEO_FRAME_BYTES_MAX) return FALSE;
    if (needed > assembly->capacity) {
        assembly->capacity = MAX(needed, MAX(assembly->capacity * 2, 4096));
        assembly->bytes = g_realloc(assembly->bytes, assembly->capacity);
    }
    if (n_bytes > 0) memcpy(assembly->bytes + assembly->n_bytes, bytes, n_bytes);
    assembly->n_bytes = needed;
    return TRUE;
}

static void remember_vp8(VideoAssembly *assembly) {
    if (assembly->vp8.temporal_layer <= 0) assembly->last_tl0 = assembly->vp8.tl0_index;
    assembly->last_picture_id = assembly->vp8.picture_id;
}

/* The open frame is whole: hand it up. */
static void finish(VideoAssembly *assembly) {
    assembly->open = FALSE;
    if (assembly->n_bytes == 0) return;
    if (assembly->codec == CODEC_VP8) remember_vp8(assembly);
    if (assembly->keyframe) {
        assembly->have_keyframe = TRUE;
        assembly->chain_broken = assembly->upper_broken = FALSE;
        assembly->stats.n_keyframes++;
        if (assembly->frame_width != 0) {
            assembly->stats.width = assembly->frame_width;
            assembly->stats.height = assembly->frame_height;
        }
    }
    close_gap(assembly);
    if (!assembly->have_keyframe) { /* nothing to decode it with */
        assembly->n_bytes = 0;
        return;
    }
    Frame *frame = frame_new(assembly->codec, assembly->n_bytes);
    frame->keyframe = assembly->keyframe;
    frame->width = assembly->keyframe ? assembly->stats.width : 0;
    frame->height = assembly->keyframe ? assembly->stats.height : 0;
    gboolean vp8 = assembly->codec == CODEC_VP8;
    frame->temporal_layer = vp8 && assembly->vp8.temporal_layer > 0 && !assembly->keyframe ? 1 : 0;
    frame->referenced = !vp8 || !assembly->vp8.non_reference;
    frame->rotation = assembly->rotation;
    frame->rtp_time = assembly->rtp_time;
    frame->arrival_us = frame->capture_us = assembly->arrival_us;
    frame->after_loss = assembly->chain_broken;
    memcpy(frame->bytes, assembly->bytes, assembly->n_bytes);
    assembly->n_bytes = 0;
    assembly->stats.n_frames++;
    assembly->frame(assembly->user, frame);
}

static void open_frame(VideoAssembly *assembly, const AssemblyPacket *packet) {
    assembly->open = TRUE;
    assembly->skipping = FALSE;
    assembly->n_bytes = 0;
    assembly->keyframe = assembly->parameter_sets = FALSE;
    assembly->frame_width = assembly->frame_height = 0;
    assembly->rtp_time = packet->rtp_time;
}

/* How many frames on from the last whole one this is; 0: not told. */
static guint picture_id_distance(const VideoAssembly *assembly, const Vp8Descriptor *next) {
    if (assembly->last_picture_id < 0 || next->picture_id < 0) return 0;
    gint32 mask = next->picture_id_long ? 0x7fff : 0x7f;
    return (guint)((next->picture_id - assembly->last_picture_id) & mask);
}

/* A delta frame begins after a gap: what did the gap break? */
static void vp8_judge_gap(VideoAssembly *assembly, const Vp8Descriptor *next) {
    guint distance = picture_id_distance(assembly, next);
    if (distance > 0 && distance < 1000) /* the ids count better than we could */
        assembly->stats.n_frames_lost += distance - 1 - (guint64)assembly->n_lost_in_gap;
    if (distance == 1) return; /* only padding was lost */
    if (assembly->last_tl0 < 0 || next->tl0_index < 0 || next->temporal_layer < 0) {
        assembly->chain_broken = TRUE;
        return;
    }
    /* Every base frame counts TL0PICIDX up by one, and frames above carry the number of the base they stand on. */
    guint8 base_step = (guint8)(next->tl0_index - assembly->last_tl0);
    if (base_step != (next->temporal_layer == 0 ? 1 : 0)) assembly->chain_broken = TRUE;
    assembly->upper_broken = TRUE;
}

typedef enum { BEGIN_OK, BEGIN_PASS_OVER, BEGIN_BAD } Begin;

/* frame: the first bytes of a frame whose packet opens it. */
static Begin vp8_begin(VideoAssembly *assembly, const Vp8Descriptor *descriptor, const guint8 *frame,
                       gsize n_bytes) {
    assembly->vp8 = *descriptor;
    if (vp8_is_keyframe(frame, n_bytes)) {
        assembly->keyframe = TRUE;
        return vp8_keyframe_size(frame, n_bytes, &assembly->frame_width, &assembly->frame_height) ? BEGIN_OK
                                                                                                  : BEGIN_BAD;
    }
    if (assembly->chain_broken) return BEGIN_OK;
    if (assembly->had_gap) vp8_judge_gap(assembly, descriptor);
    if (assembly->upper_broken && descriptor->temporal_layer > 0 && !assembly->chain_broken) {
        if (!descriptor->layer_sync) return BEGIN_PASS_OVER;
        assembly->upper_broken = FALSE;
    }
    return BEGIN_OK;
}

/* Not decodable, though nothing that follows depends on it. */
static void pass_over(VideoAssembly *assembly) {
    remember_vp8(assembly);
    close_gap(assembly);
    assembly->stats.n_frames_lost++;
    assembly->open = FALSE;
}

static void push_vp8(VideoAssembly *assembly, const AssemblyPacket *packet) {
    Vp8Descriptor descriptor;
    if (!vp8_descriptor_parse(packet->payload, packet->n_bytes, &descriptor)) {
        break_frame(assembly);
        return;
    }
    const guint8 *bytes = packet->payload + descriptor.n_bytes;
    gsize n_bytes = packet->n_bytes - descriptor.n_bytes;
    gboolean good = TRUE;
    if (!assembly->open) {
        if (!descriptor.starts_partition || descriptor.partition != 0) return; /* its beginning is lost */
        open_frame(assembly, packet);
        Begin begin = vp8_begin(assembly, &descriptor, bytes, n_bytes);
        if (begin == BEGIN_PASS_OVER) {
            pass_over(assembly);
            return;
        }
        good = begin == BEGIN_OK;
    }
    if (!good || !append(assembly, bytes, n_bytes)) {
        break_frame(assembly);
        assembly->chain_broken = TRUE;
    }
}

/* A new access unit can be told only behind a marker or a whole frame, or by parameter sets and delimiters. */
static gboolean h264_can_begin(const VideoAssembly *assembly, const AssemblyPacket *packet) {
    if (!assembly->skipping) return TRUE;
    H264Piece pieces[H264_PIECES_MAX];
    if (h264_pieces(packet->payload, packet->n_bytes, pieces) == 0) return FALSE;
    guint type = pieces[0].header & 31;
    return type == H264_NAL_SPS || type == H264_NAL_AUD;
}

/* What is not known whole here, or asks for more memory than pictures may have, does not reach a decoder: it would take the
 * last SPS that it heard, in whatever frame it came. */
static gboolean measure_sps(VideoAssembly *assembly, const H264Piece *piece) {
    guint16 width, height;
    if (!piece->starts || !piece->ends) return FALSE;
    /* Not in fragments, so its header byte stands before its bytes. */
    if (!h264_sps_size(piece->bytes - 1, piece->n_bytes + 1, &width, &height) || width > DECODER_WIDTH_MAX ||
        height > DECODER_HEIGHT_MAX)
        return FALSE;
    assembly->frame_width = width;
    assembly->frame_height = height;
    assembly->parameter_sets = TRUE;
    return TRUE;
}

static gboolean append_piece(VideoAssembly *assembly, const H264Piece *piece) {
    static const guint8 start_code[] = { 0, 0, 0, 1 };
    guint type = piece->header & 31;
    if (type == H264_NAL_SPS && !measure_sps(assembly, piece)) return FALSE;
    if (piece->starts) {
        if (!append(assembly, start_code, sizeof start_code) || !append(assembly, &piece->header, 1))
            return FALSE;
        if (type == H264_NAL_IDR) assembly->keyframe = TRUE;
    } else if (assembly->n_bytes == 0) {
        return FALSE;
    }
    return append(assembly, piece->bytes, piece->n_bytes);
}

static void push_h264(VideoAssembly *assembly, const AssemblyPacket *packet) {
    if (!assembly->open) {
        if (!h264_can_begin(assembly, packet)) return;
        open_frame(assembly, packet);
    }
    H264Piece pieces[H264_PIECES_MAX];
    guint n_pieces = h264_pieces(packet->payload, packet->n_bytes, pieces);
    gboolean good = n_pieces > 0;
    for (guint i = 0; i < n_pieces && good; i++) good = append_piece(assembly, &pieces[i]);
    if (!good) {
        break_frame(assembly);
        assembly->chain_broken = TRUE;
    }
}

void video_assembly_push(VideoAssembly *assembly, const AssemblyPacket *packet) {
    if (assembly->open && packet->rtp_time != assembly->rtp_time)
        finish(assembly); /* a sender without markers */
    if (packet->n_bytes > 0) {
        if (assembly->codec == CODEC_VP8)
            push_vp8(assembly, packet);
        else
            push_h264(assembly, packet);
    }
    if (assembly->open) {
        assembly->rotation = packet->rotation;
        assembly->arrival_us = packet->arrival_us;
        if (packet->marker) finish(assembly);
    }
    if (packet->marker) assembly->skipping = FALSE;
}
