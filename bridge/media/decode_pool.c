/* decode_pool.c -- see decode_pool.h. */
#include "bridge/media/decode_pool.h"

#include "config/fault.h"

#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

enum { POOL_THREADS_MAX = 16, BEAT_US = 1000000 };

struct DecodePool {
    GMutex lock;
    GCond wake;
    GQueue jobs;
    gboolean stopping;
    gint64 next_beat_us;
    gint nice;
    guint n_threads;
    GThread *threads[POOL_THREADS_MAX];
    DecodePoolEvents events;
    gpointer user;
    Counter *cpu_us;
};

gint64 thread_cpu_us(void) {
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (gint64)now.tv_sec * G_USEC_PER_SEC + now.tv_nsec / 1000;
}

void thread_begin(const char *name, gint nice) {
    pthread_setname_np(pthread_self(), name);
    /* Linux: the nice value belongs to the thread. Lowering cannot fail for want of rights. */
    if (nice > 0) setpriority(PRIO_PROCESS, (id_t)gettid(), nice);
}

static gpointer pool_thread(gpointer data) {
    DecodePool *pool = data;
    gint64 cpu_before = 0;
    thread_begin("decode", pool->nice);
    g_mutex_lock(&pool->lock);
    for (;;) {
        gint64 now_us = g_get_monotonic_time();
        if (now_us >= pool->next_beat_us) {
            pool->next_beat_us = now_us + BEAT_US;
            g_mutex_unlock(&pool->lock);
            pool->events.beat(pool->user, now_us);
            g_mutex_lock(&pool->lock);
        }
        gpointer job = g_queue_pop_head(&pool->jobs);
        if (job == NULL) {
            if (pool->stopping) break;
            g_cond_wait_until(&pool->wake, &pool->lock, pool->next_beat_us);
            continue;
        }
        g_mutex_unlock(&pool->lock);
        pool->events.work(pool->user, job);
        gint64 cpu_now = thread_cpu_us();
        count(pool->cpu_us, (guint64)(cpu_now - cpu_before));
        cpu_before = cpu_now;
        g_mutex_lock(&pool->lock);
    }
    g_mutex_unlock(&pool->lock);
    return NULL;
}

DecodePool *decode_pool_start(guint n_threads, gint nice, const DecodePoolEvents *events, gpointer user,
                              Counter *cpu_us, GError **error) {
    DecodePool *pool = g_new0(DecodePool, 1);
    g_mutex_init(&pool->lock);
    g_cond_init(&pool->wake);
    g_queue_init(&pool->jobs);
    pool->nice = nice;
    pool->events = *events;
    pool->user = user;
    pool->cpu_us = cpu_us;
    for (guint i = 0; i < CLAMP(n_threads, 1, POOL_THREADS_MAX); i++) {
        GThread *thread = g_thread_try_new("decode", pool_thread, pool, error);
        if (thread == NULL) {
            decode_pool_stop(pool);
            return NULL;
        }
        pool->threads[pool->n_threads++] = thread;
    }
    return pool;
}

void decode_pool_stop(DecodePool *pool) {
    if (pool == NULL) return;
    g_mutex_lock(&pool->lock);
    pool->stopping = TRUE;
    g_cond_broadcast(&pool->wake);
    g_mutex_unlock(&pool->lock);
    for (guint i = 0; i < pool->n_threads; i++) g_thread_join(pool->threads[i]);
    g_queue_clear(&pool->jobs);
    g_mutex_clear(&pool->lock);
    g_cond_clear(&pool->wake);
    g_free(pool);
}

void decode_pool_schedule(DecodePool *pool, gpointer job) {
    g_mutex_lock(&pool->lock);
    g_queue_push_tail(&pool->jobs, job);
    g_cond_signal(&pool->wake);
    g_mutex_unlock(&pool->lock);
}
