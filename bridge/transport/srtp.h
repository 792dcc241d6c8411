/* srtp.h -- SRTP and SRTCP of one path (RFC 3711, RFC 7714), both directions.
 * One owner thread. Sending: any SSRC of ours; no packet of one SSRC and sequence number may ever be protected twice (with
 * GCM that would be the same nonce again): packets of an SSRC are sealed in the order of their numbers, any other is refused,
 * and resends go out on the RTX SSRC only. */
#pragma once

#include <glib.h>

/* RFC 5764 and RFC 7714, in our order of preference: a packet of 1100 bytes costs 0.3 us with GCM, 0.9 us with SHA1. */
typedef enum { SRTP_SUITE_AES128_GCM = 1, SRTP_SUITE_AES256_GCM, SRTP_SUITE_AES128_SHA1_80 } SrtpSuite;

enum {
    SRTP_KEY_BYTES_MAX = 46,
    SRTP_OVERHEAD_BYTES_MAX = 20, /* tag of 16, of RTCP the word with E and index */
    SRTP_SSRCS_MAX = 64,          /* of the peer */
    SRTP_SENT_SSRCS_MAX = 1024,
};

typedef struct {
    SrtpSuite suite;
    guint8 send[SRTP_KEY_BYTES_MAX], receive[SRTP_KEY_BYTES_MAX]; /* master key followed by master salt */
} SrtpKeys;

/* Lengths of master key and salt of a suite: 16+12, 32+12, 16+14 bytes. */
guint srtp_suite_key_bytes(SrtpSuite suite);
guint srtp_suite_salt_bytes(SrtpSuite suite);
void srtp_keys_wipe(SrtpKeys *keys);
gboolean srtp_library_init(
    GError **error); /* once per process, before the sandbox: fetches OpenSSL's algorithms */

typedef enum {
    SRTP_OK,
    SRTP_AUTH_FAILED,
    SRTP_REPLAYED,
    SRTP_MALFORMED,
    SRTP_TOO_MANY,
    SRTP_REFUSED
} SrtpVerdict;

typedef struct SrtpPath SrtpPath;
SrtpPath *srtp_path_new(const SrtpKeys *keys, GError **error); /* copies what it needs; wipe yours */
void srtp_path_free(SrtpPath *path);                           /* wipes; NULL is fine */

/* Asks the memory for what sealing a packet will touch; see transport_fetch(). */
void srtp_path_fetch(const SrtpPath *path);

/* The packet lies in two pieces: head has the RTP header with CSRCs and extensions and may go on with the first bytes of the
 * payload, tail has the rest. ret_packet: room for both and SRTP_OVERHEAD_BYTES_MAX more; the payload is written there only
 * encrypted. REFUSED: no newer number than the last, or too many SSRCs; the packet must not be sent. */
SrtpVerdict srtp_path_seal_rtp(SrtpPath *path, const guint8 *head, gsize n_head_bytes, const guint8 *tail,
                               gsize n_tail_bytes, guint8 *ret_packet, gsize *ret_n_bytes);

/* In place; *n_bytes changes. Protecting needs SRTP_OVERHEAD_BYTES_MAX more bytes of room. TOO_MANY: more than
 * SRTP_SSRCS_MAX streams from this peer. Unless OK, the bytes of a packet given to unprotect are worth nothing. */
SrtpVerdict srtp_path_protect_rtp(SrtpPath *path, guint8 *packet, gsize *n_bytes);
SrtpVerdict srtp_path_protect_rtcp(SrtpPath *path, guint8 *packet, gsize *n_bytes);
SrtpVerdict srtp_path_unprotect_rtp(SrtpPath *path, guint8 *packet, gsize *n_bytes);
SrtpVerdict srtp_path_unprotect_rtcp(SrtpPath *path, guint8 *packet, gsize *n_bytes);
