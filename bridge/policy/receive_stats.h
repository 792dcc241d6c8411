/* receive_stats.h -- pure: what a receiver says of one received stream in its reports (RFC 3550 6.4.1, A.1, A.3, A.8).
 * In:  each packet of the stream (not those restored from RTX, which would spoil jitter) and each sender report about it.
 * Out: the numbers of one report block. No clock of its own, no allocation; owned by one thread. */
#pragma once

#include <glib.h>

typedef struct {
    guint32 ssrc, clock_hz;
    gboolean started, has_report;
    guint16 highest, bad; /* bad: what would confirm a jump */
    gboolean bad_valid;
    guint32 cycles, base_extended; /* cycles: wraps, in the upper 16 bits */
    guint64 n_received, n_received_before, n_expected_before;
    guint32 transit, jitter_sixteenths;
    gboolean transit_valid;
    guint32 report_ntp_middle; /* LSR */
    gint64 report_arrival_us;
} ReceiveStats;

typedef struct {
    guint32 ssrc;
    guint8 fraction_lost;   /* 1/256, since the last block */
    gint32 cumulative_lost; /* clamped to 24 bits, signed: duplicates count as received */
    guint32 highest;        /* extended highest sequence number */
    guint32 jitter;         /* in units of the RTP clock */
    guint32 last_report;    /* LSR: middle 32 bits of the sender's NTP time, 0 when none came */
    guint32 delay;          /* DLSR: 1/65536 s, 0 when none came */
} ReceiveReport;

/* clock_hz: 48000 for Opus, 90000 for video. */
void receive_stats_init(ReceiveStats *stats, guint32 ssrc, guint clock_hz);

/* A packet that passed authentication. A jump by more than 3000 forward or 100 back counts only when the next packet
 * confirms it, and then the counting starts anew (RFC 3550 A.1). FALSE: the packet belongs to an unconfirmed jump. */
gboolean receive_stats_push(ReceiveStats *stats, guint16 sequence, guint32 rtp_time, gint64 arrival_us);

/* ntp: the 64-bit NTP time of a sender report of this SSRC. */
void receive_stats_on_report(ReceiveStats *stats, guint64 ntp, gint64 arrival_us);

/* Fills one block and begins the next interval of fraction_lost. FALSE: no packet yet, nothing to tell. */
gboolean receive_stats_report(ReceiveStats *stats, gint64 now_us, ReceiveReport *ret_report);
