/* up_line.h -- what a browser's sender believes of its way up, from the server's transport-wide feedback: when what was sent
 * arrived, read by the same rules as the server's own (bridge/policy/congestion.h). Pure. */
#pragma once

#include "bridge/policy/congestion.h"
#include "bridge/wire/rtcp.h"

enum { UP_LINE_PACKETS = 512 };

typedef struct {
    Congestion congestion;
    struct {
        gint64 sent_us; /* 0: none, or told already */
        guint16 sequence, n_bytes;
    } sent[UP_LINE_PACKETS];
} UpLine; /* zero-initialise */

void up_line_sent(UpLine *line, guint16 sequence, guint n_bytes, gint64 now_us);
/* start_bps: what is believed so far. */
void up_line_told(UpLine *line, const RtcpTwcc *twcc, double start_bps, gint64 rtt_us, gint64 now_us);
/* At most so much; other_bps while nothing is told. */
double up_line_bps(const UpLine *line, double other_bps, gint64 now_us);
