/* leg.c -- the life of one peer connection: described, offered or answered, live, closed. */
#include "bridge/meeting/leg.h"

#include <string.h>

enum {
    REQUEST_US = 10 * G_USEC_PER_SEC,
    REST_US = 40000,
    PICTURE_US = 300000 /* no picture for so long: what is still missing is looked after in rests */
};

void leg_reply(Leg *leg, FaultCode fault, gboolean is_offer, const char *text) {
    if (leg->request == 0) return;
    News news = { .reply = { .leg = leg->id,
                             .request = leg->request,
                             .fault = fault,
                             .is_offer = is_offer,
                             .text = g_strdup(text) } };
    leg->request = 0;
    if (!mailbox_post(leg->house->news, NEWS_REPLY, &news, sizeof news)) g_free(news.reply.text);
}

void leg_tell_state(Leg *leg, TransportState state, const char *why) {
    News news = { .state = { .leg = leg->id, .state = state } };
    leg->state = state;
    g_strlcpy(news.state.why, why, sizeof news.state.why);
    mailbox_post(leg->house->news, NEWS_LEG_STATE, &news, sizeof news);
}

static void leg_fail(Leg *leg, FaultCode fault, const char *why) {
    leg_reply(leg, fault, FALSE, why);
    if (leg->state != TRANSPORT_FAILED) leg_tell_state(leg, TRANSPORT_FAILED, why);
}

static void leg_fail_error(Leg *leg, const GError *error) {
    leg_fail(leg, error->domain == FAULT ? (FaultCode)error->code : FAULT_INTERNAL, error->message);
}

static guint32 random_ssrc(void) {
    guint32 ssrc;
    do ssrc = g_random_int();
    while (ssrc == 0);
    return ssrc;
}

static void begin_request(Leg *leg, guint request) {
    leg_reply(leg, FAULT_CONFLICT, FALSE, "another order for this connection came first");
    leg->request = request;
    leg->request_until_us = g_get_monotonic_time() + REQUEST_US;
}

/* ---- the downlink, once both sides agree ---- */

static void on_rung(gpointer user, StreamId stream) {
    Leg *leg = user;
    News news = { .rung = { .leg = leg->id, .stream = stream, .leaving = downlink_leaving(leg->downlink) } };
    mailbox_post(leg->house->news, NEWS_LEG_RUNG, &news, sizeof news);
}

static void fill_video(const Leg *leg, gint index, DownlinkVideo *video) {
    const MediaSection *section = index >= 0 ? &leg->plan.sections[index] : NULL;
    if (section == NULL || !section->we_send) return;
    video->ssrc = section->local_ssrc;
    video->rtx_ssrc = section->local_rtx_ssrc;
    video->payload_type = section->payload_type;
    video->rtx_payload_type = section->rtx_payload_type;
    video->ext_abs_send_time = section->exts.abs_send_time;
    video->ext_transport_cc = section->exts.transport_cc;
    video->ext_mid = section->exts.mid;
    video->codec = section->codec;
    g_strlcpy(video->mid, section->mid, sizeof video->mid);
}

static void fill_downlink(const Leg *leg, DownlinkConfig *config) {
    config->conference = leg->conference;
    config->seat = leg->seat;
    g_strlcpy(config->cname, leg->cname, sizeof config->cname);
    if (leg->audio_section >= 0 && leg->plan.sections[leg->audio_section].we_send) {
        const MediaSection *section = &leg->plan.sections[leg->audio_section];
        config->audio.ssrc = section->local_ssrc;
        config->audio.payload_type = section->payload_type;
        config->audio.red_payload_type = section->red_payload_type;
        config->audio.ext_audio_level = section->exts.audio_level;
        config->audio.ext_abs_send_time = section->exts.abs_send_time;
        config->audio.ext_transport_cc = section->exts.transport_cc;
        config->audio.ext_mid = section->exts.mid;
        g_strlcpy(config->audio.mid, section->mid, sizeof config->audio.mid);
    }
    fill_video(leg, leg->camera_section, &config->video);
    fill_video(leg, leg->screen_section, &config->presentation);
}

/* The nth of its kind, from 0. */
static gint nth_section(const MediaPlan *plan, MediaKind kind, guint nth) {
    for (guint i = 0; i < plan->n_sections; i++)
        if (plan->sections[i].kind == kind && !plan->sections[i].rejected && nth-- == 0) return (gint)i;
    return -1;
}

static void watch_ladder(Leg *leg) {
    gboolean h264 = leg->camera_section >= 0 && leg->plan.sections[leg->camera_section].codec == CODEC_H264;
    downlink_watch(leg->downlink, h264 ? leg->ladder.h264 : leg->ladder.vp8, leg->ladder.n_rungs,
                   leg->ladder.top, g_get_monotonic_time());
}

static void watch_presentation(Leg *leg) {
    gboolean vp8 = leg->screen_section >= 0 && leg->plan.sections[leg->screen_section].codec == CODEC_VP8;
    downlink_watch_presentation(leg->downlink, leg->presentation.vp8, vp8 ? leg->presentation.n_rungs : 0, 0,
                                g_get_monotonic_time());
}

/* The plan is known: who is who in it, and what we send. */
static void settle_plan(Leg *leg) {
    static const DownlinkEvents events = { .rung = on_rung };
    leg->planned = TRUE;
    leg->audio_section = nth_section(&leg->plan, MEDIA_AUDIO, 0);
    leg->camera_section = nth_section(&leg->plan, MEDIA_VIDEO, 0);
    leg->screen_section = nth_section(&leg->plan, MEDIA_VIDEO, 1);
    rtp_streams_init(&leg->streams, &leg->plan);
    DownlinkConfig config = { 0 };
    fill_downlink(leg, &config);
    leg->downlink = downlink_new(leg->house->fanout, leg->transport, &config, &events, leg);
    downlink_set_hearing(leg->downlink, leg->hears);
    watch_ladder(leg);
    watch_presentation(leg);
    if (config.video.payload_type != 0 &&
        (config.presentation.payload_type == 0 || config.presentation.codec != CODEC_VP8)) {
        News news = { .leg = leg->id };
        mailbox_post(leg->house->news, NEWS_LEG_SINGLE, &news, sizeof news);
    }
}

/* ---- offers and answers ---- */

/* Browser candidates are not used: the endpoint's checks reach us first, and names are never resolved. */
static gboolean set_remote(Leg *leg, MediaPlan *plan, GError **error) {
    plan->remote.n_candidates = 0;
    return transport_set_remote(leg->transport, &plan->remote, error);
}

static void answer_theirs(Leg *leg) {
    g_autoptr(GError) error = NULL;
    AnswerWay way = leg->way == LEG_SEND      ? ANSWER_RECEIVE
                    : leg->way == LEG_RECEIVE ? ANSWER_SEND
                                              : ANSWER_BOTH;
    MediaPlan plan = { 0 };
    if (!negotiate_read_offer(way, leg->offer, strlen(leg->offer), &plan, &error) ||
        !set_remote(leg, &plan, &error)) {
        leg_fail_error(leg, error);
        return;
    }
    for (guint i = 0; i < plan.n_sections; i++) {
        if (!plan.sections[i].we_send) continue;
        const MediaSection *before = leg->planned && i < leg->plan.n_sections ? &leg->plan.sections[i] : NULL;
        plan.sections[i].local_ssrc = before ? before->local_ssrc : random_ssrc();
        if (plan.sections[i].rtx_payload_type != 0)
            plan.sections[i].local_rtx_ssrc = before ? before->local_rtx_ssrc : random_ssrc();
    }
    transport_local(leg->transport, &leg->local); /* anew: our role is settled now */
    AnswerSpec spec = { .session_id = leg->spec.session_id,
                        .session_version = leg->spec.session_version,
                        .cname = leg->cname,
                        .transport = &leg->local };
    if (!leg->planned) {
        leg->plan = plan;
        settle_plan(leg);
    }
    g_autofree char *answer = negotiate_answer(&plan, &spec);
    g_clear_pointer(&leg->offer, g_free);
    leg_reply(leg, 0, FALSE, answer);
}

static void on_described(gpointer user) {
    Leg *leg = user;
    transport_local(leg->transport, &leg->local);
    leg->spec.session_version++;
    if (!leg->we_offer) {
        answer_theirs(leg);
        return;
    }
    leg->spec.transport = &leg->local;
    g_autofree char *offer = negotiate_offer(&leg->spec);
    leg_reply(leg, 0, TRUE, offer);
}

void leg_answer(Leg *leg, guint request, const char *sdp) {
    g_autoptr(GError) error = NULL;
    MediaPlan plan = { 0 };
    begin_request(leg, request);
    if (!leg->we_offer || leg->spec.transport == NULL || (leg->planned && !leg->restarting)) {
        leg_reply(leg, FAULT_CONFLICT, FALSE, "no answer is expected now");
        return;
    }
    if (!negotiate_read_answer(&leg->spec, sdp, strlen(sdp), &plan, &error) ||
        !set_remote(leg, &plan, &error)) {
        leg_reply(leg, (FaultCode)error->code, FALSE, error->message);
        return;
    }
    leg->restarting = FALSE;
    if (!leg->planned) { /* after a restart only the path is new */
        leg->plan = plan;
        settle_plan(leg);
    }
    leg_reply(leg, 0, FALSE, "");
}

void leg_restart(Leg *leg, guint request, char *offer) {
    g_autoptr(GError) error = NULL;
    g_autofree char *theirs = offer;
    begin_request(leg, request);
    if (!leg->planned || leg->transport == NULL) {
        leg_reply(leg, FAULT_CONFLICT, FALSE, "the connection has not been agreed yet");
        return;
    }
    leg->we_offer = theirs == NULL;
    leg->restarting = TRUE;
    g_free(leg->offer);
    leg->offer = g_steal_pointer(&theirs);
    if (!transport_restart(leg->transport, &error))
        leg_reply(leg, (FaultCode)error->code, FALSE, error->message);
}

/* ---- news of the transport ---- */

static void on_state(gpointer user, TransportState state, const char *why) {
    Leg *leg = user;
    if (state == TRANSPORT_LIVE && leg->downlink != NULL)
        downlink_on_live(leg->downlink, g_get_monotonic_time());
    if (state == TRANSPORT_FAILED)
        leg_fail(leg, FAULT_GONE, why);
    else
        leg_tell_state(leg, state, why);
}

static void on_rtp(gpointer user, guint8 *packet, gsize n_bytes, gint64 arrival_us) {
    leg_on_rtp(user, packet, n_bytes, arrival_us);
}

static void on_rtcp(gpointer user, guint8 *packet, gsize n_bytes, gint64 arrival_us) {
    leg_on_rtcp(user, packet, n_bytes, arrival_us);
}

/* ---- birth, orders, end ---- */

Leg *leg_new(LegHouse *house, const LegOrder *order) {
    static const TransportEvents events = {
        .described = on_described, .state = on_state, .rtp = on_rtp, .rtcp = on_rtcp
    };
    g_autoptr(GError) error = NULL;
    Leg *leg = g_new0(Leg, 1);
    leg->house = house;
    rounds_add(&house->rounds, leg, &leg->place);
    leg->id = order->leg;
    leg->conference = order->conference;
    leg->seat = order->seat;
    leg->way = order->way;
    leg->hears = order->hears;
    leg->offer = order->offer;
    leg->audio = order->audio;
    leg->source = order->source;
    leg->we_offer = order->offer == NULL;
    leg->audio_section = leg->camera_section = leg->screen_section = -1;
    leg->state = TRANSPORT_NEW;
    /* One CNAME for voice and picture: they belong together (lip sync). It names nobody. */
    g_snprintf(leg->cname, sizeof leg->cname, "%08x%08x", g_random_int(), g_random_int());
    leg->spec = (OfferSpec){ .session_id = ((guint64)g_random_int() << 16) | 1,
                             .receive_only = order->way == LEG_RECEIVE,
                             .cname = leg->cname };
    for (guint i = 0; i < SECTIONS_OFFERED; i++) {
        leg->spec.local[i].ssrc = random_ssrc();
        leg->spec.local[i].rtx_ssrc = random_ssrc();
    }
    begin_request(leg, order->request);
    leg->transport = transport_new(house->worker, leg->we_offer, &events, leg, &error);
    if (leg->transport == NULL) leg_fail_error(leg, error);
    return leg;
}

void leg_watch(Leg *leg, const RungLadder *ladder) {
    leg->ladder = *ladder;
    if (leg->downlink != NULL) watch_ladder(leg);
}

void leg_watch_presentation(Leg *leg, const RungLadder *ladder) {
    leg->presentation = *ladder;
    if (leg->downlink != NULL) watch_presentation(leg);
}

void leg_hear(Leg *leg, gboolean hears) {
    leg->hears = hears;
    if (leg->downlink != NULL) downlink_set_hearing(leg->downlink, hears);
}

void leg_stir(Leg *leg) { rounds_hasten(&leg->house->rounds, leg->place, 0); }

gint64 leg_beat(Leg *leg, gint64 now_us) {
    if (leg->request != 0 && now_us > leg->request_until_us)
        leg_reply(leg, FAULT_BUSY, FALSE, "the connection was not ready in time");
    if (!leg->planned) return now_us + LEG_LIVELY_US;
    leg_camera_beat(leg, now_us);
    leg_screen_beat(leg, now_us);
    leg_report_beat(leg, now_us);
    gboolean pictures = now_us - leg->picture_us < PICTURE_US || leg->screen_bps > 0;
    gboolean connects = leg->state == TRANSPORT_NEW || leg->state == TRANSPORT_CONNECTING;
    return now_us + (pictures || connects ? LEG_LIVELY_US : REST_US);
}

void leg_free(Leg *leg) {
    if (leg == NULL) return;
    leg_reply(leg, FAULT_GONE, FALSE, "the connection was closed");
    g_clear_pointer(&leg->downlink, downlink_free);
    leg_camera_clear(leg);
    leg_screen_clear(leg);
    transport_close(leg->transport);
    rounds_remove(&leg->house->rounds, leg->place);
    if (leg->audio != NULL) audio_uplink_unref(leg->audio);
    if (leg->source != NULL) studio_source_unref(leg->source);
    g_free(leg->offer);
    g_free(leg);
}
