/* options.c -- see options.h. */
#include "tests/load/options.h"

#include "config/fault.h"

#include <string.h>

static Options *target; /* of the one callback below, while options_read runs */

static gboolean on_json(const char *name, const char *value, gpointer data, GError **error) {
    (void)name;
    (void)data;
    (void)error;
    g_free(target->json);
    target->json = g_strdup(value != NULL ? value : "-");
    return TRUE;
}

static gboolean refuse(GError **error, const char *sentence) {
    g_set_error_literal(error, FAULT, FAULT_BAD_INPUT, sentence);
    return FALSE;
}

static gboolean check(const Options *o, GError **error) {
    if (o->version) return TRUE;
    if (o->http == NULL)
        return refuse(error, "--http is missing: where is the server, as http://127.0.0.1:8080?");
    if (o->janus != NULL && strcmp(o->janus, "audiobridge") != 0 && strcmp(o->janus, "videoroom") != 0)
        return refuse(error, "--janus is audiobridge or videoroom");
    if (o->janus != NULL && o->count <= 0) return refuse(error, "--janus wants --count N");
    if (o->probe && (o->clicks || o->hears))
        return refuse(error, "--probe has both ends: not with --clicks or --hears");
    if (o->senders < 0 || o->window_s < 0) return refuse(error, "--senders and --window are not negative");
    if (o->janus == NULL && o->links == NULL && o->data == NULL)
        return refuse(error, "--data DIR or --links FILE is needed for the rooms' links");
    if (!o->all && o->count <= 0 && o->links == NULL)
        return refuse(error, "say --all, --count N or --links FILE");
    if (o->layout != NULL && o->console == NULL) return refuse(error, "--layout wants --console TOKEN");
    if (strcmp(o->ice, "fast") != 0 && strcmp(o->ice, "nice") != 0)
        return refuse(error, "--ice is fast or nice");
    if (o->remb_kbps < 0) return refuse(error, "--remb is not negative");
    if (o->count < 0 || o->count > 1000) return refuse(error, "--count: 1 to 1000");
    if (o->loss < 0 || o->loss > 0.9)
        return refuse(error, "--loss: 0 to 0.9, a share of the packets received");
    if (o->seconds < 0 || o->settle_s < 0 || o->sample < 0 || o->join_over_ms < 0)
        return refuse(error, "--seconds, --settle, --sample and --join-over are not negative");
    if (o->port_min < 0 || o->port_max > 65535 || o->port_min > o->port_max)
        return refuse(error, "--port-min, --port-max: no range");
    if (o->watch != NULL && g_strv_length(o->watch) > WATCHES_MAX)
        return refuse(error, "--watch: at most 8 processes");
    return TRUE;
}

gboolean options_read(Options *ret_options, int argc, char **argv, GError **error) {
    Options *o = ret_options;
    *o = (Options){ .settle_s = 3, .sample = 1, .join_over_ms = 2000, .remb_kbps = 8000 };
    const GOptionEntry entries[] = {
        { "http", 0, 0, G_OPTION_ARG_STRING, &o->http, "the server", "http://127.0.0.1:8080" },
        { "data", 0, 0, G_OPTION_ARG_FILENAME, &o->data, "data folder of the server, for the links", "DIR" },
        { "links", 0, 0, G_OPTION_ARG_FILENAME, &o->links, "take the links from a file", "FILE" },
        { "all", 0, 0, G_OPTION_ARG_NONE, &o->all, "every room of the roster", NULL },
        { "count", 0, 0, G_OPTION_ARG_INT, &o->count, "the first N rooms", "N" },
        { "seconds", 0, 0, G_OPTION_ARG_INT, &o->seconds, "how long after the start; 0: until stopped", "S" },
        { "settle", 0, 0, G_OPTION_ARG_INT, &o->settle_s, "pause between the last join and measuring (3)",
          "S" },
        { "join-over", 0, 0, G_OPTION_ARG_INT, &o->join_over_ms, "spread the joins over this time (2000)",
          "MS" },
        { "meeting", 0, 0, G_OPTION_ARG_STRING, &o->meeting, "which meeting, when several are open", "ID" },
        { "ice", 0, 0, G_OPTION_ARG_STRING, &o->ice, "own cheap client, or the bridge's transport",
          "fast|nice" },
        { "talk", 0, 0, G_OPTION_ARG_STRING, &o->talk,
          "who speaks: 4:6 (four at once, 6 s each), none, all, 0,3,7", "SCHEDULE" },
        { "sample", 0, 0, G_OPTION_ARG_INT, &o->sample,
          "rooms whose picture and sound are decoded and checked (1)", "N" },
        { "picture", 0, 0, G_OPTION_ARG_FILENAME, &o->picture, "keep what the first sampled room sees",
          "FILE.png" },
        { "timeline", 0, 0, G_OPTION_ARG_FILENAME, &o->timeline,
          "write down when each room began to hear and see, and every pause", "FILE" },
        { "every", 0, 0, G_OPTION_ARG_FILENAME, &o->every, "write down what came, every second of measuring",
          "FILE" },
        { "probe", 0, 0, G_OPTION_ARG_NONE, &o->probe,
          "the first room measures the delay to the second; use --talk 0", NULL },
        { "clicks", 0, 0, G_OPTION_ARG_NONE, &o->clicks,
          "the first room's voice clicks by the machine's clock, for --hears of another simulator", NULL },
        { "hears", 0, 0, G_OPTION_ARG_NONE, &o->hears,
          "the second room listens for the clicks of another simulator", NULL },
        { "loss", 0, 0, G_OPTION_ARG_DOUBLE, &o->loss, "share of received video packets to throw away", "P" },
        { "remb", 0, 0, G_OPTION_ARG_INT, &o->remb_kbps,
          "what each room says its line carries (8000); 0: what it seems to carry", "KBPS" },
        { "each", 0, 0, G_OPTION_ARG_NONE, &o->each,
          "look closely: jitter buffer, freezes, delays; the results of every room by itself", NULL },
        { "senders", 0, 0, G_OPTION_ARG_INT, &o->senders, "only the first N rooms send anything; 0: all",
          "N" },
        { "no-picture", 0, 0, G_OPTION_ARG_NONE, &o->no_picture, "sound alone, both ways", NULL },
        { "camera", 0, 0, G_OPTION_ARG_STRING, &o->camera, "the large picture, as 1280x720@25:1500 (kbit/s)",
          "SIZE" },
        { "janus", 0, 0, G_OPTION_ARG_STRING, &o->janus,
          "the server is a Janus: --http is its WebSocket, the first room publishes",
          "audiobridge|videoroom" },
        { "console", 0, 0, G_OPTION_ARG_STRING, &o->console,
          "beside the rooms a console that watches the wall; what stands after # in a login link", "TOKEN" },
        { "console-view", 0, 0, G_OPTION_ARG_STRING, &o->console_view, "what the console watches (wall)",
          "wall|program|pages|none" },
        { "layout", 0, 0, G_OPTION_ARG_STRING, &o->layout, "the console gives the program this layout",
          "WORD" },
        { "window", 0, 0, G_OPTION_ARG_INT, &o->window_s, "end after measuring for so long", "S" },
        { "seed", 0, 0, G_OPTION_ARG_INT, &o->seed, "of all chance; 0: another one each time", "N" },
        { "port-min", 0, 0, G_OPTION_ARG_INT, &o->port_min, "own UDP ports from", "PORT" },
        { "port-max", 0, 0, G_OPTION_ARG_INT, &o->port_max, "to (0: any)", "PORT" },
        { "no-gro", 0, 0, G_OPTION_ARG_NONE, &o->no_gro, "receive packet by packet, as across a network",
          NULL },
        { "watch", 0, 0, G_OPTION_ARG_STRING_ARRAY, &o->watch, "measure a process too (may be repeated)",
          "NAME=PID" },
        { "shape", 0, 0, G_OPTION_ARG_STRING, &o->shape, "a word for the results", "WORD" },
        { "json", 0, G_OPTION_FLAG_OPTIONAL_ARG, G_OPTION_ARG_CALLBACK, (gpointer)on_json,
          "results as one JSON object", "FILE" },
        { "version", 0, 0, G_OPTION_ARG_NONE, &o->version, "print the version", NULL },
        { NULL, 0, 0, 0, NULL, NULL, NULL },
    };
    g_autoptr(GOptionContext) context =
        g_option_context_new("- simulated rooms for a running diemcau server");
    target = o;
    g_option_context_add_main_entries(context, entries, NULL);
    if (!g_option_context_parse(context, &argc, &argv, error)) return FALSE;
    if (o->talk == NULL) o->talk = g_strdup("4:6");
    if (o->ice == NULL) o->ice = g_strdup("fast");
    if (o->console_view == NULL) o->console_view = g_strdup("wall");
    if (o->shape == NULL) o->shape = g_strdup("meeting");
    if (argc > 1) return refuse(error, "there is a word too many on the command line");
    return check(o, error);
}

void options_clear(Options *options) {
    g_free(options->http);
    g_free(options->data);
    g_free(options->links);
    g_free(options->meeting);
    g_free(options->talk);
    g_free(options->ice);
    g_free(options->janus);
    g_free(options->camera);
    g_free(options->console);
    g_free(options->console_view);
    g_free(options->layout);
    g_free(options->json);
    g_free(options->shape);
    g_free(options->picture);
    g_free(options->timeline);
    g_free(options->every);
    g_strfreev(options->watch);
}
