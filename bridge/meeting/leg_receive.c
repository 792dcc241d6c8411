/* leg_receive.c -- the way up: a plain RTP or RTCP packet to the uplink, counter or downlink that it concerns. */
#include "bridge/media/audio_mixer.h"
#include "bridge/meeting/leg.h"
#include "bridge/wire/red.h"

enum { CLOCK_TURN_US = 120000000, CLOCK_JUMP_US = 10000000 };

/* The newest frame goes the usual way, the copies to where packets are missing. */
static void push_red(Leg *leg, const MediaSection *section, const RtpPacket *packet, guint8 level,
                     gboolean voice, gint64 arrival_us) {
    RedPayload red;
    if (!red_parse(packet->payload, packet->n_payload_bytes, &red)) {
        leg->house->n_malformed++;
        return;
    }
    guint newest = red.n_blocks - 1;
    if (red.blocks[newest].payload_type != section->payload_type) return;
    audio_uplink_push(leg->audio, packet->sequence, packet->timestamp, level, voice, red.blocks[newest].bytes,
                      red.blocks[newest].n_bytes, arrival_us);
    for (guint i = newest; i-- > 0;) {
        const RedBlock *block = &red.blocks[i];
        if (block->payload_type != section->payload_type || block->time_offset == 0) continue;
        audio_uplink_repair(leg->audio, (guint16)(packet->sequence - (newest - i)),
                            packet->timestamp - block->time_offset, level, block->bytes, block->n_bytes,
                            arrival_us);
    }
}

static void audio_packet(Leg *leg, const MediaSection *section, const RtpPacket *packet, gint64 arrival_us) {
    guint8 level = AUDIO_LEVEL_UNKNOWN;
    gboolean voice = FALSE;
    gboolean red = section->red_payload_type != 0 && packet->payload_type == section->red_payload_type;
    if (leg->audio == NULL || packet->n_payload_bytes == 0 ||
        (!red && packet->payload_type != section->payload_type))
        return;
    if (leg->audio_stats.ssrc != packet->ssrc || leg->audio_stats.clock_hz == 0)
        receive_stats_init(&leg->audio_stats, packet->ssrc, 48000);
    receive_stats_push(&leg->audio_stats, packet->sequence, packet->timestamp, arrival_us);
    rtp_ext_audio_level(packet, section->exts.audio_level, &level, &voice);
    if (red)
        push_red(leg, section, packet, level, voice, arrival_us);
    else
        audio_uplink_push(leg->audio, packet->sequence, packet->timestamp, level, voice, packet->payload,
                          packet->n_payload_bytes, arrival_us);
}

static void camera_packet(Leg *leg, const MediaSection *section, RtpStream *stream, const RtpPacket *packet,
                          gint64 arrival_us) {
    if (leg->source == NULL) return;
    if (!stream->is_rtx) {
        if (packet->payload_type != section->payload_type) return;
        LegLayer *layer = stream->user;
        if (layer == NULL || layer->ssrc != packet->ssrc)
            layer = stream->user = leg_camera_layer(leg, layer, packet->ssrc, stream->rid, section->codec);
        if (layer != NULL) leg_camera_packet(leg, layer, packet, FALSE, arrival_us);
        return;
    }
    RtpStream *primary = stream->primary != 0 ? rtp_streams_find(&leg->streams, stream->primary) : NULL;
    RtpPacket original;
    if (primary == NULL || primary->user == NULL ||
        !rtp_rtx_restore(packet, primary->ssrc, section->payload_type, &original))
        return; /* padding that probes the line has nothing inside */
    leg_camera_packet(leg, primary->user, &original, TRUE, arrival_us);
}

void leg_on_rtp(Leg *leg, guint8 *bytes, gsize n_bytes, gint64 arrival_us) {
    RtpPacket packet;
    guint16 transport_sequence;
    if (!leg->planned) return;
    if (!rtp_parse(bytes, n_bytes, &packet)) {
        leg->house->n_malformed++;
        return;
    }
    RtpStream *stream = rtp_streams_of(&leg->streams, &packet);
    if (stream == NULL) {
        leg->house->n_unknown_ssrc++;
        return;
    }
    const MediaSection *section = &leg->plan.sections[stream->section];
    if (rtp_ext_transport_cc(&packet, section->exts.transport_cc, &transport_sequence))
        twcc_record_packet(&leg->twcc, transport_sequence, packet.ssrc, arrival_us);
    if ((gint)stream->section == leg->audio_section) {
        audio_packet(leg, section, &packet, arrival_us);
        return;
    }
    leg->picture_us = arrival_us;
    rounds_hasten(&leg->house->rounds, leg->place, arrival_us + LEG_LIVELY_US);
    if ((gint)stream->section == leg->camera_section)
        camera_packet(leg, section, stream, &packet, arrival_us);
    else if ((gint)stream->section == leg->screen_section)
        leg_screen_packet(leg, stream, &packet, arrival_us);
}

/* The sender's wall clock against ours, by the report that travelled fastest: only the difference between its voice and its
 * picture matters, and both use this one offset. */
static gint64 capture_time(Leg *leg, guint64 ntp, gint64 arrival_us) {
    gint64 theirs_us = ntp_to_utc_us(ntp), offset_us = arrival_us - theirs_us;
    gint64 *least_us = leg->clock_least_us;
    if (leg->clock_turn_us == 0 || ABS(offset_us - MIN(least_us[0], least_us[1])) > CLOCK_JUMP_US) {
        least_us[0] = least_us[1] = offset_us;
        leg->clock_turn_us = arrival_us + CLOCK_TURN_US;
    } else if (arrival_us >=
               leg->clock_turn_us) { /* no clock runs like ours: what was least once is not for ever */
        least_us[1] = least_us[0];
        least_us[0] = offset_us;
        leg->clock_turn_us = arrival_us + CLOCK_TURN_US;
    }
    least_us[0] = MIN(least_us[0], offset_us);
    return theirs_us + MIN(least_us[0], least_us[1]);
}

static void on_sender_report(Leg *leg, const RtcpItem *item, gint64 arrival_us) {
    guint64 ntp = item->report.info.ntp;
    gint64 capture_us = capture_time(leg, ntp, arrival_us);
    if (leg->audio != NULL && item->sender_ssrc == leg->audio_stats.ssrc) {
        receive_stats_on_report(&leg->audio_stats, ntp, arrival_us);
        audio_uplink_set_clock(leg->audio, item->report.info.rtp_time, capture_us);
    }
    for (guint i = 0; i < leg->n_layers; i++) {
        LegLayer *layer = &leg->layers[i];
        if (layer->ssrc != item->sender_ssrc) continue;
        receive_stats_on_report(&layer->stats, ntp, arrival_us);
        video_uplink_set_clock(layer->uplink, item->report.info.rtp_time, capture_us);
    }
    for (guint i = 0; i < SCREEN_LAYERS; i++) {
        ScreenLayer *layer = &leg->screen[i];
        if (layer->uplink == NULL || layer->ssrc != item->sender_ssrc) continue;
        receive_stats_on_report(&layer->stats, ntp, arrival_us);
        video_uplink_set_clock(layer->uplink, item->report.info.rtp_time, capture_us);
    }
}

typedef struct {
    Leg *leg;
    gint64 arrival_us;
} Visit;

static void visit_item(gpointer user, const RtcpItem *item) {
    const Visit *visit = user;
    Leg *leg = visit->leg;
    switch (item->kind) {
    case RTCP_SR: on_sender_report(leg, item, visit->arrival_us); break;
    case RTCP_BYE:
        for (guint i = 0; i < item->bye.n_ssrcs; i++) {
            const RtpStream *stream = rtp_streams_find(&leg->streams, item->bye.ssrcs[i]);
            if (stream != NULL && stream->user == NULL) rtp_streams_forget(&leg->streams, item->bye.ssrcs[i]);
        }
        return;
    case RTCP_CNAME: return;
    case RTCP_RR:
    case RTCP_NACK:
    case RTCP_PLI:
    case RTCP_FIR:
    case RTCP_REMB:
    case RTCP_TWCC: break;
    }
    downlink_on_rtcp(leg->downlink, item, visit->arrival_us);
}

void leg_on_rtcp(Leg *leg, guint8 *bytes, gsize n_bytes, gint64 arrival_us) {
    Visit visit = { leg, arrival_us };
    if (!leg->planned) return;
    if (!rtcp_parse(bytes, n_bytes, leg->house->rtcp_scratch, visit_item, &visit)) leg->house->n_malformed++;
}
