/* A leg on a line that becomes narrow and heals, with transport-wide feedback from the receiver: what it is sent meanwhile. */
#include "tests/unit/downlink_fixture.h"

enum { NUMBERS_ID = 3, ONE_WAY_US = 30 * MS, QUEUE_US = 400 * MS };

static const DownlinkRung three[] = {
    { .stream = HIGH, .bitrate_bps = 1500000, .width = 1280, .height = 720, .fps = 25, .layers = 2 },
    { .stream = LOW, .bitrate_bps = 500000, .width = 640, .height = 360, .fps = 25, .layers = 2 },
    { .stream = STILL, .bitrate_bps = 20000, .width = 640, .height = 360, .fps = 1, .stills = 1 }
};

typedef struct {
    double kbps, loss;
    GRand *dice;
    gint64 free_us, feedback_us, report_us;
    guint n_seen;
    guint n_video, n_video_lost; /* since the last report */
    gint64 arrival_us[65536];    /* by transport-wide number; 0: none, -1: lost */
    guint next_told;
    gboolean any;
    guint16 newest;
    guint n_numbered, n_filler;
    gint64 wait_us_max;
} Far;

static void arrive(Far *far, const Caught *one) {
    guint16 number;
    gint64 wait_us = MAX(far->free_us - one->at_us, 0);
    gsize n_bytes = one->n_bytes + 44;
    gboolean lost = wait_us > QUEUE_US || g_rand_double(far->dice) < far->loss;
    if (wait_us <= QUEUE_US)
        far->free_us = one->at_us + wait_us + (gint64)((double)n_bytes * 8e3 / far->kbps);
    far->wait_us_max = MAX(far->wait_us_max, wait_us);
    if (one->rtp.ssrc == VIDEO_SSRC) {
        far->n_video++;
        far->n_video_lost += lost ? 1 : 0;
    } else {
        far->n_filler++;
    }
    if (!rtp_ext_transport_cc(&one->rtp, NUMBERS_ID, &number)) return;
    far->n_numbered++;
    if (!far->any) far->next_told = number;
    far->any = TRUE;
    far->newest = number;
    far->arrival_us[number] = lost ? -1 : far->free_us + ONE_WAY_US;
}

static void tell(Far *far) {
    RtcpItem *item = g_new0(RtcpItem, 1);
    item->kind = RTCP_TWCC;
    item->twcc.base_sequence = (guint16)far->next_told;
    item->twcc.reference_us = now_us / 64000 * 64000;
    while (far->any && item->twcc.n_packets < 1000 && (guint16)far->next_told != (guint16)(far->newest + 1)) {
        gint64 at_us = far->arrival_us[(guint16)far->next_told];
        if (at_us > now_us) break;
        item->twcc.arrival_us[item->twcc.n_packets++] =
            at_us <= 0 ? RTCP_TWCC_LOST : (gint32)(at_us - item->twcc.reference_us);
        far->next_told++;
    }
    if (item->twcc.n_packets > 0) downlink_on_rtcp(leg, item, now_us);
    g_free(item);
}

/* So many seconds of both rungs with their own keyframes, and of stills. */
static void seconds(Far *far, Encoder *still, guint n) {
    for (guint i = 0; i < n * 25; i++) {
        gint64 tick = (now_us - epoch_us) / (40 * MS);
        fanout_video(fanout, encode(&high, tick % 250 == 0, tick % 250 == 0 ? 25000 : 7000), now_us);
        fanout_video(fanout, encode(&low, tick % 100 == 0, tick % 100 == 0 ? 9000 : 2350), now_us);
        if (tick % 100 == 50) fanout_video(fanout, encode(still, TRUE, 9000), now_us);
        pass(40 * MS);
        for (; far->n_seen < caught->len; far->n_seen++) arrive(far, nth(far->n_seen));
        if (now_us - far->feedback_us >= 80 * MS) {
            far->feedback_us = now_us;
            tell(far);
        }
        if (now_us - far->report_us < S || far->n_video == 0) continue;
        far->report_us = now_us;
        lost((guint8)(far->n_video_lost * 255 / far->n_video));
        far->n_video = far->n_video_lost = 0;
    }
}

static void run_on(const char *name, double kbps, double loss, StreamId expected, StreamId worst) {
    static const DownlinkEvents events = { .rung = on_rung };
    Far *far = g_new0(Far, 1);
    Encoder still = { .stream = STILL, .time_base = 0xffff0000, .tl0 = 3 };
    print_message("case: %s\n", name);
    far->dice = g_rand_new_with_seed(3);
    far->kbps = 5000;
    downlink_free(leg);
    DownlinkConfig config = config_of_leg();
    config.video.ext_transport_cc = NUMBERS_ID;
    leg = downlink_new(fanout, NULL, &config, &events, NULL);
    high.layered = low.layered = TRUE;
    downlink_watch(leg, three, G_N_ELEMENTS(three), 0, now_us);
    seconds(far, &still, 12);
    assert_int_equal(far->n_numbered, 0); /* a line without trouble has smaller packets */
    assert_int_equal(far->n_filler, 0);
    far->kbps = kbps;
    far->loss = loss;
    seconds(far, &still, 25);
    DownlinkStats stats;
    downlink_read_stats(leg, &stats);
    print_message("  stream %u, estimate %u, longest wait %d ms\n", stats.stream, stats.estimate_bps,
                  (int)(far->wait_us_max / MS));
    assert_true(far->n_numbered > 0);
    assert_in_range(stats.stream, expected, worst);
    far->wait_us_max = 0;
    far->n_filler = 0;
    seconds(far, &still, 30); /* probes go on, and do not hurt */
    downlink_read_stats(leg, &stats);
    print_message("  stream %u, estimate %u, probes %u failed %u held, longest wait %d ms\n", stats.stream,
                  stats.estimate_bps, (guint)stats.n_probes_failed, (guint)stats.n_probes_held,
                  (int)(far->wait_us_max / MS));
    assert_in_range(stats.stream, expected, worst);
    far->kbps = 5000;
    far->loss = 0;
    far->n_filler = 0;
    seconds(far, &still, 75);
    downlink_read_stats(leg, &stats);
    print_message("  stream %u, estimate %u, probes %u failed %u held\n", stats.stream, stats.estimate_bps,
                  (guint)stats.n_probes_failed, (guint)stats.n_probes_held);
    assert_int_equal(stats.stream, HIGH);
    if (expected != HIGH) assert_true(stats.n_probes_held > 0 && far->n_filler > 0);
    guint n_numbered = far->n_numbered;
    seconds(far, &still, 40);
    n_numbered = far->n_numbered;
    seconds(far, &still, 5);
    assert_int_equal(far->n_numbered, n_numbered); /* calm again: no numbers */
    assert_int_equal(n_asked, 0);                  /* nothing of all this cost anybody a keyframe */
    check_continuous(0);
    g_rand_free(far->dice);
    g_free(far);
}

static void test_600_kbps(void **state) {
    (void)state;
    run_on("600 kbit/s", 600, 0, LOW, LOW);
}

static void test_1300_kbps(void **state) {
    (void)state;
    run_on("1.3 Mbit/s", 1300, 0, HIGH, LOW); /* thin, or whole and down again */
}

static void test_70_kbps(void **state) {
    (void)state;
    run_on("70 kbit/s", 70, 0, STILL, STILL);
}

static void test_30_percent(void **state) {
    (void)state;
    run_on("30 % loss", 5000, 0.3, HIGH, LOW);
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = { CASE(test_600_kbps), CASE(test_1300_kbps), CASE(test_70_kbps),
                                        CASE(test_30_percent) };
    return cmocka_run_group_tests_name("downlink on a line", tests, NULL, NULL);
}
