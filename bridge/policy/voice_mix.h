/* voice_mix.h -- pure: the kernel of the mix. 48 kHz mono, frames of VOICE_FRAME_SAMPLES.
 *   sum (int32) of all voices; for each listener its own voice taken out again; a limiter with look-ahead instead of
 *   clipping; and per voice a slow leveller. The very frame that went into the sum is the one to take out. */
#pragma once

#include <glib.h>

enum {
    VOICE_RATE_HZ = 48000,
    VOICE_FRAME_SAMPLES = 960,
    VOICE_LIMITER_SAMPLES = 120, /* look-ahead: 2.5 ms, which is the limiter's delay */
};

/* Level of n samples as RFC 6464 counts: 0 = full scale, 127 = silence. */
guint8 voice_level(const gint16 *samples, guint n_samples);

void mix_add(gint32 *sum, const gint16 *voice, guint n_samples);
/* out = sum - own; own NULL: a copy. out may be sum. */
void mix_without(const gint32 *sum, const gint16 *own, gint32 *out, guint n_samples);
/* Fades linearly from gain `from` to gain `to` (0..1) over the n samples. */
void mix_fade(gint16 *samples, guint n_samples, float from, float to);

/* ---- limiter ---- */
typedef struct {
    gint32 tail[VOICE_LIMITER_SAMPLES]; /* not yet put out */
    float gain;                         /* at the first sample of tail */
    float tail_gain;                    /* most that tail allows */
} Limiter;
void limiter_init(Limiter *limiter);
/* n_samples: a multiple of VOICE_LIMITER_SAMPLES. Delays by VOICE_LIMITER_SAMPLES; no sample leaves the range, and the gain
 * has no jumps: it falls within 2.5 ms and comes back over 200 ms. */
void limiter_run(Limiter *limiter, const gint32 *in, gint16 *out, guint n_samples);

/* ---- leveller ---- */
typedef struct {
    float speech_db; /* long-term level while it speaks, dBov */
    float gain_db, gain;
    guint n_frames; /* of speech seen so far, for a quick start */
} Leveller;
void leveller_init(Leveller *leveller);
/* Brings a voice slowly to -23 dBFS, by at most 9 dB either way; learns and moves only while `speaking`. In place. */
void leveller_run(Leveller *leveller, gint16 *samples, guint n_samples, guint8 level, gboolean speaking);
