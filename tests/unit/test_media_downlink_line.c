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
    gsize low_bytes, low_key_bytes; /* a picture of the lower rung */
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

/* 40 ms of both rungs with their own keyframes, and of stills. */
static void tick_of(Far *far, Encoder *still) {
    gint64 tick = (now_us - epoch_us) / (40 * MS);
    fanout_video(fanout, encode(&high, tick % 250 == 0, tick % 250 == 0 ? 25000 : 7000), now_us);
    fanout_video(fanout, encode(&low, tick % 100 == 0, tick % 100 == 0 ? far->low_key_bytes : far->low_bytes),
                 now_us);
    if (tick % 100 == 50) fanout_video(fanout, encode(still, TRUE, 9000), now_us);
    pass(40 * MS);
    for (; far->n_seen < caught->len; far->n_seen++) arrive(far, nth(far->n_seen));
    if (now_us - far->feedback_us >= 80 * MS) {
        far->feedback_us = now_us;
        tell(far);
    }
    if (now_us - far->report_us < S || far->n_video == 0) return;
    far->report_us = now_us;
    lost((guint8)(far->n_video_lost * 255 / far->n_video));
    far->n_video = far->n_video_lost = 0;
}

static void seconds(Far *far, Encoder *still, guint n) {
    for (guint i = 0; i < n * 25; i++) tick_of(far, still);
}

static void run_on(const char *name, double kbps, double loss, StreamId expected, StreamId worst) {
    static const DownlinkEvents events = { .rung = on_rung };
    Far *far = g_new0(Far, 1);
    Encoder still = { .stream = STILL, .time_base = 0xffff0000, .tl0 = 3 };
    print_message("case: %s\n", name);
    far->dice = g_rand_new_with_seed(3);
    far->kbps = 5000;
    far->low_bytes = 2350;
    far->low_key_bytes = 9000;
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

/* ---- slides ---- */

enum { SLIDES_SSRC = 0xd0, SLIDES_RTX = 0xd1, FINE = 31, SLOW = 32, SLIDE_BYTES = 45000, SLIDE_EVERY = 10 };

static const DownlinkRung two_and_small[] = {
    { .stream = HIGH, .bitrate_bps = 1500000, .width = 1280, .height = 720, .fps = 25, .layers = 2 },
    { .stream = LOW, .bitrate_bps = 120000, .width = 320, .height = 180, .fps = 25, .layers = 2 },
    { .stream = STILL, .bitrate_bps = 20000, .width = 640, .height = 360, .fps = 1, .stills = 1 }
};
static const DownlinkRung screen[] = {
    { .stream = FINE, .bitrate_bps = 800000, .width = 1280, .height = 720, .fps = 8, .layers = 1 },
    { .stream = SLOW, .bitrate_bps = 300000, .width = 1280, .height = 720, .fps = 2, .layers = 1 }
};

typedef struct {
    Encoder fine, slow;
    gint64 turned_us, readable_us; /* readable: 0, not yet */
    guint8 first;                  /* the second byte of the frame that shows it: what encode() puts there */
} Slides;

/* One tick of 40 ms of both layers; a slide that was turned is all of the next frame. */
static void show(Slides *slides, guint tick, gboolean turned) {
    static gboolean slow_due;
    slow_due |= turned;
    if (turned) {
        slides->turned_us = now_us;
        slides->readable_us = 0;
    }
    if (tick % 3 == 0)
        fanout_video(fanout, encode(&slides->fine, turned || asked == FINE, turned ? SLIDE_BYTES : 400),
                     now_us);
    if (tick % 12 != 0) return;
    Block *block = encode(&slides->slow, turned || asked == SLOW, slow_due ? SLIDE_BYTES : 400);
    if (slow_due) slides->first = (guint8)(31 + slides->slow.frame_index - 1 + SLOW);
    fanout_video(fanout, block, now_us);
    slow_due = FALSE;
    asked = 0;
}

/* The last packet of a frame that shows the slide has come. */
static void look(Slides *slides, Far *far, const Caught *one) {
    static gboolean shows;
    if (one->rtp.ssrc != SLIDES_SSRC) return;
    Vp8Descriptor descriptor;
    assert_true(vp8_descriptor_parse(one->rtp.payload, one->rtp.n_payload_bytes, &descriptor));
    if (descriptor.starts_partition) shows = one->rtp.payload[descriptor.n_bytes + 1] == slides->first;
    if (shows && one->rtp.marker && slides->readable_us == 0) slides->readable_us = far->free_us;
}

/* A slide every ten seconds to a leg that has found out how narrow its line is. */
static void slides_on(double kbps, gint64 readable_us_max) {
    static const DownlinkEvents events = { .rung = on_rung };
    Far *far = g_new0(Far, 1);
    Encoder still = { .stream = STILL, .time_base = 0xffff0000, .tl0 = 3 };
    Slides slides = { .fine = { .stream = FINE }, .slow = { .stream = SLOW } };
    far->dice = g_rand_new_with_seed(3);
    far->kbps = kbps;
    far->low_bytes = 500;
    far->low_key_bytes = 5000;
    downlink_free(leg);
    DownlinkConfig config = config_of_leg();
    config.video.ext_transport_cc = NUMBERS_ID;
    config.presentation = config.video;
    config.presentation.ssrc = SLIDES_SSRC;
    config.presentation.rtx_ssrc = SLIDES_RTX;
    leg = downlink_new(fanout, NULL, &config, &events, NULL);
    downlink_watch(leg, two_and_small, G_N_ELEMENTS(two_and_small), 0, now_us);
    seconds(far, &still, 20);
    for (guint tick = 0; tick < 6 * SLIDE_EVERY * 25; tick++) {
        gboolean turned = tick % (SLIDE_EVERY * 25) == 0;
        if (turned && tick > 0) {
            if (slides.readable_us == 0) fail_msg("%.0f kbit/s: a slide was never whole", kbps);
            gint64 after_us = slides.readable_us - slides.turned_us;
            print_message("  %.0f kbit/s: readable after %d ms\n", kbps, (int)(after_us / MS));
            assert_true(after_us < readable_us_max);
        }
        show(&slides, tick, turned);
        if (tick == 0) downlink_watch_presentation(leg, screen, G_N_ELEMENTS(screen), 0, now_us);
        guint from = far->n_seen;
        tick_of(far, &still);
        for (; from < far->n_seen; from++) look(&slides, far, nth(from));
    }
    g_rand_free(far->dice);
    g_free(far);
}

static void test_slides(void **state) {
    (void)state;
    slides_on(245, 4 * S);
}

static void test_slides_on_little(void **state) {
    (void)state;
    slides_on(110, 8 * S);
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = { CASE(test_600_kbps), CASE(test_1300_kbps),
                                        CASE(test_70_kbps),  CASE(test_30_percent),
                                        CASE(test_slides),   CASE(test_slides_on_little) };
    return cmocka_run_group_tests_name("downlink on a line", tests, NULL, NULL);
}
