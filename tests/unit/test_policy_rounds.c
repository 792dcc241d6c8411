/* test_policy_rounds.c -- who is looked at by a beat, when others come, leave and are hastened meanwhile. */
#include "bridge/policy/rounds.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

enum { MANY = 200, EVERY_US = 1000 };

typedef struct {
    guint place, n_beats;
    gboolean gone;
} Somebody;

static guint beat(Rounds *rounds, gint64 now_us) {
    guint n = 0;
    for (guint i = 0; i < rounds->n; i++) {
        if (now_us < rounds->list[i].due_us) continue;
        Somebody *somebody = rounds->list[i].who;
        assert_false(somebody->gone);
        assert_int_equal(somebody->place, i);
        rounds->list[i].due_us = now_us + EVERY_US;
        somebody->n_beats++;
        n++;
    }
    return n;
}

static void everybody_has_a_turn(void **state) {
    (void)state;
    Rounds rounds = { 0 };
    Somebody all[MANY] = { 0 };
    for (guint i = 0; i < MANY; i++) rounds_add(&rounds, &all[i], &all[i].place);
    assert_int_equal(beat(&rounds, 5000), MANY); /* new ones at once */
    assert_int_equal(beat(&rounds, 5500), 0);
    assert_int_equal(beat(&rounds, 6000), MANY);

    rounds_hasten(&rounds, all[7].place,
                  0); /* one is wanted at once, another soon, a third later than it was to be */
    rounds_hasten(&rounds, all[8].place, 6300);
    rounds_hasten(&rounds, all[9].place, 9000);
    assert_int_equal(beat(&rounds, 6100), 1);
    assert_int_equal(all[7].n_beats, 3);
    assert_int_equal(beat(&rounds, 6300), 1);
    assert_int_equal(all[8].n_beats, 3);
    assert_int_equal(beat(&rounds, 7000), MANY - 2);

    for (guint i = 0; i < MANY; i += 2) { /* also the last one, and whoever took its place */
        rounds_remove(&rounds, all[i].place);
        all[i].gone = TRUE;
    }
    assert_int_equal(beat(&rounds, 9000), MANY / 2);
    for (guint i = 1; i < MANY; i += 2) {
        assert_int_equal(rounds.list[all[i].place].due_us, 10000);
        rounds_remove(&rounds, all[i].place);
        all[i].gone = TRUE;
    }
    assert_int_equal(beat(&rounds, 20000), 0);
    rounds_clear(&rounds);
}

int main(void) {
    const struct CMUnitTest tests[] = { cmocka_unit_test(everybody_has_a_turn) };
    return cmocka_run_group_tests_name("rounds", tests, NULL, NULL);
}
