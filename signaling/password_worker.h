/* password_worker.h -- argon2id takes a tenth of a second and 64 MB, so it runs in one thread of its own, one at a time. */
#pragma once

#include <glib.h>

typedef struct PasswordWorker PasswordWorker;
enum { PASSWORD_JOBS_MAX = 32 };

/* Exactly once, from password_worker_dispatch(). Hashing: hash is the argon2id string. Checking: hash is NULL and matches tells.
 * why: FAULT_GONE (closing), FAULT_INTERNAL (no memory). */
typedef void (*PasswordDone)(gpointer user, const char *hash, gboolean matches, const GError *why);

PasswordWorker *password_worker_new(void);
void password_worker_free(PasswordWorker *worker); /* waiting jobs are answered FAULT_GONE; NULL is fine */
void password_worker_set_wake(PasswordWorker *worker, void (*wake)(gpointer user), gpointer user);
guint password_worker_dispatch(PasswordWorker *worker);
guint password_worker_n_waiting(const PasswordWorker *worker);
/* hash NULL: make one; else check password against it. FALSE: PASSWORD_JOBS_MAX are waiting, done is not called. */
gboolean password_worker_post(PasswordWorker *worker, const char *password, const char *hash,
                              PasswordDone done, gpointer user);
