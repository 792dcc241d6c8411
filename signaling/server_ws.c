/* server_ws.c -- libwebsockets' WebSocket callbacks -> Session. Cookie and Origin are checked before the upgrade; messages are put
 * together up to 64 kB. What a turn has to say leaves at its end (server_ws_flush); only what a socket does not take then waits
 * for a writable callback, each of which costs a poll() over all connections. */
#include "signaling/http.h"
#include "signaling/server_parts.h"
#include "signaling/session.h"

#include "config/log.h"

#include <string.h>

enum { CLOSE_WITHIN_S = 5 };

typedef struct {
    struct lws *wsi;
    Session *session;
    GByteArray *in;
    gboolean speaks;  /* is in the server's list of those with something to say */
    gboolean leaves;  /* the page closes: nothing may follow the close frame */
    guint close_code; /* 0: open */
    char close_reason[40];
} WsPeer;

gsize server_ws_bytes(void) { return sizeof(WsPeer); }

/* ---- before the upgrade ---- */

static gboolean read_cookie(Service *service, const HttpRequest *request, const char *name,
                            Identity *identity) {
    g_autofree char *token = http_cookie(request, name);
    return token != NULL &&
           auth_identify(office_auth(service->office), token, office_now_ms(service->office), identity) &&
           identity->kind == TOKEN_SESSION;
}

static Credentials *read_credentials(Service *service, const HttpRequest *request) {
    Credentials *credentials = g_new0(Credentials, 1);
    Identity identity;
    if (read_cookie(service, request, "diemcau", &identity) && identity.user != 0) {
        credentials->has_user = TRUE;
        credentials->user_role = identity.role;
        g_strlcpy(credentials->user_name, identity.name, sizeof credentials->user_name);
        memcpy(credentials->user_hash, identity.hash, TOKEN_HASH_BYTES);
    }
    if (read_cookie(service, request, "diemcau_room", &identity) && identity.seat != 0) {
        credentials->has_room = TRUE;
        credentials->seat = identity.seat;
        memcpy(credentials->room_hash, identity.hash, TOKEN_HASH_BYTES);
    }
    return credentials;
}

/* 0: come in, else the HTTP status of the refusal. */
static guint filter(struct lws *wsi, Service *service) {
    HttpRequest request = { .path = header_copy(wsi, WSI_TOKEN_GET_URI),
                            .host = header_copy(wsi, WSI_TOKEN_HOST),
                            .origin = header_copy(wsi, WSI_TOKEN_ORIGIN),
                            .cookie = header_copy(wsi, WSI_TOKEN_HTTP_COOKIE) };
    guint status = 0;
    Connection *connection = connection_of(wsi);
    g_clear_pointer(&connection->credentials, g_free);
    if (g_strcmp0(request.path, "/ws") != 0) {
        status = 404;
    } else if (!http_origin_is_ours(request.origin, request.host, service->settings->http_origins)) {
        status = 403;
    } else {
        Credentials *credentials = read_credentials(service, &request);
        g_strlcpy(credentials->address, connection->address, sizeof credentials->address);
        connection->credentials = credentials;
        if (!credentials->has_user && !credentials->has_room) status = 401;
    }
    if (status != 0)
        log_info("ws.refused", "status=%u address=%s origin=%s", status, connection->address,
                 request.origin != NULL ? request.origin : "");
    char *texts[] = { request.path, request.host, request.origin, request.cookie };
    for (guint i = 0; i < G_N_ELEMENTS(texts); i++) g_free(texts[i]);
    return status;
}

static int on_filter(struct lws *wsi) {
    Service *service = server_of(wsi)->service;
    guint status = service->stopping ? 503 : server_is_plain_on_https(wsi) ? 403 : filter(wsi, service);
    if (status == 0) return 0;
    service->stats.ws_refused++;
    /* Best effort: a browser does not tell its page, but people with tools see why. */
    if (lws_return_http_status(wsi, status, NULL) < 0) return -1;
    return -1;
}

/* ---- the session's port ---- */

static void ask_writable(gpointer socket) {
    WsPeer *peer = socket;
    if (peer->speaks) return;
    peer->speaks = TRUE;
    g_ptr_array_add(server_of(peer->wsi)->speakers, peer);
}

static void request_close(gpointer socket, guint code, const char *reason) {
    WsPeer *peer = socket;
    if (peer->close_code != 0) return;
    peer->close_code = code;
    g_strlcpy(peer->close_reason, reason, sizeof peer->close_reason);
    /* What waits is sent before the close; a reader that does not take it is cut off. */
    lws_set_timeout(peer->wsi, PENDING_TIMEOUT_CLOSE_SEND, CLOSE_WITHIN_S);
    lws_callback_on_writable(peer->wsi);
}

static const SocketPort port = { .ask_writable = ask_writable, .close = request_close };

/* ---- established ---- */

static int on_established(struct lws *wsi, WsPeer *peer) {
    Connection *connection = connection_of(wsi);
    if (connection->credentials == NULL) return -1;
    peer->wsi = wsi;
    peer->in = g_byte_array_new();
    peer->session = session_new(server_of(wsi)->service, connection->credentials, &port, peer);
    g_clear_pointer(&connection->credentials, g_free);
    return 0;
}

static int close_now(struct lws *wsi, guint code, const char *reason) {
    char text[64];
    g_strlcpy(text, reason, sizeof text);
    lws_close_reason(wsi, (enum lws_close_status)code, (guint8 *)text, strlen(text));
    return -1;
}

static int on_receive(struct lws *wsi, WsPeer *peer, const void *bytes, gsize n_bytes) {
    if (peer->session == NULL) return -1;
    if (peer->close_code != 0) return 0;
    if (lws_is_first_fragment(wsi)) g_byte_array_set_size(peer->in, 0);
    if (lws_frame_is_binary(wsi)) return close_now(wsi, LWS_CLOSE_STATUS_UNACCEPTABLE_OPCODE, "text only");
    gsize n_to_come = lws_remaining_packet_payload(wsi);
    if (peer->in->len + n_bytes + n_to_come > SESSION_MESSAGE_BYTES_MAX) {
        log_warn("ws.message-too-big", "address=%s", connection_of(wsi)->address);
        return close_now(wsi, CLOSE_TOO_BIG, "message too big");
    }
    g_byte_array_append(peer->in, bytes, (guint)n_bytes);
    if (n_to_come > 0 || !lws_is_final_fragment(wsi)) return 0;
    session_receive(peer->session, (const char *)peer->in->data, peer->in->len);
    g_byte_array_set_size(peer->in, 0);
    return 0;
}

/* Says what waits as long as the socket takes it. FALSE: the socket is broken. */
static gboolean say(WsPeer *peer) {
    while (!lws_partial_buffered(peer->wsi)) {
        g_autoptr(GBytes) message = session_next(peer->session);
        if (message == NULL) return TRUE;
        gsize n_bytes;
        const void *bytes = g_bytes_get_data(message, &n_bytes);
        g_autofree guint8 *buffer = g_malloc(LWS_PRE + n_bytes);
        memcpy(buffer + LWS_PRE, bytes, n_bytes);
        if (lws_write(peer->wsi, buffer + LWS_PRE, n_bytes, LWS_WRITE_TEXT) < (int)n_bytes) return FALSE;
    }
    lws_callback_on_writable(peer->wsi);
    return TRUE;
}

static int on_writable(struct lws *wsi, WsPeer *peer) {
    if (peer->session == NULL) return -1;
    if (peer->close_code == CLOSE_TOO_SLOW) return close_now(wsi, peer->close_code, peer->close_reason);
    if (!say(peer)) return -1;
    if (peer->close_code != 0 && !lws_partial_buffered(wsi))
        return close_now(wsi, peer->close_code, peer->close_reason);
    return 0;
}

void server_ws_flush(Server *server) {
    /* Saying the last of a slow socket may put a snapshot into its box, and so the peer back into the list. */
    while (server->speakers->len > 0) {
        WsPeer *peer = g_ptr_array_steal_index_fast(server->speakers, server->speakers->len - 1);
        peer->speaks = FALSE;
        if (peer->leaves || peer->close_code != 0)
            lws_callback_on_writable(peer->wsi);
        else if (!say(peer))
            lws_set_timeout(peer->wsi, PENDING_TIMEOUT_CLOSE_SEND, LWS_TO_KILL_ASYNC);
    }
}

static void on_closed(struct lws *wsi, WsPeer *peer) {
    if (peer == NULL) return;
    if (peer->speaks) g_ptr_array_remove_fast(server_of(wsi)->speakers, peer);
    peer->speaks = FALSE;
    session_gone(peer->session);
    peer->session = NULL;
    g_clear_pointer(&peer->in, g_byte_array_unref);
}

int server_on_ws(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in, size_t n_bytes) {
    switch ((int)reason) {
    case LWS_CALLBACK_FILTER_PROTOCOL_CONNECTION: return on_filter(wsi);
    case LWS_CALLBACK_ESTABLISHED: return on_established(wsi, user);
    case LWS_CALLBACK_RECEIVE: return on_receive(wsi, user, in, n_bytes);
    case LWS_CALLBACK_SERVER_WRITEABLE: return on_writable(wsi, user);
    case LWS_CALLBACK_WS_PEER_INITIATED_CLOSE: ((WsPeer *)user)->leaves = TRUE; return 0;
    case LWS_CALLBACK_CLOSED: on_closed(wsi, user); return 0;
    /* A plain HTTP request that ends up here would be a request on a reused connection: nothing of ours. */
    case LWS_CALLBACK_HTTP: return -1;
    default: return 0;
    }
}
