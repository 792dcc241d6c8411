/* test_media_forward.c -- a received screen on its way to many: packed anew, whole, in order; keyframes asked for once a
 * second; and a store that keeps what a screen that rests has shown last. */
#include "bridge/media/forward.h"
#include "bridge/media/stream_store.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static Frame *frame_of(gboolean keyframe, gsize n_bytes, guint8 layer, gboolean referenced, gint64 at_us) {
    Frame *frame = frame_new(CODEC_VP8, n_bytes);
    for (gsize i = 0; i < n_bytes; i++) frame->bytes[i] = (guint8)(i * 7);
    if (n_bytes > 0) frame->bytes[0] = keyframe ? 0x10 : 0x11;
    frame->keyframe = keyframe;
    frame->width = keyframe ? 1920 : 0;
    frame->height = keyframe ? 1080 : 0;
    frame->temporal_layer = layer;
    frame->referenced = referenced;
    frame->rtp_time = (guint32)(at_us * 9 / 100);
    frame->arrival_us = frame->capture_us = at_us;
    return frame;
}

static const struct {
    const char *name;
    gsize n_bytes;
    guint n_packets;
} sizes[] = {
    { "a small change is one packet", 60, 1 },
    { "one packet, full", BLOCK_VP8_PAYLOAD_BYTES_MAX, 1 },
    { "one byte more is two even ones", BLOCK_VP8_PAYLOAD_BYTES_MAX + 1, 2 },
    { "a slide of 150 kB", 150000, 137 },
};

static void test_packs_whole_frames(void **state) {
    (void)state;
    for (guint i = 0; i < G_N_ELEMENTS(sizes); i++) {
        Forward *forward = forward_new(7, 2500000);
        Frame *frame = frame_of(TRUE, sizes[i].n_bytes, 0, TRUE, 5000000);
        Block *block = forward_frame(forward, frame);
        if (block->n_packets != sizes[i].n_packets)
            fail_msg("%s: %u packets", sizes[i].name, block->n_packets);
        gsize n_bytes = 0;
        for (guint k = 0; k < block->n_packets; k++) {
            assert_int_equal(block->packets[k].offset, n_bytes);
            assert_true(block->packets[k].n_bytes <= BLOCK_VP8_PAYLOAD_BYTES_MAX);
            n_bytes += block->packets[k].n_bytes;
        }
        assert_int_equal(n_bytes, sizes[i].n_bytes);
        assert_memory_equal(block->bytes, frame->bytes, n_bytes);
        assert_true(block->keyframe && block->kept);
        assert_int_equal(block->stream, 7);
        assert_int_equal(block->width, 1920);
        assert_int_equal(block->rtp_time, frame->rtp_time);
        block_unref(block);
        frame_unref(frame);
        forward_free(forward);
    }
}

/* One letter per frame: K keyframe, B base, U upper that others stand on, D upper that nobody needs, X after a loss. */
static const struct {
    const char *name, *frames;
    const char *out; /* the same letters; - held back */
} chains[] = {
    { "nothing before the first keyframe", "BBKB", "--KB" },
    { "what was lost is not passed on until the next keyframe", "KBXXKB", "KB--KB" },
    { "three layers as browsers send them", "KDUDBDUD", "KDUDBDUD" },
};

static Frame *frame_of_letter(char letter, guint n) {
    Frame *frame = frame_of(letter == 'K', 500, letter == 'U' || letter == 'D' ? 1 : 0, letter != 'D',
                            1000000 + (gint64)n * 66667);
    frame->after_loss = letter == 'X';
    return frame;
}

static void test_what_is_passed_on(void **state) {
    (void)state;
    for (guint i = 0; i < G_N_ELEMENTS(chains); i++) {
        Forward *forward = forward_new(7, 2500000);
        guint64 n_frames = 0, n_packets = 0;
        guint8 base = 0xff;
        for (guint n = 0; chains[i].frames[n] != '\0'; n++) {
            Frame *frame = frame_of_letter(chains[i].frames[n], n);
            Block *block = forward_frame(forward, frame);
            frame_unref(frame);
            if ((block != NULL) != (chains[i].out[n] != '-')) fail_msg("%s: frame %u", chains[i].name, n);
            if (block == NULL) continue;
            if (block->temporal_layer == 0) base++;
            assert_int_equal(block->frame_index, n_frames++);
            assert_int_equal(block->first_packet, n_packets);
            assert_int_equal(block->tl0_index, base);
            assert_int_equal(block->chained, chains[i].frames[n] == 'U');
            n_packets += block->n_packets;
            block_unref(block);
        }
        forward_free(forward);
    }
}

static void pass(Forward *forward, gboolean keyframe, gint64 at_us) {
    Frame *frame = frame_of(keyframe, 500, 0, TRUE, at_us);
    block_unref(forward_frame(forward, frame));
    frame_unref(frame);
}

static void test_keyframe_gate(void **state) {
    (void)state;
    enum { MS = 1000 };
    Forward *forward = forward_new(7, 2500000);
    assert_false(forward_keyframe_due(forward, 10000 * MS)); /* nobody asked */
    pass(forward, TRUE, 10000 * MS);
    for (guint i = 0; i < 200; i++) forward_want_keyframe(forward); /* 200 rooms join at once */
    assert_false(forward_keyframe_due(forward, 10500 * MS));        /* the store serves them */
    assert_true(forward_keyframe_due(forward, 11000 * MS));
    assert_false(forward_keyframe_due(forward, 11900 * MS)); /* once a second */
    assert_true(forward_keyframe_due(forward, 12000 * MS));  /* the first was lost */
    pass(forward, TRUE, 12100 * MS);
    assert_false(forward_keyframe_due(forward, 14000 * MS)); /* it has come */
    /* A chain that grows long is begun anew, so that all of it is stored. */
    for (guint i = 0; i < 130; i++) pass(forward, FALSE, 14000 * MS + i * 66 * MS);
    assert_true(forward_keyframe_due(forward, 23000 * MS));
    forward_free(forward);
}

static const struct {
    const char *name;
    gsize n_bytes;
    gint64 every_us;
    gboolean keyframes;             /* all of them */
    guint64 passed_min, passed_max; /* bytes in 60 s */
} floods[] = {
    { "what was asked for passes whole", 20000, 66667, FALSE, 17900000, 18100000 },
    { "a slide every second passes", 200000, 1000000, TRUE, 11900000, 12100000 },
    { "a hundred Mbit/s are cut to what was asked for, four times", 800000, 66667, TRUE, 10000000, 80000000 },
};

static void test_floods(void **state) {
    (void)state;
    for (guint i = 0; i < G_N_ELEMENTS(floods); i++) {
        Forward *forward = forward_new(7, 2500000);
        ForwardStats stats;
        guint n_frames = 0;
        for (gint64 at_us = 1000000; at_us < 61000000; at_us += floods[i].every_us) {
            gboolean is_asked = forward_keyframe_due(forward, at_us);
            gboolean keyframe = floods[i].keyframes || n_frames++ == 0 || is_asked;
            Frame *frame = frame_of(keyframe, floods[i].n_bytes, 0, TRUE, at_us);
            block_unref(forward_frame(forward, frame));
            frame_unref(frame);
        }
        forward_read_stats(forward, &stats);
        if (stats.n_bytes < floods[i].passed_min || stats.n_bytes > floods[i].passed_max)
            fail_msg("%s: %u bytes", floods[i].name, (guint)stats.n_bytes);
        forward_free(forward);
    }
}

/* Large frames and never a keyframe: the stores would keep them all. */
static void test_a_chain_without_end(void **state) {
    (void)state;
    Forward *forward = forward_new(7, 2500000);
    ForwardStats stats;
    for (guint i = 0; i < 100; i++) {
        Frame *frame = frame_of(i == 0, 500000, 0, TRUE, 1000000 + i * (gint64)1000000);
        block_unref(forward_frame(forward, frame));
        frame_unref(frame);
    }
    forward_read_stats(forward, &stats);
    assert_int_equal(stats.n_frames, 16); /* 8 MB */
    assert_true(forward_keyframe_due(forward, 200000000));
    forward_free(forward);
}

static void test_store_of_a_screen_that_rests(void **state) {
    (void)state;
    enum { S = 1000000 };
    StreamStore store = { 0 };
    Forward *forward = forward_new(7, 2500000);
    const struct {
        gboolean keyframe;
        gint64 at_us;
    } frames[] = { { TRUE, 1 * S }, { FALSE, 2 * S }, { FALSE, 60 * S }, { FALSE, 61 * S } };
    for (guint i = 0; i < G_N_ELEMENTS(frames); i++) {
        Frame *frame = frame_of(frames[i].keyframe, 500, 0, TRUE, frames[i].at_us);
        stream_store_push(&store, forward_frame(forward, frame), frames[i].at_us);
        frame_unref(frame);
    }
    /* A minute later all is still there for somebody who comes now. */
    assert_int_equal(store.n_blocks, 4);
    assert_int_equal(stream_store_last_keyframe(&store, G_MAXINT64, 120 * S), 0);
    Frame *frame = frame_of(TRUE, 500, 0, TRUE, 121 * S);
    stream_store_push(&store, forward_frame(forward, frame), 121 * S);
    frame_unref(frame);
    assert_int_equal(store.n_blocks, 1); /* a new keyframe ends it */
    stream_store_clear(&store);
    forward_free(forward);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_packs_whole_frames),  cmocka_unit_test(test_what_is_passed_on),
        cmocka_unit_test(test_keyframe_gate),       cmocka_unit_test(test_floods),
        cmocka_unit_test(test_a_chain_without_end), cmocka_unit_test(test_store_of_a_screen_that_rests),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
