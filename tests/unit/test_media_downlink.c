/* What a leg receives from the fan-out. The transport below is a fake that keeps every packet; time is made by the test. */
#include "bridge/media/downlink.h"
#include "bridge/wire/rtp.h"
#include "bridge/wire/vp8.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

enum { MS = 1000, S = 1000000, HIGH = 11, LOW = 12, OTHER = 21, CONFERENCE = 5, SEAT = 77 };
enum { AUDIO_SSRC = 0xa0, VIDEO_SSRC = 0xb0, RTX_SSRC = 0xc0 };

/* ---- the fake transport ---- */

typedef struct {
    guint8 bytes[1500];
    gsize n_bytes;
    gint64 at_us;
    guint call;
    RtpPacket rtp;
    Vp8Descriptor vp8;
} Caught;

static GPtrArray *caught; /* Caught */
static GHashTable *nonces;
static guint n_calls;
static TransportState line;
static gint64 now_us;

TransportState transport_state(const Transport *transport) {
    (void)transport;
    return line;
}

guint transport_send_rtp(Transport *transport, const RtpOut *packets, guint n_packets, SendClass send_class) {
    (void)transport, (void)send_class;
    n_calls++;
    for (guint i = 0; i < n_packets; i++) {
        Caught *one = g_new0(Caught, 1);
        memcpy(one->bytes, packets[i].header, packets[i].n_header_bytes);
        memcpy(one->bytes + packets[i].n_header_bytes, packets[i].payload, packets[i].n_payload_bytes);
        one->n_bytes = packets[i].n_header_bytes + packets[i].n_payload_bytes;
        one->at_us = now_us;
        one->call = n_calls;
        assert_true(rtp_parse(one->bytes, one->n_bytes, &one->rtp));
        gint64 nonce = (gint64)one->rtp.ssrc << 16 | one->rtp.sequence;
        guint64 times = GPOINTER_TO_SIZE(g_hash_table_lookup(nonces, (gpointer)nonce));
        /* a number may come again only after all others of its SSRC */
        if (times != 0) assert_true(caught->len - times > 60000);
        g_hash_table_insert(nonces, (gpointer)nonce, GSIZE_TO_POINTER(caught->len + 1));
        if (one->rtp.ssrc == VIDEO_SSRC)
            vp8_descriptor_parse(one->rtp.payload, one->rtp.n_payload_bytes, &one->vp8);
        g_ptr_array_add(caught, one);
    }
    return n_packets;
}

/* ---- what the fan-out and the leg tell ---- */

static guint n_asked;
static StreamId asked, wished;

static void on_keyframe(gpointer user, StreamId stream) {
    (void)user;
    n_asked++;
    asked = stream;
}

static void on_rung(gpointer user, StreamId stream) {
    (void)user;
    wished = stream;
}

/* ---- encoders ---- */

typedef struct {
    StreamId stream;
    guint64 frame_index, first_packet;
    guint8 tl0;
    guint32 time_base;
} Encoder;

static gint64 epoch_us;

static Block *encode(Encoder *encoder, gboolean keyframe, gsize n_bytes) {
    g_autofree guint8 *frame = g_malloc(n_bytes);
    for (gsize i = 0; i < n_bytes; i++) frame[i] = (guint8)(i * 31 + encoder->frame_index + encoder->stream);
    frame[0] = (guint8)((frame[0] & 0xfe) | (keyframe ? 0 : 1));
    Block *block = block_new_vp8(encoder->stream, frame, n_bytes, BLOCK_VP8_PAYLOAD_BYTES_MAX);
    block->codec = CODEC_VP8;
    block->keyframe = keyframe;
    block->frame_index = encoder->frame_index++;
    block->first_packet = encoder->first_packet;
    block->capture_us = now_us - 40 * MS;
    block->rtp_time = encoder->time_base + (guint32)((block->capture_us - epoch_us) * 9 / 100);
    block->tl0_index = encoder->tl0++;
    encoder->first_packet += block->n_packets;
    return block;
}

/* ---- a leg ---- */

static Fanout *fanout;
static Downlink *leg;
static Encoder high, low;
static const DownlinkRung rungs[] = { { HIGH, 1500000, 1280, 720 }, { LOW, 500000, 640, 360 } };

static DownlinkConfig config_of_leg(void) {
    DownlinkConfig config = { .conference = CONFERENCE, .seat = SEAT, .cname = "one" };
    config.audio.ssrc = AUDIO_SSRC;
    config.audio.payload_type = 111;
    config.audio.ext_audio_level = 1;
    config.video.ssrc = VIDEO_SSRC;
    config.video.rtx_ssrc = RTX_SSRC;
    config.video.payload_type = 96;
    config.video.rtx_payload_type = 97;
    config.video.ext_abs_send_time = 2;
    config.video.codec = CODEC_VP8;
    return config;
}

static int set_up(void **state) {
    (void)state;
    static const FanoutEvents fanout_events = { on_keyframe };
    static const DownlinkEvents events = { on_rung };
    caught = g_ptr_array_new_with_free_func(g_free);
    nonces = g_hash_table_new(NULL, NULL);
    n_calls = n_asked = 0;
    asked = wished = 0;
    line = TRANSPORT_LIVE;
    now_us = epoch_us = g_get_monotonic_time();
    high = (Encoder){ .stream = HIGH, .time_base = 0xffff0000, .tl0 = 250, .frame_index = 100 };
    low = (Encoder){ .stream = LOW, .time_base = 0xffff0000, .tl0 = 9, .frame_index = 7 };
    fanout = fanout_new(&fanout_events, NULL);
    DownlinkConfig config = config_of_leg();
    leg = downlink_new(fanout, NULL, &config, &events, NULL);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    downlink_free(leg);
    fanout_free(fanout);
    g_ptr_array_free(caught, TRUE);
    g_hash_table_destroy(nonces);
    return 0;
}

static void pass(gint64 us) {
    for (gint64 until_us = now_us + us; now_us < until_us;) {
        now_us += 5 * MS;
        fanout_beat(fanout, now_us);
    }
}

/* n frames of both rungs, 25 a second; the first of each is a keyframe if said so. */
static void run(guint n_frames, gboolean keyframe_first) {
    for (guint i = 0; i < n_frames; i++) {
        gboolean keyframe = keyframe_first && i == 0;
        fanout_video(fanout, encode(&high, keyframe, keyframe ? 30000 : 7000), now_us);
        fanout_video(fanout, encode(&low, keyframe, keyframe ? 9000 : 2400), now_us);
        pass(40 * MS);
    }
}

static void watch_both(void) { downlink_watch(leg, rungs, G_N_ELEMENTS(rungs), 0, now_us); }

static const Caught *nth(guint n) { return caught->pdata[n]; }

/* Everything the leg got on the video SSRC, from packet `first` on, is one unbroken stream. Returns the frames in it. */
static guint check_continuous(guint first) {
    const Caught *before = NULL;
    guint n_frames = 0;
    for (guint i = first; i < caught->len; i++) {
        const Caught *one = nth(i);
        if (one->rtp.ssrc != VIDEO_SSRC) continue;
        assert_true(one->vp8.picture_id >= 0 && one->vp8.picture_id_long);
        if (before != NULL) {
            assert_int_equal(one->rtp.sequence, (guint16)(before->rtp.sequence + 1));
            gboolean new_frame = before->rtp.marker;
            assert_int_equal(one->vp8.starts_partition, new_frame);
            assert_int_equal(one->vp8.picture_id, (before->vp8.picture_id + (new_frame ? 1 : 0)) & 0x7fff);
            assert_int_equal((guint8)one->vp8.tl0_index,
                             (guint8)(before->vp8.tl0_index + (new_frame ? 1 : 0)));
            gint32 step = (gint32)(one->rtp.timestamp - before->rtp.timestamp);
            if (new_frame ? step <= 0 || step > 10 * 90000 : step != 0) fail_msg("time steps by %d", step);
        }
        if (one->rtp.marker) n_frames++;
        before = one;
    }
    return n_frames;
}

static void remb(guint64 bps) {
    RtcpItem *item = g_new0(RtcpItem, 1);
    item->kind = RTCP_REMB;
    item->remb.bitrate_bps = bps;
    downlink_on_rtcp(leg, item, now_us);
    g_free(item);
}

/* The receiver says for 1.2 s that no more than this comes through. */
static void narrow(guint64 bps) {
    for (guint i = 0; i < 6; i++) {
        run(5, FALSE);
        remb(bps);
    }
}

/* ---- tests ---- */

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
    assert_int_equal(asked, LOW);
    guint n_before = caught->len;
    run(10, FALSE); /* the old rung goes on until the new one has a keyframe */
    assert_true(caught->len > n_before + 50);
    run(25, TRUE);
    DownlinkStats stats;
    downlink_read_stats(leg, &stats);
    assert_int_equal(stats.stream, LOW);
    assert_in_range(check_continuous(0), 115, 125); /* what still waited of the old rung is left out */
    assert_true(nth(caught->len - 1)->n_bytes < 1000);
    /* and up again, by itself, at the better rung's own keyframe */
    n_asked = 0;
    for (guint i = 0; i < 12; i++) run(25, i == 11);
    assert_int_equal(n_asked, 0);
    downlink_read_stats(leg, &stats);
    assert_int_equal(stats.stream, HIGH);
    check_continuous(0);
}

/* Below the lowest rung: sharp stills now and then, and moving pictures again when the line has healed. */
static void test_still_and_back(void **state) {
    (void)state;
    DownlinkStats before, after;
    watch_both();
    run(25, TRUE);
    for (guint i = 0; i < 3; i++) narrow(50000);
    run(1, TRUE);
    for (guint i = 0; i < 3; i++) narrow(50000);
    n_asked = 0;
    downlink_read_stats(leg, &before);
    for (guint second = 0; second < 6; second++) run(25, second == 5);
    downlink_read_stats(leg, &after);
    assert_int_equal(after.stream, LOW);
    assert_in_range(after.n_frames - before.n_frames, 1, 3);
    assert_in_range(n_asked, 1, 3); /* a still every 4 s, not a storm */
    for (guint second = 0; second < 12; second++) run(25, second % 2 == 0); /* nothing is lost any more */
    downlink_read_stats(leg, &before);
    run(25, FALSE);
    downlink_read_stats(leg, &after);
    assert_int_equal(after.n_frames - before.n_frames, 25);
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
    static const DownlinkRung other[] = { { OTHER, 2000000, 1920, 1080 } };
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

static void nack(guint16 first, guint n) {
    RtcpItem *item = g_new0(RtcpItem, 1);
    item->kind = RTCP_NACK;
    item->media_ssrc = VIDEO_SSRC;
    item->nack.n_sequences = n;
    for (guint i = 0; i < n; i++) item->nack.sequences[i] = (guint16)(first + i);
    downlink_on_rtcp(leg, item, now_us);
    g_free(item);
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

static void test_without_rtx_a_keyframe(void **state) {
    (void)state;
    static const DownlinkEvents events = { on_rung };
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
    guint n_before = caught->len;
    gint64 begun_us = now_us;
    high.frame_index += 0;
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

/* ---- sound ---- */

static Block *opus(guint8 fill) {
    guint8 bytes[60];
    memset(bytes, fill, sizeof bytes);
    Block *block = block_new_audio(1, bytes, sizeof bytes);
    block->audio_level = 20;
    return block;
}

static void tick(guint64 n, gint fill_all, gint fill_own) {
    AudioTick tick = { .conference = CONFERENCE,
                       .tick = n,
                       .rtp_time = 1000 + (guint32)n * 960,
                       .capture_us = now_us - 60 * MS };
    tick.listeners = fill_all >= 0 ? opus((guint8)fill_all) : NULL;
    if (fill_own >= 0) {
        tick.n_private = 2;
        tick.private[0].seat = SEAT + 1;
        tick.private[0].block = opus(99);
        tick.private[1].seat = SEAT;
        tick.private[1].block = fill_own > 0 ? opus((guint8)fill_own) : NULL;
    }
    fanout_audio(fanout, &tick, now_us);
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
    static const DownlinkEvents events = { on_rung };
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
        CASE(test_join_needs_a_keyframe),
        CASE(test_join_from_the_store),
        CASE(test_old_keyframe_is_no_join),
        CASE(test_rung_change_is_unbroken),
        CASE(test_still_and_back),
        CASE(test_watch_again_changes_nothing),
        CASE(test_another_view),
        CASE(test_resend_on_the_rtx_ssrc),
        CASE(test_without_rtx_a_keyframe),
        CASE(test_equal_sizes),
        CASE(test_pace),
        CASE(test_picture_id_wraps),
        CASE(test_line_lost_and_back),
        CASE(test_pli),
        CASE(test_sound),
        CASE(test_reports_state_capture_time),
        CASE(test_round_trip),
        CASE(test_many_legs_share_blocks),
    };
    return cmocka_run_group_tests_name("downlink", tests, NULL, NULL);
}
