/* Small parts of the transport: candidate lines, addresses, the timer heap, runs of equal size, the loop, fingerprints. */
#include "bridge/transport/addresses.h"
#include "bridge/transport/candidate.h"
#include "bridge/transport/dtls.h"
#include "bridge/transport/heap.h"
#include "bridge/transport/send.h"
#include "bridge/transport/worker.h"
#include "config/fault.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static void test_candidates(void **state) {
    (void)state;
    static const struct {
        const char *name, *line;
        gboolean good;
        const char *address;
        guint port;
    } cases[] = {
        { "RFC 8839 example", "1 1 UDP 2130706431 203.0.113.141 8998 typ host", TRUE, "203.0.113.141", 8998 },
        { "browser's, with extras",
          "842163049 1 udp 1677729535 192.0.2.7 61665 typ srflx raddr 0.0.0.0 rport 0 generation 0", TRUE,
          "192.0.2.7", 61665 },
        { "IPv6", "3 1 UDP 2130706431 2001:db8::1 9 typ host", TRUE, "2001:db8::1", 9 },
        { "a hidden name is never looked up", "1 1 udp 2113937151 3f2a.local 51234 typ host", FALSE, NULL,
          0 },
        { "TCP", "1 1 TCP 2105458943 192.0.2.7 9 typ host tcptype active", FALSE, NULL, 0 },
        { "RTCP's component", "1 2 UDP 2130706431 192.0.2.7 8998 typ host", FALSE, NULL, 0 },
        { "port 0", "1 1 UDP 2130706431 192.0.2.7 0 typ host", FALSE, NULL, 0 },
        { "port too large", "1 1 UDP 2130706431 192.0.2.7 65536 typ host", FALSE, NULL, 0 },
        { "priority too large", "1 1 UDP 4294967296 192.0.2.7 9 typ host", FALSE, NULL, 0 },
        { "negative", "1 1 UDP -1 192.0.2.7 9 typ host", FALSE, NULL, 0 },
        { "two spaces", "1  1 UDP 1 192.0.2.7 9 typ host", FALSE, NULL, 0 },
        { "foundation too long", "123456789012345678901234567890123 1 UDP 1 192.0.2.7 9 typ host", FALSE,
          NULL, 0 },
        { "cut off", "1 1 UDP 1 192.0.2.7 9", FALSE, NULL, 0 },
        { "empty", "", FALSE, NULL, 0 },
    };
    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        Candidate found = { 0 };
        print_message("case: %s\n", cases[i].name);
        assert_int_equal(candidate_parse(cases[i].line, &found), cases[i].good);
        if (!cases[i].good) continue;
        assert_string_equal(found.address, cases[i].address);
        assert_int_equal(found.port, cases[i].port);
    }
}

static void test_addresses(void **state) {
    (void)state;
    static const struct {
        const char *interface, *address;
        gboolean wanted;
    } cases[] = {
        { "eth0", "192.0.2.7", TRUE },
        { "wlan0", "10.1.2.3", TRUE },
        { "eth0", "2001:db8::7", TRUE },
        { "lo", "127.0.0.1", FALSE },
        { "lo", "::1", FALSE },
        { "eth0", "169.254.3.4", FALSE },
        { "eth0", "fe80::1", FALSE },
        { "docker0", "172.17.0.1", FALSE },
        { "br-1a2b", "172.18.0.1", FALSE },
        { "veth12", "10.0.0.1", FALSE },
        { "eth0", "0.0.0.0", FALSE },
        { "eth0", "nonsense", FALSE },
        { "bridge0", "192.0.2.8", TRUE },
    };
    for (guint i = 0; i < G_N_ELEMENTS(cases); i++)
        if (addresses_wanted(cases[i].interface, cases[i].address) != cases[i].wanted)
            fail_msg("%s %s", cases[i].interface, cases[i].address);
    g_autoptr(GError) error = NULL;
    char *wrong[] = { (char *)"127.0.0.1", (char *)"example.org", NULL };
    assert_null(addresses_choose(wrong, &error));
    assert_true(g_error_matches(error, FAULT, FAULT_BAD_INPUT));
    assert_non_null(strstr(error->message, "example.org"));
    g_clear_error(&error);
    char *foreign[] = { (char *)"127.0.0.1", (char *)"203.0.113.7", NULL };
    assert_null(addresses_choose(foreign, &error));
    assert_true(g_error_matches(error, FAULT, FAULT_SETUP));
    assert_non_null(strstr(error->message, "203.0.113.7"));
    char *given[] = { (char *)"127.0.0.1", (char *)"127.0.0.2", NULL };
    g_auto(GStrv) taken = addresses_choose(given, NULL);
    assert_int_equal(g_strv_length(taken), 2);
    g_auto(GStrv) found = addresses_choose(NULL, NULL);
    assert_true(found != NULL && g_strv_length(found) >= 1);
}

static void test_heap(void **state) {
    (void)state;
    enum { MANY = 500 };
    Heap heap = { 0 };
    LoopTimer timers[MANY] = { 0 };
    g_autoptr(GRand) random = g_rand_new_with_seed(7);
    for (guint round = 0; round < 20000; round++) {
        LoopTimer *timer = &timers[g_rand_int_range(random, 0, MANY)];
        if (g_rand_int_range(random, 0, 4) == 0)
            heap_remove(&heap, timer);
        else
            heap_set(&heap, timer, g_rand_int_range(random, 0, 100000));
    }
    gint64 before = -1;
    guint n_expected = 0, n_found = 0;
    for (guint i = 0; i < MANY; i++) n_expected += timers[i].place != 0;
    for (LoopTimer *timer = heap_peek(&heap); timer != NULL; timer = heap_peek(&heap)) {
        assert_true(timer->due_us >= before);
        before = timer->due_us;
        heap_remove(&heap, timer);
        n_found++;
    }
    assert_int_equal(n_found, n_expected);
    heap_clear(&heap);
}

static void test_runs(void **state) {
    (void)state;
    static const struct {
        const char *name;
        gsize sizes[20];
        guint n, run;
    } cases[] = {
        { "none", { 0 }, 0, 0 },
        { "one", { 100 }, 1, 1 },
        { "equal", { 100, 100, 100 }, 3, 3 },
        { "the last is shorter", { 100, 100, 40 }, 3, 3 },
        { "a shorter one ends the run", { 100, 40, 100 }, 3, 2 },
        { "a longer one begins another", { 100, 100, 120 }, 3, 2 },
        { "sixteen at most", { 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9 }, 18, 16 },
        { "no seventeenth, even shorter", { 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 5 }, 17, 16 },
    };
    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        struct iovec packets[20];
        for (guint k = 0; k < cases[i].n; k++) packets[k] = (struct iovec){ .iov_len = cases[i].sizes[k] };
        print_message("case: %s\n", cases[i].name);
        assert_int_equal(send_run_length(packets, cases[i].n), cases[i].run);
    }
}

static void test_fingerprints(void **state) {
    (void)state;
    g_autoptr(GString) long_one = g_string_new("sha-512 AB");
    for (guint i = 1; i < 64; i++) g_string_append(long_one, ":0f");
    assert_true(dtls_fingerprint_valid(long_one->str));
    g_string_append(long_one, ":0f");
    assert_false(dtls_fingerprint_valid(long_one->str));
    assert_false(dtls_fingerprint_valid(""));
    assert_false(dtls_fingerprint_valid("sha-256"));
    assert_false(dtls_fingerprint_valid("md5 AB:CD"));
    DtlsIdentity *identity = dtls_identity_new(NULL);
    char own[128];
    g_strlcpy(own, dtls_identity_fingerprint(identity), sizeof own);
    assert_true(dtls_fingerprint_valid(own));
    for (char *c = own; *c != '\0'; c++) *c = (char)g_ascii_tolower(*c);
    assert_true(dtls_fingerprint_valid(own));
    own[10] = ';';
    assert_false(dtls_fingerprint_valid(own));
    dtls_identity_free(identity);
}

/* ---- the handshake without a network: loss, doubling, rubbish in between ---- */

typedef struct {
    GQueue *to_peer;
    guint n_sent, lose_every, copies;
} Side;

static void on_flight(gpointer user, const guint8 *bytes, gsize n_bytes) {
    Side *side = user;
    side->n_sent++;
    if (side->lose_every != 0 && side->n_sent % side->lose_every == 0) return;
    for (guint i = 0; i < side->copies; i++) g_queue_push_tail(side->to_peer, g_bytes_new(bytes, n_bytes));
}

static gboolean shake(guint lose_every, guint copies, gboolean rubbish) {
    GQueue queues[2] = { G_QUEUE_INIT, G_QUEUE_INIT };
    Side sides[2] = { { &queues[1], 0, lose_every, copies }, { &queues[0], 0, lose_every, copies } };
    DtlsIdentity *identities[2] = { dtls_identity_new(NULL), dtls_identity_new(NULL) };
    Dtls *ends[2];
    for (guint i = 0; i < 2; i++)
        ends[i] = dtls_new(identities[i], i == 0, dtls_identity_fingerprint(identities[1 - i]), on_flight,
                           &sides[i], NULL);
    dtls_start(ends[0], NULL);
    gint64 until_us = g_get_monotonic_time() + 6000000;
    gboolean done = FALSE;
    while (!done && g_get_monotonic_time() < until_us) {
        gboolean idle = TRUE;
        for (guint i = 0; i < 2; i++) {
            static const guint8 junk[] = { 22, 254, 253, 0, 0, 0, 0, 0, 0, 0, 9, 255, 255, 1, 2, 3 };
            if (rubbish) dtls_feed(ends[i], junk, sizeof junk, NULL);
            GBytes *bytes = g_queue_pop_head(&queues[i]);
            if (bytes == NULL) continue;
            gsize n_bytes;
            const guint8 *data = g_bytes_get_data(bytes, &n_bytes);
            dtls_feed(ends[i], data, n_bytes, NULL);
            g_bytes_unref(bytes);
            idle = FALSE;
        }
        for (guint i = 0; i < 2; i++) {
            gint64 due_us;
            if (idle && dtls_deadline(ends[i], g_get_monotonic_time(), &due_us) &&
                due_us <= g_get_monotonic_time())
                dtls_tick(ends[i], NULL);
        }
        if (idle) g_usleep(2000);
        done = dtls_state(ends[0]) == DTLS_DONE && dtls_state(ends[1]) == DTLS_DONE;
    }
    SrtpKeys a = { 0 }, b = { 0 };
    done = done && dtls_export(ends[0], &a, NULL) && dtls_export(ends[1], &b, NULL) &&
           a.suite == SRTP_SUITE_AES128_GCM && memcmp(a.send, b.receive, 28) == 0 &&
           memcmp(a.receive, b.send, 28) == 0 && memcmp(a.send, a.receive, 28) != 0;
    for (guint i = 0; i < 2; i++) {
        dtls_free(ends[i]);
        dtls_identity_free(identities[i]);
        g_queue_clear_full(&queues[i], (GDestroyNotify)g_bytes_unref);
    }
    return done;
}

static void test_handshake(void **state) {
    (void)state;
    assert_true(shake(0, 1, FALSE));
    assert_true(shake(3, 1, FALSE)); /* every third datagram is lost */
    assert_true(shake(0, 2, FALSE)); /* every datagram comes twice */
    assert_true(shake(0, 1, TRUE));  /* rubbish between all */
}

/* ---- the worker ---- */

static gint n_jobs, n_beats;
static void count_job(Worker *worker, gpointer letter) {
    gint value;
    memcpy(&value, letter, sizeof value);
    assert_true(worker_is_here(worker));
    g_atomic_int_add(&n_jobs, value);
}
static void hold(Worker *worker, gpointer letter) {
    (void)letter;
    worker_hold_beat(worker);
}
static void release(Worker *worker, gpointer letter) {
    (void)letter;
    worker_release_beat(worker);
}
static void on_beat(gpointer user, gint64 now_us) {
    (void)user, (void)now_us;
    g_atomic_int_inc(&n_beats);
}

static void test_worker(void **state) {
    (void)state;
    Worker *worker = worker_start(3, on_beat, NULL, NULL);
    gint one = 1;
    guint n_posted = 0;
    for (guint i = 0; i < 10000; i++) {
        while (!worker_post(worker, count_job, &one, sizeof one)) g_usleep(500);
        n_posted++;
    }
    g_usleep(30000);
    assert_int_equal(g_atomic_int_get(&n_beats), 0); /* nobody holds the beat */
    WorkerStats quiet, later;
    worker_read_stats(worker, &quiet);
    g_usleep(100000);
    worker_read_stats(worker, &later);
    assert_in_range(later.n_turns - quiet.n_turns, 0, 2); /* an idle worker sleeps */
    worker_post(worker, hold, NULL, 0);
    g_usleep(205000);
    worker_post(worker, release, NULL, 0);
    g_usleep(10000);
    assert_in_range(g_atomic_int_get(&n_beats), 15, 45); /* one each 5 ms; a busy machine may skip some */
    worker_post(worker, count_job, &one, sizeof one);
    worker_stop(worker); /* what waits is run first */
    assert_int_equal(g_atomic_int_get(&n_jobs), n_posted + 1);
}

static void test_beats_in_step(void **state) {
    (void)state;
    static const struct {
        const char *name;
        gint64 now_us;
        guint n_beats;
        gint64 next_us; /* steps begin at 1000000 */
    } cases[] = {
        { "of one, on time", 1000000, 1, 1020000 },
        { "of one, late", 1003000, 1, 1020000 },
        { "of one, so late that the next is there", 1019700, 1, 1040000 },
        { "of one, some are lost", 1065000, 1, 1080000 },
        { "of three, on time", 1000000, 3, 1006666 },
        { "of three, the first", 1006666, 3, 1013333 },
        { "of three, the second", 1013333, 3, 1020000 },
        { "of three, late", 1011000, 3, 1013333 },
        { "of three, some are lost", 1035000, 3, 1040000 },
        { "many steps later it is still in step", 1000000 + G_GINT64_CONSTANT(3600000000), 3,
          1006666 + G_GINT64_CONSTANT(3600000000) },
    };
    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        gint64 next_us = worker_beat_after(cases[i].now_us, 1000000, cases[i].n_beats);
        if (next_us != cases[i].next_us) fail_msg("%s: %" G_GINT64_FORMAT, cases[i].name, next_us);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_candidates),   cmocka_unit_test(test_addresses),
        cmocka_unit_test(test_heap),         cmocka_unit_test(test_runs),
        cmocka_unit_test(test_fingerprints), cmocka_unit_test(test_handshake),
        cmocka_unit_test(test_worker),       cmocka_unit_test(test_beats_in_step),
    };
    return cmocka_run_group_tests_name("transport parts", tests, NULL, NULL);
}
