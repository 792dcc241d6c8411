/* janus_offer.h -- the offer of the one simulated endpoint that publishes to a Janus VideoRoom: its voice (Opus) and one
 * picture (VP8), sent only. Everybody else is offered by the server. Pure. */
#pragma once

#include "bridge/wire/transport_description.h"

/* (transfer full) local: candidates included, setup active. */
char *janus_offer(const TransportDescription *local, const char *cname);
