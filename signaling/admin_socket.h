/* admin_socket.h -- DATA/run/admin.sock: the command line's way into a running server. One JSON object per line in, one per
 * line out; what the requests mean is in admin.h. Only the owner of the data folder can connect. Thread: server. */
#pragma once

#include "signaling/service.h"

Admin *admin_socket_new(Service *service, const char *path, GError **error); /* FAULT_SETUP */
void admin_socket_free(Admin *admin); /* NULL is fine; removes the socket file */
