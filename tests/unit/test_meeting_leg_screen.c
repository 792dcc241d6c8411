/* test_meeting_leg_screen.c -- which layer of a screen is composed for legs that take one picture, and how fast it is given. The
 * studio and the network are fakes; time is made by the test. */
#include "bridge/meeting/leg.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

enum { MS = 1000, STREAM_MAIN = 7, STREAM_SLOW = 8, SSRC_MAIN = 70, SSRC_SLOW = 80 };

static struct {
    guint n_given, n_keyframes_given, last_mark, room; /* last_mark: of the layer whose frame it was */
    guint n_asked[2];
    LegHouse house;
    Leg leg;
    RtpStream streams[2];
    RtpPacket packets[2];
    gint64 now_us;
} stage;

/* ---- fakes ---- */

void studio_source_push(StudioSource *source, Frame *frame) {
    (void)source;
    assert_true(stage.room > 0); /* it would be overrun */
    stage.room--;
    stage.n_given++;
    stage.n_keyframes_given += frame->keyframe ? 1 : 0;
    stage.last_mark = frame->bytes[frame->n_bytes - 1];
    frame_unref(frame);
}

gboolean studio_source_has_room(StudioSource *source) {
    (void)source;
    return stage.room > 0;
}

void studio_source_unref(StudioSource *source) { (void)source; }

void leg_send_nack(Leg *leg, gint section, guint32 ssrc, const guint16 *sequences, guint n_sequences) {
    (void)leg, (void)section, (void)ssrc, (void)sequences, (void)n_sequences;
}

void leg_send_pli(Leg *leg, gint section, guint32 ssrc) {
    (void)leg, (void)section;
    stage.n_asked[ssrc == SSRC_MAIN ? SCREEN_MAIN : SCREEN_SLOW]++;
}

static void on_publish(gpointer user, Block *block) {
    (void)user;
    block_unref(block);
}

/* ---- a leg that shows its screen ---- */

static int set_up(void **state) {
    (void)state;
    memset(&stage, 0, sizeof stage);
    stage.room = 1000;
    stage.now_us = G_USEC_PER_SEC * 100;
    stage.house = (LegHouse){ .news = mailbox_new(16, 256), .publish = on_publish };
    stage.leg.house = &stage.house;
    stage.leg.source = (StudioSource *)&stage;
    stage.leg.plan.sections[0] = (MediaSection){ .payload_type = 96, .codec = CODEC_VP8 };
    for (guint i = 0; i < 2; i++) {
        g_strlcpy(stage.streams[i].rid, i == SCREEN_MAIN ? "m" : "t", sizeof stage.streams[i].rid);
        stage.streams[i].ssrc = i == SCREEN_MAIN ? SSRC_MAIN : SSRC_SLOW;
        stage.packets[i] = (RtpPacket){ .ssrc = stage.streams[i].ssrc, .payload_type = 96, .marker = TRUE };
    }
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    leg_screen_clear(&stage.leg);
    mailbox_free(stage.house.news);
    return 0;
}

/* The studio stands on its own: only that there is one counts. */
static void begin(void) {
    static const StreamId streams[SCREEN_LAYERS] = {
        [SCREEN_MAIN] = STREAM_MAIN, [SCREEN_SLOW] = STREAM_SLOW
    };
    stage.leg.screen_since_us = stage.now_us;
    leg_screen_present(&stage.leg, streams, 4000000, (StudioSource *)&stage);
    stage.leg.screen_since_us = stage.now_us;
}

static void send_frame(guint layer, gboolean keyframe) {
    guint8 payload[] = { 0x10, keyframe ? 0x10 : 0x11, 0, 0, 0x9d, 0x01, 0x2a, 0x40, 0x01, 0xb4,
                         0x00, (guint8)layer };
    RtpPacket *packet = &stage.packets[layer];
    packet->payload = payload;
    packet->n_payload_bytes = sizeof payload;
    packet->sequence++;
    packet->timestamp += 3600;
    leg_screen_packet(&stage.leg, &stage.streams[layer], packet, stage.now_us);
}

/* Beats of a leg that sends; the studio decodes so many frames at each. */
static void pass(gint64 us, guint n_decoded) {
    for (gint64 until_us = stage.now_us + us; stage.now_us < until_us;) {
        stage.now_us += 8 * MS;
        stage.room += n_decoded;
        leg_screen_beat(&stage.leg, stage.now_us);
    }
}

static void main_is_composed_from_its_first_keyframe(void **state) {
    (void)state;
    static const struct {
        const char *name;
        guint first;
        gint64 between_us;
    } cases[] = { { "main first", SCREEN_MAIN, 20 * MS },
                  { "slow first", SCREEN_SLOW, 20 * MS },
                  { "slow long before", SCREEN_SLOW, 900 * MS } };
    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        print_message("case: %s\n", cases[i].name);
        begin();
        send_frame(cases[i].first, TRUE);
        pass(cases[i].between_us, 0);
        send_frame(1 - cases[i].first, TRUE);
        send_frame(SCREEN_MAIN, FALSE);
        send_frame(SCREEN_SLOW, FALSE);
        assert_int_equal(stage.last_mark, SCREEN_MAIN);
        tear_down(NULL);
        set_up(NULL);
    }
}

static void slow_takes_over_when_main_stops(void **state) {
    (void)state;
    begin();
    send_frame(SCREEN_MAIN, TRUE);
    send_frame(SCREEN_SLOW, TRUE);
    for (guint i = 0; i < 20; i++) {
        pass(200 * MS, 0);
        send_frame(SCREEN_SLOW, FALSE);
        assert_int_equal(stage.last_mark, SCREEN_MAIN);
    }
    pass(200 * MS, 0);
    assert_true(stage.n_asked[SCREEN_SLOW] > 0);
    send_frame(SCREEN_SLOW, TRUE);
    assert_int_equal(stage.last_mark, SCREEN_SLOW);
}

/* A tile begins to show a screen that has rested: a hundred frames, as fast as they are decoded and no faster. */
static void a_long_chain_is_given_as_there_is_room(void **state) {
    (void)state;
    begin();
    send_frame(SCREEN_MAIN, TRUE);
    for (guint i = 0; i < 100; i++) {
        pass(40 * MS, 0);
        send_frame(SCREEN_MAIN, FALSE);
    }
    assert_int_equal(stage.n_given, 101);
    stage.n_given = stage.n_keyframes_given = 0;
    stage.room = 12;
    leg_screen_keyframe(&stage.leg, 0);
    pass(80 * MS, 0);
    assert_int_equal(stage.n_given, 12);
    pass(800 * MS, 1);
    assert_int_equal(stage.n_given, 101);
    assert_int_equal(stage.n_keyframes_given, 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(main_is_composed_from_its_first_keyframe, set_up, tear_down),
        cmocka_unit_test_setup_teardown(slow_takes_over_when_main_stops, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_long_chain_is_given_as_there_is_room, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
