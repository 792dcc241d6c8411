/* server_run.c -- the order of opening and closing; see server_run.h. */
#include "signaling/server_run.h"

#include "config/control.h"
#include "config/fault.h"
#include "config/log.h"
#include "signaling/admin_socket.h"
#include "signaling/http_routes.h"
#include "signaling/protocol.h"
#include "signaling/server.h"
#include "signaling/session_broadcast.h"
#include "signaling/session_legs.h"
#include "signaling/session_scene.h"
#include "signaling/session_speaking.h"
#include "signaling/supervisor.h"
#include "signaling/trial_print.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

enum {
    TICK_MS = 250, /* with the review: on multiples of it both come in one turn */
    REVIEW_MS = 250,
    STATS_MS = 5000,
    LOGINS_MS = 5000,
    TLS_MS = 10000,
    CERTIFICATE_MS = 6 * 3600 * 1000,
    CERTIFICATE_WARN_DAYS = 14,
    BRIDGE_WAIT_FIRST_MS = 15000, /* it builds and drops each codec once before it listens */
    BRIDGE_WAIT_AGAIN_MS = 1500,
    GOODBYE_MS = 300,
    SETTLE_US = 3 * G_USEC_PER_SEC,
};

typedef struct {
    Service service;
    Server *server;
    int wake_fd, signal_fd;
    ReactorTimer *tick, *review, *stats, *logins, *tls, *certificate;
} Run;

Language service_language(const Service *service) {
    return language_from_text(service->settings->meeting_language, LANGUAGE_VI);
}

/* ---- news from the office ---- */

static void on_committed(gpointer user, const char *meeting, json_t *events, gint64 time_ms) {
    (void)time_ms;
    legs_committed(user, meeting, events);
    broadcast_committed(user, meeting, events);
}

static void on_roster_changed(gpointer user) { broadcast_roster_changed(user); }

static void on_link_changed(gpointer user, gint32 seat) {
    legs_close_unclaimed(user, seat); /* `sessions_ended` follows, for those who are known */
}

static void on_sessions_ended(gpointer user) { session_check_logins(user); }

static void on_health(gpointer user, gboolean well, const char *sentence) {
    Service *service = user;
    service->store_well = well;
    broadcast_alarm(service, well ? "store-well" : "store-unwell", sentence);
}

static const OfficeEvents office_events = { .committed = on_committed,
                                            .roster_changed = on_roster_changed,
                                            .link_changed = on_link_changed,
                                            .sessions_ended = on_sessions_ended,
                                            .health = on_health };

/* ---- news from the bridge ---- */

static void on_bridge_up(gpointer user, json_t *hello, gboolean is_new) {
    legs_bridge_up(user, hello, is_new);
    scenes_send(user);
}

static void on_bridge_down(gpointer user) { legs_bridge_down(user); }

static void on_bridge_event(gpointer user, const char *name, json_t *event) {
    legs_bridge_event(user, name, event);
}

static const BridgeEvents bridge_events = { .up = on_bridge_up,
                                            .down = on_bridge_down,
                                            .event = on_bridge_event };

/* ---- timers and wake-ups ---- */

static void on_tick(gpointer user) { office_tick(((Run *)user)->service.office); }

static void on_review(gpointer user) { legs_review(&((Run *)user)->service); }

static void on_logins(gpointer user) {
    Run *run = user;
    session_close_silent(&run->service);
    session_review_logins(&run->service);
}

static void on_tls(gpointer user) {
    Run *run = user;
    if (run->server != NULL) server_reload_tls(run->server, FALSE);
}

/* A server that is never restarted would outlive its certificate: the local one is made anew, people are warned of the end of
 * another. */
static void on_certificate(gpointer user) {
    Service *service = &((Run *)user)->service;
    if (service->tls == NULL) return;
    g_autoptr(GError) error = NULL;
    if (!tls_renew(service->tls, &error)) log_error("tls.not-renewed", "why=\"%s\"", error->message);
    gint64 days = tls_expires_in_s(service->tls->cert_path) / (24 * 3600);
    if (days >= CERTIFICATE_WARN_DAYS) return;
    g_autofree char *text = words_format(service_language(service), WORD_CERTIFICATE_ENDS, (int)MAX(days, 0));
    broadcast_alarm(service, "certificate-ends", text);
}

static void on_stats_answer(gpointer user, json_t *answer, const GError *why) {
    Service *service = user;
    if (why != NULL) return;
    if (service->bridge_stats != NULL) json_decref(service->bridge_stats);
    service->bridge_stats = json_incref(json_object_get(answer, "stats"));
}

static void on_stats(gpointer user) {
    Run *run = user;
    if (bridge_link_is_up(run->service.bridge))
        bridge_link_request(run->service.bridge, json_pack("{s:s}", "t", "stats"), BRIDGE_DEADLINE_MS,
                            on_stats_answer, &run->service);
}

/* Any thread. */
static void wake(gpointer user) {
    guint64 one = 1;
    gssize n = write(((Run *)user)->wake_fd, &one, sizeof one);
    (void)n; /* a full eventfd is awake already */
}

static void on_wake(gpointer user, int events) {
    (void)events;
    Run *run = user;
    guint64 count;
    if (read(run->wake_fd, &count, sizeof count) < 0) return;
    office_dispatch(run->service.office);
}

static void on_signal(gpointer user, int events) {
    (void)events;
    Run *run = user;
    struct signalfd_siginfo info;
    if (read(run->signal_fd, &info, sizeof info) != sizeof info) return;
    if (info.ssi_signo != SIGHUP)
        run->service.stopping = TRUE;
    else if (run->server != NULL)
        server_reload_tls(run->server, TRUE);
}

/* ---- opening ---- */

static gboolean check_tables(GError **error) {
    return protocol_table_check(error) && control_table_check(error) && http_routes_check(error);
}

static sigset_t stop_signals(void) {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGHUP);
    return set;
}

void server_block_signals(void) {
    sigset_t set = stop_signals();
    sigprocmask(SIG_BLOCK, &set, NULL);
    signal(SIGPIPE, SIG_IGN);
}

static gboolean open_signals(Run *run, GError **error) {
    sigset_t set = stop_signals();
    run->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    run->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (run->signal_fd >= 0 && run->wake_fd >= 0) return TRUE;
    g_set_error(error, FAULT, FAULT_SETUP, "cannot make file descriptors: %s", g_strerror(errno));
    return FALSE;
}

static gboolean check_ports(const Settings *settings, GError **error) {
    if (settings->http_https_port != 0 &&
        !server_port_check(settings->http_host, settings->http_https_port, "http.https_port", error))
        return FALSE;
    return settings->http_port == 0 ||
           server_port_check("127.0.0.1", settings->http_port, "http.port", error);
}

/* What links begin with where http.public_url does not say. */
static char *own_url(const Service *service) {
    const Settings *settings = service->settings;
    if (service->tls == NULL) return g_strdup_printf("http://localhost:%d", (int)settings->http_port);
    const char *name = service->tls->names != NULL ? service->tls->names[0] : g_get_host_name();
    gboolean v6 = strchr(name, ':') != NULL;
    return g_strdup_printf("https://%s%s%s:%d", v6 ? "[" : "", name, v6 ? "]" : "",
                           (int)settings->http_https_port);
}

static gboolean open_books(Run *run, const ServerOptions *options, GError **error) {
    Service *service = &run->service;
    g_autofree char *run_dir = g_build_filename(options->data_dir, "run", NULL);
    if (g_mkdir_with_parents(run_dir, 0700) != 0) {
        g_set_error(error, FAULT, FAULT_SETUP, "cannot make the folder %s: %s", run_dir, g_strerror(errno));
        return FALSE;
    }
    service->office = office_open(options->data_dir, service->settings, error);
    if (service->office == NULL) return FALSE;
    service->store_well = TRUE;
    service->epoch = office_new_epoch(service->office);
    service->instance = g_strdup_printf("%" G_GINT64_MODIFIER "x-%x", service->epoch, g_random_int());
    service->web_root = http_web_root(service->settings);
    service->web_files = http_static_cache_new();
    if (service->settings->http_https_port != 0) {
        service->tls = tls_prepare(service->settings, options->data_dir, error);
        if (service->tls == NULL) return FALSE;
    }
    if (service->settings->http_public_url[0] != '\0') return TRUE; /* office_open() took it */
    g_autofree char *url = own_url(service);
    office_set_public_url(service->office, url);
    return TRUE;
}

static gboolean open_links(Run *run, GError **error) {
    Service *service = &run->service;
    service->sessions = session_table_new();
    service->legs = legs_new();
    service->scenes = scenes_new();
    service->broadcast = broadcast_new(service);
    service->speaking = speaking_new(service);
    office_listen(service->office, &office_events, service);
    office_set_wake(service->office, wake, run);
    if (!reactor_watch(service->loop, run->wake_fd, REACTOR_READ, on_wake, run, error) ||
        !reactor_watch(service->loop, run->signal_fd, REACTOR_READ, on_signal, run, error))
        return FALSE;
    run->tick = reactor_after(service->loop, TICK_MS, TICK_MS, on_tick, run);
    run->review = reactor_after(service->loop, REVIEW_MS, REVIEW_MS, on_review, run);
    run->stats = reactor_after(service->loop, STATS_MS, STATS_MS, on_stats, run);
    run->logins = reactor_after(service->loop, LOGINS_MS, LOGINS_MS, on_logins, run);
    run->tls = reactor_after(service->loop, TLS_MS, TLS_MS, on_tls, run);
    run->certificate = reactor_after(service->loop, CERTIFICATE_MS, CERTIFICATE_MS, on_certificate, run);
    g_autofree char *bridge_path = g_build_filename(service->data_dir, "run", "bridge-0.sock", NULL);
    service->bridge = bridge_link_new(service->loop, bridge_path, service->instance, &bridge_events, service);
    g_autofree char *admin_path = g_build_filename(service->data_dir, "run", "admin.sock", NULL);
    service->admin = admin_socket_new(service, admin_path, error);
    if (service->admin == NULL) return FALSE;
    broadcast_all_scenes_changed(service);
    return TRUE;
}

/* Before any port is open. A bridge that lacks something ends with EXIT_SETUP, and the supervisor then stops us: nothing has
 * been served. After a restart pages find us only when the living legs are known again. */
static void wait_for_bridge(Run *run, gboolean first_run) {
    gint64 until_us =
        reactor_now_us() + (gint64)(first_run ? BRIDGE_WAIT_FIRST_MS : BRIDGE_WAIT_AGAIN_MS) * 1000;
    while (!bridge_link_is_up(run->service.bridge) && !run->service.stopping && reactor_now_us() < until_us)
        reactor_run(run->service.loop, 50);
    if (!bridge_link_is_up(run->service.bridge)) log_warn("server.without-bridge", "first_run=%d", first_run);
}

static gboolean open_all(Run *run, const ServerOptions *options, GError **error) {
    Service *service = &run->service;
    if (!check_tables(error) || !open_signals(run, error) || !check_ports(service->settings, error))
        return FALSE;
    service->loop = reactor_new(error);
    if (service->loop == NULL || !open_books(run, options, error) || !open_links(run, error)) return FALSE;
    wait_for_bridge(run, options->first_run);
    if (service->stopping) return TRUE;
    g_autoptr(Trial) trial = NULL;
    /* Once per supervisor: making links anew after a crash would send the trial's room away. */
    if (options->trial && options->first_run) {
        trial = trial_set_up(service->office, error);
        if (trial == NULL) return FALSE;
    }
    run->server = server_new(service, error);
    if (run->server == NULL) return FALSE;
    on_certificate(run);
    log_info("server.ready", "https_port=%d http_port=%d seats=%u bridge=%d pages=%s",
             (int)service->settings->http_https_port, (int)service->settings->http_port,
             roster_n_seats(office_roster(service->office)), bridge_link_is_up(service->bridge),
             service->web_root);
    g_autofree char *index = g_build_filename(service->web_root, "index.html", NULL);
    if (!g_file_test(index, G_FILE_TEST_IS_REGULAR))
        log_warn("server.no-pages", "folder=%s", service->web_root);
    if (trial != NULL) trial_print(service, trial, stdout);
    return TRUE;
}

/* ---- closing ---- */

static void say_goodbye(Session *session, gpointer user) {
    (void)user;
    session_close(session, CLOSE_GOING_AWAY, "server stops");
}

static void goodbye(Run *run) {
    if (run->server == NULL) return;
    session_each(&run->service, say_goodbye, NULL);
    /* The last review must not call seats lost whose pages we send away. */
    reactor_cancel(run->service.loop, &run->review);
    gint64 until_us = reactor_now_us() + GOODBYE_MS * 1000;
    ReactorTimer *turn = reactor_after(run->service.loop, 20, 20, on_tick, run);
    while (session_count(&run->service, TRUE) + session_count(&run->service, FALSE) > 0 &&
           reactor_now_us() < until_us)
        server_turn(run->server);
    reactor_cancel(run->service.loop, &turn);
}

static void close_all(Run *run) {
    Service *service = &run->service;
    goodbye(run);
    server_free(run->server);
    admin_socket_free(service->admin);
    bridge_link_free(service->bridge);
    if (service->office != NULL) office_settle(service->office, SETTLE_US);
    office_close(service->office); /* what waited is told now, so the tellers go after it */
    speaking_free(service->speaking);
    broadcast_free(service->broadcast);
    scenes_free(service->scenes);
    legs_free(service->legs);
    session_table_free(service->sessions);
    if (service->loop != NULL) {
        reactor_cancel(service->loop, &run->tick);
        reactor_cancel(service->loop, &run->review);
        reactor_cancel(service->loop, &run->stats);
        reactor_cancel(service->loop, &run->logins);
        reactor_cancel(service->loop, &run->tls);
        reactor_cancel(service->loop, &run->certificate);
        reactor_free(service->loop);
    }
    tls_files_free(service->tls);
    g_clear_pointer(&service->web_files, g_hash_table_unref);
    json_decref(service->bridge_load);
    if (service->bridge_stats != NULL) json_decref(service->bridge_stats);
    g_free(service->web_root);
    g_free(service->instance);
    if (run->wake_fd >= 0) close(run->wake_fd);
    if (run->signal_fd >= 0) close(run->signal_fd);
}

int server_run(const Settings *settings, const ServerOptions *options) {
    Run run = { .wake_fd = -1, .signal_fd = -1 };
    run.service.settings = settings;
    run.service.data_dir = options->data_dir;
    run.service.started_us = reactor_now_us();
    g_autoptr(GError) error = NULL;
    gboolean good = open_all(&run, options, &error);
    if (!good) fprintf(stderr, "diemcau: %s\n", error->message);
    while (good && !run.service.stopping) server_turn(run.server);
    if (good) log_info("server.stopping", "sessions=%u", session_count(&run.service, TRUE));
    close_all(&run);
    return good ? EXIT_SUCCESS : EXIT_SETUP;
}
