/* ice.c -- the only file that knows libnice.
 * Runs:  on the worker's thread, inside the agent's own GMainContext (loop.c).
 * Rules: signal handlers only leave notes (ice->notes); settle() reads them outside of any dispatch. Sends do not go
 *        through the agent, and media does not come through it where the kernel lets us have a socket of our own beside
 *        the agent's (media_socket.h). After ice_close() the agent closes asynchronously; the last callback frees everything.
 * Not here: whether the peer is still there (transport.c: authenticated packets decide, not the agent's consent checks,
 *        which give up after 10 s in this version). */
#include "bridge/transport/ice.h"

#include "bridge/transport/addresses.h"
#include "bridge/transport/agent_filter.h"
#include "bridge/transport/candidate.h"
#include "bridge/transport/media_socket.h"
#include "bridge/transport/send.h"
#include "config/fault.h"
#include "config/log.h"

#include <errno.h>
#include <nice/agent.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

enum { COMPONENT = 1 };
enum { SHUT_US_MIN = 100000, SHUT_US_MAX = 2000000, CALM_US = 10000000 };
enum { NOTE_GATHERED = 1, NOTE_SELECTED = 2, NOTE_CLOSE = 4, NOTE_CLOSED = 8 };

struct Ice {
    Loop *loop;
    LoopContext *context;
    NiceAgent *agent;
    guint stream;
    guint notes;
    gboolean closing;
    IceEvents events;
    gpointer user;
    char *announce;
    GSocket *socket; /* of the selected pair; a reference of ours */
    IcePath path;
    int media_fd; /* beside that socket; -1: none */
    LoopTimer open_timer;
    gint64 shut_us, flooded_us; /* how long the last time, and when that was */
};

static void note(Ice *ice, guint what) {
    ice->notes |= what;
    netloop_context_settle_later(ice->context);
}

static void on_gathering_done(NiceAgent *agent, guint stream, gpointer data) {
    (void)agent, (void)stream;
    note(data, NOTE_GATHERED);
}

static void on_new_pair(NiceAgent *agent, guint stream, guint component, NiceCandidate *local,
                        NiceCandidate *remote, gpointer data) {
    (void)agent, (void)stream, (void)component, (void)local, (void)remote;
    note(data, NOTE_SELECTED);
}

static void on_received(NiceAgent *agent, guint stream, guint component, guint n_bytes, gchar *bytes,
                        gpointer data) {
    (void)agent, (void)stream, (void)component;
    Ice *ice = data;
    if (!ice->closing) ice->events.datagram(ice->user, (guint8 *)bytes, n_bytes, g_get_monotonic_time());
}

static void on_closed(GObject *agent, GAsyncResult *result, gpointer data) {
    (void)agent, (void)result;
    note(data, NOTE_CLOSED);
}

static gboolean take_media(gpointer data, guint8 *bytes, gsize n_bytes, gint64 arrival_us) {
    Ice *ice = data;
    ice->events.datagram(ice->user, bytes, n_bytes, arrival_us);
    return !ice->closing;
}

static void on_media(gpointer data) {
    Ice *ice = data;
    media_socket_read(ice->media_fd, take_media, ice);
}

static void close_media(Ice *ice) {
    if (ice->media_fd < 0) return;
    netloop_context_set_input(ice->context, -1, NULL);
    close(ice->media_fd);
    ice->media_fd = -1;
}

static void open_media(Ice *ice) {
    close_media(ice);
    ice->media_fd = media_socket_open(ice->path.fd);
    if (ice->media_fd >= 0 && !netloop_context_set_input(ice->context, ice->media_fd, on_media))
        close_media(ice);
}

/* ---- the agent's sockets: what the kernel lets through, and what happens when that is still too much ---- */

static void on_flooded(gpointer data) {
    Ice *ice = data;
    gint64 now_us = g_get_monotonic_time();
    ice->shut_us = now_us - ice->flooded_us < CALM_US ? MIN(ice->shut_us * 2, SHUT_US_MAX) : SHUT_US_MIN;
    ice->flooded_us = now_us;
    netloop_timer_set(ice->loop, &ice->open_timer, now_us + ice->shut_us);
    if (!ice->closing) ice->events.flooded(ice->user, ice->shut_us);
}

G_STATIC_ASSERT((int)GUARD_FDS_MAX >= (int)ADDRESSES_MAX);

/* Where the kernel knows no filters, no socket has one: said once. */
static void open_socket(int fd, const char *ufrag) {
    static atomic_flag told = ATOMIC_FLAG_INIT;
    if (!agent_filter_attach(fd, ufrag) && !atomic_flag_test_and_set(&told))
        log_warn("ice.unfiltered", "why=\"%s\"", g_strerror(errno));
}

/* Also after an ICE restart, which gives new credentials. */
static void open_sockets(Ice *ice) {
    int fds[GUARD_FDS_MAX];
    guint n_fds = 0;
    g_autofree char *ufrag = NULL, *pwd = NULL;
    netloop_context_enter(ice->context);
    nice_agent_get_local_credentials(ice->agent, ice->stream, &ufrag, &pwd);
    g_autoptr(GPtrArray) sockets = nice_agent_get_sockets(ice->agent, ice->stream, COMPONENT);
    netloop_context_leave(ice->context);
    for (guint i = 0; sockets != NULL && i < sockets->len && n_fds < GUARD_FDS_MAX; i++) {
        fds[n_fds] = g_socket_get_fd(sockets->pdata[i]);
        open_socket(fds[n_fds++], ufrag != NULL ? ufrag : "");
    }
    netloop_context_set_guarded(ice->context, fds, n_fds, on_flooded);
}

static void on_open_again(gpointer data, gint64 now_us) {
    (void)now_us;
    open_sockets(data);
}

/* The agent may have moved to another socket or address: both are asked for anew, never remembered. */
static void fetch_path(Ice *ice) {
    NiceCandidate *local = NULL, *remote = NULL;
    netloop_context_enter(ice->context);
    if (nice_agent_get_selected_pair(ice->agent, ice->stream, COMPONENT, &local, &remote)) {
        GSocket *socket = nice_agent_get_selected_socket(ice->agent, ice->stream, COMPONENT);
        if (socket != NULL) {
            gboolean moved = socket != ice->socket;
            g_clear_object(&ice->socket);
            ice->socket = socket;
            memset(&ice->path, 0, sizeof ice->path);
            ice->path.fd = g_socket_get_fd(socket);
            nice_address_copy_to_sockaddr(&remote->addr, &ice->path.to.any);
            ice->path.to_bytes =
                ice->path.to.any.sa_family == AF_INET6 ? sizeof ice->path.to.six : sizeof ice->path.to.four;
            if (moved) open_media(ice);
        }
    }
    netloop_context_leave(ice->context);
}

static void ice_free(Ice *ice) {
    g_clear_object(&ice->agent);
    netloop_context_end(ice->context);
    g_free(ice->announce);
    g_free(ice);
}

static void begin_close(Ice *ice) {
    netloop_context_enter(ice->context);
    g_signal_handlers_disconnect_by_data(ice->agent, ice);
    nice_agent_attach_recv(ice->agent, ice->stream, COMPONENT, netloop_context_peek(ice->context), NULL,
                           NULL);
    nice_agent_close_async(ice->agent, on_closed, ice);
    netloop_context_leave(ice->context);
}

static void settle(gpointer data) {
    Ice *ice = data;
    guint notes = ice->notes;
    ice->notes = 0;
    if (notes & NOTE_CLOSED) {
        ice_free(ice);
        return;
    }
    if (notes & NOTE_CLOSE) begin_close(ice);
    if (ice->closing) return;
    if (notes & NOTE_SELECTED) fetch_path(ice);
    if (notes & NOTE_GATHERED) open_sockets(ice);
    if (notes & NOTE_GATHERED) ice->events.gathered(ice->user);
    if ((notes & NOTE_SELECTED) && !ice->closing && ice->socket != NULL) ice->events.selected(ice->user);
}

/* ---- begin and end ---- */

static NiceAgent *new_agent(GMainContext *context, const IceSettings *settings) {
    NiceAgent *agent =
        nice_agent_new_full(context, NICE_COMPATIBILITY_RFC5245, NICE_AGENT_OPTION_ICE_TRICKLE);
    g_object_set(agent, "upnp", FALSE, "ice-tcp", FALSE, "keepalive-conncheck", TRUE, "controlling-mode",
                 settings->controlling, NULL);
    for (guint i = 0; settings->addresses[i] != NULL; i++) {
        NiceAddress address;
        nice_address_init(&address);
        if (nice_address_set_from_string(&address, settings->addresses[i]))
            nice_agent_add_local_address(agent, &address);
    }
    return agent;
}

static gboolean gather(Ice *ice, const IceSettings *settings) {
    ice->stream = nice_agent_add_stream(ice->agent, COMPONENT);
    if (ice->stream == 0) return FALSE;
    nice_agent_set_port_range(ice->agent, ice->stream, COMPONENT, settings->port_min, settings->port_max);
    nice_agent_set_stream_tos(ice->agent, ice->stream, SEND_SOCKET_TOS);
    nice_agent_attach_recv(ice->agent, ice->stream, COMPONENT, netloop_context_peek(ice->context),
                           on_received, ice);
    return nice_agent_gather_candidates(ice->agent, ice->stream);
}

Ice *ice_new(Loop *loop, const IceSettings *settings, const IceEvents *events, gpointer user,
             GError **error) {
    Ice *ice = g_new0(Ice, 1);
    ice->loop = loop;
    ice->events = *events;
    ice->user = user;
    ice->media_fd = -1;
    ice->open_timer = (LoopTimer){ .fire = on_open_again, .user = ice };
    ice->announce = g_strdup(settings->announce);
    ice->context = netloop_context_new(loop, settle, ice);
    if (ice->context == NULL) {
        g_set_error(error, FAULT, FAULT_FULL, "no room for another connection on this network thread");
        g_free(ice->announce);
        g_free(ice);
        return NULL;
    }
    netloop_context_enter(ice->context);
    ice->agent = new_agent(netloop_context_peek(ice->context), settings);
    g_signal_connect(ice->agent, "candidate-gathering-done", G_CALLBACK(on_gathering_done), ice);
    g_signal_connect(ice->agent, "new-selected-pair-full", G_CALLBACK(on_new_pair), ice);
    gboolean gathered = gather(ice, settings);
    netloop_context_leave(ice->context);
    if (gathered) return ice;
    g_set_error(error, FAULT, FAULT_FULL, "no UDP port free between %u and %u", settings->port_min,
                settings->port_max);
    ice_close(ice);
    return NULL;
}

void ice_close(Ice *ice) {
    if (ice == NULL || ice->closing) return;
    ice->closing = TRUE;
    /* The agent closes its sockets whoever else holds them, and their numbers are given to others: forget them now. */
    close_media(ice);
    netloop_context_set_guarded(ice->context, NULL, 0, NULL);
    netloop_timer_clear(ice->loop, &ice->open_timer);
    g_clear_object(&ice->socket);
    note(ice, NOTE_CLOSE);
}

/* ---- descriptions ---- */

/* Our address as the peer should see it: behind 1:1 NAT the public one, in its own family only. */
static const char *announced(const Ice *ice, const char *address) {
    if (ice->announce == NULL) return address;
    gboolean same_family = (strchr(ice->announce, ':') != NULL) == (strchr(address, ':') != NULL);
    return same_family ? ice->announce : address;
}

static void print_candidate(const Ice *ice, const NiceCandidate *candidate, char *ret_line, gsize n_bytes) {
    char address[NICE_ADDRESS_STRING_LEN];
    nice_address_to_string(&candidate->addr, address);
    g_snprintf(ret_line, (gulong)n_bytes, "%s %u UDP %u %s %u typ host", candidate->foundation,
               candidate->component_id, candidate->priority, announced(ice, address),
               nice_address_get_port(&candidate->addr));
}

void ice_local(const Ice *ice, TransportDescription *ret_local) {
    g_autofree char *ufrag = NULL, *pwd = NULL;
    netloop_context_enter(ice->context);
    nice_agent_get_local_credentials(ice->agent, ice->stream, &ufrag, &pwd);
    GSList *list = nice_agent_get_local_candidates(ice->agent, ice->stream, COMPONENT);
    netloop_context_leave(ice->context);
    g_strlcpy(ret_local->ufrag, ufrag != NULL ? ufrag : "", sizeof ret_local->ufrag);
    g_strlcpy(ret_local->pwd, pwd != NULL ? pwd : "", sizeof ret_local->pwd);
    ret_local->n_candidates = 0;
    for (GSList *i = list; i != NULL && ret_local->n_candidates < TRANSPORT_CANDIDATES_MAX; i = i->next) {
        const NiceCandidate *candidate = i->data;
        if (candidate->type != NICE_CANDIDATE_TYPE_HOST ||
            candidate->transport != NICE_CANDIDATE_TRANSPORT_UDP)
            continue;
        print_candidate(ice, candidate, ret_local->candidates[ret_local->n_candidates++],
                        sizeof ret_local->candidates[0]);
    }
    g_slist_free_full(list, (GDestroyNotify)nice_candidate_free);
}

static NiceCandidate *nice_candidate_from(const Ice *ice, const Candidate *from) {
    NiceCandidate *candidate = nice_candidate_new(NICE_CANDIDATE_TYPE_HOST);
    candidate->component_id = COMPONENT;
    candidate->stream_id = ice->stream;
    candidate->transport = NICE_CANDIDATE_TRANSPORT_UDP;
    candidate->priority = from->priority;
    g_strlcpy(candidate->foundation, from->foundation, NICE_CANDIDATE_MAX_FOUNDATION);
    nice_address_set_from_string(&candidate->addr, from->address);
    nice_address_set_port(&candidate->addr, from->port);
    candidate->base_addr = candidate->addr;
    return candidate;
}

gboolean ice_set_remote(Ice *ice, const TransportDescription *remote, GError **error) {
    gsize n_ufrag = strlen(remote->ufrag), n_pwd = strlen(remote->pwd);
    if (n_ufrag < 4 || n_ufrag > 256 || n_pwd < 22 || n_pwd > 256) { /* RFC 8839 5.4 */
        g_set_error(error, FAULT, FAULT_BAD_INPUT,
                    "ice-ufrag needs 4 to 256 characters and ice-pwd 22 to 256");
        return FALSE;
    }
    GSList *list = NULL;
    for (guint i = 0; i < MIN(remote->n_candidates, TRANSPORT_CANDIDATES_MAX); i++) {
        Candidate candidate;
        if (candidate_parse(remote->candidates[i], &candidate))
            list = g_slist_append(list, nice_candidate_from(ice, &candidate));
    }
    netloop_context_enter(ice->context);
    gboolean set = nice_agent_set_remote_credentials(ice->agent, ice->stream, remote->ufrag, remote->pwd);
    if (set && list != NULL) nice_agent_set_remote_candidates(ice->agent, ice->stream, COMPONENT, list);
    netloop_context_leave(ice->context);
    g_slist_free_full(list, (GDestroyNotify)nice_candidate_free);
    if (!set) g_set_error(error, FAULT, FAULT_BAD_INPUT, "these ICE credentials were not taken");
    return set;
}

gboolean ice_restart(Ice *ice, GError **error) {
    netloop_context_enter(ice->context);
    gboolean restarted = nice_agent_restart_stream(ice->agent, ice->stream);
    netloop_context_leave(ice->context);
    if (!restarted) {
        g_set_error(error, FAULT, FAULT_INTERNAL, "the ICE restart was not taken");
        return FALSE;
    }
    note(ice, NOTE_GATHERED); /* sockets and candidates stay: there is nothing to wait for */
    return TRUE;
}

IcePath ice_path(const Ice *ice) { return ice->socket != NULL ? ice->path : (IcePath){ .fd = -1 }; }
