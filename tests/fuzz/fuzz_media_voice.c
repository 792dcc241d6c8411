/* fuzz_media_voice.c -- door: a microphone's packets into an audio uplink, played every now and then.
 * Each packet: step of the sequence, flags, step of time (u16), length, Opus payload. */
#include "bridge/media/audio_voice.h"
#include "config/bytes.h"

#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes) {
    Reader reader = reader_over(data, n_bytes);
    AudioUplink *uplink = audio_uplink_new();
    AudioVoice *voice = audio_voice_new();
    gint16 frame[VOICE_FRAME_SAMPLES];
    gint64 now_us = 1000000;
    guint16 sequence = 65530;
    guint32 rtp_time = 0xffffff00;
    audio_voice_begin(voice, uplink, now_us);
    while (!reader.bad && reader.left > 0) {
        guint8 step = reader_u8(&reader), flags = reader_u8(&reader);
        rtp_time += reader_u16(&reader);
        sequence = (guint16)(sequence + (step == 255 ? 20000 : (guint)(gint8)step));
        gsize n_payload = reader_u8(&reader);
        const guint8 *payload = reader_bytes(&reader, n_payload);
        if (payload == NULL) break;
        now_us += (flags & 63) * 1000;
        audio_uplink_push(uplink, sequence, rtp_time, flags & 127, TRUE, payload, n_payload, now_us);
        if (flags & 64) audio_voice_pull(voice, now_us, frame);
        if (flags & 128) audio_uplink_set_clock(uplink, rtp_time, now_us);
    }
    audio_voice_free(voice);
    audio_uplink_unref(uplink);
    return 0;
}
