/* process.c -- what all transports share, and the libraries warmed up before the sandbox closes.
 * Runs:  init and end on the main thread; the getters on workers. The address list is looked up again when it is old,
 *        because a room PC's or server's address may change while the bridge runs. */
#include "bridge/transport/process.h"

#include "bridge/transport/addresses.h"
#include "config/fault.h"

#include <string.h>

enum { ADDRESSES_OLD_US = 10000000, WARM_UP_FLIGHTS_MAX = 32 };

static struct {
    gboolean ready;
    guint port_min, port_max;
    gboolean gso;
    char **given, *announce;
    DtlsIdentity *identity;
    GMutex lock; /* addresses and their age */
    char **addresses;
    gint64 looked_us;
} process;

/* ---- warm-up: one handshake between two ends in memory, and packets through both kinds of protection ---- */

typedef struct {
    GQueue datagrams[2]; /* GBytes, for end 0 and end 1 */
} Wire;
typedef struct {
    Wire *wire;
    guint to;
} End;

static void on_flight(gpointer user, const guint8 *bytes, gsize n_bytes) {
    End *end = user;
    g_queue_push_tail(&end->wire->datagrams[end->to], g_bytes_new(bytes, n_bytes));
}

static gboolean shake_hands(Dtls *const ends[2], Wire *wire, GError **error) {
    if (dtls_start(ends[0], error) == DTLS_FAILED) return FALSE;
    for (guint i = 0; i < WARM_UP_FLIGHTS_MAX; i++) {
        guint end = g_queue_is_empty(&wire->datagrams[0]) ? 1 : 0;
        GBytes *bytes = g_queue_pop_head(&wire->datagrams[end]);
        if (bytes == NULL) break;
        gsize n_bytes;
        const guint8 *data = g_bytes_get_data(bytes, &n_bytes);
        DtlsState state = dtls_feed(ends[end], data, n_bytes, error);
        g_bytes_unref(bytes);
        if (state == DTLS_FAILED) return FALSE;
    }
    if (dtls_state(ends[0]) == DTLS_DONE && dtls_state(ends[1]) == DTLS_DONE) return TRUE;
    g_set_error(error, FAULT, FAULT_SETUP, "OpenSSL does not finish a DTLS handshake with itself");
    return FALSE;
}

static gboolean protect_once(SrtpSuite suite, GError **error) {
    SrtpKeys keys = { .suite = suite };
    memset(keys.send, 1, sizeof keys.send);
    memset(keys.receive, 1, sizeof keys.receive);
    SrtpPath *path = srtp_path_new(&keys, error);
    if (path == NULL) return FALSE;
    guint8 packet[64 + SRTP_OVERHEAD_BYTES_MAX] = { 0x80, 111, 0, 1 };
    gsize n_bytes = 64;
    gboolean good = srtp_path_protect_rtp(path, packet, &n_bytes) == SRTP_OK &&
                    srtp_path_unprotect_rtp(path, packet, &n_bytes) == SRTP_OK && n_bytes == 64;
    srtp_path_free(path);
    if (!good)
        g_set_error(error, FAULT, FAULT_SETUP, "OpenSSL cannot protect a packet with suite %d", (int)suite);
    return good;
}

static gboolean warm_up(GError **error) {
    static const SrtpSuite suites[] = { SRTP_SUITE_AES128_GCM, SRTP_SUITE_AES256_GCM,
                                        SRTP_SUITE_AES128_SHA1_80 };
    for (guint i = 0; i < G_N_ELEMENTS(suites); i++)
        if (!protect_once(suites[i], error)) return FALSE;
    Wire wire = { { G_QUEUE_INIT, G_QUEUE_INIT } };
    End outs[2] = { { &wire, 1 }, { &wire, 0 } };
    const char *fingerprint = dtls_identity_fingerprint(process.identity);
    Dtls *ends[2] = { dtls_new(process.identity, TRUE, fingerprint, on_flight, &outs[0], error), NULL };
    if (ends[0] != NULL) ends[1] = dtls_new(process.identity, FALSE, fingerprint, on_flight, &outs[1], error);
    gboolean good = ends[1] != NULL && shake_hands(ends, &wire, error);
    for (guint i = 0; i < 2; i++) {
        dtls_free(ends[i]);
        g_queue_clear_full(&wire.datagrams[i], (GDestroyNotify)g_bytes_unref);
    }
    return good;
}

gboolean transport_global_init(const TransportSettings *settings, GError **error) {
    g_return_val_if_fail(!process.ready, TRUE);
    process.addresses = addresses_choose(settings->addresses, error);
    if (process.addresses == NULL) return FALSE;
    process.looked_us = g_get_monotonic_time();
    process.port_min = settings->port_min;
    process.port_max = settings->port_max;
    process.gso = settings->gso;
    process.given = g_strdupv(settings->addresses);
    process.announce =
        settings->announce != NULL && settings->announce[0] != '\0' ? g_strdup(settings->announce) : NULL;
    process.ready = TRUE;
    if (srtp_library_init(error) && (process.identity = dtls_identity_new(error)) != NULL && warm_up(error))
        return TRUE;
    transport_global_end();
    return FALSE;
}

void transport_global_end(void) {
    if (!process.ready) return;
    g_clear_pointer(&process.identity, dtls_identity_free);
    g_clear_pointer(&process.given, g_strfreev);
    g_clear_pointer(&process.addresses, g_strfreev);
    g_clear_pointer(&process.announce, g_free);
    process.ready = FALSE;
}

const char *transport_fingerprint(void) { return dtls_identity_fingerprint(process.identity); }
const DtlsIdentity *process_identity(void) { return process.identity; }
gboolean process_gso(void) { return process.gso; }

static char **current_addresses(void) {
    g_mutex_lock(&process.lock);
    gint64 now_us = g_get_monotonic_time();
    gboolean given = process.given != NULL && process.given[0] != NULL;
    if (!given && now_us - process.looked_us > ADDRESSES_OLD_US) {
        char **found = addresses_choose(NULL, NULL);
        if (found != NULL) { /* else the old list may still be right */
            g_strfreev(process.addresses);
            process.addresses = found;
        }
        process.looked_us = now_us;
    }
    char **copy = g_strdupv(process.addresses);
    g_mutex_unlock(&process.lock);
    return copy;
}

gboolean process_ice_settings(IceSettings *ret_settings, char ***ret_hold, GError **error) {
    if (!process.ready) {
        g_set_error(error, FAULT, FAULT_INTERNAL, "transport_global_init was not called");
        return FALSE;
    }
    *ret_hold = current_addresses();
    *ret_settings = (IceSettings){
        .port_min = process.port_min,
        .port_max = process.port_max,
        .addresses = (const char *const *)*ret_hold,
        .announce = process.announce,
    };
    return TRUE;
}
