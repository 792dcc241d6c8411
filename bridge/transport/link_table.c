/* link_table.c -- see link_table.h. */
#include "bridge/transport/link_table.h"

typedef struct {
    TransportState from;
    LinkEvent event;
    TransportState to;
} LinkRow;

static const LinkRow rows[] = {
    { TRANSPORT_NEW, LINK_EV_REMOTE, TRANSPORT_CONNECTING },
    { TRANSPORT_NEW, LINK_EV_CLOSE, TRANSPORT_CLOSED },
    { TRANSPORT_CONNECTING, LINK_EV_REMOTE, TRANSPORT_CONNECTING },
    { TRANSPORT_CONNECTING, LINK_EV_KEYS, TRANSPORT_LIVE },
    { TRANSPORT_CONNECTING, LINK_EV_EXPIRED, TRANSPORT_FAILED },
    { TRANSPORT_CONNECTING, LINK_EV_BROKEN, TRANSPORT_FAILED },
    { TRANSPORT_CONNECTING, LINK_EV_CLOSE, TRANSPORT_CLOSED },
    { TRANSPORT_LIVE, LINK_EV_REMOTE, TRANSPORT_LIVE }, /* after an ICE restart */
    { TRANSPORT_LIVE, LINK_EV_HEARD, TRANSPORT_LIVE },
    { TRANSPORT_LIVE, LINK_EV_SILENCE, TRANSPORT_LOST },
    { TRANSPORT_LIVE, LINK_EV_BROKEN, TRANSPORT_FAILED },
    { TRANSPORT_LIVE, LINK_EV_CLOSE, TRANSPORT_CLOSED },
    { TRANSPORT_LOST, LINK_EV_REMOTE, TRANSPORT_LOST },
    { TRANSPORT_LOST, LINK_EV_HEARD, TRANSPORT_LIVE },
    { TRANSPORT_LOST, LINK_EV_EXPIRED, TRANSPORT_FAILED },
    { TRANSPORT_LOST, LINK_EV_BROKEN, TRANSPORT_FAILED },
    { TRANSPORT_LOST, LINK_EV_CLOSE, TRANSPORT_CLOSED },
    /* Late news of a path that is given up: a new leg is the way back. */
    { TRANSPORT_FAILED, LINK_EV_REMOTE, TRANSPORT_FAILED },
    { TRANSPORT_FAILED, LINK_EV_KEYS, TRANSPORT_FAILED },
    { TRANSPORT_FAILED, LINK_EV_HEARD, TRANSPORT_FAILED },
    { TRANSPORT_FAILED, LINK_EV_BROKEN, TRANSPORT_FAILED },
    { TRANSPORT_FAILED, LINK_EV_CLOSE, TRANSPORT_CLOSED },
};

gboolean link_table_next(TransportState from, LinkEvent event, TransportState *ret_to) {
    for (guint i = 0; i < G_N_ELEMENTS(rows); i++)
        if (rows[i].from == from && rows[i].event == event) return *ret_to = rows[i].to, TRUE;
    return FALSE;
}

static const char *const words[] = { "", "new", "connecting", "live", "lost", "failed", "closed" };

const char *transport_state_word(TransportState state) {
    return (guint)state < G_N_ELEMENTS(words) ? words[state] : "";
}
