/* click.c -- see click.h. */
#include "tests/load/click.h"

#include <math.h>
#include <string.h>

enum { RATE_HZ = 48000, CLICK_SAMPLES = 480, HUM_HZ = 200, SWELL_HZ = 4, STEP = 24 };
enum { REFRACTORY_SAMPLES = RATE_HZ / 5, LISTEN_SAMPLES = CLICK_SAMPLES / 2 };
/* Whole waves in a window, so that none is heard in another's place. */
static const double PITCH_HZ[CLICK_TURNS] = { 2000, 1500, 2500, 3000 };
static const double CLICK_PEAK = 0.5, HUM_PEAK = 0.08, HEARD = 0.10;

void click_fill(gint16 *ret_samples, guint n_samples, guint64 at) {
    for (guint i = 0; i < n_samples; i++) {
        double t = (double)(at + i) / RATE_HZ;
        double swell = 0.6 - 0.4 * cos(2 * G_PI * SWELL_HZ * t);
        double value = HUM_PEAK * swell * sin(2 * G_PI * HUM_HZ * t);
        guint64 phase = (at + i) % CLICK_PERIOD_SAMPLES, turn = (at + i) / CLICK_PERIOD_SAMPLES;
        if (turn > 0 && phase < CLICK_SAMPLES)
            value += CLICK_PEAK * sin(2 * G_PI * PITCH_HZ[turn % CLICK_TURNS] * (double)phase / RATE_HZ);
        ret_samples[i] = (gint16)lround(32767 * value);
    }
}

/* Amplitude at a pitch in the 2 ms of the window, 0 to 1. */
static double strength(const ClickFinder *finder, double hz) {
    double real = 0, imaginary = 0;
    for (guint i = 0; i < G_N_ELEMENTS(finder->window); i++) {
        double angle = 2 * G_PI * hz * i / RATE_HZ;
        real += finder->window[i] * cos(angle);
        imaginary += finder->window[i] * sin(angle);
    }
    return sqrt(real * real + imaginary * imaginary) * 2 / (G_N_ELEMENTS(finder->window) * 32768.0);
}

/* Adds what is heard of each pitch now; returns the most. */
static double listen(ClickFinder *finder) {
    double most = 0;
    for (guint turn = 0; turn < CLICK_TURNS; turn++) {
        double heard = strength(finder, PITCH_HZ[turn]);
        finder->strengths[turn] += heard;
        most = MAX(most, heard);
    }
    return most;
}

static guint strongest(const ClickFinder *finder) {
    guint best = 0;
    for (guint turn = 1; turn < CLICK_TURNS; turn++)
        if (finder->strengths[turn] > finder->strengths[best]) best = turn;
    return best;
}

gboolean click_find(ClickFinder *finder, const gint16 *samples, guint n_samples, gint *ret_index,
                    guint *ret_turn) {
    gboolean known = FALSE;
    for (guint i = 0; i < n_samples; i++) {
        memmove(finder->window, finder->window + 1, sizeof finder->window - sizeof finder->window[0]);
        finder->window[G_N_ELEMENTS(finder->window) - 1] = samples[i];
        finder->at++;
        finder->quiet++;
        if (finder->at % STEP != 0) continue;
        if (finder->found_at == 0) memset(finder->strengths, 0, sizeof finder->strengths);
        if (listen(finder) >= HEARD) {
            /* A click that goes on is not another one. The window is a fifth full when it is first heard. */
            if (finder->quiet > REFRACTORY_SAMPLES && finder->at > REFRACTORY_SAMPLES)
                finder->found_at = finder->at;
            finder->quiet = 0;
        }
        if (finder->found_at == 0 || finder->at - finder->found_at < LISTEN_SAMPLES) continue;
        *ret_index = (gint)i - STEP - (gint)(finder->at - finder->found_at);
        *ret_turn = strongest(finder);
        finder->found_at = 0;
        known = TRUE;
    }
    return known;
}
