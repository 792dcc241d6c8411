/* test_policy_lateness.c -- how late ticks were, told in steps. */
#include "bridge/policy/lateness.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void shares_are_kept_by_the_right_step(void **state) {
    (void)state;
    static const struct {
        const char *what;
        gint64 late_us[10]; /* ten ticks */
        guint n, p50_us, p95_us;
    } cases[] = {
        { "no tick", { 0 }, 0, 0, 0 },
        { "early is on time", { -300, -1 }, 2, 50, 50 },
        { "a bound belongs to its step", { 100, 100, 100 }, 3, 100, 100 },
        { "one past a bound does not", { 101, 101, 101 }, 3, 200, 200 },
        { "one late of ten", { 10, 10, 10, 10, 10, 10, 10, 10, 10, 7000 }, 10, 50, 8000 },
        { "half late", { 10, 10, 10, 10, 10, 900, 900, 900, 900, 900 }, 10, 50, 1000 },
        { "beyond all bounds", { 5000000 }, 1, 100000, 100000 },
    };
    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        LatenessCounter counter = { 0 };
        Lateness lateness;
        for (guint k = 0; k < cases[i].n; k++) lateness_add(&counter, cases[i].late_us[k]);
        lateness_read(&counter, &lateness);
        if (lateness_at_us(&lateness, 0.5) != cases[i].p50_us ||
            lateness_at_us(&lateness, 0.95) != cases[i].p95_us)
            fail_msg("%s: %u and %u us", cases[i].what, lateness_at_us(&lateness, 0.5),
                     lateness_at_us(&lateness, 0.95));
    }
}

static void steps_rise(void **state) {
    (void)state;
    for (guint i = 1; i < LATENESS_STEPS; i++) assert_true(lateness_step_us(i) > lateness_step_us(i - 1));
    assert_int_equal(lateness_step_us(LATENESS_STEPS - 1), 100000);
}

int main(void) {
    const struct CMUnitTest tests[] = { cmocka_unit_test(shares_are_kept_by_the_right_step),
                                        cmocka_unit_test(steps_rise) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
