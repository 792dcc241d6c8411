/* downlink_lane.c -- what one video section of a leg watches, and which rung of it the leg gets. */
#include "bridge/media/downlink_state.h"
#include "config/log.h"

#include <string.h>

enum {
    ASK_AGAIN_US = 1200000, /* a wish for a keyframe got lost, or the encoder has only just begun */
    UP_WAIT_US = 12000000,  /* the better rung makes a keyframe of its own every 10 s */
    PLI_OFTEN_US = 5000000,
    STILL_US = 4000000, /* a line below the lowest rung gets a sharp still this often */
};

DownlinkLane *lane_new(Downlink *downlink, DownlinkLaneKind kind, const DownlinkVideo *config) {
    DownlinkLane *lane = g_new0(DownlinkLane, 1);
    lane->downlink = downlink;
    lane->kind = kind;
    lane->config = config;
    lane->waiting = TRUE;
    /* First numbers below 2^15: the receiver's SRTP guesses the roll-over counter from the first packet it sees. */
    lane->sequence = (guint16)g_random_int_range(1, 0x4000);
    lane->rtx_sequence = (guint16)g_random_int_range(1, 0x4000);
    lane->picture_id = (guint16)g_random_int_range(0, 0x4000);
    lane->time_offset = g_random_int();
    lane->clock.rate_hz = 90000;
    return lane;
}

void lane_free(DownlinkLane *lane) {
    if (lane == NULL) return;
    fanout_unsubscribe(lane->downlink->fanout, lane->current, lane);
    fanout_unsubscribe(lane->downlink->fanout, lane->wished, lane);
    lane_drop_pending(lane);
    if (lane->n_pending > 0) block_unref(lane->pending[lane->first_pending].block); /* under way */
    g_free(lane);
}

/* ---- which stream ---- */

static void ask_keyframe(DownlinkLane *lane, gint64 now_us) {
    lane->asked_us = now_us;
    fanout_ask_keyframe(lane->downlink->fanout, lane->wished);
}

static void tell_wish(const DownlinkLane *lane) {
    const DownlinkEvents *events = &lane->downlink->events;
    if (lane->kind == DOWNLINK_PROGRAM)
        events->rung(lane->downlink->user, lane->wished);
    else if (events->presentation != NULL)
        events->presentation(lane->downlink->user, lane->wished);
}

static void wish(DownlinkLane *lane, StreamId stream, gint64 now_us) {
    if (stream == lane->wished) return;
    if (lane->wished != lane->current) fanout_unsubscribe(lane->downlink->fanout, lane->wished, lane);
    lane->wished = stream;
    lane->wished_us = now_us;
    lane->asked_us = now_us;
    fanout_subscribe(lane->downlink->fanout, stream, lane);
    tell_wish(lane);
}

/* The picture starts afresh: from the store when it has a young keyframe, else with the encoder's next. */
static void start_afresh(DownlinkLane *lane, gint64 now_us) {
    if (lane->wished == 0 || !downlink_is_live(lane->downlink)) return;
    if (lane_join(lane, now_us)) return;
    const StreamStore *store = fanout_store(lane->downlink->fanout, lane->wished);
    if (store != NULL && store->n_blocks > 0)
        ask_keyframe(lane, now_us); /* an encoder that begins makes one anyway */
}

void lane_need_keyframe(DownlinkLane *lane, gint64 now_us) {
    lane_drop_pending(lane);
    lane->waiting = TRUE;
    if (now_us - lane->asked_us > ASK_AGAIN_US) ask_keyframe(lane, now_us);
}

void lane_on_live(DownlinkLane *lane, gint64 now_us) {
    lane->waiting = TRUE;
    start_afresh(lane, now_us);
}

/* ---- what is watched ---- */

static gboolean same_rungs(const DownlinkLane *lane, const DownlinkRung *rungs, guint n_rungs,
                           guint rung_max) {
    return n_rungs == lane->n_rungs && rung_max == lane->rung_max &&
           (n_rungs == 0 || memcmp(rungs, lane->rungs, n_rungs * sizeof rungs[0]) == 0);
}

gint lane_place_of(const DownlinkLane *lane, StreamId stream) {
    for (guint i = 0; i < lane->n_rungs; i++)
        if (lane->rungs[i].stream == stream) return (gint)i;
    return -1;
}

static void stop_watching(DownlinkLane *lane) {
    fanout_unsubscribe(lane->downlink->fanout, lane->current, lane);
    fanout_unsubscribe(lane->downlink->fanout, lane->wished, lane);
    lane_drop_pending(lane);
    gboolean wished = lane->wished != 0;
    lane->current = lane->wished = 0;
    if (wished) tell_wish(lane);
    lane->waiting = TRUE;
}

void lane_watch(DownlinkLane *lane, const DownlinkRung *rungs, guint n_rungs, guint rung_max, gint64 now_us) {
    guint32 bitrate_bps[DOWNLINK_RUNGS_MAX];
    n_rungs = MIN(n_rungs, DOWNLINK_RUNGS_MAX);
    if (same_rungs(lane, rungs, n_rungs, rung_max)) return;
    for (guint i = 0; i < n_rungs; i++) {
        lane->rungs[i] = rungs[i];
        bitrate_bps[i] = rungs[i].bitrate_bps;
    }
    lane->n_rungs = n_rungs;
    lane->rung_max = rung_max;
    if (n_rungs == 0) {
        stop_watching(lane);
        return;
    }
    guint before = lane->ladder.n_rungs > 0 ? lane->ladder.rung : 0;
    ladder_init(&lane->ladder, bitrate_bps, n_rungs, rung_max, now_us);
    gint place = lane_place_of(lane, lane->wished);
    /* A line that was too narrow for the best rung of the last view is too narrow for this one's. */
    lane->ladder.rung = MAX(lane->ladder.rung_max, place >= 0 ? (guint)place : MIN(before, n_rungs - 1));
    bandwidth_on_trial(&lane->downlink->bandwidth, bitrate_bps[lane->ladder.rung]);
    if (place >= 0 && (guint)place == lane->ladder.rung) return;
    wish(lane, lane->rungs[lane->ladder.rung].stream, now_us);
    start_afresh(lane, now_us);
}

/* ---- which rung ---- */

/* known_good: to be tried, or good before: the estimate of now may not turn it down at once. */
static void move_rung(DownlinkLane *lane, gboolean down, gboolean known_good, gint64 now_us) {
    const DownlinkRung *rung = &lane->rungs[lane->ladder.rung];
    if (known_good) bandwidth_on_trial(&lane->downlink->bandwidth, rung->bitrate_bps);
    gboolean same = rung->stream == lane->wished;
    log_debug("downlink.rung", "seat=%u rung=%u still=%d estimate_bps=%u sent_bps=%u loss=%.2f",
              lane->downlink->config.seat, lane->ladder.rung, lane->ladder.still,
              bandwidth_estimate_bps(&lane->downlink->bandwidth),
              bandwidth_sent_bps(&lane->downlink->bandwidth), lane->downlink->bandwidth.loss);
    wish(lane, rung->stream, now_us);
    /* A narrow line cannot wait for the rung's own keyframe, and a still not for the moving picture's. */
    if (down || same) ask_keyframe(lane, now_us);
}

static gboolean wait_is_over(const DownlinkLane *lane, gint64 now_us) {
    if (lane->wished == 0 || now_us - lane->asked_us < ASK_AGAIN_US) return FALSE;
    if (lane->wished == lane->current) return lane->waiting && !lane->ladder.still;
    gboolean up = lane_place_of(lane, lane->current) > lane_place_of(lane, lane->wished) && !lane->waiting;
    return !up || now_us - lane->wished_us > UP_WAIT_US;
}

void lane_choose(DownlinkLane *lane, gint64 now_us) {
    if (lane->n_rungs == 0 || !downlink_is_live(lane->downlink)) return;
    if (wait_is_over(lane, now_us)) start_afresh(lane, now_us);
    if (lane->ladder.still && now_us - lane->asked_us > STILL_US) ask_keyframe(lane, now_us);
    gboolean clean = bandwidth_is_clean(&lane->downlink->bandwidth, now_us) && lane->wished == lane->current;
    switch (ladder_update(&lane->ladder, bandwidth_estimate_bps(&lane->downlink->bandwidth),
                          bandwidth_sent_bps(&lane->downlink->bandwidth), clean, now_us)) {
    case LADDER_DOWN: move_rung(lane, TRUE, FALSE, now_us); break;
    case LADDER_BACK: move_rung(lane, TRUE, TRUE, now_us); break;
    case LADDER_UP: move_rung(lane, FALSE, TRUE, now_us); break;
    case LADDER_STILL: move_rung(lane, TRUE, FALSE, now_us); break;
    case LADDER_STAYS: break;
    }
}

/* The receiver cannot go on without a keyframe (PLI, FIR, or loss that cannot be resent). */
void lane_on_picture_lost(DownlinkLane *lane, gint64 now_us) {
    gint64 rtt_us = CLAMP(lane->downlink->bandwidth.rtt_us, 0, 500000);
    lane->downlink->stats.n_plis++;
    if (lane->current == 0 || now_us - lane->keyframe_us < rtt_us + 200000) return; /* it is on its way */
    gboolean often = lane->pli_us != 0 && now_us - lane->pli_us < PLI_OFTEN_US;
    lane->pli_us = now_us;
    if (often && !bandwidth_is_clean(&lane->downlink->bandwidth, now_us) &&
        ladder_push_down(&lane->ladder, now_us)) {
        move_rung(lane, TRUE, FALSE, now_us);
        return;
    }
    lane->asked_us = now_us;
    fanout_ask_keyframe(lane->downlink->fanout, lane->current);
}
