/* send.c -- see send.h. */
#include "bridge/transport/send.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <string.h>

#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103
#endif

guint send_run_length(const struct iovec *packets, guint n_packets) {
    if (n_packets == 0) return 0;
    guint n = 1;
    while (n < n_packets && n < SEND_RUN_MAX && packets[n].iov_len == packets[0].iov_len) n++;
    /* The kernel cuts at equal steps, so one shorter packet may end the run. */
    if (n < n_packets && n < SEND_RUN_MAX && packets[n].iov_len < packets[0].iov_len) n++;
    return n;
}

typedef union {
    struct cmsghdr align;
    char bytes[CMSG_SPACE(sizeof(int)) + CMSG_SPACE(sizeof(guint16))];
} Control;

static void add_tos(struct cmsghdr *header, const IcePath *path, guint8 tos) {
    gboolean six = path->to.any.sa_family == AF_INET6;
    int value = tos;
    header->cmsg_level = six ? IPPROTO_IPV6 : IPPROTO_IP;
    header->cmsg_type = six ? IPV6_TCLASS : IP_TOS;
    header->cmsg_len = CMSG_LEN(sizeof value);
    memcpy(CMSG_DATA(header), &value, sizeof value);
}

static void add_segment(struct cmsghdr *header, guint16 segment_bytes) {
    header->cmsg_level = IPPROTO_UDP;
    header->cmsg_type = UDP_SEGMENT;
    header->cmsg_len = CMSG_LEN(sizeof segment_bytes);
    memcpy(CMSG_DATA(header), &segment_bytes, sizeof segment_bytes);
}

/* As send_once() for one packet that is marked like the socket. */
static gboolean send_plain(Sender *sender, const IcePath *path, const struct iovec *packet) {
    sender->n_calls++;
    ssize_t sent;
    do
        sent = sendto(path->fd, packet->iov_base, packet->iov_len, MSG_DONTWAIT | MSG_NOSIGNAL, &path->to.any,
                      path->to_bytes);
    while (sent < 0 && errno == EINTR);
    return sent >= 0;
}

static gboolean send_once(Sender *sender, const IcePath *path, const struct iovec *packets, guint n_packets,
                          guint8 tos) {
    Control control = { 0 };
    struct msghdr message = {
        .msg_name = (void *)&path->to,
        .msg_namelen = path->to_bytes,
        .msg_iov = (struct iovec *)packets,
        .msg_iovlen = n_packets,
        .msg_control = control.bytes,
        .msg_controllen = n_packets > 1 ? sizeof control.bytes : CMSG_SPACE(sizeof(int)),
    };
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    add_tos(header, path, tos);
    if (n_packets > 1) add_segment(CMSG_NXTHDR(&message, header), (guint16)packets[0].iov_len);
    sender->n_calls++;
    ssize_t sent;
    do sent = sendmsg(path->fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
    while (sent < 0 && errno == EINTR);
    return sent >= 0;
}

guint send_datagrams(Sender *sender, const IcePath *path, const struct iovec *packets, guint n_packets,
                     guint8 tos) {
    guint n_left = 0;
    for (guint at = 0; at < n_packets;) {
        guint run = sender->gso ? send_run_length(packets + at, n_packets - at) : 1;
        gboolean plain = run == 1 && tos == SEND_SOCKET_TOS;
        if (plain ? send_plain(sender, path, packets + at)
                  : send_once(sender, path, packets + at, run, tos)) {
            n_left += run;
        } else if (run > 1 && (errno == EINVAL || errno == EIO || errno == EMSGSIZE)) {
            /* No segmentation here (old kernel, an interface without checksum offload, or a small MTU): one by one. */
            sender->gso = FALSE;
            continue;
        }
        at += run;
    }
    return n_left;
}
