/* test_media_audio.c -- the mix as its users hear it: rooms that speak tones, ears that find them again. Simulated time. */
#include "bridge/media/audio_mix.h"

#include "bridge/media/audio_codec.h"
#include "bridge/wire/opus.h"
#include "tests/unit/audio_speaker.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

enum { OPUS_CELT_FIRST = 16 }; /* of the configurations in an Opus packet's first byte (RFC 6716 3.1) */
enum { ROOMS_MAX = 240, EARS_MAX = 8, CONFERENCE = 7, SPEAKING_MAX = 512 };

/* A client: takes its seat's private packet or the listeners' one, and decodes what it was sent. */
typedef struct {
    guint32 seat;
    AudioDecoder *decoder;
    GArray *heard;
    guint n_private, n_shared, n_nothing;
    guint n_with_copies, n_light; /* of the private ones: with in-band FEC; in the mode that has none */
} Ear;

typedef struct {
    AudioMix *mix;
    gint64 now_us;
    Speaker *rooms[ROOMS_MAX + 1]; /* by seat, from 1 */
    Heard rules[ROOMS_MAX + 1];
    guint n_rooms;
    Ear ears[EARS_MAX];
    guint n_ears;
    guint64 tick_next;
    guint32 rtp_next;
    gint64 capture_lag_us;
    guint n_private_last, n_light; /* light: packets for all listeners in the mode without copies */
    struct {
        gint64 at_us;
        guint n;
        Speaking seats[AUDIO_SPEAKING_MAX];
    } speaking[SPEAKING_MAX];
    guint n_speaking;
} Hall;

static void hear(Ear *ear, const Block *block) {
    gint16 samples[AUDIO_DECODED_SAMPLES_MAX];
    guint n = VOICE_FRAME_SAMPLES;
    if (block != NULL)
        n = audio_decoder_decode(ear->decoder, block->bytes, block->n_bytes, samples);
    else
        audio_decoder_conceal(ear->decoder, samples, n);
    assert_int_equal(n, VOICE_FRAME_SAMPLES);
    g_array_append_vals(ear->heard, samples, n);
}

static gboolean is_light(const Block *block) {
    return block != NULL && block->bytes[0] >> 3 >= OPUS_CELT_FIRST;
}

static void on_tick(gpointer user, AudioTick *tick) {
    Hall *hall = user;
    assert_int_equal(tick->conference, CONFERENCE);
    assert_int_equal(tick->tick, hall->tick_next);
    if (tick->tick > 0) assert_int_equal(tick->rtp_time, hall->rtp_next);
    hall->tick_next = tick->tick + 1;
    hall->rtp_next = tick->rtp_time + 960;
    hall->capture_lag_us = hall->now_us - tick->capture_us;
    hall->n_private_last = tick->n_private;
    hall->n_light += is_light(tick->listeners.block[AUDIO_TIER_FEC]);
    for (guint e = 0; e < hall->n_ears; e++) {
        Ear *ear = &hall->ears[e];
        const Block *block = tick->listeners.block[AUDIO_TIER_FEC];
        gboolean own = FALSE;
        for (guint p = 0; p < tick->n_private; p++) {
            if (tick->private[p].seat != ear->seat) continue;
            block = tick->private[p].mix.block[AUDIO_TIER_FEC];
            own = TRUE;
        }
        if (block != NULL) assert_int_equal(block->rtp_time, tick->rtp_time);
        ear->n_private += own && block != NULL;
        ear->n_shared += !own && block != NULL;
        ear->n_nothing += block == NULL;
        if (own && block != NULL) {
            ear->n_with_copies += opus_payload_has_fec(block->bytes, block->n_bytes);
            ear->n_light += is_light(block);
        }
        hear(ear, block);
    }
}

static void on_speaking(gpointer user, guint32 conference, const Speaking *seats, guint n_seats) {
    Hall *hall = user;
    assert_int_equal(conference, CONFERENCE);
    assert_true(hall->n_speaking < SPEAKING_MAX);
    hall->speaking[hall->n_speaking].at_us = hall->now_us;
    hall->speaking[hall->n_speaking].n = n_seats;
    for (guint i = 0; i < n_seats; i++) hall->speaking[hall->n_speaking].seats[i] = seats[i];
    hall->n_speaking++;
}

static Hall *hall_new(gboolean levelling) {
    static const AudioMixerEvents events = { on_tick, on_speaking };
    AudioMixerSettings settings = {
        .voices_max = 8, .bitrate_bps = 32000, .complexity = 5, .levelling = levelling
    };
    Hall *hall = g_new0(Hall, 1);
    hall->now_us = 100 * G_USEC_PER_SEC;
    hall->mix = audio_mix_new(&settings, &events, hall);
    return hall;
}

static void hall_free(Hall *hall) {
    audio_mix_free(hall->mix);
    for (guint i = 1; i <= hall->n_rooms; i++) speaker_free(hall->rooms[i]);
    for (guint e = 0; e < hall->n_ears; e++) {
        audio_decoder_free(hall->ears[e].decoder);
        g_array_unref(hall->ears[e].heard);
    }
    g_free(hall);
}

/* Seats are numbered from 1 in the order of entering. */
static Speaker *enter(Hall *hall, double hz, double amplitude, Heard rule) {
    Speaker *room = speaker_new(hz, amplitude, 960, 1, hall->now_us);
    room->swell = 0.6; /* without it Opus takes the tone for noise and falls under DTX */
    hall->rooms[++hall->n_rooms] = room;
    hall->rules[hall->n_rooms] = rule;
    audio_mix_attach(hall->mix, CONFERENCE, hall->n_rooms, room->uplink, hall->now_us);
    return room;
}

static Ear *listen_as(Hall *hall, guint32 seat) {
    Ear *ear = &hall->ears[hall->n_ears++];
    ear->seat = seat;
    ear->decoder = audio_decoder_new();
    ear->heard = g_array_new(FALSE, FALSE, sizeof(gint16));
    return ear;
}

static void tell_scene(Hall *hall) {
    AudioScene *scene = g_malloc0(sizeof *scene + hall->n_rooms * sizeof scene->seats[0]);
    scene->conference = CONFERENCE;
    for (guint i = 1; i <= hall->n_rooms; i++)
        scene->seats[scene->n_seats++] = (AudioSeat){ .seat = i, .heard = hall->rules[i] };
    audio_mix_set_scene(hall->mix, scene);
    g_free(scene);
}

static void run(Hall *hall, double seconds) {
    for (guint tick = 0; tick < (guint)(seconds * 50 + 0.5); tick++) {
        for (guint i = 1; i <= hall->n_rooms; i++) speaker_run(hall->rooms[i], hall->now_us);
        audio_mix_tick(hall->mix, hall->now_us);
        hall->now_us += AUDIO_TICK_US;
    }
}

/* Amplitude of the tone in the last `seconds` that the ear heard. */
static double tone_of(const Ear *ear, double hz, double seconds) {
    guint n = (guint)(seconds * 48000);
    assert_true(ear->heard->len >= n);
    return ear_tone((const gint16 *)(gpointer)ear->heard->data + ear->heard->len - n, n, hz);
}

static AudioMixerStats stats_of(const Hall *hall) {
    AudioMixerStats stats;
    audio_mix_read_stats(hall->mix, &stats);
    return stats;
}

/* ---- who hears whom ---- */

static void test_everybody_hears_everybody_but_itself(void **state) {
    (void)state;
    static const double hz[] = { 0, 310, 470, 730 };
    Hall *hall = hall_new(FALSE);
    for (guint seat = 1; seat <= 3; seat++) enter(hall, hz[seat], 6000, HEARD_MAY);
    for (guint32 seat = 1; seat <= 4; seat++) listen_as(hall, seat); /* 4 has no microphone */
    tell_scene(hall);
    run(hall, 4);
    for (guint e = 0; e < 4; e++) {
        for (guint seat = 1; seat <= 3; seat++) {
            double amplitude = tone_of(&hall->ears[e], hz[seat], 2);
            if (hall->ears[e].seat == seat)
                assert_true(amplitude < 100);
            else
                assert_in_range(amplitude, 3400, 6500);
        }
    }
    assert_int_equal(hall->n_private_last, 3);
    assert_int_equal(hall->ears[3].n_private, 0);
    hall_free(hall);
}

static void test_rules(void **state) {
    (void)state;
    Hall *hall = hall_new(FALSE);
    enter(hall, 310, 6000, HEARD_NEVER);
    enter(hall, 470, 6000, HEARD_MAY);
    enter(hall, 730, 40, HEARD_ALWAYS); /* whispers: never loud enough to take a place */
    Ear *ear = listen_as(hall, 9);
    tell_scene(hall);
    run(hall, 3);
    assert_true(tone_of(ear, 310, 1) < 50);
    assert_true(tone_of(ear, 470, 1) > 3400);
    assert_true(tone_of(ear, 730, 1) > 15);
    /* The chair mutes 2 and lets 1 speak: heard within a tick or two. */
    hall->rules[1] = HEARD_MAY;
    hall->rules[2] = HEARD_NEVER;
    tell_scene(hall);
    run(hall, 0.4);
    assert_true(tone_of(ear, 310, 0.2) > 3400);
    assert_true(tone_of(ear, 470, 0.1) < 100);
    /* A seat that left the scene is silent, one that no scene ever named, too. */
    hall->n_rooms = 0;
    tell_scene(hall);
    hall->n_rooms = 3;
    run(hall, 1);
    assert_true(tone_of(ear, 310, 0.3) < 50);
    assert_true(tone_of(ear, 470, 0.3) < 50);
    hall_free(hall);
}

/* ---- the cost law ---- */

static gboolean never(const Speaker *speaker, gint64 at_us) {
    (void)speaker;
    (void)at_us;
    return FALSE;
}

static void test_silent_rooms_are_not_decoded(void **state) {
    (void)state;
    Hall *hall = hall_new(TRUE);
    for (guint i = 0; i < 200; i++) {
        Speaker *room = enter(hall, 300 + i, 6000, HEARD_MAY);
        room->talks = never;
        room->n_loop = 10;
    }
    listen_as(hall, 999);
    tell_scene(hall);
    run(hall, 5);
    assert_int_equal(stats_of(hall).n_decoded, 0);
    assert_true(stats_of(hall).n_encoded <= 50 + 12); /* a second of silence, then one in 400 ms */
    assert_true(hall->ears[0].n_shared <= 40);
    /* One begins to speak: one is decoded, one stream is encoded; what it hears itself is silence and costs nothing. */
    hall->rooms[17]->talks = NULL;
    hall->rooms[17]->n_loop = 0;
    guint64 before = stats_of(hall).n_encoded;
    run(hall, 2);
    assert_in_range(stats_of(hall).n_decoded, 95, 112);
    assert_in_range(stats_of(hall).n_encoded - before, 95, 112);
    assert_int_equal(stats_of(hall).n_voices, 1);
    hall_free(hall);
}

static void test_loudest_win_the_places(void **state) {
    (void)state;
    Hall *hall = hall_new(FALSE);
    for (guint i = 0; i < 12; i++) enter(hall, 300 + 70 * i, i < 4 ? 600 : 3000, HEARD_MAY);
    Ear *ear = listen_as(hall, 99);
    tell_scene(hall);
    run(hall, 6);
    for (guint i = 4; i < 12; i++) assert_true(tone_of(ear, 300 + 70 * i, 2) > 1500);
    for (guint i = 0; i < 4; i++) assert_true(tone_of(ear, 300 + 70 * i, 2) < 150);
    assert_int_equal(hall->n_private_last, 8);
    assert_int_equal(stats_of(hall).n_voices, 8);
    hall_free(hall);
}

static void test_senders_without_levels(void **state) {
    (void)state;
    Hall *hall = hall_new(FALSE);
    for (guint i = 0; i < 12; i++) {
        Speaker *room = enter(hall, 300 + 50 * i, 4000, HEARD_MAY);
        room->levels = FALSE;
        if (i != 3) room->talks = never;
    }
    Ear *ear = listen_as(hall, 99);
    tell_scene(hall);
    run(hall, 3);
    assert_true(tone_of(ear, 450, 1) > 2200); /* measured, found loud, heard */
    guint64 before = stats_of(hall).n_decoded;
    run(hall, 2);
    assert_in_range(stats_of(hall).n_decoded - before, 790, 830); /* eight of the twelve */
    assert_int_equal(hall->n_private_last, 1);
    hall_free(hall);
}

static void test_liars_lose_their_place(void **state) {
    (void)state;
    Hall *hall = hall_new(FALSE);
    Speaker *room = enter(hall, 310, 40, HEARD_MAY);
    room->level_lie = 5; /* claims to shout and whispers */
    tell_scene(hall);
    run(hall, 0.5);
    assert_int_equal(hall->n_private_last, 1);
    run(hall, 7); /* a second to be found out, two to lose the place, one for the private stream */
    assert_int_equal(hall->n_private_last, 0);
    room->amplitude = 6000; /* speaks at last, and is heard */
    Ear *ear = listen_as(hall, 99);
    run(hall, 1);
    assert_true(tone_of(ear, 310, 0.5) > 3400);
    hall_free(hall);
}

/* ---- what it sounds like ---- */

static gboolean talks_in_the_third_second(const Speaker *speaker, gint64 at_us) {
    gint64 since_us = at_us - speaker->begin_us;
    return since_us >= 2000000 && since_us < 3000000;
}

static void test_onset_is_not_clipped(void **state) {
    (void)state;
    Hall *hall = hall_new(FALSE);
    Speaker *room = enter(hall, 310, 6000, HEARD_MAY);
    room->swell = 0;
    room->talks = talks_in_the_third_second;
    Ear *ear = listen_as(hall, 99);
    tell_scene(hall);
    run(hall, 5);
    guint n_loud = 0, first_ms = 0;
    for (guint ms = 0; ms < ear->heard->len / 48; ms++) {
        gint32 peak = 0;
        for (guint k = 0; k < 48; k++) peak = MAX(peak, abs(g_array_index(ear->heard, gint16, ms * 48 + k)));
        if (peak < 2000) continue;
        n_loud++;
        if (first_ms == 0) first_ms = ms;
    }
    print_message("# heard %u ms, first after %u ms\n", n_loud, first_ms - 2000);
    assert_in_range(n_loud, 985, 1015);
    assert_true(first_ms - 2000 <= 30 + 20 + 20 + 20); /* transit, packet, tick, codec */
    hall_free(hall);
}

/* It need not be spared its own voice where it has none: the floor costs no encoder while it is silent. */
static void test_silent_rooms_hear_what_all_hear(void **state) {
    (void)state;
    Hall *hall = hall_new(FALSE);
    Speaker *room = enter(hall, 310, 6000, HEARD_ALWAYS);
    room->dtx = TRUE;
    room->talks = never;
    enter(hall, 900, 8000, HEARD_MAY);
    Ear *ear = listen_as(hall, 1), *other = listen_as(hall, 2);
    tell_scene(hall);
    run(hall, 2);
    assert_int_equal(ear->n_private, 0);
    assert_true(tone_of(ear, 900, 1) > 4000);
    room->talks = NULL;
    run(hall, 2);
    assert_true(tone_of(other, 310, 1) > 3400); /* it has its place ... */
    assert_true(tone_of(ear, 310, 1.9) < 60);   /* ... and never heard itself */
    assert_true(tone_of(ear, 900, 1) > 4000);
    guint n_private = ear->n_private;
    room->talks = never;
    run(hall, 3);
    assert_in_range(ear->n_private - n_private, 40, 70); /* a second */
    assert_true(tone_of(ear, 900, 1) > 4000);
    hall_free(hall);
}

static gboolean talks_by_turns(const Speaker *speaker, gint64 at_us) {
    return (at_us - speaker->begin_us) / (5 * G_USEC_PER_SEC) % 2 == 1;
}

/* Opus alone would take it for noise and stop sending after a second. */
static void test_steady_sound_stays(void **state) {
    (void)state;
    Hall *hall = hall_new(TRUE);
    enter(hall, 310, 3000, HEARD_MAY)->swell = 0;
    Ear *ear = listen_as(hall, 99);
    tell_scene(hall);
    run(hall, 30);
    assert_true(tone_of(ear, 310, 1) > 2500);
    assert_true(tone_of(ear, 310, 25) > 2500);
    assert_true(ear->n_nothing < 10);
    hall_free(hall);
}

/* A room that hears a steady voice must not hear its own stream change from the listeners' to a private one and back. */
static void test_changing_streams_does_not_click(void **state) {
    (void)state;
    Hall *hall = hall_new(FALSE);
    enter(hall, 310, 5000, HEARD_ALWAYS);

    Speaker *other = enter(hall, 900, 8000, HEARD_MAY);
    other->talks = talks_by_turns;
    Ear *ear = listen_as(hall, 2);
    tell_scene(hall);
    run(hall, 24);
    assert_true(ear->n_private > 400 && ear->n_shared > 300);
    const gint16 *heard = (const gint16 *)(gpointer)ear->heard->data;
    double slope = 2 * G_PI * 310 / 48000 * 5000;
    double step = ear_step_largest(heard + 48000, ear->heard->len - 48000);
    print_message("# private %u, shared %u, step %.0f, of the tone %.0f\n", ear->n_private, ear->n_shared,
                  step, slope);
    assert_true(step < slope * 2);
    for (guint at = 48000; at + 960 <= ear->heard->len; at += 960) /* nor a hole */
        assert_in_range(ear_tone(heard + at, 960, 310), 1200, 6500);
    hall_free(hall);
}

/* What a room hears while it speaks carries copies where its line loses packets, and is lighter where it does not; so does what
 * all listeners hear where anybody's line loses. Neither the beginning, the end nor a change of that is heard. The seconds are those of talks_by_turns: it speaks from 5 to 10, ... */
static void test_copies_go_where_packets_are_lost(void **state) {
    (void)state;
    static const struct {
        const char *name;
        guint32 seat; /* one of its legs begins or ceases to lose packets before the room speaks */
        gint change;
        /* Opus leaves copies out where it hears no voice: a tone that swells has some. */
        double light_least, light_most, copies_least, copies_most, all_light_least, all_light_most;
    } TURNS[] = { { "clean lines", 2, 0, 0.95, 1, 0, 0.05, 0.95, 1 },
                  { "its own loses packets", 2, 1, 0, 0, 0.25, 1, 0, 0 },
                  { "not quite clean again", 2, -1, 0, 0, 0.25, 1, 0, 0 },
                  { "clean again", 2, 0, 0.95, 1, 0, 0.05, 0.95, 1 },
                  { "somebody else's loses packets", 3, 1, 0.95, 1, 0, 0.05, 0, 0 } };
    Hall *hall = hall_new(FALSE);
    enter(hall, 310, 5000, HEARD_ALWAYS);
    enter(hall, 900, 8000, HEARD_MAY)->talks = talks_by_turns;
    Ear *ear = listen_as(hall, 2);
    tell_scene(hall);
    for (guint i = 0; i < G_N_ELEMENTS(TURNS); i++) {
        run(hall, 3);
        if (TURNS[i].change != 0)
            audio_mix_listen(hall->mix, CONFERENCE, TURNS[i].seat, AUDIO_TIER_FEC, TURNS[i].change);
        run(hall, 2.5);
        guint n = ear->n_private, n_light = ear->n_light, n_with_copies = ear->n_with_copies;
        guint n_all_light = hall->n_light;
        run(hall, 4.5);
        double all_light = (hall->n_light - n_all_light) / 225.0;
        double light = (ear->n_light - n_light) / (double)(ear->n_private - n);
        double copies = (ear->n_with_copies - n_with_copies) / (double)(ear->n_private - n);
        print_message("# %s: light %.2f, with copies %.2f; for all: light %.2f\n", TURNS[i].name, light,
                      copies, all_light);
        if (light < TURNS[i].light_least || light > TURNS[i].light_most || copies < TURNS[i].copies_least ||
            copies > TURNS[i].copies_most || all_light < TURNS[i].all_light_least ||
            all_light > TURNS[i].all_light_most)
            fail_msg("%s: light %.2f, with copies %.2f; for all: light %.2f", TURNS[i].name, light, copies,
                     all_light);
    }
    /* While it speaks, and in the middle of it. */
    run(hall, 7);
    audio_mix_listen(hall->mix, CONFERENCE, 2, AUDIO_TIER_FEC, 1);
    run(hall, 1);
    audio_mix_listen(hall->mix, CONFERENCE, 2, AUDIO_TIER_FEC, -1);
    run(hall, 6);
    const gint16 *heard = (const gint16 *)(gpointer)ear->heard->data;
    double slope = 2 * G_PI * 310 / 48000 * 5000;
    double step = ear_step_largest(heard + 48000, ear->heard->len - 48000);
    print_message("# step %.0f, of the tone %.0f\n", step, slope);
    assert_true(step < slope * 2);
    for (guint at = 48000; at + 960 <= ear->heard->len; at += 960)
        if (ear_tone(heard + at, 960, 310) < 1200 || ear_tone(heard + at, 960, 900) > 150)
            fail_msg("at %u ms: the voice %.0f, its own %.0f", at / 48, ear_tone(heard + at, 960, 310),
                     ear_tone(heard + at, 960, 900));
    hall_free(hall);
}

static void test_loud_rooms_together_do_not_clip(void **state) {
    (void)state;
    Hall *hall = hall_new(FALSE);
    for (guint i = 0; i < 8; i++) enter(hall, 300 + 100 * i, 30000, HEARD_MAY)->swell = 0;
    Ear *ear = listen_as(hall, 99);
    tell_scene(hall);
    run(hall, 4);
    const gint16 *heard = (const gint16 *)(gpointer)ear->heard->data + ear->heard->len - 96000;
    for (guint i = 0; i < 8; i++) assert_true(tone_of(ear, 300 + 100 * i, 2) > 1500); /* each is there */
    guint n_rails = 0;
    for (guint i = 1; i < 96000; i++) {
        n_rails += abs(heard[i]) >= 32767 && abs(heard[i - 1]) >= 32767;
        assert_true(abs(heard[i] - heard[i - 1]) < 40000); /* a wrap is a step of 65536 */
    }
    assert_true(n_rails < 96);
    hall_free(hall);
}

static void test_levelling_brings_rooms_together(void **state) {
    (void)state;
    Hall *hall = hall_new(TRUE);
    enter(hall, 310, 8000, HEARD_MAY);
    enter(hall, 730, 1400, HEARD_MAY);
    Ear *ear = listen_as(hall, 99);
    tell_scene(hall);
    run(hall, 0.5);
    assert_true(tone_of(ear, 310, 0.2) > 4 * tone_of(ear, 730, 0.2));
    run(hall, 6);
    double loud = tone_of(ear, 310, 1), quiet = tone_of(ear, 730, 1);
    assert_true(loud < 1.35 * quiet && quiet < 1.35 * loud);
    hall_free(hall);
}

/* ---- returning, reporting ---- */

static void test_returning_room_keeps_its_place(void **state) {
    (void)state;
    Hall *hall = hall_new(FALSE);
    enter(hall, 310, 6000, HEARD_ALWAYS);
    Ear *ear = listen_as(hall, 99);
    tell_scene(hall);
    run(hall, 2);
    /* A new connection in the same seat: another SSRC, sequence and time. */
    Speaker *fresh = speaker_new(620, 6000, 960, 1, hall->now_us);
    fresh->rtp_time = 12345;
    fresh->sequence = 99;
    audio_mix_attach(hall->mix, CONFERENCE, 1, fresh->uplink, hall->now_us);
    speaker_free(hall->rooms[1]);
    hall->rooms[1] = fresh;
    run(hall, 0.5);
    assert_true(tone_of(ear, 620, 0.2) > 3400);
    assert_true(tone_of(ear, 310, 0.2) < 300);
    audio_mix_attach(hall->mix, CONFERENCE, 1, NULL, hall->now_us);
    run(hall, 1);
    assert_true(tone_of(ear, 620, 0.3) < 50);
    assert_int_equal(stats_of(hall).n_voices, 0);
    audio_mix_end_conference(hall->mix, CONFERENCE);
    assert_int_equal(stats_of(hall).n_conferences, 0);
    hall_free(hall);
}

static void test_speaking_events(void **state) {
    (void)state;
    Hall *hall = hall_new(FALSE);
    enter(hall, 310, 3000, HEARD_MAY);
    enter(hall, 470, 9000, HEARD_MAY);
    for (guint i = 0; i < 6; i++) { /* six who stammer */
        Speaker *room = enter(hall, 600 + 50 * i, 5000, HEARD_MAY);
        room->swell = 1;
    }
    enter(hall, 1500, 9000, HEARD_NEVER);
    tell_scene(hall);
    run(hall, 6);
    assert_true(hall->n_speaking >= 1 && hall->n_speaking <= 30);
    for (guint i = 1; i < hall->n_speaking; i++)
        assert_true(hall->speaking[i].at_us - hall->speaking[i - 1].at_us >= 200000);
    guint last = hall->n_speaking - 1;
    assert_int_equal(hall->speaking[last].n, 8);
    assert_int_equal(hall->speaking[last].seats[0].seat, 2); /* the loudest */
    assert_in_range(hall->speaking[last].seats[0].level, 12, 18);
    for (guint k = 0; k < 8; k++) assert_int_not_equal(hall->speaking[last].seats[k].seat, 9);
    for (guint i = 1; i <= hall->n_rooms; i++) hall->rooms[i]->talks = never;
    run(hall, 1);
    assert_int_equal(hall->speaking[hall->n_speaking - 1].n, 0); /* and that nobody speaks is told, once */
    guint before = hall->n_speaking;
    run(hall, 3);
    assert_int_equal(hall->n_speaking, before);
    hall_free(hall);
}

static void test_capture_time_follows_the_floor(void **state) {
    (void)state;
    Hall *hall = hall_new(FALSE);
    Speaker *floor = enter(hall, 310, 3000, HEARD_ALWAYS);
    enter(hall, 470, 9000, HEARD_MAY); /* louder, but without the floor */
    floor->transit_us = 150000;
    tell_scene(hall);
    run(hall, 0.1);
    run(hall, 2);
    gint64 from_arrival_us = hall->capture_lag_us;
    assert_in_range(from_arrival_us, 20000, 90000);
    audio_uplink_set_clock(floor->uplink, floor->rtp_time, (gint64)floor->next_us);
    run(hall, 10);
    /* 170 ms more than was known; 2 ms a second are conceded. */
    assert_in_range(hall->capture_lag_us - from_arrival_us, 18000, 22000);
    /* After a silence the truth may be told at once. */
    floor->talks = hall->rooms[2]->talks = never;
    run(hall, 4);
    floor->talks = NULL;
    run(hall, 1);
    assert_in_range(hall->capture_lag_us, 150000 + 20000 + 20000, 150000 + 20000 + 70000);
    hall_free(hall);
}

static void test_skipped_ticks_keep_time(void **state) {
    (void)state;
    Hall *hall = hall_new(FALSE);
    enter(hall, 310, 6000, HEARD_MAY);
    Ear *ear = listen_as(hall, 99);
    tell_scene(hall);
    run(hall, 2);
    audio_mix_skip(hall->mix, 25); /* the machine slept half a second */
    hall->tick_next += 25;
    hall->rtp_next += 25 * 960;
    hall->now_us += 25 * AUDIO_TICK_US;
    run(hall, 3);
    assert_true(tone_of(ear, 310, 2) > 3400);
    AudioUplinkStats stats;
    audio_uplink_read_stats(hall->rooms[1]->uplink, &stats);
    assert_true(stats.held_ms <= 60);
    hall_free(hall);
}

/* ---- the thread ---- */

typedef struct {
    gint n_ticks, n_gaps;
    guint64 next;
} Count;

static void count_tick(gpointer user, AudioTick *tick) {
    Count *count = user;
    if (tick->tick != count->next) g_atomic_int_inc(&count->n_gaps);
    count->next = tick->tick + 1;
    g_atomic_int_inc(&count->n_ticks);
}

static void count_speaking(gpointer user, guint32 conference, const Speaking *seats, guint n_seats) {
    (void)user;
    (void)conference;
    (void)seats;
    (void)n_seats;
}

static void test_thread_ticks_in_time_and_sleeps(void **state) {
    (void)state;
    static const AudioMixerEvents events = { count_tick, count_speaking };
    AudioMixerSettings settings = {
        .voices_max = 8, .bitrate_bps = 32000, .complexity = 2, .levelling = TRUE
    };
    Count count = { 0 };
    g_autoptr(GError) error = NULL;
    AudioMixer *mixer = audio_mixer_start(&settings, &events, &count, &error);
    assert_non_null(mixer);
    g_usleep(100000);
    assert_int_equal(g_atomic_int_get(&count.n_ticks), 0); /* no conference, no work */

    Speaker *room = speaker_new(310, 6000, 960, 1, g_get_monotonic_time());
    AudioScene *scene = g_malloc0(sizeof *scene + sizeof scene->seats[0]);
    scene->conference = 3;
    scene->n_seats = 1;
    scene->seats[0] = (AudioSeat){ .seat = 1, .heard = HEARD_ALWAYS };
    gint64 began_us = g_get_monotonic_time();
    audio_mixer_set_scene(mixer, scene);
    audio_mixer_attach(mixer, 3, 1, room->uplink);
    while (g_get_monotonic_time() - began_us < 1500000) {
        speaker_run(room, g_get_monotonic_time());
        g_usleep(5000);
    }
    gint64 lasted_us = g_get_monotonic_time() - began_us;
    gint n_ticks = g_atomic_int_get(&count.n_ticks);
    AudioMixerStats stats;
    audio_mixer_read_stats(mixer, &stats);
    assert_in_range(n_ticks + (gint)stats.n_skipped_ticks, lasted_us / 20000 - 25,
                    lasted_us / 20000 + 2); /* a busy machine is late, never early */
    if (stats.n_skipped_ticks == 0) assert_int_equal(g_atomic_int_get(&count.n_gaps), 0);
    assert_true(stats.n_decoded > 20);

    audio_mixer_end_conference(mixer, 3);
    g_usleep(100000);
    n_ticks = g_atomic_int_get(&count.n_ticks);
    g_usleep(100000);
    assert_int_equal(g_atomic_int_get(&count.n_ticks), n_ticks);
    audio_mixer_set_scene(mixer, scene); /* letters that are never read are nobody's leak */
    audio_mixer_attach(mixer, 3, 1, room->uplink);
    audio_mixer_stop(mixer);
    audio_mixer_stop(NULL);
    g_free(scene);
    speaker_free(room);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_everybody_hears_everybody_but_itself),
        cmocka_unit_test(test_rules),
        cmocka_unit_test(test_silent_rooms_are_not_decoded),
        cmocka_unit_test(test_loudest_win_the_places),
        cmocka_unit_test(test_senders_without_levels),
        cmocka_unit_test(test_liars_lose_their_place),
        cmocka_unit_test(test_onset_is_not_clipped),
        cmocka_unit_test(test_steady_sound_stays),
        cmocka_unit_test(test_silent_rooms_hear_what_all_hear),
        cmocka_unit_test(test_changing_streams_does_not_click),
        cmocka_unit_test(test_copies_go_where_packets_are_lost),
        cmocka_unit_test(test_loud_rooms_together_do_not_clip),
        cmocka_unit_test(test_levelling_brings_rooms_together),
        cmocka_unit_test(test_returning_room_keeps_its_place),
        cmocka_unit_test(test_speaking_events),
        cmocka_unit_test(test_capture_time_follows_the_floor),
        cmocka_unit_test(test_skipped_ticks_keep_time),
        cmocka_unit_test(test_thread_ticks_in_time_and_sleeps),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
