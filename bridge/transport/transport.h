/* transport.h -- one encrypted path to one endpoint: ICE (libnice), DTLS and SRTP (OpenSSL), joined.
 * In:  datagrams, told apart by their first byte (RFC 7983). Out: plain RTP and RTCP to the events, both ways.
 * Runs on its worker's thread; created, fed and closed there. Everything above works on plain packets. */
#pragma once

#include "bridge/transport/worker.h"
#include "bridge/wire/transport_description.h"

#include <glib.h>

typedef struct Transport Transport;

/* Process-wide, once, before the sandbox and before the first worker: OpenSSL's algorithms, one ECDSA P-256 certificate
 * per process. */
typedef struct {
    guint port_min, port_max;
    char **
        addresses; /* NULL-ended; empty: all but loopback, link-local and container bridges; loopback when no other is up */
    char *
        announce; /* public address behind 1:1 NAT, or NULL: replaces the host candidates' address in our SDP */
    gboolean gso;
} TransportSettings;
gboolean transport_global_init(const TransportSettings *settings, GError **error);
void transport_global_end(void);
const char *transport_fingerprint(void); /* "sha-256 AB:CD:..." of this process */

typedef enum {
    TRANSPORT_NEW = 1,
    TRANSPORT_CONNECTING, /* remote description known; ICE and DTLS under way */
    TRANSPORT_LIVE,       /* keys ready, packets flow */
    TRANSPORT_LOST, /* nothing heard for 5 to 15 s, by the peer's habits: we stop sending; LIVE with the next packet */
    TRANSPORT_FAILED, /* DTLS failed, wrong fingerprint, never connected within 30 s, or lost for 30 s */
    TRANSPORT_CLOSED,
} TransportState;
const char *transport_state_word(TransportState state);

/* All called on the worker's thread, holding no lock; `packet` lives until return and may be changed in place. */
typedef struct {
    void (*described)(gpointer user);                                    /* local description is complete */
    void (*state)(gpointer user, TransportState state, const char *why); /* why: a sentence or "" */
    void (*rtp)(gpointer user, guint8 *packet, gsize n_bytes, gint64 arrival_us);
    void (*rtcp)(gpointer user, guint8 *packet, gsize n_bytes, gint64 arrival_us);
} TransportEvents;

/* Starts gathering. controlling: TRUE when we made the offer (RFC 8445 6.1.1). NULL on error (FAULT_FULL: no port left). */
Transport *transport_new(Worker *worker, gboolean controlling, const TransportEvents *events, gpointer user,
                         GError **error);

/* Before transport_local of an answer: a client that should be the DTLS client when it may choose (a browser's role; the
 * bridge prefers to be the server, whose order of SRTP profiles counts). */
void transport_prefer_active(Transport *transport);

/* After `described`. In an offer setup is actpass, in an answer passive unless the peer insists on it. */
void transport_local(const Transport *transport, TransportDescription *ret_local);

/* The peer's description. Candidates are not needed by the bridge (peer-reflexive); clients give the server's.
 * Again after a restart. FALSE: FAULT_BAD_INPUT (short credentials, unknown fingerprint hash). */
gboolean transport_set_remote(Transport *transport, const TransportDescription *remote, GError **error);

/* ICE restart (RFC 8445 9): new credentials, `described` follows; media goes on over the old pair meanwhile. */
gboolean transport_restart(Transport *transport, GError **error);

/* One packet to send: a small header of its own and a shared payload that is not touched. */
typedef struct {
    guint8 header[80];
    guint n_header_bytes;
    const guint8 *payload;
    guint n_payload_bytes;
} RtpOut;
typedef enum { SEND_AUDIO, SEND_VIDEO } SendClass; /* DSCP EF or AF41 */

/* Protects and sends; runs of equal size leave by GSO, at most 16 per system call. Returns how many left; the others
 * are dropped and counted (socket full, not live). */
guint transport_send_rtp(Transport *transport, const RtpOut *packets, guint n_packets, SendClass send_class);
gboolean transport_send_rtcp(Transport *transport, const guint8 *packet, gsize n_bytes);

/* What belongs to one leg was last touched a tick ago, and a hundred others came between: its memory is far. Who goes through
 * many legs asks for it ahead, so that it comes while the legs before are served: two legs ahead with srtp FALSE, one leg
 * ahead with srtp TRUE, because one thing leads to the other. Changes nothing. */
void transport_fetch(const Transport *transport, gboolean srtp);

TransportState transport_state(const Transport *transport);

typedef struct {
    guint64 n_packets_in, n_bytes_in, n_packets_out, n_bytes_out, n_send_calls;
    guint64 n_dropped_out, n_auth_failed, n_malformed, n_replayed;
    guint64 n_early;       /* media before the keys were there */
    guint64 n_dtls_excess; /* more DTLS than any handshake has, passed over */
    guint64 n_floods;      /* times that the agent's sockets were shut for a moment */
    gint64 last_authenticated_us;
} TransportStats;
void transport_read_stats(const Transport *transport, TransportStats *ret_stats);

/* Sends DTLS close_notify, closes agent and sockets in the background; no event is called any more. NULL is fine. */
void transport_close(Transport *transport);
