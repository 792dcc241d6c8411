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
    GThread *thread;
    clockid_t cpu_clock;   /* of the worker */
    _Atomic guint64 place; /* dispatch * N_STATES + state */
    int fds[GUARD_FDS_MAX];
    guint n_fds;
    gboolean shut; /* in this dispatch */
    GMutex mutex;
    GCond wake;
    gboolean stopping; /* under the mutex */
};

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

/* FALSE: time to end. */
static gboolean rest(Guard *guard, gint64 rest_us) {
    gint64 until_us = g_get_monotonic_time() + rest_us;
    g_mutex_lock(&guard->mutex);
    while (!guard->stopping && g_cond_wait_until(&guard->wake, &guard->mutex, until_us)) {}
    gboolean goes_on = !guard->stopping;
    g_mutex_unlock(&guard->mutex);
    return goes_on;
}

static gpointer guard_run(gpointer data) {
    Guard *guard = data;
    guint64 before = 0;
    gint64 worked_before_us = 0;
    gboolean quiet = FALSE;
    while (rest(guard, quiet ? QUIET_LOOK_US : LOOK_US)) {
        guint64 place = atomic_load(&guard->place);
        gboolean inside = place % N_STATES == GUARD_DISPATCHES;
        /* In CPU time: a worker that waits for a processor is not to blame on its agent. */
        if (inside && place == before && worked_us(guard) - worked_before_us >= WORK_US) shut(guard, place);
        quiet = place == before && !inside;
        if (inside && place != before) worked_before_us = worked_us(guard);
        before = place;
    }
    return NULL;
}

Guard *guard_start(guint worker, clockid_t cpu_clock) {
    Guard *guard = g_new0(Guard, 1);
    g_autofree char *name = g_strdup_printf("guard-%u", worker);
    g_autoptr(GError) error = NULL;
    guard->cpu_clock = cpu_clock;
    g_mutex_init(&guard->mutex);
    g_cond_init(&guard->wake);
    guard->thread = g_thread_try_new(name, guard_run, guard, &error);
    if (guard->thread != NULL) return guard;
    log_warn("worker.unguarded", "worker=%u why=\"%s\"", worker, error->message);
    guard_stop(guard);
    return NULL;
}

void guard_stop(Guard *guard) {
    if (guard == NULL) return;
    g_mutex_lock(&guard->mutex);
    guard->stopping = TRUE;
    g_cond_signal(&guard->wake);
    g_mutex_unlock(&guard->mutex);
    if (guard->thread != NULL) g_thread_join(guard->thread);
    g_mutex_clear(&guard->mutex);
    g_cond_clear(&guard->wake);
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
