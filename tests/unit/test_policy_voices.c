/* test_policy_voices.c -- who is heard, and the kernel of the mix: levels, limiter, leveller, splices, playout delay. */
#include "bridge/policy/voices.h"

#include "bridge/policy/voice_delay.h"
#include "bridge/policy/voice_mix.h"
#include "bridge/policy/voice_splice.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

enum { SEATS = 6, TICK_US = 20000 };

/* ---- who is heard ---- */

/* One letter per seat and half second: '#' -20, '+' -30, '-' -40 dBov, '.' silence; then who is chosen at its end. */
typedef struct {
    const char *name;
    guint places;
    const char *rules; /* n never, m may, a always */
    const char *script[8];
    const char *chosen[8]; /* letters of the seats: "AB" */
} ChooseCase;

static const ChooseCase choose_cases[] = {
    { "one speaks, holds its place 2 s, loses it",
      2,
      "mmmmmm",
      { "#.....", "......", "......", "......", "......", "......" },
      { "A", "A", "A", "A", "A", "" } },
    { "free places are taken at once", 3, "mmmmmm", { "#+-...", "#+-..." }, { "ABC", "ABC" } },
    { "the loudest fill the places", 2, "mmmmmm", { "-+#+..", "-+#+.." }, { "BC", "BC" } },
    { "a place is not taken from one who speaks and is new",
      1,
      "mmmmmm",
      { "+.....", "+#....", "+#....", "+#...." },
      { "A", "A", "A", "A" } },
    { "after 2 s the clearly louder one takes it",
      1,
      "mmmmmm",
      { "+.....", "+.....", "+.....", "+.....", "+#....", "+#....", "+#...." },
      { "A", "A", "A", "A", "B", "B", "B" } },
    { "not by one who is as loud",
      1,
      "mmmmmm",
      { "+.....", "+.....", "+.....", "+.....", "++....", "++...." },
      { "A", "A", "A", "A", "A", "A" } },
    { "a pause gives the place to who speaks",
      1,
      "mmmmmm",
      { "#.....", ".-....", ".-....", "#-...." },
      { "A", "B", "B", "B" } },
    { "the floor is always in, muted never",
      2,
      "anmmmm",
      { "......", ".#####", "......" },
      { "A", "ACD", "ACD" } },
    { "floor holders take no place of others", 1, "aammmm", { "##+...", "##+..." }, { "ABC", "ABC" } },
};

static guint8 level_of(char letter) {
    switch (letter) {
    case '#': return 20;
    case '+': return 30;
    case '-': return 40;
    default: return 127;
    }
}

static void test_choosing(void **state) {
    (void)state;
    for (guint c = 0; c < G_N_ELEMENTS(choose_cases); c++) {
        const ChooseCase *row = &choose_cases[c];
        print_message("# case: %s\n", row->name);
        VoiceTrack tracks[SEATS];
        VoiceTrack *pointers[SEATS];
        for (guint i = 0; i < SEATS; i++) {
            voice_track_init(&tracks[i], row->rules[i] == 'n'   ? VOICE_NEVER
                                         : row->rules[i] == 'a' ? VOICE_ALWAYS
                                                                : VOICE_MAY);
            pointers[i] = &tracks[i];
        }
        gint64 now_us = 1000000;
        for (guint half = 0; half < G_N_ELEMENTS(row->script) && row->script[half] != NULL; half++) {
            for (guint t = 0; t < 25; t++, now_us += TICK_US) {
                for (guint i = 0; i < SEATS; i++)
                    voice_track_hear(&tracks[i], level_of(row->script[half][i]), now_us);
                voices_choose(pointers, SEATS, row->places, 16, now_us);
            }
            char chosen[SEATS + 1] = "";
            for (guint i = 0, n = 0; i < SEATS; i++)
                if (tracks[i].chosen) chosen[n++] = (char)('A' + i);
            assert_string_equal(chosen, row->chosen[half]);
        }
    }
}

static void test_free_place_is_taken_with_the_first_packet(void **state) {
    (void)state;
    VoiceTrack track;
    VoiceTrack *pointer = &track;
    voice_track_init(&track, VOICE_MAY);
    for (guint i = 0; i < 200; i++) voice_track_hear(&track, 62, 1000000 + i * TICK_US);
    assert_int_equal(voices_choose(&pointer, 1, 8, 16, 5000000), 0);
    voice_track_hear(&track, 35, 5000000);
    assert_int_equal(voices_choose(&pointer, 1, 8, 16, 5000000), 1);
}

static void test_noise_takes_no_place_for_long(void **state) {
    (void)state;
    VoiceTrack track;
    VoiceTrack *pointer = &track;
    gint64 now_us = 1000000;
    voice_track_init(&track, VOICE_MAY);
    for (guint i = 0; i < 1000; i++, now_us += TICK_US) { /* an air conditioner at -47 dBov for 20 s */
        voice_track_hear(&track, (guint8)(46 + i % 3), now_us);
        voices_choose(&pointer, 1, 8, 16, now_us);
    }
    assert_false(track.chosen);
    voice_track_hear(&track, 30, now_us); /* its speaker is heard */
    assert_int_equal(voices_choose(&pointer, 1, 8, 16, now_us), 1);
    /* A steady loud tone is somebody. */
    voice_track_init(&track, VOICE_MAY);
    for (guint i = 0; i < 3000; i++, now_us += TICK_US) {
        voice_track_hear(&track, 25, now_us);
        voices_choose(&pointer, 1, 8, 16, now_us);
        assert_true(track.chosen);
    }
}

static void test_two_who_pause_do_not_swap_for_ever(void **state) {
    (void)state;
    VoiceTrack tracks[3];
    VoiceTrack *pointers[3] = { &tracks[0], &tracks[1], &tracks[2] };
    gint64 now_us = 1000000;
    for (guint i = 0; i < 3; i++) voice_track_init(&tracks[i], VOICE_MAY);
    for (guint t = 0; t < 40; t++, now_us += TICK_US)
        for (guint i = 0; i < 3; i++) voice_track_hear(&tracks[i], 25, now_us);
    for (guint t = 0; t < 40; t++, now_us += TICK_US)
        assert_int_equal(voices_choose(pointers, 3, 1, 16, now_us), 1);
}

static void test_speaking_is_sorted(void **state) {
    (void)state;
    static const guint8 levels[] = { 40, 20, 127, 30, 25 };
    VoiceTrack tracks[5];
    VoiceTrack *pointers[5];
    guint order[5];
    for (guint i = 0; i < 5; i++) {
        voice_track_init(&tracks[i], VOICE_ALWAYS);
        voice_track_hear(&tracks[i], levels[i], 1000000);
        pointers[i] = &tracks[i];
    }
    voices_choose(pointers, 5, 8, 16, 1000000);
    assert_int_equal(voices_speaking((const VoiceTrack *const *)pointers, 5, order, 5), 4);
    assert_int_equal(order[0], 1);
    assert_int_equal(order[1], 4);
    assert_int_equal(order[2], 3);
    assert_int_equal(order[3], 0);
    assert_int_equal(voices_speaking((const VoiceTrack *const *)pointers, 5, order, 2), 2);
    assert_int_equal(order[1], 4);
    voices_choose(pointers, 5, 8, 16, 3000000);
    assert_int_equal(voices_speaking((const VoiceTrack *const *)pointers, 5, order, 5), 0);
}

static void test_liars_are_found_out(void **state) {
    (void)state;
    static const struct {
        const char *name;
        guint8 declared, measured;
        guint agree_every; /* every n-th packet tells the truth */
        gboolean distrusted;
    } cases[] = {
        { "truthful", 30, 30, 0, FALSE },      { "within 10 dB", 30, 40, 0, FALSE },
        { "claims to shout", 5, 60, 0, TRUE }, { "claims silence", 127, 30, 0, TRUE },
        { "both silent", 127, 75, 0, FALSE },  { "differs now and then", 20, 50, 25, FALSE },
    };
    for (guint c = 0; c < G_N_ELEMENTS(cases); c++) {
        print_message("# case: %s\n", cases[c].name);
        VoiceTrack track;
        voice_track_init(&track, VOICE_MAY);
        for (guint i = 0; i < 49; i++)
            voice_track_compare(&track, cases[c].declared, cases[c].measured, i * TICK_US + 1);
        assert_false(track.distrusted); /* not before a second has passed */
        for (guint i = 49; i < 150; i++) {
            guint8 declared = cases[c].agree_every != 0 && i % cases[c].agree_every == 0 ? cases[c].measured
                                                                                         : cases[c].declared;
            voice_track_compare(&track, declared, cases[c].measured, i * TICK_US + 1);
            if (cases[c].agree_every != 0 && i % cases[c].agree_every == 0) assert_false(track.distrusted);
        }
        if (cases[c].agree_every == 0) assert_int_equal(track.distrusted, cases[c].distrusted);
    }
}

/* ---- the kernel ---- */

static void tone(gint16 *samples, guint n, double hz, double amplitude, guint64 from) {
    for (guint i = 0; i < n; i++)
        samples[i] = (gint16)lrint(amplitude * sin(2 * G_PI * hz * (double)(from + i) / VOICE_RATE_HZ));
}

static void test_levels(void **state) {
    (void)state;
    gint16 samples[VOICE_FRAME_SAMPLES] = { 0 };
    assert_int_equal(voice_level(samples, VOICE_FRAME_SAMPLES), 127);
    for (guint i = 0; i < VOICE_FRAME_SAMPLES; i++) samples[i] = -32768;
    assert_int_equal(voice_level(samples, VOICE_FRAME_SAMPLES), 0);
    static const struct {
        double amplitude;
        guint8 level;
    } cases[] = { { 32767, 3 }, { 3276.7, 23 }, { 327.67, 43 }, { 32.767, 63 } };
    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        tone(samples, VOICE_FRAME_SAMPLES, 500, cases[i].amplitude, 0);
        assert_int_equal(voice_level(samples, VOICE_FRAME_SAMPLES), cases[i].level);
    }
}

static void test_mix_minus_takes_out_what_went_in(void **state) {
    (void)state;
    gint16 voices[3][VOICE_FRAME_SAMPLES];
    gint32 sum[VOICE_FRAME_SAMPLES] = { 0 }, rest[VOICE_FRAME_SAMPLES];
    for (guint v = 0; v < 3; v++) {
        tone(voices[v], VOICE_FRAME_SAMPLES, 300 + 200 * v, 32000, 0);
        mix_add(sum, voices[v], VOICE_FRAME_SAMPLES);
    }
    mix_without(sum, voices[1], rest, VOICE_FRAME_SAMPLES);
    for (guint i = 0; i < VOICE_FRAME_SAMPLES; i++) assert_int_equal(rest[i], voices[0][i] + voices[2][i]);
    mix_without(sum, NULL, rest, VOICE_FRAME_SAMPLES);
    assert_memory_equal(sum, rest, sizeof sum);
}

/* Eight voices at full scale: nothing wraps, nothing clips hard, the gain has no jumps, and afterwards it comes back. */
static void test_limiter(void **state) {
    (void)state;
    static const struct {
        const char *name;
        double amplitude;
        gboolean untouched;
    } cases[] = { { "quiet", 8000, TRUE },
                  { "just below", 31900, TRUE },
                  { "twice too loud", 65000, FALSE },
                  { "eight voices", 262000, FALSE } };
    for (guint c = 0; c < G_N_ELEMENTS(cases); c++) {
        print_message("# case: %s\n", cases[c].name);
        Limiter limiter;
        limiter_init(&limiter);
        gint32 in[VOICE_FRAME_SAMPLES], before[VOICE_LIMITER_SAMPLES] = { 0 };
        gint16 out[VOICE_FRAME_SAMPLES], last = 0;
        double step_max = 2 * G_PI * 440 / VOICE_RATE_HZ * MIN(cases[c].amplitude, 32000) * 1.1 + 350;
        for (guint f = 0; f < 100; f++) {
            double amplitude = f >= 20 && f < 50 ? cases[c].amplitude : 4000;
            for (guint i = 0; i < VOICE_FRAME_SAMPLES; i++)
                in[i] = (gint32)lrint(amplitude * sin(2 * G_PI * 440 * (f * 960.0 + i) / VOICE_RATE_HZ));
            limiter_run(&limiter, in, out, VOICE_FRAME_SAMPLES);
            for (guint i = 0; i < VOICE_FRAME_SAMPLES; i++) {
                assert_true(abs(out[i]) <= 32001);
                assert_true(fabs((double)out[i] - last) <= step_max);
                last = out[i];
                gint32 expected = i < VOICE_LIMITER_SAMPLES ? before[i] : in[i - VOICE_LIMITER_SAMPLES];
                if (cases[c].untouched || f < 19) assert_int_equal(out[i], expected);
                if (f == 99) assert_in_range(abs(out[i] - expected), 0, 80); /* back to nearly 1 */
            }
            memcpy(before, in + VOICE_FRAME_SAMPLES - VOICE_LIMITER_SAMPLES, sizeof before);
        }
    }
}

static void test_leveller(void **state) {
    (void)state;
    static const struct {
        const char *name;
        double amplitude;
        guint level_min, level_max; /* after 10 s */
    } cases[] = {
        { "as it should be", 3276.7, 22, 24 },
        { "6 dB too quiet", 1642, 22, 24 },
        { "30 dB too quiet: 9 dB and no more", 103, 43, 45 },
        { "15 dB too loud: 9 dB and no more", 18426, 16, 18 },
    };
    for (guint c = 0; c < G_N_ELEMENTS(cases); c++) {
        print_message("# case: %s\n", cases[c].name);
        Leveller leveller;
        leveller_init(&leveller);
        gint16 frame[VOICE_FRAME_SAMPLES];
        float gain_before = 1;
        for (guint f = 0; f < 500; f++) {
            tone(frame, VOICE_FRAME_SAMPLES, 500, cases[c].amplitude, f * 960);
            leveller_run(&leveller, frame, VOICE_FRAME_SAMPLES, voice_level(frame, VOICE_FRAME_SAMPLES),
                         TRUE);
            assert_true(fabsf(20 * log10f(leveller.gain / gain_before)) < 0.1f);
            gain_before = leveller.gain;
        }
        assert_in_range(voice_level(frame, VOICE_FRAME_SAMPLES), cases[c].level_min, cases[c].level_max);
        /* Noise between the words does not pull the gain up. */
        for (guint f = 0; f < 500; f++) {
            tone(frame, VOICE_FRAME_SAMPLES, 500, 30, f * 960);
            leveller_run(&leveller, frame, VOICE_FRAME_SAMPLES, 63, FALSE);
        }
        assert_true(leveller.gain == gain_before);
    }
}

static double step_largest(const gint16 *samples, guint n) {
    double largest = 0;
    for (guint i = 1; i < n; i++) largest = MAX(largest, fabs((double)samples[i] - samples[i - 1]));
    return largest;
}

static void test_splices_do_not_click(void **state) {
    (void)state;
    static const double tones_hz[] = { 120, 233, 440, 1000, 3100 };
    for (guint t = 0; t < G_N_ELEMENTS(tones_hz); t++) {
        gint16 samples[VOICE_FRAME_SAMPLES + SPLICE_LAG_MAX], original[VOICE_FRAME_SAMPLES];
        tone(original, VOICE_FRAME_SAMPLES, tones_hz[t], 12000, 17);
        double allowed = step_largest(original, VOICE_FRAME_SAMPLES) * 1.15 + 40;
        memcpy(samples, original, sizeof original);
        guint n = splice_shorten(samples, VOICE_FRAME_SAMPLES, SPLICE_LAG_MAX);
        assert_in_range(VOICE_FRAME_SAMPLES - n, SPLICE_LAG_MIN, SPLICE_LAG_MAX);
        assert_true(step_largest(samples, n) <= allowed);
        assert_int_equal(samples[0], original[0]);
        assert_int_equal(samples[n - 1], original[VOICE_FRAME_SAMPLES - 1]);

        memcpy(samples, original, sizeof original);
        n = splice_lengthen(samples, VOICE_FRAME_SAMPLES, G_N_ELEMENTS(samples));
        assert_in_range(n - VOICE_FRAME_SAMPLES, SPLICE_LAG_MIN, SPLICE_LAG_MAX);
        assert_true(step_largest(samples, n) <= allowed);
        assert_int_equal(samples[0], original[0]);
        assert_int_equal(samples[n - 1], original[VOICE_FRAME_SAMPLES - 1]);
    }
    gint16 silence[VOICE_FRAME_SAMPLES + SPLICE_LAG_MAX] = { 0 };
    assert_true(splice_shorten(silence, VOICE_FRAME_SAMPLES, SPLICE_LAG_MAX) < VOICE_FRAME_SAMPLES);
    assert_int_equal(splice_shorten(silence, VOICE_FRAME_SAMPLES, 130), VOICE_FRAME_SAMPLES - 130);
    assert_int_equal(splice_shorten(silence, VOICE_FRAME_SAMPLES, 100), VOICE_FRAME_SAMPLES);
    assert_int_equal(splice_shorten(silence, SPLICE_SAMPLES_MIN - 1, SPLICE_LAG_MAX), SPLICE_SAMPLES_MIN - 1);
    assert_int_equal(splice_lengthen(silence, VOICE_FRAME_SAMPLES, VOICE_FRAME_SAMPLES), VOICE_FRAME_SAMPLES);
}

/* ---- delay ---- */

typedef struct {
    const char *name;
    guint jitter_ms; /* evenly spread lateness */
    guint stall_ms;  /* a stall of this length every second: packets come together at its end */
    guint target_ms_min, target_ms_max;
} DelayCase;

static const DelayCase delay_cases[] = {
    { "calm", 0, 0, 20, 20 },
    { "a little uneven", 15, 0, 30, 36 },
    { "stalls of 120 ms", 5, 120, 110, 146 },
    { "stalls of half a second", 5, 500, 200, 200 },
};

static gint64 lateness_us(const DelayCase *row, gint64 sent_us, GRand *dice) {
    gint64 late_us = row->jitter_ms == 0 ? 0 : g_rand_int_range(dice, 0, (gint32)row->jitter_ms * 1000);
    gint64 phase_us = sent_us % G_USEC_PER_SEC, stall_us = row->stall_ms * 1000;
    return phase_us < stall_us ? MAX(late_us, stall_us - phase_us) : late_us;
}

static void test_delay_target(void **state) {
    (void)state;
    static const DelayCase calm = { "calm again", 2, 0, 0, 0 };
    g_autoptr(GRand) dice = g_rand_new_with_seed(3);
    for (guint c = 0; c < G_N_ELEMENTS(delay_cases); c++) {
        print_message("# case: %s\n", delay_cases[c].name);
        VoiceDelay delay;
        voice_delay_init(&delay);
        gint64 sent_us = 0, start_us = 7000000000;
        guint target = 0;
        for (guint i = 0; i < 1000; i++, sent_us += TICK_US) {
            gint64 arrival_us = start_us + sent_us + lateness_us(&delay_cases[c], sent_us, dice);
            voice_delay_push(&delay, 0x100000000 + (guint64)i * 960, arrival_us);
            target = voice_delay_target(&delay, start_us + sent_us);
            if (i == 20) assert_true(target >= VOICE_TARGET_SAMPLES_START);
            if (i > 500)
                assert_in_range(target / 48, delay_cases[c].target_ms_min, delay_cases[c].target_ms_max);
        }
        for (guint i = 1000; i < 1300; i++, sent_us += TICK_US)
            voice_delay_push(&delay, 0x100000000 + (guint64)i * 960,
                             start_us + sent_us + lateness_us(&calm, sent_us, dice));
        assert_true(voice_delay_target(&delay, start_us + sent_us) <= 48 * 24); /* forgotten after 6 s */
    }
}

static void test_delay_base_follows_drift_and_routes(void **state) {
    (void)state;
    VoiceDelay delay;
    voice_delay_init(&delay);
    gint64 first = 0;
    for (guint64 i = 0; i < 180000; i++) { /* an hour at 200 ppm slow */
        gint64 arrival_us = 1000000 + (gint64)(i * 20004);
        voice_delay_push(&delay, i * 960, arrival_us);
        if (i == 0) first = voice_delay_base(&delay);
        gint64 truth = voice_samples_from_us(arrival_us) - (gint64)(i * 960);
        assert_true(truth - voice_delay_base(&delay) <= 48 * 3);
    }
    assert_true(voice_delay_base(&delay) - first > 48 * 700);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_choosing),
        cmocka_unit_test(test_free_place_is_taken_with_the_first_packet),
        cmocka_unit_test(test_noise_takes_no_place_for_long),
        cmocka_unit_test(test_two_who_pause_do_not_swap_for_ever),
        cmocka_unit_test(test_speaking_is_sorted),
        cmocka_unit_test(test_liars_are_found_out),
        cmocka_unit_test(test_levels),
        cmocka_unit_test(test_mix_minus_takes_out_what_went_in),
        cmocka_unit_test(test_limiter),
        cmocka_unit_test(test_leveller),
        cmocka_unit_test(test_splices_do_not_click),
        cmocka_unit_test(test_delay_target),
        cmocka_unit_test(test_delay_base_follows_drift_and_routes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
