/* audio_voice.h -- one voice that is heard: a decoder and its playout. Audio thread only.
 * Takes packets of an AudioUplink in order and gives exactly 20 ms per tick, whatever the line does: losses are recovered
 * or concealed, pauses (DTX) are silence, and the delay returns to the uplink's target by leaving out or inserting sound,
 * in a pause where there is one. */
#pragma once

#include "bridge/media/audio_uplink.h"
#include "bridge/policy/voice_mix.h"

typedef struct AudioVoice AudioVoice;

AudioVoice *audio_voice_new(void);
void audio_voice_free(AudioVoice *voice); /* NULL is fine */

/* Begins to play (again, or another uplink): decodes from a few packets before the place where playing begins, so that
 * the first sound is whole. Takes a reference of its own. */
void audio_voice_begin(AudioVoice *voice, AudioUplink *uplink, gint64 now_us);
void audio_voice_end(AudioVoice *voice); /* gives the uplink back; may begin again */

/* The next 20 ms. now_us: the tick's nominal time. */
void audio_voice_pull(AudioVoice *voice, gint64 now_us, gint16 ret_samples[VOICE_FRAME_SAMPLES]);

typedef struct {
    guint n_packets;           /* decoded by the last pull */
    guint8 declared, measured; /* level of the last of them; declared may be AUDIO_LEVEL_UNKNOWN */
    gint64 path_delay_us;      /* from mouth to this tick; from arrival while the sender's clock is unknown */
    gint64 excess_samples;     /* delay above (below) the target */
    gboolean pausing;
} AudioVoiceReport;
const AudioVoiceReport *audio_voice_report(const AudioVoice *voice);

guint64 audio_voice_n_decoded(
    const AudioVoice *voice); /* calls of the decoder, of any kind, since it was made */
