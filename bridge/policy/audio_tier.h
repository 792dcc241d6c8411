/* audio_tier.h -- pure: in which form a leg's sound travels, from what its line does.
 * Loss and width are judged apart, each with its own hysteresis: down at once, up after a time without trouble.
 * Copies mend what is lost by chance. What is lost while a queue stands in the line is lost for want of room, and copies would
 * only feed the queue: such loss does not count.
 * A low estimate may be the fault of loss that no narrowing mends. So who goes on losing packets in the narrow tier, without
 * a queue, is given the wide copies on trial, and keeps them unless they make it worse or a queue appears. */
#pragma once

#include <glib.h>

typedef enum {
    AUDIO_TIER_PLAIN, /* 20 ms packets on a line that loses nothing: whether they carry copies is all the same */
    AUDIO_TIER_FEC, /* 20 ms packets that carry a thin copy of the one before (Opus in-band FEC) */
    AUDIO_TIER_RED, /* the same with whole copies of the two before (RFC 2198): three in a row may be lost */
    AUDIO_TIER_NARROW,     /* 60 ms packets of 14 kbit/s without a header extension */
    AUDIO_TIER_NARROW_RED, /* the same with a copy of the one before */
    N_AUDIO_TIERS
} AudioTier;

enum {
    AUDIO_NARROW_BELOW_BPS = 125000, /* a line of less is narrow: else the picture stands still there */
    AUDIO_NARROW_ABOVE_BPS = 170000, /* and of more for AUDIO_WIDE_US no longer */
    AUDIO_RED_ABOVE_BPS = 160000,    /* copies of 20 ms packets need 100 kbit/s in all */
    AUDIO_RED_BELOW_BPS = 130000,
    AUDIO_TRY_ABOVE_BPS = 80000, /* here they are tried if no queue stands */
};
static const double AUDIO_LOSSY_ABOVE = 0.03, AUDIO_LOSSY_BELOW = 0.01;
static const gint64 AUDIO_WIDE_US = 10 * G_USEC_PER_SEC, AUDIO_CLEAN_US = 10 * G_USEC_PER_SEC;
static const gint64 AUDIO_TRIAL_US = 12 * G_USEC_PER_SEC; /* two reports of a browser */
static const gint64 AUDIO_NO_TRIAL_US = 60 * G_USEC_PER_SEC;

typedef struct {
    AudioTier tier;
    gboolean reported;
    double loss; /* by chance; rises at once, falls with a time constant of 4 s */
    gint64 reported_us;
    gint64 lost_us;                /* when anything was lost last; 0: never */
    gint64 queued_us;              /* a queue stood, last; 0: never */
    double own_loss;               /* of the line, known then: by chance in any case */
    gboolean lossy, narrow, roomy; /* roomy: copies have room */
    gint64 clean_since_us, wide_since_us;
    gboolean fits;     /* copies may be tried in spite of a low estimate */
    gboolean in_spite; /* copies in spite of a low estimate */
    gint64 judge_us,
        no_trial_until_us; /* judge: when it will have shown whether the last change was good; 0: it has */
    double loss_before;    /* when that change was made */
} AudioTierChoice;

void audio_tier_init(AudioTierChoice *choice); /* AUDIO_TIER_PLAIN */

/* The sound's own receiver report: fraction_lost 0..1 since the report before. */
void audio_tier_on_report(AudioTierChoice *choice, double fraction_lost, gint64 now_us);

/* A queue stands in the line now, of which it is known that it loses own_loss whatever is sent. Before audio_tier_update(). */
void audio_tier_on_queue(AudioTierChoice *choice, double own_loss, gint64 now_us);

/* loss_elsewhere: of the leg's picture, counts while the sound has never been reported. estimate_bps: of the whole line.
 * red: both sides agreed on it. TRUE: choice->tier is another one than before. */
gboolean audio_tier_update(AudioTierChoice *choice, double loss_elsewhere, guint32 estimate_bps, gboolean red,
                           gint64 now_us);

const char *audio_tier_word(AudioTier tier);
