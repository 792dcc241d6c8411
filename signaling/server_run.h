/* server_run.h -- one run of the signaling process: opens the books, links to the bridge, opens the ports, serves until told to
 * stop, closes in order. */
#pragma once

#include "config/settings.h"

typedef struct {
    const char *data_dir;
    gboolean trial;     /* set up what a first meeting needs */
    gboolean first_run; /* of this supervisor: wait longer for the bridge, print the links */
} ServerOptions;

/* Before the first thread is started: a thread that does not block them would take the stop signals and end the process. */
void server_block_signals(void);

/* Returns the exit code: EXIT_SUCCESS, or EXIT_SETUP after a sentence on standard error. Blocks. */
int server_run(const Settings *settings, const ServerOptions *options);
