/* audio_out.c -- see the header.
 * A lane is one Opus encoder of a mix: 20 ms (FEC) or 60 ms (narrow, the ticks 3n, 3n + 1 and 3n + 2). What the listeners
 * heard of late is kept as samples, which warm an encoder that begins, and as packets, which RED repeats. */
#include "bridge/media/audio_out.h"

#include "bridge/wire/red.h"
#include "bridge/wire/rtp_profile.h"

#include <string.h>

enum {
    KEPT_FRAMES =
        2 * AUDIO_NARROW_TICKS, /* the narrow packet that ends now, and the one before to warm with */
    WARM_FRAMES = 3,
    SILENT_FRAMES = 50,
    SILENT_EVERY = 21, /* a multiple of three: both lanes meet in it */
    DTX_BYTES_MAX = 2,
    QUIET_LEVEL = 50,
    QUIET_FRAMES = 10,
    COPIES_MAX = 2,
    LOSS_PERCENT = 10, /* from about 8 % on Opus puts a copy into every voiced packet of these rates */
    NARROW_BPS = 14000,
    NARROW_COMPLEXITY_MIN =
        2, /* with less Opus goes down to 4 kHz of sound, and every change over would click */
    FEC_BIT = 1 << AUDIO_TIER_FEC,
    RED_BIT = 1 << AUDIO_TIER_RED,
    NARROW_BIT = 1 << AUDIO_TIER_NARROW,
    NARROW_RED_BIT = 1 << AUDIO_TIER_NARROW_RED,
};

typedef struct {
    guint64 end; /* the tick behind its last */
    gsize n_bytes;
    guint8 bytes[AUDIO_ENCODED_BYTES_MAX];
} Sent;

typedef struct {
    AudioEncoder *encoder;
    guint n_ticks;         /* of a packet */
    gboolean refresh;      /* asked for */
    gboolean copies;       /* its packets carry them: a mode of the encoder */
    gboolean pausing;      /* the last packet was one of a DTX pause */
    Sent sent[COPIES_MAX]; /* sent[at] is the oldest */
    guint at;
} Lane;

struct AudioOut {
    AudioOutSettings settings;
    Limiter limiter;
    gint16 frames[KEPT_FRAMES][VOICE_FRAME_SAMPLES]; /* by tick % KEPT_FRAMES */
    guint8 levels[KEPT_FRAMES];
    guint64 next;   /* tick */
    guint n_silent; /* frames of digital silence in a row */
    guint n_quiet;  /* frames in a row in which nothing is to be heard */
    Lane wide, narrow;
    gboolean narrow_runs, narrow_fresh,
        narrow_promised; /* promised: to whoever waits for the end of these three ticks */
    guint64 n_encoded;
};

static AudioEncoder *new_encoder(const AudioOutSettings *settings, guint n_ticks, GError **error) {
    AudioEncoderSettings encoder = {
        .bitrate_bps = n_ticks == 1 ? settings->bitrate_bps : MIN(settings->bitrate_bps, NARROW_BPS),
        .complexity = n_ticks == 1 ? settings->complexity : MAX(settings->complexity, NARROW_COMPLEXITY_MIN),
        .loss_percent = LOSS_PERCENT,
        .frame_samples = n_ticks * VOICE_FRAME_SAMPLES,
    };
    return audio_encoder_new(&encoder, error);
}

AudioOut *audio_out_new(const AudioOutSettings *settings, GError **error) {
    AudioEncoder *encoder = new_encoder(settings, 1, error);
    if (encoder == NULL) return NULL;
    AudioOut *out = g_new0(AudioOut, 1);
    out->settings = *settings;
    out->wide = (Lane){ .encoder = encoder, .n_ticks = 1, .copies = TRUE };
    out->narrow = (Lane){ .n_ticks = AUDIO_NARROW_TICKS, .copies = TRUE };
    limiter_init(&out->limiter);
    return out;
}

void audio_out_free(AudioOut *out) {
    if (out == NULL) return;
    audio_encoder_free(out->wide.encoder);
    audio_encoder_free(out->narrow.encoder);
    g_free(out);
}

guint64 audio_out_n_encoded(const AudioOut *out) { return out->n_encoded; }

/* ---- warming ---- */

/* Frames first .. first + n - 1, in one piece. */
static void frames_of(const AudioOut *out, guint64 first, guint n, gint16 *ret_samples) {
    for (guint i = 0; i < n; i++)
        memcpy(ret_samples + (gsize)i * VOICE_FRAME_SAMPLES, out->frames[(first + i) % KEPT_FRAMES],
               sizeof out->frames[0]);
}

/* The encoder goes on behind the tick before `next`, as if it had made the packets that were heard. */
static void warm(AudioOut *out, Lane *lane, guint64 next) {
    gint16 samples[WARM_FRAMES * VOICE_FRAME_SAMPLES];
    guint8 ignored[AUDIO_ENCODED_BYTES_MAX];
    if (next < WARM_FRAMES) return;
    frames_of(out, next - WARM_FRAMES, WARM_FRAMES, samples);
    audio_encoder_reset(lane->encoder);
    audio_encoder_carry_copies(lane->encoder, lane->copies);
    for (guint i = 0; i < WARM_FRAMES / lane->n_ticks; i++) {
        audio_encoder_encode(lane->encoder, samples + (gsize)i * lane->n_ticks * VOICE_FRAME_SAMPLES,
                             ignored);
        out->n_encoded++;
    }
}

static void follow_lane(Lane *lane, const Lane *from) {
    lane->pausing = from->pausing;
    lane->copies = from->copies;
    memcpy(lane->sent, from->sent, sizeof lane->sent);
    lane->at = from->at;
}

void audio_out_follow(AudioOut *out, const AudioOut *from) {
    out->limiter = from->limiter;
    memcpy(out->frames, from->frames, sizeof out->frames);
    memcpy(out->levels, from->levels, sizeof out->levels);
    out->next = from->next;
    out->n_silent = from->n_silent;
    out->n_quiet = from->n_quiet;
    follow_lane(&out->wide, &from->wide);
    follow_lane(&out->narrow, &from->narrow);
    out->narrow_runs = FALSE; /* warmed when its packet is due */
    out->narrow_promised = from->narrow_promised;
    warm(out, &out->wide, out->next);
    out->wide.refresh = TRUE;
    out->narrow.refresh = FALSE;
}

void audio_out_refresh(AudioOut *out, gboolean narrow) {
    (narrow ? &out->narrow : &out->wide)->refresh = TRUE;
}

/* ---- RED ---- */

/* The packet that ends behind tick `end`, with whole copies of the newest before it. NULL: too large. */
static Block *with_copies(const Lane *lane, guint64 end, const guint8 *bytes, gsize n_bytes, guint n_copies) {
    RedBlock blocks[COPIES_MAX + 1];
    guint8 payload[(COPIES_MAX + 1) * (AUDIO_ENCODED_BYTES_MAX + 4)];
    guint n = 0;
    for (guint i = COPIES_MAX - n_copies; i < COPIES_MAX; i++) {
        const Sent *sent = &lane->sent[(lane->at + i) % COPIES_MAX];
        guint64 offset = (end - sent->end) * VOICE_FRAME_SAMPLES;
        if (sent->end == 0 || sent->end >= end || offset > RED_TIME_OFFSET_MAX) continue;
        blocks[n++] = (RedBlock){ .payload_type = PT_OPUS,
                                  .time_offset = (guint)offset,
                                  .bytes = sent->bytes,
                                  .n_bytes = sent->n_bytes };
    }
    blocks[n++] = (RedBlock){ .payload_type = PT_OPUS, .bytes = bytes, .n_bytes = n_bytes };
    Writer writer = writer_over(payload, sizeof payload);
    red_write(&writer, blocks, n);
    return writer.bad ? NULL : block_new_audio(0, payload, writer.n_bytes);
}

static void remember(Lane *lane, guint64 end, const guint8 *bytes, gsize n_bytes) {
    Sent *sent = &lane->sent[lane->at];
    lane->at = (lane->at + 1) % COPIES_MAX;
    sent->end = end;
    sent->n_bytes = n_bytes;
    memcpy(sent->bytes, bytes, n_bytes);
}

/* ---- a tick ---- */

static void put_facts(Block *block, const AudioOutTime *time, guint n_ticks, guint8 level) {
    if (block == NULL) return;
    block->frame_index = block->first_packet = time->tick;
    block->rtp_time = time->rtp_time - (guint32)((n_ticks - 1) * VOICE_FRAME_SAMPLES);
    block->capture_us = time->capture_us - (gint64)(n_ticks - 1) * 20000;
    block->audio_level = level;
}

/* Encodes the ticks that end with this one. ret_red: NULL when nobody wants copies. */
static Block *run_lane(AudioOut *out, Lane *lane, const AudioOutTime *time, guint n_copies, Block **ret_red) {
    gint16 samples[AUDIO_NARROW_TICKS * VOICE_FRAME_SAMPLES];
    guint8 bytes[AUDIO_ENCODED_BYTES_MAX], level = 127;
    guint64 first = time->tick + 1 - lane->n_ticks;
    frames_of(out, first, lane->n_ticks, samples);
    for (guint i = 0; i < lane->n_ticks; i++) level = MIN(level, out->levels[(first + i) % KEPT_FRAMES]);
    /* DTX only where it is quiet: an anthem or a sustained tone is no noise, whatever the encoder thinks. */
    audio_encoder_allow_dtx(lane->encoder, out->n_quiet > QUIET_FRAMES);
    gsize n_bytes = audio_encoder_encode(lane->encoder, samples, bytes);
    out->n_encoded++;
    /* The first packet of a pause is sent, so that the listener knows it for a pause; the encoder renews it by itself. */
    gboolean pausing = n_bytes <= DTX_BYTES_MAX, told = lane->pausing;
    lane->pausing = pausing;
    if (n_bytes == 0 || (pausing && told)) return NULL;
    Block *block = block_new_audio(0, bytes, n_bytes);
    put_facts(block, time, lane->n_ticks, level);
    if (ret_red != NULL) {
        *ret_red = with_copies(lane, time->tick + 1, bytes, n_bytes, n_copies);
        put_facts(*ret_red, time, lane->n_ticks, level);
    }
    remember(lane, time->tick + 1, bytes, n_bytes);
    return block;
}

/* FALSE: there is no encoder to be had. */
static gboolean ready_narrow(AudioOut *out, guint64 first) {
    if (out->narrow.encoder == NULL)
        out->narrow.encoder = new_encoder(&out->settings, AUDIO_NARROW_TICKS, NULL);
    if (out->narrow.encoder == NULL) return FALSE;
    if (!out->narrow_runs) warm(out, &out->narrow, first);
    audio_encoder_stand_alone(out->narrow.encoder, out->narrow_fresh || !out->narrow_runs);
    out->narrow_runs = TRUE;
    return TRUE;
}

static void run_narrow(AudioOut *out, const AudioOutTime *time, guint wanted, gboolean asleep,
                       AudioTiers *ret_mix) {
    gboolean wants = (wanted & (NARROW_BIT | NARROW_RED_BIT)) != 0;
    guint phase = (guint)(time->tick % AUDIO_NARROW_TICKS);
    if (phase == 0) {
        out->narrow_promised = wants;
        out->narrow_fresh = out->narrow.refresh || !out->narrow_runs;
        out->narrow.refresh = FALSE;
        if (out->narrow_promised && out->narrow_fresh) ret_mix->fresh |= NARROW_BIT | NARROW_RED_BIT;
    }
    if (phase < AUDIO_NARROW_TICKS - 1) {
        if (out->narrow_promised) ret_mix->running |= NARROW_BIT | NARROW_RED_BIT;
        return;
    }
    if ((!wants && !out->narrow_promised) || !ready_narrow(out, time->tick + 1 - AUDIO_NARROW_TICKS)) {
        out->narrow_runs = FALSE;
        return;
    }
    ret_mix->running |= NARROW_BIT | NARROW_RED_BIT;
    if (asleep)
        out->narrow.pausing = TRUE;
    else
        ret_mix->block[AUDIO_TIER_NARROW] =
            run_lane(out, &out->narrow, time, 1, &ret_mix->block[AUDIO_TIER_NARROW_RED]);
    out->narrow_runs = wants;
}

/* Ticks that never came are silence, not what was heard before them. */
static void forget_skipped(AudioOut *out, guint64 tick) {
    for (guint i = 0; i < KEPT_FRAMES && out->next < tick; i++, out->next++) {
        memset(out->frames[out->next % KEPT_FRAMES], 0, sizeof out->frames[0]);
        out->levels[out->next % KEPT_FRAMES] = 127;
    }
}

static gboolean is_silent(const gint16 *samples) {
    for (guint i = 0; i < VOICE_FRAME_SAMPLES; i++)
        if (samples[i] != 0) return FALSE;
    return TRUE;
}

void audio_out_run(AudioOut *out, const gint32 mix[VOICE_FRAME_SAMPLES], const AudioOutTime *time,
                   guint wanted, AudioTiers *ret_mix) {
    guint slot = (guint)(time->tick % KEPT_FRAMES);
    gint16 *samples = out->frames[slot];
    forget_skipped(out, time->tick);
    limiter_run(&out->limiter, mix, samples, VOICE_FRAME_SAMPLES);
    out->levels[slot] = voice_level(samples, VOICE_FRAME_SAMPLES);
    out->n_quiet = out->levels[slot] > QUIET_LEVEL ? out->n_quiet + 1 : 0;
    out->n_silent = is_silent(samples) ? out->n_silent + 1 : 0;
    out->next = time->tick + 1;

    gboolean asleep = out->n_silent > SILENT_FRAMES && time->tick % SILENT_EVERY != SILENT_EVERY - 1;
    *ret_mix = (AudioTiers){ .running = FEC_BIT | (wanted & RED_BIT) };
    /* In a pause the speech modes send next to nothing. */
    out->wide.copies = (wanted & FEC_BIT) != 0 || out->n_quiet > QUIET_FRAMES;
    audio_encoder_carry_copies(out->wide.encoder, out->wide.copies);
    audio_encoder_stand_alone(out->wide.encoder, out->wide.refresh);
    if (out->wide.refresh) ret_mix->fresh |= FEC_BIT | RED_BIT;
    /* Those who come from the narrow packets can do so at their borders only. */
    if (time->tick % AUDIO_NARROW_TICKS == 0) out->wide.refresh = FALSE;
    if (asleep)
        out->wide.pausing = TRUE;
    else
        ret_mix->block[AUDIO_TIER_FEC] = run_lane(out, &out->wide, time, COPIES_MAX,
                                                  wanted & RED_BIT ? &ret_mix->block[AUDIO_TIER_RED] : NULL);
    run_narrow(out, time, wanted, asleep, ret_mix);
}
