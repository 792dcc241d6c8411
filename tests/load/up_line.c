/* up_line.c -- see up_line.h. */
#include "tests/load/up_line.h"

enum { HEADER_BYTES = 70 }; /* RTP with its extensions, SRTP, UDP, IP */

void up_line_sent(UpLine *line, guint16 sequence, guint n_bytes, gint64 now_us) {
    guint at = sequence % UP_LINE_PACKETS;
    line->sent[at].sent_us = now_us;
    line->sent[at].sequence = sequence;
    line->sent[at].n_bytes = (guint16)(n_bytes + HEADER_BYTES);
}

void up_line_told(UpLine *line, const RtcpTwcc *twcc, double start_bps, gint64 rtt_us, gint64 now_us) {
    FeedbackPacket packets[UP_LINE_PACKETS];
    guint n = 0;
    for (guint i = 0; i < twcc->n_packets && n < UP_LINE_PACKETS; i++) {
        guint16 sequence = (guint16)(twcc->base_sequence + i);
        guint at = sequence % UP_LINE_PACKETS;
        if (line->sent[at].sequence != sequence || line->sent[at].sent_us == 0) continue;
        gboolean lost = twcc->arrival_us[i] == RTCP_TWCC_LOST;
        packets[n++] = (FeedbackPacket){ .sent_us = line->sent[at].sent_us,
                                         .arrival_us = lost ? 0 : twcc->reference_us + twcc->arrival_us[i],
                                         .n_bytes = line->sent[at].n_bytes,
                                         .lost = lost };
        line->sent[at].sent_us = 0;
    }
    if (n > 0) congestion_feedback(&line->congestion, packets, n, start_bps, rtt_us, now_us);
}

double up_line_bps(const UpLine *line, double other_bps, gint64 now_us) {
    return congestion_is_live(&line->congestion, now_us) ? MIN(line->congestion.bps, other_bps) : other_bps;
}
