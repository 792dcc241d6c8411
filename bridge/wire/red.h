/* red.h -- redundant audio (RFC 2198): one packet carries a frame and copies of the frames before it. Pure; hostile bytes are
 * expected, nothing reads past n_bytes. */
#pragma once

#include "config/bytes.h"

enum {
    RED_BLOCKS_MAX = 12,
    RED_BLOCK_BYTES_MAX = 1023,  /* a 10 bit length: redundant blocks only */
    RED_TIME_OFFSET_MAX = 16383, /* 14 bits of the RTP clock */
};

typedef struct {
    guint8 payload_type; /* of what is inside, 0..127 */
    guint time_offset;   /* how much earlier than the packet's RTP time; 0 in the last block */
    const guint8 *bytes; /* borrowed */
    gsize n_bytes;
} RedBlock;

/* The oldest first; the last is the packet's own frame. */
typedef struct {
    guint n_blocks;
    RedBlock blocks[RED_BLOCKS_MAX];
} RedPayload;

/* FALSE: too short for what it says, or more blocks than RED_BLOCKS_MAX; ret_payload is then not to be read. */
gboolean red_parse(const guint8 *payload, gsize n_bytes, RedPayload *ret_payload);

/* Bytes of the headers that stand in front of n_blocks' data. */
static inline gsize red_header_bytes(guint n_blocks) { return 4 * ((gsize)n_blocks - 1) + 1; }

/* Appends headers and data. A block whose offset or length has no room in its header makes the writer bad. */
void red_write(Writer *writer, const RedBlock *blocks, guint n_blocks);
