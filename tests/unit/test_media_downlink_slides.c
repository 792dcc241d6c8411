/* test_media_downlink_slides.c -- a leg with two pictures: the program, and the screen that somebody shows. One line for both,
 * and the program gives way first; a screen that rests is joined from the store and sent to nobody twice. */
#include "tests/unit/downlink_fixture.h"

enum { MAIN = 31, SLOW = 32, SLIDES_SSRC = 0xd0, SLIDES_RTX_SSRC = 0xe0 };

static const DownlinkRung slides[] = {
    { .stream = MAIN, .bitrate_bps = 800000, .width = 1920, .height = 1080, .fps = 15, .layers = 1 },
    { .stream = SLOW, .bitrate_bps = 300000, .width = 1920, .height = 1080, .fps = 2, .layers = 1 },
};
static const DownlinkRung program[] = {
    { .stream = HIGH, .bitrate_bps = 1500000, .width = 1280, .height = 720, .fps = 25, .layers = 1 },
    { .stream = LOW, .bitrate_bps = 200000, .width = 320, .height = 180, .fps = 12, .layers = 1 },
};
static Encoder screen, slow_screen;
static StreamId slides_wished;

static void on_slides(gpointer user, StreamId stream) {
    (void)user;
    slides_wished = stream;
}

static int set_up_two(void **state) {
    static const DownlinkEvents events = { .rung = on_rung, .presentation = on_slides };
    set_up(state);
    downlink_free(leg);
    DownlinkConfig config = config_of_leg();
    config.presentation = config.video;
    config.presentation.ssrc = SLIDES_SSRC;
    config.presentation.rtx_ssrc = SLIDES_RTX_SSRC;
    leg = downlink_new(fanout, NULL, &config, &events, NULL);
    screen = (Encoder){ .stream = MAIN, .time_base = 77 };
    slow_screen = (Encoder){ .stream = SLOW, .time_base = 99 };
    slides_wished = 0;
    return 0;
}

static void show(Encoder *encoder, gboolean keyframe, gsize n_bytes) {
    Block *block = encode(encoder, keyframe, n_bytes);
    block->kept = TRUE;
    fanout_video(fanout, block, now_us);
}

static void watch_slides(void) { downlink_watch_presentation(leg, slides, G_N_ELEMENTS(slides), 0, now_us); }

/* For so many tenths of a second: the program at 25 frames a second, the screen at 10 and at 2. A keyframe that was asked for
 * comes with the next frame. */
static void meet(guint n_tenths, gboolean keyframe_first) {
    for (guint i = 0; i < n_tenths; i++) {
        gboolean first = keyframe_first && i == 0;
        run(2, first);
        show(&screen, first || asked == MAIN, first ? 60000 : 6000);
        if (i % 5 == 0) show(&slow_screen, first || asked == SLOW, first ? 60000 : 12000);
        asked = 0;
        pass(20 * MS);
    }
}

static guint count(guint32 ssrc, guint first) {
    guint n = 0;
    for (guint i = first; i < caught->len; i++) n += nth(i)->rtp.ssrc == ssrc;
    return n;
}

static void test_two_pictures(void **state) {
    (void)state;
    remb(20000000);
    watch_both();
    watch_slides();
    meet(20, TRUE);
    assert_int_equal(wished, HIGH);
    assert_int_equal(slides_wished, MAIN);
    assert_true(count(VIDEO_SSRC, 0) > 100);
    assert_true(count(SLIDES_SSRC, 0) > 100);
    check_continuous(0);
    /* Numbers of its own, and what is lost of it comes again on its own SSRC. */
    const Caught *last = NULL;
    guint n_before = caught->len;
    for (guint i = 0; i < n_before; i++)
        if (nth(i)->rtp.ssrc == SLIDES_SSRC) last = nth(i);
    RtcpItem *item = g_new0(RtcpItem, 1);
    item->kind = RTCP_NACK;
    item->media_ssrc = SLIDES_SSRC;
    item->nack.n_sequences = 1;
    item->nack.sequences[0] = last->rtp.sequence;
    downlink_on_rtcp(leg, item, now_us);
    g_free(item);
    assert_int_equal(count(SLIDES_RTX_SSRC, n_before), 1);
    assert_int_equal(count(RTX_SSRC, n_before), 0);
    const Caught *again = nth(n_before);
    assert_int_equal(again->rtp.payload[0] << 8 | again->rtp.payload[1], last->rtp.sequence);
    downlink_watch_presentation(leg, NULL, 0, 0, now_us);
    assert_int_equal(slides_wished, 0);
    n_before = caught->len;
    meet(10, FALSE);
    assert_int_equal(count(SLIDES_SSRC, n_before), 0);
    assert_true(count(VIDEO_SSRC, n_before) > 20);
}

static const struct {
    const char *name;
    guint64 line_bps;
    StreamId program, slides;
} lines[] = {
    { "room for both", 6000000, HIGH, MAIN },
    { "the program gives way first", 1150000, LOW, MAIN },
    { "then the screen comes slowly, as large and as sharp", 400000, LOW, SLOW },
};

static void test_who_gives_way(void **state) {
    for (guint i = 0; i < G_N_ELEMENTS(lines); i++) {
        if (i > 0) tear_down(state), set_up_two(state);
        remb(20000000);
        downlink_watch(leg, program, G_N_ELEMENTS(program), 0, now_us);
        watch_slides();
        meet(20, TRUE);
        for (guint k = 0; k < 20; k++) {
            remb(lines[i].line_bps);
            lost(lines[i].line_bps < 2000000 ? 10 : 0);
            meet(3, FALSE);
        }
        if (wished != lines[i].program || slides_wished != lines[i].slides)
            fail_msg("%s: program %u, slides %u", lines[i].name, wished, slides_wished);
    }
}

/* On 350 kbit/s the program is down to stills, of which one always waits: the slide has the line all the same. */
static void test_a_still_does_not_hold_up_the_slide(void **state) {
    static const DownlinkRung with_stills[] = {
        { .stream = HIGH, .bitrate_bps = 1500000, .width = 1280, .height = 720, .fps = 25, .layers = 1 },
        { .stream = LOW, .bitrate_bps = 200000, .width = 320, .height = 180, .fps = 12, .layers = 1 },
        { .stream = STILL, .bitrate_bps = 20000, .width = 640, .height = 360, .fps = 1, .stills = 1 },
    };
    Encoder still = { .stream = STILL, .time_base = 5 };
    (void)state;
    remb(20000000);
    downlink_watch(leg, with_stills, G_N_ELEMENTS(with_stills), 0, now_us);
    watch_slides();
    meet(20, TRUE);
    for (guint k = 0; k < 20; k++) {
        remb(350000);
        lost(10);
        if (k % 4 == 0) fanout_video(fanout, encode(&still, TRUE, 40000), now_us);
        meet(3, FALSE);
    }
    assert_int_equal(wished, STILL);
    assert_int_equal(slides_wished, SLOW);
    pass(2 * S);
    guint n_before = caught->len;
    fanout_video(fanout, encode(&still, TRUE, 40000), now_us);
    show(&slow_screen, FALSE, 60000);
    pass(3 * S);
    assert_in_range(count(SLIDES_SSRC, n_before), 50, 60); /* all of it */
    assert_true(count(VIDEO_SSRC, n_before) > 0);          /* and then the still */
}

/* Browsers begin with the slow layer; the other one follows when they know the line. */
static void test_the_better_layer_comes_later(void **state) {
    (void)state;
    remb(20000000);
    watch_both();
    downlink_watch_presentation(leg, &slides[1], 1, 0, now_us);
    meet(10, TRUE);
    assert_int_equal(slides_wished, SLOW);
    guint n_before = caught->len;
    watch_slides();
    assert_int_equal(slides_wished, MAIN);
    pass(500 * MS);
    assert_true(count(SLIDES_SSRC, n_before) > 50); /* its keyframe, from the store */
}

static void test_a_screen_that_rests(void **state) {
    (void)state;
    /* A slide, three changes, and then nothing for half a minute. */
    show(&screen, TRUE, 60000);
    for (guint i = 0; i < 3; i++) pass(100 * MS), show(&screen, FALSE, 900);
    pass(30 * S);
    n_asked = 0;
    remb(20000000);
    watch_slides();
    pass(S);
    assert_int_equal(n_asked, 0); /* nobody answers, and nobody needs to */
    guint n_packets = 0, n_before = caught->len;
    for (guint i = 0; i < n_before; i++) n_packets += nth(i)->rtp.ssrc == SLIDES_SSRC && nth(i)->rtp.marker;
    assert_int_equal(n_packets, 4);
    /* The receiver takes the rest for a line that was cut. */
    pass(3 * S);
    RtcpItem *item = g_new0(RtcpItem, 1);
    item->kind = RTCP_PLI;
    item->media_ssrc = SLIDES_SSRC;
    downlink_on_rtcp(leg, item, now_us);
    pass(S);
    assert_int_equal(count(SLIDES_SSRC, n_before), 0);
    /* The next change goes on where it was; what was lost of it brings all of the picture again. */
    show(&screen, FALSE, 900);
    pass(500 * MS);
    assert_int_equal(count(SLIDES_SSRC, n_before), 1);
    downlink_on_rtcp(leg, item, now_us);
    pass(3 * S);
    assert_true(count(SLIDES_SSRC, n_before) > 50);
    g_free(item);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_two_pictures, set_up_two, tear_down),
        cmocka_unit_test_setup_teardown(test_who_gives_way, set_up_two, tear_down),
        cmocka_unit_test_setup_teardown(test_a_still_does_not_hold_up_the_slide, set_up_two, tear_down),
        cmocka_unit_test_setup_teardown(test_the_better_layer_comes_later, set_up_two, tear_down),
        cmocka_unit_test_setup_teardown(test_a_screen_that_rests, set_up_two, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
