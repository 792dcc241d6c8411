/* test_wire_negotiate.c -- SDP syntax, our offer and real browsers' answers, foreign offers and our answers, and the table
 * that learns streams. The texts are in the corpus of the SDP fuzz door: Chromium's are recorded, the others are written
 * after the shape of what Firefox, OBS and GStreamer send. */
#include "bridge/wire/rtp_streams.h"
#include "config/fault.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static const TransportDescription TRANSPORT = { .ufrag = "abcd",
                                                .pwd = "abcdefghijklmnopqrstuv",
                                                .fingerprint = "sha-256 AB:CD",
                                                .setup = SETUP_ACTPASS,
                                                .n_candidates = 1,
                                                .candidates = {
                                                    "1 1 udp 2130706431 127.0.0.1 20000 typ host" } };
static const OfferSpec OFFER = { .session_id = 7,
                                 .session_version = 1,
                                 .cname = "diemcau-7",
                                 .local = { { 1001, 0 }, { 1002, 1003 }, { 1004, 1005 } },
                                 .transport = &TRANSPORT };
static MediaPlan plan;

static char *load(const char *name) {
    g_autofree char *path = g_build_filename("tests/fuzz/corpus/wire_sdp", name, NULL);
    char *text = NULL;
    if (!g_file_get_contents(path, &text, NULL, NULL))
        fail_msg("cannot read %s (run from the top of the tree)", path);
    return text;
}

/* ---- syntax ---- */

static void sdp_errors_name_the_line(void **state) {
    static const struct {
        const char *text, *sentence;
    } CASES[] = {
        { "", "line 1: a session description begins with v=0" },
        { "v=1\r\n", "line 1: a session" },
        { "v=0\r\nhello\r\n", "line 2: this is no line" },
        { "v=0\ns=-\nm=audio x UDP/TLS/RTP/SAVPF 1\n", "line 3: the port" },
        { "v=0\nm=audio 9 UDP/TLS/RTP/SAVPF 1 1\n", "line 2: a payload type is listed twice" },
        { "v=0\nm=audio 9 UDP/TLS/RTP/SAVPF 128\n", "line 2: a payload type is no number" },
        { "v=0\nm=audio 9 X 1\na=rtpmap:1 opus\n", "line 3: rtpmap has no clock" },
        { "v=0\nm=audio 9 X 1\na=rtpmap:1 opus/x\n", "line 3: the clock rate" },
        { "v=0\nm=audio 9 X 1\na=ssrc:99999999999 cname:x\n", "line 3: the SSRC" },
        { "v=0\nm=audio 9 X 1\na=setup:maybe\n", "line 3: setup is none" },
        { "v=0\nm=audio 9 X 1\na=rid:t both\n", "line 3: a rid is neither" },
        { "v=0\nm=audio 9 X 1\na=extmap:x uri\n", "line 3: the extension id" },
        { "v=0\na=mid:\x01\n", "line 2: control characters" },
    };
    (void)state;
    for (guint i = 0; i < G_N_ELEMENTS(CASES); i++) {
        g_autoptr(GError) error = NULL;
        g_autoptr(Sdp) sdp = sdp_parse(CASES[i].text, strlen(CASES[i].text), &error);
        assert_null(sdp);
        assert_true(g_error_matches(error, FAULT, FAULT_BAD_INPUT));
        if (strstr(error->message, CASES[i].sentence) == NULL)
            fail_msg("case %u says: %s", i, error->message);
    }
    g_autofree char *long_text = g_strnfill(SDP_BYTES_MAX + 1, 'x');
    assert_null(sdp_parse(long_text, SDP_BYTES_MAX + 1, NULL));
    assert_null(sdp_parse("v=0\0", 4, NULL));
}

static void sdp_limits(void **state) {
    g_autoptr(GString) text = g_string_new("v=0\n");
    g_autoptr(GError) error = NULL;
    (void)state;
    for (guint i = 0; i < SDP_SECTIONS_MAX; i++) {
        g_string_append(text, "m=video 9 UDP/TLS/RTP/SAVPF 96\n");
        for (guint k = 0; k < 100; k++)
            g_string_append_printf(text, "a=ssrc:%u cname:c\na=extmap:%u u\na=candidate:x\n", k + 1, k + 1);
    }
    g_autoptr(Sdp) sdp = sdp_parse(text->str, text->len, &error);
    if (error != NULL) fail_msg("%s", error->message);
    assert_int_equal(sdp->sections[7].n_ssrcs, SDP_SSRCS_MAX);
    assert_int_equal(sdp->sections[7].n_extmaps, SDP_EXTMAPS_MAX);
    g_string_append(text, "m=video 9 UDP/TLS/RTP/SAVPF 96\n");
    assert_null(sdp_parse(text->str, text->len, NULL));
}

static void fmtp_values(void **state) {
    char value[16];
    (void)state;
    assert_true(sdp_fmtp_value("a=1; Profile-Level-Id=42e01f;b=2", "profile-level-id", value, sizeof value));
    assert_string_equal(value, "42e01f");
    assert_true(sdp_fmtp_value("apt=96", "apt", value, 2));
    assert_string_equal(value, "9");
    assert_false(sdp_fmtp_value("apt", "apt", value, sizeof value));
    assert_false(sdp_fmtp_value("xapt=1", "apt", value, sizeof value));
    assert_true(sdp_list_has("0 1 audio", "audio"));
    assert_false(sdp_list_has("0 1 audio", "aud"));
    assert_false(sdp_list_has("0 1", ""));
}

/* ---- our offer ---- */

static void our_offer_is_what_we_promise(void **state) {
    g_autofree char *text = negotiate_offer(&OFFER);
    g_autoptr(Sdp) sdp = sdp_parse(text, strlen(text), NULL);
    (void)state;
    assert_non_null(sdp);
    assert_int_equal(sdp->n_sections, 3);
    assert_string_equal(sdp->bundle, "0 1 2");
    for (guint i = 0; i < 3; i++) {
        const SdpSection *section = &sdp->sections[i];
        assert_int_equal(section->direction, SDP_SENDRECV);
        assert_true(section->rtcp_mux && section->rtcp_rsize);
        assert_int_equal(section->setup, SETUP_ACTPASS);
        assert_string_equal(section->ufrag, "abcd");
        assert_int_equal(section->n_candidates, i == 0 ? 1 : 0);
        assert_string_equal(section->simulcast_recv, i == 0 ? "" : "t;m");
    }
    assert_int_equal(sdp->sections[1].ssrc_groups[0].ssrcs[1], 1003);
    assert_string_equal(sdp->sections[0].msid, "diemcau audio");
    assert_string_equal(sdp->sections[1].msid, "diemcau video"); /* one stream: played in sync */
    assert_string_equal(sdp->sections[0].formats[0].fmtp, "minptime=10;useinbandfec=1;usedtx=1");

    OfferSpec receive_only = OFFER;
    receive_only.receive_only = TRUE;
    g_autofree char *other = negotiate_offer(&receive_only);
    g_autoptr(Sdp) second = sdp_parse(other, strlen(other), NULL);
    assert_int_equal(second->sections[1].direction, SDP_SENDONLY);
    assert_string_equal(second->sections[1].simulcast_recv, "");
}

static void chromium_answers_our_offer(void **state) {
    g_autofree char *text = load("chromium-answer.sdp");
    g_autoptr(GError) error = NULL;
    const MediaSection *video = &plan.sections[SECTION_VIDEO];
    (void)state;
    if (!negotiate_read_answer(&OFFER, text, strlen(text), &plan, &error)) fail_msg("%s", error->message);
    assert_int_equal(plan.remote.setup, SETUP_ACTIVE);
    assert_true(plan.reduced_size);
    assert_true(plan.sections[0].we_send && plan.sections[0].we_receive);
    assert_int_equal(plan.sections[0].exts.audio_level, EXT_AUDIO_LEVEL);
    assert_int_equal(plan.sections[0].remote[0].ssrc, 2201323627u);
    assert_int_equal(video->n_rids, 2);
    assert_string_equal(video->rids[0], "t");
    assert_string_equal(video->rids[1], "m");
    assert_true(video->rids_from_peer);
    assert_int_equal(video->local_ssrc, 1002);
    assert_int_equal(video->local_rtx_ssrc, 1003);
    assert_int_equal(video->feedback,
                     SDP_FB_NACK | SDP_FB_PLI | SDP_FB_FIR | SDP_FB_REMB | SDP_FB_TRANSPORT_CC);
}

/* Fingerprint on session level, rids declared one-way, the presentation rejected, no transport-cc on audio. */
static void firefox_answers_our_offer(void **state) {
    g_autofree char *text = load("firefox-answer.sdp");
    g_autoptr(GError) error = NULL;
    (void)state;
    if (!negotiate_read_answer(&OFFER, text, strlen(text), &plan, &error)) fail_msg("%s", error->message);
    assert_true(g_str_has_prefix(plan.remote.fingerprint, "sha-256 12:AB"));
    assert_int_equal(plan.sections[1].n_rids, 2);
    assert_int_equal(plan.sections[1].exts.rid, EXT_RID);
    assert_int_equal(plan.sections[0].exts.transport_cc, 0);
    assert_int_equal(plan.sections[0].feedback, 0);
    assert_true(plan.sections[2].rejected);
    assert_false(plan.reduced_size);
}

/* One change each to Chromium's answer. */
static void bad_answers_are_refused_in_words(void **state) {
    static const struct {
        const char *from, *to, *sentence;
    } CASES[] = {
        { "a=extmap:4 urn:ietf:params:rtp-hdrext:sdes:mid", "a=extmap:9 urn:ietf:params:rtp-hdrext:sdes:mid",
          "changed the id" },
        { "m=audio 9 UDP/TLS/RTP/SAVPF 111", "m=audio 9 UDP/TLS/RTP/SAVPF 112", "lacks the codec" },
        { "a=setup:active", "a=setup:actpass", "must not say" },
        { "a=ice-pwd:74rxApCgOfr+mv3YyohQWde/", "a=ice-pwd:short", "ice-pwd" },
        { "a=rtcp-mux", "a=nothing", "rtcp-mux" },
        { "a=group:BUNDLE 0 1 2", "a=group:BUNDLE 0 1", "BUNDLE" },
        { "a=mid:1", "a=mid:7", "mid differs" },
        { "m=video", "m=audio", "kind of media" },
        { "a=fingerprint:sha-256", "a=finger:", "fingerprint" },
    };
    (void)state;
    for (guint i = 0; i < G_N_ELEMENTS(CASES); i++) {
        g_autofree char *text = load("chromium-answer.sdp");
        g_auto(GStrv) parts = g_strsplit(text, CASES[i].from, -1);
        g_autofree char *changed = g_strjoinv(CASES[i].to, parts);
        g_autoptr(GError) error = NULL;
        assert_true(g_strv_length(parts) > 1);
        if (negotiate_read_answer(&OFFER, changed, strlen(changed), &plan, &error))
            fail_msg("case %u was taken", i);
        if (strstr(error->message, CASES[i].sentence) == NULL)
            fail_msg("case %u says: %s", i, error->message);
    }
}

/* ---- foreign offers ---- */

static void foreign_offers(void **state) {
    static const struct {
        const char *name;
        AnswerWay way;
        Codec video;
        guint pt, rtx, opus, mid_ext, level_ext;
        guint32 video_ssrc;
    } CASES[] = {
        { "chromium-whip.sdp", ANSWER_RECEIVE, CODEC_VP8, 96, 97, 111, 4, 1, 0 },
        { "chromium-whep.sdp", ANSWER_SEND, CODEC_VP8, 96, 97, 111, 4, 1, 0 },
        { "firefox-whip.sdp", ANSWER_RECEIVE, CODEC_VP8, 120, 124, 109, 3, 1, 1719284532u },
        { "firefox-whep.sdp", ANSWER_SEND, CODEC_VP8, 120, 124, 109, 3, 1, 0 },
        { "obs-whip.sdp", ANSWER_RECEIVE, CODEC_H264, 96, 0, 111, 0, 0, 1284503262u },
        { "gstreamer-whip.sdp", ANSWER_RECEIVE, CODEC_VP8, 97, 0, 96, 0, 1, 3774821121u },
    };
    (void)state;
    for (guint i = 0; i < G_N_ELEMENTS(CASES); i++) {
        g_autofree char *text = load(CASES[i].name), *answer = NULL;
        g_autoptr(GError) error = NULL;
        const MediaSection *audio = NULL, *video = NULL;
        gboolean send = CASES[i].way == ANSWER_SEND;
        TransportDescription local = TRANSPORT;
        AnswerSpec spec = {
            .session_id = 9, .session_version = 1, .cname = "diemcau-9", .transport = &local
        };
        if (!negotiate_read_offer(CASES[i].way, text, strlen(text), &plan, &error))
            fail_msg("%s: %s", CASES[i].name, error->message);
        for (guint k = 0; k < plan.n_sections; k++)
            *(plan.sections[k].kind == MEDIA_AUDIO ? &audio : &video) = &plan.sections[k];
        assert_true(audio->we_send == send && audio->we_receive == !send);
        assert_true(video->we_send == send && video->we_receive == !send);
        assert_int_equal(video->codec, CASES[i].video);
        assert_int_equal(video->payload_type, CASES[i].pt);
        assert_int_equal(video->rtx_payload_type, CASES[i].rtx);
        assert_int_equal(audio->payload_type, CASES[i].opus);
        assert_int_equal(audio->exts.mid, CASES[i].mid_ext);
        assert_int_equal(audio->exts.audio_level, CASES[i].level_ext);
        if (CASES[i].video_ssrc != 0) assert_int_equal(video->remote[0].ssrc, CASES[i].video_ssrc);
        assert_int_equal(plan.remote.setup, SETUP_ACTPASS);

        local.setup = SETUP_PASSIVE;
        for (guint k = 0; send && k < plan.n_sections; k++) plan.sections[k].local_ssrc = 100 + k;
        answer = negotiate_answer(&plan, &spec);
        g_autoptr(Sdp) sdp = sdp_parse(answer, strlen(answer), &error);
        if (sdp == NULL) fail_msg("%s: our answer: %s", CASES[i].name, error->message);
        assert_int_equal(sdp->n_sections, plan.n_sections);
        for (guint k = 0; k < sdp->n_sections; k++) {
            assert_int_equal(sdp->sections[k].direction, send ? SDP_SENDONLY : SDP_RECVONLY);
            assert_int_equal(sdp->sections[k].setup, SETUP_PASSIVE);
            assert_true(sdp_list_has(sdp->bundle, sdp->sections[k].mid));
            assert_int_equal(sdp->sections[k].formats[0].payload_type, plan.sections[k].payload_type);
            assert_int_equal(sdp->sections[k].n_ssrcs, send ? 1 : 0);
        }
    }
}

/* Templates: %s is replaced by lines of the video section. */
static char *offer_with_video(const char *formats, const char *lines) {
    return g_strdup_printf(
        "v=0\r\na=group:BUNDLE v\r\nm=video 9 UDP/TLS/RTP/SAVPF %s\r\na=mid:v\r\na=ice-ufrag:abcd\r\n"
        "a=ice-pwd:abcdefghijklmnopqrstuv\r\na=fingerprint:sha-256 AB\r\na=setup:actpass\r\na=rtcp-mux\r\n%s",
        formats, lines);
}

static void codec_choice(void **state) {
    static const struct {
        const char *name, *formats, *lines;
        AnswerWay way;
        Codec codec;
        guint pt;
    } CASES[] = {
        { "client's order, receiving", "98 96",
          "a=rtpmap:98 H264/90000\r\na=fmtp:98 packetization-mode=1;profile-level-id=42e01f\r\na=rtpmap:96 "
          "VP8/90000\r\n",
          ANSWER_RECEIVE, CODEC_H264, 98 },
        { "VP8 first, sending", "98 96",
          "a=rtpmap:98 H264/90000\r\na=fmtp:98 packetization-mode=1;profile-level-id=42e01f\r\na=rtpmap:96 "
          "VP8/90000\r\n",
          ANSWER_SEND, CODEC_VP8, 96 },
        { "mode 1 before mode 0, sending", "98 99",
          "a=rtpmap:98 H264/90000\r\na=fmtp:98 packetization-mode=0;profile-level-id=42001f\r\na=rtpmap:99 "
          "h264/90000\r\na=fmtp:99 profile-level-id=42e034;packetization-mode=1\r\n",
          ANSWER_SEND, CODEC_H264, 99 },
        { "high profile, receiving", "98",
          "a=rtpmap:98 H264/90000\r\na=fmtp:98 packetization-mode=1;profile-level-id=640c1f\r\n",
          ANSWER_RECEIVE, CODEC_H264, 98 },
        { "high profile, sending", "98",
          "a=rtpmap:98 H264/90000\r\na=fmtp:98 packetization-mode=1;profile-level-id=640c1f\r\n", ANSWER_SEND,
          0, 0 },
        { "mode 2", "98",
          "a=rtpmap:98 H264/90000\r\na=fmtp:98 packetization-mode=2;profile-level-id=42e01f\r\n",
          ANSWER_RECEIVE, 0, 0 },
        { "garbled profile", "98", "a=rtpmap:98 H264/90000\r\na=fmtp:98 profile-level-id=xyz\r\n",
          ANSWER_RECEIVE, 0, 0 },
        { "AV1 and VP9 only", "45 46", "a=rtpmap:45 AV1/90000\r\na=rtpmap:46 VP9/90000\r\n", ANSWER_RECEIVE,
          0, 0 },
        { "direction against the way", "96", "a=rtpmap:96 VP8/90000\r\na=recvonly\r\n", ANSWER_RECEIVE, 0,
          0 },
    };
    (void)state;
    for (guint i = 0; i < G_N_ELEMENTS(CASES); i++) {
        g_autofree char *text = offer_with_video(CASES[i].formats, CASES[i].lines);
        g_autoptr(GError) error = NULL;
        gboolean ok = negotiate_read_offer(CASES[i].way, text, strlen(text), &plan, &error);
        if (ok != (CASES[i].codec != 0)) fail_msg("%s: %s", CASES[i].name, ok ? "taken" : error->message);
        if (!ok) assert_true(g_error_matches(error, FAULT, FAULT_REFUSED));
        if (!ok) continue;
        if (plan.sections[0].codec != CASES[i].codec || plan.sections[0].payload_type != CASES[i].pt)
            fail_msg("%s", CASES[i].name);
    }
}

/* RFC 8843 7.3: a client that offered no group gets none. */
static void answers_have_a_group_when_offers_have(void **state) {
    static const char *const groups[] = { "a=group:BUNDLE v\r\n", "" };
    (void)state;
    for (guint i = 0; i < G_N_ELEMENTS(groups); i++) {
        g_autofree char *grouped = offer_with_video("96", "a=rtpmap:96 VP8/90000\r\n");
        g_auto(GStrv) parts = g_strsplit(grouped, groups[0], 2);
        g_autofree char *offer = g_strjoinv(groups[i], parts);
        g_autofree MediaPlan *read = g_new0(MediaPlan, 1);
        assert_true(negotiate_read_offer(ANSWER_SEND, offer, strlen(offer), read, NULL));
        AnswerSpec spec = { .session_id = 5, .session_version = 1, .cname = "c", .transport = &read->remote };
        g_autofree char *answer = negotiate_answer(read, &spec);
        assert_int_equal(strstr(answer, "a=group") != NULL, *groups[i] != '\0');
    }
}

/* A data channel and a second audio are rejected in place; simulcast of a WHIP client is taken with its own rids and ids. */
static void sections_keep_their_places(void **state) {
    g_autoptr(GString) text = g_string_new(
        "v=0\r\na=group:BUNDLE 0 1 2 3\r\na=ice-ufrag:abcd\r\na=ice-pwd:abcdefghijklmnopqrstuv\r\n"
        "a=fingerprint:sha-256 AB\r\na=setup:actpass\r\n");
    AnswerSpec spec = { .session_id = 9, .session_version = 1, .cname = "c", .transport = &TRANSPORT };
    g_autoptr(GError) error = NULL;
    g_autofree char *answer = NULL;
    (void)state;
    g_string_append(
        text,
        "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\na=mid:0\r\n"
        "m=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=mid:1\r\na=rtcp-mux\r\na=rtpmap:111 "
        "opus/48000/2\r\na=extmap:1 " EXT_URI_MID "\r\n"
        "m=audio 9 UDP/TLS/RTP/SAVPF 112\r\na=mid:2\r\na=rtcp-mux\r\na=rtpmap:112 opus/48000/2\r\n"
        "m=video 9 UDP/TLS/RTP/SAVPF 96\r\na=mid:3\r\na=rtcp-mux\r\na=rtpmap:96 VP8/90000\r\na=sendonly\r\n"
        "a=extmap:1 " EXT_URI_RID "\r\na=extmap:2 " EXT_URI_MID
        "\r\na=rid:lo send\r\na=rid:hi send\r\na=simulcast:send lo;~hi\r\n");
    if (!negotiate_read_offer(ANSWER_RECEIVE, text->str, text->len, &plan, &error))
        fail_msg("%s", error->message);
    assert_true(plan.sections[0].rejected && !plan.sections[1].rejected && plan.sections[2].rejected &&
                !plan.sections[3].rejected);
    assert_int_equal(plan.sections[1].exts.mid, 1); /* the same id means another thing in the other section */
    assert_int_equal(plan.sections[3].exts.rid, 1);
    assert_int_equal(plan.sections[3].exts.mid, 2);
    assert_int_equal(plan.sections[3].n_rids, 2);
    assert_string_equal(plan.sections[3].rids[1], "hi");
    answer = negotiate_answer(&plan, &spec);
    assert_non_null(strstr(answer, "m=application 0 UDP/DTLS/SCTP webrtc-datachannel\r\n"));
    assert_non_null(strstr(answer, "m=audio 0 UDP/TLS/RTP/SAVPF 112\r\n"));
    assert_non_null(strstr(answer, "a=group:BUNDLE 1 3\r\n"));
    assert_non_null(strstr(answer, "a=simulcast:recv lo;hi\r\n"));
    assert_non_null(strstr(answer, "a=candidate:1 1 udp"));
}

static void offers_without_the_basics(void **state) {
    static const struct {
        const char *from, *to, *sentence;
    } CASES[] = { { "a=rtcp-mux", "a=x", "rtcp-mux" },
                  { "a=setup:actpass", "a=x", "a=setup" },
                  { "a=ice-ufrag:abcd", "a=x", "ice-ufrag" },
                  { "a=fingerprint:sha-256 AB", "a=x", "fingerprint" },
                  { "a=mid:v", "a=mid:seventeen-letters", "longer than 16" } };
    (void)state;
    for (guint i = 0; i < G_N_ELEMENTS(CASES); i++) {
        g_autofree char *text = offer_with_video("96", "a=rtpmap:96 VP8/90000\r\n");
        g_auto(GStrv) parts = g_strsplit(text, CASES[i].from, -1);
        g_autofree char *changed = g_strjoinv(CASES[i].to, parts);
        g_autoptr(GError) error = NULL;
        assert_false(negotiate_read_offer(ANSWER_RECEIVE, changed, strlen(changed), &plan, &error));
        assert_true(g_error_matches(error, FAULT, FAULT_BAD_INPUT));
        if (strstr(error->message, CASES[i].sentence) == NULL)
            fail_msg("case %u says: %s", i, error->message);
    }
}

/* The simulator takes our offer and we take its answer: both ends agree on every number. */
static void our_offer_and_our_answer_meet(void **state) {
    g_autofree char *offer = negotiate_offer(&OFFER), *answer = NULL;
    static MediaPlan client, server;
    AnswerSpec spec = { .session_id = 3, .session_version = 1, .cname = "room", .transport = &plan.remote };
    g_autoptr(GError) error = NULL;
    (void)state;
    assert_true(negotiate_read_offer(ANSWER_BOTH, offer, strlen(offer), &client, &error));
    assert_int_equal(client.sections[1].n_rids, 2);
    assert_false(client.sections[1].rids_from_peer);
    assert_int_equal(client.sections[1].remote[0].ssrc, 1002);
    assert_int_equal(client.sections[1].remote[0].rtx_ssrc, 1003);
    client.sections[0].local_ssrc = 51;
    plan.remote = TRANSPORT;
    plan.remote.setup = SETUP_ACTIVE;
    answer = negotiate_answer(&client, &spec);
    if (!negotiate_read_answer(&OFFER, answer, strlen(answer), &server, &error))
        fail_msg("%s", error->message);
    assert_int_equal(server.sections[0].remote[0].ssrc, 51);
    for (guint i = 0; i < 3; i++) {
        assert_true(server.sections[i].we_send && server.sections[i].we_receive);
        assert_memory_equal(&server.sections[i].exts, &client.sections[i].exts, sizeof(MediaExts));
        assert_int_equal(server.sections[i].n_rids, i == 0 ? 0 : 2);
    }
}

static void candidates(void **state) {
    static const struct {
        const char *text;
        gboolean ok;
    } CASES[] = { { "1 1 udp 2130706431 127.0.0.1 20000 typ host", TRUE },
                  { "1 1 UDP 1 2001:db8::1 9 typ host generation 0 ufrag x", TRUE },
                  { "1 2 udp 1 127.0.0.1 9 typ host", FALSE },
                  { "1 1 tcp 1 127.0.0.1 9 typ host tcptype active", FALSE },
                  { "1 1 udp 1 8f2c-11.local 9 typ host", FALSE },
                  { "1 1 udp 1 127.0.0.1 0 typ host", FALSE },
                  { "1 1 udp 1 127.0.0.1", FALSE },
                  { "", FALSE } };
    char address[64], text[160];
    guint16 port;
    guint32 priority;
    (void)state;
    for (guint i = 0; i < G_N_ELEMENTS(CASES); i++)
        if (negotiate_read_candidate(CASES[i].text, address, sizeof address, &port, &priority) != CASES[i].ok)
            fail_msg("%s", CASES[i].text);
    negotiate_host_candidate(text, sizeof text, 0, "127.0.0.1", 20000);
    assert_string_equal(text, "1 1 udp 2130706431 127.0.0.1 20000 typ host");
}

/* ---- streams ---- */

static RtpPacket packet_of(guint8 *bytes, guint32 ssrc, guint8 pt, guint8 id_a, const char *a, guint8 id_b,
                           const char *b) {
    Writer writer = writer_over(bytes, 128);
    RtpPacket packet;
    rtp_write_header(&writer, &(RtpHeader){ .ssrc = ssrc, .payload_type = pt });
    RtpExtWriter ext = rtp_ext_begin(&writer);
    if (a != NULL) rtp_ext_put_text(&ext, id_a, a);
    if (b != NULL) rtp_ext_put_text(&ext, id_b, b);
    rtp_ext_end(&ext);
    assert_true(rtp_parse(bytes, writer.n_bytes, &packet));
    return packet;
}

static void streams_are_learned(void **state) {
    g_autofree char *text = load("chromium-answer.sdp");
    guint8 bytes[128];
    RtpStreams streams;
    RtpPacket packet;
    RtpStream *stream;
    (void)state;
    assert_true(negotiate_read_answer(&OFFER, text, strlen(text), &plan, NULL));
    rtp_streams_init(&streams, &plan);
    stream = rtp_streams_find(&streams, 2201323627u);
    assert_true(stream != NULL && stream->section == SECTION_AUDIO);

    packet = packet_of(bytes, 70, PT_VP8, EXT_MID, "1", EXT_RID, "m");
    stream = rtp_streams_of(&streams, &packet);
    assert_true(stream != NULL && stream->section == SECTION_VIDEO && !stream->is_rtx);
    assert_string_equal(stream->rid, "m");
    packet = packet_of(bytes, 70, PT_VP8, 0, NULL, 0, NULL); /* told once, known after */
    assert_true(rtp_streams_of(&streams, &packet) == stream);
    packet = packet_of(bytes, 71, PT_VP8_RTX, EXT_MID, "1", EXT_REPAIRED_RID, "m");
    stream = rtp_streams_of(&streams, &packet);
    assert_true(stream != NULL && stream->is_rtx && stream->primary == 70);
    packet = packet_of(bytes, 73, PT_VP8_RTX, EXT_MID, "1", EXT_REPAIRED_RID, "t"); /* before its primary */
    stream = rtp_streams_of(&streams, &packet);
    assert_true(stream != NULL && stream->primary == 0);
    packet = packet_of(bytes, 72, PT_VP8, EXT_MID, "1", EXT_RID, "t");
    assert_non_null(rtp_streams_of(&streams, &packet));
    assert_int_equal(rtp_streams_find(&streams, 73)->primary, 72);

    packet = packet_of(bytes, 80, PT_VP8, 0, NULL, 0, NULL); /* two sections share the payload type */
    assert_null(rtp_streams_of(&streams, &packet));
    packet = packet_of(bytes, 81, PT_VP8, EXT_MID, "1", EXT_RID, "z"); /* a layer nobody agreed on */
    assert_null(rtp_streams_of(&streams, &packet));
    packet = packet_of(bytes, 82, 77, EXT_MID, "1", 0, NULL); /* a payload type nobody agreed on */
    assert_null(rtp_streams_of(&streams, &packet));
    packet = packet_of(bytes, 2201323627u, PT_VP8, 0, NULL, 0, NULL); /* video on the audio's SSRC */
    assert_null(rtp_streams_of(&streams, &packet));
    assert_int_equal(streams.n_refused, 4);

    packet =
        packet_of(bytes, 90, PT_VP8, EXT_MID, "1", EXT_RID, "m"); /* the layer starts over under a new SSRC */
    stream = rtp_streams_of(&streams, &packet);
    assert_true(stream != NULL && stream->ssrc == 90);
    assert_null(rtp_streams_find(&streams, 70));
    assert_int_equal(rtp_streams_find(&streams, 71)->primary, 90);
    rtp_streams_forget(&streams, 90);
    assert_null(rtp_streams_find(&streams, 90));
    assert_int_equal(rtp_streams_find(&streams, 71)->primary, 0);
}

static void a_flood_of_ssrcs_is_bounded(void **state) {
    g_autofree char *text = load("obs-whip.sdp");
    guint8 bytes[128];
    RtpStreams streams;
    (void)state;
    assert_true(negotiate_read_offer(ANSWER_RECEIVE, text, strlen(text), &plan, NULL));
    rtp_streams_init(&streams, &plan);
    assert_int_equal(rtp_streams_find(&streams, 1284503262u)->section, 1);
    for (guint32 ssrc = 1; ssrc < 1000; ssrc++) {
        RtpPacket packet = packet_of(bytes, ssrc, 96, 0, NULL, 0, NULL);
        rtp_streams_of(&streams, &packet);
    }
    assert_true(streams.n_streams <= RTP_STREAMS_MAX);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sdp_errors_name_the_line),
        cmocka_unit_test(sdp_limits),
        cmocka_unit_test(fmtp_values),
        cmocka_unit_test(our_offer_is_what_we_promise),
        cmocka_unit_test(chromium_answers_our_offer),
        cmocka_unit_test(firefox_answers_our_offer),
        cmocka_unit_test(bad_answers_are_refused_in_words),
        cmocka_unit_test(foreign_offers),
        cmocka_unit_test(codec_choice),
        cmocka_unit_test(answers_have_a_group_when_offers_have),
        cmocka_unit_test(sections_keep_their_places),
        cmocka_unit_test(offers_without_the_basics),
        cmocka_unit_test(our_offer_and_our_answer_meet),
        cmocka_unit_test(candidates),
        cmocka_unit_test(streams_are_learned),
        cmocka_unit_test(a_flood_of_ssrcs_is_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
