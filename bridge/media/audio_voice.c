/* audio_voice.c -- see the header.  Start at audio_voice_pull().
 * Decoded samples wait in a short FIFO. `decode_time` is the RTP time of the sample behind its last one, so the sample that
 * is played next has the time decode_time - n_fifo; its distance from the place where the clock says it should be is the
 * excess, which all repairs bring back to zero. */
#include "bridge/media/audio_voice.h"

#include "bridge/media/audio_codec.h"
#include "bridge/policy/voice_delay.h"
#include "bridge/policy/voice_splice.h"
#include "bridge/wire/opus.h"

#include <string.h>

enum {
    WARM_PACKETS = 4,
    FIFO_SAMPLES = 3 * AUDIO_DECODED_SAMPLES_MAX,
    EXCESS_SAMPLES = 480, /* 10 ms more delay than needed are let be */
    SETTLED_SAMPLES = 120,
    LACK_SAMPLES = 48,    /* 1 ms less than needed is a gap sooner or later */
    LOST_SAMPLES = 24000, /* half a second off: begin anew */
    HOLD_SAMPLES_MAX = VOICE_TARGET_SAMPLES_MAX,
    PAUSE_LEVEL = 50,        /* quieter than this, a frame more or less is not heard */
    PAUSE_BELOW_SPEECH = 15, /* nor is it that far below the voice: the room's noise */
    SILENCE_SAMPLES = 48000, /* after a second of invented noise there is silence, which costs nothing */
    DTX_BYTES_MAX = 2,
};
static const gint64 OVER_US = 2 * G_USEC_PER_SEC;
static const gint64 UNDER_US = 200000;
static const float SPEECH_FADES_DB_PER_S = 3;
static const gint64 LOSS_US = 5 * G_USEC_PER_SEC;
static const gint64 SPLICE_US = 60000; /* at most 5 ms in 60: speech stays speech */

struct AudioVoice {
    AudioDecoder *decoder;
    AudioUplink *uplink; /* NULL: ended */
    AudioVoiceReport report;
    guint64 n_decoded;

    gboolean started;
    guint64 next;        /* sequence */
    guint64 decode_time; /* RTP time behind the FIFO */
    gint16 fifo[FIFO_SAMPLES];
    guint n_fifo;
    guint packet_samples; /* of the last packet */

    gboolean pausing; /* nothing is being said */
    guint n_held;     /* samples invented while waiting for a late packet */
    guint n_silent;   /* samples invented in a pause without packets */
    gint64 now_us, over_since_us, under_since_us, splice_us, lost_us;
    float loudest; /* level of the voice's loud parts of late, -dBov */
    gboolean shrinking, growing;

    AudioUplinkCounts counts;
    AudioPacket packet;
};

AudioVoice *audio_voice_new(void) {
    AudioVoice *voice = g_new0(AudioVoice, 1);
    voice->decoder = audio_decoder_new();
    return voice;
}

void audio_voice_end(AudioVoice *voice) {
    if (voice->uplink != NULL) audio_uplink_set_played(voice->uplink, 0, 0);
    g_clear_pointer(&voice->uplink, audio_uplink_unref);
    voice->started = FALSE;
}

void audio_voice_free(AudioVoice *voice) {
    if (voice == NULL) return;
    audio_voice_end(voice);
    audio_decoder_free(voice->decoder);
    g_free(voice);
}

const AudioVoiceReport *audio_voice_report(const AudioVoice *voice) { return &voice->report; }

guint64 audio_voice_n_decoded(const AudioVoice *voice) { return voice->n_decoded; }

/* How long sound is held. A line that loses packets gets one more of them: the redundant copy of a lost packet comes with
 * the next, and is of use only when that one is here in time. */
static gint64 target_samples(const AudioVoice *voice, gint64 now_us) {
    gint64 target = audio_uplink_target(voice->uplink);
    if (voice->lost_us == 0 || now_us - voice->lost_us > LOSS_US) return target;
    return MAX(target, MIN(target + voice->packet_samples, VOICE_TARGET_SAMPLES_MAX));
}

/* RTP time of the sample that is to be played at now_us, if the line keeps to what it did of late. */
static gint64 ideal_time(const AudioVoice *voice, gint64 now_us) {
    return voice_samples_from_us(now_us) - audio_uplink_base(voice->uplink) - target_samples(voice, now_us);
}

/* ---- what goes into the FIFO ---- */

static gint16 *fifo_end(AudioVoice *voice) { return voice->fifo + voice->n_fifo; }

static void fifo_drop(AudioVoice *voice, guint n_samples) {
    n_samples = MIN(n_samples, voice->n_fifo);
    voice->n_fifo -= n_samples;
    memmove(voice->fifo, voice->fifo + n_samples, voice->n_fifo * sizeof *voice->fifo);
}

static void conceal(AudioVoice *voice, guint n_samples) {
    n_samples = MIN(n_samples, (guint)AUDIO_DECODED_SAMPLES_MAX);
    audio_decoder_conceal(voice->decoder, fifo_end(voice), n_samples);
    voice->n_fifo += n_samples;
    voice->n_decoded++;
}

static guint round_up(guint n_samples) {
    return (n_samples + AUDIO_STEP_SAMPLES - 1) / AUDIO_STEP_SAMPLES * AUDIO_STEP_SAMPLES;
}

/* Is what was measured last said, or the noise between the words? */
static gboolean is_pause(AudioVoice *voice, guint n_samples) {
    float level = voice->report.measured;
    voice->loudest = MIN(level, voice->loudest + SPEECH_FADES_DB_PER_S * (float)n_samples / VOICE_RATE_HZ);
    return level > MIN((float)PAUSE_LEVEL, voice->loudest + PAUSE_BELOW_SPEECH);
}

/* voice->packet is the next one: decode it. */
static void decode_packet(AudioVoice *voice) {
    gint16 *samples = fifo_end(voice);
    guint n = audio_decoder_decode(voice->decoder, voice->packet.bytes, voice->packet.n_bytes, samples);
    voice->n_decoded++;
    voice->next = voice->packet.sequence + 1;
    if (n == 0) { /* lies inside: as good as lost */
        n = voice->packet_samples != 0 ? voice->packet_samples : VOICE_FRAME_SAMPLES;
        audio_decoder_conceal(voice->decoder, samples, n);
        voice->counts.n_concealed++;
    } else {
        voice->packet_samples = n;
        voice->counts.n_decoded++;
        voice->report.n_packets++;
        voice->report.declared = voice->packet.level;
        voice->report.measured = voice_level(samples, n);
        voice->pausing = is_pause(voice, n) || voice->packet.n_bytes <= DTX_BYTES_MAX;
    }
    voice->n_fifo += n;
    voice->decode_time = voice->packet.rtp_time + n;
    voice->n_held = voice->n_silent = 0;
}

/* Nothing follows what was played: the sender pauses, or the line does. */
static void bridge_underrun(AudioVoice *voice) {
    guint missing = round_up(VOICE_FRAME_SAMPLES - voice->n_fifo);
    if (voice->n_silent >= SILENCE_SAMPLES) {
        memset(fifo_end(voice), 0, missing * sizeof *voice->fifo);
        voice->n_fifo += missing;
    } else {
        conceal(voice, missing);
        if (!voice->pausing) voice->counts.n_concealed++;
    }
    if (voice->pausing) {
        voice->decode_time += missing;
        voice->n_silent += missing;
        return;
    }
    /* In the middle of a word: wait for its rest. decode_time stands still, so the delay grows by what is invented. */
    voice->n_held += missing;
    if (voice->n_held >= HOLD_SAMPLES_MAX) voice->pausing = TRUE;
}

/* A packet is there, but the sender left a pause before it. */
static void bridge_pause(AudioVoice *voice, guint64 gap, gint64 excess) {
    if (voice->shrinking && excess > 0) {
        guint64 skipped = MIN(gap, (guint64)excess);
        voice->decode_time += skipped;
        gap -= skipped;
        voice->counts.n_dropped_for_delay++;
    }
    guint n = (guint)MIN(gap, (guint64)(VOICE_FRAME_SAMPLES - voice->n_fifo));
    if (n < AUDIO_STEP_SAMPLES) {
        voice->decode_time += n;
        return;
    }
    n = n / AUDIO_STEP_SAMPLES * AUDIO_STEP_SAMPLES;
    conceal(voice, n);
    voice->decode_time += n;
    voice->pausing = TRUE;
}

/* voice->next is lost; voice->packet is the first that is there behind it. */
static void bridge_loss(AudioVoice *voice) {
    gint64 gap = (gint64)(voice->packet.rtp_time - voice->decode_time);
    if (gap < AUDIO_STEP_SAMPLES) { /* no time is missing */
        voice->next = voice->packet.sequence;
        return;
    }
    voice->lost_us = voice->now_us;
    guint64 n_missing = voice->packet.sequence - voice->next;
    guint64 each = (guint64)gap / n_missing;
    if (each > AUDIO_DECODED_SAMPLES_MAX) each = voice->packet_samples; /* a loss at the edge of a pause */
    guint n = (guint)(MIN(each, (guint64)gap) / AUDIO_STEP_SAMPLES * AUDIO_STEP_SAMPLES);
    n = MAX(n, (guint)AUDIO_STEP_SAMPLES);
    gboolean recovered = FALSE;
    if (n_missing == 1 && opus_payload_has_fec(voice->packet.bytes, voice->packet.n_bytes)) {
        recovered = audio_decoder_recover(voice->decoder, voice->packet.bytes, voice->packet.n_bytes,
                                          fifo_end(voice), n);
        voice->n_decoded++;
    }
    if (recovered) {
        voice->n_fifo += n;
        voice->counts.n_fec_used++;
    } else {
        conceal(voice, n);
        voice->counts.n_concealed++;
    }
    voice->decode_time += n;
    voice->next++;
}

/* The next packet's time lies before what was already put out: the pause was guessed too long, or it comes far too late. */
static void step_back(AudioVoice *voice, guint64 behind) {
    if (behind <= HOLD_SAMPLES_MAX || voice->packet.sequence == audio_uplink_highest(voice->uplink)) {
        voice->decode_time = voice->packet.rtp_time; /* play it all the same: the delay shrinks again later */
        return;
    }
    voice->next = voice->packet.sequence + 1;
    voice->counts.n_dropped_for_delay++;
}

/* The first packet from voice->next on that is still in the ring, into voice->packet. */
static gboolean find_packet(AudioVoice *voice, guint64 highest) {
    for (guint64 sequence = voice->next; sequence <= highest; sequence++)
        if (audio_uplink_read(voice->uplink, sequence, &voice->packet)) return TRUE;
    return FALSE;
}

/* Adds at least something to the FIFO, or moves on. */
static void fetch(AudioVoice *voice, gint64 excess) {
    guint64 highest = audio_uplink_highest(voice->uplink);
    if (voice->next > highest || !find_packet(voice, highest)) {
        bridge_underrun(voice);
        return;
    }
    gint64 gap = (gint64)(voice->packet.rtp_time - voice->decode_time);
    if (voice->packet.sequence != voice->next)
        bridge_loss(voice);
    else if (gap > 0)
        bridge_pause(voice, (guint64)gap, excess);
    else if (gap < 0)
        step_back(voice, (guint64)-gap);
    else
        decode_packet(voice);
}

/* ---- beginning ---- */

/* The newest packet that begins at or before `time`, or the oldest there is. 0: none. */
static guint64 find_place(AudioVoice *voice, guint64 highest, gint64 time) {
    guint64 found = 0;
    guint64 oldest = highest >= AUDIO_UPLINK_PACKETS ? highest - AUDIO_UPLINK_PACKETS + 2 : 1;
    for (guint64 sequence = highest; sequence >= oldest; sequence--) {
        if (!audio_uplink_read(voice->uplink, sequence, &voice->packet)) continue;
        /* Behind a cut lies another time: those packets are of no use. */
        if (found != 0 && time - (gint64)voice->packet.rtp_time > ((gint64)1 << 32)) break;
        found = sequence;
        if ((gint64)voice->packet.rtp_time <= time) break;
    }
    return found;
}

static void try_start(AudioVoice *voice, gint64 now_us) {
    guint64 highest = audio_uplink_highest(voice->uplink);
    if (highest == 0) return;
    gint64 time = ideal_time(voice, now_us);
    guint64 place = find_place(voice, highest, time);
    if (place == 0) return;
    voice->started = TRUE;
    voice->pausing = TRUE;
    voice->shrinking = voice->growing = FALSE;
    voice->over_since_us = voice->under_since_us = voice->lost_us = 0;
    voice->n_fifo = voice->n_held = voice->n_silent = 0;
    voice->packet_samples = 0;
    voice->loudest = PAUSE_LEVEL;
    audio_decoder_reset(voice->decoder);

    guint64 place_time = G_MAXINT64;
    if (audio_uplink_read(voice->uplink, place, &voice->packet)) place_time = voice->packet.rtp_time;
    gboolean inside = (gint64)place_time <= time; /* else it is all to come */
    for (guint64 sequence = place - WARM_PACKETS; sequence < place + (inside ? 1 : 0); sequence++) {
        if (!audio_uplink_read(voice->uplink, sequence, &voice->packet)) continue;
        if (place_time - voice->packet.rtp_time > LOST_SAMPLES * 100) continue; /* before a cut */
        voice->n_fifo = 0;
        decode_packet(voice);
    }
    voice->next = inside ? place + 1 : place;
    gint64 rest = (gint64)voice->decode_time - time;
    if (!inside || voice->n_fifo == 0 || rest <= 0) { /* a pause lies here */
        voice->n_fifo = 0;
        voice->decode_time = (guint64)MAX(time, 0);
    } else if (rest < voice->n_fifo) {
        fifo_drop(voice, voice->n_fifo - (guint)rest);
    }
    voice->report.n_packets = 0;
}

void audio_voice_begin(AudioVoice *voice, AudioUplink *uplink, gint64 now_us) {
    audio_uplink_ref(uplink);
    audio_voice_end(voice);
    voice->uplink = uplink;
    try_start(voice, now_us);
}

/* ---- the tick ---- */

static gint64 excess_now(const AudioVoice *voice, gint64 now_us) {
    return ideal_time(voice, now_us) - (gint64)(voice->decode_time - voice->n_fifo);
}

/* Has the delay been wrong for long enough to do something about it? */
static void watch_excess(AudioVoice *voice, gint64 excess, gint64 now_us) {
    if (excess <= EXCESS_SAMPLES)
        voice->over_since_us = 0;
    else if (voice->over_since_us == 0)
        voice->over_since_us = now_us;
    else if (now_us - voice->over_since_us >= OVER_US)
        voice->shrinking = TRUE;
    if (excess <= SETTLED_SAMPLES) voice->shrinking = FALSE;

    if (excess >= -LACK_SAMPLES)
        voice->under_since_us = 0;
    else if (voice->under_since_us == 0)
        voice->under_since_us = now_us;
    else if (now_us - voice->under_since_us >= UNDER_US)
        voice->growing = TRUE;
    if (excess >= 0) voice->growing = FALSE;
}

static void repair_delay(AudioVoice *voice, gint64 excess, gint64 now_us) {
    if (voice->pausing && voice->shrinking) { /* the newest frame is a pause: leave it out */
        guint n = (guint)CLAMP(excess, 0, (gint64)MIN(voice->n_fifo, VOICE_FRAME_SAMPLES));
        if (n > 0) voice->counts.n_dropped_for_delay++;
        voice->n_fifo -= n;
    } else if (voice->pausing && voice->growing) {
        conceal(voice, round_up((guint)MIN(-excess, VOICE_FRAME_SAMPLES)));
    } else if ((voice->shrinking || voice->growing) && now_us - voice->splice_us >= SPLICE_US &&
               voice->n_fifo >= SPLICE_SAMPLES_MIN) {
        voice->splice_us = now_us;
        voice->n_fifo = voice->shrinking ? splice_shorten(voice->fifo, voice->n_fifo, (guint)MAX(excess, 0))
                                         : splice_lengthen(voice->fifo, voice->n_fifo, FIFO_SAMPLES);
        if (voice->shrinking) voice->counts.n_dropped_for_delay++;
    }
}

static void fill(AudioVoice *voice, gint64 excess) {
    /* Each turn adds samples or moves on by a packet; the ring has no more of those than this. */
    for (guint turn = 0; turn < 3 * AUDIO_UPLINK_PACKETS && voice->n_fifo < VOICE_FRAME_SAMPLES; turn++)
        fetch(voice, excess);
    if (voice->n_fifo < VOICE_FRAME_SAMPLES) bridge_underrun(voice);
}

static void report(AudioVoice *voice, gint64 now_us) {
    guint64 time = voice->decode_time - voice->n_fifo;
    gint64 capture_us;
    if (audio_uplink_capture_us(voice->uplink, time, &capture_us))
        voice->report.path_delay_us = now_us - capture_us;
    else
        voice->report.path_delay_us =
            (voice_samples_from_us(now_us) - audio_uplink_base(voice->uplink) - (gint64)time) * 125 / 6;
    voice->report.pausing = voice->pausing;
}

void audio_voice_pull(AudioVoice *voice, gint64 now_us, gint16 ret_samples[VOICE_FRAME_SAMPLES]) {
    voice->now_us = now_us;
    voice->report.n_packets = 0;
    if (!voice->started) try_start(voice, now_us);
    if (!voice->started) {
        memset(ret_samples, 0, VOICE_FRAME_SAMPLES * sizeof *ret_samples);
        return;
    }
    gint64 excess = excess_now(voice, now_us);
    if (excess > LOST_SAMPLES) { /* the sender began anew, or we slept */
        try_start(voice, now_us);
        excess = excess_now(voice, now_us);
    }
    watch_excess(voice, excess, now_us);
    fill(voice, excess);
    repair_delay(voice, excess_now(voice, now_us), now_us);
    fill(voice, excess);
    report(voice, now_us);
    gint64 held = excess_now(voice, now_us) +
                  audio_uplink_target(voice->uplink); /* what is played now came so long ago */
    voice->report.excess_samples = excess;
    memcpy(ret_samples, voice->fifo, VOICE_FRAME_SAMPLES * sizeof *ret_samples);
    fifo_drop(voice, VOICE_FRAME_SAMPLES);
    audio_uplink_set_played(voice->uplink, voice->next, (guint)CLAMP(held / 48, 0, 10000));
    audio_uplink_count(voice->uplink, &voice->counts);
    voice->counts = (AudioUplinkCounts){ 0 };
}
