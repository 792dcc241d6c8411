/* decode_pool.h -- a few threads that work off whatever is scheduled. Knows nothing of decoders: a job is a pointer that the
 * owner understands. The owner sees to it that a job is not scheduled twice at once, so work on one job is serial. */
#pragma once

#include "bridge/media/studio_counters.h"

typedef struct DecodePool DecodePool;

typedef struct {
    void (*work)(gpointer user, gpointer job);
    void (*beat)(gpointer user, gint64 now_us); /* about once a second, on one of the threads */
} DecodePoolEvents;

DecodePool *decode_pool_start(guint n_threads, gint nice, const DecodePoolEvents *events, gpointer user,
                              Counter *cpu_us, GError **error);
/* Works off what is waiting, ends and joins. NULL is fine. */
void decode_pool_stop(DecodePool *pool);
/* Any thread, never waits. */
void decode_pool_schedule(DecodePool *pool, gpointer job);
