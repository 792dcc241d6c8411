/* ice.h -- one ICE agent with one stream and one component (BUNDLE, rtcp-mux): RFC 8445 by libnice, and the only door to it.
 * Host candidates over UDP only: no STUN or TURN servers, no UPnP, no ICE-TCP. Worker thread only. */
#pragma once

#include "bridge/transport/loop.h"
#include "bridge/transport/transport.h"

#include <netinet/in.h>
#include <sys/socket.h>

typedef struct Ice Ice;

typedef struct {
    guint port_min, port_max;
    const char *const *addresses; /* NULL-ended, at least one */
    const char *announce;         /* or NULL: see TransportSettings */
    gboolean controlling;
} IceSettings;

typedef struct {
    void (*gathered)(
        gpointer user); /* local credentials and candidates are complete; again after a restart */
    void (*selected)(gpointer user); /* there is a path to send on, or another one than before */
    /* Anything but STUN: media from whoever sent it to our port (only SRTP tells whose it is), the rest from an address of the
     * peer that the agent has validated. May be changed in place, lives until return. */
    void (*datagram)(gpointer user, guint8 *bytes, gsize n_bytes, gint64 arrival_us);
    /* More came to the agent than it could read, and its sockets are shut for closed_us; media goes on where it has a socket
     * of its own. */
    void (*flooded)(gpointer user, gint64 closed_us);
} IceEvents;

/* NULL: FAULT_FULL when no port of the range is free. */
Ice *ice_new(Loop *loop, const IceSettings *settings, const IceEvents *events, gpointer user, GError **error);
/* No event is called any more; the agent closes in the background and everything is freed then. NULL is fine. */
void ice_close(Ice *ice);

/* Fills credentials and candidates. */
void ice_local(const Ice *ice, TransportDescription *ret_local);
/* Credentials and candidates of the peer; candidates that are not UDP with a plain IP address are passed over.
 * FALSE: FAULT_BAD_INPUT. */
gboolean ice_set_remote(Ice *ice, const TransportDescription *remote, GError **error);
/* RFC 8445 9: new credentials, `gathered` follows; the path stays until another one is selected. */
gboolean ice_restart(Ice *ice, GError **error);

/* Where to send: the socket of the selected pair, used directly because the agent cannot send many packets per call. */
typedef struct {
    int fd;             /* the agent's: never close it */
    socklen_t to_bytes; /* 0: there is no path */
    union {
        struct sockaddr any;
        struct sockaddr_in four;
        struct sockaddr_in6 six;
    } to;
} IcePath;
IcePath ice_path(const Ice *ice); /* until `selected` is called again, or ice_close() */
