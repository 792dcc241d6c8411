/* source_table.c -- all sources by their ids, the pool that decodes for them, and what nobody needs any more. See source.h. */
#include "bridge/media/source_state.h"

enum { POOL_NICE = 8 };

void source_table_unref(SourceTable *table) {
    if (!g_atomic_int_dec_and_test(&table->n_refs)) return;
    g_hash_table_unref(table->sources);
    g_mutex_clear(&table->lock);
    g_free(table);
}

void source_table_enter(SourceTable *table, StudioSource *source, gboolean in_place) {
    gpointer id = GUINT_TO_POINTER(source->id);
    g_mutex_lock(&table->lock);
    const StudioSource *before = g_hash_table_lookup(table->sources, id);
    gboolean enters = before == NULL || (in_place && before != source);
    if (enters) g_hash_table_insert(table->sources, id, source);
    g_mutex_unlock(&table->lock);
    if (enters) g_atomic_int_inc(&table->generation);
}

StudioSource *source_table_find(SourceTable *table, guint32 id) {
    g_mutex_lock(&table->lock);
    StudioSource *source = g_hash_table_lookup(table->sources, GUINT_TO_POINTER(id));
    if (source != NULL && !source_try_ref(source)) source = NULL;
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

/* Once a second: decoders that nobody needs any more. */
static void beat(gpointer user, gint64 now_us) {
    SourceTable *table = user;
    GHashTableIter at;
    gpointer value;
    GPtrArray *idle = g_ptr_array_new();
    g_mutex_lock(&table->lock);
    g_hash_table_iter_init(&at, table->sources);
    while (g_hash_table_iter_next(&at, NULL, &value))
        if (source_try_ref(value)) g_ptr_array_add(idle, value);
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
            source_schedule_once(source);
        } else if (shown && source->waiting && now_us >= source->next_request_us &&
                   source->last_frame_us > 0 && now_us - source->last_frame_us < SOURCE_SILENT_US) {
            source->request = TRUE; /* the request before was perhaps lost */
            source_schedule_once(source);
        }
        g_mutex_unlock(&source->lock);
        studio_source_unref(source);
    }
    g_ptr_array_unref(idle);
}

SourceTable *source_table_start(guint n_threads, const StudioEvents *events, gpointer user,
                                StudioCounters *counters, GError **error) {
    static const DecodePoolEvents pool_events = { source_work, beat };
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
        source_table_unref(table);
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
    source_table_unref(table);
}
