/* password_worker.c -- the one-slot worker for argon2id. */
#include "signaling/password_worker.h"

#include "config/fault.h"

#include <sodium.h>
#include <string.h>

typedef struct {
    char *password;
    char *hash;
    gboolean checking, matches;
    PasswordDone done;
    gpointer user;
    GError *why;
} Job;

struct PasswordWorker {
    GThread *thread;
    guint n_waiting; /* posted and not yet dispatched; owner's */

    GMutex mutex; /* guards all below */
    GCond to_thread;
    GQueue in, out;
    gboolean closing;
    void (*wake)(gpointer user);
    gpointer wake_user;
};

static void job_free(Job *job) {
    sodium_memzero(job->password, strlen(job->password));
    g_free(job->password);
    g_free(job->hash);
    g_clear_error(&job->why);
    g_free(job);
}

static void run_job(Job *job) {
    if (job->checking) {
        job->matches = crypto_pwhash_str_verify(job->hash, job->password, strlen(job->password)) == 0;
        g_clear_pointer(&job->hash, g_free);
        return;
    }
    job->hash = g_malloc0(crypto_pwhash_STRBYTES);
    if (crypto_pwhash_str(job->hash, job->password, strlen(job->password), crypto_pwhash_OPSLIMIT_INTERACTIVE,
                          crypto_pwhash_MEMLIMIT_INTERACTIVE) != 0) {
        g_clear_pointer(&job->hash, g_free);
        job->why = g_error_new_literal(FAULT, FAULT_INTERNAL, "not enough memory to hash a password");
    }
}

static gpointer worker_thread(gpointer data) {
    PasswordWorker *worker = data;
    g_mutex_lock(&worker->mutex);
    for (;;) {
        while (g_queue_is_empty(&worker->in) && !worker->closing)
            g_cond_wait(&worker->to_thread, &worker->mutex);
        if (worker->closing) break;
        Job *job = g_queue_pop_head(&worker->in);
        g_mutex_unlock(&worker->mutex);
        run_job(job);
        g_mutex_lock(&worker->mutex);
        g_queue_push_tail(&worker->out, job);
        void (*wake)(gpointer user) = worker->wake;
        gpointer user = worker->wake_user;
        if (wake == NULL) continue;
        g_mutex_unlock(&worker->mutex);
        wake(user);
        g_mutex_lock(&worker->mutex);
    }
    g_mutex_unlock(&worker->mutex);
    return NULL;
}

PasswordWorker *password_worker_new(void) {
    PasswordWorker *worker = g_new0(PasswordWorker, 1);
    g_mutex_init(&worker->mutex);
    g_cond_init(&worker->to_thread);
    g_queue_init(&worker->in);
    g_queue_init(&worker->out);
    worker->thread = g_thread_new("password", worker_thread, worker);
    return worker;
}

void password_worker_free(PasswordWorker *worker) {
    if (worker == NULL) return;
    g_mutex_lock(&worker->mutex);
    worker->closing = TRUE;
    worker->wake = NULL;
    g_cond_broadcast(&worker->to_thread);
    g_mutex_unlock(&worker->mutex);
    g_thread_join(worker->thread);
    for (Job *job; (job = g_queue_pop_head(&worker->in)) != NULL;) {
        job->why = g_error_new_literal(FAULT, FAULT_GONE, "the server is stopping");
        g_clear_pointer(&job->hash, g_free);
        g_queue_push_tail(&worker->out, job);
    }
    password_worker_dispatch(worker);
    g_cond_clear(&worker->to_thread);
    g_mutex_clear(&worker->mutex);
    g_free(worker);
}

void password_worker_set_wake(PasswordWorker *worker, void (*wake)(gpointer user), gpointer user) {
    g_mutex_lock(&worker->mutex);
    worker->wake = wake;
    worker->wake_user = user;
    g_mutex_unlock(&worker->mutex);
}

guint password_worker_dispatch(PasswordWorker *worker) {
    for (guint n_told = 0;; n_told++) {
        g_mutex_lock(&worker->mutex);
        Job *job = g_queue_pop_head(&worker->out);
        g_mutex_unlock(&worker->mutex);
        if (job == NULL) return n_told;
        worker->n_waiting--;
        job->done(job->user, job->hash, job->matches, job->why);
        job_free(job);
    }
}

guint password_worker_n_waiting(const PasswordWorker *worker) { return worker->n_waiting; }

gboolean password_worker_post(PasswordWorker *worker, const char *password, const char *hash,
                              PasswordDone done, gpointer user) {
    if (worker->n_waiting >= PASSWORD_JOBS_MAX) return FALSE;
    Job *job = g_new0(Job, 1);
    job->password = g_strdup(password);
    job->hash = g_strdup(hash);
    job->checking = hash != NULL;
    job->done = done;
    job->user = user;
    worker->n_waiting++;
    g_mutex_lock(&worker->mutex);
    g_queue_push_tail(&worker->in, job);
    g_cond_signal(&worker->to_thread);
    g_mutex_unlock(&worker->mutex);
    return TRUE;
}
