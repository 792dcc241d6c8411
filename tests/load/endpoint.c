/* endpoint.c -- see endpoint.h. The room gives an offer; a path is made for it; once the path knows its own description the
 * answer leaves; a path that fails is replaced by a new leg in the same seat. */
#include "tests/load/endpoint.h"

#include "config/log.h"
#include "tests/load/janus_offer.h"

#include <string.h>

enum {
    REPORT_US = G_USEC_PER_SEC,
    ROOM_US = 20 * 1000,
    QUIET_US = 1500 * 1000,
    DEAF_US = 3 * G_USEC_PER_SEC, /* reports come every second */
};

struct Endpoint {
    const Crowd *crowd;
    guint i;
    char *cname;
    Camera *camera;
    Room *room;
    Check *check;
    Listener *listener; /* borrowed */
    TimelineMark mark;
    guint *numbers; /* of all, for the check */
    /* the leg */
    gint leg;
    Path *path, *old_path; /* old: to be freed outside its own events */
    MediaPlan plan;
    Sender *sender;
    Receiver *receiver;
    JanusPart janus;
    guint version;                           /* of our description */
    gboolean answered, offering, restarting; /* offering: we made the offer; restarting: ICE alone */
    LayerWish needs[CAMERA_LAYERS];
    gboolean told_needs;
    char layout[32];
    Delays *delays; /* of voice and picture; NULL: not looked at closely */
    gint64 now_us, room_due_us, report_due_us;
    guint n_legs;
    EndpointStats stats;
};

const char *endpoint_name(const Endpoint *endpoint) { return endpoint->camera->name; }
guint endpoint_number(const Endpoint *endpoint) { return endpoint->camera->number; }

static void drop_leg(Endpoint *endpoint) {
    g_clear_pointer(&endpoint->sender, sender_free);
    g_clear_pointer(&endpoint->receiver, receiver_free);
    path_free(endpoint->old_path);
    endpoint->old_path = g_steal_pointer(&endpoint->path); /* we may be inside one of its events */
    endpoint->leg = 0;
}

/* ---- from the path ---- */

static void apply_needs(Endpoint *endpoint) {
    if (endpoint->sender == NULL || !endpoint->told_needs) return;
    for (guint i = 0; i < CAMERA_LAYERS; i++) sender_need(endpoint->sender, i, &endpoint->needs[i]);
}

static void tap_frame(gpointer user, const guint8 *bytes, gsize n_bytes, gboolean keyframe, guint32 rtp_time,
                      gint64 now_us) {
    Endpoint *endpoint = user;
    (void)keyframe;
    if (endpoint->check != NULL) check_frame(endpoint->check, bytes, n_bytes, now_us);
    if (endpoint->listener != NULL) listener_frame(endpoint->listener, bytes, n_bytes, rtp_time, now_us);
}

static void tap_voice(gpointer user, const guint8 *bytes, gsize n_bytes, guint32 rtp_time, gint64 now_us) {
    Endpoint *endpoint = user;
    if (endpoint->check != NULL) check_voice(endpoint->check, bytes, n_bytes, rtp_time, now_us);
    if (endpoint->listener != NULL) listener_voice(endpoint->listener, bytes, n_bytes, rtp_time, now_us);
}

static void tap_report(gpointer user, gboolean voice, const RtcpSenderInfo *info) {
    Endpoint *endpoint = user;
    if (endpoint->listener != NULL) listener_report(endpoint->listener, voice, info);
}

/* Of the plan: what we send and what we look at. */
static void make_ends(Endpoint *endpoint) {
    static const ReceiverTaps TAPS = { tap_frame, tap_voice, tap_report };
    gboolean tapped = endpoint->check != NULL || endpoint->listener != NULL;
    endpoint->sender = sender_new(endpoint->path, &endpoint->plan, endpoint->camera, &endpoint->stats.sent);
    endpoint->receiver =
        receiver_new(endpoint->path, &endpoint->plan, sender_ssrc(endpoint->sender),
                     &endpoint->crowd->trouble, &endpoint->stats.received, tapped ? &TAPS : NULL, endpoint);
    if (endpoint->janus == JANUS_PUBLISH) sender_plain(endpoint->sender, CAMERA_MAIN);
    apply_needs(endpoint);
}

static void on_described(gpointer user) {
    Endpoint *endpoint = user;
    g_autoptr(GError) error = NULL;
    TransportDescription local;
    AnswerSpec spec = { .session_id = (guint64)endpoint->leg,
                        .session_version = endpoint->version,
                        .cname = endpoint->cname,
                        .transport = &local };
    if (endpoint->answered) return;
    endpoint->answered = TRUE;
    path_local(endpoint->path, &local);
    local.setup = SETUP_ACTIVE;
    if (endpoint->offering) {
        g_autofree char *offer = janus_offer(&local, endpoint->cname);
        room_answer(endpoint->room, endpoint->leg, offer);
        return;
    }
    if (!endpoint->restarting) make_ends(endpoint);
    endpoint->restarting = FALSE;
    g_autofree char *answer = negotiate_answer(&endpoint->plan, &spec);
    room_answer(endpoint->room, endpoint->leg, answer);
    if (!path_set_remote(endpoint->path, &endpoint->plan.remote, endpoint->now_us, &error))
        log_warn("endpoint.remote", "number=%u why=%s", endpoint->camera->number, error->message);
}

static void on_live(gpointer user) {
    Endpoint *endpoint = user;
    endpoint->report_due_us = endpoint->now_us + g_random_int_range(0, REPORT_US);
    log_debug("endpoint.live", "number=%u leg=%d", endpoint->camera->number, endpoint->leg);
}

static void on_failed(gpointer user, const char *why) {
    Endpoint *endpoint = user;
    log_info("endpoint.failed", "number=%u leg=%d why=%s", endpoint->camera->number, endpoint->leg, why);
    drop_leg(endpoint);
    room_new_leg(endpoint->room, endpoint->now_us);
}

static void on_rtp(gpointer user, guint8 *packet, gsize n_bytes, gint64 now_us) {
    Endpoint *endpoint = user;
    if (endpoint->receiver == NULL) return;
    gint64 before_us = endpoint->stats.received.last_packet_us;
    receiver_on_rtp(endpoint->receiver, packet, n_bytes, now_us);
    if (before_us != 0 && now_us - before_us > QUIET_US) room_poke(endpoint->room, now_us);
}

static void visit_rtcp(gpointer user, const RtcpItem *item) {
    Endpoint *endpoint = user;
    receiver_on_rtcp(endpoint->receiver, item, endpoint->now_us);
    sender_on_rtcp(endpoint->sender, item, endpoint->now_us);
}

static void on_rtcp(gpointer user, guint8 *packet, gsize n_bytes, gint64 now_us) {
    static RtcpItem scratch;
    Endpoint *endpoint = user;
    endpoint->now_us = now_us;
    if (endpoint->receiver != NULL) rtcp_parse(packet, n_bytes, &scratch, visit_rtcp, endpoint);
}

/* ---- from the room ---- */

static void refuse_pictures(MediaPlan *plan) {
    for (guint i = 0; i < plan->n_sections; i++) {
        MediaSection *section = &plan->sections[i];
        if (section->kind != MEDIA_VIDEO || section->rejected) continue;
        g_snprintf(section->rejected_line, sizeof section->rejected_line, "video 0 UDP/TLS/RTP/SAVPF %u",
                   section->payload_type);
        section->rejected = TRUE;
        section->we_send = section->we_receive = FALSE;
    }
}

static void new_path(Endpoint *endpoint, gint leg, gboolean offering) {
    static const PathEvents EVENTS = { on_described, on_live, on_failed, on_rtp, on_rtcp };
    const Crowd *crowd = endpoint->crowd;
    g_autoptr(GError) error = NULL;
    endpoint->leg = leg;
    endpoint->answered = endpoint->restarting = FALSE;
    endpoint->version = 1;
    endpoint->offering = offering;
    endpoint->n_legs++;
    if (crowd->nice)
        endpoint->path = path_new_nice(crowd->worker, &EVENTS, endpoint, &error);
    else
        endpoint->path =
            path_new_fast(crowd->net, endpoint->i % net_n_sockets(crowd->net), &EVENTS, endpoint);
    if (endpoint->path == NULL)
        log_warn("endpoint.path", "number=%u why=%s", endpoint->camera->number, error->message);
    else if (offering)
        path_yield_control(endpoint->path);
}

static void on_offer(gpointer user, gint leg, const char *sdp) {
    Endpoint *endpoint = user;
    g_autoptr(GError) error = NULL;
    drop_leg(endpoint);
    if (!negotiate_read_offer(ANSWER_BOTH, sdp, strlen(sdp), &endpoint->plan, &error)) {
        log_warn("endpoint.offer", "number=%u why=%s", endpoint->camera->number, error->message);
        return;
    }
    if (endpoint->crowd->no_picture) refuse_pictures(&endpoint->plan);
    new_path(endpoint, leg, FALSE);
}

static void on_restarted(gpointer user, gint leg, const char *sdp) {
    Endpoint *endpoint = user;
    g_autoptr(GError) error = NULL;
    MediaPlan plan;
    if (endpoint->path == NULL || leg != endpoint->leg) return;
    if (!negotiate_read_offer(ANSWER_BOTH, sdp, strlen(sdp), &plan, &error) ||
        !path_restart(endpoint->path, &error)) {
        on_failed(endpoint, error->message);
        return;
    }
    log_info("endpoint.restart", "number=%u leg=%d", endpoint->camera->number, leg);
    endpoint->plan.remote = plan.remote;
    endpoint->restarting = TRUE;
    endpoint->answered = FALSE;
    endpoint->version++;
    endpoint->stats.n_restarts++;
}

static void on_offer_wanted(gpointer user, gint leg) {
    drop_leg(user);
    new_path(user, leg, TRUE);
}

/* An answer says of each section what an offer would say: it is read as one. */
static void on_room_answered(gpointer user, const char *sdp) {
    Endpoint *endpoint = user;
    g_autoptr(GError) error = NULL;
    if (endpoint->path == NULL || !endpoint->offering) return;
    if (!negotiate_read_offer(ANSWER_BOTH, sdp, strlen(sdp), &endpoint->plan, &error)) {
        log_warn("endpoint.answer", "number=%u why=%s", endpoint->camera->number, error->message);
        return;
    }
    make_ends(endpoint);
    if (!path_set_remote(endpoint->path, &endpoint->plan.remote, endpoint->now_us, &error))
        log_warn("endpoint.remote", "number=%u why=%s", endpoint->camera->number, error->message);
}

static void on_need(gpointer user, const char *rid, const LayerWish *wish) {
    Endpoint *endpoint = user;
    endpoint->needs[strcmp(rid, RID_MAIN) == 0 ? CAMERA_MAIN : CAMERA_THUMBNAIL] = *wish;
    endpoint->told_needs = TRUE;
    apply_needs(endpoint);
}

static void on_layout(gpointer user, const char *layout) {
    Endpoint *endpoint = user;
    if (endpoint->check != NULL) check_layout(endpoint->check, layout);
}

static void on_media_lost(gpointer user) { drop_leg(user); }

static gboolean is_silent(gpointer user) {
    Endpoint *endpoint = user;
    return endpoint->now_us - endpoint->stats.received.last_packet_us > QUIET_US;
}

static gboolean is_deaf(gpointer user) {
    Endpoint *endpoint = user;
    return path_is_deaf(endpoint->path, DEAF_US, endpoint->now_us);
}

/* ---- life ---- */

static JanusPart janus_part(const Crowd *crowd, guint i) {
    if (crowd->janus == NULL) return JANUS_NONE;
    if (strcmp(crowd->janus, "audiobridge") == 0) return JANUS_AUDIO;
    return i == 0 ? JANUS_PUBLISH : JANUS_SUBSCRIBE;
}

Endpoint *endpoint_new(const Crowd *crowd, guint i, guint number, const char *name, const char *token,
                       gboolean check) {
    static const RoomEvents EVENTS = { on_offer,  on_need, on_layout,    on_media_lost,   on_media_lost,
                                       is_silent, is_deaf, on_restarted, on_offer_wanted, on_room_answered };
    Endpoint *endpoint = g_new0(Endpoint, 1);
    RoomSettings settings = { .address = crowd->address,
                              .token = token,
                              .meeting = crowd->meeting,
                              .number = number,
                              .janus = janus_part(crowd, i),
                              .console = i >= crowd->n_endpoints ? crowd->console_view : NULL,
                              .layout = i >= crowd->n_endpoints ? crowd->layout : NULL };
    endpoint->crowd = crowd;
    endpoint->i = i;
    endpoint->cname = g_strdup_printf("room-%u", number);
    endpoint->camera = camera_new(crowd->workshop, number, name);
    endpoint->janus = settings.janus;
    endpoint->needs[CAMERA_THUMBNAIL].active = TRUE;
    if (i == 0) endpoint->camera->probe = crowd->probe;
    if (i == 1) endpoint->listener = crowd->listener;
    if (endpoint->janus == JANUS_PUBLISH) { /* nobody says what is needed: the picture that all watch */
        endpoint->needs[CAMERA_THUMBNAIL].active = FALSE;
        endpoint->needs[CAMERA_MAIN].active = endpoint->told_needs = TRUE;
    }
    if (crowd->trouble.closely) {
        endpoint->delays = g_new0(Delays, 2);
        endpoint->stats.received.voice_delays = &endpoint->delays[0];
        endpoint->stats.received.picture_delays = &endpoint->delays[1];
    }
    endpoint->room = room_new(&settings, &EVENTS, endpoint);
    if (!crowd->no_picture && i < crowd->n_senders)
        (void)camera_loop(endpoint->camera, camera_variant(CAMERA_THUMBNAIL, NULL));
    if (i == 0 && crowd->n_senders == 1)
        (void)camera_loop(endpoint->camera, camera_variant(CAMERA_MAIN, NULL));
    if (!check) return endpoint;
    endpoint->numbers = g_new0(guint, crowd->n_endpoints);
    for (guint k = 0; k < crowd->n_endpoints; k++) endpoint->numbers[k] = k + 1;
    endpoint->check = check_new(i, crowd->n_endpoints, endpoint->numbers, crowd->talk, crowd->epoch_us,
                                &endpoint->stats.checked);
    if (i == 0) check_save_to(endpoint->check, crowd->picture);
    return endpoint;
}

void endpoint_free(Endpoint *endpoint) {
    if (endpoint == NULL) return;
    drop_leg(endpoint);
    path_free(endpoint->old_path);
    room_free(endpoint->room);
    check_free(endpoint->check);
    camera_free(endpoint->camera);
    g_free(endpoint->delays);
    g_free(endpoint->numbers);
    g_free(endpoint->cname);
    g_free(endpoint);
}

void endpoint_start(Endpoint *endpoint, gint64 now_us) { room_start(endpoint->room, now_us); }

static void send_reports(Endpoint *endpoint) {
    guint8 bytes[1200];
    Writer writer = writer_over(bytes, sizeof bytes);
    endpoint->report_due_us = endpoint->now_us + REPORT_US * 9 / 10 + g_random_int_range(0, REPORT_US / 5);
    receiver_set_rtt(endpoint->receiver, endpoint->stats.sent.rtt_us);
    sender_write_reports(endpoint->sender, &writer, endpoint->now_us);
    receiver_write_reports(endpoint->receiver, &writer, endpoint->now_us);
    rtcp_write_cname(&writer, sender_ssrc(endpoint->sender), endpoint->cname);
    if (!writer.bad) path_send_rtcp(endpoint->path, bytes, writer.n_bytes);
}

static void write_timeline(Endpoint *endpoint) {
    TimelineNews news = { .number = endpoint->camera->number,
                          .started_us = room_started_us(endpoint->room),
                          .joined = room_has_control(endpoint->room),
                          .received = &endpoint->stats.received };
    timeline_follow(endpoint->crowd->timeline, &endpoint->mark, &news, endpoint->now_us);
}

void endpoint_tick(Endpoint *endpoint, gint64 now_us) {
    const Crowd *crowd = endpoint->crowd;
    gint64 since_us;
    endpoint->now_us = now_us;
    g_clear_pointer(&endpoint->old_path, path_free);
    if (now_us >= endpoint->room_due_us) {
        room_tick(endpoint->room, now_us);
        endpoint->room_due_us = now_us + ROOM_US;
    }
    if (crowd->timeline != NULL) write_timeline(endpoint);
    if (endpoint->path == NULL) return;
    path_tick(endpoint->path, now_us);
    if (!path_is_live(endpoint->path) || endpoint->sender == NULL) return;
    if (endpoint->i < crowd->n_senders)
        sender_tick(
            endpoint->sender,
            talk_is_on(crowd->talk, endpoint->i, crowd->n_endpoints, now_us - crowd->epoch_us, &since_us),
            now_us);
    receiver_tick(endpoint->receiver, now_us);
    if (now_us >= endpoint->report_due_us) send_reports(endpoint);
}

void endpoint_finish_timeline(const Endpoint *endpoint, gint64 now_us) {
    if (endpoint->crowd->timeline == NULL) return;
    timeline_finish(endpoint->crowd->timeline, &endpoint->mark, endpoint->camera->number, now_us);
}

void endpoint_forget_pauses(Endpoint *endpoint) {
    ReceiverStats *received = &endpoint->stats.received;
    received->longest_pause_us = received->longest_freeze_us = 0;
    if (endpoint->delays == NULL) return;
    endpoint->delays[0] = endpoint->delays[1] = (Delays){ 0 };
}

void endpoint_read_stats(const Endpoint *endpoint, EndpointStats *ret_stats) {
    *ret_stats = endpoint->stats;
    ret_stats->state = room_state(endpoint->room);
    ret_stats->live = path_is_live(endpoint->path);
    ret_stats->watches = endpoint->janus != JANUS_PUBLISH && !endpoint->crowd->no_picture;
    if (endpoint->janus == JANUS_PUBLISH)
        ret_stats->served = ret_stats->live;
    else if (endpoint->crowd->no_picture)
        ret_stats->served = endpoint->stats.received.last_audio_us != 0;
    else
        ret_stats->served = endpoint->stats.received.first_frame_us != 0;
    ret_stats->trouble = room_trouble(endpoint->room);
    ret_stats->n_returns = room_n_returns(endpoint->room);
    ret_stats->n_legs = endpoint->n_legs;
    if (endpoint->stats.received.first_frame_us != 0)
        ret_stats->join_us = endpoint->stats.received.first_frame_us - room_started_us(endpoint->room);
}
