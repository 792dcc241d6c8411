/* rung.h -- one stream of a view: an encoder while somebody watches, and the counters that outlive it, so that a stream which
 * pauses goes on with the next frame index, packet index and TL0 index. Canvas thread, except where noted. */
#pragma once

#include "bridge/media/encoder.h"
#include "bridge/media/studio.h"
#include "bridge/media/studio_counters.h"

typedef struct Rung Rung;

typedef struct {
    const StudioEvents *events;
    gpointer user;
    StudioCounters *counters;
    guint encoder_speed; /* at rest */
    gint encoder_step;   /* atomic: 0 at rest, more under load; see overload_encoder_speed() */
    guint32 rtp_base;    /* of the one video clock: RTP time = base + monotonic time at 90 kHz */
} RungParts;

Rung *rung_new(const RungParts *parts, const RungSpec *spec, gint nice); /* parts outlive the rung */
void rung_free(Rung *rung);                                              /* NULL is fine */

const RungSpec *rung_spec(const Rung *rung);
/* Wanted as spec says, from now on: begins, or goes on, with changed bit rate or frame rate, or anew with changed size. */
void rung_want(Rung *rung, const RungSpec *spec);
void rung_unwant(Rung *rung, gint64 now_us); /* the encoder ends a while later */
void rung_ask_keyframe(Rung *rung);          /* any thread */

typedef struct {
    const Picture *picture;
    gboolean changed;     /* since the tick before */
    gboolean own_keys;    /* keyframes at the rung's own pace, for legs that wait to come over */
    guint fps;            /* of the ticks */
    gint64 tick_us;       /* monotonic */
    gint64 path_delay_us; /* how old the shown picture is */
} RungTick;

/* Once per canvas tick. A rung with a lower frame rate than the ticks' takes every second, third, ... */
void rung_tick(Rung *rung, const RungTick *tick);
gboolean rung_is_running(const Rung *rung); /* any thread: has an encoder */
