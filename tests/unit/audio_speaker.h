/* audio_speaker.h -- for audio tests: somebody who speaks a tone into Opus, over a line with a will of its own, into an
 * AudioUplink; and an ear (Goertzel) that finds tones again. All on simulated time. */
#pragma once

#include "bridge/media/audio_uplink.h"
#include "bridge/policy/voice_mix.h"

#include <math.h>
#include <opus/opus.h>
#include <string.h>

enum { SPEAKER_QUEUE = 256, SPEAKER_BYTES = 1275 };

typedef struct {
    gint64 arrives_us;
    guint16 sequence;
    guint32 rtp_time;
    guint8 level, bytes[SPEAKER_BYTES];
    gsize n_bytes;
} SpeakerPacket;

typedef struct Speaker Speaker;
struct Speaker {
    AudioUplink *uplink;
    OpusEncoder *opus;
    guint channels, packet_samples;
    double hz, amplitude, phase;
    double drift_ppm; /* its clock against ours: positive is fast */
    gboolean levels;  /* sends RFC 6464 levels */
    gint level_lie;   /* -1, or what it always declares */
    gboolean dtx;
    double swell; /* 0..1: swells and fades like speech; a steady tone is noise to Opus and falls under DTX */
    guint
        n_loop; /* after so many packets they are sent again from the first, which saves encoding; 0: never */
    guint16 sequence;
    guint32 rtp_time;
    gint64 sample_index;
    double next_us; /* when the next packet is ready */
    gint64 begin_us;
    gint64 transit_us;
    gboolean (*talks)(const Speaker *speaker, gint64 at_us); /* NULL: always */
    gint64 (*late_us)(const Speaker *speaker, gint64 at_us); /* NULL: never; kept in order */
    double loss;
    GRand *dice;
    gboolean stopped;
    SpeakerPacket queue[SPEAKER_QUEUE];
    guint n_queue;
    guint n_sent;
    SpeakerPacket loop[64];
    guint n_copies;                    /* of the packets before, in each packet (RED) */
    SpeakerPacket made[SPEAKER_QUEUE]; /* by sequence */
};

static inline Speaker *speaker_new(double hz, double amplitude, guint packet_samples, guint channels,
                                   gint64 now_us) {
    int rc;
    Speaker *speaker = g_new0(Speaker, 1);
    speaker->uplink = audio_uplink_new();
    speaker->opus = opus_encoder_create(48000, (int)channels, OPUS_APPLICATION_VOIP, &rc);
    opus_encoder_ctl(speaker->opus, OPUS_SET_BITRATE(32000));
    opus_encoder_ctl(speaker->opus, OPUS_SET_COMPLEXITY(2));
    opus_encoder_ctl(speaker->opus, OPUS_SET_INBAND_FEC(1));
    opus_encoder_ctl(speaker->opus, OPUS_SET_PACKET_LOSS_PERC(20));
    /* A pure tone looks like music, for which Opus carries no redundancy; a room's voice does not. */
    opus_encoder_ctl(speaker->opus, OPUS_SET_SIGNAL(OPUS_SIGNAL_VOICE));
    opus_encoder_ctl(speaker->opus, OPUS_SET_MAX_BANDWIDTH(OPUS_BANDWIDTH_WIDEBAND));
    speaker->channels = channels;
    speaker->packet_samples = packet_samples;
    speaker->hz = hz;
    speaker->amplitude = amplitude;
    speaker->levels = TRUE;
    speaker->level_lie = -1;
    speaker->transit_us = 30000;
    speaker->begin_us = now_us;
    speaker->next_us = (double)now_us;
    speaker->sequence = 65500;
    speaker->rtp_time = 0xffffff00;
    speaker->dice = g_rand_new_with_seed((guint32)hz);
    return speaker;
}

static inline void speaker_free(Speaker *speaker) {
    audio_uplink_unref(speaker->uplink);
    opus_encoder_destroy(speaker->opus);
    g_rand_free(speaker->dice);
    g_free(speaker);
}

static inline void speaker_use_dtx(Speaker *speaker) {
    speaker->dtx = TRUE;
    speaker->swell = 0.6;
    opus_encoder_ctl(speaker->opus, OPUS_SET_DTX(1));
}

static inline SpeakerPacket speaker_encode(Speaker *speaker) {
    gint16 samples[5760 * 2], mono[5760];
    gint64 at_us = (gint64)speaker->next_us;
    guint n = speaker->packet_samples;
    gdouble step = 2 * G_PI * speaker->hz / 48000;
    for (guint i = 0; i < n; i++) {
        gint64 sample_us = at_us + (gint64)i * 125 / 6;
        gboolean talks = speaker->talks == NULL || speaker->talks(speaker, sample_us);
        double swell = 1 - speaker->swell / 2 * (1 + sin(2 * G_PI * 4 * (double)sample_us / 1e6));
        mono[i] = talks ? (gint16)lrint(swell * speaker->amplitude * sin(speaker->phase)) : 0;
        speaker->phase += step;
        for (guint c = 0; c < speaker->channels; c++) samples[i * speaker->channels + c] = mono[i];
    }
    SpeakerPacket packet = { 0 };
    opus_int32 n_bytes = opus_encode(speaker->opus, samples, (int)n, packet.bytes, SPEAKER_BYTES);
    packet.n_bytes = n_bytes > 0 ? (gsize)n_bytes : 0;
    packet.level = !speaker->levels          ? AUDIO_LEVEL_UNKNOWN
                   : speaker->level_lie >= 0 ? (guint8)speaker->level_lie
                                             : voice_level(mono, n);
    return packet;
}

static inline void speaker_send(Speaker *speaker) {
    guint n = speaker->packet_samples, at = speaker->n_loop == 0 ? 0 : speaker->n_sent % speaker->n_loop;
    gint64 at_us = (gint64)speaker->next_us;
    SpeakerPacket packet = speaker->n_loop != 0 && speaker->n_sent >= speaker->n_loop
                               ? speaker->loop[at]
                               : speaker_encode(speaker);
    if (speaker->n_loop != 0) speaker->loop[at] = packet;
    packet.sequence = speaker->sequence;
    packet.rtp_time = speaker->rtp_time;
    speaker->rtp_time += n;
    speaker->next_us += (double)n * 1e6 / 48000 / (1 + speaker->drift_ppm * 1e-6);
    if (speaker->dtx && packet.n_bytes <= 2) return;
    speaker->made[packet.sequence % SPEAKER_QUEUE] = packet;
    speaker->sequence++;
    speaker->n_sent++;
    if (speaker->loss > 0 && g_rand_double(speaker->dice) < speaker->loss) return;
    packet.arrives_us = (gint64)speaker->next_us + speaker->transit_us;
    if (speaker->late_us != NULL) packet.arrives_us += speaker->late_us(speaker, at_us);
    if (speaker->n_queue > 0)
        packet.arrives_us = MAX(packet.arrives_us, speaker->queue[speaker->n_queue - 1].arrives_us);
    g_assert(speaker->n_queue < SPEAKER_QUEUE);
    speaker->queue[speaker->n_queue++] = packet;
}

static inline void speaker_push_copies(Speaker *speaker, const SpeakerPacket *packet) {
    for (guint back = speaker->n_copies; back > 0; back--) {
        const SpeakerPacket *copy = &speaker->made[(guint16)(packet->sequence - back) % SPEAKER_QUEUE];
        if (copy->n_bytes > 0)
            audio_uplink_repair(speaker->uplink, copy->sequence, copy->rtp_time, packet->level, copy->bytes,
                                copy->n_bytes, packet->arrives_us);
    }
}

/* Everything that is said and arrives up to now_us. */
static inline void speaker_run(Speaker *speaker, gint64 now_us) {
    while (!speaker->stopped && speaker->next_us <= (double)now_us) speaker_send(speaker);
    guint n = 0;
    for (; n < speaker->n_queue && speaker->queue[n].arrives_us <= now_us; n++) {
        const SpeakerPacket *packet = &speaker->queue[n];
        audio_uplink_push(speaker->uplink, packet->sequence, packet->rtp_time, packet->level, TRUE,
                          packet->bytes, packet->n_bytes, packet->arrives_us);
        speaker_push_copies(speaker, packet);
    }
    speaker->n_queue -= n;
    memmove(speaker->queue, speaker->queue + n, speaker->n_queue * sizeof *speaker->queue);
}

/* Amplitude of a tone in n samples (Goertzel). */
static inline double ear_tone(const gint16 *samples, guint n, double hz) {
    double coefficient = 2 * cos(2 * G_PI * hz / 48000), one = 0, two = 0;
    for (guint i = 0; i < n; i++) {
        double now = samples[i] + coefficient * one - two;
        two = one;
        one = now;
    }
    return 2 * sqrt(MAX(one * one + two * two - coefficient * one * two, 0)) / n;
}

static inline double ear_step_largest(const gint16 *samples, guint n) {
    double largest = 0;
    for (guint i = 1; i < n; i++) largest = MAX(largest, fabs((double)samples[i] - samples[i - 1]));
    return largest;
}
