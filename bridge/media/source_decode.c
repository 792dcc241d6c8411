/* source_decode.c -- a source's turn on the pool: its queue through its decoder, and the keyframes that it must ask for. See
 * source_state.h. */
#include "bridge/media/source_state.h"
#include "config/log.h"

enum { BAD_FRAMES_MAX = 2, FRAMES_PER_TURN = 4 };

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
        source_drop_first(source);
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

void source_work(gpointer user, gpointer job) {
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
    source->scheduled = again && source_schedule(source); /* the reference goes on with it */
    gboolean done = !source->scheduled;
    g_mutex_unlock(&source->lock);
    if (done) studio_source_unref(source);
}
