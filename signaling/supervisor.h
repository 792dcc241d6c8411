/* supervisor.h -- the process that systemd sees: starts the signaling server and the bridge, restarts either with
 * back-off, passes stop signals on, and does nothing else. It opens no socket and starts no thread.
 * A child that ends with EXIT_SETUP before it was up for SUPERVISOR_SETTLED_S has said what this machine lacks:
 * the supervisor then stops the other child and ends with the same code. */
#pragma once

#include <glib.h>

enum {
    EXIT_USAGE = 2, /* wrong arguments or settings */
    EXIT_SETUP = 3, /* port taken, folder not writable, plugin missing: told on standard error */
    SUPERVISOR_SETTLED_S = 10,
};

typedef struct {
    const char *name;    /* in log lines: "signaling", "bridge" */
    const char *program; /* path */
    char **arguments;    /* NULL-ended, [0] included */
    char **first_run;    /* more arguments of the first start only, NULL-ended, or NULL */
    gboolean reloads;    /* SIGHUP is passed on to it */
} SupervisorChild;

/* Runs until told to stop (SIGTERM, SIGINT) or a child lacks its set-up. Returns the exit code. children are started in
 * the order given and stopped in the same order. */
int supervisor_run(const SupervisorChild *children, guint n_children);
