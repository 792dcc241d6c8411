/* The picture that a leg receives from the fan-out: joins, rungs, resends, pace. */
#include "tests/unit/downlink_fixture.h"

static void test_join_needs_a_keyframe(void **state) {
    (void)state;
    run(2, FALSE);
    watch_both();
    assert_int_equal(wished, HIGH);
    assert_int_equal(n_asked, 1);
    assert_int_equal(asked, HIGH);
    run(3, FALSE);
    assert_int_equal(caught->len, 0);
    run(5, TRUE);
    assert_int_equal(check_continuous(0), 5);
    assert_true(vp8_is_keyframe(nth(0)->rtp.payload + nth(0)->vp8.n_bytes, 20));
}

static void test_join_from_the_store(void **state) {
    (void)state;
    run(25, TRUE); /* one second of pictures that nobody watched */
    gint64 joined_us = now_us;
    watch_both();
    assert_int_equal(n_asked, 0);
    assert_true(caught->len > 0); /* the keyframe begins at once */
    run(25, FALSE);
    assert_int_equal(n_asked, 0);
    assert_int_equal(check_continuous(0), 50);
    /* never faster than four times the nominal rate, and caught up within a second */
    gsize n_bytes = 0;
    for (guint i = 0; i < caught->len; i++) {
        const Caught *one = nth(i);
        n_bytes += one->n_bytes;
        double seconds = (double)(one->at_us - joined_us) / S;
        if (one->at_us < joined_us + S)
            assert_true((double)n_bytes * 8 <= 4 * 1500000 * seconds + 16 * 1200 * 8 * 2);
    }
    /* the last frame is not behind: its time is what it would have been without the join */
    const Caught *last = nth(caught->len - 1);
    assert_in_range(now_us - last->at_us, 0, 60 * MS);
    FanoutStats stats;
    fanout_read_stats(fanout, &stats);
    assert_int_equal(stats.n_joins_from_store, 1);
}

static void test_old_keyframe_is_no_join(void **state) {
    (void)state;
    run(1, TRUE);
    run(100, FALSE); /* four seconds */
    watch_both();
    assert_int_equal(n_asked, 1);
    assert_int_equal(caught->len, 0);
}

static void test_rung_change_is_unbroken(void **state) {
    (void)state;
    watch_both();
    run(50, TRUE);
    assert_int_equal(n_asked, 0); /* the encoder began with one */
    narrow(600000);
    run(10, FALSE);
    assert_int_equal(wished, LOW);
    guint n_before = caught->len;
    run(10, FALSE); /* far too much for this line: rather a picture that stands than a voice that breaks */
    assert_int_equal(caught->len, n_before);
    run(25, TRUE);
    DownlinkStats stats;
    downlink_read_stats(leg, &stats);
    assert_int_equal(stats.stream, LOW);
    check_continuous(0);
    assert_true(nth(caught->len - 1)->n_bytes < 1000);
    /* and up again, by itself, at the better rung's own keyframe */
    for (guint i = 0; i < 12; i++) {
        run(25, i == 11);
        lost(0);
    }
    assert_int_equal(n_asked, 0); /* no change of rung costs the others a keyframe */
    downlink_read_stats(leg, &stats);
    assert_int_equal(stats.stream, HIGH);
    check_continuous(0);
}

/* A rung whose own keyframe does not come in its time is asked for one after all. */
static void test_own_keyframe_fails_to_come(void **state) {
    (void)state;
    watch_both();
    run(50, TRUE);
    narrow(600000);
    run(100, FALSE);
    assert_int_equal(n_asked, 0);
    run(50, FALSE);
    assert_in_range(n_asked, 1, 2);
    assert_int_equal(asked, LOW);
}

static void watch_layered(void) {
    static const DownlinkRung layered[] = {
        { .stream = HIGH, .bitrate_bps = 1500000, .width = 1280, .height = 720, .fps = 25, .layers = 2 },
        { .stream = LOW, .bitrate_bps = 500000, .width = 640, .height = 360, .fps = 25, .layers = 2 },
        { .stream = STILL, .bitrate_bps = 20000, .width = 640, .height = 360, .fps = 1, .stills = 1 }
    };
    high.layered = low.layered = TRUE;
    downlink_watch(leg, layered, G_N_ELEMENTS(layered), 0, now_us);
}

static guint frames_of(guint first, gint layer) {
    guint n = 0;
    for (guint i = first; i < caught->len; i++)
        n += nth(i)->rtp.ssrc == VIDEO_SSRC && nth(i)->rtp.marker &&
             (layer < 0 || nth(i)->vp8.temporal_layer == layer);
    return n;
}

/* A little too narrow: half the pictures, of the same rung, at once, and nobody makes a keyframe for it. */
static void test_thin_and_whole_again(void **state) {
    (void)state;
    watch_layered();
    run(50, TRUE);
    assert_in_range(frames_of(0, 1), 23, 26);
    narrow(1100000);
    run(10, FALSE);
    assert_int_equal(wished, HIGH);
    guint n_before = caught->len;
    run(50, FALSE);
    assert_int_equal(frames_of(n_before, 1), 0);
    assert_in_range(frames_of(n_before, 0), 24, 26);
    for (guint i = 0; i < 10; i++) {
        run(25, FALSE);
        remb(4000000);
        lost(0);
    }
    n_before = caught->len;
    run(50, FALSE);
    assert_in_range(frames_of(n_before, 1), 24, 26);
    assert_int_equal(n_asked, 0);
    check_continuous(0);
}

/* Below the lowest moving rung: a sharp still now and then, slowly, and moving pictures again when the line has healed. */
static void test_still_and_back(void **state) {
    (void)state;
    Encoder still = { .stream = STILL, .time_base = 0xffff0000, .tl0 = 3 };
    DownlinkStats before, after;
    watch_layered();
    run(25, TRUE);
    for (guint i = 0; i < 4; i++) narrow(50000);
    assert_int_equal(wished, STILL);
    downlink_read_stats(leg, &before);
    for (guint i = 0; i < 3; i++) { /* 12 s */
        guint n_before = caught->len;
        gint64 from_us = now_us;
        fanout_video(fanout, encode(&still, TRUE, 10000), now_us);
        run(100, FALSE);
        gsize n_bytes = 0;
        for (guint k = n_before; k < caught->len; k++) {
            n_bytes += nth(k)->n_bytes;
            if ((double)n_bytes * 8 > 50000 * ((double)(nth(k)->at_us - from_us) / S) + 2 * 1200 * 8)
                fail_msg("still %u: %u bytes after %d ms", i, (guint)n_bytes,
                         (int)((nth(k)->at_us - from_us) / MS));
        }
    }
    downlink_read_stats(leg, &after);
    assert_int_equal(after.stream, STILL);
    assert_int_equal(after.n_frames - before.n_frames, 3);
    assert_int_equal(n_asked, 0);
    for (guint second = 0; second < 14; second++) {
        if (second % 4 == 0) fanout_video(fanout, encode(&still, TRUE, 10000), now_us);
        run(25, second % 2 == 0);
        remb(500000);
        lost(0);
    }
    downlink_read_stats(leg, &before);
    run(50, FALSE);
    downlink_read_stats(leg, &after);
    assert_in_range(after.n_frames - before.n_frames, 24, 50);
    check_continuous(0);
}

static void test_watch_again_changes_nothing(void **state) {
    (void)state;
    watch_both();
    run(10, TRUE);
    wished = 0;
    watch_both();
    run(10, FALSE);
    assert_int_equal(wished, 0);
    assert_int_equal(check_continuous(0), 20);
}

static void test_another_view(void **state) {
    (void)state;
    static const DownlinkRung other[] = {
        { .stream = OTHER, .bitrate_bps = 2000000, .width = 1920, .height = 1080, .fps = 8, .layers = 1 }
    };
    Encoder wall = { .stream = OTHER, .time_base = 12345, .tl0 = 77 };
    watch_both();
    run(10, TRUE);
    downlink_watch(leg, other, 1, 0, now_us);
    run(3, FALSE); /* no black: the old view stays until the new one is there */
    fanout_video(fanout, encode(&wall, TRUE, 20000), now_us);
    pass(120 * MS);
    for (guint i = 0; i < 5; i++) {
        fanout_video(fanout, encode(&wall, FALSE, 5000), now_us);
        pass(120 * MS);
    }
    assert_int_equal(check_continuous(0), 19);
    downlink_watch(leg, NULL, 0, 0, now_us);
    guint n_before = caught->len;
    run(3, TRUE);
    assert_int_equal(caught->len, n_before);
    assert_int_equal(wished, 0);
}

static void test_resend_on_the_rtx_ssrc(void **state) {
    (void)state;
    watch_both();
    run(10, TRUE);
    narrow(600000);
    run(10, FALSE);
    run(10, TRUE); /* now on the lower rung: numbers of both are asked for */
    guint n_before = caught->len;
    const Caught *first = nth(3), *later = nth(n_before - 4);
    nack(first->rtp.sequence, 2);
    nack(later->rtp.sequence, 1);
    assert_int_equal(caught->len, n_before + 3);
    static const guint of[] = { 3, 4 };
    for (guint i = 0; i < 3; i++) {
        const Caught *again = nth(n_before + i), *original = i < 2 ? nth(of[i]) : later;
        RtpPacket restored;
        assert_int_equal(again->rtp.ssrc, RTX_SSRC);
        assert_int_equal(again->rtp.payload_type, 97);
        assert_true(rtp_rtx_restore(&again->rtp, VIDEO_SSRC, 96, &restored));
        assert_int_equal(restored.sequence, original->rtp.sequence);
        assert_int_equal(restored.timestamp, original->rtp.timestamp);
        assert_int_equal(restored.marker, original->rtp.marker);
        assert_int_equal(restored.n_payload_bytes, original->rtp.n_payload_bytes);
        assert_memory_equal(restored.payload, original->rtp.payload, restored.n_payload_bytes);
    }
    nack(first->rtp.sequence, 2); /* at once again: the answer is on its way */
    assert_int_equal(caught->len, n_before + 3);
    pass(S);
    nack(first->rtp.sequence, 1);
    assert_int_equal(caught->len, n_before + 4);
    nack((guint16)(later->rtp.sequence + 500), 3); /* never sent */
    assert_int_equal(caught->len, n_before + 4);
    DownlinkStats stats;
    downlink_read_stats(leg, &stats);
    assert_int_equal(stats.n_resent, 4);
}

/* The stream's next encoder may count as the one before did: what the store has by that number is another frame. */
static void test_no_resend_of_another_frame(void **state) {
    (void)state;
    watch_both();
    run(1, TRUE);
    guint n_of_first = caught->len;
    assert_true(n_of_first > 20);
    guint16 first = nth(0)->rtp.sequence;
    fanout_end_stream(fanout, HIGH);
    high.frame_index--;
    fanout_video(fanout, encode(&high, TRUE, 3000), now_us);
    pass(S);
    guint n_before = caught->len;
    nack((guint16)(first + 1), 1);
    nack((guint16)(first + n_of_first - 1), 1);
    assert_int_equal(caught->len, n_before);
}

/* A block that a full worker did not get: what stands on it would be a broken picture, and the receiver sees no gap. */
static void test_lost_block_asks_for_a_keyframe(void **state) {
    (void)state;
    watch_both();
    run(5, TRUE);
    block_unref(encode(&high, FALSE, 7000));
    guint n_before = caught->len, n_asked_before = n_asked;
    pass(S);
    run(3, FALSE);
    assert_int_equal(caught->len, n_before);
    assert_int_equal(n_asked, n_asked_before + 1);
    assert_int_equal(asked, HIGH);
    run(3, TRUE);
    assert_int_equal(check_continuous(0), 8);
    run(3, FALSE);
    assert_int_equal(check_continuous(0), 11);
}

static void test_without_rtx_a_keyframe(void **state) {
    (void)state;
    static const DownlinkEvents events = { .rung = on_rung };
    downlink_free(leg);
    DownlinkConfig config = config_of_leg();
    config.video.rtx_payload_type = 0;
    config.video.rtx_ssrc = 0;
    leg = downlink_new(fanout, NULL, &config, &events, NULL);
    watch_both();
    run(25, TRUE);
    guint n_before = caught->len;
    nack(nth(n_before - 3)->rtp.sequence, 2);
    assert_int_equal(caught->len, n_before);
    assert_int_equal(n_asked, 1);
    assert_int_equal(asked, HIGH);
}

static void test_equal_sizes(void **state) {
    (void)state;
    watch_both();
    run(30, TRUE);
    guint n_runs = 0;
    for (guint i = 1; i < caught->len; i++) {
        const Caught *one = nth(i), *before = nth(i - 1);
        if (one->call != before->call) continue;
        n_runs++;
        assert_true(one->n_bytes <= before->n_bytes);
        if (one->n_bytes < before->n_bytes) assert_true(one->rtp.marker);
        assert_true(one->n_bytes <= 1180);
    }
    assert_true(n_runs > 100);
}

static void test_pace(void **state) {
    (void)state;
    watch_both();
    run(1, TRUE);
    pass(100 * MS);
    guint n_before = caught->len;
    gint64 begun_us = now_us;
    fanout_video(fanout, encode(&high, FALSE, 160000), now_us); /* 146 packets */
    pass(S);
    guint in_slice = 0;
    gsize n_bytes = 0;
    for (guint i = n_before; i < caught->len; i++) {
        const Caught *one = nth(i);
        in_slice = i > n_before && one->at_us == nth(i - 1)->at_us ? in_slice + 1 : 1;
        assert_true(in_slice <= 16);
        n_bytes += one->n_bytes;
        DownlinkStats stats;
        downlink_read_stats(leg, &stats);
        double allowed = 2.0 * stats.estimate_bps / 8 * ((double)(one->at_us - begun_us) / S) + 17 * 1200;
        if ((double)n_bytes > allowed)
            fail_msg("%u bytes after %d ms", (guint)n_bytes, (int)((one->at_us - begun_us) / MS));
    }
    assert_int_equal(caught->len - n_before, 146);
    check_continuous(0);
}

static void test_picture_id_wraps(void **state) {
    (void)state;
    watch_both();
    fanout_video(fanout, encode(&high, TRUE, 500), now_us);
    for (guint i = 0; i < 70000; i++) {
        now_us += 40 * MS;
        fanout_video(fanout, encode(&high, FALSE, 300), now_us);
        if (caught->len > 1200) g_ptr_array_remove_range(caught, 0, 1000);
        if (i % 500 == 499) check_continuous(0);
        if (i % 1000 == 0) g_hash_table_remove_all(nonces);
    }
    DownlinkStats stats;
    downlink_read_stats(leg, &stats);
    assert_int_equal(stats.n_frames, 70001);
}

static void test_line_lost_and_back(void **state) {
    (void)state;
    watch_both();
    run(10, TRUE);
    line = TRANSPORT_LOST;
    guint n_before = caught->len;
    run(200, FALSE);
    assert_int_equal(caught->len, n_before);
    n_asked = 0;
    line = TRANSPORT_LIVE;
    downlink_on_live(leg, now_us);
    assert_int_equal(n_asked, 1);
    run(2, FALSE);
    assert_int_equal(caught->len, n_before);
    run(10, TRUE);
    const Caught *last_before = nth(n_before - 1), *first_after = nth(n_before);
    assert_int_equal(first_after->rtp.sequence, (guint16)(last_before->rtp.sequence + 1));
    assert_int_equal(first_after->vp8.picture_id, (last_before->vp8.picture_id + 1) & 0x7fff);
    check_continuous(n_before);
}

/* Ten seconds without a line, and then all that the receiver has to say of them: requests for what is long gone, a report of
 * nothing but loss, keyframes asked for again and again. The leg goes on as before. */
static void test_cut_line_is_no_narrow_line(void **state) {
    (void)state;
    watch_layered();
    for (guint i = 0; i < 5; i++) {
        run(25, i == 0);
        lost(0);
    }
    run(125, FALSE); /* five seconds into nothing */
    line = TRANSPORT_LOST;
    run(125, FALSE);
    guint16 sequence = nth(caught->len - 1)->rtp.sequence;
    line = TRANSPORT_LIVE;
    n_asked = 0;
    downlink_on_live(leg, now_us);
    RtcpItem *item = g_new0(RtcpItem, 1);
    item->kind = RTCP_PLI;
    item->media_ssrc = VIDEO_SSRC;
    for (guint i = 0; i < 8; i++) {
        nack((guint16)(sequence - 60), 60);
        downlink_on_rtcp(leg, item, now_us);
        run(10, i == 1);
        if (i == 2) lost(250);
        if (i == 4) lost(90);
    }
    g_free(item);
    run(50, FALSE);
    DownlinkStats stats;
    downlink_read_stats(leg, &stats);
    assert_int_equal(wished, HIGH);
    assert_int_equal(stats.stream, HIGH);
    assert_in_range(n_asked, 1, 2);
    check_continuous(0);
}

static void test_pli(void **state) {
    (void)state;
    RtcpItem *item = g_new0(RtcpItem, 1);
    item->kind = RTCP_PLI;
    item->media_ssrc = VIDEO_SSRC;
    watch_both();
    run(2, TRUE);
    downlink_on_rtcp(leg, item, now_us); /* its keyframe is on the way */
    assert_int_equal(n_asked, 0);
    run(20, FALSE);
    downlink_on_rtcp(leg, item, now_us);
    assert_int_equal(n_asked, 1);
    assert_int_equal(asked, HIGH);
    item->media_ssrc = 999;
    downlink_on_rtcp(leg, item, now_us);
    assert_int_equal(n_asked, 1);
    g_free(item);
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        CASE(test_join_needs_a_keyframe),
        CASE(test_join_from_the_store),
        CASE(test_old_keyframe_is_no_join),
        CASE(test_rung_change_is_unbroken),
        CASE(test_own_keyframe_fails_to_come),
        CASE(test_thin_and_whole_again),
        CASE(test_still_and_back),
        CASE(test_watch_again_changes_nothing),
        CASE(test_another_view),
        CASE(test_resend_on_the_rtx_ssrc),
        CASE(test_no_resend_of_another_frame),
        CASE(test_lost_block_asks_for_a_keyframe),
        CASE(test_without_rtx_a_keyframe),
        CASE(test_equal_sizes),
        CASE(test_pace),
        CASE(test_picture_id_wraps),
        CASE(test_line_lost_and_back),
        CASE(test_cut_line_is_no_narrow_line),
        CASE(test_pli),
    };
    return cmocka_run_group_tests_name("downlink picture", tests, NULL, NULL);
}
