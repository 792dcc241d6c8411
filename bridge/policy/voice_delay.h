/* voice_delay.h -- pure: how long a voice must wait before it is played, learned from how unevenly its packets arrive.
 * A packet's transit is its arrival minus its RTP time, in samples; the constant between the two clocks cancels out.
 * The sample with RTP time t may be played at transit_base + target + t: nearly all packets of the last seconds were there
 * by then. Follows clock drift and route changes by forgetting after 5 to 10 s; when a whole second is later than can be
 * waited for (a sender whose clock stood still while it sent nothing), that second is the new base at once. */
#pragma once

#include <glib.h>

enum {
    VOICE_TARGET_SAMPLES_MIN = 960,    /* 20 ms: one tick */
    VOICE_TARGET_SAMPLES_START = 2880, /* 60 ms, until two seconds are known */
    VOICE_TARGET_SAMPLES_MAX = 9600,   /* 200 ms */
    VOICE_DELAY_SECONDS = 5,
};

typedef struct {
    gboolean started;
    gint64 started_us, window_us;
    gint64 base_now, base_before; /* least transit of this window of 5 s and of the one before */
    gint64 second;
    /* Per second the latest and the second latest: one straggler is not the line. */
    struct {
        gint64 second, latest, runner_up, least;
        guint n;
    } seconds[VOICE_DELAY_SECONDS];
} VoiceDelay;

void voice_delay_init(VoiceDelay *delay);
/* rtp_time: 48 kHz, extended to 64 bits. */
void voice_delay_push(VoiceDelay *delay, guint64 rtp_time, gint64 arrival_us);
gint64 voice_delay_base(const VoiceDelay *delay);                 /* samples */
guint voice_delay_target(const VoiceDelay *delay, gint64 now_us); /* samples */

/* Microseconds -> samples at 48 kHz, the unit of all transits. */
static inline gint64 voice_samples_from_us(gint64 us) { return us * 6 / 125; }
