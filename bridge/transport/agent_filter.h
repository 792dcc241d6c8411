/* agent_filter.h -- what the kernel lets through to an agent's socket. libnice reads a socket until it is empty and answers every
 * STUN request that makes sense: what can be told to be rubbish is dropped before it is queued, at a small part of the cost. */
#pragma once

#include <glib.h>

/* Media, DTLS, and STUN that is whole (magic cookie, length); of its requests those whose USERNAME begins with ufrag and a colon.
 * Also replaces a filter of before. FALSE, with errno: this kernel or socket does not allow it, and everything comes through. */
gboolean agent_filter_attach(int fd, const char *ufrag);
/* Nothing, until another filter is attached. Any thread. */
gboolean agent_filter_shut(int fd);
