/* service.h -- what the parts of the signaling server share: one struct, made and taken down by server_run.c.
 * Thread: server. Everything in it lives on that thread; others only wake it. */
#pragma once

#include "config/settings.h"
#include "signaling/bridge_link.h"
#include "signaling/office.h"
#include "signaling/reactor.h"
#include "signaling/tls.h"

typedef struct SessionTable SessionTable;   /* session.h */
typedef struct LegTable LegTable;           /* session_legs.h */
typedef struct Broadcast Broadcast;         /* session_broadcast.h */
typedef struct Scenes Scenes;               /* session_scene.h */
typedef struct SpeakingTable SpeakingTable; /* session_speaking.h */
typedef struct Admin Admin;                 /* admin_socket.h */

typedef struct {
    guint64 http_requests, http_refused, ws_opened, ws_refused, ws_messages, ws_too_slow, ws_bytes_out;
    guint64 commands, commands_refused;
    gint64 commit_us_max;
    guint64 commit_us_sum, n_commits;
} ServiceStats;

typedef struct Service {
    const Settings *settings;
    const char *data_dir;
    char *instance; /* names this run of the server */
    gint64 epoch;   /* of scenes: larger at each start */
    gint64 started_us;
    Reactor *loop;
    Office *office;
    char *web_root;
    GHashTable *web_files; /* http_static.c */
    TlsFiles *tls;         /* NULL while https is off */
    BridgeLink *bridge;
    SessionTable *sessions;
    LegTable *legs;
    Broadcast *broadcast;
    Scenes *scenes;
    SpeakingTable *speaking;
    Admin *admin;
    ServiceStats stats;
    gboolean store_well;
    gboolean stopping;
    json_t *bridge_stats; /* last answer to `stats`, or NULL */
    json_t *bridge_load;  /* last `load` of the bridge, or NULL; session_load.h */
} Service;

Language service_language(const Service *service); /* meeting.language */
