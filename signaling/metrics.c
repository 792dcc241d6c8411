/* metrics.c -- /metrics in Prometheus text: seats, sessions, commands, commits, the bridge's counters, the process. */
#include "signaling/http_routes.h"
#include "signaling/session.h"
#include "signaling/session_legs.h"

#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

static void head(GString *out, const char *name, const char *type, const char *help) {
    g_string_append_printf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void one(GString *out, const char *name, const char *type, const char *help, double value) {
    char number[G_ASCII_DTOSTR_BUF_SIZE];
    head(out, name, type, help);
    g_string_append_printf(out, "%s %s\n", name, g_ascii_dtostr(number, sizeof number, value));
}

static void write_seats(GString *out, Service *service) {
    static const char *const states[] = { "absent", "joining", "present", "lost" };
    guint counts[G_N_ELEMENTS(states)] = { 0 };
    guint n_open = 0, n_hands = 0, n_in_open = 0;
    g_auto(GStrv) ids = office_meeting_ids(service->office);
    for (char **id = ids; *id != NULL; id++) {
        const Meeting *meeting = office_meeting(service->office, *id);
        if (meeting == NULL || meeting_phase(meeting) != MEETING_OPEN) continue;
        n_open++;
        for (guint i = 0; i < meeting_n_seats(meeting); i++) {
            SeatState seat = meeting_seat(meeting, meeting_seat_id_at(meeting, i));
            n_hands += seat.hand_ms != 0;
            if (seat.presence != SEAT_ABSENT) counts[seat.presence]++, n_in_open++;
        }
    }
    guint n_seats = roster_n_seats(office_roster(service->office));
    counts[SEAT_ABSENT] = n_seats > n_in_open ? n_seats - n_in_open : 0;
    one(out, "diemcau_meetings_open", "gauge", "Meetings that are open.", n_open);
    one(out, "diemcau_hands_up", "gauge", "Rooms that ask for the floor.", n_hands);
    head(out, "diemcau_seats", "gauge", "Seats by state, over all open meetings.");
    for (guint i = 0; i < G_N_ELEMENTS(states); i++)
        g_string_append_printf(out, "diemcau_seats{state=\"%s\"} %u\n", states[i], counts[i]);
    head(out, "diemcau_legs", "gauge", "Peer connections by state.");
    static const char *const legs[] = { "connecting", "live", "lost" };
    for (guint i = 0; i < G_N_ELEMENTS(legs); i++)
        g_string_append_printf(out, "diemcau_legs{state=\"%s\"} %u\n", legs[i],
                               legs_count(service, (LegState)i));
}

static void write_server(GString *out, Service *service) {
    const ServiceStats *stats = &service->stats;
    head(out, "diemcau_sessions", "gauge", "Pages connected by WebSocket.");
    g_string_append_printf(out, "diemcau_sessions{kind=\"room\"} %u\ndiemcau_sessions{kind=\"console\"} %u\n",
                           session_count(service, TRUE), session_count(service, FALSE));
    one(out, "diemcau_http_requests_total", "counter", "HTTP requests dispatched.",
        (double)stats->http_requests);
    one(out, "diemcau_http_refused_total", "counter", "HTTP requests refused.", (double)stats->http_refused);
    one(out, "diemcau_ws_opened_total", "counter", "WebSockets opened.", (double)stats->ws_opened);
    one(out, "diemcau_ws_refused_total", "counter", "WebSockets refused before the upgrade.",
        (double)stats->ws_refused);
    one(out, "diemcau_ws_messages_total", "counter", "Messages from pages.", (double)stats->ws_messages);
    one(out, "diemcau_ws_sent_bytes_total", "counter", "Bytes of messages to pages.",
        (double)stats->ws_bytes_out);
    one(out, "diemcau_ws_too_slow_total", "counter", "Pages closed because they read too slowly.",
        (double)stats->ws_too_slow);
    one(out, "diemcau_commands_total", "counter", "Requests dispatched.", (double)stats->commands);
    one(out, "diemcau_commands_refused_total", "counter", "Requests answered with a fault.",
        (double)stats->commands_refused);
    one(out, "diemcau_store_well", "gauge", "1 while the event log can be written.", service->store_well);
    one(out, "diemcau_commit_seconds_sum", "counter", "Time commands waited for their commit.",
        (double)stats->commit_us_sum / 1e6);
    one(out, "diemcau_commit_seconds_count", "counter", "Commits waited for.", (double)stats->n_commits);
    one(out, "diemcau_commit_seconds_max", "gauge", "Longest wait so far.",
        (double)stats->commit_us_max / 1e6);
    BridgeLinkStats link = bridge_link_stats(service->bridge);
    one(out, "diemcau_bridge_up", "gauge", "1 while the bridge is linked.",
        bridge_link_is_up(service->bridge));
    one(out, "diemcau_bridge_requests_total", "counter", "Requests to the bridge.", (double)link.requests);
    one(out, "diemcau_bridge_faults_total", "counter", "Requests it refused or lost.", (double)link.faults);
    one(out, "diemcau_bridge_timeouts_total", "counter", "Requests without an answer in time.",
        (double)link.timeouts);
    one(out, "diemcau_bridge_waiting", "gauge", "Requests without an answer yet.", link.n_waiting);
}

/* The bridge's counters keep their own names: nested objects become diemcau_bridge_<a>_<b>. */
static void write_tree(GString *out, const char *prefix, json_t *value, guint depth) {
    if (depth > 6) return;
    const char *key;
    json_t *child;
    if (json_is_number(value) || json_is_boolean(value)) {
        char number[G_ASCII_DTOSTR_BUF_SIZE];
        double figure = json_is_boolean(value) ? json_is_true(value) : json_number_value(value);
        g_string_append_printf(out, "# TYPE %s untyped\n%s %s\n", prefix, prefix,
                               g_ascii_dtostr(number, sizeof number, figure));
    } else if (json_is_object(value)) {
        json_object_foreach(value, key, child) {
            g_autofree char *name = g_strdup_printf("%s_%s", prefix, key);
            for (char *at = name; *at != '\0'; at++)
                if (!g_ascii_isalnum(*at)) *at = '_';
            write_tree(out, name, child, depth + 1);
        }
    }
}

/* What the bridge gives up; the reason stands in a label. */
static void write_load(GString *out, json_t *load) {
    const char *why = json_string_value(json_object_get(load, "why"));
    write_tree(out, "diemcau_bridge_load", load, 0);
    head(out, "diemcau_bridge_load_why", "gauge",
         "1 for the reason why pictures are given up; calm: none is.");
    g_string_append_printf(out, "diemcau_bridge_load_why{why=\"%s\"} 1\n", why != NULL ? why : "");
}

static void write_process(GString *out) {
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    one(out, "process_cpu_seconds_total", "counter", "CPU time of the signaling process.",
        (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
            (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6);
    g_autofree char *statm = NULL;
    unsigned long pages = 0;
    if (g_file_get_contents("/proc/self/statm", &statm, NULL, NULL) && sscanf(statm, "%*u %lu", &pages) == 1)
        one(out, "process_resident_memory_bytes", "gauge", "Memory of the signaling process.",
            (double)pages * (double)sysconf(_SC_PAGESIZE));
}

void api_metrics(HttpExchange *exchange, const Caller *caller) {
    Service *service = caller->service;
    GString *out = g_string_new(NULL);
    write_seats(out, service);
    write_server(out, service);
    if (service->bridge_stats != NULL) write_tree(out, "diemcau_bridge", service->bridge_stats, 0);
    if (service->bridge_load != NULL) write_load(out, service->bridge_load);
    write_process(out);
    gsize n_bytes = out->len;
    http_header(exchange, "cache-control", "no-store");
    http_answer(exchange, 200, "text/plain; version=0.0.4; charset=utf-8",
                g_bytes_new_take(g_string_free(out, FALSE), n_bytes));
}
