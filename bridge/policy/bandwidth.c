/* bandwidth.c -- see bandwidth.h. The loss rule is the one of draft-ietf-rmcat-gcc-02 section 6: above 10 % lower, below
 * 2 % raise, between hold. */
#include "bridge/policy/bandwidth.h"

static const double LOSS_HIGH = 0.10, LOSS_LOW = 0.02, NACKED_HIGH = 0.08, RAISE_PER_S = 1.08, REMB_LOW = 0.8,
                    REMB_FELL = 0.95, NACKED_AGAIN = 1.8, STEP_DOWN = 0.7, REMB_STUCK = 1.1,
                    ARRIVED_SURE = 0.85, QUEUED_GUESS = 0.95, DROWNED = 0.5, WAITS_SHARE = 0.25;

enum {
    LOWER_EVERY_US = 300000,
    CLEAN_US = 1000000,
    RTT_US_UNKNOWN = 100000,
    NARROW_US = 600000,
    STUCK_US = 4000000,
    TROUBLE_US = 4000000,
    QUEUE_US = 60000,   /* round trips that much above the shortest: packets wait somewhere */
    SUDDEN_US = 150000, /* one alone must be so much longer: radio and busy receivers are late by less */
    ROUND_US = 1500000, /* a moment of reports */
    QUEUED_ECHO_US = 1500000, /* what was lost in a queue is told of later */
    OWN_WAY_US = 5000000,     /* measured for so long: the way there is known by itself */
    PART_US = 200000,
    CUT_US = 1800000, /* so long without a report from a peer that sends one a second: there was no line */
    LONG_CUT_US = 4000000,
    RETURNED_US = 2500000 /* after a long cut the reports until then may speak of it */
};

static void set_estimate(Bandwidth *bandwidth, double bps) {
    bandwidth->estimate_bps = CLAMP(bps, (double)BANDWIDTH_BPS_MIN, (double)BANDWIDTH_BPS_MAX);
}

void bandwidth_init(Bandwidth *bandwidth, guint32 start_bps, gint64 now_us) {
    *bandwidth = (Bandwidth){ .second_us = now_us, .raised_us = now_us, .rtt_us = -1 };
    standing_queue_init(&bandwidth->round_trips, ROUND_US);
    set_estimate(bandwidth, start_bps);
}

/* The smaller of the last second and this one so far: a REMB is as old as half a second, and a picture that has just
 * become easy must not look like a line that has become narrow. */
static double recent_bps(const Bandwidth *bandwidth, gint64 now_us) {
    gint64 past_us = now_us - bandwidth->second_us;
    if (past_us < PART_US) return bandwidth->sent_bps;
    return MIN((double)bandwidth->sent_bps, (double)bandwidth->second_bytes * 8e6 / (double)past_us);
}

/* A busy receiver answers late once; a queue in the line stays. The way back may be the one that is full, so round trips are
 * asked only until feedback has told enough of the way there. */
static gboolean knows_own_way(const Bandwidth *bandwidth, gint64 now_us) {
    return bandwidth->measured && now_us - bandwidth->measured_us > OWN_WAY_US;
}

static gboolean is_long(const Bandwidth *bandwidth, gint64 over_us, gint64 least_us) {
    return (double)over_us > MAX((double)least_us, WAITS_SHARE * (double)bandwidth->rtt_us);
}

static gboolean queue_stands(const Bandwidth *bandwidth, gint64 now_us) {
    if (bandwidth->measured && congestion_is_queued(&bandwidth->congestion, now_us)) return TRUE;
    return !knows_own_way(bandwidth, now_us) &&
           is_long(bandwidth, standing_queue_us(&bandwidth->round_trips, now_us), QUEUE_US);
}

/* Once per round trip and a bit: the effect of the last cut must have had time to show. */
static void lower(Bandwidth *bandwidth, double loss, gint64 now_us) {
    gint64 rtt_us = bandwidth->rtt_us >= 0 ? bandwidth->rtt_us : RTT_US_UNKNOWN;
    bandwidth->dirty_us = now_us;
    bandwidth->raised_us = now_us;
    if (now_us - bandwidth->lowered_us < rtt_us + LOWER_EVERY_US) return;
    bandwidth->lowered_us = now_us;
    /* What was sent and did not arrive is the better witness than an estimate that was never used up. */
    double sent_bps = bandwidth_sent_bps(bandwidth);
    double used_bps = sent_bps > 0 ? MIN(bandwidth->estimate_bps, sent_bps) : bandwidth->estimate_bps;
    /* What arrives is known while it is told: all that a full queue lets through, or what chance left. */
    double arrived_bps = bandwidth->measured ? congestion_carried_bps(&bandwidth->congestion) : 0;
    if (arrived_bps > 0 && bandwidth_is_queued(bandwidth, now_us)) {
        set_estimate(bandwidth, MIN(bandwidth->estimate_bps, arrived_bps));
        congestion_full(&bandwidth->congestion);
    } else if (arrived_bps > 0) {
        double least_bps = MAX(arrived_bps, bandwidth->estimate_bps * STEP_DOWN);
        set_estimate(bandwidth, MIN(bandwidth->estimate_bps * (1 - 0.5 * loss), least_bps));
    } else {
        double left = queue_stands(bandwidth, now_us) ? (1 - loss) * QUEUED_GUESS : 1 - 0.5 * loss;
        set_estimate(bandwidth, used_bps * left);
    }
}

/* What arrives in spite of the loss is proof of that much: a line that loses at random (radio) is not a narrow one. */
static void keep_what_arrives(Bandwidth *bandwidth, double loss, gint64 now_us) {
    if (bandwidth->narrow) return; /* it arrives late: the receiver says so */
    double arrived_bps = recent_bps(bandwidth, now_us) * (1 - loss) * ARRIVED_SURE;
    set_estimate(bandwidth, MAX(bandwidth->estimate_bps, arrived_bps));
}

static void raise_slowly(Bandwidth *bandwidth, gint64 now_us) {
    double seconds = (double)(now_us - bandwidth->raised_us) / G_USEC_PER_SEC;
    bandwidth->raised_us = now_us;
    if (seconds <= 0) return;
    double raised = bandwidth->estimate_bps * (1 + (RAISE_PER_S - 1) * MIN(seconds, 2));
    /* An unused estimate proves nothing: it stays within twice of what is sent, unless it is there already. */
    double most = MAX(bandwidth->estimate_bps, 2.0 * bandwidth->sent_bps);
    set_estimate(bandwidth, MIN(raised, most));
}

static void end_second(Bandwidth *bandwidth, gint64 now_us) {
    gint64 past_us = now_us - bandwidth->second_us;
    if (past_us < G_USEC_PER_SEC) return;
    bandwidth->sent_bps =
        (guint32)MIN(bandwidth->second_bytes * 8 * G_USEC_PER_SEC / (guint64)past_us, G_MAXUINT32);
    bandwidth->sent_packets = bandwidth->second_packets;
    bandwidth->second_us = now_us;
    bandwidth->second_bytes = 0;
    bandwidth->second_packets = bandwidth->second_nacked = 0;
}

void bandwidth_on_sent(Bandwidth *bandwidth, guint n_packets, gsize n_bytes, gint64 now_us) {
    end_second(bandwidth, now_us);
    bandwidth->second_packets += n_packets;
    bandwidth->second_bytes += n_bytes;
}

void bandwidth_on_return(Bandwidth *bandwidth, gint64 now_us) {
    bandwidth->back_us = now_us;
    bandwidth->second_us = now_us; /* the last full second was before the cut: it stays */
    bandwidth->second_bytes = 0;
    bandwidth->second_packets = bandwidth->second_nacked = 0;
    bandwidth->queued_us = bandwidth->drowned_us = 0;
    bandwidth->n_drowned = 0;
    standing_queue_forget(&bandwidth->round_trips);
    standing_queue_forget(&bandwidth->congestion.queue);
    loss_judge_wait(&bandwidth->judge);
    bandwidth->congestion.live = FALSE;
    bandwidth_tick(bandwidth, now_us);
}

void bandwidth_on_nack(Bandwidth *bandwidth, guint n_missing, gint64 now_us) {
    end_second(bandwidth, now_us);
    bandwidth->second_nacked += n_missing;
    if (bandwidth->second_packets < 50) return; /* too few to speak of a rate */
    double rate = (double)bandwidth->second_nacked / bandwidth->second_packets;
    if (rate <= NACKED_HIGH + NACKED_AGAIN * bandwidth->judge.floor) return;
    /* A packet may be asked for several times, so reports know the loss better, where there are any. */
    if (bandwidth->measured || bandwidth->reported_us != 0)
        bandwidth->dirty_us = bandwidth->raised_us = now_us;
    else
        lower(bandwidth, MIN(rate, 0.5), now_us);
}

static void look_for_trouble(Bandwidth *bandwidth, double fraction_lost, gint64 rtt_us, gint64 now_us) {
    if (rtt_us >= 0) standing_queue_note(&bandwidth->round_trips, rtt_us, now_us);
    /* One very long round trip with loss is enough. */
    gboolean full = rtt_us >= 0 && fraction_lost > LOSS_LOW && !knows_own_way(bandwidth, now_us) &&
                    is_long(bandwidth, standing_queue_over_us(&bandwidth->round_trips, rtt_us), SUDDEN_US);
    gboolean queued = full || queue_stands(bandwidth, now_us);
    if (queued) bandwidth->queued_us = now_us;
    if (queued || fraction_lost > LOSS_LOW) bandwidth->trouble_us = now_us;
}

static gboolean is_lately(gint64 then_us, gint64 now_us) {
    return then_us != 0 && now_us - then_us < QUEUED_ECHO_US;
}

gboolean bandwidth_is_queued(const Bandwidth *bandwidth, gint64 now_us) {
    return is_lately(bandwidth->queued_us, now_us) || is_lately(bandwidth->drowned_us, now_us);
}

/* What was lost while the line was cut says nothing of its width. A cut is a silence well above the peer's usual interval;
 * after a long one the reports of the first moments speak of it too. */
static gboolean tells_of_a_cut(Bandwidth *bandwidth, double fraction_lost, gint64 now_us) {
    gint64 gap_us = bandwidth->reported_us != 0 ? now_us - bandwidth->reported_us : 0;
    gint64 usual_us = bandwidth->report_every_us;
    gboolean cut = usual_us != 0 && gap_us > MAX(CUT_US, 2 * usual_us);
    if (!cut && gap_us > 0) bandwidth->report_every_us = usual_us == 0 ? gap_us : (usual_us * 3 + gap_us) / 4;
    if (cut && gap_us > LONG_CUT_US) bandwidth->returned_us = now_us;
    bandwidth->reported_us = now_us;
    gboolean lately = bandwidth->returned_us != 0 && now_us - bandwidth->returned_us < RETURNED_US;
    gboolean back = bandwidth->back_us != 0 && now_us - bandwidth->back_us < RETURNED_US;
    return ((cut || lately) && fraction_lost > 0.5) || (back && fraction_lost > LOSS_LOW);
}

static void on_loss(Bandwidth *bandwidth, double fraction_lost, guint n_packets, gint64 now_us) {
    double excess;
    LossVerdict verdict = LOSS_OURS;
    /* On a line that was full from the beginning nobody knows how long it takes when it is empty; twice such a loss says it too. */
    bandwidth->n_drowned = fraction_lost > DROWNED ? bandwidth->n_drowned + 1 : 0;
    if (bandwidth->n_drowned >= 2) bandwidth->drowned_us = now_us;
    gboolean queued = is_lately(bandwidth->queued_us, now_us);
    if (queued || bandwidth_queue_grows(bandwidth, now_us)) loss_judge_wait(&bandwidth->judge);
    if (queued)
        excess = loss_judge_excess(&bandwidth->judge, n_packets, fraction_lost);
    else
        verdict = loss_judge_report(&bandwidth->judge, bandwidth->sent_bps, n_packets, fraction_lost, now_us,
                                    &excess);
    bandwidth->loss = bandwidth->loss * 0.5 + fraction_lost * 0.5;
    bandwidth->excess = bandwidth->excess * 0.5 + excess * 0.5;
    if (verdict == LOSS_FOUND_RANDOM) {
        bandwidth->excess = 0;
        bandwidth->raised_us = now_us;
        set_estimate(bandwidth, MAX(bandwidth->estimate_bps, bandwidth->judge.cleared_bps));
    } else if (verdict == LOSS_PENDING) {
        bandwidth->dirty_us = bandwidth->raised_us = now_us;
    } else if (excess > LOSS_HIGH) {
        lower(bandwidth, excess, now_us);
        keep_what_arrives(bandwidth, fraction_lost, now_us);
    } else if (excess > LOSS_LOW) {
        bandwidth->dirty_us = bandwidth->raised_us = now_us;
    } else {
        raise_slowly(bandwidth, now_us);
    }
}

void bandwidth_on_report(Bandwidth *bandwidth, double fraction_lost, gint64 rtt_us, gint64 now_us) {
    end_second(bandwidth, now_us);
    if (tells_of_a_cut(bandwidth, fraction_lost, now_us)) return;
    if (rtt_us >= 0)
        bandwidth->rtt_us = bandwidth->rtt_us < 0 ? rtt_us : (bandwidth->rtt_us * 7 + rtt_us) / 8;
    look_for_trouble(bandwidth, fraction_lost, rtt_us, now_us);
    if (!bandwidth->measured) on_loss(bandwidth, fraction_lost, bandwidth->sent_packets, now_us);
}

/* ---- transport-wide feedback ---- */

void bandwidth_tick(Bandwidth *bandwidth, gint64 now_us) {
    if (!bandwidth->measured || congestion_is_live(&bandwidth->congestion, now_us)) return;
    bandwidth->measured = FALSE;
    set_estimate(bandwidth, MIN(bandwidth->estimate_bps, bandwidth->congestion.bps));
}

void bandwidth_on_feedback(Bandwidth *bandwidth, const FeedbackPacket *packets, guint n_packets,
                           gint64 now_us) {
    double loss;
    guint n;
    end_second(bandwidth, now_us);
    bandwidth_tick(bandwidth, now_us);
    bandwidth->congestion.floor_loss = bandwidth->judge.floor;
    congestion_feedback(&bandwidth->congestion, packets, n_packets, bandwidth->estimate_bps,
                        bandwidth->rtt_us, now_us);
    if (!bandwidth->measured) bandwidth->measured_us = now_us;
    bandwidth->measured = TRUE;
    bandwidth->narrow = FALSE;
    if (queue_stands(bandwidth, now_us)) bandwidth->queued_us = now_us;
    if (congestion_take_loss(&bandwidth->congestion, now_us, &n, &loss)) on_loss(bandwidth, loss, n, now_us);
}

void bandwidth_probe_begin(Bandwidth *bandwidth, guint32 target_bps, gint64 now_us, gint64 until_us) {
    congestion_probe_begin(&bandwidth->congestion, target_bps, now_us, until_us);
}

ProbeState bandwidth_probe_take(Bandwidth *bandwidth, gint64 now_us) {
    ProbeState state = congestion_probe_take(&bandwidth->congestion, now_us);
    if (state == PROBE_HELD) set_estimate(bandwidth, MAX(bandwidth->estimate_bps, bandwidth->congestion.bps));
    return state;
}

/* A low REMB is the line's doing when it came down, or when it does not grow as an idle line's does. */
static gboolean remb_is_narrow(Bandwidth *bandwidth, double bps, gint64 now_us) {
    gboolean fell = bandwidth->remb_bps > 0 && bps < bandwidth->remb_bps * REMB_FELL;
    bandwidth->remb_bps = bps;
    if (bps > recent_bps(bandwidth, now_us) * REMB_LOW) {
        bandwidth->low_since_us = 0;
        return FALSE;
    }
    if (bandwidth->low_since_us == 0) {
        bandwidth->low_since_us = now_us;
        bandwidth->low_first_bps = bps;
    }
    gint64 low_us = now_us - bandwidth->low_since_us;
    gboolean stuck = low_us >= STUCK_US && bps < bandwidth->low_first_bps * REMB_STUCK;
    gboolean trouble = bandwidth->trouble_us != 0 && now_us - bandwidth->trouble_us < TROUBLE_US;
    if (fell) bandwidth->fell_us = now_us;
    gboolean fell_lately = bandwidth->fell_us != 0 && now_us - bandwidth->fell_us < TROUBLE_US;
    return bandwidth->narrow || (fell_lately && trouble) || stuck;
}

void bandwidth_on_remb(Bandwidth *bandwidth, guint64 bitrate_bps, gint64 now_us) {
    double bps = (double)bitrate_bps;
    end_second(bandwidth, now_us);
    if (bandwidth->measured) return;
    bandwidth->narrow = remb_is_narrow(bandwidth, bps, now_us);
    if (!bandwidth->narrow) return;
    bandwidth->dirty_us = bandwidth->raised_us = now_us;
    if (bps >= bandwidth->estimate_bps || now_us - bandwidth->low_since_us < NARROW_US) return;
    bandwidth->lowered_us = now_us;
    set_estimate(bandwidth, bps);
}

void bandwidth_on_trial(Bandwidth *bandwidth, guint32 bitrate_bps) {
    if (bandwidth->estimate_bps < bitrate_bps * 1.2) set_estimate(bandwidth, bitrate_bps * 1.2);
}

guint32 bandwidth_estimate_bps(const Bandwidth *bandwidth) {
    double bps = bandwidth->estimate_bps;
    return (guint32)(bandwidth->measured ? MIN(bps, bandwidth->congestion.bps) : bps);
}

guint32 bandwidth_sent_bps(const Bandwidth *bandwidth) {
    return (guint32)MIN(MAX((guint64)bandwidth->sent_bps, bandwidth->second_bytes * 8), G_MAXUINT32);
}

gboolean bandwidth_is_clean(const Bandwidth *bandwidth, gint64 now_us) {
    if (bandwidth->measured && !congestion_is_steady(&bandwidth->congestion, now_us)) return FALSE;
    return bandwidth->excess <= LOSS_LOW &&
           (bandwidth->dirty_us == 0 || now_us - bandwidth->dirty_us >= CLEAN_US);
}

gboolean bandwidth_is_troubled(const Bandwidth *bandwidth, gint64 now_us) {
    gboolean trouble = bandwidth->trouble_us != 0 && now_us - bandwidth->trouble_us < TROUBLE_US;
    return trouble || bandwidth->loss > LOSS_LOW || !bandwidth_is_clean(bandwidth, now_us);
}

gboolean bandwidth_queue_grows(const Bandwidth *bandwidth, gint64 now_us) {
    return bandwidth->measured && !congestion_is_steady(&bandwidth->congestion, now_us);
}
