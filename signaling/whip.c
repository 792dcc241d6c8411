/* whip.c -- WHIP (RFC 9725) and WHEP: a bearer token makes a room's sender, or a viewer, out of any client. The bridge answers
 * the offer; the leg is a resource with a secret name that only the token's holder may change. */
#include "signaling/whip.h"

#include "signaling/http_routes.h"
#include "signaling/session.h"
#include "signaling/session_legs.h"

#include "config/fault.h"
#include "config/log.h"

#include <sodium.h>
#include <string.h>

enum { RESOURCE_BYTES = 16 };

typedef struct {
    HttpExchange *exchange;
    Service *service;
    char *meeting;
    gint32 seat, leg;
    LegWay way;
    ViewId view;
    char *client;
    guint8 owner[TOKEN_HASH_BYTES];
} Publishing;

static void publishing_free(Publishing *publishing) {
    http_exchange_unref(publishing->exchange);
    g_free(publishing->meeting);
    g_free(publishing->client);
    g_free(publishing);
}

static char *resource_new(void) {
    guint8 bytes[RESOURCE_BYTES];
    randombytes_buf(bytes, sizeof bytes);
    char *text = g_malloc(2 * RESOURCE_BYTES + 1);
    return sodium_bin2hex(text, 2 * RESOURCE_BYTES + 1, bytes, sizeof bytes);
}

/* Pages of listed origins may read the answer; others get no permission from the browser. */
static void allow_origin(HttpExchange *exchange, const Service *service) {
    const char *origin = exchange->request.origin;
    http_header(exchange, "vary", "Origin");
    if (!http_origin_is_listed(origin, service->settings->http_origins)) return;
    http_header(exchange, "access-control-allow-origin", origin);
    http_header(exchange, "access-control-expose-headers", "Location, ETag, Link");
}

void whip_options(HttpExchange *exchange, const Caller *caller) {
    allow_origin(exchange, caller->service);
    if (http_origin_is_listed(exchange->request.origin, caller->service->settings->http_origins)) {
        http_header(exchange, "access-control-allow-methods", "POST, PATCH, DELETE, OPTIONS");
        http_header(exchange, "access-control-allow-headers", "Authorization, Content-Type, If-Match");
        http_header(exchange, "access-control-max-age", "86400");
    }
    http_header(exchange, "accept-post", "application/sdp");
    http_header(exchange, "accept-patch", "application/trickle-ice-sdpfrag");
    http_answer_empty(exchange, 204);
}

static void refuse(HttpExchange *exchange, guint status, const char *code, const char *text) {
    if (status == 401) http_header(exchange, "www-authenticate", "Bearer");
    http_answer_code(exchange, status, code, text);
}

/* An SDP that the bridge cannot read or has no use for is 422 by RFC 9725: it was well formed HTTP. */
static void answer_media_fault(HttpExchange *exchange, const GError *why) {
    gboolean unusable =
        g_error_matches(why, FAULT, FAULT_BAD_INPUT) || g_error_matches(why, FAULT, FAULT_REFUSED);
    guint status = unusable ? 422 : fault_http_status(why);
    if (g_error_matches(why, FAULT, FAULT_GONE) || g_error_matches(why, FAULT, FAULT_BUSY)) {
        status = 503;
        http_header(exchange, "retry-after", "2");
    }
    refuse(exchange, status, fault_word(why), why->message);
}

static void on_opened(gpointer user, json_t *answer, const GError *why) {
    Publishing *publishing = user;
    HttpExchange *exchange = publishing->exchange;
    Leg *leg = leg_find(publishing->service, publishing->leg);
    const char *sdp = json_string_value(json_object_get(answer, "sdp"));
    if (why != NULL || leg == NULL || sdp == NULL) {
        g_autoptr(GError) gone = g_error_new(FAULT, FAULT_GONE, "the connection was closed");
        answer_media_fault(exchange, why != NULL ? why : gone);
    } else {
        leg->resource = resource_new();
        g_autofree char *location = g_strdup_printf("/whip/%s/leg/%s", publishing->meeting, leg->resource);
        g_autofree char *etag = whip_etag(leg->id, leg->n_restarts);
        http_header(exchange, "location", location);
        http_header(exchange, "etag", etag);
        http_header(exchange, "accept-patch", "application/trickle-ice-sdpfrag");
        log_info("whip.opened", "leg=%d seat=%d way=%d", leg->id, leg->seat, (int)leg->way);
        http_answer_text(exchange, 201, "application/sdp", sdp);
    }
    publishing_free(publishing);
}

static void open_leg(Publishing *publishing) {
    const GByteArray *body = publishing->exchange->request.body;
    g_autofree char *offer = g_strndup((const char *)body->data, body->len);
    Service *service = publishing->service;
    LegWish wish = { .meeting = publishing->meeting,
                     .seat = publishing->seat,
                     .way = publishing->way,
                     .view = publishing->view,
                     .hears = publishing->way == LEG_RECEIVE,
                     .room = publishing->seat != SEAT_NOBODY,
                     .client = publishing->client,
                     .owner = publishing->owner,
                     .offer = offer };
    if (!bridge_link_is_up(service->bridge)) {
        g_autoptr(GError) away = g_error_new(FAULT, FAULT_GONE, "the bridge is not there at the moment");
        answer_media_fault(publishing->exchange, away);
        publishing_free(publishing);
        return;
    }
    if (wish.way == LEG_SEND) {
        session_take_seat(service, wish.seat, NULL);
        legs_replace_sender(service, wish.seat, NULL);
    }
    publishing->leg = leg_open(service, &wish, on_opened, publishing);
}

static void on_joined(gpointer user, json_t *events, const GError *why) {
    (void)events;
    Publishing *publishing = user;
    if (why == NULL) {
        open_leg(publishing);
        return;
    }
    http_answer_fault(publishing->exchange, why);
    publishing_free(publishing);
}

/* TRUE when the token lets its holder into this meeting; else answered. */
static gboolean may_enter(HttpExchange *exchange, const Caller *caller) {
    allow_origin(exchange, caller->service);
    const char *id = exchange->request.parts[0];
    if (!caller->has_bearer) {
        refuse(exchange, 401, "refused", words(caller->language, WORD_TOKEN_WRONG));
        return FALSE;
    }
    if (strcmp(caller->bearer.meeting, id) != 0) {
        refuse(exchange, 403, "refused", words(caller->language, WORD_TOKEN_WRONG));
        return FALSE;
    }
    const Meeting *meeting = office_meeting(caller->service->office, id);
    if (meeting == NULL || meeting_phase(meeting) != MEETING_OPEN) {
        refuse(exchange, meeting == NULL ? 404 : 409, meeting == NULL ? "not-found" : "conflict",
               words(caller->language, meeting == NULL ? WORD_MEETING_UNKNOWN : WORD_MEETING_NOT_OPEN));
        return FALSE;
    }
    return TRUE;
}

/* The offer is there, looks like SDP, and the client would take SDP for an answer. */
static gboolean is_offer(HttpExchange *exchange, const Caller *caller) {
    const GByteArray *body = exchange->request.body;
    const char *accept = exchange->request.accept;
    if (accept != NULL && strstr(accept, "application/sdp") == NULL && strstr(accept, "*/*") == NULL &&
        strstr(accept, "application/*") == NULL) {
        refuse(exchange, 406, "bad-input", "the answer is application/sdp");
        return FALSE;
    }
    if (body->len < 10 || memcmp(body->data, "v=0", 3) != 0 ||
        !g_utf8_validate((const char *)body->data, body->len, NULL)) {
        g_autofree char *text = words_format(caller->language, WORD_SDP_WRONG, "v=0");
        refuse(exchange, 400, "bad-input", text);
        return FALSE;
    }
    return TRUE;
}

static Publishing *publishing_new(HttpExchange *exchange, const Caller *caller, LegWay way, ViewId view) {
    Publishing *publishing = g_new0(Publishing, 1);
    *publishing = (Publishing){
        .exchange = http_exchange_ref(exchange), .service = caller->service, .way = way, .view = view
    };
    publishing->meeting = g_strdup(exchange->request.parts[0]);
    publishing->seat = caller->bearer.seat != 0 ? caller->bearer.seat : SEAT_NOBODY;
    publishing->client = g_strdup_printf("whip-%" G_GUINT64_FORMAT, exchange->number);
    memcpy(publishing->owner, caller->bearer.hash, TOKEN_HASH_BYTES);
    return publishing;
}

void whip_post(HttpExchange *exchange, const Caller *caller) {
    if (!may_enter(exchange, caller) || !is_offer(exchange, caller)) return;
    if (caller->bearer.seat == 0) {
        refuse(exchange, 403, "refused", words(caller->language, WORD_REFUSED_ROLE));
        return;
    }
    Service *service = caller->service;
    Publishing *publishing = publishing_new(exchange, caller, LEG_SEND, VIEW_NONE);
    json_t *command = json_pack("{s:s, s:i, s:b, s:b}", "t", "join", "seat", caller->bearer.seat,
                                "microphone", TRUE, "camera", TRUE);
    Actor actor = {
        .role = ROLE_SYSTEM, .seat = caller->bearer.seat, .name = "whip", .language = caller->language
    };
    g_autoptr(GError) error = NULL;
    if (!office_command(service->office, publishing->meeting, &actor, command, on_joined, publishing,
                        &error)) {
        http_answer_fault(exchange, error);
        publishing_free(publishing);
    }
    json_decref(command);
}

void whep_post(HttpExchange *exchange, const Caller *caller) {
    if (!may_enter(exchange, caller) || !is_offer(exchange, caller)) return;
    ViewId view = view_from_word(exchange->request.parts[1]);
    if (view == VIEW_NONE) {
        refuse(exchange, 404, "not-found", words(caller->language, WORD_PAGE_UNKNOWN));
        return;
    }
    /* A room sees what rooms see. */
    if (caller->bearer.seat != 0 && view != VIEW_PROGRAM) {
        refuse(exchange, 403, "refused", words(caller->language, WORD_REFUSED_ROLE));
        return;
    }
    if (legs_count_owner(caller->service, caller->bearer.hash) >= SESSION_LEGS_MAX) {
        g_autoptr(GError) many = NULL;
        words_refuse(&many, FAULT_BUSY, caller->language, WORD_LEGS_TOO_MANY, SESSION_LEGS_MAX);
        http_answer_fault(exchange, many);
        return;
    }
    open_leg(publishing_new(exchange, caller, LEG_RECEIVE, view));
}

/* ---- the resource ---- */

typedef struct {
    HttpExchange *exchange;
    Service *service;
    gint32 leg;
    char *offer;
} Restarting;

static void on_restarted(gpointer user, json_t *answer, const GError *why) {
    Restarting *restarting = user;
    Leg *leg = leg_find(restarting->service, restarting->leg);
    const char *sdp = json_string_value(json_object_get(answer, "sdp"));
    g_autofree char *fragment = sdp != NULL ? whip_fragment_of(sdp) : NULL;
    if (why != NULL || leg == NULL || fragment == NULL) {
        g_autoptr(GError) gone = g_error_new(FAULT, FAULT_GONE, "the connection was closed");
        answer_media_fault(restarting->exchange, why != NULL ? why : gone);
    } else {
        leg->n_restarts++;
        g_free(leg->offer);
        leg->offer = g_steal_pointer(&restarting->offer);
        g_autofree char *etag = whip_etag(leg->id, leg->n_restarts);
        http_header(restarting->exchange, "etag", etag);
        http_answer_text(restarting->exchange, 200, "application/trickle-ice-sdpfrag", fragment);
    }
    http_exchange_unref(restarting->exchange);
    g_free(restarting->offer);
    g_free(restarting);
}

static void restart(HttpExchange *exchange, const Caller *caller, const Leg *leg) {
    const GByteArray *body = exchange->request.body;
    g_autofree char *ufrag = NULL;
    g_autofree char *pwd = NULL;
    g_autoptr(GError) error = NULL;
    if (!whip_read_fragment((const char *)body->data, body->len, &ufrag, &pwd, &error)) {
        http_answer_fault(exchange, error);
        return;
    }
    Restarting *restarting = g_new0(Restarting, 1);
    *restarting =
        (Restarting){ .exchange = http_exchange_ref(exchange), .service = caller->service, .leg = leg->id };
    restarting->offer = whip_offer_with_ice(leg->offer, ufrag, pwd);
    json_t *request =
        json_pack("{s:s, s:i, s:s}", "t", "leg.restart", "leg", leg->id, "offer", restarting->offer);
    bridge_link_request(caller->service->bridge, request, BRIDGE_DEADLINE_MS, on_restarted, restarting);
}

static void patch(HttpExchange *exchange, const Caller *caller, const Leg *leg) {
    g_autofree char *etag = whip_etag(leg->id, leg->n_restarts);
    switch (whip_patch_kind(exchange->request.if_match, etag)) {
    case WHIP_TRICKLE: /* checks that arrive tell us the candidate's address: nothing to look up, nothing to resolve */
        http_answer_empty(exchange, 204);
        return;
    case WHIP_RESTART: restart(exchange, caller, leg); return;
    case WHIP_NO_MATCH: refuse(exchange, 428, "bad-input", "PATCH needs If-Match"); return;
    case WHIP_STALE: refuse(exchange, 412, "conflict", "If-Match names another state of the session"); return;
    }
}

/* A publisher that says goodbye has left; one that only vanishes is lost, and may come back. */
static void leave(Service *service, const Leg *leg) {
    Actor actor = {
        .role = ROLE_SYSTEM, .seat = leg->seat, .name = "whip", .language = service_language(service)
    };
    json_t *command = json_pack("{s:s, s:i}", "t", "leave", "seat", leg->seat);
    g_autoptr(GError) error = NULL;
    if (!office_command(service->office, leg->meeting, &actor, command, NULL, NULL, &error))
        log_warn("whip.leave-refused", "seat=%d why=\"%s\"", leg->seat, error->message);
    json_decref(command);
}

void whip_resource(HttpExchange *exchange, const Caller *caller) {
    allow_origin(exchange, caller->service);
    if (!caller->has_bearer) {
        refuse(exchange, 401, "refused", words(caller->language, WORD_TOKEN_WRONG));
        return;
    }
    const Leg *leg = leg_find_resource(caller->service, exchange->request.parts[1]);
    if (leg == NULL || strcmp(leg->meeting, exchange->request.parts[0]) != 0 ||
        memcmp(leg->owner, caller->bearer.hash, TOKEN_HASH_BYTES) != 0) {
        refuse(exchange, 404, "not-found", words(caller->language, WORD_LEG_UNKNOWN));
        return;
    }
    if (exchange->request.method == HTTP_PATCH) {
        patch(exchange, caller, leg);
        return;
    }
    log_info("whip.closed", "leg=%d seat=%d", leg->id, leg->seat);
    if (leg->way == LEG_SEND) leave(caller->service, leg);
    leg_close(caller->service, leg->id);
    http_answer_empty(exchange, 200);
}
