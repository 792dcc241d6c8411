/* voices.c -- see the header. */
#include "bridge/policy/voices.h"

#include <math.h>

/* Nothing below is speech, however quiet the room. */
static const float SPEECH_DB_MIN = -52;
/* Speech stands out from the room's own noise by this much ... */
static const float SPEECH_ABOVE_NOISE_DB = 8;
/* ... but noise is never believed to be louder than this: a steady loud sound is somebody. */
static const float NOISE_DB_MIN = -75, NOISE_DB_MAX = -46;
static const float NOISE_RISE_DB_PER_S = 2;
static const float LOUDNESS_FALL_DB_PER_S = 30;
static const float LOUDER_DB =
    3; /* a challenger must be clearly louder, or two equal voices would swap places */
static const float DIFFERENCE_DB = 10;
static const float SILENT_DB = -60; /* below, levels are not compared: both mean "nothing" */
static const gint64 DIFFERENCE_US = G_USEC_PER_SEC;
static const gint64 WORD_GAP_US = 400000;
static const gint64 IN_WORD_US = 100000; /* more than a packet of 60 ms */

void voice_track_init(VoiceTrack *track, VoiceRule rule) {
    *track = (VoiceTrack){ .rule = rule, .loudness_db = -127, .noise_db = -60 };
}

void voice_track_hear(VoiceTrack *track, guint8 level, gint64 now_us) {
    float db = -(float)MIN(level, VOICE_LEVEL_SILENT);
    float elapsed_s =
        track->heard_us == 0 ? 0 : (float)CLAMP(now_us - track->heard_us, 0, G_USEC_PER_SEC) / 1e6f;
    track->heard_us = now_us;
    float fallen = track->loudness_db - LOUDNESS_FALL_DB_PER_S * elapsed_s;
    track->loudness_db = MAX(db, fallen);
    if (db < track->noise_db)
        track->noise_db = MAX(db, NOISE_DB_MIN);
    else
        track->noise_db = MIN(track->noise_db + NOISE_RISE_DB_PER_S * elapsed_s, MIN(db, NOISE_DB_MAX));

    if (db < MAX(SPEECH_DB_MIN, track->noise_db + SPEECH_ABOVE_NOISE_DB)) return;
    if (track->spoke_us == 0 || now_us - track->spoke_us > WORD_GAP_US) track->speaking_since_us = now_us;
    track->spoke_us = now_us;
}

void voice_track_compare(VoiceTrack *track, guint8 declared, guint8 measured, gint64 now_us) {
    float difference = fabsf(MAX(-(float)declared, SILENT_DB) - MAX(-(float)measured, SILENT_DB));
    if (difference <= DIFFERENCE_DB) {
        track->differs_since_us = 0;
    } else if (track->differs_since_us == 0) {
        track->differs_since_us = now_us;
    } else if (now_us - track->differs_since_us >= DIFFERENCE_US) {
        track->distrusted = TRUE;
    }
}

static gboolean is_silent(const VoiceTrack *track, gint64 for_us, gint64 now_us) {
    return track->spoke_us == 0 || now_us - track->spoke_us > for_us;
}

static void choose(VoiceTrack *track, gint64 now_us) {
    track->chosen = TRUE;
    track->chosen_since_us = now_us;
}

/* Of the VOICE_MAY: the quietest that is chosen, and the loudest that is not but wants to be. */
static void find_rivals(VoiceTrack *const *tracks, guint n_tracks, VoiceTrack **ret_weakest,
                        VoiceTrack **ret_strongest) {
    *ret_weakest = *ret_strongest = NULL;
    for (guint i = 0; i < n_tracks; i++) {
        VoiceTrack *track = tracks[i];
        if (track->rule != VOICE_MAY) continue;
        if (track->chosen) {
            if (*ret_weakest == NULL || track->loudness_db < (*ret_weakest)->loudness_db)
                *ret_weakest = track;
        } else if (track->speaking) {
            if (*ret_strongest == NULL || track->loudness_db > (*ret_strongest)->loudness_db)
                *ret_strongest = track;
        }
    }
}

/* The first step: whoever may not be here leaves. Returns how many VOICE_MAY stay; *ret_n_always: how many have the floor. */
static guint settle_rules(VoiceTrack *const *tracks, guint n_tracks, guint total_max, gint64 now_us,
                          guint *ret_n_always) {
    guint n_always = 0, n_may = 0;
    for (guint i = 0; i < n_tracks; i++) {
        VoiceTrack *track = tracks[i];
        track->speaking = !is_silent(track, WORD_GAP_US, now_us) && track->rule != VOICE_NEVER;
        if (track->rule == VOICE_ALWAYS && n_always < total_max) {
            if (!track->chosen) choose(track, now_us);
            n_always++;
        } else if (track->rule != VOICE_MAY || is_silent(track, VOICE_KEEP_US, now_us)) {
            track->chosen = FALSE;
        }
        if (track->chosen && track->rule == VOICE_MAY) n_may++;
    }
    *ret_n_always = n_always;
    return n_may;
}

guint voices_choose(VoiceTrack *const *tracks, guint n_tracks, guint places_max, guint total_max,
                    gint64 now_us) {
    guint n_always;
    guint n_may = settle_rules(tracks, n_tracks, total_max, now_us, &n_always);
    guint places = MIN(places_max, total_max - n_always);
    for (;;) {
        VoiceTrack *weakest, *strongest;
        find_rivals(tracks, n_tracks, &weakest, &strongest);
        if (n_may > places) { /* the floor was given to one more, or the limit is new */
            weakest->chosen = FALSE;
            n_may--;
        } else if (n_may < places && strongest != NULL) {
            choose(strongest, now_us);
            n_may++;
        } else {
            if (strongest == NULL || weakest == NULL) break;
            /* One change per call: two who fall silent together would give the place to each other for ever. */
            gboolean pauses = is_silent(weakest, VOICE_TAKE_US, now_us);
            gboolean served = now_us - weakest->chosen_since_us >= VOICE_KEEP_US;
            gboolean insists = now_us - strongest->speaking_since_us >= VOICE_TAKE_US &&
                               !is_silent(strongest, IN_WORD_US, now_us);
            gboolean louder = strongest->loudness_db > weakest->loudness_db + LOUDER_DB;
            if (insists && (pauses || (served && louder))) {
                weakest->chosen = FALSE;
                choose(strongest, now_us);
            }
            break;
        }
    }
    return n_always + n_may;
}

guint voices_speaking(const VoiceTrack *const *tracks, guint n_tracks, guint *ret_indices, guint max) {
    guint n = 0;
    for (guint i = 0; i < n_tracks; i++) {
        if (!tracks[i]->chosen || !tracks[i]->speaking) continue;
        guint at = n;
        while (at > 0 && tracks[ret_indices[at - 1]]->loudness_db < tracks[i]->loudness_db) at--;
        if (at >= max) continue;
        if (n < max) n++;
        for (guint k = n - 1; k > at; k--) ret_indices[k] = ret_indices[k - 1];
        ret_indices[at] = i;
    }
    return n;
}
