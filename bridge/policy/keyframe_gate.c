/* keyframe_gate.c -- see keyframe_gate.h. */
#include "bridge/policy/keyframe_gate.h"

void keyframe_gate_ask(KeyframeGate *gate, gint64 asked_us) {
    if (gate->last_us == 0 || asked_us > gate->last_us) gate->wished = TRUE;
}

gint64 keyframe_gate_due(const KeyframeGate *gate) {
    if (!gate->wished) return G_MAXINT64;
    return gate->last_us == 0 ? G_MININT64 : gate->last_us + KEYFRAME_GATE_US;
}

gboolean keyframe_gate_pass(KeyframeGate *gate, gint64 now_us) {
    if (now_us < keyframe_gate_due(gate)) return FALSE;
    keyframe_gate_made(gate, now_us);
    return TRUE;
}

void keyframe_gate_made(KeyframeGate *gate, gint64 now_us) {
    gate->last_us = now_us;
    gate->wished = FALSE;
}
