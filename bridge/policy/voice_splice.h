/* voice_splice.h -- pure: speech made a little shorter or longer without a click, by overlap-add at the lag where the
 * signal is most like itself (a pitch period, or several). 48 kHz mono. */
#pragma once

#include <glib.h>

enum {
    SPLICE_LAG_MIN = 120,     /* 2.5 ms */
    SPLICE_LAG_MAX = 480,     /* 10 ms */
    SPLICE_SAMPLES_MIN = 720, /* what a splice needs to work on */
};

/* Takes one lag of at most lag_max out, in place. Returns the new length; n_samples unchanged when it is too short or
 * lag_max is below SPLICE_LAG_MIN. */
guint splice_shorten(gint16 *samples, guint n_samples, guint lag_max);
/* Repeats one lag, in place; capacity >= n_samples + SPLICE_LAG_MAX. Returns the new length. */
guint splice_lengthen(gint16 *samples, guint n_samples, guint capacity);
