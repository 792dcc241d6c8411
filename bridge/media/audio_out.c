/* audio_out.c -- see the header. */
#include "bridge/media/audio_out.h"

#include <string.h>

enum {
    WARM_FRAMES = 3,
    SILENT_FRAMES = 50,
    SILENT_EVERY = 20,
    DTX_BYTES_MAX = 2,
    QUIET_LEVEL = 50,
    QUIET_FRAMES = 10
};

struct AudioOut {
    AudioEncoder *encoder;
    Limiter limiter;
    gint16 frames[WARM_FRAMES][VOICE_FRAME_SAMPLES]; /* the last ones, frames[at] is the oldest */
    guint at;
    guint n_silent;   /* frames of digital silence in a row */
    guint n_quiet;    /* frames in a row in which nothing is to be heard */
    gboolean pausing; /* the last frame was one of a DTX pause */
    guint64 n_encoded;
};

AudioOut *audio_out_new(const AudioEncoderSettings *settings, GError **error) {
    AudioEncoder *encoder = audio_encoder_new(settings, error);
    if (encoder == NULL) return NULL;
    AudioOut *out = g_new0(AudioOut, 1);
    out->encoder = encoder;
    limiter_init(&out->limiter);
    return out;
}

void audio_out_free(AudioOut *out) {
    if (out == NULL) return;
    audio_encoder_free(out->encoder);
    g_free(out);
}

guint64 audio_out_n_encoded(const AudioOut *out) { return out->n_encoded; }

void audio_out_follow(AudioOut *out, const AudioOut *from) {
    guint8 ignored[AUDIO_ENCODED_BYTES_MAX];
    out->limiter = from->limiter;
    memcpy(out->frames, from->frames, sizeof out->frames);
    out->at = from->at;
    out->n_silent = from->n_silent;
    out->n_quiet = from->n_quiet;
    out->pausing = from->pausing;
    audio_encoder_reset(out->encoder);
    for (guint i = 0; i < WARM_FRAMES; i++)
        audio_encoder_encode(out->encoder, out->frames[(out->at + i) % WARM_FRAMES], ignored);
    out->n_encoded += WARM_FRAMES;
}

static gboolean is_silent(const gint16 *samples) {
    for (guint i = 0; i < VOICE_FRAME_SAMPLES; i++)
        if (samples[i] != 0) return FALSE;
    return TRUE;
}

Block *audio_out_run(AudioOut *out, const gint32 mix[VOICE_FRAME_SAMPLES]) {
    gint16 *samples = out->frames[out->at];
    guint8 bytes[AUDIO_ENCODED_BYTES_MAX];
    out->at = (out->at + 1) % WARM_FRAMES;
    limiter_run(&out->limiter, mix, samples, VOICE_FRAME_SAMPLES);

    out->n_silent = is_silent(samples) ? out->n_silent + 1 : 0;
    if (out->n_silent > SILENT_FRAMES && out->n_silent % SILENT_EVERY != 0) {
        out->pausing = TRUE;
        return NULL;
    }
    /* DTX only where it is quiet: an anthem or a sustained tone is no noise, whatever the encoder thinks. */
    guint8 level = voice_level(samples, VOICE_FRAME_SAMPLES);
    out->n_quiet = level > QUIET_LEVEL ? out->n_quiet + 1 : 0;
    audio_encoder_allow_dtx(out->encoder, out->n_quiet > QUIET_FRAMES);
    gsize n_bytes = audio_encoder_encode(out->encoder, samples, bytes);
    out->n_encoded++;
    /* The first frame of a pause is sent, so that the listener knows it for a pause; the encoder renews it by itself. */
    gboolean pausing = n_bytes <= DTX_BYTES_MAX, told = out->pausing;
    out->pausing = pausing;
    if (n_bytes == 0 || (pausing && told)) return NULL;
    Block *block = block_new_audio(0, bytes, n_bytes);
    block->audio_level = level;
    return block;
}
