/* Door: what a peer that has the keys may send, and whoever stands in between may make of it. The first byte picks suite and
 * kind; then pieces, the first byte of each telling its length. Each piece comes once as it is (no tag fits), and once
 * protected by the other end, where it must be opened and be the same again, or be refused on both sides. */
#include "bridge/transport/srtp.h"

#include <stdint.h>
#include <string.h>

typedef SrtpVerdict Change(SrtpPath *path, guint8 *packet, gsize *n_bytes);

static void pass(SrtpPath *from, SrtpPath *to, Change *protect, Change *open, const guint8 *bytes,
                 gsize n_bytes) {
    /* Just as large as the piece: whatever is read behind it is found. */
    guint8 *raw = g_memdup2(bytes, n_bytes), *sealed = g_malloc(n_bytes + SRTP_OVERHEAD_BYTES_MAX);
    gsize n = n_bytes;
    g_assert(open(to, raw, &n) != SRTP_OK);
    n = n_bytes;
    if (n_bytes > 0) memcpy(sealed, bytes, n_bytes);
    if (protect(from, sealed, &n) == SRTP_OK) {
        guint8 *copy = g_memdup2(sealed, n);
        gsize n_copy = n;
        copy[n_bytes % n] ^= 1;
        g_assert(open(to, copy, &n_copy) != SRTP_OK);
        g_assert(open(to, sealed, &n) == SRTP_OK);
        g_assert(n == n_bytes && memcmp(sealed, bytes, n) == 0);
        g_free(copy);
    }
    g_free(raw);
    g_free(sealed);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes) {
    if (n_bytes < 1) return 0;
    SrtpKeys keys = { .suite = (SrtpSuite)(SRTP_SUITE_AES128_GCM + data[0] % 3) };
    gboolean rtcp = data[0] & 0x80;
    memset(keys.send, 1, sizeof keys.send);
    memset(keys.receive, 1, sizeof keys.receive);
    SrtpPath *from = srtp_path_new(&keys, NULL), *to = srtp_path_new(&keys, NULL);
    g_assert(from != NULL && to != NULL);
    for (size_t at = 1; at < n_bytes;) {
        size_t n = data[at] < n_bytes - at - 1 ? data[at] : n_bytes - at - 1;
        pass(from, to, rtcp ? srtp_path_protect_rtcp : srtp_path_protect_rtp,
             rtcp ? srtp_path_unprotect_rtcp : srtp_path_unprotect_rtp, data + at + 1, n);
        at += n + 1;
    }
    srtp_path_free(from);
    srtp_path_free(to);
    return 0;
}
