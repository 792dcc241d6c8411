/* net.h -- the UDP sockets that all endpoints of the simulator share: many datagrams per system call (recvmmsg with GRO,
 * sendmmsg). Endpoints are told apart by the address they talk to: the bridge has a port of its own for each.
 * One thread. */
#pragma once

#include <glib.h>
#include <netinet/in.h>

typedef struct Net Net;

/* n_bytes of bytes may be changed in place during the call. */
typedef void (*NetTake)(gpointer user, guint8 *bytes, gsize n_bytes, const struct sockaddr_in *from,
                        gint64 now_us);

/* One socket per `per_socket` peers. port_min..port_max: local ports, 0: any. gro: let the kernel hand over whole trains. */
Net *net_new(guint n_peers, guint port_min, guint port_max, gboolean gro, GError **error);
void net_free(Net *net); /* NULL is fine */

/* The address that others reach us at, once it is known who they are: this machine's towards that host and port. */
void net_face(Net *net, const char *host, guint16 port);
const char *net_host(const Net *net); /* "127.0.0.1" unless another was found */
/* Cut: nothing leaves, nothing is taken, as with a cable that was pulled. */
void net_cut(Net *net, gboolean cut);

/* From the cable to the air: all sockets are others from now on, with ports of their own. FALSE: some have none. */
gboolean net_replug(Net *net);

guint net_n_sockets(const Net *net);
int net_fd(const Net *net, guint socket);       /* for epoll */
guint16 net_port(const Net *net, guint socket); /* host order */

/* Who gets the datagrams of this remote address; NULL take: nobody any more. */
void net_route(Net *net, const struct sockaddr_in *remote, NetTake take, gpointer user);

/* Reads what has arrived on a socket, at most some hundred datagrams; TRUE: there may be more. */
gboolean net_receive(Net *net, guint socket, gint64 now_us);

/* Copies into the outbox of the socket, which leaves when full or at net_flush. */
void net_send(Net *net, guint socket, const struct sockaddr_in *to, const guint8 *bytes, gsize n_bytes);
/* The same without a copy: room for n_bytes_max bytes in the outbox; then commit with the real length (0: none). */
guint8 *net_reserve(Net *net, guint socket, const struct sockaddr_in *to, gsize n_bytes_max);
void net_commit(Net *net, guint socket, gsize n_bytes);
void net_flush(Net *net);

typedef struct {
    guint64 n_datagrams_in, n_reads, n_datagrams_out, n_writes, n_unsent, n_strangers;
    guint64
        n_overflowed; /* dropped by the kernel because we did not read in time: the simulator was starved */
} NetStats;
void net_read_stats(const Net *net, NetStats *ret_stats);
