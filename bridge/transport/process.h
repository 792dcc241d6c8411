/* process.h -- what all transports of the process share: settings, certificate, local addresses.
 * Set up by transport_global_init(); read on worker threads. */
#pragma once

#include "bridge/transport/dtls.h"
#include "bridge/transport/ice.h"

const DtlsIdentity *process_identity(void);
gboolean process_gso(void);
/* Ice settings of now; *ret_hold keeps the addresses alive. (transfer full, g_strfreev) FALSE: FAULT_SETUP. */
gboolean process_ice_settings(IceSettings *ret_settings, char ***ret_hold, GError **error);
