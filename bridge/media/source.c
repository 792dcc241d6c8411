/* source.c -- see source.h and source_state.h. Here: life of a source, and its doors for workers and canvases. */
#include "bridge/media/source_state.h"

enum { THUMBNAIL_WIDTH_MAX = 200 };

/* ---- life ---- */

void source_drop_first(StudioSource *source) {
    frame_unref(source->queue[source->first]);
    source->first = (source->first + 1) % SOURCE_QUEUE_FRAMES;
    source->n_queued--;
}

static void drop_queue(StudioSource *source) {
    while (source->n_queued > 0) source_drop_first(source);
}

void source_free(StudioSource *source) {
    SourceTable *table = source->table;
    decoder_free(source->decoder);
    drop_queue(source);
    source_picture_unref(source->latest);
    g_mutex_clear(&source->lock);
    g_free(source);
    source_table_unref(table);
}

gboolean source_schedule(StudioSource *source) {
    SourceTable *table = source->table;
    g_mutex_lock(&table->lock);
    gboolean there = table->pool != NULL;
    if (there) decode_pool_schedule(table->pool, source);
    g_mutex_unlock(&table->lock);
    return there;
}

void source_schedule_once(StudioSource *source) {
    if (source->scheduled) return;
    source->scheduled = TRUE;
    studio_source_ref(source);
    if (source_schedule(source)) return;
    source->scheduled = FALSE;
    g_atomic_int_add(&source->n_refs, -1); /* never the last: the caller has one */
}

StudioSource *source_new(SourceTable *table, guint32 id) {
    StudioSource *source = g_new0(StudioSource, 1);
    source->n_refs = 1;
    source->id = id;
    source->waiting = TRUE;
    g_mutex_init(&source->lock);
    g_atomic_int_inc(&table->n_refs);
    source->table = table;
    source_table_enter(table, source, FALSE);
    return source;
}

void studio_source_enter(StudioSource *source) { source_table_enter(source->table, source, TRUE); }

StudioSource *studio_source_ref(StudioSource *source) {
    g_atomic_int_inc(&source->n_refs);
    return source;
}

void studio_source_unref(StudioSource *source) {
    if (source == NULL || !g_atomic_int_dec_and_test(&source->n_refs)) return;
    SourceTable *table = source->table;
    g_mutex_lock(&table->lock);
    if (g_hash_table_lookup(table->sources, GUINT_TO_POINTER(source->id)) == source)
        g_hash_table_remove(table->sources, GUINT_TO_POINTER(source->id));
    g_mutex_unlock(&table->lock);
    g_atomic_int_inc(&table->generation);
    /* Ending a decoder takes a while and this may be a network thread: the pool does it. */
    source->dying = TRUE;
    if (!source_schedule(source)) source_free(source);
}

gboolean source_try_ref(StudioSource *source) {
    gint n = g_atomic_int_get(&source->n_refs);
    while (n > 0) {
        if (g_atomic_int_compare_and_exchange(&source->n_refs, n, n + 1)) return TRUE;
        n = g_atomic_int_get(&source->n_refs);
    }
    return FALSE;
}

/* ---- doors for workers and canvases ---- */

gboolean studio_source_is_shown(const StudioSource *source) { return g_atomic_int_get(&source->n_shown) > 0; }

/* Source's lock held. Left out is only what no other frame needs; a sender without such frames is asked to send fewer. */
static gboolean is_too_fast(const StudioSource *source, const Frame *frame) {
    gint fps = g_atomic_int_get(&source->table->thumbnail_fps);
    return fps > 0 && !frame->referenced && !frame->keyframe && source->latest != NULL &&
           GST_VIDEO_INFO_WIDTH(&source->latest->info) <= THUMBNAIL_WIDTH_MAX &&
           source->last_frame_us - source->last_kept_us < G_USEC_PER_SEC / fps;
}

void studio_source_push(StudioSource *source, Frame *frame) {
    if (!studio_source_is_shown(source)) {
        frame_unref(frame);
        return;
    }
    g_mutex_lock(&source->lock);
    source->last_frame_us = g_get_monotonic_time();
    if (source->n_queued == SOURCE_QUEUE_FRAMES) {
        count(&source->table->counters->n_frames_dropped, source->n_queued);
        drop_queue(source);
        source->waiting = TRUE;
    }
    if (!source->waiting && is_too_fast(source, frame)) {
        count(&source->table->counters->n_frames_dropped, 1);
        frame_unref(frame);
        g_mutex_unlock(&source->lock);
        return;
    }
    source->last_kept_us = source->last_frame_us;
    if (source->waiting && !frame->keyframe) {
        /* Of no use; but it shows that the sender is alive and can be asked. */
        count(&source->table->counters->n_frames_dropped, 1);
        frame_unref(frame);
        if (source->last_frame_us >= source->next_request_us) {
            source->request = TRUE;
            source_schedule_once(source);
        }
    } else {
        if (frame->keyframe) source->waiting = FALSE;
        source->queue[(source->first + source->n_queued++) % SOURCE_QUEUE_FRAMES] = frame;
        source_schedule_once(source);
    }
    g_mutex_unlock(&source->lock);
}

gboolean studio_source_has_room(StudioSource *source) {
    g_mutex_lock(&source->lock);
    gboolean has_room = source->n_queued < SOURCE_QUEUE_FRAMES;
    g_mutex_unlock(&source->lock);
    return has_room;
}

void source_show(StudioSource *source) {
    if (g_atomic_int_add(&source->n_shown, 1) > 0) return;
    g_mutex_lock(&source->lock);
    source->waiting = TRUE; /* what came while it was hidden is missing */
    source->request = TRUE;
    source_schedule_once(source);
    g_mutex_unlock(&source->lock);
}

void source_hide(StudioSource *source) {
    if (!g_atomic_int_dec_and_test(&source->n_shown)) return;
    g_mutex_lock(&source->lock);
    drop_queue(source);
    source->waiting = TRUE;
    source->hidden_us = g_get_monotonic_time();
    g_mutex_unlock(&source->lock);
}

void source_add_size(StudioSource *source, guint width, guint height) {
    g_mutex_lock(&source->lock);
    guint at = SIZES_MAX;
    for (guint i = 0; i < SIZES_MAX; i++) {
        gboolean taken = source->sizes[i].n_tiles > 0;
        if (taken && source->sizes[i].width == width && source->sizes[i].height == height) {
            at = i;
            break;
        }
        if (!taken && at == SIZES_MAX) at = i;
    }
    if (at < SIZES_MAX) { /* one more size than there are places is drawn by everybody for himself */
        source->sizes[at].width = width;
        source->sizes[at].height = height;
        source->sizes[at].n_tiles++;
    }
    g_mutex_unlock(&source->lock);
}

void source_drop_size(StudioSource *source, guint width, guint height) {
    g_mutex_lock(&source->lock);
    for (guint i = 0; i < SIZES_MAX; i++)
        if (source->sizes[i].n_tiles > 0 && source->sizes[i].width == width &&
            source->sizes[i].height == height) {
            source->sizes[i].n_tiles--;
            break;
        }
    g_mutex_unlock(&source->lock);
}

SourcePicture *source_latest(StudioSource *source) {
    g_mutex_lock(&source->lock);
    SourcePicture *latest = source->latest != NULL ? source_picture_ref(source->latest) : NULL;
    g_mutex_unlock(&source->lock);
    return latest;
}

void studio_source_warm(StudioSource *source, gboolean warm) {
    if (warm)
        source_show(source);
    else
        source_hide(source);
}

gboolean studio_source_is_fresh(StudioSource *source) {
    SourcePicture *picture = source_latest(source);
    gboolean is_fresh = picture != NULL && g_get_monotonic_time() - picture->arrival_us < SOURCE_FRESH_US;
    source_picture_unref(picture);
    return is_fresh;
}

guint source_serial(const StudioSource *source) { return (guint)g_atomic_int_get(&source->serial); }
