/* voice_mix.c -- see the header. */
#include "bridge/policy/voice_mix.h"

#include <math.h>
#include <string.h>

static const float LIMIT = 32000;     /* leaves the encoder a little room */
static const float RELEASE = 0.0125f; /* of the missing gain per 2.5 ms: 200 ms to be back */
static const float TARGET_DB = -23, GAIN_DB_MAX = 9;
static const float GAIN_STEP_DB = 0.06f; /* per 20 ms: 3 dB/s, nobody hears it move */
static const float LEARN_SLOW = 0.02f;   /* per 20 ms of speech: a second or so */

guint8 voice_level(const gint16 *samples, guint n_samples) {
    guint64 energy = 0;
    for (guint i = 0; i < n_samples; i++) energy += (guint64)((gint32)samples[i] * samples[i]);
    if (energy == 0 || n_samples == 0) return 127;
    double db = -10 * log10((double)energy / n_samples / (32768.0 * 32768.0));
    return (guint8)CLAMP(lrint(db), 0, 127);
}

void mix_add(gint32 *sum, const gint16 *voice, guint n_samples) {
    for (guint i = 0; i < n_samples; i++) sum[i] += voice[i];
}

void mix_without(const gint32 *sum, const gint16 *own, gint32 *out, guint n_samples) {
    if (own == NULL) {
        if (out != sum) memcpy(out, sum, n_samples * sizeof *out);
        return;
    }
    for (guint i = 0; i < n_samples; i++) out[i] = sum[i] - own[i];
}

static gint16 to_sample(float value) { return (gint16)lrintf(CLAMP(value, -32768.0f, 32767.0f)); }

void mix_fade(gint16 *samples, guint n_samples, float from, float to) {
    float step = n_samples > 0 ? (to - from) / (float)n_samples : 0;
    for (guint i = 0; i < n_samples; i++)
        samples[i] = to_sample((float)samples[i] * (from + step * (float)i));
}

void limiter_init(Limiter *limiter) {
    memset(limiter, 0, sizeof *limiter);
    limiter->gain = limiter->tail_gain = 1;
}

/* The most gain that keeps a block within the limit. */
static float gain_allowed(const gint32 *samples) {
    guint32 peak = 0;
    for (guint i = 0; i < VOICE_LIMITER_SAMPLES; i++) {
        guint32 size = samples[i] < 0 ? 0u - (guint32)samples[i] : (guint32)samples[i];
        peak = MAX(peak, size);
    }
    return (float)peak <= LIMIT ? 1 : LIMIT / (float)peak;
}

void limiter_run(Limiter *limiter, const gint32 *in, gint16 *out, guint n_samples) {
    for (guint at = 0; at + VOICE_LIMITER_SAMPLES <= n_samples; at += VOICE_LIMITER_SAMPLES) {
        float allowed = gain_allowed(in + at);
        float released = limiter->gain + (1 - limiter->gain) * RELEASE;
        if (released > 0.9999f) released = 1;
        /* At the seam between the block that leaves and the one that comes, both must be content. */
        float next = MIN(released, MIN(limiter->tail_gain, allowed));
        if (limiter->gain == 1 && next == 1) {
            for (guint i = 0; i < VOICE_LIMITER_SAMPLES; i++) out[at + i] = (gint16)limiter->tail[i];
        } else {
            float step = (next - limiter->gain) / VOICE_LIMITER_SAMPLES;
            for (guint i = 0; i < VOICE_LIMITER_SAMPLES; i++)
                out[at + i] = to_sample((float)limiter->tail[i] * (limiter->gain + step * (float)i));
        }
        memcpy(limiter->tail, in + at, sizeof limiter->tail);
        limiter->gain = next;
        limiter->tail_gain = allowed;
    }
}

void leveller_init(Leveller *leveller) {
    *leveller = (Leveller){ .speech_db = TARGET_DB, .gain_db = 0, .gain = 1 };
}

void leveller_run(Leveller *leveller, gint16 *samples, guint n_samples, guint8 level, gboolean speaking) {
    float before = leveller->gain;
    if (speaking) {
        /* The first second counts each frame the same; later ones move the mean slowly. */
        leveller->n_frames++;
        float share = MAX(LEARN_SLOW, 1 / (float)leveller->n_frames);
        leveller->speech_db += (-(float)level - leveller->speech_db) * share;
        float wanted = CLAMP(TARGET_DB - leveller->speech_db, -GAIN_DB_MAX, GAIN_DB_MAX);
        leveller->gain_db += CLAMP(wanted - leveller->gain_db, -GAIN_STEP_DB, GAIN_STEP_DB);
        leveller->gain = powf(10, leveller->gain_db / 20);
    }
    if (before == 1 && leveller->gain == 1) return;
    mix_fade(samples, n_samples, before, leveller->gain);
}
