/* store.h -- what must survive: roster, users, tokens, meetings, the event log. store*.c are the only files that know SQLite.
 * A Store has its own thread. The signaling thread hands it batches; what gathered while the last commit ran is committed
 * together (WAL, synchronous=FULL). Results come back in the order of submission, in store_dispatch().
 * All functions below: the one thread that opened the store (the signaling thread), unless said otherwise. */
#pragma once

#include "signaling/records.h"

#include <glib.h>

typedef struct Store Store;
typedef struct StoreCheck StoreCheck;
enum { STORE_OVERDUE_US = 2 * G_USEC_PER_SEC };

/* path: database file, its folder must exist; ":memory:" for tests. Takes a lock beside the file, so that two programs never
 * write one log: FAULT_BUSY when somebody has it. Runs migrations. FAULT_SETUP in words: not writable, newer version, damaged. */
Store *store_open(const char *path, GError **error);
/* Commits what waits, ends the thread. Batches that could not be committed get their done with FAULT_GONE. NULL is fine. */
void store_close(Store *store);
/* Keeps everybody else from opening that file, which need not be readable or there; -1: somebody has it. Close the descriptor. */
int store_lock(const char *path, GError **error);

/* wake is called on the store's thread whenever store_dispatch() has something to do; it may only wake a loop
 * (lws_cancel_service, write to an eventfd). */
void store_set_wake(Store *store, void (*wake)(gpointer user), gpointer user);
/* Calls what is due: done of committed batches. Returns how many. */
guint store_dispatch(Store *store);
/* Waits (tests, command line, start) until everything submitted has been dispatched or the time is over. */
gboolean store_settle(Store *store, gint64 timeout_us);

/* ---- writing ---- */
typedef struct StoreBatch StoreBatch; /* all or nothing; rows are copied */
StoreBatch *store_batch_new(void);
void store_batch_free(StoreBatch *batch); /* NULL is fine */
void store_batch_event(StoreBatch *batch, const char *meeting, const char *kind, gint64 time_ms,
                       const char *payload);
void store_batch_seat(StoreBatch *batch, const SeatRecord *seat); /* insert or replace, by id */
void store_batch_user(StoreBatch *batch, const UserRecord *user);
void store_batch_token(StoreBatch *batch, const TokenRecord *token);
void store_batch_token_gone(StoreBatch *batch, const guint8 hash[TOKEN_HASH_BYTES]);
void store_batch_meeting(StoreBatch *batch, const MeetingRecord *meeting);
void store_batch_note(StoreBatch *batch, const char *key,
                      const char *value); /* small facts, e.g. "public_url" */
/* Erases payload and salt of one event; the chain stays valid and the row is named "erased". */
void store_batch_erase(StoreBatch *batch, gint64 seq);

/* Exactly once, from store_dispatch() or store_close(). why: NULL = committed, FAULT_GONE = the store was closed first,
 * FAULT_INTERNAL = the database refused this batch alone (a defect of ours). */
typedef void (*StoreDone)(gpointer user, const GError *why);
/* Takes batch. done may be NULL. A commit that fails is tried again every 0.5 s with all that waits behind it. */
void store_submit(Store *store, StoreBatch *batch, StoreDone done, gpointer user);
/* FALSE with FAULT_BUSY when a commit fails or has taken longer than STORE_OVERDUE_US: refuse commands in words. */
gboolean store_is_well(Store *store, gint64 mono_us, GError **error);

/* ---- reading: waits for the store's thread and everything submitted before; for start-up and the command line ---- */
GPtrArray *store_read_seats(Store *store, GError **error);    /* of SeatRecord, by place; (transfer full) */
GPtrArray *store_read_users(Store *store, GError **error);    /* of UserRecord */
GPtrArray *store_read_tokens(Store *store, GError **error);   /* of TokenRecord, expired ones too */
GPtrArray *store_read_meetings(Store *store, GError **error); /* of MeetingRecord, newest first */
GPtrArray *store_read_events(Store *store, const char *meeting, gint64 after_seq,
                             GError **error);         /* of EventRecord; NULL = all */
char *store_read_note(Store *store, const char *key); /* NULL when absent; (transfer full) */

/* ---- reading without waiting ---- */
typedef void (*StoreEventsDone)(gpointer user, GPtrArray *events /* borrowed; of EventRecord */,
                                const GError *why);
void store_ask_events(Store *store, const char *meeting, gint64 after_seq, StoreEventsDone done,
                      gpointer user);

/* The same without waiting, for a running server. */
typedef void (*StoreCheckDone)(gpointer user, StoreCheck *check /* borrowed, NULL on error */,
                               const GError *why);
/* anchor_seq: a row whose hash was kept outside, 0 = none. */
void store_ask_check(Store *store, gint64 anchor_seq, StoreCheckDone done, gpointer user);
void store_ask_backup(Store *store, const char *path, StoreDone done, gpointer user);

/* ---- the chain: row hash = BLAKE2b(previous hash, seq, time, meeting, kind, BLAKE2b(salt || payload)) ---- */
struct StoreCheck {
    gint64 n_events, n_erased;
    gint64 broken_seq; /* 0 = whole; else the first row that does not fit */
    char *broken_why;  /* NULL when whole */
    GArray *erased;    /* of gint64 seq */
    gint64 head_seq;
    char head_hex[TOKEN_HASH_BYTES * 2 + 1];
    char anchor_hex[TOKEN_HASH_BYTES * 2 + 1]; /* hash of the row asked for, "" = there is no such row */
};
StoreCheck *store_check(Store *store, GError **error); /* (transfer full) */
void store_check_free(StoreCheck *check);
/* The head as of the last dispatched commit, to be anchored outside. hex: TOKEN_HASH_BYTES * 2 + 1 bytes. */
gint64 store_head(Store *store, char *ret_hex);

/* A consistent copy while the store works (VACUUM INTO). Refused when the file exists. */
gboolean store_backup(Store *store, const char *path, GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(Store, store_close)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(StoreBatch, store_batch_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(StoreCheck, store_check_free)
