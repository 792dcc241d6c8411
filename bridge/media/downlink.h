/* downlink.h -- what one leg is sent: its own SSRCs, sequence numbers, times and picture ids over shared blocks.
 * Worker thread only. Rewrites headers, paces large frames, answers NACK from the resend store on the RTX SSRC, makes sender
 * reports, and reads the leg's feedback into an estimate that picks the rung. */
#pragma once

#include "bridge/media/fanout.h"
#include "bridge/policy/ladder.h"
#include "bridge/transport/transport.h"
#include "bridge/wire/rtcp.h"

enum { DOWNLINK_RUNGS_MAX = 5 };

/* The video sections of a leg. */
typedef enum { DOWNLINK_PROGRAM, DOWNLINK_PRESENTATION, DOWNLINK_LANES } DownlinkLaneKind;

/* 0 payload type: this section is not sent. Extension ids of this leg and section, 0 = not negotiated. */
typedef struct {
    guint32 ssrc, rtx_ssrc;
    guint8 payload_type, rtx_payload_type, ext_abs_send_time, ext_transport_cc, ext_mid;
    char mid[17];
    Codec codec;
} DownlinkVideo;

typedef struct {
    guint32 conference, seat;
    char cname[64];
    struct {
        guint32 ssrc;
        guint8 red_payload_type; /* RFC 2198 over payload_type; 0: not agreed */
        guint8 payload_type, ext_audio_level, ext_abs_send_time, ext_transport_cc, ext_mid;
        char mid[17];
    } audio;
    DownlinkVideo video, presentation;
} DownlinkConfig;

typedef struct {
    StreamId stream;
    guint32 bitrate_bps; /* nominal */
    guint16 width, height;
    guint8 fps, layers;   /* layers: 2 where the upper temporal one may be left out */
    guint8 stills, spare; /* stills: keyframes only, for lines that have no room for moving pictures */
} DownlinkRung;           /* no padding: compared as bytes */

typedef struct {
    /* The leg wants another rung (0: none is watched), or has come to it: downlink_leaving() says what it is still sent. */
    void (*rung)(gpointer user, StreamId stream);
    /* The same of the presentation's section; may be NULL. */
    void (*presentation)(gpointer user, StreamId stream);
} DownlinkEvents;

Downlink *downlink_new(Fanout *fanout, Transport *transport, const DownlinkConfig *config,
                       const DownlinkEvents *events, gpointer user);
void downlink_free(Downlink *downlink); /* leaves the fan-out; NULL is fine */

/* The rungs of the view this leg watches, best first; n_rungs 0: no video. A join gets the stored frames from the last
 * keyframe on and forces one only when the store has none. top: the best level allowed. */
void downlink_watch(Downlink *downlink, const DownlinkRung *rungs, guint n_rungs, LadderTop top,
                    gint64 now_us);
/* The same for the presentation's section. */
void downlink_watch_presentation(Downlink *downlink, const DownlinkRung *rungs, guint n_rungs, LadderTop top,
                                 gint64 now_us);
/* The rung of the program that is sent until the wished one has its keyframe: it must go on till then. 0: none. */
StreamId downlink_leaving(const Downlink *downlink);
void downlink_set_hearing(Downlink *downlink,
                          gboolean hears); /* FALSE: consoles without sound get no audio at all */

/* One parsed RTCP item of this leg: RR, NACK, PLI, FIR, REMB, transport-wide feedback. */
void downlink_on_rtcp(Downlink *downlink, const RtcpItem *item, gint64 now_us);
/* Called when the transport went live (again): asks for a fresh start of the picture. */
void downlink_on_live(Downlink *downlink, gint64 now_us);

/* Appends our SR + SDES for the streams that were sent to `writer`, when due (at most every second). */
void downlink_write_reports(Downlink *downlink, Writer *writer, gint64 now_us);

/* The line is known to be narrow: what is not needed now should not travel on it. */
gboolean downlink_is_narrow(const Downlink *downlink);

typedef struct {
    guint64 n_packets, n_bytes, n_resent, n_frames, n_frames_skipped, n_plis, n_nacked, n_probes_held,
        n_probes_failed;
    guint32 estimate_bps, sent_bps;
    double loss; /* 0..1 from the last reports */
    gint64 rtt_us;
    StreamId stream; /* of the program, watched now */
    gboolean thin;   /* without its upper temporal layer */
    guint rung;
    StreamId presentation; /* watched now */
} DownlinkStats;
void downlink_read_stats(const Downlink *downlink, DownlinkStats *ret_stats);
