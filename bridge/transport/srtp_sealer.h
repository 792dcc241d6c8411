/* srtp_sealer.h -- the cryptography of SRTP in one direction, of RTP or of RTCP: session keys (RFC 3711 4.3), for
 * AEAD_AES_128_GCM and AEAD_AES_256_GCM (RFC 7714) and AES_CM_128_HMAC_SHA1_80 (RFC 3711 4.1.1, 4.2.1). The sealers of a thread
 * share one OpenSSL context for each cipher: it stays in the cache, and to make a key's schedule anew costs less than to fetch
 * the one of a context that nobody touched for 20 ms. It knows no sequence of packets: who calls it never gives the same ssrc
 * and index twice to srtp_sealer_seal(). One owner thread. */
#pragma once

#include "bridge/transport/srtp.h"

typedef enum { SRTP_FOR_RTP, SRTP_FOR_RTCP } SrtpUse;

/* By value, so that a path has what a packet needs side by side; nobody but srtp_sealer.c looks inside. */
typedef struct {
    struct evp_mac_ctx_st *mac; /* AES_CM_128_HMAC_SHA1_80 only */
    guint64 serial;             /* of its key: never given twice */
    guint8 key[32];
    guint8 salt[16]; /* session salt, zeros behind it */
    guint8 use;      /* SrtpUse */
    guint8 suite;    /* SrtpSuite */
} SrtpSealer;

gboolean srtp_sealer_init(GError **error); /* once per process: fetches the algorithms. FALSE: FAULT_SETUP */

/* Into zeroed memory. master: key followed by salt, not kept. FALSE: FAULT_INTERNAL; clear it all the same. */
gboolean srtp_sealer_set(SrtpSealer *sealer, SrtpSuite suite, SrtpUse use, const guint8 *master,
                         GError **error);
/* Wipes; zeroed is fine. The thread's context has its key until the next packet, or the thread's end. */
void srtp_sealer_clear(SrtpSealer *sealer);

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
