/* test_wire_rtcp.c -- RTCP: what is written is read again, vectors by hand from the RFCs' figures, and lying lengths. */
#include "bridge/wire/rtcp.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

enum { HEARD_MAX = 8 };
static RtcpItem items[HEARD_MAX], scratch;
static guint n_items;

static void hear(gpointer user, const RtcpItem *item) {
    (void)user;
    assert_true(n_items < HEARD_MAX);
    items[n_items++] = *item;
}
static gboolean parse(const guint8 *bytes, gsize n_bytes) {
    n_items = 0;
    return rtcp_parse(bytes, n_bytes, &scratch, hear, NULL);
}

static const RtcpReportBlock BLOCKS[2] = {
    { .ssrc = 11,
      .fraction_lost = 64,
      .n_lost = -3,
      .highest_sequence = 0x10005,
      .jitter = 90,
      .last_sr = 5,
      .since_last_sr = 6 },
    { .ssrc = 12,
      .fraction_lost = 0,
      .n_lost = 0x7FFFFF,
      .highest_sequence = 7,
      .jitter = 0,
      .last_sr = 0,
      .since_last_sr = 0 },
};

static void assert_same_blocks(const RtcpItem *item) {
    assert_int_equal(item->report.n_blocks, 2);
    for (guint i = 0; i < 2; i++) {
        assert_int_equal(item->report.blocks[i].ssrc, BLOCKS[i].ssrc);
        assert_int_equal(item->report.blocks[i].fraction_lost, BLOCKS[i].fraction_lost);
        assert_int_equal(item->report.blocks[i].n_lost, BLOCKS[i].n_lost);
        assert_int_equal(item->report.blocks[i].highest_sequence, BLOCKS[i].highest_sequence);
        assert_int_equal(item->report.blocks[i].jitter, BLOCKS[i].jitter);
        assert_int_equal(item->report.blocks[i].last_sr, BLOCKS[i].last_sr);
        assert_int_equal(item->report.blocks[i].since_last_sr, BLOCKS[i].since_last_sr);
    }
}

static void a_compound_goes_round(void **state) {
    static const RtcpSenderInfo INFO = {
        .ntp = 0x0102030405060708, .rtp_time = 9, .n_packets = 10, .n_bytes = 11
    };
    guint8 bytes[1200];
    Writer writer = writer_over(bytes, sizeof bytes);
    (void)state;
    rtcp_write_sr(&writer, 1, &INFO, BLOCKS, 2);
    rtcp_write_cname(&writer, 1, "điểm cầu");
    rtcp_write_rr(&writer, 2, BLOCKS, 2);
    rtcp_write_bye(&writer, (const guint32[]){ 1, 2 }, 2, "hết giờ");
    assert_false(writer.bad);
    assert_int_equal(writer.n_bytes % 4, 0);
    assert_true(parse(bytes, writer.n_bytes));
    assert_int_equal(n_items, 4);
    assert_int_equal(items[0].kind, RTCP_SR);
    assert_int_equal(items[0].sender_ssrc, 1);
    assert_true(items[0].report.info.ntp == INFO.ntp && items[0].report.info.rtp_time == 9);
    assert_int_equal(items[0].report.info.n_bytes, 11);
    assert_same_blocks(&items[0]);
    assert_int_equal(items[1].kind, RTCP_CNAME);
    assert_string_equal(items[1].cname, "điểm cầu");
    assert_int_equal(items[2].kind, RTCP_RR);
    assert_same_blocks(&items[2]);
    assert_int_equal(items[3].kind, RTCP_BYE);
    assert_int_equal(items[3].bye.n_ssrcs, 2);
}

static void feedback_goes_round(void **state) {
    static const guint16 LOST[] = { 65530, 65531, 3, 10, 11, 40, 56 };
    guint8 bytes[1200];
    Writer writer = writer_over(bytes, sizeof bytes);
    (void)state;
    rtcp_write_nack(&writer, 1, 2, LOST, G_N_ELEMENTS(LOST));
    rtcp_write_pli(&writer, 1, 3);
    rtcp_write_fir(&writer, 1, 4, 77);
    rtcp_write_remb(&writer, 1, 5000000, (const guint32[]){ 8, 9 }, 2);
    assert_true(parse(bytes, writer.n_bytes));
    assert_int_equal(n_items, 4);
    assert_int_equal(items[0].nack.n_sequences, G_N_ELEMENTS(LOST));
    for (guint i = 0; i < G_N_ELEMENTS(LOST); i++) assert_int_equal(items[0].nack.sequences[i], LOST[i]);
    assert_int_equal(items[0].media_ssrc, 2);
    assert_true(items[1].kind == RTCP_PLI && items[1].media_ssrc == 3 && items[1].sender_ssrc == 1);
    assert_int_equal(items[2].fir.n_entries, 1);
    assert_true(items[2].fir.entries[0].ssrc == 4 && items[2].fir.entries[0].sequence == 77);
    assert_int_equal(items[3].remb.n_ssrcs, 2);
    assert_in_range(items[3].remb.bitrate_bps, 4990000, 5000000); /* 18 bit mantissa, rounded down */
}

/* draft-holmer 3.1: a run of 2 small deltas, a 2-bit vector (large, lost, small ...), signed reference time. */
static void reads_transport_feedback_by_hand(void **state) {
    static const guint8 BYTES[] = {
        0x8F, 205,  0x00, 0x06, 0,    0,    0,    1,    0, 0, 0, 2, /* header, ssrcs */
        0x00, 0x05, 0x00, 0x05, 0xFF, 0xFF, 0xFF, 0x09,             /* base 5, 5 packets, -64 ms, count 9 */
        0x20, 0x02, 0xE1, 0x00,                                     /* run: 2 small; vector: 2 0 1 ... */
        0x04, 0x08, 0xFF, 0xFC
    }; /* 1 ms, 2 ms, -1 ms; small is missing */
    (void)state;
    assert_false(parse(BYTES, sizeof BYTES)); /* the last delta is missing */
    guint8 whole[sizeof BYTES + 4];
    memcpy(whole, BYTES, sizeof BYTES);
    memcpy(whole + sizeof BYTES, (const guint8[]){ 0x0C, 0, 0, 0 }, 4);
    whole[3] = 7;
    assert_true(parse(whole, sizeof whole));
    assert_int_equal(n_items, 1);
    assert_int_equal(items[0].twcc.n_packets, 5);
    assert_int_equal(items[0].twcc.reference_us, -64000);
    assert_int_equal(items[0].twcc.feedback_count, 9);
    assert_int_equal(items[0].twcc.arrival_us[0], 1000);
    assert_int_equal(items[0].twcc.arrival_us[1], 3000);
    assert_int_equal(items[0].twcc.arrival_us[2], 2000);
    assert_int_equal(items[0].twcc.arrival_us[3], RTCP_TWCC_LOST);
    assert_int_equal(items[0].twcc.arrival_us[4], 5000);
}

static void transport_feedback_goes_round(void **state) {
    static RtcpTwcc twcc;
    guint8 bytes[4096];
    Writer writer = writer_over(bytes, sizeof bytes);
    (void)state;
    twcc =
        (RtcpTwcc){ .base_sequence = 65000, .feedback_count = 3, .reference_us = 64000, .n_packets = 1500 };
    for (guint i = 0; i < twcc.n_packets; i++)
        twcc.arrival_us[i] =
            i > 300 && i < 900 ? (gint32)RTCP_TWCC_LOST : (gint32)(i % 7 == 5 ? i * 500 - 2000 : i * 500);
    assert_int_equal(rtcp_write_twcc(&writer, 1, 2, &twcc), 1500);
    assert_true(parse(bytes, writer.n_bytes));
    assert_int_equal(items[0].twcc.n_packets, 1500);
    for (guint i = 0; i < 1500; i++) assert_int_equal(items[0].twcc.arrival_us[i], twcc.arrival_us[i]);
    twcc.arrival_us[700] = 100 * G_USEC_PER_SEC; /* a delta that does not fit ends the feedback before it */
    writer = writer_over(bytes, sizeof bytes);
    assert_int_equal(rtcp_write_twcc(&writer, 1, 2, &twcc), 700);
    assert_true(parse(bytes, writer.n_bytes));
    assert_int_equal(items[0].twcc.n_packets, 700);
}

static void skips_what_it_does_not_know(void **state) {
    static const guint8 BYTES[] = { 0x81, 204, 0,   2,   0, 0, 0, 1, 'n', 'a', 'm', 'e', /* APP */
                                    0x80, 207, 0,   1,   0, 0, 0, 1,                     /* XR */
                                    0x8F, 206, 0,   3,   0, 0, 0, 1, 0,   0,   0,   0,
                                    'X',  'X', 'X', 'X',                                 /* other AFB */
                                    0x82, 205, 0,   2,   0, 0, 0, 1, 0,   0,   0,   2,   /* unknown RTPFB */
                                    0x81, 206, 0,   2,   0, 0, 0, 1, 0,   0,   0,   9 }; /* PLI */
    (void)state;
    assert_true(parse(BYTES, sizeof BYTES));
    assert_int_equal(n_items, 1);
    assert_int_equal(items[0].media_ssrc, 9);
}

static void refuses_lies(void **state) {
    static const struct {
        const char *name;
        gsize n_bytes;
        guint8 bytes[24];
    } LIES[] = {
        { "empty", 0, { 0 } },
        { "version 1", 8, { 0x40, 201, 0, 1, 0, 0, 0, 1 } },
        { "longer than the datagram", 8, { 0x80, 201, 0, 9, 0, 0, 0, 1 } },
        { "31 blocks in 8 bytes", 8, { 0x9F, 201, 0, 1, 0, 0, 0, 1 } },
        { "padding of 0", 12, { 0xA0, 201, 0, 2, 0, 0, 0, 1, 0, 0, 0, 0 } },
        { "padding over all", 12, { 0xA0, 201, 0, 2, 0, 0, 0, 1, 0, 0, 0, 200 } },
        { "SDES item over its chunk", 12, { 0x81, 202, 0, 2, 0, 0, 0, 1, 1, 200, 'a', 'b' } },
        { "feedback without ssrcs", 8, { 0x81, 206, 0, 1, 0, 0, 0, 1 } },
        { "REMB naming 255 ssrcs", 20, { 0x8F, 206, 0,   4,   0,   0,   0,   1, 0, 0,
                                         0,    0,   'R', 'E', 'M', 'B', 255, 0, 0, 1 } },
        { "TWCC of 65535 in one empty run", 24, { 0x8F, 205, 0,    5,    0, 0, 0, 1, 0, 0, 0, 2,
                                                  0,    1,   0xFF, 0xFF, 0, 0, 0, 0, 0, 0, 0, 0 } },
        { "TWCC reserved symbol", 24, { 0x8F, 205, 0, 5, 0, 0, 0, 1, 0,    0, 0, 2,
                                        0,    1,   0, 1, 0, 0, 0, 0, 0x60, 1, 0, 0 } },
    };
    (void)state;
    for (guint i = 0; i < G_N_ELEMENTS(LIES); i++) {
        g_autofree guint8 *exact = g_memdup2(LIES[i].bytes, LIES[i].n_bytes);
        if (parse(exact, LIES[i].n_bytes)) fail_msg("%s was taken", LIES[i].name);
        assert_int_equal(n_items, 0);
    }
}

static void what_stood_before_a_lie_counts(void **state) {
    static const guint8 BYTES[] = { 0x81, 206, 0, 2, 0, 0, 0, 1, 0, 0, 0, 9, 0x81, 206, 0, 200 };
    (void)state;
    assert_false(parse(BYTES, sizeof BYTES));
    assert_int_equal(n_items, 1);
}

/* Long lists are cut to their limits, never beyond. */
static void limits_hold(void **state) {
    guint8 bytes[1500] = { 0x81, 205, 0, 0, 0, 0, 0, 1, 0, 0, 0, 2 };
    guint32 ssrcs[64] = { 0 };
    Writer writer = writer_over(bytes, sizeof bytes);
    (void)state;
    memset(bytes + 12, 0xFF, 1200);
    bytes[2] = (guint8)(302 >> 8);
    bytes[3] = (guint8)302;
    assert_true(parse(bytes, 1212));
    assert_int_equal(items[0].nack.n_sequences, RTCP_NACKS_MAX);
    rtcp_write_bye(&writer, ssrcs, 64, NULL);
    assert_true(parse(bytes, writer.n_bytes));
    assert_int_equal(items[0].bye.n_ssrcs, RTCP_SSRCS_MAX);
    writer = writer_over(bytes, 10);
    rtcp_write_remb(&writer, 1, G_MAXUINT64, ssrcs, 2);
    assert_true(writer.bad);
}

static void times_convert(void **state) {
    gint64 utc_us = G_GINT64_CONSTANT(1700000000123456);
    RtcpReportBlock block = { .last_sr = ntp_middle(ntp_from_utc_us(utc_us)), .since_last_sr = 65536 / 2 };
    gint64 trip;
    (void)state;
    assert_int_equal(ntp_from_utc_us(0) >> 32, 2208988800u);
    assert_in_range(ntp_to_utc_us(ntp_from_utc_us(utc_us)), utc_us - 1, utc_us + 1);
    trip = rtcp_round_trip_us(&block, ntp_from_utc_us(utc_us + 580000));
    assert_in_range(trip, 79900, 80100);
    block.last_sr = 0;
    assert_int_equal(rtcp_round_trip_us(&block, 1), -1);
}

static void the_clock_of_feedback_does_not_go_round(void **state) {
    enum { TICK_US = 64000 };
    const gint64 round_us = ((gint64)1 << 24) * TICK_US, half_us = round_us / 2;
    const struct {
        gint64 before_us, told_us, is_us;
    } cases[] = {
        { 0, 5 * TICK_US, 5 * TICK_US },
        { 0, -half_us, -half_us },
        { half_us - TICK_US, -half_us, half_us },          /* forward over the end */
        { half_us, half_us - TICK_US, half_us - TICK_US }, /* and back: feedback out of order */
        { 7 * round_us, TICK_US, 7 * round_us + TICK_US },
        { 7 * round_us, -TICK_US, 7 * round_us - TICK_US },
        { -half_us - round_us, half_us - 2 * TICK_US, -half_us - round_us - 2 * TICK_US },
    };
    (void)state;
    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        RtcpTwcc twcc = { .reference_us = cases[i].told_us };
        assert_int_equal(rtcp_twcc_reference_us(&twcc, cases[i].before_us), cases[i].is_us);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_compound_goes_round),
        cmocka_unit_test(feedback_goes_round),
        cmocka_unit_test(reads_transport_feedback_by_hand),
        cmocka_unit_test(transport_feedback_goes_round),
        cmocka_unit_test(skips_what_it_does_not_know),
        cmocka_unit_test(refuses_lies),
        cmocka_unit_test(what_stood_before_a_lie_counts),
        cmocka_unit_test(limits_hold),
        cmocka_unit_test(times_convert),
        cmocka_unit_test(the_clock_of_feedback_does_not_go_round),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
