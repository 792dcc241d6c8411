/* bridge_link.h -- signaling's end of the control link: connects to DATA/run/bridge-0.sock (again and again, 0.1 to 1 s),
 * says hello, carries requests with deadlines and hands events up. Every request is answered exactly once, also when the
 * bridge dies. Thread: server. */
#pragma once

#include "signaling/reactor.h"

#include <glib.h>
#include <jansson.h>

typedef struct BridgeLink BridgeLink;

enum { BRIDGE_DEADLINE_MS = 5000, BRIDGE_WAITING_MAX = 4096 };

typedef struct {
    /* Hello was answered (borrowed): legs, meetings, sandbox, instance. is_new: another instance than last time. */
    void (*up)(gpointer user, json_t *hello, gboolean is_new);
    void (*down)(gpointer user);
    void (*event)(gpointer user, const char *name, json_t *event); /* checked against the table; borrowed */
} BridgeEvents;

/* Exactly once. answer (borrowed) or why. */
typedef void (*BridgeDone)(gpointer user, json_t *answer, const GError *why);

BridgeLink *bridge_link_new(Reactor *loop, const char *socket_path, const char *instance,
                            const BridgeEvents *events, gpointer user);
void bridge_link_free(BridgeLink *link); /* waiting requests get FAULT_GONE; NULL is fine */

gboolean bridge_link_is_up(const BridgeLink *link);
json_t *bridge_link_hello(const BridgeLink *link); /* borrowed: the last hello, NULL before the first */

/* Takes message ({"t": name, fields}); id is added here. done may be NULL, and is
 * never called before this returns. FAULT_GONE: the link is down. */
void bridge_link_request(BridgeLink *link, json_t *message, guint deadline_ms, BridgeDone done,
                         gpointer user);

typedef struct {
    guint64 requests, faults, timeouts, events, bad_messages, connects;
    guint n_waiting;
} BridgeLinkStats;
BridgeLinkStats bridge_link_stats(const BridgeLink *link);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(BridgeLink, bridge_link_free)
