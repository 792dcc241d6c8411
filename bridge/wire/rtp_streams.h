/* rtp_streams.h -- which section and layer is this SSRC? A small table per leg that learns (RFC 8843 9.2, RFC 8852):
 * from a=ssrc lines of the answer, from mid, rid and repaired-rid header extensions (read with the ids of the section they
 * belong to), and from a payload type that only one section has. Pure; one owner. */
#pragma once

#include "bridge/wire/negotiate.h"

enum { RTP_STREAMS_MAX = 16 };

typedef struct {
    guint32 ssrc;
    guint8 section; /* index in the MediaPlan */
    gboolean is_rtx;
    guint32 primary;          /* RTX: the SSRC that it repairs; 0: not known yet */
    char rid[RTP_TEXT_BYTES]; /* "" when the section has no layers; of RTX: the repaired one's */
    gpointer user;            /* the caller's (an uplink); NULL at first */
} RtpStream;

typedef struct {
    const MediaPlan *plan; /* borrowed: must outlive the table */
    guint n_streams;
    guint32 n_refused; /* packets that found no place */
    RtpStream streams[RTP_STREAMS_MAX];
} RtpStreams;

/* Enters the SSRCs that the plan names. */
void rtp_streams_init(RtpStreams *streams, const MediaPlan *plan);

/* The stream of a packet, learned when new. When a layer comes back under a new SSRC (the sender started over), its entry
 * stays, `user` too, and only ssrc changes: compare it with the one your uplink was made for. NULL: cannot be told (yet), not agreed, or the table is full: drop the packet.
 * The pointer is good until rtp_streams_forget. */
RtpStream *rtp_streams_of(RtpStreams *streams, const RtpPacket *packet);
RtpStream *rtp_streams_find(RtpStreams *streams, guint32 ssrc); /* NULL when unknown */
/* A BYE, or a stream silent for long: its place is free again. */
void rtp_streams_forget(RtpStreams *streams, guint32 ssrc);
