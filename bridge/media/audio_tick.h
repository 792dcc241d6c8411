/* audio_tick.h -- what one tick of the mixer made for one conference: counted, immutable, shared by all workers. */
#pragma once

#include "bridge/media/block.h"
#include "bridge/policy/audio_tier.h"

enum { AUDIO_PRIVATE_MAX = 16, AUDIO_NARROW_TICKS = 3 };

/* One mix in each tier in which somebody hears it. */
typedef struct {
    guint running; /* bit per AudioTier: it is made; what is not is heard in AUDIO_TIER_FEC, which always is,
                    and which is all that AUDIO_TIER_PLAIN ever gets */
    /* Bit per tier: this packet (narrow: the one whose first tick this is) leans on nothing before it. Who comes from another
     * encoder begins with such a one: else the decoder's memory does not fit, and a vowel may be twice as loud for a moment. */
    guint fresh;
    /* NULL: nothing to send. A DTX pause; or a tier of 60 ms, whose block comes with the last of its three ticks
     * (tick % 3 == 2), holds the sound of all three and has the RTP time of the first. */
    Block *block[N_AUDIO_TIERS];
} AudioTiers;

/* tick counts from 0; the RTP time of all mixes is the same clock (960 per tick), so a leg that changes between them, or
 * between tiers, stays continuous. RED blocks hold the whole payload of RFC 2198 with PT_OPUS inside. */
typedef struct {
    gint n_refs; /* atomic */
    guint32 conference;
    guint64 tick;
    guint32 rtp_time;
    gint64 due_us; /* each AUDIO_TICK_US */
    gint64 capture_us;
    AudioTiers listeners;
    guint n_private;
    struct {
        guint32 seat;
        AudioTiers mix; /* what this seat's legs hear instead */
    } private[AUDIO_PRIVATE_MAX];
} AudioTick;

AudioTick *audio_tick_new(void); /* zeroed, one reference; its maker fills it before it is shared */
AudioTick *audio_tick_ref(AudioTick *tick);
void audio_tick_unref(AudioTick *tick); /* any thread; the last one out lets go of the blocks */
