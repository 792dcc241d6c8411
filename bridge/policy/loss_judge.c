/* loss_judge.c -- see loss_judge.h. */
#include "bridge/policy/loss_judge.h"

#include <math.h>

static const double MUCH = 0.08;  /* loss worth an inquiry */
static const double LESS = 0.75;  /* so much less must be sent to see a difference */
static const double APART = 0.08; /* the two foretold losses must differ by that to be told from each other */
static const double SLACK_MIN = 0.04, SCATTER = 2; /* reports of few packets scatter */
static const double FLOOR_MIN = 0.005, FLOOR_MAX = 0.45, FOLLOW = 0.15;

enum { REPORTS = 3, REF_US = 20000000, STEP_US = 1500000 };

/* The reports since less is sent are in (the first of them tells of both). */
static gboolean is_random(const LossJudge *judge, double sent_bps) {
    double now_loss = judge->low_loss / (REPORTS - 1);
    if (now_loss > FLOOR_MAX) return FALSE; /* no line that lives is that bad */
    double if_random = judge->ref_loss;
    double if_narrow = MAX(0.0, 1 - judge->ref_bps * (1 - judge->ref_loss) / sent_bps);
    if (fabs(if_random - if_narrow) < APART) return FALSE;
    /* More than before, though less is sent: the report before told of the time before the loss as well. */
    return MAX(if_random - now_loss, 0.0) < fabs(now_loss - if_narrow) / 2;
}

double loss_judge_excess(const LossJudge *judge, guint n_packets, double loss) {
    double scatter = SCATTER * sqrt(judge->floor * (1 - judge->floor) / MAX(n_packets, 10u));
    double slack = judge->floor > 0 ? MAX(scatter, SLACK_MIN) : 0;
    return loss > judge->floor + slack ? (loss - judge->floor) / (1 - judge->floor) : 0;
}

/* The step down that is the question shows only in a moment: a second one meanwhile would take another rung. */
static LossVerdict before_step(const LossJudge *judge, double loss, gint64 now_us) {
    return loss <= FLOOR_MAX && now_us - judge->asked_us <= STEP_US ? LOSS_PENDING : LOSS_OURS;
}

LossVerdict loss_judge_report(LossJudge *judge, double sent_bps, guint n_packets, double loss, gint64 now_us,
                              double *ret_excess) {
    *ret_excess = loss_judge_excess(judge, n_packets, loss);
    if (judge->floor > 0 && *ret_excess <= 0) judge->floor += (loss - judge->floor) * FOLLOW;
    if (judge->floor < FLOOR_MIN) judge->floor = 0;
    gboolean stale = now_us - judge->ref_us > REF_US;
    gboolean asks = judge->ref_bps <= 0 || stale;
    if (*ret_excess > MUCH && (judge->ref_bps <= 0 || sent_bps > judge->ref_bps * 0.9 || stale)) {
        *judge = (LossJudge){ .floor = judge->floor,
                              .cleared_bps = judge->cleared_bps,
                              .ref_bps = sent_bps,
                              .ref_loss = MIN(loss, 1.0),
                              .ref_us = now_us,
                              .asked_us = asks ? now_us : judge->asked_us };
        return asks ? LOSS_OURS : before_step(judge, loss, now_us);
    }
    if (judge->ref_bps <= 0 || stale || sent_bps <= 0) return LOSS_OURS;
    if (sent_bps > judge->ref_bps * LESS) return before_step(judge, loss, now_us);
    if (judge->n_low++ > 0) judge->low_loss += loss;
    if (judge->n_low < REPORTS) return loss <= FLOOR_MAX ? LOSS_PENDING : LOSS_OURS;
    gboolean random = is_random(judge, sent_bps);
    if (random) judge->floor = MIN(judge->low_loss / (REPORTS - 1), FLOOR_MAX);
    judge->n_low = 0;
    judge->low_loss = 0;
    judge->cleared_bps = random ? judge->ref_bps : 0;
    judge->ref_bps = 0;
    if (random) *ret_excess = 0;
    return random ? LOSS_FOUND_RANDOM : LOSS_OURS;
}
