/* stream_store.c -- see stream_store.h. */
#include "bridge/media/stream_store.h"

static guint slot_of(const StreamStore *store, guint n) { return (store->first + n) % STORE_BLOCKS_MAX; }

static void drop_oldest(StreamStore *store) {
    g_clear_pointer(&store->blocks[store->first], block_unref);
    store->first = slot_of(store, 1);
    store->n_blocks--;
}

void stream_store_clear(StreamStore *store) {
    while (store->n_blocks > 0) drop_oldest(store);
}

/* Whether the oldest block may go for its age: of a stream that rests the last keyframe stays, with what stands on it. */
static gboolean may_go(const StreamStore *store, const Block *next) {
    if (!next->kept || next->keyframe) return TRUE;
    for (guint n = 1; n < store->n_blocks; n++)
        if (store->blocks[slot_of(store, n)]->keyframe) return TRUE;
    return FALSE;
}

void stream_store_push(StreamStore *store, Block *block, gint64 now_us) {
    /* A gap means that a letter of the encoder was lost: nothing before it can be joined any more. */
    Block *newest = stream_store_nth(store, store->n_blocks - 1);
    if (newest != NULL && newest->frame_index + 1 != block->frame_index) stream_store_clear(store);
    while (store->n_blocks > 0 &&
           (store->n_blocks == STORE_BLOCKS_MAX ||
            (now_us - store->arrived_us[store->first] > STORE_US && may_go(store, block))))
        drop_oldest(store);
    guint slot = slot_of(store, store->n_blocks++);
    store->blocks[slot] = block;
    store->arrived_us[slot] = now_us;
}

Block *stream_store_nth(const StreamStore *store, guint n) {
    return n < store->n_blocks ? store->blocks[slot_of(store, n)] : NULL;
}

Block *stream_store_find(const StreamStore *store, guint64 frame_index) {
    const Block *oldest = stream_store_nth(store, 0);
    if (oldest == NULL || frame_index < oldest->frame_index) return NULL;
    guint64 n = frame_index - oldest->frame_index; /* no gaps inside: see push */
    return n < store->n_blocks ? stream_store_nth(store, (guint)n) : NULL;
}

gint stream_store_last_keyframe(const StreamStore *store, gint64 age_us, gint64 now_us) {
    for (guint n = store->n_blocks; n-- > 0;) {
        guint slot = slot_of(store, n);
        if (now_us - store->arrived_us[slot] > age_us) return -1;
        if (store->blocks[slot]->keyframe) return (gint)n;
    }
    return -1;
}
