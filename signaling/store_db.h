/* store_db.h -- the database behind a Store, for store*.c alone. Thread: the store's own, except open and close. */
#pragma once

#include "signaling/store.h"

#include <sqlite3.h>

typedef struct {
    sqlite3 *sqlite;
    int lock_fd; /* -1 = none (":memory:") */
    gint64 head_seq;
    guint8 head[TOKEN_HASH_BYTES];
} StoreDb;

/* ---- store_schema.c ---- */
StoreDb *store_db_open(const char *path, GError **error);
void store_db_close(StoreDb *db); /* NULL is fine */
gboolean store_db_run(StoreDb *db, const char *sql, GError **error);
/* FAULT_SETUP (disk, rights, damage) or FAULT_INTERNAL (a row that the tables refuse) with SQLite's words. FALSE. */
gboolean store_db_fail(StoreDb *db, const char *doing, GError **error);

typedef sqlite3_stmt StoreStatement;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(StoreStatement, sqlite3_finalize)
/* NULL on error. Values are bound by the letters of format: i gint32, l gint64, s text or NULL, h a hash of 32 bytes,
 * b GBytes or NULL; their memory must live until the statement has been stepped. */
StoreStatement *store_db_prepare(StoreDb *db, GError **error, const char *sql, const char *format, ...);
gboolean store_db_finish(StoreDb *db, StoreStatement *statement,
                         GError **error); /* one step, no rows; takes statement */

/* ---- store_write.c ---- */
typedef enum {
    OP_EVENT,
    OP_SEAT,
    OP_USER,
    OP_TOKEN,
    OP_TOKEN_GONE,
    OP_MEETING,
    OP_NOTE,
    OP_ERASE
} StoreOpKind;
typedef struct {
    StoreOpKind kind;
    gpointer record; /* of the kind; OP_TOKEN_GONE: GBytes; OP_NOTE: char *[2]; OP_ERASE: gint64 */
} StoreOp;
struct StoreBatch {
    GPtrArray *ops; /* of StoreOp */
};
/* Inside a transaction. On error nothing of the batch is in it. */
gboolean store_db_write(StoreDb *db, const StoreBatch *batch, GError **error);

/* ---- store_chain.c ---- */
gboolean store_db_append(StoreDb *db, const EventRecord *event, GError **error);
gboolean store_db_erase(StoreDb *db, gint64 seq, GError **error);
gboolean store_db_load_head(StoreDb *db, GError **error);
gpointer store_db_check(StoreDb *db, gconstpointer anchor_seq,
                        GError **error); /* gint64 or NULL -> StoreCheck */

/* ---- store_read.c: each (transfer full), NULL with error ---- */
typedef gpointer (*StoreRead)(StoreDb *db, gconstpointer argument, GError **error);
typedef struct {
    char *meeting; /* NULL = all */
    gint64 after_seq;
} StoreEventsWanted;
gpointer store_db_seats(StoreDb *db, gconstpointer unused, GError **error);
gpointer store_db_users(StoreDb *db, gconstpointer unused, GError **error);
gpointer store_db_tokens(StoreDb *db, gconstpointer unused, GError **error);
gpointer store_db_meetings(StoreDb *db, gconstpointer unused, GError **error);
gpointer store_db_events(StoreDb *db, gconstpointer wanted, GError **error);
gpointer store_db_note(StoreDb *db, gconstpointer key, GError **error);
gpointer store_db_backup(StoreDb *db, gconstpointer path, GError **error); /* the path again */
