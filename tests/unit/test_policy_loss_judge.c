/* test_policy_loss_judge.c -- is it the line or is it us? Reports as they came, one after the other, and what is made of them. */
#include "bridge/policy/loss_judge.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

enum { REPORTS_MAX = 12, EVERY_US = 700000 };

typedef struct {
    guint kbps, n_packets;
    double loss;
    LossVerdict verdict;
} Told;

typedef struct {
    const char *name;
    Told told[REPORTS_MAX]; /* ends with 0 kbit/s */
    double floor;           /* what is believed of the line at the end */
} Case;

#define OURS  LOSS_OURS
#define WAIT  LOSS_PENDING
#define FOUND LOSS_FOUND_RANDOM

static const Case CASES[] = {
    { "a fifth is lost, whatever is sent",
      { { 1900, 120, 0.20, OURS },
        { 1000, 70, 0.21, WAIT },
        { 900, 60, 0.19, WAIT },
        { 900, 60, 0.20, FOUND } },
      0.20 },
    /* The loss began within the first report; half again as much in the next was taken for a line that got worse, and the
     * leg stepped down to another rung, from which it takes a keyframe to come back. */
    { "a first report that is half from before",
      { { 1960, 120, 0.12, OURS },
        { 680, 60, 0.22, WAIT },
        { 690, 55, 0.20, WAIT },
        { 480, 50, 0.19, FOUND } },
      0.20 },
    { "the same at a third",
      { { 2220, 120, 0.15, OURS },
        { 590, 50, 0.34, WAIT },
        { 580, 50, 0.29, WAIT },
        { 640, 55, 0.36, FOUND } },
      0.32 },
    { "a line of 1 Mbit/s without a queue",
      { { 1500, 120, 0.33, OURS },
        { 1000, 90, 0.05, WAIT },
        { 900, 80, 0.00, WAIT },
        { 900, 80, 0.00, OURS } },
      0 },
    { "and where the first report tells of the time before",
      { { 1500, 120, 0.16, OURS },
        { 1000, 90, 0.30, WAIT },
        { 900, 80, 0.00, WAIT },
        { 900, 80, 0.02, OURS } },
      0 },
    { "half and more is no chance", { { 1500, 120, 0.55, OURS }, { 800, 80, 0.6, OURS } }, 0 },
    /* What was sent before the step was told of once more, and the leg stepped to another rung at once. */
    { "the step down shows only in the third report",
      { { 1930, 120, 0.15, OURS },
        { 1946, 120, 0.30, WAIT },
        { 1320, 90, 0.30, WAIT },
        { 900, 60, 0.27, WAIT },
        { 900, 60, 0.31, FOUND } },
      0.29 },
    { "nothing less was sent for long: nothing is known",
      { { 1500, 120, 0.2, OURS },
        { 1450, 120, 0.2, WAIT },
        { 1400, 120, 0.2, WAIT },
        { 1400, 110, 0.2, OURS } },
      0 },
};

static void reports_are_judged(void **state) {
    (void)state;
    for (guint i = 0; i < G_N_ELEMENTS(CASES); i++) {
        LossJudge judge = { 0 };
        gint64 now_us = G_USEC_PER_SEC;
        for (const Told *told = CASES[i].told; told->kbps > 0; told++, now_us += EVERY_US) {
            double excess;
            LossVerdict verdict =
                loss_judge_report(&judge, told->kbps * 1000.0, told->n_packets, told->loss, now_us, &excess);
            if (verdict != told->verdict)
                fail_msg("%s: report %d: %d", CASES[i].name, (int)(told - CASES[i].told), (int)verdict);
        }
        if (judge.floor < CASES[i].floor - 0.03 || judge.floor > CASES[i].floor + 0.03)
            fail_msg("%s: floor %.2f", CASES[i].name, judge.floor);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = { cmocka_unit_test(reports_are_judged) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
