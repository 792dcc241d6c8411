/* keyframe_gate, bandwidth, ladder: traces of what a line tells, and what should come of it. */
#include "bridge/policy/bandwidth.h"
#include "bridge/policy/keyframe_gate.h"
#include "bridge/policy/ladder.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

enum { MS = 1000, S = 1000000 };

/* ---- keyframe gate: wishes at these times, frames every 40 ms; which frames are keyframes? ---- */

typedef struct {
    const char *name;
    gint64 wishes_ms[8], natural_ms[4]; /* 0-ended */
    gint64 forced_ms[8];                /* 0-ended */
} GateCase;

static const GateCase gate_cases[] = {
    { "the first wish at once", { 100 }, { 0 }, { 120 } },
    { "ten wishes in a second are two keyframes",
      { 100, 130, 200, 300, 500, 800, 900, 1000 },
      { 0 },
      { 120, 1120 } },
    { "after a second at once", { 100, 1500 }, { 0 }, { 120, 1520 } },
    { "a natural one answers the wish", { 100, 500 }, { 600 }, { 120 } },
    { "a natural one counts as the last", { 700 }, { 600 }, { 1600 } },
    { "a wish from before the keyframe is answered by it", { 100, 120 }, { 0 }, { 120 } },
};

static gboolean is_in(const gint64 *list_ms, gint64 ms) {
    for (; *list_ms != 0; list_ms++)
        if (*list_ms == ms) return TRUE;
    return FALSE;
}

static void test_gate(void **state) {
    (void)state;
    for (guint i = 0; i < G_N_ELEMENTS(gate_cases); i++) {
        const GateCase *c = &gate_cases[i];
        KeyframeGate gate = { 0 };
        gint64 base_us = 1000 * (gint64)S;
        print_message("case: %s\n", c->name);
        for (gint64 ms = 0; ms < 4000; ms += 10) {
            if (is_in(c->wishes_ms, ms)) keyframe_gate_ask(&gate, base_us + ms * MS);
            if (ms % 40 != 0) continue;
            gboolean forced = keyframe_gate_pass(&gate, base_us + ms * MS);
            if (!forced && is_in(c->natural_ms, ms)) keyframe_gate_made(&gate, base_us + ms * MS);
            if (forced != is_in(c->forced_ms, ms)) fail_msg("%s: at %d ms", c->name, (int)ms);
        }
    }
}

/* ---- a leg on a simulated line: ladder and estimate together ---- */

typedef struct {
    guint from_s, capacity_kbps; /* from this second on */
    double loss;                 /* beside what the capacity costs */
    double ease;                 /* share of its nominal rate that the picture needs; 0: 0.95 */
} LineStep;

typedef struct {
    const char *name;
    LineStep steps[6]; /* capacity 0 ends */
    gboolean remb;
    guint seconds;
    guint rung_at[6][2]; /* { second, rung }, second 0 ends */
    guint changes_max;
} LineCase;

static const LadderRung line_rungs[] = {
    { 1500000, FALSE }, { 500000, FALSE }, { 150000, FALSE }, { 20000, FALSE }
};
enum { STILL_RUNG = 3 };

static const LineCase line_cases[] = {
    { "a good line stays on top", { { 0, 5000, 0, 0 } }, TRUE, 60, { { 5, 0 }, { 59, 0 } }, 0 },
    { "a little loss is no reason", { { 0, 5000, 0.01, 0 } }, TRUE, 60, { { 5, 0 }, { 59, 0 } }, 0 },
    { "an easy picture stays on top",
      { { 0, 5000, 0, 0.95 }, { 3, 5000, 0, 0.15 }, { 30, 5000, 0.01, 0.9 } },
      TRUE,
      60,
      { { 5, 0 }, { 59, 0 } },
      0 },
    { "a narrow line: down within seconds", { { 0, 700, 0, 0 } }, TRUE, 8, { { 5, 1 }, { 7, 1 } }, 1 },
    { "a narrow line without REMB", { { 0, 700, 0, 0 } }, FALSE, 8, { { 6, 1 } }, 2 },
    { "a very narrow line: lowest rung", { { 0, 220, 0, 0 } }, TRUE, 8, { { 6, 2 } }, 2 },
    { "tries to go up grow rare", { { 0, 700, 0, 0 } }, TRUE, 180, { { 5, 1 } }, 12 },
    { "a line that heals: up again",
      { { 0, 700, 0, 0 }, { 30, 5000, 0, 0 } },
      TRUE,
      120,
      { { 5, 1 }, { 100, 0 } },
      9 },
    { "30 % loss, whatever is sent: found out, and the best rung again",
      { { 0, 5000, 0.3, 0 } },
      FALSE,
      90,
      { { 20, 0 }, { 89, 0 } },
      3 },
    { "30 % loss, then healed", { { 0, 5000, 0.3, 0 }, { 20, 5000, 0, 0 } }, FALSE, 90, { { 60, 0 } }, 3 },
    { "30 % loss and a narrow line", { { 0, 700, 0.3, 0 } }, FALSE, 90, { { 10, 1 } }, 9 },
    { "50 kbit/s, then healed: moving again, and up",
      { { 0, 50, 0, 0 }, { 20, 5000, 0, 0 } },
      TRUE,
      110,
      { { 15, 3 }, { 105, 0 } },
      12 },
    { "30 % loss under an easy picture: it moves on",
      { { 0, 5000, 0.3, 0.2 } },
      FALSE,
      60,
      { { 40, 0 }, { 59, 0 } },
      4 },
    { "50 kbit/s: a still", { { 0, 50, 0, 0 } }, TRUE, 11, { { 10, 3 } }, 3 },
};

static const LineStep *step_at(const LineCase *c, guint second) {
    const LineStep *step = &c->steps[0];
    for (guint i = 0; i < 6 && c->steps[i].capacity_kbps != 0; i++)
        if (c->steps[i].from_s <= second) step = &c->steps[i];
    return step;
}

/* A quarter of a second of the leg: what it sends, what the line takes, what the receiver says. */
static void one_quarter(const LineCase *c, guint quarter, Bandwidth *bandwidth, const Ladder *ladder,
                        gint64 now_us) {
    guint second = quarter / 4;
    const LineStep *step = step_at(c, second);
    double sent_bps = ladder_rung(ladder) == STILL_RUNG
                          ? 20000
                          : ladder_bitrate_bps(ladder) * (step->ease > 0 ? step->ease : 0.95);
    double through_bps = MIN(sent_bps, step->capacity_kbps * 1000.0) * (1 - step->loss);
    for (guint k = 0; k < 5; k++)
        bandwidth_on_sent(bandwidth, (guint)(sent_bps / 8 / 1100 / 20) + 1, (gsize)(sent_bps / 8 / 20),
                          now_us + k * 50 * MS);
    if (quarter % 4 == 3)
        bandwidth_on_report(bandwidth, 1 - through_bps / sent_bps,
                            through_bps < sent_bps * 0.9 ? 240 * MS : 40 * MS, now_us + 210 * MS);
    if (!c->remb) return;
    /* a busy receiver now and then thinks the line is at its end when it is not */
    double of_received = second % 5 == 3 ? 0.85 : 1.5;
    double heard_bps = MIN(sent_bps * of_received, step->capacity_kbps * 1000.0);
    bandwidth_on_remb(bandwidth, (guint64)heard_bps, now_us + 220 * MS);
}

static void test_line(void **state) {
    (void)state;
    for (guint i = 0; i < G_N_ELEMENTS(line_cases); i++) {
        const LineCase *c = &line_cases[i];
        Bandwidth bandwidth;
        Ladder ladder;
        guint n_changes = 0;
        gint64 start_us = 500 * (gint64)S;
        print_message("case: %s\n", c->name);
        bandwidth_init(&bandwidth, 2000000, start_us);
        ladder_init(&ladder, line_rungs, G_N_ELEMENTS(line_rungs), 0, start_us);
        for (guint quarter = 0; quarter < c->seconds * 4; quarter++) {
            gint64 now_us = start_us + (gint64)quarter * 250 * MS;
            one_quarter(c, quarter, &bandwidth, &ladder, now_us);
            now_us += 240 * MS;
            LadderMove move =
                ladder_update(&ladder, bandwidth_estimate_bps(&bandwidth), bandwidth_sent_bps(&bandwidth),
                              bandwidth_is_clean(&bandwidth, now_us), FALSE, now_us);
            if (move == LADDER_UP || move == LADDER_BACK)
                bandwidth_on_trial(&bandwidth, ladder_bitrate_bps(&ladder));
            if (move != LADDER_STAYS) n_changes++;
            for (guint k = 0; c->rung_at[k][0] != 0; k++)
                if (c->rung_at[k][0] * 4 == quarter && ladder_rung(&ladder) != c->rung_at[k][1])
                    fail_msg("%s: rung %u after %u s, estimate %u", c->name, ladder_rung(&ladder),
                             quarter / 4, bandwidth_estimate_bps(&bandwidth));
        }
        if (n_changes > c->changes_max) fail_msg("%s: %u changes", c->name, n_changes);
    }
}

static void test_nacks_lower(void **state) {
    (void)state;
    Bandwidth bandwidth;
    bandwidth_init(&bandwidth, 2000000, S);
    for (guint k = 1; k <= 20; k++) {
        gint64 now_us = S + (gint64)k * 100 * MS;
        bandwidth_on_sent(&bandwidth, 15, 15 * 1100, now_us);
        bandwidth_on_nack(&bandwidth, 3, now_us);
    }
    assert_true(bandwidth_estimate_bps(&bandwidth) < 1400000);
    assert_false(bandwidth_is_clean(&bandwidth, S + 2000 * MS));
}

/* As a browser told it on a line without fault, when a still picture became lively: far below what is sent, but growing. */
static void test_growing_remb_is_no_narrow_line(void **state) {
    (void)state;
    Bandwidth bandwidth;
    double remb_bps = 118600;
    bandwidth_init(&bandwidth, 1800000, S);
    for (guint k = 0; k < 40; k++) {
        gint64 now_us = S + (gint64)k * 200 * MS;
        bandwidth_on_sent(&bandwidth, 5, 206000 / 8 / 5, now_us);
        if (k >= 6) bandwidth_on_remb(&bandwidth, (guint64)remb_bps, now_us + 10 * MS);
        if (k >= 6) remb_bps *= 1.016;
        if (k % 5 == 0) bandwidth_on_report(&bandwidth, 0, 20 * MS, now_us + 20 * MS);
    }
    assert_int_equal(bandwidth_estimate_bps(&bandwidth), 1800000);
    assert_true(bandwidth_is_clean(&bandwidth, S + 8000 * MS));
}

/* The browser's machine was busy for a moment: its REMB fell to a third, and nothing else is wrong. */
static void test_busy_receiver_is_no_narrow_line(void **state) {
    (void)state;
    Bandwidth bandwidth;
    bandwidth_init(&bandwidth, 1800000, S);
    for (guint k = 0; k < 50; k++) {
        gint64 now_us = S + (gint64)k * 200 * MS;
        bandwidth_on_sent(&bandwidth, 5, 200000 / 8 / 5, now_us);
        double remb_bps = k < 20 ? 350000 : 61144 * (1 + 0.016 * (k - 20));
        bandwidth_on_remb(&bandwidth, (guint64)remb_bps, now_us + 10 * MS);
        if (k % 5 == 0) bandwidth_on_report(&bandwidth, 0, k == 20 ? 300 * MS : 5 * MS, now_us + 20 * MS);
    }
    assert_int_equal(bandwidth_estimate_bps(&bandwidth), 1800000);
}

/* A line that was cut for 10 s: the first report tells that all of it was lost, and that is no news of the line's width. The
 * same report from a line that was never silent is. */
static void test_cut_line_is_no_narrow_line(void **state) {
    static const struct {
        const char *name;
        guint every_s, gap_s; /* of reports: before, and up to the one that tells of loss */
        gboolean keeps;
    } CASES[] = { { "cut for 10 s", 1, 10, TRUE },
                  { "cut for 2 s", 1, 3, TRUE },
                  { "never cut", 1, 1, FALSE },
                  { "reports every 5 s, never cut", 5, 5, FALSE },
                  { "reports every 5 s, cut for 10 s", 5, 14, TRUE } };
    (void)state;
    for (guint i = 0; i < G_N_ELEMENTS(CASES); i++) {
        Bandwidth bandwidth;
        gint64 now_us = S;
        bandwidth_init(&bandwidth, 1800000, now_us);
        for (guint k = 0; k < 5 * CASES[i].every_s; k++, now_us += S) {
            bandwidth_on_sent(&bandwidth, 150, 187500, now_us);
            if (k % CASES[i].every_s == 0) bandwidth_on_report(&bandwidth, 0, 5 * MS, now_us);
        }
        guint32 before_bps = bandwidth_estimate_bps(&bandwidth);
        now_us += (gint64)CASES[i].gap_s * S - (gint64)CASES[i].every_s * S;
        bandwidth_on_sent(&bandwidth, 2, 200, now_us);
        bandwidth_on_report(&bandwidth, 0.99, 5 * MS, now_us);
        if ((bandwidth_estimate_bps(&bandwidth) >= before_bps) != CASES[i].keeps)
            fail_msg("%s: %u bps before, %u after", CASES[i].name, before_bps,
                     bandwidth_estimate_bps(&bandwidth));
        /* And what follows the return counts again. */
        for (guint k = 0; k < 5; k++, now_us += S) {
            bandwidth_on_sent(&bandwidth, 150, 187500, now_us);
            bandwidth_on_report(&bandwidth, 0.6, 5 * MS, now_us);
        }
        if (bandwidth_estimate_bps(&bandwidth) >= before_bps) fail_msg("%s: deaf ever after", CASES[i].name);
    }
}

static void test_limits(void **state) {
    (void)state;
    Bandwidth bandwidth;
    bandwidth_init(&bandwidth, 0, S);
    assert_int_equal(bandwidth_estimate_bps(&bandwidth), BANDWIDTH_BPS_MIN);
    for (guint k = 0; k < 500; k++) {
        bandwidth_on_sent(&bandwidth, 1000, 100000000, S + (gint64)k * S);
        bandwidth_on_report(&bandwidth, 0, 0, S + (gint64)k * S);
    }
    assert_int_equal(bandwidth_estimate_bps(&bandwidth), BANDWIDTH_BPS_MAX);
    bandwidth_on_report(&bandwidth, 0.05, 0, S + 499 * (gint64)S);
    bandwidth_on_remb(&bandwidth, 1000000, S + 499 * (gint64)S);
    bandwidth_on_remb(&bandwidth, 0, S + 500 * (gint64)S);
    bandwidth_on_remb(&bandwidth, 0, S + 501 * (gint64)S - 1);
    assert_int_equal(bandwidth_estimate_bps(&bandwidth), BANDWIDTH_BPS_MIN);
    Ladder ladder;
    ladder_init(&ladder, NULL, 0, 3, S);
    assert_int_equal(ladder_update(&ladder, 1, 1, FALSE, FALSE, S), LADDER_STAYS);
    assert_false(ladder_push_down(&ladder, S));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_gate),
        cmocka_unit_test(test_line),
        cmocka_unit_test(test_nacks_lower),
        cmocka_unit_test(test_growing_remb_is_no_narrow_line),
        cmocka_unit_test(test_busy_receiver_is_no_narrow_line),
        cmocka_unit_test(test_cut_line_is_no_narrow_line),
        cmocka_unit_test(test_limits),
    };
    return cmocka_run_group_tests_name("line policies", tests, NULL, NULL);
}
