/* test_policy_pager.c -- pages turn by the clock, made ready before, and never in front of people's eyes without need. */
#include "bridge/policy/pager.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

enum { EVERY = 10000 };

static void a_page_is_warm_before_its_turn(void **state) {
    (void)state;
    static const struct {
        const char *name;
        gint64 now_ms;
        gboolean ready;
        guint first, n, warm_first, n_warm;
        gint64 next_ms;
    } steps[] = {
        { "the first page", 0, FALSE, 0, 16, 0, 0, EVERY - PAGER_WARM_MS },
        { "in the middle of it", 5000, FALSE, 0, 16, 0, 0, EVERY - PAGER_WARM_MS },
        { "the next is made ready", EVERY - PAGER_WARM_MS, FALSE, 0, 16, 16, 16, EVERY },
        { "it stays so", EVERY - 100, TRUE, 0, 16, 16, 16, EVERY },
        { "the turn", EVERY, TRUE, 16, 16, 0, 0, 2 * EVERY - PAGER_WARM_MS },
        { "the last page is made ready", 2 * EVERY - 10, FALSE, 16, 16, 32, 8, 2 * EVERY },
        { "asked late, nothing was ready: a look a little later", 2 * EVERY + 50, FALSE, 16, 16, 32, 8,
          2 * EVERY + 50 + PAGER_LOOK_MS },
        { "ready", 2 * EVERY + 150, TRUE, 32, 8, 0, 0, 3 * EVERY - PAGER_WARM_MS },
        { "from the last to the first", 3 * EVERY - 2000, FALSE, 32, 8, 0, 16, 3 * EVERY },
        { "patience ends", 3 * EVERY, FALSE, 0, 16, 0, 0, 4 * EVERY - PAGER_WARM_MS },
    };
    Turn turn = { .start_ms = 0, .every_ms = EVERY, .held = -1 };
    Pager pager = { 0 };
    for (guint i = 0; i < G_N_ELEMENTS(steps); i++) {
        print_message("step: %s\n", steps[i].name);
        PagerView view = pager_update(&pager, &turn, 40, 16, steps[i].ready, steps[i].now_ms);
        assert_int_equal(view.first, steps[i].first);
        assert_int_equal(view.n, steps[i].n);
        assert_int_equal(view.n_warm, steps[i].n_warm);
        if (view.n_warm > 0) assert_int_equal(view.warm_first, steps[i].warm_first);
        assert_int_equal(view.next_ms, steps[i].next_ms);
        assert_int_equal(view.n_pages, 3);
    }
}

static void a_step_waits_for_pictures(void **state) {
    (void)state;
    Turn turn = { .every_ms = EVERY, .held = 0 };
    Pager pager = { 0 };
    assert_int_equal(pager_update(&pager, &turn, 40, 16, FALSE, 0).first, 0);
    turn.held = 2;
    PagerView view =
        pager_update(&pager, &turn, 40, 16, TRUE, 1000); /* ready is what was warm before: nothing */
    assert_int_equal(view.first, 0);
    assert_int_equal(view.warm_first, 32);
    assert_int_equal(view.next_ms, 1000 + PAGER_LOOK_MS);
    assert_int_equal(pager_update(&pager, &turn, 40, 16, FALSE, 1100).first, 0);
    assert_int_equal(pager_update(&pager, &turn, 40, 16, TRUE, 1200).first, 32);
    turn.held = 1; /* two steps, the second while the first is being made ready */
    assert_int_equal(pager_update(&pager, &turn, 40, 16, FALSE, 2000).warm_first, 16);
    turn.held = 3;
    assert_int_equal(pager_update(&pager, &turn, 40, 16, TRUE, 2100).n_warm, 16);
    assert_int_equal(pager_update(&pager, &turn, 40, 16, FALSE, 2100 + PAGER_PATIENCE_MS).first, 0);
    assert_int_equal(pager_update(&pager, &turn, 40, 16, FALSE, 9000).next_ms, G_MAXINT64);
}

static void rooms_that_come_and_go_turn_no_page(void **state) {
    (void)state;
    Turn turn = { .every_ms = EVERY, .held = -1 };
    Pager pager = { 0 };
    gint64 now_ms = 5 * EVERY + 1; /* turn 5 */
    assert_int_equal(pager_update(&pager, &turn, 48, 16, FALSE, now_ms).page, 2);
    assert_int_equal(pager_update(&pager, &turn, 49, 16, FALSE, now_ms).page, 2); /* 5 % 4 would be 1 */
    PagerView view = pager_update(&pager, &turn, 17, 16, FALSE, now_ms);          /* its page is gone */
    assert_int_equal(view.page, 1);
    assert_int_equal(view.n, 1);
    view = pager_update(&pager, &turn, 0, 16, FALSE, now_ms);
    assert_int_equal(view.n, 0);
    assert_int_equal(view.n_pages, 1);
    /* Other sizes are shown at once. */
    assert_int_equal(pager_update(&pager, &turn, 48, 25, FALSE, now_ms).page, 1);
    /* One page alone never turns and warms nothing. */
    pager = (Pager){ 0 };
    for (now_ms = 0; now_ms < 10 * EVERY; now_ms += 333)
        assert_int_equal(pager_update(&pager, &turn, 9, 16, FALSE, now_ms).n_warm, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_page_is_warm_before_its_turn),
        cmocka_unit_test(a_step_waits_for_pictures),
        cmocka_unit_test(rooms_that_come_and_go_turn_no_page),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
