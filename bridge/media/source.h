/* source.h -- cameras as the inside of the studio sees them: a table of sources, each with a queue, a decoder of its own while
 * it is shown, and its newest picture. Decoding runs on the pool, one frame of a source at a time. */
#pragma once

#include "bridge/media/source_picture.h"
#include "bridge/media/studio.h"

typedef struct SourceTable SourceTable;

enum {
    SOURCE_QUEUE_FRAMES = 12,
    SOURCE_IDLE_US = 5000000,
    SOURCE_SILENT_US = 30000000,
    SOURCE_REQUEST_US = 500000,
    SOURCE_FRESH_US = 1500000
};

/* events->keyframe is called on pool threads. */
SourceTable *source_table_start(guint n_threads, const StudioEvents *events, gpointer user,
                                StudioCounters *counters, GError **error);
void source_table_stop(SourceTable *table); /* sources may live on, but decode no more; NULL is fine */

/* Any thread. Of cameras that send thumbnails faster than that, frames on which no other stands are not decoded; 0: all are. */
void source_table_set_thumbnail_fps(SourceTable *table, guint fps);

StudioSource *source_new(SourceTable *table, guint32 id);
/* The source that is shown by that id, one reference; NULL: none now. */
StudioSource *source_table_find(SourceTable *table, guint32 id);
/* Changes whenever a find may give another answer. */
guint source_table_generation(const SourceTable *table);
/* How many are shown, and how many have a decoder now. */
void source_table_count(SourceTable *table, guint *ret_n_shown, guint *ret_n_decoders);

/* It is shown, or no longer; counted. */
void source_show(StudioSource *source);
void source_hide(StudioSource *source);
/* A tile of this size shows it, or no longer: pictures that several tiles show at one size are scaled once. */
void source_add_size(StudioSource *source, guint width, guint height);
void source_drop_size(StudioSource *source, guint width, guint height);
/* The newest picture, one reference, or NULL. */
SourcePicture *source_latest(StudioSource *source);
/* Changes with every new picture; cheap. */
guint source_serial(const StudioSource *source);
