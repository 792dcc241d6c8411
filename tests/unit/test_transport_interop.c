/* Our SRTP against another implementation (libsrtp2, of which no program of ours knows): what one protects the other opens,
 * byte by byte the same; and of the same datagrams, damaged, doubled, late and out of order, both take the same ones. */
#include "bridge/transport/srtp.h"

#include <setjmp.h>
#include <srtp2/srtp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum { WINDOW = 1024, ROOM = 1500, HELD_MAX = 2000 };

static const SrtpSuite suites[] = { SRTP_SUITE_AES128_GCM, SRTP_SUITE_AES256_GCM, SRTP_SUITE_AES128_SHA1_80 };

typedef struct {
    srtp_t send, receive;
} Theirs;

static void set_policy(srtp_policy_t *policy, SrtpSuite suite) {
    switch (suite) {
    case SRTP_SUITE_AES128_GCM:
        srtp_crypto_policy_set_aes_gcm_128_16_auth(&policy->rtp);
        srtp_crypto_policy_set_aes_gcm_128_16_auth(&policy->rtcp);
        break;
    case SRTP_SUITE_AES256_GCM:
        srtp_crypto_policy_set_aes_gcm_256_16_auth(&policy->rtp);
        srtp_crypto_policy_set_aes_gcm_256_16_auth(&policy->rtcp);
        break;
    case SRTP_SUITE_AES128_SHA1_80:
        srtp_crypto_policy_set_aes_cm_128_hmac_sha1_80(&policy->rtp);
        srtp_crypto_policy_set_aes_cm_128_hmac_sha1_80(&policy->rtcp);
        break;
    }
}

static srtp_t their_session(SrtpSuite suite, const guint8 *key, srtp_ssrc_type_t which) {
    guint8 copy[SRTP_KEY_BYTES_MAX];
    srtp_policy_t policy = { 0 };
    srtp_t session = NULL;
    memcpy(copy, key, sizeof copy);
    set_policy(&policy, suite);
    policy.ssrc.type = which;
    policy.key = copy;
    policy.window_size = WINDOW;
    assert_int_equal(srtp_create(&session, &policy), srtp_err_status_ok);
    return session;
}

/* Two ends of each make with the same keys: what `ours` sends `theirs` and `mirror` receive. */
typedef struct {
    SrtpPath *ours, *mirror;
    Theirs theirs;
    GRand *chance;
} Pair;

static void pair_begin(Pair *pair, SrtpSuite suite, guint32 seed) {
    SrtpKeys keys = { .suite = suite }, back = { .suite = suite };
    pair->chance = g_rand_new_with_seed(seed);
    for (guint i = 0; i < SRTP_KEY_BYTES_MAX; i++) {
        keys.send[i] = back.receive[i] = (guint8)g_rand_int(pair->chance);
        keys.receive[i] = back.send[i] = (guint8)g_rand_int(pair->chance);
    }
    pair->ours = srtp_path_new(&keys, NULL);
    pair->mirror = srtp_path_new(&back, NULL);
    pair->theirs.send = their_session(suite, back.send, ssrc_any_outbound);
    pair->theirs.receive = their_session(suite, back.receive, ssrc_any_inbound);
    assert_non_null(pair->ours);
    assert_non_null(pair->mirror);
}

static void pair_end(Pair *pair) {
    srtp_path_free(pair->ours);
    srtp_path_free(pair->mirror);
    srtp_dealloc(pair->theirs.send);
    srtp_dealloc(pair->theirs.receive);
    g_rand_free(pair->chance);
}

static void put_u32(guint8 *bytes, guint32 value) {
    for (guint i = 0; i < 4; i++) bytes[i] = (guint8)(value >> (24 - 8 * i));
}

typedef struct {
    guint n_csrcs;
    gint n_ext_words; /* -1: no extension */
    guint n_payload;
} Shape;

static gsize make_rtp(Pair *pair, guint8 *packet, guint32 ssrc, guint16 sequence, const Shape *shape) {
    gsize n = 12;
    packet[0] = (guint8)(0x80 | (shape->n_ext_words >= 0 ? 0x10 : 0) | shape->n_csrcs);
    packet[1] = 96;
    packet[2] = (guint8)(sequence >> 8);
    packet[3] = (guint8)sequence;
    put_u32(packet + 4, g_rand_int(pair->chance));
    put_u32(packet + 8, ssrc);
    for (guint i = 0; i < shape->n_csrcs; i++, n += 4) put_u32(packet + n, g_rand_int(pair->chance));
    if (shape->n_ext_words >= 0) {
        put_u32(packet + n, 0xbede0000u | (guint32)shape->n_ext_words);
        n += 4;
        for (gint i = 0; i < shape->n_ext_words; i++, n += 4) put_u32(packet + n, g_rand_int(pair->chance));
    }
    for (guint i = 0; i < shape->n_payload; i++) packet[n++] = (guint8)g_rand_int(pair->chance);
    return n;
}

static Shape random_shape(Pair *pair) {
    return (Shape){ .n_csrcs = (guint)(g_rand_int_range(pair->chance, 0, 4) == 0
                                           ? g_rand_int_range(pair->chance, 1, 16)
                                           : 0),
                    .n_ext_words = g_rand_int_range(pair->chance, -1, 5),
                    .n_payload = (guint)g_rand_int_range(pair->chance, 0, 1201) };
}

/* ---- byte by byte ---- */

static void both_ways_rtp(Pair *pair, guint32 ssrc, guint16 sequence, const Shape *shape) {
    guint8 plain[ROOM], ours[ROOM], theirs[ROOM], copy[ROOM];
    gsize n_plain = make_rtp(pair, plain, ssrc, sequence, shape), n = n_plain;
    int n_theirs = (int)n_plain;
    memcpy(ours, plain, n_plain);
    assert_int_equal(srtp_path_protect_rtp(pair->ours, ours, &n), SRTP_OK);
    memcpy(copy, ours, n);
    n_theirs = (int)n;
    assert_int_equal(srtp_unprotect(pair->theirs.receive, copy, &n_theirs), srtp_err_status_ok);
    assert_int_equal(n_theirs, n_plain);
    assert_memory_equal(copy, plain, n_plain);
    memcpy(theirs, plain, n_plain);
    n_theirs = (int)n_plain;
    assert_int_equal(srtp_protect(pair->theirs.send, theirs, &n_theirs), srtp_err_status_ok);
    n = (gsize)n_theirs;
    assert_int_equal(srtp_path_unprotect_rtp(pair->ours, theirs, &n), SRTP_OK);
    assert_int_equal(n, n_plain);
    assert_memory_equal(theirs, plain, n_plain);
    /* the same key and number make the same bytes */
    memcpy(theirs, plain, n_plain);
    n = n_plain;
    assert_int_equal(srtp_path_protect_rtp(pair->mirror, theirs, &n), SRTP_OK);
    assert_int_equal(srtp_path_unprotect_rtp(pair->mirror, ours, &n), SRTP_OK);
}

static void test_shapes(void **state) {
    (void)state;
    static const struct {
        const char *name;
        Shape shape;
    } cases[] = {
        { "plain", { 0, -1, 100 } },
        { "no payload", { 0, -1, 0 } },
        { "one byte", { 0, -1, 1 } },
        { "a block and one byte", { 0, -1, 17 } },
        { "fifteen sources", { 15, -1, 40 } },
        { "empty extension", { 0, 0, 40 } },
        { "extension", { 0, 3, 1100 } },
        { "sources and extension", { 3, 2, 333 } },
        { "extension and nothing else", { 0, 2, 0 } },
        { "full datagram", { 0, 2, 1180 } },
    };
    for (guint s = 0; s < G_N_ELEMENTS(suites); s++)
        for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
            Pair pair;
            pair_begin(&pair, suites[s], s * 100 + i);
            for (guint16 sequence = 1; sequence < 20; sequence++)
                both_ways_rtp(&pair, 0x1234 + i, sequence, &cases[i].shape);
            pair_end(&pair);
        }
}

static void test_long_way(void **state) {
    (void)state;
    static const struct {
        const char *name;
        guint16 first, step;
        guint n;
    } cases[] = {
        { "from zero", 0, 1, 200 },
        { "over the wrap", 30000, 251, 600 }, /* twice round */
        { "in great steps", 1, 16384, 40 },
        { "in the greatest steps", 5, 32767, 40 },
    };
    for (guint s = 0; s < G_N_ELEMENTS(suites); s++)
        for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
            Pair pair;
            pair_begin(&pair, suites[s], 7 + i);
            guint16 sequence = cases[i].first;
            for (guint k = 0; k < cases[i].n; k++, sequence = (guint16)(sequence + cases[i].step)) {
                Shape shape = random_shape(&pair);
                both_ways_rtp(&pair, 77, sequence, &shape);
                if (cases[i].step < 1000) both_ways_rtp(&pair, 78 + k % 20, sequence, &shape);
            }
            pair_end(&pair);
        }
}

/* The payload given apart, with some of it already in the piece of the header: a VP8 descriptor is written there. */
static void test_two_pieces(void **state) {
    (void)state;
    for (guint s = 0; s < G_N_ELEMENTS(suites); s++)
        for (gsize n_begun = 0; n_begun < 40; n_begun++) {
            static const Shape shape = { 1, 2, 300 };
            Pair pair;
            guint8 plain[ROOM], sealed[ROOM], head[128];
            gsize n;
            pair_begin(&pair, suites[s], 99);
            gsize n_plain = make_rtp(&pair, plain, 5, 9, &shape), n_head = n_plain - 300 + n_begun;
            memcpy(head, plain, n_head);
            assert_int_equal(
                srtp_path_seal_rtp(pair.ours, head, n_head, plain + n_head, n_plain - n_head, sealed, &n),
                SRTP_OK);
            int n_theirs = (int)n;
            assert_int_equal(srtp_unprotect(pair.theirs.receive, sealed, &n_theirs), srtp_err_status_ok);
            assert_int_equal(n_theirs, n_plain);
            assert_memory_equal(sealed, plain, n_plain);
            pair_end(&pair);
        }
}

static void test_reports(void **state) {
    (void)state;
    static const gsize sizes[] = { 8, 12, 28, 32, 100, 1200 };
    for (guint s = 0; s < G_N_ELEMENTS(suites); s++)
        for (guint i = 0; i < G_N_ELEMENTS(sizes); i++) {
            Pair pair;
            pair_begin(&pair, suites[s], i);
            for (guint k = 0; k < 50; k++) {
                guint8 plain[ROOM] = { 0x81, 201 }, packet[ROOM];
                for (gsize b = 4; b < sizes[i]; b++) plain[b] = (guint8)g_rand_int(pair.chance);
                put_u32(plain + 4, 10 + k % 3);
                gsize n = sizes[i];
                memcpy(packet, plain, n);
                assert_int_equal(srtp_path_protect_rtcp(pair.ours, packet, &n), SRTP_OK);
                int n_theirs = (int)n;
                assert_int_equal(srtp_unprotect_rtcp(pair.theirs.receive, packet, &n_theirs),
                                 srtp_err_status_ok);
                assert_int_equal(n_theirs, sizes[i]);
                assert_memory_equal(packet, plain, sizes[i]);
                memcpy(packet, plain, sizes[i]);
                n_theirs = (int)sizes[i];
                assert_int_equal(srtp_protect_rtcp(pair.theirs.send, packet, &n_theirs), srtp_err_status_ok);
                n = (gsize)n_theirs;
                assert_int_equal(srtp_path_unprotect_rtcp(pair.ours, packet, &n), SRTP_OK);
                assert_int_equal(n, sizes[i]);
                assert_memory_equal(packet, plain, sizes[i]);
            }
            pair_end(&pair);
        }
}

/* ---- the same datagrams, in the same order, to both ---- */

typedef struct {
    guint8 bytes[ROOM];
    gsize n_bytes;
} Datagram;

static void same_opinion(Pair *pair, const Datagram *datagram, const char *name) {
    guint8 ours[ROOM], theirs[ROOM];
    gsize n = datagram->n_bytes;
    int n_theirs = (int)n;
    memcpy(ours, datagram->bytes, n);
    memcpy(theirs, datagram->bytes, n);
    gboolean taken = srtp_path_unprotect_rtp(pair->mirror, ours, &n) == SRTP_OK;
    gboolean taken_there = srtp_unprotect(pair->theirs.receive, theirs, &n_theirs) == srtp_err_status_ok;
    if (taken != taken_there) fail_msg("%s: ours %d, theirs %d", name, taken, taken_there);
    if (!taken) return;
    assert_int_equal(n, n_theirs);
    assert_memory_equal(ours, theirs, n);
}

typedef struct {
    const char *name;
    guint16 first;
    guint n;
    guint late_by; /* up to so many packets out of order */
    gdouble lost, twice, damaged, cut;
} Line;

static const Line lines[] = {
    { "a good line", 100, 500, 0, 0, 0, 0, 0 },
    { "losses", 100, 500, 0, 0.3, 0, 0, 0 },
    { "every packet twice", 100, 300, 0, 0, 1, 0, 0 },
    { "out of order", 100, 800, 60, 0, 0.2, 0, 0 },
    { "out of order round the wrap", 32000, 2000, 60, 0.02, 0.1, 0, 0 },
    { "later than the window", 20, 1900, 1500, 0, 0.1, 0, 0 },
    { "damaged", 100, 500, 10, 0, 0.1, 0.3, 0 },
    { "cut short", 100, 500, 0, 0, 0, 0, 0.4 },
    { "everything at once", 31500, 2000, 900, 0.1, 0.2, 0.1, 0.1 },
};

static void damage(Pair *pair, Datagram *datagram) {
    gsize at = (gsize)g_rand_int_range(pair->chance, 0, (gint32)datagram->n_bytes);
    datagram->bytes[at] ^= (guint8)(1 << g_rand_int_range(pair->chance, 0, 8));
}

static gboolean happens(Pair *pair, gdouble share) { return g_rand_double(pair->chance) < share; }

static void run_line(SrtpSuite suite, const Line *line, guint32 seed) {
    static Datagram held[HELD_MAX];
    Pair pair;
    guint n_held = 0;
    pair_begin(&pair, suite, seed);
    /* One packet first, so that both know where the numbers are. Then the steps of 17 go over the wrap. */
    for (guint i = 0; i < line->n; i++) {
        Shape shape = random_shape(&pair);
        Datagram *datagram = &held[n_held++];
        guint16 sequence = (guint16)(line->first + i * (line->first > 30000 ? 17 : 1));
        datagram->n_bytes = make_rtp(&pair, datagram->bytes, 9, sequence, &shape);
        assert_int_equal(srtp_path_protect_rtp(pair.ours, datagram->bytes, &datagram->n_bytes), SRTP_OK);
        if (i == 0) same_opinion(&pair, datagram, line->name);
    }
    for (guint i = 0; line->late_by > 0 && i < n_held; i++) {
        guint later = (guint)g_rand_int_range(pair.chance, 0, (gint32)line->late_by);
        guint j = MIN(n_held - 1, i + later);
        Datagram swap = held[i];
        held[i] = held[j];
        held[j] = swap;
    }
    for (guint i = 0; i < n_held; i++) {
        if (happens(&pair, line->lost)) continue;
        gboolean twice = happens(&pair, line->twice);
        Datagram copy = held[i];
        if (happens(&pair, line->damaged)) damage(&pair, &copy);
        if (happens(&pair, line->cut))
            copy.n_bytes = (gsize)g_rand_int_range(pair.chance, 0, (gint32)copy.n_bytes);
        same_opinion(&pair, &copy, line->name);
        if (twice) same_opinion(&pair, &held[i], line->name);
    }
    pair_end(&pair);
}

static void test_bad_lines(void **state) {
    (void)state;
    for (guint s = 0; s < G_N_ELEMENTS(suites); s++)
        for (guint i = 0; i < G_N_ELEMENTS(lines); i++)
            for (guint32 seed = 1; seed <= 3; seed++) run_line(suites[s], &lines[i], seed);
}

static void test_bad_reports(void **state) {
    (void)state;
    for (guint s = 0; s < G_N_ELEMENTS(suites); s++) {
        Pair pair;
        Datagram held[64];
        pair_begin(&pair, suites[s], 3);
        for (guint i = 0; i < G_N_ELEMENTS(held); i++) {
            memset(held[i].bytes, (int)i, 200);
            memcpy(held[i].bytes, "\x80\xc9\x00\x01\x00\x00\x00\x07", 8);
            held[i].n_bytes = 8 + 4 * i % 100;
            assert_int_equal(srtp_path_protect_rtcp(pair.ours, held[i].bytes, &held[i].n_bytes), SRTP_OK);
        }
        for (guint k = 0; k < 2000; k++) {
            Datagram copy = held[g_rand_int_range(pair.chance, 0, G_N_ELEMENTS(held))];
            guint8 theirs[ROOM];
            if (happens(&pair, 0.3)) damage(&pair, &copy);
            if (happens(&pair, 0.1))
                copy.n_bytes = (gsize)g_rand_int_range(pair.chance, 8, (gint32)copy.n_bytes);
            int n_theirs = (int)copy.n_bytes;
            memcpy(theirs, copy.bytes, copy.n_bytes);
            gboolean taken = srtp_path_unprotect_rtcp(pair.mirror, copy.bytes, &copy.n_bytes) == SRTP_OK;
            assert_int_equal(
                srtp_unprotect_rtcp(pair.theirs.receive, theirs, &n_theirs) == srtp_err_status_ok, taken);
            if (taken) assert_memory_equal(copy.bytes, theirs, copy.n_bytes);
        }
        pair_end(&pair);
    }
}

static int begin(void **state) {
    (void)state;
    return srtp_init() == srtp_err_status_ok ? 0 : -1;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_shapes),  cmocka_unit_test(test_long_way),  cmocka_unit_test(test_two_pieces),
        cmocka_unit_test(test_reports), cmocka_unit_test(test_bad_lines), cmocka_unit_test(test_bad_reports),
    };
    return cmocka_run_group_tests_name("srtp interop", tests, begin, NULL);
}
