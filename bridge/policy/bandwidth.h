/* bandwidth.h -- pure: what a leg's feedback says about its line. Loss (receiver reports, transport-wide feedback), NACKs and
 * REMB -> an estimate in bps and whether the line is clean.
 * REMB cannot see room that is not used: it follows what arrives, at most about 1.5 times, grows by 8 % a second when a
 * picture becomes lively, and a busy receiver sends 0.85 times what it gets for no reason of the line. So a REMB counts only
 * when it is well below what is being sent, and either fell while packets were lost or the round trip grew, or will not rise
 * for seconds; going up is tried out (ladder.h). */
#pragma once

#include "bridge/policy/congestion.h"
#include "bridge/policy/loss_judge.h"

enum { BANDWIDTH_BPS_MIN = 30000, BANDWIDTH_BPS_MAX = 50000000 };

typedef struct {
    double estimate_bps;
    double loss;   /* smoothed, 0..1 */
    double excess; /* of it, what is not the line's own */
    LossJudge judge;
    Congestion congestion; /* while transport-wide feedback comes */
    gboolean measured;     /* it does */
    guint32 sent_bps;      /* last full second */
    guint sent_packets;
    gint64 second_us; /* start of the second being counted */
    guint64 second_bytes;
    guint second_packets, second_nacked;
    gint64 lowered_us, raised_us;
    gint64 reported_us;     /* the last receiver report */
    gint64 report_every_us; /* their usual interval, 0: not known */
    gint64 back_us;         /* told of a return; 0: never */
    gint64 returned_us;     /* the first report after a time without any: the line was cut; 0: never */
    gint64 dirty_us;        /* the last sign of trouble; 0: none yet */
    gint64 low_since_us;    /* REMBs have been low since then; 0: the last was not */
    double low_first_bps, remb_bps;
    gint64 fell_us;            /* a REMB was well below the one before */
    gboolean narrow;           /* and the line is to blame */
    gint64 trouble_us;         /* last report of loss or of a queue; 0: none yet */
    StandingQueue round_trips; /* both ways together: asked until the way there is known by itself */
    gint64 queued_us;          /* when a queue stood last; 0: never */
    gint64 measured_us;        /* since when it is measured */
    gint64 drowned_us;         /* the last of several; 0: never */
    guint n_drowned;           /* reports in a row of loss that no chance makes */
    gint64 rtt_us;
} Bandwidth;

void bandwidth_init(Bandwidth *bandwidth, guint32 start_bps, gint64 now_us);
/* The line was cut and is there again: what was lost meanwhile says nothing of its width. */
void bandwidth_on_return(Bandwidth *bandwidth, gint64 now_us);
void bandwidth_on_sent(Bandwidth *bandwidth, guint n_packets, gsize n_bytes, gint64 now_us);
void bandwidth_on_nack(Bandwidth *bandwidth, guint n_missing, gint64 now_us);
/* fraction_lost: 0..1 since the report before. rtt_us: -1 not known. */
void bandwidth_on_report(Bandwidth *bandwidth, double fraction_lost, gint64 rtt_us, gint64 now_us);
void bandwidth_on_remb(Bandwidth *bandwidth, guint64 bitrate_bps, gint64 now_us);
/* Transport-wide feedback on packets in the order of sending: while it comes the estimate is measured, and REMB and the loss
 * of reports are not asked. */
void bandwidth_on_feedback(Bandwidth *bandwidth, const FeedbackPacket *packets, guint n_packets,
                           gint64 now_us);
/* Every few 100 ms: feedback that ceased is noticed here. */
void bandwidth_tick(Bandwidth *bandwidth, gint64 now_us);
void bandwidth_probe_begin(Bandwidth *bandwidth, guint32 target_bps, gint64 now_us, gint64 until_us);
ProbeState bandwidth_probe_take(Bandwidth *bandwidth, gint64 now_us); /* HELD: the estimate has risen */
/* A rung is being tried: the estimate may not be what turns it down at once. */
void bandwidth_on_trial(Bandwidth *bandwidth, guint32 bitrate_bps);

guint32 bandwidth_estimate_bps(const Bandwidth *bandwidth);
/* What leaves now: the last full second, or this one when it is more already. */
guint32 bandwidth_sent_bps(const Bandwidth *bandwidth);
/* No loss worth mentioning, no narrowing REMB, no growing queue for a second. */
gboolean bandwidth_is_clean(const Bandwidth *bandwidth, gint64 now_us);
/* Something is wrong with the line, or was a moment ago: worth the bytes of transport-wide numbers. */
gboolean bandwidth_is_troubled(const Bandwidth *bandwidth, gint64 now_us);
/* A queue stands in the line, or did a moment ago: what is lost then is lost for want of room, not by chance. */
gboolean bandwidth_is_queued(const Bandwidth *bandwidth, gint64 now_us);
/* Packets wait in the line now: what can be left out should be, until they are through. */
gboolean bandwidth_queue_grows(const Bandwidth *bandwidth, gint64 now_us);
