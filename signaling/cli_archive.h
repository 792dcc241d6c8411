/* cli_archive.h -- backup and restore of a data folder: the database and the certificates. */
#pragma once

#include <glib.h>

/* Copies DATA/tls beside the database that the store has written into target/diemcau.db. FAULT_SETUP. */
gboolean archive_copy_certificates(const char *data_dir, const char *target, GError **error);
/* Puts a backup into DATA. Refused (FAULT_BUSY) while a server runs, (FAULT_CONFLICT) over data that is there unless replace:
 * then what was there is kept beside it under a name with the time. The backup's chain is checked first. */
gboolean archive_restore(const char *source, const char *data_dir, gboolean replace, GError **error);
