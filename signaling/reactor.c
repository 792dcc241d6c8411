/* reactor.c -- an epoll and a timer list behind one file descriptor; see reactor.h. */
#include "signaling/reactor.h"

#include "config/fault.h"
#include "config/mailbox.h"

#include <errno.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>

enum { EVENTS_PER_ROUND = 32 };

typedef struct {
    int fd;
    ReactorFdFunc func;
    gpointer user;
} Watch;

struct ReactorTimer {
    gint64 due_us;
    guint repeat_ms;
    ReactorTimerFunc func;
    gpointer user;
    gboolean running, cancelled;
};

struct Reactor {
    Owner owner;
    int epoll_fd, timer_fd;
    gint64 armed_us;      /* what the timerfd is set to; 0: off */
    GHashTable *watches;  /* fd -> Watch */
    GPtrArray *timers;    /* ReactorTimer, unordered: a server holds a few dozen */
    GPtrArray *graveyard; /* watches removed while events of the same round may still name them */
};

gint64 reactor_now_us(void) { return g_get_monotonic_time(); }

gint64 reactor_utc_ms(void) { return g_get_real_time() / 1000; }

Reactor *reactor_new(GError **error) {
    Reactor *loop = g_new0(Reactor, 1);
    owner_stamp(&loop->owner);
    loop->watches = g_hash_table_new_full(NULL, NULL, NULL, g_free);
    loop->timers = g_ptr_array_new();
    loop->graveyard = g_ptr_array_new_with_free_func(g_free);
    loop->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    loop->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    struct epoll_event event = { .events = EPOLLIN, .data.fd = loop->timer_fd };
    if (loop->epoll_fd < 0 || loop->timer_fd < 0 ||
        epoll_ctl(loop->epoll_fd, EPOLL_CTL_ADD, loop->timer_fd, &event) != 0) {
        g_set_error(error, FAULT, FAULT_SETUP, "cannot make an event loop: %s", g_strerror(errno));
        reactor_free(loop);
        return NULL;
    }
    return loop;
}

void reactor_free(Reactor *loop) {
    if (loop == NULL) return;
    for (guint i = 0; i < loop->timers->len; i++) g_free(loop->timers->pdata[i]);
    g_ptr_array_unref(loop->timers);
    g_ptr_array_unref(loop->graveyard);
    g_hash_table_unref(loop->watches);
    if (loop->timer_fd >= 0) close(loop->timer_fd);
    if (loop->epoll_fd >= 0) close(loop->epoll_fd);
    g_free(loop);
}

int reactor_fd(const Reactor *loop) { return loop->epoll_fd; }

gboolean reactor_watch(Reactor *loop, int fd, int events, ReactorFdFunc func, gpointer user, GError **error) {
    owner_check(&loop->owner);
    Watch *watch = g_hash_table_lookup(loop->watches, GINT_TO_POINTER(fd));
    int action = watch != NULL ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;
    struct epoll_event event = { .data.fd = fd };
    event.events =
        (events & REACTOR_READ ? (guint32)EPOLLIN : 0U) | (events & REACTOR_WRITE ? (guint32)EPOLLOUT : 0U);
    if (epoll_ctl(loop->epoll_fd, action, fd, &event) != 0) {
        g_set_error(error, FAULT, FAULT_INTERNAL, "cannot watch a file descriptor: %s", g_strerror(errno));
        return FALSE;
    }
    if (watch == NULL) {
        watch = g_new0(Watch, 1);
        g_hash_table_insert(loop->watches, GINT_TO_POINTER(fd), watch);
    }
    watch->fd = fd;
    watch->func = func;
    watch->user = user;
    return TRUE;
}

void reactor_unwatch(Reactor *loop, int fd) {
    owner_check(&loop->owner);
    Watch *watch = g_hash_table_lookup(loop->watches, GINT_TO_POINTER(fd));
    if (watch == NULL) return;
    epoll_ctl(loop->epoll_fd, EPOLL_CTL_DEL, fd, NULL);
    watch->func = NULL;
    g_hash_table_steal(loop->watches, GINT_TO_POINTER(fd));
    g_ptr_array_add(loop->graveyard, watch);
}

/* Sets the timerfd to the earliest timer, only when that changed. */
static void arm(Reactor *loop) {
    gint64 first_us = 0;
    for (guint i = 0; i < loop->timers->len; i++) {
        const ReactorTimer *timer = loop->timers->pdata[i];
        if (first_us == 0 || timer->due_us < first_us) first_us = timer->due_us;
    }
    if (first_us == loop->armed_us) return;
    loop->armed_us = first_us;
    struct itimerspec when = { .it_value = { .tv_sec = first_us / G_USEC_PER_SEC,
                                             .tv_nsec = first_us % G_USEC_PER_SEC * 1000 } };
    timerfd_settime(loop->timer_fd, TFD_TIMER_ABSTIME, &when, NULL);
}

ReactorTimer *reactor_after(Reactor *loop, guint delay_ms, guint repeat_ms, ReactorTimerFunc func,
                            gpointer user) {
    owner_check(&loop->owner);
    ReactorTimer *timer = g_new0(ReactorTimer, 1);
    timer->due_us = reactor_now_us() + (gint64)delay_ms * 1000;
    timer->repeat_ms = repeat_ms;
    timer->func = func;
    timer->user = user;
    g_ptr_array_add(loop->timers, timer);
    arm(loop);
    return timer;
}

static void timer_drop(Reactor *loop, ReactorTimer *timer) {
    g_ptr_array_remove_fast(loop->timers, timer);
    g_free(timer);
}

void reactor_cancel(Reactor *loop, ReactorTimer **timer) {
    if (timer == NULL || *timer == NULL) return;
    owner_check(&loop->owner);
    ReactorTimer *gone = *timer;
    *timer = NULL;
    if (gone->running) {
        gone->cancelled = TRUE; /* freed when its func has returned */
        return;
    }
    timer_drop(loop, gone);
    arm(loop);
}

static ReactorTimer *timer_due(const Reactor *loop, gint64 now_us) {
    ReactorTimer *first = NULL;
    for (guint i = 0; i < loop->timers->len; i++) {
        ReactorTimer *timer = loop->timers->pdata[i];
        if (timer->due_us <= now_us && (first == NULL || timer->due_us < first->due_us)) first = timer;
    }
    return first;
}

/* Always after now_us, or a repeat of 0 ms would never leave the loop. On multiples of the period: those that divide each other
 * come together and cost one turn. */
static gint64 next_due_us(const ReactorTimer *timer, gint64 now_us) {
    gint64 repeat_us = (gint64)timer->repeat_ms * 1000;
    return repeat_us > 0 ? (now_us / repeat_us + 1) * repeat_us : G_MAXINT64;
}

static void run_timers(Reactor *loop) {
    guint64 n_expired;
    if (read(loop->timer_fd, &n_expired, sizeof n_expired) < 0 && errno != EAGAIN) return;
    gint64 now_us = reactor_now_us();
    ReactorTimer *timer;
    while ((timer = timer_due(loop, now_us)) != NULL) {
        timer->due_us = next_due_us(timer, now_us);
        timer->running = TRUE;
        timer->func(timer->user);
        timer->running = FALSE;
        if (timer->cancelled || timer->repeat_ms == 0) timer_drop(loop, timer);
    }
    loop->armed_us = -1;
    arm(loop);
}

void reactor_run(Reactor *loop, int wait_ms) {
    owner_check(&loop->owner);
    struct epoll_event events[EVENTS_PER_ROUND];
    int n_events = epoll_wait(loop->epoll_fd, events, EVENTS_PER_ROUND, wait_ms);
    for (int i = 0; i < n_events; i++) {
        int fd = events[i].data.fd;
        if (fd == loop->timer_fd) {
            run_timers(loop);
            continue;
        }
        /* Looked up anew: an earlier call of this round may have removed it. */
        const Watch *watch = g_hash_table_lookup(loop->watches, GINT_TO_POINTER(fd));
        if (watch == NULL) continue;
        int told = 0;
        if (events[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR)) told |= REACTOR_READ;
        if (events[i].events & EPOLLOUT) told |= REACTOR_WRITE;
        watch->func(watch->user, told);
    }
    g_ptr_array_set_size(loop->graveyard, 0);
}
