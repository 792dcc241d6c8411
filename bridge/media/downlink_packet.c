/* downlink_packet.c -- headers of one leg over shared payloads: sequence, time and picture ids that never jump, whatever the
 * encoders behind them do; and the same packet once more, on the RTX SSRC.
 * A frame's row in sent[] is all that is kept: the payload comes from the stream's store. */
#include "bridge/media/downlink_state.h"
#include "bridge/wire/rtp.h"
#include "bridge/wire/vp8.h"

#include <string.h>

static const double RESEND_SHARE = 0.6;
enum { VIDEO_HZ = 90000, TICKS_MIN = 90, SAME_CLOCK_TICKS = VIDEO_HZ / 4, RESEND_BPS_MIN = 64000 };

static guint32 ticks_of_us(gint64 us) { return (guint32)(us * 9 / 100); }

/* ---- begin of a frame: its numbers ---- */

/* RTP time of this leg for a block. Rungs of a view share a clock; another view's may be anywhere, and is then moved so that
 * time goes on as the capture times say. */
static guint32 leg_time(Downlink *downlink, const Block *block) {
    guint32 time = block->rtp_time + downlink->time_offset;
    if (!downlink->started) return time;
    guint32 expected = downlink->time_last + ticks_of_us(block->capture_us - downlink->capture_last_us);
    gint32 off = (gint32)(time - expected);
    if (off > SAME_CLOCK_TICKS || off < -SAME_CLOCK_TICKS) {
        downlink->time_offset += expected - time;
        time = expected;
    }
    return time;
}

guint downlink_begin_frame(Downlink *downlink, const Block *block, gint64 shift_us) {
    guint slot = downlink->next_sent++ % SENT_FRAMES;
    SentFrame *frame = &downlink->sent[slot];
    guint32 time = leg_time(downlink, block);
    downlink->clock.measured = time - ticks_of_us(block->capture_us);
    downlink->clock.known = TRUE;
    time += ticks_of_us(shift_us);
    /* Two rungs may show one tick: strictly later, or the receiver would take both for one frame. */
    if (downlink->started && (gint32)(time - downlink->time_last) < TICKS_MIN)
        time = downlink->time_last + TICKS_MIN;
    if (block->keyframe) downlink->tl0_offset = (guint8)(downlink->tl0_last + 1 - block->tl0_index);
    *frame = (SentFrame){
        .first_sequence = downlink->sequence,
        .n_packets = (guint16)block->n_packets,
        .picture_id = downlink->picture_id & 0x7fff,
        .tl0_index = (guint8)(block->tl0_index + downlink->tl0_offset),
        .stream = block->stream,
        .frame_index = block->frame_index,
        .rtp_time = time,
    };
    downlink->sequence = (guint16)(downlink->sequence + block->n_packets);
    downlink->picture_id++;
    downlink->tl0_last = frame->tl0_index;
    downlink->time_last = time;
    downlink->capture_last_us = block->capture_us + shift_us;
    downlink->started = TRUE;
    downlink->stats.n_frames++;
    return slot;
}

/* ---- packets ---- */

/* Header of one packet: fixed part, extensions, for RTX the original number, for VP8 the descriptor. */
static void fill_packet(const Downlink *downlink, const Block *block, const SentFrame *frame, guint index,
                        gboolean rtx, guint16 sequence, gint64 now_us, RtpOut *ret_out) {
    gboolean last = index + 1 == block->n_packets;
    RtpHeader header = {
        .ssrc = rtx ? downlink->config.video.rtx_ssrc : downlink->config.video.ssrc,
        .timestamp = frame->rtp_time,
        .sequence = sequence,
        .payload_type = rtx ? downlink->config.video.rtx_payload_type : downlink->config.video.payload_type,
        .marker = last,
    };
    Writer writer = writer_over(ret_out->header, sizeof ret_out->header);
    rtp_write_header(&writer, &header);
    if (downlink->config.video.ext_abs_send_time != 0) {
        RtpExtWriter ext = rtp_ext_begin(&writer);
        rtp_ext_put_abs_send_time(&ext, downlink->config.video.ext_abs_send_time,
                                  abs_send_time_from_us(now_us));
        rtp_ext_end(&ext);
    }
    if (rtx) writer_u16(&writer, (guint16)(frame->first_sequence + index));
    if (block->codec == CODEC_VP8) {
        gboolean upper = block->temporal_layer > 0;
        guint8 descriptor[VP8_DESCRIPTOR_BYTES_MAX];
        vp8_descriptor_write_ours(descriptor, index == 0, upper, frame->picture_id, frame->tl0_index,
                                  block->temporal_layer, upper);
        writer_bytes(&writer, descriptor, sizeof descriptor);
    }
    g_assert(!writer.bad);
    ret_out->n_header_bytes = (guint)writer.n_bytes;
    ret_out->payload = block->bytes + block->packets[index].offset;
    ret_out->n_payload_bytes = block->packets[index].n_bytes;
}

static gsize send_slice(Downlink *downlink, guint n, gint64 now_us, gsize *ret_payload_bytes) {
    const RtpOut *slice = downlink->fanout->slice;
    gsize n_bytes = 0, payload_bytes = 0;
    for (guint i = 0; i < n; i++) {
        n_bytes += slice[i].n_header_bytes + slice[i].n_payload_bytes;
        payload_bytes += slice[i].n_payload_bytes;
    }
    transport_send_rtp(downlink->transport, slice, n, SEND_VIDEO);
    bandwidth_on_sent(&downlink->bandwidth, n, n_bytes, now_us);
    downlink->stats.n_packets += n;
    downlink->stats.n_bytes += n_bytes;
    downlink->fanout->stats.n_packets += n;
    *ret_payload_bytes = payload_bytes;
    return n_bytes;
}

gsize downlink_send_packets(Downlink *downlink, const Block *block, guint sent_slot, guint first, guint n,
                            gint64 now_us) {
    const SentFrame *frame = &downlink->sent[sent_slot];
    gsize payload_bytes;
    g_assert(n <= SLICE_PACKETS);
    for (guint i = 0; i < n; i++)
        fill_packet(downlink, block, frame, first + i, FALSE, (guint16)(frame->first_sequence + first + i),
                    now_us, &downlink->fanout->slice[i]);
    gsize n_bytes = send_slice(downlink, n, now_us, &payload_bytes);
    downlink->clock.n_packets += n;
    downlink->clock.n_bytes += (guint32)payload_bytes;
    return n_bytes;
}

/* ---- resends ---- */

/* The frame that had this number: the newest rows are asked for most. */
static const SentFrame *find_sent(const Downlink *downlink, guint16 sequence) {
    guint n_rows = MIN(downlink->next_sent, SENT_FRAMES);
    for (guint back = 1; back <= n_rows; back++) {
        const SentFrame *frame = &downlink->sent[(downlink->next_sent - back) % SENT_FRAMES];
        if ((guint16)(sequence - frame->first_sequence) < frame->n_packets) return frame;
    }
    return NULL;
}

/* Once per round trip at most: a second request may have crossed the first answer. */
static gboolean may_resend(Downlink *downlink, guint16 sequence, gint64 now_us) {
    gint64 rtt_us = CLAMP(downlink->bandwidth.rtt_us, 20000, 500000);
    guint slot = sequence % RESENT_SLOTS;
    if (downlink->resent[slot].sequence == sequence && downlink->resent[slot].at_us != 0 &&
        now_us - downlink->resent[slot].at_us < rtt_us / 2)
        return FALSE;
    downlink->resent[slot].sequence = sequence;
    downlink->resent[slot].at_us = now_us;
    return TRUE;
}

/* Resends may use little more than half of what the leg gets anyway: enough for 30 % of loss, yet a receiver that asks for
 * everything does not drown what it needs next. */
static void refill_resend(Downlink *downlink, gint64 now_us) {
    double per_us = MAX(bandwidth_sent_bps(&downlink->bandwidth) * RESEND_SHARE, RESEND_BPS_MIN) / 8e6;
    double most = per_us * G_USEC_PER_SEC / 2;
    gint64 past_us = CLAMP(now_us - downlink->resend_tokens_us, 0, G_USEC_PER_SEC);
    downlink->resend_tokens = MIN(downlink->resend_tokens + per_us * (double)past_us, most);
    downlink->resend_tokens_us = now_us;
}

static gboolean prepare_resend(Downlink *downlink, guint16 sequence, gint64 now_us, RtpOut *ret_out) {
    const SentFrame *frame = find_sent(downlink, sequence);
    const StreamStore *store = frame != NULL ? fanout_store(downlink->fanout, frame->stream) : NULL;
    const Block *block = store != NULL ? stream_store_find(store, frame->frame_index) : NULL;
    if (block == NULL || downlink->resend_tokens <= 0) {
        downlink->fanout->stats.n_resend_missed++;
        return FALSE;
    }
    if (!may_resend(downlink, sequence, now_us)) return FALSE;
    fill_packet(downlink, block, frame, (guint16)(sequence - frame->first_sequence), TRUE,
                downlink->rtx_sequence++, now_us, ret_out);
    downlink->resend_tokens -= ret_out->n_header_bytes + ret_out->n_payload_bytes;
    downlink->stats.n_resent++;
    downlink->fanout->stats.n_resent++;
    return TRUE;
}

void downlink_resend(Downlink *downlink, const guint16 *sequences, guint n_sequences, gint64 now_us) {
    RtpOut *slice = downlink->fanout->slice;
    guint n = 0;
    gsize payload_bytes;
    refill_resend(downlink, now_us);
    for (guint i = 0; i < n_sequences; i++) {
        if (prepare_resend(downlink, sequences[i], now_us, &slice[n])) n++;
        if (n == SLICE_PACKETS || (i + 1 == n_sequences && n > 0)) {
            send_slice(downlink, n, now_us, &payload_bytes);
            n = 0;
        }
    }
}
