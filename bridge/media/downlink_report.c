/* downlink_report.c -- RTCP of a leg's downlink: our sender reports out, the receiver's feedback in.
 * Lip sync: a report of a mixed stream states capture time, so voice and picture meet at the receiver whatever they cost on
 * the way through mixer and encoder. The stated map moves at most 2 ms per report. */
#include "bridge/media/downlink_state.h"

enum { REPORT_US = 1000000, SLEW_MS = 2, JUMP_MS = 1000, TWCC_PACKETS_MIN = 10 };

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
    if (!downlink->audio_clock.known && !downlink->clock.known) return; /* at once with the first packet */
    downlink->next_report_us = now_us + REPORT_US;
    write_report(downlink, &downlink->audio_clock, downlink->config.audio.ssrc, writer, now_us);
    write_report(downlink, &downlink->clock, downlink->config.video.ssrc, writer, now_us);
}

/* ---- in ---- */

static void on_block(Downlink *downlink, const RtcpReportBlock *block, gint64 now_us) {
    gboolean video = downlink->config.video.payload_type != 0 && downlink->clock.known;
    if (block->ssrc != (video ? downlink->config.video.ssrc : downlink->config.audio.ssrc)) return;
    gint64 rtt_us = rtcp_round_trip_us(block, ntp_from_utc_us(now_us + downlink->ntp_offset_us));
    bandwidth_on_report(&downlink->bandwidth, block->fraction_lost / 256.0, rtt_us, now_us);
}

static void on_nack(Downlink *downlink, const RtcpItem *item, gint64 now_us) {
    if (item->media_ssrc != downlink->config.video.ssrc || item->nack.n_sequences == 0) return;
    downlink->stats.n_nacked += item->nack.n_sequences;
    bandwidth_on_nack(&downlink->bandwidth, item->nack.n_sequences, now_us);
    if (downlink->config.video.rtx_payload_type != 0 && downlink->config.video.rtx_ssrc != 0)
        downlink_resend(downlink, item->nack.sequences, item->nack.n_sequences, now_us);
    else /* a packet may not be sent again under its own number: see srtp.h */
        downlink_on_picture_lost(downlink, now_us);
}

static void on_fir(Downlink *downlink, const RtcpItem *item, gint64 now_us) {
    for (guint i = 0; i < item->fir.n_entries; i++)
        if (item->fir.entries[i].ssrc == downlink->config.video.ssrc) {
            downlink_on_picture_lost(downlink, now_us);
            return;
        }
}

static void on_twcc(Downlink *downlink, const RtcpTwcc *twcc, gint64 now_us) {
    guint n_lost = 0;
    for (guint i = 0; i < twcc->n_packets; i++)
        if (twcc->arrival_us[i] == RTCP_TWCC_LOST) n_lost++;
    if (twcc->n_packets >= TWCC_PACKETS_MIN)
        bandwidth_on_report(&downlink->bandwidth, (double)n_lost / twcc->n_packets, -1, now_us);
}

void downlink_on_rtcp(Downlink *downlink, const RtcpItem *item, gint64 now_us) {
    switch (item->kind) {
    case RTCP_SR:
    case RTCP_RR:
        for (guint i = 0; i < item->report.n_blocks; i++) on_block(downlink, &item->report.blocks[i], now_us);
        break;
    case RTCP_NACK: on_nack(downlink, item, now_us); break;
    case RTCP_PLI:
        if (item->media_ssrc == downlink->config.video.ssrc) downlink_on_picture_lost(downlink, now_us);
        break;
    case RTCP_FIR: on_fir(downlink, item, now_us); break;
    case RTCP_REMB: bandwidth_on_remb(&downlink->bandwidth, item->remb.bitrate_bps, now_us); break;
    case RTCP_TWCC: on_twcc(downlink, &item->twcc, now_us); break;
    case RTCP_CNAME:
    case RTCP_BYE: break;
    }
}
