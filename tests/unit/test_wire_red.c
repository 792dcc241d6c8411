/* test_wire_red.c -- redundant audio payloads (RFC 2198), what of it two sides agree on, and copies inside Opus packets. */
#include "bridge/wire/negotiate.h"
#include "bridge/wire/opus.h"
#include "bridge/wire/red.h"
#include "bridge/wire/rtp_streams.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

/* ---- payloads ---- */

static void payloads(void **state) {
    static const struct {
        const char *name;
        gsize n;
        guint8 bytes[20];
        guint n_blocks; /* 0: refused */
        guint offsets[3], sizes[3], firsts[3];
    } CASES[] = {
        { "no redundancy", 3, { 0x6f, 0x48, 0x01 }, 1, { 0 }, { 2 }, { 0x48 } },
        { "an empty frame", 1, { 0x6f }, 1, { 0 }, { 0 }, { 0 } },
        { "20 ms back, as Chromium sends it",
          8,
          { 0xef, 0x0f, 0x00, 0x02, 0x6f, 0x41, 0x42, 0x51 },
          2,
          { 960, 0 },
          { 2, 1 },
          { 0x41, 0x51 } },
        { "two back",
          13,
          { 0xef, 0x1e, 0x00, 0x01, 0xef, 0x0f, 0x00, 0x02, 0x6f, 0x31, 0x41, 0x42, 0x51 },
          3,
          { 1920, 960, 0 },
          { 1, 2, 1 },
          { 0x31, 0x41, 0x51 } },
        { "the largest offset",
          7,
          { 0xef, 0xff, 0xfc, 0x01, 0x6f, 0x41, 0x51 },
          2,
          { 16383, 0 },
          { 1, 1 },
          { 0x41, 0x51 } },
        { "nothing", 0, { 0 }, 0, { 0 }, { 0 }, { 0 } },
        { "cut in a header", 3, { 0xef, 0x0f, 0x00 }, 0, { 0 }, { 0 }, { 0 } },
        { "no last header", 4, { 0xef, 0x0f, 0x00, 0x00 }, 0, { 0 }, { 0 }, { 0 } },
        { "more copied than there is", 6, { 0xef, 0x0f, 0x00, 0x02, 0x6f, 0x41 }, 0, { 0 }, { 0 }, { 0 } },
    };
    (void)state;
    for (guint i = 0; i < G_N_ELEMENTS(CASES); i++) {
        g_autofree guint8 *exact = g_memdup2(CASES[i].bytes, CASES[i].n);
        RedPayload payload;
        gboolean ok = red_parse(exact, CASES[i].n, &payload);
        if (ok != (CASES[i].n_blocks > 0)) fail_msg("%s", CASES[i].name);
        if (!ok) continue;
        assert_int_equal(payload.n_blocks, CASES[i].n_blocks);
        for (guint k = 0; k < payload.n_blocks; k++) {
            const RedBlock *block = &payload.blocks[k];
            assert_int_equal(block->payload_type, 111);
            assert_int_equal(block->time_offset, CASES[i].offsets[k]);
            assert_int_equal(block->n_bytes, CASES[i].sizes[k]);
            if (block->n_bytes > 0) assert_int_equal(block->bytes[0], CASES[i].firsts[k]);
        }
        guint8 again[20];
        Writer writer = writer_over(again, sizeof again);
        red_write(&writer, payload.blocks, payload.n_blocks);
        assert_false(writer.bad);
        assert_int_equal(writer.n_bytes, CASES[i].n);
        assert_memory_equal(again, CASES[i].bytes, CASES[i].n);
    }
}

static void limits(void **state) {
    guint8 bytes[4 * (RED_BLOCKS_MAX + 1)] = { 0 }, big[RED_BLOCK_BYTES_MAX + 2] = { 0 }, out[3000];
    RedPayload payload;
    (void)state;
    for (guint i = 0; i < RED_BLOCKS_MAX; i++) bytes[4 * i] = 0xef;
    assert_false(red_parse(bytes, sizeof bytes, &payload)); /* one too many */
    assert_true(red_parse(bytes + 4, sizeof bytes - 4, &payload));
    assert_int_equal(payload.n_blocks, RED_BLOCKS_MAX);
    static const struct {
        guint offset;
        gsize n_bytes;
        gboolean fits;
    } CASES[] = { { RED_TIME_OFFSET_MAX, RED_BLOCK_BYTES_MAX, TRUE },
                  { RED_TIME_OFFSET_MAX + 1, 1, FALSE },
                  { 960, RED_BLOCK_BYTES_MAX + 1, FALSE } };
    for (guint i = 0; i < G_N_ELEMENTS(CASES); i++) {
        RedBlock blocks[] = { { 111, CASES[i].offset, big, CASES[i].n_bytes }, { 111, 0, big, sizeof big } };
        Writer writer = writer_over(out, sizeof out);
        red_write(&writer, blocks, 2);
        assert_int_equal(!writer.bad, CASES[i].fits);
    }
}

/* ---- copies inside Opus ---- */

static void opus_copies(void **state) {
    static const struct {
        const char *name;
        gsize n;
        guint8 bytes[5];
        gboolean fec;
    } CASES[] = {
        { "20 ms mono, voice", 4, { 9 << 3, 0x80, 1, 1 }, FALSE },
        { "20 ms mono, voice and copy", 4, { 9 << 3, 0xc0, 1, 1 }, TRUE },
        { "60 ms mono, three voices", 4, { 11 << 3, 0xe0, 1, 1 }, FALSE },
        { "60 ms mono, and a copy", 4, { 11 << 3, 0xf0, 1, 1 }, TRUE },
        { "hybrid with a copy", 4, { 13 << 3, 0x40, 1, 1 }, TRUE },
        { "stereo, copy of the side", 4, { 9 << 3 | 4, 0x90, 1, 1 }, TRUE },
        { "stereo, none", 4, { 9 << 3 | 4, 0xaf, 1, 1 }, FALSE },
        { "two frames", 5, { 9 << 3 | 2, 1, 0x40, 1, 1 }, TRUE },
        { "CELT has none", 4, { 31 << 3, 0xff, 0xff, 1 }, FALSE },
        { "a pause", 2, { 9 << 3, 0xff }, FALSE },
        { "nothing", 0, { 0 }, FALSE },
    };
    (void)state;
    for (guint i = 0; i < G_N_ELEMENTS(CASES); i++) {
        g_autofree guint8 *exact = g_memdup2(CASES[i].bytes, CASES[i].n);
        if (opus_payload_has_fec(exact, CASES[i].n) != CASES[i].fec) fail_msg("%s", CASES[i].name);
    }
}

/* ---- what is agreed ---- */

static char *audio_description(const char *formats, const char *lines) {
    return g_strdup_printf(
        "v=0\r\na=group:BUNDLE a\r\nm=audio 9 UDP/TLS/RTP/SAVPF %s\r\na=mid:a\r\na=ice-ufrag:abcd\r\n"
        "a=ice-pwd:abcdefghijklmnopqrstuv\r\na=fingerprint:sha-256 AB\r\na=setup:actpass\r\na=rtcp-mux\r\n%s",
        formats, lines);
}

static void offers_of_clients(void **state) {
    static const struct {
        const char *name, *formats, *lines;
        guint opus, red;
    } CASES[] = {
        { "Chromium", "111 63",
          "a=rtpmap:111 opus/48000/2\r\na=rtpmap:63 red/48000/2\r\na=fmtp:63 111/111\r\n", 111, 63 },
        { "numbers of its own, RED first", "70 71",
          "a=rtpmap:71 opus/48000/2\r\na=rtpmap:70 RED/48000/2\r\na=fmtp:70 71/71/71\r\n", 71, 70 },
        { "no RED", "111", "a=rtpmap:111 opus/48000/2\r\n", 111, 0 },
        { "RED for another codec", "111 63 0",
          "a=rtpmap:111 opus/48000/2\r\na=rtpmap:63 red/48000/2\r\na=fmtp:63 0/111\r\n", 111, 0 },
        { "RED with nothing said", "111 63", "a=rtpmap:111 opus/48000/2\r\na=rtpmap:63 red/48000/2\r\n", 111,
          0 },
        { "only one inside", "111 63",
          "a=rtpmap:111 opus/48000/2\r\na=rtpmap:63 red/48000/2\r\na=fmtp:63 111\r\n", 111, 0 },
        { "telephone clock", "111 63",
          "a=rtpmap:111 opus/48000/2\r\na=rtpmap:63 red/8000\r\na=fmtp:63 111/111\r\n", 111, 0 },
    };
    static MediaPlan plan;
    static const TransportDescription LOCAL = { .ufrag = "abcd",
                                                .pwd = "abcdefghijklmnopqrstuv",
                                                .fingerprint = "sha-256 AB:CD",
                                                .setup = SETUP_PASSIVE };
    (void)state;
    for (guint i = 0; i < G_N_ELEMENTS(CASES); i++) {
        g_autofree char *text = audio_description(CASES[i].formats, CASES[i].lines);
        g_autoptr(GError) error = NULL;
        if (!negotiate_read_offer(ANSWER_RECEIVE, text, strlen(text), &plan, &error))
            fail_msg("%s: %s", CASES[i].name, error->message);
        if (plan.sections[0].payload_type != CASES[i].opus ||
            plan.sections[0].red_payload_type != CASES[i].red)
            fail_msg("%s", CASES[i].name);
        AnswerSpec spec = { .session_id = 9, .session_version = 1, .cname = "c", .transport = &LOCAL };
        g_autofree char *answer = negotiate_answer(&plan, &spec);
        g_autoptr(Sdp) sdp = sdp_parse(answer, strlen(answer), &error);
        assert_non_null(sdp);
        assert_int_equal(sdp->sections[0].n_formats, CASES[i].red != 0 ? 2 : 1);
        assert_int_equal(sdp->sections[0].formats[0].payload_type,
                         CASES[i].opus); /* what the client is to send */
        g_autofree char *inside = g_strdup_printf("%u/%u", CASES[i].opus, CASES[i].opus);
        if (CASES[i].red != 0) assert_string_equal(sdp->sections[0].formats[1].fmtp, inside);
    }
}

/* Both our own ends: RED is offered behind Opus, and kept only by an answer that names it. */
static void our_offer(void **state) {
    static const TransportDescription TRANSPORT = { .ufrag = "abcd",
                                                    .pwd = "abcdefghijklmnopqrstuv",
                                                    .fingerprint = "sha-256 AB:CD",
                                                    .setup = SETUP_ACTPASS };
    static const OfferSpec OFFER = { .session_id = 7,
                                     .session_version = 1,
                                     .cname = "diemcau-7",
                                     .local = { { 1001, 0 }, { 1002, 1003 }, { 1004, 1005 } },
                                     .transport = &TRANSPORT };
    static MediaPlan client, server;
    (void)state;
    g_autofree char *offer = negotiate_offer(&OFFER);
    assert_non_null(strstr(offer, "m=audio 9 UDP/TLS/RTP/SAVPF 111 63\r\n"));
    assert_non_null(strstr(offer, "a=rtpmap:63 red/48000/2\r\na=fmtp:63 111/111\r\n"));
    for (guint with = 0; with < 2; with++) {
        g_autoptr(GError) error = NULL;
        assert_true(negotiate_read_offer(ANSWER_BOTH, offer, strlen(offer), &client, &error));
        assert_int_equal(client.sections[0].red_payload_type, 63);
        if (with == 0) client.sections[0].red_payload_type = 0;
        TransportDescription remote = TRANSPORT;
        remote.setup = SETUP_ACTIVE;
        AnswerSpec spec = { .session_id = 3, .session_version = 1, .cname = "room", .transport = &remote };
        g_autofree char *answer = negotiate_answer(&client, &spec);
        if (!negotiate_read_answer(&OFFER, answer, strlen(answer), &server, &error))
            fail_msg("%s", error->message);
        assert_int_equal(server.sections[0].red_payload_type, with ? 63 : 0);
        assert_int_equal(server.sections[1].red_payload_type, 0);
    }
}

/* A sender changes to RED in the middle of its stream, or begins with it. */
static void streams_go_on(void **state) {
    static const struct {
        const char *name;
        guint32 ssrc, told;
        guint8 payload_type, red;
        gboolean known;
    } CASES[] = {
        { "told, plain", 51, 51, 111, 63, TRUE },
        { "told, RED", 51, 51, 63, 63, TRUE },
        { "learned from RED", 52, 0, 63, 63, TRUE },
        { "RED that nobody agreed on", 51, 51, 63, 0, FALSE },
        { "learned, RED that nobody agreed on", 52, 0, 63, 0, FALSE },
    };
    (void)state;
    for (guint i = 0; i < G_N_ELEMENTS(CASES); i++) {
        static MediaPlan plan;
        RtpStreams streams;
        plan = (MediaPlan){ .n_sections = 1 };
        plan.sections[0] = (MediaSection){ .kind = MEDIA_AUDIO,
                                           .mid = "0",
                                           .we_receive = TRUE,
                                           .codec = CODEC_OPUS,
                                           .payload_type = 111,
                                           .red_payload_type = CASES[i].red,
                                           .n_remote = CASES[i].told != 0 };
        plan.sections[0].remote[0].ssrc = CASES[i].told;
        rtp_streams_init(&streams, &plan);
        RtpPacket packet = { .ssrc = CASES[i].ssrc, .payload_type = CASES[i].payload_type };
        RtpStream *stream = rtp_streams_of(&streams, &packet);
        if ((stream != NULL) != CASES[i].known) fail_msg("%s", CASES[i].name);
        if (stream != NULL) assert_false(stream->is_rtx);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(payloads),          cmocka_unit_test(limits),    cmocka_unit_test(opus_copies),
        cmocka_unit_test(offers_of_clients), cmocka_unit_test(our_offer), cmocka_unit_test(streams_go_on),
    };
    return cmocka_run_group_tests_name("redundant audio", tests, NULL, NULL);
}
