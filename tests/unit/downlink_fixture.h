/* downlink_fixture.h -- a leg for tests: the transport below is a fake that keeps every packet; time is made by the test. */
#pragma once

#include "bridge/media/downlink.h"
#include "bridge/wire/rtp.h"
#include "bridge/wire/vp8.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

enum { MS = 1000, S = 1000000, HIGH = 11, LOW = 12, STILL = 13, OTHER = 21, CONFERENCE = 5, SEAT = 77 };
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

void transport_fetch(const Transport *transport, gboolean srtp) { (void)transport, (void)srtp; }

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

G_GNUC_UNUSED static void on_keyframe(gpointer user, StreamId stream) {
    (void)user;
    n_asked++;
    asked = stream;
}

G_GNUC_UNUSED static void on_rung(gpointer user, StreamId stream) {
    (void)user;
    wished = stream;
}

/* ---- encoders ---- */

typedef struct {
    StreamId stream;
    guint64 frame_index, first_packet;
    guint8 tl0;
    guint32 time_base;
    gboolean layered; /* every other frame is of the upper temporal layer */
    guint since_keyframe;
} Encoder;

static gint64 epoch_us;

G_GNUC_UNUSED static Block *encode(Encoder *encoder, gboolean keyframe, gsize n_bytes) {
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
    encoder->since_keyframe = keyframe ? 0 : encoder->since_keyframe + 1;
    block->temporal_layer = encoder->layered && encoder->since_keyframe % 2 == 1;
    block->tl0_index = block->temporal_layer == 0 ? encoder->tl0++ : (guint8)(encoder->tl0 - 1);
    encoder->first_packet += block->n_packets;
    return block;
}

/* ---- a leg ---- */

static Fanout *fanout;
static Downlink *leg;
static Encoder high, low;
static const DownlinkRung rungs[] = {
    { .stream = HIGH, .bitrate_bps = 1500000, .width = 1280, .height = 720, .fps = 25, .layers = 1 },
    { .stream = LOW, .bitrate_bps = 500000, .width = 640, .height = 360, .fps = 25, .layers = 1 }
};

G_GNUC_UNUSED static DownlinkConfig config_of_leg(void) {
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

G_GNUC_UNUSED static int set_up(void **state) {
    (void)state;
    static const FanoutEvents fanout_events = { on_keyframe, NULL };
    static const DownlinkEvents events = { .rung = on_rung };
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

G_GNUC_UNUSED static int tear_down(void **state) {
    (void)state;
    downlink_free(leg);
    fanout_free(fanout);
    g_ptr_array_free(caught, TRUE);
    g_hash_table_destroy(nonces);
    return 0;
}

G_GNUC_UNUSED static void pass(gint64 us) {
    for (gint64 until_us = now_us + us; now_us < until_us;) {
        now_us += 5 * MS;
        fanout_beat(fanout, now_us);
    }
}

/* n frames of both rungs, 25 a second; the first of each is a keyframe if said so. */
G_GNUC_UNUSED static void run(guint n_frames, gboolean keyframe_first) {
    for (guint i = 0; i < n_frames; i++) {
        gboolean keyframe = keyframe_first && i == 0;
        fanout_video(fanout, encode(&high, keyframe, keyframe ? 30000 : 7000), now_us);
        fanout_video(fanout, encode(&low, keyframe, keyframe ? 9000 : 2400), now_us);
        pass(40 * MS);
    }
}

G_GNUC_UNUSED static void watch_both(void) { downlink_watch(leg, rungs, G_N_ELEMENTS(rungs), 0, now_us); }

G_GNUC_UNUSED static const Caught *nth(guint n) { return caught->pdata[n]; }

/* Everything the leg got on the video SSRC, from packet `first` on, is one unbroken stream. Returns the frames in it. */
G_GNUC_UNUSED static guint check_continuous(guint first) {
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
            gboolean new_base = new_frame && one->vp8.temporal_layer == 0;
            assert_int_equal((guint8)one->vp8.tl0_index,
                             (guint8)(before->vp8.tl0_index + (new_base ? 1 : 0)));
            gint32 step = (gint32)(one->rtp.timestamp - before->rtp.timestamp);
            if (new_frame ? step <= 0 || step > 10 * 90000 : step != 0) fail_msg("time steps by %d", step);
        }
        if (one->rtp.marker) n_frames++;
        before = one;
    }
    return n_frames;
}

G_GNUC_UNUSED static void remb(guint64 bps) {
    RtcpItem *item = g_new0(RtcpItem, 1);
    item->kind = RTCP_REMB;
    item->remb.bitrate_bps = bps;
    downlink_on_rtcp(leg, item, now_us);
    g_free(item);
}

/* A report of the receiver: packets were lost, of 256 so many. */
G_GNUC_UNUSED static void lost(guint8 fraction) {
    RtcpItem *item = g_new0(RtcpItem, 1);
    item->kind = RTCP_RR;
    item->report.n_blocks = 1;
    item->report.blocks[0] = (RtcpReportBlock){ .ssrc = VIDEO_SSRC, .fraction_lost = fraction };
    downlink_on_rtcp(leg, item, now_us);
    g_free(item);
}

/* The receiver says for 1.2 s that no more than this comes through, and that a little is lost. */
G_GNUC_UNUSED static void narrow(guint64 bps) {
    remb(bps * 2);
    lost(10);
    for (guint i = 0; i < 6; i++) {
        run(5, FALSE);
        remb(bps);
    }
}

G_GNUC_UNUSED static void nack(guint16 first, guint n) {
    RtcpItem *item = g_new0(RtcpItem, 1);
    item->kind = RTCP_NACK;
    item->media_ssrc = VIDEO_SSRC;
    item->nack.n_sequences = n;
    for (guint i = 0; i < n; i++) item->nack.sequences[i] = (guint16)(first + i);
    downlink_on_rtcp(leg, item, now_us);
    g_free(item);
}
