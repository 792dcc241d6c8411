/* http_routes.h -- the table of paths: method, path, who may, what body; and its dispatch. What is not in the table is a page
 * (http_static.c). Thread: server. */
#pragma once

#include "signaling/http.h"
#include "signaling/service.h"

typedef enum { BODY_NONE, BODY_JSON, BODY_CSV, BODY_SDP, BODY_SDPFRAG } BodyKind;

enum {
    WHO_ANYBODY = -1, /* the handler looks for itself */
    WHO_MACHINE = -2, /* loopback, or metrics.token as bearer */
    WHO_BEARER = -3,  /* WHIP and WHEP: a bearer token; CORS for listed origins */
    /* else a Right of role.h: a user with this right */
};

/* Who asks. Borrowed for the call. */
typedef struct {
    Service *service;
    gboolean has_user, has_room, has_bearer;
    Identity user, room, bearer;
    Actor actor; /* of the user; ROLE_NONE without */
    Language language;
} Caller;

typedef void (*HttpHandler)(HttpExchange *exchange, const Caller *caller);

typedef struct {
    guint methods;    /* HTTP_GET | ... */
    const char *path; /* "/api/v1/roster/{}/link" */
    int who;
    BodyKind body;
    gsize body_bytes_max;
    HttpHandler handler;
    const char *sentence;
} HttpRoute;

const HttpRoute *http_routes(guint *ret_n_routes);
gboolean http_routes_check(GError **error);

/* The row for a path and method; fills parts. NULL: *ret_methods tells what the path would take (0: no such path). */
const HttpRoute *http_route_find(HttpMethod method, const char *path, char *parts[HTTP_PATH_PARTS_MAX],
                                 guint *ret_methods);

/* Called when headers are in, before the body: nobody's body is kept who may not call. FALSE: the exchange has been answered
 * (404, 405, 413, 415, 401, 403). */
gboolean http_admit(HttpExchange *exchange, Service *service, gint64 body_bytes);
/* Called when the body is in. Answers now or later. */
void http_dispatch(HttpExchange *exchange, Service *service);

/* ---- handlers, by file ---- */
void api_login(HttpExchange *exchange, const Caller *caller); /* api_login.c */
void api_room(HttpExchange *exchange, const Caller *caller);
void api_logout(HttpExchange *exchange, const Caller *caller);
void api_me(HttpExchange *exchange, const Caller *caller);
void api_roster(HttpExchange *exchange, const Caller *caller); /* api_roster.c */
void api_roster_import(HttpExchange *exchange, const Caller *caller);
void api_roster_export(HttpExchange *exchange, const Caller *caller);
void api_link(HttpExchange *exchange, const Caller *caller);
void api_qr(HttpExchange *exchange, const Caller *caller);
void api_meetings(HttpExchange *exchange, const Caller *caller); /* api_meetings.c */
void api_meeting_do(HttpExchange *exchange, const Caller *caller);
void api_clock(HttpExchange *exchange, const Caller *caller); /* api_status.c */
void api_status(HttpExchange *exchange, const Caller *caller);
void api_healthz(HttpExchange *exchange, const Caller *caller);
void api_readyz(HttpExchange *exchange, const Caller *caller);
void api_ca(HttpExchange *exchange, const Caller *caller);
void api_help_ca(HttpExchange *exchange, const Caller *caller);
void api_metrics(HttpExchange *exchange, const Caller *caller); /* metrics.c */
void whip_post(HttpExchange *exchange, const Caller *caller);   /* whip.c */
void whep_post(HttpExchange *exchange, const Caller *caller);
void whip_resource(HttpExchange *exchange, const Caller *caller); /* PATCH, DELETE */
void whip_options(HttpExchange *exchange, const Caller *caller);

/* ---- http_static.c ---- */
/* Serves a page or an asset from http.web_root; 404 otherwise. */
void http_static(HttpExchange *exchange, Service *service);
/* The folder of the pages: the setting, else beside the program, else /usr/share/diemcau/web. (transfer full) */
char *http_web_root(const Settings *settings);
GHashTable *http_static_cache_new(void); /* for Service.web_files */
