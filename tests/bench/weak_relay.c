/* weak_relay.c -- a line that takes time, for kernels without netem: two TUN devices, one here and one in the network namespace
 * of another process; what enters one leaves the other after a delay, give or take some jitter, both ways.
 *   weak_relay PID kept|mixed HERE THERE
 * kept: packets keep their order, as in nearly all networks; mixed: jitter alone decides. Prints "ready" when both devices
 * are there; lines "DELAY_MS JITTER_MS" of standard input say how long it takes from then on, at first no time. Ends with
 * SIGTERM or when its standard input ends, and the devices with it. Needs CAP_NET_ADMIN in both. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

enum { PACKETS = 4096, BYTES = 2048 };

typedef struct {
    int64_t due_us;
    int n_bytes;
    uint8_t bytes[BYTES];
} Packet;

/* One way: a ring sorted by due time. */
typedef struct {
    int from, to;
    int64_t last_us;
    unsigned first, n;
    unsigned order[PACKETS]; /* places of packets, from first on */
    unsigned free[PACKETS], n_free;
    Packet *packets;
} Way;

static volatile sig_atomic_t stopped;
static void on_signal(int number) {
    (void)number;
    stopped = 1;
}

static int64_t now_us(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static int open_tun(const char *name) {
    struct ifreq request = { .ifr_flags = IFF_TUN | IFF_NO_PI };
    int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0) return -1;
    strncpy(request.ifr_name, name, IFNAMSIZ - 1);
    if (ioctl(fd, TUNSETIFF, &request) == 0) return fd;
    close(fd);
    return -1;
}

static int open_there(const char *pid, const char *name) {
    char path[64];
    snprintf(path, sizeof path, "/proc/%s/ns/net", pid);
    int space = open(path, O_RDONLY | O_CLOEXEC);
    if (space < 0 || setns(space, CLONE_NEWNET) != 0) return -1;
    close(space);
    return open_tun(name);
}

static int way_open(Way *way, int from, int to) {
    *way = (Way){ .from = from, .to = to, .n_free = PACKETS };
    way->packets = calloc(PACKETS, sizeof *way->packets);
    for (unsigned i = 0; i < PACKETS; i++) way->free[i] = i;
    return way->packets != NULL;
}

static void take_in(Way *way, int64_t delay_us, int64_t jitter_us, int keep_order) {
    while (way->n_free > 0) {
        unsigned place = way->free[way->n_free - 1];
        Packet *packet = &way->packets[place];
        packet->n_bytes = (int)read(way->from, packet->bytes, BYTES);
        if (packet->n_bytes <= 0) return;
        int64_t jitter = jitter_us > 0 ? (int64_t)(drand48() * 2.0 * (double)jitter_us) - jitter_us : 0;
        packet->due_us = now_us() + delay_us + jitter;
        if (keep_order && packet->due_us < way->last_us) packet->due_us = way->last_us;
        way->last_us = packet->due_us;
        way->n_free--;
        unsigned at = way->n++;
        while (at > 0 && way->packets[way->order[(way->first + at - 1) % PACKETS]].due_us > packet->due_us) {
            way->order[(way->first + at) % PACKETS] = way->order[(way->first + at - 1) % PACKETS];
            at--;
        }
        way->order[(way->first + at) % PACKETS] = place;
    }
}

static void let_out(Way *way) {
    while (way->n > 0) {
        unsigned place = way->order[way->first];
        const Packet *packet = &way->packets[place];
        if (packet->due_us > now_us()) return;
        if (write(way->to, packet->bytes, (size_t)packet->n_bytes) < 0 && errno == EINTR) continue;
        way->first = (way->first + 1) % PACKETS;
        way->n--;
        way->free[way->n_free++] = place;
    }
}

static int64_t wait_us(const Way *ways) {
    int64_t wait = 200000;
    for (int i = 0; i < 2; i++) {
        if (ways[i].n == 0) continue;
        int64_t left = ways[i].packets[ways[i].order[ways[i].first]].due_us - now_us();
        if (left < wait) wait = left;
    }
    return wait > 0 ? wait : 0;
}

/* 0: whoever started us is gone. */
static int obey(int64_t *delay_us, int64_t *jitter_us) {
    char line[64];
    double delay_ms, jitter_ms;
    ssize_t n = read(STDIN_FILENO, line, sizeof line - 1);
    if (n <= 0) return n < 0 && errno == EINTR;
    line[n] = '\0';
    if (sscanf(line, "%lf %lf", &delay_ms, &jitter_ms) != 2) return 1;
    *delay_us = (int64_t)(delay_ms * 1000);
    *jitter_us = (int64_t)(jitter_ms * 1000);
    return 1;
}

int main(int argc, char **argv) {
    static Way ways[2];
    if (argc != 5) {
        fprintf(stderr, "usage: weak_relay PID kept|mixed HERE THERE\n");
        return 2;
    }
    int64_t delay_us = 0, jitter_us = 0;
    int keep_order = strcmp(argv[2], "kept") == 0;
    int here = open_tun(argv[3]), there = here >= 0 ? open_there(argv[1], argv[4]) : -1;
    if (there < 0 || !way_open(&ways[0], here, there) || !way_open(&ways[1], there, here)) {
        fprintf(stderr, "weak_relay: no TUN device: %s\n", strerror(errno));
        return 1;
    }
    signal(SIGTERM, on_signal);
    signal(SIGINT, on_signal);
    srand48(1); /* every run has the same jitter */
    puts("ready");
    fflush(stdout);
    while (!stopped) {
        struct pollfd polls[3] = { { .fd = here, .events = POLLIN },
                                   { .fd = there, .events = POLLIN },
                                   { .fd = STDIN_FILENO, .events = POLLIN } };
        int64_t wait = wait_us(ways);
        struct timespec limit = { .tv_sec = 0, .tv_nsec = (long)wait * 1000 };
        if (ppoll(polls, 3, &limit, NULL) < 0 && errno != EINTR) break;
        if (polls[2].revents != 0 && !obey(&delay_us, &jitter_us)) break;
        for (int i = 0; i < 2; i++) {
            take_in(&ways[i], delay_us, jitter_us, keep_order);
            let_out(&ways[i]);
        }
    }
    free(ways[0].packets);
    free(ways[1].packets);
    return 0;
}
