/* test_policy_probe.c -- probes on a line that has no room for the next level: how often they are made in vain, and how soon it
 * is noticed that there is room now. */
#include "bridge/policy/probe.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

enum { STEP_US = 200000, BEFORE_S = 300, AFTER_S = 120 };

typedef struct {
    const char *name;
    guint32 line_bps, wanted_bps;
    guint n_failed_max; /* in five minutes */
    guint there_s_max;  /* after the line has become wide */
} Case;

static const Case CASES[] = {
    { "300 kbit/s, the next level wants 390", 300000, 390000, 9, 75 },
    { "150 kbit/s, the next level wants 190", 150000, 190000, 9, 75 },
    { "700 kbit/s, the next level wants 1.1 Mbit/s", 700000, 1100000, 9, 75 },
};

typedef struct {
    Probe probe;
    guint32 has_bps;
    guint n_failed;
} Leg;

/* One look: a probe is at once held or not; what is believed afterwards is what the estimate would say. */
static void look(Leg *leg, guint32 line_bps, guint32 wanted_bps, gint64 now_us) {
    guint32 target_bps = probe_due(&leg->probe, wanted_bps, leg->has_bps, leg->has_bps * 2 / 3, TRUE, now_us);
    if (target_bps == 0) return;
    gboolean held = target_bps <= line_bps;
    probe_ended(&leg->probe, held, target_bps, now_us);
    leg->has_bps = held ? MAX(leg->has_bps, target_bps) : line_bps / 10 * 9;
    leg->n_failed += held ? 0 : 1;
}

static void probes_in_vain_become_rare_and_room_is_found(void **state) {
    (void)state;
    for (guint i = 0; i < G_N_ELEMENTS(CASES); i++) {
        const Case *one = &CASES[i];
        Leg leg = { .has_bps = one->line_bps / 10 * 8 };
        gint64 now_us = G_USEC_PER_SEC, healed_us = now_us + BEFORE_S * G_USEC_PER_SEC;
        for (; now_us < healed_us; now_us += STEP_US) look(&leg, one->line_bps, one->wanted_bps, now_us);
        if (leg.n_failed > one->n_failed_max || leg.n_failed == 0)
            fail_msg("%s: %u failed", one->name, leg.n_failed);
        while (leg.has_bps < one->wanted_bps && now_us < healed_us + AFTER_S * G_USEC_PER_SEC) {
            look(&leg, 10 * one->wanted_bps, one->wanted_bps, now_us);
            now_us += STEP_US;
        }
        if (now_us - healed_us > one->there_s_max * G_USEC_PER_SEC)
            fail_msg("%s: there after %u s", one->name, (guint)((now_us - healed_us) / G_USEC_PER_SEC));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = { cmocka_unit_test(probes_in_vain_become_rare_and_room_is_found) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
