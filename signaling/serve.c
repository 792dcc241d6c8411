/* serve.c -- options and the data folder of `diemcau serve`; see serve.h. */
#include "signaling/serve.h"

#include "config/fault.h"
#include "config/log.h"
#include "config/settings.h"
#include "signaling/server_run.h"
#include "signaling/supervisor.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

/* What the bridge is told; its command line can be read by everybody on the machine, so no secret is among it. */
static const char *const bridge_prefixes[] = { "media.",  "audio.",   "video.", "line.",
                                               "bridge.", "meeting.", "log." };

typedef struct {
    char *data_dir, *config;
    GPtrArray *sets; /* NULL-ended "key=value" */
    gboolean trial, print_settings, first_run;
} Options;

static void options_clear(Options *options) {
    g_free(options->data_dir);
    g_free(options->config);
    if (options->sets != NULL) g_ptr_array_unref(options->sets);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Options, options_clear)

static gboolean read_options(int argc, char **argv, Options *options, GError **error) {
    options->data_dir = g_strdup("./var");
    options->sets = g_ptr_array_new_with_free_func(g_free);
    for (int i = 1; i < argc; i++) {
        const char *word = argv[i];
        gboolean takes_value =
            strcmp(word, "--data") == 0 || strcmp(word, "--config") == 0 || strcmp(word, "--set") == 0;
        if (takes_value && i + 1 == argc) {
            g_set_error(error, FAULT, FAULT_BAD_INPUT, "%s needs a value", word);
            return FALSE;
        }
        if (strcmp(word, "--data") == 0) {
            g_free(options->data_dir);
            options->data_dir = g_strdup(argv[++i]);
        } else if (strcmp(word, "--config") == 0) {
            g_free(options->config);
            options->config = g_strdup(argv[++i]);
        } else if (strcmp(word, "--set") == 0) {
            g_ptr_array_add(options->sets, g_strdup(argv[++i]));
        } else if (strcmp(word, "--trial") == 0) {
            options->trial = TRUE;
        } else if (strcmp(word, "--print-settings") == 0) {
            options->print_settings = TRUE;
        } else if (strcmp(word, "--first-run") == 0) {
            options->first_run = TRUE;
        } else {
            g_set_error(error, FAULT, FAULT_BAD_INPUT,
                        "serve does not know %s; diemcau --help lists its options", word);
            return FALSE;
        }
    }
    g_ptr_array_add(options->sets, NULL);
    return TRUE;
}

static Settings *load(int argc, char **argv, Options *options) {
    g_autoptr(GError) error = NULL;
    Settings *settings = NULL;
    if (read_options(argc, argv, options, &error))
        settings = settings_load(options->config, (const char *const *)options->sets->pdata, &error);
    if (settings == NULL) fprintf(stderr, "diemcau: %s\n", error->message);
    return settings;
}

/* The folder is there, ours to write, and no other server works in it. Returns the lock's fd, which lives as long as the
 * supervisor, or -1 with a sentence told. */
static int take_folder(const char *data_dir) {
    g_autofree char *run_dir = g_build_filename(data_dir, "run", NULL);
    g_autofree char *lock_path = g_build_filename(run_dir, "serve.lock", NULL);
    if (g_mkdir_with_parents(data_dir, 0700) != 0 || g_mkdir_with_parents(run_dir, 0700) != 0) {
        fprintf(stderr,
                "diemcau: cannot make the data folder %s: %s. Choose another with --data, or give this user "
                "the right "
                "to write there\n",
                run_dir, g_strerror(errno));
        return -1;
    }
    int fd = open(lock_path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0) {
        fprintf(stderr,
                "diemcau: cannot write in the data folder %s: %s. Choose another with --data, or give this "
                "user the "
                "right to write there\n",
                run_dir, g_strerror(errno));
        return -1;
    }
    if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        fprintf(stderr,
                "diemcau: another diemcau serves the data folder %s already. Stop it, or choose another "
                "folder with "
                "--data\n",
                data_dir);
        close(fd);
        return -1;
    }
    return fd;
}

static char *bridge_program(const Settings *settings) {
    if (settings->bridge_program[0] != '\0') return g_strdup(settings->bridge_program);
    g_autofree char *self = g_file_read_link("/proc/self/exe", NULL);
    g_autofree char *folder = g_path_get_dirname(self != NULL ? self : "/usr/bin/diemcau");
    return g_build_filename(folder, "diemcau-bridge", NULL);
}

/* This program, by its name; after an upgrade in place the name may be gone, the file behind the link never is. */
static char *own_program(void) {
    char *self = g_file_read_link("/proc/self/exe", NULL);
    if (self != NULL && g_file_test(self, G_FILE_TEST_IS_EXECUTABLE)) return self;
    g_free(self);
    return g_strdup("/proc/self/exe");
}

static gboolean is_for_bridge(const char *pair) {
    for (guint i = 0; i < G_N_ELEMENTS(bridge_prefixes); i++)
        if (g_str_has_prefix(pair, bridge_prefixes[i])) return TRUE;
    return FALSE;
}

static GPtrArray *bridge_arguments(const Settings *settings, const char *program, const char *data_dir) {
    GPtrArray *arguments = g_ptr_array_new_with_free_func(g_free);
    g_ptr_array_add(arguments, g_strdup(program));
    g_ptr_array_add(arguments, g_strdup("--data"));
    g_ptr_array_add(arguments, g_strdup(data_dir));
    g_ptr_array_add(arguments, g_strdup("--socket"));
    g_ptr_array_add(arguments, g_build_filename(data_dir, "run", "bridge-0.sock", NULL));
    g_auto(GStrv) pairs = settings_overrides(settings);
    for (char **pair = pairs; *pair != NULL; pair++) {
        if (!is_for_bridge(*pair)) continue;
        g_ptr_array_add(arguments, g_strdup("--set"));
        g_ptr_array_add(arguments, g_strdup(*pair));
    }
    g_ptr_array_add(arguments, NULL);
    return arguments;
}

int serve_main(int argc, char **argv) {
    g_auto(Options) options = { 0 };
    g_autoptr(Settings) settings = load(argc, argv, &options);
    if (settings == NULL) return EXIT_USAGE;
    if (options.print_settings) {
        settings_print(settings, stdout);
        return EXIT_SUCCESS;
    }
    /* Children may stand in another folder one day; the path they get is whole. */
    g_autofree char *data_dir = g_canonicalize_filename(options.data_dir, NULL);
    int lock_fd = take_folder(data_dir);
    if (lock_fd < 0) return EXIT_SETUP;

    g_autoptr(GPtrArray) server = g_ptr_array_new_with_free_func(g_free);
    g_ptr_array_add(server, g_strdup("diemcau"));
    g_ptr_array_add(server, g_strdup(SERVE_CHILD_WORD));
    for (int i = 1; i < argc; i++) g_ptr_array_add(server, g_strdup(argv[i]));
    g_ptr_array_add(server, g_strdup("--data"));
    g_ptr_array_add(server, g_strdup(data_dir));
    g_ptr_array_add(server, NULL);
    char *first_run[] = { "--first-run", NULL };
    g_autofree char *program = bridge_program(settings);
    g_autofree char *self = own_program();
    g_autoptr(GPtrArray) bridge = bridge_arguments(settings, program, data_dir);
    const SupervisorChild children[] = {
        { .name = "signaling",
          .program = self,
          .arguments = (char **)server->pdata,
          .first_run = first_run,
          .reloads = TRUE },
        { .name = "bridge", .program = program, .arguments = (char **)bridge->pdata },
    };
    int code = supervisor_run(children, G_N_ELEMENTS(children));
    close(lock_fd);
    return code;
}

int serve_child_main(int argc, char **argv) {
    g_auto(Options) options = { 0 };
    g_autoptr(Settings) settings = load(argc, argv, &options);
    if (settings == NULL) return EXIT_USAGE;
    server_block_signals();
    log_open("diemcau", log_level_from_word(settings->log_level, LOG_INFO), STDERR_FILENO);
    ServerOptions run = { .data_dir = options.data_dir,
                          .trial = options.trial,
                          .first_run = options.first_run };
    int code = server_run(settings, &run);
    log_close();
    return code;
}
