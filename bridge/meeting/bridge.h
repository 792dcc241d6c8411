/* bridge.h -- the control thread's house: conferences, leg records, and the engines that they command.
 * Everything here is touched on the control thread only; engines answer by news (news.h). */
#pragma once

#include "bridge/media/audio_mixer.h"
#include "bridge/media/studio.h"
#include "bridge/meeting/desk.h"
#include "bridge/meeting/scene.h"
#include "bridge/policy/overload.h"
#include "bridge/policy/stage.h"
#include "config/settings.h"

typedef struct Bridge Bridge;
typedef struct Conference Conference;

enum { BRIDGE_DESKS_MAX = 16, VIEW_RUNGS_MAX = 5 };

/* What the control thread knows of a leg. */
typedef struct {
    guint32 id, seat;
    Conference *conference;
    Desk *desk;
    LegWay way;
    TransportState state;
    guint32 view; /* watched, 0: none */
    gboolean hears, camera_on;
    gboolean watch_told; /* the desk knows the next two */
    gboolean told_hears;
    StreamId told_stream; /* best rung of the view it watches, 0: none */
    StreamId wished;      /* rung it wants now */
    AudioUplink *audio;   /* NULL with LEG_RECEIVE */
    CameraNeed need;
    gboolean need_told, quality_known;
    NewsLegQuality quality;
} LegRecord;

/* One seat of a conference: where its pictures go, and which leg sends them. */
typedef struct {
    guint32 seat;
    StudioSource *source;
    guint32 sending_leg; /* 0: none */
} Seat;

/* One view of a conference, composed only while somebody watches. */
typedef struct {
    SceneView spec;
    guint32 studio_view;
    Stage stage;
    gboolean in_use;
    ViewScene *shown; /* last told to the studio; NULL: not composed */
    RungLadder ladder;
    guint fps;
    guint n_told; /* rungs last told to the studio */
    StreamId told[2 * VIEW_RUNGS_MAX];
} ShownView;

/* What the process affords now. overload.c writes it (full values while there is no need), views, legs and needs read it.
 * A new value is followed by dirty conferences. */
typedef OverloadLimits BridgeLimits;

struct Conference {
    Bridge *bridge;
    guint32 id;
    char meeting[65];
    Scene *scene;      /* NULL before the first */
    GHashTable *seats; /* seat -> Seat */
    guint n_views;
    ShownView *views[SCENE_VIEWS_MAX];
    gboolean dirty; /* something changed that views or needs follow from */
    guint n_speaking;
    Speaking speaking[AUDIO_SPEAKING_MAX];
};

typedef struct {
    /* One event for signaling (borrowed). */
    void (*event)(gpointer user, json_t *event);
    /* The answer to a request: body is an object, or NULL with error. */
    void (*answer)(gpointer user, guint request, json_t *body, const GError *error);
} BridgeEvents;

struct Bridge {
    const Settings *settings;
    BridgeLimits limits;
    struct BridgeOverload *overload; /* overload.h */
    BridgeEvents events;
    gpointer user;
    char instance[17]; /* random, one per process */
    json_t *sandbox;   /* what is active, for hello */
    Mailbox *news;
    guint n_desks;
    Desk *desks[BRIDGE_DESKS_MAX];
    AudioMixer *mixer;
    Studio *studio;
    GHashTable *conferences; /* meeting -> Conference */
    GHashTable *legs;        /* id -> LegRecord */
    guint32 next_conference, next_studio_view;
    StreamId next_stream;
    gint64 next_quality_us, next_sweep_us, next_settle_us, started_us;
};

/* Starts the engines. sandbox: borrowed. */
Bridge *bridge_new(const Settings *settings, json_t *sandbox, const BridgeEvents *events, gpointer user,
                   GError **error);
void bridge_free(Bridge *bridge);

int bridge_news_fd(const Bridge *bridge);
void bridge_take_news(Bridge *bridge); /* when the fd is readable */
/* After each turn of the loop: what changed takes effect, at most 25 times a second. Returns when to call again at the
 * latest. */
gint64 bridge_settle(Bridge *bridge, gint64 now_us);

/* A request of signaling, already checked against its row. Answered through events.answer, at once or later. */
void bridge_order(Bridge *bridge, guint request, const char *name, json_t *message);

/* ---- legs.c ---- */
LegRecord *bridge_leg(Bridge *bridge, guint32 id); /* NULL: gone */
void bridge_open_leg(Bridge *bridge, guint request, json_t *message);
void bridge_end_leg(Bridge *bridge, LegRecord *leg, const char *why); /* why NULL: signaling knows */
void bridge_leg_watch(Bridge *bridge, LegRecord *leg, guint32 view, gboolean hears);
void bridge_on_leg_state(Bridge *bridge, const NewsLegState *news);
void bridge_on_leg_rung(Bridge *bridge, const NewsLegRung *news);
void bridge_tell_quality(Bridge *bridge);

/* ---- conference.c ---- */
Conference *bridge_conference(Bridge *bridge, const char *meeting); /* made when new; NULL: too many */
void conference_apply(Conference *conference, Scene *scene);        /* takes scene */
void conference_end(Conference *conference);                        /* closes its legs; frees it */
Seat *conference_seat(Conference *conference, guint32 seat);        /* made when new */
void conference_on_speaking(Conference *conference, const NewsSpeaking *news);
/* Views, rungs and camera needs, after anything changed: bridge_settle calls it once for all changes of a moment. */
void conference_refresh(Conference *conference, gint64 now_us);

/* ---- shown_view.c ---- */
ShownView *shown_view_new(Bridge *bridge, const SceneView *spec);
void shown_view_free(Bridge *bridge, ShownView *view);
ShownView *conference_view(Conference *conference, guint32 view);
void shown_view_refresh(Conference *conference, ShownView *view, gint64 now_us); /* tiles and rungs */
void shown_view_speaking(Conference *conference, ShownView *view);
/* The largest tile of the seat in this view; widens *width and *height. */
void shown_view_tile_size(const ShownView *view, guint32 seat, guint *width, guint *height);

/* ---- stats.c ---- */
json_t *bridge_stats(Bridge *bridge); /* (transfer full) */
