/* downlink_lane.c -- what one video section of a leg watches, and which rung of it the leg gets. */
#include "bridge/media/downlink_state.h"
#include "config/log.h"

#include <string.h>

enum {
    ASK_AGAIN_US = 1200000, /* a wish for a keyframe got lost, or the encoder has only just begun */
    OWN_GRACE_US = 1500000, /* a rung's own keyframe is late by that much: it does not come */
    PLI_OFTEN_US = 5000000,
    SLIDE_SEEN_US =
        2500000, /* what was lost of a slide is missed within this; Chrome asks after 3 s of rest */
    MEASURED_SETTLE_US = 1000000,
    FORCE_EVERY_US = 3000000, /* what one leg may cost all the others */
    HELD_US = 3000000
};
static const double JOIN_SECONDS = 0.6; /* of the line, that stored frames may take where it is narrow */

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

static const DownlinkRung *wished_rung(const DownlinkLane *lane) {
    gint place = lane_place_of(lane, lane->wished);
    return place >= 0 ? &lane->rungs[place] : NULL;
}

/* The next still comes by itself, and a line that has only room for stills has none for another. */
static void ask_keyframe(DownlinkLane *lane, gint64 now_us) {
    const DownlinkRung *rung = wished_rung(lane);
    lane->asked_us = now_us;
    if (rung != NULL && rung->stills) return;
    fanout_ask_keyframe(lane->downlink->fanout, lane->wished);
}

void lane_tell(const DownlinkLane *lane) {
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
    lane_tell(lane);
}

/* A narrow line is behind again and again; its rungs make keyframes of their own every few seconds, and that must do. */
static gboolean awaits_own_keyframe(const DownlinkLane *lane) {
    return lane->kind == DOWNLINK_PROGRAM && lane->wished == lane->current &&
           downlink_is_narrow(lane->downlink);
}

/* The picture starts afresh: from the store when it has a young keyframe, else with the encoder's next. */
static void start_afresh(DownlinkLane *lane, gint64 now_us) {
    if (lane->wished == 0 || !downlink_is_live(lane->downlink)) return;
    if (lane_join(lane, G_MAXSIZE, now_us)) return;
    const StreamStore *store = fanout_store(lane->downlink->fanout, lane->wished);
    if (store != NULL && store->n_blocks > 0)
        ask_keyframe(lane, now_us); /* an encoder that begins makes one anyway */
}

void lane_need_keyframe(DownlinkLane *lane, gint64 now_us) {
    lane_drop_pending(lane);
    lane->waiting = TRUE;
    if (awaits_own_keyframe(lane)) return;
    if (now_us - lane->asked_us > ASK_AGAIN_US) ask_keyframe(lane, now_us);
}

void lane_on_live(DownlinkLane *lane, gint64 now_us) {
    lane->waiting = TRUE;
    lane->pli_us = 0;
    lane->live_us = now_us;
    start_afresh(lane, now_us);
}

/* ---- what is watched ---- */

static gboolean same_rungs(const DownlinkLane *lane, const DownlinkRung *rungs, guint n_rungs) {
    return n_rungs == lane->n_rungs &&
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
    lane->waiting = TRUE;
    if (wished) lane_tell(lane);
}

static void try_level(DownlinkLane *lane) {
    Downlink *downlink = lane->downlink;
    guint64 needed_bps = downlink->sound_bps;
    for (guint i = 0; i < DOWNLINK_LANES; i++)
        if (downlink->lanes[i] != NULL) needed_bps += ladder_bitrate_bps(&downlink->lanes[i]->ladder);
    bandwidth_on_trial(&downlink->bandwidth, (guint32)MIN(needed_bps, BANDWIDTH_BPS_MAX));
}

static void begin_watching(DownlinkLane *lane, LadderTop top, gint64 now_us) {
    LadderRung steps[DOWNLINK_RUNGS_MAX];
    guint before = ladder_rung(&lane->ladder);
    for (guint i = 0; i < lane->n_rungs; i++)
        steps[i] = (LadderRung){ lane->rungs[i].bitrate_bps, lane->rungs[i].layers > 1 };
    ladder_init(&lane->ladder, steps, lane->n_rungs, top, now_us);
    gint place = lane_place_of(lane, lane->wished);
    /* A line that was too narrow for the best rung of the last view is too narrow for this one's. */
    guint rung = place >= 0 ? (guint)place : MIN(before, lane->n_rungs - 1);
    if (lane->kind == DOWNLINK_PRESENTATION && lane->downlink->bandwidth.measured)
        rung = lane->n_rungs - 1; /* what the line carries is known */
    /* The better layer of a screen has only just begun to come: who has room for it takes it at once. */
    while (lane->kind == DOWNLINK_PRESENTATION && rung > 0 &&
           lane_room_bps(lane) >= lane->rungs[rung - 1].bitrate_bps)
        rung--;
    ladder_set_rung(&lane->ladder, rung, now_us);
    try_level(lane);
}

void lane_watch(DownlinkLane *lane, const DownlinkRung *rungs, guint n_rungs, LadderTop top, gint64 now_us) {
    n_rungs = MIN(n_rungs, DOWNLINK_RUNGS_MAX);
    gboolean same = same_rungs(lane, rungs, n_rungs);
    if (same && top == lane->top) return;
    lane->top = top;
    if (n_rungs > 0) memcpy(lane->rungs, rungs, n_rungs * sizeof rungs[0]);
    lane->n_rungs = n_rungs;
    if (n_rungs == 0) {
        lane->ladder.n_levels = 0;
        stop_watching(lane);
        return;
    }
    if (same)
        ladder_set_top(&lane->ladder, top, now_us);
    else
        begin_watching(lane, top, now_us);
    StreamId stream = lane->rungs[ladder_rung(&lane->ladder)].stream;
    if (stream == lane->wished) return;
    wish(lane, stream, now_us);
    if (!same) start_afresh(lane, now_us); /* else the other rung's own keyframe is soon enough */
}

/* ---- which rung ---- */

/* What else the line must carry: the program gives way to a presentation, whose letters must stay sharp, down to its last
 * step. */
static guint32 others_bps(const DownlinkLane *lane) {
    const DownlinkLane *const *lanes = (const DownlinkLane *const *)lane->downlink->lanes;
    const DownlinkLane *other =
        lane->kind == DOWNLINK_PROGRAM ? lanes[DOWNLINK_PRESENTATION] : lanes[DOWNLINK_PROGRAM];
    if (other == NULL || other->n_rungs == 0) return 0;
    return lane->kind == DOWNLINK_PROGRAM ? ladder_bitrate_bps(&other->ladder)
                                          : other->ladder.levels[other->ladder.n_levels - 1].bitrate_bps;
}

guint32 lane_beside_bps(const DownlinkLane *lane) { return lane->downlink->sound_bps + others_bps(lane); }

guint32 lane_room_bps(const DownlinkLane *lane) {
    gint64 estimate_bps = bandwidth_estimate_bps(&lane->downlink->bandwidth);
    return (guint32)MAX(estimate_bps - lane_beside_bps(lane), 1);
}

/* Down, while the rung that is sent does not fit even thin: nothing leaves until the other one's keyframe is here. A frozen
 * picture of a second or two is better than a voice that breaks. What the store has is taken where it is little. */
static void leave_at_once(DownlinkLane *lane, gboolean was_thin, gint64 now_us) {
    gint from = lane_place_of(lane, lane->current);
    gboolean thins = !was_thin && from >= 0 && lane->rungs[from].layers > 1;
    double sent_bps = meter_bps(&lane->meter) * (thins ? LADDER_THIN_PERCENT / 100.0 : 1.0);
    if (sent_bps <= lane_room_bps(lane)) return;
    lane_drop_pending(lane);
    lane->waiting = TRUE;
    lane_join(lane, (gsize)(lane_room_bps(lane) / 8.0 * JOIN_SECONDS), now_us);
}

static void move_rung(DownlinkLane *lane, LadderMove move, gboolean was_thin, gint64 now_us) {
    const Downlink *downlink = lane->downlink;
    const DownlinkRung *rung = &lane->rungs[ladder_rung(&lane->ladder)];
    /* Good before, or to be tried: not turned down at once. */
    if (move != LADDER_DOWN && !feed_can_probe(lane)) try_level(lane);
    log_debug("downlink.rung", "seat=%u rung=%u thin=%d estimate_bps=%u sound_bps=%u sent_bps=%u loss=%.2f",
              downlink->config.seat, ladder_rung(&lane->ladder), ladder_is_thin(&lane->ladder),
              bandwidth_estimate_bps(&downlink->bandwidth), downlink->sound_bps, meter_bps(&lane->meter),
              downlink->bandwidth.loss);
    if (rung->stream == lane->wished) return; /* only its upper layer comes or goes */
    wish(lane, rung->stream, now_us);
    if (lane->kind == DOWNLINK_PRESENTATION) ask_keyframe(lane, now_us);
    if (move != LADDER_UP) leave_at_once(lane, was_thin, now_us);
}

/* The wished rung makes a keyframe by itself this often at least (rung.c), in step with the others. A screen that is forwarded
 * makes none by itself. */
static gint64 own_keyframe_us(const DownlinkLane *lane, const DownlinkRung *rung) {
    if (lane->kind == DOWNLINK_PRESENTATION) return 0;
    if (rung->stills) return 4 * G_USEC_PER_SEC;
    if (rung->height <= 180) return 2 * G_USEC_PER_SEC;
    return rung->height <= 360 ? 4 * G_USEC_PER_SEC : 10 * G_USEC_PER_SEC;
}

static gboolean wait_is_over(const DownlinkLane *lane, gint64 now_us) {
    const DownlinkRung *rung = wished_rung(lane);
    if (rung == NULL || now_us - lane->asked_us < ASK_AGAIN_US) return FALSE;
    if (awaits_own_keyframe(lane))
        return lane->waiting && now_us - lane->keyframe_us > own_keyframe_us(lane, rung) + OWN_GRACE_US;
    if (lane->wished == lane->current) return lane->waiting;
    gint64 waited_us = now_us - lane->wished_us;
    /* A picture of another view, or the first: at once. A change of rung: with the other one's own keyframe. */
    if (lane_place_of(lane, lane->current) < 0) return TRUE;
    return waited_us > own_keyframe_us(lane, rung) + OWN_GRACE_US;
}

/* What the picture needs: what is sent of it, unless that is only what there was room for. */
guint32 lane_needs_bps(const DownlinkLane *lane, gint64 now_us) {
    gboolean held = lane->waiting || (lane->held_us != 0 && now_us - lane->held_us < HELD_US);
    guint32 sent_bps = meter_bps(&lane->meter);
    return held ? MAX(sent_bps, ladder_bitrate_bps(&lane->ladder)) : sent_bps;
}

void lane_choose(DownlinkLane *lane, gint64 now_us) {
    const Bandwidth *bandwidth = &lane->downlink->bandwidth;
    if (lane->n_rungs == 0 || !downlink_is_live(lane->downlink)) return;
    if (wait_is_over(lane, now_us)) start_afresh(lane, now_us);
    gboolean clean = bandwidth_is_clean(bandwidth, now_us) && lane->wished == lane->current;
    gboolean was_thin = ladder_is_thin(&lane->ladder);
    lane->ladder.settle_us = bandwidth->measured ? MEASURED_SETTLE_US : LADDER_SETTLE_US;
    LadderMove move = ladder_update(&lane->ladder, lane_room_bps(lane), lane_needs_bps(lane, now_us), clean,
                                    feed_can_probe(lane), now_us);
    if (move != LADDER_STAYS) move_rung(lane, move, was_thin, now_us);
    feed_choose(lane, clean, now_us);
}

/* The receiver cannot go on without a keyframe (PLI, FIR, or loss that cannot be resent): from the store when it has a young
 * one; a forced one costs everybody who watches this rung, so a leg may do that only now and then, and where the rung's own
 * is near, never. */
void lane_on_picture_lost(DownlinkLane *lane, gint64 now_us) {
    const Bandwidth *bandwidth = &lane->downlink->bandwidth;
    gint64 rtt_us = CLAMP(bandwidth->rtt_us, 0, 500000);
    lane->downlink->stats.n_plis++;
    if (lane->current == 0 || now_us - lane->keyframe_us < rtt_us + 200000) return; /* it is on its way */
    /* Receivers take a screen that rests for a line that is lost: who has all of it gets nothing again. */
    if (lane->kind == DOWNLINK_PRESENTATION && now_us - lane->sent_us > SLIDE_SEEN_US) return;
    gboolean often =
        lane->pli_us != 0 && now_us - lane->pli_us < PLI_OFTEN_US && now_us - lane->live_us > PLI_OFTEN_US;
    lane->pli_us = now_us;
    gboolean was_thin = ladder_is_thin(&lane->ladder);
    if (often && !bandwidth_is_clean(bandwidth, now_us) && ladder_push_down(&lane->ladder, now_us))
        move_rung(lane, LADDER_DOWN, was_thin, now_us);
    if (lane->wished != lane->current) return;
    if (lane_join(lane, (gsize)(lane_room_bps(lane) / 8.0 * JOIN_SECONDS), now_us)) return;
    if (now_us - lane->forced_us < FORCE_EVERY_US && lane->forced_us != 0) return;
    lane->forced_us = now_us;
    ask_keyframe(lane, now_us);
}
