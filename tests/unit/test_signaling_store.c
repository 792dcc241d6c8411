/* The store: what is committed is there again, all or nothing, in order; the chain finds what was changed. */
#include "config/fault.h"
#include "signaling/store.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <glib/gstdio.h>
#include <sqlite3.h>
#include <string.h>

enum { WAIT_US = 10 * G_USEC_PER_SEC };

typedef struct {
    char *folder, *path;
} Place;

static int set_up(void **state) {
    Place *place = g_new0(Place, 1);
    place->folder = g_dir_make_tmp("diemcau-store-XXXXXX", NULL);
    place->path = g_build_filename(place->folder, "diemcau.db", NULL);
    *state = place;
    return 0;
}

static int tear_down(void **state) {
    Place *place = *state;
    g_autoptr(GDir) dir = g_dir_open(place->folder, 0, NULL);
    for (const char *name; (name = g_dir_read_name(dir)) != NULL;) {
        g_autofree char *path = g_build_filename(place->folder, name, NULL);
        g_unlink(path);
    }
    g_rmdir(place->folder);
    g_free(place->path);
    g_free(place->folder);
    g_free(place);
    return 0;
}

static Store *open_store(const Place *place) {
    GError *why = NULL;
    Store *store = store_open(place->path, &why);
    if (store == NULL) fail_msg("%s", why->message);
    return store;
}

static void count(gpointer user, const GError *why) {
    assert_null(why);
    ++*(guint *)user;
}

static void put_events(Store *store, const char *meeting, guint n) {
    for (guint i = 0; i < n; i++) {
        StoreBatch *batch = store_batch_new();
        g_autofree char *payload = g_strdup_printf("{\"k\":\"joined\",\"seat\":%u}", i + 1);
        store_batch_event(batch, meeting, "joined", 1000 + i, payload);
        store_submit(store, batch, NULL, NULL);
    }
    assert_true(store_settle(store, WAIT_US));
}

/* Changes the file behind the store's back. */
static void tamper(const Place *place, const char *sql) {
    sqlite3 *raw;
    assert_int_equal(sqlite3_open(place->path, &raw), SQLITE_OK);
    assert_int_equal(sqlite3_exec(raw, sql, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(raw);
}

static void test_records_come_back(void **state) {
    Place *place = *state;
    {
        g_autoptr(Store) store = open_store(place);
        StoreBatch *batch = store_batch_new();
        SeatRecord seat = { 7,        3,      "QN-1",     "Đầm Hà", "xã",      "Huyện Đầm Hà",
                            "Cấp xã", "0203", "Kỹ thuật", "0204",   "ghi chú", NULL };
        UserRecord user = { 1, "chutoa", "chair", "$argon2id$", 55 };
        TokenRecord token = {
            .hash = { 1, 2, 3 }, .kind = TOKEN_LINK, .seat = 7, .meeting = "", .created_ms = 66
        };
        TokenRecord gone = {
            .hash = { 9 }, .kind = TOKEN_SESSION, .seat = 7, .meeting = "", .created_ms = 66
        };
        MeetingRecord meeting = { "mabc", "Họp thử", "open", 1, 0, 2, 0 };
        guint n_done = 0;
        store_batch_seat(batch, &seat);
        store_batch_user(batch, &user);
        store_batch_token(batch, &token);
        store_batch_token(batch, &gone);
        store_batch_meeting(batch, &meeting);
        store_batch_note(batch, "public_url", "https://a");
        store_batch_event(batch, "mabc", "created", 5, "{\"k\":\"created\"}");
        store_submit(store, batch, count, &n_done);
        batch = store_batch_new();
        store_batch_token_gone(batch, gone.hash);
        store_batch_note(batch, "public_url", "https://b");
        store_submit(store, batch, count, &n_done);
        assert_true(store_settle(store, WAIT_US));
        assert_int_equal(n_done, 2);
    }
    g_autoptr(Store) store = open_store(place);
    g_autoptr(GPtrArray) seats = store_read_seats(store, NULL), users = store_read_users(store, NULL);
    g_autoptr(GPtrArray) tokens = store_read_tokens(store, NULL), meetings = store_read_meetings(store, NULL);
    g_autoptr(GPtrArray) events = store_read_events(store, "mabc", 0, NULL),
                         none = store_read_events(store, "other", 0, NULL);
    g_autofree char *url = store_read_note(store, "public_url");
    assert_int_equal(seats->len, 1);
    assert_string_equal(((SeatRecord *)seats->pdata[0])->name, "Đầm Hà");
    assert_string_equal(((SeatRecord *)seats->pdata[0])->note, "ghi chú");
    assert_int_equal(((SeatRecord *)seats->pdata[0])->place, 3);
    assert_string_equal(((UserRecord *)users->pdata[0])->role, "chair");
    assert_int_equal(tokens->len, 1);
    assert_int_equal(((TokenRecord *)tokens->pdata[0])->hash[2], 3);
    assert_string_equal(((MeetingRecord *)meetings->pdata[0])->title, "Họp thử");
    assert_int_equal(events->len, 1);
    assert_string_equal(((EventRecord *)events->pdata[0])->payload, "{\"k\":\"created\"}");
    assert_int_equal(none->len, 0);
    assert_string_equal(url, "https://b");
    assert_null(store_read_note(store, "nothing"));
}

static void test_private_file(void **state) {
    Place *place = *state;
    g_autoptr(Store) store = open_store(place);
    GStatBuf found;
    assert_int_equal(g_stat(place->path, &found), 0);
    assert_int_equal(found.st_mode & 0077, 0);
}

static void test_one_program_at_a_time(void **state) {
    Place *place = *state;
    g_autoptr(Store) store = open_store(place);
    g_autoptr(GError) why = NULL;
    assert_null(store_open(place->path, &why));
    assert_int_equal(why->code, FAULT_BUSY);
    assert_non_null(strstr(why->message, place->path));
}

static void test_refuses_what_is_not_its_own(void **state) {
    Place *place = *state;
    g_autoptr(GError) why = NULL, newer = NULL, missing = NULL, text = NULL;
    tamper(place, "CREATE TABLE cats (name TEXT)");
    assert_null(store_open(place->path, &why));
    assert_int_equal(why->code, FAULT_SETUP);
    g_unlink(place->path);
    store_close(open_store(place));
    tamper(place, "PRAGMA user_version = 99");
    assert_null(store_open(place->path, &newer));
    assert_int_equal(newer->code, FAULT_SETUP);
    assert_non_null(strstr(newer->message, "newer"));
    g_unlink(place->path);
    assert_true(g_file_set_contents(
        place->path, "this is no database, and long enough to be read as one .....", -1, NULL));
    assert_null(store_open(place->path, &text));
    assert_int_equal(text->code, FAULT_SETUP);
    assert_null(store_open("/proc/nowhere/diemcau.db", &missing));
    assert_int_equal(missing->code, FAULT_SETUP);
}

typedef struct {
    GArray *order;
    guint number;
} Turn;

static void note_turn(gpointer user, const GError *why) {
    Turn *turn = user;
    assert_null(why);
    g_array_append_val(turn->order, turn->number);
}

static void test_commits_are_told_in_order(void **state) {
    enum { N = 500 };
    Place *place = *state;
    g_autoptr(Store) store = open_store(place);
    g_autoptr(GArray) order = g_array_new(FALSE, FALSE, sizeof(guint));
    g_autofree Turn *turns = g_new0(Turn, N);
    gint64 start_us = g_get_monotonic_time();
    for (guint i = 0; i < N; i++) {
        StoreBatch *batch = store_batch_new();
        store_batch_event(batch, "m", "joined", i, "{}");
        turns[i] = (Turn){ order, i };
        store_submit(store, batch, note_turn, &turns[i]);
    }
    assert_int_equal(order->len, 0); /* nothing is told before the owner asks */
    assert_true(store_settle(store, WAIT_US));
    assert_int_equal(order->len, N);
    for (guint i = 0; i < N; i++) assert_int_equal(g_array_index(order, guint, i), i);
    /* One sync of the disk per event would take seconds on many machines. */
    assert_true(g_get_monotonic_time() - start_us < 5 * G_USEC_PER_SEC);
}

static void expect_internal(gpointer user, const GError *why) {
    assert_non_null(why);
    assert_int_equal(why->code, FAULT_INTERNAL);
    ++*(guint *)user;
}

static void test_a_bad_batch_is_refused_whole_and_alone(void **state) {
    Place *place = *state;
    g_autoptr(Store) store = open_store(place);
    guint n_good = 0, n_bad = 0;
    SeatRecord seat = { 1, 0, "A", "a", "xã", "", "", "", "", "", "", NULL }, twin = seat;
    StoreBatch *good = store_batch_new(), *bad = store_batch_new(), *last = store_batch_new();
    twin.id = 2; /* the same code: the table refuses it */
    store_batch_seat(good, &seat);
    store_batch_event(good, "m", "one", 1, "{}");
    store_batch_event(bad, "m", "never", 2, "{}");
    store_batch_seat(bad, &twin);
    store_batch_event(last, "m", "two", 3, "{}");
    store_submit(store, good, count, &n_good);
    store_submit(store, bad, expect_internal, &n_bad);
    store_submit(store, last, count, &n_good);
    assert_true(store_settle(store, WAIT_US));
    assert_int_equal(n_good, 2);
    assert_int_equal(n_bad, 1);
    g_autoptr(GPtrArray) events = store_read_events(store, "m", 0, NULL);
    assert_int_equal(events->len, 2);
    g_autoptr(StoreCheck) check = store_check(store, NULL);
    assert_int_equal(check->broken_seq, 0);
    assert_int_equal(check->n_events, 2);
}

static void test_chain(void **state) {
    static const struct {
        const char *name, *sql;
        gint64 broken_seq;
    } cases[] = {
        { "untouched", "SELECT 1", 0 },
        { "text changed", "UPDATE events SET payload = '{}' WHERE seq = 3", 3 },
        { "time changed", "UPDATE events SET time_ms = 5 WHERE seq = 4", 4 },
        { "kind changed", "UPDATE events SET kind = 'left' WHERE seq = 2", 2 },
        { "moved to another meeting", "UPDATE events SET meeting = 'other' WHERE seq = 2", 2 },
        { "row removed", "DELETE FROM events WHERE seq = 3", 4 },
        { "first row removed", "DELETE FROM events WHERE seq = 1", 2 },
        { "two rows swapped",
          "UPDATE events SET seq = 99 WHERE seq = 2; UPDATE events SET seq = 2 WHERE seq = 3;"
          "UPDATE events SET seq = 3 WHERE seq = 99",
          2 },
        { "hash damaged", "UPDATE events SET hash = x'00' WHERE seq = 5", 5 },
        { "half erased", "UPDATE events SET payload = NULL WHERE seq = 3", 3 },
    };
    Place *place = *state;
    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        Store *store = open_store(place);
        put_events(store, "m", 5);
        store_close(store);
        tamper(place, cases[i].sql);
        store = open_store(place);
        g_autoptr(StoreCheck) check = store_check(store, NULL);
        if (check->broken_seq != cases[i].broken_seq)
            fail_msg("%s: row %d, not %d", cases[i].name, (int)check->broken_seq, (int)cases[i].broken_seq);
        store_close(store);
        g_unlink(place->path);
    }
}

static void test_erasing_keeps_the_chain(void **state) {
    Place *place = *state;
    g_autoptr(Store) store = open_store(place);
    put_events(store, "m", 5);
    StoreBatch *batch = store_batch_new();
    store_batch_erase(batch, 3);
    store_submit(store, batch, NULL, NULL);
    put_events(store, "m", 1);
    g_autoptr(StoreCheck) check = store_check(store, NULL);
    assert_int_equal(check->broken_seq, 0);
    assert_int_equal(check->n_events, 6);
    assert_int_equal(check->n_erased, 1);
    assert_int_equal(g_array_index(check->erased, gint64, 0), 3);
    g_autoptr(GPtrArray) events = store_read_events(store, "m", 2, NULL);
    assert_int_equal(events->len, 4);
    assert_null(((EventRecord *)events->pdata[0])->payload);
    char head[TOKEN_HASH_BYTES * 2 + 1];
    assert_int_equal(store_head(store, head), 6);
    assert_string_equal(head, check->head_hex);
}

static void test_backup(void **state) {
    Place *place = *state;
    g_autoptr(Store) store = open_store(place);
    g_autofree char *copy = g_build_filename(place->folder, "copy.db", NULL);
    g_autoptr(GError) again = NULL;
    put_events(store, "m", 3);
    assert_true(store_backup(store, copy, NULL));
    assert_false(store_backup(store, copy, &again));
    assert_int_equal(again->code, FAULT_CONFLICT);
    put_events(store, "m", 1);
    g_autoptr(Store) copied = store_open(copy, NULL);
    g_autoptr(StoreCheck) check = store_check(copied, NULL);
    assert_int_equal(check->n_events, 3);
    assert_int_equal(check->broken_seq, 0);
}

static void expect_events(gpointer user, GPtrArray *events, const GError *why) {
    assert_null(why);
    *(guint *)user = events->len;
}

static void test_asking_sees_what_was_submitted_before(void **state) {
    Place *place = *state;
    g_autoptr(Store) store = open_store(place);
    guint n_events = 0;
    for (guint i = 0; i < 3; i++) {
        StoreBatch *batch = store_batch_new();
        store_batch_event(batch, "m", "k", 1, "{}");
        store_submit(store, batch, NULL, NULL);
    }
    store_ask_events(store, "m", 1, expect_events, &n_events);
    assert_true(store_settle(store, WAIT_US));
    assert_int_equal(n_events, 2);
}

static void wake_me(gpointer user) { g_atomic_int_inc((gint *)user); }

static void test_wakes_the_loop(void **state) {
    Place *place = *state;
    g_autoptr(Store) store = open_store(place);
    gint n_wakes = 0;
    guint n_done = 0;
    store_set_wake(store, wake_me, &n_wakes);
    store_submit(store, store_batch_new(), count, &n_done);
    for (guint i = 0; i < 5000 && g_atomic_int_get(&n_wakes) == 0; i++) g_usleep(1000);
    assert_true(g_atomic_int_get(&n_wakes) > 0);
    assert_int_equal(n_done, 0);
    assert_int_equal(store_dispatch(store), 1);
    assert_int_equal(n_done, 1);
}

/* Another program holds the database's write lock: commits cannot be made until it lets go. */
static void test_a_failing_disk_is_told_and_survived(void **state) {
    Place *place = *state;
    g_autoptr(Store) store = open_store(place);
    sqlite3 *raw;
    guint n_done = 0;
    put_events(store, "m", 1);
    assert_true(store_is_well(store, g_get_monotonic_time(), NULL));
    assert_int_equal(sqlite3_open(place->path, &raw), SQLITE_OK);
    assert_int_equal(sqlite3_exec(raw, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
    StoreBatch *batch = store_batch_new();
    store_batch_event(batch, "m", "late", 9, "{}");
    store_submit(store, batch, count, &n_done);
    gint64 until_us = g_get_monotonic_time() + WAIT_US;
    while (store_is_well(store, g_get_monotonic_time(), NULL) && g_get_monotonic_time() < until_us)
        g_usleep(10000);
    g_autoptr(GError) why = NULL;
    assert_false(store_is_well(store, g_get_monotonic_time(), &why));
    assert_int_equal(why->code, FAULT_BUSY);
    store_dispatch(store);
    assert_int_equal(n_done, 0);
    sqlite3_exec(raw, "COMMIT", NULL, NULL, NULL);
    sqlite3_close(raw);
    assert_true(store_settle(store, WAIT_US));
    assert_int_equal(n_done, 1);
    assert_true(store_is_well(store, g_get_monotonic_time(), NULL));
    g_autoptr(StoreCheck) check = store_check(store, NULL);
    assert_int_equal(check->n_events, 2);
    assert_int_equal(check->broken_seq, 0);
}

static void expect_gone(gpointer user, const GError *why) {
    assert_true(why != NULL && why->code == FAULT_GONE);
    ++*(guint *)user;
}

static void test_closing_commits_or_tells(void **state) {
    Place *place = *state;
    Store *store = open_store(place);
    guint n_done = 0, n_gone = 0;
    for (guint i = 0; i < 50; i++) {
        StoreBatch *batch = store_batch_new();
        store_batch_event(batch, "m", "k", 1, "{}");
        store_submit(store, batch, count, &n_done);
    }
    store_close(store);
    assert_int_equal(n_done, 50);
    store = open_store(place);
    sqlite3 *raw;
    assert_int_equal(sqlite3_open(place->path, &raw), SQLITE_OK);
    assert_int_equal(sqlite3_exec(raw, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
    StoreBatch *batch = store_batch_new();
    store_batch_event(batch, "m", "k", 1, "{}");
    store_submit(store, batch, expect_gone, &n_gone);
    store_close(store);
    assert_int_equal(n_gone, 1);
    sqlite3_close(raw);
}

#define WITH_FOLDER(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        WITH_FOLDER(test_records_come_back),
        WITH_FOLDER(test_private_file),
        WITH_FOLDER(test_one_program_at_a_time),
        WITH_FOLDER(test_refuses_what_is_not_its_own),
        WITH_FOLDER(test_commits_are_told_in_order),
        WITH_FOLDER(test_a_bad_batch_is_refused_whole_and_alone),
        WITH_FOLDER(test_chain),
        WITH_FOLDER(test_erasing_keeps_the_chain),
        WITH_FOLDER(test_backup),
        WITH_FOLDER(test_asking_sees_what_was_submitted_before),
        WITH_FOLDER(test_wakes_the_loop),
        WITH_FOLDER(test_a_failing_disk_is_told_and_survived),
        WITH_FOLDER(test_closing_commits_or_tells),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
