/* cli.c -- words and options of the command line; one row per command. */
#include "signaling/cli.h"

#include "config/fault.h"
#include "signaling/cli_archive.h"
#include "signaling/cli_client.h"
#include "signaling/cli_password.h"
#include "signaling/words.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

enum { EXIT_DONE = 0, EXIT_REFUSED = 1, EXIT_USAGE = 2, EXIT_SETUP = 3 };

typedef struct {
    char *data, *title, *meeting, *endpoint, *role, *language, *anchor;
    gboolean json, all, open, observer, generate, replace;
    char **rest; /* what is no option */
    guint n_rest;
} Options;

typedef struct {
    const char *word, *what; /* what NULL: the word stands alone */
    const char *usage;       /* behind the words */
    guint n_rest_min, n_rest_max;
    const char *request; /* name for admin.h; NULL: run does all */
    gboolean (*fill)(const Options *options, json_t *request, GError **error);
    gboolean (*show)(const Options *options, json_t *answer, GError **error);
} CommandRow;

/* ---- filling requests ---- */

static void set_text(json_t *request, const char *key, const char *text) {
    if (text != NULL) json_object_set_new(request, key, json_string(text));
}

static gboolean need(const char *option, const char *value, GError **error) {
    if (value != NULL) return TRUE;
    g_set_error(error, FAULT, FAULT_BAD_INPUT, "%s is needed", option);
    return FALSE;
}

static gboolean fill_import(const Options *options, json_t *request, GError **error) {
    const char *path = options->rest[0];
    g_autofree char *bytes = NULL;
    gsize n_bytes = 0;
    g_autoptr(GError) why = NULL;
    if (!g_file_get_contents(strcmp(path, "-") == 0 ? "/dev/stdin" : path, &bytes, &n_bytes, &why)) {
        g_set_error(error, FAULT, FAULT_SETUP, "%s", why->message);
        return FALSE;
    }
    g_autofree char *encoded = g_base64_encode((const guchar *)bytes, n_bytes);
    set_text(request, "csv_base64", encoded);
    return TRUE;
}

static gboolean fill_link(const Options *options, json_t *request, GError **error) {
    if (options->all == (options->n_rest == 1)) {
        g_set_error(error, FAULT, FAULT_BAD_INPUT, "give the room's CODE or --all");
        return FALSE;
    }
    if (options->all)
        json_object_set_new(request, "all", json_true());
    else
        set_text(request, "code", options->rest[0]);
    return TRUE;
}

static gboolean fill_code(const Options *options, json_t *request, GError **error) {
    (void)error;
    set_text(request, "code", options->rest[0]);
    return TRUE;
}

static gboolean fill_name(const Options *options, json_t *request, GError **error) {
    (void)error;
    set_text(request, "name", options->rest[0]);
    return TRUE;
}

static gboolean fill_password(const Options *options, json_t *request, GError **error) {
    fill_name(options, request, error);
    set_text(request, "role", options->role);
    if (options->generate) return json_object_set_new(request, "generate", json_true()) == 0;
    g_autofree char *password = password_ask(error);
    if (password == NULL) return FALSE;
    set_text(request, "password", password);
    password_forget(password);
    return TRUE;
}

static gboolean fill_user_add(const Options *options, json_t *request, GError **error) {
    return need("--role", options->role, error) && fill_password(options, request, error);
}

static gboolean fill_create(const Options *options, json_t *request, GError **error) {
    set_text(request, "title", options->title);
    json_object_set_new(request, "open", json_boolean(options->open));
    return need("--title", options->title, error);
}

static gboolean fill_all(const Options *options, json_t *request, GError **error) {
    (void)error;
    json_object_set_new(request, "all", json_boolean(options->all));
    return TRUE;
}

static gboolean fill_meeting(const Options *options, json_t *request, GError **error) {
    (void)error;
    set_text(request, "meeting", options->rest[0]);
    return TRUE;
}

static gboolean fill_token(const Options *options, json_t *request, GError **error) {
    set_text(request, "meeting", options->meeting);
    set_text(request, "endpoint", options->endpoint);
    if (options->observer) json_object_set_new(request, "observer", json_true());
    return need("--meeting", options->meeting, error);
}

static gboolean fill_backup(const Options *options, json_t *request, GError **error) {
    g_autofree char *copy = archive_passing_copy(options->data);
    set_text(request, "path", copy);
    return archive_prepare(options->rest[0], error);
}

static gboolean fill_seq(const Options *options, json_t *request, GError **error) {
    guint64 seq = 0;
    if (!g_ascii_string_to_unsigned(options->rest[0], 10, 1, G_MAXINT64, &seq, NULL)) {
        g_set_error(error, FAULT, FAULT_BAD_INPUT, "\"%s\" is no number of a log row", options->rest[0]);
        return FALSE;
    }
    json_object_set_new(request, "seq", json_integer((json_int_t)seq));
    return TRUE;
}

static gboolean fill_anchor(const Options *options, json_t *request, GError **error) {
    if (options->anchor == NULL) return TRUE;
    g_auto(GStrv) halves = g_strsplit(options->anchor, ":", 2);
    guint64 seq = 0;
    if (halves[0] == NULL || halves[1] == NULL ||
        !g_ascii_string_to_unsigned(halves[0], 10, 1, G_MAXINT64, &seq, NULL)) {
        g_set_error(error, FAULT, FAULT_BAD_INPUT, "\"%s\" is not of the form ROW:HASH", options->anchor);
        return FALSE;
    }
    json_object_set_new(request, "anchor_seq", json_integer((json_int_t)seq));
    set_text(request, "anchor", halves[1]);
    return TRUE;
}

/* ---- showing answers ---- */

static const char *text_of(json_t *object, const char *key) {
    const char *text = json_string_value(json_object_get(object, key));
    return text != NULL ? text : "";
}

static gint64 number_of(json_t *object, const char *key) {
    return json_integer_value(json_object_get(object, key));
}

static gboolean print_json(json_t *value) {
    char *text = json_dumps(value, JSON_INDENT(1) | JSON_SORT_KEYS);
    printf("%s\n", text);
    free(text);
    return TRUE;
}

static gboolean show_import(const Options *options, json_t *answer, GError **error) {
    (void)error;
    gsize index;
    json_t *row;
    json_array_foreach(json_object_get(answer, "rows"), index, row) {
        if (strcmp(text_of(row, "what"), "unchanged") == 0) continue;
        g_autofree char *column = number_of(row, "column") > 0
                                      ? g_strdup_printf(":%d", (int)number_of(row, "column"))
                                      : g_strdup("");
        fprintf(stderr, "%d%s: %s %s\n", (int)number_of(row, "line"), column, text_of(row, "code"),
                text_of(row, "text"));
    }
    fprintf(stderr, "+%d ~%d =%d !%d\n", (int)number_of(answer, "added"), (int)number_of(answer, "changed"),
            (int)number_of(answer, "unchanged"), (int)number_of(answer, "errors"));
    return !options->json || print_json(answer);
}

static gboolean show_csv(const Options *options, json_t *answer, GError **error) {
    g_autoptr(GError) why = NULL;
    const char *csv = text_of(answer, "csv");
    if (options->n_rest == 0) {
        fputs(csv, stdout);
    } else if (!g_file_set_contents(options->rest[0], csv, -1, &why)) {
        g_set_error(error, FAULT, FAULT_SETUP, "%s", why->message);
        return FALSE;
    }
    return TRUE;
}

static gboolean show_links(const Options *options, json_t *answer, GError **error) {
    (void)error;
    json_t *links = json_object_get(answer, "links");
    if (options->json) return print_json(links);
    gsize index;
    json_t *link;
    json_array_foreach(links, index, link) {
        if (options->all) printf("%s\t", text_of(link, "code"));
        printf("%s\n", text_of(link, "url"));
    }
    return TRUE;
}

static gboolean show_password(const Options *options, json_t *answer, GError **error) {
    (void)error;
    if (options->generate) printf("%s\n", text_of(answer, "password"));
    return TRUE;
}

static gboolean show_url(const Options *options, json_t *answer, GError **error) {
    (void)options, (void)error;
    return printf("%s\n", text_of(answer, "url")) > 0;
}

static gboolean show_users(const Options *options, json_t *answer, GError **error) {
    (void)error;
    json_t *users = json_object_get(answer, "users"), *user;
    gsize index;
    if (options->json) return print_json(users);
    json_array_foreach(users, index, user) printf("%s\t%s\n", text_of(user, "name"), text_of(user, "role"));
    return TRUE;
}

static gboolean show_meeting(const Options *options, json_t *answer, GError **error) {
    (void)options, (void)error;
    return printf("%s\n", text_of(answer, "meeting")) > 0;
}

static gboolean show_meetings(const Options *options, json_t *answer, GError **error) {
    (void)error;
    json_t *meetings = json_object_get(answer, "meetings"), *meeting;
    gsize index;
    if (options->json) return print_json(meetings);
    json_array_foreach(meetings, index, meeting) {
        printf("%s\t%s\t%s\n", text_of(meeting, "id"), text_of(meeting, "state"), text_of(meeting, "title"));
    }
    return TRUE;
}

static gboolean show_token(const Options *options, json_t *answer, GError **error) {
    (void)options, (void)error;
    return printf("%s\n", text_of(answer, "token")) > 0;
}

static gboolean show_check(const Options *options, json_t *answer, GError **error) {
    (void)error;
    if (options->json) return print_json(answer);
    gsize index;
    json_t *seq;
    json_array_foreach(json_object_get(answer, "erased"), index, seq)
        printf("erased %" JSON_INTEGER_FORMAT "\n", json_integer_value(seq));
    printf("rows %" G_GINT64_FORMAT "\nhead %" G_GINT64_FORMAT " %s\n", number_of(answer, "rows"),
           number_of(answer, "head_seq"), text_of(answer, "head"));
    return TRUE;
}

static gboolean show_backup(const Options *options, json_t *answer, GError **error) {
    (void)answer;
    return archive_fill(options->data, options->rest[0], error);
}

/* ---- the table ---- */

static const CommandRow rows[] = {
    { "roster", "import", "FILE.csv [--json]", 1, 1, "roster.import", fill_import, show_import },
    { "roster", "export", "[FILE.csv]", 0, 1, "roster.export", NULL, show_csv },
    { "roster", "link", "CODE | --all [--json]", 0, 1, "roster.link", fill_link, show_links },
    { "roster", "revoke", "CODE", 1, 1, "roster.revoke", fill_code, NULL },
    { "user", "add", "NAME --role admin|technician|chair|observer [--generate]", 1, 1, "user.add",
      fill_user_add, show_password },
    { "user", "passwd", "NAME [--generate]", 1, 1, "user.passwd", fill_password, show_password },
    { "user", "login", "NAME", 1, 1, "user.login", fill_name, show_url },
    { "user", "list", "[--json]", 0, 0, "user.list", NULL, show_users },
    { "meeting", "create", "--title TITLE [--open]", 0, 0, "meeting.create", fill_create, show_meeting },
    { "meeting", "list", "[--all] [--json]", 0, 0, "meeting.list", fill_all, show_meetings },
    { "meeting", "open", "ID", 1, 1, "meeting.open", fill_meeting, NULL },
    { "meeting", "end", "ID", 1, 1, "meeting.end", fill_meeting, NULL },
    { "token", NULL, "--meeting ID --endpoint CODE | --observer", 0, 0, "token", fill_token, show_token },
    { "check", NULL, "[--anchor ROW:HASH] [--json]", 0, 0, "check", fill_anchor, show_check },
    { "erase", NULL, "ROW", 1, 1, "erase", fill_seq, NULL },
    { "backup", NULL, "FOLDER", 1, 1, "backup", fill_backup, show_backup },
    { "restore", NULL, "FOLDER [--replace]", 1, 1, NULL, NULL, NULL },
};

gboolean cli_knows(const char *word) {
    for (guint i = 0; i < G_N_ELEMENTS(rows); i++)
        if (g_strcmp0(rows[i].word, word) == 0) return TRUE;
    return FALSE;
}

static void print_row(FILE *out, const CommandRow *row) {
    fprintf(out, "  diemcau %s%s%s %s\n", row->word, row->what != NULL ? " " : "",
            row->what != NULL ? row->what : "", row->usage);
}

void cli_print_usage(void) {
    for (guint i = 0; i < G_N_ELEMENTS(rows); i++) print_row(stdout, &rows[i]);
}

/* ---- running ---- */

static const CommandRow *find_row(const char *word, const char *what) {
    for (guint i = 0; i < G_N_ELEMENTS(rows); i++)
        if (strcmp(rows[i].word, word) == 0 && (rows[i].what == NULL || g_strcmp0(rows[i].what, what) == 0))
            return &rows[i];
    fprintf(stderr, "diemcau %s: choose one of\n", word);
    for (guint i = 0; i < G_N_ELEMENTS(rows); i++)
        if (strcmp(rows[i].word, word) == 0) print_row(stderr, &rows[i]);
    return NULL;
}

static void options_clear(Options *options) {
    g_free(options->data);
    g_free(options->title);
    g_free(options->meeting);
    g_free(options->endpoint);
    g_free(options->role);
    g_free(options->language);
    g_free(options->anchor);
    g_strfreev(options->rest);
}

static gboolean read_options(int argc, char **argv, Options *options) {
    const GOptionEntry entries[] = {
        { "data", 0, 0, G_OPTION_ARG_FILENAME, &options->data, "data folder (default ./var)", "DIR" },
        { "json", 0, 0, G_OPTION_ARG_NONE, &options->json, "print JSON", NULL },
        { "all", 0, 0, G_OPTION_ARG_NONE, &options->all, "all of them", NULL },
        { "title", 0, 0, G_OPTION_ARG_FILENAME, &options->title, "title of a meeting", "TITLE" },
        { "open", 0, 0, G_OPTION_ARG_NONE, &options->open, "open it at once", NULL },
        { "meeting", 0, 0, G_OPTION_ARG_FILENAME, &options->meeting, "meeting", "ID" },
        { "endpoint", 0, 0, G_OPTION_ARG_FILENAME, &options->endpoint, "room", "CODE" },
        { "observer", 0, 0, G_OPTION_ARG_NONE, &options->observer, "watch only", NULL },
        { "role", 0, 0, G_OPTION_ARG_FILENAME, &options->role, "role of a user", "ROLE" },
        { "generate", 0, 0, G_OPTION_ARG_NONE, &options->generate, "make and print a password", NULL },
        { "replace", 0, 0, G_OPTION_ARG_NONE, &options->replace, "put what is there aside", NULL },
        { "anchor", 0, 0, G_OPTION_ARG_STRING, &options->anchor, "a head of the log that was kept outside",
          "ROW:HASH" },
        { "language", 0, 0, G_OPTION_ARG_STRING, &options->language, "vi or en", "LANGUAGE" },
        { G_OPTION_REMAINING, 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &options->rest, NULL, NULL },
        { NULL, 0, 0, G_OPTION_ARG_NONE, NULL, NULL, NULL },
    };
    g_autoptr(GOptionContext) context = g_option_context_new("");
    g_autoptr(GError) why = NULL;
    /* Arguments are handed over in a copy, because GOption takes away what it has read. */
    g_auto(GStrv) words_given = g_new0(char *, (gsize)argc + 1);
    for (int i = 0; i < argc; i++) words_given[i] = g_strdup(argv[i]);
    g_option_context_add_main_entries(context, entries, NULL);
    gboolean ok = g_option_context_parse_strv(context, &words_given, &why);
    if (!ok) fprintf(stderr, "diemcau %s: %s\n", argv[0], why->message);
    if (options->data == NULL) options->data = g_strdup("./var");
    options->n_rest = options->rest != NULL ? g_strv_length(options->rest) : 0;
    return ok;
}

static int complain(const CommandRow *row, const GError *why) {
    fprintf(stderr, "diemcau %s%s%s: %s\n", row->word, row->what != NULL ? " " : "",
            row->what != NULL ? row->what : "", why->message);
    if (why->code == FAULT_BAD_INPUT) print_row(stderr, row);
    return why->code == FAULT_BAD_INPUT                                ? EXIT_USAGE
           : why->code == FAULT_REFUSED || why->code == FAULT_CONFLICT ? EXIT_REFUSED
                                                                       : EXIT_SETUP;
}

static int ask_and_show(const CommandRow *row, const Options *options) {
    g_autoptr(GError) why = NULL;
    json_t *request = json_pack("{s:s}", "do", row->request);
    const char *language = options->language != NULL ? options->language : g_getenv("LANG");
    set_text(request, "language", language_word(language_from_text(language, LANGUAGE_VI)));
    json_t *answer = NULL;
    if (row->fill == NULL || row->fill(options, request, &why))
        answer = cli_ask(options->data, request, &why);
    json_decref(request);
    if (answer == NULL) return complain(row, why);
    gboolean ok = json_is_true(json_object_get(answer, "ok"));
    int code = ok ? EXIT_DONE : EXIT_REFUSED;
    /* A refused import still lists its rows, and a broken chain its numbers. */
    gboolean has_more = json_object_get(answer, "rows") != NULL;
    if ((ok || has_more) && row->show != NULL && !row->show(options, answer, &why)) code = complain(row, why);
    if (!ok)
        fprintf(stderr, "diemcau %s%s%s: %s\n", row->word, row->what != NULL ? " " : "",
                row->what != NULL ? row->what : "", text_of(answer, "text"));
    json_decref(answer);
    return code;
}

int cli_main(int argc, char **argv) {
    Options options = { 0 };
    int code = EXIT_USAGE;
    gboolean has_what = argc > 1 && argv[1][0] != '-';
    const CommandRow *row = find_row(argv[0], has_what ? argv[1] : NULL);
    int n_words = row != NULL && row->what != NULL ? 1 : 0;
    if (row != NULL && read_options(argc - n_words, argv + n_words, &options)) {
        if (options.n_rest < row->n_rest_min || options.n_rest > row->n_rest_max) {
            print_row(stderr, row);
        } else if (row->request != NULL) {
            code = ask_and_show(row, &options);
        } else {
            g_autoptr(GError) why = NULL;
            code = archive_restore(options.rest[0], options.data, options.replace, &why) ? EXIT_DONE
                                                                                         : complain(row, why);
        }
    }
    options_clear(&options);
    if (fflush(stdout) != 0 && code == EXIT_DONE)
        code = EXIT_REFUSED; /* a full disk behind > must not look like success */
    return code;
}
