/* test_signaling_tls.c -- the local CA and its leaf: made once, kept, made anew only where they must be. */
#include "config/fault.h"
#include "signaling/tls.h"
#include "signaling/tls_make.h"

#include <glib/gstdio.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

typedef struct {
    char *folder;
} Room;

static int set_up(void **state) {
    Room *room = g_new0(Room, 1);
    room->folder = g_dir_make_tmp("diemcau-tls-XXXXXX", NULL);
    *state = room;
    return 0;
}

static int tear_down(void **state) {
    Room *room = *state;
    g_autofree char *tls = g_build_filename(room->folder, "tls", NULL);
    GDir *dir = g_dir_open(tls, 0, NULL);
    const char *name;
    while (dir != NULL && (name = g_dir_read_name(dir)) != NULL) {
        g_autofree char *path = g_build_filename(tls, name, NULL);
        g_unlink(path);
    }
    if (dir != NULL) g_dir_close(dir);
    g_rmdir(tls);
    g_rmdir(room->folder);
    g_free(room->folder);
    g_free(room);
    return 0;
}

static char *content(const char *path) {
    char *text = NULL;
    if (!g_file_get_contents(path, &text, NULL, NULL)) fail_msg("no file %s", path);
    return text;
}

static void first_run_then_kept(void **state) {
    const Room *room = *state;
    g_autoptr(Settings) settings = settings_load(NULL, NULL, NULL);
    g_autoptr(GError) error = NULL;
    g_autoptr(TlsFiles) first = tls_prepare(settings, room->folder, &error);
    assert_non_null(first);
    assert_true(first->made_ca);
    assert_true(tls_pair_check(first->cert_path, first->key_path, NULL));
    g_autofree char *ca = content(first->ca_path);
    g_autofree char *leaf = content(first->cert_path);
    struct stat info;
    assert_int_equal(stat(first->key_path, &info), 0);
    assert_int_equal(info.st_mode & 0077, 0);
    assert_true(g_strv_contains((const char *const *)first->names, "localhost"));
    assert_true(g_strv_contains((const char *const *)first->names, "127.0.0.1"));

    g_autoptr(TlsFiles) again = tls_prepare(settings, room->folder, &error);
    assert_false(again->made_ca);
    g_autofree char *ca_again = content(again->ca_path);
    g_autofree char *leaf_again = content(again->cert_path);
    assert_string_equal(ca, ca_again);
    assert_string_equal(leaf, leaf_again);
}

static void new_name_new_leaf_same_ca(void **state) {
    const Room *room = *state;
    g_autoptr(Settings) settings = settings_load(NULL, NULL, NULL);
    g_autoptr(TlsFiles) first = tls_prepare(settings, room->folder, NULL);
    g_autofree char *ca = content(first->ca_path);
    g_autofree char *leaf = content(first->cert_path);
    const char *const named[] = { "tls.names=hop.quangninh.example 198.51.100.7", NULL };
    g_autoptr(Settings) more = settings_load(NULL, named, NULL);
    g_autoptr(TlsFiles) second = tls_prepare(more, room->folder, NULL);
    g_autofree char *ca_again = content(second->ca_path);
    g_autofree char *leaf_again = content(second->cert_path);
    assert_string_equal(ca, ca_again);
    assert_string_not_equal(leaf, leaf_again);
    assert_string_equal(second->names[0], "hop.quangninh.example");
    assert_true(tls_leaf_fits(leaf_again, ca_again, second->names, 3600));
}

/* While the server runs, with the names it started with. */
static void is_renewed_when_it_no_longer_does(void **state) {
    const Room *room = *state;
    g_autoptr(Settings) settings = settings_load(NULL, NULL, NULL);
    g_autoptr(TlsFiles) files = tls_prepare(settings, room->folder, NULL);
    g_autofree char *leaf = content(files->cert_path);
    gint64 days = tls_expires_in_s(files->cert_path) / (24 * 3600);
    assert_true(days > 700 && days < 825);
    assert_true(tls_renew(files, NULL));
    g_autofree char *kept = content(files->cert_path);
    assert_string_equal(leaf, kept);
    g_unlink(files->cert_path);
    assert_true(tls_expires_in_s(files->cert_path) == G_MAXINT64);
    assert_true(tls_renew(files, NULL));
    assert_true(tls_pair_check(files->cert_path, files->key_path, NULL));
}

static void what_fits(void **state) {
    const Room *room = *state;
    g_autoptr(Settings) settings = settings_load(NULL, NULL, NULL);
    g_autoptr(TlsFiles) files = tls_prepare(settings, room->folder, NULL);
    g_autofree char *ca = content(files->ca_path);
    g_autofree char *leaf = content(files->cert_path);
    char *none[] = { NULL };
    char *other[] = { (char *)"elsewhere.example", NULL };
    char *address[] = { (char *)"203.0.113.99", NULL };
    const struct {
        const char *name, *leaf, *ca;
        char **names;
        gint64 renew_s;
        gboolean fits;
    } cases[] = {
        { "as made", leaf, ca, files->names, 0, TRUE },
        { "no names wanted", leaf, ca, none, 0, TRUE },
        { "another name", leaf, ca, other, 0, FALSE },
        { "another address", leaf, ca, address, 0, FALSE },
        { "expires before", leaf, ca, none, 900LL * 24 * 3600, FALSE },
        { "no certificate", "nonsense", ca, none, 0, FALSE },
        { "no CA", leaf, "", none, 0, FALSE },
        { "signed by itself", leaf, leaf, none, 0, FALSE },
    };
    for (guint i = 0; i < G_N_ELEMENTS(cases); i++)
        if (tls_leaf_fits(cases[i].leaf, cases[i].ca, cases[i].names, cases[i].renew_s) != cases[i].fits)
            fail_msg("case: %s", cases[i].name);
}

static void refuses_halves(void **state) {
    const Room *room = *state;
    g_autofree char *missing = g_build_filename(room->folder, "none.pem", NULL);
    g_autofree char *cert_set = g_strconcat("tls.cert=", missing, NULL);
    g_autofree char *key_set = g_strconcat("tls.key=", missing, NULL);
    const char *const half[] = { cert_set, NULL };
    const char *const both[] = { cert_set, key_set, NULL };
    assert_null(settings_load(NULL, half, NULL));
    g_autoptr(Settings) b = settings_load(NULL, both, NULL);
    g_autoptr(GError) error = NULL;
    assert_null(tls_prepare(b, room->folder, &error));
    assert_true(g_error_matches(error, FAULT, FAULT_SETUP));
    assert_non_null(strstr(error->message, "none.pem"));

    /* A CA whose key is gone is not silently replaced: two hundred rooms trust it. */
    g_clear_error(&error);
    g_autoptr(Settings) settings = settings_load(NULL, NULL, NULL);
    g_autoptr(TlsFiles) files = tls_prepare(settings, room->folder, NULL);
    g_autofree char *ca_key = g_build_filename(room->folder, "tls", "ca.key", NULL);
    g_unlink(ca_key);
    assert_null(tls_prepare(settings, room->folder, &error));
    assert_non_null(strstr(error->message, "ca.key"));
}

static void hostile_names_are_left_out(void **state) {
    (void)state;
    g_auto(GStrv) names = tls_machine_names("good.example bad,DNS:evil.example a\nb ::1 10.1.2.3");
    const char *const *list = (const char *const *)names;
    assert_true(g_strv_contains(list, "good.example"));
    assert_true(g_strv_contains(list, "10.1.2.3"));
    assert_true(g_strv_contains(list, "::1"));
    for (char **name = names; *name != NULL; name++) assert_null(strchr(*name, ','));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(first_run_then_kept, set_up, tear_down),
        cmocka_unit_test_setup_teardown(new_name_new_leaf_same_ca, set_up, tear_down),
        cmocka_unit_test_setup_teardown(is_renewed_when_it_no_longer_does, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_fits, set_up, tear_down),
        cmocka_unit_test_setup_teardown(refuses_halves, set_up, tear_down),
        cmocka_unit_test(hostile_names_are_left_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
