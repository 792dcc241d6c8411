/* reactor.h -- everything of the server thread that is not libwebsockets: foreign file descriptors (bridge link, admin
 * socket, the store's news, signals) and timers, behind one epoll. server.c hands that epoll's fd to its own loop, so
 * none of the users of this header knows libwebsockets, and before any port is open the loop runs alone.
 * Thread: one owner, stamped at reactor_new(). */
#pragma once

#include <glib.h>

typedef struct Reactor Reactor;
typedef struct ReactorTimer ReactorTimer;

enum { REACTOR_READ = 1, REACTOR_WRITE = 2 };

typedef void (*ReactorFdFunc)(gpointer user, int events);
typedef void (*ReactorTimerFunc)(gpointer user);

Reactor *reactor_new(GError **error); /* FAULT_SETUP */
void reactor_free(Reactor *loop);     /* NULL is fine; watched fds stay open, timers are freed */

int reactor_fd(const Reactor *loop); /* readable when reactor_run() has something to do; owned by the loop */

/* Waits at most wait_ms (0: not at all) and calls what is due. Returns after one round. */
void reactor_run(Reactor *loop, int wait_ms);

/* Watches fd (borrowed) for events. A hang-up is told as REACTOR_READ. Watching an fd again changes its events. */
gboolean reactor_watch(Reactor *loop, int fd, int events, ReactorFdFunc func, gpointer user, GError **error);
void reactor_unwatch(Reactor *loop, int fd); /* before the fd is closed; unknown fds are fine */

/* Calls func once after delay_ms, and then every repeat_ms if that is not 0. The timer lives until reactor_cancel(), or,
 * when it does not repeat, until func has returned. */
ReactorTimer *reactor_after(Reactor *loop, guint delay_ms, guint repeat_ms, ReactorTimerFunc func,
                            gpointer user);
void reactor_cancel(Reactor *loop, ReactorTimer **timer); /* NULL is fine; also inside func */

gint64 reactor_now_us(void); /* monotonic */
gint64 reactor_utc_ms(void); /* the wall clock; for what people read */

G_DEFINE_AUTOPTR_CLEANUP_FUNC(Reactor, reactor_free)
