/* audio_out.h -- one mix on its way out: a limiter, and an encoding per tier in which somebody hears it. Audio thread only.
 * AUDIO_TIER_FEC is always made, with copies only where they are wanted; the narrow encoder runs only while it is wanted; RED
 * tiers are copies of what these made. */
#pragma once

#include "bridge/media/audio_codec.h"
#include "bridge/media/audio_tick.h"
#include "bridge/policy/voice_mix.h"

typedef struct AudioOut AudioOut;

typedef struct {
    guint bitrate_bps, complexity; /* of the 20 ms packets; the narrow tier has a rate of its own */
} AudioOutSettings;

AudioOut *audio_out_new(const AudioOutSettings *settings, GError **error);
void audio_out_free(AudioOut *out); /* NULL is fine */

/* Makes `out` go on where `from` is: same limiter, same last packets to copy, encoders warmed with what was heard. */
void audio_out_follow(AudioOut *out, const AudioOut *from);

/* Somebody is about to change over to the wide (narrow FALSE) or the narrow packets of this mix: the next on which that is
 * possible is to be a fresh one (audio_tick.h). */
void audio_out_refresh(AudioOut *out, gboolean narrow);

/* The facts of a tick that blocks carry. */
typedef struct {
    guint64 tick;
    guint32 rtp_time;
    gint64 capture_us;
} AudioOutTime;

/* One tick's mix; ticks lie one behind the other but for those that were skipped. wanted: a bit per tier in which somebody
 * hears this mix; without that of AUDIO_TIER_FEC its packets carry no copies and are made with a third of the work. Fills
 * ret_mix as audio_tick.h says. After a second of digital silence the encoder runs only every 400 ms. */
void audio_out_run(AudioOut *out, const gint32 mix[VOICE_FRAME_SAMPLES], const AudioOutTime *time,
                   guint wanted, AudioTiers *ret_mix);

guint64 audio_out_n_encoded(const AudioOut *out);
