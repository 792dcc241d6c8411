/* The sound that a leg receives from the fan-out, its sender reports, and many legs at once. */
#include "tests/unit/downlink_fixture.h"

/* ---- sound ---- */

static Block *opus(guint8 fill, guint64 tick) {
    guint8 bytes[60];
    memset(bytes, fill, sizeof bytes);
    Block *block = block_new_audio(1, bytes, sizeof bytes);
    block->audio_level = 20;
    block->rtp_time = 1000 + (guint32)tick * 960;
    block->capture_us = now_us - 60 * MS;
    return block;
}

static void tick(guint64 n, gint fill_all, gint fill_own) {
    AudioTick *tick = audio_tick_new();
    tick->conference = CONFERENCE;
    tick->tick = n;
    if (fill_all >= 0) tick->listeners.block[AUDIO_TIER_FEC] = opus((guint8)fill_all, n);
    if (fill_own >= 0) {
        tick->n_private = 2;
        tick->private[0].seat = SEAT + 1;
        tick->private[0].mix.block[AUDIO_TIER_FEC] = opus(99, n);
        tick->private[1].seat = SEAT;
        if (fill_own > 0) tick->private[1].mix.block[AUDIO_TIER_FEC] = opus((guint8)fill_own, n);
    }
    fanout_audio(fanout, tick, now_us);
    audio_tick_unref(tick);
    now_us += 20 * MS;
}

static void test_sound(void **state) {
    (void)state;
    static const struct {
        const char *name;
        gint all, own; /* -1: no such block, own 0: silence for this seat */
        gint heard;    /* -1: nothing */
        gboolean marker;
    } ticks[] = {
        { "the mix", 1, -1, 1, TRUE },
        { "goes on", 2, -1, 2, FALSE },
        { "own voice left out", 3, 50, 50, FALSE },
        { "back to the mix", 4, -1, 4, FALSE },
        { "a pause", -1, -1, -1, FALSE },
        { "still", -1, -1, -1, FALSE },
        { "after the pause", 5, -1, 5, TRUE },
        { "alone speaking", 6, 0, -1, FALSE },
        { "and again", 7, -1, 7, TRUE },
    };
    guint16 sequence = 0;
    guint32 time_offset = 0;
    for (guint i = 0; i < G_N_ELEMENTS(ticks); i++) {
        guint n_before = caught->len;
        tick(i, ticks[i].all, ticks[i].own);
        assert_int_equal(caught->len - n_before, ticks[i].heard >= 0 ? 1 : 0);
        if (ticks[i].heard < 0) continue;
        const Caught *one = nth(n_before);
        assert_int_equal(one->rtp.ssrc, AUDIO_SSRC);
        assert_int_equal(one->rtp.payload[0], ticks[i].heard);
        assert_int_equal(one->rtp.marker, ticks[i].marker);
        guint8 level;
        gboolean voice;
        assert_true(rtp_ext_audio_level(&one->rtp, 1, &level, &voice));
        assert_int_equal(level, 20);
        if (n_before == 0) {
            sequence = one->rtp.sequence;
            time_offset = one->rtp.timestamp - 960 * i;
        }
        assert_int_equal(one->rtp.sequence, (guint16)(sequence + n_before)); /* a pause is no gap */
        assert_int_equal(one->rtp.timestamp, time_offset + 960 * i);
    }
    downlink_set_hearing(leg, FALSE);
    guint n_before = caught->len;
    tick(20, 1, -1);
    assert_int_equal(caught->len, n_before);
}

/* ---- sender reports ---- */

typedef struct {
    RtcpItem audio, video;
    guint n_reports, n_cnames;
} Reports;

static void on_item(gpointer user, const RtcpItem *item) {
    Reports *reports = user;
    if (item->kind == RTCP_CNAME) {
        assert_string_equal(item->cname, "one");
        reports->n_cnames++;
    } else if (item->kind == RTCP_SR) {
        *(item->sender_ssrc == AUDIO_SSRC ? &reports->audio : &reports->video) = *item;
        reports->n_reports++;
    }
}

static void read_reports(Reports *reports) {
    guint8 bytes[1200];
    Writer writer = writer_over(bytes, sizeof bytes);
    RtcpItem *scratch = g_new(RtcpItem, 1);
    reports->n_reports = reports->n_cnames = 0;
    downlink_write_reports(leg, &writer, now_us);
    if (writer.n_bytes > 0) assert_true(rtcp_parse(bytes, writer.n_bytes, scratch, on_item, reports));
    g_free(scratch);
}

/* The capture time that a receiver works out for an RTP time, from a report. */
static gint64 captured_ms(const RtcpItem *report, guint32 rtp_time, guint rate_hz) {
    gint64 utc_us = ntp_to_utc_us(report->report.info.ntp);
    return (utc_us + (gint64)(gint32)(rtp_time - report->report.info.rtp_time) * S / (gint64)rate_hz) / MS;
}

static void test_reports_state_capture_time(void **state) {
    (void)state;
    g_autofree Reports *reports = g_new0(Reports, 1);
    read_reports(reports);
    assert_int_equal(reports->n_reports, 0); /* nothing was sent */
    watch_both();
    run(1, TRUE);
    for (guint i = 0; i < 50; i++) {
        tick(i, 1, -1);
        if (i % 2 == 0) {
            fanout_video(fanout, encode(&high, FALSE, 5000), now_us);
            fanout_beat(fanout, now_us);
        }
    }
    read_reports(reports);
    assert_int_equal(reports->n_reports, 2);
    assert_int_equal(reports->n_cnames, 2);
    read_reports(reports);
    assert_int_equal(reports->n_reports, 0); /* once a second */
    const Caught *sound = NULL, *picture = NULL;
    for (guint i = 0; i < caught->len; i++) {
        if (nth(i)->rtp.ssrc == AUDIO_SSRC) sound = nth(i);
        if (nth(i)->rtp.ssrc == VIDEO_SSRC) picture = nth(i);
    }
    /* the last sound was captured 60 ms before it was sent, the last picture 40 ms */
    gint64 sound_ms = captured_ms(&reports->audio, sound->rtp.timestamp, 48000);
    gint64 picture_ms = captured_ms(&reports->video, picture->rtp.timestamp, 90000);
    gint64 expected_ms = ((sound->at_us - 60 * MS) - (picture->at_us - 40 * MS)) / MS;
    assert_in_range(sound_ms - picture_ms - expected_ms + 100, 95, 105);
    gint64 utc_off_ms = g_get_real_time() / MS - g_get_monotonic_time() / MS;
    assert_in_range(sound_ms - utc_off_ms - (sound->at_us - 60 * MS) / MS + 100, 90, 110);
    assert_int_equal(reports->video.report.info.n_packets, caught->len - 50);
}

static void test_round_trip(void **state) {
    (void)state;
    g_autofree Reports *reports = g_new0(Reports, 1);
    watch_both();
    run(5, TRUE);
    read_reports(reports);
    RtcpItem *item = g_new0(RtcpItem, 1);
    item->kind = RTCP_RR;
    item->report.n_blocks = 1;
    item->report.blocks[0] = (RtcpReportBlock){ .ssrc = VIDEO_SSRC,
                                                .fraction_lost = 26,
                                                .since_last_sr = 65536 / 2,
                                                .last_sr = ntp_middle(reports->video.report.info.ntp) };
    now_us += 580 * MS;
    downlink_on_rtcp(leg, item, now_us);
    DownlinkStats stats;
    downlink_read_stats(leg, &stats);
    assert_in_range(stats.rtt_us, 78 * MS, 82 * MS);
    assert_true(stats.loss > 0.04 && stats.loss < 0.06);
    g_free(item);
}

static void test_many_legs_share_blocks(void **state) {
    (void)state;
    enum { MANY = 150 };
    static const DownlinkEvents events = { .rung = on_rung };
    Downlink *many[MANY];
    for (guint i = 0; i < MANY; i++) {
        DownlinkConfig config = config_of_leg();
        config.seat = 1000 + i;
        config.video.ssrc = 0x10000 + i * 4;
        config.video.rtx_ssrc = config.video.ssrc + 1;
        config.audio.ssrc = config.video.ssrc + 2;
        many[i] = downlink_new(fanout, NULL, &config, &events, NULL);
        downlink_watch(many[i], rungs, 2, 0, now_us);
    }
    run(10, TRUE);
    for (guint i = 0; i < MANY; i++) {
        DownlinkStats stats;
        downlink_read_stats(many[i], &stats);
        assert_int_equal(stats.n_frames, 10);
        downlink_free(many[i]);
    }
    assert_int_equal(n_asked, 0);
    FanoutStats stats;
    fanout_end_stream(fanout, HIGH);
    fanout_end_stream(fanout, LOW);
    fanout_read_stats(fanout, &stats);
    assert_int_equal(stats.n_downlinks, 1);
    assert_int_equal(stats.n_streams, 0);
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        CASE(test_sound),
        CASE(test_reports_state_capture_time),
        CASE(test_round_trip),
        CASE(test_many_legs_share_blocks),
    };
    return cmocka_run_group_tests_name("downlink sound", tests, NULL, NULL);
}
