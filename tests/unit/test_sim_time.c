/* test_sim_time.c -- barcodes and clicks, the instruments that measure delay: what they say after codecs and scaling, and
 * that they say nothing where there is nothing. */
#include "tests/load/barcode.h"
#include "tests/load/click.h"
#include "tests/load/probe.h"
#include "tests/load/timeline.h"

#include <libyuv/scale.h>
#include <opus/opus.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

enum { WIDTH = 640, HEIGHT = 360, FRAME = 960 };

static void barcode_is_read_at_every_tile_size(void **state) {
    static const struct {
        guint width, height;
        gboolean readable;
    } SIZES[] = {
        { 1280, 720, TRUE }, { 640, 360, TRUE }, { 424, 240, TRUE }, { 160, 90, TRUE }, { 48, 26, FALSE }
    };
    static guint8 picture[WIDTH * HEIGHT], canvas[1280 * 720];
    (void)state;
    for (guint i = 0; i < G_N_ELEMENTS(SIZES); i++) {
        guint32 number = 0xA5F00F + i * 77777;
        memset(picture, 120, sizeof picture);
        barcode_draw(picture, WIDTH, WIDTH, HEIGHT, number);
        ScalePlane(picture, WIDTH, WIDTH, HEIGHT, canvas, 1280, (int)SIZES[i].width, (int)SIZES[i].height,
                   kFilterBox);
        gint32 read = barcode_read(canvas, 1280, 0, 0, SIZES[i].width, SIZES[i].height);
        assert_int_equal(read, SIZES[i].readable ? (gint32)(number & BARCODE_MASK) : -1);
    }
}

static void barcode_is_not_seen_where_there_is_none(void **state) {
    static guint8 picture[WIDTH * HEIGHT];
    (void)state;
    for (guint shade = 0; shade < 256; shade += 5) {
        memset(picture, (int)shade, sizeof picture);
        assert_int_equal(barcode_read(picture, WIDTH, 0, 0, WIDTH, HEIGHT), -1);
    }
    /* Half of the old picture, half of the new: a torn barcode is refused. */
    barcode_draw(picture, WIDTH, WIDTH, HEIGHT, 1000);
    static guint8 other[WIDTH * HEIGHT];
    barcode_draw(other, WIDTH, WIDTH, HEIGHT, 999999);
    memcpy(picture, other, sizeof other / 2);
    assert_int_equal(barcode_read(picture, WIDTH, 0, 0, WIDTH, HEIGHT), -1);
}

/* Through an encoder and a decoder like those of the meeting; gain in percent, as a leveller would set it. */
static guint find_clicks(guint n_frames, guint gain, gboolean codec, gint64 *ret_at, guint at_max) {
    int fault = 0;
    OpusEncoder *encoder = opus_encoder_create(48000, 1, OPUS_APPLICATION_VOIP, &fault);
    OpusDecoder *decoder = opus_decoder_create(48000, 1, &fault);
    ClickFinder finder = { 0 };
    guint n = 0;
    assert_non_null(encoder);
    assert_non_null(decoder);
    opus_encoder_ctl(encoder, OPUS_SET_BITRATE(32000));
    for (guint i = 0; i < n_frames; i++) {
        gint16 samples[FRAME];
        guint8 packet[400];
        gint index;
        guint turn;
        click_fill(samples, FRAME, (guint64)i * FRAME);
        for (guint k = 0; k < FRAME; k++) samples[k] = (gint16)(samples[k] * (gint)gain / 100);
        if (codec) {
            opus_int32 bytes = opus_encode(encoder, samples, FRAME, packet, sizeof packet);
            assert_true(bytes > 0);
            assert_int_equal(opus_decode(decoder, packet, bytes, samples, FRAME, 0), FRAME);
        }
        if (!click_find(&finder, samples, FRAME, &index, &turn) || n == at_max) continue;
        ret_at[n++] = (gint64)i * FRAME + index;
        assert_int_equal(turn, n % CLICK_TURNS);
    }
    opus_encoder_destroy(encoder);
    opus_decoder_destroy(decoder);
    return n;
}

static void clicks_are_found_where_they_are(void **state) {
    static const struct {
        guint gain;
        gboolean codec;
        gint64 late_samples; /* the codec's own look-ahead: 6.5 ms */
    } CASES[] = {
        { 100, FALSE, 0 }, { 50, FALSE, 0 }, { 100, TRUE, 312 }, { 50, TRUE, 312 }, { 150, TRUE, 312 }
    };
    (void)state;
    for (guint i = 0; i < G_N_ELEMENTS(CASES); i++) {
        gint64 at[16];
        guint n = find_clicks(260, CASES[i].gain, CASES[i].codec, at, 16);
        assert_int_equal(n, 10); /* 5.2 s, none at the beginning */
        for (guint k = 0; k < n; k++) {
            gint64 off = at[k] - (gint64)(k + 1) * CLICK_PERIOD_SAMPLES - CASES[i].late_samples;
            assert_in_range(off + 72, 0, 144); /* 1.5 ms */
        }
    }
}

static void silence_and_hum_do_not_click(void **state) {
    gint64 at[4];
    (void)state;
    assert_int_equal(find_clicks(100, 0, FALSE, at, 4), 0);
    assert_int_equal(find_clicks(24, 100, FALSE, at, 4), 0); /* before the first click */
}

/* A listener in another process has the clock alone: up to two seconds late, a click's pitch says which it was. */
static void a_late_click_is_known_by_its_pitch(void **state) {
    static const gint64 LATE_MS[] = { 20, 45, 480, 520, 1100, 1960 };
    const gint64 click_us = 500000;
    (void)state;
    for (guint i = 0; i < G_N_ELEMENTS(LATE_MS); i++)
        for (guint n = 20000; n < 20005; n++) {
            ProbeMoment moment =
                probe_click_by_clock(n % CLICK_TURNS, (gint64)n * click_us + LATE_MS[i] * 1000);
            assert_int_equal(moment.capture_us, (gint64)n * click_us);
            assert_int_equal(moment.sent_us, (gint64)n * click_us + 20000);
        }
}

/* Sound every 20 ms but for a pause; a picture that never comes back; a seat from the beginning. */
static void timeline_tells_beginnings_pauses_and_what_stays_away(void **state) {
    static const char EXPECTED[] = "{\"t\":\"start\",\"n\":7,\"from_us\":0,\"at_us\":500}\n"
                                   "{\"t\":\"voice\",\"n\":7,\"from_us\":0,\"at_us\":1000000}\n"
                                   "{\"t\":\"picture\",\"n\":7,\"from_us\":0,\"at_us\":1000000}\n"
                                   "{\"t\":\"control\",\"n\":7,\"from_us\":0,\"at_us\":1000000}\n"
                                   "{\"t\":\"voice\",\"n\":7,\"from_us\":1980000,\"at_us\":2500000}\n"
                                   "{\"t\":\"picture\",\"n\":7,\"from_us\":1000000,\"at_us\":2600000}\n";
    g_autoptr(GError) error = NULL;
    g_autofree char *path = g_build_filename(g_get_tmp_dir(), "diemcau-test-timeline-XXXXXX", NULL),
                    *text = NULL;
    int fd = g_mkstemp(path);
    assert_true(fd >= 0);
    close(fd);
    Timeline *timeline = timeline_open(path, &error);
    assert_non_null(timeline);
    TimelineMark mark = { 0 };
    ReceiverStats received = { 0 };
    TimelineNews news = { .number = 7, .started_us = 500, .joined = TRUE, .received = &received };
    (void)state;
    for (gint64 now_us = 1000000; now_us <= 2600000; now_us += 20000) {
        if (now_us < 2000000 || now_us >= 2500000) received.last_audio_us = now_us;
        if (now_us == 1000000) received.last_frame_us = now_us;
        timeline_follow(timeline, &mark, &news, now_us);
    }
    timeline_finish(timeline, &mark, 7, 2600000);
    timeline_close(timeline);
    assert_true(g_file_get_contents(path, &text, NULL, &error));
    unlink(path);
    assert_string_equal(text, EXPECTED);
    assert_null(timeline_open("/nowhere/at/all", &error));
    assert_non_null(error);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(barcode_is_read_at_every_tile_size),
        cmocka_unit_test(barcode_is_not_seen_where_there_is_none),
        cmocka_unit_test(clicks_are_found_where_they_are),
        cmocka_unit_test(silence_and_hum_do_not_click),
        cmocka_unit_test(a_late_click_is_known_by_its_pitch),
        cmocka_unit_test(timeline_tells_beginnings_pauses_and_what_stays_away),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
