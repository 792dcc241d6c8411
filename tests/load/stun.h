/* stun.h -- STUN Binding messages as ICE uses them (RFC 8489, RFC 8445 7): read, checked, and written. Pure. */
#pragma once

#include <glib.h>
#include <netinet/in.h>

enum { STUN_BYTES_MAX = 256, STUN_ID_BYTES = 12 };

typedef enum { STUN_REQUEST = 1, STUN_SUCCESS, STUN_ERROR, STUN_INDICATION } StunClass;

typedef struct {
    StunClass kind;
    guint8 id[STUN_ID_BYTES];
    char username[520]; /* "" when absent */
    gboolean use_candidate;
    guint error_code; /* of STUN_ERROR */
} StunMessage;

/* Reads a Binding message and checks MESSAGE-INTEGRITY with the key (NULL: not checked) and FINGERPRINT when present.
 * FALSE: no Binding message, malformed, or a wrong key. */
gboolean stun_read(const guint8 *bytes, gsize n_bytes, const char *key, StunMessage *ret_message);

/* A check of the controlled side (RFC 8445 7.1). Returns the length, at most STUN_BYTES_MAX, or 0 when it does not fit. */
gsize stun_write_check(guint8 ret_bytes[STUN_BYTES_MAX], const guint8 id[STUN_ID_BYTES], const char *username,
                       const char *key, guint64 tie_breaker, guint32 priority);

/* The answer to a check: where it came from (RFC 8489 14.2). */
gsize stun_write_success(guint8 ret_bytes[STUN_BYTES_MAX], const guint8 id[STUN_ID_BYTES], const char *key,
                         const struct sockaddr_in *from);
