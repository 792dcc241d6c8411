/* Tests of the simulator's jitter buffer and of its guess what a line carries: what a listener would have to conceal. */
#include "tests/load/line_guess.h"
#include "tests/load/playout.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

enum { SAMPLES = 960, PACKETS = 1000, US = 20000, JUDGED = 100 /* the last ones are not judged yet */ };

typedef struct {
    const char *name;
    gboolean (*comes)(guint i);
    gint64 (*late_us)(guint i);
    guint n_copies; /* of the packets before */
    guint packet;   /* stretches of 20 ms in one */
    guint concealed_min, concealed_max, copies_min;
    gint64 delay_max_us;
} Row;

static gboolean always(guint i) {
    (void)i;
    return TRUE;
}
static gboolean every_tenth_missing(guint i) { return i % 10 != 5; }
static gboolean two_of_ten_missing(guint i) { return i % 10 != 5 && i % 10 != 6; }
static gboolean pause_in_the_middle(guint i) { return i < 300 || i >= 500; }
static gint64 never(guint i) {
    (void)i;
    return 0;
}
static gint64 jitter(guint i) { return (gint64)(i * 7919 % 100) * 1000; }
static gint64 one_very_late(guint i) { return i == 500 ? 400000 : 0; }

static const Row ROWS[] = {
    { "a clean line", always, never, 0, 1, 0, 0, 0, 40000 },
    { "one in ten lost, no copies", every_tenth_missing, never, 0, 1, 88, 92, 0, 40000 },
    { "one in ten lost, a copy in the next", every_tenth_missing, never, 1, 1, 0, 0, 88, 40000 },
    { "two in a row lost, one copy", two_of_ten_missing, never, 1, 1, 88, 92, 88, 40000 },
    { "two in a row lost, two copies", two_of_ten_missing, never, 2, 1, 0, 0, 176, 40000 },
    { "jitter of 100 ms: the buffer grows", always, jitter, 0, 1, 0, 40, 0, 260000 },
    { "one packet much too late", always, one_very_late, 0, 1, 1, 1, 0, 60000 },
    { "60 ms packets, every tenth lost", every_tenth_missing, never, 0, 3, 285, 297, 0, 80000 },
};

static void test_buffer(void **state) {
    (void)state;
    for (guint r = 0; r < G_N_ELEMENTS(ROWS); r++) {
        const Row *row = &ROWS[r];
        Playout *playout = g_new0(Playout, 1);
        PlayoutStats stats = { 0 };
        guint n_missing = 0;
        print_message("  %s\n", row->name);
        for (guint i = 0; i < PACKETS; i++) {
            guint64 time = 100000 + (guint64)i * row->packet * SAMPLES;
            gint64 now_us = G_USEC_PER_SEC + (gint64)i * row->packet * US + row->late_us(i);
            if (!row->comes(i)) {
                n_missing++;
                continue;
            }
            playout_packet(playout, &stats, time, row->packet * SAMPLES, n_missing, now_us);
            for (guint k = 1; k <= row->n_copies && k <= i; k++)
                playout_copy(playout, time - (guint64)k * row->packet * SAMPLES, row->packet * SAMPLES,
                             now_us);
            n_missing = 0;
        }
        assert_true(stats.n_due + JUDGED + 10 >= PACKETS * row->packet);
        assert_in_range(stats.n_concealed, row->concealed_min * 9 / 10, row->concealed_max);
        assert_true(stats.n_from_copies >= row->copies_min * 9 / 10);
        assert_in_range(stats.delay_us, 40000, row->delay_max_us);
        g_free(playout);
    }
}

/* Silence that is not sent is not concealed: sequence numbers go on. */
static void test_pause(void **state) {
    (void)state;
    Playout *playout = g_new0(Playout, 1);
    PlayoutStats stats = { 0 };
    for (guint i = 0; i < PACKETS; i++)
        if (pause_in_the_middle(i))
            playout_packet(playout, &stats, 100000 + (guint64)i * SAMPLES, SAMPLES, 0,
                           G_USEC_PER_SEC + (gint64)i * US);
    assert_int_equal(stats.n_concealed, 0);
    assert_in_range(stats.n_due, PACKETS - 200 - JUDGED - 1, PACKETS - 200);
    g_free(playout);
}

static guint64 guess_after(guint seconds, guint bytes_per_s, gint64 queue_us_per_s) {
    LineGuess guess = { 0 };
    guint64 bps = 0;
    for (guint s = 0; s < seconds; s++) {
        for (guint i = 0; i < 50; i++) {
            line_guess_late(&guess, queue_us_per_s * (s * 50 + i) / 50, (gint64)(s * 50 + i + 1) * 20000);
            line_guess_packet(&guess, bytes_per_s / 50 - 28);
        }
        bps = line_guess_bps(&guess, (gint64)(s + 1) * G_USEC_PER_SEC);
    }
    return bps;
}

static void test_guess(void **state) {
    (void)state;
    /* Even arrivals: up to half more than comes. */
    assert_in_range(guess_after(30, 125000, 0), 1400000, 1510000);
    /* A queue that grows: less than comes. */
    assert_in_range(guess_after(10, 12500, 100000), 20000, 86000);
}

int main(void) {
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_buffer), cmocka_unit_test(test_pause),
                                        cmocka_unit_test(test_guess) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
