/* leg_screen.c -- the presentation's section on its way up. Whole frames become blocks for every desk; nothing is decoded.
 * Two layers of one screen: main, and a slow one of the same size for lines that cannot carry main: text stays sharp there. */
#include "bridge/meeting/leg.h"

#include <string.h>

enum {
    SCREEN_BEAT_US = 200000,
    /* A screen that rests sends nothing: a layer is silent only measured by the other. */
    MAIN_BEHIND_US = 3000000,
    SLOW_BEHIND_US = 6000000,
    MAIN_FIRST_US = 400000,
    CHAIN_MAX = 200,
    GIVEN_PER_BEAT = 2, /* of the chain */
    RESTS_US = 3600 * (gint64)G_USEC_PER_SEC,
};

/* Bit i: layer i has frames and keeps up with the other one. */
static guint layers_alive(const Leg *leg, gint64 now_us) {
    gint64 main_us = leg->screen[SCREEN_MAIN].frame_us, slow_us = leg->screen[SCREEN_SLOW].frame_us;
    guint alive = 0;
    /* Main may come a moment later: nobody shall begin with the slow one for so little. */
    if (main_us == 0 && now_us - leg->screen_since_us < MAIN_FIRST_US) return 0;
    if (main_us != 0 && slow_us - main_us < MAIN_BEHIND_US) alive |= 1u << SCREEN_MAIN;
    if (slow_us != 0 && main_us - slow_us < SLOW_BEHIND_US) alive |= 1u << SCREEN_SLOW;
    return alive;
}

static ScreenLayer *best_layer(Leg *leg, gint64 now_us) {
    return &leg->screen[(layers_alive(leg, now_us) & 1u << SCREEN_MAIN) != 0 ? SCREEN_MAIN : SCREEN_SLOW];
}

/* ---- composed for legs that take one picture: the same frames to the studio, which drops them while no tile shows it ---- */

static void forget_chain(Leg *leg) {
    if (leg->screen_chain != NULL) g_ptr_array_set_size(leg->screen_chain, 0);
    leg->n_screen_given = 0;
}

static void give(Leg *leg) {
    if (leg->n_screen_given < leg->screen_chain->len && studio_source_has_room(leg->screen_source))
        studio_source_push(leg->screen_source, frame_ref(leg->screen_chain->pdata[leg->n_screen_given++]));
}

/* The chain is kept: a screen that rests sends no keyframe to a tile that begins to show it. */
static void compose(ScreenLayer *layer, Frame *frame) {
    Leg *leg = layer->leg;
    if (frame->keyframe && layer == best_layer(leg, frame->arrival_us)) leg->screen_shown = layer;
    if (layer != leg->screen_shown || leg->screen_source == NULL) return;
    if (frame->keyframe || leg->screen_chain->len == CHAIN_MAX) forget_chain(leg);
    if (leg->screen_chain->len == 0 && !frame->keyframe) return;
    gboolean all_given = leg->n_screen_given == leg->screen_chain->len;
    g_ptr_array_add(leg->screen_chain, frame_ref(frame));
    if (all_given) give(leg);
}

static void on_frame(gpointer user, Frame *frame) {
    ScreenLayer *layer = user;
    const LegHouse *house = layer->leg->house;
    Block *block = layer->forward != NULL ? forward_frame(layer->forward, frame) : NULL;
    if (block != NULL) {
        layer->frame_us = frame->arrival_us;
        compose(layer, frame);
        house->publish(house->publish_user, block);
    }
    frame_unref(frame);
}

static void on_nack(gpointer user, guint32 ssrc, const guint16 *sequences, guint n_sequences) {
    Leg *leg = ((ScreenLayer *)user)->leg;
    leg_send_nack(leg, leg->screen_section, ssrc, sequences, n_sequences);
}

static void on_keyframe(gpointer user, guint32 ssrc) {
    Leg *leg = ((ScreenLayer *)user)->leg;
    leg_send_pli(leg, leg->screen_section, ssrc);
}

/* The layer of a new SSRC: the sender has begun, or begun anew. */
static ScreenLayer *begin_layer(Leg *leg, const RtpStream *stream, Codec codec) {
    static const VideoUplinkEvents events = { .frame = on_frame, .nack = on_nack, .keyframe = on_keyframe };
    ScreenLayer *layer = &leg->screen[strcmp(stream->rid, RID_THUMBNAIL) == 0 ? SCREEN_SLOW : SCREEN_MAIN];
    layer->leg = leg;
    layer->ssrc = stream->ssrc;
    video_uplink_free(layer->uplink);
    layer->uplink = video_uplink_new(codec, stream->ssrc, &events, layer);
    video_uplink_set_silent_max(layer->uplink, RESTS_US);
    video_uplink_set_wanted(layer->uplink, layer->forward != NULL);
    receive_stats_init(&layer->stats, stream->ssrc, 90000);
    return layer;
}

static void push(ScreenLayer *layer, const RtpPacket *packet, gboolean rtx, gint64 arrival_us) {
    if (!rtx) receive_stats_push(&layer->stats, packet->sequence, packet->timestamp, arrival_us);
    video_uplink_push(layer->uplink, packet, rtx, 0, arrival_us);
}

void leg_screen_packet(Leg *leg, RtpStream *stream, const RtpPacket *packet, gint64 arrival_us) {
    const MediaSection *section = &leg->plan.sections[leg->screen_section];
    if (leg->source == NULL) return;
    if (!stream->is_rtx) {
        if (packet->payload_type != section->payload_type) return;
        ScreenLayer *layer = stream->user;
        if (layer == NULL || layer->ssrc != packet->ssrc)
            layer = stream->user = begin_layer(leg, stream, section->codec);
        push(layer, packet, FALSE, arrival_us);
        return;
    }
    const RtpStream *primary = stream->primary != 0 ? rtp_streams_find(&leg->streams, stream->primary) : NULL;
    RtpPacket original;
    if (primary != NULL && primary->user != NULL &&
        rtp_rtx_restore(packet, primary->ssrc, section->payload_type, &original))
        push(primary->user, &original, TRUE, arrival_us);
}

static void unref_frame(gpointer frame) { frame_unref(frame); }

void leg_screen_present(Leg *leg, const StreamId streams[SCREEN_LAYERS], guint bps, StudioSource *source) {
    if (leg->screen_chain == NULL) leg->screen_chain = g_ptr_array_new_with_free_func(unref_frame);
    forget_chain(leg);
    if (leg->screen_source != NULL) studio_source_unref(leg->screen_source);
    leg->screen_source = source;
    leg->screen_shown = NULL;
    leg->screen_bps = bps;
    leg->next_report_us = 0; /* what it may send now is told at once: its browser begins with what it knows */
    leg->screen_since_us = g_get_monotonic_time();
    leg->screen_alive = 0;
    for (guint i = 0; i < SCREEN_LAYERS; i++) {
        ScreenLayer *layer = &leg->screen[i];
        StreamId before = layer->forward != NULL ? forward_stream(layer->forward) : 0;
        if (streams[i] == before) continue;
        g_clear_pointer(&layer->forward, forward_free);
        layer->frame_us = 0;
        if (streams[i] != 0) layer->forward = forward_new(streams[i], bps);
        if (layer->uplink != NULL) {
            video_uplink_set_wanted(layer->uplink, FALSE); /* a new stream begins with a keyframe */
            video_uplink_set_wanted(layer->uplink, streams[i] != 0);
        }
    }
}

void leg_screen_keyframe(Leg *leg, StreamId stream) {
    if (stream == 0) leg->n_screen_given = 0;
    for (guint i = 0; i < SCREEN_LAYERS; i++)
        if (stream != 0 && leg->screen[i].forward != NULL && forward_stream(leg->screen[i].forward) == stream)
            forward_want_keyframe(leg->screen[i].forward);
}

static void tell_alive(Leg *leg, gint64 now_us) {
    ForwardStats stats;
    guint alive = layers_alive(leg, now_us);
    if (alive == leg->screen_alive) return;
    leg->screen_alive = alive;
    News news = { .screen = { .leg = leg->id, .alive = alive } };
    for (guint i = 0; i < SCREEN_LAYERS; i++) {
        if (leg->screen[i].forward == NULL) return; /* it has ended meanwhile */
        forward_read_stats(leg->screen[i].forward, &stats);
        news.screen.streams[i] = forward_stream(leg->screen[i].forward);
        news.screen.width[i] = stats.width;
        news.screen.height[i] = stats.height;
    }
    mailbox_post(leg->house->news, NEWS_LEG_SCREEN, &news, sizeof news);
    /* The other one is composed from its next keyframe on; nobody else may want that. */
    ScreenLayer *best = best_layer(leg, now_us);
    if (alive != 0 && leg->screen_shown != best) forward_want_keyframe(best->forward);
}

void leg_screen_beat(Leg *leg, gint64 now_us) {
    for (guint i = 0; i < SCREEN_LAYERS; i++) {
        ScreenLayer *layer = &leg->screen[i];
        if (layer->uplink == NULL) continue;
        video_uplink_beat(layer->uplink, now_us);
        if (layer->forward != NULL && forward_keyframe_due(layer->forward, now_us))
            video_uplink_request_keyframe(layer->uplink, now_us);
    }
    for (guint i = 0; leg->screen_source != NULL && i < GIVEN_PER_BEAT; i++) give(leg);
    /* At the first frame at once: everybody waits for it. */
    if (leg->screen_bps == 0 || (leg->screen_alive != 0 && now_us < leg->next_screen_us)) return;
    leg->next_screen_us = now_us + SCREEN_BEAT_US;
    tell_alive(leg, now_us);
}

void leg_screen_clear(Leg *leg) {
    for (guint i = 0; i < SCREEN_LAYERS; i++) {
        video_uplink_free(leg->screen[i].uplink);
        forward_free(leg->screen[i].forward);
        leg->screen[i] = (ScreenLayer){ 0 };
    }
    leg->screen_shown = NULL;
    g_clear_pointer(&leg->screen_chain, g_ptr_array_unref);
    g_clear_pointer(&leg->screen_source, studio_source_unref);
}
