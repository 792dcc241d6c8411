/* overload.h -- the bridge looks at its own load twice a second, gives up pictures in the declared order (policy/overload.h) and
 * tells signaling. Control thread. */
#pragma once

#include "bridge/meeting/bridge.h"

typedef struct BridgeOverload BridgeOverload;

BridgeOverload *bridge_overload_new(const Settings *settings);
void bridge_overload_free(BridgeOverload *overload); /* NULL is fine */

/* When due: measures, decides, writes bridge->limits, tells. Returns when it is due next. */
gint64 bridge_overload_beat(Bridge *bridge, gint64 now_us);
/* Signaling is new on the link: it is told at the next beat. */
void bridge_overload_tell_again(Bridge *bridge);
/* Another budget than the setting's; 0: what the machine gives. */
void bridge_overload_set_budget(Bridge *bridge, double cores);

/* The state as in the event `load`, without the layouts. (transfer full) */
json_t *bridge_overload_json(const Bridge *bridge);
