/* web_client.c -- see web_client.h. One request at a time; each POST has a connection of its own, so that no answer can be
 * taken for another's. Masks are zero: the peer is our own server, and no proxy is between. */
#include "tests/load/web_client.h"

#include "config/fault.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { IN_BYTES_MAX = 4 * 1024 * 1024, OUT_BYTES_MAX = 256 * 1024 };

typedef enum { WEB_IDLE, WEB_POSTING, WEB_UPGRADING, WEB_OPEN, WEB_DEAD } WebState;

struct WebClient {
    WebAddress address;
    WebEvents events;
    gpointer user;
    WebState state;
    int fd;
    GByteArray *in, *out;
    GString *message; /* of a fragmented message */
};

gboolean web_address_read(const char *url, WebAddress *ret_address, GError **error) {
    g_autoptr(GUri) uri = g_uri_parse(url, G_URI_FLAGS_NONE, NULL);
    struct in_addr parsed;
    const char *host = uri != NULL ? g_uri_get_host(uri) : NULL;
    if (host != NULL && strcmp(host, "localhost") == 0) host = "127.0.0.1";
    if (host == NULL || strcmp(g_uri_get_scheme(uri), "http") != 0 ||
        inet_pton(AF_INET, host, &parsed) != 1) {
        g_set_error(error, FAULT, FAULT_BAD_INPUT,
                    "%s: the simulator takes http://ADDRESS:PORT with an IPv4 address", url);
        return FALSE;
    }
    g_strlcpy(ret_address->host, host, sizeof ret_address->host);
    ret_address->port = (guint16)(g_uri_get_port(uri) > 0 ? g_uri_get_port(uri) : 80);
    g_snprintf(ret_address->origin, sizeof ret_address->origin, "http://%s:%u", g_uri_get_host(uri),
               ret_address->port);
    return TRUE;
}

WebClient *web_client_new(const WebAddress *address, const WebEvents *events, gpointer user) {
    WebClient *client = g_new0(WebClient, 1);
    client->address = *address;
    client->events = *events;
    client->user = user;
    client->fd = -1;
    client->in = g_byte_array_new();
    client->out = g_byte_array_new();
    client->message = g_string_new(NULL);
    return client;
}

void web_client_free(WebClient *client) {
    if (client == NULL) return;
    if (client->fd >= 0) close(client->fd);
    g_byte_array_unref(client->in);
    g_byte_array_unref(client->out);
    g_string_free(client->message, TRUE);
    g_free(client);
}

int web_client_fd(const WebClient *client) { return client->fd; }

static void die(WebClient *client, guint code, const char *why) {
    if (client->state == WEB_DEAD) return;
    client->state = WEB_DEAD;
    if (client->fd >= 0) close(client->fd);
    client->fd = -1;
    client->events.closed(client->user, code, why);
}

static void connect_anew(WebClient *client) {
    struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(client->address.port) };
    int on = 1;
    if (client->fd >= 0) close(client->fd);
    g_byte_array_set_size(client->in, 0);
    g_byte_array_set_size(client->out, 0);
    inet_pton(AF_INET, client->address.host, &address.sin_addr);
    client->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (client->fd < 0) {
        die(client, 0, g_strerror(errno));
        return;
    }
    (void)setsockopt(client->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (connect(client->fd, (const struct sockaddr *)&address, sizeof address) != 0 && errno != EINPROGRESS)
        die(client, 0, g_strerror(errno));
}

static void queue(WebClient *client, const void *bytes, gsize n_bytes) {
    g_byte_array_append(client->out, bytes, (guint)n_bytes);
}

void web_client_post(WebClient *client, const char *path, const char *body) {
    client->state = WEB_POSTING;
    connect_anew(client);
    if (client->state == WEB_DEAD) return;
    g_autofree char *text = g_strdup_printf("POST %s HTTP/1.1\r\nHost: %s:%u\r\nOrigin: %s\r\n"
                                            "Content-Type: application/json\r\nContent-Length: %zu\r\n"
                                            "Connection: close\r\n\r\n%s",
                                            path, client->address.host, client->address.port,
                                            client->address.origin, strlen(body), body);
    queue(client, text, strlen(text));
}

void web_client_open(WebClient *client, const char *path, const char *protocol, const char *cookie) {
    guint8 nonce[16];
    client->state = WEB_UPGRADING;
    connect_anew(client);
    if (client->state == WEB_DEAD) return;
    for (guint i = 0; i < sizeof nonce; i++) nonce[i] = (guint8)g_random_int();
    g_autofree char *key = g_base64_encode(nonce, sizeof nonce);
    g_autofree char *text = g_strdup_printf(
        "GET %s HTTP/1.1\r\nHost: %s:%u\r\nOrigin: %s\r\nCookie: %s\r\n"
        "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
        "Sec-WebSocket-Protocol: %s\r\nSec-WebSocket-Key: %s\r\n\r\n",
        path, client->address.host, client->address.port, client->address.origin, cookie, protocol, key);
    queue(client, text, strlen(text));
}

/* ---- frames out ---- */

static void queue_frame(WebClient *client, guint8 opcode, const void *bytes, gsize n_bytes) {
    guint8 head[14] = { (guint8)(0x80 | opcode) };
    guint n = 2;
    if (n_bytes < 126) {
        head[1] = (guint8)(0x80 | n_bytes);
    } else if (n_bytes < 65536) {
        head[1] = 0x80 | 126;
        head[n++] = (guint8)(n_bytes >> 8);
        head[n++] = (guint8)n_bytes;
    } else {
        head[1] = 0x80 | 127;
        for (guint i = 0; i < 8; i++) head[n++] = (guint8)((guint64)n_bytes >> (56 - 8 * i));
    }
    n += 4; /* the mask: zeros */
    queue(client, head, n);
    queue(client, bytes, n_bytes);
}

gboolean web_client_send(WebClient *client, const char *text) {
    if (client->state != WEB_OPEN || client->out->len > OUT_BYTES_MAX) return FALSE;
    queue_frame(client, 1, text, strlen(text));
    return TRUE;
}

/* ---- bytes in ---- */

static void consume(WebClient *client, gsize n) { g_byte_array_remove_range(client->in, 0, (guint)n); }

/* The value of a header, "" when absent. (transfer full) */
static char *header_of(const char *head, const char *name) {
    g_auto(GStrv) lines = g_strsplit(head, "\r\n", 64);
    for (guint i = 1; lines[i] != NULL; i++) {
        char *colon = strchr(lines[i], ':');
        if (colon == NULL) continue;
        *colon = '\0';
        if (g_ascii_strcasecmp(lines[i], name) == 0) return g_strstrip(g_strdup(colon + 1));
    }
    return g_strdup("");
}

/* TRUE when the whole head is there: cut off and returned. */
static char *take_head(WebClient *client) {
    const char *end = client->in->len > 0
                          ? g_strstr_len((const char *)client->in->data, client->in->len, "\r\n\r\n")
                          : NULL;
    char *head;
    if (end == NULL) return NULL;
    head = g_strndup((const char *)client->in->data, (gsize)(end - (const char *)client->in->data));
    consume(client, strlen(head) + 4);
    return head;
}

static guint status_of(const char *head) {
    const char *space = strchr(head, ' ');
    return space != NULL ? (guint)g_ascii_strtoull(space, NULL, 10) : 0;
}

/* TRUE when head and body have come. */
static gboolean answer_is_whole(const WebClient *client, gboolean ended) {
    const char *text = (const char *)client->in->data, *end;
    if (client->in->len == 0) return ended;
    end = g_strstr_len(text, client->in->len, "\r\n\r\n");
    if (end == NULL || ended) return ended;
    g_autofree char *head = g_strndup(text, (gsize)(end - text));
    g_autofree char *length = header_of(head, "Content-Length");
    return *length != '\0' && client->in->len >= strlen(head) + 4 + g_ascii_strtoull(length, NULL, 10);
}

static void read_answer(WebClient *client) {
    g_autofree char *head = take_head(client), *cookie = NULL, *body = NULL;
    if (head == NULL) {
        die(client, 0, "the server closed without an answer");
        return;
    }
    cookie = header_of(head, "Set-Cookie");
    cookie[strcspn(cookie, ";")] = '\0';
    body = client->in->len > 0 ? g_strndup((const char *)client->in->data, client->in->len) : g_strdup("");
    close(client->fd);
    client->fd = -1;
    client->state = WEB_IDLE;
    client->events.answered(client->user, status_of(head), cookie, body);
}

static void on_frame(WebClient *client, guint8 head, const guint8 *payload, gsize n) {
    guint8 opcode = head & 0x0F;
    g_autofree char *why = NULL;
    switch (opcode) {
    case 0:
    case 1:
        g_string_append_len(client->message, (const char *)payload, (gssize)n);
        if ((head & 0x80) == 0) break;
        client->events.message(client->user, client->message->str, client->message->len);
        g_string_truncate(client->message, 0);
        break;
    case 8:
        why = n > 2 ? g_strndup((const char *)payload + 2, n - 2) : g_strdup("");
        die(client, n >= 2 ? (guint)(payload[0] << 8 | payload[1]) : 1005, why);
        break;
    case 9: queue_frame(client, 10, payload, n); break;
    default: break;
    }
}

/* TRUE: one whole frame was taken. */
static gboolean read_frame(WebClient *client) {
    const guint8 *at = client->in->data;
    gsize have = client->in->len, n_head = 2;
    guint64 n;
    if (have < 2) return FALSE;
    n = at[1] & 0x7F;
    if (n == 126) n_head = 4;
    if (n == 127) n_head = 10;
    if (have < n_head) return FALSE;
    if (n_head > 2) {
        n = 0;
        for (gsize i = 2; i < n_head; i++) n = n << 8 | at[i];
    }
    if (n > IN_BYTES_MAX || at[1] & 0x80) {
        die(client, 0, "a frame that no server sends");
        return FALSE;
    }
    if (have < n_head + n) return FALSE;
    g_autofree guint8 *payload = n > 0 ? g_memdup2(at + n_head, n) : NULL;
    guint8 head = at[0];
    consume(client, n_head + n);
    on_frame(client, head, payload, n);
    return client->state == WEB_OPEN;
}

static void read_upgrade(WebClient *client) {
    g_autofree char *head = take_head(client);
    if (head == NULL) return;
    if (status_of(head) != 101) {
        g_autofree char *why = g_strdup_printf("the WebSocket was refused: HTTP %u", status_of(head));
        die(client, status_of(head), why);
        return;
    }
    client->state = WEB_OPEN;
    client->events.opened(client->user);
}

static void write_out(WebClient *client) {
    while (client->out->len > 0 && client->fd >= 0) {
        gssize n = send(client->fd, client->out->data, client->out->len, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n < 0 && (errno == EAGAIN || errno == EINTR || errno == ENOTCONN)) return;
        if (n <= 0) {
            die(client, 0, g_strerror(errno));
            return;
        }
        g_byte_array_remove_range(client->out, 0, (guint)n);
    }
}

void web_client_turn(WebClient *client) {
    gboolean ended = FALSE;
    if (client->fd < 0) return;
    write_out(client);
    while (client->fd >= 0 && !ended) {
        guint8 bytes[16384];
        gssize n = recv(client->fd, bytes, sizeof bytes, MSG_DONTWAIT);
        if (n > 0)
            g_byte_array_append(client->in, bytes, (guint)n);
        else if (n == 0)
            ended = TRUE;
        else if (errno == EAGAIN || errno == ENOTCONN)
            break;
        else if (errno != EINTR) {
            die(client, 0, g_strerror(errno));
            return;
        }
    }
    if (client->state == WEB_POSTING) {
        if (answer_is_whole(client, ended)) read_answer(client);
        return;
    }
    if (client->state == WEB_UPGRADING) read_upgrade(client);
    while (client->state == WEB_OPEN && read_frame(client)) continue;
    write_out(client);
    if (ended && (client->state == WEB_OPEN || client->state == WEB_UPGRADING))
        die(client, 0, "the connection broke");
}
