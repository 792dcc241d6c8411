/* tls_make.c -- a CA for one province and a leaf for one machine; see tls_make.h. */
#include "signaling/tls_make.h"

#include "config/fault.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Twenty years: replacing a CA means a visit to every room. The leaf stays under the 825 days that some clients
 * accept at most; it is made anew by itself. */
enum { CA_DAYS = 20 * 365, LEAF_DAYS = 800, DAY_S = 24 * 3600 };

G_DEFINE_AUTOPTR_CLEANUP_FUNC(X509, X509_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(EVP_PKEY, EVP_PKEY_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(BIO, BIO_free_all)

static gboolean set_fault(GError **error, const char *what, const char *path) {
    char reason[160] = "unknown reason";
    unsigned long last = ERR_peek_last_error();
    if (last != 0) ERR_error_string_n(last, reason, sizeof reason);
    ERR_clear_error();
    g_set_error(error, FAULT, FAULT_SETUP, "%s %s: %s", what, path, reason);
    return FALSE;
}

/* Written aside and renamed, so that a crash leaves no half file. */
static gboolean write_whole(const char *path, BIO *bio, int mode, GError **error) {
    char *bytes = NULL;
    long n_bytes = BIO_get_mem_data(bio, &bytes);
    g_autofree char *aside = g_strconcat(path, ".new", NULL);
    g_unlink(aside);
    int fd = open(aside, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
    gboolean good = fd >= 0 && write(fd, bytes, (size_t)n_bytes) == n_bytes && fsync(fd) == 0;
    int saved_errno = errno;
    if (fd >= 0) close(fd);
    if (good && g_rename(aside, path) != 0) {
        saved_errno = errno;
        good = FALSE;
    }
    if (!good) g_set_error(error, FAULT, FAULT_SETUP, "cannot write %s: %s", path, g_strerror(saved_errno));
    return good;
}

static gboolean write_key(const char *path, EVP_PKEY *key, GError **error) {
    g_autoptr(BIO) bio = BIO_new(BIO_s_mem());
    if (PEM_write_bio_PKCS8PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL) != 1)
        return set_fault(error, "cannot write the key", path);
    return write_whole(path, bio, 0600, error);
}

static EVP_PKEY *read_key(const char *path, GError **error) {
    g_autoptr(BIO) bio = BIO_new_file(path, "r");
    EVP_PKEY *key = bio != NULL ? PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL) : NULL;
    if (key == NULL) set_fault(error, "cannot read the key", path);
    return key;
}

static X509 *read_cert(const char *path, GError **error) {
    g_autoptr(BIO) bio = BIO_new_file(path, "r");
    X509 *cert = bio != NULL ? PEM_read_bio_X509(bio, NULL, NULL, NULL) : NULL;
    if (cert == NULL) set_fault(error, "cannot read the certificate", path);
    return cert;
}

static gboolean add_extension(X509 *cert, X509 *issuer, int nid, const char *value) {
    X509V3_CTX context;
    X509V3_set_ctx(&context, issuer, cert, NULL, NULL, 0);
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &context, nid, value);
    if (extension == NULL) return FALSE;
    gboolean good = X509_add_ext(cert, extension, -1) == 1;
    X509_EXTENSION_free(extension);
    return good;
}

/* A certificate with everything but extensions and signature. */
static X509 *new_cert(EVP_PKEY *key, const char *common_name, long days) {
    g_autoptr(X509) cert = X509_new();
    guint8 serial[16];
    if (RAND_bytes(serial, sizeof serial) != 1) return NULL;
    serial[0] &= 0x7f; /* positive */
    BIGNUM *number = BN_bin2bn(serial, sizeof serial, NULL);
    BN_to_ASN1_INTEGER(number, X509_get_serialNumber(cert));
    BN_free(number);
    X509_set_version(cert, X509_VERSION_3);
    /* A room PC's clock may be behind by a day; the certificate should work there too. */
    X509_gmtime_adj(X509_getm_notBefore(cert), -2L * DAY_S);
    X509_time_adj_ex(X509_getm_notAfter(cert), (int)days, 0, NULL);
    X509_NAME *name = X509_get_subject_name(cert);
    X509_NAME_add_entry_by_txt(name, "O", MBSTRING_UTF8, (const guint8 *)"Điểm Cầu", -1, -1, 0);
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8, (const guint8 *)common_name, -1, -1, 0);
    if (X509_set_pubkey(cert, key) != 1) return NULL;
    return g_steal_pointer(&cert);
}

gboolean tls_make_ca(const char *ca_path, const char *ca_key_path, GError **error) {
    g_autoptr(EVP_PKEY) key = EVP_EC_gen("P-256");
    if (key == NULL) return set_fault(error, "cannot make the key", ca_key_path);
    g_autofree char *name = g_strdup_printf("Điểm Cầu CA %.40s", g_get_host_name());
    g_autoptr(X509) cert = new_cert(key, name, CA_DAYS);
    if (cert == NULL || X509_set_issuer_name(cert, X509_get_subject_name(cert)) != 1 ||
        !add_extension(cert, cert, NID_basic_constraints, "critical,CA:TRUE,pathlen:0") ||
        !add_extension(cert, cert, NID_key_usage, "critical,keyCertSign,cRLSign") ||
        !add_extension(cert, cert, NID_subject_key_identifier, "hash") ||
        X509_sign(cert, key, EVP_sha256()) == 0)
        return set_fault(error, "cannot make the certificate", ca_path);
    g_autoptr(BIO) bio = BIO_new(BIO_s_mem());
    PEM_write_bio_X509(bio, cert);
    return write_key(ca_key_path, key, error) && write_whole(ca_path, bio, 0644, error);
}

static char *alt_names(char **names) {
    GString *text = g_string_new(NULL);
    for (char **name = names; *name != NULL; name++)
        g_string_append_printf(text, "%s%s:%s", text->len > 0 ? "," : "",
                               g_hostname_is_ip_address(*name) ? "IP" : "DNS", *name);
    return g_string_free(text, FALSE);
}

gboolean tls_make_leaf(const char *ca_path, const char *ca_key_path, char **names, const char *leaf_path,
                       const char *leaf_key_path, GError **error) {
    g_autoptr(X509) ca = read_cert(ca_path, error);
    if (ca == NULL) return FALSE;
    g_autoptr(EVP_PKEY) ca_key = read_key(ca_key_path, error);
    if (ca_key == NULL) return FALSE;
    g_autoptr(EVP_PKEY) key = EVP_EC_gen("P-256");
    if (key == NULL) return set_fault(error, "cannot make the key", leaf_key_path);
    g_autofree char *common_name = g_strndup(names[0], 60);
    g_autofree char *alt = alt_names(names);
    g_autoptr(X509) cert = new_cert(key, common_name, LEAF_DAYS);
    if (cert == NULL || X509_set_issuer_name(cert, X509_get_subject_name(ca)) != 1 ||
        !add_extension(cert, ca, NID_basic_constraints, "critical,CA:FALSE") ||
        !add_extension(cert, ca, NID_key_usage, "critical,digitalSignature") ||
        !add_extension(cert, ca, NID_ext_key_usage, "serverAuth") ||
        !add_extension(cert, ca, NID_subject_key_identifier, "hash") ||
        !add_extension(cert, ca, NID_authority_key_identifier, "keyid") ||
        !add_extension(cert, ca, NID_subject_alt_name, alt) || X509_sign(cert, ca_key, EVP_sha256()) == 0)
        return set_fault(error, "cannot make the certificate", leaf_path);
    g_autoptr(BIO) bio = BIO_new(BIO_s_mem());
    PEM_write_bio_X509(bio, cert);
    PEM_write_bio_X509(bio, ca); /* the chain whole: some clients show it to the technician */
    return write_key(leaf_key_path, key, error) && write_whole(leaf_path, bio, 0644, error);
}

static X509 *cert_from_pem(const char *pem) {
    g_autoptr(BIO) bio = BIO_new_mem_buf(pem, -1);
    X509 *cert = PEM_read_bio_X509(bio, NULL, NULL, NULL);
    ERR_clear_error();
    return cert;
}

gboolean tls_leaf_fits(const char *leaf_pem, const char *ca_pem, char **names, gint64 renew_s) {
    g_autoptr(X509) leaf = cert_from_pem(leaf_pem);
    g_autoptr(X509) ca = cert_from_pem(ca_pem);
    if (leaf == NULL || ca == NULL) return FALSE;
    int signed_by_ca = X509_verify(leaf, X509_get0_pubkey(ca));
    ERR_clear_error();
    if (signed_by_ca != 1) return FALSE;
    time_t until = time(NULL) + (time_t)renew_s;
    if (X509_cmp_time(X509_get0_notAfter(leaf), &until) <= 0) return FALSE;
    for (char **name = names; *name != NULL; name++) {
        int fits = g_hostname_is_ip_address(*name) ? X509_check_ip_asc(leaf, *name, 0)
                                                   : X509_check_host(leaf, *name, 0, 0, NULL);
        if (fits != 1) return FALSE;
    }
    return TRUE;
}
