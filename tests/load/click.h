/* click.h -- a sound whose moments can be found again after two encoders: a soft swelling hum, which keeps discontinuous
 * transmission from falling asleep, and a short burst every half second, of four pitches in turn, so that one which comes
 * two seconds late is still known for which it is. Pure. 48 kHz, mono. */
#pragma once

#include <glib.h>

enum { CLICK_PERIOD_SAMPLES = 24000, CLICK_TURNS = 4 };

/* at: the first sample's number since the sound began. Clicks begin at multiples of CLICK_PERIOD_SAMPLES, not at 0; the one
 * at n times that has the pitch of turn n % CLICK_TURNS. */
void click_fill(gint16 *ret_samples, guint n_samples, guint64 at);

typedef struct {
    gint16 window[96];
    guint quiet;          /* samples since the last click ended */
    guint64 at, found_at; /* found: a click whose pitch is being listened to; 0: none */
    double strengths[CLICK_TURNS];
} ClickFinder;

/* Samples one after the other; TRUE when a click is known: where it began as an index (as exact as 1 ms; negative: in what
 * came before these), and its turn. */
gboolean click_find(ClickFinder *finder, const gint16 *samples, guint n_samples, gint *ret_index,
                    guint *ret_turn);
