/* downlink_sound.h -- what a downlink knows of its sound's tier; only downlink*.c look here. */
#pragma once

#include "bridge/policy/audio_tier.h"

typedef struct {
    AudioTierChoice choice;
    AudioTier told;    /* the mixer knows that somebody listens in it */
    gboolean grouping; /* NARROW: the three ticks under way leave as one packet */
    guint n_waited;    /* packets of three ticks since it should have begun or ceased */
    gint64 next_choice_us;
} DownlinkSound;
