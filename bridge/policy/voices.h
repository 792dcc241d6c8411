/* voices.h -- pure: who is heard. One VoiceTrack per seat takes the levels of its packets (RFC 6464, -dBov) as they arrive;
 * voices_choose() says who is mixed: those with the floor always, of the others the loudest.
 *   - a free place is taken with the first loud packet: the voice is decoded from packets kept, so nothing is clipped;
 *   - a taken place is won by who spoke for VOICE_TAKE_US and is louder, from somebody who pauses or has had it for
 *     VOICE_KEEP_US;
 *   - a place is lost after VOICE_KEEP_US without a word.
 * Time is an argument. Owned by one thread. */
#pragma once

#include <glib.h>

enum { VOICE_TAKE_US = 300000, VOICE_KEEP_US = 2000000, VOICE_LEVEL_SILENT = 127 };

typedef enum { VOICE_NEVER = 1, VOICE_MAY, VOICE_ALWAYS } VoiceRule;

typedef struct {
    VoiceRule rule;
    gboolean chosen;   /* mixed now; written by voices_choose() */
    gboolean speaking; /* loud enough to be speech, with a short hold over gaps between words */
    float loudness_db; /* smoothed, dBov, negative: fast up, slow down */
    float noise_db;    /* what this room sounds like when nobody speaks, dBov */
    gint64 spoke_us;   /* last loud packet; 0 never */
    gint64 speaking_since_us, chosen_since_us, heard_us;
    /* does the sender tell the truth about its level? */
    gint64 differs_since_us;
    gboolean distrusted;
} VoiceTrack;

void voice_track_init(VoiceTrack *track, VoiceRule rule);

/* One packet's level, 0 (loudest) to 127. */
void voice_track_hear(VoiceTrack *track, guint8 level, gint64 now_us);

/* A decoded packet: the level it declared and the one measured. When they differ by more than 10 dB for a second the
 * sender is distrusted: give voice_track_hear() the measured level from then on. */
void voice_track_compare(VoiceTrack *track, guint8 declared, guint8 measured, gint64 now_us);

/* Writes `chosen` of all tracks; at most places_max of VOICE_MAY and total_max in all. Returns how many are chosen. */
guint voices_choose(VoiceTrack *const *tracks, guint n_tracks, guint places_max, guint total_max,
                    gint64 now_us);

/* Fills indices of the chosen that speak, loudest first; at most max. */
guint voices_speaking(const VoiceTrack *const *tracks, guint n_tracks, guint *ret_indices, guint max);
