/* Two transports in one process, each on a worker of its own, over 127.0.0.1: what the meeting layer would notice. */
#include "bridge/transport/link_table.h"
#include "bridge/transport/transport.h"
#include "config/fault.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

enum { WAIT_US = 8000000, PACKETS_MAX = 256, PORT_MIN = 43000, PORT_MAX = 43099 };

typedef struct {
    Worker *worker;
    Transport *transport;
    GMutex lock;
    GCond changed;
    gboolean controlling, echo;
    guint n_described;
    TransportState state;
    char why[256];
    TransportDescription local;
    guint n_rtp, n_rtcp;
    GBytes *rtp[PACKETS_MAX], *rtcp;
    TransportStats stats;
    TransportDescription remote; /* for the job that sets it */
    gboolean result;
    GError *error;
    guint n_to_send, first_sequence, payload_bytes, n_sent;
} Peer;

static Peer peers[2];

/* ---- running things on a worker and waiting for them ---- */

typedef struct {
    void (*run)(Peer *peer);
    Peer *peer;
    gint *done;
} Call;

static void on_call(Worker *worker, gpointer letter) {
    (void)worker;
    Call *call = letter;
    call->run(call->peer);
    g_atomic_int_set(call->done, 1);
}

static void call_on_worker(Peer *peer, void (*run)(Peer *peer)) {
    gint done = 0;
    Call call = { .run = run, .peer = peer, .done = &done };
    assert_true(worker_post(peer->worker, on_call, &call, sizeof call));
    while (!g_atomic_int_get(&done)) g_usleep(200);
}

static gboolean wait_for(Peer *peer, gboolean (*true_now)(const Peer *peer)) {
    gint64 until_us = g_get_monotonic_time() + WAIT_US;
    g_mutex_lock(&peer->lock);
    while (!true_now(peer) && g_cond_wait_until(&peer->changed, &peer->lock, until_us)) {}
    gboolean is_true = true_now(peer);
    g_mutex_unlock(&peer->lock);
    return is_true;
}

/* ---- what the transport tells ---- */

static void on_described(gpointer user) {
    Peer *peer = user;
    g_mutex_lock(&peer->lock);
    transport_local(peer->transport, &peer->local);
    peer->n_described++;
    g_cond_broadcast(&peer->changed);
    g_mutex_unlock(&peer->lock);
}

static void on_state(gpointer user, TransportState state, const char *why) {
    Peer *peer = user;
    g_mutex_lock(&peer->lock);
    peer->state = state;
    g_strlcpy(peer->why, why, sizeof peer->why);
    g_cond_broadcast(&peer->changed);
    g_mutex_unlock(&peer->lock);
}

static void on_rtp(gpointer user, guint8 *packet, gsize n_bytes, gint64 arrival_us) {
    Peer *peer = user;
    (void)arrival_us;
    g_mutex_lock(&peer->lock);
    if (peer->n_rtp < PACKETS_MAX) peer->rtp[peer->n_rtp++] = g_bytes_new(packet, n_bytes);
    g_cond_broadcast(&peer->changed);
    g_mutex_unlock(&peer->lock);
}

static void on_rtcp(gpointer user, guint8 *packet, gsize n_bytes, gint64 arrival_us) {
    Peer *peer = user;
    (void)arrival_us;
    g_mutex_lock(&peer->lock);
    g_clear_pointer(&peer->rtcp, g_bytes_unref);
    peer->rtcp = g_bytes_new(packet, n_bytes);
    peer->n_rtcp++;
    g_cond_broadcast(&peer->changed);
    g_mutex_unlock(&peer->lock);
}

static const TransportEvents events = { on_described, on_state, on_rtp, on_rtcp };

/* ---- jobs ---- */

static void do_new(Peer *peer) {
    peer->transport = transport_new(peer->worker, peer->controlling, &events, peer, &peer->error);
}
static void do_set_remote(Peer *peer) {
    g_clear_error(&peer->error);
    peer->result = transport_set_remote(peer->transport, &peer->remote, &peer->error);
    if (peer->result) transport_local(peer->transport, &peer->local);
}
static void do_close(Peer *peer) { g_clear_pointer(&peer->transport, transport_close); }
static void do_restart(Peer *peer) { peer->result = transport_restart(peer->transport, NULL); }
static void do_stats(Peer *peer) { transport_read_stats(peer->transport, &peer->stats); }

static const guint8 payload[1200] = { 1, 2, 3, 4, 5 };

static void do_send_rtp(Peer *peer) {
    RtpOut packets[64] = { 0 };
    for (guint i = 0; i < peer->n_to_send; i++) {
        RtpOut *out = &packets[i];
        guint sequence = peer->first_sequence + i;
        guint8 header[12] = { 0x80, 96,   (guint8)(sequence >> 8),  (guint8)sequence, 0, 0, 0, 9, 0xaa,
                              0xbb, 0xcc, peer->controlling ? 1 : 0 };
        memcpy(out->header, header, sizeof header);
        out->n_header_bytes = sizeof header;
        out->payload = payload;
        out->n_payload_bytes = i + 1 == peer->n_to_send ? peer->payload_bytes / 2 : peer->payload_bytes;
    }
    peer->n_sent = transport_send_rtp(peer->transport, packets, peer->n_to_send, SEND_VIDEO);
    peer->first_sequence += peer->n_to_send;
}

static const guint8 report[] = { 0x80, 201, 0, 1, 0xaa, 0xbb, 0xcc, 0xdd };
static void do_send_rtcp(Peer *peer) {
    peer->result = transport_send_rtcp(peer->transport, report, sizeof report);
}

/* ---- conditions ---- */

static gboolean is_described(const Peer *peer) { return peer->n_described > 0; }
static gboolean is_described_again(const Peer *peer) { return peer->n_described > 1; }
static gboolean is_live(const Peer *peer) { return peer->state == TRANSPORT_LIVE; }
static gboolean is_failed(const Peer *peer) { return peer->state == TRANSPORT_FAILED; }
static gboolean is_lost(const Peer *peer) { return peer->state == TRANSPORT_LOST; }
static gboolean got_40(const Peer *peer) { return peer->n_rtp >= 40; }
static gboolean got_80(const Peer *peer) { return peer->n_rtp >= 80; }
static gboolean got_rtcp(const Peer *peer) { return peer->n_rtcp > 0; }

/* ---- building a pair ---- */

static guint count_fds(void) {
    guint n_fds = 0;
    DIR *folder = opendir("/proc/self/fd");
    while (readdir(folder) != NULL) n_fds++;
    closedir(folder);
    return n_fds;
}

static void begin(guint offerer) {
    for (guint i = 0; i < 2; i++) {
        Worker *worker = peers[i].worker;
        memset(&peers[i], 0, sizeof peers[i]);
        peers[i].worker = worker;
        peers[i].controlling = i == offerer;
        peers[i].first_sequence = 1;
        g_mutex_init(&peers[i].lock);
        g_cond_init(&peers[i].changed);
        call_on_worker(&peers[i], do_new);
        assert_non_null(peers[i].transport);
        assert_true(wait_for(&peers[i], is_described));
    }
}

/* Offer to the answerer, answer back; only the answerer is given candidates, as a browser is. */
static void exchange(guint offerer) {
    Peer *offering = &peers[offerer], *answering = &peers[1 - offerer];
    answering->remote = offering->local;
    call_on_worker(answering, do_set_remote);
    assert_true(answering->result);
    offering->remote = answering->local;
    offering->remote.n_candidates = 0;
    call_on_worker(offering, do_set_remote);
    assert_true(offering->result);
}

static void end(void) {
    for (guint i = 0; i < 2; i++) {
        call_on_worker(&peers[i], do_close);
        for (guint k = 0; k < peers[i].n_rtp; k++) g_bytes_unref(peers[i].rtp[k]);
        g_clear_pointer(&peers[i].rtcp, g_bytes_unref);
        g_clear_error(&peers[i].error);
    }
}

static void go_live(guint offerer) {
    begin(offerer);
    exchange(offerer);
    for (guint i = 0; i < 2; i++)
        if (!wait_for(&peers[i], is_live))
            fail_msg("peer %u is %s: %s", i, transport_state_word(peers[i].state), peers[i].why);
}

static void check_rtp(const Peer *from, const Peer *to, guint index, gsize payload_bytes) {
    gsize n_bytes;
    const guint8 *bytes = g_bytes_get_data(to->rtp[index], &n_bytes);
    assert_int_equal(n_bytes, 12 + payload_bytes);
    assert_int_equal(bytes[0], 0x80);
    assert_int_equal(bytes[3], index + 1);
    assert_int_equal(bytes[11], from->controlling ? 1 : 0);
    assert_memory_equal(bytes + 12, payload, payload_bytes);
}

/* ---- tests ---- */

static void test_live_both_ways(void **state) {
    (void)state;
    for (guint offerer = 0; offerer < 2; offerer++) {
        go_live(offerer);
        assert_int_equal(
            peers[offerer].local.setup == SETUP_ACTPASS || peers[offerer].local.setup == SETUP_ACTIVE, TRUE);
        for (guint i = 0; i < 2; i++) {
            peers[i].n_to_send = 40;
            peers[i].payload_bytes = 1100;
            call_on_worker(&peers[i], do_send_rtp);
            assert_int_equal(peers[i].n_sent, 40);
            call_on_worker(&peers[i], do_send_rtcp);
            assert_true(peers[i].result);
        }
        for (guint i = 0; i < 2; i++) {
            assert_true(wait_for(&peers[i], got_40));
            assert_true(wait_for(&peers[i], got_rtcp));
            for (guint k = 0; k < 39; k++) check_rtp(&peers[1 - i], &peers[i], k, 1100);
            check_rtp(&peers[1 - i], &peers[i], 39, 550);
            gsize n_bytes;
            assert_memory_equal(g_bytes_get_data(peers[i].rtcp, &n_bytes), report, sizeof report);
            assert_int_equal(n_bytes, sizeof report);
            call_on_worker(&peers[i], do_stats);
            assert_int_equal(peers[i].stats.n_packets_in, 41);
            assert_int_equal(peers[i].stats.n_packets_out, 41);
            /* 40 packets in three slices by GSO, one report, a handful of DTLS flights */
            assert_true(peers[i].stats.n_send_calls < 20);
        }
        end();
    }
}

static void test_peer_that_insists_on_passive(void **state) {
    (void)state;
    begin(0);
    peers[1].remote = peers[0].local;
    peers[1].remote.setup = SETUP_PASSIVE;
    call_on_worker(&peers[1], do_set_remote);
    assert_true(peers[1].result);
    assert_int_equal(peers[1].local.setup, SETUP_ACTIVE);
    peers[0].remote = peers[1].local;
    peers[0].remote.n_candidates = 0;
    call_on_worker(&peers[0], do_set_remote);
    assert_true(peers[0].result);
    assert_true(wait_for(&peers[0], is_live));
    assert_true(wait_for(&peers[1], is_live));
    end();
}

static void test_wrong_fingerprint(void **state) {
    (void)state;
    begin(0);
    char *digit = &peers[0].local.fingerprint[8];
    *digit = *digit == 'A' ? 'B' : 'A';
    exchange(0);
    assert_true(wait_for(&peers[1], is_failed));
    assert_non_null(strstr(peers[1].why, "fingerprint"));
    peers[1].n_to_send = 1;
    peers[1].payload_bytes = 100;
    call_on_worker(&peers[1], do_send_rtp);
    assert_int_equal(peers[1].n_sent, 0);
    end();
}

static void test_bad_descriptions(void **state) {
    (void)state;
    static const struct {
        const char *name;
        const char *ufrag, *pwd, *fingerprint;
        SetupRole setup;
    } cases[] = {
        { "short ufrag", "abc", "0123456789012345678901", NULL, SETUP_ACTIVE },
        { "short password", "abcd", "012345678901234567890", NULL, SETUP_ACTIVE },
        { "no fingerprint", "abcd", "0123456789012345678901", "", SETUP_ACTIVE },
        { "sha-1", "abcd", "0123456789012345678901",
          "sha-1 AA:BB:CC:DD:EE:FF:00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD", SETUP_ACTIVE },
        { "short fingerprint", "abcd", "0123456789012345678901", "sha-256 AA:BB", SETUP_ACTIVE },
        { "answer leaves the role open", "abcd", "0123456789012345678901", NULL, SETUP_ACTPASS },
    };
    begin(0);
    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        print_message("case: %s\n", cases[i].name);
        peers[0].remote = (TransportDescription){ .setup = cases[i].setup };
        g_strlcpy(peers[0].remote.ufrag, cases[i].ufrag, sizeof peers[0].remote.ufrag);
        g_strlcpy(peers[0].remote.pwd, cases[i].pwd, sizeof peers[0].remote.pwd);
        g_strlcpy(peers[0].remote.fingerprint,
                  cases[i].fingerprint != NULL ? cases[i].fingerprint : peers[1].local.fingerprint,
                  sizeof peers[0].remote.fingerprint);
        call_on_worker(&peers[0], do_set_remote);
        assert_false(peers[0].result);
        assert_true(g_error_matches(peers[0].error, FAULT, FAULT_BAD_INPUT));
    }
    /* and the good one is still taken */
    exchange(0);
    assert_true(wait_for(&peers[0], is_live));
    end();
}

static void send_garbage_from_nowhere(guint port) {
    struct sockaddr_in to = { .sin_family = AF_INET,
                              .sin_port = htons((guint16)port),
                              .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    for (guint first = 0; first < 256; first++) {
        guint8 bytes[64] = { (guint8)first, (guint8)(first * 7) };
        sendto(fd, bytes, first % 64, 0, (struct sockaddr *)&to, sizeof to);
    }
    close(fd);
}

/* Garbage from the peer's own address: its socket is ours to use in this process. */
static void do_send_garbage(Peer *peer) {
    struct sockaddr_in to = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    guint port = 0, other = 0;
    assert_int_equal(sscanf(peers[0].local.candidates[0], "%*s %*u UDP %*u %*s %u", &port), 1);
    assert_int_equal(sscanf(peer->local.candidates[0], "%*s %*u UDP %*u %*s %u", &other), 1);
    to.sin_port = htons((guint16)port);
    for (int fd = 3; fd < 1024; fd++) {
        struct sockaddr_in own;
        socklen_t n_bytes = sizeof own;
        if (getsockname(fd, (struct sockaddr *)&own, &n_bytes) != 0 || own.sin_family != AF_INET ||
            ntohs(own.sin_port) != other)
            continue;
        guint8 rtp[100] = { 0x80, 96, 0, 1 }, rtcp[100] = { 0x80, 201, 0, 1 }, dtls[100] = { 22, 254, 253 },
               other_kind[100] = { 100 };
        guint8 *all[] = { rtp, rtcp, dtls, other_kind };
        for (guint i = 0; i < 4; i++)
            for (gsize n = 1; n <= 100; n += 9) sendto(fd, all[i], n, 0, (struct sockaddr *)&to, sizeof to);
        return;
    }
    fail_msg("the peer's socket was not found");
}

static gboolean counted_garbage(void) {
    call_on_worker(&peers[0], do_stats);
    /* what is neither media nor DTLS nor STUN does not even come */
    return peers[0].stats.n_malformed >= 2 && peers[0].stats.n_auth_failed >= 16;
}

static void test_garbage_is_counted(void **state) {
    (void)state;
    guint port = 0;
    go_live(0);
    assert_int_equal(sscanf(peers[0].local.candidates[0], "%*s %*u UDP %*u %*s %u", &port), 1);
    call_on_worker(&peers[1], do_send_garbage);
    gint64 until_us = g_get_monotonic_time() + WAIT_US;
    while (!counted_garbage() && g_get_monotonic_time() < until_us) g_usleep(5000);
    if (!counted_garbage())
        fail_msg("malformed %" G_GUINT64_FORMAT ", not authentic %" G_GUINT64_FORMAT,
                 peers[0].stats.n_malformed, peers[0].stats.n_auth_failed);
    assert_int_equal(peers[0].stats.n_packets_in, 0);
    send_garbage_from_nowhere(port); /* the agent drops it: it never was a peer */
    g_usleep(20000);                 /* so that the kernel's buffer has room again */
    /* and media flows as if nothing had been */
    peers[1].n_to_send = 40;
    peers[1].payload_bytes = 200;
    call_on_worker(&peers[1], do_send_rtp);
    assert_true(wait_for(&peers[0], got_40));
    assert_int_equal(peers[0].state, TRANSPORT_LIVE);
    end();
}

/* ---- a flood by somebody who knows the credentials: each request is let through, checked and answered ---- */

enum { REQUEST_BYTES = 88, TO_INTEGRITY = 56, TO_FINGERPRINT = 80 };

typedef struct {
    struct sockaddr_in to;
    guint8 request[REQUEST_BYTES];
    gint stopped;
    guint n_sent;
} Flood;

static guint32 crc32_of(const guint8 *bytes, gsize n_bytes) {
    guint32 crc = G_MAXUINT32;
    for (gsize i = 0; i < n_bytes; i++) {
        crc ^= bytes[i];
        for (guint k = 0; k < 8; k++) crc = crc >> 1 ^ (crc & 1 ? 0xedb88320U : 0);
    }
    return ~crc;
}

/* A Binding request as RFC 8445 wants it. */
static void write_request(guint8 *request, const TransportDescription *to) {
    static const guint8 head[] = { 0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42 };
    static const guint8 more[] = { 0, 0x24, 0, 4, 1, 2, 3, 4, 0x80, 0x2a, 0, 8,
                                   1, 2,    3, 4, 5, 6, 7, 8, 0,    8,    0, 20 };
    gsize n_digest = 20;
    memcpy(request, head, sizeof head);
    request[21] = 6; /* USERNAME */
    request[23] = 9;
    memcpy(request + 24, to->ufrag, 4);
    memcpy(request + 28, (const guint8[]){ ':', 'w', 'x', 'y', 'z' }, 5);
    memcpy(request + 36, more, sizeof more); /* PRIORITY, ICE-CONTROLLING, begin of MESSAGE-INTEGRITY */
    request[3] = TO_FINGERPRINT - 20;
    GHmac *hmac = g_hmac_new(G_CHECKSUM_SHA1, (const guchar *)to->pwd, strlen(to->pwd));
    g_hmac_update(hmac, request, TO_INTEGRITY);
    g_hmac_get_digest(hmac, request + TO_INTEGRITY + 4, &n_digest);
    g_hmac_unref(hmac);
    request[3] = REQUEST_BYTES - 20;
    guint32 fingerprint = GUINT32_TO_BE(crc32_of(request, TO_FINGERPRINT) ^ 0x5354554eU);
    request[TO_FINGERPRINT] = 0x80;
    request[TO_FINGERPRINT + 1] = 0x28;
    request[TO_FINGERPRINT + 3] = 4;
    memcpy(request + TO_FINGERPRINT + 4, &fingerprint, 4);
}

static gpointer flood_run(gpointer data) {
    enum { BATCH = 64, FLOOD_MAX = 2000000 };
    Flood *flood = data;
    struct iovec piece = { .iov_base = flood->request, .iov_len = REQUEST_BYTES };
    struct mmsghdr messages[BATCH];
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    for (guint i = 0; i < BATCH; i++)
        messages[i] = (struct mmsghdr){ .msg_hdr = { .msg_name = &flood->to,
                                                     .msg_namelen = sizeof flood->to,
                                                     .msg_iov = &piece,
                                                     .msg_iovlen = 1 } };
    while (!g_atomic_int_get(&flood->stopped) && flood->n_sent < FLOOD_MAX) {
        sendmmsg(fd, messages, BATCH, 0);
        flood->n_sent += BATCH;
    }
    close(fd);
    return NULL;
}

/* Times that this leg's sockets were shut; a worker that is held by the flood answers when that has happened. */
static guint64 n_floods(Peer *peer) {
    call_on_worker(peer, do_stats);
    return peer->stats.n_floods;
}

static void test_flood(void **state) {
    (void)state;
    guint port = 0;
    Flood flood = { .to = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) } };
    go_live(0);
    guint64 before = n_floods(&peers[1]); /* a handshake under a sanitizer may look like one */
    assert_int_equal(sscanf(peers[1].local.candidates[0], "%*s %*u UDP %*u %*s %u", &port), 1);
    flood.to.sin_port = htons((guint16)port);
    assert_int_equal(strlen(peers[1].local.ufrag), 4);
    write_request(flood.request, &peers[1].local);
    GThread *thread = g_thread_new("flood", flood_run, &flood);
    gint64 until_us = g_get_monotonic_time() + WAIT_US;
    while (n_floods(&peers[1]) == before && g_get_monotonic_time() < until_us) g_usleep(5000);
    /* it goes on, and so do the worker and both directions of media */
    for (guint i = 0; i < 2; i++) {
        peers[i].n_to_send = 40;
        peers[i].payload_bytes = 200;
        call_on_worker(&peers[i], do_send_rtp);
    }
    gboolean flowed[] = { wait_for(&peers[0], got_40), wait_for(&peers[1], got_40) };
    g_atomic_int_set(&flood.stopped, 1);
    g_thread_join(thread);
    assert_true(flowed[0] && flowed[1]);
    /* and when it is over, checks come through again: a restart finds a path */
    for (guint i = 0; i < 2; i++) {
        call_on_worker(&peers[i], do_restart);
        assert_true(peers[i].result);
        assert_true(wait_for(&peers[i], is_described_again));
    }
    exchange(0);
    call_on_worker(&peers[0], do_send_rtp);
    assert_true(wait_for(&peers[1], got_80));
    for (guint i = 0; i < 2; i++) assert_int_equal(peers[i].state, TRANSPORT_LIVE);
    guint64 n_shut = n_floods(&peers[1]) - before;
    print_message("%u requests, shut %u times\n", flood.n_sent, (guint)n_shut);
    assert_true(n_shut > 0);
    end();
}

static void test_restart_keeps_flowing(void **state) {
    (void)state;
    go_live(0);
    char ufrag[257];
    g_strlcpy(ufrag, peers[0].local.ufrag, sizeof ufrag);
    for (guint i = 0; i < 2; i++) {
        call_on_worker(&peers[i], do_restart);
        assert_true(peers[i].result);
        assert_true(wait_for(&peers[i], is_described_again));
    }
    assert_string_not_equal(ufrag, peers[0].local.ufrag);
    /* between new credentials and new checks media goes on over the old pair */
    peers[0].n_to_send = 40;
    peers[0].payload_bytes = 1000;
    call_on_worker(&peers[0], do_send_rtp);
    assert_int_equal(peers[0].n_sent, 40);
    assert_true(wait_for(&peers[1], got_40));
    exchange(0);
    g_usleep(300000);
    call_on_worker(&peers[0], do_send_rtp);
    assert_true(wait_for(&peers[1], got_80));
    assert_int_equal(peers[0].state, TRANSPORT_LIVE);
    assert_int_equal(peers[1].state, TRANSPORT_LIVE);
    end();
}

static void test_other_fingerprint_after_restart(void **state) {
    (void)state;
    go_live(0);
    peers[0].remote = peers[1].local;
    char *digit = &peers[0].remote.fingerprint[8];
    *digit = *digit == 'A' ? 'B' : 'A';
    call_on_worker(&peers[0], do_set_remote);
    assert_false(peers[0].result);
    assert_true(g_error_matches(peers[0].error, FAULT, FAULT_REFUSED));
    assert_int_equal(peers[0].state, TRANSPORT_LIVE);
    end();
}

static void test_peer_closes(void **state) {
    (void)state;
    go_live(0);
    call_on_worker(&peers[1], do_close);
    assert_true(wait_for(&peers[0], is_failed));
    assert_non_null(strstr(peers[0].why, "peer ended"));
    end();
}

/* Nothing authenticated for 5 s: we stop sending; the first packet, and we go on. */
static void test_silence_and_return(void **state) {
    (void)state;
    go_live(0);
    gint64 begun_us = g_get_monotonic_time();
    assert_true(wait_for(&peers[0], is_lost));
    assert_in_range(g_get_monotonic_time() - begun_us, 4800000, 7000000);
    assert_true(peers[0].why[0] != '\0');
    peers[0].n_to_send = 5;
    peers[0].payload_bytes = 100;
    call_on_worker(&peers[0], do_send_rtp);
    assert_int_equal(peers[0].n_sent, 0);
    /* a report a second still leaves, so that two ends that wait for each other wake up */
    call_on_worker(&peers[0], do_send_rtcp);
    assert_true(peers[0].result);
    call_on_worker(&peers[0], do_send_rtcp);
    assert_false(peers[0].result);
    assert_true(wait_for(&peers[1], is_live));
    call_on_worker(&peers[1], do_send_rtcp);
    assert_true(wait_for(&peers[0], is_live));
    call_on_worker(&peers[0], do_send_rtp);
    assert_int_equal(peers[0].n_sent, 5);
    end();
}

/* Agents close in the background: what the test before has ended may still be open. */
static guint settled_fds(void) {
    gint64 until_us = g_get_monotonic_time() + WAIT_US;
    guint n_fds = count_fds();
    for (guint n_same = 0; n_same < 30 && g_get_monotonic_time() < until_us; n_same++) {
        g_usleep(10000);
        if (count_fds() == n_fds) continue;
        n_fds = count_fds();
        n_same = 0;
    }
    return n_fds;
}

static void test_no_fd_is_left(void **state) {
    (void)state;
    guint n_before = settled_fds();
    for (guint round = 0; round < 5; round++) {
        go_live(round % 2);
        end();
    }
    gint64 until_us = g_get_monotonic_time() + WAIT_US;
    while (count_fds() > n_before && g_get_monotonic_time() < until_us) g_usleep(10000);
    assert_int_equal(count_fds(), n_before);
}

static void test_ports_run_out(void **state) {
    (void)state;
    enum { MANY = PORT_MAX - PORT_MIN + 4 };
    g_autofree Peer *many = g_new0(Peer, MANY);
    guint n_made = 0;
    for (guint i = 0; i < MANY; i++) {
        many[i].worker = peers[0].worker;
        call_on_worker(&many[i], do_new);
        if (many[i].transport == NULL) {
            assert_true(g_error_matches(many[i].error, FAULT, FAULT_FULL));
            g_clear_error(&many[i].error);
        } else {
            n_made++;
        }
    }
    assert_in_range(n_made, 50, PORT_MAX - PORT_MIN + 1);
    for (guint i = 0; i < MANY; i++) call_on_worker(&many[i], do_close);
}

static void test_every_state_takes_a_close(void **state) {
    (void)state;
    for (TransportState from = TRANSPORT_NEW; from <= TRANSPORT_FAILED; from++) {
        TransportState to = 0;
        assert_true(link_table_next(from, LINK_EV_CLOSE, &to));
        assert_int_equal(to, TRANSPORT_CLOSED);
    }
}

static int set_up(void **state) {
    (void)state;
    g_autoptr(GError) error = NULL;
    char *addresses[] = { (char *)"127.0.0.1", NULL };
    TransportSettings settings = {
        .port_min = PORT_MIN, .port_max = PORT_MAX, .addresses = addresses, .gso = TRUE
    };
    if (!transport_global_init(&settings, &error)) {
        print_error("%s\n", error->message);
        return -1;
    }
    for (guint i = 0; i < 2; i++)
        if ((peers[i].worker = worker_start(i, NULL, NULL, &error)) == NULL) return -1;
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    for (guint i = 0; i < 2; i++) worker_stop(peers[i].worker);
    transport_global_end();
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_state_takes_a_close),
        cmocka_unit_test(test_live_both_ways),
        cmocka_unit_test(test_peer_that_insists_on_passive),
        cmocka_unit_test(test_wrong_fingerprint),
        cmocka_unit_test(test_bad_descriptions),
        cmocka_unit_test(test_garbage_is_counted),
        cmocka_unit_test(test_flood),
        cmocka_unit_test(test_restart_keeps_flowing),
        cmocka_unit_test(test_other_fingerprint_after_restart),
        cmocka_unit_test(test_peer_closes),
        cmocka_unit_test(test_silence_and_return),
        cmocka_unit_test(test_no_fd_is_left),
        cmocka_unit_test(test_ports_run_out),
    };
    return cmocka_run_group_tests_name("transport pair", tests, set_up, tear_down);
}
