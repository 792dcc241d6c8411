/* guard.h -- a thread beside the workers that looks at them every 15 ms, every 60 while none has anything to do: 16 times a second
 * in an idle bridge, too. libnice reads an agent's socket until it is empty, so a flood that comes faster than it reads would
 * hold its worker for good. A worker that is found in one dispatch at several looks, and has worked for 8 ms since the first of
 * them (so 15 to 75 ms after it began), gets that agent's sockets shut by a filter that drops everything: the reading ends,
 * and whoever owns the agent opens them again later (agent_filter.h). */
#pragma once

#include <glib.h>
#include <time.h>

typedef struct Guard Guard;

enum { GUARD_FDS_MAX = 16 }; /* an agent has a socket for each address of the machine */

/* On the worker's thread, whose CPU time cpu_clock tells. NULL: no such thread, told in the log; nothing is watched then. */
Guard *guard_start(guint worker, clockid_t cpu_clock);
void guard_stop(Guard *guard); /* NULL is fine */

/* Around a dispatch, on the worker's thread; they neither lock nor allocate. fds stay open until guard_leave(). TRUE: they were shut. */
void guard_enter(Guard *guard, const int *fds, guint n_fds);
gboolean guard_leave(Guard *guard);
