/* dtls.c -- the only file that knows OpenSSL. See dtls.h.
 * The read side is a memory BIO that is given one datagram at a time; the write side is a BIO of our own, because a memory
 * BIO would join datagrams. DTLSv1_listen is not used: it does not take a ClientHello in several fragments, and today's
 * browsers send theirs in two. */
#include "bridge/transport/dtls.h"

#include "config/bytes.h"
#include "config/fault.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <string.h>
#include <sys/time.h>

enum {
    LINK_MTU = 1200,
    HEADER_BYTES = 28, /* IPv4 and UDP */
    RETRANSMIT_US_FIRST = 100000,
    RETRANSMIT_US_MAX = 1600000,
    CERTIFICATE_DAYS = 30,
    FINGERPRINT_BYTES_MAX = 64,
};

struct DtlsIdentity {
    SSL_CTX *context;
    BIO_METHOD *outward;
    char fingerprint[sizeof "sha-256 " + 3 * 32];
};

struct Dtls {
    SSL *ssl; /* owns both BIOs */
    BIO *inward;
    gboolean active;
    DtlsState state;
    char *fingerprint;
    void (*send)(gpointer user, const guint8 *bytes, gsize n_bytes);
    gpointer user;
};

static void set_openssl_error(GError **error, FaultCode code, const char *what) {
    char text[160] = "unknown reason";
    unsigned long reason = ERR_peek_last_error();
    if (reason != 0) ERR_error_string_n(reason, text, sizeof text);
    ERR_clear_error();
    g_set_error(error, FAULT, (gint)code, "%s: %s", what, text);
}

/* ---- the outward BIO: one write is one datagram ---- */

static int outward_write(BIO *bio, const char *bytes, int n_bytes) {
    Dtls *dtls = BIO_get_data(bio);
    if (n_bytes > 0) dtls->send(dtls->user, (const guint8 *)bytes, (gsize)n_bytes);
    return n_bytes;
}

static long outward_ctrl(BIO *bio, int command, long number, void *pointer) {
    (void)bio, (void)number, (void)pointer;
    switch (command) {
    case BIO_CTRL_FLUSH: return 1;
    case BIO_CTRL_DGRAM_QUERY_MTU:
    case BIO_CTRL_DGRAM_GET_FALLBACK_MTU: return LINK_MTU - HEADER_BYTES;
    case BIO_CTRL_DGRAM_GET_MTU_OVERHEAD: return HEADER_BYTES;
    default: return 0;
    }
}

static int outward_create(BIO *bio) {
    BIO_set_init(bio, 1);
    return 1;
}

static BIO_METHOD *outward_method(void) {
    BIO_METHOD *method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "datagrams out");
    if (method == NULL) return NULL;
    BIO_meth_set_write(method, outward_write);
    BIO_meth_set_ctrl(method, outward_ctrl);
    BIO_meth_set_create(method, outward_create);
    return method;
}

/* ---- identity ---- */

static void print_fingerprint(const guint8 *digest, guint n_bytes, char *ret_text, gsize n_text) {
    for (guint i = 0; i < n_bytes && n_text >= 4; i++) {
        int n = g_snprintf(ret_text, (gulong)n_text, i == 0 ? "%02X" : ":%02X", digest[i]);
        ret_text += n;
        n_text -= (gsize)n;
    }
}

static X509 *new_certificate(EVP_PKEY *key) {
    X509 *certificate = X509_new();
    guint64 serial = 0;
    RAND_bytes((unsigned char *)&serial, sizeof serial);
    X509_set_version(certificate, 2);
    ASN1_INTEGER_set_uint64(X509_get_serialNumber(certificate), serial >> 1 | 1);
    /* From yesterday: a peer whose clock is behind must still find it valid. */
    X509_gmtime_adj(X509_getm_notBefore(certificate), -24 * 3600);
    X509_gmtime_adj(X509_getm_notAfter(certificate), CERTIFICATE_DAYS * 24 * 3600);
    X509_NAME *name = X509_get_subject_name(certificate);
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)"diemcau", -1, -1, 0);
    X509_set_issuer_name(certificate, name);
    X509_set_pubkey(certificate, key);
    if (X509_sign(certificate, key, EVP_sha256()) > 0) return certificate;
    X509_free(certificate);
    return NULL;
}

/* The peer's certificate is self-signed: what counts is its fingerprint, compared when the handshake is done. */
static int accept_any_certificate(int ok, X509_STORE_CTX *store) {
    (void)ok, (void)store;
    return 1;
}

static gboolean set_up_context(SSL_CTX *context, X509 *certificate, EVP_PKEY *key) {
    SSL_CTX_set_min_proto_version(context, DTLS1_2_VERSION);
    SSL_CTX_set_options(context, SSL_OP_NO_QUERY_MTU | SSL_OP_NO_TICKET | SSL_OP_NO_RENEGOTIATION |
                                     SSL_OP_CIPHER_SERVER_PREFERENCE);
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_read_ahead(context, 1);
    SSL_CTX_set_quiet_shutdown(context, 0);
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, accept_any_certificate);
    return SSL_CTX_use_certificate(context, certificate) == 1 && SSL_CTX_use_PrivateKey(context, key) == 1 &&
           SSL_CTX_set_cipher_list(context, "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:"
                                            "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:"
                                            "ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305:"
                                            "ECDHE-ECDSA-AES128-SHA:ECDHE-RSA-AES128-SHA") == 1 &&
           SSL_CTX_set1_groups_list(context, "X25519:P-256:P-384") == 1 &&
           /* The server's order decides, and this call answers 0 for success. */
           SSL_CTX_set_tlsext_use_srtp(
               context, "SRTP_AEAD_AES_128_GCM:SRTP_AEAD_AES_256_GCM:SRTP_AES128_CM_SHA1_80") == 0;
}

DtlsIdentity *dtls_identity_new(GError **error) {
    DtlsIdentity *identity = g_new0(DtlsIdentity, 1);
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *certificate = key != NULL ? new_certificate(key) : NULL;
    guint8 digest[EVP_MAX_MD_SIZE];
    unsigned n_digest = 0;
    identity->context = SSL_CTX_new(DTLS_method());
    identity->outward = outward_method();
    gboolean ready = certificate != NULL && identity->context != NULL && identity->outward != NULL &&
                     set_up_context(identity->context, certificate, key) &&
                     X509_digest(certificate, EVP_sha256(), digest, &n_digest) == 1;
    X509_free(certificate);
    EVP_PKEY_free(key);
    if (!ready) {
        set_openssl_error(error, FAULT_SETUP, "no DTLS certificate");
        dtls_identity_free(identity);
        return NULL;
    }
    g_strlcpy(identity->fingerprint, "sha-256 ", sizeof identity->fingerprint);
    print_fingerprint(digest, n_digest, identity->fingerprint + 8, sizeof identity->fingerprint - 8);
    return identity;
}

void dtls_identity_free(DtlsIdentity *identity) {
    if (identity == NULL) return;
    SSL_CTX_free(identity->context);
    BIO_meth_free(identity->outward);
    g_free(identity);
}

const char *dtls_identity_fingerprint(const DtlsIdentity *identity) { return identity->fingerprint; }

/* ---- fingerprints ---- */

static const struct {
    const char *name;
    guint n_bytes;
    const EVP_MD *(*digest)(void);
} hashes[] = {
    { "sha-256 ", 32, EVP_sha256 },
    { "sha-384 ", 48, EVP_sha384 },
    { "sha-512 ", 64, EVP_sha512 },
};

/* Bytes and hash of "sha-256 AB:CD:..", in either case. FALSE: not one we know. */
static gboolean read_fingerprint(const char *text, guint8 *ret_bytes, guint *ret_n_bytes,
                                 const EVP_MD **ret_digest) {
    for (guint h = 0; h < G_N_ELEMENTS(hashes); h++) {
        gsize n_name = strlen(hashes[h].name);
        if (g_ascii_strncasecmp(text, hashes[h].name, n_name) != 0) continue;
        const char *hex = text + n_name;
        if (strlen(hex) != hashes[h].n_bytes * 3 - 1) return FALSE;
        for (guint i = 0; i < hashes[h].n_bytes; i++, hex += 3) {
            int high = g_ascii_xdigit_value(hex[0]), low = g_ascii_xdigit_value(hex[1]);
            if (high < 0 || low < 0 || (i + 1 < hashes[h].n_bytes && hex[2] != ':')) return FALSE;
            ret_bytes[i] = (guint8)(high << 4 | low);
        }
        *ret_n_bytes = hashes[h].n_bytes;
        *ret_digest = hashes[h].digest();
        return TRUE;
    }
    return FALSE;
}

gboolean dtls_fingerprint_valid(const char *fingerprint) {
    guint8 bytes[FINGERPRINT_BYTES_MAX];
    guint n_bytes;
    const EVP_MD *digest;
    return read_fingerprint(fingerprint, bytes, &n_bytes, &digest);
}

static gboolean peer_is_the_promised(const Dtls *dtls) {
    guint8 promised[FINGERPRINT_BYTES_MAX], found[EVP_MAX_MD_SIZE];
    guint n_promised = 0;
    unsigned n_found = 0;
    const EVP_MD *digest = NULL;
    X509 *certificate = SSL_get1_peer_certificate(dtls->ssl);
    if (certificate == NULL) return FALSE;
    gboolean same = read_fingerprint(dtls->fingerprint, promised, &n_promised, &digest) &&
                    X509_digest(certificate, digest, found, &n_found) == 1 && n_found == n_promised &&
                    secret_equal(found, promised, n_promised);
    X509_free(certificate);
    return same;
}

/* ---- the path ---- */

static unsigned retransmit_after(SSL *ssl, unsigned before_us) {
    (void)ssl;
    return before_us == 0 ? RETRANSMIT_US_FIRST : MIN(before_us * 2, RETRANSMIT_US_MAX);
}

Dtls *dtls_new(const DtlsIdentity *identity, gboolean active, const char *fingerprint,
               void (*send)(gpointer user, const guint8 *bytes, gsize n_bytes), gpointer user,
               GError **error) {
    if (!dtls_fingerprint_valid(fingerprint)) {
        g_set_error(error, FAULT, FAULT_BAD_INPUT,
                    "the fingerprint must be sha-256, sha-384 or sha-512 and hex bytes");
        return NULL;
    }
    SSL *ssl = SSL_new(identity->context);
    BIO *inward = BIO_new(BIO_s_mem()), *outward = BIO_new(identity->outward);
    if (ssl == NULL || inward == NULL || outward == NULL) {
        set_openssl_error(error, FAULT_INTERNAL, "no DTLS");
        SSL_free(ssl);
        BIO_free(inward);
        BIO_free(outward);
        return NULL;
    }
    Dtls *dtls = g_new0(Dtls, 1);
    *dtls = (Dtls){ .ssl = ssl,
                    .inward = inward,
                    .active = active,
                    .state = DTLS_PENDING,
                    .fingerprint = g_strdup(fingerprint),
                    .send = send,
                    .user = user };
    BIO_set_mem_eof_return(inward, -1); /* empty means "later", not "end" */
    BIO_set_data(outward, dtls);
    SSL_set_bio(ssl, inward, outward);
    DTLS_set_link_mtu(ssl, LINK_MTU);
    DTLS_set_timer_cb(ssl, retransmit_after);
    if (active)
        SSL_set_connect_state(ssl);
    else
        SSL_set_accept_state(ssl);
    return dtls;
}

void dtls_free(Dtls *dtls) {
    if (dtls == NULL) return;
    SSL_free(dtls->ssl);
    g_free(dtls->fingerprint);
    g_free(dtls);
}

DtlsState dtls_state(const Dtls *dtls) { return dtls->state; }

static DtlsState fail(Dtls *dtls, GError **error, const char *what) {
    set_openssl_error(error, FAULT_REFUSED, what);
    return dtls->state = DTLS_FAILED;
}

static DtlsState finish(Dtls *dtls, GError **error) {
    ERR_clear_error();
    if (!peer_is_the_promised(dtls)) {
        g_set_error(error, FAULT, FAULT_REFUSED,
                    "the peer's certificate has another fingerprint than its description says");
        return dtls->state = DTLS_FAILED;
    }
    if (SSL_get_selected_srtp_profile(dtls->ssl) == NULL) {
        g_set_error(error, FAULT, FAULT_REFUSED, "the peer knows none of our SRTP protection profiles");
        return dtls->state = DTLS_FAILED;
    }
    return dtls->state = DTLS_DONE;
}

static DtlsState shake(Dtls *dtls, GError **error) {
    ERR_clear_error();
    int result = SSL_do_handshake(dtls->ssl);
    if (result == 1) return finish(dtls, error);
    int why = SSL_get_error(dtls->ssl, result);
    if (why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE) return DTLS_PENDING;
    return fail(dtls, error, "the DTLS handshake failed");
}

/* After the handshake: answers retransmits, notices close_notify. Application data (a data channel's) is not wanted. */
static DtlsState read_late(Dtls *dtls, GError **error) {
    guint8 unwanted[2048];
    for (;;) {
        ERR_clear_error();
        int result = SSL_read(dtls->ssl, unwanted, sizeof unwanted);
        if (result > 0) continue;
        int why = SSL_get_error(dtls->ssl, result);
        if (why == SSL_ERROR_ZERO_RETURN) return dtls->state = DTLS_CLOSED;
        if (why == SSL_ERROR_SSL) return fail(dtls, error, "the peer ended DTLS with an error");
        return dtls->state;
    }
}

DtlsState dtls_start(Dtls *dtls, GError **error) {
    if (dtls->state != DTLS_PENDING || !dtls->active) return dtls->state;
    return shake(dtls, error);
}

DtlsState dtls_feed(Dtls *dtls, const guint8 *bytes, gsize n_bytes, GError **error) {
    if (dtls->state == DTLS_FAILED || dtls->state == DTLS_CLOSED || n_bytes > G_MAXUINT16) return dtls->state;
    (void)BIO_reset(dtls->inward); /* whatever was left of the datagram before is no part of this one */
    if (BIO_write(dtls->inward, bytes, (int)n_bytes) != (int)n_bytes)
        return fail(dtls, error, "no memory for DTLS");
    return dtls->state == DTLS_DONE ? read_late(dtls, error) : shake(dtls, error);
}

gboolean dtls_deadline(const Dtls *dtls, gint64 now_us, gint64 *ret_due_us) {
    struct timeval left;
    if (dtls->state != DTLS_PENDING && dtls->state != DTLS_DONE) return FALSE;
    if (DTLSv1_get_timeout(dtls->ssl, &left) != 1) return FALSE;
    *ret_due_us = now_us + (gint64)left.tv_sec * G_USEC_PER_SEC + left.tv_usec;
    return TRUE;
}

DtlsState dtls_tick(Dtls *dtls, GError **error) {
    if (dtls->state != DTLS_PENDING && dtls->state != DTLS_DONE) return dtls->state;
    ERR_clear_error();
    if (DTLSv1_handle_timeout(dtls->ssl) < 0)
        return fail(dtls, error, "the peer does not answer the DTLS handshake");
    return dtls->state;
}

static const struct {
    unsigned long profile;
    SrtpSuite suite;
} profiles[] = {
    { SRTP_AEAD_AES_128_GCM, SRTP_SUITE_AES128_GCM },
    { SRTP_AEAD_AES_256_GCM, SRTP_SUITE_AES256_GCM },
    { SRTP_AES128_CM_SHA1_80, SRTP_SUITE_AES128_SHA1_80 },
};

/* RFC 5764 4.2: client key, server key, client salt, server salt. */
gboolean dtls_export(const Dtls *dtls, SrtpKeys *ret_keys, GError **error) {
    static const char label[] = "EXTRACTOR-dtls_srtp";
    guint8 material[2 * SRTP_KEY_BYTES_MAX];
    SrtpKeys keys = { 0 };
    const SRTP_PROTECTION_PROFILE *profile = SSL_get_selected_srtp_profile(dtls->ssl);
    for (guint i = 0; profile != NULL && i < G_N_ELEMENTS(profiles); i++)
        if (profiles[i].profile == profile->id) keys.suite = profiles[i].suite;
    if (dtls->state != DTLS_DONE || keys.suite == 0) {
        g_set_error(error, FAULT, FAULT_INTERNAL, "DTLS keys were asked for before the handshake was done");
        return FALSE;
    }
    guint n_key = srtp_suite_key_bytes(keys.suite), n_salt = srtp_suite_salt_bytes(keys.suite);
    if (SSL_export_keying_material(dtls->ssl, material, 2 * (n_key + n_salt), label, strlen(label), NULL, 0,
                                   0) != 1) {
        set_openssl_error(error, FAULT_INTERNAL, "DTLS gives no keys");
        return FALSE;
    }
    guint8 *client = dtls->active ? keys.send : keys.receive,
           *server = dtls->active ? keys.receive : keys.send;
    memcpy(client, material, n_key);
    memcpy(server, material + n_key, n_key);
    memcpy(client + n_key, material + 2 * n_key, n_salt);
    memcpy(server + n_key, material + 2 * n_key + n_salt, n_salt);
    OPENSSL_cleanse(material, sizeof material);
    *ret_keys = keys;
    srtp_keys_wipe(&keys);
    return TRUE;
}

void dtls_close(Dtls *dtls) {
    if (dtls == NULL || dtls->state != DTLS_DONE) return;
    ERR_clear_error();
    SSL_shutdown(dtls->ssl);
    ERR_clear_error();
    dtls->state = DTLS_CLOSED;
}
