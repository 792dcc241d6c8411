/* receiver.c -- see receiver.h. Start at receiver_on_rtp(). */
#include "tests/load/receiver.h"

#include "bridge/policy/receive_stats.h"
#include "bridge/wire/opus.h"
#include "bridge/wire/red.h"
#include "bridge/wire/twcc_record.h"
#include "bridge/wire/vp8.h"
#include "tests/load/line_guess.h"

#include <string.h>

enum {
    RING = 1024,
    MISSING_MAX = 128,
    NACK_FIRST_US = 10 * 1000,
    NACK_AGAIN_US = 20 * 1000, /* and a round trip */
    NACKS_MAX = 10,
    RTT_FIRST_US = 100 * 1000,
    GIVE_UP_US = 500 * 1000, /* and some round trips */
    GIVE_UP_MAX_US = 3 * G_USEC_PER_SEC,
    PLI_US = 500 * 1000,
    FREEZE_US = 500 * 1000,
    NARROW_SAMPLES = 2880,
    NUMBERED_US = 2 * G_USEC_PER_SEC,
    TWCC_US = 100 * 1000,
    VOICE_LATE_US = 300 * 1000,
    VOICE_AGAIN_US = 6 * G_USEC_PER_SEC,
    LATE_US = 100 * 1000,
    EPOCH_US = 5 * G_USEC_PER_SEC,
    AUDIO_WINDOW = 40, /* packets that a late one may be behind before it counts as a gap */
    FRAME_BYTES_MAX = 512 * 1024,
};

typedef struct {
    guint64 at; /* unwrapped sequence; 0: empty */
    gboolean first, last, keyframe;
    guint32 rtp_time;
    guint8 *bytes; /* for the checker only */
    guint n_bytes;
} Slot;

typedef struct {
    guint64 at;
    gint64 noticed_us, asked_us;
    guint n_asked;
} Missing;

/* How the stream's clock stands to the wall's, by its last sender report. */
typedef struct {
    gboolean known;
    guint32 rtp_time;
    gint64 utc_us;
} ClockMark;

typedef struct {
    guint32 ssrc, rtx_ssrc;
    guint8 payload_type, ext_transport_cc;
    ReceiveStats stats;
    SequenceUnwrap unwrap;
    guint64 next; /* the packet that would go on; 0: nothing yet */
    Slot ring[RING];
    guint n_missing;
    Missing missing[MISSING_MAX];
    gboolean in_frame, frame_keyframe, needs_keyframe;
    GByteArray *frame;
    guint32 frame_time;
    gint64 pli_us;
    ClockMark mark;
} Video;

typedef struct {
    guint32 ssrc;
    guint8 ext_transport_cc, red_payload_type;
    ReceiveStats stats;
    SequenceUnwrap unwrap;
    ClockMark mark;
    Playout *playout; /* NULL: not looked at closely */
    guint64 window, n_seen;
    TimeUnwrap time;
    /* Arrival minus media time: the least of these seconds and of the ones before. */
    gint64 least_us, least_before_us, epoch_us;
} Audio;

struct Receiver {
    Path *path;
    guint32 own_ssrc;
    ReceiverTrouble trouble;
    ReceiverStats *counts;
    ReceiverTaps taps;
    gpointer user;
    Audio audio;
    Video video;
    TwccRecord *twcc; /* made with the first packet that carries a number */
    gint64 twcc_due_us, numbered_us, rtt_us;
    LineGuess guess;
};

Receiver *receiver_new(Path *path, const MediaPlan *plan, guint32 own_ssrc, const ReceiverTrouble *trouble,
                       ReceiverStats *stats, const ReceiverTaps *taps, gpointer user) {
    Receiver *receiver = g_new0(Receiver, 1);
    receiver->path = path;
    receiver->own_ssrc = own_ssrc;
    receiver->trouble = *trouble;
    receiver->counts = stats;
    if (taps != NULL) receiver->taps = *taps;
    receiver->user = user;
    receiver->video.frame = g_byte_array_new();
    receiver->video.needs_keyframe = TRUE;
    receiver->rtt_us = RTT_FIRST_US;
    if (trouble->closely) receiver->audio.playout = g_new0(Playout, 1);
    for (guint i = 0; i < plan->n_sections; i++) {
        const MediaSection *section = &plan->sections[i];
        if (section->rejected || !section->we_receive || section->n_remote == 0) continue;
        if (section->kind == MEDIA_AUDIO && receiver->audio.ssrc == 0) {
            receiver->audio.ssrc = section->remote[0].ssrc;
            receiver->audio.ext_transport_cc = section->exts.transport_cc;
            receiver->audio.red_payload_type = section->red_payload_type;
            receive_stats_init(&receiver->audio.stats, receiver->audio.ssrc, 48000);
        } else if (section->kind == MEDIA_VIDEO && receiver->video.ssrc == 0) {
            receiver->video.ssrc = section->remote[0].ssrc;
            receiver->video.rtx_ssrc = section->remote[0].rtx_ssrc;
            receiver->video.payload_type = section->payload_type;
            receiver->video.ext_transport_cc = section->exts.transport_cc;
            receive_stats_init(&receiver->video.stats, receiver->video.ssrc, 90000);
        }
    }
    return receiver;
}

void receiver_free(Receiver *receiver) {
    if (receiver == NULL) return;
    for (guint i = 0; i < RING; i++) g_free(receiver->video.ring[i].bytes);
    g_byte_array_unref(receiver->video.frame);
    g_free(receiver->audio.playout);
    g_free(receiver->twcc);
    g_free(receiver);
}

void receiver_set_rtt(Receiver *receiver, gint64 rtt_us) {
    if (rtt_us > 0) receiver->rtt_us = rtt_us;
}

/* ---- clocks ---- */

static void mark_clock(ClockMark *mark, const RtcpSenderInfo *info) {
    *mark = (ClockMark){ TRUE, info->rtp_time, ntp_to_utc_us(info->ntp) };
}

/* ret: 0, not known. */
static gint64 note_delay(Delays *delays, const ClockMark *mark, guint32 rtp_time, guint clock_khz) {
    if (delays == NULL || !mark->known) return 0;
    gint64 media_us = mark->utc_us + (gint64)(gint32)(rtp_time - mark->rtp_time) * 1000 / (gint)clock_khz;
    gint64 delay_us = g_get_real_time() - media_us;
    delays_add(delays, delay_us);
    return delay_us;
}

/* Until when the voice was late at the beginning: from the first packet on until it was on time for a while. */
static void note_voice_late(ReceiverStats *counts, gint64 delay_us, gint64 now_us) {
    if (counts->first_voice_us == 0) counts->first_voice_us = now_us;
    gint64 since_us = MAX(counts->voice_late_us, counts->first_voice_us);
    if (delay_us > VOICE_LATE_US && now_us - since_us < VOICE_AGAIN_US) counts->voice_late_us = now_us;
}

/* ---- audio ---- */

/* Moves the window on to the newest packet; what falls out of it unseen is a gap. */
static void move_window(Receiver *receiver, guint64 steps) {
    Audio *audio = &receiver->audio;
    for (guint64 i = 0; i < MIN(steps, 1000); i++) {
        audio->window <<= 1;
        audio->n_seen++;
        if (audio->n_seen > AUDIO_WINDOW && !(audio->window >> AUDIO_WINDOW & 1))
            receiver->counts->n_audio_gaps++;
    }
}

static void note_lateness(Receiver *receiver, guint64 time, gint64 now_us) {
    Audio *audio = &receiver->audio;
    gint64 late_us = now_us - (gint64)(time * 1000 / 48);
    if (now_us - audio->epoch_us > EPOCH_US) { /* a mix that was re-timed is late only for so long */
        audio->least_before_us = audio->epoch_us == 0 ? late_us : audio->least_us;
        audio->least_us = late_us;
        audio->epoch_us = now_us;
    }
    audio->least_us = MIN(audio->least_us, late_us);
    if (late_us - MIN(audio->least_us, audio->least_before_us) > LATE_US) receiver->counts->n_audio_late++;
    if (receiver->trouble.remb_bps == 0) line_guess_late(&receiver->guess, late_us, now_us);
}

/* The packet's place first, then what it carries for others. */
static void play(Receiver *receiver, const RedPayload *red, guint64 time, guint n_missing, gint64 now_us) {
    Playout *playout = receiver->audio.playout;
    const RedBlock *own = &red->blocks[red->n_blocks - 1];
    guint n_samples = opus_payload_samples(own->bytes, own->n_bytes);
    receiver->counts->n_narrow += n_samples == NARROW_SAMPLES ? 1 : 0;
    playout_packet(playout, &receiver->counts->playout, time, n_samples, n_missing, now_us);
    for (guint i = 0; i + 1 < red->n_blocks; i++)
        playout_copy(playout, time - red->blocks[i].time_offset,
                     opus_payload_samples(red->blocks[i].bytes, red->blocks[i].n_bytes), now_us);
    if (opus_payload_has_fec(own->bytes, own->n_bytes))
        playout_copy(playout, time - n_samples, n_samples, now_us);
}

static void take_voice(Receiver *receiver, const RtpPacket *packet, guint n_missing, gint64 now_us) {
    const Audio *audio = &receiver->audio;
    guint64 time = rtp_time_unwrap(&receiver->audio.time, packet->timestamp);
    RedPayload red;
    red.n_blocks = 1;
    red.blocks[0] = (RedBlock){ .bytes = packet->payload, .n_bytes = packet->n_payload_bytes };
    note_lateness(receiver, time, now_us);
    gint64 delay_us = note_delay(receiver->counts->voice_delays, &audio->mark, packet->timestamp, 48);
    note_voice_late(receiver->counts, delay_us, now_us);
    if (audio->red_payload_type != 0 && packet->payload_type == audio->red_payload_type) {
        receiver->counts->n_red++;
        if (!red_parse(packet->payload, packet->n_payload_bytes, &red)) return;
    }
    const RedBlock *own = &red.blocks[red.n_blocks - 1];
    if (audio->playout != NULL) play(receiver, &red, time, n_missing, now_us);
    if (receiver->taps.voice != NULL)
        receiver->taps.voice(receiver->user, own->bytes, own->n_bytes, packet->timestamp, now_us);
}

static void on_audio(Receiver *receiver, const RtpPacket *packet, gint64 now_us) {
    Audio *audio = &receiver->audio;
    guint64 before = audio->unwrap.highest, at;
    guint n_missing = 0;
    receive_stats_push(&audio->stats, packet->sequence, packet->timestamp, now_us);
    at = sequence_unwrap(&audio->unwrap, packet->sequence);
    if (before == 0) before = at - 1;
    if (at > before) {
        move_window(receiver, at - before);
        audio->window |= 1;
        n_missing = (guint)(at - before - 1);
    } else if (before - at < 64) {
        audio->window |= (guint64)1 << (before - at);
    }
    receiver->counts->n_audio_packets++;
    receiver->counts->n_audio_bytes += packet->n_payload_bytes;
    receiver->counts->last_audio_us = now_us;
    take_voice(receiver, packet, n_missing, now_us);
}

/* ---- video ---- */

static void forget_missing(Video *video, guint64 at) {
    for (guint i = 0; i < video->n_missing; i++)
        if (video->missing[i].at == at) {
            memmove(&video->missing[i], &video->missing[i + 1],
                    (video->n_missing - i - 1) * sizeof video->missing[0]);
            video->n_missing--;
            return;
        }
}

static void note_freeze(ReceiverStats *counts, gint64 now_us) {
    if (counts->last_frame_us == 0) return;
    gint64 lasted_us = now_us - counts->last_frame_us;
    counts->longest_freeze_us = MAX(counts->longest_freeze_us, lasted_us);
    if (lasted_us > FREEZE_US) counts->frozen_us += (guint64)(lasted_us - FREEZE_US);
}

static void end_frame(Receiver *receiver, gint64 now_us) {
    Video *video = &receiver->video;
    video->in_frame = FALSE;
    if (video->needs_keyframe && !video->frame_keyframe) {
        receiver->counts->n_frames_broken++;
        return;
    }
    video->needs_keyframe = FALSE;
    note_freeze(receiver->counts, now_us);
    note_delay(receiver->counts->picture_delays, &video->mark, video->frame_time, 90);
    receiver->counts->n_frames++;
    receiver->counts->n_keyframes += video->frame_keyframe ? 1 : 0;
    receiver->counts->last_frame_us = now_us;
    if (receiver->counts->first_frame_us == 0) receiver->counts->first_frame_us = now_us;
    if (receiver->taps.frame != NULL)
        receiver->taps.frame(receiver->user, video->frame->data, video->frame->len, video->frame_keyframe,
                             video->frame_time, now_us);
}

/* Takes packets in order as far as they go. */
static void advance(Receiver *receiver, gint64 now_us) {
    Video *video = &receiver->video;
    for (Slot *slot = &video->ring[video->next % RING]; slot->at == video->next;
         slot = &video->ring[video->next % RING]) {
        if (slot->first) {
            video->in_frame = TRUE;
            video->frame_keyframe = slot->keyframe;
            video->frame_time = slot->rtp_time;
            g_byte_array_set_size(video->frame, 0);
        }
        if (slot->bytes != NULL && video->in_frame && video->frame->len < FRAME_BYTES_MAX)
            g_byte_array_append(video->frame, slot->bytes, slot->n_bytes);
        g_clear_pointer(&slot->bytes, g_free);
        video->next++;
        if (slot->last && video->in_frame) end_frame(receiver, now_us);
    }
}

/* The packet at `next` will not come: go on with what is there, from the next keyframe. */
static void give_up(Receiver *receiver, gint64 now_us) {
    Video *video = &receiver->video;
    while (video->next <= video->unwrap.highest && video->ring[video->next % RING].at != video->next) {
        forget_missing(video, video->next);
        receiver->counts->n_video_lost++;
        video->next++;
    }
    if (video->in_frame) receiver->counts->n_frames_broken++;
    video->in_frame = FALSE;
    video->needs_keyframe = TRUE;
    advance(receiver, now_us);
}

static void note_missing(Receiver *receiver, guint64 from, guint64 to, gint64 now_us) {
    Video *video = &receiver->video;
    for (guint64 at = from; at < to; at++) {
        if (video->n_missing == MISSING_MAX) {
            give_up(receiver, now_us);
            return;
        }
        video->missing[video->n_missing++] = (Missing){ .at = at, .noticed_us = now_us };
    }
}

static void store(Receiver *receiver, const RtpPacket *packet, guint64 at, const Vp8Descriptor *descriptor) {
    Slot *slot = &receiver->video.ring[at % RING];
    const guint8 *bytes = packet->payload + descriptor->n_bytes;
    gsize n = packet->n_payload_bytes - descriptor->n_bytes;
    guint16 width, height;
    g_free(slot->bytes);
    *slot = (Slot){ .at = at,
                    .rtp_time = packet->timestamp,
                    .first = descriptor->starts_partition && descriptor->partition == 0,
                    .last = packet->marker };
    slot->keyframe = slot->first && vp8_is_keyframe(bytes, n);
    if (slot->keyframe && vp8_keyframe_size(bytes, n, &width, &height)) {
        receiver->counts->width = width;
        receiver->counts->height = height;
    }
    if (receiver->taps.frame == NULL) return;
    slot->bytes = g_memdup2(bytes, n);
    slot->n_bytes = (guint)n;
}

static void on_video(Receiver *receiver, const RtpPacket *packet, gboolean recovered, gint64 now_us) {
    Video *video = &receiver->video;
    guint64 before = video->unwrap.highest, at;
    Vp8Descriptor descriptor;
    if (packet->n_payload_bytes == 0 ||
        !vp8_descriptor_parse(packet->payload, packet->n_payload_bytes, &descriptor))
        return;
    at = sequence_unwrap(&video->unwrap, packet->sequence);
    if (video->next == 0) {
        video->next = at;
        video->pli_us = now_us; /* the keyframe is on its way */
    }
    if (at < video->next || video->ring[at % RING].at == at) {
        receiver->counts->n_duplicates++;
        return;
    }
    if (at >= video->next + RING) { /* a jump, not a gap */
        video->n_missing = 0;
        video->next = at;
        video->in_frame = FALSE;
        video->needs_keyframe = TRUE;
    } else if (before != 0 && at > before + 1) {
        note_missing(receiver, MAX(before + 1, video->next), at, now_us);
    }
    if (at < video->next) return; /* given up a moment ago */
    store(receiver, packet, at, &descriptor);
    forget_missing(video, at);
    if (recovered) receiver->counts->n_recovered++;
    advance(receiver, now_us);
}

static void count_video(Receiver *receiver, const RtpPacket *packet) {
    receiver->counts->n_video_packets++;
    receiver->counts->n_video_bytes += packet->n_payload_bytes;
}

static void note_arrival(ReceiverStats *counts, gint64 now_us) {
    if (counts->last_packet_us != 0)
        counts->longest_pause_us = MAX(counts->longest_pause_us, now_us - counts->last_packet_us);
    counts->last_packet_us = now_us;
}

static void note_transport(Receiver *receiver, const RtpPacket *packet, guint8 id, gint64 now_us) {
    guint16 sequence;
    if (id == 0 || !rtp_ext_transport_cc(packet, id, &sequence)) return;
    if (receiver->twcc == NULL) receiver->twcc = g_new0(TwccRecord, 1);
    receiver->numbered_us = now_us;
    twcc_record_packet(receiver->twcc, sequence, packet->ssrc, now_us);
}

void receiver_on_rtp(Receiver *receiver, const guint8 *bytes, gsize n_bytes, gint64 now_us) {
    RtpPacket packet, original;
    Video *video = &receiver->video;
    if (!rtp_parse(bytes, n_bytes, &packet)) return;
    note_arrival(receiver->counts, now_us);
    if (receiver->trouble.remb_bps == 0) line_guess_packet(&receiver->guess, n_bytes);
    if (packet.ssrc == receiver->audio.ssrc) {
        note_transport(receiver, &packet, receiver->audio.ext_transport_cc, now_us);
        on_audio(receiver, &packet, now_us);
    } else if (packet.ssrc == video->ssrc || packet.ssrc == video->rtx_ssrc) {
        if (receiver->trouble.loss > 0 && g_random_double() < receiver->trouble.loss) {
            receiver->counts->n_dropped++;
            return;
        }
        note_transport(receiver, &packet, video->ext_transport_cc, now_us);
        count_video(receiver, &packet);
        if (packet.ssrc == video->ssrc) {
            receive_stats_push(&video->stats, packet.sequence, packet.timestamp, now_us);
            on_video(receiver, &packet, FALSE, now_us);
        } else if (rtp_rtx_restore(&packet, video->ssrc, video->payload_type, &original)) {
            on_video(receiver, &original, TRUE, now_us);
        }
    }
}

void receiver_on_rtcp(Receiver *receiver, const RtcpItem *item, gint64 now_us) {
    gboolean voice = item->sender_ssrc == receiver->audio.ssrc;
    if (item->kind != RTCP_SR || (!voice && item->sender_ssrc != receiver->video.ssrc)) return;
    receive_stats_on_report(voice ? &receiver->audio.stats : &receiver->video.stats, item->report.info.ntp,
                            now_us);
    mark_clock(voice ? &receiver->audio.mark : &receiver->video.mark, &item->report.info);
    if (receiver->taps.report != NULL) receiver->taps.report(receiver->user, voice, &item->report.info);
}

/* ---- asking ---- */

static void tick_missing(Receiver *receiver, gint64 now_us) {
    Video *video = &receiver->video;
    guint16 sequences[MISSING_MAX];
    guint n = 0;
    gint64 give_up_us = MIN(GIVE_UP_US + 4 * receiver->rtt_us, GIVE_UP_MAX_US);
    if (video->n_missing > 0 && now_us - video->missing[0].noticed_us > give_up_us) give_up(receiver, now_us);
    for (guint i = 0; i < video->n_missing; i++) {
        Missing *missing = &video->missing[i];
        if (now_us - missing->noticed_us < NACK_FIRST_US || missing->n_asked == NACKS_MAX ||
            now_us - missing->asked_us < NACK_AGAIN_US + receiver->rtt_us)
            continue;
        missing->asked_us = now_us;
        missing->n_asked++;
        sequences[n++] = (guint16)missing->at;
    }
    if (n == 0) return;
    guint8 bytes[1024];
    Writer writer = writer_over(bytes, sizeof bytes);
    rtcp_write_nack(&writer, receiver->own_ssrc, video->ssrc, sequences, n);
    if (!writer.bad && path_send_rtcp(receiver->path, bytes, writer.n_bytes)) receiver->counts->n_nacks++;
}

static void tick_keyframe(Receiver *receiver, gint64 now_us) {
    Video *video = &receiver->video;
    guint8 bytes[32];
    Writer writer = writer_over(bytes, sizeof bytes);
    if (!video->needs_keyframe || video->next == 0 || now_us - video->pli_us < PLI_US) return;
    video->pli_us = now_us;
    rtcp_write_pli(&writer, receiver->own_ssrc, video->ssrc);
    if (path_send_rtcp(receiver->path, bytes, writer.n_bytes)) receiver->counts->n_plis++;
}

static void tick_twcc(Receiver *receiver, gint64 now_us) {
    static RtcpTwcc scratch;
    guint8 bytes[1200];
    Writer writer = writer_over(bytes, sizeof bytes);
    if (receiver->twcc == NULL || now_us < receiver->twcc_due_us) return;
    receiver->twcc_due_us = now_us + TWCC_US;
    if (twcc_record_write(receiver->twcc, &writer, receiver->own_ssrc, &scratch))
        path_send_rtcp(receiver->path, bytes, writer.n_bytes);
}

void receiver_tick(Receiver *receiver, gint64 now_us) {
    if (!path_is_live(receiver->path)) return;
    tick_twcc(receiver, now_us);
    if (receiver->video.ssrc == 0) return;
    tick_missing(receiver, now_us);
    tick_keyframe(receiver, now_us);
}

static guint add_block(ReceiveStats *stats, gint64 now_us, RtcpReportBlock *ret_block) {
    ReceiveReport report;
    if (!receive_stats_report(stats, now_us, &report)) return 0;
    *ret_block = (RtcpReportBlock){ .ssrc = report.ssrc,
                                    .fraction_lost = report.fraction_lost,
                                    .n_lost = report.cumulative_lost,
                                    .highest_sequence = report.highest,
                                    .jitter = report.jitter,
                                    .last_sr = report.last_report,
                                    .since_last_sr = report.delay };
    return 1;
}

void receiver_write_reports(Receiver *receiver, Writer *writer, gint64 now_us) {
    RtcpReportBlock blocks[2];
    guint n = 0;
    if (receiver->audio.ssrc != 0) n += add_block(&receiver->audio.stats, now_us, &blocks[n]);
    if (receiver->video.ssrc != 0) n += add_block(&receiver->video.stats, now_us, &blocks[n]);
    rtcp_write_rr(writer, receiver->own_ssrc, blocks, n);
    if (receiver->video.ssrc == 0) return;
    /* As in browsers: what carries transport-wide numbers is judged by the sender. */
    if (receiver->trouble.remb_bps == 0 && now_us - receiver->numbered_us < NUMBERED_US) return;
    guint64 bps = receiver->trouble.remb_bps;
    receiver->counts->guess_bps = bps > 0 ? bps : line_guess_bps(&receiver->guess, now_us);
    rtcp_write_remb(writer, receiver->own_ssrc, receiver->counts->guess_bps, &receiver->video.ssrc, 1);
}
