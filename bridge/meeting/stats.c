/* stats.c -- every module's counters as one object; names are those of /metrics. */
#include "bridge/meeting/line.h"

#include <sys/resource.h>

static json_int_t number(guint64 value) { return (json_int_t)value; }

static json_t *desk_json(Desk *desk) {
    DeskStats stats;
    desk_read_stats(desk, &stats);
    return json_pack("{s:i,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I}", "legs",
                     (int)stats.n_legs, "packets_in", number(stats.n_packets_in), "packets_out",
                     number(stats.n_packets_out), "bytes_in", number(stats.n_bytes_in), "bytes_out",
                     number(stats.n_bytes_out), "send_calls", number(stats.n_send_calls), "dropped_out",
                     number(stats.n_dropped_out), "auth_failed", number(stats.n_auth_failed), "malformed",
                     number(stats.n_malformed), "unknown_ssrc", number(stats.n_unknown_ssrc), "blocks",
                     number(stats.fanout.n_blocks), "resent", number(stats.fanout.n_resent), "resend_missed",
                     number(stats.fanout.n_resend_missed), "joins_from_store",
                     number(stats.fanout.n_joins_from_store), "wakeups", number(stats.worker.n_wakeups),
                     "jobs", number(stats.worker.n_jobs), "jobs_lost", number(stats.worker.n_jobs_lost),
                     "cpu_us", number(stats.worker.cpu_us));
}

/* Ticks so far by how late they were: the difference of two readings is what happened between. "to_N": at most N us, more than the step before. */
static json_t *lateness_json(const Lateness *lateness) {
    json_t *steps = json_object();
    for (guint i = 0; i < LATENESS_STEPS; i++) {
        char key[32];
        g_snprintf(key, sizeof key, "to_%u", lateness_step_us(i));
        json_object_set_new(steps, key, json_integer(number(lateness->n[i])));
    }
    json_object_set_new(steps, "more", json_integer(number(lateness->n[LATENESS_STEPS])));
    json_object_set_new(steps, "p50", json_integer(lateness_at_us(lateness, 0.5)));
    json_object_set_new(steps, "p95", json_integer(lateness_at_us(lateness, 0.95)));
    json_object_set_new(steps, "p99", json_integer(lateness_at_us(lateness, 0.99)));
    return steps;
}

static json_t *mixer_json(const AudioMixer *mixer) {
    AudioMixerStats stats;
    audio_mixer_read_stats(mixer, &stats);
    return json_pack("{s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:i,s:i,s:o}", "ticks", number(stats.n_ticks),
                     "late_ticks", number(stats.n_late_ticks), "skipped_ticks", number(stats.n_skipped_ticks),
                     "decoded", number(stats.n_decoded), "encoded", number(stats.n_encoded),
                     "lateness_us_max", number(stats.lateness_us_max), "cpu_us", number(stats.cpu_us),
                     "conferences", (int)stats.n_conferences, "voices", (int)stats.n_voices, "lateness_us",
                     lateness_json(&stats.lateness));
}

static json_t *studio_json(Studio *studio) {
    StudioStats stats;
    studio_read_stats(studio, &stats);
    return json_pack("{s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:i,s:i,s:i,s:o}", "decoded",
                     number(stats.n_decoded), "decode_errors", number(stats.n_decode_errors),
                     "frames_dropped", number(stats.n_frames_dropped), "scaled", number(stats.n_scaled),
                     "composed", number(stats.n_composed), "encoded", number(stats.n_encoded), "canvas_late",
                     number(stats.n_canvas_late), "encoder_drops", number(stats.n_encoder_drops),
                     "keyframes_forced", number(stats.n_keyframes_forced), "decode_cpu_us",
                     number(stats.decode_cpu_us), "canvas_cpu_us", number(stats.canvas_cpu_us),
                     "encode_cpu_us", number(stats.encode_cpu_us), "sources_shown",
                     (int)stats.n_sources_shown, "views", (int)stats.n_views, "encoders",
                     (int)stats.n_encoders, "canvas_lateness_us", lateness_json(&stats.canvas_lateness));
}

/* CPU time of the threads by what they are for. Control: what no other group has, the log's writer with it. */
static json_t *groups_json(Bridge *bridge, guint64 process_us) {
    StudioStats studio;
    AudioMixerStats audio;
    guint64 workers_us = 0;
    studio_read_stats(bridge->studio, &studio);
    audio_mixer_read_stats(bridge->mixer, &audio);
    for (guint i = 0; i < bridge->n_desks; i++) {
        DeskStats desk;
        desk_read_stats(bridge->desks[i], &desk);
        workers_us += desk.worker.cpu_us;
    }
    guint64 known_us =
        workers_us + audio.cpu_us + studio.canvas_cpu_us + studio.encode_cpu_us + studio.decode_cpu_us;
    return json_pack("{s:I,s:I,s:I,s:I,s:I,s:I,s:I}", "workers_us", number(workers_us), "audio_us",
                     number(audio.cpu_us), "canvas_us", number(studio.canvas_cpu_us), "encode_us",
                     number(studio.encode_cpu_us), "decode_us", number(studio.decode_cpu_us), "control_us",
                     number(process_us > known_us ? process_us - known_us : 0), "walls_us",
                     number(studio.wall_canvas_cpu_us + studio.wall_encode_cpu_us));
}

/* Over all workers: how often an agent was shut for a moment, and DTLS that no handshake needs. */
static json_t *floods_json(Bridge *bridge) {
    guint64 n_shut = 0, n_dtls = 0;
    for (guint i = 0; i < bridge->n_desks; i++) {
        DeskStats desk;
        desk_read_stats(bridge->desks[i], &desk);
        n_shut += desk.worker.n_floods;
        n_dtls += desk.n_dtls_excess;
    }
    return json_pack("{s:I,s:I}", "shut", number(n_shut), "dtls_excess", number(n_dtls));
}

json_t *bridge_stats(Bridge *bridge) {
    struct rusage usage;
    json_t *desks = json_array();
    getrusage(RUSAGE_SELF, &usage);
    for (guint i = 0; i < bridge->n_desks; i++) json_array_append_new(desks, desk_json(bridge->desks[i]));
    guint64 cpu_us = (guint64)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * G_USEC_PER_SEC +
                     (guint64)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
    return json_pack(
        "{s:o,s:I,s:I,s:I,s:i,s:i,s:I,s:o,s:o,s:o,s:o,s:o}", "cpu", groups_json(bridge, cpu_us), "up_us",
        (json_int_t)(g_get_monotonic_time() - bridge->started_us), "cpu_us", number(cpu_us), "rss_max_kb",
        (json_int_t)usage.ru_maxrss, "legs", (int)g_hash_table_size(bridge->legs), "conferences",
        (int)g_hash_table_size(bridge->conferences), "news_lost", number(mailbox_n_lost(bridge->news)),
        "workers", desks, "audio", mixer_json(bridge->mixer), "studio", studio_json(bridge->studio), "line",
        bridge_line_json(bridge), "floods", floods_json(bridge));
}
