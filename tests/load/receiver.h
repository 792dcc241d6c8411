/* receiver.h -- what one endpoint hears and sees: counts packets, gaps and whole frames, asks for what is missing (NACK,
 * PLI) and reports (RR, REMB, transport-wide feedback). One per leg; the thread of its path. */
#pragma once

#include "bridge/wire/negotiate.h"
#include "bridge/wire/rtcp.h"
#include "tests/load/delays.h"
#include "tests/load/path.h"
#include "tests/load/playout.h"

typedef struct Receiver Receiver;

typedef struct {
    guint64 n_audio_packets, n_audio_bytes, n_audio_gaps, n_audio_late;
    guint64 n_video_packets, n_video_bytes, n_video_lost, n_recovered, n_duplicates, n_frames,
        n_frames_broken, n_keyframes;
    guint64 n_nacks, n_plis, n_dropped; /* dropped: by --loss */
    guint width, height;
    gint64 first_frame_us; /* 0: none yet */
    gint64 last_audio_us, last_frame_us, last_packet_us;
    gint64 longest_pause_us;  /* between two packets of any kind, over legs too */
    guint64 frozen_us;        /* time without a whole frame beyond half a second each */
    gint64 longest_freeze_us; /* between two whole frames */
    guint64 n_red, n_narrow;  /* voice packets with copies; of 60 ms */
    PlayoutStats playout;
    guint64 guess_bps; /* the last REMB */
    /* Arrival after the time that sender reports name: the server's clock is ours. NULL: nobody looks; else the endpoint's. */
    Delays *voice_delays, *picture_delays;
    gint64 first_voice_us,
        voice_late_us; /* late: the last of those too late, before it was on time for a while; 0: none */
} ReceiverStats;

/* Whole frames, voice packets and sender reports for a checker; each may be NULL. Bytes live for the call. */
typedef struct {
    void (*frame)(gpointer user, const guint8 *bytes, gsize n_bytes, gboolean keyframe, guint32 rtp_time,
                  gint64 now_us);
    void (*voice)(gpointer user, const guint8 *bytes, gsize n_bytes, guint32 rtp_time, gint64 now_us);
    void (*report)(gpointer user, gboolean voice, const RtcpSenderInfo *info);
} ReceiverTaps;

typedef struct {
    double loss;      /* share of video packets thrown away on arrival */
    guint64 remb_bps; /* what we claim our line carries; 0: what it seems to carry */
    gboolean closely; /* look at delays and at the jitter buffer too */
} ReceiverTrouble;

Receiver *receiver_new(Path *path, const MediaPlan *plan, guint32 own_ssrc, const ReceiverTrouble *trouble,
                       ReceiverStats *stats, const ReceiverTaps *taps, gpointer user);
void receiver_free(Receiver *receiver);

void receiver_on_rtp(Receiver *receiver, const guint8 *packet, gsize n_bytes, gint64 now_us);
void receiver_on_rtcp(Receiver *receiver, const RtcpItem *item, gint64 now_us);
void receiver_set_rtt(Receiver *receiver, gint64 rtt_us); /* asking again waits for an answer first */
void receiver_tick(Receiver *receiver, gint64 now_us);
/* Appends report blocks (RR) and REMB. */
void receiver_write_reports(Receiver *receiver, Writer *writer, gint64 now_us);
