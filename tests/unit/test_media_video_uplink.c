/* test_media_video_uplink.c -- a sender, a line that loses, swaps and repeats, and what comes out as frames. */
#include "bridge/media/video_uplink.h"

#include "bridge/wire/vp8.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

enum { PAYLOAD_BYTES = 200, FLIGHTS_MAX = 4096, LOG_MAX = 4096, HISTORY = 1024 };

/* One packet under way, or already sent and kept for resends. */
typedef struct {
    gint64 arrives_us;
    guint16 sequence;
    guint32 rtp_time;
    gboolean marker, rtx;
    guint8 bytes[PAYLOAD_BYTES + 8];
    gsize n_bytes;
} Flight;

typedef struct {
    VideoUplink *uplink;
    gint64 now_us;
    /* sender */
    guint16 sequence, picture_id;
    guint32 rtp_time, frame_number;
    guint8 tl0;
    gboolean keyframe_next, layers, answers_keyframes;
    Flight history[HISTORY];
    gboolean sent[65536];
    /* line */
    Flight flights[FLIGHTS_MAX];
    guint n_flights;
    gint64 one_way_us;
    double loss, resend_loss;
    guint swap_every, repeat_every;
    guint n_sent;
    GRand *dice;
    gboolean (*lose)(guint frame, guint packet);
    /* what came out */
    struct {
        guint32 frame;
        gboolean keyframe, after_loss;
        gint64 delay_us;
        guint16 width, height;
    } log[LOG_MAX];
    guint n_log, n_plis, n_nacks;
    gint64 pli_us[64];
} Line;

static guint8 byte_of(guint32 frame, guint packet, guint at) {
    return (guint8)(frame * 31 + packet * 7 + at);
}

static void on_frame(gpointer user, Frame *frame) {
    Line *line = user;
    /* The frame's number and size are written in it; every byte is checked. */
    guint32 number;
    memcpy(&number, frame->bytes + 10, sizeof number);
    gsize at = 0;
    for (guint packet = 0; at < frame->n_bytes; packet++)
        for (guint i = 0; i < PAYLOAD_BYTES && at < frame->n_bytes; i++, at++)
            if (at >= 14 && frame->bytes[at] != byte_of(number, packet, i))
                fail_msg("frame %u is torn", number);
    assert_true(line->n_log < LOG_MAX);
    line->log[line->n_log].frame = number;
    line->log[line->n_log].keyframe = frame->keyframe;
    line->log[line->n_log].after_loss = frame->after_loss;
    line->log[line->n_log].width = frame->width;
    line->log[line->n_log].height = frame->height;
    line->log[line->n_log++].delay_us = line->now_us - frame->capture_us;
    frame_unref(frame);
}

static void send_flight(Line *line, const Flight *flight, double loss) {
    line->n_sent++;
    if (loss > 0 && g_rand_double(line->dice) < loss) return;
    guint copies = line->repeat_every != 0 && line->n_sent % line->repeat_every == 0 ? 2 : 1;
    for (guint i = 0; i < copies; i++) {
        assert_true(line->n_flights < FLIGHTS_MAX);
        Flight *entry = &line->flights[line->n_flights++];
        *entry = *flight;
        entry->arrives_us = line->now_us + line->one_way_us;
        if (line->swap_every != 0 && line->n_sent % line->swap_every == 0) entry->arrives_us += 3000;
    }
}

static void on_nack(gpointer user, guint32 ssrc, const guint16 *sequences, guint n_sequences) {
    Line *line = user;
    assert_int_equal(ssrc, 1234);
    line->n_nacks += n_sequences;
    for (guint i = 0; i < n_sequences; i++) {
        if (i > 0) assert_true(sequence_newer(sequences[i], sequences[i - 1]));
        Flight flight = line->history[sequences[i] % HISTORY];
        if (!line->sent[sequences[i]] || flight.sequence != sequences[i]) continue;
        flight.rtx = TRUE;
        line->now_us += line->one_way_us; /* the request travels, too */
        send_flight(line, &flight, line->resend_loss);
        line->now_us -= line->one_way_us;
    }
}

static void on_keyframe(gpointer user, guint32 ssrc) {
    Line *line = user;
    assert_int_equal(ssrc, 1234);
    assert_true(line->n_plis < G_N_ELEMENTS(line->pli_us));
    line->pli_us[line->n_plis++] = line->now_us;
    if (line->answers_keyframes) line->keyframe_next = TRUE;
}

static const VideoUplinkEvents events = { on_frame, on_nack, on_keyframe };

static Line *line_new(gint64 one_way_us) {
    Line *line = g_new0(Line, 1);
    line->uplink = video_uplink_new(CODEC_VP8, 1234, &events, line);
    video_uplink_set_rtt(line->uplink, one_way_us * 2);
    line->now_us = 10 * G_USEC_PER_SEC;
    line->sequence = 65300; /* wraps soon */
    line->picture_id = 32700;
    line->tl0 = 250;
    line->one_way_us = one_way_us;
    line->answers_keyframes = line->keyframe_next = TRUE;
    line->dice = g_rand_new_with_seed(42);
    return line;
}

static void line_free(Line *line) {
    video_uplink_free(line->uplink);
    g_rand_free(line->dice);
    g_free(line);
}

/* Layers: even frames are the base, odd ones refer to it and nobody refers to them. */
static void send_frame(Line *line, guint n_packets) {
    gboolean keyframe = line->keyframe_next;
    guint8 layer = line->layers && line->frame_number % 2 == 1 && !keyframe ? 1 : 0;
    if (layer == 0) line->tl0++;
    for (guint p = 0; p < n_packets; p++) {
        Flight flight = { .sequence = line->sequence++,
                          .rtp_time = line->rtp_time,
                          .marker = p + 1 == n_packets };
        Vp8Descriptor descriptor = { .starts_partition = p == 0,
                                     .picture_id = line->picture_id,
                                     .picture_id_long = TRUE,
                                     .tl0_index = -1,
                                     .temporal_layer = -1,
                                     .key_index = -1 };
        if (line->layers) {
            descriptor.tl0_index = line->tl0;
            descriptor.temporal_layer = (gint8)layer;
            descriptor.layer_sync = layer == 1 && line->frame_number % 8 == 7;
        }
        gsize at = vp8_descriptor_write(&descriptor, flight.bytes);
        for (guint i = 0; i < PAYLOAD_BYTES; i++) flight.bytes[at + i] = byte_of(line->frame_number, p, i);
        if (p == 0) {
            const guint8 head[10] = {
                keyframe ? 0x10 : 0x11, 0, 0, 0x9d, 0x01, 0x2a, 0x80, 0x02, 0x68, 0x01
            };
            memcpy(flight.bytes + at, head, sizeof head);
            memcpy(flight.bytes + at + 10, &line->frame_number, 4);
        }
        flight.n_bytes = at + PAYLOAD_BYTES;
        line->history[flight.sequence % HISTORY] = flight;
        line->sent[flight.sequence] = TRUE;
        if (line->lose == NULL || !line->lose(line->frame_number, p)) send_flight(line, &flight, line->loss);
    }
    line->keyframe_next = FALSE;
    line->picture_id = (line->picture_id + 1) & 0x7fff;
    line->frame_number++;
    line->rtp_time += 3600;
}

static void deliver(Line *line, const Flight *flight) {
    RtpPacket packet = {
        .ssrc = 1234,
        .timestamp = flight->rtp_time,
        .sequence = flight->sequence,
        .marker = flight->marker,
        .n_header_bytes = 12,
        .payload = flight->bytes,
        .n_payload_bytes = flight->n_bytes,
    };
    video_uplink_push(line->uplink, &packet, flight->rtx, 1, line->now_us);
}

/* One millisecond of the line. */
static void step(Line *line) {
    line->now_us += 1000;
    for (;;) {
        guint best = G_MAXUINT;
        for (guint i = 0; i < line->n_flights; i++)
            if (line->flights[i].arrives_us <= line->now_us &&
                (best == G_MAXUINT || line->flights[i].arrives_us < line->flights[best].arrives_us))
                best = i;
        if (best == G_MAXUINT) break;
        Flight flight = line->flights[best];
        memmove(&line->flights[best], &line->flights[best + 1], (line->n_flights - best - 1) * sizeof flight);
        line->n_flights--;
        deliver(line, &flight);
    }
    if (line->now_us % 5000 == 0) video_uplink_beat(line->uplink, line->now_us);
}

static void run(Line *line, guint n_frames, guint n_packets) {
    for (guint f = 0; f < n_frames; f++) {
        send_frame(line, n_packets);
        for (guint ms = 0; ms < 40; ms++) step(line);
    }
}

static void settle(Line *line) {
    for (guint ms = 0; ms < 1200; ms++) step(line);
}

/* Frames come in order, none twice. */
static void check_order(const Line *line) {
    for (guint i = 1; i < line->n_log; i++) assert_true(line->log[i].frame > line->log[i - 1].frame);
}

static void test_lines(void **state) {
    (void)state;
    static const struct {
        const char *name;
        gint64 one_way_us;
        double loss, resend_loss;
        guint swap_every, repeat_every;
        guint good_min; /* of 500 frames: shown, that is not after_loss */
        guint plis_max;
        gboolean untold; /* nobody tells the uplink how far away the sender is */
    } cases[] = {
        { "perfect line", 10000, 0, 0, 0, 0, 500, 0, FALSE },
        { "every third swapped", 10000, 0, 0, 3, 0, 500, 0, FALSE },
        { "every fourth twice", 10000, 0, 0, 0, 4, 500, 0, FALSE },
        { "swaps and repeats", 20000, 0, 0, 5, 3, 500, 0, FALSE },
        { "3 % lost, resends arrive", 20000, 0.03, 0, 0, 0, 500, 0, FALSE },
        { "10 % lost, resends too", 15000, 0.10, 0.10, 4, 5, 495, 2, FALSE },
        { "30 % lost, resends too", 15000, 0.30, 0.30, 0, 0, 420, 12, FALSE },
        { "5 % lost, 150 ms", 75000, 0.05, 0, 0, 0, 500, 0, FALSE },
        { "5 % lost, 400 ms", 200000, 0.05, 0, 0, 0, 500, 0, FALSE },
        { "10 % lost, resends too, 400 ms", 200000, 0.10, 0.10, 0, 0, 430, 8, FALSE },
        { "5 % lost, 150 ms that nobody told", 75000, 0.05, 0, 0, 0, 495, 1, TRUE },
        { "5 % lost, 400 ms that nobody told", 200000, 0.05, 0, 0, 0, 460, 3, TRUE },
    };
    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        Line *line = line_new(cases[i].one_way_us);
        if (cases[i].untold) video_uplink_set_rtt(line->uplink, 50000);
        line->swap_every = cases[i].swap_every;
        line->repeat_every = cases[i].repeat_every;
        run(line, 1, 3); /* the first keyframe arrives whole */
        line->loss = cases[i].loss;
        line->resend_loss = cases[i].resend_loss;
        run(line, 499, 3);
        line->loss = line->resend_loss = 0;
        settle(line);
        guint n_good = 0;
        for (guint f = 0; f < line->n_log; f++) n_good += !line->log[f].after_loss;
        VideoUplinkStats stats;
        video_uplink_read_stats(line->uplink, &stats);
        print_message("# case: %s: %u good, %u plis, %u nacks, lost %u packets %u frames, recovered %u\n",
                      cases[i].name, n_good, line->n_plis, line->n_nacks, (guint)stats.n_lost,
                      (guint)stats.n_frames_lost, (guint)stats.n_recovered);
        check_order(line);
        assert_true(n_good >= cases[i].good_min);
        assert_true(line->n_plis <= cases[i].plis_max);
        assert_int_equal(stats.n_frames, line->n_log);
        if (cases[i].loss == 0) assert_int_equal(stats.n_lost + line->n_nacks + stats.n_recovered, 0);
        if (cases[i].repeat_every != 0) assert_true(stats.n_duplicate > 0);
        line_free(line);
    }
}

static gboolean lose_frame_20_for_good(guint frame, guint packet) { return frame == 20 && packet == 1; }
static gboolean lose_whole_frame_21(guint frame, guint packet) {
    (void)packet;
    return frame == 21;
}
static gboolean lose_whole_frame_20(guint frame, guint packet) {
    (void)packet;
    return frame == 20;
}

/* A frame that is lost for good: those behind it are marked until the keyframe that was asked for. */
static void test_after_loss_until_keyframe(void **state) {
    (void)state;
    Line *line = line_new(10000);
    line->lose = lose_frame_20_for_good;
    line->resend_loss = 1;
    run(line, 60, 3);
    assert_int_equal(line->n_plis, 1);
    gboolean seen_marked = FALSE, keyframe = FALSE;
    for (guint i = 0; i < line->n_log; i++) {
        assert_int_not_equal(line->log[i].frame, 20);
        if (line->log[i].frame < 20) assert_false(line->log[i].after_loss);
        if (line->log[i].frame > 20 && line->log[i].keyframe) keyframe = TRUE;
        if (line->log[i].frame > 20) assert_int_equal(line->log[i].after_loss, !keyframe);
        seen_marked |= line->log[i].after_loss;
    }
    assert_true(seen_marked && keyframe);
    VideoUplinkStats stats;
    video_uplink_read_stats(line->uplink, &stats);
    assert_int_equal(stats.n_frames_lost, 1);
    assert_int_equal(stats.n_lost, 1);
    line_free(line);
}

/* With temporal layers the loss of an upper frame costs that frame alone, the loss of a base frame a keyframe. */
static void test_temporal_layers(void **state) {
    (void)state;
    static const struct {
        const char *name;
        gboolean (*lose)(guint frame, guint packet);
        guint plis, lost_min, lost_max;
    } cases[] = {
        { "upper frame", lose_whole_frame_21, 0, 1, 2 }, /* 23 is the next sync frame */
        { "base frame", lose_whole_frame_20, 1, 1, 1 },
    };
    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        print_message("# case: %s\n", cases[i].name);
        Line *line = line_new(10000);
        line->layers = TRUE;
        line->lose = cases[i].lose;
        line->resend_loss = 1;
        run(line, 60, 2);
        VideoUplinkStats stats;
        video_uplink_read_stats(line->uplink, &stats);
        assert_int_equal(line->n_plis, cases[i].plis);
        assert_in_range(stats.n_frames_lost, cases[i].lost_min, cases[i].lost_max);
        if (cases[i].plis == 0)
            for (guint f = 0; f < line->n_log; f++) assert_false(line->log[f].after_loss);
        line_free(line);
    }
}

static void test_keyframe_requests_are_throttled(void **state) {
    (void)state;
    Line *line = line_new(10000);
    line->answers_keyframes = FALSE;
    line->keyframe_next = FALSE; /* the stream begins without one, and the sender is deaf */
    run(line, 125, 2);
    assert_in_range(line->n_plis, 5, 6);
    assert_true(line->pli_us[1] - line->pli_us[0] >= 500000);
    for (guint i = 2; i < line->n_plis; i++) assert_true(line->pli_us[i] - line->pli_us[i - 1] >= 1000000);
    assert_int_equal(line->n_log, 0); /* nothing to decode them with */
    /* Many who ask at once are one request. */
    guint before = line->n_plis;
    for (guint i = 0; i < 50; i++) video_uplink_request_keyframe(line->uplink, line->now_us);
    assert_true(line->n_plis <= before + 1);
    /* A sender that has gone quiet is left in peace. */
    for (guint ms = 0; ms < 1200; ms++) step(line);
    before = line->n_plis;
    for (guint ms = 0; ms < 5000; ms++) step(line);
    assert_int_equal(line->n_plis, before);
    line_free(line);
}

static void test_restart_is_taken_after_two_packets(void **state) {
    (void)state;
    Line *line = line_new(10000);
    run(line, 30, 3);
    line->sequence = (guint16)(line->sequence + 20000);
    line->rtp_time += 123456789;
    line->picture_id = 5;
    line->keyframe_next = TRUE;
    run(line, 60, 3);
    guint n_after = 0;
    for (guint i = 0; i < line->n_log; i++) n_after += line->log[i].frame > 30 && !line->log[i].after_loss;
    assert_true(n_after >=
                40); /* the keyframe's first packet was the stray: one more keyframe was asked for */
    assert_int_equal(line->n_nacks, 0);
    /* One packet from nowhere changes nothing. */
    guint n_log = line->n_log;
    Flight stray = { .sequence = (guint16)(line->sequence + 9000), .rtp_time = 1, .n_bytes = 20 };
    deliver(line, &stray);
    run(line, 10, 3);
    settle(line);
    assert_int_equal(line->n_log, n_log + 10);
    line_free(line);
}

static void test_outage_asks_no_flood_of_packets(void **state) {
    (void)state;
    Line *line = line_new(10000);
    run(line, 20, 3);
    line->loss = 1;
    run(line, 100, 3); /* 4 s, 300 packets */
    line->loss = 0;
    run(line, 50, 3);
    assert_int_equal(line->n_nacks, 0);
    assert_int_equal(line->n_plis, 1);
    assert_false(line->log[line->n_log - 1].after_loss);
    line_free(line);
}

static void test_unwanted_costs_nothing_and_comes_back(void **state) {
    (void)state;
    Line *line = line_new(10000);
    run(line, 20, 3);
    guint n_log = line->n_log;
    video_uplink_set_wanted(line->uplink, FALSE);
    line->loss = 0.2;
    run(line, 50, 3);
    assert_int_equal(line->n_log, n_log);
    assert_int_equal(line->n_nacks, 0);
    assert_int_equal(line->n_plis, 0);
    line->loss = 0;
    video_uplink_set_wanted(line->uplink, TRUE);
    run(line, 30, 3);
    assert_int_equal(line->n_plis, 1);
    assert_true(line->log[n_log].keyframe);
    assert_true(line->n_log > n_log + 20);
    line_free(line);
}

static void test_facts_of_frames(void **state) {
    (void)state;
    Line *line = line_new(10000);
    run(line, 1, 2);
    assert_int_equal(line->log[0].width, 640);
    assert_int_equal(line->log[0].height, 360);
    assert_int_equal(line->log[0].delay_us, 0); /* capture unknown: arrival */
    video_uplink_set_clock(line->uplink, line->rtp_time, line->now_us);
    run(line, 60, 2);
    assert_int_equal(line->log[1].delay_us, 10000);
    assert_int_equal(line->log[60].delay_us, 10000);
    VideoUplinkStats stats;
    video_uplink_read_stats(line->uplink, &stats);
    assert_int_equal(stats.fps, 25);
    assert_in_range(stats.bitrate_bps, 25 * 2 * 200 * 8, 25 * 2 * 230 * 8);
    assert_int_equal(stats.width, 640);
    line_free(line);
}

/* ---- H.264 ---- */

typedef struct {
    guint n_frames;
    gboolean keyframe, after_loss;
    guint16 width, height;
    GByteArray *bytes;
    guint n_plis;
} H264Sink;

static void h264_frame(gpointer user, Frame *frame) {
    H264Sink *sink = user;
    sink->n_frames++;
    sink->keyframe = frame->keyframe;
    sink->after_loss = frame->after_loss;
    sink->width = frame->width;
    sink->height = frame->height;
    g_byte_array_set_size(sink->bytes, 0);
    g_byte_array_append(sink->bytes, frame->bytes, (guint)frame->n_bytes);
    frame_unref(frame);
}
static void h264_nack(gpointer user, guint32 ssrc, const guint16 *sequences, guint n) {
    (void)user;
    (void)ssrc;
    (void)sequences;
    (void)n;
}
static void h264_pli(gpointer user, guint32 ssrc) {
    (void)ssrc;
    ((H264Sink *)user)->n_plis++;
}

/* 640x360 baseline SPS, as x264 writes it. */
#define SPS                                                                                                  \
    0x67, 0x42, 0xc0, 0x1e, 0xd9, 0x00, 0xa0, 0x2f, 0xf9, 0x70, 0x11, 0x00, 0x00, 0x03, 0x00, 0x01, 0x00,    \
        0x00, 0x03, 0x00, 0x32, 0x0f, 0x16, 0x2e, 0x48
#define SPS_BYTES 25
#define PPS       0x68, 0xce, 0x3c, 0x80

static void h264_push(VideoUplink *uplink, guint16 sequence, guint32 rtp_time, gboolean marker,
                      const guint8 *bytes, gsize n_bytes, gint64 at_us) {
    RtpPacket packet = { .ssrc = 9,
                         .timestamp = rtp_time,
                         .sequence = sequence,
                         .marker = marker,
                         .n_header_bytes = 12,
                         .payload = bytes,
                         .n_payload_bytes = n_bytes };
    video_uplink_push(uplink, &packet, FALSE, 0, at_us);
}

static void test_h264_access_units(void **state) {
    (void)state;
    static const guint8 stap[] = { 0x78, 0, SPS_BYTES, SPS, 0, 4, PPS };
    static const guint8 fu_first[] = { 0x7c, 0x85, 1, 2, 3 }, fu_middle[] = { 0x7c, 0x05, 4, 5 },
                        fu_last[] = { 0x7c, 0x45, 6 }, slice[] = { 0x41, 9, 9, 9 };
    static const guint8 unit[] = { 0, 0, 0, 1, SPS, 0, 0, 0, 1, PPS, 0, 0, 0, 1, 0x65, 1, 2, 3, 4, 5, 6 };
    static const VideoUplinkEvents h264_events = { h264_frame, h264_nack, h264_pli };
    H264Sink sink = { .bytes = g_byte_array_new() };
    VideoUplink *uplink = video_uplink_new(CODEC_H264, 9, &h264_events, &sink);
    h264_push(uplink, 65534, 100, FALSE, stap, sizeof stap, 1000000);
    h264_push(uplink, 0, 100, FALSE, fu_middle, sizeof fu_middle, 1000000); /* swapped */
    h264_push(uplink, 65535, 100, FALSE, fu_first, sizeof fu_first, 1000100);
    assert_int_equal(sink.n_frames, 0);
    h264_push(uplink, 1, 100, TRUE, fu_last, sizeof fu_last, 1000200);
    assert_int_equal(sink.n_frames, 1);
    assert_true(sink.keyframe);
    assert_int_equal(sink.width, 640);
    assert_int_equal(sink.height, 360);
    assert_int_equal(sink.bytes->len, sizeof unit);
    assert_memory_equal(sink.bytes->data, unit, sizeof unit);
    h264_push(uplink, 2, 3700, TRUE, slice, sizeof slice, 1040000);
    assert_int_equal(sink.n_frames, 2);
    assert_false(sink.keyframe);
    assert_false(sink.after_loss);
    assert_int_equal(sink.n_plis, 0);
    /* 3 is lost; its absence is known with 4, given up later, and then all are marked. */
    h264_push(uplink, 4, 10900, TRUE, slice, sizeof slice, 1120000);
    assert_int_equal(sink.n_frames, 2);
    video_uplink_beat(uplink, 1290000);
    assert_int_equal(sink.n_plis, 1);
    h264_push(uplink, 5, 14500, TRUE, slice, sizeof slice, 1300000);
    assert_int_equal(sink.n_frames, 3);
    assert_true(sink.after_loss);
    /* The answer: parameter sets alone, then the picture. */
    h264_push(uplink, 6, 18100, FALSE, stap, sizeof stap, 1310000);
    h264_push(uplink, 7, 18100, FALSE, fu_first, sizeof fu_first, 1310000);
    h264_push(uplink, 8, 18100, TRUE, fu_last, sizeof fu_last, 1310000);
    assert_int_equal(sink.n_frames, 4);
    assert_true(sink.keyframe);
    assert_false(sink.after_loss);
    video_uplink_free(uplink);
    g_byte_array_free(sink.bytes, TRUE);
}

/* Sizes that no decoder shall see, wherever they are put; the stream goes on with the next good keyframe. */
static void test_h264_sizes_are_kept_out(void **state) {
    (void)state;
#define SPS_2592 0x67, 0x42, 0xc0, 0x1e, 0xda, 0x00, 0xa2, 0x15, 0x90 /* 2592x160 */
    static const guint8 good[] = { 0x78, 0, SPS_BYTES, SPS, 0, 4, PPS }, idr[] = { 0x65, 1, 2, 3 };
    static const struct {
        const char *name;
        guint8 bytes[64];
        guint n_bytes;
        gboolean alone; /* the IDR behind it is an access unit of its own, and stands on what was before */
        guint n_frames;
    } cases[] = {
        { "good", { 0x78, 0, SPS_BYTES, SPS, 0, 4, PPS }, 34, FALSE, 1 },
        { "too large", { SPS_2592 }, 9, FALSE, 0 },
        { "too large, in an access unit of its own", { SPS_2592 }, 9, TRUE, 1 },
        { "too large, the second of two", { 0x78, 0, SPS_BYTES, SPS, 0, 9, SPS_2592 }, 39, FALSE, 0 },
        { "too large, the first of two", { 0x78, 0, 9, SPS_2592, 0, SPS_BYTES, SPS }, 39, FALSE, 0 },
        { "in a fragment", { 0x7c, 0x87, 0x42, 0xc0, 0x1e, 0xda }, 6, FALSE, 0 },
        { "the rest of a fragment", { 0x7c, 0x07, 0x42, 0xc0, 0x1e, 0xda }, 6, FALSE, 0 },
    };
    static const VideoUplinkEvents h264_events = { h264_frame, h264_nack, h264_pli };
    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        print_message("case: %s\n", cases[i].name);
        H264Sink sink = { .bytes = g_byte_array_new() };
        VideoUplink *uplink = video_uplink_new(CODEC_H264, 9, &h264_events, &sink);
        h264_push(uplink, 1, 100, FALSE, good, sizeof good, 1000000);
        h264_push(uplink, 2, 100, TRUE, idr, sizeof idr, 1000000);
        assert_int_equal(sink.n_frames, 1);
        h264_push(uplink, 3, 3700, cases[i].alone, cases[i].bytes, cases[i].n_bytes, 1040000);
        assert_int_equal(sink.n_frames, 1); /* the SPS alone is none */
        h264_push(uplink, 4, cases[i].alone ? 7300 : 3700, TRUE, idr, sizeof idr, 1080000);
        assert_int_equal(sink.n_frames, 1 + cases[i].n_frames);
        h264_push(uplink, 5, 10900, FALSE, good, sizeof good, 1120000);
        h264_push(uplink, 6, 10900, TRUE, idr, sizeof idr, 1120000);
        assert_true(sink.keyframe && !sink.after_loss);
        assert_int_equal(sink.width, 640);
        video_uplink_free(uplink);
        g_byte_array_free(sink.bytes, TRUE);
    }
}

/* Whatever comes is survived and costs at most its own frame. */
static void test_garbage(void **state) {
    (void)state;
    static const Codec codecs[] = { CODEC_VP8, CODEC_H264 };
    static const VideoUplinkEvents h264_events = { h264_frame, h264_nack, h264_pli };
    g_autoptr(GRand) dice = g_rand_new_with_seed(7);
    for (guint c = 0; c < G_N_ELEMENTS(codecs); c++) {
        H264Sink sink = { .bytes = g_byte_array_new() };
        VideoUplink *uplink = video_uplink_new(codecs[c], 9, &h264_events, &sink);
        guint16 sequence = 0;
        guint8 bytes[64];
        gint64 now_us = 0;
        for (guint i = 0; i < 50000; i++) {
            gsize n_bytes = (gsize)g_rand_int_range(dice, 0, (gint32)sizeof bytes);
            for (gsize b = 0; b < n_bytes; b++) bytes[b] = (guint8)g_rand_int(dice);
            sequence = (guint16)(sequence + (guint)g_rand_int_range(dice, -3, 6));
            if (i % 1000 == 0) sequence = (guint16)g_rand_int(dice);
            now_us += 2000;
            h264_push(uplink, sequence, g_rand_int(dice) % 4, g_rand_boolean(dice), bytes, n_bytes, now_us);
            if (i % 3 == 0) video_uplink_beat(uplink, now_us);
        }
        video_uplink_free(uplink);
        g_byte_array_free(sink.bytes, TRUE);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lines),
        cmocka_unit_test(test_after_loss_until_keyframe),
        cmocka_unit_test(test_temporal_layers),
        cmocka_unit_test(test_keyframe_requests_are_throttled),
        cmocka_unit_test(test_restart_is_taken_after_two_packets),
        cmocka_unit_test(test_outage_asks_no_flood_of_packets),
        cmocka_unit_test(test_unwanted_costs_nothing_and_comes_back),
        cmocka_unit_test(test_facts_of_frames),
        cmocka_unit_test(test_h264_access_units),
        cmocka_unit_test(test_h264_sizes_are_kept_out),
        cmocka_unit_test(test_garbage),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
