/* test_media_block.c -- packetising: what comes out of the packets is what went in, and they fit GSO. */
#include "bridge/media/block.h"
#include "bridge/media/frame.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static guint8 *pattern(gsize n_bytes) {
    guint8 *bytes = g_malloc(n_bytes + 1);
    for (gsize i = 0; i < n_bytes; i++)
        bytes[i] = (guint8)(1 + (i * 7 + i / 251) % 200); /* no zeros: no start codes */
    return bytes;
}

static void vp8_is_split_evenly(void **state) {
    (void)state;
    static const struct {
        const char *name;
        gsize n_bytes, most;
        guint n_packets;
    } cases[] = {
        { "one byte", 1, 1100, 1 },         { "just fits", 1100, 1100, 1 },
        { "one more", 1101, 1100, 2 },      { "two full", 2200, 1100, 2 },
        { "keyframe", 40000, 1100, 37 },    { "small packets", 1000, 7, 143 },
        { "odd remainder", 3301, 1100, 4 }, { "empty frame", 0, 1100, 1 },
    };
    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        print_message("case: %s\n", cases[i].name);
        guint8 *frame = pattern(cases[i].n_bytes);
        Block *block = block_new_vp8(9, frame, cases[i].n_bytes, cases[i].most);
        assert_int_equal(block->n_packets, cases[i].n_packets);
        assert_int_equal(block->stream, 9);
        assert_int_equal(block->codec, CODEC_VP8);
        gsize at = 0;
        for (guint k = 0; k < block->n_packets; k++) {
            const BlockPacket *packet = &block->packets[k];
            assert_int_equal(packet->offset, at);
            assert_true(packet->n_bytes <= cases[i].most);
            /* GSO: all of one size, only the last may be smaller. */
            if (k + 1 < block->n_packets) assert_int_equal(packet->n_bytes, block->packets[0].n_bytes);
            assert_true(packet->n_bytes <= block->packets[0].n_bytes);
            at += packet->n_bytes;
        }
        assert_int_equal(at, cases[i].n_bytes);
        assert_memory_equal(block->bytes, frame, cases[i].n_bytes);
        block_unref(block);
        g_free(frame);
    }
}

static void vp8_keyframe_is_seen(void **state) {
    (void)state;
    const guint8 key[] = { 0x10, 0x02, 0x00, 0x9d, 0x01, 0x2a }, delta[] = { 0x11, 0x02, 0x00 };
    Block *a = block_new_vp8(1, key, sizeof key, 1100), *b = block_new_vp8(1, delta, sizeof delta, 1100);
    assert_true(a->keyframe);
    assert_false(b->keyframe);
    block_unref(a);
    block_unref(b);
}

/* The receiver's side of RFC 6184, enough to put a unit together again. */
static GByteArray *unpack_h264(const Block *block) {
    static const guint8 start_code[] = { 0, 0, 0, 1 };
    GByteArray *unit = g_byte_array_new();
    for (guint i = 0; i < block->n_packets; i++) {
        const guint8 *packet = block->bytes + block->packets[i].offset;
        guint n_bytes = block->packets[i].n_bytes, type = packet[0] & 0x1f;
        if (type == 24) {
            for (guint at = 1; at < n_bytes;) {
                guint size = (guint)(packet[at] << 8 | packet[at + 1]);
                assert_true(at + 2 + size <= n_bytes);
                g_byte_array_append(unit, start_code, 4);
                g_byte_array_append(unit, packet + at + 2, size);
                at += 2 + size;
            }
        } else if (type == 28) {
            if (packet[1] & 0x80) {
                const guint8 header = (guint8)((packet[0] & 0xe0) | (packet[1] & 0x1f));
                g_byte_array_append(unit, start_code, 4);
                g_byte_array_append(unit, &header, 1);
            }
            g_byte_array_append(unit, packet + 2, n_bytes - 2);
        } else {
            g_byte_array_append(unit, start_code, 4);
            g_byte_array_append(unit, packet, n_bytes);
        }
    }
    return unit;
}

static void append_nal(GByteArray *unit, guint8 header, gsize n_bytes, gboolean long_start_code) {
    static const guint8 start_code[] = { 0, 0, 0, 1 };
    g_byte_array_append(unit, start_code + (long_start_code ? 0 : 1), long_start_code ? 4 : 3);
    guint8 *body = pattern(n_bytes);
    body[0] = header;
    g_byte_array_append(unit, body, (guint)n_bytes);
    g_free(body);
}

static void h264_comes_back_whole(void **state) {
    (void)state;
    static const struct {
        const char *name;
        struct {
            guint8 header;
            gsize n_bytes;
        } nals[5];
        guint n_packets;
        gboolean keyframe;
        gboolean start_codes_short;
    } cases[] = {
        { "small slice alone", { { 0x41, 300 } }, 1, FALSE, FALSE },
        { "largest single", { { 0x41, 1100 } }, 1, FALSE, FALSE },
        { "parameter sets together, slice in fragments",
          { { 0x67, 20 }, { 0x68, 4 }, { 0x65, 5000 } },
          6,
          TRUE,
          FALSE },
        { "one parameter set is no aggregate", { { 0x67, 20 }, { 0x65, 200 } }, 2, TRUE, FALSE },
        { "short start codes", { { 0x67, 20 }, { 0x68, 4 }, { 0x65, 900 }, { 0x65, 900 } }, 3, TRUE, TRUE },
        { "slice with SEI", { { 0x06, 30 }, { 0x41, 1101 } }, 3, FALSE, FALSE },
        { "nothing", { { 0, 0 } }, 0, FALSE, FALSE },
    };
    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        print_message("case: %s\n", cases[i].name);
        GByteArray *unit = g_byte_array_new(), *plain = g_byte_array_new();
        for (guint k = 0; k < G_N_ELEMENTS(cases[i].nals) && cases[i].nals[k].n_bytes > 0; k++) {
            append_nal(unit, cases[i].nals[k].header, cases[i].nals[k].n_bytes, !cases[i].start_codes_short);
            append_nal(plain, cases[i].nals[k].header, cases[i].nals[k].n_bytes, TRUE);
        }
        Block *block = block_new_h264(3, unit->data, unit->len, 1100);
        assert_int_equal(block->n_packets, cases[i].n_packets);
        assert_int_equal(block->keyframe, cases[i].keyframe);
        for (guint k = 0; k < block->n_packets; k++) assert_in_range(block->packets[k].n_bytes, 1, 1100);
        GByteArray *back = unpack_h264(block);
        assert_int_equal(back->len, plain->len);
        if (plain->len > 0) assert_memory_equal(back->data, plain->data, plain->len);
        g_byte_array_unref(back);
        block_unref(block);
        g_byte_array_unref(unit);
        g_byte_array_unref(plain);
    }
}

static void h264_access_unit_delimiters_stay_home(void **state) {
    (void)state;
    GByteArray *unit = g_byte_array_new();
    append_nal(unit, 0x09, 2, TRUE);
    append_nal(unit, 0x41, 100, TRUE);
    Block *block = block_new_h264(3, unit->data, unit->len, 1100);
    assert_int_equal(block->n_packets, 1);
    assert_int_equal(block->bytes[block->packets[0].offset], 0x41);
    block_unref(block);
    g_byte_array_unref(unit);
}

static void h264_lying_bytes_do_no_harm(void **state) {
    (void)state;
    static const guint8 cases[][8] = { { 0, 0, 0, 1 },
                                       { 0, 0, 1, 0, 0, 1, 0, 0 },
                                       { 1, 2, 3, 4, 5, 6, 7, 8 },
                                       { 0 },
                                       { 0, 0, 0, 0, 0, 0, 0, 1 } };
    for (guint i = 0; i < G_N_ELEMENTS(cases); i++)
        for (gsize n_bytes = 0; n_bytes <= 8; n_bytes++) {
            guint8 *exact = g_memdup2(cases[i], MAX(n_bytes, 1)); /* so that a read beyond is seen by ASan */
            Block *block = block_new_h264(1, exact, n_bytes, 1100);
            assert_true(block->n_packets <= 8);
            block_unref(block);
            g_free(exact);
        }
}

static gpointer ref_and_drop(gpointer data) {
    for (guint i = 0; i < 20000; i++) block_unref(block_ref(data));
    return NULL;
}

static void references_count_across_threads(void **state) {
    (void)state;
    Block *block = block_new_audio(7, (const guint8 *)"opus", 4);
    GThread *threads[3];
    for (guint i = 0; i < 3; i++) threads[i] = g_thread_new("ref", ref_and_drop, block);
    for (guint i = 0; i < 3; i++) g_thread_join(threads[i]);
    assert_int_equal(block->n_refs, 1);
    assert_int_equal(block->n_packets, 1);
    assert_memory_equal(block->bytes, "opus", 4);
    assert_true(block->keyframe);
    block_unref(block);
    block_unref(NULL);

    Frame *frame = frame_new(CODEC_VP8, 5);
    assert_int_equal(frame->n_bytes, 5);
    frame_unref(frame_ref(frame));
    frame_unref(frame);
    frame_unref(NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(vp8_is_split_evenly),
        cmocka_unit_test(vp8_keyframe_is_seen),
        cmocka_unit_test(h264_comes_back_whole),
        cmocka_unit_test(h264_access_unit_delimiters_stay_home),
        cmocka_unit_test(h264_lying_bytes_do_no_harm),
        cmocka_unit_test(references_count_across_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
