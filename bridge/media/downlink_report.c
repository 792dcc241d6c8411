/* downlink_report.c -- RTCP of a leg's downlink: our sender reports out, the receiver's feedback in.
 * Lip sync: a report of a mixed stream states capture time, so voice and picture meet at the receiver whatever they cost on
 * the way through mixer and encoder. The stated map moves at most 2 ms per report. */
#include "bridge/media/downlink_state.h"

enum {
    REPORT_US = 1000000,
    SLEW_MS = 2,
    JUMP_MS = 1000,
    FRESH_SR = 2 * 65536 + 32768 /* 2.5 s: an older one has not seen the queue that loses those after it */
};

/* ---- out ---- */

static void slew(SentClock *clock) {
    gint32 off = (gint32)(clock->measured - clock->told);
    gint32 step = (gint32)(clock->rate_hz / 1000 * SLEW_MS), jump = (gint32)(clock->rate_hz / 1000 * JUMP_MS);
    if (!clock->told_once || off > jump || off < -jump)
        clock->told = clock->measured;
    else
        clock->told += (guint32)CLAMP(off, -step, step);
    clock->told_once = TRUE;
}

static void write_report(Downlink *downlink, SentClock *clock, guint32 ssrc, Writer *writer, gint64 now_us) {
    if (!clock->known || clock->n_packets == 0) return;
    slew(clock);
    RtcpSenderInfo info = {
        .ntp = ntp_from_utc_us(now_us + downlink->ntp_offset_us),
        .rtp_time = clock->told + (guint32)(now_us * (clock->rate_hz / 1000) / 1000),
        .n_packets = clock->n_packets,
        .n_bytes = clock->n_bytes,
    };
    rtcp_write_sr(writer, ssrc, &info, NULL, 0);
    rtcp_write_cname(writer, ssrc, downlink->config.cname);
}

void downlink_write_reports(Downlink *downlink, Writer *writer, gint64 now_us) {
    if (now_us < downlink->next_report_us) return;
    gboolean known = downlink->audio_clock.known;
    for (guint i = 0; i < DOWNLINK_LANES; i++)
        known |= downlink->lanes[i] != NULL && downlink->lanes[i]->clock.known;
    if (!known) return; /* at once with the first packet */
    downlink->next_report_us = now_us + REPORT_US;
    write_report(downlink, &downlink->audio_clock, downlink->config.audio.ssrc, writer, now_us);
    for (guint i = 0; i < DOWNLINK_LANES; i++) {
        DownlinkLane *lane = downlink->lanes[i];
        if (lane != NULL) write_report(downlink, &lane->clock, lane->config->ssrc, writer, now_us);
    }
}

/* ---- in ---- */

static DownlinkLane *lane_of(const Downlink *downlink, guint32 ssrc) {
    for (guint i = 0; i < DOWNLINK_LANES; i++)
        if (downlink->lanes[i] != NULL && downlink->lanes[i]->config->ssrc == ssrc) return downlink->lanes[i];
    return NULL;
}

/* One stream speaks for the line: the program's where there is one. */
static void on_block(Downlink *downlink, const RtcpReportBlock *block, gint64 now_us) {
    const DownlinkLane *program = downlink->lanes[DOWNLINK_PROGRAM];
    gboolean video = program != NULL && program->clock.known;
    if (block->ssrc == downlink->config.audio.ssrc)
        downlink_on_audio_report(downlink, block->fraction_lost / 256.0, now_us);
    if (block->ssrc != (video ? downlink->config.video.ssrc : downlink->config.audio.ssrc)) return;
    gint64 rtt_us = rtcp_round_trip_us(block, ntp_from_utc_us(now_us + downlink->ntp_offset_us));
    if (block->since_last_sr > FRESH_SR) rtt_us = -1;
    bandwidth_on_report(&downlink->bandwidth, block->fraction_lost / 256.0, rtt_us, now_us);
}

static void on_nack(Downlink *downlink, const RtcpItem *item, gint64 now_us) {
    DownlinkLane *lane = lane_of(downlink, item->media_ssrc);
    if (lane == NULL || item->nack.n_sequences == 0) return;
    downlink->stats.n_nacked += item->nack.n_sequences;
    bandwidth_on_nack(&downlink->bandwidth, item->nack.n_sequences, now_us);
    if (lane->config->rtx_payload_type != 0 && lane->config->rtx_ssrc != 0)
        lane_resend(lane, item->nack.sequences, item->nack.n_sequences, now_us);
    else /* a packet may not be sent again under its own number: see srtp.h */
        lane_on_picture_lost(lane, now_us);
}

static void on_picture_lost(Downlink *downlink, guint32 ssrc, gint64 now_us) {
    DownlinkLane *lane = lane_of(downlink, ssrc);
    if (lane != NULL) lane_on_picture_lost(lane, now_us);
}

void downlink_on_rtcp(Downlink *downlink, const RtcpItem *item, gint64 now_us) {
    switch (item->kind) {
    case RTCP_SR:
    case RTCP_RR:
        for (guint i = 0; i < item->report.n_blocks; i++) on_block(downlink, &item->report.blocks[i], now_us);
        break;
    case RTCP_NACK: on_nack(downlink, item, now_us); break;
    case RTCP_PLI: on_picture_lost(downlink, item->media_ssrc, now_us); break;
    case RTCP_FIR:
        for (guint i = 0; i < item->fir.n_entries; i++)
            on_picture_lost(downlink, item->fir.entries[i].ssrc, now_us);
        break;
    case RTCP_REMB: bandwidth_on_remb(&downlink->bandwidth, item->remb.bitrate_bps, now_us); break;
    case RTCP_TWCC: feed_on_twcc(downlink, &item->twcc, now_us); break;
    case RTCP_CNAME:
    case RTCP_BYE: break;
    }
}
