/* path.c -- see path.h. One struct for both makes: what differs is short, what is common is the events. */
#include "tests/load/path.h"

#include "bridge/transport/dtls.h"
#include "bridge/wire/negotiate.h"
#include "config/fault.h"
#include "tests/load/stun.h"

#include <arpa/inet.h>
#include <string.h>

enum {
    CHECK_FIRST_US = 50 * 1000,
    CHECK_LAST_US = 800 * 1000,
    CONSENT_US = 5 * G_USEC_PER_SEC, /* RFC 7675 5.1 */
    SILENCE_US = 12 * G_USEC_PER_SEC,
    CONNECT_US = 20 * G_USEC_PER_SEC,
    PACKET_BYTES_MAX = 1400,
    REMOTES_MAX = 8,
};

struct Path {
    PathEvents events;
    gpointer user;
    gboolean live, dead, told_described;
    /* nice */
    Transport *transport;
    /* fast */
    Net *net;
    guint socket;
    TransportDescription local, remote;
    guint n_remotes;
    struct sockaddr_in remotes[REMOTES_MAX];
    struct sockaddr_in selected;
    gboolean is_selected, rechecking; /* rechecking: after a restart, the pair is looked for again */
    guint64 tie_breaker;
    guint8 check_id[STUN_ID_BYTES];
    gint64 check_due_us, check_step_us, started_us, heard_us, media_us;
    Dtls *dtls;
    SrtpPath *srtp;
};

static DtlsIdentity *identity;

gboolean path_global_init(GError **error) {
    if (!srtp_library_init(error)) return FALSE;
    identity = dtls_identity_new(error);
    return identity != NULL;
}

void path_global_end(void) { g_clear_pointer(&identity, dtls_identity_free); }

static void fail(Path *path, const char *why) {
    if (path->dead) return;
    path->dead = TRUE;
    path->live = FALSE;
    path->events.failed(path->user, why);
}

/* ---- nice: the bridge's transport, seen as a path ---- */

static void on_described(gpointer user) {
    Path *path = user;
    path->events.described(path->user);
}

static void on_state(gpointer user, TransportState state, const char *why) {
    Path *path = user;
    gboolean was_live = path->live;
    path->live = state == TRANSPORT_LIVE;
    if (path->live && !was_live) path->events.live(path->user);
    if (state == TRANSPORT_FAILED || state == TRANSPORT_CLOSED)
        fail(path, *why != '\0' ? why : "the transport ended");
}

static void on_rtp(gpointer user, guint8 *packet, gsize n_bytes, gint64 arrival_us) {
    Path *path = user;
    path->events.rtp(path->user, packet, n_bytes, arrival_us);
}

static void on_rtcp(gpointer user, guint8 *packet, gsize n_bytes, gint64 arrival_us) {
    Path *path = user;
    path->events.rtcp(path->user, packet, n_bytes, arrival_us);
}

Path *path_new_nice(Worker *worker, const PathEvents *events, gpointer user, GError **error) {
    static const TransportEvents EVENTS = { on_described, on_state, on_rtp, on_rtcp };
    Path *path = g_new0(Path, 1);
    path->events = *events;
    path->user = user;
    path->transport = transport_new(worker, FALSE, &EVENTS, path, error);
    if (path->transport == NULL) {
        g_free(path);
        return NULL;
    }
    transport_prefer_active(path->transport);
    return path;
}

/* ---- fast: ICE ---- */

static void random_text(char *ret_text, guint n) {
    static const char LETTERS[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (guint i = 0; i < n; i++) ret_text[i] = LETTERS[g_random_int_range(0, 64)];
    ret_text[n] = '\0';
}

static void describe(Path *path) {
    random_text(path->local.ufrag, 8);
    random_text(path->local.pwd, 24);
    path->local.n_candidates = 1;
    negotiate_host_candidate(path->local.candidates[0], sizeof path->local.candidates[0], 0,
                             net_host(path->net), net_port(path->net, path->socket));
}

Path *path_new_fast(Net *net, guint socket, const PathEvents *events, gpointer user) {
    Path *path = g_new0(Path, 1);
    path->events = *events;
    path->user = user;
    path->net = net;
    path->socket = socket;
    path->tie_breaker = (guint64)g_random_int() << 32 | g_random_int();
    describe(path);
    g_strlcpy(path->local.fingerprint, dtls_identity_fingerprint(identity), sizeof path->local.fingerprint);
    path->local.setup = SETUP_ACTIVE;
    return path;
}

static void send_check(Path *path, const struct sockaddr_in *to) {
    guint8 bytes[STUN_BYTES_MAX];
    g_autofree char *username = g_strdup_printf("%s:%s", path->remote.ufrag, path->local.ufrag);
    /* Peer-reflexive preference: what the server learns of us is such a candidate. */
    guint32 priority = (110u << 24) | (65535u << 8) | 255u;
    gsize n =
        stun_write_check(bytes, path->check_id, username, path->remote.pwd, path->tie_breaker, priority);
    if (n > 0) net_send(path->net, path->socket, to, bytes, n);
}

static void new_check_id(Path *path) {
    for (guint i = 0; i < STUN_ID_BYTES; i++) path->check_id[i] = (guint8)g_random_int();
}

static void send_dtls(gpointer user, const guint8 *bytes, gsize n_bytes) {
    Path *path = user;
    net_send(path->net, path->socket, &path->selected, bytes, n_bytes);
}

static void go_live(Path *path) {
    g_autoptr(GError) error = NULL;
    SrtpKeys keys;
    if (dtls_export(path->dtls, &keys, &error)) path->srtp = srtp_path_new(&keys, &error);
    srtp_keys_wipe(&keys);
    if (path->srtp == NULL) {
        fail(path, error->message);
        return;
    }
    path->live = TRUE;
    path->events.live(path->user);
}

static void follow_dtls(Path *path, DtlsState state, const GError *error) {
    if (state == DTLS_DONE && path->srtp == NULL)
        go_live(path);
    else if (state == DTLS_FAILED)
        fail(path, error != NULL ? error->message : "DTLS failed");
    else if (state == DTLS_CLOSED)
        fail(path, "the other side closed");
}

static void select_pair(Path *path, const struct sockaddr_in *remote) {
    g_autoptr(GError) error = NULL;
    path->selected = *remote;
    if (path->is_selected) return;
    path->is_selected = TRUE;
    path->dtls = dtls_new(identity, TRUE, path->remote.fingerprint, send_dtls, path, &error);
    if (path->dtls == NULL)
        fail(path, error->message);
    else
        follow_dtls(path, dtls_start(path->dtls, &error), error);
}

static void on_stun(Path *path, const guint8 *bytes, gsize n_bytes, const struct sockaddr_in *from,
                    gint64 now_us) {
    StunMessage message;
    gboolean request = n_bytes > 1 && bytes[0] == 0 && bytes[1] == 1;
    if (!stun_read(bytes, n_bytes, request ? path->local.pwd : path->remote.pwd, &message)) return;
    path->heard_us = now_us;
    if (message.kind == STUN_REQUEST) {
        guint8 answer[STUN_BYTES_MAX];
        gsize n = stun_write_success(answer, message.id, path->local.pwd, from);
        if (n > 0) net_send(path->net, path->socket, from, answer, n);
        if (message.use_candidate && path->is_selected) path->selected = *from;
    } else if (message.kind == STUN_SUCCESS && memcmp(message.id, path->check_id, STUN_ID_BYTES) == 0) {
        path->check_due_us = now_us + CONSENT_US;
        if (!path->is_selected || path->rechecking) select_pair(path, from);
        path->rechecking = FALSE;
    }
}

static void on_datagram(gpointer user, guint8 *bytes, gsize n_bytes, const struct sockaddr_in *from,
                        gint64 now_us) {
    Path *path = user;
    g_autoptr(GError) error = NULL;
    switch (datagram_kind(bytes, n_bytes)) {
    case DATAGRAM_STUN: on_stun(path, bytes, n_bytes, from, now_us); break;
    case DATAGRAM_DTLS:
        if (path->dtls != NULL) follow_dtls(path, dtls_feed(path->dtls, bytes, n_bytes, &error), error);
        break;
    case DATAGRAM_RTP:
        if (path->srtp == NULL || srtp_path_unprotect_rtp(path->srtp, bytes, &n_bytes) != SRTP_OK) break;
        path->heard_us = path->media_us = now_us;
        path->events.rtp(path->user, bytes, n_bytes, now_us);
        break;
    case DATAGRAM_RTCP:
        if (path->srtp == NULL || srtp_path_unprotect_rtcp(path->srtp, bytes, &n_bytes) != SRTP_OK) break;
        path->heard_us = path->media_us = now_us;
        path->events.rtcp(path->user, bytes, n_bytes, now_us);
        break;
    default: break;
    }
}

static void forget_remotes(Path *path) {
    for (guint i = 0; i < path->n_remotes; i++) net_route(path->net, &path->remotes[i], NULL, NULL);
    path->n_remotes = 0;
}

static void read_remotes(Path *path) {
    forget_remotes(path);
    for (guint i = 0; i < path->remote.n_candidates && path->n_remotes < REMOTES_MAX; i++) {
        struct sockaddr_in *remote = &path->remotes[path->n_remotes];
        char address[64];
        guint16 port;
        guint32 priority;
        if (!negotiate_read_candidate(path->remote.candidates[i], address, sizeof address, &port, &priority))
            continue;
        *remote = (struct sockaddr_in){ .sin_family = AF_INET, .sin_port = htons(port) };
        if (inet_pton(AF_INET, address, &remote->sin_addr) != 1) continue;
        net_route(path->net, remote, on_datagram, path);
        path->n_remotes++;
    }
}

static gboolean set_remote_fast(Path *path, const TransportDescription *remote, gint64 now_us,
                                GError **error) {
    path->remote = *remote;
    read_remotes(path);
    if (path->n_remotes == 0 || !dtls_fingerprint_valid(remote->fingerprint)) {
        g_set_error(error, FAULT, FAULT_BAD_INPUT, "the server's offer has %s",
                    path->n_remotes == 0 ? "no IPv4 candidate" : "no fingerprint that we know");
        return FALSE;
    }
    new_check_id(path);
    path->started_us = path->heard_us = now_us;
    path->check_step_us = CHECK_FIRST_US;
    path->check_due_us = now_us;
    return TRUE;
}

static void tick_checks(Path *path, gint64 now_us) {
    if (path->started_us == 0 || now_us < path->check_due_us) return;
    if (path->is_selected && !path->rechecking) { /* consent */
        new_check_id(path);
        send_check(path, &path->selected);
        path->check_due_us = now_us + CONSENT_US;
        return;
    }
    for (guint i = 0; i < path->n_remotes; i++) send_check(path, &path->remotes[i]);
    path->check_due_us = now_us + path->check_step_us;
    path->check_step_us = MIN(path->check_step_us * 2, CHECK_LAST_US);
}

static void tick_fast(Path *path, gint64 now_us) {
    g_autoptr(GError) error = NULL;
    gint64 due_us;
    if (!path->told_described) {
        path->told_described = TRUE;
        path->events.described(path->user);
    }
    tick_checks(path, now_us);
    if (path->dtls != NULL && path->srtp == NULL && dtls_deadline(path->dtls, now_us, &due_us) &&
        due_us <= now_us)
        follow_dtls(path, dtls_tick(path->dtls, &error), error);
    if (path->started_us == 0 || path->dead) return;
    if (!path->live && now_us - path->started_us > CONNECT_US)
        fail(path, "not connected within 20 s");
    else if (path->live && now_us - path->heard_us > SILENCE_US)
        fail(path, "nothing heard for 12 s");
}

/* ---- both ---- */

/* The lower tie-breaker gives way; it is compared only when both sides claim the same role. */
void path_yield_control(Path *path) { path->tie_breaker = 0; }

void path_local(const Path *path, TransportDescription *ret_local) {
    if (path->transport != NULL)
        transport_local(path->transport, ret_local);
    else
        *ret_local = path->local;
}

gboolean path_set_remote(Path *path, const TransportDescription *remote, gint64 now_us, GError **error) {
    if (path->transport != NULL) return transport_set_remote(path->transport, remote, error);
    return set_remote_fast(path, remote, now_us, error);
}

gboolean path_restart(Path *path, GError **error) {
    if (path->transport != NULL) return transport_restart(path->transport, error);
    describe(path);
    path->rechecking = path->is_selected;
    path->told_described = FALSE;
    path->started_us = 0; /* no check before the other side is known again */
    return TRUE;
}

void path_tick(Path *path, gint64 now_us) {
    if (path->transport == NULL && !path->dead) tick_fast(path, now_us);
}

gboolean path_is_live(const Path *path) { return path != NULL && path->live; }

gboolean path_is_deaf(const Path *path, gint64 for_us, gint64 now_us) {
    return path_is_live(path) && path->transport == NULL && path->media_us != 0 &&
           now_us - path->media_us > for_us;
}

gboolean path_send_rtp(Path *path, const RtpOut *packet, SendClass send_class) {
    gsize n = packet->n_header_bytes + packet->n_payload_bytes;
    guint8 *room;
    if (!path->live) return FALSE;
    if (path->transport != NULL) return transport_send_rtp(path->transport, packet, 1, send_class) == 1;
    if (n > PACKET_BYTES_MAX) return FALSE;
    room = net_reserve(path->net, path->socket, &path->selected, n + SRTP_OVERHEAD_BYTES_MAX);
    memcpy(room, packet->header, packet->n_header_bytes);
    memcpy(room + packet->n_header_bytes, packet->payload, packet->n_payload_bytes);
    if (srtp_path_protect_rtp(path->srtp, room, &n) != SRTP_OK) return FALSE;
    net_commit(path->net, path->socket, n);
    return TRUE;
}

gboolean path_send_rtcp(Path *path, const guint8 *packet, gsize n_bytes) {
    guint8 *room;
    if (!path->live) return FALSE;
    if (path->transport != NULL) return transport_send_rtcp(path->transport, packet, n_bytes);
    if (n_bytes > PACKET_BYTES_MAX) return FALSE;
    room = net_reserve(path->net, path->socket, &path->selected, n_bytes + SRTP_OVERHEAD_BYTES_MAX);
    memcpy(room, packet, n_bytes);
    if (srtp_path_protect_rtcp(path->srtp, room, &n_bytes) != SRTP_OK) return FALSE;
    net_commit(path->net, path->socket, n_bytes);
    return TRUE;
}

void path_free(Path *path) {
    if (path == NULL) return;
    if (path->transport != NULL) transport_close(path->transport);
    forget_remotes(path);
    if (path->dtls != NULL && path->live) {
        dtls_close(path->dtls);
        net_flush(path->net);
    }
    g_clear_pointer(&path->dtls, dtls_free);
    g_clear_pointer(&path->srtp, srtp_path_free);
    g_free(path);
}
