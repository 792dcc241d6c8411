/* frame.c -- see frame.h. One allocation: the bytes follow the facts. */
#include "bridge/media/frame.h"

Frame *frame_new(Codec codec, gsize n_bytes) {
    Frame *frame = g_malloc0(sizeof *frame + n_bytes);
    frame->n_refs = 1;
    frame->codec = codec;
    frame->n_bytes = n_bytes;
    return frame;
}

Frame *frame_ref(Frame *frame) {
    g_atomic_int_inc(&frame->n_refs);
    return frame;
}

void frame_unref(Frame *frame) {
    if (frame != NULL && g_atomic_int_dec_and_test(&frame->n_refs)) g_free(frame);
}
