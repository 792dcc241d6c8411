/* store.c -- the store's thread and its two queues: jobs in, finished jobs out. SQL is in store_*.c beside it.
 * What gathered while the last commit ran is written in one transaction, so that 200 rooms joining at once cost a few
 * syncs of the disk and not 200. */
#include "signaling/store_db.h"

#include "config/fault.h"
#include "config/log.h"
#include "config/mailbox.h"

#include <sodium.h>
#include <string.h>

enum { RETRY_US = G_USEC_PER_SEC / 2, GROUP_JOBS_MAX = 1024 };

typedef struct {
    /* One of the two: */
    StoreBatch *batch;
    StoreRead read;

    char *text; /* argument of read */
    StoreEventsWanted events;
    gconstpointer argument;

    StoreDone done;
    StoreEventsDone events_done;
    StoreCheckDone check_done;
    gpointer user;

    gint64 submitted_us;
    gpointer result;
    GError *why;
    gint64 head_seq; /* after this job */
    guint8 head[TOKEN_HASH_BYTES];
    gboolean waited; /* the submitter sleeps in run_and_wait() and frees the job itself */
    gboolean finished;
} Job;

struct Store {
    Owner owner;
    GThread *thread;
    void (*wake)(gpointer user);
    gpointer wake_user;
    guint n_open; /* submitted and not yet dispatched */
    gint64 head_seq;
    guint8 head[TOKEN_HASH_BYTES];

    GMutex mutex; /* guards all below */
    GCond to_thread, to_owner;
    GQueue in, out; /* of Job */
    gboolean closing;
    char *failing;           /* why the last commit failed; NULL = well */
    gint64 working_since_us; /* submission of the oldest job in work, 0 = none */

    StoreDb *db; /* thread: the store's */
};

static void job_free(Job *job) {
    store_batch_free(job->batch);
    g_free(job->text);
    g_free(job->events.meeting);
    g_clear_error(&job->why);
    g_free(job);
}

/* ---- the store's thread ---- */

static void finish_job(Store *store, Job *job) {
    job->head_seq = store->db->head_seq;
    memcpy(job->head, store->db->head, sizeof job->head);
    g_mutex_lock(&store->mutex);
    job->finished = TRUE;
    if (!job->waited) g_queue_push_tail(&store->out, job);
    g_cond_broadcast(&store->to_owner);
    void (*wake)(gpointer user) = job->waited ? NULL : store->wake;
    gpointer user = store->wake_user;
    g_mutex_unlock(&store->mutex);
    if (wake != NULL) wake(user);
}

static void set_failing(Store *store, const GError *why) {
    g_mutex_lock(&store->mutex);
    if (why != NULL && store->failing == NULL) log_error("store.failing", "why=\"%s\"", why->message);
    if (why == NULL && store->failing != NULL) log_info("store.well", "commits work again");
    g_free(store->failing);
    store->failing = why != NULL ? g_strdup(why->message) : NULL;
    void (*wake)(gpointer user) = store->wake;
    gpointer user = store->wake_user;
    g_mutex_unlock(&store->mutex);
    if (wake != NULL) wake(user);
}

/* One transaction for all jobs. FALSE: nothing was written, try again later. */
static gboolean commit_group(Store *store, GPtrArray *group, GError **error) {
    StoreDb *db = store->db;
    gint64 head_seq = db->head_seq;
    guint8 head[TOKEN_HASH_BYTES];
    memcpy(head, db->head, sizeof head);
    gboolean ok = store_db_run(db, "BEGIN IMMEDIATE", error);
    for (guint i = 0; ok && i < group->len; i++) {
        Job *job = group->pdata[i];
        g_clear_error(&job->why);
        if (store_db_write(db, job->batch, &job->why) || job->why->code == FAULT_INTERNAL) continue;
        ok = FALSE; /* disk full and the like: nothing about this batch, so it is kept */
        g_propagate_error(error, g_steal_pointer(&job->why));
    }
    ok = ok && store_db_run(db, "COMMIT", error);
    if (ok) return TRUE;
    sqlite3_exec(db->sqlite, "ROLLBACK", NULL, NULL, NULL);
    db->head_seq = head_seq;
    memcpy(db->head, head, sizeof head);
    return FALSE;
}

/* Waits RETRY_US or until the store closes. FALSE: closing, give up. */
static gboolean wait_to_retry(Store *store) {
    gint64 until_us = g_get_monotonic_time() + RETRY_US;
    g_mutex_lock(&store->mutex);
    while (!store->closing && g_cond_wait_until(&store->to_thread, &store->mutex, until_us)) continue;
    gboolean go_on = !store->closing;
    g_mutex_unlock(&store->mutex);
    return go_on;
}

static void run_group(Store *store, GPtrArray *group) {
    for (;;) {
        g_autoptr(GError) why = NULL;
        if (commit_group(store, group, &why)) break;
        set_failing(store, why);
        if (wait_to_retry(store)) continue;
        for (guint i = 0; i < group->len; i++) {
            Job *job = group->pdata[i];
            if (job->why == NULL) job->why = g_error_new_literal(FAULT, FAULT_GONE, why->message);
        }
        break;
    }
    if (store->failing != NULL) set_failing(store, NULL);
    for (guint i = 0; i < group->len; i++) {
        Job *job = group->pdata[i];
        if (job->why != NULL) log_error("store.batch", "why=\"%s\"", job->why->message);
        finish_job(store, job);
    }
}

/* Jobs that can go together: batches up to the first read, or one read. Waits for some; empty = closing and all done. */
static GPtrArray *take_group(Store *store) {
    GPtrArray *group = g_ptr_array_new();
    g_mutex_lock(&store->mutex);
    store->working_since_us = 0;
    while (g_queue_is_empty(&store->in) && !store->closing) g_cond_wait(&store->to_thread, &store->mutex);
    for (Job *job; group->len < GROUP_JOBS_MAX && (job = g_queue_peek_head(&store->in)) != NULL;) {
        if (job->read != NULL && group->len > 0) break;
        g_ptr_array_add(group, g_queue_pop_head(&store->in));
        if (job->read != NULL) break;
    }
    if (group->len > 0) store->working_since_us = ((Job *)group->pdata[0])->submitted_us;
    g_mutex_unlock(&store->mutex);
    return group;
}

static gpointer store_thread(gpointer data) {
    Store *store = data;
    for (;;) {
        g_autoptr(GPtrArray) group = take_group(store);
        if (group->len == 0) return NULL;
        Job *first = group->pdata[0];
        if (first->read == NULL) {
            run_group(store, group);
            continue;
        }
        first->result = first->read(store->db, first->argument, &first->why);
        finish_job(store, first);
    }
}

/* ---- the owner's side ---- */

Store *store_open(const char *path, GError **error) {
    if (sodium_init() < 0) {
        g_set_error(error, FAULT, FAULT_SETUP, "libsodium found no source of randomness");
        return NULL;
    }
    StoreDb *db = store_db_open(path, error);
    if (db == NULL) return NULL;
    Store *store = g_new0(Store, 1);
    owner_stamp(&store->owner);
    g_mutex_init(&store->mutex);
    g_cond_init(&store->to_thread);
    g_cond_init(&store->to_owner);
    g_queue_init(&store->in);
    g_queue_init(&store->out);
    store->db = db;
    store->head_seq = db->head_seq;
    memcpy(store->head, db->head, sizeof store->head);
    store->thread = g_thread_new("store", store_thread, store);
    return store;
}

void store_close(Store *store) {
    if (store == NULL) return;
    owner_check(&store->owner);
    g_mutex_lock(&store->mutex);
    store->closing = TRUE;
    store->wake = NULL;
    g_cond_broadcast(&store->to_thread);
    g_mutex_unlock(&store->mutex);
    g_thread_join(store->thread);
    store_dispatch(store);
    store_db_close(store->db);
    g_free(store->failing);
    g_cond_clear(&store->to_owner);
    g_cond_clear(&store->to_thread);
    g_mutex_clear(&store->mutex);
    g_free(store);
}

void store_set_wake(Store *store, void (*wake)(gpointer user), gpointer user) {
    g_mutex_lock(&store->mutex);
    store->wake = wake;
    store->wake_user = user;
    g_mutex_unlock(&store->mutex);
}

static void tell_job(Job *job);

static void push_job(Store *store, Job *job) {
    owner_check(&store->owner);
    job->submitted_us = g_get_monotonic_time();
    g_mutex_lock(&store->mutex);
    gboolean closing = store->closing;
    if (!closing) g_queue_push_tail(&store->in, job);
    g_cond_signal(&store->to_thread);
    g_mutex_unlock(&store->mutex);
    if (!closing) {
        if (!job->waited) store->n_open++;
        return;
    }
    /* Somebody's done, called while the store closes, asks for more. */
    job->why = g_error_new_literal(FAULT, FAULT_GONE, "the store is closed");
    job->finished = TRUE;
    if (job->waited) return;
    tell_job(job);
    job_free(job);
}

void store_submit(Store *store, StoreBatch *batch, StoreDone done, gpointer user) {
    Job *job = g_new0(Job, 1);
    job->batch = batch;
    job->done = done;
    job->user = user;
    push_job(store, job);
}

static void tell_job(Job *job) {
    if (job->done != NULL) job->done(job->user, job->why);
    if (job->events_done != NULL) job->events_done(job->user, job->result, job->why);
    if (job->check_done != NULL) job->check_done(job->user, job->result, job->why);
    if (job->events_done != NULL && job->result != NULL) g_ptr_array_unref(job->result);
    if (job->check_done != NULL) store_check_free(job->result);
    if (job->read == store_db_backup) g_free(job->result);
}

guint store_dispatch(Store *store) {
    owner_check(&store->owner);
    guint n_told = 0;
    for (;; n_told++) {
        g_mutex_lock(&store->mutex);
        Job *job = g_queue_pop_head(&store->out);
        g_mutex_unlock(&store->mutex);
        if (job == NULL) return n_told;
        store->n_open--;
        store->head_seq = job->head_seq;
        memcpy(store->head, job->head, sizeof store->head);
        tell_job(job);
        job_free(job);
    }
}

gboolean store_settle(Store *store, gint64 timeout_us) {
    gint64 until_us = g_get_monotonic_time() + timeout_us;
    for (;;) {
        store_dispatch(store);
        if (store->n_open == 0) return TRUE;
        g_mutex_lock(&store->mutex);
        gboolean in_time = TRUE;
        while (g_queue_is_empty(&store->out) && in_time)
            in_time = g_cond_wait_until(&store->to_owner, &store->mutex, until_us);
        g_mutex_unlock(&store->mutex);
        if (!in_time) return FALSE;
    }
}

gboolean store_is_well(Store *store, gint64 mono_us, GError **error) {
    g_mutex_lock(&store->mutex);
    const Job *first = g_queue_peek_head(&store->in);
    gint64 since_us = store->working_since_us != 0 ? store->working_since_us
                      : first != NULL              ? first->submitted_us
                                                   : mono_us;
    if (store->failing != NULL)
        g_set_error_literal(error, FAULT, FAULT_BUSY, store->failing);
    else if (mono_us - since_us > STORE_OVERDUE_US)
        g_set_error(error, FAULT, FAULT_BUSY, "a commit has been running for %d ms",
                    (int)((mono_us - since_us) / 1000));
    gboolean well = store->failing == NULL && mono_us - since_us <= STORE_OVERDUE_US;
    g_mutex_unlock(&store->mutex);
    return well;
}

gint64 store_head(Store *store, char *ret_hex) {
    owner_check(&store->owner);
    sodium_bin2hex(ret_hex, TOKEN_HASH_BYTES * 2 + 1, store->head, TOKEN_HASH_BYTES);
    return store->head_seq;
}

/* ---- reading ---- */

static gpointer run_and_wait(Store *store, StoreRead read, gconstpointer argument, GError **error) {
    Job job = { .read = read, .argument = argument, .waited = TRUE };
    push_job(store, &job);
    g_mutex_lock(&store->mutex);
    while (!job.finished) g_cond_wait(&store->to_owner, &store->mutex);
    g_mutex_unlock(&store->mutex);
    if (job.why != NULL) g_propagate_error(error, job.why);
    return job.result;
}

GPtrArray *store_read_seats(Store *store, GError **error) {
    return run_and_wait(store, store_db_seats, NULL, error);
}

GPtrArray *store_read_users(Store *store, GError **error) {
    return run_and_wait(store, store_db_users, NULL, error);
}

GPtrArray *store_read_tokens(Store *store, GError **error) {
    return run_and_wait(store, store_db_tokens, NULL, error);
}

GPtrArray *store_read_meetings(Store *store, GError **error) {
    return run_and_wait(store, store_db_meetings, NULL, error);
}

GPtrArray *store_read_events(Store *store, const char *meeting, gint64 after_seq, GError **error) {
    g_autofree char *copy = g_strdup(meeting);
    StoreEventsWanted wanted = { .meeting = copy, .after_seq = after_seq };
    return run_and_wait(store, store_db_events, &wanted, error);
}

char *store_read_note(Store *store, const char *key) { return run_and_wait(store, store_db_note, key, NULL); }

StoreCheck *store_check(Store *store, GError **error) {
    return run_and_wait(store, store_db_check, NULL, error);
}

gboolean store_backup(Store *store, const char *path, GError **error) {
    g_autofree char *written = run_and_wait(store, store_db_backup, path, error);
    return written != NULL;
}

void store_ask_events(Store *store, const char *meeting, gint64 after_seq, StoreEventsDone done,
                      gpointer user) {
    Job *job = g_new0(Job, 1);
    job->read = store_db_events;
    job->events = (StoreEventsWanted){ .meeting = g_strdup(meeting), .after_seq = after_seq };
    job->argument = &job->events;
    job->events_done = done;
    job->user = user;
    push_job(store, job);
}

void store_ask_check(Store *store, gint64 anchor_seq, StoreCheckDone done, gpointer user) {
    Job *job = g_new0(Job, 1);
    job->read = store_db_check;
    job->events.after_seq = anchor_seq;
    job->argument = &job->events.after_seq;
    job->check_done = done;
    job->user = user;
    push_job(store, job);
}

void store_ask_backup(Store *store, const char *path, StoreDone done, gpointer user) {
    Job *job = g_new0(Job, 1);
    job->read = store_db_backup;
    job->text = g_strdup(path);
    job->argument = job->text;
    job->done = done;
    job->user = user;
    push_job(store, job);
}
