/* test_media_audio_copies.c -- a microphone on a line that loses packets, with and without copies (RED) inside the later
 * ones: what of it has to be invented when it is played. Simulated time. */
#include "bridge/media/audio_voice.h"
#include "tests/unit/audio_speaker.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

enum { SECONDS = 30 };

typedef struct {
    double concealed; /* share of the packets */
    double step;      /* largest between two samples */
    AudioUplinkStats stats;
} Heard;

static Heard play(double loss, guint n_copies, gboolean fec) {
    gint64 now_us = 100 * G_USEC_PER_SEC;
    Speaker *speaker = speaker_new(500, 8000, 960, 1, now_us);
    AudioVoice *voice = audio_voice_new();
    Heard heard = { 0 };
    g_autofree gint16 *samples = g_new0(gint16, (gsize)SECONDS * 48000);
    guint at = 0;
    speaker->swell = 0.5;
    speaker->n_copies = n_copies;
    opus_encoder_ctl(speaker->opus, OPUS_SET_INBAND_FEC(fec ? 1 : 0));
    for (guint tick = 0; tick < 50 + SECONDS * 50; tick++, now_us += 20000) {
        if (tick == 100) speaker->loss = loss; /* what lies before is settled */
        speaker_run(speaker, now_us);
        if (tick == 50) audio_voice_begin(voice, speaker->uplink, now_us);
        if (tick < 50) continue;
        audio_voice_pull(voice, now_us, samples + at);
        at += VOICE_FRAME_SAMPLES;
    }
    audio_uplink_read_stats(speaker->uplink, &heard.stats);
    heard.concealed = (double)heard.stats.n_concealed / (SECONDS * 50);
    heard.step = ear_step_largest(samples + 24000, at - 24000);
    audio_voice_free(voice);
    speaker_free(speaker);
    return heard;
}

static void test_copies_fill_the_holes(void **state) {
    (void)state;
    static const struct {
        double loss;
        guint n_copies;
        gboolean fec;
        double least, most; /* share invented */
    } CASES[] = {
        { 0, 2, TRUE, 0, 0 },          { 0.1, 0, FALSE, 0.07, 0.14 },  { 0.1, 0, TRUE, 0, 0.08 },
        { 0.1, 2, TRUE, 0, 0.003 },    { 0.2, 0, FALSE, 0.15, 0.26 },  { 0.2, 0, TRUE, 0, 0.16 },
        { 0.2, 1, FALSE, 0.01, 0.07 }, { 0.2, 2, TRUE, 0, 0.012 },     { 0.3, 0, FALSE, 0.24, 0.38 },
        { 0.3, 0, TRUE, 0, 0.26 },     { 0.3, 2, FALSE, 0.005, 0.05 }, { 0.3, 2, TRUE, 0, 0.035 },
    };
    print_message("# loss  copies in band  invented  repaired  held\n");
    for (guint i = 0; i < G_N_ELEMENTS(CASES); i++) {
        Heard heard = play(CASES[i].loss, CASES[i].n_copies, CASES[i].fec);
        print_message("# %3.0f %%  %6u %7s  %6.2f %%  %6.2f %%  %u ms\n", CASES[i].loss * 100,
                      CASES[i].n_copies, CASES[i].fec ? "yes" : "no", heard.concealed * 100,
                      (double)heard.stats.n_repaired / (SECONDS * 50) * 100, heard.stats.held_ms);
        assert_true(heard.concealed >= CASES[i].least && heard.concealed <= CASES[i].most);
        assert_true(heard.stats.held_ms <= 90); /* waiting for copies is no reason for a long delay */
        if (CASES[i].n_copies > 1) assert_true(heard.step < 3000);
        if (CASES[i].n_copies == 0) assert_int_equal(heard.stats.n_repaired, 0);
        if (CASES[i].loss == 0) assert_int_equal(heard.stats.n_repaired + heard.stats.n_lost, 0);
    }
}

/* Copies are an outsider's bytes too: nothing but an empty place may be filled by one. */
static void test_only_holes_are_filled(void **state) {
    (void)state;
    static const guint8 frame[] = { 0x78, 1, 2, 3 }, other[] = { 0x78, 9, 9, 9 }, bad[] = { 0x7b };
    static const struct {
        const char *name;
        gint back; /* from the newest packet, 150; 140 and 147 are missing */
        gint32 time;
        const guint8 *bytes;
        gsize n_bytes;
        gboolean taken;
    } CASES[] = {
        { "the newest itself", 0, 150 * 960, other, 4, FALSE },
        { "newer than what carried it", -1, 151 * 960, other, 4, FALSE },
        { "of a packet that came", 1, 149 * 960, other, 4, FALSE },
        { "malformed", 3, 147 * 960, bad, 1, FALSE },
        { "empty", 3, 147 * 960, frame, 0, FALSE },
        { "a time that lies ahead", 3, 999 * 960, other, 4, FALSE },
        { "older than the ring", 70, 80 * 960, other, 4, FALSE },
        { "missing", 3, 147 * 960, frame, 4, TRUE },
        { "missing no more", 3, 147 * 960, other, 4, FALSE },
        { "missing for longer", 10, 140 * 960, frame, 4, TRUE },
    };
    AudioUplink *uplink = audio_uplink_new();
    AudioUplinkStats before, after;
    AudioPacket packet;
    audio_uplink_repair(uplink, 5, 0, 40, frame, sizeof frame, 1000000); /* before any packet: nothing */
    assert_int_equal(audio_uplink_highest(uplink), 0);
    for (guint i = 100; i <= 150; i++)
        if (i != 140 && i != 147)
            audio_uplink_push(uplink, (guint16)(65500 + i), i * 960, 40, TRUE, frame, sizeof frame,
                              1000000 + i * 20000);
    guint64 highest = audio_uplink_highest(uplink);
    while (audio_uplink_take_level(uplink) != AUDIO_LEVEL_NONE) {}
    for (guint i = 0; i < G_N_ELEMENTS(CASES); i++) {
        audio_uplink_read_stats(uplink, &before);
        audio_uplink_repair(uplink, (guint16)(65500 + 150 - CASES[i].back), (guint32)CASES[i].time, 40,
                            CASES[i].bytes, CASES[i].n_bytes, 1000000 + 150 * 20000);
        audio_uplink_read_stats(uplink, &after);
        if ((after.n_repaired != before.n_repaired) != CASES[i].taken) fail_msg("%s", CASES[i].name);
        assert_int_equal(before.n_lost - after.n_lost, CASES[i].taken ? 1 : 0);
        assert_int_equal(after.n_packets, before.n_packets);
    }
    for (guint64 back = 0; back <= 50; back++) {
        assert_true(audio_uplink_read(uplink, highest - back, &packet));
        assert_memory_equal(packet.bytes, frame, sizeof frame);
    }
    assert_int_equal(audio_uplink_highest(uplink), highest);
    assert_int_equal(audio_uplink_take_level(uplink), AUDIO_LEVEL_NONE); /* a copy tells nothing of now */
    audio_uplink_unref(uplink);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_copies_fill_the_holes),
        cmocka_unit_test(test_only_holes_are_filled),
    };
    return cmocka_run_group_tests_name("audio copies", tests, NULL, NULL);
}
