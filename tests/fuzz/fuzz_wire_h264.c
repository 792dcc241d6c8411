/* fuzz_wire_h264.c -- door: bytes as an H.264 payload, as a parameter set and as a byte stream. */
#include "bridge/wire/h264.h"

#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes) {
    H264Piece pieces[H264_PIECES_MAX];
    guint n = h264_pieces(data, n_bytes, pieces);
    guint sum = 0;
    guint16 width, height;
    gsize n_nal;
    const guint8 *at = data, *nal;
    for (guint i = 0; i < n; i++)
        for (gsize k = 0; k < pieces[i].n_bytes; k++) sum += pieces[i].bytes[k];
    h264_starts_keyframe(data, n_bytes);
    if (h264_sps_size(data, n_bytes, &width, &height)) g_assert(width > 0 && height > 0);
    while ((nal = h264_next_nal(&at, data + n_bytes, &n_nal)) != NULL) sum += nal[n_nal - 1];
    return sum == G_MAXUINT;
}
