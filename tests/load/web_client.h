/* web_client.h -- one connection to the signaling server, as a page makes it: HTTP POST and then a WebSocket (RFC 6455),
 * over plain TCP and without blocking. The simulator's server is on this machine: no TLS, no proxies. One thread. */
#pragma once

#include <glib.h>

typedef struct {
    char host[128]; /* address to connect to */
    guint16 port;
    char origin[160]; /* "http://127.0.0.1:8080" */
} WebAddress;

/* FALSE, FAULT_BAD_INPUT: only http://ADDRESS[:PORT] is taken. */
gboolean web_address_read(const char *url, WebAddress *ret_address, GError **error);

typedef struct WebClient WebClient;

typedef struct {
    /* The answer to web_client_post: status, body, and the cookie it set ("" when none). */
    void (*answered)(gpointer user, guint status, const char *cookie, const char *body);
    void (*opened)(gpointer user); /* the WebSocket is open */
    void (*message)(gpointer user, const char *text, gsize n_bytes);
    void (*closed)(gpointer user, guint code,
                   const char *why); /* 0: the connection broke; the client is dead then */
} WebEvents;

WebClient *web_client_new(const WebAddress *address, const WebEvents *events, gpointer user);
void web_client_free(WebClient *client); /* NULL is fine; must not be called from inside an event */

void web_client_post(WebClient *client, const char *path, const char *body);
void web_client_open(WebClient *client, const char *path, const char *protocol, const char *cookie);
gboolean web_client_send(WebClient *client, const char *text); /* FALSE: not open, or too much is waiting */

/* Moves bytes both ways as far as they go; cheap when nothing has happened. */
void web_client_turn(WebClient *client);
int web_client_fd(const WebClient *client); /* -1: none now */
