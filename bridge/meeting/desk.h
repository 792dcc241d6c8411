/* desk.h -- one worker with everything that is pinned to it: its legs and its share of the fan-out.
 * The verbs are called from any thread: they post an order and return. What comes of it returns as news (news.h). */
#pragma once

#include "bridge/media/downlink.h"
#include "bridge/media/studio.h"
#include "bridge/meeting/news.h"
#include "bridge/policy/needs.h"

typedef struct Desk Desk;

typedef enum { LEG_DUPLEX = 1, LEG_RECEIVE, LEG_SEND } LegWay; /* seen from the endpoint */

typedef struct {
    guint32 leg, conference, seat;
    guint request; /* answered by one NEWS_REPLY */
    LegWay way;
    gboolean hears;
    char *offer;          /* theirs, or NULL: we offer. (transfer full) */
    AudioUplink *audio;   /* (transfer full); NULL with LEG_RECEIVE */
    StudioSource *source; /* (transfer full); NULL with LEG_RECEIVE */
} LegOrder;

/* Blocks that a leg forwards, for every desk: called on this desk's thread, takes the reference. */
typedef struct {
    void (*publish)(gpointer user, Block *block);
} DeskEvents;

/* news: the control thread's box, outlives the desk. */
Desk *desk_start(guint index, Mailbox *news, const DeskEvents *events, gpointer user, GError **error);
/* At the end: waits until every leg is closed, so that what legs hold (studio sources) may end; orders still work. */
void desk_end_legs(Desk *desk);
void desk_stop(Desk *desk); /* ends its legs and joins; NULL is fine */

void desk_open_leg(Desk *desk, const LegOrder *order);
void desk_answer_leg(Desk *desk, guint32 leg, guint request, char *sdp);    /* takes sdp */
void desk_restart_leg(Desk *desk, guint32 leg, guint request, char *offer); /* takes offer; NULL: we offer */
void desk_close_leg(Desk *desk, guint32 leg);

/* What the leg is sent, what it hears, what its camera is wanted for. */
/* The same rungs in both codecs: the leg takes those of the codec that it agreed on. */
typedef struct {
    guint n_rungs;                                                  /* 0: no picture */
    LadderTop top;                                                  /* the best level that is allowed */
    DownlinkRung vp8[DOWNLINK_RUNGS_MAX], h264[DOWNLINK_RUNGS_MAX]; /* best first */
} RungLadder;
void desk_watch(Desk *desk, guint32 leg, const RungLadder *ladder);
void desk_hear(Desk *desk, guint32 leg, gboolean hears);
void desk_need(Desk *desk, guint32 leg, gboolean live, guint height, guint bps);
void desk_request_keyframe(Desk *desk, guint32 leg);

/* The leg's screen goes to all as these streams (presentation.c gives them), at no more than bps; all 0: no longer. */
/* source: (transfer full) where the screen is given, too, for those who are sent it composed; NULL when all streams are 0. */
void desk_present(Desk *desk, guint32 leg, const StreamId streams[SCREEN_LAYERS], guint bps,
                  StudioSource *source);
/* stream 0: for the source. */
void desk_present_keyframe(Desk *desk, guint32 leg, StreamId stream);
/* The screen that the leg is sent, by its vp8 rungs; n_rungs 0: none. */
void desk_watch_presentation(Desk *desk, guint32 leg, const RungLadder *ladder);

/* Producers' threads. A reference is taken for the desk. */
void desk_publish_video(Desk *desk, Block *block);
void desk_publish_audio(Desk *desk, AudioTick *tick);
void desk_end_stream(Desk *desk, StreamId stream);

typedef struct {
    guint n_legs;
    guint64 n_packets_in, n_packets_out, n_bytes_in, n_bytes_out, n_send_calls, n_dropped_out;
    guint64 n_auth_failed, n_malformed, n_unknown_ssrc, n_dtls_excess;
    FanoutStats fanout;
    WorkerStats worker;
} DeskStats;
void desk_read_stats(Desk *desk, DeskStats *ret_stats); /* a copy that is at most a second old */
