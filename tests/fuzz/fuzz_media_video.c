/* fuzz_media_video.c -- door: a sender's packets, one after the other, into a video uplink.
 * The first byte chooses the codec; then each packet: step of the sequence, flags, step of time, length, payload. */
#include "bridge/media/video_uplink.h"

#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes);

static void on_frame(gpointer user, Frame *frame) {
    guint64 *n_bytes = user;
    *n_bytes += frame->n_bytes;
    g_assert(frame->n_bytes > 0 && frame->rotation <= 3 && (!frame->keyframe || !frame->after_loss));
    frame_unref(frame);
}

static void on_nack(gpointer user, guint32 ssrc, const guint16 *sequences, guint n_sequences) {
    (void)user, (void)ssrc;
    for (guint i = 1; i < n_sequences; i++) g_assert(sequence_newer(sequences[i], sequences[i - 1]));
}

static void on_keyframe(gpointer user, guint32 ssrc) { (void)user, (void)ssrc; }

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes) {
    static const VideoUplinkEvents events = { on_frame, on_nack, on_keyframe };
    Reader reader = reader_over(data, n_bytes);
    guint64 n_bytes_out = 0;
    VideoUplink *uplink =
        video_uplink_new(reader_u8(&reader) & 1 ? CODEC_H264 : CODEC_VP8, 1, &events, &n_bytes_out);
    RtpPacket packet = { .ssrc = 1, .sequence = 65530, .n_header_bytes = 12 };
    gint64 now_us = 1000000;
    while (!reader.bad && reader.left > 0) {
        guint8 step = reader_u8(&reader), flags = reader_u8(&reader);
        packet.sequence = (guint16)(packet.sequence + (step == 255 ? 20000 : (guint)(gint8)step));
        packet.marker = (flags & 1) != 0;
        packet.timestamp += (flags >> 1 & 3) * 3000u;
        packet.n_payload_bytes = reader_u8(&reader);
        packet.payload = reader_bytes(&reader, packet.n_payload_bytes);
        if (packet.payload == NULL) break;
        now_us += (flags >> 4) * 2000;
        video_uplink_push(uplink, &packet, (flags & 8) != 0, flags >> 6, now_us);
        video_uplink_beat(uplink, now_us);
    }
    video_uplink_free(uplink);
    return 0;
}
