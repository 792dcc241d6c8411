/* test_wire_rtp.c -- RTP headers, their extensions, RTX, and numbers that wrap. Lying inputs are cut to every length. */
#include "bridge/wire/rtp.h"
#include "bridge/wire/twcc_record.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

/* One-byte extension: id 1 = 0x85 (voice, -5 dBov), padding, id 3 = 0x1234, id 4 = "v1"; payload "hello"; 3 bytes padding. */
static const guint8 FULL[] = {
    0xB1, 0xEF, 0x12, 0x34, 0x00, 0x00, 0x03, 0xE8, 0xDE, 0xAD, 0xBE, 0xEF, /* header */
    0x00, 0x00, 0x00, 0x07,                                                 /* one CSRC */
    0xBE, 0xDE, 0x00, 0x03, 0x10, 0x85, 0x00, 0x31, 0x12, 0x34, 0x41, 0x76,
    0x31, 0x00, 0x00, 0x00, 'h',  'e',  'l',  'l',  'o',  0x00, 0x00, 0x03
};

static void reads_a_full_header(void **state) {
    RtpPacket packet;
    guint8 level;
    gboolean voice;
    guint16 sequence;
    char mid[RTP_TEXT_BYTES];
    (void)state;
    assert_true(rtp_parse(FULL, sizeof FULL, &packet));
    assert_int_equal(packet.ssrc, 0xDEADBEEF);
    assert_int_equal(packet.sequence, 0x1234);
    assert_int_equal(packet.timestamp, 1000);
    assert_int_equal(packet.payload_type, 111);
    assert_true(packet.marker);
    assert_int_equal(packet.n_padding_bytes, 3);
    assert_int_equal(packet.n_payload_bytes, 5);
    assert_memory_equal(packet.payload, "hello", 5);
    assert_true(rtp_ext_audio_level(&packet, 1, &level, &voice));
    assert_int_equal(level, 5);
    assert_true(voice);
    assert_true(rtp_ext_transport_cc(&packet, 3, &sequence));
    assert_int_equal(sequence, 0x1234);
    assert_true(rtp_ext_text(&packet, 4, mid));
    assert_string_equal(mid, "v1");
    assert_false(rtp_ext_text(&packet, 0, mid));
    assert_false(rtp_ext_text(&packet, 9, mid));
}

/* Cut at every length: either refused, or every view stays inside (ASan would tell). */
static void survives_every_cut(void **state) {
    (void)state;
    for (gsize n = 0; n <= sizeof FULL; n++) {
        g_autofree guint8 *copy = g_memdup2(FULL, n);
        RtpPacket packet;
        gsize n_ext;
        if (!rtp_parse(copy, n, &packet)) continue;
        assert_true(packet.n_header_bytes + packet.n_payload_bytes + packet.n_padding_bytes == n);
        for (guint id = 0; id < 256; id++) rtp_ext_find(&packet, (guint8)id, &n_ext);
    }
}

static void refuses_lies(void **state) {
    static const struct {
        const char *name;
        gsize at;
        guint8 value;
    } LIES[] = { { "version 1", 0, 0x71 },
                 { "15 CSRCs", 0, 0x9F },
                 { "extension of 64 k words", 18, 0xFF },
                 { "padding of 0", 39, 0x00 },
                 { "padding over all", 39, 0xFF } };
    RtpPacket packet;
    (void)state;
    for (guint i = 0; i < G_N_ELEMENTS(LIES); i++) {
        guint8 bytes[sizeof FULL];
        memcpy(bytes, FULL, sizeof FULL);
        bytes[LIES[i].at] = LIES[i].value;
        if (rtp_parse(bytes, sizeof bytes, &packet)) fail_msg("%s was taken", LIES[i].name);
    }
}

/* RFC 8285 4.2: id 15 ends the list, a padding byte with a length does too; 4.3: two-byte elements may be empty. */
static void extension_rules_of_rfc_8285(void **state) {
    static const struct {
        const char *name;
        guint16 profile;
        guint8 elements[8], id;
        gboolean found;
        gsize n_bytes;
    } CASES[] = {
        { "after padding", 0xBEDE, { 0, 0, 0x20, 7, 0x30, 8, 0, 0 }, 3, TRUE, 1 },
        { "after id 15", 0xBEDE, { 0x20, 7, 0xF0, 1, 0x30, 8, 0, 0 }, 3, FALSE, 0 },
        { "before id 15", 0xBEDE, { 0x20, 7, 0xF0, 1, 0x30, 8, 0, 0 }, 2, TRUE, 1 },
        { "id 0 with a length", 0xBEDE, { 0x02, 1, 2, 3, 0x30, 8, 0, 0 }, 3, FALSE, 0 },
        { "length over the end", 0xBEDE, { 0x37, 1, 2, 3, 4, 5, 6, 7 }, 3, FALSE, 0 },
        { "two-byte, empty", 0x1000, { 5, 0, 6, 2, 1, 2, 0, 0 }, 5, TRUE, 0 },
        { "two-byte, appbits", 0x100F, { 5, 0, 6, 2, 1, 2, 0, 0 }, 6, TRUE, 2 },
        { "two-byte, high id", 0x1000, { 200, 1, 9, 0, 0, 0, 0, 0 }, 200, TRUE, 1 },
        { "two-byte, over the end", 0x1000, { 5, 7, 1, 2, 3, 4, 5, 6 }, 5, FALSE, 0 },
        { "unknown profile", 0x4242, { 0x30, 8, 0, 0, 0, 0, 0, 0 }, 3, FALSE, 0 },
    };
    (void)state;
    for (guint i = 0; i < G_N_ELEMENTS(CASES); i++) {
        guint8 bytes[24] = { 0x90, 96, 0, 1, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 2 };
        RtpPacket packet;
        gsize n = 99;
        const guint8 *found;
        bytes[12] = (guint8)(CASES[i].profile >> 8);
        bytes[13] = (guint8)CASES[i].profile;
        memcpy(bytes + 16, CASES[i].elements, 8);
        assert_true(rtp_parse(bytes, sizeof bytes, &packet));
        found = rtp_ext_find(&packet, CASES[i].id, &n);
        if ((found != NULL) != CASES[i].found) fail_msg("%s", CASES[i].name);
        if (found != NULL) assert_int_equal(n, CASES[i].n_bytes);
    }
}

static void writes_what_it_reads(void **state) {
    guint8 bytes[128];
    Writer writer = writer_over(bytes, sizeof bytes);
    RtpHeader header = { .ssrc = 7, .timestamp = 8, .sequence = 9, .payload_type = 96, .marker = TRUE };
    RtpExtWriter ext;
    RtpPacket packet;
    guint8 level, turns;
    gboolean voice;
    guint32 sent;
    char rid[RTP_TEXT_BYTES];
    (void)state;
    rtp_write_header(&writer, &header);
    ext = rtp_ext_begin(&writer);
    rtp_ext_put_audio_level(&ext, 1, 127, FALSE);
    rtp_ext_put_abs_send_time(&ext, 2, 0x123456);
    rtp_ext_put_transport_cc(&ext, 0, 5); /* not negotiated */
    rtp_ext_put_video_orientation(&ext, 7, 3);
    rtp_ext_put_text(&ext, 5, "m");
    rtp_ext_end(&ext);
    writer_u8(&writer, 0xAA);
    assert_false(writer.bad);
    assert_true(rtp_parse(bytes, writer.n_bytes, &packet));
    assert_int_equal(packet.n_payload_bytes, 1);
    assert_true(rtp_ext_audio_level(&packet, 1, &level, &voice) && level == 127 && !voice);
    assert_true(rtp_ext_abs_send_time(&packet, 2, &sent) && sent == 0x123456);
    assert_true(rtp_ext_video_orientation(&packet, 7, &turns) && turns == 3);
    assert_true(rtp_ext_text(&packet, 5, rid));
    assert_string_equal(rid, "m");

    writer = writer_over(bytes, sizeof bytes); /* nothing negotiated: no block at all */
    rtp_write_header(&writer, &header);
    ext = rtp_ext_begin(&writer);
    rtp_ext_put_text(&ext, 0, "m");
    rtp_ext_end(&ext);
    assert_int_equal(writer.n_bytes, RTP_HEADER_BYTES);
    assert_int_equal(bytes[0], 0x80);

    writer = writer_over(bytes, 18); /* too small: bad, not beyond */
    rtp_write_header(&writer, &header);
    ext = rtp_ext_begin(&writer);
    rtp_ext_put_text(&ext, 4, "four");
    rtp_ext_end(&ext);
    assert_true(writer.bad);
}

static void rtx_goes_round(void **state) {
    guint8 bytes[128];
    Writer writer = writer_over(bytes, sizeof bytes);
    RtpPacket original, rtx, restored;
    guint16 sequence;
    (void)state;
    assert_true(rtp_parse(FULL, sizeof FULL, &original));
    rtp_rtx_write(&writer, &original, 0xCAFE, 97, 500);
    assert_true(rtp_parse(bytes, writer.n_bytes, &rtx));
    assert_int_equal(rtx.ssrc, 0xCAFE);
    assert_int_equal(rtx.sequence, 500);
    assert_true(rtp_rtx_restore(&rtx, original.ssrc, original.payload_type, &restored));
    assert_int_equal(restored.sequence, original.sequence);
    assert_int_equal(restored.timestamp, original.timestamp);
    assert_true(restored.marker);
    assert_int_equal(restored.n_payload_bytes, 5);
    assert_memory_equal(restored.payload, "hello", 5);
    assert_true(rtp_ext_transport_cc(&restored, 3, &sequence));
    rtx.n_payload_bytes = 1; /* a padding-only probe */
    assert_false(rtp_rtx_restore(&rtx, 1, 1, &restored));
}

static void tells_datagrams_apart(void **state) {
    static const struct {
        guint8 first, second;
        DatagramKind kind;
    } CASES[] = { { 0, 1, DATAGRAM_STUN },     { 1, 1, DATAGRAM_STUN },         { 4, 0, DATAGRAM_OTHER },
                  { 22, 254, DATAGRAM_DTLS },  { 63, 0, DATAGRAM_DTLS },        { 64, 0, DATAGRAM_OTHER },
                  { 128, 96, DATAGRAM_RTP },   { 128, 96 + 128, DATAGRAM_RTP }, { 128, 200, DATAGRAM_RTCP },
                  { 143, 206, DATAGRAM_RTCP }, { 144, 111, DATAGRAM_RTP },      { 192, 96, DATAGRAM_OTHER } };
    (void)state;
    for (guint i = 0; i < G_N_ELEMENTS(CASES); i++)
        assert_int_equal(datagram_kind((const guint8[]){ CASES[i].first, CASES[i].second }, 2),
                         CASES[i].kind);
    assert_int_equal(datagram_kind((const guint8[]){ 128 }, 1), DATAGRAM_OTHER);
}

static void sequences_unwrap(void **state) {
    static const struct {
        guint16 sequence;
        guint64 at;
    } STEPS[] = { { 65534, 131070 }, { 65535, 131071 }, { 1, 131073 },
                  { 0, 131072 },     { 65533, 131069 }, { 2, 131074 },
                  { 32769, 163841 }, { 32770, 163842 }, { 10000, 196608 - 65536 + 10000 } };
    SequenceUnwrap unwrap = { 0 };
    TimeUnwrap time = { 0 };
    (void)state;
    for (guint i = 0; i < G_N_ELEMENTS(STEPS); i++)
        assert_int_equal(sequence_unwrap(&unwrap, STEPS[i].sequence), STEPS[i].at);
    unwrap = (SequenceUnwrap){ 0 };
    assert_int_equal(sequence_unwrap(&unwrap, 0), 65536);
    assert_int_equal(sequence_unwrap(&unwrap, 65535), 65535); /* one before the first */
    assert_int_equal(rtp_time_unwrap(&time, 0xFFFFFF00u), 0x1FFFFFF00);
    assert_int_equal(rtp_time_unwrap(&time, 0x100), 0x200000100);
    assert_int_equal(rtp_time_unwrap(&time, 0xFFFFFFFFu), 0x1FFFFFFFF);
    assert_true(sequence_newer(0, 65535));
    assert_false(sequence_newer(65535, 0));
}

static void send_time_is_6_18(void **state) {
    (void)state;
    assert_int_equal(abs_send_time_from_us(0), 0);
    assert_int_equal(abs_send_time_from_us(G_USEC_PER_SEC), 1 << 18);
    assert_int_equal(abs_send_time_from_us(G_USEC_PER_SEC / 2), 1 << 17);
    assert_int_equal(abs_send_time_from_us((gint64)64 * G_USEC_PER_SEC), 0);
    assert_int_equal(abs_send_time_from_us(G_MAXINT64) & ~0xFFFFFFu, 0);
}

/* What a receiver records comes back out of the feedback that it writes. */
static RtcpTwcc heard;
static void hear(gpointer user, const RtcpItem *item) {
    (*(guint *)user)++;
    heard = item->twcc;
}
static void arrivals_become_feedback(void **state) {
    static RtcpTwcc scratch;
    static RtcpItem item;
    static TwccRecord record;
    guint8 bytes[1200];
    Writer writer = writer_over(bytes, sizeof bytes);
    guint n_items = 0;
    (void)state;
    assert_false(twcc_record_write(&record, &writer, 1, &scratch));
    for (guint i = 0; i < 100; i++)
        if (i % 10 != 3)
            twcc_record_packet(&record, (guint16)(65500 + i), 42, 10 * G_USEC_PER_SEC + i * 1000);
    assert_true(twcc_record_write(&record, &writer, 1, &scratch));
    assert_true(rtcp_parse(bytes, writer.n_bytes, &item, hear, &n_items));
    assert_int_equal(n_items, 1);
    assert_int_equal(heard.base_sequence, 65500);
    assert_int_equal(heard.n_packets, 100);
    for (guint i = 0; i < 100; i++) {
        if (i % 10 == 3) {
            assert_int_equal(heard.arrival_us[i], RTCP_TWCC_LOST);
            continue;
        }
        assert_in_range(heard.reference_us + heard.arrival_us[i], 10 * G_USEC_PER_SEC + i * 1000 - 250,
                        10 * G_USEC_PER_SEC + i * 1000);
    }
    assert_int_equal(twcc_record_n_pending(&record), 0);
    twcc_record_packet(&record, (guint16)(65500 + 120), 42, 11 * G_USEC_PER_SEC);
    writer = writer_over(bytes, sizeof bytes);
    assert_true(twcc_record_write(&record, &writer, 1, &scratch));
    assert_true(rtcp_parse(bytes, writer.n_bytes, &item, hear, &n_items));
    assert_int_equal(heard.base_sequence, (guint16)(65500 + 100));
    assert_int_equal(heard.n_packets, 21);
    assert_int_equal(heard.feedback_count, 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_a_full_header),   cmocka_unit_test(survives_every_cut),
        cmocka_unit_test(refuses_lies),          cmocka_unit_test(extension_rules_of_rfc_8285),
        cmocka_unit_test(writes_what_it_reads),  cmocka_unit_test(rtx_goes_round),
        cmocka_unit_test(tells_datagrams_apart), cmocka_unit_test(sequences_unwrap),
        cmocka_unit_test(send_time_is_6_18),     cmocka_unit_test(arrivals_become_feedback),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
