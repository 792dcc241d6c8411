/* sandbox.c -- see sandbox.h. Three walls: resource limits, Landlock (files, and no TCP at all), seccomp (system calls).
 * Landlock covers this thread and all it starts from now on; seccomp covers every thread of the process. */
#include "bridge/sandbox.h"

#include "config/fault.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <sched.h>
#include <seccomp.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Newer than Debian 12's headers. */
#ifndef LANDLOCK_ACCESS_FS_REFER
#define LANDLOCK_ACCESS_FS_REFER (1ULL << 13)
#endif
#ifndef LANDLOCK_ACCESS_FS_TRUNCATE
#define LANDLOCK_ACCESS_FS_TRUNCATE (1ULL << 14)
#endif
#ifndef __NR_landlock_create_ruleset
#define __NR_landlock_create_ruleset 444
#define __NR_landlock_add_rule       445
#define __NR_landlock_restrict_self  446
#endif

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
enum { SANITIZED = 1 };
#else
enum { SANITIZED = 0 };
#endif

/* ---- limits ---- */

static gboolean set_limits(SandboxReport *report, GError **error) {
    struct rlimit files, none = { 0, 0 };
    /* Four descriptors for each connection: the soft limit of 1024 would end at 250 rooms. */
    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = files.rlim_max;
        setrlimit(RLIMIT_NOFILE, &files);
        getrlimit(RLIMIT_NOFILE, &files);
        report->files_max = files.rlim_cur;
    }
    /* A core file would hold the keys of everybody. */
    if (setrlimit(RLIMIT_CORE, &none) == 0) return TRUE;
    g_set_error(error, FAULT, FAULT_SETUP, "cannot switch core files off: %s", g_strerror(errno));
    return FALSE;
}

/* ---- Landlock ---- */

static const guint64 READ = LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR;
static const guint64 WRITE = LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_REMOVE_FILE |
                             LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_MAKE_SOCK |
                             LANDLOCK_ACCESS_FS_MAKE_DIR;
static const guint64 ABI_1 = (1ULL << 13) - 1; /* EXECUTE .. MAKE_SYM */

/* The kernel's struct of ABI 4; older kernels take the shorter one. */
typedef struct {
    guint64 handled_access_fs, handled_access_net;
} Ruleset;
enum { NET_BIND_TCP = 1, NET_CONNECT_TCP = 2 };

static const char *const readable[] = {
    "/usr",
    "/lib",
    "/lib64",
    "/etc/fonts",
    "/etc/ssl",
    "/etc/ld.so.cache",
    "/etc/localtime",
    "/etc/timezone",
    "/var/cache/fontconfig",
    "/proc/self",
    "/proc/stat",
    "/proc/meminfo",
    "/proc/cpuinfo",
    "/sys/devices/system/cpu",
    "/dev/urandom",
    "/dev/null",
};

static gboolean allow(int ruleset, const char *path, guint64 access) {
    struct landlock_path_beneath_attr rule = { .allowed_access = access };
    rule.parent_fd = open(path, O_PATH | O_CLOEXEC);
    if (rule.parent_fd < 0) return TRUE; /* not on this machine: nothing to allow */
    long result = syscall(__NR_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0);
    if (result != 0 &&
        errno == EINVAL) { /* a file, not a folder: what only folders have must not be asked for */
        rule.allowed_access &= LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_WRITE_FILE;
        result = syscall(__NR_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0);
    }
    close(rule.parent_fd);
    return result == 0;
}

static gboolean allow_all(int ruleset, const char *data, guint64 truncate) {
    gboolean good = TRUE;
    for (guint i = 0; i < G_N_ELEMENTS(readable); i++) good = allow(ruleset, readable[i], READ) && good;
    g_autofree char *run = g_build_filename(data, "run", NULL),
                    *recordings = g_build_filename(data, "recordings", NULL);
    good = allow(ruleset, run, READ | WRITE | truncate) && good;
    return allow(ruleset, recordings, READ | WRITE | truncate) && good;
}

static gboolean enter_landlock(const char *data, SandboxReport *report, GError **error) {
    long abi = syscall(__NR_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
    if (abi < 1) return TRUE; /* not built in, or switched off at boot */
    guint64 truncate = abi >= 3 ? LANDLOCK_ACCESS_FS_TRUNCATE : 0;
    Ruleset wanted = { .handled_access_fs = ABI_1 | (abi >= 2 ? LANDLOCK_ACCESS_FS_REFER : 0) | truncate,
                       .handled_access_net = NET_BIND_TCP | NET_CONNECT_TCP };
    gsize n_bytes = abi >= 4 ? sizeof wanted : sizeof wanted.handled_access_fs;
    int ruleset = (int)syscall(__NR_landlock_create_ruleset, &wanted, n_bytes, 0);
    gboolean good = ruleset >= 0 && allow_all(ruleset, data, truncate) &&
                    syscall(__NR_landlock_restrict_self, ruleset, 0) == 0;
    if (!good)
        g_set_error(error, FAULT, FAULT_SETUP,
                    "Landlock does not close (%s); bridge.sandbox=false would go without", g_strerror(errno));
    if (ruleset >= 0) close(ruleset);
    report->landlock = good;
    report->landlock_abi = (guint)abi;
    return good;
}

/* ---- seccomp ---- */

static const char *const denied[] = {
    /* another program, other processes */
    "execve",
    "execveat",
    "fork",
    "vfork",
    "ptrace",
    "process_vm_readv",
    "process_vm_writev",
    "kill",
    "tkill",
    "pidfd_open",
    "pidfd_getfd",
    "pidfd_send_signal",
    "process_madvise",
    "kcmp",
    /* file systems and namespaces */
    "mount",
    "umount2",
    "pivot_root",
    "chroot",
    "unshare",
    "setns",
    "fsopen",
    "fsmount",
    "fsconfig",
    "fspick",
    "move_mount",
    "open_tree",
    "mount_setattr",
    "open_by_handle_at",
    "name_to_handle_at",
    "mknod",
    "mknodat",
    "quotactl",
    "swapon",
    "swapoff",
    "fanotify_init",
    /* the kernel itself */
    "init_module",
    "finit_module",
    "delete_module",
    "kexec_load",
    "kexec_file_load",
    "bpf",
    "perf_event_open",
    "userfaultfd",
    "io_uring_setup",
    "io_uring_enter",
    "io_uring_register",
    "iopl",
    "ioperm",
    "modify_ldt",
    "acct",
    "reboot",
    "syslog",
    "lookup_dcookie",
    "vhangup",
    /* identity, keys, clock */
    "setuid",
    "setgid",
    "setreuid",
    "setregid",
    "setresuid",
    "setresgid",
    "setfsuid",
    "setfsgid",
    "setgroups",
    "capset",
    "add_key",
    "request_key",
    "keyctl",
    "settimeofday",
    "clock_settime",
    "clock_adjtime",
    "adjtimex",
    "sethostname",
    "setdomainname",
};

static gboolean deny(scmp_filter_ctx filter, const char *name) {
    int number = seccomp_syscall_resolve_name(name);
    if (number == __NR_SCMP_ERROR) return TRUE; /* this machine's kernel headers do not know it */
    int result = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), number, 0);
    return result == 0 || result == -EDOM; /* EDOM: not on this architecture */
}

/* A new process is denied, a thread is not: clone needs CLONE_THREAD. clone3 hides its flags behind a pointer, so it is "not
 * there", upon which the C library uses clone. */
static gboolean threads_only(scmp_filter_ctx filter) {
    return seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0) == 0 &&
           seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(clone), 1,
                            SCMP_A0(SCMP_CMP_MASKED_EQ, CLONE_THREAD, 0)) == 0;
}

/* Unix, IPv4, IPv6 and netlink (the address list of the ICE agents); nothing raw. */
static gboolean plain_sockets_only(scmp_filter_ctx filter) {
    gboolean good =
        seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(socket), 1,
                         SCMP_A0(SCMP_CMP_GT, AF_NETLINK)) == 0 &&
        seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(socket), 2, SCMP_A0(SCMP_CMP_EQ, AF_INET),
                         SCMP_A1(SCMP_CMP_MASKED_EQ, 0xf, SOCK_RAW)) == 0 &&
        seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(socket), 2, SCMP_A0(SCMP_CMP_EQ, AF_INET6),
                         SCMP_A1(SCMP_CMP_MASKED_EQ, 0xf, SOCK_RAW)) == 0;
    for (guint domain = AF_INET + 1; good && domain < AF_NETLINK; domain++)
        if (domain != AF_INET6)
            good = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(socket), 1,
                                    SCMP_A0(SCMP_CMP_EQ, domain)) == 0;
    return good;
}

static gboolean enter_seccomp(SandboxReport *report, GError **error) {
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
    gboolean good = filter != NULL && seccomp_attr_set(filter, SCMP_FLTATR_CTL_TSYNC, 1) == 0 &&
                    threads_only(filter) && plain_sockets_only(filter);
    for (guint i = 0; good && i < G_N_ELEMENTS(denied); i++) good = deny(filter, denied[i]);
    int result = good ? seccomp_load(filter) : -EINVAL;
    if (filter != NULL) seccomp_release(filter);
    report->seccomp = result == 0;
    if (result == 0) return TRUE;
    g_set_error(error, FAULT, FAULT_SETUP,
                "seccomp does not close (%s); bridge.sandbox=false would go without", g_strerror(-result));
    return FALSE;
}

gboolean sandbox_enter(const SandboxSettings *settings, SandboxReport *ret_report, GError **error) {
    SandboxReport report = { 0 };
    if (!set_limits(&report, error)) return FALSE;
    if (settings->enabled && !SANITIZED) {
        if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) {
            g_set_error(error, FAULT, FAULT_SETUP, "no_new_privs is refused: %s", g_strerror(errno));
            return FALSE;
        }
        if (!enter_landlock(settings->data, &report, error) || !enter_seccomp(&report, error)) return FALSE;
    }
    *ret_report = report;
    return TRUE;
}
