/* downlink_feed.h -- transport-wide numbers of a leg under pressure: what left when, what the peer said of it, and probes. Only
 * downlink*.c and fanout.c look here. A leg without trouble has none of this, and its packets are some bytes smaller. */
#pragma once

#include "bridge/policy/congestion.h"
#include "bridge/policy/probe.h"

enum { FEED_PACKETS = 1024 };

typedef struct {
    gint64 sent_us; /* 0: none */
    guint16 sequence, n_bytes;
    guint8 probe, told;
} FeedPacket;

typedef struct {
    guint16 next; /* number of the next packet */
    FeedPacket sent[FEED_PACKETS];
    Probe probe;
    guint32 probe_bps; /* 0: none runs */
    gint64 probe_begun_us, probe_until_us;
    guint64 probe_from_bytes;
    gint64 next_log_us;
    gint64 reference_us; /* of the last feedback, see rtcp_twcc_reference_us() */
} DownlinkFeed;
