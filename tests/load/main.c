/* main.c -- diemcau-sim: joins simulated rooms to a running server and tells what they received.
 * Everything happens in sim_turn(), every 2 ms on the main thread (fast) or on a worker's beat (nice). */
#include "config/fault.h"
#include "config/log.h"
#include "tests/load/links.h"
#include "tests/load/options.h"
#include "tests/load/report.h"

#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

enum {
    TURN_US = 2000,
    LINE_US = 10 * G_USEC_PER_SEC,
    JOIN_LIMIT_US = 30 * G_USEC_PER_SEC,
    DRAW_LIMIT_US = 60 * G_USEC_PER_SEC
};

typedef struct {
    Options options;
    WebAddress address;
    TalkSchedule talk;
    GPtrArray *links;
    Crowd crowd;
    Endpoint **endpoints;
    Endpoint *console; /* NULL: none */
    gboolean console_started;
    guint n_endpoints, n_started;
    Report *report;
    gint64 started_us, all_in_us, second_us, line_us;
    gint64 window_us;           /* the measuring began */
    gint64 turned_us, stall_us; /* the last turn, and the longest time between two while measuring */
    gboolean over;              /* no turn any more */
    json_t *result;
} Sim;

static volatile sig_atomic_t stopped;
static volatile sig_atomic_t cut; /* by SIGUSR1, and by the next one no more */
static void on_cut(int number) {
    (void)number;
    cut = !cut;
}
static volatile sig_atomic_t replugged; /* by SIGUSR2 */
static void on_replug(int number) {
    (void)number;
    replugged = 1;
}
static void on_signal(int number) {
    (void)number;
    stopped = 1;
}

/* ---- one turn ---- */

static void start_joins(Sim *sim, gint64 now_us) {
    while (sim->n_started < sim->n_endpoints &&
           now_us - sim->started_us >=
               (gint64)sim->options.join_over_ms * 1000 * sim->n_started / sim->n_endpoints)
        endpoint_start(sim->endpoints[sim->n_started++], now_us);
    if (sim->console == NULL || sim->console_started) return;
    sim->console_started = TRUE;
    endpoint_start(sim->console, now_us);
}

/* A line of its own for whoever measures beside us. */
static void begin_window(Sim *sim, gint64 now_us) {
    report_begin(sim->report, now_us);
    sim->window_us = now_us;
    fprintf(stderr, "measuring\n");
}

static void follow_joins(Sim *sim, gint64 now_us) {
    if (sim->all_in_us == 0 && sim->n_started == sim->n_endpoints &&
        (report_n_watching(sim->report) == sim->n_endpoints || now_us - sim->started_us > JOIN_LIMIT_US)) {
        sim->all_in_us = now_us;
        fprintf(stderr, "%u of %u rooms watch the meeting after %.1f s\n", report_n_watching(sim->report),
                sim->n_endpoints, (double)(now_us - sim->started_us) / G_USEC_PER_SEC);
    }
    if (sim->all_in_us != 0 && !report_has_begun(sim->report) &&
        now_us - sim->all_in_us >= (gint64)sim->options.settle_s * G_USEC_PER_SEC) {
        begin_window(sim, now_us);
        sim->line_us = now_us + LINE_US;
    }
}

static void tell_line(Sim *sim, gint64 now_us) {
    sim->line_us = now_us + LINE_US;
    json_t *r = report_make(sim->report, now_us);
    fprintf(stderr,
            "%u rooms live, %lld packets/s in, %lld out, fps %lld (5 %%: %lld), audio gaps %lld, frames "
            "broken %lld\n",
            report_n_live(sim->report), json_integer_value(json_object_get(r, "pps_in")),
            json_integer_value(json_object_get(r, "pps_out")),
            json_integer_value(json_object_get(r, "fps_median")),
            json_integer_value(json_object_get(r, "fps_p5")),
            json_integer_value(json_object_get(r, "audio_gaps")),
            json_integer_value(json_object_get(r, "frames_broken")));
    json_decref(r);
}

static void obey_signals(Net *net) {
    net_cut(net, cut != 0);
    if (!replugged) return;
    replugged = 0;
    if (!net_replug(net)) log_warn("sim.replug", "why=\"no ports\"");
}

static void sim_turn(Sim *sim, gint64 now_us) {
    if (report_has_begun(sim->report) && sim->turned_us != 0)
        sim->stall_us = MAX(sim->stall_us, now_us - sim->turned_us);
    sim->turned_us = now_us;
    if (sim->crowd.net != NULL) obey_signals(sim->crowd.net);
    if (sim->crowd.net != NULL)
        for (guint i = 0; i < net_n_sockets(sim->crowd.net); i++)
            (void)net_receive(sim->crowd.net, i, now_us);
    start_joins(sim, now_us);
    for (guint i = 0; i < sim->n_started; i++) endpoint_tick(sim->endpoints[i], now_us);
    if (sim->console_started) endpoint_tick(sim->console, now_us);
    if (sim->crowd.net != NULL) net_flush(sim->crowd.net);
    if (now_us - sim->second_us < G_USEC_PER_SEC) return;
    sim->second_us = now_us;
    follow_joins(sim, now_us);
    if (!report_has_begun(sim->report)) return;
    report_second(sim->report, now_us);
    if (sim->options.seconds == 0 && now_us >= sim->line_us) tell_line(sim, now_us);
}

static gboolean is_over(const Sim *sim, gint64 now_us) {
    if (sim->options.window_s > 0 && sim->window_us != 0)
        return stopped || now_us - sim->window_us >= (gint64)sim->options.window_s * G_USEC_PER_SEC;
    return stopped || (sim->options.seconds > 0 &&
                       now_us - sim->started_us >= (gint64)sim->options.seconds * G_USEC_PER_SEC);
}

/* Sleeps to the next multiple of a turn: packets gather and are read many at a time. */
static void sleep_to_turn(void) {
    gint64 now_us = g_get_monotonic_time(), next_us = (now_us / TURN_US + 1) * TURN_US;
    g_usleep((gulong)(next_us - now_us));
}

/* ---- nice: the same on a worker ---- */

static void on_beat(gpointer user, gint64 now_us) {
    Sim *sim = user;
    if (sim->started_us != 0 && !sim->over) sim_turn(sim, now_us);
}

/* An order of the main thread to the worker that the endpoints live on. */
typedef struct {
    Sim *sim;
    void (*carry_out)(Sim *sim);
    gint *done;
} Order;

static void carry_out_here(Worker *worker, gpointer letter) {
    Order *order = letter;
    (void)worker;
    order->carry_out(order->sim);
    g_atomic_int_set(order->done, 1);
}

/* Runs it where the endpoints live, and waits. */
static void at_home(Sim *sim, void (*carry_out)(Sim *sim)) {
    gint done = 0;
    Order order = { sim, carry_out, &done };
    if (sim->crowd.worker == NULL) {
        carry_out(sim);
        return;
    }
    while (!worker_post(sim->crowd.worker, carry_out_here, &order, sizeof order)) g_usleep(10 * 1000);
    while (!g_atomic_int_get(&done)) g_usleep(5 * 1000);
}

static void begin(Sim *sim) {
    if (sim->crowd.worker != NULL) worker_hold_beat(sim->crowd.worker);
    sim->started_us = g_get_monotonic_time();
}

static void measure(Sim *sim) {
    if (!report_has_begun(sim->report)) report_begin(sim->report, sim->started_us);
    for (guint i = 0; i < sim->n_endpoints; i++)
        endpoint_finish_timeline(sim->endpoints[i], g_get_monotonic_time());
    sim->result = report_make(sim->report, g_get_monotonic_time());
    if (sim->crowd.listener != NULL) listener_tell(sim->crowd.listener, sim->window_us, sim->result);
    json_object_set_new(sim->result, "sim_stall_ms_max", json_integer(sim->stall_us / 1000));
    if (sim->crowd.net == NULL) return;
    NetStats stats;
    net_read_stats(sim->crowd.net, &stats);
    json_object_set_new(sim->result, "sim_overflowed", json_integer((json_int_t)stats.n_overflowed));
    json_object_set_new(
        sim->result, "sim_datagrams_per_read",
        json_real(round((double)stats.n_datagrams_in / MAX(1.0, (double)stats.n_reads) * 10) / 10));
}

static void drop_endpoints(Sim *sim) {
    sim->over = TRUE;
    g_clear_pointer(&sim->crowd.workshop, workshop_free); /* before the cameras that it draws for */
    for (guint i = 0; sim->endpoints != NULL && i < sim->n_endpoints; i++)
        g_clear_pointer(&sim->endpoints[i], endpoint_free);
    g_clear_pointer(&sim->console, endpoint_free);
    g_clear_pointer(&sim->crowd.listener, listener_free);
    g_clear_pointer(&sim->crowd.probe, probe_free);
    g_clear_pointer(&sim->crowd.timeline, timeline_close);
    if (sim->crowd.worker != NULL && sim->started_us != 0) worker_release_beat(sim->crowd.worker);
}

/* ---- life ---- */

static gboolean read_links(Sim *sim, GError **error) {
    const Options *o = &sim->options;
    if (o->camera != NULL && !camera_set_main(o->camera)) {
        g_set_error(error, FAULT, FAULT_BAD_INPUT, "--camera %s: want WIDTHxHEIGHT@FPS:KBPS", o->camera);
        return FALSE;
    }
    if (o->janus != NULL)
        sim->links = links_of_nobody((guint)o->count);
    else
        sim->links = o->links != NULL ? links_from_file(o->links, error) : links_from_roster(o->data, error);
    if (sim->links == NULL) return FALSE;
    sim->n_endpoints = o->count > 0 ? MIN((guint)o->count, sim->links->len) : sim->links->len;
    return TRUE;
}

static gboolean open_network(Sim *sim, GError **error) {
    Crowd *crowd = &sim->crowd;
    crowd->nice = strcmp(sim->options.ice, "nice") == 0;
    if (crowd->nice) {
        TransportSettings settings = { .port_min = (guint)sim->options.port_min,
                                       .port_max = (guint)sim->options.port_max };
        if (settings.port_min == 0) settings.port_min = 40000, settings.port_max = 48999;
        if (!transport_global_init(&settings, error)) return FALSE;
    }
    if (!path_global_init(error)) return FALSE;
    if (crowd->nice) return (crowd->worker = worker_start(0, on_beat, sim, error)) != NULL;
    crowd->net = net_new(sim->n_endpoints + 1, (guint)sim->options.port_min, (guint)sim->options.port_max,
                         !sim->options.no_gro, error);
    if (crowd->net == NULL) return FALSE;
    net_face(crowd->net, sim->address.host, sim->address.port);
    return TRUE;
}

static gboolean open_instruments(Sim *sim, GError **error) {
    Crowd *crowd = &sim->crowd;
    if (sim->options.timeline != NULL &&
        (crowd->timeline = timeline_open(sim->options.timeline, error)) == NULL)
        return FALSE;
    const Options *o = &sim->options;
    gboolean clicks = o->probe || o->clicks, hears = o->probe || o->hears;
    if (clicks) crowd->probe = probe_new(o->probe);
    if (hears && (!clicks || crowd->probe != NULL)) crowd->listener = listener_new(crowd->probe);
    if (clicks == (crowd->probe != NULL) && hears == (crowd->listener != NULL)) return TRUE;
    g_set_error_literal(error, FAULT, FAULT_SETUP, "the probe has no encoder: libvpx or libopus refused");
    return FALSE;
}

static void make_endpoints(Sim *sim) {
    Crowd *crowd = &sim->crowd;
    gint64 before_us = g_get_monotonic_time();
    crowd->address = &sim->address;
    crowd->meeting = sim->options.meeting;
    crowd->talk = &sim->talk;
    crowd->console_view = sim->options.console_view;
    crowd->layout = sim->options.layout;
    crowd->picture = sim->options.picture;
    crowd->trouble = (ReceiverTrouble){ .loss = sim->options.loss,
                                        .remb_bps = (guint64)sim->options.remb_kbps * 1000,
                                        .closely = sim->options.each };
    crowd->n_endpoints = sim->n_endpoints;
    crowd->n_senders = sim->options.senders > 0 ? (guint)sim->options.senders : sim->n_endpoints;
    crowd->janus = sim->options.janus;
    crowd->no_picture = sim->options.no_picture || g_strcmp0(crowd->janus, "audiobridge") == 0;
    crowd->workshop = workshop_new(2);
    crowd->epoch_us = before_us;
    sim->endpoints = g_new0(Endpoint *, sim->n_endpoints);
    guint n_sample = MIN((guint)sim->options.sample, sim->n_endpoints);
    for (guint i = 0; i < sim->n_endpoints; i++) {
        const RoomLink *link = g_ptr_array_index(sim->links, i);
        gboolean check = n_sample > 0 && i % (sim->n_endpoints / n_sample) == 0 &&
                         i / (sim->n_endpoints / n_sample) < n_sample;
        sim->endpoints[i] = endpoint_new(crowd, i, i + 1, link->name, link->token, check);
    }
    while (workshop_n_waiting(crowd->workshop) > 0 && !stopped &&
           g_get_monotonic_time() - before_us < DRAW_LIMIT_US)
        g_usleep(20000);
    fprintf(stderr, "%u pictures drawn and encoded in %.1f s\n", sim->n_endpoints,
            (double)(g_get_monotonic_time() - before_us) / G_USEC_PER_SEC);
    sim->report = report_new(&sim->options, sim->endpoints, sim->n_endpoints);
    if (sim->options.console == NULL) return;
    sim->console =
        endpoint_new(crowd, sim->n_endpoints, sim->n_endpoints + 1, "console", sim->options.console, FALSE);
    report_follow_console(sim->report, sim->console);
}

static void run(Sim *sim) {
    at_home(sim, begin);
    while (!is_over(sim, g_get_monotonic_time())) {
        if (sim->crowd.worker != NULL) {
            g_usleep(50 * 1000);
            continue;
        }
        sim_turn(sim, g_get_monotonic_time());
        sleep_to_turn();
    }
    at_home(sim, measure);
}

static void finish(Sim *sim) {
    at_home(sim, drop_endpoints);
    if (sim->crowd.worker != NULL) {
        g_usleep(200 * 1000); /* agents close in the background */
        worker_stop(sim->crowd.worker);
        transport_global_end();
    }
    g_free(sim->endpoints);
    report_free(sim->report);
    net_free(sim->crowd.net);
    if (sim->links != NULL) g_ptr_array_unref(sim->links);
    path_global_end();
}

static int deliver(Sim *sim, GError **error) {
    json_t *result = sim->result;
    report_print(result, sim->options.json != NULL && strcmp(sim->options.json, "-") == 0 ? stderr : stdout);
    char *text = json_dumps(result, JSON_COMPACT | JSON_REAL_PRECISION(6));
    gboolean ok = TRUE;
    if (sim->options.json != NULL && strcmp(sim->options.json, "-") != 0) {
        g_autofree char *line = g_strconcat(text, "\n", NULL);
        ok = g_file_set_contents(sim->options.json, line, -1, error);
    } else if (sim->options.json != NULL) {
        printf("%s\n", text);
    }
    free(text);
    gboolean all = json_integer_value(json_object_get(result, "watching")) == sim->n_endpoints;
    json_decref(result);
    return ok && (all || stopped) ? EXIT_SUCCESS : EXIT_FAILURE;
}

int main(int argc, char **argv) {
    Sim sim = { 0 };
    g_autoptr(GError) error = NULL;
    struct sigaction action = { .sa_handler = on_signal };
    struct rlimit files;
    int code = EXIT_FAILURE;
    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = files.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &files);
    }
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    action.sa_handler = on_cut;
    sigaction(SIGUSR1, &action, NULL);
    action.sa_handler = on_replug;
    sigaction(SIGUSR2, &action, NULL);
    if (!options_read(&sim.options, argc, argv, &error)) {
        fprintf(stderr, "diemcau-sim: %s\n", error->message);
        options_clear(&sim.options);
        return 2;
    }
    if (sim.options.version) {
        puts("diemcau-sim " DIEMCAU_VERSION);
        options_clear(&sim.options);
        return EXIT_SUCCESS;
    }
    log_open("diemcau-sim", LOG_INFO, STDERR_FILENO);
    if (sim.options.seed != 0) g_random_set_seed((guint32)sim.options.seed);
    if (web_address_read(sim.options.http, &sim.address, &error) &&
        talk_read(sim.options.talk, &sim.talk, &error) && read_links(&sim, &error) &&
        open_network(&sim, &error) && open_instruments(&sim, &error)) {
        make_endpoints(&sim);
        run(&sim);
        code = deliver(&sim, &error);
    }
    finish(&sim);
    log_close();
    if (error != NULL) fprintf(stderr, "diemcau-sim: %s\n", error->message);
    options_clear(&sim.options);
    return code;
}
