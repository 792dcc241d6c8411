/* The command line on a data folder without a server: exit codes, and standard output that scripts can take as it is. */
#include "signaling/cli.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <jansson.h>
#include <stdio.h>
#include <stdio_ext.h>
#include <string.h>
#include <unistd.h>

typedef struct {
    char *folder, *data;
} Place;

static void remove_tree(const char *path) {
    g_autoptr(GDir) dir = g_dir_open(path, 0, NULL);
    if (dir != NULL)
        for (const char *name; (name = g_dir_read_name(dir)) != NULL;) {
            g_autofree char *child = g_build_filename(path, name, NULL);
            remove_tree(child);
        }
    g_remove(path);
}

static int set_up(void **state) {
    Place *place = g_new0(Place, 1);
    place->folder = g_dir_make_tmp("diemcau-cli-XXXXXX", NULL);
    place->data = g_build_filename(place->folder, "data", NULL);
    *state = place;
    return 0;
}

static int tear_down(void **state) {
    Place *place = *state;
    remove_tree(place->folder);
    g_free(place->data);
    g_free(place->folder);
    g_free(place);
    return 0;
}

/* Runs "roster link A" with --data; text has DATA and TMP replaced. Returns the exit code and what was printed. */
static int run(const Place *place, const char *line, const char *input, char **ret_out) {
    g_auto(GStrv) argv = NULL;
    g_autofree char *out_path = g_build_filename(place->folder, "out", NULL),
                    *in_path = g_build_filename(place->folder, "in", NULL);
    int argc = 0;
    GString *text = g_string_new(line);
    g_string_replace(text, "TMP", place->folder, 0);
    g_string_append_printf(text, " --data %s", place->data);
    assert_true(g_shell_parse_argv(text->str, &argc, &argv, NULL));
    g_string_free(text, TRUE);
    assert_true(g_file_set_contents(in_path, input != NULL ? input : "", -1, NULL));
    fflush(stdout);
    int real_out = dup(STDOUT_FILENO), real_err = dup(STDERR_FILENO), real_in = dup(STDIN_FILENO);
    int out = open(out_path, O_WRONLY | O_CREAT | O_TRUNC, 0600), null = open("/dev/null", O_WRONLY);
    int in = open(in_path, O_RDONLY);
    dup2(out, STDOUT_FILENO);
    dup2(null, STDERR_FILENO);
    dup2(in, STDIN_FILENO);
    __fpurge(stdin); /* what an earlier run left unread */
    clearerr(stdin);
    int code = cli_main(argc, argv);
    fflush(stdout);
    dup2(real_out, STDOUT_FILENO);
    dup2(real_err, STDERR_FILENO);
    dup2(real_in, STDIN_FILENO);
    const int opened[] = { real_out, real_err, real_in, out, null, in };
    for (guint i = 0; i < G_N_ELEMENTS(opened); i++) close(opened[i]);
    char *printed = NULL;
    assert_true(g_file_get_contents(out_path, &printed, NULL, NULL));
    if (ret_out != NULL)
        *ret_out = printed;
    else
        g_free(printed);
    return code;
}

static char *run_ok(const Place *place, const char *line, const char *input) {
    char *out = NULL;
    int code = run(place, line, input, &out);
    if (code != 0) fail_msg("%s: exit code %d", line, code);
    return out;
}

static void put_file(const Place *place, const char *name, const char *text) {
    g_autofree char *path = g_build_filename(place->folder, name, NULL);
    assert_true(g_file_set_contents(path, text, -1, NULL));
}

static const char csv[] = "code,name,type\nT,Quảng Ninh,tỉnh\nA,Đầm Hà,xã\n";

static void test_roster(void **state) {
    Place *place = *state;
    put_file(place, "good.csv", csv);
    put_file(place, "bad.csv", "code,name,type\nA,,xã\n");
    g_autofree char *nothing = run_ok(place, "roster import TMP/good.csv", NULL);
    assert_string_equal(nothing, ""); /* words go to standard error */
    g_autofree char *plan = NULL;
    assert_int_equal(run(place, "roster import --json TMP/bad.csv", NULL, &plan), 1);
    assert_non_null(strstr(plan, "\"line\": 2"));
    assert_int_equal(run(place, "roster import TMP/missing.csv", NULL, NULL), 3);
    g_autofree char *from_stdin = run_ok(place, "roster import - --json", csv);
    assert_non_null(strstr(from_stdin, "\"unchanged\": 2"));
    g_autofree char *exported = run_ok(place, "roster export", NULL);
    assert_non_null(strstr(exported, "A,Đầm Hà,xã"));
    g_autofree char *link = run_ok(place, "roster link A", NULL);
    assert_true(g_regex_match_simple("^https://localhost:8443/r#[A-Za-z0-9_-]{22}\\n$", link, 0, 0));
    g_autofree char *links = run_ok(place, "roster link --all --json", NULL);
    json_t *list = json_loads(links, 0, NULL);
    assert_int_equal(json_array_size(list), 2);
    assert_string_equal(json_string_value(json_object_get(json_array_get(list, 1), "name")), "Xã Đầm Hà");
    json_decref(list);
    assert_int_equal(run(place, "roster link", NULL, NULL), 2);
    assert_int_equal(run(place, "roster link NOBODY", NULL, NULL), 1);
    assert_int_equal(run(place, "roster revoke A", NULL, NULL), 0);
    assert_int_equal(run(place, "roster revoke A", NULL, NULL), 1);
}

static void test_users(void **state) {
    Place *place = *state;
    g_autofree char *password = run_ok(place, "user add chutoa --role chair --generate", NULL);
    assert_int_equal(strlen(password), 15);
    g_autofree char *quiet = run_ok(place, "user add kythuat --role technician", "a long password\n");
    assert_string_equal(quiet, "");
    g_autofree char *list = run_ok(place, "user list", NULL);
    assert_string_equal(list, "chutoa\tchair\nkythuat\ttechnician\n");
    g_autofree char *url = run_ok(place, "user login chutoa", NULL);
    assert_non_null(strstr(url, "/login#"));
    assert_int_equal(run(place, "user add chutoa --role chair --generate", NULL, NULL), 1);
    assert_int_equal(run(place, "user add x --generate", NULL, NULL), 2);
    assert_int_equal(run(place, "user add x --role chair", "", NULL), 2); /* no password */
    assert_int_equal(run(place, "user passwd chutoa", "short\n", NULL), 1);
    assert_int_equal(run(place, "user passwd chutoa", "another password\n", NULL), 0);
}

static void test_meetings(void **state) {
    Place *place = *state;
    put_file(place, "good.csv", csv);
    g_autofree char *imported = run_ok(place, "roster import TMP/good.csv", NULL);
    g_autofree char *id = g_strchomp(run_ok(place, "meeting create --title 'Họp thử' --open", NULL));
    g_autofree char *wanted = g_strdup_printf("%s\topen\tHọp thử\n", id);
    g_autofree char *list = run_ok(place, "meeting list", NULL);
    assert_string_equal(list, wanted);
    g_autofree char *for_room = g_strdup_printf("token --meeting %s --endpoint A", id);
    g_autofree char *for_watcher = g_strdup_printf("token --meeting %s --observer", id);
    g_autofree char *for_nobody = g_strdup_printf("token --meeting %s", id);
    g_autofree char *one = run_ok(place, for_room, NULL), *two = run_ok(place, for_watcher, NULL);
    assert_int_equal(strlen(one), 23);
    assert_string_not_equal(one, two);
    assert_int_equal(run(place, for_nobody, NULL, NULL), 1);
    g_autofree char *end = g_strdup_printf("meeting end %s", id);
    assert_int_equal(run(place, end, NULL, NULL), 0);
    assert_int_equal(run(place, end, NULL, NULL), 1);
    g_autofree char *none = run_ok(place, "meeting list", NULL),
                    *all = run_ok(place, "meeting list --all --json", NULL);
    assert_string_equal(none, "");
    assert_non_null(strstr(all, "\"ended\""));
}

static void test_wrong_use(void **state) {
    Place *place = *state;
    assert_int_equal(run(place, "roster", NULL, NULL), 2);
    assert_int_equal(run(place, "roster dance", NULL, NULL), 2);
    assert_int_equal(run(place, "meeting create --colour red", NULL, NULL), 2);
    assert_int_equal(run(place, "meeting create", NULL, NULL), 2);
    assert_int_equal(run(place, "erase abc", NULL, NULL), 2);
    assert_true(cli_knows("roster") && cli_knows("restore"));
    assert_false(cli_knows("serve") || cli_knows("") || cli_knows(NULL));
}

static guint n_files_like(const char *folder, const char *start) {
    g_autoptr(GDir) dir = g_dir_open(folder, 0, NULL);
    guint n = 0;
    for (const char *name; (name = g_dir_read_name(dir)) != NULL;) n += g_str_has_prefix(name, start);
    return n;
}

/* The cases a backup is kept for: what is there cannot be opened. */
static void test_restore_over_what_cannot_be_opened(void **state) {
    static const struct {
        const char *name;
        goffset at;
        guint8 bytes[16];
    } cases[] = {
        { "damaged", 0, "no SQLite file" }, { "newer", 60, { 0, 0, 0, 99 } }, /* user_version */
    };
    Place *place = *state;
    g_autofree char *id = run_ok(place, "meeting create --title a", NULL);
    g_autofree char *before = run_ok(place, "check", NULL);
    g_autofree char *database = g_build_filename(place->data, "diemcau.db", NULL);
    assert_int_equal(run(place, "backup TMP/copy", NULL, NULL), 0);
    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        int fd = open(database, O_WRONLY);
        assert_int_equal(pwrite(fd, cases[i].bytes, sizeof cases[i].bytes, cases[i].at),
                         sizeof cases[i].bytes);
        close(fd);
        if (run(place, "check", NULL, NULL) != 3) fail_msg("%s: opens", cases[i].name);
        if (run(place, "restore TMP/copy --replace", NULL, NULL) != 0) fail_msg("%s: kept", cases[i].name);
        g_autofree char *after = run_ok(place, "check", NULL);
        assert_string_equal(after, before);
    }
    assert_int_not_equal(n_files_like(place->data, "diemcau.db.before-"), 0);
}

static void test_check_backup_restore(void **state) {
    Place *place = *state;
    put_file(place, "good.csv", csv);
    g_autofree char *imported = run_ok(place, "roster import TMP/good.csv", NULL);
    g_autofree char *id = run_ok(place, "meeting create --title a --open", NULL);
    g_autofree char *tls = g_build_filename(place->data, "tls", NULL),
                    *ca = g_build_filename(tls, "ca.crt", NULL);
    g_mkdir(tls, 0700);
    assert_true(g_file_set_contents(ca, "the CA", -1, NULL));
    g_autofree char *before = run_ok(place, "check", NULL);
    assert_true(g_regex_match_simple("^rows 3\\nhead 3 [0-9a-f]{64}\\n$", before, 0, 0));
    g_autofree char *hash = g_strndup(strstr(before, "head 3 ") + 7, 64);
    g_autofree char *anchored = g_strdup_printf("check --anchor 3:%s", hash);
    assert_int_equal(run(place, anchored, NULL, NULL), 0);
    g_autofree char *elsewhere = g_strdup_printf("check --anchor 2:%s", hash);
    assert_int_equal(run(place, elsewhere, NULL, NULL), 1);
    g_autofree char *beyond = g_strdup_printf("check --anchor 9:%s", hash); /* rows were cut off since */
    assert_int_equal(run(place, beyond, NULL, NULL), 1);
    assert_int_equal(run(place, "check --anchor nonsense", NULL, NULL), 2);
    assert_int_equal(run(place, "backup TMP/copy", NULL, NULL), 0);
    assert_int_equal(run(place, "backup TMP/copy", NULL, NULL), 1); /* never over an older one */
    assert_int_equal(run(place, "erase 2", NULL, NULL), 0);
    g_autofree char *erased = run_ok(place, "check", NULL);
    assert_true(g_str_has_prefix(erased, "erased 2\nrows 4\n"));

    assert_int_equal(run(place, "restore TMP/copy", NULL, NULL), 1); /* something is there */
    assert_int_equal(run(place, "restore TMP/nowhere --replace", NULL, NULL), 3);
    g_autofree char *same = run_ok(place, "check", NULL);
    assert_string_equal(same, erased);
    g_autofree char *copied = g_build_filename(place->folder, "copy", "diemcau.db", NULL);
    GStatBuf info;
    assert_int_equal(g_stat(copied, &info), 0);
    assert_int_equal(info.st_mode & 0077, 0); /* hashes of passwords are nobody else's to read */
    assert_int_equal(n_files_like(place->data, "diemcau.db.copy"), 0);
    g_unlink(ca);
    assert_int_equal(run(place, "restore TMP/copy --replace", NULL, NULL), 0);
    g_autofree char *after = run_ok(place, "check", NULL);
    assert_string_equal(after, before);
    assert_true(g_file_test(ca, G_FILE_TEST_EXISTS));
    /* Into an empty folder, as on a new machine. */
    remove_tree(place->data);
    assert_int_equal(run(place, "restore TMP/copy", NULL, NULL), 0);
    g_autofree char *again = run_ok(place, "check", NULL);
    assert_string_equal(again, before);
}

static void test_a_folder_that_cannot_be_used(void **state) {
    Place *place = *state;
    assert_true(g_file_set_contents(place->data, "a file, no folder", -1, NULL));
    assert_int_equal(run(place, "meeting list", NULL, NULL), 3);
}

#define WITH_FOLDER(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        WITH_FOLDER(test_restore_over_what_cannot_be_opened),
        WITH_FOLDER(test_roster),
        WITH_FOLDER(test_users),
        WITH_FOLDER(test_meetings),
        WITH_FOLDER(test_wrong_use),
        WITH_FOLDER(test_check_backup_restore),
        WITH_FOLDER(test_a_folder_that_cannot_be_used),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
