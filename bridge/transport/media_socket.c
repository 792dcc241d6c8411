/* media_socket.c -- see media_socket.h. Two sockets of one address are a group of SO_REUSEPORT; a classic BPF program looks
 * at the first byte of each datagram and names the member of the group: 0 is the agent's, which was there first, 1 is ours. */
#include "bridge/transport/media_socket.h"

#include <linux/filter.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#ifndef SO_ATTACH_REUSEPORT_CBPF
#define SO_ATTACH_REUSEPORT_CBPF 51
#endif

enum { BATCH = 16, DATAGRAM_BYTES_MAX = 2048, FIRST_BITS = 0xc0, MEDIA_BITS = 0x80 };
enum { ARRIVAL_AGE_US_MAX = 100000 };

static gboolean share(int fd) {
    static const int one = 1;
    return setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &one, sizeof one) == 0;
}

static void note_arrivals(int fd) {
    static const int one = 1;
    /* Refused: the time of reading stands for the time of arrival. */
    (void)setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPNS, &one, sizeof one);
}

static gboolean split(int fd) {
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 0),
        BPF_STMT(BPF_ALU | BPF_AND | BPF_K, FIRST_BITS),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, MEDIA_BITS, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, 1),
        BPF_STMT(BPF_RET | BPF_K, 0),
    };
    const struct sock_fprog program = { .len = G_N_ELEMENTS(code), .filter = code };
    return setsockopt(fd, SOL_SOCKET, SO_ATTACH_REUSEPORT_CBPF, &program, sizeof program) == 0;
}

/* The program comes after the second member: until then the kernel shares datagrams out by their source, and a peer's STUN
 * might go to ours. That moment is short, and what is lost in it is sent again. */
int media_socket_open(int agent_fd) {
    struct sockaddr_storage address = { 0 };
    socklen_t n_bytes = sizeof address;
    if (getsockname(agent_fd, (struct sockaddr *)&address, &n_bytes) != 0) return -1;
    int fd = socket(address.ss_family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) return -1;
    if (share(agent_fd) && share(fd) && bind(fd, (struct sockaddr *)&address, n_bytes) == 0 && split(fd)) {
        note_arrivals(fd);
        return fd;
    }
    close(fd);
    return -1;
}

/* When the kernel had the packet, on our monotonic clock: the worker rests between its turns, and who reckons with arrivals (a
 * browser's estimate of its line, the depth of a voice's ring) must not see those rests. offset_us: wall clock minus monotonic. */
static gint64 arrival_of(struct msghdr *header, gint64 now_us, gint64 offset_us) {
    for (struct cmsghdr *part = CMSG_FIRSTHDR(header); part != NULL; part = CMSG_NXTHDR(header, part)) {
        if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_TIMESTAMPNS) continue;
        struct timespec at;
        memcpy(&at, CMSG_DATA(part), sizeof at);
        gint64 at_us = (gint64)at.tv_sec * G_USEC_PER_SEC + at.tv_nsec / 1000 - offset_us;
        return CLAMP(at_us, now_us - ARRIVAL_AGE_US_MAX,
                     now_us); /* the wall clock may have been set meanwhile */
    }
    return now_us;
}

guint media_socket_read(int fd, MediaTake take, gpointer user) {
    static _Thread_local guint8 bytes[BATCH][DATAGRAM_BYTES_MAX];
    union {
        struct cmsghdr aligned;
        guint8 bytes[CMSG_SPACE(sizeof(struct timespec))];
    } controls[BATCH];
    struct mmsghdr messages[BATCH];
    struct iovec pieces[BATCH];
    guint n_taken = 0;
    gint64 now_us = g_get_monotonic_time(), offset_us = g_get_real_time() - now_us;
    for (guint n_read = 0; n_read < MEDIA_READS_MAX; n_read += BATCH) {
        for (guint i = 0; i < BATCH; i++) {
            pieces[i] = (struct iovec){ .iov_base = bytes[i], .iov_len = DATAGRAM_BYTES_MAX };
            messages[i] = (struct mmsghdr){ .msg_hdr = { .msg_iov = &pieces[i],
                                                         .msg_iovlen = 1,
                                                         .msg_control = &controls[i],
                                                         .msg_controllen = sizeof controls[i] } };
        }
        int n = recvmmsg(fd, messages, BATCH, MSG_DONTWAIT, NULL);
        for (int i = 0; i < n; i++) {
            if (messages[i].msg_hdr.msg_flags & MSG_TRUNC) continue; /* larger than any media */
            n_taken++;
            if (!take(user, bytes[i], messages[i].msg_len,
                      arrival_of(&messages[i].msg_hdr, now_us, offset_us)))
                return n_taken;
        }
        if (n < BATCH) break;
    }
    return n_taken;
}
