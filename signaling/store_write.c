/* store_write.c -- batches: filled on the signaling thread, written on the store's. */
#include "signaling/store_db.h"

#include <string.h>

/* ---- filling ---- */

static void op_free(StoreOp *op) {
    switch (op->kind) {
    case OP_EVENT: event_record_free(op->record); break;
    case OP_SEAT: seat_record_free(op->record); break;
    case OP_USER: user_record_free(op->record); break;
    case OP_TOKEN: token_record_free(op->record); break;
    case OP_TOKEN_GONE: g_bytes_unref(op->record); break;
    case OP_MEETING: meeting_record_free(op->record); break;
    case OP_NOTE: g_strfreev(op->record); break;
    case OP_ERASE: g_free(op->record); break;
    }
    g_free(op);
}

static void op_free_any(gpointer op) { op_free(op); }

StoreBatch *store_batch_new(void) {
    StoreBatch *batch = g_new0(StoreBatch, 1);
    batch->ops = g_ptr_array_new_with_free_func(op_free_any);
    return batch;
}

void store_batch_free(StoreBatch *batch) {
    if (batch == NULL) return;
    g_ptr_array_unref(batch->ops);
    g_free(batch);
}

static void add(StoreBatch *batch, StoreOpKind kind, gpointer record) {
    StoreOp *op = g_new0(StoreOp, 1);
    op->kind = kind;
    op->record = record;
    g_ptr_array_add(batch->ops, op);
}

void store_batch_event(StoreBatch *batch, const char *meeting, const char *kind, gint64 time_ms,
                       const char *payload) {
    EventRecord *event = g_new0(EventRecord, 1);
    event->meeting = g_strdup(meeting);
    event->kind = g_strdup(kind);
    event->time_ms = time_ms;
    event->payload = g_strdup(payload);
    add(batch, OP_EVENT, event);
}

void store_batch_seat(StoreBatch *batch, const SeatRecord *seat) {
    add(batch, OP_SEAT, seat_record_copy(seat));
}

void store_batch_user(StoreBatch *batch, const UserRecord *user) {
    add(batch, OP_USER, user_record_copy(user));
}

void store_batch_token(StoreBatch *batch, const TokenRecord *token) {
    add(batch, OP_TOKEN, token_record_copy(token));
}

void store_batch_token_gone(StoreBatch *batch, const guint8 hash[TOKEN_HASH_BYTES]) {
    add(batch, OP_TOKEN_GONE, g_bytes_new(hash, TOKEN_HASH_BYTES));
}

void store_batch_meeting(StoreBatch *batch, const MeetingRecord *meeting) {
    add(batch, OP_MEETING, meeting_record_copy(meeting));
}

void store_batch_note(StoreBatch *batch, const char *key, const char *value) {
    char **pair = g_new0(char *, 3);
    pair[0] = g_strdup(key);
    pair[1] = g_strdup(value);
    add(batch, OP_NOTE, pair);
}

void store_batch_erase(StoreBatch *batch, gint64 seq) { add(batch, OP_ERASE, g_memdup2(&seq, sizeof seq)); }

/* ---- writing ---- */

static StoreStatement *prepare_seat(StoreDb *db, const SeatRecord *s, GError **error) {
    return store_db_prepare(
        db, error,
        "INSERT INTO seats (id, place, code, name, type, district, grp, phone, technician, technician_phone,"
        " note) VALUES (?,?,?,?,?,?,?,?,?,?,?) ON CONFLICT (id) DO UPDATE SET place = excluded.place,"
        " code = excluded.code, name = excluded.name, type = excluded.type, district = excluded.district,"
        " grp = excluded.grp, phone = excluded.phone, technician = excluded.technician,"
        " technician_phone = excluded.technician_phone, note = excluded.note",
        "iisssssssss", s->id, s->place, s->code, s->name, s->type, s->district, s->group, s->phone,
        s->technician, s->technician_phone, s->note);
}

static StoreStatement *prepare_op(StoreDb *db, const StoreOp *op, GError **error) {
    const UserRecord *user = op->record;
    const TokenRecord *token = op->record;
    const MeetingRecord *meeting = op->record;
    char *const *pair = op->record;
    switch (op->kind) {
    case OP_SEAT: return prepare_seat(db, op->record, error);
    case OP_USER:
        return store_db_prepare(db, error,
                                "INSERT INTO users (id, name, role, password_hash, created_ms) VALUES "
                                "(?,?,?,?,?) ON CONFLICT (id)"
                                " DO UPDATE SET role = excluded.role, password_hash = excluded.password_hash",
                                "isssl", user->id, user->name, user->role, user->password_hash,
                                user->created_ms);
    case OP_TOKEN:
        return store_db_prepare(
            db, error,
            "INSERT OR REPLACE INTO tokens (hash, kind, user, seat, meeting, created_ms, expires_ms, used_ms)"
            " VALUES (?,?,?,?,?,?,?,?)",
            "hiiislll", token->hash, (gint)token->kind, token->user, token->seat, token->meeting,
            token->created_ms, token->expires_ms, token->used_ms);
    case OP_TOKEN_GONE:
        return store_db_prepare(db, error, "DELETE FROM tokens WHERE hash = ?", "b", (GBytes *)op->record);
    case OP_MEETING:
        return store_db_prepare(
            db, error,
            "INSERT OR REPLACE INTO meetings (id, title, state, created_ms, planned_ms, opened_ms, ended_ms)"
            " VALUES (?,?,?,?,?,?,?)",
            "sssllll", meeting->id, meeting->title, meeting->state, meeting->created_ms, meeting->planned_ms,
            meeting->opened_ms, meeting->ended_ms);
    case OP_NOTE:
        return store_db_prepare(db, error, "INSERT OR REPLACE INTO notes (key, value) VALUES (?,?)", "ss",
                                pair[0], pair[1]);
    case OP_EVENT:
    case OP_ERASE: break;
    }
    return NULL;
}

static gboolean write_op(StoreDb *db, const StoreOp *op, GError **error) {
    if (op->kind == OP_EVENT) return store_db_append(db, op->record, error);
    if (op->kind == OP_ERASE) return store_db_erase(db, *(const gint64 *)op->record, error);
    return store_db_finish(db, prepare_op(db, op, error), error);
}

gboolean store_db_write(StoreDb *db, const StoreBatch *batch, GError **error) {
    gint64 head_seq = db->head_seq;
    guint8 head[TOKEN_HASH_BYTES];
    memcpy(head, db->head, sizeof head);
    if (!store_db_run(db, "SAVEPOINT batch", error)) return FALSE;
    gboolean ok = TRUE;
    for (guint i = 0; ok && i < batch->ops->len; i++) ok = write_op(db, batch->ops->pdata[i], error);
    if (ok) return store_db_run(db, "RELEASE batch", error);
    /* When SQLite has rolled back everything by itself (disk full), these find nothing to do, which is as good. */
    sqlite3_exec(db->sqlite, "ROLLBACK TO batch; RELEASE batch", NULL, NULL, NULL);
    db->head_seq = head_seq;
    memcpy(db->head, head, sizeof head);
    return FALSE;
}
