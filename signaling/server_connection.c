/* server_connection.c -- who connects from where, and how many at once; see server_parts.h. */
#include "signaling/server_parts.h"

#include "config/log.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

/* Two hundred rooms may stand behind one NAT address, each with a socket and a handful of loads at once: one address may
 * have most of what there is, but never all, so that the chair can still get in. */
enum { ADDRESS_SHARE_PERCENT = 75 };

Server *server_of(struct lws *wsi) { return lws_context_user(lws_get_context(wsi)); }

static void peer_address(int fd, char *text, gsize n_text, gboolean *ret_loopback) {
    struct sockaddr_storage peer = { 0 };
    socklen_t n_peer = sizeof peer;
    text[0] = '\0';
    *ret_loopback = FALSE;
    if (getpeername(fd, (struct sockaddr *)&peer, &n_peer) != 0) return;
    if (peer.ss_family == AF_INET) {
        struct sockaddr_in v4;
        memcpy(&v4, &peer, sizeof v4);
        inet_ntop(AF_INET, &v4.sin_addr, text, (socklen_t)n_text);
        *ret_loopback = (ntohl(v4.sin_addr.s_addr) >> 24) == 127;
    } else if (peer.ss_family == AF_INET6) {
        struct sockaddr_in6 v6;
        memcpy(&v6, &peer, sizeof v6);
        inet_ntop(AF_INET6, &v6.sin6_addr, text, (socklen_t)n_text);
        *ret_loopback = IN6_IS_ADDR_LOOPBACK(&v6.sin6_addr);
        if (IN6_IS_ADDR_V4MAPPED(&v6.sin6_addr)) {
            memmove(text, text + strlen("::ffff:"), strlen(text + strlen("::ffff:")) + 1);
            *ret_loopback = v6.sin6_addr.s6_addr[12] == 127;
        }
    }
}

gboolean connection_may(Server *server, int fd) {
    char address[48];
    gboolean loopback;
    peer_address(fd, address, sizeof address, &loopback);
    guint n_max = (guint)server->service->settings->http_connections_max;
    guint n_from = GPOINTER_TO_UINT(g_hash_table_lookup(server->connections, address));
    if (server->n_connections < n_max && (loopback || n_from < n_max * ADDRESS_SHARE_PERCENT / 100))
        return TRUE;
    server->service->stats.http_refused++;
    log_warn("server.full", "address=%s from_there=%u all=%u", address, n_from, server->n_connections);
    return FALSE;
}

Connection *connection_of(struct lws *wsi) {
    Connection *connection = lws_get_opaque_user_data(wsi);
    if (connection != NULL) return connection;
    Server *server = server_of(wsi);
    connection = g_new0(Connection, 1);
    peer_address((int)lws_get_socket_fd(wsi), connection->address, sizeof connection->address,
                 &connection->loopback);
    lws_set_opaque_user_data(wsi, connection);
    guint n_from = GPOINTER_TO_UINT(g_hash_table_lookup(server->connections, connection->address));
    g_hash_table_insert(server->connections, g_strdup(connection->address), GUINT_TO_POINTER(n_from + 1));
    server->n_connections++;
    return connection;
}

void connection_drop(struct lws *wsi) {
    Connection *connection = lws_get_opaque_user_data(wsi);
    if (connection == NULL) return;
    Server *server = server_of(wsi);
    lws_set_opaque_user_data(wsi, NULL);
    guint n_from = GPOINTER_TO_UINT(g_hash_table_lookup(server->connections, connection->address));
    if (n_from <= 1)
        g_hash_table_remove(server->connections, connection->address);
    else
        g_hash_table_insert(server->connections, g_strdup(connection->address), GUINT_TO_POINTER(n_from - 1));
    server->n_connections--;
    g_free(connection->credentials);
    g_free(connection);
}

char *header_copy(struct lws *wsi, enum lws_token_indexes token) {
    int n = lws_hdr_total_length(wsi, token);
    if (n <= 0) return NULL;
    char *text = g_malloc0((gsize)n + 1);
    if (lws_hdr_copy(wsi, text, n + 1, token) < 0) g_clear_pointer(&text, g_free);
    return text;
}
