/* rung.c -- see rung.h. */
#include "bridge/media/rung.h"

#include "bridge/policy/keyframe_gate.h"
#include "bridge/policy/overload.h"
#include "config/log.h"

#include <string.h>

enum {
    KEY_180P_US = 2000000,
    KEY_360P_US = 4000000,
    KEY_720P_US = 10000000,
    STILLS_US = 4000000,
    STILLS_QUANTIZER_FINEST = 12,
    STILLS_PAYLOAD_BYTES_MAX = 400, /* a long packet would hold the voice up on the line that needs stills */
    LINGER_US = 3000000,            /* a leg that just left its rung may come back to it */
    RESTART_US = 1000000,           /* after an encoder failed */
    POLISH_US = 1500000, /* a picture that stands still is sent at full rate so long: quality catches up */
    STILL_US = 200000,   /* then at this pace */
    BITRATE_BPS_MIN = 10000,
};

struct Rung {
    const RungParts *parts;
    RungSpec spec;
    gint nice;
    Encoder *encoder;
    gint running;          /* atomic: encoder != NULL */
    gboolean wanted, told; /* told: of a fault */
    gint64 unwanted_us, restart_us, next_due_us, changed_us, last_given_us;
    gint64 key_turn;    /* number of the own keyframe that was due last */
    gint path_delay_us; /* atomic */
    gint asked;         /* atomic: a keyframe is asked for */
    gint retry;         /* atomic: the still was too large */
    gint quantizer;     /* atomic: of the next still */
    KeyframeGate gate;  /* canvas thread */

    /* The encoder thread's; the encoder ends before another begins. */
    gint64 capture_us;
    guint64 frame_index, next_packet;
    guint8 tl0_index;
};

Rung *rung_new(const RungParts *parts, const RungSpec *spec, gint nice) {
    Rung *rung = g_new0(Rung, 1);
    rung->parts = parts;
    rung->spec = *spec;
    rung->nice = nice;
    /* Above all that another rung of this stream may have counted: legs know what they sent by these numbers. */
    rung->frame_index = (guint64)g_get_monotonic_time() / 1000;
    rung->tl0_index = 0xff; /* the first base frame is number 0 */
    return rung;
}

static void end_encoder(Rung *rung) {
    g_clear_pointer(&rung->encoder, encoder_stop);
    g_atomic_int_set(&rung->running, 0);
}

void rung_free(Rung *rung) {
    if (rung == NULL) return;
    end_encoder(rung);
    g_free(rung);
}

const RungSpec *rung_spec(const Rung *rung) { return &rung->spec; }

gboolean rung_is_running(const Rung *rung) { return g_atomic_int_get(&rung->running) != 0; }

void rung_ask_keyframe(Rung *rung) { g_atomic_int_set(&rung->asked, 1); }

/* Encoder thread. Brings the next still nearer to its size. FALSE: this one is too large and is made again. */
static gboolean size_still(Rung *rung, gsize n_bytes) {
    gsize bytes_max = (gsize)rung->spec.bitrate_bps / 8 * (STILLS_US / G_USEC_PER_SEC);
    gint quantizer = g_atomic_int_get(&rung->quantizer);
    if (rung->spec.codec != CODEC_VP8) return TRUE;
    if (n_bytes > bytes_max && quantizer < ENCODER_QUANTIZER_MAX) {
        gint coarser = n_bytes > 2 * bytes_max ? 10 : n_bytes > bytes_max * 5 / 4 ? 5 : 2;
        g_atomic_int_set(&rung->quantizer, MIN(quantizer + coarser, ENCODER_QUANTIZER_MAX));
        g_atomic_int_set(&rung->retry, 1);
        return FALSE;
    }
    if (n_bytes < bytes_max * 3 / 4 && quantizer > STILLS_QUANTIZER_FINEST)
        g_atomic_int_set(&rung->quantizer, quantizer - 2);
    return TRUE;
}

/* Encoder thread. */
static void on_frame(gpointer user, const EncodedFrame *frame) {
    Rung *rung = user;
    gsize payload_max = rung->spec.stills               ? STILLS_PAYLOAD_BYTES_MAX
                        : rung->spec.codec == CODEC_VP8 ? BLOCK_VP8_PAYLOAD_BYTES_MAX
                                                        : BLOCK_H264_PAYLOAD_BYTES_MAX;
    if (rung->spec.stills && !size_still(rung, frame->n_bytes)) return;
    Block *block = rung->spec.codec == CODEC_VP8
                       ? block_new_vp8(rung->spec.stream, frame->bytes, frame->n_bytes, payload_max)
                       : block_new_h264(rung->spec.stream, frame->bytes, frame->n_bytes, payload_max);
    if (block->n_packets == 0) {
        block_unref(block);
        return;
    }
    if (frame->temporal_layer == 0) rung->tl0_index++;
    block->frame_index = rung->frame_index++;
    block->first_packet = rung->next_packet;
    rung->next_packet += block->n_packets;
    block->rtp_time = rung->parts->rtp_base + (guint32)((guint64)frame->time_us * 9 / 100);
    /* The delay becomes known in one step; time goes on forward all the same. */
    rung->capture_us = MAX(frame->time_us - g_atomic_int_get(&rung->path_delay_us), rung->capture_us + 1);
    block->capture_us = rung->capture_us;
    block->keyframe = frame->keyframe;
    block->temporal_layer = frame->temporal_layer;
    block->tl0_index = rung->tl0_index;
    block->width = (guint16)rung->spec.width;
    block->height = (guint16)rung->spec.height;
    count(&rung->parts->counters->n_encoded, 1);
    rung->parts->events->block(rung->parts->user, block);
}

static gboolean same_encoder(const RungSpec *a, const RungSpec *b) {
    return a->codec == b->codec && a->width == b->width && a->height == b->height &&
           !a->stills == !b->stills && !a->two_layers == !b->two_layers;
}

static guint speed_now(const Rung *rung) {
    return overload_encoder_speed(rung->parts->encoder_speed,
                                  (guint)g_atomic_int_get(&rung->parts->encoder_step), rung->spec.height);
}

void rung_want(Rung *rung, const RungSpec *spec) {
    rung->wanted = TRUE;
    if (!same_encoder(&rung->spec, spec)) {
        end_encoder(rung);
        rung->told = FALSE;
    } else if (rung->encoder != NULL) {
        if (rung->spec.bitrate_bps != spec->bitrate_bps)
            encoder_set_bitrate(rung->encoder, MAX(spec->bitrate_bps, BITRATE_BPS_MIN));
        if (rung->spec.fps != spec->fps) encoder_set_fps(rung->encoder, spec->fps);
    }
    rung->spec = *spec;
}

void rung_unwant(Rung *rung, gint64 now_us) {
    if (rung->wanted) rung->unwanted_us = now_us;
    rung->wanted = FALSE;
}

static gint64 key_period_us(const Rung *rung) {
    if (rung->spec.stills) return STILLS_US;
    if (rung->spec.height <= 180) return KEY_180P_US;
    return rung->spec.height <= 360 ? KEY_360P_US : KEY_720P_US;
}

static void begin_encoder(Rung *rung, gint64 now_us) {
    g_autoptr(GError) error = NULL;
    EncoderSpec spec = { .codec = rung->spec.codec,
                         .width = rung->spec.width & ~1u,
                         .height = rung->spec.height & ~1u,
                         .fps = MAX(rung->spec.fps, 1),
                         .bitrate_bps = MAX(rung->spec.bitrate_bps, BITRATE_BPS_MIN),
                         .speed = speed_now(rung),
                         .stills = rung->spec.stills,
                         .two_layers = rung->spec.two_layers,
                         .nice = rung->nice };
    rung->encoder = encoder_start(&spec, on_frame, rung, &rung->parts->counters->encode_cpu_us, &error);
    g_atomic_int_set(&rung->running, rung->encoder != NULL);
    rung->next_due_us = 0;
    g_atomic_int_set(&rung->quantizer, ENCODER_STILLS_QUANTIZER);
    rung->key_turn = rung->spec.stills ? -1 : now_us / key_period_us(rung);
    if (rung->encoder != NULL) {
        keyframe_gate_made(&rung->gate, now_us); /* the first frame is one */
        return;
    }
    rung->restart_us = now_us + RESTART_US;
    if (rung->told) return;
    rung->told = TRUE;
    log_error("rung.fault", "stream=%u why=\"%s\"", rung->spec.stream, error->message);
    if (rung->parts->events->fault != NULL)
        rung->parts->events->fault(rung->parts->user, rung->spec.stream, error);
}

static void keep_encoder(Rung *rung, gint64 now_us) {
    if (rung->encoder != NULL && encoder_has_failed(rung->encoder)) {
        end_encoder(rung);
        rung->restart_us = now_us + RESTART_US;
    }
    if (!rung->wanted && rung->encoder != NULL && now_us - rung->unwanted_us > LINGER_US) end_encoder(rung);
    if (rung->wanted && rung->encoder == NULL && now_us >= rung->restart_us) begin_encoder(rung, now_us);
}

/* Whether this tick's picture goes to the encoder: the rung's own frame rate, in even steps, less while the picture stands
 * still. */
static gboolean is_due(Rung *rung, const RungTick *tick) {
    if (tick->changed) rung->changed_us = tick->tick_us;
    guint fps = MAX(rung->spec.fps, 1), every = MAX((tick->fps + fps / 2) / fps, 1);
    gint64 step_us = G_USEC_PER_SEC / MAX(tick->fps, 1);
    if (tick->tick_us + step_us / 8 < rung->next_due_us) return FALSE;
    gboolean still = tick->tick_us - rung->changed_us > POLISH_US && rung->next_due_us != 0;
    gboolean key = g_atomic_int_get(&rung->asked) != 0 || rung->gate.wished;
    if (still && !key && tick->tick_us - rung->last_given_us < STILL_US) return FALSE;
    rung->next_due_us =
        MAX(rung->next_due_us + every * step_us, tick->tick_us + every * step_us - step_us / 2);
    return TRUE;
}

/* A leg that changes its rung waits for the target's next own keyframe, so that no change forces one. The lower the rung, the
 * sooner somebody waits for it and the less a keyframe costs. The clock is one for all rungs: they fall together. */
static void ask_own_key(Rung *rung, const RungTick *tick) {
    gint64 period_us = key_period_us(rung), turn = tick->tick_us / period_us;
    if (turn == rung->key_turn) return;
    rung->key_turn = turn;
    gboolean soon_after = tick->tick_us - rung->gate.last_us < period_us / 2;
    if (rung->spec.stills || (tick->own_keys && !soon_after)) keyframe_gate_ask(&rung->gate, tick->tick_us);
}

/* Only when a keyframe is: at its turn, when somebody asks, or when the one before came out too large. */
static gboolean still_is_due(Rung *rung, gint64 tick_us) {
    if (g_atomic_int_get(&rung->asked) != 0) keyframe_gate_ask(&rung->gate, tick_us);
    return rung->last_given_us == 0 || g_atomic_int_get(&rung->retry) != 0 ||
           tick_us >= keyframe_gate_due(&rung->gate);
}

void rung_tick(Rung *rung, const RungTick *tick) {
    keep_encoder(rung, tick->tick_us);
    if (rung->encoder == NULL) return;
    ask_own_key(rung, tick);
    if (rung->spec.stills ? !still_is_due(rung, tick->tick_us) : !is_due(rung, tick)) return;
    encoder_set_speed(rung->encoder, speed_now(rung));
    if (rung->spec.stills) encoder_set_quantizer(rung->encoder, (guint)g_atomic_int_get(&rung->quantizer));
    if (rung->nice >= STUDIO_NICE_WALL)
        count(&rung->parts->counters->wall_encode_cpu_us, (guint64)encoder_take_cpu_us(rung->encoder));
    g_atomic_int_set(&rung->path_delay_us, (gint)tick->path_delay_us);
    if (g_atomic_int_compare_and_exchange(&rung->asked, 1, 0)) keyframe_gate_ask(&rung->gate, tick->tick_us);
    KeyframeGate before = rung->gate;
    gboolean key = keyframe_gate_pass(&rung->gate, tick->tick_us);
    if (g_atomic_int_compare_and_exchange(&rung->retry, 1, 0)) key = TRUE;
    if (!encoder_give(rung->encoder, tick->picture, tick->tick_us, key)) {
        rung->gate = before; /* the encoder is behind: this picture is left out, the request stands */
        count(&rung->parts->counters->n_encoder_drops, 1);
        return;
    }
    rung->last_given_us = tick->tick_us;
    count(&rung->parts->counters->n_keyframes_forced, key ? 1 : 0);
}
