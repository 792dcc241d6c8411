/* video_uplink.c -- see the header.  Start at video_uplink_push().
 * Packets in order go straight into the frame; only what waits for a missing one is kept, in a ring of slots by sequence
 * number whose buffers come from a short free list. `cursor` is the next packet that the assembly wants; between it and
 * `highest` every slot is HELD or MISSING. */
#include "bridge/media/video_uplink.h"

#include "bridge/media/video_assembly.h"
#include "config/mailbox.h"

#include <string.h>

enum {
    SLOTS = 512,
    PACKET_BYTES_MAX = 1500,
    SPARES_MAX = 32,
    JUMP_MAX = 500,    /* a larger step of the sequence is a restart, once a second packet confirms it */
    NACK_RUN_MAX = 64, /* a larger hole is an outage: a keyframe is cheaper than the packets */
    NACKS_MAX = 64,    /* per message */
    ASKS = 64,         /* packets asked for lately */
};
static const gint64 NACK_WAIT_US = 5000; /* late by less is mere reordering */
static const gint64 NACK_AGAIN_US_MIN = 10000;
static const gint64 WINDOW_US_MIN = 160000;
static const gint64 WINDOW_US_MAX = 1200000; /* senders keep what they sent for about that long */
static const gint64 RTT_US_UNKNOWN = 50000, RTT_US_MAX = 2000000;
static const gint64 PLI_FIRST_US = 500000, PLI_AGAIN_US = 1000000;
static const gint64 ALIVE_US = 1000000; /* a sender that is silent for longer is not asked for anything */

typedef struct {
    guint8 bytes[PACKET_BYTES_MAX];
} Buffer;

typedef enum { SLOT_EMPTY, SLOT_HELD, SLOT_MISSING } SlotState;

typedef struct {
    SlotState state;
    Buffer *buffer;           /* HELD */
    AssemblyPacket packet;    /* HELD: payload points into buffer */
    gint64 since_us, nack_us; /* MISSING: noticed at; next NACK at */
} Slot;

struct VideoUplink {
    Owner owner;
    guint32 ssrc;
    VideoUplinkEvents events;
    gpointer user;
    VideoAssembly *assembly;

    gboolean wanted, started;
    guint64 cursor, highest; /* extended */
    guint n_missing;
    gboolean jump_seen;
    guint16 jump_next;
    Slot slots[SLOTS];
    Buffer *spares[SPARES_MAX];
    guint n_spares;

    gint64 rtt_us; /* told, or learnt from answers to our NACKs: those know the sender's own delay as well */
    gboolean rtt_learnt;
    struct {
        guint16 sequence;
        gint64 at_us; /* 0: answered */
    } asks[ASKS];
    gboolean has_clock;
    guint32 clock_rtp_time;
    gint64 clock_capture_us;

    gboolean keyframe_needed;
    gint64 pli_next_us, pli_interval_us, packet_us, silent_max_us;

    VideoUplinkStats stats;
    gint64 second_us;
    guint64 second_n_bytes, second_n_frames;
};

static void on_frame(gpointer user, Frame *frame) {
    VideoUplink *uplink = user;
    if (uplink->has_clock) {
        gint64 ticks = (gint32)(frame->rtp_time - uplink->clock_rtp_time);
        frame->capture_us = uplink->clock_capture_us + ticks * 100 / 9;
        if (frame->capture_us > frame->arrival_us) frame->capture_us = frame->arrival_us;
    }
    if (frame->keyframe) {
        uplink->keyframe_needed = FALSE;
        uplink->pli_interval_us = PLI_FIRST_US;
    }
    uplink->events.frame(uplink->user, frame);
}

VideoUplink *video_uplink_new(Codec codec, guint32 ssrc, const VideoUplinkEvents *events, gpointer user) {
    VideoUplink *uplink = g_new0(VideoUplink, 1);
    owner_stamp(&uplink->owner);
    uplink->ssrc = ssrc;
    uplink->events = *events;
    uplink->user = user;
    uplink->assembly = video_assembly_new(codec, on_frame, uplink);
    uplink->wanted = uplink->keyframe_needed = TRUE;
    uplink->rtt_us = RTT_US_UNKNOWN;
    uplink->pli_interval_us = PLI_FIRST_US;
    uplink->silent_max_us = ALIVE_US;
    return uplink;
}

static Slot *slot_at(VideoUplink *uplink, guint64 extended) { return &uplink->slots[extended % SLOTS]; }

static void slot_clear(VideoUplink *uplink, Slot *slot) {
    if (slot->state == SLOT_HELD) {
        if (uplink->n_spares < SPARES_MAX)
            uplink->spares[uplink->n_spares++] = slot->buffer;
        else
            g_free(slot->buffer);
    } else if (slot->state == SLOT_MISSING) {
        uplink->n_missing--;
    }
    slot->state = SLOT_EMPTY;
    slot->buffer = NULL;
}

static void slot_hold(VideoUplink *uplink, Slot *slot, const AssemblyPacket *packet) {
    slot_clear(uplink, slot);
    slot->state = SLOT_HELD;
    slot->buffer = uplink->n_spares > 0 ? uplink->spares[--uplink->n_spares] : g_new(Buffer, 1);
    slot->packet = *packet;
    slot->packet.payload = slot->buffer->bytes;
    if (packet->n_bytes > 0) memcpy(slot->buffer->bytes, packet->payload, packet->n_bytes);
}

static void clear_slots(VideoUplink *uplink) {
    for (guint i = 0; i < SLOTS; i++) slot_clear(uplink, &uplink->slots[i]);
}

void video_uplink_free(VideoUplink *uplink) {
    if (uplink == NULL) return;
    owner_check(&uplink->owner);
    clear_slots(uplink);
    while (uplink->n_spares > 0) g_free(uplink->spares[--uplink->n_spares]);
    video_assembly_free(uplink->assembly);
    g_free(uplink);
}

/* Time for a request and its answer, and for one more of each when the first was lost: a picture that stands for a moment
 * is better than a keyframe, which costs the narrow line many times a packet. */
static gint64 window_us(const VideoUplink *uplink) {
    return CLAMP(uplink->rtt_us * 5 / 2 + 40000, WINDOW_US_MIN, WINDOW_US_MAX);
}

static void note_ask(VideoUplink *uplink, guint16 sequence, gint64 now_us) {
    if (uplink->asks[sequence % ASKS].sequence == sequence && uplink->asks[sequence % ASKS].at_us != 0)
        return;
    uplink->asks[sequence % ASKS].sequence = sequence;
    uplink->asks[sequence % ASKS].at_us = now_us;
}

/* The first request counts, so a lost answer makes the sample long, never short; short ones are believed sooner. Also what
 * comes too late to be of use teaches: a window that is too small would never learn otherwise. */
static void note_answer(VideoUplink *uplink, guint16 sequence, gint64 now_us) {
    gint64 *at_us = &uplink->asks[sequence % ASKS].at_us;
    if (uplink->asks[sequence % ASKS].sequence != sequence || *at_us == 0) return;
    gint64 sample_us = CLAMP(now_us - *at_us, 1000, RTT_US_MAX);
    gint64 weight = sample_us < uplink->rtt_us ? 4 : 8;
    uplink->rtt_us = uplink->rtt_learnt ? (uplink->rtt_us * (weight - 1) + sample_us) / weight : sample_us;
    uplink->rtt_learnt = TRUE;
    *at_us = 0;
}

/* ---- asking for a keyframe ---- */

static void maybe_ask_keyframe(VideoUplink *uplink, gint64 now_us) {
    gboolean needed = uplink->keyframe_needed || video_assembly_is_broken(uplink->assembly);
    if (!needed || !uplink->wanted || !uplink->started || now_us < uplink->pli_next_us) return;
    if (now_us - uplink->packet_us > uplink->silent_max_us || video_assembly_in_keyframe(uplink->assembly))
        return;
    uplink->pli_next_us = now_us + MAX(uplink->pli_interval_us, uplink->rtt_us * 3 / 2 + 200000);
    uplink->pli_interval_us = PLI_AGAIN_US;
    uplink->stats.n_plis++;
    uplink->events.keyframe(uplink->user, uplink->ssrc);
}

void video_uplink_request_keyframe(VideoUplink *uplink, gint64 now_us) {
    owner_check(&uplink->owner);
    uplink->keyframe_needed = TRUE;
    maybe_ask_keyframe(uplink, now_us);
}

/* ---- ordering ---- */

static void feed_ready(VideoUplink *uplink) {
    while (uplink->cursor <= uplink->highest) {
        Slot *slot = slot_at(uplink, uplink->cursor);
        if (slot->state != SLOT_HELD) return;
        video_assembly_push(uplink->assembly, &slot->packet);
        slot_clear(uplink, slot);
        uplink->cursor++;
    }
}

/* The oldest packets are given up until the cursor is at least `upto`; the frames around them are lost. */
static void give_up_before(VideoUplink *uplink, guint64 upto) {
    while (uplink->cursor < upto) {
        Slot *slot = slot_at(uplink, uplink->cursor);
        if (uplink->cursor > uplink->highest || slot->state == SLOT_MISSING) {
            uplink->stats.n_lost++;
            video_assembly_gap(uplink->assembly);
        } else if (slot->state == SLOT_HELD) {
            video_assembly_push(uplink->assembly, &slot->packet);
        }
        slot_clear(uplink, slot);
        uplink->cursor++;
    }
}

static void give_up_expired(VideoUplink *uplink, gint64 now_us) {
    for (;;) {
        feed_ready(uplink);
        if (uplink->cursor > uplink->highest) return;
        Slot *slot = slot_at(uplink, uplink->cursor);
        if (slot->state == SLOT_MISSING && now_us - slot->since_us < window_us(uplink)) return;
        give_up_before(uplink, uplink->cursor + 1);
    }
}

static void restart(VideoUplink *uplink, guint16 sequence) {
    if (uplink->started) video_assembly_gap(uplink->assembly);
    clear_slots(uplink);
    video_assembly_reset(uplink->assembly);
    uplink->started = TRUE;
    uplink->jump_seen = FALSE;
    uplink->cursor = 0x10000 + (guint64)sequence;
    uplink->highest = uplink->cursor - 1;
}

/* FALSE: the packet lies outside the stream as we know it. */
static gboolean place(VideoUplink *uplink, guint16 sequence, gboolean rtx, guint64 *ret_extended) {
    if (!uplink->started) {
        if (rtx) return FALSE;
        restart(uplink, sequence);
    }
    gint16 step = (gint16)(guint16)(sequence - (guint16)uplink->highest);
    if (step > -JUMP_MAX && step <= JUMP_MAX) {
        if (!rtx) uplink->jump_seen = FALSE;
        *ret_extended = uplink->highest + (guint64)(gint64)step;
        return !rtx || step <= 0;
    }
    if (rtx) return FALSE;
    if (!uplink->jump_seen || sequence != uplink->jump_next) {
        uplink->jump_seen = TRUE;
        uplink->jump_next = (guint16)(sequence + 1);
        return FALSE;
    }
    restart(uplink, sequence); /* two in a row: the sender began anew */
    *ret_extended = uplink->cursor;
    return TRUE;
}

/* extended > highest: everything between is missing from now on. */
static void advance(VideoUplink *uplink, guint64 extended, gint64 now_us) {
    if (extended - uplink->cursor >= SLOTS) give_up_before(uplink, extended - SLOTS + 1);
    gboolean outage = extended - uplink->highest > NACK_RUN_MAX;
    for (guint64 i = MAX(uplink->highest + 1, uplink->cursor); i < extended; i++) {
        Slot *slot = slot_at(uplink, i);
        slot->state = SLOT_MISSING;
        slot->since_us = outage ? now_us - WINDOW_US_MAX : now_us;
        slot->nack_us = now_us + NACK_WAIT_US;
        uplink->n_missing++;
    }
    uplink->highest = extended;
}

static void take(VideoUplink *uplink, guint64 extended, gboolean rtx, const AssemblyPacket *packet) {
    if (extended < uplink->cursor) { /* fed or given up already */
        uplink->stats.n_duplicate++;
        return;
    }
    if (extended > uplink->highest) {
        advance(uplink, extended, packet->arrival_us);
    } else if (slot_at(uplink, extended)->state == SLOT_HELD) {
        uplink->stats.n_duplicate++;
        return;
    } else if (rtx) {
        uplink->stats.n_recovered++;
    }
    if (extended == uplink->cursor) { /* the common way: no copy but into the frame */
        slot_clear(uplink, slot_at(uplink, extended));
        uplink->cursor++;
        video_assembly_push(uplink->assembly, packet);
    } else {
        slot_hold(uplink, slot_at(uplink, extended), packet);
    }
}

void video_uplink_push(VideoUplink *uplink, const RtpPacket *packet, gboolean rtx, guint8 rotation,
                       gint64 arrival_us) {
    owner_check(&uplink->owner);
    uplink->stats.n_packets++;
    uplink->stats.n_bytes += packet->n_header_bytes + packet->n_payload_bytes;
    uplink->packet_us = arrival_us;
    if (rtx) note_answer(uplink, packet->sequence, arrival_us);
    if (!uplink->wanted || packet->n_payload_bytes > PACKET_BYTES_MAX) return;
    if (!rtx && packet->ssrc != uplink->ssrc) {
        uplink->ssrc = packet->ssrc;
        restart(uplink, packet->sequence);
    }
    guint64 extended;
    if (!place(uplink, packet->sequence, rtx, &extended)) return;
    AssemblyPacket entry = {
        .payload = packet->payload,
        .n_bytes = packet->n_payload_bytes,
        .rtp_time = packet->timestamp,
        .marker = packet->marker,
        .rotation = rotation,
        .arrival_us = arrival_us,
    };
    take(uplink, extended, rtx, &entry);
    give_up_expired(uplink, arrival_us);
    maybe_ask_keyframe(uplink, arrival_us);
}

/* ---- time ---- */

static void send_nacks(VideoUplink *uplink, gint64 now_us) {
    guint16 sequences[NACKS_MAX];
    guint n = 0;
    for (guint64 i = uplink->cursor; i <= uplink->highest && n < NACKS_MAX; i++) {
        Slot *slot = slot_at(uplink, i);
        if (slot->state != SLOT_MISSING || now_us < slot->nack_us) continue;
        /* Asked again after a round trip, so that one lost resend is not the end. */
        slot->nack_us = now_us + MAX(uplink->rtt_us * 9 / 8, NACK_AGAIN_US_MIN);
        note_ask(uplink, (guint16)i, now_us);
        sequences[n++] = (guint16)i;
    }
    if (n == 0) return;
    uplink->stats.n_nacks += n;
    uplink->events.nack(uplink->user, uplink->ssrc, sequences, n);
}

static void count_second(VideoUplink *uplink, gint64 now_us) {
    gint64 elapsed_us = now_us - uplink->second_us;
    if (elapsed_us < G_USEC_PER_SEC) return;
    guint64 n_frames = video_assembly_stats(uplink->assembly)->n_frames;
    if (uplink->second_us != 0) {
        guint64 n_bytes = uplink->stats.n_bytes - uplink->second_n_bytes;
        uplink->stats.bitrate_bps =
            (guint32)MIN(n_bytes * 8 * G_USEC_PER_SEC / (guint64)elapsed_us, G_MAXUINT32);
        uplink->stats.fps =
            (guint)(((n_frames - uplink->second_n_frames) * G_USEC_PER_SEC + (guint64)elapsed_us / 2) /
                    (guint64)elapsed_us);
    }
    uplink->second_us = now_us;
    uplink->second_n_bytes = uplink->stats.n_bytes;
    uplink->second_n_frames = n_frames;
}

void video_uplink_beat(VideoUplink *uplink, gint64 now_us) {
    owner_check(&uplink->owner);
    count_second(uplink, now_us);
    if (!uplink->wanted || !uplink->started) return;
    if (uplink->n_missing > 0) {
        give_up_expired(uplink, now_us);
        send_nacks(uplink, now_us);
    }
    maybe_ask_keyframe(uplink, now_us);
}

void video_uplink_set_clock(VideoUplink *uplink, guint32 rtp_time, gint64 capture_us) {
    owner_check(&uplink->owner);
    uplink->has_clock = TRUE;
    uplink->clock_rtp_time = rtp_time;
    uplink->clock_capture_us = capture_us;
}

void video_uplink_set_rtt(VideoUplink *uplink, gint64 rtt_us) {
    owner_check(&uplink->owner);
    if (!uplink->rtt_learnt) uplink->rtt_us = CLAMP(rtt_us, 1000, RTT_US_MAX);
}

void video_uplink_set_silent_max(VideoUplink *uplink, gint64 silent_us) {
    owner_check(&uplink->owner);
    uplink->silent_max_us = silent_us;
}

void video_uplink_set_wanted(VideoUplink *uplink, gboolean wanted) {
    owner_check(&uplink->owner);
    if (uplink->wanted == wanted) return;
    uplink->wanted = wanted;
    clear_slots(uplink);
    video_assembly_reset(uplink->assembly);
    uplink->started = FALSE; /* whatever comes first is the beginning: no NACK for the time of no interest */
    uplink->keyframe_needed = wanted;
    uplink->pli_interval_us = PLI_FIRST_US;
}

void video_uplink_read_stats(const VideoUplink *uplink, VideoUplinkStats *ret_stats) {
    const VideoAssemblyStats *assembled = video_assembly_stats(uplink->assembly);
    *ret_stats = uplink->stats;
    ret_stats->n_frames = assembled->n_frames;
    ret_stats->n_frames_lost = assembled->n_frames_lost;
    ret_stats->n_keyframes = assembled->n_keyframes;
    ret_stats->width = assembled->width;
    ret_stats->height = assembled->height;
}
