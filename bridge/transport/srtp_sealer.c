/* srtp_sealer.c -- see srtp_sealer.h. The only file beside dtls.c, in the bridge, that knows OpenSSL.
 * Algorithms are fetched once per process, before the sandbox; contexts are made once per thread. A packet then costs its key,
 * unless the one before had the same, a new IV, one or two updates of associated data, one or two of content, and the tag. */
#include "bridge/transport/srtp_sealer.h"

#include "config/bytes.h"
#include "config/fault.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <string.h>

enum {
    LABEL_KEY = 0,
    LABEL_MAC_KEY = 1,
    LABEL_SALT = 2,
    LABELS_PER_USE = 3,
    MAC_KEY_BYTES = 20,
    SHA1_BYTES = 20,
    IV_BYTES_MAX = 16,
    AEAD_IV_BYTES = 12,
    AEAD_TAG_BYTES = 16,
    SHORT_TAG_BYTES = 10,
};

static struct {
    EVP_CIPHER *gcm_128, *gcm_256, *ctr_128, *ctr_256;
    EVP_MAC *hmac;
} algorithms;

gboolean srtp_sealer_init(GError **error) {
    static gsize once = 0;
    if (g_once_init_enter(&once)) {
        algorithms.gcm_128 = EVP_CIPHER_fetch(NULL, "AES-128-GCM", NULL);
        algorithms.gcm_256 = EVP_CIPHER_fetch(NULL, "AES-256-GCM", NULL);
        algorithms.ctr_128 = EVP_CIPHER_fetch(NULL, "AES-128-CTR", NULL);
        algorithms.ctr_256 = EVP_CIPHER_fetch(NULL, "AES-256-CTR", NULL);
        algorithms.hmac = EVP_MAC_fetch(NULL, "HMAC", NULL);
        g_once_init_leave(&once, 1);
    }
    if (algorithms.gcm_128 != NULL && algorithms.gcm_256 != NULL && algorithms.ctr_128 != NULL &&
        algorithms.ctr_256 != NULL && algorithms.hmac != NULL)
        return TRUE;
    g_set_error(error, FAULT, FAULT_SETUP, "OpenSSL has not all of AES-GCM, AES-CTR and HMAC");
    return FALSE;
}

static gboolean is_aead(SrtpSuite suite) { return suite != SRTP_SUITE_AES128_SHA1_80; }
guint srtp_tag_bytes(SrtpSuite suite) { return is_aead(suite) ? AEAD_TAG_BYTES : SHORT_TAG_BYTES; }

/* ---- session keys ---- */

/* RFC 3711 4.3.1 with a key derivation rate of 0, and RFC 7714 11: the cipher in counter mode over the master salt with the
 * label in byte 7; a 96-bit salt has zeros behind it. */
static gboolean derive(SrtpSuite suite, const guint8 *master, guint label, guint8 *ret_bytes, gsize n_bytes) {
    static const guint8 zeros[32] = { 0 };
    guint8 counter[IV_BYTES_MAX] = { 0 };
    int n_out = 0;
    g_assert(n_bytes <= sizeof zeros);
    memcpy(counter, master + srtp_suite_key_bytes(suite), srtp_suite_salt_bytes(suite));
    counter[7] ^= (guint8)label;
    EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
    const EVP_CIPHER *prf = suite == SRTP_SUITE_AES256_GCM ? algorithms.ctr_256 : algorithms.ctr_128;
    gboolean good = context != NULL && EVP_EncryptInit_ex2(context, prf, master, counter, NULL) == 1 &&
                    EVP_EncryptUpdate(context, ret_bytes, &n_out, zeros, (int)n_bytes) == 1;
    EVP_CIPHER_CTX_free(context);
    OPENSSL_cleanse(counter, sizeof counter);
    return good;
}

static const EVP_CIPHER *cipher_of(SrtpSuite suite) {
    switch (suite) {
    case SRTP_SUITE_AES128_GCM: return algorithms.gcm_128;
    case SRTP_SUITE_AES256_GCM: return algorithms.gcm_256;
    case SRTP_SUITE_AES128_SHA1_80: return algorithms.ctr_128;
    }
    return NULL;
}

/* ---- contexts ---- */

typedef struct {
    EVP_CIPHER_CTX *context;
    guint64 serial; /* of the sealer whose key it has; 0: none */
} Ready;

enum { N_SUITES = SRTP_SUITE_AES128_SHA1_80 + 1 };

static void free_contexts(gpointer contexts) {
    for (guint i = 0; i < N_SUITES; i++) EVP_CIPHER_CTX_free(((Ready *)contexts)[i].context);
    g_free(contexts);
}

/* By suite. NULL: OpenSSL has none to give. */
static Ready *thread_contexts(void) {
    static GPrivate of_thread = G_PRIVATE_INIT(free_contexts);
    Ready *contexts = g_private_get(&of_thread);
    if (contexts != NULL) return contexts;
    contexts = g_new0(Ready, N_SUITES);
    for (guint suite = 0; suite < N_SUITES; suite++) {
        if (cipher_of(suite) == NULL) continue;
        EVP_CIPHER_CTX *context = contexts[suite].context = EVP_CIPHER_CTX_new();
        if (context != NULL && EVP_CipherInit_ex2(context, cipher_of(suite), NULL, NULL, 1, NULL) == 1)
            continue;
        free_contexts(contexts);
        return NULL;
    }
    g_private_set(&of_thread, contexts);
    return contexts;
}

/* ---- keys ---- */

static gboolean set_mac(SrtpSealer *sealer, const guint8 *key) {
    char digest[] = "SHA1"; /* the parameter is not const */
    OSSL_PARAM parameters[] = { OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
                                OSSL_PARAM_construct_end() };
    sealer->mac = EVP_MAC_CTX_new(algorithms.hmac);
    return sealer->mac != NULL && EVP_MAC_init(sealer->mac, key, MAC_KEY_BYTES, parameters) == 1;
}

static gboolean set_keys(SrtpSealer *sealer, SrtpSuite suite, const guint8 *master) {
    guint8 mac_key[MAC_KEY_BYTES];
    guint first = sealer->use == SRTP_FOR_RTCP ? LABELS_PER_USE : 0;
    gboolean good = derive(suite, master, first + LABEL_KEY, sealer->key, srtp_suite_key_bytes(suite)) &&
                    derive(suite, master, first + LABEL_SALT, sealer->salt, srtp_suite_salt_bytes(suite));
    if (good && !is_aead(suite))
        good =
            derive(suite, master, first + LABEL_MAC_KEY, mac_key, MAC_KEY_BYTES) && set_mac(sealer, mac_key);
    OPENSSL_cleanse(mac_key, sizeof mac_key);
    return good;
}

gboolean srtp_sealer_set(SrtpSealer *sealer, SrtpSuite suite, SrtpUse use, const guint8 *master,
                         GError **error) {
    static guint64 n_keys; /* atomic */
    sealer->use = (guint8)use;
    sealer->suite = (guint8)suite;
    sealer->serial = __atomic_add_fetch(&n_keys, 1, __ATOMIC_RELAXED);
    if (set_keys(sealer, suite, master)) return TRUE;
    g_set_error(error, FAULT, FAULT_INTERNAL, "OpenSSL does not take the keys of an SRTP path");
    return FALSE;
}

void srtp_sealer_clear(SrtpSealer *sealer) {
    EVP_MAC_CTX_free(sealer->mac);
    OPENSSL_cleanse(sealer, sizeof *sealer);
}

/* ---- one packet ---- */

/* RFC 7714 8.1, 9.1: 16 zero bits, SSRC, 48 bits of index; RFC 3711 4.1.1 has the same numbers two bytes further on, and
 * counts blocks in what is left. Both XOR the salt. */
static void make_iv(const SrtpSealer *sealer, const SrtpFrame *frame, guint8 ret_iv[IV_BYTES_MAX]) {
    gsize at = sealer->mac == NULL ? 2 : 4;
    memcpy(ret_iv, sealer->salt, IV_BYTES_MAX);
    for (guint i = 0; i < 4; i++) ret_iv[at + i] ^= (guint8)(frame->ssrc >> (24 - 8 * i));
    for (guint i = 0; i < 6; i++) ret_iv[at + 4 + i] ^= (guint8)(frame->index >> (40 - 8 * i));
}

static void put_word(guint32 word, guint8 ret_bytes[4]) {
    for (guint i = 0; i < 4; i++) ret_bytes[i] = (guint8)(word >> (24 - 8 * i));
}

/* NULL: OpenSSL refused. */
static EVP_CIPHER_CTX *begin(const SrtpSealer *sealer, const SrtpFrame *frame, gboolean encrypt) {
    guint8 iv[IV_BYTES_MAX];
    Ready *ready = thread_contexts();
    if (ready == NULL) return NULL;
    ready += sealer->suite;
    make_iv(sealer, frame, iv);
    const guint8 *key = ready->serial == sealer->serial ? NULL : sealer->key;
    ready->serial = sealer->serial;
    return EVP_CipherInit_ex2(ready->context, NULL, key, iv, encrypt, NULL) == 1 ? ready->context : NULL;
}

static gboolean update(EVP_CIPHER_CTX *context, guint8 *ret_bytes, const guint8 *bytes, gsize n_bytes) {
    int n_out = 0;
    return n_bytes == 0 || EVP_CipherUpdate(context, ret_bytes, &n_out, bytes, (int)n_bytes) == 1;
}

/* RFC 7714 9.2: of RTCP the word with E and index is associated data, behind the header. */
static gboolean associate(EVP_CIPHER_CTX *context, const SrtpSealer *sealer, const SrtpFrame *frame) {
    guint8 word[4];
    if (!update(context, NULL, frame->clear, frame->n_clear_bytes)) return FALSE;
    if (sealer->use == SRTP_FOR_RTP) return TRUE;
    put_word(frame->word, word);
    return update(context, NULL, word, sizeof word);
}

/* RFC 3711 4.2: HMAC-SHA1 over the packet and the word, cut to 80 bits. */
static gboolean authenticate(SrtpSealer *sealer, const SrtpFrame *frame, const guint8 *secret, gsize n_bytes,
                             guint8 ret_tag[SHORT_TAG_BYTES]) {
    guint8 word[4], digest[SHA1_BYTES];
    gsize n_digest = 0;
    put_word(frame->word, word);
    gboolean good = EVP_MAC_init(sealer->mac, NULL, 0, NULL) == 1 &&
                    EVP_MAC_update(sealer->mac, frame->clear, frame->n_clear_bytes) == 1 &&
                    EVP_MAC_update(sealer->mac, secret, n_bytes) == 1 &&
                    EVP_MAC_update(sealer->mac, word, sizeof word) == 1 &&
                    EVP_MAC_final(sealer->mac, digest, &n_digest, sizeof digest) == 1 &&
                    n_digest == SHA1_BYTES;
    if (good) memcpy(ret_tag, digest, SHORT_TAG_BYTES);
    return good;
}

gboolean srtp_sealer_seal(SrtpSealer *sealer, const SrtpFrame *frame, const SrtpPiece pieces[2],
                          guint8 *ret_secret, guint8 *ret_tag) {
    guint8 *second = ret_secret + pieces[0].n_bytes;
    EVP_CIPHER_CTX *context = begin(sealer, frame, TRUE);
    int n_out = 0;
    if (context == NULL || (sealer->mac == NULL && !associate(context, sealer, frame)) ||
        !update(context, ret_secret, pieces[0].bytes, pieces[0].n_bytes) ||
        !update(context, second, pieces[1].bytes, pieces[1].n_bytes))
        return FALSE;
    if (sealer->mac != NULL)
        return authenticate(sealer, frame, ret_secret, pieces[0].n_bytes + pieces[1].n_bytes, ret_tag);
    return EVP_CipherFinal_ex(context, second + pieces[1].n_bytes, &n_out) == 1 &&
           EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_GET_TAG, AEAD_TAG_BYTES, ret_tag) == 1;
}

gboolean srtp_sealer_open(SrtpSealer *sealer, const SrtpFrame *frame, guint8 *bytes, gsize n_bytes,
                          const guint8 *tag) {
    guint8 copy[AEAD_TAG_BYTES]; /* the parameter is not const */
    int n_out = 0;
    if (sealer->mac != NULL &&
        !(authenticate(sealer, frame, bytes, n_bytes, copy) && secret_equal(copy, tag, SHORT_TAG_BYTES)))
        return FALSE;
    EVP_CIPHER_CTX *context = begin(sealer, frame, FALSE);
    if (context == NULL) return FALSE;
    if (sealer->mac != NULL) return update(context, bytes, bytes, n_bytes);
    memcpy(copy, tag, sizeof copy);
    return associate(context, sealer, frame) && update(context, bytes, bytes, n_bytes) &&
           EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_SET_TAG, AEAD_TAG_BYTES, copy) == 1 &&
           EVP_CipherFinal_ex(context, bytes + n_bytes, &n_out) == 1;
}
