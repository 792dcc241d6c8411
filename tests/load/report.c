/* report.c -- see report.h. */
#include "tests/load/report.h"

#include <math.h>
#include <string.h>
#include <unistd.h>

typedef struct {
    char *name;
    gint pid;
    ProcessUsage before;
    gboolean found;
} Watch;

typedef struct {
    guint n[FPS_MAX]; /* seconds with so many frames */
} FpsCounts;

struct Report {
    const Options *options;
    Endpoint **endpoints;
    guint n_endpoints, n_watches;
    gint64 begun_us, second_us;
    EndpointStats *before;  /* at the beginning of the window */
    guint64 *frames_before; /* at the last second */
    guint fps[FPS_MAX];
    FpsCounts *fps_each; /* --each: of every room by itself; else NULL */
    Endpoint *console;   /* NULL: none */
    ReceiverStats console_before;
    guint64 console_frames_before;
    guint console_fps[FPS_MAX];
    FILE *every;              /* --every; NULL: no */
    EndpointStats *at_second; /* of every room, at the last line of it */
    Watch watches[WATCHES_MAX + 1];
};

Report *report_new(const Options *options, Endpoint **endpoints, guint n_endpoints) {
    Report *report = g_new0(Report, 1);
    report->options = options;
    report->endpoints = endpoints;
    report->n_endpoints = n_endpoints;
    report->before = g_new0(EndpointStats, n_endpoints);
    report->frames_before = g_new0(guint64, n_endpoints);
    if (options->every != NULL) {
        report->every = fopen(options->every, "we");
        report->at_second = g_new0(EndpointStats, n_endpoints);
        if (report->every != NULL) setvbuf(report->every, NULL, _IOLBF, 0);
    }
    if (options->each) report->fps_each = g_new0(FpsCounts, n_endpoints);
    report->watches[report->n_watches++] = (Watch){ .name = g_strdup("sim"), .pid = (gint)getpid() };
    for (guint i = 0; options->watch != NULL && options->watch[i] != NULL && i < WATCHES_MAX; i++) {
        g_auto(GStrv) parts = g_strsplit(options->watch[i], "=", 2);
        if (g_strv_length(parts) != 2) continue;
        report->watches[report->n_watches++] =
            (Watch){ .name = g_strdup(parts[0]), .pid = (gint)g_ascii_strtoll(parts[1], NULL, 10) };
    }
    return report;
}

void report_free(Report *report) {
    if (report == NULL) return;
    for (guint i = 0; i < report->n_watches; i++) g_free(report->watches[i].name);
    g_free(report->before);
    g_free(report->frames_before);
    g_free(report->fps_each);
    g_free(report->at_second);
    if (report->every != NULL) fclose(report->every);
    g_free(report);
}

void report_follow_console(Report *report, Endpoint *console) { report->console = console; }

gboolean report_has_begun(const Report *report) { return report->begun_us != 0; }

void report_begin(Report *report, gint64 now_us) {
    report->begun_us = report->second_us = now_us;
    memset(report->fps, 0, sizeof report->fps);
    if (report->fps_each != NULL) memset(report->fps_each, 0, sizeof *report->fps_each * report->n_endpoints);
    for (guint i = 0; i < report->n_endpoints; i++) {
        endpoint_forget_pauses(report->endpoints[i]);
        endpoint_read_stats(report->endpoints[i], &report->before[i]);
        if (report->at_second != NULL) report->at_second[i] = report->before[i];
        report->frames_before[i] = report->before[i].received.n_frames;
    }
    if (report->console != NULL) {
        EndpointStats stats;
        endpoint_read_stats(report->console, &stats);
        report->console_before = stats.received;
        report->console_frames_before = stats.received.n_frames;
        memset(report->console_fps, 0, sizeof report->console_fps);
    }
    for (guint i = 0; i < report->n_watches; i++)
        report->watches[i].found = process_usage_read(report->watches[i].pid, &report->watches[i].before);
}

/* One more endpoint-second, by its frames; returns which step of the histogram it is. */
static guint count_second(guint *fps, const EndpointStats *stats, guint64 *frames_before, double seconds) {
    guint64 n = stats->received.n_frames - *frames_before;
    guint step = (guint)CLAMP(lround((double)n / seconds), 0, FPS_MAX - 1);
    *frames_before = stats->received.n_frames;
    fps[step]++;
    return step;
}

/* The value below which `share` of the endpoint-seconds lie. */
static guint fps_at(const guint *fps, double share) {
    guint64 n = 0, sum = 0;
    for (guint i = 0; i < FPS_MAX; i++) n += fps[i];
    for (guint i = 0; i < FPS_MAX; i++) {
        sum += fps[i];
        if (n > 0 && (double)sum > share * (double)n) return i;
    }
    return 0;
}

static guint count_if(const Report *report, gboolean (*is)(const EndpointStats *stats)) {
    guint n = 0;
    for (guint i = 0; i < report->n_endpoints; i++) {
        EndpointStats stats;
        endpoint_read_stats(report->endpoints[i], &stats);
        if (is(&stats)) n++;
    }
    return n;
}

static gboolean is_live(const EndpointStats *stats) { return stats->live; }
static gboolean is_watching(const EndpointStats *stats) { return stats->served; }
guint report_n_live(const Report *report) { return count_if(report, is_live); }
guint report_n_watching(const Report *report) { return count_if(report, is_watching); }

static gint compare_times(gconstpointer a, gconstpointer b) {
    gint64 x = *(const gint64 *)a, y = *(const gint64 *)b;
    return (x > y) - (x < y);
}

static void add_joins(Report *report, json_t *result) {
    g_autofree gint64 *times = g_new0(gint64, report->n_endpoints);
    guint n = 0;
    for (guint i = 0; i < report->n_endpoints; i++) {
        EndpointStats stats;
        endpoint_read_stats(report->endpoints[i], &stats);
        if (stats.join_us > 0) times[n++] = stats.join_us;
    }
    qsort(times, n, sizeof *times, compare_times);
    json_object_set_new(result, "join_ms_median", json_integer(n > 0 ? times[n / 2] / 1000 : -1));
    json_object_set_new(result, "join_ms_p95",
                        json_integer(n > 0 ? times[MIN(n - 1, n * 95 / 100)] / 1000 : -1));
}

static void add_processes(Report *report, json_t *result, double seconds) {
    double served = 0;
    for (guint i = 0; i < report->n_watches; i++) {
        const Watch *watch = &report->watches[i];
        ProcessUsage now;
        char key[64];
        if (!watch->found || !process_usage_read(watch->pid, &now)) continue;
        double cores = (double)(now.cpu_us - watch->before.cpu_us) / G_USEC_PER_SEC / seconds;
        g_snprintf(key, sizeof key, "%s_cores", watch->name);
        json_object_set_new(result, key, json_real(round(cores * 1000) / 1000));
        if (i == 0) continue;
        served += cores;
        g_snprintf(key, sizeof key, "%s_rss_mb", watch->name);
        json_object_set_new(result, key, json_real(round(now.rss_mb * 10) / 10));
        g_snprintf(key, sizeof key, "%s_threads", watch->name);
        json_object_set_new(result, key, json_integer(now.n_threads));
        g_snprintf(key, sizeof key, "%s_fds", watch->name);
        json_object_set_new(result, key, json_integer(now.n_files));
    }
    json_object_set_new(result, "cores", json_real(round(served * 1000) / 1000));
}

/* One row per summed counter: what it is called and where it lives. */
#define AT(field) G_STRUCT_OFFSET(EndpointStats, field)
static const struct {
    const char *key;
    gsize offset;
} SUMS[] = {
    { "audio_packets", AT(received.n_audio_packets) },
    { "audio_gaps", AT(received.n_audio_gaps) },
    { "audio_late", AT(received.n_audio_late) },
    { "audio_bytes", AT(received.n_audio_bytes) },
    { "audio_due", AT(received.playout.n_due) },
    { "audio_concealed", AT(received.playout.n_concealed) },
    { "audio_from_copies", AT(received.playout.n_from_copies) },
    { "audio_red", AT(received.n_red) },
    { "audio_narrow", AT(received.n_narrow) },
    { "video_packets", AT(received.n_video_packets) },
    { "video_bytes", AT(received.n_video_bytes) },
    { "frozen_us", AT(received.frozen_us) },
    { "video_lost", AT(received.n_video_lost) },
    { "video_recovered", AT(received.n_recovered) },
    { "frames", AT(received.n_frames) },
    { "frames_broken", AT(received.n_frames_broken) },
    { "keyframes", AT(received.n_keyframes) },
    { "nacks_sent", AT(received.n_nacks) },
    { "plis_sent", AT(received.n_plis) },
    { "packets_sent", AT(sent.n_packets) },
    { "voice_packets_sent", AT(sent.n_voice_packets) },
    { "camera_frames_sent", AT(sent.n_frames) },
    { "thumbnail_frames_sent", AT(sent.n_thumbnail_frames) },
    { "main_frames_sent", AT(sent.n_main_frames) },
    { "resent", AT(sent.n_resent) },
    { "plis_received", AT(sent.n_plis) },
    { "check_pictures", AT(checked.n_pictures) },
    { "check_decode_errors", AT(checked.n_decode_errors) },
    { "check_tiles", AT(checked.n_tiles) },
    { "check_tiles_read", AT(checked.n_tiles_read) },
    { "check_colours_right", AT(checked.n_colours_right) },
    { "check_speakers", AT(checked.n_speakers) },
    { "check_speakers_seen", AT(checked.n_speakers_seen) },
    { "check_tones", AT(checked.n_tones) },
    { "check_tones_heard", AT(checked.n_tones_heard) },
    { "check_own_windows", AT(checked.n_own_windows) },
    { "check_own_heard", AT(checked.n_own_heard) },
};

static guint64 field_of(const EndpointStats *stats, gsize offset) {
    return *(const guint64 *)((const char *)stats + offset);
}

static void add_sums(Report *report, json_t *result, double seconds) {
    guint64 in = 0, out = 0, bytes = 0;
    guint n_returns = 0, n_legs = 0, n_restarts = 0;
    gint64 pause_us = 0;
    guint64 sums[G_N_ELEMENTS(SUMS)] = { 0 };
    for (guint i = 0; i < report->n_endpoints; i++) {
        EndpointStats now;
        const EndpointStats *before = &report->before[i];
        endpoint_read_stats(report->endpoints[i], &now);
        for (guint k = 0; k < G_N_ELEMENTS(SUMS); k++)
            sums[k] += field_of(&now, SUMS[k].offset) - field_of(before, SUMS[k].offset);
        in += now.received.n_audio_packets + now.received.n_video_packets - before->received.n_audio_packets -
              before->received.n_video_packets;
        bytes += now.received.n_audio_bytes + now.received.n_video_bytes - before->received.n_audio_bytes -
                 before->received.n_video_bytes;
        out += now.sent.n_packets - before->sent.n_packets;
        pause_us = MAX(pause_us, now.received.longest_pause_us);
        n_returns += now.n_returns;
        n_legs += now.n_legs;
        n_restarts += now.n_restarts;
    }
    /* Seen from the server: what goes in is what we sent. */
    json_object_set_new(result, "pps_in", json_integer((json_int_t)((double)out / seconds)));
    json_object_set_new(result, "pps_out", json_integer((json_int_t)((double)in / seconds)));
    json_object_set_new(result, "mbps_out", json_real(round((double)bytes * 8 / seconds / 1e4) / 100));
    for (guint k = 0; k < G_N_ELEMENTS(SUMS); k++)
        json_object_set_new(result, SUMS[k].key, json_integer((json_int_t)sums[k]));
    json_object_set_new(result, "pause_ms_max", json_integer(pause_us / 1000));
    json_object_set_new(result, "reconnects", json_integer(n_returns));
    json_object_set_new(result, "legs", json_integer(n_legs));
    json_object_set_new(result, "ice_restarts", json_integer(n_restarts));
}

static void add_sample(Report *report, json_t *result) {
    for (guint i = 0; i < report->n_endpoints; i++) {
        EndpointStats stats;
        endpoint_read_stats(report->endpoints[i], &stats);
        if (stats.checked.width == 0) continue;
        json_object_set_new(result, "program_width", json_integer(stats.checked.width));
        json_object_set_new(result, "program_height", json_integer(stats.checked.height));
        return;
    }
}

static json_int_t since(const EndpointStats *now, const EndpointStats *before, gsize offset) {
    return (json_int_t)(field_of(now, offset) - field_of(before, offset));
}

/* Rows of the table SUMS and more, of one room. */
static json_t *room_json(Report *report, guint i, gint64 now_us) {
    EndpointStats now;
    const EndpointStats *before = &report->before[i];
    endpoint_read_stats(report->endpoints[i], &now);
    const ReceiverStats *received = &now.received;
    gint64 open_us = received->last_frame_us != 0 ? now_us - received->last_frame_us : 0;
    json_t *room = json_pack(
        "{s:s, s:i, s:i, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:i, s:i, s:i, s:i}", "name",
        endpoint_name(report->endpoints[i]), "fps_median", (int)fps_at(report->fps_each[i].n, 0.5), "fps_p5",
        (int)fps_at(report->fps_each[i].n, 0.05), "freeze_ms_max",
        (json_int_t)(MAX(received->longest_freeze_us, open_us) / 1000), "pause_ms_max",
        (json_int_t)(received->longest_pause_us / 1000), "buffer_ms",
        (json_int_t)(received->playout.delay_us / 1000), "rtt_ms", (json_int_t)(now.sent.rtt_us / 1000),
        "claimed_kbps", (json_int_t)(received->guess_bps / 1000), "up_kbps",
        (json_int_t)now.sent.allowed_kbps, "legs", (json_int_t)now.n_legs, "width", (int)received->width,
        "height", (int)received->height, "main_width", (int)now.sent.main_width, "main_height",
        (int)now.sent.main_height);
    for (guint k = 0; k < G_N_ELEMENTS(SUMS); k++)
        if (!g_str_has_prefix(SUMS[k].key, "check_"))
            json_object_set_new(room, SUMS[k].key, json_integer(since(&now, before, SUMS[k].offset)));
    if (received->voice_delays == NULL) return room;
    json_t *delays = json_pack(
        "{s:I, s:[i,i], s:[i,i]}", "voice_on_time_ms",
        (json_int_t)(MAX(received->voice_late_us - received->first_voice_us, 0) / 1000), "voice_ms",
        delays_at(received->voice_delays, 0.5), delays_at(received->voice_delays, 0.95), "picture_ms",
        delays_at(received->picture_delays, 0.5), delays_at(received->picture_delays, 0.95));
    json_object_update(room, delays);
    json_decref(delays);
    return room;
}

static void add_each(Report *report, json_t *result, gint64 now_us) {
    if (report->fps_each == NULL) return;
    json_t *rooms = json_array();
    for (guint i = 0; i < report->n_endpoints; i++)
        json_array_append_new(rooms, room_json(report, i, now_us));
    json_object_set_new(result, "rooms", rooms);
}

/* What came since the last line, to all rooms together, and how it was shared out. */
static void write_second(Report *report, gint64 now_us) {
    guint fps[FPS_MAX] = { 0 };
    guint64 sums[G_N_ELEMENTS(SUMS)] = { 0 };
    double seconds = (double)(now_us - report->second_us) / G_USEC_PER_SEC;
    for (guint i = 0; i < report->n_endpoints; i++) {
        EndpointStats now, *before = &report->at_second[i];
        endpoint_read_stats(report->endpoints[i], &now);
        guint64 frames = now.received.n_frames - before->received.n_frames;
        if (now.watches) fps[(guint)CLAMP(lround((double)frames / seconds), 0, FPS_MAX - 1)]++;
        for (guint k = 0; k < G_N_ELEMENTS(SUMS); k++)
            sums[k] += field_of(&now, SUMS[k].offset) - field_of(before, SUMS[k].offset);
        *before = now;
    }
    json_t *line = json_pack("{s:I, s:i, s:i}", "at_us", (json_int_t)now_us, "fps_median",
                             (int)fps_at(fps, 0.5), "fps_min", (int)fps_at(fps, 0));
    for (guint k = 0; k < G_N_ELEMENTS(SUMS); k++)
        json_object_set_new(line, SUMS[k].key, json_integer((json_int_t)sums[k]));
    char *text = json_dumps(line, JSON_COMPACT);
    fprintf(report->every, "%s\n", text);
    free(text);
    json_decref(line);
}

void report_second(Report *report, gint64 now_us) {
    double seconds = (double)(now_us - report->second_us) / G_USEC_PER_SEC;
    if (now_us == report->second_us) return; /* the window has just begun */
    if (report->every != NULL) write_second(report, now_us);
    report->second_us = now_us;
    for (guint i = 0; i < report->n_endpoints; i++) {
        EndpointStats stats;
        endpoint_read_stats(report->endpoints[i], &stats);
        if (!stats.watches) continue;
        guint step = count_second(report->fps, &stats, &report->frames_before[i], seconds);
        if (report->fps_each != NULL) report->fps_each[i].n[step]++;
    }
    if (report->console == NULL) return;
    EndpointStats stats;
    endpoint_read_stats(report->console, &stats);
    count_second(report->console_fps, &stats, &report->console_frames_before, seconds);
}

static void add_console(Report *report, json_t *result) {
    EndpointStats now;
    if (report->console == NULL) return;
    endpoint_read_stats(report->console, &now);
    const ReceiverStats *before = &report->console_before;
    json_t *more = json_pack(
        "{s:b, s:i, s:i, s:I, s:I, s:I}", "console_served", now.served ? 1 : 0, "console_fps_median",
        (int)fps_at(report->console_fps, 0.5), "console_fps_p5", (int)fps_at(report->console_fps, 0.05),
        "console_frames", (json_int_t)(now.received.n_frames - before->n_frames), "console_frames_broken",
        (json_int_t)(now.received.n_frames_broken - before->n_frames_broken), "console_packets",
        (json_int_t)(now.received.n_video_packets - before->n_video_packets));
    json_object_update(result, more);
    json_decref(more);
}

json_t *report_make(Report *report, gint64 now_us) {
    double seconds = MAX(0.001, (double)(now_us - report->begun_us) / G_USEC_PER_SEC);
    json_t *result = json_pack("{s:s, s:i, s:i, s:i, s:f, s:s}", "shape", report->options->shape, "endpoints",
                               (int)report->n_endpoints, "live", (int)report_n_live(report), "watching",
                               (int)report_n_watching(report), "seconds", round(seconds * 10) / 10, "ice",
                               report->options->ice);
    add_processes(report, result, seconds);
    add_joins(report, result);
    json_object_set_new(result, "fps_median", json_integer(fps_at(report->fps, 0.5)));
    json_object_set_new(result, "fps_p5", json_integer(fps_at(report->fps, 0.05)));
    add_sums(report, result, seconds);
    add_sample(report, result);
    add_console(report, result);
    add_each(report, result, now_us);
    return result;
}

void report_print(const json_t *result, FILE *out) {
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)result, key, value) {
        if (json_is_array(value)) continue; /* for programs */
        g_autofree char *dotted = g_strdelimit(g_strdup(key), "_", ' ');
        if (json_is_string(value))
            fprintf(out, "  %-22s %s\n", dotted, json_string_value(value));
        else if (json_is_real(value))
            fprintf(out, "  %-22s %.3f\n", dotted, json_real_value(value));
        else
            fprintf(out, "  %-22s %" JSON_INTEGER_FORMAT "\n", dotted, json_integer_value(value));
    }
}
