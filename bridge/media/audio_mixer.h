/* audio_mixer.h -- the room where voices meet: one thread, one 20 ms tick on absolute time for all conferences.
 * In:   AudioUplinks attached to seats, an AudioScene per conference. Out: per tick the listeners' packet and one private
 *       packet (mix-minus) per active speaker's seat. Encodes: 1 + number of active voices, never one per endpoint; as many
 *       again for the narrow tier, each only while somebody listens in it.
 * Any thread may call the verbs below (they post letters); events come on the audio thread. */
#pragma once

#include "bridge/media/audio_tick.h"
#include "bridge/media/audio_uplink.h"
#include "bridge/policy/lateness.h"

typedef struct AudioMixer AudioMixer;

enum { AUDIO_SPEAKING_MAX = 16, AUDIO_SEATS_MAX = 1024 };

typedef enum { HEARD_NEVER = 1, HEARD_MAY, HEARD_ALWAYS } Heard;

typedef struct {
    guint32 seat;
    Heard heard; /* never: muted by the meeting; may: among the loudest; always: has the floor */
} AudioSeat;

typedef struct {
    guint32 conference;
    guint n_seats;
    AudioSeat seats[]; /* at most AUDIO_SEATS_MAX */
} AudioScene;

typedef struct {
    guint32 seat;
    guint8 level; /* -dBov */
} Speaking;

typedef struct {
    /* Whoever keeps it takes a reference. */
    void (*tick)(gpointer user, AudioTick *tick);
    /* Who is heard now, loudest first; at most 5/s and only on change. */
    void (*speaking)(gpointer user, guint32 conference, const Speaking *seats, guint n_seats);
} AudioMixerEvents;

typedef struct {
    guint voices_max, bitrate_bps, complexity;
    gboolean levelling;
} AudioMixerSettings;

AudioMixer *audio_mixer_start(const AudioMixerSettings *settings, const AudioMixerEvents *events,
                              gpointer user, GError **error);
void audio_mixer_stop(AudioMixer *mixer); /* joins; NULL is fine */

/* Any thread. The scene is copied; an unknown conference begins, conference_end ends it. */
void audio_mixer_set_scene(AudioMixer *mixer, const AudioScene *scene);
void audio_mixer_end_conference(AudioMixer *mixer, guint32 conference);
/* The seat's microphone (takes a reference of its own), replacing the one before in one step; NULL detaches. */
void audio_mixer_attach(AudioMixer *mixer, guint32 conference, guint32 seat, AudioUplink *uplink);

/* A leg of this seat begins (+1) or ceases (-1) to listen in a tier; AUDIO_TIER_PLAIN needs no telling. */
void audio_mixer_listen(AudioMixer *mixer, guint32 conference, guint32 seat, AudioTier tier, gint change);

typedef struct {
    guint64 n_ticks, n_late_ticks, n_skipped_ticks, n_decoded, n_encoded;
    guint64 lateness_us_max, cpu_us;
    guint n_conferences, n_voices;
    Lateness lateness; /* of the ticks; not of a mix that is driven by hand */
} AudioMixerStats;
void audio_mixer_read_stats(const AudioMixer *mixer, AudioMixerStats *ret_stats);
