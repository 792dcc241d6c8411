/* audio_conference.h -- one conference's part of the mix: its seats, who is heard, and what each hears.
 * Used by audio_mix.c alone. */
#pragma once

#include "bridge/media/audio_mixer.h"

typedef struct AudioConference AudioConference;

/* Counters of all conferences together. */
typedef struct {
    guint64 n_decoded, n_encoded;
    guint n_voices; /* of the last tick: summed by the caller */
} AudioConferenceCounts;

/* settings, events: borrowed, must outlive it. NULL: FAULT_INTERNAL, no encoder. */
AudioConference *audio_conference_new(guint32 id, const AudioMixerSettings *settings,
                                      const AudioMixerEvents *events, gpointer user, GError **error);
void audio_conference_free(AudioConference *conference);

void audio_conference_set_seats(AudioConference *conference, const AudioSeat *seats, guint n_seats);
void audio_conference_attach(AudioConference *conference, guint32 seat, AudioUplink *uplink, gint64 now_us);
void audio_conference_listen(AudioConference *conference, guint32 seat, AudioTier tier, gint change);
void audio_conference_tick(AudioConference *conference, gint64 now_us, AudioConferenceCounts *counts);
void audio_conference_skip(AudioConference *conference, guint n_ticks);
