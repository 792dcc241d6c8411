/* fuzz_wire_red.c -- door: a RED payload, written again, and a look into the Opus frames inside. */
#include "bridge/wire/opus.h"
#include "bridge/wire/red.h"

#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes) {
    static guint8 again[65536];
    RedPayload payload;
    if (n_bytes > sizeof again || !red_parse(data, n_bytes, &payload)) return 0;
    gsize total = red_header_bytes(payload.n_blocks);
    for (guint i = 0; i < payload.n_blocks; i++) {
        total += payload.blocks[i].n_bytes;
        opus_payload_samples(payload.blocks[i].bytes, payload.blocks[i].n_bytes);
        opus_payload_has_fec(payload.blocks[i].bytes, payload.blocks[i].n_bytes);
    }
    g_assert(total == n_bytes);
    Writer writer = writer_over(again, sizeof again);
    red_write(&writer, payload.blocks, payload.n_blocks);
    g_assert(!writer.bad && writer.n_bytes == n_bytes && memcmp(again, data, n_bytes) == 0);
    return 0;
}
