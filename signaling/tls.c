/* tls.c -- which certificate the HTTPS socket uses; making one is tls_make.c. See tls.h. */
#include "signaling/tls.h"

#include "config/fault.h"
#include "signaling/tls_make.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

enum { LEAF_RENEW_S = 30 * 24 * 3600 };

void tls_files_free(TlsFiles *files) {
    if (files == NULL) return;
    g_free(files->cert_path);
    g_free(files->key_path);
    g_free(files->ca_path);
    g_strfreev(files->names);
    g_free(files);
}

static void set_openssl_fault(GError **error, FaultCode code, const char *what) {
    char reason[160] = "unknown reason";
    unsigned long last = ERR_peek_last_error();
    if (last != 0) ERR_error_string_n(last, reason, sizeof reason);
    ERR_clear_error();
    g_set_error(error, FAULT, code, "%s (%s)", what, reason);
}

gboolean tls_pair_load(gpointer ssl_ctx, const char *cert_path, const char *key_path, GError **error) {
    if (!tls_pair_check(cert_path, key_path, error)) return FALSE;
    /* The certificate first: setting a certificate that does not fit the present key drops that key. */
    if (SSL_CTX_use_certificate_chain_file(ssl_ctx, cert_path) != 1 ||
        SSL_CTX_use_PrivateKey_file(ssl_ctx, key_path, SSL_FILETYPE_PEM) != 1) {
        set_openssl_fault(error, FAULT_SETUP, "cannot load the certificate");
        return FALSE;
    }
    return TRUE;
}

gboolean tls_pair_check(const char *cert_path, const char *key_path, GError **error) {
    SSL_CTX *trial = SSL_CTX_new(TLS_server_method());
    gboolean good = FALSE;
    if (SSL_CTX_use_certificate_chain_file(trial, cert_path) != 1) {
        g_autofree char *what = g_strdup_printf("cannot read the certificate %s", cert_path);
        set_openssl_fault(error, FAULT_SETUP, what);
    } else if (SSL_CTX_use_PrivateKey_file(trial, key_path, SSL_FILETYPE_PEM) != 1 ||
               SSL_CTX_check_private_key(trial) != 1) {
        g_autofree char *what =
            g_strdup_printf("cannot use the key %s with the certificate %s", key_path, cert_path);
        set_openssl_fault(error, FAULT_SETUP, what);
    } else {
        good = TRUE;
    }
    SSL_CTX_free(trial);
    return good;
}

void tls_harden(gpointer ssl_ctx) {
    SSL_CTX_set_min_proto_version(ssl_ctx, TLS1_2_VERSION);
    SSL_CTX_set_options(ssl_ctx, SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_NO_RENEGOTIATION);
}

/* The leaf still names everything and lives for a while. */
static gboolean leaf_is_good(const char *leaf_path, const char *ca_path, char **names) {
    g_autofree char *pem = NULL;
    g_autofree char *ca_pem = NULL;
    if (!g_file_get_contents(leaf_path, &pem, NULL, NULL)) return FALSE;
    if (!g_file_get_contents(ca_path, &ca_pem, NULL, NULL)) return FALSE;
    return tls_leaf_fits(pem, ca_pem, names, LEAF_RENEW_S);
}

static gboolean make_leaf_where_needed(const TlsFiles *files, const char *ca_key_path, GError **error) {
    if (leaf_is_good(files->cert_path, files->ca_path, files->names) &&
        tls_pair_check(files->cert_path, files->key_path, NULL))
        return TRUE;
    return tls_make_leaf(files->ca_path, ca_key_path, files->names, files->cert_path, files->key_path, error);
}

static char *ca_key_of(const TlsFiles *files) {
    g_autofree char *tls_dir = g_path_get_dirname(files->ca_path);
    return g_build_filename(tls_dir, "ca.key", NULL);
}

static gboolean make_missing(TlsFiles *files, GError **error) {
    g_autofree char *ca_key_path = ca_key_of(files);
    gboolean has_ca = g_file_test(files->ca_path, G_FILE_TEST_EXISTS);
    if (has_ca && !g_file_test(ca_key_path, G_FILE_TEST_EXISTS)) {
        g_set_error(
            error, FAULT, FAULT_SETUP,
            "%s is there but its key %s is not: restore the key, or remove the folder and install the "
            "new CA in the rooms",
            files->ca_path, ca_key_path);
        return FALSE;
    }
    if (!has_ca) {
        if (!tls_make_ca(files->ca_path, ca_key_path, error)) return FALSE;
        files->made_ca = TRUE;
    }
    return make_leaf_where_needed(files, ca_key_path, error);
}

gboolean tls_renew(const TlsFiles *files, GError **error) {
    if (files->ca_path == NULL) return TRUE;
    g_autofree char *ca_key_path = ca_key_of(files);
    return make_leaf_where_needed(files, ca_key_path, error);
}

gint64 tls_expires_in_s(const char *cert_path) {
    BIO *bio = BIO_new_file(cert_path, "r");
    X509 *cert = bio != NULL ? PEM_read_bio_X509(bio, NULL, NULL, NULL) : NULL;
    int days = 0, seconds = 0;
    gboolean known = cert != NULL && ASN1_TIME_diff(&days, &seconds, NULL, X509_get0_notAfter(cert)) == 1;
    X509_free(cert);
    BIO_free_all(bio);
    ERR_clear_error();
    return known ? (gint64)days * 24 * 3600 + seconds : G_MAXINT64;
}

TlsFiles *tls_prepare(const Settings *settings, const char *data_dir, GError **error) {
    g_autoptr(TlsFiles) files = g_new0(TlsFiles, 1);
    if (settings->tls_cert[0] != '\0') { /* settings.c sees to it that both are set */
        files->cert_path = g_strdup(settings->tls_cert);
        files->key_path = g_strdup(settings->tls_key);
        if (!tls_pair_check(files->cert_path, files->key_path, error)) return NULL;
        return g_steal_pointer(&files);
    }
    g_autofree char *tls_dir = g_build_filename(data_dir, "tls", NULL);
    if (g_mkdir_with_parents(tls_dir, 0700) != 0) {
        g_set_error(error, FAULT, FAULT_SETUP, "cannot make the folder %s: %s", tls_dir, g_strerror(errno));
        return NULL;
    }
    files->ca_path = g_build_filename(tls_dir, "ca.crt", NULL);
    files->cert_path = g_build_filename(tls_dir, "server.crt", NULL);
    files->key_path = g_build_filename(tls_dir, "server.key", NULL);
    files->names = tls_machine_names(settings->tls_names);
    if (!make_missing(files, error)) return NULL;
    return g_steal_pointer(&files);
}
