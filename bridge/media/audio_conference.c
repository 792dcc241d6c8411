/* audio_conference.c -- see the header.  Start at audio_conference_tick(): levels in, voices chosen and pulled, mixed, and
 * encoded once for all listeners and once for each seat whose own voice is in the mix. */
#include "bridge/media/audio_conference.h"

#include "bridge/media/audio_out.h"
#include "bridge/media/audio_voice.h"
#include "bridge/policy/voices.h"

#include <string.h>

enum {
    MEASURED_MAX = 8, /* senders without (or with a false) level that are decoded only to be measured */
    SPARES_MAX = 16,
    FADE_SAMPLES = 480, /* 10 ms */
    COPIES_TICKS = 500, /* 10 s more: who loses packets may again, and a leg needs a second to leave a tier */
    SPEECH_LEVEL = 50,
    AUDIBLE_LEVEL = 70, /* what is quieter, a room may hear of itself */
    LIMITER_US = VOICE_LIMITER_SAMPLES * 125 / 6,
};
/* Both limiters have come to the same gain long before; pauses between words are shorter. */
static const gint64 PRIVATE_KEEP_US = 1000000;
static const gint64 SPEAKING_EVERY_US = 200000;
static const gint64 SLEW_US = 40; /* per tick: 2 ms per second, which is how often reports go out */
static const gint64 PATH_US_MAX = 2 * G_USEC_PER_SEC;

typedef struct {
    guint32 seat;
    gboolean listed; /* the scene knows it */
    VoiceTrack track;
    AudioUplink *uplink;
    AudioVoice *voice; /* while it is decoded */
    Leveller leveller;
    AudioOut *out; /* private mix, while its voice can be heard and PRIVATE_KEEP_US after */
    gint64 out_until_us;
    guint64 copies_until;             /* tick: until then its private mix carries copies whoever listens */
    guint n_listening[N_AUDIO_TIERS]; /* its legs, but for AUDIO_TIER_PLAIN */
    gboolean unknown_level, in_mix;
    gboolean pulled; /* frame is this tick's */
    gint16 frame[VOICE_FRAME_SAMPLES];
} Seat;

struct AudioConference {
    guint32 id;
    const AudioMixerSettings *settings;
    const AudioMixerEvents *events;
    gpointer user;
    AudioOutSettings private_settings;

    GHashTable *by_seat; /* seat -> Seat, owned */
    GPtrArray *seats;    /* the same, in an order */
    GPtrArray *tracks;   /* of seats, same order */
    GPtrArray *spare_voices, *spare_outs;

    AudioOut *listeners;
    guint n_listening[N_AUDIO_TIERS]; /* of all seats */
    guint64 copies_until;             /* tick: until then what they hear carries copies whoever listens */
    guint64 tick;
    guint32 rtp_base;

    gboolean path_known;
    gint64 path_us, heard_us;

    gint64 speaking_us;
    guint32 speaking[AUDIO_SPEAKING_MAX], loudest; /* as last told: sorted by number; who was first */
    guint n_speaking;
};

/* ---- seats ---- */

static void seat_free(gpointer data) {
    Seat *seat = data;
    audio_voice_free(seat->voice);
    audio_out_free(seat->out);
    audio_uplink_unref(seat->uplink);
    g_free(seat);
}

/* What all rooms hear is worth some effort; what one room hears gets a few bits instead: at 40 kbit/s the least effort sounds
 * like 32 kbit/s with effort 5, in half the time (docs/sound.md). */
static AudioOutSettings private_settings(const AudioMixerSettings *settings) {
    return (AudioOutSettings){ .bitrate_bps = settings->bitrate_bps / 4 * 5,
                               .complexity = MIN(settings->complexity, 1) };
}

AudioConference *audio_conference_new(guint32 id, const AudioMixerSettings *settings,
                                      const AudioMixerEvents *events, gpointer user, GError **error) {
    AudioOutSettings out_settings = { .bitrate_bps = settings->bitrate_bps,
                                      .complexity = settings->complexity };
    AudioOut *listeners = audio_out_new(&out_settings, error);
    if (listeners == NULL) return NULL;
    AudioConference *conference = g_new0(AudioConference, 1);
    conference->id = id;
    conference->settings = settings;
    conference->events = events;
    conference->user = user;
    conference->private_settings = private_settings(settings);
    conference->listeners = listeners;
    conference->by_seat = g_hash_table_new_full(NULL, NULL, NULL, seat_free);
    conference->seats = g_ptr_array_new();
    conference->tracks = g_ptr_array_new();
    conference->spare_voices = g_ptr_array_new_with_free_func((GDestroyNotify)audio_voice_free);
    conference->spare_outs = g_ptr_array_new_with_free_func((GDestroyNotify)audio_out_free);
    conference->rtp_base = g_random_int();
    return conference;
}

void audio_conference_free(AudioConference *conference) {
    if (conference == NULL) return;
    g_ptr_array_unref(conference->seats);
    g_ptr_array_unref(conference->tracks);
    g_hash_table_unref(conference->by_seat);
    g_ptr_array_unref(conference->spare_voices);
    g_ptr_array_unref(conference->spare_outs);
    audio_out_free(conference->listeners);
    g_free(conference);
}

static Seat *find_seat(AudioConference *conference, guint32 id) {
    return g_hash_table_lookup(conference->by_seat, GUINT_TO_POINTER(id));
}

static Seat *need_seat(AudioConference *conference, guint32 id) {
    Seat *seat = find_seat(conference, id);
    if (seat != NULL || conference->seats->len >= 2 * AUDIO_SEATS_MAX) return seat;
    seat = g_new0(Seat, 1);
    seat->seat = id;
    voice_track_init(&seat->track, VOICE_NEVER); /* until a scene says more */
    leveller_init(&seat->leveller);
    g_hash_table_insert(conference->by_seat, GUINT_TO_POINTER(id), seat);
    g_ptr_array_add(conference->seats, seat);
    g_ptr_array_add(conference->tracks, &seat->track);
    return seat;
}

static void give_voice_back(AudioConference *conference, Seat *seat) {
    if (seat->voice == NULL) return;
    audio_voice_end(seat->voice);
    if (conference->spare_voices->len < SPARES_MAX)
        g_ptr_array_add(conference->spare_voices, seat->voice);
    else
        audio_voice_free(seat->voice);
    seat->voice = NULL;
}

/* The seat hears what all listeners hear again. */
static void give_out_back(AudioConference *conference, Seat *seat) {
    if (seat->out == NULL) return;
    audio_out_refresh(conference->listeners, FALSE);
    audio_out_refresh(conference->listeners, TRUE);
    if (conference->spare_outs->len < SPARES_MAX)
        g_ptr_array_add(conference->spare_outs, seat->out);
    else
        audio_out_free(seat->out);
    seat->out = NULL;
}

/* A bit for each tier in which somebody listens. */
static guint tiers_heard(const guint n_listening[N_AUDIO_TIERS]) {
    guint heard = 0;
    for (guint i = 0; i < N_AUDIO_TIERS; i++)
        if (n_listening[i] > 0) heard |= 1u << i;
    return heard;
}

/* A seat that no scene lists, no microphone feeds and for which nobody listens is forgotten. */
static void forget_unused(AudioConference *conference) {
    for (guint i = conference->seats->len; i-- > 0;) {
        Seat *seat = g_ptr_array_index(conference->seats, i);
        if (seat->listed || seat->uplink != NULL || tiers_heard(seat->n_listening) != 0) continue;
        give_voice_back(conference, seat);
        give_out_back(conference, seat);
        g_ptr_array_remove_index(conference->seats, i);
        g_ptr_array_remove_index(conference->tracks, i);
        g_hash_table_remove(conference->by_seat, GUINT_TO_POINTER(seat->seat));
    }
}

static VoiceRule rule_of(Heard heard) {
    switch (heard) {
    case HEARD_ALWAYS: return VOICE_ALWAYS;
    case HEARD_MAY: return VOICE_MAY;
    case HEARD_NEVER: break;
    }
    return VOICE_NEVER;
}

void audio_conference_set_seats(AudioConference *conference, const AudioSeat *seats, guint n_seats) {
    for (guint i = 0; i < conference->seats->len; i++)
        ((Seat *)g_ptr_array_index(conference->seats, i))->listed = FALSE;
    for (guint i = 0; i < MIN(n_seats, (guint)AUDIO_SEATS_MAX); i++) {
        Seat *seat = need_seat(conference, seats[i].seat);
        if (seat == NULL) continue;
        seat->listed = TRUE;
        seat->track.rule = rule_of(seats[i].heard);
    }
    for (guint i = 0; i < conference->seats->len; i++) {
        Seat *seat = g_ptr_array_index(conference->seats, i);
        if (!seat->listed) seat->track.rule = VOICE_NEVER;
    }
    forget_unused(conference);
}

void audio_conference_attach(AudioConference *conference, guint32 id, AudioUplink *uplink, gint64 now_us) {
    Seat *seat = uplink != NULL ? need_seat(conference, id) : find_seat(conference, id);
    if (seat == NULL || seat->uplink == uplink) return;
    audio_uplink_unref(seat->uplink);
    seat->uplink = uplink != NULL ? audio_uplink_ref(uplink) : NULL;
    VoiceRule rule = seat->track.rule;
    gboolean chosen = seat->track.chosen;
    voice_track_init(&seat->track,
                     rule); /* another microphone: nothing of the old one's noise or lies holds */
    if (uplink == NULL) {
        give_voice_back(conference, seat);
        seat->in_mix = FALSE;
        forget_unused(conference);
    } else if (seat->voice != NULL) { /* it returns in the middle of a speech: it keeps its place */
        seat->track.chosen = chosen;
        seat->track.spoke_us = seat->track.chosen_since_us = chosen ? now_us : 0;
        audio_voice_begin(seat->voice, uplink, now_us);
        seat->in_mix = FALSE; /* fades in */
    }
}

void audio_conference_listen(AudioConference *conference, guint32 id, AudioTier tier, gint change) {
    Seat *seat = change > 0 ? need_seat(conference, id) : find_seat(conference, id);
    if (seat == NULL || tier >= N_AUDIO_TIERS || (change < 0 && seat->n_listening[tier] == 0)) return;
    seat->n_listening[tier] += (guint)change;
    seat->copies_until = conference->copies_until = conference->tick + COPIES_TICKS;
    conference->n_listening[tier] += (guint)change;
    if (tier == AUDIO_TIER_NARROW || tier == AUDIO_TIER_NARROW_RED) {
        audio_out_refresh(conference->listeners, change > 0);
        if (seat->out != NULL) audio_out_refresh(seat->out, change > 0);
    }
    if (change < 0) forget_unused(conference);
}

/* ---- a tick ---- */

static void pull(AudioConference *conference, Seat *seat, gint64 now_us, AudioConferenceCounts *counts) {
    if (seat->pulled) return;
    seat->pulled = TRUE;
    if (seat->voice == NULL) {
        GPtrArray *spares = conference->spare_voices;
        seat->voice = spares->len > 0 ? g_ptr_array_steal_index(spares, spares->len - 1) : audio_voice_new();
        audio_voice_begin(seat->voice, seat->uplink, now_us);
    }
    guint64 before = audio_voice_n_decoded(seat->voice);
    audio_voice_pull(seat->voice, now_us, seat->frame);
    counts->n_decoded += audio_voice_n_decoded(seat->voice) - before;
    counts->n_voices++;
    const AudioVoiceReport *report = audio_voice_report(seat->voice);
    if (report->n_packets == 0) return;
    if (report->declared != AUDIO_LEVEL_UNKNOWN)
        voice_track_compare(&seat->track, report->declared, report->measured, now_us);
    if (report->declared == AUDIO_LEVEL_UNKNOWN || seat->track.distrusted)
        voice_track_hear(&seat->track, report->measured, now_us);
}

/* Levels that came since the last tick, ahead of playout; those without a true one are decoded to be measured. */
static void take_levels(AudioConference *conference, gint64 now_us, AudioConferenceCounts *counts) {
    guint n_measured = 0;
    for (guint i = 0; i < conference->seats->len; i++) {
        Seat *seat = g_ptr_array_index(conference->seats, i);
        seat->pulled = FALSE;
        if (seat->uplink == NULL) continue;
        guint8 level = audio_uplink_take_level(seat->uplink);
        if (level != AUDIO_LEVEL_NONE) seat->unknown_level = level == AUDIO_LEVEL_UNKNOWN;
        if (level <= VOICE_LEVEL_SILENT && !seat->track.distrusted)
            voice_track_hear(&seat->track, level, now_us);
        gboolean measure = seat->unknown_level || seat->track.distrusted;
        if (measure && seat->track.rule != VOICE_NEVER && n_measured < MEASURED_MAX) {
            n_measured++;
            pull(conference, seat, now_us, counts);
        }
    }
}

/* The voice's frame as it goes into the mix: levelled, faded where it begins or ends. */
static void shape(const AudioConference *conference, Seat *seat, gboolean mixed) {
    if (conference->settings->levelling) {
        guint8 level = voice_level(seat->frame, VOICE_FRAME_SAMPLES);
        leveller_run(&seat->leveller, seat->frame, VOICE_FRAME_SAMPLES, level,
                     seat->track.speaking && level <= SPEECH_LEVEL);
    }
    if (mixed && !seat->in_mix) mix_fade(seat->frame, FADE_SAMPLES, 0, 1);
    if (!mixed) {
        mix_fade(seat->frame, FADE_SAMPLES, 1, 0);
        memset(seat->frame + FADE_SAMPLES, 0, (VOICE_FRAME_SAMPLES - FADE_SAMPLES) * sizeof *seat->frame);
    }
}

/* Decodes the chosen and sums them. Afterwards `pulled` says whose frame is in the sum. */
static void sum_voices(AudioConference *conference, gint64 now_us, gint32 *sum,
                       AudioConferenceCounts *counts) {
    for (guint i = 0; i < conference->seats->len; i++) {
        Seat *seat = g_ptr_array_index(conference->seats, i);
        gboolean mixed = seat->track.chosen && seat->uplink != NULL;
        if (mixed || seat->in_mix) {
            pull(conference, seat, now_us, counts);
            shape(conference, seat, mixed);
            mix_add(sum, seat->frame, VOICE_FRAME_SAMPLES);
            seat->in_mix = mixed;
            if (voice_level(seat->frame, VOICE_FRAME_SAMPLES) <= AUDIBLE_LEVEL)
                seat->out_until_us = now_us + PRIVATE_KEEP_US;
        } else if (seat->pulled) {
            seat->pulled = FALSE; /* only measured */
        } else {
            give_voice_back(conference, seat);
        }
    }
}

/* How late the voices are, told by whoever has the floor, else by the loudest: only one can be in step with its picture. */
static gint64 path_delay(AudioConference *conference, gint64 now_us) {
    const Seat *leader = NULL;
    for (guint i = 0; i < conference->seats->len; i++) {
        const Seat *seat = g_ptr_array_index(conference->seats, i);
        if (!seat->in_mix || !seat->track.speaking) continue;
        if (leader != NULL) {
            gboolean floor = seat->track.rule == VOICE_ALWAYS, leads = leader->track.rule == VOICE_ALWAYS;
            if (leads && !floor) continue;
            if (leads == floor && seat->track.loudness_db <= leader->track.loudness_db) continue;
        }
        leader = seat;
    }
    if (leader != NULL) {
        gint64 path_us = CLAMP(audio_voice_report(leader->voice)->path_delay_us, 0, PATH_US_MAX) + LIMITER_US;
        /* Without sound a jump hurts nobody. */
        if (!conference->path_known || now_us - conference->heard_us > G_USEC_PER_SEC)
            conference->path_us = path_us;
        conference->path_us += CLAMP(path_us - conference->path_us, -SLEW_US, SLEW_US);
        conference->path_known = TRUE;
        conference->heard_us = now_us;
    }
    return conference->path_us;
}

static gboolean wants_private(const Seat *seat, gint64 now_us) { return now_us < seat->out_until_us; }

static AudioOut *new_out(AudioConference *conference) {
    GPtrArray *spares = conference->spare_outs;
    if (spares->len > 0) return g_ptr_array_steal_index(spares, spares->len - 1);
    return audio_out_new(&conference->private_settings, NULL);
}

/* Whoever is heard in the sum gets an encoder that goes on where the listeners' one is; others lose theirs after a while. The
 * places are few: those who are kept only for the time after give way first. */
static void settle_outs(AudioConference *conference, gint64 now_us) {
    guint n_outs = 0;
    for (guint i = 0; i < conference->seats->len; i++) {
        Seat *seat = g_ptr_array_index(conference->seats, i);
        if (!wants_private(seat, now_us)) give_out_back(conference, seat);
        n_outs += seat->out != NULL;
    }
    for (guint i = 0; i < conference->seats->len; i++) {
        Seat *seat = g_ptr_array_index(conference->seats, i);
        if (!seat->pulled || seat->out != NULL || !wants_private(seat, now_us)) continue;
        for (guint k = 0; n_outs >= AUDIO_PRIVATE_MAX && k < conference->seats->len; k++) {
            Seat *kept = g_ptr_array_index(conference->seats, k);
            if (kept->out == NULL || kept->pulled) continue;
            give_out_back(conference, kept);
            n_outs--;
        }
        if (n_outs >= AUDIO_PRIVATE_MAX) continue;
        seat->out = new_out(conference);
        if (seat->out == NULL) continue;
        audio_out_follow(seat->out, conference->listeners);
        n_outs++;
    }
}

/* What a mix is to be made in. Copies of lost packets are left out where none of its legs loses any: that sounds better and is
 * a third of the work. */
static guint tiers_wanted(const guint n_listening[N_AUDIO_TIERS], gboolean copies) {
    guint wanted = tiers_heard(n_listening);
    return wanted != 0 || copies ? wanted | 1u << AUDIO_TIER_FEC : 0;
}

static void run_out(AudioOut *out, const gint32 *mix, const AudioTick *tick, guint wanted,
                    AudioTiers *ret_mix, AudioConferenceCounts *counts) {
    AudioOutTime time = { .tick = tick->tick, .rtp_time = tick->rtp_time, .capture_us = tick->capture_us };
    guint64 before = audio_out_n_encoded(out);
    audio_out_run(out, mix, &time, wanted, ret_mix);
    counts->n_encoded += audio_out_n_encoded(out) - before;
}

static void encode(AudioConference *conference, const gint32 *sum, AudioTick *tick,
                   AudioConferenceCounts *counts) {
    guint wanted = tiers_wanted(conference->n_listening, tick->tick < conference->copies_until);
    gboolean copies = (wanted & 1u << AUDIO_TIER_FEC) != 0;
    run_out(conference->listeners, sum, tick, wanted, &tick->listeners, counts);
    for (guint i = 0; i < conference->seats->len && tick->n_private < AUDIO_PRIVATE_MAX; i++) {
        Seat *seat = g_ptr_array_index(conference->seats, i);
        gint32 rest[VOICE_FRAME_SAMPLES];
        if (seat->out == NULL) continue;
        mix_without(sum, seat->pulled ? seat->frame : NULL, rest, VOICE_FRAME_SAMPLES);
        tick->private[tick->n_private].seat = seat->seat;
        /* Who is about to hear what the listeners hear again comes to it in the same mode of Opus. */
        gboolean own_copies = tick->tick < seat->copies_until || (!seat->pulled && copies);
        run_out(seat->out, rest, tick, tiers_wanted(seat->n_listening, own_copies),
                &tick->private[tick->n_private++].mix, counts);
    }
}

static int compare_numbers(const void *a, const void *b) {
    guint32 left = *(const guint32 *)a, right = *(const guint32 *)b;
    return left < right ? -1 : left > right;
}

static void tell_speaking(AudioConference *conference, gint64 now_us) {
    if (now_us - conference->speaking_us < SPEAKING_EVERY_US) return;
    guint indices[AUDIO_SPEAKING_MAX];
    Speaking speaking[AUDIO_SPEAKING_MAX];
    guint32 sorted[AUDIO_SPEAKING_MAX] = { 0 };
    guint n = voices_speaking((const VoiceTrack *const *)conference->tracks->pdata, conference->tracks->len,
                              indices, AUDIO_SPEAKING_MAX);
    for (guint i = 0; i < n; i++) {
        const Seat *seat = g_ptr_array_index(conference->seats, indices[i]);
        speaking[i] =
            (Speaking){ .seat = seat->seat, .level = (guint8)CLAMP(-seat->track.loudness_db, 0, 127) };
        sorted[i] = seat->seat;
    }
    guint32 loudest = n > 0 ? sorted[0] : 0;
    qsort(sorted, n, sizeof *sorted, compare_numbers);
    if (n == conference->n_speaking && loudest == conference->loudest &&
        memcmp(sorted, conference->speaking, n * sizeof *sorted) == 0)
        return;
    memcpy(conference->speaking, sorted, sizeof sorted);
    conference->n_speaking = n;
    conference->loudest = loudest;
    conference->speaking_us = now_us;
    conference->events->speaking(conference->user, conference->id, speaking, n);
}

void audio_conference_tick(AudioConference *conference, gint64 now_us, AudioConferenceCounts *counts) {
    gint32 sum[VOICE_FRAME_SAMPLES] = { 0 };
    take_levels(conference, now_us, counts);
    voices_choose((VoiceTrack *const *)conference->tracks->pdata, conference->tracks->len,
                  conference->settings->voices_max, AUDIO_PRIVATE_MAX, now_us);
    sum_voices(conference, now_us, sum, counts);
    settle_outs(conference, now_us);
    AudioTick *tick = audio_tick_new();
    tick->conference = conference->id;
    tick->tick = conference->tick;
    tick->rtp_time = conference->rtp_base + (guint32)(conference->tick * VOICE_FRAME_SAMPLES);
    tick->due_us = now_us;
    tick->capture_us = now_us - path_delay(conference, now_us);
    encode(conference, sum, tick, counts);
    conference->tick++;
    conference->events->tick(conference->user, tick);
    audio_tick_unref(tick);
    tell_speaking(conference, now_us);
}

void audio_conference_skip(AudioConference *conference, guint n_ticks) { conference->tick += n_ticks; }
