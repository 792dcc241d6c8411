/* endpoint.h -- one simulated room: its signaling (room.h), its path (path.h), what it sends and receives. One thread. */
#pragma once

#include "tests/load/check.h"
#include "tests/load/listener.h"
#include "tests/load/receiver.h"
#include "tests/load/room.h"
#include "tests/load/sender.h"
#include "tests/load/talk.h"
#include "tests/load/timeline.h"

typedef struct Endpoint Endpoint;

/* What all endpoints share; borrowed. */
typedef struct {
    const WebAddress *address;
    const char *meeting;
    Net *net;       /* fast */
    Worker *worker; /* nice */
    gboolean nice;
    Workshop *workshop;
    const TalkSchedule *talk;
    ReceiverTrouble trouble;
    guint n_endpoints;
    guint n_senders;     /* only the first ones send; the others just listen and watch */
    gboolean no_picture; /* takes and gives sound alone */
    const char *janus;   /* "audiobridge" or "videoroom": the server is a Janus; NULL: ours */
    gint64 epoch_us;     /* time 0 of the schedule */
    const char *picture; /* PNG of what endpoint 0 sees; NULL: none */
    Timeline *timeline;  /* NULL: none */
    Probe *probe;        /* endpoint 0 has this camera, endpoint 1 listens; NULL: none */
    Listener *listener;
    Endpoint **endpoints;
    const char *console_view;
    const char *layout; /* that the console gives; NULL: none */
} Crowd;

/* check: TRUE for one of the sample whose content is looked at. i == crowd->n_endpoints: the console that watches the wall. */
Endpoint *endpoint_new(const Crowd *crowd, guint i, guint number, const char *name, const char *token,
                       gboolean check);
void endpoint_free(Endpoint *endpoint); /* NULL is fine */
void endpoint_start(Endpoint *endpoint, gint64 now_us);
void endpoint_tick(Endpoint *endpoint, gint64 now_us);

typedef struct {
    RoomState state;
    gboolean live;    /* media flows */
    gboolean watches; /* a picture is due to it */
    gboolean served;  /* has seen, or where there is no picture heard, something */
    const char *trouble;
    guint n_returns, n_legs, n_restarts; /* restarts: of ICE, because the server asked for one */
    gint64 join_us;                      /* from the start to the first whole picture; 0: not yet */
    SenderStats sent;
    ReceiverStats received;
    CheckStats checked; /* of the sample */
} EndpointStats;
void endpoint_finish_timeline(const Endpoint *endpoint, gint64 now_us);
void endpoint_forget_pauses(Endpoint *endpoint);
void endpoint_read_stats(const Endpoint *endpoint, EndpointStats *ret_stats);
const char *endpoint_name(const Endpoint *endpoint);
guint endpoint_number(const Endpoint *endpoint);
