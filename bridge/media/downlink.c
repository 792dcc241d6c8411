/* downlink.c -- see downlink.h. Here: life of a leg's downlink. What each of its video sections is sent: downlink_lane.c.
 * The inside and the way of a frame: downlink_state.h. */
#include "bridge/media/downlink_state.h"

enum { START_BPS = 1000000, SOUND_EVERY_US = 1000000, SOUND_HEADER_BYTES = 20 };

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
    downlink->ntp_offset_us = g_get_real_time() - now_us;
    downlink->audio_sequence = (guint16)g_random_int_range(1, 0x4000); /* below 2^15: see lane_new */
    downlink->audio_offset = g_random_int();
    downlink->audio_clock.rate_hz = 48000;
    downlink->resend_tokens_us = now_us;
    bandwidth_init(&downlink->bandwidth, START_BPS, now_us);
    fanout_add(fanout, downlink);
    return downlink;
}

void downlink_free(Downlink *downlink) {
    if (downlink == NULL) return;
    for (guint i = 0; i < DOWNLINK_LANES; i++) lane_free(downlink->lanes[i]);
    downlink_end_audio(downlink);
    fanout_remove(downlink->fanout, downlink);
    g_free(downlink->feed);
    g_free(downlink);
}

/* What the voice takes of the line, all told. */
static void measure_sound(Downlink *downlink, gint64 now_us) {
    const SentClock *sound = &downlink->audio_clock;
    gint64 past_us = now_us - downlink->sound_us;
    if (past_us < SOUND_EVERY_US) return;
    guint32 bytes = sound->n_bytes + sound->n_packets * (SOUND_HEADER_BYTES + WIRE_BYTES);
    downlink->sound_bps =
        (guint32)((guint64)(bytes - downlink->sound_bytes) * 8 * G_USEC_PER_SEC / (guint64)past_us);
    downlink->sound_bytes = bytes;
    downlink->sound_us = now_us;
}

void downlink_measure(Downlink *downlink, gint64 now_us) {
    downlink->next_choice_us = now_us + CHOICE_US;
    measure_sound(downlink, now_us);
    feed_beat(downlink, now_us);
}

void downlink_set_hearing(Downlink *downlink, gboolean hears) { downlink->hears = hears; }

void downlink_on_live(Downlink *downlink, gint64 now_us) {
    downlink->talking = FALSE;
    downlink->next_report_us = 0;
    bandwidth_on_return(&downlink->bandwidth, now_us);
    feed_on_return(downlink);
    for (guint i = 0; i < DOWNLINK_LANES; i++)
        if (downlink->lanes[i] != NULL) lane_on_live(downlink->lanes[i], now_us);
}

/* A lane is made when something is watched there for the first time: most legs never see a presentation. */
static void watch(Downlink *downlink, DownlinkLaneKind kind, const DownlinkRung *rungs, guint n_rungs,
                  LadderTop top, gint64 now_us) {
    const DownlinkVideo *config =
        kind == DOWNLINK_PROGRAM ? &downlink->config.video : &downlink->config.presentation;
    if (config->payload_type == 0) return;
    if (downlink->lanes[kind] == NULL && n_rungs == 0) return;
    if (downlink->lanes[kind] == NULL) downlink->lanes[kind] = lane_new(downlink, kind, config);
    lane_watch(downlink->lanes[kind], rungs, n_rungs, top, now_us);
}

void downlink_watch(Downlink *downlink, const DownlinkRung *rungs, guint n_rungs, LadderTop top,
                    gint64 now_us) {
    watch(downlink, DOWNLINK_PROGRAM, rungs, n_rungs, top, now_us);
}

void downlink_watch_presentation(Downlink *downlink, const DownlinkRung *rungs, guint n_rungs, LadderTop top,
                                 gint64 now_us) {
    watch(downlink, DOWNLINK_PRESENTATION, rungs, n_rungs, top, now_us);
}

StreamId downlink_leaving(const Downlink *downlink) {
    const DownlinkLane *program = downlink->lanes[DOWNLINK_PROGRAM];
    return program != NULL && program->current != program->wished && !program->waiting ? program->current : 0;
}

gboolean downlink_is_narrow(const Downlink *downlink) {
    const Bandwidth *bandwidth = &downlink->bandwidth;
    return bandwidth->measured && bandwidth_estimate_bps(bandwidth) < NARROW_BPS;
}

void downlink_read_stats(const Downlink *downlink, DownlinkStats *ret_stats) {
    const DownlinkLane *program = downlink->lanes[DOWNLINK_PROGRAM];
    const DownlinkLane *presentation = downlink->lanes[DOWNLINK_PRESENTATION];
    *ret_stats = downlink->stats;
    ret_stats->estimate_bps = bandwidth_estimate_bps(&downlink->bandwidth);
    ret_stats->sent_bps = downlink->bandwidth.sent_bps;
    ret_stats->loss = downlink->bandwidth.loss;
    ret_stats->rtt_us = MAX(downlink->bandwidth.rtt_us, 0);
    ret_stats->stream = program != NULL ? program->current : 0;
    ret_stats->thin = program != NULL && ladder_is_thin(&program->ladder);
    ret_stats->rung = program != NULL ? (guint)MAX(lane_place_of(program, program->current), 0) : 0;
    ret_stats->presentation = presentation != NULL ? presentation->current : 0;
}
