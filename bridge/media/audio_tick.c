/* audio_tick.c -- see audio_tick.h. */
#include "bridge/media/audio_tick.h"

AudioTick *audio_tick_new(void) {
    AudioTick *tick = g_new0(AudioTick, 1);
    tick->n_refs = 1;
    return tick;
}

AudioTick *audio_tick_ref(AudioTick *tick) {
    g_atomic_int_inc(&tick->n_refs);
    return tick;
}

static void drop(AudioTiers *mix) {
    for (guint i = 0; i < N_AUDIO_TIERS; i++) block_unref(mix->block[i]);
}

void audio_tick_unref(AudioTick *tick) {
    if (!g_atomic_int_dec_and_test(&tick->n_refs)) return;
    drop(&tick->listeners);
    for (guint i = 0; i < tick->n_private; i++) drop(&tick->private[i].mix);
    g_free(tick);
}
