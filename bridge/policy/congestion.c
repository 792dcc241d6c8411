/* congestion.c -- see congestion.h. */
#include "bridge/policy/congestion.h"

#include <math.h>
#include <string.h>

static const double DOWN = 0.85, DOWN_PROBE = 0.95, UP_PER_S = 0.08, UP_CAREFUL_PER_S = 0.02, ABOVE = 1.5,
                    ABOVE_BPS = 10000;
static const double BPS_MIN = 30000, BPS_MAX = 50000000, NARROW_BPS = 250000, DOWN_A_LITTLE = 0.93,
                    DRAINS = 0.9, NEAR = 0.1, LIMIT_SMOOTH = 0.7;
static const double PROBE_LOSS = 0.12, FLOOR_MAX = 0.7, PROBE_SLOWER = 0.9, PROBE_REACHED = 0.9;

enum {
    BIN_US = 50000,
    BINS_MIN = 4,
    LIVE_US = 5000000, /* a leg that gets stills has little to tell of */
    STEADY_US = 1000000,
    LOWER_EVERY_US = 200000,
    LOSS_EVERY_US = 500000,
    LOSS_PACKETS_MIN = 20,
    LOSS_PACKETS_GOOD = 60, /* fewer scatter too much; not waited for longer than: */
    LOSS_LATEST_US = 1500000,
    PROBE_PACKETS_MIN = 4,
    PROBE_WAIT_US = 1500000,
    PROBE_ECHO_US = 1000000,
    STEP_BYTES = 1200,
    MOMENT_US = 400000,
    LOWER_RTT_US_MAX = 500000, /* a longer one is a queue */
    STANDS_US = 100000         /* a still's packet alone takes 70 ms on the narrowest lines */
};

static const double STANDS_NOISE = 2; /* and it is longer than what the line scatters */

static void set_bps(Congestion *congestion, double bps) { congestion->bps = CLAMP(bps, BPS_MIN, BPS_MAX); }

/* The receiver's clock may be negative: transport-cc tells of 24 signed bits of it. */
static guint place_of(gint64 bin) { return (guint)((guint64)bin % CONGESTION_BINS); }

static void count_arrival(Congestion *congestion, const FeedbackPacket *packet) {
    gint64 bin = packet->arrival_us / BIN_US;
    if (congestion->bin_first == 0 || bin > congestion->bin + CONGESTION_BINS ||
        bin < congestion->bin - 10 * CONGESTION_BINS) {
        for (guint i = 0; i < CONGESTION_BINS; i++) congestion->bin_bytes[i] = 0;
        congestion->bin = congestion->bin_first = bin;
    }
    for (; congestion->bin < bin; congestion->bin++) congestion->bin_bytes[place_of(congestion->bin + 1)] = 0;
    if (bin > congestion->bin - CONGESTION_BINS) congestion->bin_bytes[place_of(bin)] += packet->n_bytes;
}

/* Without the newest bin, which is not full yet. */
double congestion_arrived_bps(const Congestion *congestion) {
    gint64 n_bins = MIN(congestion->bin - congestion->bin_first, CONGESTION_BINS - 1);
    guint64 n_bytes = 0;
    if (n_bins < BINS_MIN) return 0;
    for (gint64 i = 1; i <= n_bins; i++) n_bytes += congestion->bin_bytes[place_of(congestion->bin - i)];
    return (double)n_bytes * 8e6 / ((double)n_bins * BIN_US);
}

double congestion_carried_bps(const Congestion *congestion) {
    return congestion_arrived_bps(congestion) / (1 - MIN(congestion->floor_loss, FLOOR_MAX));
}

static gboolean is_probing(const Congestion *congestion, gint64 now_us) {
    return congestion->probe.state == PROBE_RUNS ||
           (congestion->probe.until_us != 0 && now_us - congestion->probe.until_us < PROBE_ECHO_US);
}

/* What arrives while a queue stands is what the line carries; while it drains, only what is sent. */
static gboolean drains(Congestion *congestion, gint64 queue_us) {
    gboolean shorter = (double)queue_us < DRAINS * (double)congestion->queue_us;
    congestion->queue_us = queue_us;
    return shorter;
}

static void lower(Congestion *congestion, gint64 queue_us, gint64 rtt_us, gint64 now_us) {
    double arrived_bps = congestion_carried_bps(congestion);
    congestion->grew_us = congestion->raised_us = now_us;
    if (arrived_bps <= 0 || now_us < congestion->lower_after_us) return;
    congestion->lower_after_us = now_us + LOWER_EVERY_US + MIN(rtt_us, LOWER_RTT_US_MAX);
    if (drains(congestion, queue_us)) return;
    congestion->limit_bps =
        congestion->limit_bps > 0 && fabs(arrived_bps - congestion->limit_bps) < congestion->limit_bps / 2
            ? LIMIT_SMOOTH * congestion->limit_bps + (1 - LIMIT_SMOOTH) * arrived_bps
            : arrived_bps;
    /* A queue that a probe made says where the line ends, not that what was sent before is too much. */
    double down = arrived_bps * (is_probing(congestion, now_us) ? DOWN_PROBE : DOWN);
    /* Where one packet is felt, a delay that grows is no queue yet, and what arrives may be all that was sent. */
    if (queue_us == 0 && congestion->bps < NARROW_BPS) down = MAX(down, congestion->bps * DOWN_A_LITTLE);
    set_bps(congestion, MIN(congestion->bps, down));
}

void congestion_full(Congestion *congestion) {
    double arrived_bps = congestion_carried_bps(congestion);
    if (arrived_bps <= 0 || arrived_bps >= congestion->bps) return;
    congestion->limit_bps = arrived_bps;
    set_bps(congestion, arrived_bps);
}

/* By a share; near where the queue grew before by no more than a packet per round trip. */
static void raise_slowly(Congestion *congestion, gint64 rtt_us, gint64 now_us) {
    double arrived_bps = congestion_carried_bps(congestion);
    double seconds = CLAMP((double)(now_us - congestion->raised_us) / G_USEC_PER_SEC, 0.0, 1.0);
    congestion->raised_us = now_us;
    if (arrived_bps <= 0) return;
    if (congestion->limit_bps > 0 && arrived_bps > congestion->limit_bps * (1 + 3 * NEAR))
        congestion->limit_bps = 0;
    gboolean near = congestion->limit_bps > 0 &&
                    fabs(congestion->bps - congestion->limit_bps) < congestion->limit_bps * NEAR;
    /* A narrow line is overfilled by little, and the voice hears it: with care up to where it is known to be wider. */
    gboolean careful = congestion->limit_bps > 0 && congestion->bps < NARROW_BPS &&
                       congestion->bps > congestion->limit_bps * (1 - NEAR);
    double step_bps = congestion->bps * (careful ? UP_CAREFUL_PER_S : UP_PER_S) * seconds;
    if (near)
        step_bps = MIN(step_bps, STEP_BYTES * 8 / ((double)(rtt_us + 100000) / G_USEC_PER_SEC) * seconds);
    double most_bps =
        MAX(congestion->bps, ABOVE * arrived_bps + ABOVE_BPS); /* what is not tried is not known */
    set_bps(congestion, MIN(congestion->bps + step_bps, most_bps));
}

static void count_probe(Congestion *congestion, const FeedbackPacket *packet) {
    if (congestion->probe.state != PROBE_RUNS || !packet->probe ||
        packet->sent_us < congestion->probe.begun_us)
        return;
    if (congestion->probe.n > 0) congestion->probe.n_bytes += packet->n_bytes;
    if (packet->lost) {
        congestion->probe.n_lost++;
        return;
    }
    if (congestion->probe.n++ == 0) {
        congestion->probe.first_sent_us = congestion->probe.last_sent_us = packet->sent_us;
        congestion->probe.first_arrival_us = congestion->probe.last_arrival_us = packet->arrival_us;
    }
    congestion->probe.last_sent_us = MAX(congestion->probe.last_sent_us, packet->sent_us);
    congestion->probe.last_arrival_us = MAX(congestion->probe.last_arrival_us, packet->arrival_us);
}

/* How long packets wait at least; 0: no queue stands. */
static gint64 standing_us(const Congestion *congestion, gint64 now_us) {
    double least_us = MAX(STANDS_US, 1000 * STANDS_NOISE * congestion->trend.noise_ms);
    gint64 queue_us = congestion->trend.sign == DELAY_FALLS
                          ? standing_queue_before_us(&congestion->queue, now_us)
                          : standing_queue_us(&congestion->queue, now_us);
    return (double)queue_us > least_us ? queue_us : 0;
}

gboolean congestion_is_queued(const Congestion *congestion, gint64 now_us) {
    return standing_us(congestion, now_us) > 0;
}

void congestion_feedback(Congestion *congestion, const FeedbackPacket *packets, guint n_packets,
                         double start_bps, gint64 rtt_us, gint64 now_us) {
    if (!congestion_is_live(congestion, now_us)) {
        StandingQueue queue = congestion->queue;
        if (queue.moment_us == 0) standing_queue_init(&queue, MOMENT_US);
        *congestion = (Congestion){ .live = TRUE,
                                    .raised_us = now_us,
                                    .loss_us = now_us,
                                    .floor_loss = congestion->floor_loss,
                                    .queue = queue };
        set_bps(congestion, start_bps);
    }
    congestion->told_us = now_us;
    for (guint i = 0; i < n_packets; i++) {
        const FeedbackPacket *packet = &packets[i];
        congestion->n_told++;
        congestion->n_lost += packet->lost ? 1 : 0;
        count_probe(congestion, packet);
        if (packet->lost) continue;
        count_arrival(congestion, packet);
        delay_trend_packet(&congestion->trend, packet->sent_us, packet->arrival_us);
        standing_queue_note(&congestion->queue, packet->arrival_us - packet->sent_us, now_us);
    }
    gint64 queue_us = standing_us(congestion, now_us);
    if (queue_us > 0)
        congestion->grew_us = now_us;
    else
        congestion->queue_us = 0;
    DelaySign sign = congestion->trend.sign;
    switch (queue_us > 0 && sign == DELAY_STEADY ? DELAY_GROWS : sign) { /* a full queue grows no more */
    case DELAY_GROWS: lower(congestion, queue_us, MAX(rtt_us, 0), now_us); break;
    case DELAY_STEADY: raise_slowly(congestion, MAX(rtt_us, 0), now_us); break;
    case DELAY_FALLS: congestion->raised_us = now_us; break; /* the queue drains: wait */
    }
}

gboolean congestion_take_loss(Congestion *congestion, gint64 now_us, guint *ret_n_packets, double *ret_loss) {
    gint64 past_us = now_us - congestion->loss_us;
    if (congestion->n_told < LOSS_PACKETS_MIN || past_us < LOSS_EVERY_US) return FALSE;
    if (congestion->n_told < LOSS_PACKETS_GOOD && past_us < LOSS_LATEST_US) return FALSE;
    *ret_loss = (double)congestion->n_lost / congestion->n_told;
    *ret_n_packets = congestion->n_told;
    congestion->n_told = congestion->n_lost = 0;
    congestion->loss_us = now_us;
    return TRUE;
}

gboolean congestion_is_live(const Congestion *congestion, gint64 now_us) {
    return congestion->live && now_us - congestion->told_us < LIVE_US;
}

gboolean congestion_is_steady(const Congestion *congestion, gint64 now_us) {
    return congestion->grew_us == 0 || now_us - congestion->grew_us > STEADY_US;
}

/* ---- probes ---- */

void congestion_probe_begin(Congestion *congestion, guint32 target_bps, gint64 now_us, gint64 until_us) {
    memset(&congestion->probe, 0, sizeof congestion->probe);
    congestion->probe.state = PROBE_RUNS;
    congestion->probe.target_bps = target_bps;
    congestion->probe.begun_us = now_us;
    congestion->probe.until_us = until_us;
}

/* What got through: as fast as it was sent, or as fast as the line lets it. */
static double found_bps(const Congestion *congestion) {
    double sent_us = (double)(congestion->probe.last_sent_us - congestion->probe.first_sent_us);
    double arrival_us = (double)(congestion->probe.last_arrival_us - congestion->probe.first_arrival_us);
    /* What the line scatters anyway stretches it, too. */
    arrival_us = MAX(arrival_us - 2000 * congestion->trend.noise_ms, MIN(sent_us, arrival_us));
    if (congestion->probe.n < PROBE_PACKETS_MIN || sent_us <= 0 || arrival_us <= 0) return 0;
    double sent_bps = (double)congestion->probe.n_bytes * 8e6 / sent_us, slower = sent_us / arrival_us;
    return slower >= PROBE_SLOWER ? sent_bps : sent_bps * slower * PROBE_SLOWER;
}

ProbeState congestion_probe_take(Congestion *congestion, gint64 now_us) {
    if (congestion->probe.state != PROBE_RUNS) return PROBE_NONE;
    gboolean grew = congestion->grew_us > congestion->probe.begun_us;
    gint64 tail_us =
        (congestion->probe.until_us - congestion->probe.begun_us) / 3; /* packets may be far apart */
    gboolean all_told = congestion->told_us > congestion->probe.until_us &&
                        congestion->probe.last_sent_us + tail_us >= congestion->probe.until_us;
    gboolean over = now_us - congestion->probe.until_us > PROBE_WAIT_US;
    if (!grew && !all_told && !over) return PROBE_RUNS;
    guint n_told = congestion->probe.n + congestion->probe.n_lost;
    double loss = n_told > 0 ? (double)congestion->probe.n_lost / n_told : 1;
    double bps = found_bps(congestion);
    gboolean clean = !grew && all_told && loss <= congestion->floor_loss + PROBE_LOSS;
    congestion->probe.state = PROBE_NONE;
    if (clean) set_bps(congestion, MAX(congestion->bps, bps));
    return clean && bps >= PROBE_REACHED * congestion->probe.target_bps ? PROBE_HELD : PROBE_FAILED;
}
