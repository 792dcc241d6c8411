/* process_usage.h -- what a process costs, read from /proc: CPU, memory, threads, open files. */
#pragma once

#include <glib.h>

typedef struct {
    gint64 cpu_us; /* user and system, since it began */
    double rss_mb;
    guint n_threads, n_files;
} ProcessUsage;

/* FALSE: no such process, or not ours to look at. */
gboolean process_usage_read(gint pid, ProcessUsage *ret_usage);
