/* What the kernel lets through to the agent's socket. The socket beside it: which datagrams it takes away, how much it reads in one go, and that the agent's goes on alone
 * when it is closed. And the way out: how what is sent is marked. */
#include "bridge/transport/agent_filter.h"
#include "bridge/transport/media_socket.h"
#include "bridge/transport/send.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

typedef struct {
    int agent, media, peer;
} Ends;

static gboolean open_ends(Ends *ends, const char *address) {
    struct sockaddr_storage at = { 0 };
    socklen_t n_bytes = sizeof at;
    struct sockaddr_in6 *six = (struct sockaddr_in6 *)&at;
    struct sockaddr_in *four = (struct sockaddr_in *)&at;
    at.ss_family = strchr(address, ':') != NULL ? AF_INET6 : AF_INET;
    assert_int_equal(inet_pton(at.ss_family, address,
                               at.ss_family == AF_INET6 ? (void *)&six->sin6_addr : (void *)&four->sin_addr),
                     1);
    ends->agent = socket(at.ss_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    ends->peer = socket(at.ss_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    ends->media = -1;
    if (ends->agent < 0 || bind(ends->agent, (struct sockaddr *)&at, sizeof at) != 0) return FALSE;
    assert_int_equal(getsockname(ends->agent, (struct sockaddr *)&at, &n_bytes), 0);
    assert_int_equal(connect(ends->peer, (struct sockaddr *)&at, n_bytes), 0);
    ends->media = media_socket_open(ends->agent);
    assert_true(ends->media >= 0);
    return TRUE;
}

static void close_ends(Ends *ends) {
    if (ends->media >= 0) close(ends->media);
    close(ends->agent);
    close(ends->peer);
}

typedef struct {
    guint8 firsts[1024];
    guint n, enough;   /* enough: take says stop then */
    gint64 arrival_us; /* of the last */
} Taken;

static gboolean take(gpointer user, guint8 *bytes, gsize n_bytes, gint64 arrival_us) {
    Taken *taken = user;
    taken->arrival_us = arrival_us;
    assert_true(n_bytes > 0);
    taken->firsts[taken->n++] = bytes[0];
    return taken->n != taken->enough;
}

static void send_first(const Ends *ends, guint8 first, gsize n_bytes) {
    guint8 bytes[4096] = { first };
    assert_int_equal(send(ends->peer, bytes, n_bytes, 0), n_bytes);
}

static void test_who_gets_what(void **state) {
    (void)state;
    static const struct {
        const char *name;
        guint8 first;
        gboolean media;
    } cases[] = {
        { "STUN", 0, FALSE },
        { "STUN, last", 3, FALSE },
        { "DTLS", 20, FALSE },
        { "DTLS, last", 63, FALSE },
        { "TURN channel", 64, FALSE },
        { "just below media", 127, FALSE },
        { "first of media", 128, TRUE },
        { "RTP with extension", 0x90, TRUE },
        { "last of media", 191, TRUE },
        { "above media", 192, FALSE },
        { "the highest", 255, FALSE },
    };
    static const char *const addresses[] = { "127.0.0.1", "::1" };
    for (guint a = 0; a < G_N_ELEMENTS(addresses); a++) {
        Ends ends;
        if (!open_ends(&ends, addresses[a])) { /* a machine without IPv6 */
            close_ends(&ends);
            continue;
        }
        for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
            Taken taken = { .n = 0 };
            guint8 bytes[64];
            send_first(&ends, cases[i].first, 20);
            guint n = media_socket_read(ends.media, take, &taken);
            ssize_t n_agent = recv(ends.agent, bytes, sizeof bytes, 0);
            if (n != (cases[i].media ? 1 : 0) || (n_agent == 20) == cases[i].media)
                fail_msg("%s, %s: %u and %zd", addresses[a], cases[i].name, n, n_agent);
        }
        close_ends(&ends);
    }
}

static void test_so_much_in_one_go(void **state) {
    (void)state;
    Ends ends;
    Taken taken = { .n = 0 };
    open_ends(&ends, "127.0.0.1");
    for (guint i = 0; i < 100; i++) send_first(&ends, (guint8)(128 + i % 64), 20);
    assert_int_equal(media_socket_read(ends.media, take, &taken), MEDIA_READS_MAX);
    assert_int_equal(media_socket_read(ends.media, take, &taken), 100 - MEDIA_READS_MAX);
    assert_int_equal(media_socket_read(ends.media, take, &taken), 0);
    for (guint i = 0; i < 100; i++) assert_int_equal(taken.firsts[i], 128 + i % 64);
    close_ends(&ends);
}

/* The kernel's stamps begin a moment after they are asked for; until then the time of reading is told. */
static gboolean is_stamped(const Ends *ends, Taken *taken) {
    send_first(ends, 128, 20);
    gint64 sent_us = g_get_monotonic_time();
    g_usleep(5000);
    assert_int_equal(media_socket_read(ends->media, take, taken), 1);
    return taken->arrival_us < sent_us + 2500;
}

/* However long a worker rests before it reads. */
static void test_arrival_is_the_kernels(void **state) {
    enum { REST_US = 30000, FIRST_MAX = 50 };
    (void)state;
    Ends ends;
    Taken taken = { .n = 0 };
    open_ends(&ends, "127.0.0.1");
    for (guint i = 0; i < FIRST_MAX && !is_stamped(&ends, &taken); i++) continue;
    gint64 before_us = g_get_monotonic_time();
    send_first(&ends, 129, 20);
    gint64 after_us = g_get_monotonic_time();
    g_usleep(REST_US);
    assert_int_equal(media_socket_read(ends.media, take, &taken), 1);
    assert_in_range(taken.arrival_us, before_us - 2000,
                    after_us + 2000); /* two clocks: not to the microsecond */
    close_ends(&ends);
}

static void test_odd_datagrams(void **state) {
    (void)state;
    Ends ends;
    Taken taken = { .enough = 2 };
    open_ends(&ends, "127.0.0.1");
    send_first(&ends, 128, 4000); /* larger than any media: passed over */
    send_first(&ends, 129, 1);
    send_first(&ends, 130, 1200);
    send_first(&ends, 131, 20); /* take has said stop */
    assert_int_equal(media_socket_read(ends.media, take, &taken), 2);
    assert_int_equal(taken.firsts[0], 129);
    assert_int_equal(taken.firsts[1], 130);
    close_ends(&ends);
}

/* The first path ends and another begins on the same agent's socket. */
static void test_again(void **state) {
    (void)state;
    Ends ends;
    open_ends(&ends, "127.0.0.1");
    for (guint round = 0; round < 3; round++) {
        Taken taken = { .n = 0 };
        guint8 bytes[64];
        close(ends.media);
        send_first(&ends, 128, 20);
        assert_int_equal(recv(ends.agent, bytes, sizeof bytes, 0), 20); /* alone: gets all */
        ends.media = media_socket_open(ends.agent);
        assert_true(ends.media >= 0);
        send_first(&ends, 128, 20);
        send_first(&ends, 1, 20);
        assert_int_equal(media_socket_read(ends.media, take, &taken), 1);
        assert_int_equal(recv(ends.agent, bytes, sizeof bytes, 0), 20);
    }
    close_ends(&ends);
}

static void test_what_is_no_socket(void **state) {
    (void)state;
    int pair[2];
    assert_int_equal(media_socket_open(-1), -1);
    assert_int_equal(socketpair(AF_UNIX, SOCK_DGRAM, 0, pair), 0);
    assert_int_equal(media_socket_open(pair[0]), -1);
    close(pair[0]);
    close(pair[1]);
}

/* ---- what is let through to an agent whose ufrag is "abcd" ---- */

#define COOKIE      "\x21\x12\xa4\x42"
#define ID          "0123456789ab"
#define BYTES(text) (text), sizeof(text) - 1
#define PRIORITY    "\0\x24\0\4ABCD"
#define SOFTWARE    "\x80\x22\0\5hello\0\0\0"

static void test_filter(void **state) {
    (void)state;
    static const struct {
        const char *name, *bytes;
        gsize n_bytes;
        gboolean comes;
    } cases[] = {
        { "its peer's request",
          BYTES("\0\1\0\x10" COOKIE ID "\0\6\0\x09"
                "abcd:wxyz\0\0\0"),
          TRUE },
        { "behind another attribute",
          BYTES("\0\1\0\x14" COOKIE ID PRIORITY "\0\6\0\7"
                "abcd:wx\0"),
          TRUE },
        { "behind a padded one",
          BYTES("\0\1\0\x18" COOKIE ID SOFTWARE "\0\6\0\7"
                "abcd:wx\0"),
          TRUE },
        { "the seventh of attributes",
          BYTES("\0\1\0\x3c" COOKIE ID PRIORITY PRIORITY PRIORITY PRIORITY PRIORITY PRIORITY "\0\6\0\5"
                "abcd:wxy"),
          TRUE },
        { "more attributes than are looked at",
          BYTES(
              "\0\1\0\x40" COOKIE ID PRIORITY PRIORITY PRIORITY PRIORITY PRIORITY PRIORITY PRIORITY PRIORITY),
          TRUE },
        { "somebody else's request",
          BYTES("\0\1\0\x10" COOKIE ID "\0\6\0\x09"
                "abce:wxyz\0\0\0"),
          FALSE },
        { "a longer ufrag",
          BYTES("\0\1\0\x10" COOKIE ID "\0\6\0\x09"
                "abcde:xyz\0\0\0"),
          FALSE },
        { "a name that is cut short", BYTES("\0\1\0\4" COOKIE ID "\0\6\0\4"), FALSE },
        { "a request of nobody", BYTES("\0\1\0\0" COOKIE ID), FALSE },
        { "a request of nobody with attributes", BYTES("\0\1\0\x08" COOKIE ID PRIORITY), FALSE },
        { "an answer", BYTES("\1\1\0\0" COOKIE ID), TRUE },
        { "an answer that says why not", BYTES("\1\x11\0\0" COOKIE ID), TRUE },
        { "an indication", BYTES("\0\x11\0\0" COOKIE ID), TRUE },
        { "TURN", BYTES("\0\3\0\0" COOKIE ID), FALSE },
        { "another cookie",
          BYTES("\1\1\0\0"
                "\x21\x12\xa4\x43" ID),
          FALSE },
        { "longer than it says", BYTES("\1\1\0\0" COOKIE ID "1234"), FALSE },
        { "shorter than it says", BYTES("\1\1\0\4" COOKIE ID), FALSE },
        { "no whole header", BYTES("\1\1\0\0" COOKIE), FALSE },
        { "DTLS", BYTES("\x16\xfe\xfd"), TRUE },
        { "the last of DTLS", BYTES("\x3f"), TRUE },
        { "below DTLS", BYTES("\x13"), FALSE },
        { "a TURN channel", BYTES("\x40\0\0\0"), FALSE },
        { "media", BYTES("\x80\x60"), TRUE },
        { "the last of media", BYTES("\xbf\x60"), TRUE },
        { "above media", BYTES("\xc0\x60"), FALSE },
        { "nothing", BYTES(""), FALSE },
    };
    static const char *const addresses[] = { "127.0.0.1", "::1" };
    for (guint a = 0; a < G_N_ELEMENTS(addresses); a++) {
        Ends ends;
        guint8 bytes[200];
        if (!open_ends(&ends, addresses[a])) {
            close_ends(&ends);
            continue;
        }
        close(ends.media); /* the agent alone */
        ends.media = -1;
        assert_true(agent_filter_attach(ends.agent, "abcd"));
        for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
            assert_int_equal(send(ends.peer, cases[i].bytes, cases[i].n_bytes, 0), cases[i].n_bytes);
            ssize_t n = recv(ends.agent, bytes, sizeof bytes, 0);
            if ((n >= 0) != cases[i].comes) fail_msg("%s, %s: %zd", addresses[a], cases[i].name, n);
        }
        /* shut, and open again for new credentials */
        assert_true(agent_filter_shut(ends.agent));
        send(ends.peer, cases[0].bytes, cases[0].n_bytes, 0);
        send_first(&ends, 128, 20);
        assert_int_equal(recv(ends.agent, bytes, sizeof bytes, 0), -1);
        assert_true(agent_filter_attach(ends.agent, "abce"));
        send(ends.peer, cases[0].bytes, cases[0].n_bytes, 0);
        assert_int_equal(recv(ends.agent, bytes, sizeof bytes, 0), -1);
        send_first(&ends, 128, 20);
        assert_int_equal(recv(ends.agent, bytes, sizeof bytes, 0), 20);
        close_ends(&ends);
    }
    assert_false(agent_filter_attach(-1, "abcd"));
}

/* ---- sending ---- */

/* The mark of the next datagram at the peer, -1: there is none. */
static int next_mark(int fd) {
    guint8 bytes[2048];
    char control[64];
    struct iovec piece = { .iov_base = bytes, .iov_len = sizeof bytes };
    struct msghdr message = {
        .msg_iov = &piece, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control
    };
    if (recvmsg(fd, &message, MSG_DONTWAIT) < 0) return -1;
    for (struct cmsghdr *i = CMSG_FIRSTHDR(&message); i != NULL; i = CMSG_NXTHDR(&message, i)) {
        if (i->cmsg_level == IPPROTO_IP && i->cmsg_type == IP_TOS) return *CMSG_DATA(i);
        if (i->cmsg_level == IPPROTO_IPV6 && i->cmsg_type == IPV6_TCLASS) return *(int *)(void *)CMSG_DATA(i);
    }
    return -2;
}

static void test_marks(void **state) {
    (void)state;
    static const struct {
        const char *name;
        guint n_packets;
        guint8 tos;
    } cases[] = {
        { "sound", 1, TOS_EF },
        { "one packet of a picture", 1, TOS_AF41 },
        { "sound again", 1, TOS_EF },
        { "a train of pictures", 5, TOS_AF41 },
        { "a train of sound", 3, TOS_EF },
    };
    static const char *const addresses[] = { "127.0.0.1", "::1" };
    for (guint a = 0; a < G_N_ELEMENTS(addresses); a++) {
        Ends ends;
        int on = 1, mark = SEND_SOCKET_TOS;
        IcePath path = { .to_bytes = sizeof path.to };
        if (!open_ends(&ends, addresses[a])) {
            close_ends(&ends);
            continue;
        }
        path.fd = ends.agent;
        assert_int_equal(getsockname(ends.peer, &path.to.any, &path.to_bytes), 0);
        setsockopt(ends.agent, IPPROTO_IP, IP_TOS, &mark, sizeof mark);
        setsockopt(ends.agent, IPPROTO_IPV6, IPV6_TCLASS, &mark, sizeof mark);
        setsockopt(ends.peer, IPPROTO_IP, IP_RECVTOS, &on, sizeof on);
        setsockopt(ends.peer, IPPROTO_IPV6, IPV6_RECVTCLASS, &on, sizeof on);
        Sender sender = { .gso = TRUE };
        for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
            static guint8 bytes[100];
            struct iovec packets[8];
            for (guint k = 0; k < cases[i].n_packets; k++) packets[k] = (struct iovec){ bytes, sizeof bytes };
            assert_int_equal(send_datagrams(&sender, &path, packets, cases[i].n_packets, cases[i].tos),
                             cases[i].n_packets);
            for (guint k = 0; k < cases[i].n_packets; k++) {
                int found = next_mark(ends.peer);
                if (found != cases[i].tos) fail_msg("%s, %s: %d", addresses[a], cases[i].name, found);
            }
            assert_int_equal(next_mark(ends.peer), -1);
        }
        assert_int_equal(sender.n_calls, G_N_ELEMENTS(cases));
        close_ends(&ends);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_who_gets_what),
        cmocka_unit_test(test_so_much_in_one_go),
        cmocka_unit_test(test_arrival_is_the_kernels),
        cmocka_unit_test(test_odd_datagrams),
        cmocka_unit_test(test_again),
        cmocka_unit_test(test_what_is_no_socket),
        cmocka_unit_test(test_filter),
        cmocka_unit_test(test_marks),
    };
    return cmocka_run_group_tests_name("media socket", tests, NULL, NULL);
}
