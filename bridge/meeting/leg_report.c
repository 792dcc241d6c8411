/* leg_report.c -- what a leg tells its peer: sender and receiver reports, what is missing, how much it may send; and what it
 * tells the control thread about the line. */
#include "bridge/meeting/leg.h"
#include "config/log.h"

enum {
    REPORT_US = 1000000,
    TWCC_US = 100000,
    TWCC_FEW = 4, /* fewer packets than that wait for the report */
    TWCC_NARROW_US = 300000,
    QUALITY_US = 2000000,
    QUALITY_GRID_US = 250000, /* told together: control is woken once for many legs */
    PACKET_BYTES_MAX = 1200
};

guint32 leg_own_ssrc(const Leg *leg) {
    if (leg->audio_section >= 0 && leg->plan.sections[leg->audio_section].local_ssrc != 0)
        return leg->plan.sections[leg->audio_section].local_ssrc;
    return leg->spec.local[SECTION_AUDIO].ssrc; /* a leg that only receives still signs its reports */
}

static void send_written(Leg *leg, const Writer *writer) {
    if (!writer->bad && writer->n_bytes > 0)
        transport_send_rtcp(leg->transport, writer->start, writer->n_bytes);
}

/* Feedback travels alone where reduced size is agreed (RFC 5506), else behind an empty receiver report. */
static Writer begin_feedback(const Leg *leg, guint8 *bytes, gsize n_bytes) {
    Writer writer = writer_over(bytes, n_bytes);
    if (!leg->plan.reduced_size) rtcp_write_rr(&writer, leg_own_ssrc(leg), NULL, 0);
    return writer;
}

void leg_send_nack(Leg *leg, gint section, guint32 ssrc, const guint16 *sequences, guint n_sequences) {
    guint8 bytes[PACKET_BYTES_MAX];
    if ((leg->plan.sections[section].feedback & SDP_FB_NACK) == 0) return;
    Writer writer = begin_feedback(leg, bytes, sizeof bytes);
    rtcp_write_nack(&writer, leg_own_ssrc(leg), ssrc, sequences, n_sequences);
    send_written(leg, &writer);
}

void leg_send_pli(Leg *leg, gint section, guint32 ssrc) {
    guint8 bytes[64];
    guint feedback = leg->plan.sections[section].feedback;
    Writer writer = begin_feedback(leg, bytes, sizeof bytes);
    if ((feedback & SDP_FB_PLI) != 0)
        rtcp_write_pli(&writer, leg_own_ssrc(leg), ssrc);
    else if ((feedback & SDP_FB_FIR) != 0)
        rtcp_write_fir(&writer, leg_own_ssrc(leg), ssrc, (guint8)g_random_int());
    else
        return;
    send_written(leg, &writer);
}

static guint add_block(ReceiveStats *stats, gint64 now_us, RtcpReportBlock *ret_block) {
    ReceiveReport report;
    if (stats->clock_hz == 0 || !receive_stats_report(stats, now_us, &report)) return 0;
    *ret_block = (RtcpReportBlock){ .ssrc = report.ssrc,
                                    .fraction_lost = report.fraction_lost,
                                    .n_lost = report.cumulative_lost,
                                    .highest_sequence = report.highest,
                                    .jitter = report.jitter,
                                    .last_sr = report.last_report,
                                    .since_last_sr = report.delay };
    return 1;
}

static void send_reports(Leg *leg, gint64 now_us) {
    guint8 bytes[PACKET_BYTES_MAX];
    RtcpReportBlock blocks[LEG_LAYERS_MAX + SCREEN_LAYERS + 1];
    guint32 ssrcs[LEG_LAYERS_MAX + SCREEN_LAYERS];
    guint n_blocks = add_block(&leg->audio_stats, now_us, &blocks[0]);
    for (guint i = 0; i < leg->n_layers; i++) {
        ssrcs[i] = leg->layers[i].ssrc;
        n_blocks += add_block(&leg->layers[i].stats, now_us, &blocks[n_blocks]);
    }
    guint n_ssrcs = leg->n_layers;
    for (guint i = 0; i < SCREEN_LAYERS; i++) {
        if (leg->screen[i].uplink == NULL) continue;
        if (leg->screen_bps > 0) ssrcs[n_ssrcs++] = leg->screen[i].ssrc;
        n_blocks += add_block(&leg->screen[i].stats, now_us, &blocks[n_blocks]);
    }
    Writer writer = writer_over(bytes, sizeof bytes);
    downlink_write_reports(leg->downlink, &writer, now_us);
    if (n_blocks > 0 || writer.n_bytes == 0) rtcp_write_rr(&writer, leg_own_ssrc(leg), blocks, n_blocks);
    if (leg->n_layers > 0 && leg->need_bps > 0 &&
        (leg->plan.sections[leg->camera_section].feedback & SDP_FB_REMB) != 0)
        rtcp_write_remb(&writer, leg_own_ssrc(leg), leg->need_bps + leg->screen_bps, ssrcs, n_ssrcs);
    if (twcc_record_n_pending(&leg->twcc) < TWCC_FEW)
        twcc_record_write(&leg->twcc, &writer, leg_own_ssrc(leg), leg->house->twcc_scratch);
    send_written(leg, &writer);
}

static void send_transport_feedback(Leg *leg) {
    guint8 bytes[PACKET_BYTES_MAX];
    Writer writer = begin_feedback(leg, bytes, sizeof bytes);
    if (twcc_record_write(&leg->twcc, &writer, leg_own_ssrc(leg), leg->house->twcc_scratch))
        send_written(leg, &writer);
}

/* Share lost since the last call; told: packets and losses until then. */
static double loss_since(guint64 told[2], guint64 n_packets, guint64 n_lost) {
    guint64 packets = n_packets - MIN(n_packets, told[0]), lost = n_lost - MIN(n_lost, told[1]);
    told[0] = n_packets;
    told[1] = n_lost;
    return packets + lost > 0 ? (double)lost / (double)(packets + lost) : 0.0;
}

/* What comes of a room, for whoever looks into its line: counters since the leg began. */
static void log_uplink(const Leg *leg, const NewsLegQuality *quality, const AudioUplinkStats *voice,
                       guint height) {
    log_debug("uplink.line",
              "seat=%u voice=%" G_GUINT64_FORMAT " lost=%" G_GUINT64_FORMAT " repaired=%" G_GUINT64_FORMAT
              " late=%" G_GUINT64_FORMAT " decoded=%" G_GUINT64_FORMAT " concealed=%" G_GUINT64_FORMAT
              " fec=%" G_GUINT64_FORMAT " hurried=%" G_GUINT64_FORMAT
              " target_ms=%u held_ms=%u picture_bps=%u fps=%u height=%u picture_loss=%.2f",
              leg->seat, voice->n_packets, voice->n_lost, voice->n_repaired, voice->n_late, voice->n_decoded,
              voice->n_concealed, voice->n_fec_used, voice->n_dropped_for_delay, voice->target_ms,
              voice->held_ms, quality->up_bps, quality->up_fps, height, quality->up_loss);
}

static void tell_quality(Leg *leg) {
    DownlinkStats down;
    AudioUplinkStats audio = { 0 };
    News news = { .quality = { .leg = leg->id } };
    downlink_read_stats(leg->downlink, &down);
    if (leg->audio != NULL) audio_uplink_read_stats(leg->audio, &audio);
    news.quality.rtt_ms = (guint)(MAX(down.rtt_us, 0) / 1000);
    news.quality.down_bps = down.sent_bps;
    news.quality.down_loss = down.loss;
    news.quality.estimate_bps = down.estimate_bps;
    news.quality.stream = down.stream;
    news.quality.thin = down.thin;
    guint64 n_packets = 0, n_lost = 0;
    guint height = 0;
    for (guint i = 0; i < leg->n_layers; i++) {
        VideoUplinkStats up;
        video_uplink_read_stats(leg->layers[i].uplink, &up);
        n_packets += up.n_packets;
        n_lost += up.n_lost;
        news.quality.up_bps += up.bitrate_bps;
        news.quality.up_fps = MAX(news.quality.up_fps, up.fps);
        if (up.fps > 0) height = MAX(height, up.height);
        if (down.rtt_us > 0) video_uplink_set_rtt(leg->layers[i].uplink, down.rtt_us);
    }
    news.quality.up_loss = loss_since(leg->video_told, n_packets, n_lost);
    news.quality.up_audio_loss =
        loss_since(leg->audio_told, audio.n_packets, audio.n_lost + audio.n_repaired);
    log_uplink(leg, &news.quality, &audio, height);
    mailbox_post(leg->house->news, NEWS_LEG_QUALITY, &news, sizeof news);
}

void leg_report_beat(Leg *leg, gint64 now_us) {
    if (leg->state != TRANSPORT_LIVE) return;
    /* A room that is silent sends a packet or two a second: what came of them is told in the report. */
    if (now_us >= leg->next_twcc_us && twcc_record_n_pending(&leg->twcc) >= TWCC_FEW) {
        leg->next_twcc_us = now_us + (downlink_is_narrow(leg->downlink) ? TWCC_NARROW_US : TWCC_US);
        send_transport_feedback(leg);
    }
    if (now_us >= leg->next_report_us) {
        /* Spread by the SSRC, so that 200 legs that joined at once do not report at once. */
        leg->next_report_us = now_us + REPORT_US + leg_own_ssrc(leg) % 100000;
        send_reports(leg, now_us);
    }
    if (now_us >= leg->next_quality_us) {
        leg->next_quality_us = now_us / QUALITY_GRID_US * QUALITY_GRID_US + QUALITY_US;
        tell_quality(leg);
    }
}
