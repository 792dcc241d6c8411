/* test_meeting_call.c -- a whole bridge in one process with two endpoints over 127.0.0.1: each sends a plain colour and a tone,
 * and each receives the composed program with both colours where the layout says, and the other's tone without its own. */
#include "bridge/media/studio.h"
#include "bridge/media/video_uplink.h"
#include "bridge/meeting/overload.h"
#include "bridge/wire/negotiate.h"
#include "bridge/wire/rtp_streams.h"
#include "bridge/wire/vp8.h"
#include "config/control.h"

#include <gst/app/gstappsink.h>
#include <gst/app/gstappsrc.h>
#include <gst/gst.h>
#include <math.h>
#include <opus/opus.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

enum {
    FRAMES = 30,
    TONE_SAMPLES = 960,
    PCM_SAMPLES = 48000 * 4,
    REQUEST_REFUSED = 99,
    REQUEST_NOT_CALLED = 98,
    WAIT_US = 20 * G_USEC_PER_SEC
};

typedef struct {
    guint8 y, u, v;
} Colour;

typedef struct Client {
    const char *name;
    guint32 seat, leg;
    Colour colour; /* what its camera shows */
    const char *test_colour;
    double tone_hz;

    Worker *worker;
    Transport *transport;
    char *offer;
    MediaPlan plan;
    RtpStreams streams;
    GMutex lock; /* what follows is read by the test's thread */
    char *answer;
    TransportState state;

    GBytes *frames[FRAMES];
    guint n_frames, next_frame;
    guint16 video_sequence, audio_sequence;
    guint32 video_time, audio_time;
    gint64 next_video_us, next_audio_us;
    OpusEncoder *encoder;
    OpusDecoder *decoder;
    double phase;

    const struct Client *screen_of;                     /* whose picture is on the screen that is shown */
    gint shows_screen, n_screen_frames, n_screen_wrong; /* atomic */
    guint16 screen_sequence;
    VideoUplink *program, *screen;
    GstElement *pipeline, *source, *sink;
    gint16 *pcm;
    guint n_pcm;
    guint n_program_frames, program_height, n_sound; /* n_sound: packets */
    Colour left, right;
} Client;

/* ---- what it sends ---- */

static void encode_colour(Client *client) {
    g_autofree char *text = g_strdup_printf(
        "videotestsrc num-buffers=%d pattern=solid-color foreground-color=%s ! "
        "video/x-raw,width=640,height=360,framerate=15/1"
        " ! vp8enc deadline=1 keyframe-max-dist=15 target-bitrate=300000 ! appsink name=out sync=false",
        FRAMES, client->test_colour);
    GstElement *pipeline = gst_parse_launch(text, NULL), *out = gst_bin_get_by_name(GST_BIN(pipeline), "out");
    gst_element_set_state(pipeline, GST_STATE_PLAYING);
    GstSample *sample;
    while (client->n_frames < FRAMES && (sample = gst_app_sink_pull_sample(GST_APP_SINK(out))) != NULL) {
        GstBuffer *buffer = gst_sample_get_buffer(sample);
        gsize n_bytes = gst_buffer_get_size(buffer);
        guint8 *bytes = g_malloc(n_bytes);
        gst_buffer_extract(buffer, 0, bytes, n_bytes);
        client->frames[client->n_frames++] = g_bytes_new_take(bytes, n_bytes);
        gst_sample_unref(sample);
    }
    gst_element_set_state(pipeline, GST_STATE_NULL);
    gst_object_unref(out);
    gst_object_unref(pipeline);
}

static RtpOut packet_of(const MediaSection *section, guint16 sequence, guint32 time, gboolean marker,
                        gboolean audio) {
    RtpOut out = { 0 };
    Writer writer = writer_over(out.header, sizeof out.header);
    RtpHeader header = { .ssrc = section->local_ssrc,
                         .timestamp = time,
                         .sequence = sequence,
                         .payload_type = section->payload_type,
                         .marker = marker };
    rtp_write_header(&writer, &header);
    RtpExtWriter ext = rtp_ext_begin(&writer);
    rtp_ext_put_text(&ext, section->exts.mid, section->mid);
    if (audio) rtp_ext_put_audio_level(&ext, section->exts.audio_level, 12, TRUE);
    rtp_ext_end(&ext);
    out.n_header_bytes = (guint)writer.n_bytes;
    return out;
}

/* from: whose picture. */
static void send_frame(Client *client, const Client *from, guint index, guint16 *sequence) {
    const MediaSection *section = &client->plan.sections[index];
    gsize n_bytes;
    const guint8 *bytes = g_bytes_get_data(from->frames[client->next_frame], &n_bytes);
    for (gsize at = 0; at < n_bytes; at += 1000) {
        gsize n = MIN(1000, n_bytes - at);
        guint8 payload[1100] = { at == 0 ? 0x10 : 0x00 }; /* S bit: the frame begins here (RFC 7741 4.2) */
        RtpOut out = packet_of(section, (*sequence)++, client->video_time, at + n == n_bytes, FALSE);
        memcpy(payload + 1, bytes + at, n);
        out.payload = payload;
        out.n_payload_bytes = (guint)n + 1;
        transport_send_rtp(client->transport, &out, 1, SEND_VIDEO);
    }
}

static void send_tone(Client *client) {
    const MediaSection *section = &client->plan.sections[SECTION_AUDIO];
    gint16 pcm[TONE_SAMPLES];
    guint8 payload[400];
    for (guint i = 0; i < TONE_SAMPLES; i++) {
        /* In syllables: Opus takes a steady tone for noise, and a pause (DTX) sends nothing. */
        double loudness = 0.5 - 0.5 * cos(2 * G_PI * 4.0 * (double)(client->audio_time + i) / 48000.0);
        pcm[i] = (gint16)(12000.0 * loudness * sin(client->phase));
        client->phase = fmod(client->phase + 2 * G_PI * client->tone_hz / 48000.0, 2 * G_PI);
    }
    RtpOut out = packet_of(section, client->audio_sequence++, client->audio_time, FALSE, TRUE);
    client->audio_time += TONE_SAMPLES;
    out.payload = payload;
    out.n_payload_bytes = (guint)opus_encode(client->encoder, pcm, TONE_SAMPLES, payload, sizeof payload);
    transport_send_rtp(client->transport, &out, 1, SEND_AUDIO);
}

static void on_beat(gpointer user, gint64 now_us) {
    Client *client = user;
    if (client->state != TRANSPORT_LIVE) return;
    if (now_us >= client->next_video_us) {
        client->next_video_us = MAX(client->next_video_us + 66667, now_us);
        client->video_time += 6000;
        send_frame(client, client, SECTION_VIDEO, &client->video_sequence);
        if (g_atomic_int_get(&client->shows_screen))
            send_frame(client, client->screen_of, SECTION_PRESENTATION, &client->screen_sequence);
        client->next_frame = (client->next_frame + 1) % client->n_frames;
    }
    while (now_us >= client->next_audio_us) {
        client->next_audio_us = client->next_audio_us == 0 ? now_us + 20000 : client->next_audio_us + 20000;
        send_tone(client);
    }
}

/* ---- what it receives ---- */

static void on_program_frame(gpointer user, Frame *frame) {
    Client *client = user;
    client->n_program_frames++;
    gst_app_src_push_buffer(GST_APP_SRC(client->source), gst_buffer_new_memdup(frame->bytes, frame->n_bytes));
    frame_unref(frame);
}

static void on_nack(gpointer user, guint32 ssrc, const guint16 *sequences, guint n_sequences) {
    (void)user, (void)ssrc, (void)sequences, (void)n_sequences;
}

static void on_keyframe(gpointer user, guint32 ssrc) {
    Client *client = user;
    guint8 bytes[64];
    Writer writer = writer_over(bytes, sizeof bytes);
    rtcp_write_rr(&writer, client->plan.sections[SECTION_VIDEO].local_ssrc, NULL, 0);
    rtcp_write_pli(&writer, client->plan.sections[SECTION_VIDEO].local_ssrc, ssrc);
    transport_send_rtcp(client->transport, bytes, writer.n_bytes);
}

/* What a screen shows arrives as it was sent, byte for byte. */
static void on_screen_frame(gpointer user, Frame *frame) {
    Client *client = user;
    const Client *screen = client->screen_of;
    gboolean same = FALSE;
    for (guint i = 0; i < screen->n_frames && !same; i++) {
        gsize n_bytes;
        const guint8 *bytes = g_bytes_get_data(screen->frames[i], &n_bytes);
        same = n_bytes == frame->n_bytes && memcmp(bytes, frame->bytes, n_bytes) == 0;
    }
    g_atomic_int_inc(same ? &client->n_screen_frames : &client->n_screen_wrong);
    frame_unref(frame);
}

static void on_rtp(gpointer user, guint8 *bytes, gsize n_bytes, gint64 arrival_us) {
    static const VideoUplinkEvents events = { on_program_frame, on_nack, on_keyframe };
    static const VideoUplinkEvents screen_events = { on_screen_frame, on_nack, on_keyframe };
    Client *client = user;
    RtpPacket packet;
    if (!rtp_parse(bytes, n_bytes, &packet)) return;
    const RtpStream *stream = rtp_streams_of(&client->streams, &packet);
    if (stream == NULL) return;
    if (stream->section == SECTION_VIDEO && !stream->is_rtx) {
        if (client->program == NULL)
            client->program = video_uplink_new(CODEC_VP8, packet.ssrc, &events, client);
        video_uplink_push(client->program, &packet, FALSE, 0, arrival_us);
    } else if (stream->section == SECTION_PRESENTATION && !stream->is_rtx) {
        if (client->screen == NULL)
            client->screen = video_uplink_new(CODEC_VP8, packet.ssrc, &screen_events, client);
        video_uplink_push(client->screen, &packet, FALSE, 0, arrival_us);
    } else if (stream->section == SECTION_AUDIO) {
        gint16 pcm[5760];
        int n =
            opus_decode(client->decoder, packet.payload, (opus_int32)packet.n_payload_bytes, pcm, 5760, 0);
        g_mutex_lock(&client->lock);
        client->n_sound++;
        if (n > 0 && client->n_pcm + (guint)n <= PCM_SAMPLES) {
            memcpy(client->pcm + client->n_pcm, pcm, (gsize)n * sizeof pcm[0]);
            client->n_pcm += (guint)n;
        }
        g_mutex_unlock(&client->lock);
    }
}

static void on_rtcp(gpointer user, guint8 *bytes, gsize n_bytes, gint64 arrival_us) {
    (void)user, (void)bytes, (void)n_bytes, (void)arrival_us;
}

static Colour pixel(const GstMapInfo *map, guint width, guint height, guint x, guint y) {
    const guint8 *u = map->data + (gsize)width * height, *v = u + (gsize)width * height / 4;
    gsize at = (gsize)(y / 2) * (width / 2) + x / 2;
    return (Colour){ map->data[(gsize)y * width + x], u[at], v[at] };
}

static GstFlowReturn on_picture(GstAppSink *sink, gpointer user) {
    Client *client = user;
    GstSample *sample = gst_app_sink_pull_sample(sink);
    GstStructure *caps = gst_caps_get_structure(gst_sample_get_caps(sample), 0);
    GstMapInfo map;
    int width = 0, height = 0;
    gst_structure_get_int(caps, "width", &width);
    gst_structure_get_int(caps, "height", &height);
    if (gst_buffer_map(gst_sample_get_buffer(sample), &map, GST_MAP_READ)) {
        g_mutex_lock(&client->lock);
        client->program_height = (guint)height;
        client->left = pixel(&map, (guint)width, (guint)height, (guint)width / 4, (guint)height / 2);
        client->right = pixel(&map, (guint)width, (guint)height, (guint)width * 3 / 4, (guint)height / 2);
        g_mutex_unlock(&client->lock);
        gst_buffer_unmap(gst_sample_get_buffer(sample), &map);
    }
    gst_sample_unref(sample);
    return GST_FLOW_OK;
}

static void start_decoder(Client *client) {
    client->pipeline = gst_parse_launch(
        "appsrc name=in caps=video/x-vp8 format=time ! vp8dec threads=1 ! video/x-raw,format=I420"
        " ! appsink name=out sync=false",
        NULL);
    client->source = gst_bin_get_by_name(GST_BIN(client->pipeline), "in");
    client->sink = gst_bin_get_by_name(GST_BIN(client->pipeline), "out");
    GstAppSinkCallbacks callbacks = { .new_sample = on_picture };
    gst_app_sink_set_callbacks(GST_APP_SINK(client->sink), &callbacks, client, NULL);
    gst_element_set_state(client->pipeline, GST_STATE_PLAYING);
}

/* ---- its side of the offer and answer ---- */

static void on_described(gpointer user) {
    Client *client = user;
    g_autoptr(GError) error = NULL;
    TransportDescription local;
    if (!negotiate_read_offer(ANSWER_BOTH, client->offer, strlen(client->offer), &client->plan, &error) ||
        !transport_set_remote(client->transport, &client->plan.remote, &error))
        g_error("%s: %s", client->name, error->message);
    transport_prefer_active(client->transport);
    transport_local(client->transport, &local);
    for (guint i = 0; i < client->plan.n_sections; i++) {
        client->plan.sections[i].n_rids = 0; /* one plain stream */
        client->plan.sections[i].local_ssrc = client->seat * 1000 + i + 1;
        client->plan.sections[i].local_rtx_ssrc = client->seat * 1000 + i + 101;
    }
    rtp_streams_init(&client->streams, &client->plan);
    AnswerSpec spec = { .session_id = 7, .session_version = 1, .cname = client->name, .transport = &local };
    g_mutex_lock(&client->lock);
    client->answer = negotiate_answer(&client->plan, &spec);
    g_mutex_unlock(&client->lock);
}

static void on_state(gpointer user, TransportState state, const char *why) {
    Client *client = user;
    print_message("%s: %s %s\n", client->name, transport_state_word(state), why);
    g_mutex_lock(&client->lock);
    client->state = state;
    g_mutex_unlock(&client->lock);
}

static void do_call(Worker *worker, gpointer letter) {
    static const TransportEvents events = { on_described, on_state, on_rtp, on_rtcp };
    Client *client = *(Client **)letter;
    client->transport = transport_new(worker, FALSE, &events, client, NULL);
    worker_hold_beat(worker);
}

/* Its camera begins again: new SSRC, new numbers, another colour. */
static void do_begin_again(Worker *worker, gpointer letter) {
    Client *client = *(Client **)letter;
    (void)worker;
    client->plan.sections[SECTION_VIDEO].local_ssrc += 50;
    client->video_sequence = 40000;
    client->video_time += 1234567;
    client->next_frame = 0;
    for (guint i = 0; i < client->n_frames; i++) g_bytes_unref(client->frames[i]);
    client->n_frames = 0;
    encode_colour(client);
}

static void do_hang_up(Worker *worker, gpointer letter) {
    Client *client = *(Client **)letter;
    transport_close(client->transport);
    g_clear_pointer(&client->program, video_uplink_free);
    g_clear_pointer(&client->screen, video_uplink_free);
    worker_release_beat(worker);
}

/* ---- the bridge's side: answers and events collected ---- */

static struct {
    Bridge *bridge;
    Client clients[2];
    guint n_screen_wanted;
    guint n_live, n_needs, n_speaking;
    gboolean refused;
    guint level, n_misfits; /* as the last `load` said */
} test;

static Client *client_of_leg(guint32 leg) { return &test.clients[leg - 1]; }

static void on_answer(gpointer user, guint request, json_t *body, const GError *error) {
    (void)user;
    if (error != NULL && request != REQUEST_REFUSED) fail_msg("request %u: %s", request, error->message);
    if (request == REQUEST_REFUSED) test.refused = error != NULL && error->code == FAULT_CONFLICT;
    const char *sdp = json_string_value(json_object_get(body, "sdp"));
    if (sdp == NULL || request == REQUEST_NOT_CALLED) return;
    Client *client = client_of_leg(request);
    client->offer = g_strdup(sdp);
    worker_post(client->worker, do_call, &client, sizeof client);
}

static void on_event(gpointer user, json_t *event) {
    const char *name = json_string_value(json_object_get(event, "t"));
    (void)user;
    test.n_live += strcmp(name, "leg.state") == 0 &&
                   strcmp(json_string_value(json_object_get(event, "state")), "live") == 0;
    test.n_needs += strcmp(name, "needs") == 0;
    test.n_speaking += strcmp(name, "speaking") == 0;
    if (strcmp(name, "presentation.needs") == 0) {
        assert_true(control_check(event, CONTROL_TO_SIGNALING, NULL));
        json_t *main_layer = json_array_get(json_object_get(event, "rids"), 1);
        test.n_screen_wanted = json_is_true(json_object_get(main_layer, "active")) ? 1 : 0;
    }
    if (strcmp(name, "load") != 0) return;
    assert_true(control_check(event, CONTROL_TO_SIGNALING, NULL));
    test.level = (guint)json_integer_value(json_object_get(event, "level"));
    test.n_misfits = (guint)json_array_size(json_object_get(event, "misfits"));
}

static void order(guint request, json_t *message) {
    const char *name = json_string_value(json_object_get(message, "t"));
    bridge_order(test.bridge, request, name, message);
    json_decref(message);
}

static gboolean turn_until(gboolean (*done)(void)) {
    gint64 until_us = g_get_monotonic_time() + WAIT_US;
    while (!done() && g_get_monotonic_time() < until_us) {
        struct pollfd news = { .fd = bridge_news_fd(test.bridge), .events = POLLIN };
        bridge_settle(test.bridge, g_get_monotonic_time());
        poll(&news, 1, 20);
        bridge_take_news(test.bridge);
        for (guint i = 0; i < 2; i++) {
            Client *client = &test.clients[i];
            g_mutex_lock(&client->lock);
            char *answer = g_steal_pointer(&client->answer);
            g_mutex_unlock(&client->lock);
            if (answer != NULL)
                order(10 + i,
                      json_pack("{s:s,s:i,s:s}", "t", "leg.answer", "leg", (int)client->leg, "sdp", answer));
            g_free(answer);
        }
    }
    return done();
}

static gboolean near(Colour a, Colour b) {
    return ABS(a.y - b.y) < 24 && ABS(a.u - b.u) < 24 && ABS(a.v - b.v) < 24;
}

static gboolean both_see_both(void) {
    gboolean all = TRUE;
    for (guint i = 0; i < 2; i++) {
        Client *client = &test.clients[i];
        g_mutex_lock(&client->lock);
        all =
            all && near(client->left, test.clients[0].colour) && near(client->right, test.clients[1].colour);
        g_mutex_unlock(&client->lock);
    }
    return all;
}

static gboolean both_have_heard(void) {
    gboolean all = TRUE;
    for (guint i = 0; i < 2; i++) {
        g_mutex_lock(&test.clients[i].lock);
        all = all && test.clients[i].n_pcm >= PCM_SAMPLES - 5760;
        g_mutex_unlock(&test.clients[i].lock);
    }
    return all;
}

/* Goertzel: amplitude of one frequency in the last second. */
static double tone_in(const Client *client, double hz) {
    const gint16 *pcm = client->pcm + client->n_pcm - 48000;
    double coefficient = 2 * cos(2 * G_PI * hz / 48000.0), one = 0, two = 0;
    for (guint i = 0; i < 48000; i++) {
        double zero = pcm[i] + coefficient * one - two;
        two = one;
        one = zero;
    }
    return 2 * sqrt(one * one + two * two - coefficient * one * two) / 48000.0;
}

static void client_init(Client *client) {
    int failed;
    g_mutex_init(&client->lock);
    client->pcm = g_new0(gint16, PCM_SAMPLES);
    client->encoder = opus_encoder_create(48000, 1, OPUS_APPLICATION_VOIP, &failed);
    client->decoder = opus_decoder_create(48000, 1, &failed);
    encode_colour(client);
    start_decoder(client);
    client->worker = worker_start(8 + client->leg, on_beat, client, NULL);
}

static void client_clear(Client *client) {
    worker_post(client->worker, do_hang_up, &client, sizeof client);
    worker_stop(client->worker);
    gst_element_set_state(client->pipeline, GST_STATE_NULL);
    gst_object_unref(client->source);
    gst_object_unref(client->sink);
    gst_object_unref(client->pipeline);
    opus_encoder_destroy(client->encoder);
    opus_decoder_destroy(client->decoder);
    for (guint i = 0; i < client->n_frames; i++) g_bytes_unref(client->frames[i]);
    g_free(client->offer);
    g_free(client->pcm);
    g_mutex_clear(&client->lock);
}

static json_t *scene_of_two(void) {
    return json_pack("{s:s,s:s,s:i,s:i,s:[{s:i,s:s,s:s},{s:i,s:s,s:s}],s:[{s:i,s:s,s:s,s:[{s:i},{s:i}]}],s:[{"
                     "s:i,s:i},{s:i,s:i}]}",
                     "t", "scene", "meeting", "m", "epoch", 1, "revision", 1, "endpoints", "seat", 1, "label",
                     "Xã Đầm Hà", "heard", "may", "seat", 2, "label", "Phường Hà Khánh", "heard", "may",
                     "views", "view", 1, "name", "program", "layout", "1+1", "slots", "pin", 1, "pin", 2,
                     "legs", "leg", 1, "view", 1, "leg", 2, "view", 1);
}

static void two_rooms_meet(void **state) {
    (void)state;
    test.clients[0] = (Client){ .name = "red",
                                .seat = 1,
                                .leg = 1,
                                .colour = { 82, 90, 240 },
                                .test_colour = "0xffff0000",
                                .tone_hz = 440 };
    test.clients[1] = (Client){ .name = "blue",
                                .seat = 2,
                                .leg = 2,
                                .colour = { 41, 240, 110 },
                                .test_colour = "0xff0000ff",
                                .tone_hz = 1000 };
    for (guint i = 0; i < 2; i++) client_init(&test.clients[i]);
    order(20, scene_of_two());
    for (guint i = 1; i <= 2; i++)
        order(i, json_pack("{s:s,s:i,s:s,s:i,s:s,s:i}", "t", "leg.open", "leg", (int)i, "meeting", "m",
                           "seat", (int)i, "way", "duplex", "view", 1));
    gboolean seen = turn_until(both_see_both), heard = turn_until(both_have_heard);
    for (guint i = 0; i < 2; i++) {
        const Client *client = &test.clients[i];
        print_message("%s: %u program frames, left %u %u %u, right %u %u %u, %u samples\n", client->name,
                      client->n_program_frames, client->left.y, client->left.u, client->left.v,
                      client->right.y, client->right.u, client->right.v, client->n_pcm);
    }
    assert_true(seen);
    assert_true(heard);
    assert_int_equal(test.n_live, 2);
    assert_true(test.n_needs >= 2);
    assert_true(test.n_speaking >= 1);
    for (guint i = 0; i < 2; i++) {
        const Client *client = &test.clients[i], *other = &test.clients[1 - i];
        double theirs = tone_in(client, other->tone_hz), own = tone_in(client, client->tone_hz);
        print_message("%s hears %.0f of the other and %.0f of itself\n", client->name, theirs, own);
        assert_true(theirs > 500);
        assert_true(own < theirs / 30); /* -30 dB: codec noise, not an echo */
    }
}

/* And it stays in its tile when the room begins to join another meeting and does not arrive there. */
static void a_camera_that_begins_again_is_seen(void **state) {
    (void)state;
    order(REQUEST_NOT_CALLED, json_pack("{s:s,s:i,s:s,s:i,s:s,s:i}", "t", "leg.open", "leg", 3, "meeting",
                                        "another", "seat", 1, "way", "duplex", "view", 0));
    Client *client = &test.clients[0];
    client->colour = (Colour){ 145, 54, 34 };
    client->test_colour = "0xff00ff00";
    worker_post(client->worker, do_begin_again, &client, sizeof client);
    assert_true(turn_until(both_see_both));
}

static void every_group_of_threads_is_accounted_for(void **state) {
    static const char *const groups[] = { "workers_us", "audio_us",  "canvas_us",
                                          "encode_us",  "decode_us", "control_us" };
    json_t *stats = bridge_stats(test.bridge), *cpu = json_object_get(stats, "cpu");
    json_int_t sum_us = 0;
    (void)state;
    for (guint i = 0; i < G_N_ELEMENTS(groups); i++) {
        json_int_t group_us = json_integer_value(json_object_get(cpu, groups[i]));
        if (group_us <= 0) fail_msg("%s: %d", groups[i], (int)group_us);
        sum_us += group_us;
    }
    assert_int_equal(sum_us, json_integer_value(json_object_get(stats, "cpu_us")));
    json_decref(stats);
}

static void an_older_scene_is_refused(void **state) {
    (void)state;
    json_t *scene = scene_of_two();
    json_object_set_new(scene, "epoch", json_integer(0));
    order(REQUEST_REFUSED, scene);
    assert_true(test.refused);
}

static gint64 deadline_us;
static gboolean time_is_over(void) { return g_get_monotonic_time() >= deadline_us; }

/* The second client, in the large tile of the composed form. */
static gboolean sees_screen_in_program(void) {
    Client *client = &test.clients[1];
    g_mutex_lock(&client->lock);
    gboolean seen = near(client->left, client->screen_of->colour);
    g_mutex_unlock(&client->lock);
    return seen;
}

static gboolean wants_screen(void) { return test.n_screen_wanted == 1; }
static gboolean shown_to_the_other(void) { return g_atomic_int_get(&test.clients[1].n_screen_frames) >= 15; }
static gboolean wants_no_screen(void) { return test.n_screen_wanted == 0; }

static void present(guint32 seat, int revision) {
    json_t *scene = scene_of_two();
    json_object_set_new(scene, "revision", json_integer(revision));
    if (seat != 0) json_object_set_new(scene, "presenter", json_integer(seat));
    order(20, scene);
}

static void a_screen_is_forwarded_as_it_is(void **state) {
    (void)state;
    Client *presenter = &test.clients[0], *other = &test.clients[1];
    presenter->screen_of = other->screen_of = other;
    g_atomic_int_set(&presenter->shows_screen, TRUE); /* nobody sees what the meeting does not want */
    deadline_us = g_get_monotonic_time() + G_USEC_PER_SEC / 2;
    turn_until(time_is_over);
    assert_int_equal(g_atomic_int_get(&other->n_screen_frames), 0);
    present(1, 2);
    assert_true(turn_until(wants_screen));
    assert_true(turn_until(shown_to_the_other));
    assert_int_equal(g_atomic_int_get(&other->n_screen_wrong), 0);
    assert_int_equal(g_atomic_int_get(&presenter->n_screen_frames), 0); /* it sees its own screen already */
    assert_true(both_see_both());                                       /* the program goes on beside it */
    /* Who takes a single picture finds the screen in the program, large; it is decoded only while that is watched. */
    StudioStats before, composed, after;
    studio_read_stats(test.bridge->studio, &before);
    bridge_leg(test.bridge, 2)->single_picture = TRUE;
    assert_true(turn_until(sees_screen_in_program));
    studio_read_stats(test.bridge->studio, &composed);
    assert_int_equal(composed.n_views, before.n_views + 1);
    assert_int_equal(composed.n_sources_shown, before.n_sources_shown + 1);
    bridge_leg(test.bridge, 2)->single_picture = FALSE;
    assert_true(turn_until(both_see_both));
    studio_read_stats(test.bridge->studio, &after);
    assert_int_equal(after.n_views, before.n_views);
    assert_int_equal(after.n_sources_shown, before.n_sources_shown);
    present(0, 3);
    assert_true(turn_until(wants_no_screen));
    deadline_us = g_get_monotonic_time() + G_USEC_PER_SEC / 2;
    turn_until(time_is_over);
    int n_frames = g_atomic_int_get(&other->n_screen_frames);
    deadline_us = g_get_monotonic_time() + G_USEC_PER_SEC / 2;
    turn_until(time_is_over);
    assert_int_equal(g_atomic_int_get(&other->n_screen_frames), n_frames);
    g_atomic_int_set(&presenter->shows_screen, FALSE);
}

static gboolean has_stepped_down(void) { return test.level > 0; }

static gboolean has_given_up_all(void) {
    const BridgeLimits *limits = &test.bridge->limits;
    return limits->program_fps == 12 && limits->wall_fps == 3 && test.clients[0].program_height == 360 &&
           test.n_misfits > 0;
}

static gboolean has_stepped_up(void) { return test.level == 0; }

/* What reaches the first client in two seconds. */
static void receive(guint *ret_n_frames, guint *ret_n_sound) {
    const Client *client = &test.clients[0];
    guint n_frames = client->n_program_frames, n_sound = client->n_sound;
    deadline_us = g_get_monotonic_time() + 2 * G_USEC_PER_SEC;
    turn_until(time_is_over);
    *ret_n_frames = client->n_program_frames - n_frames;
    *ret_n_sound = client->n_sound - n_sound;
}

/* A budget that nothing fits into: pictures come slower and smaller, sound as before; with room again, all comes back. */
static void an_overloaded_bridge_gives_up_pictures_never_sound(void **state) {
    (void)state;
    guint n_frames, n_sound, n_frames_low, n_sound_low;
    bridge_overload_set_budget(test.bridge, 64);
    assert_true(turn_until(has_stepped_up));
    receive(&n_frames, &n_sound);
    gint64 start_us = g_get_monotonic_time();
    bridge_overload_set_budget(test.bridge, 0.01);
    assert_true(turn_until(has_stepped_down));
    print_message("first step after %d ms\n", (int)((g_get_monotonic_time() - start_us) / 1000));
    assert_true(turn_until(has_given_up_all));
    receive(&n_frames_low, &n_sound_low);
    print_message("in 2 s: %u frames and %u packets of sound, then %u and %u\n", n_frames, n_sound,
                  n_frames_low, n_sound_low);
    assert_true(n_frames_low > 0 && n_frames_low * 4 < n_frames * 3); /* 12 instead of 25 */
    assert_true(n_sound_low * 10 > n_sound * 8);                      /* 50 a second, both times */
    assert_true(both_see_both());
    bridge_overload_set_budget(test.bridge, 64);
    assert_true(turn_until(has_stepped_up));
    assert_int_equal(test.bridge->limits.program_fps, 25);
    assert_int_equal(test.bridge->limits.wall_fps, 8);
    assert_int_equal(test.bridge->limits.top_height, 1080);
    assert_true(turn_until(both_see_both));
}

static int set_up(void **state) {
    static const BridgeEvents events = { on_event, on_answer };
    static char *addresses[] = { (char *)"127.0.0.1", NULL };
    TransportSettings transport = {
        .port_min = 44000, .port_max = 44099, .addresses = addresses, .gso = TRUE
    };
    g_autoptr(GError) error = NULL;
    (void)state;
    json_t *sandbox = json_object();
    if (!studio_global_init(&error) || !transport_global_init(&transport, &error))
        fail_msg("%s", error->message);
    Settings *settings = settings_load(NULL, NULL, &error);
    test.bridge = bridge_new(settings, sandbox, &events, NULL, &error);
    json_decref(sandbox);
    if (test.bridge == NULL) fail_msg("%s", error->message);
    bridge_overload_set_budget(test.bridge, 64); /* what other programs do here changes no frame rate */
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    for (guint i = 0; i < 2; i++) client_clear(&test.clients[i]);
    Settings *settings = (Settings *)(guintptr)test.bridge->settings;
    bridge_free(test.bridge);
    settings_free(settings);
    transport_global_end();
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(two_rooms_meet),
        cmocka_unit_test(a_camera_that_begins_again_is_seen),
        cmocka_unit_test(every_group_of_threads_is_accounted_for),
        cmocka_unit_test(an_older_scene_is_refused),
        cmocka_unit_test(a_screen_is_forwarded_as_it_is),
        cmocka_unit_test(an_overloaded_bridge_gives_up_pictures_never_sound),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
