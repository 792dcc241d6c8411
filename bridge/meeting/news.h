/* news.h -- letters from workers, mixer and studio to the control thread. Values and ids only; text is handed over. */
#pragma once

#include "bridge/media/audio_mixer.h"
#include "bridge/transport/transport.h"
#include "config/fault.h"
#include "config/mailbox.h"

typedef enum {
    NEWS_REPLY = 1, /* an order that came with a request is done, or failed */
    NEWS_LEG_STATE,
    NEWS_LEG_RUNG,
    NEWS_LEG_CAMERA,
    NEWS_LEG_QUALITY,
    NEWS_LEG_SCREEN, /* which layers of its screen arrive */
    NEWS_LEG_SINGLE, /* it can be sent a single picture only */
    NEWS_SPEAKING,
    NEWS_LISTEN,          /* a leg hears its sound in another tier */
    NEWS_SOURCE_KEYFRAME, /* a decoder needs one */
    NEWS_STREAM_KEYFRAME, /* a subscriber needs one */
    NEWS_ALARM,           /* something an operator should know */
} NewsKind;

typedef struct {
    guint32 leg;
    guint request;
    FaultCode fault; /* 0: done */
    gboolean is_offer;
    char *text; /* the SDP, "" or the sentence of the fault; (transfer full) */
} NewsReply;

typedef struct {
    guint32 leg;
    TransportState state;
    char why[160];
} NewsLegState;

typedef struct {
    guint32 leg;
    StreamId stream;  /* wished now; 0: none */
    StreamId leaving; /* still sent until the wished one begins; 0: none */
} NewsLegRung;

typedef struct {
    guint32 leg;
    gboolean on; /* pictures arrive */
} NewsLegCamera;

typedef struct {
    guint32 leg;
    guint rtt_ms, up_bps, up_fps, down_bps, estimate_bps;
    double up_loss, up_audio_loss, down_loss; /* 0..1 */
    StreamId stream;
    gboolean thin;
} NewsLegQuality;

/* Layers of a screen that is shown to others, best first. */
enum { SCREEN_MAIN, SCREEN_SLOW, SCREEN_LAYERS };

typedef struct {
    guint32 leg;
    StreamId streams[SCREEN_LAYERS];
    guint alive; /* bit i: layer i arrives */
    guint16 width[SCREEN_LAYERS], height[SCREEN_LAYERS];
} NewsLegScreen;

typedef struct {
    guint32 conference;
    guint n_seats;
    Speaking seats[AUDIO_SPEAKING_MAX];
} NewsSpeaking;

typedef struct {
    guint32 conference, seat;
    AudioTier tier;
    gint change;
} NewsListen;

typedef struct {
    char code[32];
    char text[200];
} NewsAlarm;

typedef union {
    NewsReply reply;
    NewsLegState state;
    NewsLegRung rung;
    NewsLegCamera camera;
    NewsLegQuality quality;
    NewsLegScreen screen;
    NewsSpeaking speaking;
    NewsListen listen;
    NewsAlarm alarm;
    guint32 source;
    guint32 leg;
    StreamId stream;
} News;

enum { NEWS_SLOTS = 8192 };
