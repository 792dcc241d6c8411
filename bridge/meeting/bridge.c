/* bridge.c -- the control thread's house: engines started, their news taken, orders dispatched. */
#include "bridge/meeting/bridge.h"

#include "bridge/meeting/line.h"
#include "bridge/meeting/overload.h"
#include "config/control.h"
#include "config/log.h"

#include <string.h>

enum { QUALITY_US = 2 * G_USEC_PER_SEC, SWEEP_US = 500000, SETTLE_US = 40000 };

/* ---- what engines publish, on their threads ---- */

static void on_block(gpointer user, Block *block) {
    Bridge *bridge = user;
    for (guint i = 0; i < bridge->n_desks; i++) desk_publish_video(bridge->desks[i], block);
    block_unref(block);
}

static void on_source_keyframe(gpointer user, guint32 source) {
    News news = { .source = source };
    mailbox_post(((Bridge *)user)->news, NEWS_SOURCE_KEYFRAME, &news, sizeof news);
}

static void on_fault(gpointer user, StreamId stream, const GError *why) {
    News news = { .alarm = { .code = "encoder" } };
    g_snprintf(news.alarm.text, sizeof news.alarm.text, "stream %u: %s", stream, why->message);
    mailbox_post(((Bridge *)user)->news, NEWS_ALARM, &news, sizeof news);
}

static void on_tick(gpointer user, AudioTick *tick) {
    Bridge *bridge = user;
    for (guint i = 0; i < bridge->n_desks; i++) desk_publish_audio(bridge->desks[i], tick);
}

static void on_speaking(gpointer user, guint32 conference, const Speaking *seats, guint n_seats) {
    News news = { .speaking = { .conference = conference, .n_seats = MIN(n_seats, AUDIO_SPEAKING_MAX) } };
    memcpy(news.speaking.seats, seats, news.speaking.n_seats * sizeof *seats);
    mailbox_post(((Bridge *)user)->news, NEWS_SPEAKING, &news, sizeof news);
}

/* ---- news, on the control thread ---- */

static void on_reply(Bridge *bridge, const NewsReply *reply) {
    g_autofree char *text = reply->text;
    if (reply->fault != 0) {
        g_autoptr(GError) error = g_error_new_literal(FAULT, (int)reply->fault, text);
        bridge->events.answer(bridge->user, reply->request, NULL, error);
        return;
    }
    json_t *body = text[0] != '\0'
                       ? json_pack("{s:s,s:s}", "sdp", text, "kind", reply->is_offer ? "offer" : "answer")
                       : json_object();
    bridge->events.answer(bridge->user, reply->request, body, NULL);
    json_decref(body);
}

static void on_camera(Bridge *bridge, const NewsLegCamera *news) {
    LegRecord *leg = bridge_leg(bridge, news->leg);
    if (leg == NULL) return;
    leg->camera_on = news->on;
    leg->conference->dirty = TRUE;
}

static void on_quality(Bridge *bridge, const NewsLegQuality *news) {
    LegRecord *leg = bridge_leg(bridge, news->leg);
    if (leg == NULL) return;
    leg->quality = *news;
    leg->quality_known = TRUE;
}

static void on_single(Bridge *bridge, guint32 id) {
    LegRecord *leg = bridge_leg(bridge, id);
    if (leg == NULL) return;
    leg->single_picture = TRUE;
    leg->conference->dirty = TRUE;
}

static void on_screen(Bridge *bridge, const NewsLegScreen *news) {
    const LegRecord *leg = bridge_leg(bridge, news->leg);
    if (leg != NULL) presentation_on_screen(leg->conference, news);
}

static void request_source_keyframe(Bridge *bridge, guint32 source) {
    GHashTableIter iter;
    gpointer value;
    if (presentation_source_keyframe(bridge, source)) return;
    g_hash_table_iter_init(&iter, bridge->legs);
    while (g_hash_table_iter_next(&iter, NULL, &value)) {
        const LegRecord *leg = value;
        if (leg->seat == source && leg->way != LEG_RECEIVE) desk_request_keyframe(leg->desk, leg->id);
    }
}

static Conference *conference_by_id(const Bridge *bridge, guint32 id) {
    GHashTableIter iter;
    gpointer value;
    g_hash_table_iter_init(&iter, bridge->conferences);
    while (g_hash_table_iter_next(&iter, NULL, &value))
        if (((Conference *)value)->id == id) return value;
    return NULL;
}

static void on_conference_speaking(Bridge *bridge, const NewsSpeaking *news) {
    Conference *conference = conference_by_id(bridge, news->conference);
    if (conference != NULL) conference_on_speaking(conference, news);
}

/* A leg may begin to listen while its conference ends: the mixer would make it anew, and nobody would end it again. */
static void on_listen(Bridge *bridge, const NewsListen *news) {
    if (news->change > 0 && conference_by_id(bridge, news->conference) == NULL) return;
    audio_mixer_listen(bridge->mixer, news->conference, news->seat, news->tier, news->change);
}

static void tell_alarm(Bridge *bridge, const NewsAlarm *alarm) {
    log_warn("bridge.alarm", "code=%s text=\"%s\"", alarm->code, alarm->text);
    json_t *event = json_pack("{s:s,s:s,s:s}", "t", "alarm", "code", alarm->code, "text", alarm->text);
    bridge->events.event(bridge->user, event);
    json_decref(event);
}

static void take_one(Bridge *bridge, NewsKind kind, const News *news) {
    switch (kind) {
    case NEWS_REPLY: on_reply(bridge, &news->reply); break;
    case NEWS_LEG_STATE: bridge_on_leg_state(bridge, &news->state); break;
    case NEWS_LEG_RUNG: bridge_on_leg_rung(bridge, &news->rung); break;
    case NEWS_LEG_CAMERA: on_camera(bridge, &news->camera); break;
    case NEWS_LEG_QUALITY: on_quality(bridge, &news->quality); break;
    case NEWS_LEG_SINGLE: on_single(bridge, news->leg); break;
    case NEWS_LEG_SCREEN: on_screen(bridge, &news->screen); break;
    case NEWS_SPEAKING: on_conference_speaking(bridge, &news->speaking); break;
    case NEWS_SOURCE_KEYFRAME: request_source_keyframe(bridge, news->source); break;
    case NEWS_STREAM_KEYFRAME:
        if (!presentation_keyframe(bridge, news->stream)) studio_force_keyframe(bridge->studio, news->stream);
        break;
    case NEWS_LISTEN: on_listen(bridge, &news->listen); break;
    case NEWS_ALARM: tell_alarm(bridge, &news->alarm); break;
    }
}

int bridge_news_fd(const Bridge *bridge) { return mailbox_fd(bridge->news); }

void bridge_take_news(Bridge *bridge) {
    guint kind;
    News news;
    while (mailbox_take(bridge->news, &kind, &news, NULL)) take_one(bridge, (NewsKind)kind, &news);
}

gint64 bridge_settle(Bridge *bridge, gint64 now_us) {
    GHashTableIter iter;
    gpointer value;
    gboolean all = now_us >= bridge->next_sweep_us, waiting = FALSE;
    gint64 turn_us = G_MAXINT64;
    if (now_us >= bridge->next_quality_us) {
        bridge->next_quality_us = now_us + QUALITY_US;
        bridge_tell_quality(bridge);
    }
    if (all) bridge->next_sweep_us = now_us + SWEEP_US;
    gboolean due = all || now_us >= bridge->next_settle_us;
    g_hash_table_iter_init(&iter, bridge->conferences);
    while (g_hash_table_iter_next(&iter, NULL, &value)) {
        Conference *conference = value;
        if (now_us >= conference_next_us(conference)) conference->dirty = TRUE; /* a page turns */
        waiting = waiting || conference->dirty;
        /* All, now and then: a slot that somebody's silence has freed is given away here, and who goes on
         * speaking gets the large tile. */
        if (due && (all || conference->dirty)) conference_refresh(conference, now_us);
        turn_us = MIN(turn_us, conference_next_us(conference));
    }
    if (due && waiting) bridge->next_settle_us = now_us + SETTLE_US;
    gint64 next_us = MIN(MIN(bridge_overload_beat(bridge, now_us), bridge->next_sweep_us), turn_us);
    next_us = MIN(next_us, bridge_line_beat(bridge, now_us));
    return waiting && !due ? MIN(bridge->next_settle_us, next_us) : next_us;
}

/* ---- orders ---- */

static void answer_empty(Bridge *bridge, guint request) {
    json_t *body = json_object();
    bridge->events.answer(bridge->user, request, body, NULL);
    json_decref(body);
}

static void answer_fault(Bridge *bridge, guint request, FaultCode fault, const char *why) {
    g_autoptr(GError) error = g_error_new_literal(FAULT, (int)fault, why);
    bridge->events.answer(bridge->user, request, NULL, error);
}

static void order_scene(Bridge *bridge, guint request, json_t *message) {
    g_autoptr(GError) error = NULL;
    g_autoptr(Scene) scene = scene_parse(message, &error);
    if (scene == NULL) {
        bridge->events.answer(bridge->user, request, NULL, error);
        return;
    }
    Conference *conference = bridge_conference(bridge, scene->meeting);
    if (conference == NULL) {
        answer_fault(bridge, request, FAULT_FULL, "too many meetings");
        return;
    }
    const Scene *before = conference->scene;
    if (before != NULL && (scene->epoch < before->epoch ||
                           (scene->epoch == before->epoch && scene->revision < before->revision))) {
        answer_fault(bridge, request, FAULT_CONFLICT, "an older scene than the one that is shown");
        return;
    }
    conference_apply(conference, g_steal_pointer(&scene));
    json_t *body = json_pack("{s:b}", "applied", 1);
    bridge->events.answer(bridge->user, request, body, NULL);
    json_decref(body);
}

static void order_meeting_close(Bridge *bridge, guint request, json_t *message) {
    const char *meeting = json_string_value(json_object_get(message, "meeting"));
    Conference *conference = g_hash_table_lookup(bridge->conferences, meeting);
    if (conference != NULL) conference_end(conference);
    answer_empty(bridge, request); /* closing what is closed is fine */
}

static LegRecord *leg_of_message(Bridge *bridge, guint request, json_t *message) {
    LegRecord *leg = bridge_leg(bridge, (guint32)json_integer_value(json_object_get(message, "leg")));
    if (leg == NULL) answer_fault(bridge, request, FAULT_GONE, "this connection is gone");
    return leg;
}

static void order_leg_answer(Bridge *bridge, guint request, json_t *message) {
    LegRecord *leg = leg_of_message(bridge, request, message);
    if (leg == NULL) return;
    desk_answer_leg(leg->desk, leg->id, request,
                    g_strdup(json_string_value(json_object_get(message, "sdp"))));
}

static void order_leg_restart(Bridge *bridge, guint request, json_t *message) {
    LegRecord *leg = leg_of_message(bridge, request, message);
    if (leg == NULL) return;
    desk_restart_leg(leg->desk, leg->id, request,
                     g_strdup(json_string_value(json_object_get(message, "offer"))));
}

static void order_leg_close(Bridge *bridge, guint request, json_t *message) {
    LegRecord *leg = bridge_leg(bridge, (guint32)json_integer_value(json_object_get(message, "leg")));
    if (leg != NULL) bridge_end_leg(bridge, leg, NULL);
    answer_empty(bridge, request);
}

static void order_stats(Bridge *bridge, guint request, json_t *message) {
    (void)message;
    json_t *body = json_pack("{s:o}", "stats", bridge_stats(bridge));
    bridge->events.answer(bridge->user, request, body, NULL);
    json_decref(body);
}

static json_t *living_legs(Bridge *bridge) {
    static const char *const ways[] = {
        [LEG_DUPLEX] = "duplex", [LEG_RECEIVE] = "receive", [LEG_SEND] = "send"
    };
    GHashTableIter iter;
    gpointer value;
    json_t *legs = json_array();
    g_hash_table_iter_init(&iter, bridge->legs);
    while (g_hash_table_iter_next(&iter, NULL, &value)) {
        const LegRecord *leg = value;
        json_array_append_new(legs,
                              json_pack("{s:I,s:s,s:I,s:s,s:s,s:I,s:b}", "leg", (json_int_t)leg->id,
                                        "meeting", leg->conference->meeting, "seat", (json_int_t)leg->seat,
                                        "way", ways[leg->way], "state", transport_state_word(leg->state),
                                        "view", (json_int_t)leg->scene_view, "hears", leg->hears));
    }
    return legs;
}

static void order_hello(Bridge *bridge, guint request, json_t *message) {
    if (json_integer_value(json_object_get(message, "version")) != CONTROL_VERSION) {
        answer_fault(bridge, request, FAULT_SETUP, "signaling and bridge are of different versions");
        return;
    }
    json_t *meetings = json_array();
    GHashTableIter iter;
    gpointer meeting;
    g_hash_table_iter_init(&iter, bridge->conferences);
    while (g_hash_table_iter_next(&iter, &meeting, NULL))
        json_array_append_new(meetings, json_string(meeting));
    json_t *body =
        json_pack("{s:i,s:s,s:o,s:o,s:O}", "version", CONTROL_VERSION, "instance", bridge->instance, "legs",
                  living_legs(bridge), "meetings", meetings, "sandbox", bridge->sandbox);
    bridge->events.answer(bridge->user, request, body, NULL);
    json_decref(body);
    /* Whoever is new on the link knows nothing of needs and voices yet. */
    g_hash_table_iter_init(&iter, bridge->legs);
    gpointer leg;
    while (g_hash_table_iter_next(&iter, NULL, &leg)) ((LegRecord *)leg)->need_told = FALSE;
    g_hash_table_iter_init(&iter, bridge->conferences);
    gpointer conference;
    while (g_hash_table_iter_next(&iter, NULL, &conference)) {
        presentation_tell_again(conference);
        conference_tell_speaking(conference);
    }
    bridge_overload_tell_again(bridge);
}

static const struct {
    const char *name;
    void (*order)(Bridge *bridge, guint request, json_t *message);
} order_rows[] = {
    { "hello", order_hello },
    { "scene", order_scene },
    { "meeting.close", order_meeting_close },
    { "leg.open", bridge_open_leg },
    { "leg.answer", order_leg_answer },
    { "leg.restart", order_leg_restart },
    { "leg.close", order_leg_close },
    { "stats", order_stats },
};

void bridge_order(Bridge *bridge, guint request, const char *name, json_t *message) {
    for (guint i = 0; i < G_N_ELEMENTS(order_rows); i++) {
        if (strcmp(order_rows[i].name, name) != 0) continue;
        order_rows[i].order(bridge, request, message);
        return;
    }
    answer_fault(bridge, request, FAULT_BAD_INPUT, "this bridge does not know the message");
}

/* ---- birth and end ---- */

static gboolean start_engines(Bridge *bridge, GError **error) {
    static const AudioMixerEvents mixer_events = { .tick = on_tick, .speaking = on_speaking };
    static const StudioEvents studio_events = { .block = on_block,
                                                .keyframe = on_source_keyframe,
                                                .fault = on_fault };
    static const DeskEvents desk_events = { .publish = on_block };
    const Settings *settings = bridge->settings;
    AudioMixerSettings audio = { .voices_max = (guint)settings->audio_voices_max,
                                 .bitrate_bps = (guint)settings->audio_bps,
                                 .complexity = (guint)settings->audio_complexity,
                                 .levelling = settings->audio_levelling };
    StudioSettings studio = { .n_decoders = (guint)settings->video_decoders,
                              .encoder_speed = (guint)settings->video_encoder_speed,
                              .font = "Open Sans",
                              .time_zone = settings->meeting_time_zone,
                              .language = settings->meeting_language };
    guint n_desks = MIN((guint)settings->media_workers, BRIDGE_DESKS_MAX);
    for (guint i = 0; i < n_desks; i++) {
        bridge->desks[i] = desk_start(i, bridge->news, &desk_events, bridge, error);
        if (bridge->desks[i] == NULL) return FALSE;
        bridge->n_desks++;
    }
    bridge->studio = studio_start(&studio, &studio_events, bridge, error);
    if (bridge->studio == NULL) return FALSE;
    bridge->mixer = audio_mixer_start(&audio, &mixer_events, bridge, error);
    return bridge->mixer != NULL;
}

Bridge *bridge_new(const Settings *settings, json_t *sandbox, const BridgeEvents *events, gpointer user,
                   GError **error) {
    Bridge *bridge = g_new0(Bridge, 1);
    bridge->settings = settings;
    bridge->limits = (BridgeLimits){ .wall_fps = (guint)settings->video_wall_fps,
                                     .program_fps = (guint)settings->video_program_fps,
                                     .top_height = 1080,
                                     .thumbnail_fps = 8 };
    bridge->sandbox = json_incref(sandbox);
    bridge->events = *events;
    bridge->user = user;
    bridge->started_us = g_get_monotonic_time();
    g_snprintf(bridge->instance, sizeof bridge->instance, "%08x%08x", g_random_int(), g_random_int());
    bridge->overload = bridge_overload_new(settings);
    bridge->news = mailbox_new(NEWS_SLOTS, sizeof(News));
    bridge->conferences = g_hash_table_new(g_str_hash, g_str_equal);
    bridge->legs = g_hash_table_new(NULL, NULL);
    if (!start_engines(bridge, error)) g_clear_pointer(&bridge, bridge_free);
    return bridge;
}

void bridge_free(Bridge *bridge) {
    if (bridge == NULL) return;
    GHashTableIter iter;
    gpointer value;
    guint kind;
    News news;
    g_hash_table_iter_init(&iter, bridge->conferences);
    while (g_hash_table_iter_next(&iter, NULL, &value)) {
        conference_end(value);
        g_hash_table_iter_init(&iter, bridge->conferences); /* it has taken itself out */
    }
    /* Legs hold sources and uplinks, producers publish to desks: legs end first, then producers, then desks. */
    for (guint i = 0; i < bridge->n_desks; i++) desk_end_legs(bridge->desks[i]);
    audio_mixer_stop(bridge->mixer);
    if (bridge->studio != NULL) studio_stop(bridge->studio);
    for (guint i = 0; i < bridge->n_desks; i++) desk_stop(bridge->desks[i]);
    while (mailbox_take(bridge->news, &kind, &news, NULL))
        if (kind == NEWS_REPLY) g_free(news.reply.text);
    g_hash_table_unref(bridge->conferences);
    g_hash_table_unref(bridge->legs);
    mailbox_free(bridge->news);
    bridge_overload_free(bridge->overload);
    json_decref(bridge->sandbox);
    g_free(bridge);
}
