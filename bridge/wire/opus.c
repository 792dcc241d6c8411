/* opus.c -- see opus.h. Frame sizes by configuration number, RFC 6716 table 2. */
#include "bridge/wire/opus.h"

static guint frame_samples(guint8 toc) {
    guint config = toc >> 3;

    if (config < 12) return (const guint[]){ 480, 960, 1920, 2880 }[config & 3]; /* SILK: 10 20 40 60 ms */
    if (config < 16) return config & 1 ? 960 : 480;                              /* hybrid: 10 20 ms */
    return 120u << (config & 3);                                                 /* CELT: 2.5 5 10 20 ms */
}

guint opus_payload_samples(const guint8 *payload, gsize n_bytes) {
    guint n_frames, n_samples;

    if (n_bytes == 0) return 0;
    switch (payload[0] & 3) {
    case 0: n_frames = 1; break;
    case 3: n_frames = n_bytes < 2 ? 0 : payload[1] & 0x3F; break;
    default: n_frames = 2; break;
    }
    n_samples = n_frames * frame_samples(payload[0]);
    return n_samples > 5760 ? 0 : n_samples;
}
