/* sandbox.h -- the walls around the process that parses hostile bytes. Entered once, on the main thread, when everything
 * that needs files or programs has been opened, and before the first packet. There is no way back. */
#pragma once

#include <glib.h>

typedef struct {
    gboolean enabled; /* FALSE: limits only */
    const char *data; /* the data folder: run/ and recordings/ in it may be written, nothing else */
} SandboxSettings;

typedef struct {
    gboolean landlock; /* files: read /usr and what drawing and TLS need; FALSE: this kernel has it not */
    guint landlock_abi;
    gboolean
        seccomp; /* no new program, no tracing, no mounting, no raw sockets; also for threads that run already */
    guint64 files_max; /* soft limit of open files now */
} SandboxReport;

/* FALSE: FAULT_SETUP, in words, and nothing may be served. In sanitizer builds as if not enabled. */
gboolean sandbox_enter(const SandboxSettings *settings, SandboxReport *ret_report, GError **error);
