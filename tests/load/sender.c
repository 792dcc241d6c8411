/* sender.c -- see sender.h. Frames are cut from shared loops; a packet is header, descriptor and a slice of a loop, and the
 * history keeps just enough to make the same packet again on the RTX stream. */
#include "tests/load/sender.h"

#include "bridge/wire/vp8.h"
#include "tests/load/up_line.h"

#include <string.h>

enum {
    HISTORY = 256, /* packets of a layer */
    PAYLOAD_BYTES_MAX = 1100,
    VOICE_US = 20 * 1000,
    DTX_US = 400 * 1000,
    FORGET_US = 500 * 1000, /* after a long stall: no burst of what was missed */
    RESENDS_PER_NACK = 32,
    ALLOWED_FIRST_BPS = 3000000,
    ALLOWED_MIN_BPS = 40000,
    ALLOWED_MAX_BPS = 8000000,
    VOICE_BPS = 40000,  /* comes first */
    NARROW_BPS = 70000, /* of less: the voice in packets of 60 ms, as Chromium sends it (adaptivePtime) */
    NARROW_FRAMES = 3,
    TOLD_US = 500 * 1000,
};
static const double LOSS_HIGH = 0.10,
                    LOSS_LOW = 0.02; /* as browsers judge: above give way, below take more */

typedef struct {
    gboolean used;
    guint16 sequence, picture_id;
    guint32 rtp_time;
    guint8 tl0_index;
    gboolean first, last;
    const guint8 *bytes;
    guint n_bytes;
} Sent;

typedef struct {
    guint32 ssrc;
    guint16 sequence;
    guint32 rtp_time, n_packets, n_bytes;
    gint64 sampled_us; /* when rtp_time was */
} Stream;

typedef struct {
    gboolean active, restart;
    LayerWish wish;
    guint variant; /* that the wish and the line want; the loop before it goes on until that is drawn */
    const PictureLoop *loop;
    guint frame;
    guint16 picture_id;
    guint8 tl0_index;
    gint64 due_us;
    Stream stream, rtx;
    Sent history[HISTORY];
} Layer;

struct Sender {
    Path *path;
    Camera *camera;
    SenderStats *stats;
    const MediaSection *audio, *video;
    Stream voice;
    gboolean was_talking;
    gboolean narrow; /* a probe's voice: the last packet had 60 ms */
    guint voice_frame;
    gint64 voice_due_us;
    gint64 epoch_us; /* time 0 of the RTP clocks */
    guint16 transport_sequence;
    guint plain;        /* the layer of a plain stream */
    double allowed_bps; /* by what is lost */
    UpLine line;        /* and by when the rest arrives */
    guint64 told_bytes; /* sent at the last report, and when that was */
    gint64 told_us;
    Layer layers[CAMERA_LAYERS];
};

static guint32 random_ssrc(void) { return g_random_int() | 1; }

static void stream_init(Stream *stream) {
    stream->ssrc = random_ssrc();
    stream->sequence =
        (guint16)g_random_int_range(1, 0x7FFF); /* below 2^15: RFC 3711 3.3.1 guesses the rollover right */
}

Sender *sender_new(Path *path, MediaPlan *plan, Camera *camera, SenderStats *stats) {
    Sender *sender = g_new0(Sender, 1);
    sender->path = path;
    sender->camera = camera;
    sender->stats = stats;
    stream_init(&sender->voice);
    for (guint i = 0; i < CAMERA_LAYERS; i++) {
        stream_init(&sender->layers[i].stream);
        stream_init(&sender->layers[i].rtx);
        sender->layers[i].picture_id = (guint16)g_random_int_range(0, 0x7FFF);
        sender->layers[i].active = sender->layers[i].wish.active = i == CAMERA_THUMBNAIL;
        sender->layers[i].variant = camera_variant(i, NULL);
    }
    sender->allowed_bps = ALLOWED_FIRST_BPS;
    for (guint i = 0; i < plan->n_sections; i++) {
        MediaSection *section = &plan->sections[i];
        if (section->rejected || !section->we_send) continue;
        if (section->kind == MEDIA_AUDIO && sender->audio == NULL) {
            sender->audio = section;
            section->local_ssrc = sender->voice.ssrc;
        } else if (section->kind == MEDIA_VIDEO && sender->video == NULL) {
            sender->video = section; /* layers are told apart by rid: no SSRC in the answer */
        } else {
            section->we_send = FALSE; /* no screen to show */
            section->n_rids = 0;
        }
    }
    return sender;
}

void sender_free(Sender *sender) { g_free(sender); }
guint32 sender_ssrc(const Sender *sender) { return sender->voice.ssrc; }

/* ---- one packet ---- */

static void put_common(Sender *sender, RtpExtWriter *ext, const MediaExts *exts, const char *mid,
                       guint n_payload_bytes, gint64 now_us) {
    rtp_ext_put_abs_send_time(ext, exts->abs_send_time, abs_send_time_from_us(now_us));
    if (exts->transport_cc != 0) {
        up_line_sent(&sender->line, sender->transport_sequence, n_payload_bytes, now_us);
        rtp_ext_put_transport_cc(ext, exts->transport_cc, sender->transport_sequence++);
    }
    if (*mid != '\0') rtp_ext_put_text(ext, exts->mid, mid);
}

static void count(Sender *sender, Stream *stream, guint n_payload_bytes) {
    stream->n_packets++;
    stream->n_bytes += n_payload_bytes;
    sender->stats->n_packets++;
    sender->stats->n_bytes += n_payload_bytes;
}

static void send_voice(Sender *sender, const guint8 *bytes, guint n_bytes, guint8 level, gboolean marker,
                       gint64 sampled_us, gint64 now_us) {
    RtpOut out = { .payload = bytes, .n_payload_bytes = n_bytes };
    Writer writer = writer_over(out.header, sizeof out.header);
    Stream *stream = &sender->voice;
    stream->sampled_us = sampled_us;
    guint32 rtp_time =
        (guint32)((sampled_us - sender->epoch_us) * 48 / 1000 / VOICE_FRAME_SAMPLES * VOICE_FRAME_SAMPLES);
    /* A spurt may begin within the frame of the last silence: time goes on all the same. */
    stream->rtp_time =
        stream->n_packets > 0 && rtp_time == stream->rtp_time ? rtp_time + VOICE_FRAME_SAMPLES : rtp_time;
    rtp_write_header(&writer, &(RtpHeader){ .ssrc = stream->ssrc,
                                            .timestamp = stream->rtp_time,
                                            .sequence = stream->sequence++,
                                            .payload_type = sender->audio->payload_type,
                                            .marker = marker });
    RtpExtWriter ext = rtp_ext_begin(&writer);
    rtp_ext_put_audio_level(&ext, sender->audio->exts.audio_level, level, level < 127);
    put_common(sender, &ext, &sender->audio->exts, sender->audio->mid, n_bytes, now_us);
    rtp_ext_end(&ext);
    out.n_header_bytes = (guint)writer.n_bytes;
    path_send_rtp(sender->path, &out, SEND_AUDIO);
    count(sender, stream, n_bytes);
    sender->stats->n_voice_packets++;
}

/* rtx: the packet again, on the layer's RTX stream, its sequence number before the payload (RFC 4588 4). */
static void send_picture(Sender *sender, guint at, const Sent *sent, gboolean rtx, gint64 now_us) {
    Layer *layer = &sender->layers[at];
    Stream *stream = rtx ? &layer->rtx : &layer->stream;
    const MediaSection *video = sender->video;
    RtpOut out = { .payload = sent->bytes, .n_payload_bytes = sent->n_bytes };
    Writer writer = writer_over(out.header, sizeof out.header);
    guint8 *descriptor;
    rtp_write_header(&writer,
                     &(RtpHeader){ .ssrc = stream->ssrc,
                                   .timestamp = sent->rtp_time,
                                   .sequence = rtx ? stream->sequence++ : sent->sequence,
                                   .payload_type = rtx ? video->rtx_payload_type : video->payload_type,
                                   .marker = sent->last });
    RtpExtWriter ext = rtp_ext_begin(&writer);
    put_common(sender, &ext, &video->exts, video->mid, sent->n_bytes, now_us);
    if (video->n_rids > at)
        rtp_ext_put_text(&ext, rtx ? video->exts.repaired_rid : video->exts.rid, video->rids[at]);
    rtp_ext_end(&ext);
    if (rtx) writer_u16(&writer, sent->sequence);
    descriptor = writer_reserve(&writer, VP8_DESCRIPTOR_BYTES_MAX);
    if (descriptor == NULL) return;
    vp8_descriptor_write_ours(descriptor, sent->first, FALSE, sent->picture_id, sent->tl0_index, 0, FALSE);
    out.n_header_bytes = (guint)writer.n_bytes;
    path_send_rtp(sender->path, &out, SEND_VIDEO);
    count(sender, stream, sent->n_bytes);
}

/* ---- frames ---- */

static void send_frame(Sender *sender, guint at, const guint8 *bytes, guint n_bytes, gint64 sampled_us,
                       gint64 now_us) {
    Layer *layer = &sender->layers[at];
    guint n_packets = (n_bytes + PAYLOAD_BYTES_MAX - 1) / PAYLOAD_BYTES_MAX,
          step = (n_bytes + n_packets - 1) / n_packets;
    layer->stream.rtp_time = (guint32)((sampled_us - sender->epoch_us) * 9 / 100);
    layer->stream.sampled_us = sampled_us;
    for (guint i = 0; i < n_packets; i++) {
        Sent *sent = &layer->history[layer->stream.sequence % HISTORY];
        *sent = (Sent){ .used = TRUE,
                        .sequence = layer->stream.sequence++,
                        .picture_id = layer->picture_id,
                        .tl0_index = layer->tl0_index,
                        .rtp_time = layer->stream.rtp_time,
                        .first = i == 0,
                        .last = i + 1 == n_packets,
                        .bytes = bytes + (gsize)i * step,
                        .n_bytes = MIN(step, n_bytes - i * step) };
        send_picture(sender, at, sent, FALSE, now_us);
    }
    layer->picture_id = (layer->picture_id + 1) & 0x7FFF;
    layer->tl0_index++;
    sender->stats->n_frames++;
    if (at == CAMERA_MAIN)
        sender->stats->n_main_frames++;
    else
        sender->stats->n_thumbnail_frames++;
}

/* The large picture of a probe comes when its camera has it. */
static void tick_probe(Sender *sender, Probe *probe, gint64 now_us) {
    Layer *layer = &sender->layers[CAMERA_MAIN];
    ProbeFrame frame;
    probe_set_active(probe, layer->active && sender->video->n_rids > CAMERA_MAIN);
    if (!layer->active) return;
    if (layer->restart) probe_force_keyframe(probe);
    layer->restart = FALSE;
    while (probe_take_frame(probe, &frame)) {
        send_frame(sender, CAMERA_MAIN, frame.bytes, frame.n_bytes, frame.capture_us, now_us);
        probe_frame_sent(probe, &frame, now_us);
    }
}

/* Another size or rate begins with its keyframe, at once. */
static const PictureLoop *loop_now(Sender *sender, Layer *layer, gint64 now_us) {
    const PictureLoop *wanted = camera_loop(sender->camera, layer->variant);
    if (wanted == NULL || wanted == layer->loop) return layer->loop;
    if (layer->loop != NULL) layer->due_us = now_us;
    layer->loop = wanted;
    layer->restart = TRUE;
    return wanted;
}

static void tick_layer(Sender *sender, guint at, gint64 now_us) {
    Layer *layer = &sender->layers[at];
    const PictureLoop *loop;
    if (at == CAMERA_MAIN && sender->camera->probe != NULL && probe_films(sender->camera->probe)) {
        tick_probe(sender, sender->camera->probe, now_us);
        return;
    }
    if (!layer->active) return;
    if (sender->video->n_rids > 0 ? at >= sender->video->n_rids : at != sender->plain) return;
    loop = loop_now(sender, layer, now_us);
    if (loop == NULL || now_us < layer->due_us) return;
    if (at == CAMERA_MAIN) {
        sender->stats->main_width = loop->width;
        sender->stats->main_height = loop->height;
    }
    if (layer->restart) layer->frame = 0;
    layer->restart = FALSE;
    guint32 from = loop->offsets[layer->frame], to = loop->offsets[layer->frame + 1];
    send_frame(sender, at, loop->bytes + from, to - from, now_us, now_us);
    layer->frame = (layer->frame + 1) % loop->n_frames;
    if (layer->due_us == 0)
        layer->due_us = now_us + g_random_int_range(0, 100000); /* endpoints do not march in step */
    layer->due_us += G_USEC_PER_SEC / loop->fps;
    if (now_us - layer->due_us > FORGET_US) layer->due_us = now_us;
}

/* The same for a probe: what leaves now was captured just before; time 0 of the RTP clock is a frame's beginning. */
static void send_probe_voice(Sender *sender, Probe *probe, gboolean starts, gint64 now_us) {
    const guint8 *bytes;
    guint8 level;
    guint n_frames = sender->narrow ? NARROW_FRAMES : 1;
    if (starts) sender->voice_due_us -= (sender->voice_due_us - sender->epoch_us) % VOICE_US;
    gint64 capture_us = sender->voice_due_us - n_frames * VOICE_US;
    guint n_bytes = probe_voice(probe, n_frames, capture_us, now_us, &bytes, &level);
    send_voice(sender, bytes, n_bytes, level, starts, capture_us, now_us);
    sender->was_talking = TRUE;
    /* Where packets are lost without a queue, short ones are better. */
    sender->narrow = up_line_bps(&sender->line, ALLOWED_MAX_BPS, now_us) < NARROW_BPS;
    sender->voice_due_us += (sender->narrow ? NARROW_FRAMES : 1) * VOICE_US;
}

static void tick_voice(Sender *sender, gboolean talking, gint64 now_us) {
    const VoiceLoop *loop = NULL;
    Probe *probe = sender->camera->probe;
    if (talking)
        loop = probe != NULL ? workshop_silence(sender->camera->workshop) : camera_voice(sender->camera);
    gboolean starts;
    if (now_us < sender->voice_due_us && !(loop != NULL && !sender->was_talking)) return;
    starts = loop != NULL && !sender->was_talking;
    if (sender->voice_due_us == 0 || starts || now_us - sender->voice_due_us > FORGET_US)
        sender->voice_due_us = now_us;
    if (loop == NULL) {
        loop = workshop_silence(sender->camera->workshop);
        send_voice(sender, loop->bytes[0], loop->sizes[0], loop->levels[0], FALSE, now_us, now_us);
        sender->voice_due_us += sender->was_talking ? VOICE_US : DTX_US;
        sender->was_talking = FALSE;
        return;
    }
    if (probe != NULL) {
        send_probe_voice(sender, probe, starts || sender->voice_due_us == now_us, now_us);
        return;
    }
    if (starts) sender->voice_frame = 0;
    guint i = sender->voice_frame;
    send_voice(sender, loop->bytes[i], loop->sizes[i], loop->levels[i], starts, sender->voice_due_us,
               sender->voice_due_us);
    sender->voice_frame = (i + 1) % loop->n_frames;
    sender->voice_due_us += VOICE_US;
    sender->was_talking = TRUE;
}

void sender_tick(Sender *sender, gboolean talking, gint64 now_us) {
    if (!path_is_live(sender->path)) return;
    if (sender->epoch_us == 0)
        sender->epoch_us = now_us - (gint64)g_random_int_range(1, 1000) * G_USEC_PER_SEC;
    if (sender->audio != NULL) tick_voice(sender, talking, now_us);
    if (sender->video == NULL) return;
    for (guint i = 0; i < CAMERA_LAYERS; i++) tick_layer(sender, i, now_us);
}

static void set_layer(Sender *sender, guint at, gboolean active, const LayerWish *wish) {
    Layer *layer = &sender->layers[at];
    if (active && !layer->active) {
        layer->restart = TRUE;
        layer->due_us = 0;
    }
    layer->active = active;
    layer->variant = camera_variant(at, wish);
    if (active) (void)camera_loop(sender->camera, layer->variant); /* begin to draw */
}

/* What was asked for, as far as the line is believed to carry it: the voice first, then the small picture. */
static void settle_layers(Sender *sender) {
    double allowed_bps = up_line_bps(&sender->line, sender->allowed_bps, g_get_monotonic_time());
    guint left_bps = (guint)MAX(allowed_bps - VOICE_BPS, 0);
    LayerWish small = sender->layers[CAMERA_THUMBNAIL].wish, large = sender->layers[CAMERA_MAIN].wish;
    small.max_bps = small.max_bps > 0 ? MIN(small.max_bps, MAX(left_bps, 1)) : MAX(left_bps, 1);
    set_layer(sender, CAMERA_THUMBNAIL, small.active, &small);
    if (small.active) left_bps -= MIN(left_bps, camera_variant_bps(sender->layers[CAMERA_THUMBNAIL].variant));
    large.max_bps = large.max_bps > 0 ? MIN(large.max_bps, MAX(left_bps, 1)) : MAX(left_bps, 1);
    gboolean carried = camera_variant_bps(camera_variant(CAMERA_MAIN, &large)) <= left_bps;
    set_layer(sender, CAMERA_MAIN, large.active && (carried || !small.active), &large);
    sender->stats->allowed_kbps = (guint)(allowed_bps / 1000);
}

void sender_need(Sender *sender, guint layer, const LayerWish *wish) {
    sender->layers[layer].wish = *wish;
    settle_layers(sender);
}

void sender_plain(Sender *sender, guint layer) { sender->plain = layer; }

/* ---- feedback ---- */

static void on_nack(Sender *sender, const RtcpItem *item, gint64 now_us) {
    for (guint at = 0; at < CAMERA_LAYERS; at++) {
        const Layer *layer = &sender->layers[at];
        if (layer->stream.ssrc != item->media_ssrc) continue;
        for (guint i = 0; i < item->nack.n_sequences; i++) {
            const Sent *sent = &layer->history[item->nack.sequences[i] % HISTORY];
            sender->stats->n_nacked++;
            if (!sent->used || sent->sequence != item->nack.sequences[i] || i >= RESENDS_PER_NACK) continue;
            if (sender->video->rtx_payload_type == 0) continue;
            send_picture(sender, at, sent, TRUE, now_us);
            sender->stats->n_resent++;
        }
    }
}

static void restart(Sender *sender, guint32 ssrc) {
    for (guint at = 0; at < CAMERA_LAYERS; at++) {
        if (sender->layers[at].stream.ssrc != ssrc) continue;
        sender->layers[at].restart = TRUE;
        sender->stats->n_plis++;
    }
}

/* Loss decides, as in browsers (draft-ietf-rmcat-gcc-02 6): what was lost of a little says nothing about more. */
static void on_loss(Sender *sender, double loss, gint64 now_us) {
    if (now_us - sender->told_us < TOLD_US) return;
    double sent_bps =
        (double)(sender->stats->n_bytes - sender->told_bytes) * 8e6 / (double)(now_us - sender->told_us);
    sender->told_bytes = sender->stats->n_bytes;
    sender->told_us = now_us;
    if (loss > LOSS_HIGH)
        sender->allowed_bps = MIN(sender->allowed_bps, 1.2 * sent_bps) * (1 - 0.5 * loss);
    else if (loss < LOSS_LOW && sender->allowed_bps < 2 * sent_bps + ALLOWED_FIRST_BPS)
        sender->allowed_bps *= 1.08;
    sender->allowed_bps = CLAMP(sender->allowed_bps, ALLOWED_MIN_BPS, ALLOWED_MAX_BPS);
    settle_layers(sender);
}

static void on_report(Sender *sender, const RtcpItem *item, gint64 now_us) {
    double loss = 0;
    gboolean told = FALSE;
    for (guint i = 0; i < item->report.n_blocks; i++) {
        const RtcpReportBlock *block = &item->report.blocks[i];
        gint64 rtt_us = rtcp_round_trip_us(block, ntp_from_utc_us(g_get_real_time()));
        gboolean ours = block->ssrc == sender->voice.ssrc;
        if (rtt_us >= 0)
            sender->stats->rtt_us =
                sender->stats->rtt_us > 0 ? (sender->stats->rtt_us * 7 + rtt_us) / 8 : rtt_us;
        for (guint at = 0; at < CAMERA_LAYERS; at++)
            ours |= block->ssrc == sender->layers[at].stream.ssrc && sender->layers[at].active;
        if (block->ssrc == sender->voice.ssrc && sender->camera->probe != NULL)
            probe_set_loss(sender->camera->probe, block->fraction_lost / 256.0);
        if (!ours) continue;
        loss = MAX(loss, block->fraction_lost / 256.0);
        told = TRUE;
    }
    if (told && sender->video != NULL) on_loss(sender, loss, now_us);
}

void sender_on_rtcp(Sender *sender, const RtcpItem *item, gint64 now_us) {
    if (item->kind == RTCP_RR || item->kind == RTCP_SR) on_report(sender, item, now_us);
    if (sender->video == NULL) return;
    if (item->kind == RTCP_TWCC) {
        up_line_told(&sender->line, &item->twcc, sender->allowed_bps, sender->stats->rtt_us, now_us);
        settle_layers(sender);
    }
    if (item->kind == RTCP_NACK) on_nack(sender, item, now_us);
    if (item->kind == RTCP_PLI) restart(sender, item->media_ssrc);
    if (item->kind == RTCP_FIR)
        for (guint i = 0; i < item->fir.n_entries; i++) restart(sender, item->fir.entries[i].ssrc);
}

static void write_report(Writer *writer, const Stream *stream, guint clock_khz, gint64 now_us) {
    if (stream->n_packets == 0) return;
    gint64 since_us = now_us - stream->sampled_us;
    RtcpSenderInfo info = { .ntp = ntp_from_utc_us(g_get_real_time()),
                            .rtp_time = stream->rtp_time + (guint32)(since_us * clock_khz / 1000),
                            .n_packets = stream->n_packets,
                            .n_bytes = stream->n_bytes };
    rtcp_write_sr(writer, stream->ssrc, &info, NULL, 0);
}

void sender_write_reports(Sender *sender, Writer *writer, gint64 now_us) {
    write_report(writer, &sender->voice, 48, now_us);
    for (guint i = 0; i < CAMERA_LAYERS; i++)
        if (sender->layers[i].active) write_report(writer, &sender->layers[i].stream, 90, now_us);
}
