/* fuzz_wire_vp8.c -- door: a VP8 payload: descriptor, written again, then the frame's first bytes. */
#include "bridge/wire/vp8.h"

#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes) {
    Vp8Descriptor d, again;
    guint8 bytes[VP8_DESCRIPTOR_BYTES_MAX];
    guint16 width, height;
    if (!vp8_descriptor_parse(data, n_bytes, &d)) return 0;
    gsize n = vp8_descriptor_write(&d, bytes);
    g_assert(vp8_descriptor_parse(bytes, n, &again) && again.picture_id == d.picture_id &&
             again.tl0_index == d.tl0_index);
    vp8_keyframe_size(data + d.n_bytes, n_bytes - d.n_bytes, &width, &height);
    return 0;
}
