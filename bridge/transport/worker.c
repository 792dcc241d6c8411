/* worker.c -- a network thread: turns its loop, runs the jobs posted to it, beats.
 * In:    jobs from any thread (mailbox), datagrams (loop.c). Out: whatever the jobs and transports do.
 * Runs:  everything here but worker_start, worker_post, worker_stop and the stats on the thread itself.
 * Not here: epoll and contexts (loop.c), what a datagram means (transport.c). Start at worker_run(). */
#include "bridge/transport/worker.h"

#include "bridge/transport/guard.h"
#include "bridge/transport/loop.h"
#include "config/fault.h"
#include "config/log.h"
#include "config/mailbox.h"

#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <time.h>

enum {
    NEAR_US = 500,            /* a beat that stands so near is had already */
    MAILBOX_SLOTS = 4096,     /* 200 joins at once post a few jobs each */
    JOBS_PER_TURN = 512,      /* then packets get their turn again */
    CLOSING_US_MAX = 3000000, /* agents that have not closed by then are left behind, and that is told */
};

typedef struct {
    WorkerJob job;
    _Alignas(16) guint8 letter[WORKER_LETTER_BYTES_MAX];
} Job;

struct Worker {
    guint index;
    WorkerBeat beat;
    gpointer user;
    GThread *thread;
    Loop *loop;
    Mailbox *mailbox;
    guint n_beat_holders;
    gint64 next_beat_us;
    gint64 step_us;    /* a beat that is in step; 0: there is nothing to keep step with */
    gboolean rests;    /* one in a step is enough */
    gboolean stopping; /* worker thread */
    clockid_t cpu_clock;
    gint started;   /* atomic: cpu_clock is there */
    guint64 n_jobs; /* atomic */
};

/* Jobs waiting, at most JOBS_PER_TURN of them; the mailbox stays readable while there are more. */
static guint run_jobs(Worker *worker) {
    guint n_done = 0;
    for (; n_done < JOBS_PER_TURN; n_done++) {
        Job job;
        guint kind;
        gsize n_bytes;
        if (!mailbox_take(worker->mailbox, &kind, &job, &n_bytes)) break;
        job.job(worker, job.letter);
        __atomic_fetch_add(&worker->n_jobs, 1, __ATOMIC_RELAXED);
    }
    return n_done;
}

gint64 worker_beat_after(gint64 now_us, gint64 step_us, guint n_beats) {
    gint64 past_us = (now_us - step_us) % WORKER_STEP_US;
    gint64 n_past = (past_us + NEAR_US) * n_beats / WORKER_STEP_US;
    return now_us - past_us + (n_past + 1) * WORKER_STEP_US / n_beats;
}

/* Beats that are late are not made up. */
static gint64 next_beat(const Worker *worker, gint64 now_us) {
    if (worker->step_us != 0)
        return worker_beat_after(now_us, worker->step_us, worker->rests ? 1 : WORKER_STEP_BEATS);
    gint64 next_us = worker->next_beat_us + WORKER_BEAT_US;
    return next_us < now_us ? now_us + WORKER_BEAT_US : next_us;
}

static void beat_if_due(Worker *worker) {
    if (worker->n_beat_holders == 0 || worker->beat == NULL) return;
    gint64 now_us = g_get_monotonic_time();
    if (now_us < worker->next_beat_us) return;
    worker->beat(worker->user, now_us);
    worker->next_beat_us = next_beat(worker, now_us);
}

/* The agents close in their own time; their last callbacks need the loop to turn. */
static void wind_down(Worker *worker) {
    gint64 until_us = g_get_monotonic_time() + CLOSING_US_MAX;
    while (run_jobs(worker) > 0) {}
    while (netloop_n_contexts(worker->loop) > 0 && g_get_monotonic_time() < until_us) {
        netloop_turn(worker->loop, g_get_monotonic_time() + WORKER_BEAT_US);
        while (run_jobs(worker) > 0) {}
    }
    if (netloop_n_contexts(worker->loop) > 0)
        log_warn("worker.unclosed", "worker=%u transports=%u", worker->index,
                 netloop_n_contexts(worker->loop));
}

static gpointer worker_run(gpointer data) {
    Worker *worker = data;
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, NULL); /* signals belong to the main thread */
    pthread_getcpuclockid(pthread_self(), &worker->cpu_clock);
    netloop_adopt(worker->loop);
    g_atomic_int_set(&worker->started, 1);
    Guard *guard = guard_start(worker->index, worker->cpu_clock);
    netloop_set_guard(worker->loop, guard);
    while (!worker->stopping) {
        gint64 wake_by_us = worker->n_beat_holders > 0 ? worker->next_beat_us : G_MAXINT64;
        if (netloop_turn(worker->loop, wake_by_us)) run_jobs(worker);
        beat_if_due(worker);
    }
    wind_down(worker);
    netloop_set_guard(worker->loop, NULL);
    guard_stop(guard);
    return NULL;
}

Worker *worker_start(guint index, WorkerBeat beat, gpointer user, GError **error) {
    Loop *loop = netloop_new(error);
    if (loop == NULL) return NULL;
    Worker *worker = g_new0(Worker, 1);
    worker->index = index;
    worker->beat = beat;
    worker->user = user;
    worker->loop = loop;
    worker->mailbox = mailbox_new(MAILBOX_SLOTS, sizeof(Job));
    g_autofree char *name = g_strdup_printf("worker-%u", index);
    if (netloop_watch(loop, mailbox_fd(worker->mailbox), error))
        worker->thread = g_thread_try_new(name, worker_run, worker, error);
    if (worker->thread == NULL) {
        mailbox_free(worker->mailbox);
        netloop_free(loop);
        g_free(worker);
        return NULL;
    }
    return worker;
}

static void on_stop(Worker *worker, gpointer letter) {
    (void)letter;
    worker->stopping = TRUE;
}

void worker_stop(Worker *worker) {
    if (worker == NULL) return;
    g_assert(!worker_is_here(worker));
    while (!worker_post(worker, on_stop, NULL, 0)) g_usleep(1000); /* full: it is being emptied */
    g_thread_join(worker->thread);
    mailbox_free(worker->mailbox);
    if (netloop_n_contexts(worker->loop) == 0) netloop_free(worker->loop);
    g_free(worker);
}

gboolean worker_post(Worker *worker, WorkerJob job, gconstpointer letter, gsize n_bytes) {
    g_assert(n_bytes <= WORKER_LETTER_BYTES_MAX);
    Job post = { .job = job };
    if (n_bytes > 0) memcpy(post.letter, letter, n_bytes);
    return mailbox_post(worker->mailbox, 1, &post, G_STRUCT_OFFSET(Job, letter) + n_bytes);
}

gpointer worker_user(const Worker *worker) { return worker->user; }
guint worker_index(const Worker *worker) { return worker->index; }
gboolean worker_is_here(const Worker *worker) { return worker->thread == g_thread_self(); }
Loop *worker_loop(const Worker *worker) { return worker->loop; }

void worker_hold_beat(Worker *worker) {
    if (worker->n_beat_holders++ == 0) worker->next_beat_us = g_get_monotonic_time() + WORKER_BEAT_US;
}

void worker_release_beat(Worker *worker) {
    g_assert(worker->n_beat_holders > 0);
    worker->n_beat_holders--;
}

void worker_keep_step(Worker *worker, gint64 due_us) { worker->step_us = due_us - WORKER_AHEAD_US; }
void worker_rest(Worker *worker, gboolean rests) { worker->rests = rests; }

void worker_read_stats(const Worker *worker, WorkerStats *ret_stats) {
    LoopStats loop_stats;
    netloop_read_stats(worker->loop, &loop_stats);
    struct timespec cpu = { 0 };
    if (g_atomic_int_get(&worker->started)) clock_gettime(worker->cpu_clock, &cpu);
    *ret_stats = (WorkerStats){
        .n_turns = loop_stats.n_turns,
        .n_wakeups = loop_stats.n_wakeups,
        .n_jobs = __atomic_load_n(&worker->n_jobs, __ATOMIC_RELAXED),
        .n_floods = loop_stats.n_floods,
        .n_jobs_lost = mailbox_n_lost(worker->mailbox),
        .cpu_us = (guint64)cpu.tv_sec * G_USEC_PER_SEC + (guint64)cpu.tv_nsec / 1000,
    };
}
