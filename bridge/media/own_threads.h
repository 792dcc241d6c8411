/* own_threads.h -- a GStreamer task pool whose threads are plain ones. GLib's shared pool gives each new thread the scheduler
 * settings of the thread that made the pool; a thread started from a lowered one would have to be raised again, which only
 * root may (GLib-CRITICAL for everybody else). A plain thread takes over what its parent has and lowers itself. */
#pragma once

#include <gst/gst.h>

/* A pool without a limit of its own: one thread per task that is running. Any thread. (transfer full) */
GstTaskPool *own_threads_new(void);
