/* stream_store.h -- the blocks of the last seconds of one stream: for resends and for those who join.
 * Owner: one fan-out (worker thread). */
#pragma once

#include "bridge/media/block.h"

enum { STORE_BLOCKS_MAX = 128, STORE_US = 3200000 };

typedef struct {
    Block *blocks[STORE_BLOCKS_MAX]; /* ring, oldest at first */
    gint64 arrived_us[STORE_BLOCKS_MAX];
    guint first, n_blocks;
} StreamStore; /* zero-initialise */

void stream_store_clear(StreamStore *store);
/* Takes the reference; lets go of what is older than STORE_US, but for the last keyframe and all behind it where the stream's
 * blocks say `kept`. */
void stream_store_push(StreamStore *store, Block *block, gint64 now_us);
/* Borrowed; NULL when it is gone. */
Block *stream_store_find(const StreamStore *store, guint64 frame_index);
/* The block n places after the oldest, or NULL. Borrowed. */
Block *stream_store_nth(const StreamStore *store, guint n);
/* Place of the last keyframe, when it and all after it are here and it is at most age_us old; else -1. */
gint stream_store_last_keyframe(const StreamStore *store, gint64 age_us, gint64 now_us);
