/* downlink.c -- see downlink.h. Here: life of a leg's downlink, what it watches, which rung it gets.
 * The inside and the way of a frame: downlink_state.h. */
#include "bridge/media/downlink_state.h"
#include "config/log.h"

#include <string.h>

enum {
    CHOICE_US = 200000,
    ASK_AGAIN_US = 1200000, /* a wish for a keyframe got lost, or the encoder has only just begun */
    UP_WAIT_US = 12000000,  /* the better rung makes a keyframe of its own every 10 s */
    PLI_OFTEN_US = 5000000,
    START_BPS = 1000000,
    STILL_US = 4000000, /* a line below the lowest rung gets a sharp still this often */
};

gboolean downlink_is_live(const Downlink *downlink) {
    return transport_state(downlink->transport) == TRANSPORT_LIVE;
}

Downlink *downlink_new(Fanout *fanout, Transport *transport, const DownlinkConfig *config,
                       const DownlinkEvents *events, gpointer user) {
    Downlink *downlink = g_new0(Downlink, 1);
    gint64 now_us = g_get_monotonic_time();
    downlink->fanout = fanout;
    downlink->transport = transport;
    downlink->config = *config;
    downlink->events = *events;
    downlink->user = user;
    downlink->hears = TRUE;
    downlink->waiting = TRUE;
    downlink->ntp_offset_us = g_get_real_time() - now_us;
    /* First numbers below 2^15: the receiver's SRTP guesses the roll-over counter from the first packet it sees. */
    downlink->sequence = (guint16)g_random_int_range(1, 0x4000);
    downlink->rtx_sequence = (guint16)g_random_int_range(1, 0x4000);
    downlink->audio_sequence = (guint16)g_random_int_range(1, 0x4000);
    downlink->picture_id = (guint16)g_random_int_range(0, 0x4000);
    downlink->audio_offset = g_random_int();
    downlink->time_offset = g_random_int();
    downlink->clock.rate_hz = 90000;
    downlink->audio_clock.rate_hz = 48000;
    downlink->tokens_us = downlink->resend_tokens_us = now_us;
    bandwidth_init(&downlink->bandwidth, START_BPS, now_us);
    fanout_add(fanout, downlink);
    return downlink;
}

void downlink_free(Downlink *downlink) {
    if (downlink == NULL) return;
    fanout_unsubscribe(downlink->fanout, downlink->current, downlink);
    fanout_unsubscribe(downlink->fanout, downlink->wished, downlink);
    downlink_drop_pending(downlink);
    if (downlink->n_pending > 0)
        block_unref(downlink->pending[downlink->first_pending].block); /* under way */
    fanout_remove(downlink->fanout, downlink);
    g_free(downlink);
}

void downlink_set_hearing(Downlink *downlink, gboolean hears) { downlink->hears = hears; }

/* ---- which stream ---- */

static void ask_keyframe(Downlink *downlink, gint64 now_us) {
    downlink->asked_us = now_us;
    fanout_ask_keyframe(downlink->fanout, downlink->wished);
}

static void wish(Downlink *downlink, StreamId stream, gint64 now_us) {
    if (stream == downlink->wished) return;
    if (downlink->wished != downlink->current)
        fanout_unsubscribe(downlink->fanout, downlink->wished, downlink);
    downlink->wished = stream;
    downlink->wished_us = now_us;
    downlink->asked_us = now_us;
    fanout_subscribe(downlink->fanout, stream, downlink);
    downlink->events.rung(downlink->user, stream);
}

/* The picture starts afresh: from the store when it has a young keyframe, else with the encoder's next. */
static void start_afresh(Downlink *downlink, gint64 now_us) {
    if (downlink->wished == 0 || !downlink_is_live(downlink)) return;
    if (downlink_join(downlink, now_us)) return;
    const StreamStore *store = fanout_store(downlink->fanout, downlink->wished);
    if (store != NULL && store->n_blocks > 0)
        ask_keyframe(downlink, now_us); /* an encoder that begins makes one anyway */
}

void downlink_need_keyframe(Downlink *downlink, gint64 now_us) {
    downlink_drop_pending(downlink);
    downlink->waiting = TRUE;
    if (now_us - downlink->asked_us > ASK_AGAIN_US) ask_keyframe(downlink, now_us);
}

void downlink_on_live(Downlink *downlink, gint64 now_us) {
    downlink->waiting = TRUE;
    downlink->talking = FALSE;
    downlink->next_report_us = 0;
    start_afresh(downlink, now_us);
}

/* ---- what is watched ---- */

static gboolean same_rungs(const Downlink *downlink, const DownlinkRung *rungs, guint n_rungs,
                           guint rung_max) {
    return n_rungs == downlink->n_rungs && rung_max == downlink->rung_max &&
           (n_rungs == 0 || memcmp(rungs, downlink->rungs, n_rungs * sizeof rungs[0]) == 0);
}

static gint place_of(const Downlink *downlink, StreamId stream) {
    for (guint i = 0; i < downlink->n_rungs; i++)
        if (downlink->rungs[i].stream == stream) return (gint)i;
    return -1;
}

static void stop_watching(Downlink *downlink) {
    fanout_unsubscribe(downlink->fanout, downlink->current, downlink);
    fanout_unsubscribe(downlink->fanout, downlink->wished, downlink);
    downlink_drop_pending(downlink);
    if (downlink->wished != 0) downlink->events.rung(downlink->user, 0);
    downlink->current = downlink->wished = 0;
    downlink->waiting = TRUE;
}

void downlink_watch(Downlink *downlink, const DownlinkRung *rungs, guint n_rungs, guint rung_max,
                    gint64 now_us) {
    guint32 bitrate_bps[DOWNLINK_RUNGS_MAX];
    if (downlink->config.video.payload_type == 0) n_rungs = 0;
    n_rungs = MIN(n_rungs, DOWNLINK_RUNGS_MAX);
    if (same_rungs(downlink, rungs, n_rungs, rung_max)) return;
    for (guint i = 0; i < n_rungs; i++) {
        downlink->rungs[i] = rungs[i];
        bitrate_bps[i] = rungs[i].bitrate_bps;
    }
    downlink->n_rungs = n_rungs;
    downlink->rung_max = rung_max;
    if (n_rungs == 0) {
        stop_watching(downlink);
        return;
    }
    guint before = downlink->ladder.n_rungs > 0 ? downlink->ladder.rung : 0;
    ladder_init(&downlink->ladder, bitrate_bps, n_rungs, rung_max, now_us);
    gint place = place_of(downlink, downlink->wished);
    /* A line that was too narrow for the best rung of the last view is too narrow for this one's. */
    downlink->ladder.rung =
        MAX(downlink->ladder.rung_max, place >= 0 ? (guint)place : MIN(before, n_rungs - 1));
    bandwidth_on_trial(&downlink->bandwidth, bitrate_bps[downlink->ladder.rung]);
    if (place >= 0 && (guint)place == downlink->ladder.rung) return;
    wish(downlink, downlink->rungs[downlink->ladder.rung].stream, now_us);
    start_afresh(downlink, now_us);
}

/* ---- which rung ---- */

/* known_good: to be tried, or good before: the estimate of now may not turn it down at once. */
static void move_rung(Downlink *downlink, gboolean down, gboolean known_good, gint64 now_us) {
    const DownlinkRung *rung = &downlink->rungs[downlink->ladder.rung];
    if (known_good) bandwidth_on_trial(&downlink->bandwidth, rung->bitrate_bps);
    gboolean same = rung->stream == downlink->wished;
    log_debug("downlink.rung", "seat=%u rung=%u still=%d estimate_bps=%u sent_bps=%u loss=%.2f",
              downlink->config.seat, downlink->ladder.rung, downlink->ladder.still,
              bandwidth_estimate_bps(&downlink->bandwidth), bandwidth_sent_bps(&downlink->bandwidth),
              downlink->bandwidth.loss);
    wish(downlink, rung->stream, now_us);
    /* A narrow line cannot wait for the rung's own keyframe, and a still not for the moving picture's. */
    if (down || same) ask_keyframe(downlink, now_us);
}

static gboolean wait_is_over(const Downlink *downlink, gint64 now_us) {
    if (downlink->wished == 0 || now_us - downlink->asked_us < ASK_AGAIN_US) return FALSE;
    if (downlink->wished == downlink->current) return downlink->waiting && !downlink->ladder.still;
    gboolean up =
        place_of(downlink, downlink->current) > place_of(downlink, downlink->wished) && !downlink->waiting;
    return !up || now_us - downlink->wished_us > UP_WAIT_US;
}

void downlink_choose(Downlink *downlink, gint64 now_us) {
    downlink->next_choice_us = now_us + CHOICE_US;
    if (downlink->n_rungs == 0 || !downlink_is_live(downlink)) return;
    if (wait_is_over(downlink, now_us)) start_afresh(downlink, now_us);
    if (downlink->ladder.still && now_us - downlink->asked_us > STILL_US) ask_keyframe(downlink, now_us);
    gboolean clean =
        bandwidth_is_clean(&downlink->bandwidth, now_us) && downlink->wished == downlink->current;
    switch (ladder_update(&downlink->ladder, bandwidth_estimate_bps(&downlink->bandwidth),
                          bandwidth_sent_bps(&downlink->bandwidth), clean, now_us)) {
    case LADDER_DOWN: move_rung(downlink, TRUE, FALSE, now_us); break;
    case LADDER_BACK: move_rung(downlink, TRUE, TRUE, now_us); break;
    case LADDER_UP: move_rung(downlink, FALSE, TRUE, now_us); break;
    case LADDER_STILL: move_rung(downlink, TRUE, FALSE, now_us); break;
    case LADDER_STAYS: break;
    }
}

/* The receiver cannot go on without a keyframe (PLI, FIR, or loss that cannot be resent). */
void downlink_on_picture_lost(Downlink *downlink, gint64 now_us) {
    gint64 rtt_us = CLAMP(downlink->bandwidth.rtt_us, 0, 500000);
    downlink->stats.n_plis++;
    if (downlink->current == 0 || now_us - downlink->keyframe_us < rtt_us + 200000)
        return; /* it is on its way */
    gboolean often = downlink->pli_us != 0 && now_us - downlink->pli_us < PLI_OFTEN_US;
    downlink->pli_us = now_us;
    if (often && !bandwidth_is_clean(&downlink->bandwidth, now_us) &&
        ladder_push_down(&downlink->ladder, now_us)) {
        move_rung(downlink, TRUE, FALSE, now_us);
        return;
    }
    downlink->asked_us = now_us;
    fanout_ask_keyframe(downlink->fanout, downlink->current);
}

void downlink_read_stats(const Downlink *downlink, DownlinkStats *ret_stats) {
    *ret_stats = downlink->stats;
    ret_stats->estimate_bps = bandwidth_estimate_bps(&downlink->bandwidth);
    ret_stats->sent_bps = downlink->bandwidth.sent_bps;
    ret_stats->loss = downlink->bandwidth.loss;
    ret_stats->rtt_us = MAX(downlink->bandwidth.rtt_us, 0);
    ret_stats->stream = downlink->current;
    ret_stats->rung = (guint)MAX(place_of(downlink, downlink->current), 0);
}
