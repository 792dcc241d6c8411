/* transport_description.h -- what SDP says of one side's transport (RFC 8839, RFC 8842): plain text fields that negotiate.h
 * reads and writes and transport.h makes and takes. Strings are NUL-ended. */
#pragma once

#include <glib.h>

enum { TRANSPORT_CANDIDATES_MAX = 16 };
typedef enum { SETUP_ACTPASS = 1, SETUP_ACTIVE, SETUP_PASSIVE } SetupRole;
typedef struct {
    char ufrag[257], pwd[257];
    char fingerprint[128]; /* "sha-256 AB:.." */
    SetupRole setup;
    guint n_candidates;
    char candidates[TRANSPORT_CANDIDATES_MAX][160]; /* value of a=candidate: without the prefix */
} TransportDescription;
