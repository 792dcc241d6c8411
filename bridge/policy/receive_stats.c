/* receive_stats.c -- see the header.  The algorithms are those of RFC 3550 appendix A, in 64 bits where they may grow. */
#include "bridge/policy/receive_stats.h"

enum { DROPOUT_MAX = 3000, MISORDER_MAX = 100, CUMULATIVE_MAX = 0x7fffff, CUMULATIVE_MIN = -0x800000 };

void receive_stats_init(ReceiveStats *stats, guint32 ssrc, guint clock_hz) {
    *stats = (ReceiveStats){ .ssrc = ssrc, .clock_hz = clock_hz };
}

static guint32 extended_highest(const ReceiveStats *stats) { return stats->cycles + stats->highest; }

/* 32 bits that wrap: five hours of 48 kHz and a meeting of eight must not differ. */
static guint32 expected(const ReceiveStats *stats) {
    return extended_highest(stats) - stats->base_extended + 1;
}

static void start(ReceiveStats *stats, guint16 sequence) {
    stats->started = TRUE;
    stats->highest = sequence;
    stats->cycles = 0;
    stats->base_extended = sequence;
    stats->bad_valid = FALSE;
    stats->n_received = stats->n_received_before = stats->n_expected_before = 0;
    stats->transit_valid = FALSE;
}

static gboolean advance(ReceiveStats *stats, guint16 sequence) {
    if (!stats->started) {
        start(stats, sequence);
        return TRUE;
    }
    guint16 forward = (guint16)(sequence - stats->highest);
    if (forward < DROPOUT_MAX) {
        if (sequence < stats->highest) stats->cycles += 0x10000;
        stats->highest = sequence;
    } else if (forward <= 0x10000 - MISORDER_MAX) {
        if (!stats->bad_valid || sequence != stats->bad) {
            stats->bad = (guint16)(sequence + 1);
            stats->bad_valid = TRUE;
            return FALSE;
        }
        start(stats, sequence); /* two in a row: the sender restarted without telling */
        return TRUE;
    }
    stats->bad_valid = FALSE;
    return TRUE;
}

gboolean receive_stats_push(ReceiveStats *stats, guint16 sequence, guint32 rtp_time, gint64 arrival_us) {
    if (!advance(stats, sequence)) return FALSE;
    stats->n_received++;
    guint32 arrival = (guint32)((guint64)arrival_us / 1000 * stats->clock_hz / 1000 +
                                (guint64)arrival_us % 1000 * stats->clock_hz / 1000000);
    guint32 transit = arrival - rtp_time;
    if (stats->transit_valid) {
        gint32 difference = (gint32)(transit - stats->transit);
        guint32 distance = difference < 0 ? 0u - (guint32)difference : (guint32)difference;
        /* A wild timestamp would own the jitter for minutes; a second is more than any network gives. */
        distance = MIN(distance, stats->clock_hz);
        stats->jitter_sixteenths += distance - ((stats->jitter_sixteenths + 8) >> 4);
    }
    stats->transit = transit;
    stats->transit_valid = TRUE;
    return TRUE;
}

void receive_stats_on_report(ReceiveStats *stats, guint64 ntp, gint64 arrival_us) {
    stats->has_report = TRUE;
    stats->report_ntp_middle = (guint32)(ntp >> 16);
    stats->report_arrival_us = arrival_us;
}

gboolean receive_stats_report(ReceiveStats *stats, gint64 now_us, ReceiveReport *ret_report) {
    if (!stats->started) return FALSE;
    guint32 n_expected = expected(stats);
    gint64 lost = (gint64)n_expected - (gint64)stats->n_received;
    gint64 interval_expected = (gint64)n_expected - (gint64)stats->n_expected_before;
    gint64 interval_received = (gint64)(stats->n_received - stats->n_received_before);
    gint64 interval_lost = interval_expected - interval_received;
    stats->n_expected_before = n_expected;
    stats->n_received_before = stats->n_received;

    *ret_report = (ReceiveReport){
        .ssrc = stats->ssrc,
        .cumulative_lost = (gint32)CLAMP(lost, CUMULATIVE_MIN, CUMULATIVE_MAX),
        .highest = extended_highest(stats),
        .jitter = stats->jitter_sixteenths >> 4,
    };
    if (interval_expected > 0 && interval_lost > 0)
        ret_report->fraction_lost = (guint8)MIN(interval_lost * 256 / interval_expected, 255);
    if (stats->has_report) {
        gint64 since_us = MAX(now_us - stats->report_arrival_us, 0);
        ret_report->last_report = stats->report_ntp_middle;
        ret_report->delay = (guint32)MIN((guint64)since_us * 65536 / G_USEC_PER_SEC, G_MAXUINT32);
    }
    return TRUE;
}
