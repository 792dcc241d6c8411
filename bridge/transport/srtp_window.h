/* srtp_window.h -- which packets of one SSRC were there already, and the 48-bit number of one of which 16 bits are seen
 * (RFC 3711 3.3.1, 3.3.2).
 * Pure; the owner of the path calls it. */
#pragma once

#include <glib.h>

/* RFC 3711 asks for 64; a packet that was asked for again comes hundreds of numbers late. */
enum { SRTP_WINDOW_PACKETS = 1024 };

typedef struct {
    guint64 highest; /* index of the newest packet; ROC in bits 16 to 47 */
    gboolean begun;
    guint64 seen[SRTP_WINDOW_PACKETS / 64]; /* a ring of bits by index */
} SrtpWindow;                               /* zero-initialise */

/* The same for the newest index alone; begun FALSE: there is none. */
guint64 srtp_nearest_index(gboolean begun, guint64 highest, guint16 sequence);

/* The index that belongs to a sequence number: the nearest to the newest one, never below 0. Before the first packet the
 * roll-over counter is taken for 0, so senders begin below 2^15. */
guint64 srtp_window_guess(const SrtpWindow *window, guint16 sequence);

/* FALSE: was there already, or is too old to tell. */
gboolean srtp_window_is_new(const SrtpWindow *window, guint64 index);

/* To be called for a new index only, on the receiving side after the packet has proved genuine. */
void srtp_window_take(SrtpWindow *window, guint64 index);
