/* server_parts.h -- inside of the server, for server*.c alone. */
#pragma once

#include "signaling/server.h"

#include <libwebsockets.h>

struct Server {
    Service *service;
    struct lws_context *context;
    struct lws_vhost *https, *http;
    gpointer ssl_ctx;        /* of the https vhost */
    GHashTable *connections; /* address -> count */
    GPtrArray *speakers;     /* WebSockets with something to say, since the last server_ws_flush() */
    gboolean served_http;    /* in this turn */
    guint n_connections;
    gint64 pair_changed_us; /* later mtime of certificate and key in use */
    gint64 pair_refused_us; /* the same of a pair that was no pair */
};

/* One TCP connection, from accept to the end; hangs on the wsi as its opaque pointer. */
typedef struct {
    char address[48];
    gboolean loopback;
    gpointer credentials; /* Credentials between upgrade filter and establishment, or NULL */
} Connection;

Connection *connection_of(struct lws *wsi);      /* never NULL */
void connection_drop(struct lws *wsi);           /* when the wsi is destroyed */
gboolean connection_may(Server *server, int fd); /* limits, before anything is spent on it */

Server *server_of(struct lws *wsi);

/* Somebody typed http:// and the number of the https port. */
gboolean server_is_plain_on_https(struct lws *wsi);

/* Copies a header's value, NULL when absent. (transfer full) */
char *header_copy(struct lws *wsi, enum lws_token_indexes token);

int server_on_http(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in,
                   size_t n_bytes); /* server_http.c */
int server_on_ws(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in,
                 size_t n_bytes);     /* server_ws.c */
void server_ws_flush(Server *server); /* says what the sessions have to say; outside of callbacks */
gsize server_http_bytes(void);        /* per-session memory of each */
gsize server_ws_bytes(void);
