/* audio_mix.h -- the mixer without its thread: all conferences, one call per tick of 20 ms, time is an argument.
 * audio_mixer.c calls it on the audio thread; tests call it with a time of their own. One owner thread. */
#pragma once

#include "bridge/media/audio_mixer.h"

typedef struct AudioMix AudioMix;

AudioMix *audio_mix_new(const AudioMixerSettings *settings, const AudioMixerEvents *events, gpointer user);
void audio_mix_free(AudioMix *mix);

/* As in audio_mixer.h. */
void audio_mix_set_scene(AudioMix *mix, const AudioScene *scene);
void audio_mix_end_conference(AudioMix *mix, guint32 conference);
void audio_mix_attach(AudioMix *mix, guint32 conference, guint32 seat, AudioUplink *uplink, gint64 now_us);
void audio_mix_listen(AudioMix *mix, guint32 conference, guint32 seat, AudioTier tier, gint change);

/* Nominal time of the tick: steps of AUDIO_TICK_US, also after a late wake-up. */
enum { AUDIO_TICK_US = 20000 };
void audio_mix_tick(AudioMix *mix, gint64 now_us);
/* Ticks that are lost for good: time goes on without sound. */
void audio_mix_skip(AudioMix *mix, guint n_ticks);

guint audio_mix_n_conferences(const AudioMix *mix);
/* n_ticks, n_decoded, n_encoded, n_conferences, n_voices; the rest is the thread's. */
void audio_mix_read_stats(const AudioMix *mix, AudioMixerStats *ret_stats);
