/* video_uplink.h -- one received video stream (one SSRC): reorder ring, NACK, RTX, frame assembly.
 * Created and used on one worker thread. Plain RTP in, whole frames out; asks for what is missing through its events.
 * Frames come in order. After a loss that cannot be healed they are marked after_loss until the next keyframe; before the
 * stream's first keyframe nothing comes. An uplink begins wanted. Another SSRC, or a sequence that jumps, begins anew. */
#pragma once

#include "bridge/media/frame.h"
#include "bridge/wire/rtp.h"

typedef struct VideoUplink VideoUplink;

typedef struct {
    void (*frame)(gpointer user, Frame *frame); /* takes the reference */
    /* Missing sequence numbers, oldest first: one generic NACK (RFC 4585 6.2.1). */
    void (*nack)(gpointer user, guint32 ssrc, const guint16 *sequences, guint n_sequences);
    void (*keyframe)(gpointer user,
                     guint32 ssrc); /* send a PLI; already throttled (500 ms, back-off to 1 s) */
} VideoUplinkEvents;

VideoUplink *video_uplink_new(Codec codec, guint32 ssrc, const VideoUplinkEvents *events, gpointer user);
void video_uplink_free(VideoUplink *uplink);

/* A packet of the stream, or one restored from RTX (rtx TRUE: its SSRC is not looked at). rotation: the last that the
 * sender told, 0..3 (packets without the extension keep it). */
void video_uplink_push(VideoUplink *uplink, const RtpPacket *packet, gboolean rtx, guint8 rotation,
                       gint64 arrival_us);
void video_uplink_set_clock(VideoUplink *uplink, guint32 rtp_time,
                            gint64 capture_us); /* from a sender report */
/* A first idea of the round trip; once NACKs are answered the uplink knows better. */
void video_uplink_set_rtt(VideoUplink *uplink, gint64 rtt_us);

/* Nobody wants the frames: packets are counted and dropped, no NACK, no PLI. Wanting again asks for a keyframe. */
void video_uplink_set_wanted(VideoUplink *uplink, gboolean wanted);

/* A sender silent for longer than this (1 s at first) is asked for nothing. A screen rests for as long as nobody touches it. */
void video_uplink_set_silent_max(VideoUplink *uplink, gint64 silent_us);

/* Every few milliseconds: NACKs due, frames given up, keyframe asked again. */
void video_uplink_beat(VideoUplink *uplink, gint64 now_us);

/* Needs a keyframe (a new decoder, a decode error); throttled. */
void video_uplink_request_keyframe(VideoUplink *uplink, gint64 now_us);

typedef struct {
    guint64 n_packets, n_bytes, n_lost, n_recovered, n_duplicate, n_frames, n_frames_lost, n_keyframes,
        n_nacks, n_plis;
    guint16 width, height;
    guint32 bitrate_bps; /* last second */
    guint fps;           /* last second */
} VideoUplinkStats;
void video_uplink_read_stats(const VideoUplink *uplink, VideoUplinkStats *ret_stats);
