/* The province's own line as a budget: who steps down, how far, in which order, and when up again. */
#include "bridge/policy/line_share.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

enum { S = 1000000, LEGS = 201, FLOOR = 0, HALL = 1 };
enum { P720, P720_THIN, P360, P360_THIN, P180, P180_THIN, STILL, N_LEVELS };

static const char *const names[] = { "720p", "720p thin", "360p", "360p thin", "180p", "180p thin", "still" };

static void make(LineLeg *legs, guint n_legs) {
    for (guint i = 0; i < n_legs; i++)
        legs[i] = (LineLeg){
            .id = 100 + i,
            .rank = i == FLOOR  ? LINE_FLOOR
                    : i == HALL ? LINE_HALL
                                : LINE_ROOM,
            .n_rungs = 4,
            .rungs = { { 1500000, TRUE }, { 500000, TRUE }, { 120000, TRUE }, { 20000, FALSE } },
            .stills = TRUE,
            .beside_bps = 50000,
        };
}

static guint64 total(const LineLeg *legs, guint n_legs) {
    guint64 bps = 0;
    for (guint i = 0; i < n_legs; i++) {
        bps += legs[i].beside_bps;
        if (legs[i].n_rungs > 0)
            bps += ladder_top_bps(legs[i].rungs, legs[i].n_rungs, MAX(legs[i].top, legs[i].own));
    }
    return bps;
}

/* Rooms by level. */
static void count_rooms(const LineLeg *legs, guint n_legs, guint *ret_n) {
    memset(ret_n, 0, N_LEVELS * sizeof *ret_n);
    for (guint i = 0; i < n_legs; i++)
        if (legs[i].rank == LINE_ROOM) ret_n[legs[i].top]++;
}

/* 201 legs need 311.6 Mbit/s of pictures and sound, 336.5 with headers. */
static void test_budgets(void **state) {
    (void)state;
    static const struct {
        const char *name;
        double budget_mbps;
        guint level,
            n_rooms; /* the lower one of the rooms' two levels, and how many at least and at most are on it */
        guint n_rooms_max;
        guint hall, floor;
        gboolean fits;
    } cases[] = {
        { "not known: no limit", 0, P720, 199, 199, P720, P720, TRUE },
        { "a gigabit is enough", 1000, P720, 199, 199, P720, P720, TRUE },
        { "355 is enough, too", 355, P720, 199, 199, P720, P720, TRUE },
        { "3 % too little: a few rooms go thin", 343.5, P720_THIN, 14, 20, P720, P720, TRUE },
        { "300: every second room", 300, P720_THIN, 85, 95, P720, P720, TRUE },
        { "30 % too little: most thin, nobody a rung", 248, P720_THIN, 170, 199, P720, P720, TRUE },
        { "200: a third a rung down", 200, P360, 60, 72, P720, P720, TRUE },
        { "100", 100, P360_THIN, 130, 145, P720, P720, TRUE },
        { "40: the lowest for some", 40, P180_THIN, 35, 50, P720, P720, TRUE },
        { "31: the hall, too", 31, P180_THIN, 199, 199, P180, P720, TRUE },
        { "29: stills only when hall and floor are low", 29, STILL, 1, 20, P180_THIN, P180_THIN, TRUE },
        { "20: stills for most", 20, STILL, 130, 150, P180_THIN, P180_THIN, TRUE },
        { "1: stills for all, and that is the end", 1, STILL, 199, 199, STILL, STILL, FALSE },
    };
    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        LineShare share = { 0 };
        LineLeg legs[LEGS];
        guint n[N_LEVELS];
        guint64 budget_bps = (guint64)(cases[i].budget_mbps * 1e6);
        make(legs, LEGS);
        line_share_update(&share, legs, LEGS, budget_bps, S);
        count_rooms(legs, LEGS, n);
        guint level = cases[i].level, above = level > 0 ? n[level - 1] : 0;
        print_message("case: %s: %u rooms %s, %u above, hall %s, floor %s, %.1f Mbit/s\n", cases[i].name,
                      n[level], names[level], above, names[legs[HALL].top], names[legs[FLOOR].top],
                      (double)share.needed_bps / 1e6);
        assert_int_equal(n[level] + above, 199); /* nobody is two steps from anybody */
        assert_in_range(n[level], cases[i].n_rooms, cases[i].n_rooms_max);
        assert_int_equal(legs[HALL].top, cases[i].hall);
        assert_int_equal(legs[FLOOR].top, cases[i].floor);
        if (cases[i].fits && budget_bps != 0)
            assert_true(total(legs, LEGS) * 1.08 <= 0.95 * (double)budget_bps);
        /* and no more is given up than must be: one room's step is the most that is left over */
        if (level != P720 && cases[i].hall == P720)
            assert_true((double)share.needed_bps > 0.95 * (double)budget_bps - 1.08 * 530000);
    }
}

/* Rooms whose own line is narrow need less: the others keep theirs. */
static void test_own_lines_count(void **state) {
    (void)state;
    LineShare share = { 0 };
    LineLeg legs[LEGS];
    make(legs, LEGS);
    for (guint i = 50; i < LEGS; i++) legs[i].own = P180_THIN;
    line_share_update(&share, legs, LEGS, 150000000, S);
    assert_int_equal(share.n_lowered, 0);
    for (guint i = 50; i < LEGS; i++) legs[i].own = P720_THIN; /* nothing to gain from them by a first step */
    line_share_update(&share, legs, LEGS, 240000000, S);
    for (guint i = 2; i < LEGS; i++) assert_true(legs[i].top <= P720_THIN);
    assert_true(total(legs, LEGS) <= 240000000);
}

static void test_other_limits_stay(void **state) {
    (void)state;
    LineShare share = { 0 };
    LineLeg legs[4];
    make(legs, 4);
    legs[2].best = 1;
    legs[3].rungs[0].two_layers = FALSE; /* H.264 by hardware, say */
    line_share_update(&share, legs, 4, 0, S);
    assert_int_equal(legs[2].top, P360);
    legs[1].n_rungs = 0;
    line_share_update(&share, legs, 4, 5000000, S);
    assert_true(legs[3].top == P720 || legs[3].top == P360);
    line_share_update(&share, legs, 4, 1, S); /* a budget that nothing fits */
    assert_int_equal(legs[2].top, STILL);
    assert_int_equal(legs[1].top, 0);
    legs[2].n_rungs = 1; /* one rung, and it is a still */
    line_share_update(&share, legs, 4, 1, S);
    assert_int_equal(legs[2].top, P720);
    line_share_update(&share, NULL, 0, 1, S);
}

/* The presentation goes to all beside the pictures: those make room, by no more than it needs, and have it back. */
static void test_presentation(void **state) {
    (void)state;
    LineShare share = { 0 };
    LineLeg legs[LEGS];
    make(legs, LEGS);
    line_share_update(&share, legs, LEGS, 400000000, S);
    assert_int_equal(share.n_lowered, 0);
    for (guint i = 1; i < LEGS; i++) legs[i].beside_bps += 600000;
    line_share_update(&share, legs, LEGS, 400000000, 2 * S);
    assert_in_range(share.n_lowered, 130, 199);
    assert_int_equal(legs[HALL].top, P720);
    make(legs, LEGS);
    for (gint64 second = 3; second < 30; second++)
        line_share_update(&share, legs, LEGS, 400000000, second * S);
    assert_int_equal(share.n_lowered, 0);
}

/* The floor goes from room to room: whoever has it has the best, and nobody else moves for that but who takes its place. */
static void test_floor_moves(void **state) {
    (void)state;
    LineShare share = { 0 };
    LineLeg legs[LEGS];
    LadderTop before[LEGS];
    make(legs, LEGS);
    line_share_update(&share, legs, LEGS, 150000000, S);
    for (guint room = 2; room < 60; room++) {
        for (guint i = 0; i < LEGS; i++) before[i] = legs[i].top;
        guint n_moved = 0;
        make(legs, LEGS);
        legs[FLOOR].rank = LINE_ROOM;
        legs[room].rank = LINE_FLOOR;
        line_share_update(&share, legs, LEGS, 150000000, (gint64)room * S);
        for (guint i = 2; i < LEGS; i++) n_moved += legs[i].top != before[i];
        assert_int_equal(legs[room].top, P720);
        assert_true(total(legs, LEGS) * 1.08 <= 0.95 * 150e6 + 1);
        assert_in_range(n_moved, 0, 6);
    }
}

/* Who steps first is drawn by leg, and drawn anew when the line has been free. */
static void test_it_is_not_always_the_same(void **state) {
    (void)state;
    LineShare share = { 0 };
    LineLeg legs[LEGS];
    guint times[LEGS] = { 0 };
    for (guint round = 0; round < 40; round++) {
        make(legs, LEGS);
        line_share_update(&share, legs, LEGS, 330000000, (gint64)round * 100 * S);
        guint n_first = share.n_lowered;
        assert_in_range(n_first, 35, 50);
        for (guint i = 0; i < LEGS; i++) times[i] += legs[i].top != P720;
        line_share_update(&share, legs, LEGS, 330000000, (gint64)round * 100 * S + S);
        assert_int_equal(share.n_lowered, n_first); /* the same as before */
        line_share_update(&share, legs, LEGS, 0, (gint64)round * 100 * S + 2 * S);
    }
    for (guint i = 2; i < LEGS; i++) assert_in_range(times[i], 1, 25); /* of 40, and 8 would be even */
    assert_int_equal(times[FLOOR] + times[HALL], 0);
}

/* A meeting that grows and shrinks: down at once, up after a while, never to and fro, and few at a time. */
static void test_grows_and_shrinks(void **state) {
    (void)state;
    LineShare share = { 0 };
    LineLeg legs[LEGS];
    LadderTop before[LEGS] = { 0 };
    guint n_ups_early = 0, n_downs_late = 0;
    for (guint second = 0; second < 300; second++) {
        guint n_legs = second < 100 ? 2 * second + 1 : second < 200 ? LEGS : 60;
        make(legs, n_legs);
        line_share_update(&share, legs, n_legs, 150000000, (gint64)second * S);
        assert_true(total(legs, n_legs) <= 150000000);
        for (guint i = 2; i < MIN(n_legs, second < 100 ? 2 * second - 1 : n_legs); i++) {
            n_ups_early += second > 1 && second < 200 && legs[i].top < before[i];
            n_downs_late += second >= 200 && legs[i].top > before[i];
            if (second > 200 && legs[i].top < before[i]) assert_in_range(before[i] - legs[i].top, 1, 1);
        }
        for (guint i = 0; i < n_legs; i++) before[i] = legs[i].top;
        if (second == 203) assert_true(share.n_lowered > 50); /* not yet */
        if (second == 290) assert_int_equal(share.n_lowered, 0);
    }
    assert_int_equal(n_ups_early, 0);
    assert_int_equal(n_downs_late, 0);
}

/* Lines that get better and worse all the time under a tight budget: who has enough is left in peace. */
static void test_no_flapping(void **state) {
    (void)state;
    LineShare share = { 0 };
    LineLeg legs[LEGS];
    LadderTop before[LEGS] = { 0 };
    guint n_changes = 0;
    for (guint second = 0; second < 600; second++) {
        make(legs, LEGS);
        for (guint i = 150; i < LEGS; i++) legs[i].own = (second * 7 + i * 13) % 60 < 20 ? P360 : 0;
        line_share_update(&share, legs, LEGS, 200000000, (gint64)second * S);
        for (guint i = 0; i < LEGS; i++) {
            n_changes += second > 0 && legs[i].top != before[i];
            before[i] = legs[i].top;
        }
    }
    print_message("%u changes of 201 legs in 600 s\n", n_changes);
    assert_in_range(n_changes, 0, 402);
}

/* Rooms with narrow lines of their own: counted with what they get, once that is known. The others share the rest, and that rests. */
static void test_narrow_rooms_among_good_ones(void **state) {
    enum { SECONDS = 400, SETTLED = 120, LEVEL_S = 3 };
    static const struct {
        const char *name;
        guint64 budget_bps;
        guint n_narrow;
    } cases[] = {
        { "200 Mbit/s, half of the rooms narrow", 200000000, 100 },
        { "150 Mbit/s, half of the rooms narrow", 150000000, 100 },
        { "200 Mbit/s, every third room narrow", 200000000, 60 },
    };
    (void)state;
    for (guint c = 0; c < G_N_ELEMENTS(cases); c++) {
        LineShare share = { 0 };
        LineLeg legs[LEGS];
        LineClimb climbs[LEGS] = { 0 };
        LadderTop levels[LEGS] = { 0 };
        guint n_downs = 0;
        for (guint second = 0; second < SECONDS; second++) {
            gint64 now_us = (second + 1) * (gint64)S;
            make(legs, LEGS);
            for (guint i = 0; i < LEGS; i++) {
                LadderTop best = i >= LEGS - cases[c].n_narrow ? P180_THIN : P720;
                best = MAX(best, climbs[i].top);
                if (levels[i] < best || second % LEVEL_S == 0)
                    levels[i] = levels[i] <= best ? best : levels[i] - 1;
                legs[i].own = line_climb_own(&climbs[i], levels[i], now_us);
            }
            line_share_update(&share, legs, LEGS, cases[c].budget_bps, now_us);
            for (guint i = 0; i < LEGS; i++) {
                n_downs += second > SETTLED && legs[i].top > climbs[i].top;
                line_climb_allow(&climbs[i], legs[i].top, levels[i], now_us);
            }
        }
        print_message("case: %s: %.0f Mbit/s used, %u steps down after %d s\n", cases[c].name,
                      (double)share.needed_bps / 1e6, n_downs, SETTLED);
        assert_int_equal(n_downs, 0);
        assert_true((double)share.needed_bps > 0.8 * (double)cases[c].budget_bps);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_budgets),
        cmocka_unit_test(test_own_lines_count),
        cmocka_unit_test(test_other_limits_stay),
        cmocka_unit_test(test_presentation),
        cmocka_unit_test(test_floor_moves),
        cmocka_unit_test(test_it_is_not_always_the_same),
        cmocka_unit_test(test_grows_and_shrinks),
        cmocka_unit_test(test_no_flapping),
        cmocka_unit_test(test_narrow_rooms_among_good_ones),
    };
    return cmocka_run_group_tests_name("share of the line", tests, NULL, NULL);
}
