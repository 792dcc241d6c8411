/* keyframe_gate.h -- pure: how often an encoder may be made to start afresh.
 * A keyframe costs every viewer of the encoder many times a common frame. At once when the last one is a second old, else
 * scheduled for that second's end; every wish until then is the same wish. One made by the encoder itself counts. */
#pragma once

#include <glib.h>

enum { KEYFRAME_GATE_US = 1000000 };

typedef struct {
    gint64 last_us; /* the last keyframe, forced or natural; 0: none */
    gboolean wished;
} KeyframeGate; /* zero-initialise */

/* asked_us: when the wish was made; one from before the last keyframe has been answered by it. */
void keyframe_gate_ask(KeyframeGate *gate, gint64 asked_us);
/* Before each frame: must it be a keyframe? The answer TRUE takes the wish. */
gboolean keyframe_gate_pass(KeyframeGate *gate, gint64 now_us);
/* A keyframe was made, for whatever reason: it answers the wish too. */
void keyframe_gate_made(KeyframeGate *gate, gint64 now_us);
/* When the wish will be granted; G_MAXINT64: there is none. */
gint64 keyframe_gate_due(const KeyframeGate *gate);
