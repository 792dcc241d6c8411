/* line_guess.h -- what a browser's receiver would say that its line carries (REMB, draft-alvestrand-rmcat-remb-03), from how
 * much comes and how late: more slowly while packets come evenly, at once less than what comes when they queue. Pure. */
#pragma once

#include <glib.h>

typedef struct {
    double bps; /* 0: nothing came yet */
    double late_us, least_us, least_before_us;
    guint64 n_bytes;
    gint64 since_us, epoch_us;
} LineGuess;

/* late_us: arrival minus media time of an even stream, from any origin. */
void line_guess_late(LineGuess *guess, gint64 late_us, gint64 now_us);
void line_guess_packet(LineGuess *guess, gsize n_bytes);
guint64 line_guess_bps(LineGuess *guess, gint64 now_us); /* about once a second */
