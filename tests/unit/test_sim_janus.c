/* What the simulator offers to a Janus VideoRoom is read by our own parser as a stranger's offer. */
#include "bridge/wire/negotiate.h"
#include "tests/load/janus_offer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static const TransportDescription LOCAL = {
    .ufrag = "abcdefgh",
    .pwd = "abcdefghijklmnopqrstuvwx",
    .fingerprint = "sha-256 00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF:"
                   "00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF",
    .setup = SETUP_ACTIVE,
    .n_candidates = 1,
    .candidates = { "1 1 udp 2130706431 127.0.0.1 5004 typ host" },
};

static void an_offer_of_voice_and_picture(void **state) {
    g_autofree char *offer = janus_offer(&LOCAL, "room-1");
    g_autoptr(GError) error = NULL;
    MediaPlan plan;
    (void)state;
    assert_true(negotiate_read_offer(ANSWER_RECEIVE, offer, strlen(offer), &plan, &error));
    assert_int_equal(plan.n_sections, 2);
    assert_int_equal(plan.sections[0].codec, CODEC_OPUS);
    assert_int_equal(plan.sections[1].codec, CODEC_VP8);
    for (guint i = 0; i < 2; i++) {
        assert_true(plan.sections[i].we_receive);
        assert_false(plan.sections[i].we_send);
        assert_int_not_equal(plan.sections[i].exts.mid,
                             0); /* all that tells the two apart: no SSRC is told */
        assert_int_equal(plan.sections[i].n_remote, 0);
    }
    assert_int_equal(plan.sections[1].n_rids, 0);
    assert_int_equal(plan.remote.setup, SETUP_ACTIVE);
    assert_string_equal(plan.remote.ufrag, LOCAL.ufrag);
    assert_string_equal(plan.remote.fingerprint, LOCAL.fingerprint);
    assert_int_equal(plan.remote.n_candidates, 1);
    assert_string_equal(plan.remote.candidates[0], LOCAL.candidates[0]);
}

int main(void) {
    const struct CMUnitTest tests[] = { cmocka_unit_test(an_offer_of_voice_and_picture) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
