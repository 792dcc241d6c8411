/* source_state.h -- inside of a source and of the table; only source*.c look here. A source's fields under `lock` are shared; those
 * of the decoder belong to whichever pool thread works on the source, and `scheduled` keeps that to one at a time.
 * Way of a frame: studio_source_push -> queue -> source_work (pool thread) -> decoder -> latest picture -> a canvas. */
#pragma once

#include "bridge/media/decode_pool.h"
#include "bridge/media/decoder.h"
#include "bridge/media/source.h"

enum { METAS = 16, SIZES_MAX = 8 };

struct SourceTable {
    gint n_refs; /* atomic: the studio and every source */
    GMutex lock;
    GHashTable *sources; /* id -> StudioSource, no reference */
    DecodePool *pool;    /* NULL once stopped */
    gint generation;
    gint thumbnail_fps; /* atomic */
    StudioEvents events;
    gpointer user;
    StudioCounters *counters;
};

typedef struct {
    guint32 token;
    guint8 rotation;
    gint64 arrival_us, capture_us;
} FrameMeta;

struct StudioSource {
    gint n_refs;  /* atomic */
    gint n_shown; /* atomic */
    gint serial;  /* atomic */
    guint32 id;
    SourceTable *table;

    GMutex lock;
    Frame *queue[SOURCE_QUEUE_FRAMES];
    guint n_queued, first;
    gboolean scheduled, dying, expire_decoder, expire_picture, request;
    gboolean waiting; /* for a keyframe */
    gint64 next_request_us, hidden_us, last_frame_us, last_kept_us;
    SourcePicture *latest;
    gint has_decoder; /* atomic */
    struct {
        guint width, height, n_tiles;
    } sizes[SIZES_MAX];

    /* the pool thread's */
    Decoder *decoder;
    Codec codec;
    guint32 next_token;
    FrameMeta metas[METAS];
    guint n_bad;
    gboolean told;
};

/* source.c */
/* FALSE: its last reference is just going; it is not revived. */
gboolean source_try_ref(StudioSource *source);
void source_free(StudioSource *source); /* pool thread, or nobody else has it */
/* Its lock held, or nobody else has it; one reference goes with the job. FALSE: the pool has ended. */
gboolean source_schedule(StudioSource *source);
void source_schedule_once(StudioSource *source); /* its lock held; unless it is scheduled already */
void source_drop_first(StudioSource *source);    /* its lock held: the oldest frame of the queue */

/* source_table.c */
/* in_place: of another source of its id; else only where none is. */
void source_table_enter(SourceTable *table, StudioSource *source, gboolean in_place);
void source_table_unref(SourceTable *table);

/* source_decode.c */
void source_work(gpointer user, gpointer job); /* DecodePoolEvents.work: one source's turn */
