/* audio_uplink.c -- see the header.
 * The ring is written whether or not anybody reads: a slot belongs to one sequence number, its stamp says to which. The
 * writer empties the stamp, writes, and stamps again; a reader that finds the same stamp before and after has copied a whole
 * packet. All words of a slot are atomic, so that a reader overtaken by the writer reads nonsense but breaks no rule. */
#include "bridge/media/audio_uplink.h"

#include "bridge/policy/voice_delay.h"
#include "bridge/wire/opus.h"
#include "bridge/wire/rtp.h"

#include <stdatomic.h>
#include <string.h>

enum {
    JUMP_MAX = 500, /* packets; a larger step is a restart */
    WORDS = AUDIO_PACKET_BYTES_MAX / 8,
};
G_STATIC_ASSERT(AUDIO_PACKET_BYTES_MAX % 8 == 0);
static const gint64 CLOCK_JUMP_US = G_USEC_PER_SEC; /* RTP time against arrival */
static const guint64 RESTART_STEP = 0x10000; /* sequences; times step by 2^33: readers see both as a cut */

typedef struct {
    _Atomic guint64 stamp; /* sequence, 0 while it is written */
    _Atomic guint64 rtp_time, arrival_us, level_and_bytes;
    _Atomic guint64 words[WORDS];
} Slot;

struct AudioUplink {
    gint n_refs;

    /* producer's own */
    gboolean started, jump_seen;
    guint16 jump_next;
    guint64 first, highest_mine;
    TimeUnwrap times;
    guint64 time_offset, last_time;
    gint64 last_arrival_us;
    VoiceDelay delay;

    /* producer writes, anybody reads */
    _Atomic guint64 highest;
    _Atomic gint64 base;
    _Atomic guint target;
    _Atomic gint64 clock_us; /* monotonic time of RTP time 0, or CLOCK_UNKNOWN */
    _Atomic guint level;
    _Atomic guint64 n_packets, n_lost, n_late, n_duplicate, n_malformed, n_restarts;
    _Atomic guint64 n_repaired;

    _Atomic guint loudest; /* 0 no packet, 1 without level, else 129 - level; taken by the reader */

    /* consumer writes, anybody reads */
    _Atomic guint64 played;
    _Atomic guint held_ms;
    _Atomic guint64 n_decoded, n_concealed, n_fec_used, n_dropped_for_delay;

    Slot slots[AUDIO_UPLINK_PACKETS];
};

static const gint64 CLOCK_UNKNOWN = G_MININT64;

AudioUplink *audio_uplink_new(void) {
    AudioUplink *uplink = g_new0(AudioUplink, 1);
    uplink->n_refs = 1;
    voice_delay_init(&uplink->delay);
    atomic_store(&uplink->clock_us, CLOCK_UNKNOWN);
    atomic_store(&uplink->level, AUDIO_LEVEL_UNKNOWN);
    atomic_store(&uplink->target, VOICE_TARGET_SAMPLES_START);
    return uplink;
}

AudioUplink *audio_uplink_ref(AudioUplink *uplink) {
    g_atomic_int_inc(&uplink->n_refs);
    return uplink;
}

void audio_uplink_unref(AudioUplink *uplink) {
    if (uplink != NULL && g_atomic_int_dec_and_test(&uplink->n_refs)) g_free(uplink);
}

/* Only one thread writes each counter: no read-modify-write is needed. */
static void add(_Atomic guint64 *counter, guint64 n) {
    if (n == 0) return;
    atomic_store_explicit(counter, atomic_load_explicit(counter, memory_order_relaxed) + n,
                          memory_order_relaxed);
}

/* ---- worker ---- */

/* Sequence and time as the reader shall see them after a cut. */
static void restart(AudioUplink *uplink, guint16 sequence, guint32 rtp_time) {
    if (uplink->started) add(&uplink->n_restarts, 1);
    guint64 before = uplink->started ? (uplink->highest_mine | 0xffff) + 1 + RESTART_STEP : RESTART_STEP;
    guint64 floor = uplink->started ? uplink->last_time + ((guint64)1 << 33) : 0;
    uplink->highest_mine = before + sequence;
    uplink->first = uplink->highest_mine;
    uplink->times = (TimeUnwrap){ 0 };
    uplink->time_offset = 0;
    guint64 time = rtp_time_unwrap(&uplink->times, rtp_time);
    uplink->time_offset = floor > time ? floor - time : 0;
    uplink->started = TRUE;
    uplink->jump_seen = FALSE;
    voice_delay_init(&uplink->delay);
    atomic_store(&uplink->clock_us, CLOCK_UNKNOWN);
}

static gboolean is_jump(const AudioUplink *uplink, gint16 step, guint32 rtp_time, gint64 arrival_us) {
    if (step <= -JUMP_MAX || step > JUMP_MAX) return TRUE;
    gint64 spoken_us = (gint64)(gint32)(rtp_time - (guint32)uplink->times.latest) * 125 / 6;
    return ABS(spoken_us - (arrival_us - uplink->last_arrival_us)) > CLOCK_JUMP_US;
}

/* FALSE: this packet is not taken. */
static gboolean place(AudioUplink *uplink, guint16 sequence, guint32 rtp_time, gint64 arrival_us,
                      guint64 *ret_sequence) {
    if (!uplink->started) restart(uplink, sequence, rtp_time);
    gint16 step = (gint16)(guint16)(sequence - (guint16)uplink->highest_mine);
    if (step != 0 && is_jump(uplink, step, rtp_time, arrival_us)) {
        if (!uplink->jump_seen || sequence != uplink->jump_next) {
            uplink->jump_seen = TRUE;
            uplink->jump_next = (guint16)(sequence + 1);
            return FALSE;
        }
        restart(uplink, sequence, rtp_time);
        step = 0;
    }
    uplink->jump_seen = FALSE;
    *ret_sequence = uplink->highest_mine + (guint64)(gint64)step;
    return *ret_sequence >= uplink->first && step > -AUDIO_UPLINK_PACKETS;
}

static void write_slot(Slot *slot, guint64 sequence, guint64 rtp_time, guint8 level, const guint8 *payload,
                       gsize n_bytes, gint64 arrival_us) {
    /* Acquire keeps the words below from moving up, in front of the stamp's end. */
    atomic_exchange_explicit(&slot->stamp, 0, memory_order_acq_rel);
    atomic_store_explicit(&slot->rtp_time, rtp_time, memory_order_relaxed);
    atomic_store_explicit(&slot->arrival_us, (guint64)arrival_us, memory_order_relaxed);
    atomic_store_explicit(&slot->level_and_bytes, (guint64)level << 32 | n_bytes, memory_order_relaxed);
    for (gsize at = 0, i = 0; at < n_bytes; at += 8, i++) {
        guint64 word = 0;
        memcpy(&word, payload + at, MIN(n_bytes - at, 8));
        atomic_store_explicit(&slot->words[i], word, memory_order_relaxed);
    }
    atomic_store_explicit(&slot->stamp, sequence, memory_order_release);
}

static void tell_level(AudioUplink *uplink, guint8 level) {
    guint loud = level == AUDIO_LEVEL_UNKNOWN ? 1 : 129 - (guint)MIN(level, 127);
    guint seen = atomic_load_explicit(&uplink->loudest, memory_order_relaxed);
    while (seen < loud && !atomic_compare_exchange_weak_explicit(
                              &uplink->loudest, &seen, loud, memory_order_relaxed, memory_order_relaxed)) {}
    atomic_store_explicit(&uplink->level, level, memory_order_relaxed);
}

static void found_again(AudioUplink *uplink) {
    guint64 n_lost = atomic_load_explicit(&uplink->n_lost, memory_order_relaxed);
    if (n_lost > 0) atomic_store_explicit(&uplink->n_lost, n_lost - 1, memory_order_relaxed);
}

static void note_delay(AudioUplink *uplink, guint64 time, gint64 arrival_us) {
    voice_delay_push(&uplink->delay, time, arrival_us);
    atomic_store_explicit(&uplink->base, voice_delay_base(&uplink->delay), memory_order_relaxed);
    atomic_store_explicit(&uplink->target, voice_delay_target(&uplink->delay, arrival_us),
                          memory_order_relaxed);
}

void audio_uplink_push(AudioUplink *uplink, guint16 sequence, guint32 rtp_time, guint8 level, gboolean voice,
                       const guint8 *payload, gsize n_bytes, gint64 arrival_us) {
    (void)voice;
    if (n_bytes > AUDIO_PACKET_BYTES_MAX || opus_payload_samples(payload, n_bytes) == 0) {
        add(&uplink->n_malformed, 1);
        return;
    }
    guint64 extended;
    if (!place(uplink, sequence, rtp_time, arrival_us, &extended)) {
        add(&uplink->n_late, 1);
        return;
    }
    Slot *slot = &uplink->slots[extended % AUDIO_UPLINK_PACKETS];
    if (atomic_load_explicit(&slot->stamp, memory_order_relaxed) == extended) {
        add(&uplink->n_duplicate, 1);
        return;
    }
    guint64 time = rtp_time_unwrap(&uplink->times, rtp_time) + uplink->time_offset;
    note_delay(uplink, time, arrival_us);
    add(&uplink->n_packets, 1);
    if (extended < atomic_load_explicit(&uplink->played, memory_order_relaxed)) {
        add(&uplink->n_late, 1);
        return;
    }
    write_slot(slot, extended, time, level, payload, n_bytes, arrival_us);
    tell_level(uplink, level);
    if (extended > uplink->highest_mine) {
        add(&uplink->n_lost, extended - uplink->highest_mine - 1);
        uplink->highest_mine = extended;
    } else if (extended < uplink->highest_mine) {
        found_again(uplink); /* it was only late */
    }
    uplink->last_arrival_us = arrival_us;
    uplink->last_time = MAX(uplink->last_time, time);
    atomic_store_explicit(&uplink->highest, uplink->highest_mine, memory_order_release);
}

/* The copy comes later than the packet itself would have: that is noted as its delay, so that the voice is held for as long
 * as copies need to be of use. */
void audio_uplink_repair(AudioUplink *uplink, guint16 sequence, guint32 rtp_time, guint8 level,
                         const guint8 *payload, gsize n_bytes, gint64 arrival_us) {
    gint16 back = (gint16)(guint16)((guint16)uplink->highest_mine - sequence);
    if (!uplink->started || back <= 0 || back >= AUDIO_UPLINK_PACKETS) return;
    if (n_bytes > AUDIO_PACKET_BYTES_MAX || opus_payload_samples(payload, n_bytes) == 0) return;
    guint64 extended = uplink->highest_mine - (guint64)back;
    Slot *slot = &uplink->slots[extended % AUDIO_UPLINK_PACKETS];
    if (extended < uplink->first || atomic_load_explicit(&slot->stamp, memory_order_relaxed) == extended)
        return;
    TimeUnwrap times = uplink->times;
    guint64 time = rtp_time_unwrap(&times, rtp_time) + uplink->time_offset;
    if (time >= uplink->last_time) return; /* says to be newer than what carried it */
    note_delay(uplink, time, arrival_us);
    if (extended < atomic_load_explicit(&uplink->played, memory_order_relaxed)) return;
    write_slot(slot, extended, time, level, payload, n_bytes, arrival_us);
    found_again(uplink);
    add(&uplink->n_repaired, 1);
}

void audio_uplink_set_clock(AudioUplink *uplink, guint32 rtp_time, gint64 capture_us) {
    if (!uplink->started)
        return; /* without a packet there is no 64-bit time to hang it on; the next report will do */
    TimeUnwrap times = uplink->times;
    guint64 time = rtp_time_unwrap(&times, rtp_time) + uplink->time_offset;
    atomic_store(&uplink->clock_us, capture_us - (gint64)(time / 6 * 125 + time % 6 * 125 / 6));
}

/* ---- audio thread ---- */

guint64 audio_uplink_highest(const AudioUplink *uplink) {
    return atomic_load_explicit(&uplink->highest, memory_order_acquire);
}

gboolean audio_uplink_read(const AudioUplink *uplink, guint64 sequence, AudioPacket *ret_packet) {
    const Slot *slot = &uplink->slots[sequence % AUDIO_UPLINK_PACKETS];
    if (sequence == 0 || atomic_load_explicit(&slot->stamp, memory_order_acquire) != sequence) return FALSE;
    guint64 facts = atomic_load_explicit(&slot->level_and_bytes, memory_order_acquire);
    ret_packet->sequence = sequence;
    ret_packet->rtp_time = atomic_load_explicit(&slot->rtp_time, memory_order_acquire);
    ret_packet->arrival_us = (gint64)atomic_load_explicit(&slot->arrival_us, memory_order_acquire);
    ret_packet->level = (guint8)(facts >> 32);
    ret_packet->n_bytes = MIN((guint)(facts & 0xffffffff), (guint)AUDIO_PACKET_BYTES_MAX);
    /* Acquire keeps the second look at the stamp behind the words. */
    for (guint at = 0, i = 0; at < ret_packet->n_bytes; at += 8, i++) {
        guint64 word = atomic_load_explicit(&slot->words[i], memory_order_acquire);
        memcpy(ret_packet->bytes + at, &word, 8);
    }
    return atomic_load_explicit(&slot->stamp, memory_order_relaxed) == sequence;
}

gint64 audio_uplink_base(const AudioUplink *uplink) {
    return atomic_load_explicit(&uplink->base, memory_order_relaxed);
}

guint audio_uplink_target(const AudioUplink *uplink) {
    return atomic_load_explicit(&uplink->target, memory_order_relaxed);
}

guint8 audio_uplink_take_level(AudioUplink *uplink) {
    /* Most seats have sent nothing since the last tick, or are silent: a look is cheaper than an exchange. */
    if (atomic_load_explicit(&uplink->loudest, memory_order_relaxed) == 0) return AUDIO_LEVEL_NONE;
    guint loud = atomic_exchange_explicit(&uplink->loudest, 0, memory_order_relaxed);
    return loud == 1 ? AUDIO_LEVEL_UNKNOWN : (guint8)(129 - loud);
}

gboolean audio_uplink_capture_us(const AudioUplink *uplink, guint64 rtp_time, gint64 *ret_capture_us) {
    gint64 clock_us = atomic_load(&uplink->clock_us);
    if (clock_us == CLOCK_UNKNOWN) return FALSE;
    *ret_capture_us = clock_us + (gint64)(rtp_time / 6 * 125 + rtp_time % 6 * 125 / 6);
    return TRUE;
}

void audio_uplink_set_played(AudioUplink *uplink, guint64 next, guint held_ms) {
    atomic_store_explicit(&uplink->played, next, memory_order_relaxed);
    atomic_store_explicit(&uplink->held_ms, held_ms, memory_order_relaxed);
}

void audio_uplink_count(AudioUplink *uplink, const AudioUplinkCounts *counts) {
    add(&uplink->n_decoded, counts->n_decoded);
    add(&uplink->n_concealed, counts->n_concealed);
    add(&uplink->n_fec_used, counts->n_fec_used);
    add(&uplink->n_dropped_for_delay, counts->n_dropped_for_delay);
}

void audio_uplink_read_stats(const AudioUplink *uplink, AudioUplinkStats *ret_stats) {
    *ret_stats = (AudioUplinkStats){
        .n_packets = atomic_load_explicit(&uplink->n_packets, memory_order_relaxed),
        .n_lost = atomic_load_explicit(&uplink->n_lost, memory_order_relaxed),
        .n_late = atomic_load_explicit(&uplink->n_late, memory_order_relaxed),
        .n_duplicate = atomic_load_explicit(&uplink->n_duplicate, memory_order_relaxed),
        .n_malformed = atomic_load_explicit(&uplink->n_malformed, memory_order_relaxed),
        .n_restarts = atomic_load_explicit(&uplink->n_restarts, memory_order_relaxed),
        .n_repaired = atomic_load_explicit(&uplink->n_repaired, memory_order_relaxed),
        .n_decoded = atomic_load_explicit(&uplink->n_decoded, memory_order_relaxed),
        .n_concealed = atomic_load_explicit(&uplink->n_concealed, memory_order_relaxed),
        .n_fec_used = atomic_load_explicit(&uplink->n_fec_used, memory_order_relaxed),
        .n_dropped_for_delay = atomic_load_explicit(&uplink->n_dropped_for_delay, memory_order_relaxed),
        .target_ms = atomic_load_explicit(&uplink->target, memory_order_relaxed) / 48,
        .held_ms = atomic_load_explicit(&uplink->held_ms, memory_order_relaxed),
        .level = (guint8)atomic_load_explicit(&uplink->level, memory_order_relaxed),
    };
}
