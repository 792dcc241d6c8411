/* downlink_queue.c -- which frames a leg takes, and when their packets leave.
 * A common frame leaves at once in one slice. What is larger, and the stored frames of a join, wait in the queue and leave in
 * slices of 5 ms: at most 16 packets, and on the long run no more than twice the leg's estimate. The legs of a worker are
 * spread over the first part of the tick, so that a frame does not leave for a hundred rooms in the same millisecond. */
#include "bridge/media/downlink_state.h"

enum {
    SLICE_US = 5000,
    DATAGRAM_BYTES = 1200,
    LATE_US = 600000,       /* a queue older than this is given up for the next keyframe */
    LAYER_LATE_US = 120000, /* a queue older than this sheds the upper temporal layer */
    STILL_EVERY_US = 3500000,
    SPREAD_LEGS = 32,
    SPREAD_SLICES_MAX = 4,
    RATE_BPS_MIN = 100000,
};

static Pending *nth_pending(Downlink *downlink, guint n) {
    return &downlink->pending[(downlink->first_pending + n) % PENDING_MAX];
}

static void pop(Downlink *downlink) {
    block_unref(nth_pending(downlink, 0)->block);
    downlink->first_pending = (downlink->first_pending + 1) % PENDING_MAX;
    downlink->n_pending--;
}

void downlink_drop_pending(Downlink *downlink) {
    guint keep = downlink->n_pending > 0 && nth_pending(downlink, 0)->next > 0 ? 1 : 0;
    while (downlink->n_pending > keep) {
        block_unref(nth_pending(downlink, --downlink->n_pending)->block);
        downlink->stats.n_frames_skipped++;
    }
}

static void push(Downlink *downlink, Block *block, gboolean replay, gint64 due_us, gint64 now_us) {
    *nth_pending(downlink, downlink->n_pending++) =
        (Pending){ .block = block_ref(block), .replay = replay, .due_us = due_us, .queued_us = now_us };
}

/* ---- pace ---- */

static guint32 nominal_bps(const Downlink *downlink) {
    for (guint i = 0; i < downlink->n_rungs; i++)
        if (downlink->rungs[i].stream == downlink->current) return downlink->rungs[i].bitrate_bps;
    return RATE_BPS_MIN;
}

static void refill(Downlink *downlink, gboolean replay, gint64 now_us) {
    double rate_bps = 2.0 * bandwidth_estimate_bps(&downlink->bandwidth);
    if (replay) rate_bps = MIN(rate_bps, 4.0 * nominal_bps(downlink)); /* four times as fast as it was made */
    rate_bps = MAX(rate_bps, RATE_BPS_MIN);
    gint64 past_us = CLAMP(now_us - downlink->tokens_us, 0, G_USEC_PER_SEC);
    double most = SLICE_PACKETS * DATAGRAM_BYTES;
    downlink->tokens = MIN(downlink->tokens + rate_bps / 8e6 * (double)past_us, most);
    downlink->tokens_us = now_us;
    if (now_us - downlink->slice_us >= SLICE_US - SLICE_US / 10) {
        downlink->slice_us = now_us;
        downlink->slice_packets = 0;
    }
}

/* Stored frames leave faster than they were made; their times are pressed together likewise, as if they had been captured
 * just now, so that the receiver does not stay behind by the age of the first one. */
static gint64 replay_shift_us(const Downlink *downlink, const Pending *pending, gint64 now_us) {
    if (!pending->replay) return 0;
    return MAX(0, now_us - downlink->latency_us - pending->block->capture_us);
}

static gboolean send_some(Downlink *downlink, Pending *pending, gint64 now_us) {
    guint room = SLICE_PACKETS - MIN(downlink->slice_packets, SLICE_PACKETS);
    guint n = MIN(room, pending->block->n_packets - pending->next);
    if (n == 0 || downlink->tokens <= 0) return FALSE;
    if (pending->next == 0) {
        pending->sent =
            downlink_begin_frame(downlink, pending->block, replay_shift_us(downlink, pending, now_us));
        if (pending->block->keyframe) downlink->keyframe_us = now_us;
    }
    gsize n_bytes = downlink_send_packets(downlink, pending->block, pending->sent, pending->next, n, now_us);
    downlink->tokens -= (double)n_bytes;
    downlink->slice_packets += n;
    pending->next += n;
    return TRUE;
}

void downlink_pump(Downlink *downlink, gint64 now_us) {
    if (downlink->n_pending > 0 && !downlink_is_live(downlink)) {
        while (downlink->n_pending > 0) pop(downlink);
        downlink->waiting = TRUE;
    }
    while (downlink->n_pending > 0) {
        Pending *pending = nth_pending(downlink, 0);
        if (pending->due_us > now_us) return;
        if (pending->next == 0 && !pending->replay && now_us - pending->queued_us > LATE_US) {
            downlink_need_keyframe(downlink, now_us);
            return;
        }
        refill(downlink, pending->replay, now_us);
        if (!send_some(downlink, pending, now_us)) return;
        if (pending->next == pending->block->n_packets) pop(downlink);
    }
}

/* ---- which frames ---- */

static gint64 spread_due_us(const Downlink *downlink, gint64 now_us) {
    guint n_slices = MIN(downlink->fanout->downlinks->len / SPREAD_LEGS + 1, SPREAD_SLICES_MAX);
    return now_us + (gint64)(downlink->phase % n_slices) * SLICE_US;
}

/* The wished stream has a keyframe: from here on it is the one that is sent. */
static void move_to_wished(Downlink *downlink) {
    if (downlink->current == downlink->wished) return;
    if (downlink->current != 0) fanout_unsubscribe(downlink->fanout, downlink->current, downlink);
    downlink_drop_pending(downlink);
    downlink->current = downlink->wished;
}

/* Frames nobody depends on go first when the line is behind. */
static gboolean shed(const Downlink *downlink, const Block *block, gint64 now_us) {
    if (block->temporal_layer == 0 || downlink->n_pending == 0) return FALSE;
    const Pending *oldest = &downlink->pending[downlink->first_pending];
    return now_us - oldest->queued_us > LAYER_LATE_US;
}

void downlink_take(Downlink *downlink, Block *block, gint64 now_us) {
    if (!downlink_is_live(downlink)) {
        downlink->waiting = TRUE;
        return;
    }
    if (block->keyframe && block->stream == downlink->wished) {
        move_to_wished(downlink);
        downlink->asked_us = now_us; /* whoever asked for it, it answers us too */
    }
    if (block->stream != downlink->current) return;
    /* Keyframes that others asked for would fill a line that is only good for a still now and then. */
    if (downlink->ladder.still && now_us - downlink->keyframe_us < STILL_EVERY_US) {
        downlink->waiting = TRUE;
        downlink->stats.n_frames_skipped++;
        return;
    }
    if ((downlink->waiting || downlink->ladder.still) && !block->keyframe) {
        downlink->waiting = TRUE;
        downlink->stats.n_frames_skipped++;
        return;
    }
    if (shed(downlink, block, now_us)) {
        downlink->stats.n_frames_skipped++;
        return;
    }
    if (downlink->n_pending == PENDING_MAX) {
        downlink_need_keyframe(downlink, now_us);
        if (!block->keyframe) return;
    }
    downlink->waiting = FALSE;
    push(downlink, block, FALSE, downlink->n_pending > 0 ? now_us : spread_due_us(downlink, now_us), now_us);
    downlink_pump(downlink, now_us);
}

gboolean downlink_join(Downlink *downlink, gint64 now_us) {
    const StreamStore *store = fanout_store(downlink->fanout, downlink->wished);
    gint keyframe = store != NULL ? stream_store_last_keyframe(store, JOIN_AGE_US, now_us) : -1;
    if (keyframe < 0 || store->n_blocks - (guint)keyframe > PENDING_MAX / 2) return FALSE;
    move_to_wished(downlink);
    downlink_drop_pending(downlink);
    const Block *newest = stream_store_nth(store, store->n_blocks - 1);
    downlink->latency_us = CLAMP(now_us - newest->capture_us, 0, 500000);
    for (guint n = (guint)keyframe; n < store->n_blocks; n++)
        push(downlink, stream_store_nth(store, n), TRUE, now_us, now_us);
    downlink->waiting = FALSE;
    downlink->fanout->stats.n_joins_from_store++;
    downlink_pump(downlink, now_us);
    return TRUE;
}
