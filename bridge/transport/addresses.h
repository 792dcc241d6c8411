/* addresses.h -- which local addresses the agents listen on. */
#pragma once

#include <glib.h>

enum { ADDRESSES_MAX = 16 };

/* given: from the settings (NULL or empty: look). Found are the addresses of all interfaces that are up but loopback,
 * link-local and container bridges (docker*, veth*, br-*, virbr*, cni*, lxc*, podman*); loopback when nothing else is up.
 * NULL-ended, (transfer full). NULL: FAULT_BAD_INPUT names a given address that is none,
 * FAULT_SETUP one that is not this machine's; FAULT_SETUP too when there is none. */
char **addresses_choose(char *const *given, GError **error);

/* For the test: would an interface of this name and this address be offered? */
gboolean addresses_wanted(const char *interface, const char *address);
