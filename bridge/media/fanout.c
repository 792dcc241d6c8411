/* fanout.c -- see fanout.h. The blocks come once per worker and are shared by everybody who watches.
 * Runs:  on its worker's thread. Not here: what a leg does with a block (downlink*.c). */
#include "bridge/media/downlink_state.h"

static void stream_free(gpointer data) {
    FanoutStream *stream = data;
    stream_store_clear(&stream->store);
    g_ptr_array_free(stream->watchers, TRUE);
    g_free(stream);
}

Fanout *fanout_new(const FanoutEvents *events, gpointer user) {
    Fanout *fanout = g_new0(Fanout, 1);
    fanout->events = *events;
    fanout->user = user;
    fanout->streams = g_hash_table_new_full(NULL, NULL, NULL, stream_free);
    fanout->conferences = g_hash_table_new_full(NULL, NULL, NULL, (GDestroyNotify)g_ptr_array_unref);
    return fanout;
}

void fanout_free(Fanout *fanout) {
    if (fanout == NULL) return;
    rounds_clear(&fanout->downlinks);
    g_hash_table_destroy(fanout->conferences);
    g_hash_table_destroy(fanout->streams);
    g_free(fanout);
}

/* ---- who watches what ---- */

static FanoutStream *peek_stream(const Fanout *fanout, StreamId stream) {
    return g_hash_table_lookup(fanout->streams, GUINT_TO_POINTER(stream));
}

static FanoutStream *need_stream(Fanout *fanout, StreamId id) {
    FanoutStream *stream = peek_stream(fanout, id);
    if (stream != NULL) return stream;
    stream = g_new0(FanoutStream, 1);
    stream->stream = id;
    stream->watchers = g_ptr_array_new();
    g_hash_table_insert(fanout->streams, GUINT_TO_POINTER(id), stream);
    return stream;
}

void fanout_subscribe(Fanout *fanout, StreamId id, DownlinkLane *lane) {
    if (id == 0) return;
    FanoutStream *stream = need_stream(fanout, id);
    if (g_ptr_array_find(stream->watchers, lane, NULL)) return;
    g_ptr_array_add(stream->watchers, lane);
    fanout->n_watching++;
}

void fanout_unsubscribe(Fanout *fanout, StreamId id, DownlinkLane *lane) {
    FanoutStream *stream = peek_stream(fanout, id);
    if (stream == NULL) return;
    if (g_ptr_array_remove_fast(stream->watchers, lane)) fanout->n_watching--;
    if (stream->watchers->len == 0 && stream->store.n_blocks == 0)
        g_hash_table_remove(fanout->streams, GUINT_TO_POINTER(id));
}

gboolean fanout_is_watched(const Fanout *fanout) { return fanout->n_watching > 0; }

const StreamStore *fanout_store(const Fanout *fanout, StreamId id) {
    const FanoutStream *stream = peek_stream(fanout, id);
    return stream != NULL ? &stream->store : NULL;
}

void fanout_ask_keyframe(Fanout *fanout, StreamId stream) { fanout->events.keyframe(fanout->user, stream); }

void fanout_add(Fanout *fanout, Downlink *downlink) {
    gpointer conference = GUINT_TO_POINTER(downlink->config.conference);
    GPtrArray *hearers = g_hash_table_lookup(fanout->conferences, conference);
    if (hearers == NULL) {
        hearers = g_ptr_array_new();
        g_hash_table_insert(fanout->conferences, conference, hearers);
    }
    g_ptr_array_add(hearers, downlink);
    rounds_add(&fanout->downlinks, downlink, &downlink->place);
    downlink->phase = fanout->next_phase++;
}

void fanout_remove(Fanout *fanout, Downlink *downlink) {
    gpointer conference = GUINT_TO_POINTER(downlink->config.conference);
    GPtrArray *hearers = g_hash_table_lookup(fanout->conferences, conference);
    rounds_remove(&fanout->downlinks, downlink->place);
    g_ptr_array_remove_fast(hearers, downlink);
    if (hearers->len == 0) g_hash_table_remove(fanout->conferences, conference);
}

/* ---- blocks in ---- */

void fanout_video(Fanout *fanout, Block *block, gint64 now_us) {
    if (block->n_packets == 0) {
        block_unref(block);
        return;
    }
    FanoutStream *stream = need_stream(fanout, block->stream);
    fanout->stats.n_blocks++;
    stream_store_push(&stream->store, block, now_us); /* keeps it alive below */
    /* From the last: a leg that moves to another rung takes itself off this list. */
    for (guint i = stream->watchers->len; i-- > 0;) lane_take(stream->watchers->pdata[i], block, now_us);
}

static void fetch_downlink(const Downlink *downlink) {
    __builtin_prefetch(downlink);
    __builtin_prefetch(&downlink->config.audio);
    __builtin_prefetch(&downlink->hears, 1);
    __builtin_prefetch(&downlink->audio_clock, 1);
    __builtin_prefetch(&downlink->sound, 1);
    __builtin_prefetch(&downlink->stats, 1);
}

/* See transport_fetch(). */
static void fetch_ahead(const GPtrArray *hearers, guint i) {
    if (i + 3 < hearers->len) fetch_downlink(hearers->pdata[i + 3]);
    if (i + 2 < hearers->len) transport_fetch(((const Downlink *)hearers->pdata[i + 2])->transport, FALSE);
    if (i + 1 < hearers->len) transport_fetch(((const Downlink *)hearers->pdata[i + 1])->transport, TRUE);
}

void fanout_audio(Fanout *fanout, const AudioTick *tick, gint64 now_us) {
    const GPtrArray *hearers = g_hash_table_lookup(fanout->conferences, GUINT_TO_POINTER(tick->conference));
    for (guint i = 0; hearers != NULL && i < hearers->len; i++) {
        fetch_ahead(hearers, i);
        downlink_send_audio(hearers->pdata[i], tick, now_us);
    }
}

void fanout_end_stream(Fanout *fanout, StreamId id) {
    FanoutStream *stream = peek_stream(fanout, id);
    if (stream == NULL) return;
    stream_store_clear(&stream->store);
    if (stream->watchers->len == 0) g_hash_table_remove(fanout->streams, GUINT_TO_POINTER(id));
}

static void beat_lanes(Downlink *downlink, gboolean choice, gint64 now_us) {
    for (guint i = 0; i < DOWNLINK_LANES; i++) {
        if (downlink->lanes[i] == NULL) continue;
        lane_pump(downlink->lanes[i], now_us);
        if (choice) lane_choose(downlink->lanes[i], now_us);
    }
}

static void beat_downlink(Downlink *downlink, gint64 now_us) {
    gboolean choice = now_us >= downlink->next_choice_us;
    if (downlink->probing) feed_pump(downlink, now_us);
    if (!choice && downlink->n_queued == 0) return;
    if (choice) downlink_measure(downlink, now_us);
    beat_lanes(downlink, choice, now_us);
}

void fanout_beat(Fanout *fanout, gint64 now_us) {
    for (guint i = 0; i < fanout->downlinks.n; i++) {
        Round *round = &fanout->downlinks.list[i];
        Downlink *downlink = round->who;
        if (now_us < round->due_us) continue;
        beat_downlink(downlink, now_us);
        round->due_us = downlink->n_queued > 0 || downlink->probing ? 0 : downlink->next_choice_us;
    }
}

void fanout_read_stats(const Fanout *fanout, FanoutStats *ret_stats) {
    *ret_stats = fanout->stats;
    ret_stats->n_streams = g_hash_table_size(fanout->streams);
    ret_stats->n_downlinks = fanout->downlinks.n;
}
