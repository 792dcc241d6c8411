/* store_chain.c -- the event log as a chain of hashes: each row's hash covers the row before it, so that a row changed, removed
 * or put in between is found. Payloads are covered through a salted digest: erasing payload and salt leaves the chain whole
 * and the payload beyond guessing. */
#include "config/bytes.h"
#include "config/fault.h"
#include "signaling/store_db.h"

#include <sodium.h>
#include <string.h>

enum { SALT_BYTES = 16 };

static void hash_text(crypto_generichash_state *state, const char *text) {
    guint8 length[4];
    gsize n_bytes = strlen(text);
    Writer writer = writer_over(length, sizeof length);
    writer_u32(&writer, (guint32)n_bytes);
    crypto_generichash_update(state, length, sizeof length);
    crypto_generichash_update(state, (const guint8 *)text, n_bytes);
}

static void hash_payload(const guint8 *salt, gsize n_salt_bytes, const char *payload, guint8 *ret_digest) {
    crypto_generichash_state state;
    crypto_generichash_init(&state, NULL, 0, TOKEN_HASH_BYTES);
    crypto_generichash_update(&state, salt, n_salt_bytes);
    crypto_generichash_update(&state, (const guint8 *)payload, strlen(payload));
    crypto_generichash_final(&state, ret_digest, TOKEN_HASH_BYTES);
}

static void hash_row(const guint8 *previous, const EventRecord *event, const guint8 *digest,
                     guint8 *ret_hash) {
    crypto_generichash_state state;
    guint8 numbers[16];
    Writer writer = writer_over(numbers, sizeof numbers);
    writer_u64(&writer, (guint64)event->seq);
    writer_u64(&writer, (guint64)event->time_ms);
    crypto_generichash_init(&state, NULL, 0, TOKEN_HASH_BYTES);
    crypto_generichash_update(&state, previous, TOKEN_HASH_BYTES);
    crypto_generichash_update(&state, numbers, sizeof numbers);
    hash_text(&state, event->meeting);
    hash_text(&state, event->kind);
    crypto_generichash_update(&state, digest, TOKEN_HASH_BYTES);
    crypto_generichash_final(&state, ret_hash, TOKEN_HASH_BYTES);
}

gboolean store_db_append(StoreDb *db, const EventRecord *event, GError **error) {
    EventRecord row = *event;
    guint8 salt[SALT_BYTES], digest[TOKEN_HASH_BYTES], hash[TOKEN_HASH_BYTES];
    row.seq = db->head_seq + 1;
    randombytes_buf(salt, sizeof salt);
    hash_payload(salt, sizeof salt, row.payload, digest);
    hash_row(db->head, &row, digest, hash);
    g_autoptr(GBytes) salt_bytes = g_bytes_new(salt, sizeof salt);
    StoreStatement *insert = store_db_prepare(db, error,
                                              "INSERT INTO events (seq, time_ms, meeting, kind, payload, "
                                              "salt, digest, hash) VALUES (?,?,?,?,?,?,?,?)",
                                              "llsssbhh", row.seq, row.time_ms, row.meeting, row.kind,
                                              row.payload, salt_bytes, digest, hash);
    if (!store_db_finish(db, insert, error)) return FALSE;
    db->head_seq = row.seq;
    memcpy(db->head, hash, sizeof hash);
    return TRUE;
}

gboolean store_db_erase(StoreDb *db, gint64 seq, GError **error) {
    StoreStatement *update =
        store_db_prepare(db, error, "UPDATE events SET payload = NULL, salt = NULL WHERE seq = ?", "l", seq);
    return store_db_finish(db, update, error);
}

gboolean store_db_load_head(StoreDb *db, GError **error) {
    g_autoptr(StoreStatement) last =
        store_db_prepare(db, error, "SELECT seq, hash FROM events ORDER BY seq DESC LIMIT 1", "");
    if (last == NULL) return FALSE;
    db->head_seq = 0;
    memset(db->head, 0, sizeof db->head); /* the first row follows on nothing: 32 zero bytes */
    int code = sqlite3_step(last);
    if (code == SQLITE_DONE) return TRUE;
    if (code != SQLITE_ROW) return store_db_fail(db, "reading the head of the log", error);
    db->head_seq = sqlite3_column_int64(last, 0);
    /* A damaged hash is `diemcau check`'s to name; a meeting can be held all the same, and what follows stays chained to it. */
    gsize n_bytes = (gsize)sqlite3_column_bytes(last, 1);
    if (n_bytes > 0) memcpy(db->head, sqlite3_column_blob(last, 1), MIN(n_bytes, (gsize)TOKEN_HASH_BYTES));
    return TRUE;
}

/* ---- checking ---- */

typedef struct {
    EventRecord event; /* borrowed strings */
    const guint8 *salt, *digest, *hash;
    gsize n_salt_bytes;
    gboolean whole; /* digest and hash have their size */
} ChainRow;

static ChainRow read_row(StoreStatement *rows) {
    ChainRow row = { 0 };
    row.event.seq = sqlite3_column_int64(rows, 0);
    row.event.time_ms = sqlite3_column_int64(rows, 1);
    row.event.meeting = (char *)(gpointer)sqlite3_column_text(rows, 2);
    row.event.kind = (char *)(gpointer)sqlite3_column_text(rows, 3);
    row.event.payload = (char *)(gpointer)sqlite3_column_text(rows, 4);
    row.salt = sqlite3_column_blob(rows, 5);
    row.n_salt_bytes = (gsize)sqlite3_column_bytes(rows, 5);
    row.digest = sqlite3_column_blob(rows, 6);
    row.whole = sqlite3_column_bytes(rows, 6) == TOKEN_HASH_BYTES;
    row.hash = sqlite3_column_blob(rows, 7);
    row.whole = row.whole && sqlite3_column_bytes(rows, 7) == TOKEN_HASH_BYTES && row.event.meeting != NULL &&
                row.event.kind != NULL;
    return row;
}

/* NULL when the row fits behind `previous`. */
static const char *row_problem(const ChainRow *row, gint64 expected_seq, const guint8 *previous) {
    guint8 wanted[TOKEN_HASH_BYTES];
    if (row->event.seq != expected_seq) return "rows are missing before it";
    if (!row->whole) return "its hash is damaged";
    hash_row(previous, &row->event, row->digest, wanted);
    if (!secret_equal(wanted, row->hash, sizeof wanted)) return "time, meeting, kind or order was changed";
    if (row->event.payload == NULL) return row->salt == NULL ? NULL : "its text is gone but its salt is not";
    hash_payload(row->salt, row->n_salt_bytes, row->event.payload, wanted);
    return secret_equal(wanted, row->digest, sizeof wanted) ? NULL : "its text was changed";
}

gpointer store_db_check(StoreDb *db, gconstpointer anchor_seq, GError **error) {
    gint64 anchor = anchor_seq != NULL ? *(const gint64 *)anchor_seq : 0;
    g_autoptr(StoreStatement) rows = store_db_prepare(
        db, error, "SELECT seq, time_ms, meeting, kind, payload, salt, digest, hash FROM events ORDER BY seq",
        "");
    if (rows == NULL) return NULL;
    g_autoptr(StoreCheck) check = g_new0(StoreCheck, 1);
    guint8 previous[TOKEN_HASH_BYTES] = { 0 };
    int code;
    check->erased = g_array_new(FALSE, FALSE, sizeof(gint64));
    while ((code = sqlite3_step(rows)) == SQLITE_ROW) {
        ChainRow row = read_row(rows);
        const char *problem = row_problem(&row, check->n_events + 1, previous);
        if (problem != NULL) {
            check->broken_seq = row.event.seq;
            check->broken_why = g_strdup(problem);
            break;
        }
        check->n_events++;
        check->head_seq = row.event.seq;
        memcpy(previous, row.hash, sizeof previous);
        if (row.event.seq == anchor)
            sodium_bin2hex(check->anchor_hex, sizeof check->anchor_hex, previous, sizeof previous);
        if (row.event.payload != NULL) continue;
        check->n_erased++;
        g_array_append_val(check->erased, row.event.seq);
    }
    if (code != SQLITE_DONE && code != SQLITE_ROW) {
        store_db_fail(db, "checking the log", error);
        return NULL;
    }
    sodium_bin2hex(check->head_hex, sizeof check->head_hex, previous, sizeof previous);
    return g_steal_pointer(&check);
}

void store_check_free(StoreCheck *check) {
    if (check == NULL) return;
    if (check->erased != NULL) g_array_unref(check->erased);
    g_free(check->broken_why);
    g_free(check);
}
