/* red.c -- see red.h. The layout is RFC 2198 3: four bytes for each redundant block, one for the last, then all data. */
#include "bridge/wire/red.h"

enum { MORE = 0x80, TYPE_MASK = 0x7f, LENGTH_BITS = 10 };

gboolean red_parse(const guint8 *payload, gsize n_bytes, RedPayload *ret_payload) {
    Reader reader = reader_over(payload, n_bytes);
    guint n = 0;
    for (;; n++) {
        guint8 type = reader_u8(&reader);
        if (n == RED_BLOCKS_MAX || reader.bad) return FALSE;
        RedBlock *block = &ret_payload->blocks[n];
        *block = (RedBlock){ .payload_type = type & TYPE_MASK };
        if ((type & MORE) == 0) break;
        guint32 facts = reader_u24(&reader);
        block->time_offset = facts >> LENGTH_BITS;
        block->n_bytes = facts & RED_BLOCK_BYTES_MAX;
    }
    ret_payload->n_blocks = n + 1;
    for (guint i = 0; i < n; i++)
        ret_payload->blocks[i].bytes = reader_bytes(&reader, ret_payload->blocks[i].n_bytes);
    if (reader.bad) return FALSE;
    ret_payload->blocks[n].bytes = reader.at;
    ret_payload->blocks[n].n_bytes = reader.left;
    return TRUE;
}

void red_write(Writer *writer, const RedBlock *blocks, guint n_blocks) {
    for (guint i = 0; i + 1 < n_blocks; i++) {
        const RedBlock *block = &blocks[i];
        if (block->time_offset > RED_TIME_OFFSET_MAX || block->n_bytes > RED_BLOCK_BYTES_MAX)
            writer->bad = TRUE;
        writer_u8(writer, MORE | (block->payload_type & TYPE_MASK));
        writer_u24(writer, (guint32)(block->time_offset << LENGTH_BITS | block->n_bytes));
    }
    writer_u8(writer, blocks[n_blocks - 1].payload_type & TYPE_MASK);
    for (guint i = 0; i < n_blocks; i++) writer_bytes(writer, blocks[i].bytes, blocks[i].n_bytes);
}
