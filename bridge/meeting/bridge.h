/* bridge.h -- the control thread's house: conferences, leg records, and the engines that they command.
 * Everything here is touched on the control thread only; engines answer by news (news.h). */
#pragma once

#include "bridge/media/audio_mixer.h"
#include "bridge/media/studio.h"
#include "bridge/meeting/desk.h"
#include "bridge/meeting/scene.h"
#include "bridge/policy/line_share.h"
#include "bridge/policy/overload.h"
#include "bridge/policy/pager.h"
#include "bridge/policy/stage.h"
#include "config/settings.h"

typedef struct Bridge Bridge;
typedef struct Conference Conference;

/* A view that no scene names: the program with the screen that is shown as its large tile, for legs that take one picture. */
enum { SLIDES_VIEW = 0x7fff0001 };
enum { BRIDGE_DESKS_MAX = 16, VIEW_RUNGS_MAX = 5 };

/* What the control thread knows of a leg. */
typedef struct {
    guint32 id, seat;
    Conference *conference;
    Desk *desk;
    LegWay way;
    TransportState state;
    guint32 scene_view, view; /* what the scene says; watched, 0: none */
    gboolean single_picture;  /* of a presentation it is sent the composed form */
    gboolean hears, camera_on;
    gboolean watch_told; /* the desk knows the next two */
    gboolean told_hears;
    guint screen_height;     /* of who watches, 0: not told */
    StreamId told_stream;    /* best rung of the view it watches, 0: none */
    LineClimb climb;         /* .top: told */
    StreamId wished;         /* rung it wants now */
    StreamId leaving;        /* rung it is sent until then, 0: none */
    guint told_presentation; /* revision of the screen that it is sent, 0: none */
    AudioUplink *audio;      /* NULL with LEG_RECEIVE */
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

/* Which page of a view that turns is shown, and whose cameras are made ready for the next one. */
typedef struct {
    Pager pager;
    guint n_warm;
    guint32 warm_seats[STUDIO_TILES_MAX];
    StudioSource *warm[STUDIO_TILES_MAX]; /* references, decoded though not shown; NULL: no camera there */
    gint64 next_us;                       /* monotonic: looks again then; G_MAXINT64: no turn comes */
} ShownPages;

/* One view of a conference, composed only while somebody watches. */
typedef struct {
    SceneView spec;
    guint32 studio_view;
    Stage stage;
    gboolean in_use, refused; /* refused: the studio had no place for it; tried again with the next change */
    ViewScene *shown;         /* last told to the studio; NULL: not composed */
    RungLadder ladder;
    guint fps;
    guint n_told; /* rungs last told to the studio */
    RungSpec told[2 * VIEW_RUNGS_MAX];
    ShownPages pages; /* of a view that turns */
} ShownView;

/* What the process affords now. overload.c writes it (full values while there is no need), views, legs and needs read it.
 * A new value is followed by dirty conferences. */
typedef OverloadLimits BridgeLimits;

/* The screen that a seat shows to all. */
typedef struct {
    guint32 leg;                     /* that sends it, 0: none */
    StreamId streams[SCREEN_LAYERS]; /* its layers */
    guint32 source_id;
    StudioSource *source; /* its pictures, for SLIDES_VIEW; NULL: none */
    RungLadder ladder;    /* those that arrive, best first */
    guint revision;       /* of the ladder; never 0 while it has rungs */
} Presentation;

struct Conference {
    Bridge *bridge;
    guint32 id;
    char meeting[65];
    Scene *scene;      /* NULL before the first */
    GHashTable *seats; /* seat -> Seat */
    guint n_views;
    ShownView *views[SCENE_VIEWS_MAX + 1]; /* those of the scene, and SLIDES_VIEW while it is needed */
    Presentation presentation;
    guint told_top_height; /* the limit that its legs know */
    gboolean dirty;        /* something changed that views or needs follow from */
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
    gint64 next_quality_us, next_sweep_us, next_settle_us, next_line_us, started_us;
    LineShare line;                 /* line.h */
    guint n_line_legs, line_logged; /* pressure, as it stands in the log */
    gint64 line_logged_us;
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
/* The index of the best rung of the view that the leg's screen and this machine allow. */
guint bridge_leg_rung_best(const Bridge *bridge, const LegRecord *leg, const ShownView *view);
void bridge_on_leg_state(Bridge *bridge, const NewsLegState *news);
void bridge_on_leg_rung(Bridge *bridge, const NewsLegRung *news);
void bridge_tell_quality(Bridge *bridge);

/* ---- conference.c ---- */
Conference *bridge_conference(Bridge *bridge, const char *meeting); /* made when new; NULL: too many */
void conference_apply(Conference *conference, Scene *scene);        /* takes scene */
void conference_end(Conference *conference);                        /* closes its legs; frees it */
Seat *conference_seat(Conference *conference, guint32 seat);        /* made when new */
void conference_on_speaking(Conference *conference, const NewsSpeaking *news);
void conference_tell_speaking(const Conference *conference); /* also when signaling is new on the link */
/* Views, rungs and camera needs, after anything changed: bridge_settle calls it once for all changes of a moment. */
void conference_refresh(Conference *conference, gint64 now_us);

gint64 conference_next_us(const Conference *conference); /* when a page turns; G_MAXINT64: none does */

/* ---- shown_view.c ---- */
ShownView *shown_view_new(Bridge *bridge, const SceneView *spec);
void shown_view_free(Bridge *bridge, ShownView *view);
ShownView *conference_view(Conference *conference, guint32 view);
void shown_view_refresh(Conference *conference, ShownView *view, gint64 now_us); /* tiles and rungs */
void shown_view_speaking(Conference *conference, ShownView *view);
/* The largest tile of the seat in this view; widens *width and *height. */
void shown_view_tile_size(const ShownView *view, guint32 seat, guint *width, guint *height);

/* ---- presentation.c ---- */
void presentation_refresh(Conference *conference); /* who shows, who watches; after anything changed */
void presentation_end(Conference *conference);
void presentation_on_screen(Conference *conference, const NewsLegScreen *news);
gboolean presentation_keyframe(Bridge *bridge, StreamId stream);       /* FALSE: the stream is none of ours */
gboolean presentation_source_keyframe(Bridge *bridge, guint32 source); /* FALSE: the source is none of ours */
/* The view that the leg is sent: the scene's, or SLIDES_VIEW instead. */
guint32 presentation_view(const LegRecord *leg);
void presentation_tell_again(Conference *conference); /* signaling is new on the link */

/* ---- shown_pages.c ---- */
/* Who stands on the page of now. n_places: those that are free to turn; taken: seats that stand elsewhere in the view.
 * ret_n_all: all who have their turn. Makes the next page's cameras ready. */
guint shown_pages_seats(Conference *conference, ShownView *view, guint n_places, const guint32 *taken,
                        guint n_taken, guint32 *ret_seats, guint *ret_n_all);
void shown_pages_end(ShownView *view); /* nobody watches */
gboolean shown_pages_warms(const ShownView *view, guint32 seat);

/* ---- stats.c ---- */
json_t *bridge_stats(Bridge *bridge); /* (transfer full) */
