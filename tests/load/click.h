/* click.h -- a sound whose moments can be found again after two encoders: a soft swelling hum, which keeps discontinuous
 * transmission from falling asleep, and a short burst of 2 kHz every half second. Pure. 48 kHz, mono. */
#pragma once

#include <glib.h>

enum { CLICK_PERIOD_SAMPLES = 24000 };

/* at: the first sample's number since the sound began. Clicks begin at multiples of CLICK_PERIOD_SAMPLES, not at 0. */
void click_fill(gint16 *ret_samples, guint n_samples, guint64 at);

typedef struct {
    gint16 window[96];
    guint n_seen, quiet; /* samples in the window; samples since the last click ended */
    guint64 at;
} ClickFinder;

/* Samples one after the other; TRUE when one of these begins a click: its index in *ret_index (as exact as 1 ms). */
gboolean click_find(ClickFinder *finder, const gint16 *samples, guint n_samples, gint *ret_index);
