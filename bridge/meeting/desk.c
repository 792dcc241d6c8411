/* desk.c -- orders in, legs served; see desk.h. Everything below the verbs runs on the worker's thread. */
#include "bridge/meeting/desk.h"

#include "bridge/meeting/leg.h"
#include "config/log.h"

struct Desk {
    Worker *worker;
    LegHouse house;
    GHashTable *legs; /* id -> Leg */
    gint64 next_stats_us, lively_until_us;
    GMutex stats_lock; /* stats only */
    DeskStats stats;
};

/* ---- orders: one letter each ---- */

typedef struct {
    guint32 leg;
    guint request;
    char *text;
    gboolean flag;
    guint height, bps;
    StreamId stream, streams[SCREEN_LAYERS];
    StudioSource *source;
    RungLadder ladder;
} Order;

G_STATIC_ASSERT(sizeof(Order) <= WORKER_LETTER_BYTES_MAX && sizeof(LegOrder) <= WORKER_LETTER_BYTES_MAX);

/* The leg that an order is for. */
static Leg *leg_of(Worker *worker, guint32 id) {
    Desk *desk = worker_user(worker);
    Leg *leg = g_hash_table_lookup(desk->legs, GUINT_TO_POINTER(id));
    if (leg != NULL) leg_stir(leg);
    return leg;
}

static void refuse(Desk *desk, guint32 leg, guint request, FaultCode fault, const char *why) {
    News news = { .reply = { .leg = leg, .request = request, .fault = fault, .text = g_strdup(why) } };
    if (request == 0 || !mailbox_post(desk->house.news, NEWS_REPLY, &news, sizeof news))
        g_free(news.reply.text);
}

static void drop_leg_order(LegOrder *order) {
    g_free(order->offer);
    if (order->audio != NULL) audio_uplink_unref(order->audio);
    if (order->source != NULL) studio_source_unref(order->source);
}

static void job_open(Worker *worker, gpointer letter) {
    Desk *desk = worker_user(worker);
    LegOrder *order = letter;
    if (leg_of(worker, order->leg) != NULL) {
        refuse(desk, order->leg, order->request, FAULT_CONFLICT, "this connection exists already");
        drop_leg_order(order);
        return;
    }
    g_hash_table_insert(desk->legs, GUINT_TO_POINTER(order->leg), leg_new(&desk->house, order));
    worker_hold_beat(worker);
}

static void job_answer(Worker *worker, gpointer letter) {
    Order *order = letter;
    Leg *leg = leg_of(worker, order->leg);
    if (leg != NULL)
        leg_answer(leg, order->request, order->text);
    else
        refuse(worker_user(worker), order->leg, order->request, FAULT_GONE, "this connection is gone");
    g_free(order->text);
}

static void job_restart(Worker *worker, gpointer letter) {
    Order *order = letter;
    Leg *leg = leg_of(worker, order->leg);
    if (leg != NULL) {
        leg_restart(leg, order->request, order->text);
        return;
    }
    refuse(worker_user(worker), order->leg, order->request, FAULT_GONE, "this connection is gone");
    g_free(order->text);
}

static void job_close(Worker *worker, gpointer letter) {
    const Order *order = letter;
    Desk *desk = worker_user(worker);
    if (g_hash_table_remove(desk->legs, GUINT_TO_POINTER(order->leg))) worker_release_beat(worker);
}

static void job_watch(Worker *worker, gpointer letter) {
    const Order *order = letter;
    Leg *leg = leg_of(worker, order->leg);
    if (leg != NULL) leg_watch(leg, &order->ladder);
}

static void job_hear(Worker *worker, gpointer letter) {
    const Order *order = letter;
    Leg *leg = leg_of(worker, order->leg);
    if (leg != NULL) leg_hear(leg, order->flag);
}

static void job_need(Worker *worker, gpointer letter) {
    const Order *order = letter;
    Leg *leg = leg_of(worker, order->leg);
    if (leg != NULL) leg_camera_need(leg, order->flag, order->height, order->bps);
}

static void job_keyframe(Worker *worker, gpointer letter) {
    const Order *order = letter;
    Leg *leg = leg_of(worker, order->leg);
    if (leg != NULL) leg_camera_keyframe(leg);
}

static void job_present(Worker *worker, gpointer letter) {
    const Order *order = letter;
    Leg *leg = leg_of(worker, order->leg);
    if (leg != NULL)
        leg_screen_present(leg, order->streams, order->bps, order->source);
    else if (order->source != NULL)
        studio_source_unref(order->source);
}

static void job_present_keyframe(Worker *worker, gpointer letter) {
    const Order *order = letter;
    Leg *leg = leg_of(worker, order->leg);
    if (leg != NULL) leg_screen_keyframe(leg, order->stream);
}

static void job_watch_presentation(Worker *worker, gpointer letter) {
    const Order *order = letter;
    Leg *leg = leg_of(worker, order->leg);
    if (leg != NULL) leg_watch_presentation(leg, &order->ladder);
}

static void job_end_stream(Worker *worker, gpointer letter) {
    const Order *order = letter;
    fanout_end_stream(((Desk *)worker_user(worker))->house.fanout, order->stream);
}

static void job_video(Worker *worker, gpointer letter) {
    Desk *desk = worker_user(worker);
    fanout_video(desk->house.fanout, *(Block **)letter, g_get_monotonic_time());
}

static void job_audio(Worker *worker, gpointer letter) {
    Desk *desk = worker_user(worker);
    AudioTick *tick = *(AudioTick **)letter;
    worker_keep_step(worker, tick->due_us);
    fanout_audio(desk->house.fanout, tick, g_get_monotonic_time());
    audio_tick_unref(tick);
}

typedef struct {
    GMutex lock;
    GCond done;
    gboolean is_done;
} Wait;

static void job_end(Worker *worker, gpointer letter) {
    Desk *desk = worker_user(worker);
    Wait *wait = *(Wait **)letter;
    guint n_legs = g_hash_table_size(desk->legs);
    g_hash_table_remove_all(desk->legs);
    for (guint i = 0; i < n_legs; i++) worker_release_beat(worker);
    g_mutex_lock(&wait->lock);
    wait->is_done = TRUE;
    g_cond_signal(&wait->done);
    g_mutex_unlock(&wait->lock);
}

/* ---- verbs ---- */

void desk_open_leg(Desk *desk, const LegOrder *order) {
    if (worker_post(desk->worker, job_open, order, sizeof *order)) return;
    LegOrder dropped = *order;
    refuse(desk, order->leg, order->request, FAULT_BUSY, "the bridge is too busy");
    drop_leg_order(&dropped);
}

static void post_text(Desk *desk, WorkerJob job, guint32 leg, guint request, char *text) {
    Order order = { .leg = leg, .request = request, .text = text };
    if (worker_post(desk->worker, job, &order, sizeof order)) return;
    refuse(desk, leg, request, FAULT_BUSY, "the bridge is too busy");
    g_free(text);
}

void desk_answer_leg(Desk *desk, guint32 leg, guint request, char *sdp) {
    post_text(desk, job_answer, leg, request, sdp);
}

void desk_restart_leg(Desk *desk, guint32 leg, guint request, char *offer) {
    post_text(desk, job_restart, leg, request, offer);
}

/* The box holds thousands of orders; one that does not fit is told, because nothing repeats it. */
static gboolean post_order(Desk *desk, WorkerJob job, const Order *order) {
    if (worker_post(desk->worker, job, order, sizeof *order)) return TRUE;
    log_error("desk.full", "worker=%u leg=%u", worker_index(desk->worker), order->leg);
    return FALSE;
}

void desk_close_leg(Desk *desk, guint32 leg) { post_order(desk, job_close, &(Order){ .leg = leg }); }

void desk_watch(Desk *desk, guint32 leg, const RungLadder *ladder) {
    post_order(desk, job_watch, &(Order){ .leg = leg, .ladder = *ladder });
}

void desk_hear(Desk *desk, guint32 leg, gboolean hears) {
    post_order(desk, job_hear, &(Order){ .leg = leg, .flag = hears });
}

void desk_need(Desk *desk, guint32 leg, gboolean live, guint height, guint bps) {
    post_order(desk, job_need, &(Order){ .leg = leg, .flag = live, .height = height, .bps = bps });
}

void desk_request_keyframe(Desk *desk, guint32 leg) {
    post_order(desk, job_keyframe, &(Order){ .leg = leg });
}

void desk_present(Desk *desk, guint32 leg, const StreamId streams[SCREEN_LAYERS], guint bps,
                  StudioSource *source) {
    Order order = { .leg = leg, .bps = bps, .source = source };
    for (guint i = 0; i < SCREEN_LAYERS; i++) order.streams[i] = streams[i];
    if (!post_order(desk, job_present, &order) && source != NULL) studio_source_unref(source);
}

void desk_present_keyframe(Desk *desk, guint32 leg, StreamId stream) {
    post_order(desk, job_present_keyframe, &(Order){ .leg = leg, .stream = stream });
}

void desk_watch_presentation(Desk *desk, guint32 leg, const RungLadder *ladder) {
    post_order(desk, job_watch_presentation, &(Order){ .leg = leg, .ladder = *ladder });
}

void desk_end_stream(Desk *desk, StreamId stream) {
    post_order(desk, job_end_stream, &(Order){ .stream = stream });
}

void desk_publish_video(Desk *desk, Block *block) {
    block_ref(block);
    if (!worker_post(desk->worker, job_video, &block, sizeof block)) block_unref(block);
}

void desk_publish_audio(Desk *desk, AudioTick *tick) {
    audio_tick_ref(tick);
    if (!worker_post(desk->worker, job_audio, &tick, sizeof tick)) audio_tick_unref(tick);
}

/* ---- the thread's own turn ---- */

static void copy_stats(Desk *desk) {
    DeskStats stats = { .n_malformed = desk->house.n_malformed,
                        .n_unknown_ssrc = desk->house.n_unknown_ssrc };
    GHashTableIter iter;
    gpointer leg;
    g_hash_table_iter_init(&iter, desk->legs);
    while (g_hash_table_iter_next(&iter, NULL, &leg)) {
        TransportStats one;
        if (((Leg *)leg)->transport == NULL) continue;
        transport_read_stats(((Leg *)leg)->transport, &one);
        stats.n_packets_in += one.n_packets_in;
        stats.n_packets_out += one.n_packets_out;
        stats.n_bytes_in += one.n_bytes_in;
        stats.n_bytes_out += one.n_bytes_out;
        stats.n_send_calls += one.n_send_calls;
        stats.n_dropped_out += one.n_dropped_out;
        stats.n_auth_failed += one.n_auth_failed;
        stats.n_malformed += one.n_malformed;
        stats.n_dtls_excess += one.n_dtls_excess;
    }
    stats.n_legs = g_hash_table_size(desk->legs);
    fanout_read_stats(desk->house.fanout, &stats.fanout);
    g_mutex_lock(&desk->stats_lock);
    desk->stats = stats;
    g_mutex_unlock(&desk->stats_lock);
}

/* Where pictures come or go, or a leg connects, there is something to do at each beat. */
static void on_beat(gpointer user, gint64 now_us) {
    Desk *desk = user;
    Rounds *rounds = &desk->house.rounds;
    fanout_beat(desk->house.fanout, now_us);
    for (guint i = 0; i < rounds->n; i++) {
        if (now_us < rounds->list[i].due_us) continue;
        rounds->list[i].due_us = leg_beat(rounds->list[i].who, now_us);
        if (rounds->list[i].due_us - now_us <= LEG_LIVELY_US) desk->lively_until_us = now_us + WORKER_STEP_US;
    }
    if (now_us >= desk->next_stats_us) {
        desk->next_stats_us = now_us + G_USEC_PER_SEC;
        copy_stats(desk);
    }
    worker_rest(desk->house.worker,
                !fanout_is_watched(desk->house.fanout) && now_us >= desk->lively_until_us);
}

void desk_read_stats(Desk *desk, DeskStats *ret_stats) {
    g_mutex_lock(&desk->stats_lock);
    *ret_stats = desk->stats;
    g_mutex_unlock(&desk->stats_lock);
    worker_read_stats(desk->worker, &ret_stats->worker);
}

static void on_stream_keyframe(gpointer user, StreamId stream) {
    Desk *desk = user;
    News news = { .stream = stream };
    mailbox_post(desk->house.news, NEWS_STREAM_KEYFRAME, &news, sizeof news);
}

static void free_leg(gpointer leg) { leg_free(leg); }

static void on_listen(gpointer user, guint32 conference, guint32 seat, AudioTier tier, gint change) {
    Desk *desk = user;
    News news = { .listen = { .conference = conference, .seat = seat, .tier = tier, .change = change } };
    if (!mailbox_post(desk->house.news, NEWS_LISTEN, &news, sizeof news))
        log_error("desk.news_full", "seat=%u", seat);
}

Desk *desk_start(guint index, Mailbox *news, const DeskEvents *events, gpointer user, GError **error) {
    static const FanoutEvents fanout_events = { .keyframe = on_stream_keyframe, .listen = on_listen };
    Desk *desk = g_new0(Desk, 1);
    g_mutex_init(&desk->stats_lock);
    desk->legs = g_hash_table_new_full(NULL, NULL, NULL, free_leg);
    desk->house.news = news;
    desk->house.publish = events->publish;
    desk->house.publish_user = user;
    desk->house.fanout = fanout_new(&fanout_events, desk);
    desk->house.rtcp_scratch = g_new0(RtcpItem, 1);
    desk->house.twcc_scratch = g_new0(RtcpTwcc, 1);
    /* The worker's thread may run before this returns: it finds everything but legs, and legs come by order. */
    desk->worker = worker_start(index, on_beat, desk, error);
    desk->house.worker = desk->worker;
    if (desk->worker == NULL) g_clear_pointer(&desk, desk_stop);
    return desk;
}

void desk_end_legs(Desk *desk) {
    Wait wait = { .is_done = FALSE }, *letter = &wait;
    g_mutex_init(&wait.lock);
    g_cond_init(&wait.done);
    while (!worker_post(desk->worker, job_end, &letter, sizeof letter)) g_usleep(1000);
    g_mutex_lock(&wait.lock);
    while (!wait.is_done) g_cond_wait(&wait.done, &wait.lock);
    g_mutex_unlock(&wait.lock);
    g_mutex_clear(&wait.lock);
    g_cond_clear(&wait.done);
}

void desk_stop(Desk *desk) {
    if (desk == NULL) return;
    if (desk->worker != NULL) {
        desk_end_legs(desk);
        worker_stop(desk->worker);
    }
    g_hash_table_unref(desk->legs);
    rounds_clear(&desk->house.rounds);
    fanout_free(desk->house.fanout);
    g_free(desk->house.rtcp_scratch);
    g_free(desk->house.twcc_scratch);
    g_mutex_clear(&desk->stats_lock);
    g_free(desk);
}
