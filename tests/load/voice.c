/* voice.c -- see voice.h. */
#include "tests/load/voice.h"

#include <math.h>
#include <opus/opus.h>
#include <string.h>

enum { RATE_HZ = 48000, SWELLS_HZ = 5 };
static const double PEAK =
    0.22; /* of full scale: about -20 dBov in the mean, as a person before a microphone */

double voice_tone_hz(guint number) { return 300.0 + 15.0 * number; }

guint8 voice_loop_level(const gint16 *samples, guint n_samples) {
    double sum = 0;
    for (guint i = 0; i < n_samples; i++) sum += (double)samples[i] * samples[i];
    double rms = sqrt(sum / n_samples) / 32768.0;
    return rms < 4.5e-7 ? 127 : (guint8)CLAMP(lround(-20 * log10(rms)), 0, 127);
}

static void make_tone(guint number, guint frame, gint16 *ret_samples) {
    double step = 2 * G_PI * voice_tone_hz(number) / RATE_HZ, swell = 2 * G_PI * SWELLS_HZ / RATE_HZ;
    for (guint i = 0; i < VOICE_FRAME_SAMPLES; i++) {
        double at = (double)frame * VOICE_FRAME_SAMPLES + i;
        ret_samples[i] = (gint16)lround(32767 * PEAK * (0.6 - 0.4 * cos(swell * at)) * sin(step * at));
    }
}

/* tone FALSE: silence. The first round settles the encoder, the second is kept, so that the loop has no seam. */
static VoiceLoop *encode(guint number, gboolean tone, guint n_frames) {
    int fault = 0;
    OpusEncoder *encoder = opus_encoder_create(RATE_HZ, 1, OPUS_APPLICATION_VOIP, &fault);
    VoiceLoop *loop = g_new0(VoiceLoop, 1);
    gint16 samples[VOICE_FRAME_SAMPLES] = { 0 };
    if (encoder == NULL) {
        g_free(loop);
        return NULL;
    }
    opus_encoder_ctl(encoder, OPUS_SET_BITRATE(32000));
    opus_encoder_ctl(encoder, OPUS_SET_COMPLEXITY(2));
    loop->n_frames = n_frames;
    for (guint i = 0; i < n_frames + 10; i++) {
        guint at = i % n_frames;
        if (tone) make_tone(number, at, samples);
        opus_int32 n = opus_encode(encoder, samples, VOICE_FRAME_SAMPLES, loop->bytes[at], VOICE_BYTES_MAX);
        loop->sizes[at] = (guint16)MAX(n, 0);
        loop->levels[at] = voice_loop_level(samples, VOICE_FRAME_SAMPLES);
    }
    opus_encoder_destroy(encoder);
    return loop;
}

VoiceLoop *voice_loop_new(guint number) { return encode(number, TRUE, VOICE_LOOP_FRAMES); }
VoiceLoop *voice_silence_new(void) { return encode(0, FALSE, 1); }
