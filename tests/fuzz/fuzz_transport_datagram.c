/* Door: datagrams of a peer that ICE has let in: the first byte of each piece of input tells its length, then DTLS or SRTP
 * takes it as it would on a path that is just being set up. */
#include "bridge/transport/dtls.h"

#include <stdint.h>
#include <string.h>

static void on_flight(gpointer user, const guint8 *bytes, gsize n_bytes) {
    (void)user, (void)bytes, (void)n_bytes;
}

static void feed(Dtls *dtls, SrtpPath *path, const guint8 *bytes, gsize n_bytes) {
    guint8 copy[300];
    gsize n = n_bytes;
    memcpy(copy, bytes, n_bytes);
    if (n_bytes > 1 && copy[0] >= 128 && copy[0] <= 191) {
        SrtpVerdict verdict = copy[1] >= 192 && copy[1] <= 223 ? srtp_path_unprotect_rtcp(path, copy, &n)
                                                               : srtp_path_unprotect_rtp(path, copy, &n);
        g_assert(verdict != SRTP_OK); /* nobody guesses a tag */
    } else {
        g_assert(dtls_feed(dtls, copy, n, NULL) != DTLS_DONE);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes) {
    static DtlsIdentity *identity;
    if (identity == NULL) identity = dtls_identity_new(NULL);
    SrtpKeys keys = { .suite = SRTP_SUITE_AES128_GCM };
    memset(keys.send, 1, sizeof keys.send);
    memset(keys.receive, 2, sizeof keys.receive);
    SrtpPath *path = srtp_path_new(&keys, NULL);
    Dtls *dtls =
        dtls_new(identity, n_bytes % 2 == 1, dtls_identity_fingerprint(identity), on_flight, NULL, NULL);
    dtls_start(dtls, NULL);
    for (size_t at = 0; at < n_bytes;) {
        size_t n = data[at] < n_bytes - at - 1 ? data[at] : n_bytes - at - 1;
        feed(dtls, path, data + at + 1, n);
        at += n + 1;
    }
    dtls_free(dtls);
    srtp_path_free(path);
    return 0;
}
