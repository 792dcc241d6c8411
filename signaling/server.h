/* server.h -- the sockets: HTTPS with WebSocket, and the same over plain HTTP on loopback. server*.c are the only files that know
 * libwebsockets. It runs its own default loop on the thread that made it; the reactor of everybody else hangs inside as one
 * file descriptor. */
#pragma once

#include "signaling/service.h"

typedef struct Server Server;

/* Can this port be had? FAULT_SETUP says which port, why not and what to do. host "": all addresses. */
gboolean server_port_check(const char *host, gint64 port, const char *setting, GError **error);

Server *server_new(Service *service, GError **error); /* opens the ports */
void server_free(Server *server);                     /* NULL is fine */
void server_turn(Server *server); /* waits for something to happen, does it, and rests for 5 ms */
/* Reads certificate and key again if one of the files has changed, or always. The pair in use stays while they do not fit. */
void server_reload_tls(Server *server, gboolean always);
