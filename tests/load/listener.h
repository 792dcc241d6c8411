/* listener.h -- the other end of a probe: decodes what an endpoint receives, on a thread of its own, finds barcodes and clicks
 * and compares with the probe's book. Both ends are on one machine: one clock, nothing to set. A probe in another process has
 * no book for us: its clicks are then known by the clock. */
#pragma once

#include "bridge/wire/rtcp.h"
#include "tests/load/probe.h"

#include <jansson.h>

typedef struct Listener Listener;

/* NULL: libvpx or libopus refused. probe: borrowed; NULL: in another process */
Listener *listener_new(Probe *probe);
void listener_free(Listener *listener);

/* From the receiver: whole frames, voice packets, sender reports. Bytes are copied; returns at once. */
void listener_frame(Listener *listener, const guint8 *bytes, gsize n_bytes, guint32 rtp_time, gint64 now_us);
void listener_voice(Listener *listener, const guint8 *bytes, gsize n_bytes, guint32 rtp_time, gint64 now_us);
void listener_report(Listener *listener, gboolean voice, const RtcpSenderInfo *info);

/* Adds what was measured since from_us, in ms:
 * delay_voice_*, delay_picture_*   from the probe's packet (of a picture: the last) to the listener's (last) packet
 * whole_voice_*, whole_picture_*   from capture to the decoded picture; voice is played as it comes
 * skew_arrival_*, skew_synced_*    how much the sound is ahead of the picture: as both arrive; as a player sets them by the
 *                                  sender reports
 * each with _p5, _p50, _p95, _p99 and _n; and course_voice, course_picture: [[seconds, delay in ms], ...] of all, and when
 * that of the voice begins. */
void listener_tell(Listener *listener, gint64 from_us, json_t *result);
