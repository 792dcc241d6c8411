/* loop.c -- the turn of a worker thread: rest, wait, serve the contexts that have news, fire timers.
 * In:    descriptors and time-outs of GMainContexts, our own timers, one watched descriptor.
 * Runs:  on the worker's thread. Start at netloop_turn().
 * The order inside a context is GLib's own: prepare, query, (wait), check, dispatch; here the waiting is done for all
 * contexts at once. */
#include "bridge/transport/loop.h"

#include "bridge/transport/heap.h"
#include "config/fault.h"
#include "config/mailbox.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

enum {
    CONTEXT_FDS_MAX = 32, /* an agent on a machine with that many addresses is a mistake of the settings */
    EVENTS_PER_WAIT = 256,
    ROUNDS_PER_TURN = 8, /* of one context; a context that is never satisfied must not hold up the others */
    DRAIN_ROUNDS = 64,
    SLOTS_MAX = 65535,
    WATCH_SLOT = SLOTS_MAX, /* never given to a context */
};

struct LoopContext {
    Loop *loop;
    GMainContext *context;
    void (*settle)(gpointer user);
    gpointer user;
    guint16 slot, generation;
    gboolean settle_wanted, dirty, ready, ended;
    int input_fd;
    gboolean input_ready;
    void (*read)(gpointer user);
    int guarded[GUARD_FDS_MAX];
    guint n_guarded;
    void (*flooded)(gpointer user);
    gint priority;
    guint n_fds, n_registered;
    GPollFD fds[CONTEXT_FDS_MAX];        /* of the last query */
    GPollFD registered[CONTEXT_FDS_MAX]; /* what epoll knows */
    LoopTimer timer;
};

struct Loop {
    Owner owner;
    int epoll_fd, watch_fd; /* watch_fd: -1 for none */
    gint64 last_wake_us;
    Heap heap;
    GPtrArray *slots;           /* LoopContext or NULL by slot */
    GArray *generations;        /* guint16 by slot */
    GPtrArray *dirty, *serving; /* contexts to look at again; lists change places so that looking may add */
    GPtrArray *inputs;          /* contexts whose input is readable in this turn */
    guint n_contexts;
    Guard *guard;
    guint64 n_turns, n_wakeups, n_dispatches, n_floods; /* atomic reads elsewhere */
};

static void count(guint64 *counter) { __atomic_fetch_add(counter, 1, __ATOMIC_RELAXED); }

Loop *netloop_new(GError **error) {
    int epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (epoll_fd < 0) {
        g_set_error(error, FAULT, FAULT_SETUP, "no epoll for a network thread: %s", g_strerror(errno));
        return NULL;
    }
    Loop *loop = g_new0(Loop, 1);
    loop->epoll_fd = epoll_fd;
    loop->watch_fd = -1;
    loop->slots = g_ptr_array_new();
    loop->generations = g_array_new(FALSE, TRUE, sizeof(guint16));
    loop->dirty = g_ptr_array_new();
    loop->serving = g_ptr_array_new();
    loop->inputs = g_ptr_array_new();
    netloop_adopt(loop);
    return loop;
}

void netloop_free(Loop *loop) {
    if (loop == NULL) return;
    g_assert(loop->n_contexts == 0);
    heap_clear(&loop->heap);
    g_ptr_array_free(loop->dirty, TRUE);
    g_ptr_array_free(loop->serving, TRUE);
    g_ptr_array_free(loop->inputs, TRUE);
    g_array_free(loop->generations, TRUE);
    g_ptr_array_free(loop->slots, TRUE);
    close(loop->epoll_fd);
    g_free(loop);
}

void netloop_adopt(Loop *loop) { owner_stamp(&loop->owner); }
guint netloop_n_contexts(const Loop *loop) { return loop->n_contexts; }
void netloop_set_guard(Loop *loop, Guard *guard) { loop->guard = guard; }

/* ---- epoll: the data of an event is descriptor, slot and generation, because descriptors and slots are used again ---- */

static guint64 event_data(int fd, guint16 slot, guint16 generation) {
    return (guint64)(guint32)fd << 32 | (guint64)slot << 16 | generation;
}

gboolean netloop_watch(Loop *loop, int fd, GError **error) {
    struct epoll_event event = { .events = EPOLLIN, .data.u64 = event_data(fd, WATCH_SLOT, 0) };
    if (epoll_ctl(loop->epoll_fd, EPOLL_CTL_ADD, fd, &event) == 0) {
        loop->watch_fd = fd;
        return TRUE;
    }
    g_set_error(error, FAULT, FAULT_SETUP, "epoll refuses a mailbox: %s", g_strerror(errno));
    return FALSE;
}

/* GLib's poll bits have the values of poll(2), and epoll's are the same for the four used here. */
static gboolean epoll_change(LoopContext *context, int operation, const GPollFD *fd) {
    int epoll_fd = context->loop->epoll_fd;
    struct epoll_event event = { .events = fd->events & (EPOLLIN | EPOLLOUT | EPOLLPRI),
                                 .data.u64 = event_data(fd->fd, context->slot, context->generation) };
    if (epoll_ctl(epoll_fd, operation, fd->fd, &event) == 0) return TRUE;
    /* A socket closed by the agent has left epoll by itself: DEL then fails and that is fine. A number used again at
     * once is still known to us as registered, so MOD fails with ENOENT: add it. */
    return operation == EPOLL_CTL_MOD && errno == ENOENT &&
           epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd->fd, &event) == 0;
}

static const GPollFD *find_fd(const GPollFD *fds, guint n_fds, int fd) {
    for (guint i = 0; i < n_fds; i++)
        if (fds[i].fd == fd) return &fds[i];
    return NULL;
}

static gboolean same_fds(const LoopContext *context, const GPollFD *fds, guint n_fds) {
    if (n_fds != context->n_registered) return FALSE;
    for (guint i = 0; i < n_fds; i++)
        if (fds[i].fd != context->registered[i].fd || fds[i].events != context->registered[i].events)
            return FALSE;
    return TRUE;
}

/* Merges the records of a query by descriptor: two sources may watch one socket for different things. */
static guint merge_fds(const LoopContext *context, GPollFD *ret_fds) {
    guint n_fds = 0;
    for (guint i = 0; i < context->n_fds; i++) {
        GPollFD *known = (GPollFD *)find_fd(ret_fds, n_fds, context->fds[i].fd);
        if (known != NULL)
            known->events |= context->fds[i].events;
        else
            ret_fds[n_fds++] = (GPollFD){ .fd = context->fds[i].fd, .events = context->fds[i].events };
    }
    return n_fds;
}

static void register_fds(LoopContext *context) {
    GPollFD fds[CONTEXT_FDS_MAX];
    guint n_fds = merge_fds(context, fds);
    if (same_fds(context, fds, n_fds)) return;
    for (guint i = 0; i < context->n_registered; i++)
        if (find_fd(fds, n_fds, context->registered[i].fd) == NULL)
            epoll_change(context, EPOLL_CTL_DEL, &context->registered[i]);
    for (guint i = 0; i < n_fds; i++) {
        const GPollFD *known = find_fd(context->registered, context->n_registered, fds[i].fd);
        epoll_change(context, known != NULL ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, &fds[i]);
    }
    memcpy(context->registered, fds, n_fds * sizeof fds[0]);
    context->n_registered = n_fds;
}

/* ---- contexts ---- */

static void mark_dirty(LoopContext *context) {
    if (context->dirty) return;
    context->dirty = TRUE;
    g_ptr_array_add(context->loop->dirty, context);
}

static void on_context_due(gpointer user, gint64 now_us) {
    (void)now_us;
    mark_dirty(user);
}

static gboolean take_slot(Loop *loop, guint16 *ret_slot) {
    for (guint i = 0; i < loop->slots->len; i++)
        if (loop->slots->pdata[i] == NULL) return *ret_slot = (guint16)i, TRUE;
    if (loop->slots->len >= WATCH_SLOT) return FALSE;
    guint16 first_generation = 1;
    *ret_slot = (guint16)loop->slots->len;
    g_ptr_array_add(loop->slots, NULL);
    g_array_append_val(loop->generations, first_generation);
    return TRUE;
}

LoopContext *netloop_context_new(Loop *loop, void (*settle)(gpointer user), gpointer user) {
    owner_check(&loop->owner);
    guint16 slot = 0;
    if (!take_slot(loop, &slot)) return NULL;
    LoopContext *context = g_new0(LoopContext, 1);
    context->loop = loop;
    context->settle = settle;
    context->user = user;
    context->slot = slot;
    context->generation = g_array_index(loop->generations, guint16, slot);
    context->input_fd = -1;
    context->timer = (LoopTimer){ .fire = on_context_due, .user = context };
    context->context = g_main_context_new();
    /* Held for life: the agent hands data over directly only to the thread that owns its context. */
    gboolean acquired = g_main_context_acquire(context->context);
    g_assert(acquired);
    loop->slots->pdata[slot] = context;
    loop->n_contexts++;
    mark_dirty(context);
    return context;
}

GMainContext *netloop_context_peek(const LoopContext *context) { return context->context; }

void netloop_context_settle_later(LoopContext *context) {
    context->settle_wanted = TRUE;
    mark_dirty(context);
}

void netloop_context_enter(LoopContext *context) {
    owner_check(&context->loop->owner);
    g_main_context_push_thread_default(context->context);
}

void netloop_context_leave(LoopContext *context) {
    g_main_context_pop_thread_default(context->context);
    mark_dirty(context);
}

gboolean netloop_context_set_input(LoopContext *context, int fd, void (*read)(gpointer user)) {
    owner_check(&context->loop->owner);
    GPollFD input = { .fd = context->input_fd, .events = EPOLLIN };
    if (context->input_fd >= 0) epoll_change(context, EPOLL_CTL_DEL, &input);
    context->input_fd = input.fd = fd;
    context->read = read;
    if (fd < 0 || epoll_change(context, EPOLL_CTL_ADD, &input)) return TRUE;
    context->input_fd = -1;
    return FALSE;
}

void netloop_context_set_guarded(LoopContext *context, const int *fds, guint n_fds,
                                 void (*flooded)(gpointer user)) {
    owner_check(&context->loop->owner);
    context->n_guarded = MIN(n_fds, GUARD_FDS_MAX);
    for (guint i = 0; i < context->n_guarded; i++) context->guarded[i] = fds[i];
    context->flooded = flooded;
}

void netloop_context_end(LoopContext *context) {
    if (context == NULL) return;
    context->ended = TRUE;
    mark_dirty(context);
}

static void context_free(LoopContext *context) {
    Loop *loop = context->loop;
    for (guint i = 0; i < DRAIN_ROUNDS && g_main_context_pending(context->context); i++) {
        g_main_context_push_thread_default(context->context);
        g_main_context_iteration(context->context, FALSE);
        g_main_context_pop_thread_default(context->context);
    }
    for (guint i = 0; i < context->n_registered; i++)
        epoll_change(context, EPOLL_CTL_DEL, &context->registered[i]);
    heap_remove(&loop->heap, &context->timer);
    g_main_context_release(context->context);
    g_main_context_unref(context->context);
    g_array_index(loop->generations, guint16, context->slot)++;
    loop->slots->pdata[context->slot] = NULL;
    loop->n_contexts--;
    g_free(context);
}

static gboolean query(LoopContext *context, gint *ret_timeout_ms) {
    gboolean ready = g_main_context_prepare(context->context, &context->priority);
    gint n_fds = g_main_context_query(context->context, context->priority, ret_timeout_ms, context->fds,
                                      CONTEXT_FDS_MAX);
    context->n_fds = (guint)CLAMP(n_fds, 0, CONTEXT_FDS_MAX);
    return ready || *ret_timeout_ms == 0;
}

/* Dispatches what is ready. The descriptors' revents come from epoll, or are zero when only a time-out is due. */
static void dispatch(LoopContext *context) {
    Guard *guard = context->n_guarded > 0 ? context->loop->guard : NULL;
    count(&context->loop->n_dispatches);
    if (guard != NULL) guard_enter(guard, context->guarded, context->n_guarded);
    if (g_main_context_check(context->context, context->priority, context->fds, (gint)context->n_fds))
        g_main_context_dispatch(context->context);
    if (guard != NULL && guard_leave(guard)) {
        count(&context->loop->n_floods);
        if (context->flooded != NULL) context->flooded(context->user);
    }
    for (guint i = 0; i < context->n_fds; i++) context->fds[i].revents = 0;
}

/* Serves one context until it has nothing more to do now. */
static void serve(LoopContext *context) {
    gint timeout_ms = -1;
    gboolean again = TRUE;
    g_main_context_push_thread_default(context->context);
    if (context->ready) dispatch(context); /* on the query of before: its descriptors have revents */
    context->ready = FALSE;
    for (guint round = 0; again && round < ROUNDS_PER_TURN && !context->ended; round++) {
        if (context->settle_wanted) {
            context->settle_wanted = FALSE;
            context->settle(context->user);
            if (context->ended) break;
        }
        again = query(context, &timeout_ms);
        for (guint i = 0; i < context->n_fds; i++) context->fds[i].revents = 0;
        if (again) dispatch(context);
        again = again || context->settle_wanted;
    }
    g_main_context_pop_thread_default(context->context);
    if (context->ended) return;
    register_fds(context);
    if (again)
        heap_set(&context->loop->heap, &context->timer, 0);
    else if (timeout_ms >= 0)
        heap_set(&context->loop->heap, &context->timer, g_get_monotonic_time() + (gint64)timeout_ms * 1000);
    else
        heap_remove(&context->loop->heap, &context->timer);
}

static void serve_dirty(Loop *loop) {
    GPtrArray *list = loop->dirty;
    loop->dirty = loop->serving;
    loop->serving = list;
    for (guint i = 0; i < list->len; i++) {
        LoopContext *context = list->pdata[i];
        /* The flag falls before serving, so that news made meanwhile puts it on the other list. */
        context->dirty = FALSE;
        if (!context->ended) serve(context);
        if (context->ended && !context->dirty) context_free(context);
    }
    g_ptr_array_set_size(list, 0);
}

/* ---- the turn ---- */

static struct timespec timespec_of(gint64 us) {
    return (struct timespec){ .tv_sec = us / G_USEC_PER_SEC, .tv_nsec = us % G_USEC_PER_SEC * 1000 };
}

/* Lets packets gather. TRUE: the watched descriptor is readable before the time is over. */
static gboolean rest(const Loop *loop, gint64 rest_us) {
    struct pollfd watch = { .fd = loop->watch_fd,
                            .events = POLLIN }; /* poll passes over a descriptor of -1 */
    struct timespec left = timespec_of(rest_us);
    return ppoll(&watch, 1, &left, NULL) > 0;
}

static int wait_events(Loop *loop, struct epoll_event *events, gint64 wake_by_us) {
    gint64 now_us = g_get_monotonic_time();
    if (wake_by_us == G_MAXINT64) return epoll_wait(loop->epoll_fd, events, EVENTS_PER_WAIT, -1);
    gint64 left_us = MAX(0, wake_by_us - now_us);
    struct timespec left = timespec_of(left_us);
    int n_events = epoll_pwait2(loop->epoll_fd, events, EVENTS_PER_WAIT, &left, NULL);
    if (n_events < 0 && errno == ENOSYS) /* before Linux 5.11 */
        n_events =
            epoll_wait(loop->epoll_fd, events, EVENTS_PER_WAIT, (int)MIN((left_us + 999) / 1000, G_MAXINT));
    return n_events;
}

static gboolean take_event(Loop *loop, const struct epoll_event *event) {
    int fd = (int)(event->data.u64 >> 32);
    guint16 slot = (guint16)(event->data.u64 >> 16), generation = (guint16)event->data.u64;
    if (slot == WATCH_SLOT) return TRUE;
    LoopContext *context = slot < loop->slots->len ? loop->slots->pdata[slot] : NULL;
    if (context == NULL || context->generation != generation)
        return FALSE; /* news of a context that is gone */
    if (fd == context->input_fd) {
        context->input_ready = TRUE;
        g_ptr_array_add(loop->inputs, context);
        return FALSE;
    }
    for (guint i = 0; i < context->n_fds; i++)
        if (context->fds[i].fd == fd)
            context->fds[i].revents =
                (gushort)(event->events & (context->fds[i].events | EPOLLERR | EPOLLHUP));
    context->ready = TRUE;
    mark_dirty(context);
    return FALSE;
}

static void fire_timers(Loop *loop) {
    gint64 now_us = g_get_monotonic_time();
    for (LoopTimer *timer = heap_peek(&loop->heap); timer != NULL && timer->due_us <= now_us;
         timer = heap_peek(&loop->heap)) {
        heap_remove(&loop->heap, timer);
        timer->fire(timer->user, now_us);
    }
}

/* Before the contexts are served: only there are they freed. */
static void read_inputs(Loop *loop) {
    for (guint i = 0; i < loop->inputs->len; i++) {
        LoopContext *context = loop->inputs->pdata[i];
        if (context->input_ready && context->input_fd >= 0 && !context->ended) context->read(context->user);
        context->input_ready = FALSE;
    }
    g_ptr_array_set_size(loop->inputs, 0);
}

gboolean netloop_turn(Loop *loop, gint64 wake_by_us) {
    owner_check(&loop->owner);
    struct epoll_event events[EVENTS_PER_WAIT];
    count(&loop->n_turns);
    /* Timers wait for the end of the rest as well. After a quiet time the first packet is served at once. */
    gint64 now_us = g_get_monotonic_time(), rested_us = MIN(loop->last_wake_us + LOOP_REST_US, wake_by_us);
    if (loop->dirty->len == 0 && now_us < rested_us && rest(loop, rested_us - now_us)) return TRUE;
    LoopTimer *timer = heap_peek(&loop->heap);
    if (timer != NULL) wake_by_us = MIN(wake_by_us, timer->due_us);
    if (loop->dirty->len > 0) wake_by_us = 0;
    int n_events = wait_events(loop, events, wake_by_us);
    /* More than fits: no rest before the others had their turn. */
    loop->last_wake_us = n_events < EVENTS_PER_WAIT ? g_get_monotonic_time() : 0;
    count(&loop->n_wakeups);
    gboolean watched = FALSE;
    for (int i = 0; i < n_events; i++) watched |= take_event(loop, &events[i]);
    read_inputs(loop);
    fire_timers(loop);
    serve_dirty(loop);
    return watched;
}

void netloop_timer_set(Loop *loop, LoopTimer *timer, gint64 due_us) {
    owner_check(&loop->owner);
    /* Never in the past: a timer that sets itself again would hold the turn for ever. */
    heap_set(&loop->heap, timer, MAX(due_us, g_get_monotonic_time() + LOOP_TIMER_STEP_US));
}

void netloop_timer_clear(Loop *loop, LoopTimer *timer) { heap_remove(&loop->heap, timer); }

void netloop_read_stats(const Loop *loop, LoopStats *ret_stats) {
    ret_stats->n_turns = __atomic_load_n(&loop->n_turns, __ATOMIC_RELAXED);
    ret_stats->n_wakeups = __atomic_load_n(&loop->n_wakeups, __ATOMIC_RELAXED);
    ret_stats->n_floods = __atomic_load_n(&loop->n_floods, __ATOMIC_RELAXED);
    ret_stats->n_dispatches = __atomic_load_n(&loop->n_dispatches, __ATOMIC_RELAXED);
}
