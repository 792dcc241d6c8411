/* video_assembly.h -- packets in order -> whole frames, and the knowledge whether each can be decoded.
 * Knows the payload formats (VP8 RFC 7741, H.264 RFC 6184), not the network: video_uplink.c orders, waits and asks again.
 * Owned by one video_uplink; worker thread. */
#pragma once

#include "bridge/media/frame.h"

typedef struct VideoAssembly VideoAssembly;

enum { VIDEO_FRAME_BYTES_MAX = 2 * 1024 * 1024 }; /* a longer frame is broken or hostile: dropped as lost */

typedef struct {
    const guint8 *payload; /* may be empty: padding */
    gsize n_bytes;
    guint32 rtp_time;
    gboolean marker;
    guint8 rotation;
    gint64 arrival_us;
} AssemblyPacket;

/* frame: takes the reference; its capture_us is still arrival_us. */
VideoAssembly *video_assembly_new(Codec codec, void (*frame)(gpointer user, Frame *frame), gpointer user);
void video_assembly_free(VideoAssembly *assembly); /* NULL is fine */

void video_assembly_push(VideoAssembly *assembly, const AssemblyPacket *packet);
/* Packets are missing here and will not come any more. */
void video_assembly_gap(VideoAssembly *assembly);
/* Forgets the stream: as new, but for the counters. */
void video_assembly_reset(VideoAssembly *assembly);

/* The next frames cannot be shown: no keyframe yet, or one that they refer to was lost. */
gboolean video_assembly_is_broken(const VideoAssembly *assembly);
/* A keyframe has begun to arrive: asking for another would be waste. */
gboolean video_assembly_in_keyframe(const VideoAssembly *assembly);

typedef struct {
    guint64 n_frames, n_frames_lost, n_keyframes;
    guint16 width, height; /* of the last keyframe */
} VideoAssemblyStats;
const VideoAssemblyStats *video_assembly_stats(const VideoAssembly *assembly);
