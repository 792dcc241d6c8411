/* candidate.h -- pure: one ICE candidate line, RFC 8839 5.1, the value after "a=candidate:". */
#pragma once

#include <glib.h>

typedef struct {
    char foundation[33], address[46];
    guint component, port;
    guint32 priority;
} Candidate;

/* FALSE: not one we can use: not UDP, no plain IP address (names ending in .local are never looked up), port 0, or no
 * candidate line at all. *ret_candidate is then untouched. */
gboolean candidate_parse(const char *line, Candidate *ret_candidate);
