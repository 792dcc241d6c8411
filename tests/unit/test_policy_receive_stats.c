/* test_policy_receive_stats.c -- report blocks against RFC 3550 A.1, A.3 and A.8. */
#include "bridge/policy/receive_stats.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* Pushes from, from+1 .. to (wrapping) but every lose_every-th, evenly spaced at 20 ms of 48 kHz. */
static void push_run(ReceiveStats *stats, guint16 from, guint n, guint lose_every, gint64 *at_us) {
    for (guint i = 0; i < n; i++, *at_us += 20000) {
        if (lose_every != 0 && i % lose_every == lose_every - 1) continue;
        receive_stats_push(stats, (guint16)(from + i), (guint32)(*at_us / 1000 * 48), *at_us);
    }
}

static void test_loss_table(void **state) {
    (void)state;
    static const struct {
        const char *name;
        guint16 from;
        guint n, lose_every;
        guint8 fraction;
        gint32 lost;
        guint32 highest;
    } cases[] = {
        { "all arrive", 100, 200, 0, 0, 0, 299 },
        { "one in ten", 100, 199, 10, 24, 19, 298 },
        { "one in four over the wrap", 65500, 99, 4, 62, 24, 65598 },
        { "starts at the last number", 65535, 50, 0, 0, 0, 65584 },
    };
    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        print_message("# case: %s\n", cases[i].name);
        ReceiveStats stats;
        ReceiveReport report;
        gint64 at_us = 5000000;
        receive_stats_init(&stats, 7, 48000);
        assert_false(receive_stats_report(&stats, at_us, &report));
        push_run(&stats, cases[i].from, cases[i].n, cases[i].lose_every, &at_us);
        assert_true(receive_stats_report(&stats, at_us, &report));
        assert_int_equal(report.ssrc, 7);
        assert_int_equal(report.fraction_lost, cases[i].fraction);
        assert_int_equal(report.cumulative_lost, cases[i].lost);
        assert_int_equal(report.highest, cases[i].highest);
        assert_int_equal(report.jitter, 0);
        assert_true(receive_stats_report(&stats, at_us, &report)); /* a silent interval lost nothing */
        assert_int_equal(report.fraction_lost, 0);
        assert_int_equal(report.cumulative_lost, cases[i].lost);
    }
}

static void test_duplicates_do_not_become_huge_loss(void **state) {
    (void)state;
    ReceiveStats stats;
    ReceiveReport report;
    receive_stats_init(&stats, 1, 90000);
    for (guint16 i = 0; i < 10; i++)
        for (guint copy = 0; copy < 3; copy++) receive_stats_push(&stats, i, i * 3600u, 1000 + i * 40000);
    assert_true(receive_stats_report(&stats, 0, &report));
    assert_int_equal(report.fraction_lost, 0);
    assert_int_equal(report.cumulative_lost, -20);
}

static void test_jitter_settles_on_the_mean_deviation(void **state) {
    (void)state;
    ReceiveStats stats;
    ReceiveReport report;
    receive_stats_init(&stats, 1, 48000);
    /* Every second packet 10 ms late: neighbours differ by 480 ticks each time, so J tends to 480. */
    for (guint i = 0; i < 400; i++)
        receive_stats_push(&stats, (guint16)i, i * 960, 1000000 + (gint64)i * 20000 + (i % 2 ? 10000 : 0));
    assert_true(receive_stats_report(&stats, 0, &report));
    assert_in_range(report.jitter, 470, 490);
}

static void test_reordering_keeps_the_highest(void **state) {
    (void)state;
    static const guint16 order[] = { 10, 12, 11, 13, 15, 16, 14 };
    ReceiveStats stats;
    ReceiveReport report;
    receive_stats_init(&stats, 1, 48000);
    for (guint i = 0; i < G_N_ELEMENTS(order); i++)
        assert_true(receive_stats_push(&stats, order[i], 0, 1000));
    assert_true(receive_stats_report(&stats, 0, &report));
    assert_int_equal(report.highest, 16);
    assert_int_equal(report.cumulative_lost, 0);
}

static void test_jump_needs_confirmation(void **state) {
    (void)state;
    ReceiveStats stats;
    ReceiveReport report;
    gint64 at_us = 1000000;
    receive_stats_init(&stats, 1, 48000);
    push_run(&stats, 1000, 50, 0, &at_us);
    assert_false(receive_stats_push(&stats, 30000, 0, at_us)); /* a stray */
    push_run(&stats, 1050, 50, 0, &at_us);
    assert_true(receive_stats_report(&stats, 0, &report));
    assert_int_equal(report.highest, 1099);
    assert_int_equal(report.cumulative_lost, 0);
    assert_false(receive_stats_push(&stats, 40000, 0, at_us)); /* a restart */
    assert_true(receive_stats_push(&stats, 40001, 0, at_us));
    assert_true(receive_stats_report(&stats, 0, &report));
    assert_int_equal(report.highest, 40001);
    assert_int_equal(report.cumulative_lost, 0);
    assert_int_equal(report.fraction_lost, 0);
}

static void test_sender_report_gives_lsr_and_dlsr(void **state) {
    (void)state;
    ReceiveStats stats;
    ReceiveReport report;
    receive_stats_init(&stats, 1, 48000);
    receive_stats_push(&stats, 1, 0, 0);
    assert_true(receive_stats_report(&stats, 10, &report));
    assert_int_equal(report.last_report, 0);
    assert_int_equal(report.delay, 0);
    /* The example of RFC 3550 figure 2: NTP b44db705:20000000, answered 5.25 s later: DLSR 0005:4000. */
    receive_stats_on_report(&stats, G_GUINT64_CONSTANT(0xb44db70520000000), 1000000);
    assert_true(receive_stats_report(&stats, 6250000, &report));
    assert_int_equal(report.last_report, 0xb7052000);
    assert_int_equal(report.delay, 0x00054000);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_loss_table),
        cmocka_unit_test(test_duplicates_do_not_become_huge_loss),
        cmocka_unit_test(test_jitter_settles_on_the_mean_deviation),
        cmocka_unit_test(test_reordering_keeps_the_highest),
        cmocka_unit_test(test_jump_needs_confirmation),
        cmocka_unit_test(test_sender_report_gives_lsr_and_dlsr),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
