/* test_sim_parts.c -- the simulator's own pure parts: STUN after RFC 5769, who talks when, pictures that can be read again,
 * voices with true levels, server addresses. */
#include "tests/load/camera.h"
#include "tests/load/check.h"
#include "tests/load/stun.h"
#include "tests/load/up_line.h"
#include "tests/load/web_client.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <vpx/vp8dx.h>
#include <vpx/vpx_decoder.h>

#include <cmocka.h>

/* RFC 5769 2.1: a check, signed with the short-term password below. */
static const guint8 REQUEST[] = { 0x00, 0x01, 0x00, 0x58, 0x21, 0x12, 0xa4, 0x42, 0xb7, 0xe7, 0xa7, 0x01,
                                  0xbc, 0x34, 0xd6, 0x86, 0xfa, 0x87, 0xdf, 0xae, 0x80, 0x22, 0x00, 0x10,
                                  0x53, 0x54, 0x55, 0x4e, 0x20, 0x74, 0x65, 0x73, 0x74, 0x20, 0x63, 0x6c,
                                  0x69, 0x65, 0x6e, 0x74, 0x00, 0x24, 0x00, 0x04, 0x6e, 0x00, 0x01, 0xff,
                                  0x80, 0x29, 0x00, 0x08, 0x93, 0x2f, 0xf9, 0xb1, 0x51, 0x26, 0x3b, 0x36,
                                  0x00, 0x06, 0x00, 0x09, 0x65, 0x76, 0x74, 0x6a, 0x3a, 0x68, 0x36, 0x76,
                                  0x59, 0x20, 0x20, 0x20, 0x00, 0x08, 0x00, 0x14, 0x9a, 0xea, 0xa7, 0x0c,
                                  0xbf, 0xd8, 0xcb, 0x56, 0x78, 0x1e, 0xf2, 0xb5, 0xb2, 0xd3, 0xf2, 0x49,
                                  0xc1, 0xb5, 0x71, 0xa2, 0x80, 0x28, 0x00, 0x04, 0xe5, 0x7a, 0x3b, 0xcf };
static const char PASSWORD[] = "VOkJxbRl1RmTxUk/WvJxBt";

static void stun_of_rfc_5769(void **state) {
    StunMessage message;
    (void)state;
    assert_true(stun_read(REQUEST, sizeof REQUEST, PASSWORD, &message));
    assert_int_equal(message.kind, STUN_REQUEST);
    assert_string_equal(message.username, "evtj:h6vY");
    assert_false(stun_read(REQUEST, sizeof REQUEST, "another password", &message));
    for (gsize i = 0; i < sizeof REQUEST; i++) { /* any bit that is wrong is found */
        guint8 copy[sizeof REQUEST];
        memcpy(copy, REQUEST, sizeof copy);
        if (i >= sizeof copy - 8 && i < sizeof copy - 4)
            continue; /* another attribute than FINGERPRINT is no fault */
        copy[i] ^= 0x10;
        assert_false(stun_read(copy, sizeof copy, PASSWORD, &message));
    }
    for (gsize n = 0; n < sizeof REQUEST; n++) {
        g_autofree guint8 *exact = g_memdup2(REQUEST, n);
        assert_false(stun_read(exact, n, PASSWORD, &message));
    }
}

static void stun_goes_round(void **state) {
    guint8 bytes[STUN_BYTES_MAX], id[STUN_ID_BYTES] = { 1, 2, 3 };
    struct sockaddr_in from = { .sin_family = AF_INET,
                                .sin_port = htons(4711),
                                .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    StunMessage message;
    gsize n = stun_write_check(bytes, id, "them:us", PASSWORD, 77, 1234);
    (void)state;
    assert_true(n > 0);
    assert_true(stun_read(bytes, n, PASSWORD, &message));
    assert_string_equal(message.username, "them:us");
    assert_false(message.use_candidate);
    n = stun_write_success(bytes, id, PASSWORD, &from);
    assert_true(stun_read(bytes, n, PASSWORD, &message));
    assert_int_equal(message.kind, STUN_SUCCESS);
    assert_memory_equal(message.id, id, STUN_ID_BYTES);
    char long_name[400];
    memset(long_name, 'x', sizeof long_name - 1);
    long_name[sizeof long_name - 1] = '\0';
    assert_int_equal(stun_write_check(bytes, id, long_name, PASSWORD, 1, 1), 0);
}

static guint n_talking(const TalkSchedule *schedule, guint n, gint64 time_us) {
    guint n_on = 0;
    gint64 since_us;
    for (guint i = 0; i < n; i++) n_on += talk_is_on(schedule, i, n, time_us, &since_us) ? 1 : 0;
    return n_on;
}

static void talk_schedules(void **state) {
    static const char *const BAD[] = { "", "4", "4:", ":6", "0:6", "4:0", "99:1", "1,x", "sometimes" };
    TalkSchedule schedule;
    gint64 since_us;
    gboolean spoke[20] = { FALSE };
    (void)state;
    /* "4" alone is a number: endpoint 4 always */
    for (guint i = 0; i < G_N_ELEMENTS(BAD); i++)
        if (i != 1) assert_false(talk_read(BAD[i], &schedule, NULL));
    assert_true(talk_read("none", &schedule, NULL));
    assert_int_equal(n_talking(&schedule, 20, 12345), 0);
    assert_true(talk_read("all", &schedule, NULL));
    assert_int_equal(n_talking(&schedule, 20, 12345), 20);
    assert_true(talk_read("3,7", &schedule, NULL));
    assert_true(talk_is_on(&schedule, 7, 20, 0, &since_us));
    assert_false(talk_is_on(&schedule, 8, 20, 0, &since_us));
    assert_true(talk_read("4:6", &schedule, NULL));
    for (gint64 at_us = 0; at_us < 120 * G_USEC_PER_SEC; at_us += 250000) {
        assert_int_equal(n_talking(&schedule, 20, at_us), 4);
        for (guint i = 0; i < 20; i++)
            if (talk_is_on(&schedule, i, 20, at_us, &since_us)) {
                spoke[i] = TRUE;
                assert_in_range(since_us, 0, 6 * G_USEC_PER_SEC);
            }
    }
    for (guint i = 0; i < 20; i++) assert_true(spoke[i]); /* everybody has a turn */
    assert_true(talk_read("8:2", &schedule, NULL));
    assert_int_equal(n_talking(&schedule, 3, 1000), 3); /* fewer rooms than places */
}

/* What is drawn and encoded can be read again out of the decoded picture, at the size of a thumbnail too. */
static void pictures_can_be_read(void **state) {
    static const guint NUMBERS[] = { 1, 2, 77, 127, 128, 201, 255 };
    (void)state;
    for (guint i = 0; i < G_N_ELEMENTS(NUMBERS); i++) {
        PictureLoop *loop = picture_loop_new(NUMBERS[i], "Phường Bạch Đằng", 160, 90, 8, 8, 50000);
        vpx_codec_ctx_t decoder;
        gboolean colour_right = FALSE;
        assert_non_null(loop);
        assert_int_equal(vpx_codec_dec_init(&decoder, vpx_codec_vp8_dx(), NULL, 0), VPX_CODEC_OK);
        for (guint k = 0; k < loop->n_frames; k++) {
            vpx_codec_iter_t iter = NULL;
            guint n = loop->offsets[k + 1] - loop->offsets[k];
            assert_true(n > 0);
            assert_int_equal(vpx_codec_decode(&decoder, loop->bytes + loop->offsets[k], n, NULL, 0),
                             VPX_CODEC_OK);
            vpx_image_t *image = vpx_codec_get_frame(&decoder, &iter);
            const guint8 *planes[3] = { image->planes[0], image->planes[1], image->planes[2] };
            const gint strides[3] = { image->stride[0], image->stride[1], image->stride[2] };
            assert_int_equal(picture_read_code(planes, strides, 0, 0, 160, 90, &colour_right), NUMBERS[i]);
            assert_true(colour_right);
            assert_int_equal(picture_read_code(planes, strides, 40, 20, 120, 70, &colour_right), -1);
        }
        vpx_codec_destroy(&decoder);
        picture_loop_free(loop);
    }
}

static void voices_have_levels(void **state) {
    VoiceLoop *voice = voice_loop_new(7), *silence = voice_silence_new();
    (void)state;
    assert_int_equal(voice->n_frames, VOICE_LOOP_FRAMES);
    for (guint i = 0; i < voice->n_frames; i++) {
        assert_in_range(voice->levels[i], 10, 40);
        assert_in_range(voice->sizes[i], 3, VOICE_BYTES_MAX);
    }
    assert_int_equal(silence->levels[0], 127);
    assert_true(silence->sizes[0] > 0);
    g_free(voice);
    g_free(silence);
}

/* A checker that is fed its own endpoint's voice must say so, and must find another's. */
static void the_ear_is_not_deaf(void **state) {
    static const guint NUMBERS[] = { 1, 2 };
    static CheckStats stats;
    TalkSchedule schedule;
    VoiceLoop *own = voice_loop_new(1), *other = voice_loop_new(2);
    (void)state;
    assert_true(talk_read("all", &schedule, NULL));
    for (guint round = 0; round < 2; round++) {
        Check *check = check_new(0, 2, NUMBERS, &schedule, 0, &stats);
        const VoiceLoop *voice = round == 0 ? other : own;
        memset(&stats, 0, sizeof stats);
        for (guint i = 0; i < 200; i++) {
            guint at = i % voice->n_frames;
            check_voice(check, voice->bytes[at], voice->sizes[at], i * 960, 10 * G_USEC_PER_SEC + i * 20000);
        }
        assert_int_equal(stats.n_windows, 10);
        assert_int_equal(stats.n_tones_heard, round == 0 ? stats.n_tones : 0);
        assert_int_equal(stats.n_own_heard, round == 0 ? 0 : stats.n_own_windows);
        assert_true(stats.n_tones > 5 && stats.n_own_windows > 5);
        check_free(check);
    }
    g_free(own);
    g_free(other);
}

static void addresses(void **state) {
    static const struct {
        const char *url;
        gboolean ok;
        const char *host;
        guint port;
    } CASES[] = { { "http://127.0.0.1:8080", TRUE, "127.0.0.1", 8080 },
                  { "http://localhost:18080/", TRUE, "127.0.0.1", 18080 },
                  { "http://10.0.0.1", TRUE, "10.0.0.1", 80 },
                  { "https://127.0.0.1:8443", FALSE, NULL, 0 },
                  { "http://example.org", FALSE, NULL, 0 },
                  { "127.0.0.1:8080", FALSE, NULL, 0 },
                  { "", FALSE, NULL, 0 } };
    WebAddress address;
    (void)state;
    for (guint i = 0; i < G_N_ELEMENTS(CASES); i++) {
        if (web_address_read(CASES[i].url, &address, NULL) != CASES[i].ok) fail_msg("%s", CASES[i].url);
        if (!CASES[i].ok) continue;
        assert_string_equal(address.host, CASES[i].host);
        assert_int_equal(address.port, CASES[i].port);
    }
}

/* A camera that sends 200 kbit/s into a line of 100: believed to be less; of 1000: not. */
static void the_way_up_is_measured(void **state) {
    (void)state;
    static const double KBPS[] = { 1000, 100 };
    for (guint c = 0; c < G_N_ELEMENTS(KBPS); c++) {
        UpLine *line = g_new0(UpLine, 1);
        RtcpTwcc *twcc = g_new0(RtcpTwcc, 1);
        gint64 now_us = 1000 * (gint64)G_USEC_PER_SEC, free_us = 0;
        for (guint i = 0; i < 200; i++, now_us += 40000) {
            up_line_sent(line, (guint16)i, 930, now_us);
            free_us = MAX(free_us, now_us) + (gint64)(8e6 / KBPS[c]);
            twcc->base_sequence = (guint16)i;
            twcc->n_packets = 1;
            twcc->reference_us = free_us;
            up_line_told(line, twcc, 500000, 50000, now_us);
        }
        double bps = up_line_bps(line, 3000000, now_us);
        if (c == 0) assert_true(bps > 250000);
        if (c == 1) assert_true(bps > 50000 && bps < 110000);
        assert_true(up_line_bps(line, 3000000, now_us + 60 * (gint64)G_USEC_PER_SEC) == 3000000);
        g_free(twcc);
        g_free(line);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(stun_of_rfc_5769),     cmocka_unit_test(the_way_up_is_measured),
        cmocka_unit_test(stun_goes_round),      cmocka_unit_test(talk_schedules),
        cmocka_unit_test(pictures_can_be_read), cmocka_unit_test(voices_have_levels),
        cmocka_unit_test(the_ear_is_not_deaf),  cmocka_unit_test(addresses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
