/* worker.h -- a network thread: one epoll over the GMainContexts of its ICE agents, timers, and a mailbox of jobs.
 * Everything pinned to a worker (transport, uplink, downlink, fan-out) is touched on its thread only. */
#pragma once

#include <glib.h>

typedef struct Worker Worker;

enum { WORKER_LETTER_BYTES_MAX = 512, WORKER_BEAT_US = 5000 };
enum { WORKER_STEP_US = 20000, WORKER_STEP_BEATS = 3, WORKER_AHEAD_US = 3000 };

/* A job runs on the worker's thread with a copy of the letter that was posted. */
typedef void (*WorkerJob)(Worker *worker, gpointer letter);
/* The beat runs while somebody holds it (pacing, NACK, RTCP, time-outs): every WORKER_BEAT_US, or in step (worker_keep_step). */
typedef void (*WorkerBeat)(gpointer user, gint64 now_us);

/* Starts the thread "worker-N". beat may be NULL. */
Worker *worker_start(guint index, WorkerBeat beat, gpointer user, GError **error);
/* Ends and joins; jobs still waiting run first. Transports must have been closed. NULL is fine. */
void worker_stop(Worker *worker);

/* Any thread; never waits. Copies n_bytes <= WORKER_LETTER_BYTES_MAX. FALSE: mailbox full; counted. */
gboolean worker_post(Worker *worker, WorkerJob job, gconstpointer letter, gsize n_bytes);

gpointer worker_user(const Worker *worker);
guint worker_index(const Worker *worker);
gboolean worker_is_here(const Worker *worker); /* TRUE on the worker's own thread */

/* Worker thread: the beat runs while the count is above zero, so idle workers sleep. */
void worker_hold_beat(Worker *worker);
void worker_release_beat(Worker *worker);
/* Worker thread: something comes each WORKER_STEP_US, and was due at due_us. From now on beats, and with them the looks at the
 * network, keep step with it: one WORKER_AHEAD_US before it, so that it finds what has come until then, and two between.
 * rests: those two are left out, since each wake-up costs. */
void worker_keep_step(Worker *worker, gint64 due_us);
void worker_rest(Worker *worker, gboolean rests);
/* Pure: the next beat after now_us, of n_beats in each step, one of which stands or stood at step_us. */
gint64 worker_beat_after(gint64 now_us, gint64 step_us, guint n_beats);

/* Worker thread: where transports put their contexts and timers (loop.h). */
struct Loop *worker_loop(const Worker *worker);

/* Counters for metrics; any thread. */
typedef struct {
    guint64 n_turns, n_wakeups, n_jobs, n_jobs_lost;
    guint64 n_floods; /* sockets shut for a moment: guard.h */
    guint64 cpu_us;   /* CPU time of the thread */
} WorkerStats;
void worker_read_stats(const Worker *worker, WorkerStats *ret_stats);
