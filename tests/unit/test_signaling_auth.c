/* Users, passwords, links, sessions, and who is slowed. */
#include "config/fault.h"
#include "signaling/auth.h"
#include "signaling/slowing.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <sodium.h>
#include <string.h>

enum { NOW = 1000000000, MINUTE = 60000, DAY = 24 * 3600 * 1000 };

static const AuthSettings settings = { .login_link_ms = 15 * MINUTE,
                                       .session_ms = 12 * 3600 * 1000,
                                       .room_session_ms = 365ll * DAY,
                                       .attempts = 5 };

typedef struct {
    Auth *auth;
    StoreBatch *batch;
} Bench;

static int set_up(void **state) {
    assert_true(sodium_init() >= 0);
    Bench *bench = g_new0(Bench, 1);
    bench->auth = auth_new(&settings, g_ptr_array_new_with_free_func((GDestroyNotify)user_record_free),
                           g_ptr_array_new_with_free_func((GDestroyNotify)token_record_free));
    bench->batch = store_batch_new();
    *state = bench;
    return 0;
}

static int tear_down(void **state) {
    Bench *bench = *state;
    auth_free(bench->auth);
    store_batch_free(bench->batch);
    g_free(bench);
    return 0;
}

/* ---- passwords ---- */

static void keep_hash(gpointer user, const char *hash, const GError *why) {
    assert_null(why);
    *(char **)user = g_strdup(hash);
}

static void wait_for_worker(Auth *auth) {
    gint64 until_us = g_get_monotonic_time() + 30 * G_USEC_PER_SEC;
    while (auth_n_waiting(auth) > 0 && g_get_monotonic_time() < until_us) {
        auth_dispatch(auth);
        g_usleep(1000);
    }
    assert_int_equal(auth_n_waiting(auth), 0);
}

static void add_user(Bench *bench, const char *name, const char *role, const char *password) {
    g_autofree char *hash = NULL;
    GError *why = NULL;
    assert_true(auth_hash_password(bench->auth, password, LANGUAGE_VI, keep_hash, &hash, NULL));
    wait_for_worker(bench->auth);
    assert_true(g_str_has_prefix(hash, "$argon2id$"));
    assert_null(strstr(hash, password));
    if (!auth_put_user(bench->auth, bench->batch, name, role, hash, TRUE, NOW, LANGUAGE_VI, &why))
        fail_msg("%s", why->message);
}

typedef struct {
    gint32 user;
    FaultCode code;
    guint n_told;
} Outcome;

static void keep_outcome(gpointer user, gint32 identity_user, const GError *why) {
    Outcome *outcome = user;
    outcome->user = identity_user;
    outcome->code = why != NULL ? (FaultCode)why->code : 0;
    outcome->n_told++;
}

/* The user's id, or the negative code of the refusal. */
static gint32 log_in(Bench *bench, const char *name, const char *password, const char *address,
                     gint64 now_ms) {
    Outcome outcome = { 0 };
    g_autoptr(GError) why = NULL;
    if (!auth_log_in(bench->auth, name, password, address, now_ms, LANGUAGE_VI, keep_outcome, &outcome, &why))
        return -why->code;
    wait_for_worker(bench->auth);
    assert_int_equal(outcome.n_told, 1);
    return outcome.user != 0 ? outcome.user : -(gint32)outcome.code;
}

static void test_logging_in(void **state) {
    Bench *bench = *state;
    add_user(bench, "ChuToa", "chair", "mật khẩu dài");
    static const struct {
        const char *name, *given, *password;
        gint32 wanted;
    } cases[] = {
        { "right", "chutoa", "mật khẩu dài", 1 },
        { "name in capitals", " CHUTOA ", "mật khẩu dài", 1 },
        { "password typed decomposed", "chutoa", "ma\xcc\xa3\xcc\x82t kh\xc3\xa2\xcc\x89u da\xcc\x80i", 1 },
        { "wrong password", "chutoa", "mật khẩu", -FAULT_REFUSED },
        { "no such user", "nobody", "mật khẩu dài", -FAULT_REFUSED },
        { "empty", "", "", -FAULT_REFUSED },
        { "not text", "chutoa", "\xff\xfe", -FAULT_REFUSED },
    };
    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        gint32 got =
            log_in(bench, cases[i].given, cases[i].password, "10.0.0.1", NOW + (gint64)i * 2 * MINUTE);
        if (got != cases[i].wanted) fail_msg("%s: %d", cases[i].name, got);
    }
}

static void test_somebody_unknown_takes_as_long(void **state) {
    Bench *bench = *state;
    add_user(bench, "chutoa", "chair", "password one");
    gint64 start_us = g_get_monotonic_time();
    log_in(bench, "chutoa", "wrong wrong", "10.0.0.1", NOW);
    gint64 known_us = g_get_monotonic_time() - start_us;
    start_us = g_get_monotonic_time();
    log_in(bench, "nobody", "wrong wrong", "10.0.0.1", NOW);
    gint64 unknown_us = g_get_monotonic_time() - start_us;
    assert_true(unknown_us > known_us / 4); /* not the microseconds of a look-up */
}

static void test_slowing_an_account(void **state) {
    Bench *bench = *state;
    add_user(bench, "chutoa", "chair", "password one");
    for (guint i = 0; i < 5; i++)
        assert_int_equal(log_in(bench, "chutoa", "wrong wrong", "10.0.0.66", NOW), -FAULT_REFUSED);
    assert_int_equal(log_in(bench, "chutoa", "password one", "10.0.0.66", NOW),
                     -FAULT_BUSY); /* even the right one */
    assert_int_equal(log_in(bench, "chutoa", "password one", "10.0.0.1", NOW),
                     1); /* but not from elsewhere */
    assert_int_equal(log_in(bench, "chutoa", "password one", "10.0.0.66", NOW + MINUTE), 1);
    assert_int_equal(log_in(bench, "chutoa", "password one", "10.0.0.66", NOW + MINUTE), 1);
}

static void test_many_right_logins_slow_nobody(void **state) {
    (void)state;
    Slowing *slowing = slowing_new();
    for (guint i = 0; i < 1000; i++) {
        slowing_failed(slowing, "address", "10.0.0.1", NOW);
        slowing_forgive(slowing, "address", "10.0.0.1");
    }
    assert_int_equal(slowing_wait_s(slowing, "address", "10.0.0.1", 5, NOW), 0);
    slowing_free(slowing);
}

static void test_slowing_grows_and_forgets(void **state) {
    (void)state;
    static const guint wanted_s[] = { 0, 0, 0, 1, 2, 4, 8, 16, 32, 60, 60 };
    Slowing *slowing = slowing_new();
    for (guint i = 0; i < G_N_ELEMENTS(wanted_s); i++) {
        assert_int_equal(slowing_wait_s(slowing, "a", "k", 3, NOW), wanted_s[i]);
        slowing_failed(slowing, "a", "k", NOW);
    }
    assert_int_equal(slowing_wait_s(slowing, "a", "other", 3, NOW), 0);
    assert_int_equal(slowing_wait_s(slowing, "b", "k", 3, NOW), 0);
    assert_int_equal(slowing_wait_s(slowing, "a", "k", 3, NOW + MINUTE), 0);
    slowing_failed(slowing, "a", "k", NOW + 2 * MINUTE + 1);
    assert_int_equal(slowing_wait_s(slowing, "a", "k", 3, NOW + 2 * MINUTE + 1),
                     0); /* counting began again */
    for (guint i = 0; i < SLOWING_KEYS_MAX + 100; i++) {
        g_autofree char *key = g_strdup_printf("%u", i);
        slowing_failed(slowing, "flood", key, NOW);
    }
    slowing_free(slowing);
}

static void test_a_full_worker_says_busy(void **state) {
    Bench *bench = *state;
    g_autoptr(GError) why = NULL;
    Outcome outcome = { 0 };
    guint n_taken = 0;
    for (guint i = 0; i < 40; i++) {
        g_autofree char *name = g_strdup_printf("user%u", i);
        g_clear_error(&why);
        n_taken += (guint)auth_log_in(bench->auth, name, "some password", "10.0.0.1", NOW, LANGUAGE_EN,
                                      keep_outcome, &outcome, &why);
    }
    assert_int_equal(n_taken, 32);
    assert_int_equal(why->code, FAULT_BUSY);
    auth_free(bench->auth); /* closing answers everybody */
    assert_int_equal(outcome.n_told, n_taken);
    set_up(state);
    store_batch_free(bench->batch);
    g_free(bench);
}

static void test_users(void **state) {
    Bench *bench = *state;
    static const struct {
        const char *name, *role;
        gboolean must_be_new;
        int code; /* 0 = taken */
    } cases[] = {
        { "kỹ.thuật-1", "technician", TRUE, 0 },
        { "KỸ.THUẬT-1", "chair", TRUE, FAULT_CONFLICT },
        { "has space", "chair", TRUE, FAULT_BAD_INPUT },
        { "", "chair", TRUE, FAULT_BAD_INPUT },
        { "a<b>", "chair", TRUE, FAULT_BAD_INPUT },
        { "b", "boss", TRUE, FAULT_BAD_INPUT },
        { "b", "room", TRUE, FAULT_BAD_INPUT },
        { "b", "system", TRUE, FAULT_BAD_INPUT },
        { "b", NULL, FALSE, FAULT_NOT_FOUND },
        { "kỹ.thuật-1", NULL, FALSE, 0 },
        { "kỹ.thuật-1", "admin", FALSE, 0 },
        { "b", "observer", TRUE, 0 },
    };
    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GError) why = NULL;
        gboolean ok = auth_put_user(bench->auth, bench->batch, cases[i].name, cases[i].role, "$h",
                                    cases[i].must_be_new, NOW, LANGUAGE_VI, &why);
        if (ok != (cases[i].code == 0) || (!ok && why->code != cases[i].code)) fail_msg("case %u", i);
    }
    assert_string_equal(auth_user(bench->auth, "kỹ.thuật-1")->role, "admin");
    assert_int_equal(auth_users(bench->auth)->len, 2);
    g_autofree char *one = auth_password_new(), *two = auth_password_new();
    assert_string_not_equal(one, two);
    assert_int_equal(strlen(one), 14);
}

/* ---- tokens ---- */

static void test_login_link_works_once(void **state) {
    Bench *bench = *state;
    assert_true(
        auth_put_user(bench->auth, bench->batch, "chutoa", "chair", "", TRUE, NOW, LANGUAGE_VI, NULL));
    g_autofree char *link = auth_login_link_new(bench->auth, bench->batch, 1, NOW);
    g_autofree char *late = auth_login_link_new(bench->auth, bench->batch, 1, NOW);
    g_autoptr(GError) again = NULL, over = NULL, nonsense = NULL;
    assert_int_equal(strlen(link), 22); /* 128 bits in base64url */
    assert_int_equal(auth_use_login_link(bench->auth, bench->batch, link, "a", NOW + 1, LANGUAGE_VI, NULL),
                     1);
    assert_int_equal(auth_use_login_link(bench->auth, bench->batch, link, "a", NOW + 2, LANGUAGE_VI, &again),
                     0);
    assert_int_equal(again->code, FAULT_REFUSED);
    assert_int_equal(
        auth_use_login_link(bench->auth, bench->batch, late, "a", NOW + 15 * MINUTE, LANGUAGE_VI, &over), 0);
    assert_int_equal(over->code, FAULT_REFUSED);
    assert_int_equal(auth_use_login_link(bench->auth, bench->batch, NULL, "a", NOW, LANGUAGE_VI, &nonsense),
                     0);
}

static void test_sessions(void **state) {
    Bench *bench = *state;
    Identity who;
    assert_true(
        auth_put_user(bench->auth, bench->batch, "chutoa", "chair", "", TRUE, NOW, LANGUAGE_VI, NULL));
    g_autofree char *cookie = auth_session_new(bench->auth, bench->batch, 1, 0, NOW);
    g_autofree char *room = auth_session_new(bench->auth, bench->batch, 0, 44, NOW);
    g_autofree char *link = auth_login_link_new(bench->auth, bench->batch, 1, NOW);
    g_autofree char *bearer = auth_bearer_new(bench->auth, bench->batch, "mabc", 44, DAY, NOW);
    g_autofree char *watcher = auth_bearer_new(bench->auth, bench->batch, "mabc", 0, DAY, NOW);
    assert_true(auth_identify(bench->auth, cookie, NOW, &who));
    assert_int_equal(who.role, ROLE_CHAIR);
    assert_string_equal(who.name, "chutoa");
    guint8 hash[TOKEN_HASH_BYTES];
    memcpy(hash, who.hash, sizeof hash);
    assert_true(auth_identify(bench->auth, room, NOW + 100ll * DAY, &who));
    assert_int_equal(who.role, ROLE_ROOM);
    assert_int_equal(who.seat, 44);
    assert_true(auth_identify(bench->auth, bearer, NOW, &who));
    assert_int_equal(who.role, ROLE_ROOM);
    assert_string_equal(who.meeting, "mabc");
    assert_true(auth_identify(bench->auth, watcher, NOW, &who));
    assert_int_equal(who.role, ROLE_OBSERVER);
    assert_false(auth_identify(bench->auth, link, NOW, &who)); /* a link is no session */
    assert_false(auth_identify(bench->auth, cookie, NOW + settings.session_ms, &who));
    assert_false(auth_identify(bench->auth, "", NOW, &who));
    assert_false(auth_identify(bench->auth, NULL, NOW, &who));
    assert_false(
        auth_identify(bench->auth, "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", NOW, &who));
    auth_log_out(bench->auth, bench->batch, hash);
    assert_false(auth_identity_lives(bench->auth, hash, NOW));
    assert_true(auth_identify(bench->auth, room, NOW, &who));
}

static void test_a_new_password_ends_the_sessions(void **state) {
    Bench *bench = *state;
    Identity who;
    assert_true(auth_put_user(bench->auth, bench->batch, "a", "chair", "x", TRUE, NOW, LANGUAGE_VI, NULL));
    assert_true(auth_put_user(bench->auth, bench->batch, "b", "chair", "x", TRUE, NOW, LANGUAGE_VI, NULL));
    g_autofree char *a = auth_session_new(bench->auth, bench->batch, 1, 0, NOW);
    g_autofree char *b = auth_session_new(bench->auth, bench->batch, 2, 0, NOW);
    assert_true(auth_put_user(bench->auth, bench->batch, "a", NULL, "y", FALSE, NOW, LANGUAGE_VI, NULL));
    assert_false(auth_identify(bench->auth, a, NOW, &who));
    assert_true(auth_identify(bench->auth, b, NOW, &who));
}

static void test_room_links(void **state) {
    Bench *bench = *state;
    Identity who;
    gint32 revoked = 0;
    gint64 used_ms = 0;
    assert_int_equal(auth_link_state(bench->auth, 7, NULL), LINK_NONE);
    g_autofree char *old = auth_room_link_new(bench->auth, bench->batch, 7, NOW);
    assert_int_equal(
        auth_use_room_link(bench->auth, bench->batch, old, "a", NOW + 5, LANGUAGE_VI, &revoked, NULL), 7);
    assert_int_equal(
        auth_use_room_link(bench->auth, bench->batch, old, "a", NOW + 9, LANGUAGE_VI, &revoked, NULL),
        7); /* for life */
    assert_int_equal(auth_link_state(bench->auth, 7, &used_ms), LINK_ACTIVE);
    assert_int_equal(used_ms, NOW + 9);
    g_autofree char *session = auth_session_new(bench->auth, bench->batch, 0, 7, NOW);
    g_autofree char *lent = auth_lent_link_new(bench->auth, bench->batch, 7, DAY, NOW);
    assert_int_equal(
        auth_use_room_link(bench->auth, bench->batch, lent, "a", NOW, LANGUAGE_VI, &revoked, NULL), 7);
    assert_true(auth_identify(bench->auth, session, NOW, &who)); /* lending ends nobody's session */
    assert_int_equal(auth_link_state(bench->auth, 7, NULL), LINK_ACTIVE);

    g_autofree char *newer = auth_room_link_new(bench->auth, bench->batch, 7, NOW + 10);
    g_autoptr(GError) why = NULL, wrong = NULL;
    assert_false(auth_identify(bench->auth, session, NOW + 11, &who));
    assert_int_equal(
        auth_use_room_link(bench->auth, bench->batch, old, "a", NOW + 11, LANGUAGE_VI, &revoked, &why), 0);
    assert_int_equal(why->code, FAULT_REFUSED);
    assert_int_equal(revoked, 7); /* so that the page can say whom to call */
    assert_int_equal(
        auth_use_room_link(bench->auth, bench->batch, lent, "a", NOW + 11, LANGUAGE_VI, &revoked, NULL), 7);
    assert_int_equal(
        auth_use_room_link(bench->auth, bench->batch, newer, "a", NOW + 11, LANGUAGE_VI, &revoked, NULL), 7);
    assert_int_equal(
        auth_use_room_link(bench->auth, bench->batch, "nonsense", "a", NOW, LANGUAGE_VI, &revoked, &wrong),
        0);
    assert_int_equal(revoked, 0);
    assert_true(auth_link_revoke(bench->auth, bench->batch, 7, NOW + 12));
    assert_false(auth_link_revoke(bench->auth, bench->batch, 7, NOW + 12));
    assert_int_equal(
        auth_use_room_link(bench->auth, bench->batch, lent, "a", NOW + 13, LANGUAGE_VI, &revoked, NULL), 0);
    assert_int_equal(auth_link_state(bench->auth, 7, NULL), LINK_REVOKED);
}

static void test_rooms_behind_one_address_do_not_lock_each_other_out(void **state) {
    enum { ROOMS = 200 };
    Bench *bench = *state;
    char *links[ROOMS];
    gint32 revoked;
    g_autofree char *wrong_text = g_strdup("wrongwrongwrongwrong00");
    for (gint32 i = 0; i < ROOMS; i++) links[i] = auth_room_link_new(bench->auth, bench->batch, i + 1, NOW);
    /* Somebody in the same building tries wrong links until he is slowed down. */
    gboolean slowed = FALSE;
    for (guint i = 0; i < 2000; i++) {
        g_autoptr(GError) why = NULL;
        g_autofree char *text = g_strdup_printf("x%05u%s", i, wrong_text + 6);
        assert_int_equal(
            auth_use_room_link(bench->auth, bench->batch, text, "10.0.0.1", NOW, LANGUAGE_VI, &revoked, &why),
            0);
        slowed = slowed || why->code == FAULT_BUSY;
    }
    assert_true(slowed);
    for (gint32 i = 0; i < ROOMS; i++) {
        gint32 seat = auth_use_room_link(bench->auth, bench->batch, links[i], "10.0.0.1", NOW, LANGUAGE_VI,
                                         &revoked, NULL);
        assert_int_equal(seat, i + 1);
        g_free(links[i]);
    }
}

static void test_a_session_in_use_does_not_end(void **state) {
    Bench *bench = *state;
    const gint64 minute_ms = 60 * 1000;
    g_autofree char *token = auth_session_new(bench->auth, bench->batch, 0, 7, NOW);
    Identity identity;
    assert_true(auth_identify(bench->auth, token, NOW, &identity));
    gint64 end_ms = identity.expires_ms;
    assert_false(auth_prolong(bench->auth, bench->batch, identity.hash, end_ms - 20 * minute_ms));
    assert_true(auth_prolong(bench->auth, bench->batch, identity.hash, end_ms - minute_ms));
    assert_true(auth_identity_lives(bench->auth, identity.hash, end_ms + 58 * minute_ms));
    assert_false(auth_identity_lives(bench->auth, identity.hash, end_ms + 60 * minute_ms));
    /* What is over stays over. */
    assert_false(auth_prolong(bench->auth, bench->batch, identity.hash, end_ms + 60 * minute_ms));
}

static void test_sessions_have_a_limit_and_an_end(void **state) {
    Bench *bench = *state;
    Identity who;
    g_autofree char *first = auth_session_new(bench->auth, bench->batch, 0, 3, NOW);
    g_autofree char *last = NULL;
    for (guint i = 1; i <= 50; i++) {
        g_free(last);
        last = auth_session_new(bench->auth, bench->batch, 0, 3, NOW + i);
    }
    assert_false(auth_identify(bench->auth, first, NOW + 60, &who));
    assert_true(auth_identify(bench->auth, last, NOW + 60, &who));
    auth_tidy(bench->auth, bench->batch, NOW + 400ll * DAY);
    assert_false(auth_identify(bench->auth, last, NOW + 60, &who)); /* gone, not only over */
}

static void test_records_make_the_same_auth_again(void **state) {
    Bench *bench = *state;
    GPtrArray *users = g_ptr_array_new_with_free_func((GDestroyNotify)user_record_free);
    GPtrArray *tokens = g_ptr_array_new_with_free_func((GDestroyNotify)token_record_free);
    /* Through a real store, as the server does it. */
    g_autoptr(Store) store = store_open(":memory:", NULL);
    g_ptr_array_unref(users);
    g_ptr_array_unref(tokens);
    assert_true(
        auth_put_user(bench->auth, bench->batch, "chutoa", "chair", "x", TRUE, NOW, LANGUAGE_VI, NULL));
    g_autofree char *revoked_link = auth_room_link_new(bench->auth, bench->batch, 7, NOW);
    g_autofree char *link = auth_room_link_new(bench->auth, bench->batch, 7, NOW);
    g_autofree char *lent = auth_lent_link_new(bench->auth, bench->batch, 7, DAY, NOW + 5);
    g_autofree char *cookie = auth_session_new(bench->auth, bench->batch, 1, 0, NOW);
    store_submit(store, g_steal_pointer(&bench->batch), NULL, NULL);
    bench->batch = store_batch_new();
    Auth *again = auth_new(&settings, store_read_users(store, NULL), store_read_tokens(store, NULL));
    Identity who;
    gint32 revoked = 0;
    assert_true(auth_identify(again, cookie, NOW, &who));
    assert_int_equal(auth_link_state(again, 7, NULL), LINK_ACTIVE);
    assert_int_equal(auth_use_room_link(again, bench->batch, link, "a", NOW, LANGUAGE_VI, &revoked, NULL), 7);
    assert_int_equal(auth_use_room_link(again, bench->batch, lent, "a", NOW, LANGUAGE_VI, &revoked, NULL), 7);
    assert_int_equal(
        auth_use_room_link(again, bench->batch, revoked_link, "a", NOW, LANGUAGE_VI, &revoked, NULL), 0);
    assert_int_equal(revoked, 7);
    auth_free(again);
}

static void test_rights(void **state) {
    (void)state;
    static const struct {
        Role role;
        Right right;
        gboolean may;
    } cases[] = {
        { ROLE_ROOM, RIGHT_SEAT, TRUE },
        { ROLE_ROOM, RIGHT_DIRECT, FALSE },
        { ROLE_ROOM, RIGHT_WATCH, FALSE },
        { ROLE_OBSERVER, RIGHT_WATCH, TRUE },
        { ROLE_OBSERVER, RIGHT_DIRECT, FALSE },
        { ROLE_CHAIR, RIGHT_DIRECT, TRUE },
        { ROLE_CHAIR, RIGHT_ROSTER_WRITE, FALSE },
        { ROLE_CHAIR, RIGHT_USERS, FALSE },
        { ROLE_TECHNICIAN, RIGHT_ROSTER_WRITE, TRUE },
        { ROLE_TECHNICIAN, RIGHT_USERS, FALSE },
        { ROLE_ADMIN, RIGHT_USERS, TRUE },
        { ROLE_NONE, RIGHT_WATCH, FALSE },
        { (Role)99, RIGHT_WATCH, FALSE },
    };
    for (guint i = 0; i < G_N_ELEMENTS(cases); i++)
        if (role_may(cases[i].role, cases[i].right) != cases[i].may) fail_msg("case %u", i);
    for (guint role = ROLE_ROOM; role < ROLE_SYSTEM; role++)
        assert_int_equal(role_from_word(role_word((Role)role)), role);
    assert_int_equal(role_from_word("system"), ROLE_NONE);
}

#define WITH_AUTH(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        WITH_AUTH(test_logging_in),
        WITH_AUTH(test_somebody_unknown_takes_as_long),
        WITH_AUTH(test_slowing_an_account),
        cmocka_unit_test(test_many_right_logins_slow_nobody),
        cmocka_unit_test(test_slowing_grows_and_forgets),
        WITH_AUTH(test_a_full_worker_says_busy),
        WITH_AUTH(test_users),
        WITH_AUTH(test_login_link_works_once),
        WITH_AUTH(test_sessions),
        WITH_AUTH(test_a_new_password_ends_the_sessions),
        WITH_AUTH(test_room_links),
        WITH_AUTH(test_rooms_behind_one_address_do_not_lock_each_other_out),
        WITH_AUTH(test_a_session_in_use_does_not_end),
        WITH_AUTH(test_sessions_have_a_limit_and_an_end),
        WITH_AUTH(test_records_make_the_same_auth_again),
        cmocka_unit_test(test_rights),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
