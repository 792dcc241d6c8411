/* The province's own line as a budget: who steps down, how far, in which order, and when up again. */
#include "bridge/policy/line_share.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

enum { S = 1000000, LEGS = 201, FLOOR = 0, HALL = 1 };
enum { P720 = 0, P360 = 1, P180 = 2, STILL = 3 };

static void make(LineLeg *legs, guint n_legs) {
    for (guint i = 0; i < n_legs; i++)
        legs[i] = (LineLeg){ .rank = i == FLOOR  ? LINE_FLOOR
                                     : i == HALL ? LINE_HALL
                                                 : LINE_ROOM,
                             .n_rungs = 4,
                             .bitrate_bps = { 1500000, 500000, 120000, 20000 },
                             .stills = TRUE,
                             .beside_bps = 50000 };
}

static guint64 total(const LineLeg *legs, guint n_legs) {
    guint64 bps = 0;
    for (guint i = 0; i < n_legs; i++)
        bps += legs[i].beside_bps +
               (legs[i].n_rungs > 0 ? legs[i].bitrate_bps[MAX(legs[i].rung_max, legs[i].own)] : 0);
    return bps;
}

static void test_budgets(void **state) {
    (void)state;
    static const struct {
        const char *name;
        guint64 budget_bps;
        guint room, hall, floor; /* rungs */
    } cases[] = {
        { "not known: no limit", 0, P720, P720, P720 },
        { "a gigabit is enough", 1000000000, P720, P720, P720 },
        { "300 Mbit/s are not, with headers", 300000000, P360, P720, P720 },
        { "200 Mbit/s", 200000000, P360, P720, P720 },
        { "100 Mbit/s", 100000000, P180, P720, P720 },
        { "45 Mbit/s", 45000000, P180, P720, P720 },
        { "41 Mbit/s: the hall too", 41000000, P180, P360, P720 },
        { "39.5 Mbit/s: the floor as well", 39500000, P180, P180, P360 },
        { "39 Mbit/s: all on the lowest", 39000000, P180, P180, P180 },
        { "20 Mbit/s: stills for rooms", 20000000, STILL, P180, P180 },
        { "1 Mbit/s: stills for all", 1000000, STILL, STILL, STILL },
    };
    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        LineShare share = { 0 };
        LineLeg legs[LEGS];
        print_message("case: %s\n", cases[i].name);
        make(legs, LEGS);
        line_share_update(&share, legs, LEGS, cases[i].budget_bps, S);
        for (guint k = 2; k < LEGS; k++) assert_int_equal(legs[k].rung_max, cases[i].room); /* all alike */
        assert_int_equal(legs[HALL].rung_max, cases[i].hall);
        assert_int_equal(legs[FLOOR].rung_max, cases[i].floor);
        if (cases[i].budget_bps > 18000000) assert_true(total(legs, LEGS) <= cases[i].budget_bps);
    }
}

/* Rooms whose own line is narrow need less: the others keep theirs. */
static void test_own_lines_count(void **state) {
    (void)state;
    LineShare share = { 0 };
    LineLeg legs[LEGS];
    make(legs, LEGS);
    for (guint i = 50; i < LEGS; i++) legs[i].own = P180;
    line_share_update(&share, legs, LEGS, 150000000, S);
    assert_int_equal(legs[2].rung_max, P720);
    assert_int_equal(legs[100].rung_max, P720); /* its own line keeps it lower, not the province's */
}

static void test_other_limits_stay(void **state) {
    (void)state;
    LineShare share = { 0 };
    LineLeg legs[3];
    make(legs, 3);
    legs[2].best = P360;
    line_share_update(&share, legs, 3, 0, S);
    assert_int_equal(legs[2].rung_max, P360);
    legs[1].n_rungs = 0;
    line_share_update(&share, legs, 3, 1, S); /* a budget that nothing fits */
    assert_int_equal(legs[2].rung_max, STILL);
    assert_int_equal(legs[1].rung_max, 0);
    line_share_update(&share, NULL, 0, 1, S);
}

/* A meeting that grows and shrinks: down at once, up after a while, and never to and fro. */
static void test_grows_and_shrinks(void **state) {
    (void)state;
    LineShare share = { 0 };
    LineLeg legs[LEGS];
    guint n_changes = 0, before = 0;
    for (guint second = 0; second < 300; second++) {
        guint n_legs = second < 100 ? 2 * second + 1 : second < 200 ? LEGS : 60;
        make(legs, n_legs);
        line_share_update(&share, legs, n_legs, 150000000, (gint64)second * S);
        if (n_legs > 2) n_changes += legs[2].rung_max != before;
        if (n_legs > 2) before = legs[2].rung_max;
        assert_true(total(legs, n_legs) <= 150000000);
        if (second == 203) assert_int_equal(legs[2].rung_max, P360); /* not yet */
        if (second == 250) assert_int_equal(legs[2].rung_max, P720);
    }
    assert_int_equal(n_changes, 2);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_budgets),
        cmocka_unit_test(test_own_lines_count),
        cmocka_unit_test(test_other_limits_stay),
        cmocka_unit_test(test_grows_and_shrinks),
    };
    return cmocka_run_group_tests_name("share of the line", tests, NULL, NULL);
}
