/* studio.h -- the picture side of the bridge behind one door: sources (cameras) in, program blocks out.
 * Inside: decode pool (2 threads), one bare decoder per source that is shown, libyuv scaling straight into tiles, one canvas
 * thread per view in use, one encoder pipeline per (view, codec, rung) in use. Nothing here grows with endpoints not shown.
 * Verbs are called on the control thread except where noted; events come on pool or encoder threads. */
#pragma once

#include "bridge/media/block.h"
#include "bridge/media/frame.h"
#include "bridge/policy/lateness.h"
#include "bridge/policy/layout.h"

typedef struct Studio Studio;
typedef struct StudioSource StudioSource; /* one seat's camera as the studio knows it; counted */

enum {
    STUDIO_LABEL_BYTES_MAX = 128,
    STUDIO_TILES_MAX = 256,
    STUDIO_RUNGS_MAX = 10, /* two codecs */
    STUDIO_NICE_WALL = 10  /* views as patient as that are counted as walls */
};

typedef struct {
    /* An encoder made a frame: takes the reference. Encoder thread. */
    void (*block)(gpointer user, Block *block);
    /* A decoder cannot go on without a keyframe. Pool thread. Already at most 2/s per source. */
    void (*keyframe)(gpointer user, guint32 source);
    /* A rung cannot be encoded (FAULT_SETUP: a plugin is missing), once per stream. Canvas thread. May be NULL. */
    void (*fault)(gpointer user, StreamId stream, const GError *why);
} StudioEvents;

typedef struct {
    guint n_decoders, encoder_speed;
    const char *font;      /* family of the labels: "Open Sans" */
    const char *time_zone; /* of the times on plates; NULL: Asia/Ho_Chi_Minh */
    const char *language;  /* of the words on plates: "vi" or "en"; NULL: vi */
} StudioSettings;

/* Before the sandbox: gst_init, plugins loaded, each codec built and dropped once, one Vietnamese label drawn.
 * FAULT_SETUP names the missing plugin and its Debian package. */
gboolean studio_global_init(GError **error);

Studio *studio_start(const StudioSettings *settings, const StudioEvents *events, gpointer user,
                     GError **error);
void studio_stop(Studio *studio);

/* ---- sources ---- */
/* One reference; source: id of the control thread. Shown by that id when there is no other, else once it is entered. */
StudioSource *studio_source_new(Studio *studio, guint32 source);
void studio_source_enter(
    StudioSource *source); /* any thread; shown by its id from now on, in place of another */
StudioSource *studio_source_ref(StudioSource *source); /* any thread */
void studio_source_unref(StudioSource *source);        /* any thread; decoder freed when no view shows it */
/* Any thread (the worker's). Takes the reference of frame; dropped at once while no canvas shows the source. Bounded queue:
 * an overrun drops up to the next keyframe and asks for one. */
void studio_source_push(StudioSource *source, Frame *frame);
/* Any thread. FALSE: one more now would overrun it. */
gboolean studio_source_has_room(StudioSource *source);
/* Any thread. Decoding of thumbnails that come faster than that is spared where no other frame suffers; 0: of none. */
void studio_set_thumbnail_fps(Studio *studio, guint fps);
gboolean studio_source_is_shown(const StudioSource *source); /* any thread */
/* Any thread. Decoded as if a tile showed it, until called with FALSE; counted. For who is about to be shown. */
void studio_source_warm(StudioSource *source, gboolean warm);
/* Any thread. There is a picture of the last second or so. */
gboolean studio_source_is_fresh(StudioSource *source);

/* ---- views ---- */
typedef enum { TILE_LIVE = 1, TILE_NO_CAMERA, TILE_OFFLINE } TileState;
typedef struct {
    guint32 source; /* 0: empty tile */
    Rect rect;      /* even numbers, inside the canvas, in pixels of the view's largest rung */
    char label[STUDIO_LABEL_BYTES_MAX]; /* UTF-8 name of the place */
    TileState state;
    gint64 offline_since_s; /* UTC, with TILE_OFFLINE; 0: has not been here */
    gboolean microphone_off, hand;
} Tile;
typedef struct {
    guint32 view; /* id */
    guint width, height, fps;
    guint nice;                         /* 5 program, 12 wall */
    char title[STUDIO_LABEL_BYTES_MAX]; /* shown while there is no tile */
    guint n_tiles;
    Tile tiles[STUDIO_TILES_MAX];
} ViewScene;
typedef struct {
    StreamId stream;
    Codec codec;
    guint width, height, fps, bitrate_bps;
    gboolean stills;     /* keyframes only, one every 4 s, no larger than the bit rate gives in that time */
    gboolean two_layers; /* VP8: an upper temporal layer that a leg may leave out, at whatever frame rate */
} RungSpec;

/* Begins or changes a view; only what differs is redrawn (no black frame, no encoder restart when tiles move). Copied.
 * FALSE: there are as many views as may be; ended ones count until their threads have. */
gboolean studio_set_view(Studio *studio, const ViewScene *scene);
void studio_end_view(Studio *studio, guint32 view);
/* The rungs that have a subscriber now; encoders of others end after 3 s, new ones begin with a keyframe. */
void studio_set_rungs(Studio *studio, guint32 view, const RungSpec *rungs, guint n_rungs);
/* Speaking borders: the sources heard now. Cheap; at most 5/s. */
void studio_set_speaking(Studio *studio, guint32 view, const guint32 *sources, guint n_sources);
/* Any thread. How hard the encoders shall save work, from the next frame on: 0 not at all; see overload_encoder_speed(). */
void studio_set_encoder_step(Studio *studio, guint step);
/* Any thread. The next frame of this rung is a keyframe, at most one forced per second (policy/keyframe_gate.h). */
void studio_force_keyframe(Studio *studio, StreamId stream);

typedef struct {
    guint64 n_decoded, n_decode_errors, n_frames_dropped, n_scaled, n_composed, n_encoded, n_canvas_late,
        n_encoder_drops, n_keyframes_forced;
    guint64 decode_cpu_us, canvas_cpu_us, encode_cpu_us;
    guint64 wall_canvas_cpu_us, wall_encode_cpu_us; /* of those, what walls took */
    guint n_sources_shown, n_views, n_encoders, n_decoders;
    Lateness canvas_lateness; /* of the ticks of all canvases */
} StudioStats;
void studio_read_stats(Studio *studio, StudioStats *ret_stats);
