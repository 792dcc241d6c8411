/* main.c -- diemcau-bridge: builds what must be built before the sandbox, goes inside, serves the control link. No decisions. */
#include "bridge/media/studio.h"
#include "bridge/meeting/control_link.h"
#include "bridge/meeting/machine.h"
#include "bridge/sandbox.h"
#include "bridge/transport/transport.h"
#include "config/control.h"
#include "config/fault.h"
#include "config/log.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>

/* Exit codes: what the supervisor must not retry has a code of its own. */
enum { EXIT_FINE = 0, EXIT_INTERNAL = 1, EXIT_USAGE = 2, EXIT_SETUP = 3 };

typedef struct {
    char *data, *socket_path, *config;
    char **overrides;
    gboolean print_settings, version;
} Options;

static gboolean read_options(int argc, char **argv, Options *options, GError **error) {
    const GOptionEntry entries[] = {
        { "data", 0, 0, G_OPTION_ARG_FILENAME, &options->data, "data folder", "DIR" },
        { "socket", 0, 0, G_OPTION_ARG_FILENAME, &options->socket_path,
          "control socket; default DIR/run/bridge-0.sock", "PATH" },
        { "config", 0, 0, G_OPTION_ARG_FILENAME, &options->config, "settings file", "FILE" },
        { "set", 0, 0, G_OPTION_ARG_STRING_ARRAY, &options->overrides, "override one setting", "KEY=VALUE" },
        { "print-settings", 0, 0, G_OPTION_ARG_NONE, &options->print_settings, "print all settings and end",
          NULL },
        { "version", 0, 0, G_OPTION_ARG_NONE, &options->version, "print the version and end", NULL },
        { NULL, 0, 0, 0, NULL, NULL, NULL },
    };
    g_autoptr(GOptionContext) context =
        g_option_context_new("- the media bridge; started by `diemcau serve`");
    g_option_context_add_main_entries(context, entries, NULL);
    return g_option_context_parse(context, &argc, &argv, error);
}

static int complain(const GError *error) {
    fprintf(stderr, "diemcau-bridge: %s\n", error->message);
    return g_error_matches(error, FAULT, FAULT_INTERNAL) ? EXIT_INTERNAL : EXIT_SETUP;
}

static gboolean start_transport(const Settings *settings, GError **error) {
    g_auto(GStrv) addresses = g_strsplit_set(settings->media_addresses, " ,", -1);
    guint n = 0;
    for (guint i = 0; addresses[i] != NULL; i++) { /* two spaces in a row are no address */
        if (addresses[i][0] == '\0')
            g_free(addresses[i]);
        else
            addresses[n++] = addresses[i];
    }
    addresses[n] = NULL;
    TransportSettings transport = { .port_min = (guint)settings->media_port_min,
                                    .port_max = (guint)settings->media_port_max,
                                    .addresses = addresses,
                                    .announce =
                                        settings->media_announce[0] != '\0' ? settings->media_announce : NULL,
                                    .gso = settings->media_gso };
    return transport_global_init(&transport, error);
}

/* Stop signals become readable before any thread exists, so that every thread inherits the mask. */
static int catch_signals(void) {
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGHUP);
    sigprocmask(SIG_BLOCK, &signals, NULL);
    signal(SIGPIPE, SIG_IGN);
    return signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
}

static int serve(const Settings *settings, const char *data, const char *socket_path) {
    g_autoptr(GError) error = NULL;
    int signal_fd = catch_signals();
    log_open("bridge", log_level_from_word(settings->log_level, LOG_INFO), STDERR_FILENO);
    int listen_fd = -1;
    machine_global_init();
    SandboxReport report = { 0 };
    SandboxSettings sandbox = { .enabled = settings->bridge_sandbox, .data = data };
    if (!control_table_check(&error) || !studio_global_init(&error) || !start_transport(settings, &error) ||
        (listen_fd = control_listen(socket_path, &error)) < 0 || !sandbox_enter(&sandbox, &report, &error)) {
        log_close();
        return complain(error);
    }
    json_t *active =
        json_pack("{s:b,s:b,s:i,s:b}", "enabled", settings->bridge_sandbox, "landlock", report.landlock,
                  "landlock_abi", (int)report.landlock_abi, "seccomp", report.seccomp);
    log_info("bridge.ready", "version=%s socket=%s landlock=%d seccomp=%d", DIEMCAU_VERSION, socket_path,
             report.landlock, report.seccomp);
    gboolean served = control_link_serve(settings, active, listen_fd, signal_fd, &error);
    json_decref(active);
    transport_global_end();
    log_info("bridge.end", "served=%d", served);
    log_close();
    return served ? EXIT_FINE : complain(error);
}

int main(int argc, char **argv) {
    Options options = { 0 };
    g_autoptr(GError) error = NULL;
    if (!read_options(argc, argv, &options, &error)) {
        fprintf(stderr, "diemcau-bridge: %s\n", error->message);
        return EXIT_USAGE;
    }
    if (options.version) {
        puts(DIEMCAU_VERSION);
        return EXIT_FINE;
    }
    g_autoptr(Settings) settings =
        settings_load(options.config, (const char *const *)options.overrides, &error);
    if (settings == NULL) return complain(error);
    if (options.print_settings) {
        settings_print(settings, stdout);
        return EXIT_FINE;
    }
    const char *data = options.data != NULL ? options.data : "./var";
    g_autofree char *folder = g_build_filename(data, "run", NULL);
    g_autofree char *socket_path = options.socket_path != NULL
                                       ? g_strdup(options.socket_path)
                                       : g_build_filename(folder, "bridge-0.sock", NULL);
    if (g_mkdir_with_parents(folder, 0700) != 0) {
        fprintf(stderr, "diemcau-bridge: cannot make the folder %s: %s\n", folder, g_strerror(errno));
        return EXIT_SETUP;
    }
    int code = serve(settings, data, socket_path);
    g_free(options.data);
    g_free(options.socket_path);
    g_free(options.config);
    g_strfreev(options.overrides);
    return code;
}
