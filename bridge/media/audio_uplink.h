/* audio_uplink.h -- one microphone: the ring between the worker that receives and the mixer that decodes.
 * Shared and counted; one producer (worker thread), one consumer (audio thread), no lock. The ring keeps the last packets
 * undecoded, so a newly chosen voice is decoded from a few packets back. */
#pragma once

#include <glib.h>

typedef struct AudioUplink AudioUplink;

enum { AUDIO_UPLINK_PACKETS = 64, AUDIO_LEVEL_UNKNOWN = 255 };

AudioUplink *audio_uplink_new(void);
AudioUplink *audio_uplink_ref(AudioUplink *uplink); /* any thread */
void audio_uplink_unref(AudioUplink *uplink);       /* any thread */

/* Worker thread. level: 0..127 -dBov (RFC 6464) or AUDIO_LEVEL_UNKNOWN; voice: the V bit. Feeds the loudness table at once,
 * ahead of playout (the V bit is a constant in too many senders to be of use). Duplicates, too old and malformed packets are
 * dropped and counted. A sequence or time that jumps is a restart of the sender, taken with its second packet. */
void audio_uplink_push(AudioUplink *uplink, guint16 sequence, guint32 rtp_time, guint8 level, gboolean voice,
                       const guint8 *payload, gsize n_bytes, gint64 arrival_us);

/* Worker thread, after the push of the packet that carried it: a copy of an earlier one (RED). It takes the empty place of
 * a packet that was lost, as if that had come late; otherwise nothing happens. */
void audio_uplink_repair(AudioUplink *uplink, guint16 sequence, guint32 rtp_time, guint8 level,
                         const guint8 *payload, gsize n_bytes, gint64 arrival_us);

/* Worker thread: a sender report maps the sender's clock to ours (lip sync). capture_us: our monotonic time of rtp_time. */
void audio_uplink_set_clock(AudioUplink *uplink, guint32 rtp_time, gint64 capture_us);

typedef struct {
    guint64 n_packets, n_lost, n_late, n_duplicate, n_malformed, n_restarts;
    guint64 n_repaired; /* lost, and then found in a later packet: no longer in n_lost */
    guint64 n_decoded, n_concealed, n_fec_used, n_dropped_for_delay; /* while it is heard */
    guint target_ms, held_ms;
    guint8 level; /* last */
} AudioUplinkStats;
void audio_uplink_read_stats(const AudioUplink *uplink,
                             AudioUplinkStats *ret_stats); /* any thread, a fair picture */

/* ---- audio thread: the reader's side. Sequences and times are extended to 64 bits; neither ever runs backwards. ---- */

enum { AUDIO_PACKET_BYTES_MAX = 1280, AUDIO_LEVEL_NONE = 254 };

typedef struct {
    guint64 sequence, rtp_time;
    gint64 arrival_us;
    guint8 level; /* or AUDIO_LEVEL_UNKNOWN */
    guint n_bytes;
    guint8 bytes[AUDIO_PACKET_BYTES_MAX];
} AudioPacket;

/* The newest sequence; 0: no packet yet. What the functions below say is at least as new. */
guint64 audio_uplink_highest(const AudioUplink *uplink);
/* Copies a packet out. FALSE: lost, not yet here, or overwritten (older than AUDIO_UPLINK_PACKETS). */
gboolean audio_uplink_read(const AudioUplink *uplink, guint64 sequence, AudioPacket *ret_packet);

/* The sample with RTP time t is to be played when the clock shows base + target + t, in samples (policy/voice_delay.h). */
gint64 audio_uplink_base(const AudioUplink *uplink);
guint audio_uplink_target(const AudioUplink *uplink);

/* The loudest level since the last call; AUDIO_LEVEL_NONE: no packet came; AUDIO_LEVEL_UNKNOWN: packets without a level. */
guint8 audio_uplink_take_level(AudioUplink *uplink);

/* Our monotonic time at which the sample was spoken. FALSE: no sender report yet. */
gboolean audio_uplink_capture_us(const AudioUplink *uplink, guint64 rtp_time, gint64 *ret_capture_us);

/* Packets before `next` are of no use any more: what still comes is counted as late. 0: nobody plays this voice. */
void audio_uplink_set_played(AudioUplink *uplink, guint64 next, guint held_ms);
typedef struct {
    guint n_decoded, n_concealed, n_fec_used, n_dropped_for_delay;
} AudioUplinkCounts;
void audio_uplink_count(AudioUplink *uplink, const AudioUplinkCounts *counts); /* adds */
