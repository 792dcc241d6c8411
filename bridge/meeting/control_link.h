/* control_link.h -- the bridge's end of the control link, and the loop of the control thread: one listening socket, one link
 * at a time (a newer one replaces it: the signaling side was restarted), requests in, answers and events out. */
#pragma once

#include "bridge/meeting/bridge.h"

/* Serves until a stop signal on signal_fd (signalfd), "quit", or orphan_s seconds without a link. Takes listen_fd.
 * FALSE: the engines could not start (error). */
gboolean control_link_serve(const Settings *settings, json_t *sandbox, int listen_fd, int signal_fd,
                            GError **error);
