/* line.h -- the province's own line, shared among all legs of the bridge (policy/line_share.h). Control thread. */
#pragma once

#include "bridge/meeting/bridge.h"

/* The leg is told of this ladder and its top: noted for what it counts with. */
void bridge_line_allow(LegRecord *leg, const RungLadder *ladder, gboolean other_view, gint64 now_us);
/* The best level of the view that the leg may have; best: its rung by its screen and by the machine. */
LadderTop bridge_line_top(const Bridge *bridge, const LegRecord *leg, const ShownView *view, guint best);
/* Every second, and when legs came or went: legs whose share changed are told. Returns when it is due next. */
gint64 bridge_line_beat(Bridge *bridge, gint64 now_us);

json_t *bridge_line_json(const Bridge *bridge); /* (transfer full) */
