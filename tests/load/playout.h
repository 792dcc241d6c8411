/* playout.h -- what a listener's jitter buffer makes of the voice packets that arrive: which stretches of 20 ms are there in
 * time and which must be concealed. The delay follows the jitter as browsers' buffers do. Pure: time is an argument. */
#pragma once

#include <glib.h>

enum { PLAYOUT_SLOTS = 512, PLAYOUT_STEPS = 100 };

typedef struct {
    guint64 at; /* which stretch; 0: empty */
    gint64 due_us, arrived_us;
    gboolean pause, guessed, copy; /* guessed: something is missing about here */
} PlayoutSlot;

typedef struct {
    guint64 n_due, n_concealed, n_from_copies; /* stretches of 20 ms that were judged; of these */
    gint64 delay_us;                           /* of the buffer, now */
} PlayoutStats;

typedef struct {
    guint64 highest, judged;
    gint64 least_us, least_before_us, epoch_us;
    float delays[PLAYOUT_STEPS]; /* share of packets by lateness in steps of 10 ms */
    gint64 delay_us, grown_us;   /* grown: what came just too late, for a while */
    PlayoutSlot slots[PLAYOUT_SLOTS];
} Playout;

/* The packet's own sound. time: of the RTP clock, unwrapped; n_missing: packets between the newest before and this one, 0 also
 * for one that comes out of order. */
void playout_packet(Playout *playout, PlayoutStats *stats, guint64 time, guint n_samples, guint n_missing,
                    gint64 now_us);
/* Sound of an earlier time that a packet carries beside its own. */
void playout_copy(Playout *playout, guint64 time, guint n_samples, gint64 now_us);
