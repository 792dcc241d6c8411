/* loop.h -- everything of the server thread that is not libwebsockets: foreign file descriptors (bridge link, admin
 * socket, the store's news, signals) and timers, behind one epoll. server.c hands that epoll's fd to its own loop, so
 * none of the users of this header knows libwebsockets, and before any port is open the loop runs alone.
 * Thread: one owner, stamped at loop_new(). */
#pragma once

#include <glib.h>

typedef struct Loop Loop;
typedef struct LoopTimer LoopTimer;

enum { LOOP_READ = 1, LOOP_WRITE = 2 };

typedef void (*LoopFdFunc)(gpointer user, int events);
typedef void (*LoopTimerFunc)(gpointer user);

Loop *loop_new(GError **error); /* FAULT_SETUP */
void loop_free(Loop *loop);     /* NULL is fine; watched fds stay open, timers are freed */

int loop_fd(const Loop *loop); /* readable when loop_run() has something to do; owned by the loop */

/* Waits at most wait_ms (0: not at all) and calls what is due. Returns after one round. */
void loop_run(Loop *loop, int wait_ms);

/* Watches fd (borrowed) for events. A hang-up is told as LOOP_READ. Watching an fd again changes its events. */
gboolean loop_watch(Loop *loop, int fd, int events, LoopFdFunc func, gpointer user, GError **error);
void loop_unwatch(Loop *loop, int fd); /* before the fd is closed; unknown fds are fine */

/* Calls func once after delay_ms, and then every repeat_ms if that is not 0. The timer lives until loop_cancel(), or,
 * when it does not repeat, until func has returned. */
LoopTimer *loop_after(Loop *loop, guint delay_ms, guint repeat_ms, LoopTimerFunc func, gpointer user);
void loop_cancel(Loop *loop, LoopTimer **timer); /* NULL is fine; also inside func */

gint64 loop_now_us(void); /* monotonic */
gint64 loop_utc_ms(void); /* the wall clock; for what people read */

G_DEFINE_AUTOPTR_CLEANUP_FUNC(Loop, loop_free)
