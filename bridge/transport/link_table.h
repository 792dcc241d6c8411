/* link_table.h -- pure: where an event leads a transport. */
#pragma once

#include "bridge/transport/transport.h"

typedef enum {
    LINK_EV_REMOTE = 1, /* the peer's description was set (again) */
    LINK_EV_KEYS,       /* DTLS done, fingerprint right */
    LINK_EV_SILENCE,    /* nothing authenticated for a while */
    LINK_EV_HEARD,      /* an authenticated packet */
    LINK_EV_EXPIRED,    /* not connected, or silent, for 30 s */
    LINK_EV_BROKEN,     /* DTLS failed or was ended by the peer */
    LINK_EV_CLOSE,
} LinkEvent;

/* The state to go to. Every pair that can happen has a row; a pair without one is a defect of the caller and leaves the
 * state as it is (FALSE). */
gboolean link_table_next(TransportState from, LinkEvent event, TransportState *ret_to);
