/* audio_uplink.h -- one microphone: the ring between the worker that receives and the mixer that decodes.
 * Shared and counted; one producer (worker thread), one consumer (audio thread), no lock. The ring keeps the last packets
 * undecoded, so a newly chosen voice is decoded from a few packets back. */
#pragma once

#include <glib.h>

typedef struct AudioUplink AudioUplink;

enum { AUDIO_UPLINK_PACKETS = 64, AUDIO_LEVEL_UNKNOWN = 255 };

AudioUplink *audio_uplink_new(void);
AudioUplink *audio_uplink_ref(AudioUplink *uplink);   /* any thread */
void         audio_uplink_unref(AudioUplink *uplink); /* any thread */

/* Worker thread. level: 0..127 -dBov (RFC 6464) or AUDIO_LEVEL_UNKNOWN; voice: the V bit. Feeds the loudness table at once,
 * ahead of playout. Duplicates and too old packets are dropped and counted. */
void audio_uplink_push(AudioUplink *uplink, guint16 sequence, guint32 rtp_time, guint8 level, gboolean voice,
                       const guint8 *payload, gsize n_bytes, gint64 arrival_us);

/* Worker thread: a sender report maps the sender's clock to ours (lip sync). capture_us: our monotonic time of rtp_time. */
void audio_uplink_set_clock(AudioUplink *uplink, guint32 rtp_time, gint64 capture_us);

typedef struct {
    guint64 n_packets, n_lost, n_late, n_duplicate, n_concealed, n_fec_used, n_dropped_for_delay;
    guint   target_ms, held_ms;
    guint8  level; /* last */
} AudioUplinkStats;
void audio_uplink_read_stats(const AudioUplink *uplink, AudioUplinkStats *ret_stats); /* any thread, a fair picture */
