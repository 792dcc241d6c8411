/* store_schema.c -- the database file: its lock, its tables, and how older files become today's. */
#include "signaling/store_db.h"

#include "config/fault.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

/* Migration i brings a file from version i to i + 1. Rows are never changed once released, only added. */
static const char *const migrations[] = {
    "CREATE TABLE seats (id INTEGER PRIMARY KEY, place INTEGER NOT NULL, code TEXT NOT NULL UNIQUE, name "
    "TEXT NOT NULL,"
    " type TEXT NOT NULL, district TEXT NOT NULL, grp TEXT NOT NULL, phone TEXT NOT NULL, technician TEXT "
    "NOT NULL,"
    " technician_phone TEXT NOT NULL, note TEXT NOT NULL) STRICT;"
    "CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, role TEXT NOT NULL, "
    "password_hash TEXT NOT NULL,"
    " created_ms INTEGER NOT NULL) STRICT;"
    "CREATE TABLE tokens (hash BLOB PRIMARY KEY, kind INTEGER NOT NULL, user INTEGER NOT NULL, seat INTEGER "
    "NOT NULL,"
    " meeting TEXT NOT NULL, created_ms INTEGER NOT NULL, expires_ms INTEGER NOT NULL, used_ms INTEGER NOT "
    "NULL)"
    " STRICT, WITHOUT ROWID;"
    "CREATE TABLE meetings (id TEXT PRIMARY KEY, title TEXT NOT NULL, state TEXT NOT NULL, created_ms "
    "INTEGER NOT NULL,"
    " planned_ms INTEGER NOT NULL, opened_ms INTEGER NOT NULL, ended_ms INTEGER NOT NULL) STRICT, WITHOUT "
    "ROWID;"
    "CREATE TABLE events (seq INTEGER PRIMARY KEY, time_ms INTEGER NOT NULL, meeting TEXT NOT NULL, kind "
    "TEXT NOT NULL,"
    " payload TEXT, salt BLOB, digest BLOB NOT NULL, hash BLOB NOT NULL) STRICT;"
    "CREATE INDEX events_by_meeting ON events (meeting, seq);"
    "CREATE TABLE notes (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;",
};
enum { SCHEMA_VERSION = G_N_ELEMENTS(migrations), APPLICATION_ID = 0x4469436d /* "DiCm" */ };

static const char restore_hint[] =
    "; put a backup in its place with: diemcau restore BACKUP --data FOLDER --replace";

gboolean store_db_fail(StoreDb *db, const char *doing, GError **error) {
    int code = sqlite3_errcode(db->sqlite);
    gboolean ours = code == SQLITE_CONSTRAINT || code == SQLITE_MISMATCH || code == SQLITE_TOOBIG ||
                    code == SQLITE_ERROR || code == SQLITE_MISUSE || code == SQLITE_RANGE;
    gboolean damaged = code == SQLITE_CORRUPT || code == SQLITE_NOTADB;
    g_set_error(error, FAULT, ours ? FAULT_INTERNAL : FAULT_SETUP, "store: %s: %s%s", doing,
                sqlite3_errmsg(db->sqlite), damaged ? restore_hint : "");
    return FALSE;
}

gboolean store_db_run(StoreDb *db, const char *sql, GError **error) {
    if (sqlite3_exec(db->sqlite, sql, NULL, NULL, NULL) == SQLITE_OK) return TRUE;
    g_autofree char *head = g_strndup(sql, 40);
    return store_db_fail(db, head, error);
}

static int bind_one(StoreStatement *statement, int index, char letter, va_list *values) {
    GBytes *bytes;
    const char *text;
    switch (letter) {
    case 'i': return sqlite3_bind_int(statement, index, va_arg(*values, gint));
    case 'l': return sqlite3_bind_int64(statement, index, va_arg(*values, gint64));
    case 's':
        text = va_arg(*values, const char *);
        return text == NULL ? sqlite3_bind_null(statement, index)
                            : sqlite3_bind_text(statement, index, text, -1, SQLITE_STATIC);
    case 'h':
        return sqlite3_bind_blob(statement, index, va_arg(*values, const guint8 *), TOKEN_HASH_BYTES,
                                 SQLITE_STATIC);
    case 'b':
        bytes = va_arg(*values, GBytes *);
        if (bytes == NULL) return sqlite3_bind_null(statement, index);
        return sqlite3_bind_blob(statement, index, g_bytes_get_data(bytes, NULL),
                                 (int)g_bytes_get_size(bytes), SQLITE_STATIC);
    default: return SQLITE_MISUSE;
    }
}

StoreStatement *store_db_prepare(StoreDb *db, GError **error, const char *sql, const char *format, ...) {
    StoreStatement *statement = NULL;
    int code = sqlite3_prepare_v2(db->sqlite, sql, -1, &statement, NULL);
    va_list values;
    va_start(values, format);
    for (int i = 0; code == SQLITE_OK && format[i] != '\0'; i++)
        code = bind_one(statement, i + 1, format[i], &values);
    va_end(values);
    if (code == SQLITE_OK) return statement;
    store_db_fail(db, sql, error);
    sqlite3_finalize(statement);
    return NULL;
}

gboolean store_db_finish(StoreDb *db, StoreStatement *statement, GError **error) {
    if (statement == NULL) return FALSE;
    gboolean ok = sqlite3_step(statement) == SQLITE_DONE;
    if (!ok) store_db_fail(db, sqlite3_sql(statement), error);
    sqlite3_finalize(statement);
    return ok;
}

static gint64 pragma_value(StoreDb *db, const char *sql) {
    g_autoptr(StoreStatement) statement = store_db_prepare(db, NULL, sql, "");
    return statement != NULL && sqlite3_step(statement) == SQLITE_ROW ? sqlite3_column_int64(statement, 0)
                                                                      : -1;
}

static gboolean migrate(StoreDb *db, const char *path, GError **error) {
    gint64 version = pragma_value(db, "PRAGMA user_version");
    gint64 application = pragma_value(db, "PRAGMA application_id");
    if (version < 0 || application < 0) return store_db_fail(db, "reading its version", error);
    if ((version > 0 || pragma_value(db, "SELECT count(*) FROM sqlite_schema") > 0) &&
        application != APPLICATION_ID) {
        g_set_error(error, FAULT, FAULT_SETUP, "%s is a database, but not one of diemcau", path);
        return FALSE;
    }
    if (version > (gint64)SCHEMA_VERSION) {
        g_set_error(error, FAULT, FAULT_SETUP,
                    "%s was written by a newer diemcau (version %d of its tables, this program knows %d)%s",
                    path, (int)version, (int)SCHEMA_VERSION, restore_hint);
        return FALSE;
    }
    for (; version < (gint64)SCHEMA_VERSION; version++) {
        g_autofree char *sql = g_strdup_printf(
            "BEGIN IMMEDIATE; %s PRAGMA application_id = %d; PRAGMA user_version = %d; COMMIT;",
            migrations[version], (int)APPLICATION_ID, (int)version + 1);
        if (!store_db_run(db, sql, error)) {
            sqlite3_exec(db->sqlite, "ROLLBACK", NULL, NULL, NULL);
            return FALSE;
        }
    }
    return TRUE;
}

int store_lock(const char *path, GError **error) {
    g_autofree char *lock = g_strconcat(path, ".lock", NULL);
    int fd = open(lock, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0) {
        g_set_error(error, FAULT, FAULT_SETUP, "cannot write %s: %s. Check the folder and its owner.", lock,
                    g_strerror(errno));
        return -1;
    }
    if (flock(fd, LOCK_EX | LOCK_NB) == 0) return fd;
    close(fd);
    g_set_error(error, FAULT, FAULT_BUSY, "%s is in use by another diemcau", path);
    return -1;
}

static gboolean take_lock(StoreDb *db, const char *path, GError **error) {
    db->lock_fd = store_lock(path, error);
    return db->lock_fd >= 0;
}

static gboolean open_file(StoreDb *db, const char *path, GError **error) {
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_FULLMUTEX;
    if (sqlite3_open_v2(path, &db->sqlite, flags, NULL) != SQLITE_OK) return store_db_fail(db, path, error);
    return store_db_run(db,
                        "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON;"
                        "PRAGMA trusted_schema = OFF; PRAGMA busy_timeout = 1000; PRAGMA secure_delete = ON;",
                        error);
}

StoreDb *store_db_open(const char *path, GError **error) {
    StoreDb *db = g_new0(StoreDb, 1);
    db->lock_fd = -1;
    gboolean in_memory = strcmp(path, ":memory:") == 0;
    mode_t mask = umask(077); /* links and password hashes are nobody else's to read */
    gboolean ok = (in_memory || take_lock(db, path, error)) && open_file(db, path, error);
    umask(mask);
    if (ok && migrate(db, path, error) && store_db_load_head(db, error)) return db;
    if (error != NULL && *error != NULL && (*error)->code == FAULT_INTERNAL) (*error)->code = FAULT_SETUP;
    store_db_close(db);
    return NULL;
}

void store_db_close(StoreDb *db) {
    if (db == NULL) return;
    sqlite3_close(db->sqlite);
    if (db->lock_fd >= 0) close(db->lock_fd);
    g_free(db);
}
