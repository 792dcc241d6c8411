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

/* SILK frames begin with flags of one bit each, per channel: voice activity of each 20 ms, then whether there is a copy
 * (RFC 6716 4.2.3). At one half each, the range coder leaves them as they are. */
gboolean opus_payload_has_fec(const guint8 *payload, gsize n_bytes) {
    gsize at = 1;

    if (n_bytes < 3 || (payload[0] & 0x80) != 0 || (payload[0] & 3) == 3)
        return FALSE;                                          /* 0x80: CELT has none */
    if ((payload[0] & 3) == 2) at += payload[1] < 252 ? 1 : 2; /* the first frame's length (RFC 6716 3.2.1) */
    if (at >= n_bytes) return FALSE;
    guint each = MAX(frame_samples(payload[0]) / 960, 1), n_channels = payload[0] & 4 ? 2 : 1;
    for (guint channel = 1; channel <= n_channels; channel++)
        if (payload[at] & 0x80 >> ((each + 1) * channel - 1)) return TRUE;
    return FALSE;
}
