/* own_threads.c -- see own_threads.h. */
#include "bridge/media/own_threads.h"

typedef struct {
    GstTaskPool parent;
} OwnThreads;

typedef struct {
    GstTaskPoolClass parent_class;
} OwnThreadsClass;

GType own_threads_get_type(void);
G_DEFINE_TYPE(OwnThreads, own_threads, GST_TYPE_TASK_POOL)

typedef struct {
    GstTaskPoolFunction work;
    gpointer user;
} Job;

static gpointer run(gpointer data) {
    Job job = *(Job *)data;
    g_free(data);
    job.work(job.user);
    return NULL;
}

/* What is returned goes to join. */
static gpointer own_threads_push(GstTaskPool *pool, GstTaskPoolFunction work, gpointer user, GError **error) {
    (void)pool;
    Job *job = g_new(Job, 1);
    *job = (Job){ work, user };
    GThread *thread = g_thread_try_new("task", run, job, error);
    if (thread == NULL) g_free(job);
    return thread;
}

static void own_threads_join(GstTaskPool *pool, gpointer id) {
    (void)pool;
    if (id != NULL) g_thread_join(id);
}

static void own_threads_prepare(GstTaskPool *pool, GError **error) {
    (void)pool;
    (void)error;
}

static void own_threads_cleanup(GstTaskPool *pool) { (void)pool; }

static void own_threads_class_init(OwnThreadsClass *class) {
    GstTaskPoolClass *pool_class = GST_TASK_POOL_CLASS(class);
    pool_class->prepare = own_threads_prepare;
    pool_class->cleanup = own_threads_cleanup;
    pool_class->push = own_threads_push;
    pool_class->join = own_threads_join;
}

static void own_threads_init(OwnThreads *threads) { (void)threads; }

GstTaskPool *own_threads_new(void) { return g_object_new(own_threads_get_type(), NULL); }
