/* audio_mix.c -- see the header: a table of conferences. */
#include "bridge/media/audio_mix.h"

#include "bridge/media/audio_conference.h"
#include "config/log.h"

struct AudioMix {
    AudioMixerSettings settings;
    AudioMixerEvents events;
    gpointer user;
    GHashTable *conferences; /* id -> AudioConference, owned */
    guint64 n_ticks;
    AudioConferenceCounts counts;
};

AudioMix *audio_mix_new(const AudioMixerSettings *settings, const AudioMixerEvents *events, gpointer user) {
    AudioMix *mix = g_new0(AudioMix, 1);
    mix->settings = *settings;
    mix->events = *events;
    mix->user = user;
    mix->conferences = g_hash_table_new_full(NULL, NULL, NULL, (GDestroyNotify)audio_conference_free);
    return mix;
}

void audio_mix_free(AudioMix *mix) {
    if (mix == NULL) return;
    g_hash_table_unref(mix->conferences);
    g_free(mix);
}

/* NULL only when libopus refuses, which is told once per try. */
static AudioConference *need_conference(AudioMix *mix, guint32 id) {
    AudioConference *conference = g_hash_table_lookup(mix->conferences, GUINT_TO_POINTER(id));
    if (conference != NULL) return conference;
    g_autoptr(GError) error = NULL;
    conference = audio_conference_new(id, &mix->settings, &mix->events, mix->user, &error);
    if (conference == NULL) {
        log_error("audio.no_conference", "conference=%u why=\"%s\"", id, error->message);
        return NULL;
    }
    g_hash_table_insert(mix->conferences, GUINT_TO_POINTER(id), conference);
    return conference;
}

void audio_mix_set_scene(AudioMix *mix, const AudioScene *scene) {
    AudioConference *conference = need_conference(mix, scene->conference);
    if (conference != NULL) audio_conference_set_seats(conference, scene->seats, scene->n_seats);
}

void audio_mix_end_conference(AudioMix *mix, guint32 conference) {
    g_hash_table_remove(mix->conferences, GUINT_TO_POINTER(conference));
}

void audio_mix_attach(AudioMix *mix, guint32 id, guint32 seat, AudioUplink *uplink, gint64 now_us) {
    /* Detaching begins nothing: the conference may have ended before its last leg. */
    AudioConference *conference = uplink != NULL
                                      ? need_conference(mix, id)
                                      : g_hash_table_lookup(mix->conferences, GUINT_TO_POINTER(id));
    if (conference != NULL) audio_conference_attach(conference, seat, uplink, now_us);
}

void audio_mix_listen(AudioMix *mix, guint32 id, guint32 seat, AudioTier tier, gint change) {
    AudioConference *conference = g_hash_table_lookup(mix->conferences, GUINT_TO_POINTER(id));
    if (conference == NULL && change > 0) conference = need_conference(mix, id);
    if (conference != NULL) audio_conference_listen(conference, seat, tier, change);
}

void audio_mix_tick(AudioMix *mix, gint64 now_us) {
    GHashTableIter iter;
    gpointer conference;
    mix->n_ticks++;
    mix->counts.n_voices = 0;
    g_hash_table_iter_init(&iter, mix->conferences);
    while (g_hash_table_iter_next(&iter, NULL, &conference))
        audio_conference_tick(conference, now_us, &mix->counts);
}

void audio_mix_skip(AudioMix *mix, guint n_ticks) {
    GHashTableIter iter;
    gpointer conference;
    g_hash_table_iter_init(&iter, mix->conferences);
    while (g_hash_table_iter_next(&iter, NULL, &conference)) audio_conference_skip(conference, n_ticks);
}

guint audio_mix_n_conferences(const AudioMix *mix) { return g_hash_table_size(mix->conferences); }

void audio_mix_read_stats(const AudioMix *mix, AudioMixerStats *ret_stats) {
    *ret_stats = (AudioMixerStats){
        .n_ticks = mix->n_ticks,
        .n_decoded = mix->counts.n_decoded,
        .n_encoded = mix->counts.n_encoded,
        .n_conferences = audio_mix_n_conferences(mix),
        .n_voices = mix->counts.n_voices,
    };
}
