/* click.c -- see click.h. */
#include "tests/load/click.h"

#include <math.h>
#include <string.h>

enum { RATE_HZ = 48000, CLICK_HZ = 2000, CLICK_SAMPLES = 480, HUM_HZ = 200, SWELL_HZ = 4, STEP = 24 };
enum { REFRACTORY_SAMPLES = RATE_HZ / 5 };
static const double CLICK_PEAK = 0.5, HUM_PEAK = 0.08, HEARD = 0.10;

void click_fill(gint16 *ret_samples, guint n_samples, guint64 at) {
    for (guint i = 0; i < n_samples; i++) {
        double t = (double)(at + i) / RATE_HZ;
        double swell = 0.6 - 0.4 * cos(2 * G_PI * SWELL_HZ * t);
        double value = HUM_PEAK * swell * sin(2 * G_PI * HUM_HZ * t);
        guint64 phase = (at + i) % CLICK_PERIOD_SAMPLES;
        if (at + i >= CLICK_PERIOD_SAMPLES && phase < CLICK_SAMPLES)
            value += CLICK_PEAK * sin(2 * G_PI * CLICK_HZ * (double)phase / RATE_HZ);
        ret_samples[i] = (gint16)lround(32767 * value);
    }
}

/* Amplitude at 2 kHz in the 2 ms of the window, 0 to 1. */
static double strength(const ClickFinder *finder) {
    double real = 0, imaginary = 0;
    for (guint i = 0; i < G_N_ELEMENTS(finder->window); i++) {
        double angle = 2 * G_PI * CLICK_HZ * i / RATE_HZ;
        real += finder->window[i] * cos(angle);
        imaginary += finder->window[i] * sin(angle);
    }
    return sqrt(real * real + imaginary * imaginary) * 2 / (G_N_ELEMENTS(finder->window) * 32768.0);
}

gboolean click_find(ClickFinder *finder, const gint16 *samples, guint n_samples, gint *ret_index) {
    gboolean found = FALSE;
    for (guint i = 0; i < n_samples; i++) {
        memmove(finder->window, finder->window + 1, sizeof finder->window - sizeof finder->window[0]);
        finder->window[G_N_ELEMENTS(finder->window) - 1] = samples[i];
        finder->at++;
        finder->quiet++;
        if (finder->at % STEP != 0 || strength(finder) < HEARD) continue;
        /* A click that goes on is not another one. The window is a fifth full when it is first heard. */
        if (finder->quiet > REFRACTORY_SAMPLES && finder->at > REFRACTORY_SAMPLES) {
            *ret_index = (gint)i - STEP;
            found = TRUE;
        }
        finder->quiet = 0;
    }
    return found;
}
