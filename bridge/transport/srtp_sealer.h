/* srtp_sealer.h -- the cryptography of SRTP in one direction, of RTP or of RTCP: session keys (RFC 3711 4.3), kept in OpenSSL
 * contexts whose key schedule is made once, so that a packet costs one new IV. AEAD_AES_128_GCM and AEAD_AES_256_GCM
 * (RFC 7714), AES_CM_128_HMAC_SHA1_80 (RFC 3711 4.1.1, 4.2.1). It knows no sequence of packets: who calls it never gives the
 * same ssrc and index twice to srtp_sealer_seal(). One owner thread. */
#pragma once

#include "bridge/transport/srtp.h"

typedef enum { SRTP_FOR_RTP, SRTP_FOR_RTCP } SrtpUse;

/* By value, so that a path has what a packet needs side by side; nobody but srtp_sealer.c looks inside. */
typedef struct {
    struct evp_cipher_ctx_st *context;
    struct evp_mac_ctx_st *mac; /* AES_CM_128_HMAC_SHA1_80 only */
    guint8 salt[16];            /* session salt, zeros behind it */
    SrtpUse use;
} SrtpSealer;

gboolean srtp_sealer_init(GError **error); /* once per process: fetches the algorithms. FALSE: FAULT_SETUP */

/* Into zeroed memory. master: key followed by salt, not kept. FALSE: FAULT_INTERNAL; clear it all the same. */
gboolean srtp_sealer_set(SrtpSealer *sealer, SrtpSuite suite, SrtpUse use, const guint8 *master,
                         GError **error);
void srtp_sealer_clear(SrtpSealer *sealer); /* wipes; zeroed is fine */

enum { SRTP_TAG_BYTES_MAX = 16 };
guint srtp_tag_bytes(SrtpSuite suite);

/* What a packet is apart from its content. */
typedef struct {
    guint32 ssrc;
    guint64 index;       /* 48 bits of RTP, 31 of RTCP */
    const guint8 *clear; /* authenticated, not encrypted */
    gsize n_clear_bytes;
    guint32
        word; /* authenticated beside the packet: of RTP the roll-over counter, of RTCP the word with E and index */
} SrtpFrame;

/* Content in up to two pieces, the second may be empty; each may lie where its ciphertext goes. */
typedef struct {
    const guint8 *bytes;
    gsize n_bytes;
} SrtpPiece;

/* Writes as many bytes as the pieces have to ret_secret, and srtp_tag_bytes() to ret_tag. FALSE: OpenSSL refused. */
gboolean srtp_sealer_seal(SrtpSealer *sealer, const SrtpFrame *frame, const SrtpPiece pieces[2],
                          guint8 *ret_secret, guint8 *ret_tag);
/* In place. FALSE: not genuine; the bytes are then worth nothing. An SRTCP packet without E is all clear. */
gboolean srtp_sealer_open(SrtpSealer *sealer, const SrtpFrame *frame, guint8 *bytes, gsize n_bytes,
                          const guint8 *tag);
