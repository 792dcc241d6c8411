/* cli_archive.h -- backup and restore of a data folder: the database and the certificates. */
#pragma once

#include <glib.h>

/* A backup: the folder is made ready, whoever has the books writes the passing copy into DATA (a server may write nowhere
 * else), and that copy is taken from there into the folder, with DATA/tls. */
gboolean archive_prepare(const char *target,
                         GError **error);         /* FAULT_CONFLICT when a backup is there; FAULT_SETUP */
char *archive_passing_copy(const char *data_dir); /* its path; (transfer full) */
gboolean archive_fill(const char *data_dir, const char *target, GError **error); /* FAULT_SETUP */
/* Puts a backup into DATA. Refused (FAULT_BUSY) while a server runs, (FAULT_CONFLICT) over data that is there unless replace:
 * then what was there, readable or not, is kept beside it under a name with the time. The backup's chain is checked first. */
gboolean archive_restore(const char *source, const char *data_dir, gboolean replace, GError **error);
