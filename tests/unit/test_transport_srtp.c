/* SRTP against the RFCs: a second, small implementation (RFC 3711 key derivation, RFC 7714 GCM) is held to the RFCs' own
 * vectors first, and the path is then held to it. */
#include "bridge/transport/srtp.h"

#include <openssl/evp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static gsize from_hex(const char *hex, guint8 *ret_bytes) {
    gsize n = 0;
    for (; *hex != '\0'; hex++) {
        if (*hex == ' ') continue;
        ret_bytes[n++] = (guint8)(g_ascii_xdigit_value(hex[0]) << 4 | g_ascii_xdigit_value(hex[1]));
        hex++;
    }
    return n;
}

/* ---- the second implementation ---- */

/* RFC 3711 4.3.3: AES in counter mode over the salt with the label in byte 7. */
static void derive(const guint8 *key, gsize n_key, const guint8 *salt, gsize n_salt, guint8 label,
                   guint8 *ret_bytes, gsize n_bytes) {
    guint8 counter[16] = { 0 }, zeros[64] = { 0 };
    int n_out = 0;
    memcpy(counter, salt, n_salt);
    counter[7] ^= label;
    EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
    EVP_EncryptInit_ex(context, n_key == 16 ? EVP_aes_128_ctr() : EVP_aes_256_ctr(), NULL, key, counter);
    EVP_EncryptUpdate(context, ret_bytes, &n_out, zeros, (int)n_bytes);
    EVP_CIPHER_CTX_free(context);
}

/* RFC 7714 8.1: nonce = 0x0000 || SSRC || ROC || SEQ, XOR salt. The header is the associated data. */
static gsize gcm_protect(const guint8 *key, gsize n_key, const guint8 *salt, guint32 roc, guint8 *packet,
                         gsize n_header, gsize n_bytes) {
    guint8 nonce[12] = { 0 };
    int n_out = 0;
    memcpy(nonce + 2, packet + 8, 4);
    for (guint i = 0; i < 4; i++) nonce[6 + i] = (guint8)(roc >> (24 - 8 * i));
    memcpy(nonce + 10, packet + 2, 2);
    for (guint i = 0; i < 12; i++) nonce[i] ^= salt[i];
    EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
    EVP_EncryptInit_ex(context, n_key == 16 ? EVP_aes_128_gcm() : EVP_aes_256_gcm(), NULL, key, nonce);
    EVP_EncryptUpdate(context, NULL, &n_out, packet, (int)n_header);
    EVP_EncryptUpdate(context, packet + n_header, &n_out, packet + n_header, (int)(n_bytes - n_header));
    EVP_EncryptFinal_ex(context, packet + n_bytes, &n_out);
    EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_GET_TAG, 16, packet + n_bytes);
    EVP_CIPHER_CTX_free(context);
    return n_bytes + 16;
}

/* ---- the RFCs' vectors ---- */

/* RFC 3711 B.3 */
static void test_rfc_3711_derivation(void **state) {
    (void)state;
    static const struct {
        guint8 label;
        const char *hex;
    } rows[] = {
        { 0, "C61E7A93744F39EE10734AFE3FF7A087" },
        { 2, "30CBBC08863D8C85D49DB34A9AE1" },
        { 1, "CEBE321F6FF7716B6FD4AB49AF256A156D38BAA4" },
    };
    guint8 key[16], salt[14], expected[32], found[64];
    from_hex("E1F97A0D3E018BE0D64FA32C06DE4139", key);
    from_hex("0EC675AD498AFEEBB6960B3AABE6", salt);
    for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
        gsize n = from_hex(rows[i].hex, expected);
        derive(key, 16, salt, 14, rows[i].label, found, n);
        assert_memory_equal(found, expected, n);
    }
}

/* RFC 7714 16.1.1 */
static void test_rfc_7714_gcm(void **state) {
    (void)state;
    guint8 key[16], salt[12], packet[128], expected[128];
    from_hex("000102030405060708090a0b0c0d0e0f", key);
    from_hex("51756964 2070726f 2071756f", salt);
    gsize n = from_hex(
        "8040f17b 8041f8d3 5501a0b2 47616c6c 69612065 7374206f 6d6e6973 20646976 69736120 696e2070 61727465"
        "73207472 6573",
        packet);
    gsize n_expected =
        from_hex("8040f17b 8041f8d3 5501a0b2 f24de3a3 fb34de6c acba861c 9d7e4bca be633bd5 0d294e6f 42a5f47a"
                 "51c7d19b 36de3adf 8833899d 7f27beb1 6a9152cf 765ee439 0cce",
                 expected);
    n = gcm_protect(key, 16, salt, 0, packet, 12, n);
    assert_int_equal(n, n_expected);
    assert_memory_equal(packet, expected, n);
}

/* ---- the path ---- */

static void make_keys(SrtpSuite suite, SrtpKeys *a, SrtpKeys *b) {
    *a = (SrtpKeys){ .suite = suite };
    for (guint i = 0; i < SRTP_KEY_BYTES_MAX; i++) {
        a->send[i] = (guint8)(i * 7 + 1);
        a->receive[i] = (guint8)(i * 13 + 5);
    }
    *b = *a;
    memcpy(b->send, a->receive, sizeof b->send);
    memcpy(b->receive, a->send, sizeof b->receive);
}

static gsize make_packet(guint8 *packet, guint32 ssrc, guint16 sequence, gsize n_payload) {
    guint8 header[12] = { 0x80, 96, (guint8)(sequence >> 8), (guint8)sequence, 0, 0, 1, 2 };
    for (guint i = 0; i < 4; i++) header[8 + i] = (guint8)(ssrc >> (24 - 8 * i));
    memcpy(packet, header, 12);
    for (gsize i = 0; i < n_payload; i++) packet[12 + i] = (guint8)(i + sequence);
    return 12 + n_payload;
}

static void test_path_is_rfc_7714(void **state) {
    (void)state;
    static const SrtpSuite suites[] = { SRTP_SUITE_AES128_GCM, SRTP_SUITE_AES256_GCM };
    for (guint s = 0; s < G_N_ELEMENTS(suites); s++) {
        SrtpKeys ours, theirs;
        guint8 packet[256], expected[256], key[32], salt[12];
        make_keys(suites[s], &ours, &theirs);
        gsize n_key = srtp_suite_key_bytes(suites[s]), n_salt = srtp_suite_salt_bytes(suites[s]);
        derive(ours.send, n_key, ours.send + n_key, n_salt, 0, key, n_key);
        derive(ours.send, n_key, ours.send + n_key, n_salt, 2, salt, 12);
        SrtpPath *path = srtp_path_new(&ours, NULL);
        assert_non_null(path);
        gsize n = make_packet(packet, 0x12345678, 999, 100);
        memcpy(expected, packet, n);
        gsize n_expected = gcm_protect(key, n_key, salt, 0, expected, 12, n);
        assert_int_equal(srtp_path_protect_rtp(path, packet, &n), SRTP_OK);
        assert_int_equal(n, n_expected);
        assert_memory_equal(packet, expected, n);
        srtp_path_free(path);
    }
}

/* The reference packet of libsrtp's own documentation, from the master key of RFC 3711 B.3. */
static void test_path_is_rfc_3711(void **state) {
    (void)state;
    SrtpKeys keys = { .suite = SRTP_SUITE_AES128_SHA1_80 };
    guint8 packet[64], expected[64];
    from_hex("e1f97a0d3e018be0d64fa32c06de4139 0ec675ad498afeebb6960b3aabe6", keys.send);
    memcpy(keys.receive, keys.send, sizeof keys.receive);
    gsize n = from_hex("800f1234decafbadcafebabe abababababababababababababababab", packet);
    gsize n_expected =
        from_hex("800f1234decafbadcafebabe 4e55dc4ce79978d88ca4d215949d2402 b78d6acc99ea179b8dbb", expected);
    SrtpPath *path = srtp_path_new(&keys, NULL);
    assert_int_equal(srtp_path_protect_rtp(path, packet, &n), SRTP_OK);
    assert_int_equal(n, n_expected);
    assert_memory_equal(packet, expected, n);
    srtp_path_free(path);
}

static void test_there_and_back(void **state) {
    (void)state;
    for (SrtpSuite suite = SRTP_SUITE_AES128_GCM; suite <= SRTP_SUITE_AES128_SHA1_80; suite++) {
        SrtpKeys ours, theirs;
        guint8 packet[1500], plain[1500], copy[1500];
        make_keys(suite, &ours, &theirs);
        SrtpPath *a = srtp_path_new(&ours, NULL), *b = srtp_path_new(&theirs, NULL);
        /* over the wrap of the sequence number, with an odd size each */
        for (guint i = 0; i < 300; i++) {
            gsize n = make_packet(packet, 7, (guint16)(65400 + i), i % 1200), n_plain = n;
            memcpy(plain, packet, n);
            assert_int_equal(srtp_path_protect_rtp(a, packet, &n), SRTP_OK);
            assert_true(n > n_plain && n - n_plain <= SRTP_OVERHEAD_BYTES_MAX);
            gsize n_protected = n;
            memcpy(copy, packet, n);
            if (i % 10 == 3) { /* one flipped bit is noticed and does no harm to the next */
                copy[n - 3] ^= 4;
                assert_int_equal(srtp_path_unprotect_rtp(b, copy, &n), SRTP_AUTH_FAILED);
                n = n_protected;
                memcpy(copy, packet, n);
            }
            assert_int_equal(srtp_path_unprotect_rtp(b, copy, &n), SRTP_OK);
            assert_int_equal(n, n_plain);
            assert_memory_equal(copy, plain, n);
            n = n_protected;
            assert_int_equal(srtp_path_unprotect_rtp(b, packet, &n), SRTP_REPLAYED);
        }
        guint8 report[64] = { 0x80, 201, 0, 1, 0, 0, 0, 9 };
        gsize n = 8;
        assert_int_equal(srtp_path_protect_rtcp(b, report, &n), SRTP_OK);
        assert_true(n > 8 && n <= 8 + SRTP_OVERHEAD_BYTES_MAX);
        assert_int_equal(srtp_path_unprotect_rtcp(a, report, &n), SRTP_OK);
        assert_int_equal(n, 8);
        srtp_path_free(a);
        srtp_path_free(b);
    }
}

/* A packet that was asked for again arrives hundreds of numbers late. */
static void test_late_packets(void **state) {
    (void)state;
    SrtpKeys ours, theirs;
    guint8 late[256], packet[256];
    make_keys(SRTP_SUITE_AES128_GCM, &ours, &theirs);
    SrtpPath *a = srtp_path_new(&ours, NULL), *b = srtp_path_new(&theirs, NULL);
    gsize n_late = make_packet(late, 7, 100, 50);
    assert_int_equal(srtp_path_protect_rtp(a, late, &n_late), SRTP_OK);
    for (guint16 sequence = 101; sequence < 1000; sequence++) {
        gsize n = make_packet(packet, 7, sequence, 50);
        assert_int_equal(srtp_path_protect_rtp(a, packet, &n), SRTP_OK);
        assert_int_equal(srtp_path_unprotect_rtp(b, packet, &n), SRTP_OK);
    }
    assert_int_equal(srtp_path_unprotect_rtp(b, late, &n_late), SRTP_OK);
    srtp_path_free(a);
    srtp_path_free(b);
}

static void test_never_twice(void **state) {
    (void)state;
    SrtpKeys ours, theirs;
    guint8 packet[256];
    make_keys(SRTP_SUITE_AES128_GCM, &ours, &theirs);
    SrtpPath *a = srtp_path_new(&ours, NULL);
    gsize n = make_packet(packet, 7, 100, 50);
    assert_int_equal(srtp_path_protect_rtp(a, packet, &n), SRTP_OK);
    n = make_packet(packet, 7, 100, 60);
    assert_int_equal(srtp_path_protect_rtp(a, packet, &n), SRTP_REFUSED);
    srtp_path_free(a);
}

static void test_made_up_streams_end(void **state) {
    (void)state;
    SrtpKeys ours, theirs;
    guint8 packet[256];
    guint n_taken = 0;
    make_keys(SRTP_SUITE_AES128_GCM, &ours, &theirs);
    SrtpPath *a = srtp_path_new(&ours, NULL), *b = srtp_path_new(&theirs, NULL);
    for (guint32 ssrc = 1; ssrc < 500; ssrc++) {
        gsize n = make_packet(packet, ssrc, 1, 20);
        assert_int_equal(srtp_path_protect_rtp(a, packet, &n), SRTP_OK);
        SrtpVerdict verdict = srtp_path_unprotect_rtp(b, packet, &n);
        assert_true(verdict == SRTP_OK || verdict == SRTP_TOO_MANY);
        if (verdict == SRTP_OK) n_taken++;
    }
    assert_int_equal(n_taken, SRTP_SSRCS_MAX);
    gsize n = make_packet(packet, 3, 2, 20); /* those that were there go on */
    assert_int_equal(srtp_path_protect_rtp(a, packet, &n), SRTP_OK);
    assert_int_equal(srtp_path_unprotect_rtp(b, packet, &n), SRTP_OK);
    srtp_path_free(a);
    srtp_path_free(b);
}

static void test_lying_packets(void **state) {
    (void)state;
    static const struct {
        const char *name;
        const char *hex;
    } cases[] = {
        { "empty", "" },
        { "one byte", "80" },
        { "eleven bytes", "8060000100000001000000" },
        { "header only", "806000010000000100000007" },
        { "fifteen sources promised", "8f6000010000000100000007" },
        { "extension without length", "906000010000000100000007" },
        { "extension longer than the packet", "906000010000000100000007bede00ff0000000000000000" },
        { "version 0", "006000010000000100000007000000000000000000000000000000000000" },
    };
    SrtpKeys ours, theirs;
    for (SrtpSuite suite = SRTP_SUITE_AES128_GCM; suite <= SRTP_SUITE_AES128_SHA1_80; suite++) {
        make_keys(suite, &ours, &theirs);
        SrtpPath *path = srtp_path_new(&ours, NULL);
        for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
            guint8 packet[64] = { 0 };
            gsize n = from_hex(cases[i].hex, packet), n_before = n;
            assert_int_not_equal(srtp_path_unprotect_rtp(path, packet, &n), SRTP_OK);
            n = n_before;
            assert_int_not_equal(srtp_path_unprotect_rtcp(path, packet, &n), SRTP_OK);
        }
        srtp_path_free(path);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rfc_3711_derivation), cmocka_unit_test(test_rfc_7714_gcm),
        cmocka_unit_test(test_path_is_rfc_7714),    cmocka_unit_test(test_path_is_rfc_3711),
        cmocka_unit_test(test_there_and_back),      cmocka_unit_test(test_late_packets),
        cmocka_unit_test(test_never_twice),         cmocka_unit_test(test_made_up_streams_end),
        cmocka_unit_test(test_lying_packets),
    };
    return cmocka_run_group_tests_name("srtp", tests, NULL, NULL);
}
