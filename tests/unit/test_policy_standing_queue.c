/* standing_queue: traces of delays, and how long packets are found to wait. */
#include "bridge/policy/standing_queue.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

enum { MS = 1000, S = 1000000, EVERY_US = 20 * MS, MOMENT_US = 400 * MS, PARTS = 4 };

/* For so long delays are between least and most; then so much is found to wait, give or take 15 ms. */
typedef struct {
    guint ms, least_ms, most_ms, waits_ms;
} Part;

static const struct {
    const char *name;
    Part parts[PARTS];
} CASES[] = {
    { "an even line", { { 5000, 40, 41, 0 } } },
    { "jitter is no queue", { { 20000, 40, 140, 0 } } },
    { "a queue that is full", { { 3000, 40, 41, 0 }, { 2000, 440, 460, 400 }, { 5000, 450, 460, 405 } } },
    { "single packets in between say how long the line takes",
      { { 3000, 40, 41, 0 }, { 3000, 40, 460, 0 } } },
    { "full from the beginning: found out when it drains", { { 3000, 440, 441, 0 }, { 1000, 40, 41, 0 } } },
    { "drained, and full again", { { 3000, 440, 441, 0 }, { 1000, 40, 41, 0 }, { 1000, 440, 441, 400 } } },
    { "another way that takes longer is believed in the end",
      { { 5000, 40, 41, 0 }, { 5000, 140, 141, 100 }, { 40000, 140, 141, 0 } } },
};

static void test_traces(void **state) {
    (void)state;
    guint n_bad = 0;
    for (guint i = 0; i < G_N_ELEMENTS(CASES); i++) {
        StandingQueue queue;
        gint64 now_us = 1000 * (gint64)S;
        GRand *dice = g_rand_new_with_seed(5);
        standing_queue_init(&queue, MOMENT_US);
        for (const Part *part = CASES[i].parts; part < CASES[i].parts + PARTS && part->ms > 0; part++) {
            for (guint at = 0; at < part->ms * MS; at += EVERY_US, now_us += EVERY_US)
                standing_queue_note(
                    &queue,
                    -7 * (gint64)S + g_rand_int_range(dice, (gint)part->least_ms, (gint)part->most_ms) * MS,
                    now_us);
            gint waits_ms = (gint)(standing_queue_us(&queue, now_us) / MS);
            if (ABS(waits_ms - (gint)part->waits_ms) <= 15) continue;
            print_message("%s, part %d: %d ms\n", CASES[i].name, (int)(part - CASES[i].parts), waits_ms);
            n_bad++;
        }
        g_rand_free(dice);
    }
    assert_int_equal(n_bad, 0);
}

static void test_silence(void **state) {
    (void)state;
    StandingQueue queue;
    gint64 now_us = 1000 * (gint64)S;
    standing_queue_init(&queue, MOMENT_US);
    assert_int_equal(standing_queue_us(&queue, now_us), 0);
    assert_int_equal(standing_queue_over_us(&queue, 5), 0);
    standing_queue_note(&queue, 10 * MS, now_us);
    for (guint i = 0; i < 100; i++) standing_queue_note(&queue, 210 * MS, now_us += EVERY_US);
    assert_int_equal(standing_queue_us(&queue, now_us), 200 * MS);
    assert_int_equal(standing_queue_over_us(&queue, 110 * MS), 100 * MS);
    assert_int_equal(standing_queue_us(&queue, now_us + 3 * S), 0); /* nothing was told for long */
    standing_queue_forget(&queue);
    standing_queue_note(&queue, 210 * MS, now_us);
    assert_int_equal(standing_queue_over_us(&queue, 210 * MS), 0);
}

static void test_draining(void **state) {
    (void)state;
    StandingQueue queue;
    gint64 now_us = 1000 * (gint64)S;
    standing_queue_init(&queue, MOMENT_US);
    for (guint i = 0; i < 100; i++) standing_queue_note(&queue, 440 * MS, now_us += EVERY_US);
    assert_int_equal(standing_queue_before_us(&queue, now_us), 0); /* it may be a long line */
    for (guint i = 0; i < 25; i++) standing_queue_note(&queue, (440 - (gint)i * 16) * MS, now_us += EVERY_US);
    assert_in_range(standing_queue_before_us(&queue, now_us), 60 * MS, 400 * MS);
}

int main(void) {
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_traces), cmocka_unit_test(test_silence),
                                        cmocka_unit_test(test_draining) };
    return cmocka_run_group_tests_name("standing queue", tests, NULL, NULL);
}
