/* path.h -- the encrypted path of one simulated endpoint, in two makes behind one door:
 * fast: own small ICE client over the shared sockets of net.h (answers checks, one check of its own, consent), with the
 *       bridge's dtls.h and srtp.h; nice: the bridge's whole transport.h on a worker. The peer is the server, which offered.
 * One thread (nice: the worker's). */
#pragma once

#include "bridge/transport/transport.h"
#include "tests/load/net.h"

typedef struct Path Path;

typedef struct {
    void (*described)(gpointer user); /* path_local may be asked; never from inside path_new_* */
    void (*live)(gpointer user);
    void (*failed)(gpointer user, const char *why);
    void (*rtp)(gpointer user, guint8 *packet, gsize n_bytes, gint64 now_us);
    void (*rtcp)(gpointer user, guint8 *packet, gsize n_bytes, gint64 now_us);
} PathEvents;

gboolean path_global_init(GError **error); /* once, after transport_global_init for nice */
void path_global_end(void);

Path *path_new_fast(Net *net, guint socket, const PathEvents *events, gpointer user);
Path *path_new_nice(Worker *worker, const PathEvents *events, gpointer user, GError **error);
void path_free(Path *path); /* says goodbye (DTLS close_notify); no event after; NULL is fine */

/* Fast: we made the offer, but the peer shall lead the checks all the same (RFC 8445 7.3.1.1). Before path_set_remote. */
void path_yield_control(Path *path);

void path_local(const Path *path, TransportDescription *ret_local); /* setup is active */
gboolean path_set_remote(Path *path, const TransportDescription *remote, gint64 now_us, GError **error);
/* ICE restart as the peer asked for it: `described` follows, then path_set_remote; keys and media stay. */
gboolean path_restart(Path *path, GError **error);
void path_tick(Path *path, gint64 now_us); /* every few milliseconds */
gboolean path_is_live(const Path *path);
/* Live, but no media and no report came for so long (fast; FALSE for nice). */
gboolean path_is_deaf(const Path *path, gint64 for_us, gint64 now_us);

/* FALSE: not live, or it did not fit. */
gboolean path_send_rtp(Path *path, const RtpOut *packet, SendClass send_class);
gboolean path_send_rtcp(Path *path, const guint8 *packet, gsize n_bytes);
