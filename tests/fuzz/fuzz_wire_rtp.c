/* fuzz_wire_rtp.c -- door: bytes as an RTP packet; every extension read, RTX restored and written again. */
#include "bridge/wire/opus.h"
#include "bridge/wire/rtp.h"

#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes) {
    RtpPacket packet, original;
    guint8 out[2048], level, turns;
    gboolean voice;
    guint16 sequence;
    guint32 sent;
    char text[RTP_TEXT_BYTES];
    datagram_kind(data, n_bytes);
    if (!rtp_parse(data, n_bytes, &packet)) return 0;
    for (guint id = 0; id < 256; id++) {
        rtp_ext_audio_level(&packet, (guint8)id, &level, &voice);
        rtp_ext_abs_send_time(&packet, (guint8)id, &sent);
        rtp_ext_transport_cc(&packet, (guint8)id, &sequence);
        rtp_ext_video_orientation(&packet, (guint8)id, &turns);
        rtp_ext_text(&packet, (guint8)id, text);
    }
    Writer writer = writer_over(out, sizeof out);
    rtp_rtx_write(&writer, &packet, 1, 97, 2);
    if (!writer.bad) g_assert(rtp_parse(out, writer.n_bytes, &original));
    rtp_rtx_restore(&packet, 1, 96, &original);
    opus_payload_samples(packet.payload, packet.n_payload_bytes);
    return 0;
}
