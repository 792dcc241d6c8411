/* source.c -- see source.h. A source's fields under `lock` are shared; those of the decoder belong to whichever pool thread
 * works on the source, and `scheduled` keeps that to one at a time. */
#include "bridge/media/source.h"

#include "bridge/media/decoder.h"
#include "config/log.h"

enum {
    METAS = 16,
    BAD_FRAMES_MAX = 2,
    POOL_NICE = 8,
    FRAMES_PER_TURN = 4,
    SIZES_MAX = 8,
    THUMBNAIL_WIDTH_MAX = 200
};

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

/* ---- pictures ---- */

SourcePicture *source_picture_ref(SourcePicture *picture) {
    g_atomic_int_inc(&picture->n_refs);
    return picture;
}

void source_picture_unref(SourcePicture *picture) {
    if (picture == NULL || !g_atomic_int_dec_and_test(&picture->n_refs)) return;
    gst_buffer_unref(picture->buffer);
    picture_clear(&picture->shared);
    g_mutex_clear(&picture->lock);
    g_free(picture);
}

/* Full chroma is rare (H.264 high profiles): it is brought to I420 by scaling the chroma planes alone. */
static void draw_full_chroma(const GstVideoFrame *frame, const SourcePicture *picture, const Picture *to,
                             Yuv ground, gboolean good) {
    Picture whole =
        picture_new((guint)GST_VIDEO_FRAME_WIDTH(frame) & ~1u, (guint)GST_VIDEO_FRAME_HEIGHT(frame) & ~1u);
    for (guint c = 0; c < 3; c++) {
        guint wide = c == 0 ? whole.width : whole.width / 2, high = c == 0 ? whole.height : whole.height / 2;
        guint step_x = (guint)GST_VIDEO_FRAME_COMP_WIDTH(frame, c) / MAX(wide, 1);
        guint step_y = (guint)GST_VIDEO_FRAME_COMP_HEIGHT(frame, c) / MAX(high, 1);
        const guint8 *from = GST_VIDEO_FRAME_COMP_DATA(frame, c);
        for (guint y = 0; y < high; y++)
            for (guint x = 0; x < wide; x++)
                whole.planes[c][y * (guint)whole.strides[c] + x] =
                    from[(gsize)(y * step_y) * (gsize)GST_VIDEO_FRAME_COMP_STRIDE(frame, c) + x * step_x];
    }
    picture_fit(&whole, picture->rotation, to, ground, good);
    picture_clear(&whole);
}

static gboolean draw(const SourcePicture *picture, const Picture *to, Yuv ground, gboolean good) {
    GstVideoFrame frame;
    count(&picture->counters->n_scaled, 1);
    if (!gst_video_frame_map(&frame, &picture->info, picture->buffer,
                             GST_MAP_READ | GST_VIDEO_FRAME_MAP_FLAG_NO_REF))
        return FALSE;
    if (GST_VIDEO_FRAME_FORMAT(&frame) == GST_VIDEO_FORMAT_I420) {
        Picture from = { .width = (guint)GST_VIDEO_FRAME_WIDTH(&frame),
                         .height = (guint)GST_VIDEO_FRAME_HEIGHT(&frame) };
        for (guint c = 0; c < 3; c++) {
            from.planes[c] = GST_VIDEO_FRAME_PLANE_DATA(&frame, c);
            from.strides[c] = GST_VIDEO_FRAME_PLANE_STRIDE(&frame, c);
        }
        picture_fit(&from, picture->rotation, to, ground, good);
    } else {
        draw_full_chroma(&frame, picture, to, ground, good);
    }
    gst_video_frame_unmap(&frame);
    return TRUE;
}

gboolean source_picture_draw(SourcePicture *picture, const Picture *to, Yuv ground, gboolean good) {
    if (to->width != picture->shared_width || to->height != picture->shared_height)
        return draw(picture, to, ground, good);
    g_mutex_lock(
        &picture->lock); /* the other canvas waits for the drawing: that takes as long as making it */
    gboolean there = picture->shared.width != 0;
    if (!there) {
        picture->shared = picture_new(to->width, to->height);
        there = draw(picture, &picture->shared, ground, good);
        if (!there) picture_clear(&picture->shared);
    }
    g_mutex_unlock(&picture->lock);
    if (there) picture_scale(&picture->shared, to, FALSE);
    return there;
}

/* ---- references ---- */

static void table_unref(SourceTable *table) {
    if (!g_atomic_int_dec_and_test(&table->n_refs)) return;
    g_hash_table_unref(table->sources);
    g_mutex_clear(&table->lock);
    g_free(table);
}

static void drop_queue(StudioSource *source) {
    for (; source->n_queued > 0; source->n_queued--) {
        frame_unref(source->queue[source->first]);
        source->first = (source->first + 1) % SOURCE_QUEUE_FRAMES;
    }
}

static void source_free(StudioSource *source) {
    SourceTable *table = source->table;
    decoder_free(source->decoder);
    drop_queue(source);
    source_picture_unref(source->latest);
    g_mutex_clear(&source->lock);
    g_free(source);
    table_unref(table);
}

/* Source's lock held, or nobody else has the source. One reference goes with the job. */
static gboolean schedule(StudioSource *source) {
    SourceTable *table = source->table;
    g_mutex_lock(&table->lock);
    gboolean there = table->pool != NULL;
    if (there) decode_pool_schedule(table->pool, source);
    g_mutex_unlock(&table->lock);
    return there;
}

static void schedule_once(StudioSource *source) {
    if (source->scheduled) return;
    source->scheduled = TRUE;
    studio_source_ref(source);
    if (schedule(source)) return;
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
    g_mutex_lock(&table->lock);
    g_hash_table_insert(table->sources, GUINT_TO_POINTER(id), source);
    g_mutex_unlock(&table->lock);
    g_atomic_int_inc(&table->generation);
    return source;
}

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
    if (!schedule(source)) source_free(source);
}

/* A source whose last reference is just going is not revived. */
static gboolean try_ref(StudioSource *source) {
    gint n = g_atomic_int_get(&source->n_refs);
    while (n > 0) {
        if (g_atomic_int_compare_and_exchange(&source->n_refs, n, n + 1)) return TRUE;
        n = g_atomic_int_get(&source->n_refs);
    }
    return FALSE;
}

StudioSource *source_table_find(SourceTable *table, guint32 id) {
    g_mutex_lock(&table->lock);
    StudioSource *source = g_hash_table_lookup(table->sources, GUINT_TO_POINTER(id));
    if (source != NULL && !try_ref(source)) source = NULL;
    g_mutex_unlock(&table->lock);
    return source;
}

guint source_table_generation(const SourceTable *table) {
    return (guint)g_atomic_int_get(&table->generation);
}

void source_table_count(SourceTable *table, guint *ret_n_shown, guint *ret_n_decoders) {
    GHashTableIter at;
    gpointer value;
    guint n_shown = 0, n_decoders = 0;
    g_mutex_lock(&table->lock);
    g_hash_table_iter_init(&at, table->sources);
    while (g_hash_table_iter_next(&at, NULL, &value)) {
        StudioSource *source = value;
        n_shown += studio_source_is_shown(source) ? 1 : 0;
        n_decoders += g_atomic_int_get(&source->has_decoder) ? 1 : 0;
    }
    g_mutex_unlock(&table->lock);
    *ret_n_shown = n_shown;
    *ret_n_decoders = n_decoders;
}

void source_table_set_thumbnail_fps(SourceTable *table, guint fps) {
    g_atomic_int_set(&table->thumbnail_fps, (gint)fps);
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
            schedule_once(source);
        }
    } else {
        if (frame->keyframe) source->waiting = FALSE;
        source->queue[(source->first + source->n_queued++) % SOURCE_QUEUE_FRAMES] = frame;
        schedule_once(source);
    }
    g_mutex_unlock(&source->lock);
}

void source_show(StudioSource *source) {
    if (g_atomic_int_add(&source->n_shown, 1) > 0) return;
    g_mutex_lock(&source->lock);
    source->waiting = TRUE; /* what came while it was hidden is missing */
    source->request = TRUE;
    schedule_once(source);
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

/* ---- the pool's work ---- */

/* Source's lock held. */
static void share_size(const StudioSource *source, SourcePicture *picture) {
    for (guint i = 0; i < SIZES_MAX; i++) {
        if (source->sizes[i].n_tiles < 2) continue;
        picture->shared_width = source->sizes[i].width;
        picture->shared_height = source->sizes[i].height;
        return;
    }
}

static void on_decoded(gpointer user, GstBuffer *buffer, const GstVideoInfo *info, guint32 token) {
    StudioSource *source = user;
    const FrameMeta *meta = &source->metas[token % METAS];
    SourcePicture *picture = g_new0(SourcePicture, 1);
    picture->n_refs = 1;
    picture->buffer = buffer;
    picture->info = *info;
    picture->counters = source->table->counters;
    g_mutex_init(&picture->lock);
    if (meta->token == token) {
        picture->rotation = meta->rotation;
        picture->arrival_us = meta->arrival_us;
        picture->capture_us = meta->capture_us;
    } else {
        picture->arrival_us = picture->capture_us = g_get_monotonic_time();
    }
    g_mutex_lock(&source->lock);
    SourcePicture *old = source->latest;
    share_size(source, picture);
    source->latest = picture;
    g_mutex_unlock(&source->lock);
    source_picture_unref(old);
    g_atomic_int_inc(&source->serial);
    count(&source->table->counters->n_decoded, 1);
}

static gboolean need_decoder(StudioSource *source, Codec codec) {
    if (source->decoder != NULL && source->codec == codec) return TRUE;
    g_autoptr(GError) error = NULL;
    decoder_free(source->decoder);
    source->codec = codec;
    source->decoder = decoder_new(codec, on_decoded, source, &error);
    if (source->decoder == NULL && !source->told) {
        source->told = TRUE;
        log_error("decoder.missing", "source=%u why=\"%s\"", source->id, error->message);
    }
    return source->decoder != NULL;
}

static void wait_for_keyframe(StudioSource *source) {
    g_mutex_lock(&source->lock);
    source->waiting = TRUE;
    source->request = TRUE;
    /* Frames that stand on the lost one would be garbage; a keyframe already here is not. */
    while (source->n_queued > 0 && !source->queue[source->first]->keyframe) {
        frame_unref(source->queue[source->first]);
        source->first = (source->first + 1) % SOURCE_QUEUE_FRAMES;
        source->n_queued--;
        count(&source->table->counters->n_frames_dropped, 1);
    }
    if (source->n_queued > 0) source->waiting = FALSE;
    g_mutex_unlock(&source->lock);
}

static void decode(StudioSource *source, Frame *frame) {
    if (!frame->keyframe && (frame->after_loss || source->decoder == NULL || source->codec != frame->codec)) {
        count(&source->table->counters->n_frames_dropped, 1);
        wait_for_keyframe(source);
        return;
    }
    if (!need_decoder(source, frame->codec)) return;
    guint32 token = source->next_token++;
    source->metas[token % METAS] =
        (FrameMeta){ token, frame->rotation, frame->arrival_us, frame->capture_us };
    if (decoder_push(source->decoder, frame, token)) {
        source->n_bad = 0;
        return;
    }
    count(&source->table->counters->n_decode_errors, 1);
    if (++source->n_bad >= BAD_FRAMES_MAX) g_clear_pointer(&source->decoder, decoder_free); /* begin anew */
    wait_for_keyframe(source);
}

/* Asks for a keyframe when it is wanted and the last request is old enough. */
static void ask(StudioSource *source) {
    SourceTable *table = source->table;
    gint64 now_us = g_get_monotonic_time();
    g_mutex_lock(&source->lock);
    gboolean due = source->request && source->waiting && now_us >= source->next_request_us;
    if (due) {
        source->next_request_us = now_us + SOURCE_REQUEST_US;
        source->request = FALSE;
    }
    g_mutex_unlock(&source->lock);
    if (due && table->events.keyframe != NULL) table->events.keyframe(table->user, source->id);
}

static void expire(StudioSource *source) {
    SourcePicture *old = NULL;
    g_mutex_lock(&source->lock);
    gboolean decoder_goes = source->expire_decoder;
    if (decoder_goes) source->waiting = TRUE;
    if (source->expire_picture) old = g_steal_pointer(&source->latest);
    source->expire_decoder = source->expire_picture = FALSE;
    g_mutex_unlock(&source->lock);
    if (decoder_goes) g_clear_pointer(&source->decoder, decoder_free);
    source_picture_unref(old);
}

static Frame *take_frame(StudioSource *source) {
    Frame *frame = NULL;
    g_mutex_lock(&source->lock);
    if (source->n_queued > 0) {
        frame = source->queue[source->first];
        source->first = (source->first + 1) % SOURCE_QUEUE_FRAMES;
        source->n_queued--;
    }
    g_mutex_unlock(&source->lock);
    return frame;
}

static void work(gpointer user, gpointer job) {
    (void)user;
    StudioSource *source = job;
    if (source->dying) {
        source_free(source);
        return;
    }
    expire(source);
    for (guint i = 0; i < FRAMES_PER_TURN; i++) { /* then it is the next one's turn */
        Frame *frame = take_frame(source);
        if (frame == NULL) break;
        decode(source, frame);
        frame_unref(frame);
    }
    ask(source);
    g_mutex_lock(&source->lock);
    g_atomic_int_set(&source->has_decoder, source->decoder != NULL);
    gboolean asking = source->request && source->waiting && g_get_monotonic_time() >= source->next_request_us;
    gboolean again = source->n_queued > 0 || source->expire_decoder || asking;
    source->scheduled = again && schedule(source); /* the reference goes on with it */
    gboolean done = !source->scheduled;
    g_mutex_unlock(&source->lock);
    if (done) studio_source_unref(source);
}

/* Once a second: decoders that nobody needs any more. */
static void beat(gpointer user, gint64 now_us) {
    SourceTable *table = user;
    GHashTableIter at;
    gpointer value;
    GPtrArray *idle = g_ptr_array_new();
    g_mutex_lock(&table->lock);
    g_hash_table_iter_init(&at, table->sources);
    while (g_hash_table_iter_next(&at, NULL, &value))
        if (try_ref(value)) g_ptr_array_add(idle, value);
    g_mutex_unlock(&table->lock);
    for (guint i = 0; i < idle->len; i++) {
        StudioSource *source = idle->pdata[i];
        g_mutex_lock(&source->lock);
        gboolean shown = studio_source_is_shown(source);
        gint64 since_us =
            shown ? source->last_frame_us + SOURCE_SILENT_US : source->hidden_us + SOURCE_IDLE_US;
        if ((g_atomic_int_get(&source->has_decoder) || (!shown && source->latest != NULL)) &&
            now_us > since_us) {
            source->expire_decoder = TRUE;
            source->expire_picture = !shown;
            schedule_once(source);
        } else if (shown && source->waiting && now_us >= source->next_request_us &&
                   source->last_frame_us > 0 && now_us - source->last_frame_us < SOURCE_SILENT_US) {
            source->request = TRUE; /* the request before was perhaps lost */
            schedule_once(source);
        }
        g_mutex_unlock(&source->lock);
        studio_source_unref(source);
    }
    g_ptr_array_unref(idle);
}

SourceTable *source_table_start(guint n_threads, const StudioEvents *events, gpointer user,
                                StudioCounters *counters, GError **error) {
    static const DecodePoolEvents pool_events = { work, beat };
    SourceTable *table = g_new0(SourceTable, 1);
    table->n_refs = 1;
    g_mutex_init(&table->lock);
    table->sources = g_hash_table_new(NULL, NULL);
    table->events = *events;
    table->user = user;
    table->counters = counters;
    table->pool =
        decode_pool_start(n_threads, POOL_NICE, &pool_events, table, &counters->decode_cpu_us, error);
    if (table->pool == NULL) {
        table_unref(table);
        return NULL;
    }
    return table;
}

void source_table_stop(SourceTable *table) {
    if (table == NULL) return;
    g_mutex_lock(&table->lock);
    DecodePool *pool = g_steal_pointer(&table->pool);
    g_mutex_unlock(&table->lock);
    decode_pool_stop(pool);
    table_unref(table);
}
