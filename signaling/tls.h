/* tls.h -- the certificate of the HTTPS socket: the province's own (tls.cert, tls.key), or a local CA and a leaf that the
 * first run makes in DATA/tls. The only file of signaling that makes certificates.
 * The leaf names every host name and address of the machine; it is made anew when those changed, when it is about to
 * expire, or when it is gone; the CA stays, because technicians have installed it in two hundred rooms. */
#pragma once

#include "config/settings.h"

#include <glib.h>

typedef struct {
    char *cert_path, *key_path; /* PEM; what the socket uses */
    char *ca_path;              /* PEM of the local CA, NULL with tls.cert */
    char **names;     /* host names and addresses in the leaf, most useful first; NULL with tls.cert */
    gboolean made_ca; /* this call made the CA: first run */
} TlsFiles;

/* FAULT_SETUP with a sentence naming the file and what to do. data_dir must exist. */
TlsFiles *tls_prepare(const Settings *settings, const char *data_dir, GError **error);
void tls_files_free(TlsFiles *files); /* NULL is fine */

/* While the server runs: the local leaf is made anew when it is about to expire (the socket then sees its files change);
 * nothing is done for tls.cert. */
gboolean tls_renew(const TlsFiles *files, GError **error);
/* Seconds until the certificate in that file ends, negative when it has; G_MAXINT64 when it cannot be read. */
gint64 tls_expires_in_s(const char *cert_path);

/* The pair can be read, and certificate and key belong together: asked before a reload replaces a working pair. */
gboolean tls_pair_check(const char *cert_path, const char *key_path, GError **error);

/* Replaces the pair of a running socket. ssl_ctx: SSL_CTX of the vhost. The old pair stays on failure. */
gboolean tls_pair_load(gpointer ssl_ctx, const char *cert_path, const char *key_path, GError **error);

/* TLS 1.2 at least. ssl_ctx: SSL_CTX of the vhost. */
void tls_harden(gpointer ssl_ctx);

/* Host names and addresses of this machine: names first, then addresses, loopback last. extra: space separated. */
char **tls_machine_names(const char *extra);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(TlsFiles, tls_files_free)
