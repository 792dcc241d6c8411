/* downlink_feed.c -- see downlink_feed.h. */
#include "bridge/media/downlink_feed.h"

#include "bridge/media/downlink_state.h"
#include "config/log.h"

static const double ROOM = 1.06; /* a little more than the ladder asks for */

enum { LOG_US = 1000000, PRESSURE_US = 30000000, FILLER_PACKETS_MAX = 8, PROBE_LATE_US = 2000 };

/* ---- numbers ---- */

static gboolean wants_better(const Downlink *downlink) {
    for (guint i = 0; i < DOWNLINK_LANES; i++) {
        const DownlinkLane *lane = downlink->lanes[i];
        if (lane != NULL && lane->n_rungs > 0 && lane->ladder.level > lane->ladder.level_max) return TRUE;
    }
    return FALSE;
}

void feed_beat(Downlink *downlink, gint64 now_us) {
    gboolean able =
        downlink->config.video.ext_transport_cc != 0 || downlink->config.audio.ext_transport_cc != 0;
    bandwidth_tick(&downlink->bandwidth, now_us);
    if (able && downlink_is_live(downlink) &&
        (wants_better(downlink) || bandwidth_is_troubled(&downlink->bandwidth, now_us)))
        downlink->numbers_until_us = now_us + PRESSURE_US;
    downlink->numbers = now_us < downlink->numbers_until_us;
    if (downlink->numbers && downlink->feed == NULL) {
        downlink->feed = g_new0(DownlinkFeed, 1);
        downlink->feed->next = (guint16)g_random_int_range(1, 0x4000);
    }
}

void downlink_put_transport_sequence(Downlink *downlink, RtpExtWriter *ext, guint8 id, gsize n_bytes,
                                     gint64 now_us) {
    DownlinkFeed *feed = downlink->feed;
    if (id == 0 || !downlink->numbers) return;
    feed->sent[feed->next % FEED_PACKETS] =
        (FeedPacket){ .sent_us = now_us,
                      .sequence = feed->next,
                      .n_bytes = (guint16)MIN(n_bytes + WIRE_BYTES, G_MAXUINT16),
                      .probe = feed->probe_bps != 0 && now_us < feed->probe_until_us };
    rtp_ext_put_transport_cc(ext, id, feed->next++);
}

void feed_on_return(Downlink *downlink) {
    DownlinkFeed *feed = downlink->feed;
    for (guint i = 0; feed != NULL && i < FEED_PACKETS; i++) feed->sent[i].told = 1;
}

void feed_on_twcc(Downlink *downlink, const RtcpTwcc *twcc, gint64 now_us) {
    DownlinkFeed *feed = downlink->feed;
    FeedbackPacket *packets = downlink->fanout->feedback;
    guint n = 0;
    if (feed == NULL) return;
    feed->reference_us = rtcp_twcc_reference_us(twcc, feed->reference_us);
    for (guint i = 0; i < twcc->n_packets; i++) {
        guint16 sequence = (guint16)(twcc->base_sequence + i);
        FeedPacket *sent = &feed->sent[sequence % FEED_PACKETS];
        if (sent->sequence != sequence || sent->sent_us == 0 || sent->told) continue;
        sent->told = 1;
        gboolean lost = twcc->arrival_us[i] == RTCP_TWCC_LOST;
        packets[n++] = (FeedbackPacket){ .sent_us = sent->sent_us,
                                         .arrival_us = lost ? 0 : feed->reference_us + twcc->arrival_us[i],
                                         .n_bytes = sent->n_bytes,
                                         .lost = lost,
                                         .probe = sent->probe != 0 };
    }
    if (n > 0) bandwidth_on_feedback(&downlink->bandwidth, packets, n, now_us);
}

/* What is believed of a line in trouble, once a second, for whoever looks into it. */
static void tell(const DownlinkLane *lane, gint64 now_us) {
    Downlink *downlink = lane->downlink;
    const Bandwidth *bandwidth = &downlink->bandwidth;
    if (now_us < downlink->feed->next_log_us) return;
    downlink->feed->next_log_us = now_us + LOG_US;
    log_debug(
        "downlink.line",
        "seat=%u measured=%d estimate_bps=%u by_loss_bps=%.0f by_delay_bps=%.0f carried_bps=%.0f sent_bps=%u "
        "sound_bps=%u loss=%.2f own_loss=%.2f queue=%d threshold=%.1f rtt_ms=%d level=%u thin=%d waiting=%d",
        downlink->config.seat, bandwidth->measured, bandwidth_estimate_bps(bandwidth),
        bandwidth->estimate_bps, bandwidth->congestion.bps, congestion_carried_bps(&bandwidth->congestion),
        meter_bps(&lane->meter), downlink->sound_bps, bandwidth->loss, bandwidth->judge.floor,
        (int)bandwidth->congestion.trend.sign, bandwidth->congestion.trend.threshold,
        (int)(bandwidth->rtt_us / 1000), lane->ladder.level, ladder_is_thin(&lane->ladder), lane->waiting);
}

/* ---- probes ---- */

/* Up is found out by probes, which need packets that may be sent twice. */
gboolean feed_can_probe(const DownlinkLane *lane) {
    return lane->downlink->bandwidth.measured && lane->downlink->numbers && lane->config->rtx_ssrc != 0 &&
           lane->config->rtx_payload_type != 0 && lane->config->ext_transport_cc != 0;
}

static void end_probe(Downlink *downlink, ProbeState state, gint64 now_us) {
    DownlinkFeed *feed = downlink->feed;
    probe_ended(&feed->probe, state == PROBE_HELD, feed->probe_bps, now_us);
    feed->probe_bps = 0;
    downlink->probing = FALSE;
    if (state == PROBE_HELD)
        downlink->stats.n_probes_held++;
    else
        downlink->stats.n_probes_failed++;
}

void feed_choose(DownlinkLane *lane, gboolean clean, gint64 now_us) {
    Downlink *downlink = lane->downlink;
    DownlinkFeed *feed = downlink->feed;
    Bandwidth *bandwidth = &downlink->bandwidth;
    if (feed == NULL) return;
    if (downlink->numbers) tell(lane, now_us);
    if (feed->probe_bps != 0) {
        ProbeState state = bandwidth_probe_take(bandwidth, now_us);
        if (state != PROBE_RUNS) end_probe(downlink, state, now_us);
        return;
    }
    guint32 next_bps = ladder_next_bps(&lane->ladder, lane_needs_bps(lane, now_us));
    if (next_bps == 0 || !feed_can_probe(lane)) return;
    guint32 wanted_bps = (guint32)MIN(next_bps * ROOM + lane_beside_bps(lane), BANDWIDTH_BPS_MAX);
    guint32 target_bps = probe_due(&feed->probe, wanted_bps, bandwidth_estimate_bps(bandwidth),
                                   (guint32)congestion_carried_bps(&bandwidth->congestion), clean, now_us);
    if (target_bps == 0) return;
    feed->probe_bps = target_bps;
    feed->probe_begun_us = now_us;
    feed->probe_until_us = now_us + PROBE_US;
    feed->probe_from_bytes = downlink->stats.n_bytes;
    downlink->probing = TRUE;
    bandwidth_probe_begin(bandwidth, target_bps, now_us, feed->probe_until_us);
}

/* Packets of the last pictures once more, until all that leaves is as much as the probe wants; what is new goes first. */
void feed_pump(Downlink *downlink, gint64 now_us) {
    DownlinkFeed *feed = downlink->feed;
    if (feed->probe_bps == 0 || now_us > feed->probe_until_us + PROBE_LATE_US ||
        bandwidth_queue_grows(&downlink->bandwidth, now_us)) {
        downlink->probing = FALSE;
        return;
    }
    double due = (double)feed->probe_bps / 8e6 * (double)(now_us - feed->probe_begun_us) -
                 (double)(downlink->stats.n_bytes - feed->probe_from_bytes);
    for (guint i = 0; i < DOWNLINK_LANES && due > 0; i++)
        if (downlink->lanes[i] != NULL && feed_can_probe(downlink->lanes[i]))
            due -= (double)lane_send_filler(downlink->lanes[i], (gsize)due, FILLER_PACKETS_MAX, now_us);
}
