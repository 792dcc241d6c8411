/* server_http.c -- libwebsockets' HTTP callbacks -> one HttpExchange per request, and its answer onto the wire.
 * Everything is un-mounted: mounts would bind GET, POST and HEAD only. Chunked bodies are refused with 411, because this
 * library hands their framing through undecoded. Body completion is told twice at times and counts once. */
#include "signaling/http_routes.h"
#include "signaling/server_parts.h"

#include "config/log.h"

#include <string.h>

enum { CHUNK_BYTES = 16 * 1024, HEAD_BYTES = 8 * 1024, ANSWER_WITHIN_S = 30 };

typedef struct {
    HttpExchange *exchange; /* NULL between requests */
    gsize n_sent;
    gboolean head_sent, dispatched;
} HttpPeer;

gsize server_http_bytes(void) { return sizeof(HttpPeer); }

static void finish(HttpPeer *peer) {
    if (peer->exchange == NULL) return;
    peer->exchange->on_answer = NULL;
    g_clear_pointer(&peer->exchange, http_exchange_unref);
    *peer = (HttpPeer){ 0 };
}

static void on_answer(HttpExchange *exchange, gpointer user) {
    (void)exchange;
    lws_callback_on_writable(user);
}

static const struct {
    enum lws_token_indexes token;
    HttpMethod method;
} methods[] = {
    { WSI_TOKEN_GET_URI, HTTP_GET },         { WSI_TOKEN_POST_URI, HTTP_POST },
    { WSI_TOKEN_HEAD_URI, HTTP_GET },        { WSI_TOKEN_PUT_URI, HTTP_PUT },
    { WSI_TOKEN_PATCH_URI, HTTP_PATCH },     { WSI_TOKEN_DELETE_URI, HTTP_DELETE },
    { WSI_TOKEN_OPTIONS_URI, HTTP_OPTIONS },
};

/* The library gives the parameters unescaped, one by one; they are put together again so that '&' keeps its meaning. */
static char *read_query(struct lws *wsi) {
    if (lws_hdr_total_length(wsi, WSI_TOKEN_HTTP_URI_ARGS) <= 0) return NULL;
    g_autoptr(GString) query = g_string_new(NULL);
    char part[2048];
    for (int i = 0; lws_hdr_copy_fragment(wsi, part, sizeof part, WSI_TOKEN_HTTP_URI_ARGS, i) > 0; i++) {
        if (query->len > 0) g_string_append_c(query, '&');
        g_string_append_uri_escaped(query, part, "=", FALSE);
    }
    return g_strdup(query->str);
}

static gboolean read_request(struct lws *wsi, HttpRequest *request) {
    for (guint i = 0; i < G_N_ELEMENTS(methods) && request->path == NULL; i++) {
        request->path = header_copy(wsi, methods[i].token);
        request->method = methods[i].method;
        request->head_only = methods[i].token == WSI_TOKEN_HEAD_URI;
    }
    if (request->path == NULL || request->path[0] != '/') return FALSE;
    request->query = read_query(wsi);
    request->host = header_copy(wsi, WSI_TOKEN_HOST);
    request->origin = header_copy(wsi, WSI_TOKEN_ORIGIN);
    request->cookie = header_copy(wsi, WSI_TOKEN_HTTP_COOKIE);
    request->authorization = header_copy(wsi, WSI_TOKEN_HTTP_AUTHORIZATION);
    request->content_type = header_copy(wsi, WSI_TOKEN_HTTP_CONTENT_TYPE);
    request->accept = header_copy(wsi, WSI_TOKEN_HTTP_ACCEPT);
    request->accept_language = header_copy(wsi, WSI_TOKEN_HTTP_ACCEPT_LANGUAGE);
    request->if_none_match = header_copy(wsi, WSI_TOKEN_HTTP_IF_NONE_MATCH);
    request->if_match = header_copy(wsi, WSI_TOKEN_HTTP_IF_MATCH);
    request->secure = lws_is_ssl(wsi);
    const Connection *connection = connection_of(wsi);
    request->address = g_strdup(connection->address);
    request->loopback = connection->loopback;
    return TRUE;
}

/* Digits only: the library takes signs and what not. -1: malformed. */
static gint64 read_length(struct lws *wsi) {
    g_autofree char *text = header_copy(wsi, WSI_TOKEN_HTTP_CONTENT_LENGTH);
    if (text == NULL) return 0;
    guint64 length = 0;
    if (!g_ascii_string_to_unsigned(text, 10, 0, G_MAXINT32, &length, NULL)) return -1;
    return (gint64)length;
}

static void dispatch(struct lws *wsi, HttpPeer *peer) {
    if (peer->dispatched) return;
    peer->dispatched = TRUE;
    lws_set_timeout(wsi, PENDING_TIMEOUT_HTTP_CONTENT, ANSWER_WITHIN_S);
    http_dispatch(peer->exchange, server_of(wsi)->service);
}

/* Plain HTTP on the https port: nothing is read or done, the browser is sent over. */
static void send_over(HttpExchange *exchange) {
    const HttpRequest *request = &exchange->request;
    exchange->close = TRUE;
    if (request->host == NULL || request->path == NULL) {
        http_answer_empty(exchange, 400);
        return;
    }
    g_autofree char *to = g_strdup_printf("https://%s%s", request->host, request->path);
    http_header(exchange, "location", to);
    http_answer_empty(exchange, 307);
}

static int on_request(struct lws *wsi, HttpPeer *peer) {
    Service *service = server_of(wsi)->service;
    server_of(wsi)->served_http = TRUE;
    finish(peer);
    HttpExchange *exchange = http_exchange_new();
    peer->exchange = exchange;
    exchange->service = service;
    exchange->on_answer = on_answer;
    exchange->on_answer_user = wsi;
    gboolean readable = read_request(wsi, &exchange->request);
    gboolean chunked = lws_hdr_total_length(wsi, WSI_TOKEN_HTTP_TRANSFER_ENCODING) > 0;
    gint64 length = read_length(wsi);
    if (server_is_plain_on_https(wsi)) {
        peer->dispatched = TRUE;
        send_over(exchange);
        return 0;
    }
    if (!readable || chunked || length < 0) {
        exchange->close = TRUE;
        peer->dispatched = TRUE;
        service->stats.http_refused++;
        if (exchange->request.path == NULL) exchange->request.path = g_strdup("/");
        http_answer_code(exchange, chunked ? 411 : 400, "bad-input",
                         words(service_language(service), chunked ? WORD_BODY_CHUNKED : WORD_BODY_TYPE));
        return 0;
    }
    if (!http_admit(exchange, service, length)) {
        peer->dispatched = TRUE;
        return 0;
    }
    if (length == 0) dispatch(wsi, peer);
    return 0;
}

static int on_body(HttpPeer *peer, const void *bytes, gsize n_bytes) {
    if (peer->exchange == NULL) return -1;
    if (peer->dispatched)
        return 0; /* refused already: the answer is on its way and then the connection ends */
    GByteArray *body = peer->exchange->request.body;
    if (body->len + n_bytes > HTTP_BODY_BYTES_MAX) return -1;
    g_byte_array_append(body, bytes, (guint)n_bytes);
    return 0;
}

/* ---- answering ---- */

static gboolean add_head(struct lws *wsi, const HttpExchange *exchange, guint8 **at, guint8 *end) {
    if (lws_add_http_header_status(wsi, exchange->status, at, end)) return FALSE;
    for (guint i = 0; i + 1 < exchange->headers->len; i += 2) {
        g_autofree char *name = g_strconcat(exchange->headers->pdata[i], ":", NULL);
        const char *value = exchange->headers->pdata[i + 1];
        if (lws_add_http_header_by_name(wsi, (const guint8 *)name, (const guint8 *)value, (int)strlen(value),
                                        at, end))
            return FALSE;
    }
    if (exchange->close &&
        lws_add_http_header_by_name(wsi, (const guint8 *)"connection:", (const guint8 *)"close", 5, at, end))
        return FALSE;
    gsize n_body = exchange->answer_body != NULL ? g_bytes_get_size(exchange->answer_body) : 0;
    gboolean bodiless = exchange->status == 204 || exchange->status == 304;
    return bodiless || lws_add_http_header_content_length(wsi, n_body, at, end) == 0;
}

static int send_head(struct lws *wsi, HttpPeer *peer) {
    guint8 buffer[LWS_PRE + HEAD_BYTES];
    guint8 *start = buffer + LWS_PRE, *at = start, *end = buffer + sizeof buffer - 1;
    if (!add_head(wsi, peer->exchange, &at, end)) {
        log_error("http.head-too-long", "path=%s", peer->exchange->request.path);
        return -1;
    }
    peer->head_sent = TRUE;
    return lws_finalize_write_http_header(wsi, start, &at, end) ? -1 : 0;
}

static int complete(struct lws *wsi, HttpPeer *peer) {
    gboolean close = peer->exchange->close;
    finish(peer);
    if (close) return -1;
    return lws_http_transaction_completed(wsi) ? -1 : 0;
}

static int on_writable(struct lws *wsi, HttpPeer *peer) {
    HttpExchange *exchange = peer->exchange;
    server_of(wsi)->served_http = TRUE;
    if (exchange == NULL || !exchange->answered) return 0;
    gsize n_body = 0;
    const guint8 *body =
        exchange->answer_body != NULL ? g_bytes_get_data(exchange->answer_body, &n_body) : NULL;
    if (body == NULL || exchange->request.head_only || exchange->status == 304) n_body = 0;
    if (!peer->head_sent || body == NULL) {
        if (send_head(wsi, peer) != 0) return -1;
        if (n_body == 0) return complete(wsi, peer);
        lws_callback_on_writable(wsi);
        return 0;
    }
    guint8 buffer[LWS_PRE + CHUNK_BYTES];
    gsize n = MIN(n_body - peer->n_sent, (gsize)CHUNK_BYTES);
    memcpy(buffer + LWS_PRE, body + peer->n_sent, n);
    peer->n_sent += n;
    gboolean last = peer->n_sent == n_body;
    lws_set_timeout(wsi, PENDING_TIMEOUT_HTTP_CONTENT, ANSWER_WITHIN_S);
    if (lws_write(wsi, buffer + LWS_PRE, n, last ? LWS_WRITE_HTTP_FINAL : LWS_WRITE_HTTP) < 0) return -1;
    if (last) return complete(wsi, peer);
    lws_callback_on_writable(wsi);
    return 0;
}

int server_on_http(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in, size_t n_bytes) {
    HttpPeer *peer = user;
    switch ((int)reason) {
    case LWS_CALLBACK_FILTER_NETWORK_CONNECTION:
        return connection_may(server_of(wsi), (int)(gintptr)in) ? 0 : -1;
    case LWS_CALLBACK_SERVER_NEW_CLIENT_INSTANTIATED: connection_of(wsi); return 0;
    case LWS_CALLBACK_WSI_DESTROY: connection_drop(wsi); return 0;
    case LWS_CALLBACK_OPENSSL_LOAD_EXTRA_SERVER_VERIFY_CERTS:
        server_of(wsi)->ssl_ctx = user;
        tls_harden(user);
        return 0;
    case LWS_CALLBACK_FILTER_PROTOCOL_CONNECTION:
        return -1; /* a WebSocket that does not name our subprotocol */
    case LWS_CALLBACK_HTTP: return on_request(wsi, peer);
    case LWS_CALLBACK_HTTP_BODY:
        server_of(wsi)->served_http = TRUE; /* 4 kB in each turn */
        return on_body(peer, in, n_bytes);
    case LWS_CALLBACK_HTTP_BODY_COMPLETION:
        if (peer->exchange != NULL) dispatch(wsi, peer);
        return 0;
    case LWS_CALLBACK_HTTP_WRITEABLE: return on_writable(wsi, peer);
    case LWS_CALLBACK_CLOSED_HTTP:
    case LWS_CALLBACK_HTTP_DROP_PROTOCOL:
        if (peer != NULL) finish(peer);
        return 0;
    default: return 0;
    }
}
