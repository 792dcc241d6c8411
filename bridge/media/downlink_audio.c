/* downlink_audio.c -- the sound of one leg: its own header over the mix that all listeners share, or over its seat's own. */
#include "bridge/media/downlink_state.h"
#include "bridge/wire/rtp.h"

static Block *block_for_seat(const AudioTick *tick, guint32 seat) {
    for (guint i = 0; i < tick->n_private; i++)
        if (tick->private[i].seat == seat) return tick->private[i].block;
    return tick->listeners;
}

void downlink_send_audio(Downlink *downlink, const AudioTick *tick, gint64 now_us) {
    const Block *block = block_for_seat(tick, downlink->config.seat);
    if (!downlink->hears || downlink->config.audio.payload_type == 0 || !downlink_is_live(downlink)) return;
    if (block == NULL) {
        downlink->talking = FALSE;
        return;
    }
    RtpOut out;
    RtpHeader header = {
        .ssrc = downlink->config.audio.ssrc,
        .timestamp = tick->rtp_time + downlink->audio_offset,
        .sequence = downlink->audio_sequence++,
        .payload_type = downlink->config.audio.payload_type,
        .marker = !downlink->talking, /* RFC 3551 4.1: the first packet after a pause */
    };
    Writer writer = writer_over(out.header, sizeof out.header);
    rtp_write_header(&writer, &header);
    if (downlink->config.audio.ext_audio_level != 0) {
        RtpExtWriter ext = rtp_ext_begin(&writer);
        rtp_ext_put_audio_level(&ext, downlink->config.audio.ext_audio_level, MIN(block->audio_level, 127),
                                block->audio_level < 60);
        rtp_ext_end(&ext);
    }
    g_assert(!writer.bad);
    out.n_header_bytes = (guint)writer.n_bytes;
    out.payload = block->bytes + block->packets[0].offset;
    out.n_payload_bytes = block->packets[0].n_bytes;
    transport_send_rtp(downlink->transport, &out, 1, SEND_AUDIO);
    bandwidth_on_sent(&downlink->bandwidth, 1, out.n_header_bytes + out.n_payload_bytes, now_us);
    downlink->talking = TRUE;
    downlink->audio_clock.measured = header.timestamp - (guint32)(tick->capture_us * 48 / 1000);
    downlink->audio_clock.known = TRUE;
    downlink->audio_clock.n_packets++;
    downlink->audio_clock.n_bytes += out.n_payload_bytes;
    downlink->stats.n_packets++;
    downlink->stats.n_bytes += out.n_header_bytes + out.n_payload_bytes;
    downlink->fanout->stats.n_packets++;
}
