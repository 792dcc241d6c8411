/* audio_tier.c -- see audio_tier.h. */
#include "bridge/policy/audio_tier.h"

#include <math.h>

static const double LOSS_FALLS_US = 4e6;
static const double STILL_LOSSY = 0.05, LITTLE_BETTER = 0.6, WORSE = 1.4, WORSE_BY = 0.05;

void audio_tier_init(AudioTierChoice *choice) {
    *choice = (AudioTierChoice){ .tier = AUDIO_TIER_PLAIN, .roomy = TRUE };
}

void audio_tier_on_report(AudioTierChoice *choice, double fraction_lost, gint64 now_us) {
    if (choice->queued_us > choice->reported_us) fraction_lost = MIN(fraction_lost, choice->own_loss);
    double left = choice->reported ? exp(-(double)(now_us - choice->reported_us) / LOSS_FALLS_US) : 0;
    choice->loss = MAX(fraction_lost, fraction_lost + (choice->loss - fraction_lost) * left);
    choice->reported = TRUE;
    choice->reported_us = now_us;
    if (fraction_lost > 0) choice->lost_us = now_us;
}

void audio_tier_on_queue(AudioTierChoice *choice, double own_loss, gint64 now_us) {
    choice->queued_us = now_us;
    choice->own_loss = own_loss;
    choice->loss = MIN(choice->loss, own_loss); /* what was told lately was the beginning of it */
    if (own_loss < AUDIO_LOSSY_ABOVE) choice->lossy = FALSE;
    if (choice->in_spite) choice->no_trial_until_us = now_us + AUDIO_NO_TRIAL_US;
    choice->in_spite = FALSE;
    choice->judge_us = 0;
}

/* TRUE once `good` has held for long enough. */
static gboolean held(gint64 *since_us, gboolean good, gint64 long_enough_us, gint64 now_us) {
    if (!good)
        *since_us = 0;
    else if (*since_us == 0)
        *since_us = now_us;
    return good && now_us - *since_us >= long_enough_us;
}

/* Has the narrow tier ended the loss? If not, copies are tried; have they made it worse? */
static void judge(AudioTierChoice *choice, double loss, gint64 now_us) {
    if (choice->judge_us == 0 || now_us < choice->judge_us) return;
    choice->judge_us = 0;
    if (!choice->in_spite && loss > STILL_LOSSY && loss > choice->loss_before * LITTLE_BETTER &&
        now_us >= choice->no_trial_until_us) {
        choice->in_spite = TRUE;
        choice->judge_us = now_us + AUDIO_TRIAL_US;
        choice->loss_before = loss;
    } else if (choice->in_spite && loss > choice->loss_before * WORSE + WORSE_BY) {
        choice->in_spite = FALSE;
        choice->no_trial_until_us = now_us + AUDIO_NO_TRIAL_US;
    }
}

/* Who has lost one packet may lose another: thin copies for as long as it takes to believe otherwise. */
static gboolean loses(AudioTierChoice *choice, double loss, gint64 now_us) {
    if (loss > 0 && !choice->reported) choice->lost_us = now_us;
    return choice->lost_us != 0 && now_us - choice->lost_us < AUDIO_CLEAN_US;
}

static AudioTier choose(AudioTierChoice *choice, double loss, gboolean copies, gint64 now_us) {
    gboolean poor = choice->narrow || !choice->roomy;
    if (!copies && choice->narrow) return AUDIO_TIER_NARROW;
    if (!copies) return loses(choice, loss, now_us) ? AUDIO_TIER_FEC : AUDIO_TIER_PLAIN;
    if (!poor) return AUDIO_TIER_RED;
    gboolean began = choice->tier != AUDIO_TIER_NARROW_RED && !choice->in_spite;
    /* Loss without a queue: rather a bad line than a narrow one, so the trial comes first where copies fit at all. */
    if (began && choice->fits && now_us >= choice->no_trial_until_us) choice->in_spite = TRUE;
    if (began || (choice->judge_us == 0 && !choice->in_spite)) {
        choice->judge_us = now_us + AUDIO_TRIAL_US;
        choice->loss_before = loss;
    }
    judge(choice, loss, now_us);
    return choice->in_spite ? AUDIO_TIER_RED : AUDIO_TIER_NARROW_RED;
}

gboolean audio_tier_update(AudioTierChoice *choice, double loss_elsewhere, guint32 estimate_bps, gboolean red,
                           gint64 now_us) {
    gboolean queued = choice->queued_us == now_us;
    double loss = choice->reported ? choice->loss : queued ? choice->own_loss : loss_elsewhere;
    AudioTier before = choice->tier;
    if (held(&choice->clean_since_us, loss < AUDIO_LOSSY_BELOW, AUDIO_CLEAN_US, now_us))
        choice->lossy = FALSE;
    if (loss >= AUDIO_LOSSY_ABOVE) choice->lossy = TRUE;
    if (held(&choice->wide_since_us, estimate_bps > AUDIO_NARROW_ABOVE_BPS, AUDIO_WIDE_US, now_us))
        choice->narrow = FALSE;
    if (estimate_bps < AUDIO_NARROW_BELOW_BPS) choice->narrow = TRUE;
    choice->fits = !queued && estimate_bps >= AUDIO_TRY_ABOVE_BPS;
    choice->roomy = estimate_bps >= (choice->roomy ? AUDIO_RED_BELOW_BPS : AUDIO_RED_ABOVE_BPS);
    if (!choice->lossy || (!choice->narrow && choice->roomy)) choice->in_spite = FALSE;
    choice->tier = choose(choice, loss, choice->lossy && red, now_us);
    return choice->tier != before;
}

const char *audio_tier_word(AudioTier tier) {
    switch (tier) {
    case AUDIO_TIER_PLAIN: return "plain";
    case AUDIO_TIER_FEC: return "fec";
    case AUDIO_TIER_RED: return "red";
    case AUDIO_TIER_NARROW: return "narrow";
    case AUDIO_TIER_NARROW_RED: return "narrow_red";
    case N_AUDIO_TIERS: break;
    }
    return "unknown";
}
