/* process_usage.c -- see process_usage.h. proc(5): fields are counted after the name, which may hold spaces. */
#include "tests/load/process_usage.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

static guint count_files(gint pid) {
    g_autofree char *path = g_strdup_printf("/proc/%d/fd", pid);
    GDir *dir = g_dir_open(path, 0, NULL);
    guint n = 0;
    if (dir == NULL) return 0;
    while (g_dir_read_name(dir) != NULL) n++;
    g_dir_close(dir);
    return n;
}

gboolean process_usage_read(gint pid, ProcessUsage *ret_usage) {
    g_autofree char *path = g_strdup_printf("/proc/%d/stat", pid), *text = NULL;
    const char *after;
    unsigned long long user = 0, system_ = 0;
    long threads = 0, rss_pages = 0;
    if (!g_file_get_contents(path, &text, NULL, NULL) || (after = strrchr(text, ')')) == NULL) return FALSE;
    /* 3 state .. 14 utime 15 stime .. 20 num_threads .. 24 rss */
    if (sscanf(after + 1,
               " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %llu %llu %*d %*d %*d %*d %ld %*d %*u %*u %ld",
               &user, &system_, &threads, &rss_pages) != 4)
        return FALSE;
    *ret_usage =
        (ProcessUsage){ .cpu_us = (gint64)((user + system_) * G_USEC_PER_SEC / (guint64)sysconf(_SC_CLK_TCK)),
                        .rss_mb = (double)rss_pages * (double)sysconf(_SC_PAGESIZE) / 1048576.0,
                        .n_threads = (guint)threads,
                        .n_files = count_files(pid) };
    return TRUE;
}
