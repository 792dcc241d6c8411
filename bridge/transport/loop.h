/* loop.h -- one epoll over many GMainContexts: the turn of a worker thread.
 * Every ICE agent gets a GMainContext of its own, because the cost of a shared one grows with the number of its agents at
 * every wake-up. The loop prepares, queries, checks and dispatches the contexts by hand, keeps their time-outs and our own
 * timers in one heap, and looks at the network at most every LOOP_REST_US under load, so that one turn serves many packets;
 * the mailbox is served at once also while it rests.
 * Worker thread only. */
#pragma once

#include "bridge/transport/guard.h"

typedef struct Loop Loop;
typedef struct LoopContext LoopContext;

/* As long as a worker is without a beat at most: one wake-up then does both. What comes from the network may wait so long. */
enum { LOOP_REST_US = 20000, LOOP_TIMER_STEP_US = 2000 };

Loop *netloop_new(GError **error);
void netloop_free(Loop *loop); /* contexts must be gone; NULL is fine */

/* The thread that calls this owns the loop from now on. */
void netloop_adopt(Loop *loop);
/* One file descriptor beside the contexts (the mailbox). FALSE: FAULT_SETUP. */
gboolean netloop_watch(Loop *loop, int fd, GError **error);
/* Waits until something happens, at most until wake_by_us (monotonic; G_MAXINT64: no limit), and serves it. TRUE: the
 * watched descriptor is readable. After network news the next turn rests: it waits for the watched descriptor alone. */
gboolean netloop_turn(Loop *loop, gint64 wake_by_us);
guint netloop_n_contexts(const Loop *loop);
/* Watches over dispatches from now on (borrowed); NULL: nobody does. */
void netloop_set_guard(Loop *loop, Guard *guard);

/* ---- contexts ---- */
/* settle is called outside of any dispatch, after netloop_context_settle_later(): signal handlers of an agent may only leave
 * notes, since calling the agent or freeing it inside them is not safe. */
LoopContext *netloop_context_new(Loop *loop, void (*settle)(gpointer user), gpointer user);
GMainContext *netloop_context_peek(const LoopContext *context);
void netloop_context_settle_later(LoopContext *context);
/* Around every library call made outside a dispatch: makes the context the thread's default (else the callbacks of
 * asynchronous calls never come) and looks at its sources again afterwards (attaching one from here does not wake it). */
void netloop_context_enter(LoopContext *context);
void netloop_context_leave(LoopContext *context);
/* A descriptor beside the context's own sources, or -1 for none: read is called when it is readable, outside of any dispatch.
 * The caller takes it away before closing it. FALSE: the kernel does not watch it; there is no input then. */
gboolean netloop_context_set_input(LoopContext *context, int fd, void (*read)(gpointer user));
/* Descriptors that the context's own sources read until they are empty, at most GUARD_FDS_MAX; NULL and 0 before they are closed.
 * flooded is called, outside of any dispatch, when the guard has shut them (guard.h). */
void netloop_context_set_guarded(LoopContext *context, const int *fds, guint n_fds,
                                 void (*flooded)(gpointer user));
/* Ends the context: drained and freed at the end of this turn, settle is not called again. NULL is fine. */
void netloop_context_end(LoopContext *context);

/* ---- timers: zero-initialise, set fire and user ---- */
typedef struct {
    void (*fire)(gpointer user, gint64 now_us); /* the timer is off while it fires; it may set itself again */
    gpointer user;
    gint64 due_us;
    guint place; /* in the heap, from 1; 0: off */
} LoopTimer;
void netloop_timer_set(Loop *loop, LoopTimer *timer, gint64 due_us);
void netloop_timer_clear(Loop *loop, LoopTimer *timer);

typedef struct {
    guint64 n_turns, n_wakeups, n_dispatches, n_floods;
} LoopStats;
void netloop_read_stats(const Loop *loop, LoopStats *ret_stats); /* any thread */
