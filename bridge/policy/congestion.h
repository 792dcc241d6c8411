/* congestion.h -- pure: the estimate of a line from transport-wide feedback (draft-ietf-rmcat-gcc-02 sections 5.5 and 6): down
 * to a little under what arrives when a queue grows or stands, up by 8 % a second while none does, never far above what was
 * really tried; and the verdict over a probe, which is how the estimate comes above that. */
#pragma once

#include "bridge/policy/delay_trend.h"
#include "bridge/policy/loss_judge.h"
#include "bridge/policy/standing_queue.h"

enum { CONGESTION_LOST = G_MININT32, CONGESTION_BINS = 16 };

typedef struct {
    gint64 sent_us, arrival_us; /* arrival: the receiver's clock */
    guint16 n_bytes;            /* as on the line */
    gboolean lost, probe;
} FeedbackPacket;

typedef enum { PROBE_NONE, PROBE_RUNS, PROBE_HELD, PROBE_FAILED } ProbeState;

typedef struct {
    double bps;
    gboolean live;
    gint64 told_us;                            /* last feedback */
    gint64 raised_us, lower_after_us, grew_us; /* grew: a queue did, last */
    DelayTrend trend;
    StandingQueue queue; /* one way; outlives pauses of the feedback */
    gint64 queue_us;     /* how long it was when it was looked at for lowering; 0: none stood */
    guint32 bin_bytes[CONGESTION_BINS]; /* of the receiver's time, 50 ms each */
    gint64 bin;                         /* the newest */
    gint64 bin_first;                   /* the first since it began */
    double limit_bps;                   /* what arrived when the queue grew, smoothed; 0: never */
    guint n_told, n_lost;               /* since loss was told on */
    gint64 loss_us;
    double floor_loss; /* the caller's: what the line loses whatever is sent */
    struct {
        ProbeState state;
        guint32 target_bps;
        gint64 begun_us, until_us, first_sent_us, last_sent_us, first_arrival_us, last_arrival_us;
        guint n, n_lost;
        gsize n_bytes; /* after the first, with those that were lost */
    } probe;
} Congestion; /* zero-initialise */

/* Feedback on packets in the order of sending. start_bps: what is believed when it is the first for a while. */
void congestion_feedback(Congestion *congestion, const FeedbackPacket *packets, guint n_packets,
                         double start_bps, gint64 rtt_us, gint64 now_us);
/* Takes the loss since the last call, when there are enough packets to speak of one: FALSE, nothing to say yet. */
gboolean congestion_take_loss(Congestion *congestion, gint64 now_us, guint *ret_n_packets, double *ret_loss);
/* The caller knows that the line is full: what arrives is all that it carries. */
void congestion_full(Congestion *congestion);
/* Feedback came lately. */
gboolean congestion_is_live(const Congestion *congestion, gint64 now_us);
gboolean congestion_is_queued(const Congestion *congestion, gint64 now_us); /* a queue stands */
gboolean congestion_is_steady(const Congestion *congestion, gint64 now_us); /* no queue grew lately */
double congestion_arrived_bps(const Congestion *congestion);
/* And what the line carried of it: with what it loses whatever is sent. */
double congestion_carried_bps(const Congestion *congestion);

/* What leaves until until_us is to be marked as probe. */
void congestion_probe_begin(Congestion *congestion, guint32 target_bps, gint64 now_us, gint64 until_us);
/* PROBE_HELD, PROBE_FAILED: once, at its end; the estimate is then what was found. */
ProbeState congestion_probe_take(Congestion *congestion, gint64 now_us);
