/* downlink_queue.c -- which frames a leg takes, and when their packets leave.
 * A common frame leaves at once in one slice. What is larger, and the stored frames of a join, wait in the queue and leave in
 * slices of 5 ms: at most 16 packets of both lanes, and on the long run of each no more than twice the leg's estimate. A lane has
 * tokens of its own: a still that may have little must not hold up a slide. The legs of a worker are spread over the first part
 * of the tick, so that a frame does not leave for a hundred rooms in the same millisecond. */
#include "bridge/media/downlink_state.h"

enum {
    SLICE_US = 5000,
    DATAGRAM_BYTES = 1200,
    LATE_US = 600000,          /* a queue older than this is given up for the next keyframe */
    STILL_LATE_US = 4000000,   /* a still: another one would be no sooner there */
    SLIDE_LATE_US = 8000000,   /* nor would a slide, and what is small and behind it is soon through */
    SLIDE_RESTS_US = 1500000,  /* a screen without a change for so long */
    SLIDE_JOIN_BYTES = 300000, /* a new keyframe is sooner there than more stored frames */
    LAYER_LATE_US = 120000,    /* a queue older than this sheds the upper temporal layer */
    SPREAD_LEGS = 32,
    SPREAD_SLICES_MAX = 4,
    RATE_BPS_MIN = 100000,
    STILL_BPS_MIN = 10000,
    BURST_US = 50000,
    OWED_US = 500000,
    STILL_AGE_US = 5000000
};

/* How much faster than the estimate frames leave: one that is measured is close to what the line really has. */
static const double HASTE = 2.0, MEASURED_HASTE = 1.4;
/* On a narrow line pictures wait here and not in the line, where the voice would wait behind them. */
static const double BEHIND_VOICE = 0.95, BEHIND_VOICE_STILL = 0.9;

static Pending *nth_pending(DownlinkLane *lane, guint n) {
    return &lane->pending[(lane->first_pending + n) % PENDING_MAX];
}

static void pop(DownlinkLane *lane) {
    block_unref(nth_pending(lane, 0)->block);
    lane->first_pending = (lane->first_pending + 1) % PENDING_MAX;
    lane->n_pending--;
    lane->downlink->n_queued--;
}

void lane_drop_pending(DownlinkLane *lane) {
    guint keep = lane->n_pending > 0 && nth_pending(lane, 0)->next > 0 ? 1 : 0;
    while (lane->n_pending > keep) {
        block_unref(nth_pending(lane, --lane->n_pending)->block);
        lane->downlink->n_queued--;
        lane->downlink->stats.n_frames_skipped++;
    }
}

static void push(DownlinkLane *lane, Block *block, gboolean replay, gint64 due_us, gint64 now_us) {
    *nth_pending(lane, lane->n_pending++) =
        (Pending){ .block = block_ref(block), .replay = replay, .due_us = due_us, .queued_us = now_us };
    lane->downlink->n_queued++;
    rounds_hasten(&lane->downlink->fanout->downlinks, lane->downlink->place, 0);
}

/* ---- pace ---- */

static const DownlinkRung *current_rung(const DownlinkLane *lane) {
    gint place = lane_place_of(lane, lane->current);
    return place >= 0 ? &lane->rungs[place] : NULL;
}

static gboolean is_still(const DownlinkRung *rung) { return rung != NULL && rung->stills; }

/* What the voice leaves. The program gives way while a slide is under way, and between two it has the line for itself. */
static double left_bps(const DownlinkLane *lane) {
    const Downlink *downlink = lane->downlink;
    if (lane->kind == DOWNLINK_PRESENTATION) return lane_room_bps(lane);
    return MAX((double)bandwidth_estimate_bps(&downlink->bandwidth) - downlink->sound_bps, 1);
}

/* On a narrow line, where both share what little there is, letters come first. */
static gboolean gives_way(const DownlinkLane *lane) {
    const DownlinkLane *slides = lane->downlink->lanes[DOWNLINK_PRESENTATION];
    return lane->kind == DOWNLINK_PROGRAM && slides != NULL && slides->n_pending > 0 &&
           (is_still(current_rung(lane)) || downlink_is_narrow(lane->downlink));
}

/* A still goes behind the voice: it may have what the voice leaves of the line, and no more; on a line that is full, nothing.
 * A slide is large and lasts: faster than a measured line is, it would fill it. */
static double rate_bps(const DownlinkLane *lane, gboolean replay, gint64 now_us) {
    const DownlinkRung *rung = current_rung(lane);
    if (is_still(rung)) {
        gboolean clean = bandwidth_is_clean(&lane->downlink->bandwidth, now_us);
        return MAX(BEHIND_VOICE_STILL * left_bps(lane), clean ? STILL_BPS_MIN : 1);
    }
    const Bandwidth *bandwidth = &lane->downlink->bandwidth;
    gboolean slide = lane->kind == DOWNLINK_PRESENTATION && bandwidth->measured;
    if (slide || downlink_is_narrow(lane->downlink)) return MAX(BEHIND_VOICE * left_bps(lane), STILL_BPS_MIN);
    double bps = (bandwidth->measured ? MEASURED_HASTE : HASTE) * bandwidth_estimate_bps(bandwidth);
    /* Stored frames: four times as fast as they were made. */
    if (replay) bps = MIN(bps, 4.0 * (rung != NULL ? rung->bitrate_bps : RATE_BPS_MIN));
    return MAX(bps, RATE_BPS_MIN);
}

static void refill(DownlinkLane *lane, gboolean replay, gint64 now_us) {
    Downlink *downlink = lane->downlink;
    double bytes_per_us = rate_bps(lane, replay, now_us) / 8e6;
    gint64 past_us = CLAMP(now_us - lane->tokens_us, 0, G_USEC_PER_SEC);
    double most = CLAMP(bytes_per_us * BURST_US, DATAGRAM_BYTES, SLICE_PACKETS * DATAGRAM_BYTES);
    if (is_still(current_rung(lane))) most = 1; /* one packet at a time: the voice waits for no second */
    double least = -bytes_per_us * OWED_US - DATAGRAM_BYTES; /* resends go first, but not for ever */
    lane->tokens = CLAMP(lane->tokens + bytes_per_us * (double)past_us, least, most);
    lane->tokens_us = now_us;
    if (now_us - downlink->slice_us >= SLICE_US - SLICE_US / 10) {
        downlink->slice_us = now_us;
        downlink->slice_packets = 0;
    }
}

/* Stored frames leave faster than they were made; their times are pressed together likewise, as if they had been captured
 * just now, so that the receiver does not stay behind by the age of the first one. */
static gint64 replay_shift_us(const DownlinkLane *lane, const Pending *pending, gint64 now_us) {
    if (!pending->replay) return 0;
    return MAX(0, now_us - lane->latency_us - pending->block->capture_us);
}

static gboolean send_some(DownlinkLane *lane, Pending *pending, gint64 now_us) {
    Downlink *downlink = lane->downlink;
    guint room = SLICE_PACKETS - MIN(downlink->slice_packets, SLICE_PACKETS);
    guint n = MIN(room, pending->block->n_packets - pending->next);
    if (n == 0 || lane->tokens <= 0) return FALSE;
    n = MIN(n, (guint)(lane->tokens / MAX(pending->block->packets[pending->next].n_bytes, 1)) + 1);
    if (pending->next == 0) {
        pending->sent = lane_begin_frame(lane, pending->block, replay_shift_us(lane, pending, now_us));
        if (pending->block->keyframe) lane->keyframe_us = now_us;
    }
    gsize n_bytes = lane_send_packets(lane, pending->block, pending->sent, pending->next, n, now_us);
    lane->tokens -= (double)n_bytes;
    downlink->slice_packets += n;
    pending->next += n;
    lane->sent_us = now_us;
    return TRUE;
}

static gint64 late_after_us(const DownlinkLane *lane) {
    if (lane->kind == DOWNLINK_PRESENTATION) return SLIDE_LATE_US;
    return is_still(current_rung(lane)) ? STILL_LATE_US : LATE_US;
}

void lane_pump(DownlinkLane *lane, gint64 now_us) {
    if (lane->n_pending > 0 && !downlink_is_live(lane->downlink)) {
        while (lane->n_pending > 0) pop(lane);
        lane->waiting = TRUE;
    }
    while (lane->n_pending > 0) {
        Pending *pending = nth_pending(lane, 0);
        if (pending->due_us > now_us) return;
        if (pending->next == 0 && !pending->replay && now_us - pending->queued_us > late_after_us(lane)) {
            lane->held_us = now_us;
            lane_need_keyframe(lane, now_us);
            return;
        }
        if (gives_way(lane)) return;
        refill(lane, pending->replay, now_us);
        if (!send_some(lane, pending, now_us)) return;
        if (pending->next == pending->block->n_packets) pop(lane);
    }
}

/* ---- which frames ---- */

static gint64 spread_due_us(const DownlinkLane *lane, gint64 now_us) {
    guint n_slices = MIN(lane->downlink->fanout->downlinks.n / SPREAD_LEGS + 1, SPREAD_SLICES_MAX);
    return now_us + (gint64)(lane->downlink->phase % n_slices) * SLICE_US;
}

/* The wished stream has a keyframe: from here on it is the one that is sent. */
static void move_to_wished(DownlinkLane *lane) {
    if (lane->current == lane->wished) return;
    if (lane->current != 0) fanout_unsubscribe(lane->downlink->fanout, lane->current, lane);
    lane_drop_pending(lane);
    lane->current = lane->wished;
    lane_tell(lane);
}

/* Frames nobody depends on go first when the line is behind, or too narrow for them, or a lower rung is waited for. */
static gboolean shed(DownlinkLane *lane, const Block *block, gint64 now_us) {
    if (block->temporal_layer == 0 || block->chained) return FALSE;
    if (ladder_is_thin(&lane->ladder) || bandwidth_queue_grows(&lane->downlink->bandwidth, now_us))
        return TRUE;
    if (lane->wished != lane->current &&
        lane_place_of(lane, lane->wished) > lane_place_of(lane, lane->current))
        return TRUE;
    if (lane->n_pending == 0) return FALSE;
    const Pending *oldest = &lane->pending[lane->first_pending];
    if (now_us - oldest->queued_us <= LAYER_LATE_US) return FALSE;
    lane->held_us = now_us;
    return TRUE;
}

void lane_take(DownlinkLane *lane, Block *block, gint64 now_us) {
    if (!downlink_is_live(lane->downlink)) {
        lane->waiting = TRUE;
        return;
    }
    if (block->keyframe && block->stream == lane->wished) {
        move_to_wished(lane);
        lane->asked_us = now_us; /* whoever asked for it, it answers us too */
    }
    if (block->stream != lane->current) return;
    /* A block was lost on its way to this worker. Numbers of the leg's own hide that from its receiver. */
    gboolean gap = !block->keyframe && block->frame_index != lane->next_frame;
    lane->next_frame = block->frame_index + 1;
    if (gap && !lane->waiting) lane_need_keyframe(lane, now_us);
    if (lane->waiting && !block->keyframe) {
        lane->downlink->stats.n_frames_skipped++;
        return;
    }
    if (shed(lane, block, now_us)) {
        lane->downlink->stats.n_frames_skipped++;
        return;
    }
    if (is_still(current_rung(lane))) lane_drop_pending(lane); /* the newest one is next */
    if (lane->n_pending == PENDING_MAX) {
        lane_need_keyframe(lane, now_us);
        if (!block->keyframe) return;
    }
    lane->waiting = FALSE;
    push(lane, block, FALSE, lane->n_pending > 0 ? now_us : spread_due_us(lane, now_us), now_us);
    lane_pump(lane, now_us);
}

static gsize bytes_from(const StreamStore *store, guint first) {
    gsize n_bytes = 0;
    for (guint n = first; n < store->n_blocks; n++) n_bytes += stream_store_nth(store, n)->n_bytes;
    return n_bytes;
}

static gboolean rests(const StreamStore *store, gint64 now_us) {
    return now_us - stream_store_nth(store, store->n_blocks - 1)->capture_us > SLIDE_RESTS_US;
}

/* A still is its stream's only picture until the next one. */
static gint64 join_age_us(const DownlinkLane *lane) {
    gint place = lane_place_of(lane, lane->wished);
    if (lane->kind == DOWNLINK_PRESENTATION) return G_MAXINT64;
    return place >= 0 && lane->rungs[place].stills ? STILL_AGE_US : JOIN_AGE_US;
}

gboolean lane_join(DownlinkLane *lane, gsize n_bytes_max, gint64 now_us) {
    const StreamStore *store = fanout_store(lane->downlink->fanout, lane->wished);
    gboolean slides = lane->kind == DOWNLINK_PRESENTATION;
    gint keyframe = store != NULL ? stream_store_last_keyframe(store, join_age_us(lane), now_us) : -1;
    if (keyframe < 0 || store->n_blocks - (guint)keyframe > (slides ? STORE_BLOCKS_MAX : PENDING_MAX / 2))
        return FALSE;
    /* A screen that rests answers no wish for a keyframe: what is stored is all there is. */
    if (slides) n_bytes_max = rests(store, now_us) ? G_MAXSIZE : MIN(n_bytes_max, SLIDE_JOIN_BYTES);
    if (n_bytes_max != G_MAXSIZE && bytes_from(store, (guint)keyframe) > n_bytes_max) return FALSE;
    move_to_wished(lane);
    lane_drop_pending(lane);
    const Block *newest = stream_store_nth(store, store->n_blocks - 1);
    lane->latency_us = CLAMP(now_us - newest->capture_us, 0, 500000);
    for (guint n = (guint)keyframe; n < store->n_blocks; n++)
        push(lane, stream_store_nth(store, n), TRUE, now_us, now_us);
    lane->next_frame = newest->frame_index + 1;
    lane->waiting = FALSE;
    lane->downlink->fanout->stats.n_joins_from_store++;
    lane_pump(lane, now_us);
    return TRUE;
}
