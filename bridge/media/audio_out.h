/* audio_out.h -- one encoded stream of a mix: limiter, Opus encoder, DTX. Audio thread only. */
#pragma once

#include "bridge/media/audio_codec.h"
#include "bridge/media/block.h"
#include "bridge/policy/voice_mix.h"

typedef struct AudioOut AudioOut;

AudioOut *audio_out_new(const AudioEncoderSettings *settings, GError **error);
void audio_out_free(AudioOut *out); /* NULL is fine */

/* Makes `out` go on where `from` is: same limiter, encoder warmed with its last 3 frames. */
void audio_out_follow(AudioOut *out, const AudioOut *from);

/* One tick's mix. Returns one packet (the caller sets rtp_time and the other facts), or NULL in a DTX pause: nothing is
 * sent. After a second of digital silence the encoder runs only every 400 ms. */
Block *audio_out_run(AudioOut *out, const gint32 mix[VOICE_FRAME_SAMPLES]);

guint64 audio_out_n_encoded(const AudioOut *out);
