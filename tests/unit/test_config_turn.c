/* test_config_turn.c -- pages by the clock: which one, when the next comes, held, stepped, and everybody's turn. */
#include "config/turn.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

enum { START = 1000000, EVERY = 15000 };

static void the_clock_tells_the_turn(void **state) {
    (void)state;
    static const struct {
        const char *name;
        gint64 every_ms, held, now_ms, number, next_ms;
    } cases[] = {
        { "at the start", EVERY, -1, START, 0, START + EVERY },
        { "just before the next", EVERY, -1, START + EVERY - 1, 0, START + EVERY },
        { "on the next", EVERY, -1, START + EVERY, 1, START + 2 * EVERY },
        { "hours later", EVERY, -1, START + 1000 * EVERY + 7, 1000, START + 1001 * EVERY },
        { "a clock that was set back", EVERY, -1, START - 5000, 0, START + EVERY },
        { "held", EVERY, 7, START + 1000 * EVERY, 7, G_MAXINT64 },
        { "without an interval", 0, -1, START + 1000, 0, G_MAXINT64 },
    };
    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        Turn turn = { .start_ms = START, .every_ms = cases[i].every_ms, .held = cases[i].held };
        print_message("case: %s\n", cases[i].name);
        assert_int_equal(turn_number(&turn, cases[i].now_ms), cases[i].number);
        assert_int_equal(turn_next_ms(&turn, cases[i].now_ms), cases[i].next_ms);
    }
}

static void holding_stepping_going_on(void **state) {
    (void)state;
    gint64 now_ms = START + 5 * EVERY + 4000;
    Turn turn = { .start_ms = START, .every_ms = EVERY, .held = -1 };
    Turn held = turn_hold(&turn, now_ms), later = turn_go_on(&held, now_ms + 60000);
    assert_int_equal(turn_number(&held, now_ms + 60000), 5);
    assert_int_equal(turn_number(&later, now_ms + 60000), 5); /* goes on from the page it stood on, */
    assert_int_equal(turn_next_ms(&later, now_ms + 60000),
                     now_ms + 60000 + EVERY); /* which has its whole time */
    Turn stepped = turn_step(&turn, 1, now_ms), back = turn_step(&held, -2, now_ms),
         far = turn_step(&held, -99, now_ms);
    assert_int_equal(turn_number(&stepped, now_ms), 6);
    assert_int_equal(turn_next_ms(&stepped, now_ms), now_ms + EVERY);
    assert_int_equal(back.held, 3);
    assert_int_equal(far.held, 0);
}

static void everybody_has_a_turn_once(void **state) {
    (void)state;
    for (guint per_page = 1; per_page <= 49; per_page += 4)
        for (guint n = 1; n <= 256; n += 5) {
            guint8 seen[256] = { 0 };
            guint n_pages = turn_n_pages(n, per_page);
            for (guint k = 0; k < n_pages; k++) {
                guint first,
                    count = turn_items(n, per_page, turn_page((gint64)k + 3 * n_pages, n_pages), &first);
                assert_true(count > 0);
                for (guint i = 0; i < count; i++) seen[first + i]++;
            }
            for (guint i = 0; i < n; i++) assert_int_equal(seen[i], 1);
        }
    guint first;
    assert_int_equal(turn_n_pages(0, 16), 1);
    assert_int_equal(turn_items(0, 16, 0, &first), 0);
    assert_int_equal(turn_page(5, 0), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_clock_tells_the_turn),
        cmocka_unit_test(holding_stepping_going_on),
        cmocka_unit_test(everybody_has_a_turn_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
