/* srtp.c -- the only file that knows libsrtp2. See srtp.h. */
#include "bridge/transport/srtp.h"

#include "config/fault.h"

#include <srtp2/srtp.h>
#include <string.h>

enum { WINDOW_PACKETS = 1024, RTP_BYTES_MIN = 12, RTCP_BYTES_MIN = 8 };

struct SrtpPath {
    srtp_t send, receive;
    guint32 ssrcs[SRTP_SSRCS_MAX]; /* received and authenticated so far */
    guint n_ssrcs, last;
};

guint srtp_suite_key_bytes(SrtpSuite suite) { return suite == SRTP_SUITE_AES256_GCM ? 32 : 16; }
guint srtp_suite_salt_bytes(SrtpSuite suite) { return suite == SRTP_SUITE_AES128_SHA1_80 ? 14 : 12; }

/* The compiler may not leave this out as a dead store. */
static void wipe(void *bytes, gsize n_bytes) { explicit_bzero(bytes, n_bytes); }

void srtp_keys_wipe(SrtpKeys *keys) { wipe(keys, sizeof *keys); }

gboolean srtp_library_init(GError **error) {
    static gsize once = 0;
    static srtp_err_status_t status = srtp_err_status_fail;
    if (g_once_init_enter(&once)) {
        status = srtp_init();
        g_once_init_leave(&once, 1);
    }
    if (status == srtp_err_status_ok) return TRUE;
    g_set_error(error, FAULT, FAULT_SETUP, "libsrtp2 does not start (code %d)", (int)status);
    return FALSE;
}

static void set_suite(srtp_policy_t *policy, SrtpSuite suite) {
    switch (suite) {
    case SRTP_SUITE_AES128_GCM:
        srtp_crypto_policy_set_aes_gcm_128_16_auth(&policy->rtp);
        srtp_crypto_policy_set_aes_gcm_128_16_auth(&policy->rtcp);
        break;
    case SRTP_SUITE_AES256_GCM:
        srtp_crypto_policy_set_aes_gcm_256_16_auth(&policy->rtp);
        srtp_crypto_policy_set_aes_gcm_256_16_auth(&policy->rtcp);
        break;
    case SRTP_SUITE_AES128_SHA1_80:
        srtp_crypto_policy_set_aes_cm_128_hmac_sha1_80(&policy->rtp);
        srtp_crypto_policy_set_aes_cm_128_hmac_sha1_80(&policy->rtcp);
        break;
    }
}

static gboolean create(srtp_t *ret_session, SrtpSuite suite, const guint8 *key, srtp_ssrc_type_t which,
                       GError **error) {
    guint8 copy[SRTP_KEY_BYTES_MAX]; /* the library's parameter is not const */
    srtp_policy_t policy = { 0 };
    memcpy(copy, key, sizeof copy);
    set_suite(&policy, suite);
    policy.ssrc.type = which;
    policy.key = copy;
    policy.window_size = WINDOW_PACKETS; /* packets asked for again arrive late */
    policy.allow_repeat_tx = 0;
    srtp_err_status_t status = srtp_create(ret_session, &policy);
    wipe(copy, sizeof copy);
    if (status == srtp_err_status_ok) return TRUE;
    g_set_error(error, FAULT, FAULT_INTERNAL, "no SRTP session (code %d)", (int)status);
    return FALSE;
}

SrtpPath *srtp_path_new(const SrtpKeys *keys, GError **error) {
    if (!srtp_library_init(error)) return NULL;
    SrtpPath *path = g_new0(SrtpPath, 1);
    if (create(&path->send, keys->suite, keys->send, ssrc_any_outbound, error) &&
        create(&path->receive, keys->suite, keys->receive, ssrc_any_inbound, error))
        return path;
    srtp_path_free(path);
    return NULL;
}

void srtp_path_free(SrtpPath *path) {
    if (path == NULL) return;
    if (path->send != NULL) srtp_dealloc(path->send); /* wipes its keys */
    if (path->receive != NULL) srtp_dealloc(path->receive);
    g_free(path);
}

static SrtpVerdict verdict(srtp_err_status_t status) {
    switch (status) {
    case srtp_err_status_ok: return SRTP_OK;
    case srtp_err_status_auth_fail:
    case srtp_err_status_no_ctx: return SRTP_AUTH_FAILED;
    case srtp_err_status_replay_fail:
    case srtp_err_status_replay_old:
    case srtp_err_status_pkt_idx_old: return SRTP_REPLAYED;
    case srtp_err_status_bad_param:
    case srtp_err_status_parse_err: return SRTP_MALFORMED;
    default: return SRTP_REFUSED;
    }
}

SrtpVerdict srtp_path_protect_rtp(SrtpPath *path, guint8 *packet, gsize *n_bytes) {
    int n = (int)*n_bytes;
    if (*n_bytes < RTP_BYTES_MIN) return SRTP_MALFORMED;
    srtp_err_status_t status = srtp_protect(path->send, packet, &n);
    *n_bytes = (gsize)n;
    return status == srtp_err_status_ok ? SRTP_OK : SRTP_REFUSED;
}

SrtpVerdict srtp_path_protect_rtcp(SrtpPath *path, guint8 *packet, gsize *n_bytes) {
    int n = (int)*n_bytes;
    if (*n_bytes < RTCP_BYTES_MIN) return SRTP_MALFORMED;
    srtp_err_status_t status = srtp_protect_rtcp(path->send, packet, &n);
    *n_bytes = (gsize)n;
    return status == srtp_err_status_ok ? SRTP_OK : SRTP_REFUSED;
}

static guint32 ssrc_at(const guint8 *packet) {
    return (guint32)packet[0] << 24 | (guint32)packet[1] << 16 | (guint32)packet[2] << 8 | packet[3];
}

static gboolean known_ssrc(SrtpPath *path, guint32 ssrc) {
    if (path->n_ssrcs > 0 && path->ssrcs[path->last] == ssrc) return TRUE;
    for (guint i = 0; i < path->n_ssrcs; i++)
        if (path->ssrcs[i] == ssrc) return path->last = i, TRUE;
    return FALSE;
}

/* The library keeps a state for each SSRC it has authenticated, for ever: a peer that makes up a new one for each packet
 * must not fill the memory. */
static SrtpVerdict unprotect(SrtpPath *path, guint8 *packet, gsize *n_bytes, gsize ssrc_offset,
                             srtp_err_status_t (*open)(srtp_t, void *, int *)) {
    guint32 ssrc = ssrc_at(packet + ssrc_offset);
    gboolean known = known_ssrc(path, ssrc);
    if (!known && path->n_ssrcs == SRTP_SSRCS_MAX) return SRTP_TOO_MANY;
    int n = (int)*n_bytes;
    SrtpVerdict result = verdict(open(path->receive, packet, &n));
    if (result != SRTP_OK) return result;
    if (!known) path->ssrcs[path->n_ssrcs++] = ssrc;
    *n_bytes = (gsize)n;
    return SRTP_OK;
}

SrtpVerdict srtp_path_unprotect_rtp(SrtpPath *path, guint8 *packet, gsize *n_bytes) {
    if (*n_bytes < RTP_BYTES_MIN || *n_bytes > G_MAXUINT16) return SRTP_MALFORMED;
    return unprotect(path, packet, n_bytes, 8, srtp_unprotect);
}

SrtpVerdict srtp_path_unprotect_rtcp(SrtpPath *path, guint8 *packet, gsize *n_bytes) {
    if (*n_bytes < RTCP_BYTES_MIN || *n_bytes > G_MAXUINT16) return SRTP_MALFORMED;
    return unprotect(path, packet, n_bytes, 4, srtp_unprotect_rtcp);
}
