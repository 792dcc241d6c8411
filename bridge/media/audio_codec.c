/* audio_codec.c -- see the header. */
#include "bridge/media/audio_codec.h"

#include "bridge/policy/voice_mix.h"
#include "config/fault.h"

#include <opus/opus.h>

#include <string.h>

struct AudioDecoder {
    OpusDecoder *opus;
};
struct AudioEncoder {
    OpusEncoder *opus;
    int frame_samples;
};

AudioDecoder *audio_decoder_new(void) {
    int rc;
    OpusDecoder *opus = opus_decoder_create(VOICE_RATE_HZ, 1, &rc);
    AudioDecoder *decoder = g_new0(AudioDecoder, 1);
    if (opus == NULL) g_error("opus_decoder_create: %s", opus_strerror(rc)); /* no memory: as g_new */
    decoder->opus = opus;
    return decoder;
}

void audio_decoder_free(AudioDecoder *decoder) {
    if (decoder == NULL) return;
    opus_decoder_destroy(decoder->opus);
    g_free(decoder);
}

void audio_decoder_reset(AudioDecoder *decoder) { opus_decoder_ctl(decoder->opus, OPUS_RESET_STATE); }

guint audio_decoder_decode(AudioDecoder *decoder, const guint8 *bytes, gsize n_bytes, gint16 *ret_samples) {
    int n = opus_decode(decoder->opus, bytes, (opus_int32)n_bytes, ret_samples, AUDIO_DECODED_SAMPLES_MAX, 0);
    return n > 0 ? (guint)n : 0;
}

gboolean audio_decoder_recover(AudioDecoder *decoder, const guint8 *bytes, gsize n_bytes, gint16 *ret_samples,
                               guint n_samples) {
    return opus_decode(decoder->opus, bytes, (opus_int32)n_bytes, ret_samples, (int)n_samples, 1) ==
           (int)n_samples;
}

void audio_decoder_conceal(AudioDecoder *decoder, gint16 *ret_samples, guint n_samples) {
    if (opus_decode(decoder->opus, NULL, 0, ret_samples, (int)n_samples, 0) != (int)n_samples)
        memset(ret_samples, 0, n_samples * sizeof *ret_samples);
}

AudioEncoder *audio_encoder_new(const AudioEncoderSettings *settings, GError **error) {
    int rc;
    OpusEncoder *opus = opus_encoder_create(VOICE_RATE_HZ, 1, OPUS_APPLICATION_VOIP, &rc);
    if (opus == NULL) {
        g_set_error(error, FAULT, FAULT_INTERNAL, "Opus encoder: %s", opus_strerror(rc));
        return NULL;
    }
    opus_encoder_ctl(opus, OPUS_SET_BITRATE((opus_int32)settings->bitrate_bps));
    opus_encoder_ctl(opus, OPUS_SET_COMPLEXITY((opus_int32)settings->complexity));
    opus_encoder_ctl(opus, OPUS_SET_PACKET_LOSS_PERC((opus_int32)settings->loss_percent));
    AudioEncoder *encoder = g_new0(AudioEncoder, 1);
    encoder->opus = opus;
    encoder->frame_samples = (int)settings->frame_samples;
    audio_encoder_carry_copies(encoder, TRUE);
    return encoder;
}

void audio_encoder_free(AudioEncoder *encoder) {
    if (encoder == NULL) return;
    opus_encoder_destroy(encoder->opus);
    g_free(encoder);
}

void audio_encoder_reset(AudioEncoder *encoder) { opus_encoder_ctl(encoder->opus, OPUS_RESET_STATE); }

void audio_encoder_allow_dtx(AudioEncoder *encoder, gboolean allowed) {
    opus_encoder_ctl(encoder->opus, OPUS_SET_DTX(allowed ? 1 : 0));
}

/* Told that it is music, Opus leaves its speech modes from 18 kbit/s on. */
void audio_encoder_carry_copies(AudioEncoder *encoder, gboolean carry) {
    opus_encoder_ctl(encoder->opus, OPUS_SET_INBAND_FEC(carry ? 1 : 0));
    opus_encoder_ctl(encoder->opus, OPUS_SET_SIGNAL(carry ? OPUS_SIGNAL_VOICE : OPUS_SIGNAL_MUSIC));
}

void audio_encoder_stand_alone(AudioEncoder *encoder, gboolean alone) {
    opus_encoder_ctl(encoder->opus, OPUS_SET_PREDICTION_DISABLED(alone ? 1 : 0));
}

gsize audio_encoder_encode(AudioEncoder *encoder, const gint16 *samples,
                           guint8 ret_bytes[AUDIO_ENCODED_BYTES_MAX]) {
    int n = opus_encode(encoder->opus, samples, encoder->frame_samples, ret_bytes, AUDIO_ENCODED_BYTES_MAX);
    return n > 0 ? (gsize)n : 0;
}
