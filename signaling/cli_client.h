/* cli_client.h -- where a request of the command line is answered: by the server that has the data folder, or, when none
 * runs, by the books opened here. */
#pragma once

#include <glib.h>
#include <jansson.h>

/* (transfer full) answer {"ok":...}, or NULL with FAULT_SETUP / FAULT_BUSY. Waits, at most five minutes. */
json_t *cli_ask(const char *data_dir, json_t *request, GError **error);
/* Whether a server answers in this data folder. */
gboolean cli_server_runs(const char *data_dir);
