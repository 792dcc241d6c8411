/* SRTP against the RFCs: a second, small implementation (RFC 3711 key derivation, RFC 7714 GCM) is held to the RFCs' own
 * vectors first, and the path is then held to it. */
#include "bridge/transport/srtp.h"
#include "bridge/transport/srtp_window.h"

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

/* RFC 7714 8.1 and 9.1: nonce = 0x0000 || SSRC || 48 bits of index, XOR salt. `clear` and `more` are the associated data. */
static gsize gcm_protect(const guint8 *key, gsize n_key, const guint8 *salt, guint32 ssrc, guint64 index,
                         guint8 *packet, gsize n_clear, gsize n_bytes, const guint8 *more, gsize n_more) {
    guint8 nonce[12] = { 0 };
    int n_out = 0;
    for (guint i = 0; i < 4; i++) nonce[2 + i] = (guint8)(ssrc >> (24 - 8 * i));
    for (guint i = 0; i < 6; i++) nonce[6 + i] = (guint8)(index >> (40 - 8 * i));
    for (guint i = 0; i < 12; i++) nonce[i] ^= salt[i];
    EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
    EVP_EncryptInit_ex(context, n_key == 16 ? EVP_aes_128_gcm() : EVP_aes_256_gcm(), NULL, key, nonce);
    EVP_EncryptUpdate(context, NULL, &n_out, packet, (int)n_clear);
    if (n_more > 0) EVP_EncryptUpdate(context, NULL, &n_out, more, (int)n_more);
    EVP_EncryptUpdate(context, packet + n_clear, &n_out, packet + n_clear, (int)(n_bytes - n_clear));
    EVP_EncryptFinal_ex(context, packet + n_bytes, &n_out);
    EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_GET_TAG, 16, packet + n_bytes);
    EVP_CIPHER_CTX_free(context);
    return n_bytes + 16;
}

/* The tag goes before the word with E and index. */
static gsize gcm_protect_rtcp(const guint8 *key, gsize n_key, const guint8 *salt, guint32 ssrc, guint32 index,
                              guint8 *packet, gsize n_bytes) {
    guint8 word[4];
    for (guint i = 0; i < 4; i++) word[i] = (guint8)((index | 0x80000000u) >> (24 - 8 * i));
    n_bytes = gcm_protect(key, n_key, salt, ssrc, index, packet, 8, n_bytes, word, 4);
    memcpy(packet + n_bytes, word, 4);
    return n_bytes + 4;
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

/* RFC 3711 B.2: the stream of AES in counter mode under session key and salt, of SSRC 0 and index 0. */
static void test_rfc_3711_stream(void **state) {
    (void)state;
    guint8 key[16], salt[16], expected[48], found[48];
    from_hex("2B7E151628AED2A6ABF7158809CF4F3C", key);
    from_hex("F0F1F2F3F4F5F6F7F8F9FAFBFCFD", salt);
    gsize n = from_hex("E03EAD0935C95E80E166B16DD92B4EB4 D23513162B02D0F72A43A2FE4A5F97AB"
                       "41E95B3BB0A2E8DD477901E4FCA894C0",
                       expected);
    derive(key, 16, salt, 14, 0, found, n);
    assert_memory_equal(found, expected, n);
}

static const char rfc_key[] = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";
static const char rfc_salt[] = "51756964 2070726f 2071756f";

/* RFC 7714 16.1.1, 16.2.1, 17.1, 17.3 */
static void test_rfc_7714_gcm(void **state) {
    (void)state;
    static const char rtp[] =
        "8040f17b 8041f8d3 5501a0b2 47616c6c 69612065 7374206f 6d6e6973 20646976 69736120"
        "696e2070 61727465 73207472 6573";
    static const char rtcp[] =
        "81c8000d 4d617273 4e545031 4e545032 52545020 0000042a 0000e930 4c756e61 deadbeef"
        "deadbeef deadbeef deadbeef deadbeef";
    static const struct {
        const char *name;
        gsize n_key;
        const char *plain;
        gint64 report; /* index of SRTCP; -1: this is SRTP */
        const char *expected;
    } cases[] = {
        { "16.1.1", 16, rtp, -1,
          "8040f17b 8041f8d3 5501a0b2 f24de3a3 fb34de6c acba861c 9d7e4bca be633bd5 0d294e6f 42a5f47a"
          "51c7d19b 36de3adf 8833899d 7f27beb1 6a9152cf 765ee439 0cce" },
        { "16.2.1", 32, rtp, -1,
          "8040f17b 8041f8d3 5501a0b2 32b1de78 a822fe12 ef9f78fa 332e33aa b1801238 9a58e2f3 b50b2a02"
          "76ffae0f 1ba63799 b87b7aa3 db36dfff d6b0f9bb 7878d7a7 6c13" },
        { "17.1", 16, rtcp, 0x5d4,
          "81c8000d 4d617273 63e94885 dcdab67c a727d766 2f6b7e99 7ff5c0f7 6c06f32d c676a5f1 730d6fda"
          "4ce09b46 86303ded 0bb9275b c84aa458 96cf4d2f c5abf872 45d9eade 800005d4" },
        { "17.3", 32, rtcp, 0x5d4,
          "81c8000d 4d617273 d50ae4d1 f5ce5d30 4ba297e4 7d470c28 2c3ece5d bffe0a50 a2eaa5c1 110555be"
          "8415f658 c61de047 6f1b6fad 1d1eb30c 4446839f 57ff6f6c b26ac3be 800005d4" },
    };
    guint8 key[32], salt[12], packet[128], expected[128];
    from_hex(rfc_key, key);
    from_hex(rfc_salt, salt);
    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        gsize n = from_hex(cases[i].plain, packet), n_expected = from_hex(cases[i].expected, expected);
        if (cases[i].report < 0)
            n = gcm_protect(key, cases[i].n_key, salt, 0x5501a0b2, 0xf17b, packet, 12, n, NULL, 0);
        else
            n = gcm_protect_rtcp(key, cases[i].n_key, salt, 0x4d617273, (guint32)cases[i].report, packet, n);
        if (n != n_expected || memcmp(packet, expected, n) != 0) fail_msg("RFC 7714 %s", cases[i].name);
    }
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
        gsize n_expected = gcm_protect(key, n_key, salt, 0x12345678, 999, expected, 12, n, NULL, 0);
        assert_int_equal(srtp_path_protect_rtp(path, packet, &n), SRTP_OK);
        assert_int_equal(n, n_expected);
        assert_memory_equal(packet, expected, n);
        derive(ours.send, n_key, ours.send + n_key, n_salt, 3, key, n_key);
        derive(ours.send, n_key, ours.send + n_key, n_salt, 5, salt, 12);
        for (guint32 index = 0; index < 3; index++) {
            n = make_packet(packet, 0, 0, 40);
            from_hex("80c9000c01020304", packet);
            memcpy(expected, packet, n);
            n_expected = gcm_protect_rtcp(key, n_key, salt, 0x01020304, index, expected, n);
            assert_int_equal(srtp_path_protect_rtcp(path, packet, &n), SRTP_OK);
            assert_int_equal(n, n_expected);
            assert_memory_equal(packet, expected, n);
        }
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

/* ---- numbers ---- */

static void test_window(void **state) {
    (void)state;
    static const struct {
        const char *name;
        guint64 highest; /* 0: nothing was there yet */
        guint16 sequence;
        guint64 index;
        gboolean is_new;
    } cases[] = {
        { "the first", 0, 40000, 40000, TRUE },
        { "the next", 100, 101, 101, TRUE },
        { "the same", 100, 100, 100, FALSE },
        { "far ahead in the first round", 100, 65000, 65000, TRUE }, /* there is no round before */
        { "ahead by nearly half a round", 40000, 7231, 65536 + 7231, TRUE },
        { "over the edge", 65535, 0, 65536, TRUE },
        { "back over the edge", 65536 + 3, 65530, 65530, TRUE },
        { "the last that may be late", 5000, 5000 - 1023, 5000 - 1023, TRUE },
        { "too late", 5000, 5000 - 1024, 5000 - 1024, FALSE },
        { "far in the call", ((guint64)77 << 16) + 10, 65535, ((guint64)76 << 16) + 65535, TRUE },
    };
    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        SrtpWindow window = { 0 };
        if (cases[i].highest != 0) srtp_window_take(&window, cases[i].highest);
        guint64 index = srtp_window_guess(&window, cases[i].sequence);
        if (index != cases[i].index || srtp_window_is_new(&window, index) != cases[i].is_new)
            fail_msg("%s: %" G_GUINT64_FORMAT, cases[i].name, index);
    }
    /* against a list of everything that was there */
    SrtpWindow window = { 0 };
    GRand *chance = g_rand_new_with_seed(5);
    guint8 *seen = g_malloc0(1 << 20);
    guint64 highest = 0;
    for (guint i = 0; i < 200000; i++) {
        guint64 index = (guint64)MAX(0, (gint64)highest + g_rand_int_range(chance, -1500, 60));
        if (i % 5000 == 4999) index = highest + 3000;
        if (index >= 1 << 20) break;
        gboolean expected = !seen[index] && (!window.begun || index + SRTP_WINDOW_PACKETS > highest);
        assert_int_equal(srtp_window_is_new(&window, index), expected);
        if (!expected) continue;
        srtp_window_take(&window, index);
        seen[index] = 1;
        highest = MAX(highest, index);
    }
    g_free(seen);
    g_rand_free(chance);
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
        cmocka_unit_test(test_rfc_3711_derivation), cmocka_unit_test(test_rfc_3711_stream),
        cmocka_unit_test(test_rfc_7714_gcm),        cmocka_unit_test(test_window),
        cmocka_unit_test(test_path_is_rfc_7714),    cmocka_unit_test(test_path_is_rfc_3711),
        cmocka_unit_test(test_there_and_back),      cmocka_unit_test(test_late_packets),
        cmocka_unit_test(test_never_twice),         cmocka_unit_test(test_made_up_streams_end),
        cmocka_unit_test(test_lying_packets),
    };
    return cmocka_run_group_tests_name("srtp", tests, NULL, NULL);
}
