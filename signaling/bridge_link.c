/* bridge_link.c -- connect, hello, requests and their answers; see bridge_link.h. */
#include "signaling/bridge_link.h"

#include "config/control.h"
#include "config/fault.h"
#include "config/log.h"

#include <string.h>

enum { RETRY_MIN_MS = 100, RETRY_MAX_MS = 1000, SWEEP_MS = 250 };

typedef struct {
    json_int_t id;
    gint64 deadline_us;
    BridgeDone done;
    gpointer user;
    GError *failed; /* could not even be sent; told in the next turn of the loop, never inside the request */
} Pending;

struct BridgeLink {
    Reactor *loop;
    char *socket_path, *instance;
    BridgeEvents events;
    gpointer user;
    ControlStream *stream;
    gboolean up, closing;
    GError *broken; /* set inside a read, acted on after it */
    ReactorTimer *retry, *sweep, *soon;
    guint retry_ms;
    json_int_t next_id;
    GHashTable *pending; /* id -> Pending */
    json_t *hello;
    BridgeLinkStats stats;
    LogLimiter log_down;
};

static void try_connect(gpointer user);

static void pending_finish(BridgeLink *link, Pending *pending, json_t *answer, const GError *why) {
    g_hash_table_remove(link->pending, GINT_TO_POINTER((int)pending->id));
    if (why != NULL) link->stats.faults++;
    if (pending->done != NULL) pending->done(pending->user, answer, why);
    g_clear_error(&pending->failed);
    g_free(pending);
}

static void fail_all(BridgeLink *link, const GError *why) {
    g_autoptr(GList) all = g_hash_table_get_values(link->pending);
    for (GList *at = all; at != NULL; at = at->next) pending_finish(link, at->data, NULL, why);
}

static void schedule_retry(BridgeLink *link) {
    if (link->closing || link->retry != NULL) return;
    link->retry = reactor_after(link->loop, link->retry_ms, 0, try_connect, link);
    link->retry_ms = MIN(link->retry_ms * 2, RETRY_MAX_MS);
}

static void drop(BridgeLink *link, const char *why) {
    if (link->stream == NULL) return;
    gboolean was_up = link->up;
    link->up = FALSE;
    reactor_unwatch(link->loop, control_stream_fd(link->stream));
    g_clear_pointer(&link->stream, control_stream_free);
    g_clear_error(&link->broken);
    log_warn("bridge.link-down", "why=\"%s\" waiting=%u", why, g_hash_table_size(link->pending));
    g_autoptr(GError) gone = g_error_new(FAULT, FAULT_GONE, "the bridge is not there at the moment");
    fail_all(link, gone);
    if (was_up && link->events.down != NULL) link->events.down(link->user);
    schedule_retry(link);
}

static void take_answer(BridgeLink *link, const char *name, json_t *message) {
    json_int_t id = json_integer_value(json_object_get(message, "re"));
    Pending *pending = g_hash_table_lookup(link->pending, GINT_TO_POINTER((int)id));
    if (pending == NULL) return; /* late: its deadline has passed */
    if (strcmp(name, "ok") == 0) {
        pending_finish(link, pending, message, NULL);
        return;
    }
    g_autoptr(GError) why =
        g_error_new(FAULT, (int)fault_from_word(json_string_value(json_object_get(message, "code"))), "%s",
                    json_string_value(json_object_get(message, "text")));
    pending_finish(link, pending, NULL, why);
}

static void take(gpointer user, json_t *message) {
    BridgeLink *link = user;
    if (link->broken != NULL) return;
    g_autoptr(GError) error = NULL;
    if (!control_check(message, CONTROL_TO_SIGNALING, &error)) {
        link->stats.bad_messages++;
        log_warn("bridge.bad-message", "why=\"%s\"", error->message);
        return;
    }
    const char *name = json_string_value(json_object_get(message, "t"));
    if (strcmp(name, "ok") == 0 || strcmp(name, "fault") == 0) {
        take_answer(link, name, message);
        return;
    }
    link->stats.events++;
    if (link->up) link->events.event(link->user, name, message);
}

static void update_watch(BridgeLink *link);

static void on_ready(gpointer user, int events) {
    BridgeLink *link = user;
    g_autoptr(GError) error = NULL;
    gboolean good = TRUE;
    if (events & REACTOR_WRITE) good = control_stream_flush(link->stream, &error);
    if (good && (events & REACTOR_READ)) good = control_stream_read(link->stream, take, link, &error);
    if (good && link->broken != NULL) {
        error = g_steal_pointer(&link->broken);
        good = FALSE;
    }
    if (!good)
        drop(link, error->message);
    else
        update_watch(link);
}

static void update_watch(BridgeLink *link) {
    if (link->stream == NULL) return;
    int events = REACTOR_READ | (control_stream_wants_write(link->stream) ? REACTOR_WRITE : 0);
    reactor_watch(link->loop, control_stream_fd(link->stream), events, on_ready, link, NULL);
}

static void on_hello(gpointer user, json_t *answer, const GError *why) {
    BridgeLink *link = user;
    if (why != NULL) {
        if (link->stream != NULL && link->broken == NULL) link->broken = g_error_copy(why);
        return;
    }
    json_int_t version = json_integer_value(json_object_get(answer, "version"));
    if (version != CONTROL_VERSION) {
        link->broken =
            g_error_new(FAULT, FAULT_CONFLICT, "bridge speaks version %d of the control link, this is %d",
                        (int)version, CONTROL_VERSION);
        return;
    }
    const char *now = json_string_value(json_object_get(answer, "instance"));
    const char *before =
        link->hello != NULL ? json_string_value(json_object_get(link->hello, "instance")) : NULL;
    gboolean is_new = g_strcmp0(now, before) != 0;
    if (link->hello != NULL) json_decref(link->hello);
    link->hello = json_incref(answer);
    link->up = TRUE;
    link->retry_ms = RETRY_MIN_MS;
    log_info("bridge.link-up", "instance=%s new=%d legs=%zu", now, is_new,
             json_array_size(json_object_get(answer, "legs")));
    link->events.up(link->user, answer, is_new);
}

static Pending *pending_new(BridgeLink *link, guint deadline_ms, BridgeDone done, gpointer user) {
    Pending *pending = g_new0(Pending, 1);
    do {
        pending->id = link->next_id;
        link->next_id = link->next_id % G_MAXINT32 + 1;
    } while (g_hash_table_contains(link->pending, GINT_TO_POINTER((int)pending->id)));
    pending->deadline_us = reactor_now_us() + (gint64)deadline_ms * 1000;
    pending->done = done;
    pending->user = user;
    g_hash_table_insert(link->pending, GINT_TO_POINTER((int)pending->id), pending);
    link->stats.requests++;
    return pending;
}

static void on_soon(gpointer user) {
    BridgeLink *link = user;
    link->soon = NULL;
    g_autoptr(GList) all = g_hash_table_get_values(link->pending);
    for (GList *at = all; at != NULL; at = at->next) {
        Pending *pending = at->data;
        if (pending->failed != NULL) pending_finish(link, pending, NULL, pending->failed);
    }
}

/* Takes why. */
static void fail_soon(BridgeLink *link, Pending *pending, GError *why) {
    pending->failed = why;
    if (link->soon == NULL) link->soon = reactor_after(link->loop, 0, 0, on_soon, link);
}

static void send_request(BridgeLink *link, json_t *message, guint deadline_ms, BridgeDone done,
                         gpointer user) {
    Pending *pending = pending_new(link, deadline_ms, done, user);
    json_object_set_new(message, "id", json_integer(pending->id));
    GError *error = NULL;
    if (!control_stream_send(link->stream, message, &error)) {
        /* The link is full or gone. It is taken down by the next sweep, not here: the caller may stand inside a read. */
        if (link->broken == NULL) link->broken = g_error_copy(error);
        fail_soon(link, pending, error);
    } else {
        update_watch(link);
    }
    json_decref(message);
}

void bridge_link_request(BridgeLink *link, json_t *message, guint deadline_ms, BridgeDone done,
                         gpointer user) {
    const char *what = NULL;
    if (!link->up)
        what = "the bridge is not there at the moment";
    else if (g_hash_table_size(link->pending) >= BRIDGE_WAITING_MAX)
        what = "the bridge is too far behind";
    if (what != NULL) {
        fail_soon(link, pending_new(link, deadline_ms, done, user),
                  g_error_new(FAULT, FAULT_GONE, "%s", what));
        json_decref(message);
        return;
    }
    send_request(link, message, deadline_ms, done, user);
}

static void try_connect(gpointer user) {
    BridgeLink *link = user;
    link->retry = NULL;
    g_autoptr(GError) error = NULL;
    int fd = control_connect(link->socket_path, &error);
    if (fd < 0) {
        if (log_limiter_pass(&link->log_down, reactor_now_us()) && link->stats.connects > 0)
            log_debug("bridge.not-there", "why=\"%s\"", error->message);
        schedule_retry(link);
        return;
    }
    link->stats.connects++;
    link->stream = control_stream_new(fd);
    update_watch(link);
    send_request(
        link,
        json_pack("{s:s, s:i, s:s}", "t", "hello", "version", CONTROL_VERSION, "instance", link->instance),
        BRIDGE_DEADLINE_MS, on_hello, link);
}

/* Deadlines, and links that broke while they could not be taken down. */
static void on_sweep(gpointer user) {
    BridgeLink *link = user;
    gint64 now_us = reactor_now_us();
    g_autoptr(GList) all = g_hash_table_get_values(link->pending);
    for (GList *at = all; at != NULL; at = at->next) {
        Pending *pending = at->data;
        if (pending->deadline_us > now_us) continue;
        link->stats.timeouts++;
        g_autoptr(GError) late = g_error_new(FAULT, FAULT_BUSY, "the bridge did not answer in time");
        pending_finish(link, pending, NULL, late);
    }
    if (link->broken != NULL && link->stream != NULL) {
        g_autoptr(GError) why = g_steal_pointer(&link->broken);
        drop(link, why->message);
    }
}

BridgeLink *bridge_link_new(Reactor *loop, const char *socket_path, const char *instance,
                            const BridgeEvents *events, gpointer user) {
    BridgeLink *link = g_new0(BridgeLink, 1);
    link->loop = loop;
    link->socket_path = g_strdup(socket_path);
    link->instance = g_strdup(instance);
    link->events = *events;
    link->user = user;
    link->next_id = 1;
    link->retry_ms = RETRY_MIN_MS;
    link->pending = g_hash_table_new(NULL, NULL);
    link->sweep = reactor_after(loop, SWEEP_MS, SWEEP_MS, on_sweep, link);
    link->retry = reactor_after(loop, 0, 0, try_connect, link);
    return link;
}

void bridge_link_free(BridgeLink *link) {
    if (link == NULL) return;
    link->closing = TRUE;
    link->events.down = NULL;
    if (link->stream != NULL) {
        drop(link, "closing");
    } else {
        g_autoptr(GError) gone = g_error_new(FAULT, FAULT_GONE, "the server is stopping");
        fail_all(link, gone);
    }
    reactor_cancel(link->loop, &link->retry);
    reactor_cancel(link->loop, &link->sweep);
    reactor_cancel(link->loop, &link->soon);
    g_hash_table_unref(link->pending);
    if (link->hello != NULL) json_decref(link->hello);
    g_clear_error(&link->broken);
    g_free(link->socket_path);
    g_free(link->instance);
    g_free(link);
}

gboolean bridge_link_is_up(const BridgeLink *link) { return link != NULL && link->up; }

json_t *bridge_link_hello(const BridgeLink *link) { return link->hello; }

BridgeLinkStats bridge_link_stats(const BridgeLink *link) {
    BridgeLinkStats stats = link->stats;
    stats.n_waiting = g_hash_table_size(link->pending);
    return stats;
}
