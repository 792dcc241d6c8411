/* forward.c -- see forward.h. */
#include "bridge/media/forward.h"

enum {
    KEYFRAME_EVERY_US = 1000000,
    /* Frames behind a keyframe, and their bytes: all of them are stored for those who join a screen that rests. */
    CHAIN_MAX = 100,
    CHAIN_BYTES_MAX = 8000000,
    BURST_BYTES_MIN = 2000000,
    RATE_OVER = 4, /* times what was asked for */
};

struct Forward {
    StreamId stream;
    guint64 next_frame, next_packet;
    guint8 tl0_index; /* of the last base frame; counted here, so that what the sender lost is no gap */
    gboolean started, wanted;
    guint n_chain; /* frames since the keyframe */
    gsize chain_bytes;
    double rate_bytes, tokens; /* a second; that may come now */
    gint64 tokens_us;
    gint64 keyframe_us, asked_us; /* 0: never */
    ForwardStats stats;
};

Forward *forward_new(StreamId stream, guint bps) {
    Forward *forward = g_new0(Forward, 1);
    forward->stream = stream;
    forward->rate_bytes = bps / 8.0 * RATE_OVER;
    forward->tokens = MAX(forward->rate_bytes, BURST_BYTES_MIN);
    forward->tl0_index = 0xff; /* the first base frame is number 0 */
    return forward;
}

void forward_free(Forward *forward) { g_free(forward); }

StreamId forward_stream(const Forward *forward) { return forward->stream; }

static void note_keyframe(Forward *forward, const Frame *frame) {
    forward->started = TRUE;
    forward->wanted = FALSE;
    forward->n_chain = 0;
    forward->chain_bytes = 0;
    forward->keyframe_us = frame->arrival_us;
    forward->stats.n_keyframes++;
    forward->stats.width = frame->width;
    forward->stats.height = frame->height;
}

/* FALSE: from here on nothing is passed on before the next keyframe. */
static gboolean is_afforded(Forward *forward, const Frame *frame) {
    double most = MAX(forward->rate_bytes, BURST_BYTES_MIN);
    gint64 past_us = forward->tokens_us != 0 ? MAX(frame->arrival_us - forward->tokens_us, 0) : 0;
    forward->tokens = MIN(forward->tokens + forward->rate_bytes * (double)past_us / G_USEC_PER_SEC, most);
    forward->tokens_us = frame->arrival_us;
    gsize chain_bytes = frame->keyframe ? 0 : forward->chain_bytes;
    if (forward->tokens > 0 && chain_bytes + frame->n_bytes <= CHAIN_BYTES_MAX) {
        forward->tokens -= (double)frame->n_bytes;
        return TRUE;
    }
    forward->started = FALSE;
    forward->wanted = TRUE;
    return FALSE;
}

Block *forward_frame(Forward *forward, const Frame *frame) {
    if (frame->codec != CODEC_VP8 || frame->n_bytes == 0 || frame->after_loss ||
        (!frame->keyframe && !forward->started) || !is_afforded(forward, frame)) {
        forward->stats.n_held_back++;
        return NULL;
    }
    if (frame->keyframe) note_keyframe(forward, frame);
    Block *block = block_new_vp8(forward->stream, frame->bytes, frame->n_bytes, BLOCK_VP8_PAYLOAD_BYTES_MAX);
    if (frame->temporal_layer == 0) forward->tl0_index++;
    block->frame_index = forward->next_frame++;
    block->first_packet = forward->next_packet;
    forward->next_packet += block->n_packets;
    block->rtp_time = frame->rtp_time;
    block->capture_us = frame->capture_us;
    block->temporal_layer = frame->temporal_layer;
    block->kept = TRUE;
    block->chained = frame->temporal_layer > 0 && frame->referenced;
    block->tl0_index = forward->tl0_index;
    block->width = forward->stats.width;
    block->height = forward->stats.height;
    forward->chain_bytes += frame->n_bytes;
    if (++forward->n_chain > CHAIN_MAX) forward->wanted = TRUE;
    forward->stats.n_frames++;
    forward->stats.n_bytes += frame->n_bytes;
    return block;
}

void forward_want_keyframe(Forward *forward) { forward->wanted = TRUE; }

static gboolean is_recent(gint64 at_us, gint64 now_us) {
    return at_us != 0 && now_us - at_us < KEYFRAME_EVERY_US;
}

gboolean forward_keyframe_due(Forward *forward, gint64 now_us) {
    if (!forward->wanted || is_recent(forward->keyframe_us, now_us) || is_recent(forward->asked_us, now_us))
        return FALSE;
    /* Stays wanted: a lost PLI is asked again after the second, until the keyframe is here. */
    forward->asked_us = now_us;
    forward->stats.n_asked++;
    return TRUE;
}

void forward_read_stats(const Forward *forward, ForwardStats *ret_stats) { *ret_stats = forward->stats; }
