/* net.c -- see net.h. */
#include "tests/load/net.h"

#include "config/fault.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/udp.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#ifndef UDP_GRO
#define UDP_GRO 104
#endif

enum {
    PEERS_PER_SOCKET = 16,
    READS = 16,
    READ_BYTES = 65536,
    OUT_DATAGRAMS = 32,
    OUT_BYTES = 1500,
    BUFFER_BYTES = 4 * 1024 * 1024,
};

typedef struct {
    NetTake take;
    gpointer user;
} Route;

typedef struct {
    int fd;
    guint16 port;
    guint32 n_overflowed;
    guint n_out;
    struct mmsghdr out[OUT_DATAGRAMS];
    struct iovec out_vector[OUT_DATAGRAMS];
    struct sockaddr_in out_to[OUT_DATAGRAMS];
    guint8 out_bytes[OUT_DATAGRAMS][OUT_BYTES];
} Socket;

struct Net {
    guint n_sockets, port_min, port_max;
    gboolean gro;
    Socket *sockets;
    GHashTable *routes; /* address and port as one number -> Route */
    NetStats stats;
    gboolean cut;
    char host[INET_ADDRSTRLEN];
    guint8 *in_bytes;
    struct mmsghdr in[READS];
    struct iovec in_vector[READS];
    struct sockaddr_in in_from[READS];
    guint8 in_control[READS][64];
};

static gint64 *key_of(const struct sockaddr_in *address, gint64 *room) {
    *room = (gint64)address->sin_addr.s_addr << 16 | address->sin_port;
    return room;
}

static gboolean open_socket(Socket *socket_, guint port_min, guint port_max, gboolean gro, GError **error) {
    struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_ANY) };
    socklen_t n = sizeof address;
    int big = BUFFER_BYTES, on = 1;
    socket_->fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    for (guint port = port_min; socket_->fd >= 0; port++) {
        address.sin_port = htons((guint16)port);
        if (bind(socket_->fd, (const struct sockaddr *)&address, sizeof address) == 0) break;
        if (port < port_max && errno == EADDRINUSE) continue;
        close(socket_->fd);
        socket_->fd = -1;
    }
    if (socket_->fd < 0) {
        g_set_error(error, FAULT, FAULT_SETUP, "no UDP port for the simulator: %s", g_strerror(errno));
        return FALSE;
    }
    if (setsockopt(socket_->fd, SOL_SOCKET, SO_RCVBUFFORCE, &big, sizeof big) != 0)
        (void)setsockopt(socket_->fd, SOL_SOCKET, SO_RCVBUF, &big, sizeof big);
    if (setsockopt(socket_->fd, SOL_SOCKET, SO_SNDBUFFORCE, &big, sizeof big) != 0)
        (void)setsockopt(socket_->fd, SOL_SOCKET, SO_SNDBUF, &big, sizeof big);
    (void)setsockopt(socket_->fd, SOL_SOCKET, SO_RXQ_OVFL, &on, sizeof on);
    if (gro) (void)setsockopt(socket_->fd, IPPROTO_UDP, UDP_GRO, &on, sizeof on);
    (void)getsockname(socket_->fd, (struct sockaddr *)&address, &n);
    socket_->port = ntohs(address.sin_port);
    for (guint i = 0; i < OUT_DATAGRAMS; i++) {
        socket_->out_vector[i].iov_base = socket_->out_bytes[i];
        socket_->out[i].msg_hdr = (struct msghdr){ .msg_name = &socket_->out_to[i],
                                                   .msg_namelen = sizeof socket_->out_to[i],
                                                   .msg_iov = &socket_->out_vector[i],
                                                   .msg_iovlen = 1 };
    }
    return TRUE;
}

Net *net_new(guint n_peers, guint port_min, guint port_max, gboolean gro, GError **error) {
    Net *net = g_new0(Net, 1);
    guint n_sockets = (n_peers + PEERS_PER_SOCKET - 1) / PEERS_PER_SOCKET;
    net->sockets = g_new0(Socket, n_sockets);
    g_strlcpy(net->host, "127.0.0.1", sizeof net->host);
    net->port_min = port_min;
    net->port_max = port_max;
    net->gro = gro;
    net->routes = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, g_free);
    net->in_bytes = g_malloc((gsize)READS * READ_BYTES);
    for (; net->n_sockets < n_sockets; net->n_sockets++)
        if (!open_socket(&net->sockets[net->n_sockets], port_min, port_max, gro, error)) {
            net_free(net);
            return NULL;
        }
    return net;
}

void net_free(Net *net) {
    if (net == NULL) return;
    for (guint i = 0; i < net->n_sockets; i++) close(net->sockets[i].fd);
    g_hash_table_destroy(net->routes);
    g_free(net->sockets);
    g_free(net->in_bytes);
    g_free(net);
}

gboolean net_replug(Net *net) {
    gboolean all = TRUE;
    for (guint i = 0; i < net->n_sockets; i++) {
        Socket *socket_ = &net->sockets[i];
        Socket *fresh = g_new0(Socket, 1); /* first, so that it cannot get the old one's port */
        all &= open_socket(fresh, net->port_min, net->port_max, net->gro, NULL);
        close(socket_->fd);
        socket_->fd = fresh->fd;
        socket_->port = fresh->port;
        socket_->n_out = 0;
        g_free(fresh);
    }
    return all;
}

/* The route decides: a UDP socket that is connected has an address, and nothing was sent. */
void net_face(Net *net, const char *host, guint16 port) {
    struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(port) };
    socklen_t n = sizeof address;
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0) return;
    if (inet_pton(AF_INET, host, &address.sin_addr) == 1 &&
        connect(fd, (const struct sockaddr *)&address, sizeof address) == 0 &&
        getsockname(fd, (struct sockaddr *)&address, &n) == 0)
        inet_ntop(AF_INET, &address.sin_addr, net->host, sizeof net->host);
    close(fd);
}

const char *net_host(const Net *net) { return net->host; }
void net_cut(Net *net, gboolean cut) { net->cut = cut; }

guint net_n_sockets(const Net *net) { return net->n_sockets; }
int net_fd(const Net *net, guint socket) { return net->sockets[socket].fd; }
guint16 net_port(const Net *net, guint socket) { return net->sockets[socket].port; }

void net_read_stats(const Net *net, NetStats *ret_stats) {
    *ret_stats = net->stats;
    for (guint i = 0; i < net->n_sockets; i++) ret_stats->n_overflowed += net->sockets[i].n_overflowed;
}

void net_route(Net *net, const struct sockaddr_in *remote, NetTake take, gpointer user) {
    gint64 key;
    key_of(remote, &key);
    if (take == NULL) {
        g_hash_table_remove(net->routes, &key);
        return;
    }
    Route *route = g_new(Route, 1);
    *route = (Route){ take, user };
    g_hash_table_replace(net->routes, g_memdup2(&key, sizeof key), route);
}

/* The size of one datagram inside a train, the whole when the kernel says nothing; notes what was dropped so far. */
static gsize read_control(Socket *socket_, struct msghdr *message, gsize n_bytes) {
    gsize step = n_bytes;
    for (struct cmsghdr *c = CMSG_FIRSTHDR(message); c != NULL; c = CMSG_NXTHDR(message, c)) {
        int value;
        memcpy(&value, CMSG_DATA(c), sizeof value);
        if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SO_RXQ_OVFL)
            socket_->n_overflowed = (guint32)value;
        if (c->cmsg_level == IPPROTO_UDP && c->cmsg_type == UDP_GRO && value > 0) step = (gsize)value;
    }
    return step;
}

static void hand_over(Net *net, Socket *socket_, guint i, gint64 now_us) {
    gsize n = net->in[i].msg_len, step = read_control(socket_, &net->in[i].msg_hdr, n);
    guint8 *at = net->in_bytes + (gsize)i * READ_BYTES;
    gint64 key;
    while (n > 0) {
        gsize n_this = MIN(n, step);
        /* Looked up each time: a datagram may end the route. */
        Route *route = g_hash_table_lookup(net->routes, key_of(&net->in_from[i], &key));
        if (net->cut)
            net->stats.n_unsent++;
        else if (route == NULL)
            net->stats.n_strangers++;
        else
            route->take(route->user, at, n_this, &net->in_from[i], now_us);
        net->stats.n_datagrams_in++;
        at += n_this;
        n -= n_this;
    }
}

gboolean net_receive(Net *net, guint socket, gint64 now_us) {
    for (guint round = 0; round < 16; round++) {
        int n;
        for (guint i = 0; i < READS; i++) {
            net->in_vector[i] = (struct iovec){ net->in_bytes + (gsize)i * READ_BYTES, READ_BYTES };
            net->in[i].msg_hdr = (struct msghdr){ .msg_name = &net->in_from[i],
                                                  .msg_namelen = sizeof net->in_from[i],
                                                  .msg_iov = &net->in_vector[i],
                                                  .msg_iovlen = 1,
                                                  .msg_control = net->in_control[i],
                                                  .msg_controllen = sizeof net->in_control[i] };
        }
        n = recvmmsg(net->sockets[socket].fd, net->in, READS, 0, NULL);
        net->stats.n_reads++;
        for (int i = 0; i < n; i++) hand_over(net, &net->sockets[socket], (guint)i, now_us);
        if (n < READS) return FALSE;
    }
    return TRUE;
}

static void flush_socket(Net *net, Socket *socket_) {
    guint at = net->cut ? socket_->n_out : 0;
    while (at < socket_->n_out) {
        int n = sendmmsg(socket_->fd, socket_->out + at, socket_->n_out - at, 0);
        net->stats.n_writes++;
        if (n > 0) {
            at += (guint)n;
            net->stats.n_datagrams_out += (guint)n;
        } else if (errno == EINTR) {
            continue;
        } else { /* full, or an ICMP error of one peer: this datagram is lost like any other */
            at++;
            net->stats.n_unsent++;
        }
    }
    socket_->n_out = 0;
}

guint8 *net_reserve(Net *net, guint socket, const struct sockaddr_in *to, gsize n_bytes_max) {
    Socket *socket_ = &net->sockets[socket];
    g_assert(n_bytes_max <= OUT_BYTES);
    if (socket_->n_out == OUT_DATAGRAMS) flush_socket(net, socket_);
    socket_->out_to[socket_->n_out] = *to;
    return socket_->out_bytes[socket_->n_out];
}

void net_commit(Net *net, guint socket, gsize n_bytes) {
    Socket *socket_ = &net->sockets[socket];
    if (n_bytes == 0) return;
    socket_->out_vector[socket_->n_out++].iov_len = n_bytes;
}

void net_send(Net *net, guint socket, const struct sockaddr_in *to, const guint8 *bytes, gsize n_bytes) {
    if (n_bytes > OUT_BYTES) return;
    memcpy(net_reserve(net, socket, to, n_bytes), bytes, n_bytes);
    net_commit(net, socket, n_bytes);
}

void net_flush(Net *net) {
    for (guint i = 0; i < net->n_sockets; i++) flush_socket(net, &net->sockets[i]);
}
