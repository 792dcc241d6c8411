/* test_media_audio_voice.c -- one voice over all kinds of lines: nothing is clipped, lost sound is concealed, the delay
 * adapts and comes back, clocks may drift. */
#include "bridge/media/audio_voice.h"

#include "tests/unit/audio_speaker.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

enum { TICK_US = 20000 };

typedef struct {
    Speaker *speaker;
    AudioVoice *voice;
    gint64 now_us;
    GArray *heard;     /* gint16, all that was pulled */
    gint64 excess_max; /* since the last look */
} Play;

static Play *play_new(guint packet_samples, guint channels) {
    Play *play = g_new0(Play, 1);
    play->now_us = 100 * G_USEC_PER_SEC;
    play->speaker = speaker_new(500, 8000, packet_samples, channels, play->now_us);
    play->voice = audio_voice_new();
    play->heard = g_array_new(FALSE, FALSE, sizeof(gint16));
    return play;
}

static void play_free(Play *play) {
    audio_voice_free(play->voice);
    speaker_free(play->speaker);
    g_array_unref(play->heard);
    g_free(play);
}

static void begin(Play *play) { audio_voice_begin(play->voice, play->speaker->uplink, play->now_us); }

/* Runs; pulled sound is kept while `listen`. */
static void run(Play *play, double seconds, gboolean listen) {
    gint16 frame[VOICE_FRAME_SAMPLES];
    for (guint tick = 0; tick < seconds * 50; tick++, play->now_us += TICK_US) {
        speaker_run(play->speaker, play->now_us);
        if (!listen) continue;
        audio_voice_pull(play->voice, play->now_us, frame);
        g_array_append_vals(play->heard, frame, VOICE_FRAME_SAMPLES);
        play->excess_max = MAX(play->excess_max, audio_voice_report(play->voice)->excess_samples);
    }
}

static const gint16 *samples_from(const Play *play, double second) {
    return (const gint16 *)(gpointer)play->heard->data + (gsize)(second * 48000);
}

static AudioUplinkStats stats_of(const Play *play) {
    AudioUplinkStats stats;
    audio_uplink_read_stats(play->speaker->uplink, &stats);
    return stats;
}

/* 20 ms pieces of the heard sound that are weaker by so many dB than they should be. */
static guint count_holes(const Play *play, double from_s, double to_s, guint db) {
    guint n = 0;
    assert_true(to_s * 48000 <= play->heard->len);
    for (guint at = (guint)(from_s * 50); at < (guint)(to_s * 50); at++)
        n += voice_level(samples_from(play, at / 50.0), VOICE_FRAME_SAMPLES) > 15 + db;
    return n;
}

static guint count_dips(const Play *play, double from_s, double to_s) {
    return count_holes(play, from_s, to_s, 6);
}

static void test_all_packet_kinds(void **state) {
    (void)state;
    static const struct {
        const char *name;
        guint samples, channels;
    } cases[] = { { "2.5 ms", 120, 1 },       { "5 ms", 240, 1 },         { "10 ms", 480, 1 },
                  { "20 ms", 960, 1 },        { "40 ms", 1920, 1 },       { "60 ms", 2880, 1 },
                  { "stereo 20 ms", 960, 2 }, { "stereo 60 ms", 2880, 2 } };
    for (guint c = 0; c < G_N_ELEMENTS(cases); c++) {
        print_message("# case: %s\n", cases[c].name);
        Play *play = play_new(cases[c].samples, cases[c].channels);
        run(play, 0.5, FALSE);
        begin(play);
        run(play, 8, TRUE);
        assert_in_range(ear_tone(samples_from(play, 1), 48000, 500), 7000, 8600);
        assert_int_equal(count_dips(play, 0.2, 8), 0);
        AudioUplinkStats stats = stats_of(play);
        assert_int_equal(stats.n_concealed + stats.n_fec_used + stats.n_late + stats.n_lost, 0);
        assert_in_range(stats.target_ms, 20, 25); /* a calm line */
        assert_true(stats.held_ms <= 20 + cases[c].samples / 48 + 12);
        play_free(play);
    }
}

/* ---- onset ---- */

static gboolean talks_for_half_a_second(const Speaker *speaker, gint64 at_us) {
    gint64 since_us = at_us - speaker->begin_us;
    return since_us >= 1000000 && since_us < 1500000;
}

static void test_onset_is_whole(void **state) {
    (void)state;
    Play *play = play_new(960, 1);
    play->speaker->talks = talks_for_half_a_second;
    gint16 frame[VOICE_FRAME_SAMPLES];
    guint n_loud = 0, began = 0;
    double first = 0;
    for (guint tick = 0; tick < 150; tick++, play->now_us += TICK_US) {
        speaker_run(play->speaker, play->now_us);
        guint8 level = audio_uplink_take_level(play->speaker->uplink);
        if (began == 0 && level < 60) { /* chosen with the first loud packet, not before */
            began = tick;
            begin(play);
        }
        if (began == 0) continue;
        audio_voice_pull(play->voice, play->now_us, frame);
        for (guint i = 0; i < VOICE_FRAME_SAMPLES; i += 48) {
            gint32 peak = 0;
            for (guint k = 0; k < 48; k++) peak = MAX(peak, abs(frame[i + k]));
            if (peak > 2500) {
                n_loud++;
                if (first == 0) first = (double)(play->now_us - play->speaker->begin_us) / 1000 + i / 48.0;
            }
        }
    }
    assert_true(began > 0);
    /* 500 ms were said, 500 ms are heard; the first of it within target, transit and a packet. */
    assert_in_range(n_loud, 485, 520);
    assert_true(first >= 1000 && first <= 1000 + 20 + 30 + 60 + 20);
    play_free(play);
}

/* ---- losses ---- */

static Play *play_with_loss(double loss) {
    Play *play = play_new(960, 1);
    play->speaker->swell = 0.95;
    run(play, 1, FALSE);
    begin(play);
    run(play, 1, TRUE);
    play->speaker->loss = loss;
    run(play, 10, TRUE);
    return play;
}

static void test_losses_are_concealed(void **state) {
    (void)state;
    Play *whole = play_with_loss(0), *play = play_with_loss(0.1);
    AudioUplinkStats stats = stats_of(play);
    guint holes_before = count_holes(whole, 1, 11, 20), holes = count_holes(play, 1, 11, 20);
    print_message("# lost %u, by redundancy %u, invented %u, holes %u, without loss %u\n",
                  (guint)stats.n_lost, (guint)stats.n_fec_used, (guint)stats.n_concealed, holes,
                  holes_before);
    assert_in_range(stats.n_lost, 30, 70);
    assert_in_range(stats.n_fec_used + stats.n_concealed, stats.n_lost - 2, stats.n_lost + 2);
    assert_true(stats.n_fec_used > stats.n_concealed * 2);
    assert_true(holes <= holes_before + 8);
    assert_true(ear_step_largest(samples_from(play, 0.5), 10 * 48000) < 3000);
    play_free(whole);
    play_free(play);
}

/* ---- pauses ---- */

static gboolean talks_every_other_two_seconds(const Speaker *speaker, gint64 at_us) {
    return (at_us - speaker->begin_us) / (2 * G_USEC_PER_SEC) % 2 == 0;
}

static void test_dtx_pauses_are_no_gaps(void **state) {
    (void)state;
    Play *play = play_new(960, 1);
    speaker_use_dtx(play->speaker);
    play->speaker->talks = talks_every_other_two_seconds;
    run(play, 0.5, FALSE);
    begin(play);
    run(play, 19.5, TRUE);
    AudioUplinkStats stats = stats_of(play);
    assert_true(play->speaker->n_sent < 820); /* it did pause */
    assert_int_equal(stats.n_concealed, 0);
    assert_int_equal(stats.n_lost, 0);
    /* Each stretch of speech is whole: 2 s of it in every 4. */
    guint n_loud = 0;
    for (guint at = 0; at + 48 <= play->heard->len; at += 48) {
        gint32 peak = 0;
        for (guint k = 0; k < 48; k++) peak = MAX(peak, abs(g_array_index(play->heard, gint16, at + k)));
        n_loud += peak > 2500;
    }
    assert_in_range(n_loud, 9300, 9650); /* 9.5 s: 1.5 + 4 x 2 */
    play_free(play);
}

/* ---- delay ---- */

static gint64 stalls(const Speaker *speaker, gint64 at_us) {
    gint64 since_us = at_us - speaker->begin_us;
    if (since_us < 10 * G_USEC_PER_SEC || since_us > 14 * G_USEC_PER_SEC) return 0;
    gint64 phase_us = since_us % 400000; /* a storm: every 400 ms the line stands still for 170 ms */
    return phase_us < 170000 ? 170000 - phase_us : 0;
}

static void test_storm_raises_the_delay_and_it_comes_back(void **state) {
    (void)state;
    Play *play = play_new(960, 1);
    play->speaker->late_us = stalls;
    run(play, 0.5, FALSE);
    begin(play);
    run(play, 9, TRUE);
    assert_true(stats_of(play).target_ms <= 25);
    assert_true(stats_of(play).held_ms <= 60);
    run(play, 4.4, TRUE);
    assert_true(stats_of(play).target_ms >= 140);
    assert_int_equal(count_dips(play, 10.5, 13.3), 0); /* after the first stalls it is deep enough */
    run(play, 10.2, TRUE);                             /* the storm ended 10 s ago */
    AudioUplinkStats stats = stats_of(play);
    print_message("# 10 s after: target %u ms, held %u ms, left out %u\n", stats.target_ms, stats.held_ms,
                  (guint)stats.n_dropped_for_delay);
    assert_true(stats.target_ms <= 60);
    assert_true(stats.held_ms <= 70);
    assert_int_equal(count_dips(play, 14, 23), 0); /* all that was left out was overlap-added away */
    assert_true(ear_step_largest(samples_from(play, 14), 9 * 48000) < 1500);
    play_free(play);
}

static gint64 one_outage(const Speaker *speaker, gint64 at_us) {
    gint64 since_us = at_us - speaker->begin_us - 5 * G_USEC_PER_SEC;
    return since_us >= 0 && since_us < 700000 ? 700000 - since_us : 0;
}

static void test_outage_does_not_leave_delay_behind(void **state) {
    (void)state;
    Play *play = play_new(960, 1);
    play->speaker->late_us = one_outage;
    run(play, 0.5, FALSE);
    begin(play);
    run(play, 20, TRUE);
    assert_true(stats_of(play).held_ms <= 60);
    assert_int_equal(count_dips(play, 15, 20), 0);
    play_free(play);
}

/* Hours of a clock that runs 200 ppm fast or slow: 0.72 s an hour must go somewhere, and not into the delay. */
static void test_drift(void **state) {
    (void)state;
    static const struct {
        const char *name;
        double ppm;
        guint packet_samples;
    } cases[] = { { "200 ppm fast", 200, 2880 }, { "200 ppm slow", -200, 960 } };
    for (guint c = 0; c < G_N_ELEMENTS(cases); c++) {
        Play *play = play_new(cases[c].packet_samples, 1);
        opus_encoder_ctl(play->speaker->opus, OPUS_SET_COMPLEXITY(0));
        play->speaker->n_loop = 50; /* 3 s: whole periods of the tone */
        play->speaker->drift_ppm = cases[c].ppm;
        run(play, 0.5, FALSE);
        begin(play);
        run(play, 20, TRUE);
        guint held_max = 0, held_min = 1000;
        for (guint minute = 0; minute < 60; minute++) {
            g_array_set_size(play->heard, 0);
            run(play, 60, TRUE);
            AudioUplinkStats stats = stats_of(play);
            held_max = MAX(held_max, stats.held_ms);
            held_min = MIN(held_min, stats.held_ms);
            assert_int_equal(count_dips(play, 0, 60), 0);
        }
        AudioUplinkStats stats = stats_of(play);
        print_message("# case: %s: held %u to %u ms, %u repairs, %u invented\n", cases[c].name, held_min,
                      held_max, (guint)stats.n_dropped_for_delay, (guint)stats.n_concealed);
        assert_in_range(held_min, 19, held_max);
        assert_true(held_max <= 35);
        assert_int_equal(stats.n_concealed,
                         0); /* 0.72 s are missing in an hour, and none is heard as a gap */
        play_free(play);
    }
}

/* ---- restarts ---- */

static void test_restart_of_the_sender(void **state) {
    (void)state;
    static const struct {
        const char *name;
        guint16 sequence;
        guint32 rtp_time;
        double pause_s;
    } cases[] = {
        { "both jump far", 30000, 0x70000000, 0 },
        { "sequence near, time far", 40, 0x12345678, 0 },
        { "back to zero after a cut", 50000, 0x80000000, 12 },
        { "time stood still while nothing was sent", 0, 0, 3 },
        { "time stood still for a short while", 0, 0, 0.6 },
    };
    for (guint c = 0; c < G_N_ELEMENTS(cases); c++) {
        print_message("# case: %s\n", cases[c].name);
        Play *play = play_new(960, 1);
        run(play, 0.5, FALSE);
        begin(play);
        run(play, 3, TRUE);
        play->speaker->stopped = TRUE;
        run(play, cases[c].pause_s, TRUE);
        play->speaker->stopped = FALSE;
        play->speaker->next_us = (double)play->now_us;
        play->speaker->sequence = (guint16)(play->speaker->sequence + cases[c].sequence);
        play->speaker->rtp_time += cases[c].rtp_time;
        double from_s = 3 + cases[c].pause_s;
        run(play, 10, TRUE);
        guint dips = count_dips(play, from_s, from_s + 10);
        print_message("# dips %u, held %u ms\n", dips, stats_of(play).held_ms);
        assert_true(dips <=
                    (c == 4 ? 120 : 12)); /* the last cannot be told from a storm for a second or two */
        assert_int_equal(count_dips(play, from_s + 5, from_s + 10), 0);
        assert_true(stats_of(play).held_ms <= 60);
        play_free(play);
    }
}

/* ---- the ring ---- */

static void test_ring_refuses_what_it_should(void **state) {
    (void)state;
    static const guint8 good[] = { 0x78, 1, 2, 3 };
    AudioUplink *uplink = audio_uplink_new();
    AudioPacket packet;
    AudioUplinkStats stats;
    assert_int_equal(audio_uplink_highest(uplink), 0);
    assert_int_equal(audio_uplink_take_level(uplink), AUDIO_LEVEL_NONE);
    for (guint i = 0; i < 100; i++)
        audio_uplink_push(uplink, (guint16)(65500 + i), i * 960, 40, TRUE, good, sizeof good,
                          1000000 + i * 20000);
    guint64 highest = audio_uplink_highest(uplink);
    assert_true(audio_uplink_read(uplink, highest, &packet));
    assert_int_equal(packet.n_bytes, sizeof good);
    assert_memory_equal(packet.bytes, good, sizeof good);
    assert_true(audio_uplink_read(uplink, highest - AUDIO_UPLINK_PACKETS + 1, &packet));
    assert_false(audio_uplink_read(uplink, highest - AUDIO_UPLINK_PACKETS, &packet)); /* overwritten */
    assert_false(audio_uplink_read(uplink, highest + 1, &packet));
    assert_int_equal(audio_uplink_take_level(uplink), 40);
    assert_int_equal(audio_uplink_take_level(uplink), AUDIO_LEVEL_NONE);

    guint16 last = (guint16)(65500 + 99);
    audio_uplink_push(uplink, last, 99 * 960, 10, TRUE, good, sizeof good, 3000000); /* again */
    audio_uplink_push(uplink, (guint16)(last - 80), 19 * 960, 10, TRUE, good, sizeof good,
                      3000000);                                                                 /* too old */
    audio_uplink_push(uplink, (guint16)(last + 1), 100 * 960, 10, TRUE, good, 0, 3000000);      /* empty */
    audio_uplink_push(uplink, (guint16)(last + 9000), 7, 10, TRUE, good, sizeof good, 3000000); /* a stray */
    audio_uplink_read_stats(uplink, &stats);
    assert_int_equal(stats.n_packets, 100);
    assert_int_equal(stats.n_duplicate, 1);
    assert_int_equal(stats.n_late, 2);
    assert_int_equal(stats.n_malformed, 1);
    assert_int_equal(audio_uplink_highest(uplink), highest);
    assert_int_equal(audio_uplink_take_level(uplink), AUDIO_LEVEL_NONE); /* none of those may be heard */
    audio_uplink_unref(uplink);
}

static void test_sender_report_tells_capture_time(void **state) {
    (void)state;
    Play *play = play_new(960, 1);
    run(play, 0.5, FALSE);
    begin(play);
    run(play, 3, TRUE);
    /* Unknown clock: the delay counts from arrival; a tick of what is held. */
    assert_in_range(audio_voice_report(play->voice)->path_delay_us, 19000, 65000);
    gint64 before_us = audio_voice_report(play->voice)->path_delay_us;
    /* The packet being captured right now, in the sender's own time. */
    audio_uplink_set_clock(play->speaker->uplink, play->speaker->rtp_time, (gint64)play->speaker->next_us);
    run(play, 0.1, TRUE);
    gint64 path_us = audio_voice_report(play->voice)->path_delay_us;
    assert_in_range(path_us - before_us, 20000 + 30000 - 2000,
                    20000 + 30000 + 2000); /* packet and transit on top */
    play_free(play);
}

typedef struct {
    AudioUplink *uplink;
    gint stop;
} Race;

static gpointer race_reader(gpointer data) {
    Race *race = data;
    AudioPacket packet;
    guint64 n_read = 0;
    while (!g_atomic_int_get(&race->stop)) {
        guint64 highest = audio_uplink_highest(race->uplink);
        for (guint64 s = highest > 80 ? highest - 80 : 1; s <= highest; s++) {
            if (!audio_uplink_read(race->uplink, s, &packet)) continue;
            n_read++;
            for (guint i = 1; i < packet.n_bytes; i++) /* never half of one and half of another */
                if (packet.bytes[i] != (guint8)(packet.sequence + i)) return GUINT_TO_POINTER(0);
        }
        audio_uplink_take_level(race->uplink);
    }
    return GUINT_TO_POINTER(n_read > 0);
}

static void test_reader_and_writer_race(void **state) {
    (void)state;
    Race race = { .uplink = audio_uplink_new() };
    GThread *reader = g_thread_new("reader", race_reader, &race);
    guint8 bytes[200] = { 0x78 };
    for (guint i = 0; i < 200000; i++) {
        gsize n_bytes = 20 + i % 180;
        for (guint b = 1; b < n_bytes; b++) bytes[b] = (guint8)(i + b);
        audio_uplink_push(race.uplink, (guint16)i, i * 960, 30, TRUE, bytes, n_bytes, (gint64)i * 20000 + 1);
    }
    g_atomic_int_set(&race.stop, 1);
    assert_true(GPOINTER_TO_UINT(g_thread_join(reader)));
    audio_uplink_unref(race.uplink);
}

static void test_garbage_is_survived(void **state) {
    (void)state;
    g_autoptr(GRand) dice = g_rand_new_with_seed(5);
    AudioUplink *uplink = audio_uplink_new();
    AudioVoice *voice = audio_voice_new();
    gint64 now_us = 1000000;
    guint16 sequence = 0;
    gint16 frame[VOICE_FRAME_SAMPLES];
    audio_voice_begin(voice, uplink, now_us);
    for (guint i = 0; i < 30000; i++, now_us += 7000) {
        guint8 bytes[300];
        gsize n_bytes = (gsize)g_rand_int_range(dice, 0, (gint32)sizeof bytes);
        for (gsize b = 0; b < n_bytes; b++) bytes[b] = (guint8)g_rand_int(dice);
        sequence = (guint16)(sequence + (guint)g_rand_int_range(dice, -2, 5));
        guint32 rtp_time = i % 7 ? (guint32)(now_us * 6 / 125) : g_rand_int(dice);
        audio_uplink_push(uplink, sequence, rtp_time, (guint8)(g_rand_int(dice) % 128), TRUE, bytes, n_bytes,
                          now_us);
        if (i % 3 == 0) audio_voice_pull(voice, now_us, frame);
    }
    audio_voice_free(voice);
    audio_uplink_unref(uplink);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_packet_kinds),
        cmocka_unit_test(test_onset_is_whole),
        cmocka_unit_test(test_losses_are_concealed),
        cmocka_unit_test(test_dtx_pauses_are_no_gaps),
        cmocka_unit_test(test_storm_raises_the_delay_and_it_comes_back),
        cmocka_unit_test(test_outage_does_not_leave_delay_behind),
        cmocka_unit_test(test_drift),
        cmocka_unit_test(test_restart_of_the_sender),
        cmocka_unit_test(test_ring_refuses_what_it_should),
        cmocka_unit_test(test_sender_report_tells_capture_time),
        cmocka_unit_test(test_reader_and_writer_race),
        cmocka_unit_test(test_garbage_is_survived),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
