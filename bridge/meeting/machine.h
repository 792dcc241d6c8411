/* machine.h -- how much processor this machine gives to this process. */
#pragma once

#include <glib.h>

/* Before the sandbox: reads what later cannot be read. Without it the quota of a control group is not known. */
void machine_global_init(void);
/* Cores that this process may use: by affinity, and by the quota of its control group (cgroup v2, or v1 with cpu.cfs_quota_us).
 * Read at machine_global_init. */
double machine_cores(void);

/* The least quota of a control group and those above it; 0: none. groups: the text of /proc/self/cgroup; root: where the
 * control groups' files are ("/sys/fs/cgroup"). */
double machine_quota_cores(const char *groups, const char *root);
