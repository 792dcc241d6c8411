/* test_wire_payload.c -- VP8 descriptors and keyframes, H.264 pieces and sizes, Opus durations. */
#include "bridge/wire/h264.h"
#include "bridge/wire/opus.h"
#include "bridge/wire/vp8.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void vp8_descriptors(void **state) {
    static const struct {
        const char *name;
        gsize n;
        guint8 bytes[7];
        gboolean ok;
        Vp8Descriptor want;
    } CASES[] = {
        { "bare",
          2,
          { 0x10, 0xAA },
          TRUE,
          { .starts_partition = 1,
            .picture_id = -1,
            .tl0_index = -1,
            .temporal_layer = -1,
            .key_index = -1,
            .n_bytes = 1 } },
        { "partition 3, N",
          1,
          { 0x23 },
          TRUE,
          { .non_reference = 1,
            .partition = 3,
            .picture_id = -1,
            .tl0_index = -1,
            .temporal_layer = -1,
            .key_index = -1,
            .n_bytes = 1 } },
        { "7 bit id",
          3,
          { 0x90, 0x80, 0x11 },
          TRUE,
          { .starts_partition = 1,
            .picture_id = 0x11,
            .tl0_index = -1,
            .temporal_layer = -1,
            .key_index = -1,
            .n_bytes = 3 } },
        { "15 bit id",
          4,
          { 0x90, 0x80, 0x92, 0x34 },
          TRUE,
          { .starts_partition = 1,
            .picture_id = 0x1234,
            .picture_id_long = 1,
            .tl0_index = -1,
            .temporal_layer = -1,
            .key_index = -1,
            .n_bytes = 4 } },
        { "all",
          7,
          { 0x90, 0xF0, 0x80, 0x01, 0x22, 0x63, 0x99 },
          TRUE,
          { .starts_partition = 1,
            .picture_id = 1,
            .picture_id_long = 1,
            .tl0_index = 0x22,
            .temporal_layer = 1,
            .layer_sync = 1,
            .key_index = 3,
            .n_bytes = 6 } },
        { "empty", 0, { 0 }, FALSE, { 0 } },
        { "X without its byte", 1, { 0x90 }, FALSE, { 0 } },
        { "id cut", 3, { 0x90, 0x80, 0x92 }, FALSE, { 0 } },
        { "layers cut", 2, { 0x90, 0x20 }, FALSE, { 0 } },
    };
    (void)state;
    for (guint i = 0; i < G_N_ELEMENTS(CASES); i++) {
        g_autofree guint8 *exact = g_memdup2(CASES[i].bytes, CASES[i].n);
        Vp8Descriptor d;
        const Vp8Descriptor *w = &CASES[i].want;
        guint8 again[VP8_DESCRIPTOR_BYTES_MAX];
        if (vp8_descriptor_parse(exact, CASES[i].n, &d) != CASES[i].ok) fail_msg("%s", CASES[i].name);
        if (!CASES[i].ok) continue;
        if (d.starts_partition != w->starts_partition || d.non_reference != w->non_reference ||
            d.partition != w->partition || d.picture_id != w->picture_id || d.tl0_index != w->tl0_index ||
            d.temporal_layer != w->temporal_layer || d.layer_sync != w->layer_sync ||
            d.key_index != w->key_index || d.n_bytes != w->n_bytes)
            fail_msg("%s: a field differs", CASES[i].name);
        assert_int_equal(vp8_descriptor_write(&d, again), d.n_bytes);
        assert_memory_equal(again, CASES[i].bytes, d.n_bytes);
    }
}

static void vp8_our_descriptor(void **state) {
    guint8 bytes[VP8_DESCRIPTOR_BYTES_MAX];
    Vp8Descriptor d;
    (void)state;
    vp8_descriptor_write_ours(bytes, TRUE, TRUE, 0x7FFF, 200, 1, TRUE);
    assert_true(vp8_descriptor_parse(bytes, sizeof bytes, &d));
    assert_true(d.starts_partition && d.non_reference && d.layer_sync && d.picture_id_long);
    assert_int_equal(d.picture_id, 0x7FFF);
    assert_int_equal(d.tl0_index, 200);
    assert_int_equal(d.temporal_layer, 1);
    assert_int_equal(d.n_bytes, VP8_DESCRIPTOR_BYTES_MAX);
}

static void vp8_keyframes(void **state) {
    static const guint8 KEY[] = {
        0x50, 0x42, 0x00, 0x9D, 0x01, 0x2A, 0x80, 0x42, 0x68, 0x81
    }; /* 640x360 with scale bits */
    guint8 frame[10];
    guint16 width = 0, height = 0;
    (void)state;
    assert_true(vp8_keyframe_size(KEY, sizeof KEY, &width, &height));
    assert_int_equal(width, 640);
    assert_int_equal(height, 360);
    assert_false(vp8_keyframe_size(KEY, 9, &width, &height));
    memcpy(frame, KEY, 10);
    frame[0] |= 1;
    assert_false(vp8_is_keyframe(frame, 10));
    assert_false(vp8_keyframe_size(frame, 10, &width, &height));
    memcpy(frame, KEY, 10);
    frame[3] = 0;
    assert_false(vp8_keyframe_size(frame, 10, &width, &height));
    memcpy(frame, KEY, 10);
    frame[6] = 0;
    frame[7] = 0xC0;
    assert_false(vp8_keyframe_size(frame, 10, &width, &height)); /* width 0 */
    assert_false(vp8_is_keyframe(frame, 0));
}

static void h264_payloads(void **state) {
    static const struct {
        const char *name;
        gsize n;
        guint8 bytes[12];
        guint n_pieces;
        gboolean key;
        guint8 first_header;
        gboolean starts, ends;
    } CASES[] = {
        { "single slice", 3, { 0x61, 1, 2 }, 1, FALSE, 0x61, TRUE, TRUE },
        { "single IDR", 3, { 0x65, 1, 2 }, 1, TRUE, 0x65, TRUE, TRUE },
        { "STAP-A of SPS and PPS", 10, { 0x78, 0, 3, 0x67, 1, 2, 0, 2, 0x68, 1 }, 2, TRUE, 0x67, TRUE, TRUE },
        { "STAP-A with a lying size", 6, { 0x78, 0, 9, 0x67, 1, 2 }, 0, FALSE, 0, 0, 0 },
        { "STAP-A with an empty unit", 5, { 0x78, 0, 0, 0x67, 1 }, 0, FALSE, 0, 0, 0 },
        { "empty STAP-A", 1, { 0x78 }, 0, FALSE, 0, 0, 0 },
        { "FU-A start of an IDR", 4, { 0x7C, 0x85, 1, 2 }, 1, TRUE, 0x65, TRUE, FALSE },
        { "FU-A middle", 4, { 0x7C, 0x05, 1, 2 }, 1, FALSE, 0x65, FALSE, FALSE },
        { "FU-A end", 4, { 0x7C, 0x45, 1, 2 }, 1, FALSE, 0x65, FALSE, TRUE },
        { "FU-A start and end", 4, { 0x7C, 0xC5, 1, 2 }, 0, FALSE, 0, 0, 0 },
        { "FU-A too short", 2, { 0x7C, 0x85 }, 0, FALSE, 0, 0, 0 },
        { "FU-B", 5, { 0x7D, 0x85, 0, 1, 2 }, 0, FALSE, 0, 0, 0 },
        { "MTAP", 5, { 0x7A, 0, 1, 2, 3 }, 0, FALSE, 0, 0, 0 },
        { "nothing", 0, { 0 }, 0, FALSE, 0, 0, 0 },
    };
    (void)state;
    for (guint i = 0; i < G_N_ELEMENTS(CASES); i++) {
        g_autofree guint8 *exact = g_memdup2(CASES[i].bytes, CASES[i].n);
        H264Piece pieces[H264_PIECES_MAX];
        guint n = h264_pieces(exact, CASES[i].n, pieces);
        if (n != CASES[i].n_pieces) fail_msg("%s: %u pieces", CASES[i].name, n);
        if (h264_starts_keyframe(exact, CASES[i].n) != CASES[i].key) fail_msg("%s: keyframe", CASES[i].name);
        if (n == 0) continue;
        assert_int_equal(pieces[0].header, CASES[i].first_header);
        assert_int_equal(pieces[0].starts, CASES[i].starts);
        assert_int_equal(pieces[0].ends, CASES[i].ends);
    }
}

static void h264_sizes(void **state) {
    /* Baseline 640x360 (23 map units, cropped by 8 lines), written bit by bit after 7.3.2.1.1:
     * 67 42 C0 1E | ue(0) ue(0) ue(2) ue(1) 0 ue(39) ue(22) 1 1 1 ue(0) ue(0) ue(0) ue(4) 0 1 */
    static const guint8 SPS_360[] = { 0x67, 0x42, 0xC0, 0x1E, 0xDA, 0x02, 0x80, 0xBF, 0xE5, 0x40 };
    guint16 width = 0, height = 0;
    (void)state;
    assert_true(h264_sps_size(SPS_360, sizeof SPS_360, &width, &height));
    assert_int_equal(width, 640);
    assert_int_equal(height, 360);
    for (gsize n = 0; n < sizeof SPS_360; n++) {
        g_autofree guint8 *exact = g_memdup2(SPS_360, n);
        h264_sps_size(exact, n, &width, &height);
    }
    assert_false(h264_sps_size(SPS_360, 5, &width, &height));
    /* 4096x4096, of which 16x16 are left: whoever decodes it needs memory for all. */
    static const guint8 HIDDEN[] = { 0x67, 0x42, 0xC0, 0x1E, 0xDA, 0x00, 0x40, 0x00,
                                     0x20, 0x1E, 0x00, 0x7F, 0x98, 0x01, 0xFE, 0x50 };
    assert_false(h264_sps_size(HIDDEN, sizeof HIDDEN, &width, &height));
    assert_false(h264_sps_size((const guint8[]){ 0x67, 0x42, 0xC0, 0x1E, 0, 0, 0, 0, 0, 0, 0, 0 }, 12, &width,
                               &height));
}

static void h264_byte_streams(void **state) {
    static const guint8 STREAM[] = {
        0, 0, 0, 1, 0x67, 1, 0, 0, 1, 0x68, 2, 3, 0, 0, 0, 0, 1, 0, 0, 1, 0x65, 9
    };
    const guint8 *at = STREAM, *end = STREAM + sizeof STREAM, *nal;
    gsize n;
    guint8 seen[8];
    guint n_seen = 0;
    (void)state;
    while ((nal = h264_next_nal(&at, end, &n)) != NULL) {
        seen[n_seen++] = nal[0];
        seen[n_seen++] = (guint8)n;
    }
    assert_int_equal(n_seen, 6);
    assert_memory_equal(seen, ((const guint8[]){ 0x67, 2, 0x68, 3, 0x65, 2 }), 6);
}

/* RFC 6716 table 2 and 3.2: configuration, code, and how long that plays. */
static void opus_durations(void **state) {
    static const struct {
        gsize n;
        guint8 bytes[2];
        guint samples;
    } CASES[] = {
        { 0, { 0 }, 0 },
        { 1, { 0 << 3 }, 480 },       /* SILK NB 10 ms */
        { 1, { 3 << 3 }, 2880 },      /* SILK 60 ms */
        { 1, { 11 << 3 | 1 }, 5760 }, /* two of 60 ms */
        { 1, { 13 << 3 }, 960 },      /* hybrid 20 ms */
        { 1, { 16 << 3 }, 120 },      /* CELT 2.5 ms */
        { 1, { 31 << 3 }, 960 },      /* CELT FB 20 ms */
        { 1, { 31 << 3 | 2 }, 1920 }, /* two of them, different sizes */
        { 2, { 31 << 3 | 3, 6 }, 5760 },
        { 2, { 31 << 3 | 3, 7 }, 0 }, /* 140 ms: forbidden */
        { 2, { 31 << 3 | 3, 0 }, 0 }, /* no frame */
        { 1, { 31 << 3 | 3 }, 0 },    /* the count is missing */
        { 2, { 16 << 3 | 3, 48 }, 5760 },
    };
    (void)state;
    for (guint i = 0; i < G_N_ELEMENTS(CASES); i++) {
        g_autofree guint8 *exact = g_memdup2(CASES[i].bytes, CASES[i].n);
        assert_int_equal(opus_payload_samples(exact, CASES[i].n), CASES[i].samples);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(vp8_descriptors), cmocka_unit_test(vp8_our_descriptor),
        cmocka_unit_test(vp8_keyframes),   cmocka_unit_test(h264_payloads),
        cmocka_unit_test(h264_sizes),      cmocka_unit_test(h264_byte_streams),
        cmocka_unit_test(opus_durations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
