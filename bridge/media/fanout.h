/* fanout.h -- one worker's share of the fan-out: takes each block once for all its subscribers.
 * One Fanout per worker, worker thread only. Keeps the resend store: the blocks of the last STORE_US per stream (stream_store.h; and back
 * to the last keyframe), which serve NACKs and joiners. */
#pragma once

#include "bridge/media/audio_mixer.h"
#include "bridge/media/block.h"

typedef struct Fanout Fanout;
typedef struct Downlink Downlink;

typedef struct {
    /* A subscriber needs a keyframe of this stream that the store cannot give. */
    void (*keyframe)(gpointer user, StreamId stream);
    /* A leg of this seat begins (+1) or ceases (-1) to listen in a tier: see audio_mixer_listen. May be NULL. */
    void (*listen)(gpointer user, guint32 conference, guint32 seat, AudioTier tier, gint change);
} FanoutEvents;

Fanout *fanout_new(const FanoutEvents *events, gpointer user);
void fanout_free(Fanout *fanout); /* all downlinks must be gone */

/* Takes the reference. Stores and sends to every downlink that watches the stream. */
void fanout_video(Fanout *fanout, Block *block, gint64 now_us);
/* Borrows the tick. Every downlink of the conference gets its seat's private block or the listeners', in its tier. */
void fanout_audio(Fanout *fanout, const AudioTick *tick, gint64 now_us);
/* The stream has ended: its store is freed. */
void fanout_end_stream(Fanout *fanout, StreamId stream);
/* Every beat of the worker: paced slices leave, probes, reports. */
void fanout_beat(Fanout *fanout, gint64 now_us);
gboolean fanout_is_watched(const Fanout *fanout); /* somebody is sent pictures */

typedef struct {
    guint n_streams, n_downlinks;
    guint64 n_blocks, n_packets, n_resent, n_resend_missed, n_joins_from_store;
} FanoutStats;
void fanout_read_stats(const Fanout *fanout, FanoutStats *ret_stats);
