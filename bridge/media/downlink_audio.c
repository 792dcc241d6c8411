/* downlink_audio.c -- the sound of one leg: its own header over the mix that all listeners share, or over its seat's own, in
 * the tier that its line can carry. Sequence and time go on across all of these. */
#include "bridge/media/downlink_state.h"
#include "bridge/wire/rtp.h"
#include "bridge/wire/rtp_profile.h"
#include "config/log.h"

#include <string.h>

enum { CHOOSE_SOUND_US = 200000, WAIT_GROUPS_MAX = 16, VOICE_LEVEL = 60, HEADER_BYTES = 24, RED_MORE = 0x80 };

/* ---- which tier ---- */

static void tell(Downlink *downlink, AudioTier tier) {
    const FanoutEvents *events = &downlink->fanout->events;
    DownlinkSound *sound = &downlink->sound;
    if (tier == sound->told || events->listen == NULL) return;
    if (sound->told != AUDIO_TIER_PLAIN)
        events->listen(downlink->fanout->user, downlink->config.conference, downlink->config.seat,
                       sound->told, -1);
    if (tier != AUDIO_TIER_PLAIN)
        events->listen(downlink->fanout->user, downlink->config.conference, downlink->config.seat, tier, 1);
    sound->told = tier;
}

static void choose_tier(Downlink *downlink, gint64 now_us) {
    DownlinkSound *sound = &downlink->sound;
    if (now_us < sound->next_choice_us) return;
    sound->next_choice_us = now_us + CHOOSE_SOUND_US;
    guint32 estimate_bps = bandwidth_estimate_bps(&downlink->bandwidth);
    gboolean red = downlink->config.audio.red_payload_type != 0;
    if (bandwidth_is_queued(&downlink->bandwidth, now_us))
        audio_tier_on_queue(&sound->choice, downlink->bandwidth.judge.floor, now_us);
    if (audio_tier_update(&sound->choice, downlink->bandwidth.loss, estimate_bps, red, now_us))
        log_debug("downlink.sound", "seat=%u tier=%s loss=%.2f estimate_bps=%u", downlink->config.seat,
                  audio_tier_word(sound->choice.tier), sound->choice.loss, estimate_bps);
    tell(downlink, sound->choice.tier);
}

void downlink_on_audio_report(Downlink *downlink, double fraction_lost, gint64 now_us) {
    audio_tier_on_report(&downlink->sound.choice, fraction_lost, now_us);
    downlink->sound.next_choice_us = 0; /* trouble is answered with the next tick */
}

void downlink_end_audio(Downlink *downlink) { tell(downlink, AUDIO_TIER_PLAIN); }

/* ---- which packet ---- */

static const AudioTiers *mix_for_seat(const AudioTick *tick, guint32 seat) {
    for (guint i = 0; i < tick->n_private; i++)
        if (tick->private[i].seat == seat) return &tick->private[i].mix;
    return &tick->listeners;
}

static gboolean is_narrow(AudioTier tier) {
    return tier == AUDIO_TIER_NARROW || tier == AUDIO_TIER_NARROW_RED;
}

/* Who goes over to or from packets of three ticks does so at the border between two of them, so that nothing is heard twice
 * or not at all, and with a packet that leans on nothing before it. */
static void settle_grouping(DownlinkSound *sound, const AudioTiers *mix) {
    gboolean runs = (mix->running & 1u << AUDIO_TIER_NARROW) != 0, wants = is_narrow(sound->choice.tier);
    AudioTier next = wants ? AUDIO_TIER_NARROW : AUDIO_TIER_FEC;
    sound->n_waited = wants == sound->grouping ? 0 : sound->n_waited + 1;
    if (!runs)
        sound->grouping = FALSE;
    else if ((mix->fresh & 1u << next) != 0 || sound->n_waited > WAIT_GROUPS_MAX)
        sound->grouping = wants;
}

/* The tier of this tick: the chosen one if this mix is made in it. */
static AudioTier tier_now(DownlinkSound *sound, const AudioTick *tick, const AudioTiers *mix) {
    AudioTier tier = sound->choice.tier;
    if (tick->tick % AUDIO_NARROW_TICKS == 0) settle_grouping(sound, mix);
    if (sound->grouping) return tier == AUDIO_TIER_NARROW_RED ? tier : AUDIO_TIER_NARROW;
    return !is_narrow(tier) && (mix->running & 1u << tier) != 0 ? tier : AUDIO_TIER_FEC;
}

/* RED names what is inside by its payload type; shared packets say PT_OPUS, and a client may call it otherwise. */
static void own_red_headers(const Block *block, guint8 payload_type, Writer *writer, gsize *ret_skip) {
    gsize at = 0;
    for (; at + 4 < block->n_bytes && (block->bytes[at] & RED_MORE) != 0; at += 4) {
        writer_u8(writer, RED_MORE | payload_type);
        writer_bytes(writer, block->bytes + at + 1, 3);
    }
    writer_u8(writer, payload_type);
    *ret_skip = at + 1;
}

static void fill_packet(Downlink *downlink, const Block *block, AudioTier tier, guint16 sequence,
                        gint64 now_us, RtpOut *ret_out) {
    gboolean red = tier == AUDIO_TIER_RED || tier == AUDIO_TIER_NARROW_RED;
    gsize skip = 0;
    RtpHeader header = {
        .ssrc = downlink->config.audio.ssrc,
        .timestamp = block->rtp_time + downlink->audio_offset,
        .sequence = sequence,
        .payload_type = red ? downlink->config.audio.red_payload_type : downlink->config.audio.payload_type,
        .marker = !downlink->talking, /* RFC 3551 4.1: the first packet after a pause */
    };
    Writer writer = writer_over(ret_out->header, sizeof ret_out->header);
    rtp_write_header(&writer, &header);
    guint8 level_id = is_narrow(tier) ? 0 : downlink->config.audio.ext_audio_level;
    if (level_id != 0 || downlink->numbers) {
        RtpExtWriter ext = rtp_ext_begin(&writer);
        rtp_ext_put_audio_level(&ext, level_id, MIN(block->audio_level, 127),
                                block->audio_level < VOICE_LEVEL);
        downlink_put_transport_sequence(downlink, &ext, downlink->config.audio.ext_transport_cc,
                                        block->n_bytes + HEADER_BYTES, now_us);
        rtp_ext_end(&ext);
    }
    if (red && downlink->config.audio.payload_type != PT_OPUS)
        own_red_headers(block, downlink->config.audio.payload_type, &writer, &skip);
    g_assert(!writer.bad);
    ret_out->n_header_bytes = (guint)writer.n_bytes;
    ret_out->payload = block->bytes + skip;
    ret_out->n_payload_bytes = (guint)(block->n_bytes - skip);
}

static void count(Downlink *downlink, const RtpOut *out, gint64 now_us) {
    guint n_bytes = out->n_header_bytes + out->n_payload_bytes;
    bandwidth_on_sent(&downlink->bandwidth, 1, n_bytes, now_us);
    downlink->audio_clock.n_packets++;
    downlink->audio_clock.n_bytes += out->n_payload_bytes;
    downlink->stats.n_packets++;
    downlink->stats.n_bytes += n_bytes;
    downlink->fanout->stats.n_packets++;
}

void downlink_send_audio(Downlink *downlink, const AudioTick *tick, gint64 now_us) {
    if (!downlink->hears || downlink->config.audio.payload_type == 0 || !downlink_is_live(downlink)) {
        downlink_end_audio(downlink);
        return;
    }
    choose_tier(downlink, now_us);
    const AudioTiers *mix = mix_for_seat(tick, downlink->config.seat);
    AudioTier tier = tier_now(&downlink->sound, tick, mix);
    if (downlink->sound.grouping && tick->tick % AUDIO_NARROW_TICKS != AUDIO_NARROW_TICKS - 1) return;
    const Block *block = mix->block[tier];
    if (block == NULL) {
        downlink->talking = FALSE;
        return;
    }
    RtpOut out;
    fill_packet(downlink, block, tier, downlink->audio_sequence++, now_us, &out);
    transport_send_rtp(downlink->transport, &out, 1, SEND_AUDIO);
    count(downlink, &out, now_us);
    downlink->talking = TRUE;
    downlink->audio_clock.measured =
        block->rtp_time + downlink->audio_offset - (guint32)(block->capture_us * 48 / 1000);
    downlink->audio_clock.known = TRUE;
}
