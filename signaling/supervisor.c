/* supervisor.c -- fork, watch, restart; see supervisor.h. No log thread here: forks must see one thread. */
#include "signaling/supervisor.h"

#include "config/fault.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
    CHILDREN_MAX = 4,
    BACK_OFF_MIN_MS = 100, /* a killed bridge is to be back within 3 s, a killed server within 2 s */
    BACK_OFF_MAX_MS = 5000,
    STOP_WAIT_MS = 6000, /* then SIGKILL */
};

typedef struct {
    const SupervisorChild *what;
    pid_t pid; /* 0: not running */
    guint n_starts;
    guint back_off_ms;
    gint64 started_us, start_at_us;
} Child;

static void say(const char *event, const Child *child, const char *detail, int number) {
    time_t now = time(NULL);
    struct tm utc;
    char stamp[32];
    gmtime_r(&now, &utc);
    strftime(stamp, sizeof stamp, "%Y-%m-%dT%H:%M:%SZ", &utc);
    fprintf(stderr, "%s diemcau info %s child=%s %s=%d\n", stamp, event, child->what->name, detail, number);
}

/* In the child, between fork and exec: only calls that are safe there. */
static _Noreturn void become(const SupervisorChild *what, char **arguments, pid_t parent) {
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    setpgid(0, 0); /* Ctrl-C reaches the supervisor alone, which stops the children in order */
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (getppid() != parent) _exit(EXIT_FAILURE); /* the parent died before prctl() */
    execv(what->program, arguments);
    int why = errno;
    dprintf(STDERR_FILENO, "diemcau: cannot start %s: %s\n", what->program, strerror(why));
    _exit(EXIT_SETUP);
}

static char **arguments_of(const Child *child) {
    GPtrArray *all = g_ptr_array_new();
    for (char **at = child->what->arguments; *at != NULL; at++) g_ptr_array_add(all, *at);
    if (child->n_starts == 0 && child->what->first_run != NULL)
        for (char **at = child->what->first_run; *at != NULL; at++) g_ptr_array_add(all, *at);
    g_ptr_array_add(all, NULL);
    return (char **)g_ptr_array_free(all, FALSE);
}

static void start(Child *child) {
    g_autofree char **arguments = arguments_of(child);
    pid_t parent = getpid();
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) become(child->what, arguments, parent);
    child->started_us = g_get_monotonic_time();
    if (pid < 0) {
        child->start_at_us = child->started_us + BACK_OFF_MAX_MS * 1000;
        say("supervisor.fork-failed", child, "errno", errno);
        return;
    }
    child->pid = pid;
    child->n_starts++;
    if (child->n_starts > 1) say("supervisor.restarted", child, "pid", (int)pid);
}

static gint64 lived_us(const Child *child) { return g_get_monotonic_time() - child->started_us; }

/* The child has ended: when may it start again? */
static void plan_restart(Child *child, int status) {
    child->pid = 0;
    if (WIFSIGNALED(status))
        say("supervisor.child-killed", child, "signal", WTERMSIG(status));
    else
        say("supervisor.child-ended", child, "code", WEXITSTATUS(status));
    if (lived_us(child) > SUPERVISOR_SETTLED_S * G_USEC_PER_SEC)
        child->back_off_ms = BACK_OFF_MIN_MS;
    else
        child->back_off_ms = CLAMP(child->back_off_ms * 2, BACK_OFF_MIN_MS, BACK_OFF_MAX_MS);
    child->start_at_us = g_get_monotonic_time() + (gint64)child->back_off_ms * 1000;
}

static Child *find(Child *children, guint n_children, pid_t pid) {
    for (guint i = 0; i < n_children; i++)
        if (children[i].pid == pid) return &children[i];
    return NULL;
}

/* Waits for all ended children. Returns an exit code when the supervisor should end, else -1. */
static int reap(Child *children, guint n_children, gboolean stopping) {
    int status;
    pid_t pid;
    int code = -1;
    while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
        Child *child = find(children, n_children, pid);
        if (child == NULL) continue;
        gboolean fresh = child->n_starts == 1 && lived_us(child) < SUPERVISOR_SETTLED_S * G_USEC_PER_SEC;
        if (stopping) {
            child->pid = 0;
        } else if (WIFEXITED(status) && fresh &&
                   (WEXITSTATUS(status) == EXIT_SETUP || WEXITSTATUS(status) == EXIT_USAGE)) {
            child->pid = 0;
            code = WEXITSTATUS(status);
        } else {
            plan_restart(child, status);
        }
    }
    return code;
}

/* Waits for a signal until the next start is due, at most a second. */
static int wait_signal(const sigset_t *set, const Child *children, guint n_children) {
    gint64 wait_us = G_USEC_PER_SEC, now_us = g_get_monotonic_time();
    for (guint i = 0; i < n_children; i++)
        if (children[i].pid == 0) wait_us = CLAMP(children[i].start_at_us - now_us, 0, wait_us);
    struct timespec wait = { .tv_sec = wait_us / G_USEC_PER_SEC, .tv_nsec = wait_us % G_USEC_PER_SEC * 1000 };
    return sigtimedwait(set, NULL, &wait);
}

/* One after the other: the server says goodbye to its pages while the bridge is still there. */
static void stop_all(Child *children, guint n_children, const sigset_t *set) {
    for (guint i = 0; i < n_children; i++) {
        if (children[i].pid == 0) continue;
        kill(children[i].pid, SIGTERM);
        gint64 kill_at_us = g_get_monotonic_time() + STOP_WAIT_MS * 1000;
        gboolean killed = FALSE;
        for (reap(children, n_children, TRUE); children[i].pid != 0; reap(children, n_children, TRUE)) {
            if (!killed && g_get_monotonic_time() > kill_at_us) {
                say("supervisor.killed", &children[i], "pid", (int)children[i].pid);
                kill(children[i].pid, SIGKILL);
                killed = TRUE;
            }
            struct timespec wait = { .tv_nsec = 50 * 1000 * 1000 };
            sigtimedwait(set, NULL, &wait);
        }
    }
}

int supervisor_run(const SupervisorChild *what, guint n_children) {
    g_assert(n_children <= CHILDREN_MAX);
    Child children[CHILDREN_MAX] = { 0 };
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGCHLD);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGHUP);
    sigprocmask(SIG_BLOCK, &set, NULL);
    for (guint i = 0; i < n_children; i++) children[i].what = &what[i];

    for (;;) {
        for (guint i = 0; i < n_children; i++)
            if (children[i].pid == 0 && children[i].start_at_us <= g_get_monotonic_time())
                start(&children[i]);
        int number = wait_signal(&set, children, n_children);
        int code = reap(children, n_children, FALSE);
        if (number == SIGTERM || number == SIGINT) code = EXIT_SUCCESS;
        if (number == SIGHUP) /* "read your certificate again" */
            for (guint i = 0; i < n_children; i++)
                if (children[i].pid != 0 && what[i].reloads) kill(children[i].pid, SIGHUP);
        if (code >= 0) {
            stop_all(children, n_children, &set);
            return code;
        }
    }
}
