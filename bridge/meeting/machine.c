/* machine.c -- see machine.h. */
#include "bridge/meeting/machine.h"

#include <string.h>

static double quota_cores; /* written once, before any thread */

static double quota_v2(const char *folder) {
    g_autofree char *path = g_build_filename(folder, "cpu.max", NULL), *text = NULL;
    if (!g_file_get_contents(path, &text, NULL, NULL) || g_str_has_prefix(text, "max")) return 0;
    char *end = NULL;
    double quota = g_ascii_strtod(text, &end), period = g_ascii_strtod(end, NULL);
    return quota > 0 && period > 0 ? quota / period : 0;
}

static double quota_v1(const char *folder) {
    g_autofree char *path = g_build_filename(folder, "cpu.cfs_quota_us", NULL), *text = NULL;
    g_autofree char *period_path = g_build_filename(folder, "cpu.cfs_period_us", NULL), *period_text = NULL;
    if (!g_file_get_contents(path, &text, NULL, NULL) ||
        !g_file_get_contents(period_path, &period_text, NULL, NULL))
        return 0;
    double quota = g_ascii_strtod(text, NULL), period = g_ascii_strtod(period_text, NULL);
    return quota > 0 && period > 0 ? quota / period : 0; /* -1: no quota */
}

/* The group's own quota and that of each group around it: the least one holds. */
static double least_upward(const char *root, const char *group, double (*quota)(const char *folder)) {
    g_autofree char *at = g_strdup(group);
    double least = 0;
    for (;;) {
        g_autofree char *folder = g_build_filename(root, at, NULL);
        double here = quota(folder);
        if (here > 0 && (least == 0 || here < least)) least = here;
        char *slash = strrchr(at, '/');
        if (slash == NULL || at[1] == '\0') return least;
        slash[slash == at ? 1 : 0] = '\0';
    }
}

double machine_quota_cores(const char *groups, const char *root) {
    g_auto(GStrv) lines = g_strsplit(groups, "\n", -1);
    double least = 0;
    for (guint i = 0; lines[i] != NULL; i++) { /* number:controllers:path */
        g_auto(GStrv) parts = g_strsplit(lines[i], ":", 3);
        if (g_strv_length(parts) != 3 || parts[2][0] != '/') continue;
        double here = 0;
        if (parts[1][0] == '\0') {
            here = least_upward(root, parts[2], quota_v2);
        } else {
            g_auto(GStrv) controllers = g_strsplit(parts[1], ",", -1);
            if (!g_strv_contains((const char *const *)controllers, "cpu")) continue;
            g_autofree char *mount = g_build_filename(root, parts[1], NULL);
            here = least_upward(mount, parts[2], quota_v1);
        }
        if (here > 0 && (least == 0 || here < least)) least = here;
    }
    return least;
}

void machine_global_init(void) {
    g_autofree char *groups = NULL;
    if (g_file_get_contents("/proc/self/cgroup", &groups, NULL, NULL))
        quota_cores = machine_quota_cores(groups, "/sys/fs/cgroup");
}

double machine_cores(void) {
    double cores = g_get_num_processors(); /* those of our affinity */
    return quota_cores > 0 ? MIN(quota_cores, cores) : cores;
}
