/* The sandbox from inside: each case is a child that enters it and then tries something. */
#include "bridge/sandbox.h"
#include "bridge/transport/transport.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

enum { GOOD = 0, BAD = 1, SKIPPED = 77, PORT_MIN = 43100, PORT_MAX = 43149 };

static char *data;
static SandboxReport report;

/* ---- what the children try; GOOD: it went as it should ---- */

static int try_exec(void) {
    char *const arguments[] = { (char *)"/bin/false", NULL };
    if (!report.seccomp) return SKIPPED;
    execv("/bin/false", arguments); /* had it worked, it would answer BAD */
    return errno == EPERM ? GOOD : BAD;
}

static int try_fork(void) {
    if (!report.seccomp) return SKIPPED;
    pid_t child = fork();
    if (child == 0) _exit(0);
    return child < 0 && errno == EPERM ? GOOD : BAD;
}

static int try_shell(void) {
    if (!report.seccomp) return SKIPPED;
    return system("true") == 0 ? BAD : GOOD;
}

static int try_kill(void) {
    if (!report.seccomp) return SKIPPED;
    return kill(getppid(), 0) < 0 && errno == EPERM ? GOOD : BAD;
}

static int try_raw_socket(void) {
    if (!report.seccomp) return SKIPPED;
    static const int kinds[][2] = {
        { AF_INET, SOCK_RAW }, { AF_INET6, SOCK_RAW | SOCK_CLOEXEC }, { 17, SOCK_RAW }, { 38, SOCK_SEQPACKET }
    };
    for (guint i = 0; i < G_N_ELEMENTS(kinds); i++)
        if (socket(kinds[i][0], kinds[i][1], 0) >= 0 || errno != EPERM) return BAD;
    return GOOD;
}

static int try_foreign_files(void) {
    static const char *const paths[] = { "/root", "/etc/shadow", "/etc/passwd", "/home", "/tmp" };
    if (!report.landlock) return SKIPPED;
    for (guint i = 0; i < G_N_ELEMENTS(paths); i++)
        if (open(paths[i], O_RDONLY) >= 0) return BAD;
    g_autofree char *beside = g_build_filename(data, "diemcau.db", NULL);
    return open(beside, O_RDONLY) < 0 && errno == EACCES ? GOOD : BAD;
}

static int try_own_files(void) {
    static const char *const paths[] = { "/usr/share", "/proc/self/stat", "/etc/ssl", "/dev/urandom" };
    for (guint i = 0; i < G_N_ELEMENTS(paths); i++) {
        int fd = open(paths[i], O_RDONLY);
        if (fd < 0 && errno != ENOENT) return BAD;
    }
    g_autofree char *run = g_build_filename(data, "run", "note", NULL),
                    *film = g_build_filename(data, "recordings", "x", NULL);
    int in_run = open(run, O_RDWR | O_CREAT | O_TRUNC, 0600),
        in_recordings = open(film, O_RDWR | O_CREAT | O_TRUNC, 0600);
    return in_run >= 0 && in_recordings >= 0 && write(in_recordings, "x", 1) == 1 && unlink(run) == 0 ? GOOD
                                                                                                      : BAD;
}

static int try_udp_and_timers(void) {
    struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t n_bytes = sizeof at;
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)&at, sizeof at) != 0) return BAD;
    getsockname(fd, (struct sockaddr *)&at, &n_bytes);
    char byte = 7;
    if (sendto(fd, &byte, 1, 0, (struct sockaddr *)&at, n_bytes) != 1 || recv(fd, &byte, 1, 0) != 1)
        return BAD;
    g_usleep(1000);
    return setpriority(PRIO_PROCESS, 0, 19) == 0 ? GOOD : BAD; /* only lower: also where we run niced */
}

static gpointer answer_42(gpointer given) {
    (void)given;
    return GINT_TO_POINTER(42);
}

static int try_threads(void) {
    for (guint i = 0; i < 8; i++)
        if (GPOINTER_TO_INT(g_thread_join(g_thread_new("later", answer_42, NULL))) != 42) return BAD;
    return GOOD;
}

/* A thread that was there before is inside too. */
static gint entered;
static gpointer exec_when_entered(gpointer given) {
    (void)given;
    while (!g_atomic_int_get(&entered)) g_usleep(500);
    int fd = socket(AF_INET, SOCK_RAW, 0);
    return GINT_TO_POINTER(fd < 0 && errno == EPERM ? GOOD : BAD);
}
static GThread *early;
static int try_early_thread(void) {
    if (!report.seccomp) return SKIPPED;
    g_atomic_int_set(&entered, 1);
    return GPOINTER_TO_INT(g_thread_join(early));
}

/* The whole of DTLS and SRTP once more, and an ICE agent with its socket. */
static void on_nothing(gpointer user) { (void)user; }
static void on_no_state(gpointer user, TransportState state, const char *why) {
    (void)user, (void)state, (void)why;
}
static void on_no_packet(gpointer user, guint8 *packet, gsize n_bytes, gint64 at_us) {
    (void)user, (void)packet, (void)n_bytes, (void)at_us;
}
static gint made;
static void make_transport(Worker *worker, gpointer letter) {
    static const TransportEvents events = { on_nothing, on_no_state, on_no_packet, on_no_packet };
    (void)letter;
    Transport *transport = transport_new(worker, TRUE, &events, NULL, NULL);
    g_atomic_int_set(&made, transport != NULL ? 1 : -1);
    transport_close(transport);
}

static gboolean init_transport(void) {
    char *addresses[] = { (char *)"127.0.0.1", NULL };
    TransportSettings settings = {
        .port_min = PORT_MIN, .port_max = PORT_MAX, .addresses = addresses, .gso = TRUE
    };
    return transport_global_init(&settings, NULL);
}

static int try_transport(void) {
    transport_global_end();
    if (!init_transport()) return BAD;
    Worker *worker = worker_start(0, NULL, NULL, NULL);
    if (worker == NULL) return BAD;
    worker_post(worker, make_transport, NULL, 0);
    worker_stop(worker);
    return g_atomic_int_get(&made) == 1 ? GOOD : BAD;
}

static int try_limits(void) {
    struct rlimit files, core;
    getrlimit(RLIMIT_NOFILE, &files);
    getrlimit(RLIMIT_CORE, &core);
    return files.rlim_cur == files.rlim_max && core.rlim_cur == 0 && report.files_max == files.rlim_cur ? GOOD
                                                                                                        : BAD;
}

static const struct {
    const char *name;
    int (*run)(void);
} cases[] = {
    { "no new program", try_exec },
    { "no new process", try_fork },
    { "no shell", try_shell },
    { "no signal to others", try_kill },
    { "no raw socket", try_raw_socket },
    { "no foreign file", try_foreign_files },
    { "own files", try_own_files },
    { "UDP and timers", try_udp_and_timers },
    { "threads", try_threads },
    { "a thread from before", try_early_thread },
    { "ICE, DTLS and SRTP", try_transport },
    { "limits", try_limits },
};

static int child(guint index, gboolean enabled) {
    g_autoptr(GError) error = NULL;
    SandboxSettings settings = { .enabled = enabled, .data = data };
    early = g_thread_new("early", exec_when_entered, NULL);
    if (!init_transport()) return BAD;
    if (!sandbox_enter(&settings, &report, &error)) {
        fprintf(stderr, "%s\n", error->message);
        return BAD;
    }
    return cases[index].run();
}

static int in_a_child(guint index, gboolean enabled) {
    int status = -1;
    pid_t pid = fork();
    if (pid == 0) _exit(child(index, enabled));
    assert_true(pid > 0);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static void test_inside(void **state) {
    (void)state;
    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        int result = in_a_child(i, TRUE);
        print_message("case: %s%s\n", cases[i].name,
                      result == SKIPPED ? " (this kernel or build has no such wall)" : "");
        if (result != GOOD && result != SKIPPED) fail_msg("%s", cases[i].name);
    }
}

static void test_switched_off(void **state) {
    (void)state;
    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        int result = in_a_child(i, FALSE);
        if (result != GOOD && result != SKIPPED) fail_msg("%s", cases[i].name);
    }
}

static int set_up(void **state) {
    (void)state;
    data = g_dir_make_tmp("sandbox-XXXXXX", NULL);
    g_autofree char *run = g_build_filename(data, "run", NULL),
                    *recordings = g_build_filename(data, "recordings", NULL);
    g_autofree char *base = g_build_filename(data, "diemcau.db", NULL);
    return mkdir(run, 0700) == 0 && mkdir(recordings, 0700) == 0 && g_file_set_contents(base, "x", 1, NULL)
               ? 0
               : -1;
}

static int tear_down(void **state) {
    (void)state;
    static const char *const files[] = { "run/note", "recordings/x", "diemcau.db", "run", "recordings", "." };
    for (guint i = 0; i < G_N_ELEMENTS(files); i++) {
        g_autofree char *path = g_build_filename(data, files[i], NULL);
        remove(path);
    }
    rmdir(data);
    g_free(data);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_inside),
        cmocka_unit_test(test_switched_off),
    };
    return cmocka_run_group_tests_name("sandbox", tests, set_up, tear_down);
}
