/* transport.c -- one encrypted path: joins ICE, DTLS and SRTP, tells datagrams apart by their first byte (RFC 7983), and
 * judges by authenticated packets alone whether the peer is still there.
 * In:    datagrams from ice.c. Out: plain RTP and RTCP to the events; protected packets to send.c.
 * Runs:  on its worker's thread. An event may close the transport: it is then freed when the last call has returned.
 * Not here: what a packet means (media/), credentials in SDP (meeting/). Start at on_datagram() and link_event(). */
#include "bridge/transport/transport.h"

#include "bridge/transport/dtls.h"
#include "bridge/transport/ice.h"
#include "bridge/transport/link_table.h"
#include "bridge/transport/process.h"
#include "bridge/transport/send.h"
#include "bridge/transport/srtp.h"
#include "config/fault.h"
#include "config/log.h"

#include <string.h>

enum {
    SILENCE_US_MIN = 5000000,
    SILENCE_US_MAX = 15000000,
    GIVE_UP_US = 30000000,
    PULSE_US = 1000000, /* RTCP while the line is lost */
    EARLY_FLIGHTS_MAX = 4,
    DTLS_WINDOW_US = 100000,
    DTLS_PER_WINDOW = 64, /* a handshake is some ten datagrams; more would only cost time */
    FLOOD_TOLD_US = 60000000,
    LINE_BYTES = 64,
};

struct Transport {
    /* What sending touches lies together: see SrtpPath. */
    TransportState state;
    IcePath path; /* of `selected`; to_bytes 0 before and after */
    SrtpPath *srtp;
    Sender sender;
    TransportStats stats;

    Worker *worker;
    Ice *ice;
    Dtls *dtls;
    TransportEvents events;
    gpointer user;
    gboolean controlling, prefer_active, active, described;
    char fingerprint[128]; /* the peer's; "" before its description */
    guint depth;           /* calls of ours on the stack: not freed below one */
    LoopTimer dtls_timer, judge_timer, later_timer;
    GQueue early;          /* GBytes: DTLS that came before there was a path to answer on */
    gint64 dtls_window_us; /* since when n_dtls counts */
    guint n_dtls;
    gint64 flood_told_us;
    gint64 heard_us, pulse_us;
    gint64 gap_us; /* the longest pause of late between two authenticated packets, slowly forgotten */
};

/* ---- life ---- */

static void transport_free(Transport *transport) {
    g_clear_pointer(&transport->dtls, dtls_free);
    g_clear_pointer(&transport->srtp, srtp_path_free);
    g_queue_clear_full(&transport->early, (GDestroyNotify)g_bytes_unref);
    g_aligned_free(transport);
}

static gboolean has_path(const Transport *transport) { return transport->path.to_bytes != 0; }

static void enter(Transport *transport) { transport->depth++; }

static void leave(Transport *transport) {
    if (--transport->depth == 0 && transport->state == TRANSPORT_CLOSED) transport_free(transport);
}

/* The one place where the state changes. The last thing its callers do: the listener may close us. */
static void link_event(Transport *transport, LinkEvent event, const char *why) {
    TransportState from = transport->state, to;
    if (!link_table_next(from, event, &to)) {
        log_warn("transport.no_row", "state=%s event=%d", transport_state_word(from), (int)event);
        return;
    }
    if (to == from) return;
    transport->state = to;
    Loop *loop = worker_loop(transport->worker);
    if (to == TRANSPORT_FAILED) {
        netloop_timer_clear(loop, &transport->judge_timer);
        netloop_timer_clear(loop, &transport->dtls_timer);
    }
    if (to != TRANSPORT_CLOSED) transport->events.state(transport->user, to, why);
}

/* ---- the judge: is the peer still there? ---- */

/* A receive-only leg may have nothing to say but receiver reports, in an audio-only leg 7 s apart. So the limit is 5 s for
 * a peer that talks steadily, and longer for one whose pauses have been long while all was well. */
static gint64 silence_limit_us(const Transport *transport) {
    return CLAMP(transport->gap_us * 2, SILENCE_US_MIN, SILENCE_US_MAX);
}

static void judge_at(Transport *transport, gint64 due_us) {
    netloop_timer_set(worker_loop(transport->worker), &transport->judge_timer, due_us);
}

static void on_judge(gpointer user, gint64 now_us) {
    Transport *transport = user;
    enter(transport);
    gint64 silence_us = silence_limit_us(transport), limit_us = transport->heard_us + silence_us;
    if (transport->state == TRANSPORT_CONNECTING) {
        link_event(transport, LINK_EV_EXPIRED, "no connection within 30 s");
    } else if (transport->state == TRANSPORT_LIVE && now_us < limit_us) {
        judge_at(transport, limit_us);
    } else if (transport->state == TRANSPORT_LIVE) {
        judge_at(transport, transport->heard_us + GIVE_UP_US);
        char why[48];
        g_snprintf(why, sizeof why, "nothing was heard for %d s", (int)(silence_us / G_USEC_PER_SEC));
        link_event(transport, LINK_EV_SILENCE, why);
    } else if (transport->state == TRANSPORT_LOST && now_us < transport->heard_us + GIVE_UP_US) {
        judge_at(transport, transport->heard_us + GIVE_UP_US);
    } else if (transport->state == TRANSPORT_LOST) {
        link_event(transport, LINK_EV_EXPIRED, "the line did not come back within 30 s");
    }
    leave(transport);
}

static void heard(Transport *transport, gsize n_bytes, gint64 now_us) {
    gint64 gap_us = now_us - transport->heard_us;
    /* A pause that was a lost line says nothing about the peer's habits. */
    if (transport->state == TRANSPORT_LIVE)
        transport->gap_us = MAX(gap_us, transport->gap_us - transport->gap_us / 256);
    transport->heard_us = now_us;
    transport->stats.last_authenticated_us = now_us;
    transport->stats.n_packets_in++;
    transport->stats.n_bytes_in += n_bytes;
    if (transport->state != TRANSPORT_LOST) return;
    judge_at(transport, now_us + silence_limit_us(transport));
    link_event(transport, LINK_EV_HEARD, "");
}

/* ---- DTLS ---- */

static void on_flight(gpointer user, const guint8 *bytes, gsize n_bytes) {
    Transport *transport = user;
    struct iovec packet = { .iov_base = (void *)bytes, .iov_len = n_bytes };
    if (has_path(transport)) send_datagrams(&transport->sender, &transport->path, &packet, 1, TOS_AF41);
}

static void start_media(Transport *transport) {
    g_autoptr(GError) error = NULL;
    SrtpKeys keys = { 0 };
    if (dtls_export(transport->dtls, &keys, &error)) transport->srtp = srtp_path_new(&keys, &error);
    srtp_keys_wipe(&keys);
    if (transport->srtp == NULL) {
        link_event(transport, LINK_EV_BROKEN, error->message);
        return;
    }
    transport->heard_us = transport->stats.last_authenticated_us = g_get_monotonic_time();
    judge_at(transport, transport->heard_us + SILENCE_US_MIN);
    link_event(transport, LINK_EV_KEYS, "");
}

/* After every DTLS call: arms the timer and acts on news. */
static void after_dtls(Transport *transport, DtlsState state, const GError *error) {
    gint64 due_us;
    Loop *loop = worker_loop(transport->worker);
    if (transport->state == TRANSPORT_FAILED || transport->state == TRANSPORT_CLOSED) return;
    if (dtls_deadline(transport->dtls, g_get_monotonic_time(), &due_us))
        netloop_timer_set(loop, &transport->dtls_timer, due_us);
    else
        netloop_timer_clear(loop, &transport->dtls_timer);
    if (state == DTLS_FAILED)
        link_event(transport, LINK_EV_BROKEN, error != NULL ? error->message : "DTLS failed");
    else if (state == DTLS_CLOSED)
        link_event(transport, LINK_EV_BROKEN, "the peer ended the connection");
    else if (state == DTLS_DONE && transport->srtp == NULL)
        start_media(transport);
}

static void on_dtls_due(gpointer user, gint64 now_us) {
    (void)now_us;
    Transport *transport = user;
    g_autoptr(GError) error = NULL;
    enter(transport);
    DtlsState state = dtls_tick(transport->dtls, &error);
    after_dtls(transport, state, error);
    leave(transport);
}

/* They come from whoever has the peer's address. */
static gboolean too_much_dtls(Transport *transport) {
    gint64 now_us = g_get_monotonic_time();
    if (now_us - transport->dtls_window_us >= DTLS_WINDOW_US) {
        transport->dtls_window_us = now_us;
        transport->n_dtls = 0;
    }
    return ++transport->n_dtls > DTLS_PER_WINDOW;
}

static void feed_dtls(Transport *transport, const guint8 *bytes, gsize n_bytes) {
    g_autoptr(GError) error = NULL;
    if (transport->dtls == NULL || !has_path(transport)) {
        /* ICE knows the peer, but not yet which pair to use, or its description is still on the way: wait. */
        if (g_queue_get_length(&transport->early) < EARLY_FLIGHTS_MAX)
            g_queue_push_tail(&transport->early, g_bytes_new(bytes, n_bytes));
        return;
    }
    DtlsState state = dtls_feed(transport->dtls, bytes, n_bytes, &error);
    after_dtls(transport, state, error);
}

/* Both a path and the description are there. */
static void go_on_with_dtls(Transport *transport) {
    if (transport->dtls == NULL || !has_path(transport)) return;
    if (transport->active && dtls_state(transport->dtls) == DTLS_PENDING) {
        g_autoptr(GError) error = NULL;
        DtlsState state = dtls_start(transport->dtls, &error);
        after_dtls(transport, state, error);
    }
    GBytes *bytes;
    while (transport->state == TRANSPORT_CONNECTING &&
           (bytes = g_queue_pop_head(&transport->early)) != NULL) {
        gsize n_bytes;
        const guint8 *data = g_bytes_get_data(bytes, &n_bytes);
        feed_dtls(transport, data, n_bytes);
        g_bytes_unref(bytes);
    }
}

/* ---- datagrams ---- */

static gboolean open_packet(Transport *transport, SrtpVerdict verdict) {
    switch (verdict) {
    case SRTP_OK: return TRUE;
    case SRTP_AUTH_FAILED: transport->stats.n_auth_failed++; return FALSE;
    case SRTP_REPLAYED: transport->stats.n_replayed++; return FALSE;
    default: transport->stats.n_malformed++; return FALSE;
    }
}

static void on_protected(Transport *transport, guint8 *bytes, gsize n_bytes, gint64 arrival_us) {
    if (transport->srtp == NULL || n_bytes < 8) {
        if (transport->srtp == NULL)
            transport->stats.n_early++;
        else
            transport->stats.n_malformed++;
        return;
    }
    gboolean rtcp = bytes[1] >= 192 && bytes[1] <= 223; /* RFC 5761 4 */
    if (!open_packet(transport, rtcp ? srtp_path_unprotect_rtcp(transport->srtp, bytes, &n_bytes)
                                     : srtp_path_unprotect_rtp(transport->srtp, bytes, &n_bytes)))
        return;
    heard(transport, n_bytes, arrival_us);
    if (transport->state != TRANSPORT_LIVE) return;
    if (rtcp)
        transport->events.rtcp(transport->user, bytes, n_bytes, arrival_us);
    else
        transport->events.rtp(transport->user, bytes, n_bytes, arrival_us);
}

static void on_datagram(gpointer user, guint8 *bytes, gsize n_bytes, gint64 arrival_us) {
    Transport *transport = user;
    enter(transport);
    guint8 first = n_bytes > 0 ? bytes[0] : 255;
    if (first >= 128 && first <= 191)
        on_protected(transport, bytes, n_bytes, arrival_us);
    else if (first >= 20 && first <= 63 && !too_much_dtls(transport))
        feed_dtls(transport, bytes, n_bytes);
    else if (first >= 20 && first <= 63)
        transport->stats.n_dtls_excess++;
    else
        transport->stats.n_malformed++;
    leave(transport);
}

static void on_flooded(gpointer user, gint64 closed_us) {
    Transport *transport = user;
    gint64 now_us = g_get_monotonic_time();
    transport->stats.n_floods++;
    if (transport->flood_told_us != 0 && now_us - transport->flood_told_us < FLOOD_TOLD_US) return;
    transport->flood_told_us = now_us;
    enter(transport);
    TransportDescription local = { .n_candidates = 0 };
    ice_local(transport->ice, &local);
    log_warn("transport.flood", "at=\"%s\" closed_ms=%d times=%u",
             local.n_candidates > 0 ? local.candidates[0] : "", (int)(closed_us / 1000),
             (guint)transport->stats.n_floods);
    leave(transport);
}

static void on_gathered(gpointer user) {
    Transport *transport = user;
    enter(transport);
    transport->described = TRUE;
    transport->events.described(transport->user);
    leave(transport);
}

/* What transport_set_remote() left for the next turn: its caller is not called back before it has returned. */
static void on_later(gpointer user, gint64 now_us) {
    (void)now_us;
    Transport *transport = user;
    enter(transport);
    if (transport->state == TRANSPORT_CONNECTING)
        transport->events.state(transport->user, TRANSPORT_CONNECTING, "");
    if (transport->state == TRANSPORT_CONNECTING) go_on_with_dtls(transport);
    leave(transport);
}

static void on_selected(gpointer user) {
    Transport *transport = user;
    enter(transport);
    transport->path = ice_path(transport->ice);
    go_on_with_dtls(transport);
    leave(transport);
}

/* ---- verbs ---- */

Transport *transport_new(Worker *worker, gboolean controlling, const TransportEvents *events, gpointer user,
                         GError **error) {
    static const IceEvents ice_events = {
        .gathered = on_gathered, .selected = on_selected, .datagram = on_datagram, .flooded = on_flooded
    };
    g_assert(worker_is_here(worker));
    IceSettings settings;
    g_auto(GStrv) hold = NULL;
    if (!process_ice_settings(&settings, &hold, error)) return NULL;
    settings.controlling = controlling;
    Transport *transport = g_aligned_alloc0(1, sizeof *transport, LINE_BYTES);
    transport->worker = worker;
    transport->controlling = controlling;
    transport->events = *events;
    transport->user = user;
    transport->state = TRANSPORT_NEW;
    transport->sender.gso = process_gso();
    transport->dtls_timer = (LoopTimer){ .fire = on_dtls_due, .user = transport };
    transport->judge_timer = (LoopTimer){ .fire = on_judge, .user = transport };
    transport->later_timer = (LoopTimer){ .fire = on_later, .user = transport };
    transport->ice = ice_new(worker_loop(worker), &settings, &ice_events, transport, error);
    if (transport->ice != NULL) return transport;
    transport_free(transport);
    return NULL;
}

void transport_prefer_active(Transport *transport) { transport->prefer_active = TRUE; }

void transport_local(const Transport *transport, TransportDescription *ret_local) {
    ice_local(transport->ice, ret_local);
    g_strlcpy(ret_local->fingerprint, transport_fingerprint(), sizeof ret_local->fingerprint);
    if (transport->dtls != NULL)
        ret_local->setup =
            transport->active ? SETUP_ACTIVE : SETUP_PASSIVE; /* decided: a restart may not change it */
    else if (transport->controlling)
        ret_local->setup = SETUP_ACTPASS;
    else
        ret_local->setup = transport->prefer_active ? SETUP_ACTIVE : SETUP_PASSIVE;
}

/* RFC 8842 5: the answerer chooses; an answer may not leave it open. */
static gboolean choose_role(Transport *transport, SetupRole theirs, GError **error) {
    if (theirs == SETUP_ACTPASS && transport->controlling) {
        g_set_error(error, FAULT, FAULT_BAD_INPUT, "an answer must say a=setup:active or a=setup:passive");
        return FALSE;
    }
    if (theirs == SETUP_PASSIVE)
        transport->active = TRUE;
    else
        transport->active = theirs == SETUP_ACTPASS && transport->prefer_active;
    return TRUE;
}

static gboolean begin_dtls(Transport *transport, const TransportDescription *remote, GError **error) {
    if (!choose_role(transport, remote->setup, error)) return FALSE;
    transport->dtls =
        dtls_new(process_identity(), transport->active, remote->fingerprint, on_flight, transport, error);
    if (transport->dtls == NULL) return FALSE;
    g_strlcpy(transport->fingerprint, remote->fingerprint, sizeof transport->fingerprint);
    return TRUE;
}

gboolean transport_set_remote(Transport *transport, const TransportDescription *remote, GError **error) {
    if (!dtls_fingerprint_valid(remote->fingerprint)) {
        g_set_error(error, FAULT, FAULT_BAD_INPUT,
                    "a=fingerprint must be sha-256, sha-384 or sha-512 and hex bytes");
        return FALSE;
    }
    if (transport->dtls != NULL && g_ascii_strcasecmp(transport->fingerprint, remote->fingerprint) != 0) {
        g_set_error(error, FAULT, FAULT_REFUSED, "another fingerprint needs a new connection, not a restart");
        return FALSE;
    }
    if (!ice_set_remote(transport->ice, remote, error)) return FALSE;
    if (transport->dtls == NULL && !begin_dtls(transport, remote, error)) return FALSE;
    gint64 now_us = g_get_monotonic_time();
    if (transport->state == TRANSPORT_NEW) judge_at(transport, now_us + GIVE_UP_US);
    /* The only event that is told later: see on_later(). */
    link_table_next(transport->state, LINK_EV_REMOTE, &transport->state);
    if (transport->state == TRANSPORT_CONNECTING)
        netloop_timer_set(worker_loop(transport->worker), &transport->later_timer, now_us);
    return TRUE;
}

gboolean transport_restart(Transport *transport, GError **error) {
    return ice_restart(transport->ice, error);
}

TransportState transport_state(const Transport *transport) { return transport->state; }

void transport_read_stats(const Transport *transport, TransportStats *ret_stats) {
    *ret_stats = transport->stats;
    ret_stats->n_send_calls = transport->sender.n_calls;
}

void transport_close(Transport *transport) {
    if (transport == NULL || transport->state == TRANSPORT_CLOSED) return;
    enter(transport);
    Loop *loop = worker_loop(transport->worker);
    dtls_close(transport->dtls);
    netloop_timer_clear(loop, &transport->dtls_timer);
    netloop_timer_clear(loop, &transport->judge_timer);
    netloop_timer_clear(loop, &transport->later_timer);
    transport->path = (IcePath){ .fd = -1 };
    ice_close(transport->ice);
    link_event(transport, LINK_EV_CLOSE, "");
    leave(transport);
}

/* ---- sending ---- */

/* Room for one slice: protected packets side by side, each where the cipher may write its tag. */
static _Thread_local guint8 slots[SEND_RUN_MAX][SEND_DATAGRAM_BYTES_MAX + SRTP_OVERHEAD_BYTES_MAX];

static gboolean fill_slot(Transport *transport, guint slot, const RtpOut *packet, struct iovec *ret_packet) {
    gsize n_bytes = (gsize)packet->n_header_bytes + packet->n_payload_bytes;
    if (packet->n_header_bytes > sizeof packet->header ||
        n_bytes + SRTP_OVERHEAD_BYTES_MAX > SEND_DATAGRAM_BYTES_MAX)
        return FALSE;
    /* The shared payload is read once, by the cipher, and written once, encrypted. */
    if (srtp_path_seal_rtp(transport->srtp, packet->header, packet->n_header_bytes, packet->payload,
                           packet->n_payload_bytes, slots[slot], &n_bytes) != SRTP_OK)
        return FALSE;
    *ret_packet = (struct iovec){ .iov_base = slots[slot], .iov_len = n_bytes };
    return TRUE;
}

void transport_fetch(const Transport *transport, gboolean srtp) {
    if (srtp && transport->srtp != NULL) srtp_path_fetch(transport->srtp);
    for (gsize at = 0; !srtp && at < G_STRUCT_OFFSET(Transport, worker); at += LINE_BYTES)
        __builtin_prefetch((const guint8 *)transport + at, 1);
}

guint transport_send_rtp(Transport *transport, const RtpOut *packets, guint n_packets, SendClass send_class) {
    gboolean may_send = transport->state == TRANSPORT_LIVE && has_path(transport);
    guint n_left = 0;
    guint8 tos = send_class == SEND_AUDIO ? TOS_EF : TOS_AF41;
    for (guint at = 0; may_send && at < n_packets; at += SEND_RUN_MAX) {
        struct iovec slice[SEND_RUN_MAX];
        guint n_slice = 0;
        gsize n_bytes = 0;
        for (guint i = at; i < MIN(at + SEND_RUN_MAX, n_packets); i++)
            if (fill_slot(transport, n_slice, &packets[i], &slice[n_slice]))
                n_bytes += slice[n_slice++].iov_len;
        guint n_sent = send_datagrams(&transport->sender, &transport->path, slice, n_slice, tos);
        n_left += n_sent;
        if (n_slice > 0) transport->stats.n_bytes_out += n_bytes * n_sent / n_slice;
    }
    transport->stats.n_packets_out += n_left;
    transport->stats.n_dropped_out += n_packets - n_left;
    return n_left;
}

/* While the line is lost a report a second still leaves: it is what tells the peer, and lets the peer tell us, that the
 * path works again, should both ends be waiting for a sign. */
static gboolean may_send_rtcp(Transport *transport) {
    if (transport->state == TRANSPORT_LIVE) return TRUE;
    gint64 now_us = g_get_monotonic_time();
    if (transport->state != TRANSPORT_LOST || now_us - transport->pulse_us < PULSE_US) return FALSE;
    transport->pulse_us = now_us;
    return TRUE;
}

gboolean transport_send_rtcp(Transport *transport, const guint8 *packet, gsize n_bytes) {
    gboolean left = FALSE;
    if (has_path(transport) && n_bytes + SRTP_OVERHEAD_BYTES_MAX <= SEND_DATAGRAM_BYTES_MAX &&
        may_send_rtcp(transport)) {
        memcpy(slots[0], packet, n_bytes);
        if (srtp_path_protect_rtcp(transport->srtp, slots[0], &n_bytes) == SRTP_OK) {
            struct iovec out = { .iov_base = slots[0], .iov_len = n_bytes };
            left = send_datagrams(&transport->sender, &transport->path, &out, 1, TOS_AF41) == 1;
        }
    }
    if (left) {
        transport->stats.n_packets_out++;
        transport->stats.n_bytes_out += n_bytes;
    } else {
        transport->stats.n_dropped_out++;
    }
    return left;
}
