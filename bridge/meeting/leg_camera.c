/* leg_camera.c -- which layer of a camera goes to the studio. A layer is judged by the size in its keyframe, never by its
 * rid; the one that is shown stays until the better one has a keyframe, so a change is never black. */
#include "bridge/meeting/leg.h"

#include <string.h>

enum { CAMERA_BEAT_US = 200000, LAYER_SILENT_US = 1500000, CAMERA_OFF_US = 4000000 };

static void on_frame(gpointer user, Frame *frame) {
    LegLayer *layer = user;
    Leg *leg = layer->leg;
    if (frame->keyframe && frame->width != 0) {
        layer->width = frame->width;
        layer->height = frame->height;
    }
    if (layer == leg->coming && frame->keyframe) {
        if (leg->shown != NULL && leg->shown != layer) video_uplink_set_wanted(leg->shown->uplink, FALSE);
        leg->shown = layer;
        leg->coming = NULL;
    }
    if (layer == leg->shown)
        studio_source_push(leg->source, frame);
    else
        frame_unref(frame);
}

static void on_nack(gpointer user, guint32 ssrc, const guint16 *sequences, guint n_sequences) {
    const LegLayer *layer = user;
    leg_send_nack(layer->leg, layer->leg->camera_section, ssrc, sequences, n_sequences);
}

static void on_keyframe(gpointer user, guint32 ssrc) {
    const LegLayer *layer = user;
    leg_send_pli(layer->leg, layer->leg->camera_section, ssrc);
}

LegLayer *leg_camera_layer(Leg *leg, LegLayer *before, guint32 ssrc, const char *rid, Codec codec) {
    static const VideoUplinkEvents events = { .frame = on_frame, .nack = on_nack, .keyframe = on_keyframe };
    LegLayer *layer = before;
    if (layer == NULL) {
        if (leg->n_layers == LEG_LAYERS_MAX) return NULL;
        layer = &leg->layers[leg->n_layers++];
        layer->leg = leg;
        g_strlcpy(layer->rid, rid, sizeof layer->rid);
    } else { /* the sender has begun anew: what came before is of no use to it */
        if (leg->shown == layer) leg->shown = NULL;
        if (leg->coming == layer) leg->coming = NULL;
        video_uplink_free(layer->uplink);
        layer->width = layer->height = 0;
    }
    layer->ssrc = ssrc;
    layer->uplink = video_uplink_new(codec, ssrc, &events, layer);
    video_uplink_set_wanted(layer->uplink, FALSE);
    receive_stats_init(&layer->stats, ssrc, 90000);
    leg->next_camera_us = 0; /* look at once: somebody may be waiting for this picture */
    return layer;
}

void leg_camera_packet(Leg *leg, LegLayer *layer, const RtpPacket *packet, gboolean rtx, gint64 arrival_us) {
    const MediaSection *section = &leg->plan.sections[leg->camera_section];
    if (!rtx) receive_stats_push(&layer->stats, packet->sequence, packet->timestamp, arrival_us);
    rtp_ext_video_orientation(packet, section->exts.video_orientation, &layer->rotation);
    layer->last_packet_us = arrival_us;
    video_uplink_push(layer->uplink, packet, rtx, layer->rotation, arrival_us);
}

/* Before its first keyframe a layer is guessed by its place: the offer names them low to high. */
static guint expected_height(const Leg *leg, const LegLayer *layer) {
    if (layer->height != 0) return layer->height;
    return leg->n_layers > 1 && strcmp(layer->rid, RID_THUMBNAIL) == 0 ? 90 : 360;
}

static LegLayer *best_layer(Leg *leg, gint64 now_us) {
    LegLayer *best = NULL;
    for (guint i = 0; i < leg->n_layers; i++) {
        LegLayer *layer = &leg->layers[i];
        if (now_us - layer->last_packet_us > LAYER_SILENT_US) continue;
        guint height = expected_height(leg, layer),
              best_height = best != NULL ? expected_height(leg, best) : 0;
        gboolean enough = height * 5 >= leg->need_height * 4;
        gboolean best_enough = best != NULL && best_height * 5 >= leg->need_height * 4;
        if (best == NULL || (enough && !best_enough) || (enough && best_enough && height < best_height) ||
            (!enough && !best_enough && height > best_height))
            best = layer;
    }
    return best;
}

/* Wants exactly what is shown and what shall be shown next. */
static void choose(Leg *leg, gint64 now_us) {
    LegLayer *best = leg->needed && leg->need_height > 0 ? best_layer(leg, now_us) : NULL;
    if (best == NULL && leg->needed && leg->need_height > 0) return; /* all silent: keep, it may come back */
    LegLayer *before = leg->coming;
    if (best == NULL) leg->shown = NULL;
    leg->coming = best != leg->shown ? best : NULL;
    for (guint i = 0; i < leg->n_layers; i++) {
        LegLayer *layer = &leg->layers[i];
        video_uplink_set_wanted(layer->uplink, layer == leg->shown || layer == leg->coming);
    }
    if (leg->coming != NULL && leg->coming != before)
        video_uplink_request_keyframe(leg->coming->uplink, now_us);
}

static void watch_camera(Leg *leg, gint64 now_us) {
    gboolean on = FALSE;
    for (guint i = 0; i < leg->n_layers; i++)
        on = on || now_us - leg->layers[i].last_packet_us < CAMERA_OFF_US;
    if (on == leg->camera_on) return;
    leg->camera_on = on;
    News news = { .camera = { .leg = leg->id, .on = on } };
    mailbox_post(leg->house->news, NEWS_LEG_CAMERA, &news, sizeof news);
}

void leg_camera_need(Leg *leg, gboolean live, guint height, guint bps) {
    leg->needed = live;
    leg->need_height = height;
    leg->need_bps = bps;
    leg->next_camera_us = 0;
}

void leg_camera_keyframe(Leg *leg) {
    if (leg->shown != NULL) video_uplink_request_keyframe(leg->shown->uplink, g_get_monotonic_time());
}

void leg_camera_beat(Leg *leg, gint64 now_us) {
    for (guint i = 0; i < leg->n_layers; i++) video_uplink_beat(leg->layers[i].uplink, now_us);
    if (now_us < leg->next_camera_us) return;
    leg->next_camera_us = now_us + CAMERA_BEAT_US;
    choose(leg, now_us);
    watch_camera(leg, now_us);
}

void leg_camera_clear(Leg *leg) {
    for (guint i = 0; i < leg->n_layers; i++) video_uplink_free(leg->layers[i].uplink);
    leg->n_layers = 0;
    leg->shown = leg->coming = NULL;
}
