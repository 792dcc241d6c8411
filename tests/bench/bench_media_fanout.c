/* What one more listening endpoint costs on the way out: N legs with real ICE, DTLS and SRTP on one worker, their peers on
 * another in the same process; program at 25 frames a second and sound at 50 packets, from blocks made here.
 * Prints the CPU of the sending worker per leg and per packet. Arguments: legs (100), seconds (10). */
#include "bridge/media/downlink.h"
#include "bridge/transport/loop.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    PORT_MIN = 43300,
    PORT_MAX = 43999,
    VIDEO = 1,
    CONFERENCE = 1,
    FRAME_BYTES = 7000,
    KEYFRAME_BYTES = 40000
};

typedef struct {
    Worker *worker, *other;
    Transport *transport;
    TransportDescription local, remote;
    Downlink *downlink;
    guint index;
    guint64 n_received;
} End;

static Worker *workers[2];
static End *senders, *receivers;
static guint n_legs;
static gint n_live;
static gboolean ending;
static Fanout *fanout;

static void on_keyframe(gpointer user, StreamId stream) { (void)user, (void)stream; }
static void on_rung(gpointer user, StreamId stream) { (void)user, (void)stream; }

typedef struct {
    End *end;
    TransportDescription *description; /* of the other side; freed by the job */
} RemoteLetter;

static void set_remote(Worker *worker, gpointer letter) {
    (void)worker;
    RemoteLetter *job = letter;
    g_autoptr(GError) error = NULL;
    if (!transport_set_remote(job->end->transport, job->description, &error))
        fprintf(stderr, "%s\n", error->message);
    g_free(job->description);
}

static void post_remote(End *to, const TransportDescription *description) {
    RemoteLetter letter = { to, g_memdup2(description, sizeof *description) };
    worker_post(to->worker, set_remote, &letter, sizeof letter);
}

static void make_receiver(Worker *worker, gpointer letter);

static void on_sender_described(gpointer user) {
    End *end = user, *peer = &receivers[end->index];
    transport_local(end->transport, &end->local);
    peer->remote = end->local;
    worker_post(workers[1], make_receiver, &peer, sizeof peer);
}

static void on_receiver_described(gpointer user) {
    End *end = user;
    g_autoptr(GError) error = NULL;
    if (!transport_set_remote(end->transport, &end->remote, &error)) fprintf(stderr, "%s\n", error->message);
    transport_local(end->transport, &end->local);
    end->local.n_candidates = 0;
    post_remote(&senders[end->index], &end->local);
}

static void begin_downlink(End *end) {
    static const DownlinkEvents events = { .rung = on_rung };
    static const DownlinkRung rungs[] = {
        { .stream = VIDEO, .bitrate_bps = 1500000, .width = 1280, .height = 720, .fps = 25, .layers = 2 }
    };
    DownlinkConfig config = { .conference = CONFERENCE, .seat = end->index + 1, .cname = "bench" };
    config.audio.ssrc = end->index * 4 + 1;
    config.audio.payload_type = 111;
    config.video.ssrc = end->index * 4 + 2;
    config.video.rtx_ssrc = end->index * 4 + 3;
    config.video.payload_type = 96;
    config.video.rtx_payload_type = 97;
    config.video.ext_abs_send_time = 2;
    config.video.codec = CODEC_VP8;
    end->downlink = downlink_new(fanout, end->transport, &config, &events, end);
    downlink_watch(end->downlink, rungs, 1, 0, g_get_monotonic_time());
}

static void on_state(gpointer user, TransportState state, const char *why) {
    End *end = user;
    if (state == TRANSPORT_FAILED && !ending) fprintf(stderr, "leg %u: %s\n", end->index, why);
    if (state != TRANSPORT_LIVE) return;
    if (end->worker == workers[0]) {
        if (end->downlink == NULL) begin_downlink(end);
        downlink_on_live(end->downlink, g_get_monotonic_time());
    }
    g_atomic_int_inc(&n_live);
}

static void on_packet(gpointer user, guint8 *packet, gsize n_bytes, gint64 arrival_us) {
    (void)packet, (void)n_bytes, (void)arrival_us;
    ((End *)user)->n_received++;
}

static const TransportEvents sender_events = { on_sender_described, on_state, on_packet, on_packet };
static const TransportEvents receiver_events = { on_receiver_described, on_state, on_packet, on_packet };

static void make_sender(Worker *worker, gpointer letter) {
    End *end = *(End **)letter;
    end->transport = transport_new(worker, TRUE, &sender_events, end, NULL);
}

static void make_receiver(Worker *worker, gpointer letter) {
    End *end = *(End **)letter;
    end->transport = transport_new(worker, FALSE, &receiver_events, end, NULL);
    transport_prefer_active(end->transport);
}

/* What a browser sends back: a report a second keeps the line from being called lost. */
static void on_peer_beat(gpointer user, gint64 now_us) {
    static gint64 next_us;
    (void)user;
    if (now_us < next_us) return;
    next_us = now_us + G_USEC_PER_SEC;
    static const guint8 report[] = { 0x80, 201, 0, 1, 0, 0, 0, 1 };
    for (guint i = 0; i < n_legs; i++)
        if (receivers[i].transport != NULL && transport_state(receivers[i].transport) == TRANSPORT_LIVE)
            transport_send_rtcp(receivers[i].transport, report, sizeof report);
}

static void on_beat(gpointer user, gint64 now_us) {
    (void)user;
    fanout_beat(fanout, now_us);
}

static void hold(Worker *worker, gpointer letter) {
    (void)letter;
    worker_hold_beat(worker);
}

static void take_video(Worker *worker, gpointer letter) {
    (void)worker;
    fanout_video(fanout, *(Block **)letter, g_get_monotonic_time());
}

static void take_audio(Worker *worker, gpointer letter) {
    (void)worker;
    AudioTick *tick = *(AudioTick **)letter;
    fanout_audio(fanout, tick, g_get_monotonic_time());
    audio_tick_unref(tick);
}

static void close_all(Worker *worker, gpointer letter) {
    End *ends = *(End **)letter;
    (void)worker;
    for (guint i = 0; i < n_legs; i++) {
        g_clear_pointer(&ends[i].downlink, downlink_free);
        g_clear_pointer(&ends[i].transport, transport_close);
    }
}

static void post_video(guint64 frame, gint64 now_us) {
    static guint8 bytes[KEYFRAME_BYTES];
    gboolean keyframe = frame % 250 == 0;
    bytes[0] = keyframe ? 0 : 1;
    Block *block =
        block_new_vp8(VIDEO, bytes, keyframe ? KEYFRAME_BYTES : FRAME_BYTES, BLOCK_VP8_PAYLOAD_BYTES_MAX);
    block->frame_index = frame;
    block->rtp_time = (guint32)frame * 3600;
    block->capture_us = now_us;
    worker_post(workers[0], take_video, &block, sizeof block);
}

static void post_audio(guint64 tick, gint64 now_us) {
    static const guint8 bytes[80];
    AudioTick *letter = audio_tick_new();
    Block *block = letter->listeners.block[AUDIO_TIER_FEC] = block_new_audio(2, bytes, sizeof bytes);
    letter->conference = CONFERENCE;
    letter->tick = tick;
    block->rtp_time = (guint32)tick * 960;
    block->capture_us = now_us;
    if (!worker_post(workers[0], take_audio, &letter, sizeof letter)) audio_tick_unref(letter);
}

static void run(guint seconds) {
    gint64 start_us = g_get_monotonic_time();
    for (guint64 tick = 0; tick < seconds * 50ULL; tick++) {
        gint64 due_us = start_us + (gint64)tick * 20000;
        gint64 left_us = due_us - g_get_monotonic_time();
        if (left_us > 0) g_usleep((gulong)left_us);
        if (tick % 2 == 0) post_video(tick / 2, due_us);
        post_audio(tick, due_us);
    }
}

static gboolean set_up(void) {
    static const FanoutEvents events = { on_keyframe, NULL };
    g_autoptr(GError) error = NULL;
    char *addresses[] = { (char *)"127.0.0.1", NULL };
    TransportSettings settings = {
        .port_min = PORT_MIN, .port_max = PORT_MAX, .addresses = addresses, .gso = getenv("NO_GSO") == NULL
    };
    if (!transport_global_init(&settings, &error)) {
        fprintf(stderr, "%s\n", error->message);
        return FALSE;
    }
    fanout = fanout_new(&events, NULL);
    workers[0] = worker_start(0, on_beat, NULL, NULL);
    workers[1] = worker_start(1, on_peer_beat, NULL, NULL);
    senders = g_new0(End, n_legs);
    receivers = g_new0(End, n_legs);
    for (guint i = 0; i < n_legs; i++) {
        senders[i] = (End){ .worker = workers[0], .index = i };
        receivers[i] = (End){ .worker = workers[1], .index = i };
        End *end = &senders[i];
        worker_post(workers[0], make_sender, &end, sizeof end);
    }
    worker_post(workers[0], hold, NULL, 0);
    worker_post(workers[1], hold, NULL, 0);
    gint64 until_us = g_get_monotonic_time() + 20 * G_USEC_PER_SEC;
    while ((guint)g_atomic_int_get(&n_live) < 2 * n_legs && g_get_monotonic_time() < until_us)
        g_usleep(10000);
    return (guint)g_atomic_int_get(&n_live) == 2 * n_legs;
}

static void report(const WorkerStats *before, const WorkerStats *after, guint64 n_packets, guint64 n_received,
                   double seconds) {
    double cpu_us = (double)(after->cpu_us - before->cpu_us);
    printf("legs %u  packets/s %.0f  received %.2f %%  cpu of the worker %.1f %%  per leg %.3f %%  per "
           "packet %.2f us  wakeups/s %.0f\n",
           n_legs, (double)n_packets / seconds, 100.0 * (double)n_received / (double)MAX(n_packets, 1),
           cpu_us / seconds / 1e4, cpu_us / seconds / 1e4 / n_legs, cpu_us / (double)MAX(n_packets, 1),
           (double)(after->n_wakeups - before->n_wakeups) / seconds);
    const char *folder = getenv("OUT");
    g_autofree char *path = g_build_filename(folder != NULL ? folder : ".", "media_fanout.jsonl", NULL);
    FILE *out = folder != NULL ? fopen(path, "a") : NULL;
    if (out == NULL) return;
    fprintf(out,
            "{\"bench\":\"media_fanout\",\"legs\":%u,\"packets_per_s\":%.0f,\"cores\":%.4f,\"us_per_packet\":"
            "%.2f}\n",
            n_legs, (double)n_packets / seconds, cpu_us / seconds / 1e6, cpu_us / (double)MAX(n_packets, 1));
    fclose(out);
}

static guint64 sum_received(void) {
    guint64 n = 0;
    for (guint i = 0; i < n_legs; i++) n += receivers[i].n_received;
    return n;
}

int main(int argc, char **argv) {
    n_legs = argc > 1 ? (guint)atoi(argv[1]) : 100;
    guint seconds = argc > 2 ? (guint)atoi(argv[2]) : 10;
    if (!set_up()) return 1;
    WorkerStats before, after;
    FanoutStats fan_before, fan_after;
    g_usleep(2000000); /* the agents' first checks are over */
    worker_read_stats(workers[0], &before);
    fanout_read_stats(fanout, &fan_before);
    gint64 start_us = g_get_monotonic_time();
    run(seconds);
    double real_seconds = (double)(g_get_monotonic_time() - start_us) / G_USEC_PER_SEC;
    worker_read_stats(workers[0], &after);
    fanout_read_stats(fanout, &fan_after);
    g_usleep(500000);
    report(&before, &after, fan_after.n_packets - fan_before.n_packets, sum_received(), real_seconds);
    ending = TRUE;
    worker_post(workers[0], close_all, &senders, sizeof senders);
    worker_post(workers[1], close_all, &receivers, sizeof receivers);
    worker_stop(workers[0]);
    worker_stop(workers[1]);
    fanout_free(fanout);
    transport_global_end();
    g_free(senders);
    g_free(receivers);
    return 0;
}
