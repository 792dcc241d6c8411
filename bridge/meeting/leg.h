/* leg.h -- one peer connection on its worker's thread: transport below, uplinks and downlink beside, plan of the offer/answer.
 * Made and fed by desk.c. Where packets go: leg_receive.c; which layer of a camera: leg_camera.c; its screen: leg_screen.c; reports: leg_report.c. */
#pragma once

#include "bridge/media/forward.h"
#include "bridge/media/video_uplink.h"
#include "bridge/meeting/desk.h"
#include "bridge/policy/receive_stats.h"
#include "bridge/policy/rounds.h"
#include "bridge/wire/negotiate.h"
#include "bridge/wire/rtp_streams.h"
#include "bridge/wire/twcc_record.h"

enum { LEG_LAYERS_MAX = 4 };

typedef struct Leg Leg;

/* One received layer of the camera. */
typedef struct {
    Leg *leg;
    guint32 ssrc;
    char rid[RTP_TEXT_BYTES];
    VideoUplink *uplink;
    ReceiveStats stats;
    guint16 width, height; /* of its last keyframe, 0: none yet */
    guint8 rotation;       /* last one told */
    gint64 last_packet_us;
} LegLayer;

/* One received layer of the screen that it shows. */
typedef struct {
    Leg *leg;
    guint32 ssrc;
    VideoUplink *uplink; /* NULL: nothing came yet */
    Forward *forward;    /* NULL: not shown to anybody */
    ReceiveStats stats;
    gint64 frame_us; /* the last that was forwarded, 0: none */
} ScreenLayer;

/* What a leg asks and reports for pictures that it sends is in no such hurry as what it is sent: every second beat. So is one
 * that connects. */
enum { LEG_LIVELY_US = 8000 };

/* What the worker's legs share; desk.c fills it. */
typedef struct {
    Worker *worker;
    Fanout *fanout;
    Mailbox *news;
    void (*publish)(gpointer user, Block *block); /* to every desk; takes the reference */
    gpointer publish_user;
    RtcpItem *rtcp_scratch; /* big */
    RtcpTwcc *twcc_scratch;
    guint64 n_malformed, n_unknown_ssrc;
    Rounds rounds; /* of all legs */
} LegHouse;

struct Leg {
    LegHouse *house;
    guint place; /* in the house's rounds */
    guint32 id, conference, seat;
    LegWay way;
    gboolean hears;

    guint request; /* waiting for its NEWS_REPLY, 0: none */
    gint64 request_until_us;
    char *offer; /* theirs, until it is answered */
    Transport *transport;
    TransportState state;
    char cname[32];
    OfferSpec spec; /* ours; its transport points at local */
    TransportDescription local;
    gboolean we_offer, planned, restarting;
    MediaPlan plan;
    RtpStreams streams;
    gint audio_section, camera_section, screen_section; /* index in plan, -1: none */

    AudioUplink *audio;
    ReceiveStats audio_stats;
    StudioSource *source;
    LegLayer layers[LEG_LAYERS_MAX];
    guint n_layers;
    LegLayer *shown, *coming; /* pushed to the studio; will be, from its next keyframe on */
    gboolean needed;          /* this is the seat's sending leg */
    guint need_height, need_bps;
    gboolean camera_on;
    gint64 picture_us; /* a packet of its camera or screen came last */

    ScreenLayer screen[SCREEN_LAYERS];
    guint screen_bps, screen_alive; /* 0: it shows nothing; layers that control knows of */
    gint64 next_screen_us, screen_since_us;
    StudioSource *screen_source; /* for those who are sent it composed; NULL: none */
    ScreenLayer *screen_shown;   /* given to it */
    GPtrArray *screen_chain;     /* Frame: of screen_shown, from its last keyframe on */
    guint n_screen_given;        /* of the chain */

    Downlink *downlink; /* NULL until both sides agree */
    RungLadder ladder, presentation;
    TwccRecord twcc;
    gint64 next_report_us, next_twcc_us, next_quality_us, next_camera_us;
    guint64 video_told[2], audio_told[2]; /* packets and losses at the last quality */
    /* The least that their clock was behind ours, in the turn that runs and in the one before. */
    gint64 clock_least_us[2], clock_turn_us; /* clock_turn_us: the turn ends then; 0: no report yet */
};

/* Takes what order holds. Never NULL: a leg that cannot start answers its request and is `failed`. */
Leg *leg_new(LegHouse *house, const LegOrder *order);
void leg_free(Leg *leg); /* an unanswered request is answered "gone" */

void leg_answer(Leg *leg, guint request, const char *sdp);
void leg_restart(Leg *leg, guint request, char *offer); /* takes offer */
void leg_watch(Leg *leg, const RungLadder *ladder);     /* remembered until there is a downlink */
void leg_watch_presentation(Leg *leg, const RungLadder *ladder);
void leg_hear(Leg *leg, gboolean hears);
/* Returns when it is to be looked at again: soon while it sends pictures. leg_stir(): something was asked of it, look at once. */
gint64 leg_beat(Leg *leg, gint64 now_us);
void leg_stir(Leg *leg);

/* leg_receive.c */
void leg_on_rtp(Leg *leg, guint8 *packet, gsize n_bytes, gint64 arrival_us);
void leg_on_rtcp(Leg *leg, guint8 *packet, gsize n_bytes, gint64 arrival_us);

/* leg_camera.c */
/* before: the same layer under its last SSRC, which the new one replaces; NULL: a new layer (NULL again: too many). */
LegLayer *leg_camera_layer(Leg *leg, LegLayer *before, guint32 ssrc, const char *rid, Codec codec);
void leg_camera_packet(Leg *leg, LegLayer *layer, const RtpPacket *packet, gboolean rtx, gint64 arrival_us);
void leg_camera_need(Leg *leg, gboolean live, guint height, guint bps);
void leg_camera_keyframe(Leg *leg);
void leg_camera_beat(Leg *leg, gint64 now_us);
void leg_camera_clear(Leg *leg);

/* leg_screen.c */
void leg_screen_packet(Leg *leg, RtpStream *stream, const RtpPacket *packet, gint64 arrival_us);
/* Its screen goes to all as these streams, at no more than bps together; all 0: no longer. Takes source. */
void leg_screen_present(Leg *leg, const StreamId streams[SCREEN_LAYERS], guint bps, StudioSource *source);
void leg_screen_keyframe(Leg *leg, StreamId stream); /* 0: the source begins anew */
void leg_screen_beat(Leg *leg, gint64 now_us);
void leg_screen_clear(Leg *leg);

/* leg_report.c */
guint32 leg_own_ssrc(const Leg *leg);
/* section: of the plan, the one that the SSRC sends in. */
void leg_send_nack(Leg *leg, gint section, guint32 ssrc, const guint16 *sequences, guint n_sequences);
void leg_send_pli(Leg *leg, gint section, guint32 ssrc);
void leg_report_beat(Leg *leg, gint64 now_us);

void leg_reply(Leg *leg, FaultCode fault, gboolean is_offer,
               const char *text); /* answers leg->request, if any */
void leg_tell_state(Leg *leg, TransportState state, const char *why);
