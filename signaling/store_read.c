/* store_read.c -- whole tables into records. */
#include "config/fault.h"
#include "signaling/store_db.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

static char *text_at(StoreStatement *row, int column) {
    const char *text = (const char *)sqlite3_column_text(row, column);
    return g_strdup(text != NULL ? text : "");
}

static gpointer seat_at(StoreStatement *row) {
    SeatRecord *seat = g_new0(SeatRecord, 1);
    seat->id = sqlite3_column_int(row, 0);
    seat->place = sqlite3_column_int(row, 1);
    seat->code = text_at(row, 2);
    seat->name = text_at(row, 3);
    seat->type = text_at(row, 4);
    seat->district = text_at(row, 5);
    seat->group = text_at(row, 6);
    seat->phone = text_at(row, 7);
    seat->technician = text_at(row, 8);
    seat->technician_phone = text_at(row, 9);
    seat->note = text_at(row, 10);
    seat->label = g_strdup(seat->name);
    return seat;
}

static gpointer user_at(StoreStatement *row) {
    UserRecord *user = g_new0(UserRecord, 1);
    user->id = sqlite3_column_int(row, 0);
    user->name = text_at(row, 1);
    user->role = text_at(row, 2);
    user->password_hash = text_at(row, 3);
    user->created_ms = sqlite3_column_int64(row, 4);
    return user;
}

static gpointer token_at(StoreStatement *row) {
    if (sqlite3_column_bytes(row, 0) != TOKEN_HASH_BYTES) return NULL;
    TokenRecord *token = g_new0(TokenRecord, 1);
    memcpy(token->hash, sqlite3_column_blob(row, 0), TOKEN_HASH_BYTES);
    token->kind = (TokenKind)sqlite3_column_int(row, 1);
    token->user = sqlite3_column_int(row, 2);
    token->seat = sqlite3_column_int(row, 3);
    token->meeting = text_at(row, 4);
    token->created_ms = sqlite3_column_int64(row, 5);
    token->expires_ms = sqlite3_column_int64(row, 6);
    token->used_ms = sqlite3_column_int64(row, 7);
    return token;
}

static gpointer meeting_at(StoreStatement *row) {
    MeetingRecord *meeting = g_new0(MeetingRecord, 1);
    meeting->id = text_at(row, 0);
    meeting->title = text_at(row, 1);
    meeting->state = text_at(row, 2);
    meeting->created_ms = sqlite3_column_int64(row, 3);
    meeting->planned_ms = sqlite3_column_int64(row, 4);
    meeting->opened_ms = sqlite3_column_int64(row, 5);
    meeting->ended_ms = sqlite3_column_int64(row, 6);
    return meeting;
}

static gpointer event_at(StoreStatement *row) {
    EventRecord *event = g_new0(EventRecord, 1);
    event->seq = sqlite3_column_int64(row, 0);
    event->time_ms = sqlite3_column_int64(row, 1);
    event->meeting = text_at(row, 2);
    event->kind = text_at(row, 3);
    event->payload = g_strdup((const char *)sqlite3_column_text(row, 4));
    return event;
}

/* Takes rows, which may be NULL. */
static GPtrArray *collect(StoreDb *db, StoreStatement *rows, gpointer (*record_at)(StoreStatement *row),
                          GDestroyNotify record_free, GError **error) {
    if (rows == NULL) return NULL;
    GPtrArray *records = g_ptr_array_new_with_free_func(record_free);
    int code;
    while ((code = sqlite3_step(rows)) == SQLITE_ROW) {
        gpointer record = record_at(rows);
        if (record != NULL) g_ptr_array_add(records, record);
    }
    if (code != SQLITE_DONE) {
        store_db_fail(db, "reading", error);
        g_clear_pointer(&records, g_ptr_array_unref);
    }
    sqlite3_finalize(rows);
    return records;
}

gpointer store_db_seats(StoreDb *db, gconstpointer unused, GError **error) {
    (void)unused;
    StoreStatement *rows =
        store_db_prepare(db, error,
                         "SELECT id, place, code, name, type, district, grp, phone, technician,"
                         " technician_phone, note FROM seats ORDER BY place, id",
                         "");
    return collect(db, rows, seat_at, (GDestroyNotify)seat_record_free, error);
}

gpointer store_db_users(StoreDb *db, gconstpointer unused, GError **error) {
    (void)unused;
    StoreStatement *rows = store_db_prepare(
        db, error, "SELECT id, name, role, password_hash, created_ms FROM users ORDER BY id", "");
    return collect(db, rows, user_at, (GDestroyNotify)user_record_free, error);
}

gpointer store_db_tokens(StoreDb *db, gconstpointer unused, GError **error) {
    (void)unused;
    StoreStatement *rows = store_db_prepare(
        db, error, "SELECT hash, kind, user, seat, meeting, created_ms, expires_ms, used_ms FROM tokens", "");
    return collect(db, rows, token_at, (GDestroyNotify)token_record_free, error);
}

gpointer store_db_meetings(StoreDb *db, gconstpointer unused, GError **error) {
    (void)unused;
    StoreStatement *rows =
        store_db_prepare(db, error,
                         "SELECT id, title, state, created_ms, planned_ms, opened_ms, ended_ms FROM meetings"
                         " ORDER BY created_ms DESC, id",
                         "");
    return collect(db, rows, meeting_at, (GDestroyNotify)meeting_record_free, error);
}

gpointer store_db_events(StoreDb *db, gconstpointer wanted_, GError **error) {
    const StoreEventsWanted *wanted = wanted_;
    StoreStatement *rows =
        wanted->meeting == NULL
            ? store_db_prepare(
                  db, error,
                  "SELECT seq, time_ms, meeting, kind, payload FROM events WHERE seq > ? ORDER BY seq", "l",
                  wanted->after_seq)
            : store_db_prepare(
                  db, error,
                  "SELECT seq, time_ms, meeting, kind, payload FROM events WHERE meeting = ? AND seq > ?"
                  " ORDER BY seq",
                  "sl", wanted->meeting, wanted->after_seq);
    return collect(db, rows, event_at, (GDestroyNotify)event_record_free, error);
}

gpointer store_db_note(StoreDb *db, gconstpointer key, GError **error) {
    g_autoptr(StoreStatement) rows =
        store_db_prepare(db, error, "SELECT value FROM notes WHERE key = ?", "s", (const char *)key);
    if (rows == NULL || sqlite3_step(rows) != SQLITE_ROW) return NULL;
    return text_at(rows, 0);
}

gpointer store_db_backup(StoreDb *db, gconstpointer path, GError **error) {
    /* An empty file is taken by VACUUM INTO; made here, it is nobody else's to read. */
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0) {
        gboolean there = errno == EEXIST;
        g_set_error(error, FAULT, there ? FAULT_CONFLICT : FAULT_SETUP,
                    there ? "%s exists already; choose another name" : "cannot write %s: %s",
                    (const char *)path, g_strerror(errno));
        return NULL;
    }
    close(fd);
    StoreStatement *copy = store_db_prepare(db, error, "VACUUM INTO ?", "s", (const char *)path);
    if (!store_db_finish(db, copy, error)) {
        unlink(path);
        if (error != NULL && *error != NULL) (*error)->code = FAULT_SETUP;
        return NULL;
    }
    return g_strdup(path);
}
