/* voice_splice.c -- see the header. */
#include "bridge/policy/voice_splice.h"

#include <math.h>
#include <string.h>

enum { OVERLAP = 240, LAG_NOISE = 240, COARSE = 4 };
G_STATIC_ASSERT(SPLICE_SAMPLES_MIN >= SPLICE_LAG_MAX + OVERLAP);

/* Likeness of the first OVERLAP samples with those `lag` later: normalised by the energy of the latter. */
static float likeness(const gint16 *samples, guint lag, guint stride) {
    float product = 0, energy = 1;
    for (guint i = 0; i < OVERLAP; i += stride) {
        float later = samples[lag + i];
        product += samples[i] * later;
        energy += later * later;
    }
    return product / sqrtf(energy);
}

static guint best_lag(const gint16 *samples, guint lag_max) {
    guint noise = MIN((guint)LAG_NOISE, lag_max), best = noise;
    float most = 0;
    for (guint lag = SPLICE_LAG_MIN; lag <= lag_max; lag += COARSE) {
        float score = likeness(samples, lag, 2);
        if (score > most) {
            most = score;
            best = lag;
        }
    }
    if (most <= 0) return noise;
    guint from = MAX(best - COARSE + 1, (guint)SPLICE_LAG_MIN), to = MIN(best + COARSE - 1, lag_max);
    most = 0;
    for (guint lag = from; lag <= to; lag++) {
        float score = likeness(samples, lag, 1);
        if (score > most) {
            most = score;
            best = lag;
        }
    }
    return best;
}

static gint16 blend(gint16 from, gint16 to, guint at) {
    return (gint16)(((gint32)from * (OVERLAP - (gint32)at) + (gint32)to * (gint32)at) / OVERLAP);
}

guint splice_shorten(gint16 *samples, guint n_samples, guint lag_max) {
    if (n_samples < SPLICE_SAMPLES_MIN || lag_max < SPLICE_LAG_MIN) return n_samples;
    guint lag = best_lag(samples, MIN(lag_max, (guint)SPLICE_LAG_MAX));
    for (guint i = 0; i < OVERLAP; i++) samples[i] = blend(samples[i], samples[i + lag], i);
    memmove(samples + OVERLAP, samples + OVERLAP + lag, (n_samples - OVERLAP - lag) * sizeof *samples);
    return n_samples - lag;
}

guint splice_lengthen(gint16 *samples, guint n_samples, guint capacity) {
    if (n_samples < SPLICE_SAMPLES_MIN || capacity < n_samples + SPLICE_LAG_MAX) return n_samples;
    guint lag = best_lag(samples, SPLICE_LAG_MAX);
    gint16 first[OVERLAP];
    memcpy(first, samples, sizeof first);
    memmove(samples + lag + OVERLAP, samples + OVERLAP, (n_samples - OVERLAP) * sizeof *samples);
    /* What followed the first lag fades into the beginning of the frame, which goes on behind as it was. */
    for (guint i = 0; i < OVERLAP; i++) samples[lag + i] = blend(samples[lag + i], first[i], i);
    return n_samples + lag;
}
