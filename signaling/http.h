/* http.h -- one HTTP request and its one answer, free of libwebsockets: server_http.c fills the request and sends the
 * answer, handlers (api_*.c, whip.c, metrics.c, http_static.c) see nothing else.
 * An exchange may be answered later (a password is being checked, the bridge is asked): the handler keeps a reference,
 * answers once, and drops it. Answering after the client has gone is fine and does nothing.
 * Thread: server. */
#pragma once

#include <glib.h>
#include <jansson.h>

typedef enum {
    HTTP_GET = 1 << 0,
    HTTP_POST = 1 << 1,
    HTTP_PUT = 1 << 2,
    HTTP_PATCH = 1 << 3,
    HTTP_DELETE = 1 << 4,
    HTTP_OPTIONS = 1 << 5, /* HEAD is a GET whose body is not sent */
} HttpMethod;

enum { HTTP_PATH_PARTS_MAX = 3, HTTP_BODY_BYTES_MAX = 4 * 1024 * 1024 };

typedef struct {
    HttpMethod method;
    gboolean head_only;
    char *path;  /* decoded, begins with '/' */
    char *query; /* "a=b&c=d" as sent, or NULL */
    /* Header values, NULL when absent. */
    char *host, *origin, *cookie, *authorization, *content_type, *accept, *accept_language;
    char *if_none_match, *if_match;
    char *address;     /* of the peer, as text */
    gboolean loopback; /* the peer is this machine */
    gboolean secure;   /* came over TLS */
    GByteArray *body;
    char *parts[HTTP_PATH_PARTS_MAX]; /* what stood at the {} of the route, NULL-filled */
} HttpRequest;

typedef struct HttpExchange HttpExchange;

struct HttpExchange {
    guint n_refs;
    guint64 number;
    HttpRequest request;
    gpointer service; /* Service*, for handlers */

    /* the answer */
    gboolean answered;
    guint status;
    GPtrArray *headers;  /* name, value, name, value ... */
    GBytes *answer_body; /* NULL: none */
    gboolean close;      /* the connection cannot be used again: its request was not read to the end */

    /* server_http.c listens here; NULL when the client has gone */
    void (*on_answer)(HttpExchange *exchange, gpointer user);
    gpointer on_answer_user;
};

HttpExchange *http_exchange_new(void);
HttpExchange *http_exchange_ref(HttpExchange *exchange);
void http_exchange_unref(HttpExchange *exchange); /* NULL is fine */

/* ---- answering: exactly once; a second answer is ignored and logged ---- */
void http_header(HttpExchange *exchange, const char *name, const char *value); /* before the answer */
void http_answer(HttpExchange *exchange, guint status, const char *content_type,
                 GBytes *body); /* takes body */
void http_answer_text(HttpExchange *exchange, guint status, const char *content_type, const char *text);
void http_answer_json(HttpExchange *exchange, guint status, json_t *object); /* takes object */
void http_answer_empty(HttpExchange *exchange, guint status);
/* {"code","text"} with the fault's status. */
void http_answer_fault(HttpExchange *exchange, const GError *error);
void http_answer_code(HttpExchange *exchange, guint status, const char *code, const char *text);

/* ---- reading ---- */
char *http_cookie(const HttpRequest *request, const char *name); /* (transfer full) or NULL */
char *http_query(const HttpRequest *request, const char *name);  /* decoded (transfer full) or NULL */
char *http_bearer(const HttpRequest *request);                   /* token (transfer full) or NULL */
gboolean http_content_type_is(const HttpRequest *request, const char *type); /* parameters ignored */
json_t *http_json_body(const HttpRequest *request, const char *fields, GError **error); /* (transfer full) */
const char *http_language(const HttpRequest *request, const char *fallback);            /* "vi" or "en" */

/* TRUE when the page that asks is ours: no Origin (no browser), same host as asked for, or listed in `allowed` (space
 * separated). */
gboolean http_origin_is_ours(const char *origin, const char *host, const char *allowed);
gboolean http_origin_is_listed(const char *origin, const char *allowed);

/* A Set-Cookie line: HttpOnly, SameSite=Strict, Path=/, Secure when asked; max_age_s 0 removes it. */
char *http_set_cookie(const char *name, const char *value, gint64 max_age_s, gboolean secure);
