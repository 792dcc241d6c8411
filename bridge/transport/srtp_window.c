/* srtp_window.c -- see srtp_window.h. */
#include "bridge/transport/srtp_window.h"

#include <string.h>

enum { HALF = 1 << 15, ROUND = 1 << 16 };

guint64 srtp_nearest_index(gboolean begun, guint64 highest, guint16 sequence) {
    if (!begun) return sequence;
    guint64 round = highest & ~(guint64)(ROUND - 1);
    gint newest = (gint)(highest & (ROUND - 1));
    if (newest < HALF && sequence - newest > HALF && round > 0)
        round -= ROUND;
    else if (newest >= HALF && sequence < newest - HALF)
        round += ROUND;
    return round | sequence;
}

guint64 srtp_window_guess(const SrtpWindow *window, guint16 sequence) {
    return srtp_nearest_index(window->begun, window->highest, sequence);
}

static guint64 bit_of(guint64 index) { return (guint64)1 << (index % 64); }
static guint word_of(guint64 index) { return (guint)(index % SRTP_WINDOW_PACKETS / 64); }

gboolean srtp_window_is_new(const SrtpWindow *window, guint64 index) {
    if (!window->begun || index > window->highest) return TRUE;
    if (window->highest - index >= SRTP_WINDOW_PACKETS) return FALSE;
    return (window->seen[word_of(index)] & bit_of(index)) == 0;
}

/* The bits between the newest packet and a newer one stand for packets of one ring earlier: they fall. */
static void move_to(SrtpWindow *window, guint64 index) {
    guint64 steps = window->begun ? index - window->highest : SRTP_WINDOW_PACKETS;
    if (steps >= SRTP_WINDOW_PACKETS)
        memset(window->seen, 0, sizeof window->seen);
    else
        for (guint64 i = window->highest + 1; i <= index; i++) window->seen[word_of(i)] &= ~bit_of(i);
    window->highest = index;
    window->begun = TRUE;
}

void srtp_window_take(SrtpWindow *window, guint64 index) {
    if (!window->begun || index > window->highest) move_to(window, index);
    window->seen[word_of(index)] |= bit_of(index);
}
