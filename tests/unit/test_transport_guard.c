/* The guard: a dispatch that would never end ends, its owner is told once, and nobody else is shut. */
#include "bridge/transport/addresses.h"
#include "bridge/transport/agent_filter.h"
#include "bridge/transport/loop.h"

#include <arpa/inet.h>
#include <glib-unix.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

enum { READS_MAX = 200000000 };

/* An agent's socket and somebody who sends as fast as it reads: what libnice does with a flood, on any machine. */
typedef struct {
    int agent, peer;
    gboolean flooded_by_peer;
    guint n_reads, n_told;
} Agent;

static void open_agent(Agent *agent) {
    struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t n_bytes = sizeof at;
    agent->agent = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    agent->peer = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(agent->agent, (struct sockaddr *)&at, sizeof at), 0);
    assert_int_equal(getsockname(agent->agent, (struct sockaddr *)&at, &n_bytes), 0);
    assert_int_equal(connect(agent->peer, (struct sockaddr *)&at, n_bytes), 0);
}

static void close_agent(Agent *agent) {
    close(agent->agent);
    close(agent->peer);
}

static void send_one(const Agent *agent) { assert_int_equal(send(agent->peer, "\x16", 1, 0), 1); }

static gboolean on_readable(int fd, GIOCondition condition, gpointer user) {
    (void)condition;
    Agent *agent = user;
    char byte;
    for (guint i = 0; i < READS_MAX && recv(fd, &byte, 1, 0) == 1; i++) {
        agent->n_reads++;
        if (agent->flooded_by_peer) send_one(agent);
    }
    return G_SOURCE_CONTINUE;
}

static void on_flooded(gpointer user) { ((Agent *)user)->n_told++; }
static void on_settle(gpointer user) { (void)user; }

static LoopContext *add_agent(Loop *loop, Agent *agent) {
    LoopContext *context = netloop_context_new(loop, on_settle, agent);
    GSource *source = g_unix_fd_source_new(agent->agent, G_IO_IN);
    g_source_set_callback(source, G_SOURCE_FUNC(on_readable), agent, NULL);
    netloop_context_enter(context);
    g_source_attach(source, netloop_context_peek(context));
    netloop_context_leave(context);
    g_source_unref(source);
    netloop_context_set_guarded(context, &agent->agent, 1, on_flooded);
    return context;
}

static void turn(Loop *loop, guint n) {
    for (guint i = 0; i < n; i++) netloop_turn(loop, g_get_monotonic_time() + 1000);
}

static void test_flood_ends(void **state) {
    (void)state;
    g_autoptr(GError) error = NULL;
    clockid_t clock;
    LoopStats stats;
    Agent bad = { .flooded_by_peer = TRUE }, good = { .n_reads = 0 };
    Loop *loop = netloop_new(&error);
    assert_non_null(loop);
    assert_int_equal(pthread_getcpuclockid(pthread_self(), &clock), 0);
    Guard *guard = guard_start(0, clock);
    assert_non_null(guard);
    netloop_set_guard(loop, guard);
    open_agent(&bad);
    open_agent(&good);
    LoopContext *contexts[] = { add_agent(loop, &bad), add_agent(loop, &good) };
    send_one(&bad);
    send_one(&good);
    turn(loop, 50);
    print_message("%u reads\n", bad.n_reads);
    assert_int_equal(bad.n_told, 1);
    assert_int_equal(good.n_told, 0);
    assert_int_equal(good.n_reads, 1);
    netloop_read_stats(loop, &stats);
    assert_int_equal(stats.n_floods, 1);
    /* shut until it is opened; the other one is not */
    guint n_before = bad.n_reads;
    bad.flooded_by_peer = FALSE;
    send_one(&bad);
    send_one(&good);
    turn(loop, 50);
    assert_int_equal(bad.n_reads, n_before);
    assert_int_equal(good.n_reads, 2);
    assert_true(agent_filter_attach(bad.agent, "abcd"));
    send_one(&bad);
    turn(loop, 50);
    assert_int_equal(bad.n_reads, n_before + 1);
    assert_int_equal(bad.n_told, 1);
    for (guint i = 0; i < 2; i++) netloop_context_end(contexts[i]);
    turn(loop, 50);
    assert_int_equal(netloop_n_contexts(loop), 0);
    close_agent(&bad);
    close_agent(&good);
    guard_stop(guard);
    netloop_free(loop);
}

/* Each of an agent's sockets is shut, also on a server with as many addresses as there may be. */
static void test_the_last_socket_is_shut(void **state) {
    (void)state;
    clockid_t clock;
    Agent last = { .flooded_by_peer = TRUE }, others[ADDRESSES_MAX - 1] = { 0 };
    int fds[ADDRESSES_MAX];
    Loop *loop = netloop_new(NULL);
    assert_int_equal(pthread_getcpuclockid(pthread_self(), &clock), 0);
    Guard *guard = guard_start(0, clock);
    netloop_set_guard(loop, guard);
    for (guint i = 0; i < ADDRESSES_MAX; i++) {
        Agent *agent = i < G_N_ELEMENTS(others) ? &others[i] : &last;
        open_agent(agent);
        fds[i] = agent->agent;
    }
    LoopContext *context = add_agent(loop, &last);
    netloop_context_set_guarded(context, fds, ADDRESSES_MAX, on_flooded);
    send_one(&last);
    turn(loop, 50);
    assert_int_equal(last.n_told, 1);
    assert_true(last.n_reads < READS_MAX);
    netloop_context_end(context);
    turn(loop, 50);
    for (guint i = 0; i < G_N_ELEMENTS(others); i++) close_agent(&others[i]);
    close_agent(&last);
    guard_stop(guard);
    netloop_free(loop);
}

/* Nothing of it is ever watched: a guard comes and goes. */
static void test_start_and_stop(void **state) {
    (void)state;
    clockid_t clock;
    assert_int_equal(pthread_getcpuclockid(pthread_self(), &clock), 0);
    for (guint i = 0; i < 20; i++) {
        Guard *guard = guard_start(i, clock);
        assert_non_null(guard);
        guard_enter(guard, NULL, 0);
        assert_false(guard_leave(guard));
        guard_stop(guard);
    }
    guard_stop(NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_flood_ends),
        cmocka_unit_test(test_the_last_socket_is_shut),
        cmocka_unit_test(test_start_and_stop),
    };
    return cmocka_run_group_tests_name("guard", tests, NULL, NULL);
}
