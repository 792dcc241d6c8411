/* server.c -- libwebsockets' context and its two virtual hosts; see server.h. */
#include "signaling/server_parts.h"

#include "config/fault.h"
#include "config/log.h"
#include "signaling/session.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    SPARE_FDS = 128,
    HEADER_BYTES = 4096,
    PING_AFTER_S = 25, /* a NAT forgets a silent connection after half a minute at the least */
    HANG_UP_AFTER_S = 40,
    REST_US = 5000,
};

static const lws_retry_bo_t idle_policy = { .secs_since_valid_ping = PING_AFTER_S,
                                            .secs_since_valid_hangup = HANG_UP_AFTER_S };

/* The loop of everybody else is one file descriptor in here. */
static int server_on_loop(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in,
                          size_t n_bytes) {
    (void)user;
    (void)in;
    (void)n_bytes;
    switch ((int)reason) {
    case LWS_CALLBACK_RAW_RX_FILE: reactor_run(server_of(wsi)->service->loop, 0); return 0;
    case LWS_CALLBACK_FILTER_PROTOCOL_CONNECTION: return -1; /* no subprotocol of anybody's */
    default: return 0;
    }
}

static void on_library_log(int level, const char *line) {
    g_autofree char *text = g_strdup(line);
    g_strchomp(text);
    g_strdelimit(text, "\"", '\'');
    if (level & LLL_ERR)
        log_warn("lws", "text=\"%s\"", text);
    else
        log_debug("lws", "text=\"%s\"", text);
}

static gboolean has_ipv6(void) {
    int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) return FALSE;
    struct sockaddr_in6 any = { .sin6_family = AF_INET6, .sin6_addr = IN6ADDR_ANY_INIT };
    gboolean good = bind(fd, (struct sockaddr *)&any, sizeof any) == 0;
    close(fd);
    return good;
}

gboolean server_is_plain_on_https(struct lws *wsi) {
    return lws_get_vhost(wsi) == server_of(wsi)->https && !lws_is_ssl(wsi);
}

gboolean server_port_check(const char *host, gint64 port, const char *setting, GError **error) {
    char service_name[16];
    g_snprintf(service_name, sizeof service_name, "%d", (int)port);
    const char *node = host[0] != '\0' ? host : has_ipv6() ? "::" : "0.0.0.0";
    struct addrinfo hints = { .ai_family = AF_UNSPEC,
                              .ai_socktype = SOCK_STREAM,
                              .ai_flags = AI_PASSIVE | AI_NUMERICHOST };
    struct addrinfo *found = NULL;
    int why = getaddrinfo(node, service_name, &hints, &found);
    if (why != 0) {
        g_set_error(error, FAULT, FAULT_SETUP, "http.host %s is not an address of this machine (%s)", host,
                    gai_strerror(why));
        return FALSE;
    }
    int fd = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0), yes = 1;
    gboolean good = fd >= 0 && setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes) == 0 &&
                    bind(fd, found->ai_addr, found->ai_addrlen) == 0 && listen(fd, 1) == 0;
    int saved_errno = errno;
    if (fd >= 0) close(fd);
    freeaddrinfo(found);
    if (!good)
        g_set_error(error, FAULT, FAULT_SETUP, "port %d cannot be opened: %s. %s --set %s=NUMBER", (int)port,
                    g_strerror(saved_errno),
                    saved_errno == EADDRINUSE
                        ? "Another program has it: stop that one, or choose another port with"
                        : "Choose another port with",
                    setting);
    return good;
}

static const struct lws_protocols *protocols(void) {
    static struct lws_protocols table[] = {
        { .name = "http", .callback = server_on_http },
        { .name = "diemcau.v1", .callback = server_on_ws, .rx_buffer_size = 4096 },
        { .name = "loop", .callback = server_on_loop },
        { .name = NULL },
    };
    table[0].per_session_data_size = server_http_bytes();
    table[1].per_session_data_size = server_ws_bytes();
    return table;
}

static struct lws_context_creation_info common(const Server *server) {
    struct lws_context_creation_info info = { 0 };
    info.protocols = protocols();
    info.fd_limit_per_thread = (guint)server->service->settings->http_connections_max + SPARE_FDS;
    /* One for each connection, made when its request begins: fewer, and unfinished requests of one keep others waiting. */
    info.max_http_header_pool2 = (guint)server->service->settings->http_connections_max;
    info.max_http_header_data = HEADER_BYTES;
    info.timeout_secs = 20;
    info.keepalive_timeout = 30;
    info.retry_and_idle_policy = &idle_policy;
    info.gid = -1;
    info.uid = -1;
    info.user = (gpointer)server;
    info.server_string = "diemcau";
    /* extensions stays NULL: no permessage-deflate. */
    return info;
}

static gboolean open_https(Server *server, GError **error) {
    const Settings *settings = server->service->settings;
    const TlsFiles *tls = server->service->tls;
    if (tls == NULL) return TRUE;
    struct lws_context_creation_info info = common(server);
    info.vhost_name = "https";
    info.port = (int)settings->http_https_port;
    info.iface = settings->http_host[0] != '\0' ? settings->http_host : NULL;
    info.ssl_cert_filepath = tls->cert_path;
    info.ssl_private_key_filepath = tls->key_path;
    info.alpn = "http/1.1";
    /* Plain HTTP on this port is let in only to be sent over to https: server_http.c, server_ws.c. */
    info.options =
        LWS_SERVER_OPTION_ALLOW_NON_SSL_ON_SSL_PORT | LWS_SERVER_OPTION_ALLOW_HTTP_ON_HTTPS_LISTENER;
    if (!has_ipv6()) info.options |= LWS_SERVER_OPTION_DISABLE_IPV6;
    server->https = lws_create_vhost(server->context, &info);
    if (server->https != NULL) return TRUE;
    g_set_error(error, FAULT, FAULT_SETUP, "cannot open https port %d", info.port);
    return FALSE;
}

static gboolean open_http(Server *server, GError **error) {
    const Settings *settings = server->service->settings;
    if (settings->http_port == 0) return TRUE;
    struct lws_context_creation_info info = common(server);
    info.vhost_name = "loopback";
    info.port = (int)settings->http_port;
    info.iface = "127.0.0.1";
    info.options = LWS_SERVER_OPTION_DISABLE_IPV6;
    server->http = lws_create_vhost(server->context, &info);
    if (server->http != NULL) return TRUE;
    g_set_error(error, FAULT, FAULT_SETUP, "cannot open http port %d on loopback", info.port);
    return FALSE;
}

static gint64 changed_us(const char *path) {
    struct stat info;
    if (stat(path, &info) != 0) return 0;
    return (gint64)info.st_mtim.tv_sec * G_USEC_PER_SEC + info.st_mtim.tv_nsec / 1000;
}

/* Of certificate and key together: whoever brings new ones copies one file after the other. 0: one is missing. */
static gint64 pair_changed_us(const TlsFiles *tls) {
    gint64 cert_us = changed_us(tls->cert_path), key_us = changed_us(tls->key_path);
    return cert_us != 0 && key_us != 0 ? MAX(cert_us, key_us) : 0;
}

static gboolean adopt_loop(Server *server, GError **error) {
    struct lws_vhost *vhost = server->https != NULL ? server->https : server->http;
    /* The library closes what it adopted; the loop keeps its own. */
    int fd = fcntl(reactor_fd(server->service->loop), F_DUPFD_CLOEXEC, 3);
    lws_sock_file_fd_type file = { .filefd = fd };
    if (fd >= 0 && lws_adopt_descriptor_vhost(vhost, LWS_ADOPT_RAW_FILE_DESC, file, "loop", NULL) != NULL)
        return TRUE;
    g_set_error(error, FAULT, FAULT_INTERNAL, "cannot hang the loop into the server");
    return FALSE;
}

Server *server_new(Service *service, GError **error) {
    lws_set_log_level(LLL_ERR | LLL_WARN, on_library_log);
    Server *server = g_new0(Server, 1);
    server->service = service;
    server->connections = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    server->speakers = g_ptr_array_new();
    struct lws_context_creation_info info = common(server);
    info.options = LWS_SERVER_OPTION_EXPLICIT_VHOSTS | LWS_SERVER_OPTION_DO_SSL_GLOBAL_INIT;
    info.port = CONTEXT_PORT_NO_LISTEN;
    server->context = lws_create_context(&info);
    if (server->context == NULL) g_set_error(error, FAULT, FAULT_SETUP, "cannot make the web server");
    if (server->context == NULL || !open_https(server, error) || !open_http(server, error)) {
        server_free(server);
        return NULL;
    }
    if (server->https == NULL && server->http == NULL) {
        g_set_error(error, FAULT, FAULT_SETUP,
                    "both http.https_port and http.port are 0: nothing to serve on");
        server_free(server);
        return NULL;
    }
    if (service->tls != NULL) server->pair_changed_us = pair_changed_us(service->tls);
    if (!adopt_loop(server, error)) {
        server_free(server);
        return NULL;
    }
    return server;
}

void server_free(Server *server) {
    if (server == NULL) return;
    if (server->context != NULL) lws_context_destroy(server->context);
    g_hash_table_unref(server->connections);
    g_ptr_array_unref(server->speakers);
    g_free(server);
}

/* The library's loop asks all connections in each poll(), 300 us for eight hundred of them. So after a turn they rest while
 * messages gather, and only the loop of everybody else is heard: commits, the bridge, timers. Files and request bodies take many
 * turns and are not held up. */
void server_turn(Server *server) {
    Reactor *loop = server->service->loop;
    server->served_http = FALSE;
    lws_service(server->context, 0);
    server_ws_flush(server);
    if (server->served_http) return;
    gint64 until_us = reactor_now_us() + REST_US, left_us;
    while (!server->service->stopping && (left_us = until_us - reactor_now_us()) > 0) {
        reactor_run(loop, (int)((left_us + 999) / 1000));
        server_ws_flush(server);
    }
}

void server_reload_tls(Server *server, gboolean always) {
    const TlsFiles *tls = server->service->tls;
    if (tls == NULL || server->ssl_ctx == NULL) return;
    gint64 now_us = pair_changed_us(tls);
    if (!always && (now_us == 0 || now_us == server->pair_changed_us)) return;
    g_autoptr(GError) error = NULL;
    if (tls_pair_load(server->ssl_ctx, tls->cert_path, tls->key_path, &error)) {
        server->pair_changed_us = now_us;
        log_info("tls.reloaded", "cert=%s", tls->cert_path);
    } else if (always || now_us != server->pair_refused_us) {
        log_warn("tls.kept", "why=\"%s\"", error->message); /* tried again each time, said once */
    }
    server->pair_refused_us = now_us;
}
