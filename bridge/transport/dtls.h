/* dtls.h -- DTLS-SRTP handshake of one path over memory (RFC 6347, RFC 5764): datagrams in, datagrams out, keys at the end.
 * No socket, no clock of its own, no thread: one owner thread. */
#pragma once

#include "bridge/transport/srtp.h"

#include <glib.h>

typedef struct Dtls Dtls;
typedef struct DtlsIdentity DtlsIdentity;

/* A fresh ECDSA P-256 key with a self-signed certificate; may be shared by any number of paths and threads. */
DtlsIdentity *dtls_identity_new(GError **error);
void dtls_identity_free(DtlsIdentity *identity); /* all paths must be gone; NULL is fine */
const char *dtls_identity_fingerprint(const DtlsIdentity *identity); /* "sha-256 AB:CD:.." */

/* sha-256, sha-384 or sha-512 and colon separated hex of the right length (RFC 8122 5). */
gboolean dtls_fingerprint_valid(const char *fingerprint);

/* active: we are the DTLS client. fingerprint: the certificate the peer promised; anything else fails the handshake before
 * any key is handed out. send: one call is one datagram; it may be called from every function below. */
Dtls *dtls_new(const DtlsIdentity *identity, gboolean active, const char *fingerprint,
               void (*send)(gpointer user, const guint8 *bytes, gsize n_bytes), gpointer user,
               GError **error);
void dtls_free(Dtls *dtls); /* wipes; NULL is fine */

typedef enum {
    DTLS_PENDING = 1,
    DTLS_DONE,   /* handshake finished and fingerprint right; later datagrams are retransmits and alerts */
    DTLS_CLOSED, /* the peer said close_notify */
    DTLS_FAILED, /* error is set on the call that found out */
} DtlsState;

/* Sends the first flight when active; the passive side waits. */
DtlsState dtls_start(Dtls *dtls, GError **error);
/* One datagram of the peer. Rubbish is ignored, as DTLS asks. */
DtlsState dtls_feed(Dtls *dtls, const guint8 *bytes, gsize n_bytes, GError **error);
DtlsState dtls_state(const Dtls *dtls);

/* Retransmission (100 ms first, doubling to 1.6 s): call dtls_tick when the time has come. */
gboolean dtls_deadline(const Dtls *dtls, gint64 now_us, gint64 *ret_due_us); /* FALSE: nothing is waiting */
DtlsState dtls_tick(Dtls *dtls, GError **error);

/* When done. Wipe the keys after use. */
gboolean dtls_export(const Dtls *dtls, SrtpKeys *ret_keys, GError **error);

void dtls_close(Dtls *dtls); /* sends close_notify */
