/* http_routes.c -- the table of paths and its dispatch; see http_routes.h. */
#include "signaling/http_routes.h"

#include "config/bytes.h"
#include "config/fault.h"
#include "config/log.h"
#include "signaling/words.h"

#include <string.h>

enum { SMALL = 16 * 1024, SDP_BYTES_MAX = 64 * 1024, CSV_MAX = 4 * 1024 * 1024 };

/* clang-format off */
static const HttpRoute routes[] = {
    { HTTP_POST, "/api/v1/login", WHO_ANYBODY, BODY_JSON, SMALL, api_login, "password or one-time link -> cookie" },
    { HTTP_POST, "/api/v1/room", WHO_ANYBODY, BODY_JSON, SMALL, api_room, "a room's link -> cookie" },
    { HTTP_POST, "/api/v1/logout", WHO_ANYBODY, BODY_JSON, SMALL, api_logout, "ends the cookies' sessions" },
    { HTTP_GET, "/api/v1/me", WHO_ANYBODY, BODY_NONE, 0, api_me, "who am I" },
    { HTTP_GET, "/api/v1/clock", WHO_ANYBODY, BODY_NONE, 0, api_clock, "the server's time and time zone" },
    { HTTP_GET, "/api/v1/roster", RIGHT_ROSTER_READ, BODY_NONE, 0, api_roster, "all seats with the state of their links" },
    { HTTP_POST, "/api/v1/roster/import", RIGHT_ROSTER_WRITE, BODY_CSV, CSV_MAX, api_roster_import, "CSV, all or nothing" },
    { HTTP_GET, "/api/v1/roster/export", RIGHT_ROSTER_READ, BODY_NONE, 0, api_roster_export, "the roster as CSV" },
    { HTTP_GET | HTTP_POST | HTTP_DELETE, "/api/v1/roster/{}/link", RIGHT_ROSTER_WRITE, BODY_JSON, SMALL, api_link,
      "state of a room's link; a new one (shown once); revoke" },
    { HTTP_GET | HTTP_POST, "/api/v1/qr", RIGHT_ROSTER_WRITE, BODY_JSON, SMALL, api_qr, "text as a QR code, SVG" },
    { HTTP_GET | HTTP_POST, "/api/v1/meetings", RIGHT_MEETINGS, BODY_JSON, SMALL, api_meetings, "list; create" },
    { HTTP_POST, "/api/v1/meetings/{}/{}", RIGHT_MEETINGS, BODY_JSON, SMALL, api_meeting_do, "open, end" },
    { HTTP_GET, "/api/v1/status", RIGHT_STATUS, BODY_NONE, 0, api_status, "bridge, sandbox, versions" },

    { HTTP_POST, "/whip/{}", WHO_BEARER, BODY_SDP, SDP_BYTES_MAX, whip_post, "WHIP: publish as a room" },
    { HTTP_POST, "/whep/{}/{}", WHO_BEARER, BODY_SDP, SDP_BYTES_MAX, whep_post, "WHEP: play a view" },
    { HTTP_PATCH | HTTP_DELETE, "/whip/{}/leg/{}", WHO_BEARER, BODY_SDPFRAG, SDP_BYTES_MAX, whip_resource,
      "WHIP and WHEP: trickle, ICE restart, end" },
    { HTTP_OPTIONS, "/whip/{}", WHO_ANYBODY, BODY_NONE, 0, whip_options, "CORS" },
    { HTTP_OPTIONS, "/whep/{}/{}", WHO_ANYBODY, BODY_NONE, 0, whip_options, "CORS" },
    { HTTP_OPTIONS, "/whip/{}/leg/{}", WHO_ANYBODY, BODY_NONE, 0, whip_options, "CORS" },

    { HTTP_GET, "/metrics", WHO_MACHINE, BODY_NONE, 0, api_metrics, "Prometheus text" },
    { HTTP_GET, "/healthz", WHO_ANYBODY, BODY_NONE, 0, api_healthz, "the server answers" },
    { HTTP_GET, "/readyz", WHO_ANYBODY, BODY_NONE, 0, api_readyz, "store and bridge are well; what the sandbox does" },
    { HTTP_GET, "/ca.crt", WHO_ANYBODY, BODY_NONE, 0, api_ca, "the local CA" },
    { HTTP_GET, "/help/ca", WHO_ANYBODY, BODY_NONE, 0, api_help_ca, "how to install it" },
};
/* clang-format on */

const HttpRoute *http_routes(guint *ret_n_routes) {
    *ret_n_routes = G_N_ELEMENTS(routes);
    return routes;
}

gboolean http_routes_check(GError **error) {
    for (guint i = 0; i < G_N_ELEMENTS(routes); i++) {
        const HttpRoute *route = &routes[i];
        if (route->handler != NULL && route->methods != 0 && route->path[0] == '/' &&
            route->body_bytes_max <= HTTP_BODY_BYTES_MAX &&
            (route->body == BODY_NONE) == (route->body_bytes_max == 0))
            continue;
        g_set_error(error, FAULT, FAULT_INTERNAL, "table of paths: row %s is broken", route->path);
        return FALSE;
    }
    return TRUE;
}

/* Whole parts only; a {} takes one non-empty part. */
static gboolean path_fits(const char *pattern, const char *path, char *parts[HTTP_PATH_PARTS_MAX]) {
    guint n_parts = 0;
    while (*pattern != '\0') {
        if (pattern[0] == '{' && pattern[1] == '}') {
            gsize n = strcspn(path, "/");
            if (n == 0 || n > 200 || n_parts == HTTP_PATH_PARTS_MAX) return FALSE;
            if (parts != NULL) parts[n_parts] = g_strndup(path, n);
            n_parts++;
            path += n;
            pattern += 2;
        } else if (*pattern++ != *path++) {
            return FALSE;
        }
    }
    return *path == '\0';
}

const HttpRoute *http_route_find(HttpMethod method, const char *path, char *parts[HTTP_PATH_PARTS_MAX],
                                 guint *ret_methods) {
    *ret_methods = 0;
    for (guint i = 0; i < G_N_ELEMENTS(routes); i++) {
        if (!path_fits(routes[i].path, path, NULL)) continue;
        *ret_methods |= routes[i].methods;
        if (!(routes[i].methods & (guint)method)) continue;
        path_fits(routes[i].path, path, parts);
        return &routes[i];
    }
    return NULL;
}

static Language caller_language(const HttpExchange *exchange, Service *service) {
    return language_from_text(exchange->request.accept_language, service_language(service));
}

static void refuse(HttpExchange *exchange, guint status, Language language, const char *code, Word word) {
    http_answer_code(exchange, status, code, words(language, word));
}

static void answer_method(HttpExchange *exchange, guint methods) {
    static const char *const names[] = { "GET, HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS" };
    g_autoptr(GString) allow = g_string_new(NULL);
    for (guint i = 0; i < G_N_ELEMENTS(names); i++)
        if (methods & (1u << i)) g_string_append_printf(allow, "%s%s", allow->len > 0 ? ", " : "", names[i]);
    http_header(exchange, "allow", allow->str);
    http_answer_code(exchange, 405, "bad-input", "this path does not take that method");
}

static gboolean body_type_fits(const HttpRequest *request, BodyKind kind) {
    switch (kind) {
    case BODY_NONE: return TRUE;
    case BODY_JSON: return http_content_type_is(request, "application/json");
    case BODY_CSV: return http_content_type_is(request, "text/csv");
    case BODY_SDP: return http_content_type_is(request, "application/sdp");
    case BODY_SDPFRAG: return http_content_type_is(request, "application/trickle-ice-sdpfrag");
    }
    return FALSE;
}

static gboolean has_body_method(HttpMethod method) {
    return (method & (HTTP_POST | HTTP_PUT | HTTP_PATCH)) != 0;
}

static gboolean identify_cookie(Service *service, const HttpRequest *request, const char *name,
                                Identity *identity) {
    g_autofree char *token = http_cookie(request, name);
    return token != NULL &&
           auth_identify(office_auth(service->office), token, office_now_ms(service->office), identity) &&
           identity->kind == TOKEN_SESSION;
}

static void know_caller(const HttpExchange *exchange, Service *service, Caller *caller) {
    const HttpRequest *request = &exchange->request;
    *caller = (Caller){ .service = service, .language = caller_language(exchange, service) };
    caller->has_user = identify_cookie(service, request, "diemcau", &caller->user) && caller->user.user != 0;
    caller->has_room =
        identify_cookie(service, request, "diemcau_room", &caller->room) && caller->room.seat != 0;
    g_autofree char *bearer = http_bearer(request);
    caller->has_bearer = bearer != NULL &&
                         auth_identify(office_auth(service->office), bearer, office_now_ms(service->office),
                                       &caller->bearer) &&
                         caller->bearer.kind == TOKEN_BEARER;
    caller->actor = (Actor){ .name = "", .language = caller->language };
    if (caller->has_user) {
        caller->actor.role = caller->user.role;
        caller->actor.name = caller->user.name;
    }
}

static gboolean is_machine(const HttpExchange *exchange, Service *service) {
    const char *wanted = service->settings->metrics_token;
    g_autofree char *given = http_bearer(&exchange->request);
    if (wanted[0] == '\0') return exchange->request.loopback;
    if (given == NULL) return FALSE;
    /* Compared as digests: constant time whatever the lengths. */
    g_autofree char *a = g_compute_checksum_for_string(G_CHECKSUM_SHA256, wanted, -1);
    g_autofree char *b = g_compute_checksum_for_string(G_CHECKSUM_SHA256, given, -1);
    return secret_equal(a, b, strlen(a));
}

/* TRUE when the caller may; else answered. */
static gboolean may_call(HttpExchange *exchange, Service *service, const HttpRoute *route,
                         Caller *ret_caller) {
    know_caller(exchange, service, ret_caller);
    if (route->who >= 0 && !ret_caller->has_user)
        refuse(exchange, 401, ret_caller->language, "refused", WORD_LOGIN_FIRST);
    else if (route->who >= 0 && !role_may(ret_caller->actor.role, (Right)route->who))
        refuse(exchange, 403, ret_caller->language, "refused", WORD_REFUSED_ROLE);
    else if (route->who == WHO_MACHINE && !is_machine(exchange, service))
        refuse(exchange, 403, ret_caller->language, "refused", WORD_REFUSED_ROLE);
    else if (route->who == WHO_BEARER && !ret_caller->has_bearer)
        route->handler(exchange,
                       ret_caller); /* looks for the bearer first, and refuses as its standard says */
    else
        return TRUE;
    return FALSE;
}

gboolean http_admit(HttpExchange *exchange, Service *service, gint64 body_bytes) {
    HttpRequest *request = &exchange->request;
    Caller caller;
    Language language = caller_language(exchange, service);
    guint methods = 0;
    exchange->service = service;
    const HttpRoute *route = http_route_find(request->method, request->path, request->parts, &methods);
    if (body_bytes > 0) exchange->close = TRUE; /* until the body is read */
    if (route == NULL && methods != 0) {
        answer_method(exchange, methods);
    } else if (route == NULL && request->method != HTTP_GET) {
        refuse(exchange, 404, language, "not-found", WORD_PAGE_UNKNOWN);
    } else if (body_bytes > (route != NULL ? (gint64)route->body_bytes_max : 0)) {
        refuse(exchange, 413, language, "bad-input", WORD_BODY_TOO_BIG);
    } else if (route != NULL && has_body_method(request->method) && !body_type_fits(request, route->body)) {
        refuse(exchange, 415, language, "bad-input", WORD_BODY_TYPE);
    } else if (route != NULL && route->who != WHO_BEARER && request->method != HTTP_GET &&
               request->method != HTTP_OPTIONS &&
               !http_origin_is_ours(request->origin, request->host, service->settings->http_origins)) {
        refuse(exchange, 403, language, "refused", WORD_ORIGIN_REFUSED);
    } else if (route == NULL || may_call(exchange, service, route, &caller)) {
        exchange->close = FALSE;
        return TRUE;
    }
    service->stats.http_refused++;
    return FALSE;
}

void http_dispatch(HttpExchange *exchange, Service *service) {
    HttpRequest *request = &exchange->request;
    service->stats.http_requests++;
    guint methods = 0;
    char *parts[HTTP_PATH_PARTS_MAX] = { 0 };
    const HttpRoute *route = http_route_find(request->method, request->path, parts, &methods);
    for (guint i = 0; i < HTTP_PATH_PARTS_MAX; i++) g_free(parts[i]);
    if (route == NULL) {
        http_static(exchange, service);
        return;
    }
    Caller caller; /* known again: a login may have ended while the body came */
    if (may_call(exchange, service, route, &caller))
        route->handler(exchange, &caller);
    else
        service->stats.http_refused++;
}
