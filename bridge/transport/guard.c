/* guard.c -- see guard.h. One word tells both threads where the worker is: the number of its dispatch, and a state. Only while
 * the guard holds the word at GUARD_SHUTS does it use the descriptors, and so long the worker does not leave the dispatch. */
#include "bridge/transport/guard.h"

#include "bridge/transport/agent_filter.h"
#include "config/log.h"

#include <sched.h>
#include <stdatomic.h>

enum { LOOK_US = 15000, QUIET_LOOK_US = 60000 }; /* the other one after a time without any dispatch */
enum { WORK_US = 8000 };
enum { GUARD_AWAY, GUARD_DISPATCHES, GUARD_SHUTS, N_STATES = 4 };

struct Guard {
    clockid_t cpu_clock;   /* of the worker */
    _Atomic guint64 place; /* dispatch * N_STATES + state */
    int fds[GUARD_FDS_MAX];
    guint n_fds;
    gboolean shut; /* in this dispatch */
    /* The thread's: */
    guint64 before; /* place, at its last look */
    gint64 worked_before_us;
};

/* One thread looks at all workers: a look costs next to nothing, waking up for it does. It lives as long as the process. */
static struct {
    GMutex mutex; /* over all of this */
    GCond wake;
    GPtrArray *guards; /* NULL: there is no thread yet */
} watch;

static gint64 worked_us(const Guard *guard) {
    struct timespec cpu = { 0 };
    clock_gettime(guard->cpu_clock, &cpu);
    return (gint64)cpu.tv_sec * G_USEC_PER_SEC + cpu.tv_nsec / 1000;
}

static void shut(Guard *guard, guint64 place) {
    if (!atomic_compare_exchange_strong(&guard->place, &place, place - GUARD_DISPATCHES + GUARD_SHUTS))
        return;
    for (guint i = 0; i < guard->n_fds; i++) guard->shut |= agent_filter_shut(guard->fds[i]);
    atomic_store(&guard->place, place);
}

/* TRUE: nothing was dispatched since the last look. */
static gboolean look(Guard *guard) {
    guint64 place = atomic_load(&guard->place), before = guard->before;
    gboolean inside = place % N_STATES == GUARD_DISPATCHES;
    /* In CPU time: a worker that waits for a processor is not to blame on its agent. */
    if (inside && place == before && worked_us(guard) - guard->worked_before_us >= WORK_US)
        shut(guard, place);
    if (inside && place != before) guard->worked_before_us = worked_us(guard);
    guard->before = place;
    return place == before && !inside;
}

static gpointer watch_run(gpointer data) {
    (void)data;
    g_mutex_lock(&watch.mutex);
    for (;;) {
        gboolean quiet = TRUE;
        while (watch.guards->len == 0) g_cond_wait(&watch.wake, &watch.mutex);
        for (guint i = 0; i < watch.guards->len; i++) quiet &= look(watch.guards->pdata[i]);
        g_mutex_unlock(&watch.mutex);
        g_usleep(quiet ? QUIET_LOOK_US : LOOK_US);
        g_mutex_lock(&watch.mutex);
    }
    return NULL;
}

static gboolean watch_start(GError **error) {
    if (watch.guards != NULL) return TRUE;
    watch.guards = g_ptr_array_new();
    GThread *thread = g_thread_try_new("guard", watch_run, NULL, error);
    if (thread == NULL) g_clear_pointer(&watch.guards, g_ptr_array_unref);
    if (thread != NULL) g_thread_unref(thread);
    return thread != NULL;
}

Guard *guard_start(guint worker, clockid_t cpu_clock) {
    Guard *guard = g_new0(Guard, 1);
    g_autoptr(GError) error = NULL;
    guard->cpu_clock = cpu_clock;
    g_mutex_lock(&watch.mutex);
    gboolean watched = watch_start(&error);
    if (watched) g_ptr_array_add(watch.guards, guard);
    g_cond_signal(&watch.wake);
    g_mutex_unlock(&watch.mutex);
    if (watched) return guard;
    log_warn("worker.unguarded", "worker=%u why=\"%s\"", worker, error->message);
    g_free(guard);
    return NULL;
}

void guard_stop(Guard *guard) {
    if (guard == NULL) return;
    g_mutex_lock(&watch.mutex);
    g_ptr_array_remove_fast(watch.guards, guard);
    g_mutex_unlock(&watch.mutex);
    g_free(guard);
}

void guard_enter(Guard *guard, const int *fds, guint n_fds) {
    guint64 place = atomic_load_explicit(&guard->place, memory_order_relaxed);
    guard->n_fds = MIN(n_fds, GUARD_FDS_MAX);
    for (guint i = 0; i < guard->n_fds; i++) guard->fds[i] = fds[i];
    atomic_store(&guard->place, place + N_STATES + GUARD_DISPATCHES);
}

gboolean guard_leave(Guard *guard) {
    for (;;) {
        guint64 place = atomic_load(&guard->place);
        guint64 inside = place - place % N_STATES + GUARD_DISPATCHES;
        if (atomic_compare_exchange_weak(&guard->place, &inside, inside - GUARD_DISPATCHES)) break;
        sched_yield(); /* it shuts: a few system calls */
    }
    gboolean was_shut = guard->shut;
    guard->shut = FALSE;
    return was_shut;
}
