/* voice_delay.c -- see the header. */
#include "bridge/policy/voice_delay.h"

static const gint64 WINDOW_US = 5 * G_USEC_PER_SEC;
static const gint64 UNKNOWN = G_MAXINT64;
enum { PACKETS_A_SECOND_MIN = 10 }; /* fewer: a pause with its few packets */

void voice_delay_init(VoiceDelay *delay) {
    *delay = (VoiceDelay){ .base_now = UNKNOWN, .base_before = UNKNOWN };
    for (guint i = 0; i < VOICE_DELAY_SECONDS; i++) delay->seconds[i].second = -1;
}

/* The newest second is complete: was all of it too late for any target? */
static void leave_second(VoiceDelay *delay) {
    guint at = (guint)(delay->second % VOICE_DELAY_SECONDS);
    if (delay->seconds[at].second != delay->second || delay->seconds[at].n < PACKETS_A_SECOND_MIN) return;
    gint64 least = delay->seconds[at].least;
    if (least - voice_delay_base(delay) <= VOICE_TARGET_SAMPLES_MAX) return;
    delay->base_now = least;
    delay->base_before = UNKNOWN;
    for (guint i = 0; i < VOICE_DELAY_SECONDS; i++)
        delay->seconds[i].runner_up = MIN(delay->seconds[i].runner_up, least);
}

void voice_delay_push(VoiceDelay *delay, guint64 rtp_time, gint64 arrival_us) {
    gint64 transit = voice_samples_from_us(arrival_us) - (gint64)rtp_time;
    if (!delay->started) {
        delay->started = TRUE;
        delay->started_us = delay->window_us = arrival_us;
    }
    if (arrival_us - delay->window_us >= WINDOW_US) {
        delay->base_before = delay->base_now;
        delay->base_now = UNKNOWN;
        delay->window_us = arrival_us;
    }
    delay->base_now = MIN(delay->base_now, transit);

    gint64 second = arrival_us / G_USEC_PER_SEC;
    guint at = (guint)(second % VOICE_DELAY_SECONDS);
    if (delay->seconds[at].second != second) {
        leave_second(delay);
        delay->seconds[at].second = second;
        delay->seconds[at].n = 0;
        delay->seconds[at].least = transit;
        delay->second = second;
    }
    delay->seconds[at].least = MIN(delay->seconds[at].least, transit);
    if (delay->seconds[at].n++ == 0) {
        delay->seconds[at].latest = delay->seconds[at].runner_up = transit;
    } else if (transit > delay->seconds[at].latest) {
        delay->seconds[at].runner_up = delay->seconds[at].latest;
        delay->seconds[at].latest = transit;
    } else if (delay->seconds[at].n == 2 || transit > delay->seconds[at].runner_up) {
        delay->seconds[at].runner_up = transit;
    }
}

gint64 voice_delay_base(const VoiceDelay *delay) {
    return delay->started ? MIN(delay->base_now, delay->base_before) : 0;
}

guint voice_delay_target(const VoiceDelay *delay, gint64 now_us) {
    gint64 base = voice_delay_base(delay), target = VOICE_TARGET_SAMPLES_MIN;
    gint64 second = now_us / G_USEC_PER_SEC;
    for (guint i = 0; i < VOICE_DELAY_SECONDS; i++) {
        if (delay->seconds[i].second < 0 || second - delay->seconds[i].second >= VOICE_DELAY_SECONDS)
            continue;
        /* The newest sample of a tick is one tick younger than its oldest: hence the minimum on top. */
        target = MAX(target, delay->seconds[i].runner_up - base + VOICE_TARGET_SAMPLES_MIN);
    }
    if (!delay->started || now_us - delay->started_us < 2 * G_USEC_PER_SEC)
        target = MAX(target, VOICE_TARGET_SAMPLES_START);
    return (guint)MIN(target, VOICE_TARGET_SAMPLES_MAX);
}
