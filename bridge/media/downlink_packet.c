/* downlink_packet.c -- headers of one leg over shared payloads: sequence, time and picture ids that never jump, whatever the
 * encoders behind them do; and the same packet once more, on the RTX SSRC.
 * A frame's row in sent[] is all that is kept: the payload comes from the stream's store. */
#include "bridge/media/downlink_state.h"
#include "bridge/wire/rtp.h"
#include "bridge/wire/vp8.h"

#include <string.h>

static const double RESEND_SHARE = 0.6, RESEND_ROOM = 0.3;
enum {
    HEADER_BYTES = 32,
    VIDEO_HZ = 90000,
    TICKS_MIN = 90,
    SAME_CLOCK_TICKS = VIDEO_HZ / 4,
    RESEND_BPS_MIN = 64000,
    RESEND_BURST_US = 500000
};

static guint32 ticks_of_us(gint64 us) { return (guint32)(us * 9 / 100); }

/* ---- begin of a frame: its numbers ---- */

/* RTP time of this leg for a block. Rungs of a view share a clock; another view's may be anywhere, and is then moved so that
 * time goes on as the capture times say. */
static guint32 leg_time(DownlinkLane *lane, const Block *block) {
    guint32 time = block->rtp_time + lane->time_offset;
    if (!lane->started) return time;
    guint32 expected = lane->time_last + ticks_of_us(block->capture_us - lane->capture_last_us);
    gint32 off = (gint32)(time - expected);
    if (off > SAME_CLOCK_TICKS || off < -SAME_CLOCK_TICKS) {
        lane->time_offset += expected - time;
        time = expected;
    }
    return time;
}

guint lane_begin_frame(DownlinkLane *lane, const Block *block, gint64 shift_us) {
    guint slot = lane->next_sent++ % SENT_FRAMES;
    SentFrame *frame = &lane->sent[slot];
    guint32 time = leg_time(lane, block);
    lane->clock.measured = time - ticks_of_us(block->capture_us);
    lane->clock.known = TRUE;
    time += ticks_of_us(shift_us);
    /* Two rungs may show one tick: strictly later, or the receiver would take both for one frame. */
    if (lane->started && (gint32)(time - lane->time_last) < TICKS_MIN) time = lane->time_last + TICKS_MIN;
    if (block->keyframe) lane->tl0_offset = (guint8)(lane->tl0_last + 1 - block->tl0_index);
    *frame = (SentFrame){
        .first_sequence = lane->sequence,
        .n_packets = (guint16)block->n_packets,
        .picture_id = lane->picture_id & 0x7fff,
        .tl0_index = (guint8)(block->tl0_index + lane->tl0_offset),
        .stream = block->stream,
        .frame_index = block->frame_index,
        .rtp_time = time,
    };
    lane->sequence = (guint16)(lane->sequence + block->n_packets);
    lane->picture_id++;
    lane->tl0_last = frame->tl0_index;
    lane->time_last = time;
    lane->capture_last_us = block->capture_us + shift_us;
    lane->started = TRUE;
    lane->downlink->stats.n_frames++;
    return slot;
}

/* ---- packets ---- */

/* Header of one packet: fixed part, extensions, for RTX the original number, for VP8 the descriptor. */
static void fill_packet(const DownlinkLane *lane, const Block *block, const SentFrame *frame, guint index,
                        gboolean rtx, guint16 sequence, gint64 now_us, RtpOut *ret_out) {
    gboolean last = index + 1 == block->n_packets;
    RtpHeader header = {
        .ssrc = rtx ? lane->config->rtx_ssrc : lane->config->ssrc,
        .timestamp = frame->rtp_time,
        .sequence = sequence,
        .payload_type = rtx ? lane->config->rtx_payload_type : lane->config->payload_type,
        .marker = last,
    };
    Writer writer = writer_over(ret_out->header, sizeof ret_out->header);
    rtp_write_header(&writer, &header);
    if (lane->config->ext_abs_send_time != 0 || lane->downlink->numbers) {
        RtpExtWriter ext = rtp_ext_begin(&writer);
        rtp_ext_put_abs_send_time(&ext, lane->config->ext_abs_send_time, abs_send_time_from_us(now_us));
        downlink_put_transport_sequence(lane->downlink, &ext, lane->config->ext_transport_cc,
                                        block->packets[index].n_bytes + HEADER_BYTES, now_us);
        rtp_ext_end(&ext);
    }
    if (rtx) writer_u16(&writer, (guint16)(frame->first_sequence + index));
    if (block->codec == CODEC_VP8) {
        gboolean upper = block->temporal_layer > 0 && !block->chained;
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

/* asked: pictures, or what was asked for again; else filler, which says nothing of what the picture needs. */
static gsize send_slice(DownlinkLane *lane, guint n, gboolean asked, gint64 now_us,
                        gsize *ret_payload_bytes) {
    Downlink *downlink = lane->downlink;
    const RtpOut *slice = downlink->fanout->slice;
    gsize n_bytes = 0, payload_bytes = 0;
    for (guint i = 0; i < n; i++) {
        n_bytes += slice[i].n_header_bytes + slice[i].n_payload_bytes;
        payload_bytes += slice[i].n_payload_bytes;
    }
    transport_send_rtp(downlink->transport, slice, n, SEND_VIDEO);
    bandwidth_on_sent(&downlink->bandwidth, n, n_bytes, now_us);
    if (asked) meter_add(&lane->meter, n_bytes + n * WIRE_BYTES, now_us);
    downlink->stats.n_packets += n;
    downlink->stats.n_bytes += n_bytes;
    downlink->fanout->stats.n_packets += n;
    *ret_payload_bytes = payload_bytes;
    return n_bytes;
}

gsize lane_send_packets(DownlinkLane *lane, const Block *block, guint sent_slot, guint first, guint n,
                        gint64 now_us) {
    const SentFrame *frame = &lane->sent[sent_slot];
    gsize payload_bytes;
    g_assert(n <= SLICE_PACKETS);
    for (guint i = 0; i < n; i++)
        fill_packet(lane, block, frame, first + i, FALSE, (guint16)(frame->first_sequence + first + i),
                    now_us, &lane->downlink->fanout->slice[i]);
    gsize n_bytes = send_slice(lane, n, TRUE, now_us, &payload_bytes);
    lane->clock.n_packets += n;
    lane->clock.n_bytes += (guint32)payload_bytes;
    return n_bytes;
}

/* ---- resends ---- */

/* The frame that had this number: the newest rows are asked for most. */
static const SentFrame *find_sent(const DownlinkLane *lane, guint16 sequence) {
    guint n_rows = MIN(lane->next_sent, SENT_FRAMES);
    for (guint back = 1; back <= n_rows; back++) {
        const SentFrame *frame = &lane->sent[(lane->next_sent - back) % SENT_FRAMES];
        if ((guint16)(sequence - frame->first_sequence) < frame->n_packets) return frame;
    }
    return NULL;
}

/* The block that left as this frame; NULL: it is no longer kept. */
static const Block *block_of(const DownlinkLane *lane, const SentFrame *frame) {
    const StreamStore *store = fanout_store(lane->downlink->fanout, frame->stream);
    const Block *block = store != NULL ? stream_store_find(store, frame->frame_index) : NULL;
    return block != NULL && block->n_packets == frame->n_packets ? block : NULL;
}

/* Once per round trip at most: a second request may have crossed the first answer. */
static gboolean may_resend(DownlinkLane *lane, guint16 sequence, gint64 now_us) {
    gint64 rtt_us = CLAMP(lane->downlink->bandwidth.rtt_us, 20000, 500000);
    guint slot = sequence % RESENT_SLOTS;
    if (lane->resent[slot].sequence == sequence && lane->resent[slot].at_us != 0 &&
        now_us - lane->resent[slot].at_us < rtt_us / 2)
        return FALSE;
    lane->resent[slot].sequence = sequence;
    lane->resent[slot].at_us = now_us;
    return TRUE;
}

/* Resends may use little more than half of what the leg gets anyway, and its line carries: enough for 30 % of loss, yet a receiver that asks for
 * everything does not drown what it needs next. */
static void refill_resend(DownlinkLane *lane, gint64 now_us) {
    Downlink *downlink = lane->downlink;
    double least_bps = MIN(RESEND_BPS_MIN, lane_room_bps(lane) * RESEND_ROOM);
    guint32 had_bps =
        MIN(bandwidth_sent_bps(&downlink->bandwidth), bandwidth_estimate_bps(&downlink->bandwidth));
    double per_us = MAX(had_bps * RESEND_SHARE, least_bps) / 8e6;
    double most = per_us * RESEND_BURST_US;
    gint64 past_us = CLAMP(now_us - downlink->resend_tokens_us, 0, G_USEC_PER_SEC);
    downlink->resend_tokens = MIN(downlink->resend_tokens + per_us * (double)past_us, most);
    downlink->resend_tokens_us = now_us;
}

static gboolean prepare_resend(DownlinkLane *lane, guint16 sequence, gint64 now_us, RtpOut *ret_out) {
    Downlink *downlink = lane->downlink;
    const SentFrame *frame = find_sent(lane, sequence);
    const Block *block = frame != NULL ? block_of(lane, frame) : NULL;
    if (block == NULL || downlink->resend_tokens <= 0) {
        downlink->fanout->stats.n_resend_missed++;
        return FALSE;
    }
    if (!may_resend(lane, sequence, now_us)) return FALSE;
    fill_packet(lane, block, frame, (guint16)(sequence - frame->first_sequence), TRUE, lane->rtx_sequence++,
                now_us, ret_out);
    downlink->resend_tokens -= ret_out->n_header_bytes + ret_out->n_payload_bytes;
    lane->tokens -= ret_out->n_header_bytes + ret_out->n_payload_bytes; /* what is new waits meanwhile */
    downlink->stats.n_resent++;
    downlink->fanout->stats.n_resent++;
    return TRUE;
}

void lane_resend(DownlinkLane *lane, const guint16 *sequences, guint n_sequences, gint64 now_us) {
    RtpOut *slice = lane->downlink->fanout->slice;
    guint n = 0;
    gsize payload_bytes;
    refill_resend(lane, now_us);
    for (guint i = 0; i < n_sequences; i++) {
        if (prepare_resend(lane, sequences[i], now_us, &slice[n])) n++;
        if (n == SLICE_PACKETS || (i + 1 == n_sequences && n > 0)) {
            send_slice(lane, n, TRUE, now_us, &payload_bytes);
            n = 0;
        }
    }
}

gsize lane_send_filler(DownlinkLane *lane, gsize n_bytes, guint n_packets_max, gint64 now_us) {
    RtpOut *slice = lane->downlink->fanout->slice;
    guint n = 0, n_rows = MIN(lane->next_sent, SENT_FRAMES);
    gsize got = 0, payload_bytes;
    for (guint back = 1; back <= n_rows && n < n_packets_max && got < n_bytes; back++) {
        const SentFrame *frame = &lane->sent[(lane->next_sent - back) % SENT_FRAMES];
        const Block *block = block_of(lane, frame);
        if (block == NULL) break;
        for (guint i = 0; i < block->n_packets && n < n_packets_max && got < n_bytes; i++) {
            fill_packet(lane, block, frame, i, TRUE, lane->rtx_sequence++, now_us, &slice[n]);
            got += slice[n].n_header_bytes + slice[n].n_payload_bytes;
            n++;
        }
    }
    if (n > 0) send_slice(lane, n, FALSE, now_us, &payload_bytes);
    return n > 0 ? got : n_bytes; /* nothing to send: nothing more is tried */
}
