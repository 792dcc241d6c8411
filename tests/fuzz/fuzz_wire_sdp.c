/* fuzz_wire_sdp.c -- door: text as an offer of a client (and our answer, which must be SDP again), and as an answer to ours. */
#include "bridge/wire/rtp_streams.h"

#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes);

static MediaPlan plan;

static void offer(AnswerWay way, const char *text, gsize n_bytes) {
    static const TransportDescription TRANSPORT = { .ufrag = "abcd",
                                                    .pwd = "abcdefghijklmnopqrstuv",
                                                    .fingerprint = "sha-256 AB",
                                                    .setup = SETUP_PASSIVE,
                                                    .n_candidates = 1,
                                                    .candidates = { "1 1 udp 1 127.0.0.1 9 typ host" } };
    AnswerSpec spec = { .session_id = 1, .session_version = 1, .cname = "c", .transport = &TRANSPORT };
    g_autofree char *answer = NULL;
    if (!negotiate_read_offer(way, text, n_bytes, &plan, NULL)) return;
    answer = negotiate_answer(&plan, &spec);
    g_autoptr(Sdp) sdp = sdp_parse(answer, strlen(answer), NULL);
    g_assert(sdp != NULL && sdp->n_sections == plan.n_sections);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes) {
    OfferSpec spec = {
        .session_id = 1, .session_version = 1, .cname = "c", .local = { { 1, 0 }, { 2, 3 }, { 4, 5 } }
    };
    offer(ANSWER_RECEIVE, (const char *)data, n_bytes);
    offer(ANSWER_SEND, (const char *)data, n_bytes);
    offer(ANSWER_BOTH, (const char *)data, n_bytes);
    if (negotiate_read_answer(&spec, (const char *)data, n_bytes, &plan, NULL)) {
        RtpStreams streams;
        rtp_streams_init(&streams, &plan);
    }
    return 0;
}
