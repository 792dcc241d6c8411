/* legs.c -- leg records: opened on the least busy desk, told what to watch, ended; their states as events. */
#include "bridge/meeting/line.h"
#include "config/log.h"

#include <string.h>

LegRecord *bridge_leg(Bridge *bridge, guint32 id) {
    return g_hash_table_lookup(bridge->legs, GUINT_TO_POINTER(id));
}

static void tell_state(Bridge *bridge, guint32 leg, const char *state, const char *why) {
    json_t *event =
        json_pack("{s:s,s:I,s:s,s:s}", "t", "leg.state", "leg", (json_int_t)leg, "state", state, "why", why);
    bridge->events.event(bridge->user, event);
    json_decref(event);
}

static void refuse(Bridge *bridge, guint request, FaultCode fault, const char *why) {
    g_autoptr(GError) error = g_error_new_literal(FAULT, (int)fault, why);
    bridge->events.answer(bridge->user, request, NULL, error);
}

static Desk *least_busy_desk(Bridge *bridge) {
    guint n_legs[BRIDGE_DESKS_MAX] = { 0 }, best = 0;
    GHashTableIter iter;
    gpointer value;
    g_hash_table_iter_init(&iter, bridge->legs);
    while (g_hash_table_iter_next(&iter, NULL, &value))
        for (guint i = 0; i < bridge->n_desks; i++)
            n_legs[i] += ((LegRecord *)value)->desk == bridge->desks[i];
    for (guint i = 1; i < bridge->n_desks; i++)
        if (n_legs[i] < n_legs[best]) best = i;
    return bridge->desks[best];
}

static LegWay way_of(const char *word) {
    if (strcmp(word, "duplex") == 0) return LEG_DUPLEX;
    if (strcmp(word, "receive") == 0) return LEG_RECEIVE;
    return strcmp(word, "send") == 0 ? LEG_SEND : 0;
}

void bridge_open_leg(Bridge *bridge, guint request, json_t *message) {
    guint32 id = (guint32)json_integer_value(json_object_get(message, "leg"));
    guint32 seat = (guint32)json_integer_value(json_object_get(message, "seat"));
    LegWay way = way_of(json_string_value(json_object_get(message, "way")));
    if (way == 0) {
        refuse(bridge, request, FAULT_BAD_INPUT, "leg.open: way must be duplex, receive or send");
        return;
    }
    if (bridge_leg(bridge, id) != NULL) {
        refuse(bridge, request, FAULT_CONFLICT, "leg.open: this connection exists already");
        return;
    }
    if (g_hash_table_size(bridge->legs) >= (guint)bridge->settings->media_legs_max) {
        refuse(bridge, request, FAULT_FULL,
               "the bridge carries as many connections as it may (media.legs_max)");
        return;
    }
    Conference *conference =
        bridge_conference(bridge, json_string_value(json_object_get(message, "meeting")));
    if (conference == NULL) {
        refuse(bridge, request, FAULT_FULL, "too many meetings");
        return;
    }
    LegRecord *leg = g_new0(LegRecord, 1);
    leg->id = id;
    leg->seat = seat;
    leg->conference = conference;
    leg->desk = least_busy_desk(bridge);
    leg->way = way;
    leg->state = TRANSPORT_NEW;
    leg->hears = way != LEG_SEND;
    leg->view = leg->scene_view = (guint32)json_integer_value(json_object_get(message, "view"));
    leg->screen_height =
        (guint)CLAMP(json_integer_value(json_object_get(message, "screen_height")), 0, G_MAXUINT16);
    g_hash_table_insert(bridge->legs, GUINT_TO_POINTER(id), leg);
    LegOrder order = { .leg = id,
                       .conference = conference->id,
                       .seat = seat,
                       .request = request,
                       .way = way,
                       .hears = leg->hears,
                       .offer = g_strdup(json_string_value(json_object_get(message, "offer"))) };
    if (way != LEG_RECEIVE) {
        leg->audio = audio_uplink_new();
        order.audio = audio_uplink_ref(leg->audio);
        order.source = studio_source_ref(conference_seat(conference, seat)->source);
    }
    desk_open_leg(leg->desk, &order);
    bridge_leg_watch(bridge, leg, leg->view, leg->hears);
}

/* The sending leg of a seat is replaced in one step, when the new one is live: same tile, same ears, no ghost. */
static void take_seat(Bridge *bridge, LegRecord *leg) {
    Seat *seat = conference_seat(leg->conference, leg->seat);
    if (seat->sending_leg == leg->id) return;
    LegRecord *before = seat->sending_leg != 0 ? bridge_leg(bridge, seat->sending_leg) : NULL;
    seat->sending_leg = leg->id;
    studio_source_enter(seat->source); /* the seat may have sent in another meeting meanwhile */
    audio_mixer_attach(bridge->mixer, leg->conference->id, leg->seat, leg->audio);
    if (before != NULL) bridge_end_leg(bridge, before, "replaced by a newer connection of the same seat");
}

void bridge_on_leg_state(Bridge *bridge, const NewsLegState *news) {
    LegRecord *leg = bridge_leg(bridge, news->leg);
    if (leg == NULL) return;
    leg->state = news->state;
    log_info("leg.state", "leg=%u seat=%u meeting=%s state=%s why=\"%s\"", leg->id, leg->seat,
             leg->conference->meeting, transport_state_word(news->state), news->why);
    if (news->state == TRANSPORT_FAILED) {
        bridge_end_leg(bridge, leg, news->why);
        return;
    }
    if (news->state == TRANSPORT_LIVE && leg->way != LEG_RECEIVE) take_seat(bridge, leg);
    tell_state(bridge, leg->id, transport_state_word(news->state), news->why);
    leg->conference->dirty = TRUE;
}

void bridge_end_leg(Bridge *bridge, LegRecord *leg, const char *why) {
    Conference *conference = leg->conference;
    Seat *seat = leg->way != LEG_RECEIVE ? conference_seat(conference, leg->seat) : NULL;
    if (seat != NULL && seat->sending_leg == leg->id) {
        seat->sending_leg = 0;
        audio_mixer_attach(bridge->mixer, conference->id, leg->seat, NULL);
    }
    desk_close_leg(leg->desk, leg->id);
    if (why != NULL) tell_state(bridge, leg->id, leg->state == TRANSPORT_FAILED ? "failed" : "closed", why);
    g_hash_table_remove(bridge->legs, GUINT_TO_POINTER(leg->id));
    if (leg->audio != NULL) audio_uplink_unref(leg->audio);
    g_free(leg);
    conference->dirty = TRUE;
}

enum { LARGE_SCREEN_HEIGHT = 1440, SCREEN_HEIGHT = 1080 };

/* Of the wall none that its screen cannot show, of the program none that the machine cannot afford now. */
guint bridge_leg_rung_best(const Bridge *bridge, const LegRecord *leg, const ShownView *view) {
    gboolean program = g_str_equal(view->spec.name, "program");
    guint height_max = leg->screen_height >= LARGE_SCREEN_HEIGHT ? LARGE_SCREEN_HEIGHT : SCREEN_HEIGHT,
          best = 0;
    if (program) height_max = bridge->limits.top_height;
    while (best + 1 < view->ladder.n_rungs && view->ladder.vp8[best].height > height_max) best++;
    return best;
}

void bridge_leg_watch(Bridge *bridge, LegRecord *leg, guint32 view, gboolean hears) {
    RungLadder ladder = { .n_rungs = 0 };
    const ShownView *watched = view != 0 ? conference_view(leg->conference, view) : NULL;
    if (watched != NULL) {
        ladder = watched->ladder;
        ladder.top = bridge_line_top(bridge, leg, watched, bridge_leg_rung_best(bridge, leg, watched));
    }
    StreamId stream = watched != NULL ? watched->ladder.vp8[0].stream : 0;
    gboolean hears_same = leg->watch_told && leg->told_hears == hears;
    gboolean stream_same = leg->watch_told && leg->told_stream == stream;
    gboolean view_same = stream_same && leg->climb.top == ladder.top;
    leg->view = view;
    leg->hears = hears;
    /* Each scene comes by here for every leg: only a difference is worth a letter. */
    if (!hears_same) desk_hear(leg->desk, leg->id, hears);
    if (!view_same) desk_watch(leg->desk, leg->id, &ladder);
    leg->watch_told = TRUE;
    leg->told_hears = hears;
    leg->told_stream = stream;
    if (!view_same) bridge_line_allow(leg, &ladder, !stream_same, g_get_monotonic_time());
}

void bridge_on_leg_rung(Bridge *bridge, const NewsLegRung *news) {
    LegRecord *leg = bridge_leg(bridge, news->leg);
    if (leg == NULL || (leg->wished == news->stream && leg->leaving == news->leaving)) return;
    leg->wished = news->stream;
    leg->leaving = news->leaving;
    leg->conference->dirty = TRUE;
}

void bridge_tell_quality(Bridge *bridge) {
    GHashTableIter iter;
    gpointer value;
    json_t *legs = json_array();
    g_hash_table_iter_init(&iter, bridge->legs);
    while (g_hash_table_iter_next(&iter, NULL, &value)) {
        LegRecord *leg = value;
        const NewsLegQuality *quality = &leg->quality;
        if (!leg->quality_known) continue;
        leg->quality_known = FALSE;
        json_array_append_new(
            legs,
            json_pack("{s:I,s:i,s:{s:i,s:f,s:i,s:f},s:{s:i,s:f,s:i,s:i}}", "leg", (json_int_t)leg->id,
                      "rtt_ms", (int)quality->rtt_ms, "up", "kbps", (int)(quality->up_bps / 1000), "loss",
                      quality->up_loss, "fps", (int)quality->up_fps, "audio_loss", quality->up_audio_loss,
                      "down", "kbps", (int)(quality->down_bps / 1000), "loss", quality->down_loss, "rung",
                      (int)quality->stream, "estimate_kbps", (int)(quality->estimate_bps / 1000)));
    }
    if (json_array_size(legs) > 0) {
        json_t *event = json_pack("{s:s,s:O}", "t", "quality", "legs", legs);
        bridge->events.event(bridge->user, event);
        json_decref(event);
    }
    json_decref(legs);
}
