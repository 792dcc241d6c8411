/* loss_judge.h -- pure: does a line lose packets because too much is sent, or whatever is sent (radio, a bad cable)? Found out
 * when less is sent: a line that is too narrow then loses less, by as much as can be foretold; a bad one goes on as before. */
#pragma once

#include <glib.h>

typedef struct {
    double floor;             /* share that the line loses in any case, 0..1 */
    double ref_bps, ref_loss; /* when there was much loss; 0: there was none */
    double cleared_bps;       /* what was sent when it was lost without fault of ours */
    double low_loss;          /* sum of what was lost since less is sent */
    guint n_low;              /* reports since then */
    gint64 ref_us, asked_us;  /* asked: when the inquiry began, with a step down */
} LossJudge;                  /* zero-initialise */

/* A queue is emptying: what is lost now belongs to what was sent before. */
static inline void loss_judge_wait(LossJudge *judge) {
    judge->n_low = 0;
    judge->low_loss = 0;
}

/* The share of a loss that is not the line's own. */
double loss_judge_excess(const LossJudge *judge, guint n_packets, double loss);

typedef enum { LOSS_OURS, LOSS_PENDING, LOSS_FOUND_RANDOM } LossVerdict;

/* A report: what was sent in its time, in how many packets, and the share of them that was lost. ret_excess: see above.
 * PENDING: the next reports will tell, better wait. FOUND_RANDOM: once. */
LossVerdict loss_judge_report(LossJudge *judge, double sent_bps, guint n_packets, double loss, gint64 now_us,
                              double *ret_excess);
