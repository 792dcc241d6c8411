/* settings.c -- the one table of settings, and what follows from it: loading, range errors, printing, handing on. */
#include "config/settings.h"

#include "config/fault.h"

#include <errno.h>
#include <string.h>

typedef enum { KIND_TEXT, KIND_NUMBER, KIND_SWITCH } Kind;

typedef struct {
    const char *key;
    Kind kind;
    gsize offset;
    const char *text; /* default of a text */
    gint64 number, least, most;
    const char *sentence;
} Row;

#define TEXT(key, field, text, sentence)                                                                     \
    { key, KIND_TEXT, offsetof(Settings, field), text, 0, 0, 0, sentence }
#define NUMBER(key, field, number, least, most, sentence)                                                    \
    { key, KIND_NUMBER, offsetof(Settings, field), NULL, number, least, most, sentence }
#define SWITCH(key, field, on, sentence)                                                                     \
    { key, KIND_SWITCH, offsetof(Settings, field), NULL, on, 0, 1, sentence }

/* clang-format off: a table is read by columns */
static const Row rows[] = {
    TEXT("http.host", http_host, "", "address of the HTTPS socket; empty: all"),
    NUMBER("http.https_port", http_https_port, 8443, 1, 65535, "HTTPS and WSS"),
    NUMBER("http.port", http_port, 8080, 0, 65535, "plain HTTP, on loopback only; 0: none"),
    TEXT("http.web_root", http_web_root, "", "folder of the built pages; empty: found beside the program"),
    TEXT("http.public_url", http_public_url, "",
         "what room links begin with; empty: https://<first address>:<port>"),
    TEXT("http.origins", http_origins, "", "further web origins that may use the API, separated by spaces"),
    NUMBER("http.connections_max", http_connections_max, 2000, 10, 100000, "open connections, then refused"),
    TEXT("metrics.token", metrics_token, "",
         "bearer token that opens /metrics to other machines; empty: loopback only"),
    TEXT("tls.cert", tls_cert, "",
         "PEM file with the certificate chain; empty: a local CA in the data folder"),
    TEXT("tls.key", tls_key, "", "PEM file with the private key of tls.cert"),
    TEXT("tls.names", tls_names, "", "further host names of the local certificate, separated by spaces"),
    NUMBER("media.port_min", media_port_min, 20000, 1024, 65535, "first UDP port of media"),
    NUMBER("media.port_max", media_port_max, 20999, 1024, 65535,
           "last UDP port of media; one port per connection"),
    TEXT("media.addresses", media_addresses, "",
         "addresses offered to endpoints, separated by spaces; empty: found"),
    TEXT("media.announce", media_announce, "", "public address of a server behind 1:1 NAT; empty: none"),
    NUMBER("media.workers", media_workers, 2, 1, 16, "network threads"),
    NUMBER("media.legs_max", media_legs_max, 600, 2, 10000, "peer connections, then refused"),
    SWITCH("media.gso", media_gso, TRUE, "send many packets in one call where the kernel can (UDP GSO)"),
    SWITCH("bridge.sandbox", bridge_sandbox, TRUE,
           "lock the bridge in (Landlock, seccomp) before the first packet"),
    NUMBER("bridge.budget_percent", bridge_budget_percent, 0, 0, 25600,
           "processor time the bridge may use before it lowers frame rates, in percent of one core (150: one "
           "and a half); 0: what this machine gives it"),
    NUMBER("bridge.orphan_s", bridge_orphan_s, 600, 5, 86400,
           "a bridge without a control link ends itself after this many seconds"),
    TEXT("bridge.program", bridge_program, "", "path of diemcau-bridge; empty: beside this program"),
    NUMBER("audio.voices_max", audio_voices_max, 8, 1, 14,
           "loudest voices mixed, those with the floor not counted"),
    NUMBER("audio.bps", audio_bps, 32000, 8000, 128000, "Opus bit rate of the mix"),
    NUMBER("audio.complexity", audio_complexity, 5, 0, 10, "Opus effort"),
    SWITCH("audio.levelling", audio_levelling, TRUE, "bring loud and quiet rooms slowly to one level"),
    NUMBER("video.program_fps", video_program_fps, 25, 5, 30, "frames per second of the program"),
    NUMBER("video.wall_fps", video_wall_fps, 8, 1, 25, "frames per second of the wall"),
    SWITCH("video.1080p", video_1080p, FALSE, "a 1920x1080 rung of the program, for halls with good lines"),
    NUMBER("video.1080p_bps", video_1080p_bps, 3000000, 800000, 12000000,
           "bit rate of the 1920x1080 program"),
    NUMBER("video.720p_bps", video_720p_bps, 1500000, 300000, 8000000, "bit rate of the 1280x720 program"),
    NUMBER("video.360p_bps", video_360p_bps, 500000, 100000, 3000000, "bit rate of the 640x360 program"),
    NUMBER("video.180p_bps", video_180p_bps, 120000, 60000, 600000, "bit rate of the 320x180 program"),
    NUMBER("video.presentation_bps", video_presentation_bps, 2500000, 300000, 12000000,
           "bit rate of a screen that is shown"),
    NUMBER("video.presentation_fps", video_presentation_fps, 15, 1, 30,
           "pictures a second of a screen that is shown"),
    NUMBER("video.wall_bps", video_wall_bps, 2500000, 300000, 12000000, "bit rate of the wall"),
    NUMBER("video.wall_1440p_bps", video_wall_1440p_bps, 4000000, 500000, 20000000,
           "bit rate of the wall for large screens, 2560x1440"),
    NUMBER(
        "video.encoder_speed", video_encoder_speed, 8, 4, 16,
        "VP8 encoders at rest: 4 the finest picture, 16 the least work; under load they save by themselves"),
    NUMBER("video.decoders", video_decoders, 2, 1, 16, "decoder threads"),
    NUMBER("line.up_bps", line_up_bps, 0, 0, 100000000000,
           "what the server's own line can send; 0: not known"),
    NUMBER("meeting.seats_max", meeting_seats_max, 256, 2, 1024,
           "rooms of the roster, and so seats in one meeting; a larger list is refused"),
    TEXT("meeting.time_zone", meeting_time_zone, "Asia/Ho_Chi_Minh", "time zone of the pages and plates"),
    TEXT("meeting.language", meeting_language, "vi", "language where the person has chosen none: vi or en"),
    NUMBER("auth.login_link_s", auth_login_link_s, 900, 60, 86400, "life of a one-time login link"),
    NUMBER("auth.session_s", auth_session_s, 43200, 300, 2592000, "life of a login"),
    NUMBER("auth.attempts", auth_attempts, 5, 1, 100, "wrong passwords per minute, then slowed"),
    TEXT("support.phone", support_phone, "",
         "whom to call when a link is refused and the roster names nobody"),
    TEXT("log.level", log_level, "info", "least level written: debug, info, warn or error"),
    TEXT("trial.roster", trial_roster, "", "roster file that `serve --trial` imports into an empty roster"),
    TEXT("trial.title", trial_title, "Họp thử", "title of the meeting that `serve --trial` opens"),
};
/* clang-format on */

static char **text_of(const Settings *settings, const Row *row) {
    return G_STRUCT_MEMBER_P(settings, row->offset);
}

static gint64 number_of(const Settings *settings, const Row *row) {
    if (row->kind == KIND_SWITCH) return *(const gboolean *)G_STRUCT_MEMBER_P(settings, row->offset);
    return *(const gint64 *)G_STRUCT_MEMBER_P(settings, row->offset);
}

static void put_number(Settings *settings, const Row *row, gint64 number) {
    if (row->kind == KIND_SWITCH)
        *(gboolean *)G_STRUCT_MEMBER_P(settings, row->offset) = number != 0;
    else
        *(gint64 *)G_STRUCT_MEMBER_P(settings, row->offset) = number;
}

static void put_text(Settings *settings, const Row *row, const char *text) {
    char **field = text_of(settings, row);
    g_free(*field);
    *field = g_strdup(text);
}

/* Edit distance, for "did you mean"; keys are short. */
static guint distance(const char *a, const char *b) {
    gsize n = MIN(strlen(a), 63), m = MIN(strlen(b), 63);
    guint row[64];
    for (gsize j = 0; j <= m; j++) row[j] = (guint)j;
    for (gsize i = 1; i <= n; i++) {
        guint diagonal = row[0];
        row[0] = (guint)i;
        for (gsize j = 1; j <= m; j++) {
            guint above = row[j], change = diagonal + (a[i - 1] != b[j - 1]);
            row[j] = MIN(MIN(above, row[j - 1]) + 1, change);
            diagonal = above;
        }
    }
    return row[m];
}

static const Row *find_row(const char *key) {
    for (guint i = 0; i < G_N_ELEMENTS(rows); i++)
        if (strcmp(rows[i].key, key) == 0) return &rows[i];
    return NULL;
}

static const char *nearest_key(const char *key) {
    guint best = 0;
    for (guint i = 1; i < G_N_ELEMENTS(rows); i++)
        if (distance(key, rows[i].key) < distance(key, rows[best].key)) best = i;
    return rows[best].key;
}

static gboolean parse_number(const char *text, gint64 *ret_number) {
    char *end = NULL;
    errno = 0;
    *ret_number = g_ascii_strtoll(text, &end, 10);
    return errno == 0 && end != text && *end == '\0';
}

static gboolean parse_switch(const char *text, gint64 *ret_on) {
    static const char *const on[] = { "true", "yes", "on", "1" }, *const off[] = { "false", "no", "off",
                                                                                   "0" };
    for (guint i = 0; i < G_N_ELEMENTS(on); i++) {
        if (strcmp(text, on[i]) == 0 || strcmp(text, off[i]) == 0) {
            *ret_on = strcmp(text, on[i]) == 0;
            return TRUE;
        }
    }
    return FALSE;
}

/* where: "file:line" or "--set". */
static gboolean put(Settings *settings, const char *where, const char *key, const char *text,
                    GError **error) {
    const Row *row = find_row(key);
    gint64 number = 0;
    if (row == NULL) {
        g_set_error(error, FAULT, FAULT_BAD_INPUT,
                    "%s: unknown setting \"%s\"; the nearest known one is \"%s\"", where, key,
                    nearest_key(key));
        return FALSE;
    }
    switch (row->kind) {
    case KIND_TEXT: put_text(settings, row, text); return TRUE;
    case KIND_SWITCH:
        if (parse_switch(text, &number)) break;
        g_set_error(error, FAULT, FAULT_BAD_INPUT, "%s: %s must be true or false, not \"%s\"", where, key,
                    text);
        return FALSE;
    case KIND_NUMBER:
        if (parse_number(text, &number) && number >= row->least && number <= row->most) break;
        g_set_error(error, FAULT, FAULT_BAD_INPUT,
                    "%s: %s must be a number from %" G_GINT64_FORMAT " to %" G_GINT64_FORMAT ", not \"%s\"",
                    where, key, row->least, row->most, text);
        return FALSE;
    }
    put_number(settings, row, number);
    return TRUE;
}

/* "key = value": splits in place. Values may stand in double quotes. */
static gboolean split(char *line, char **ret_key, char **ret_value) {
    char *equals = strchr(line, '=');
    if (equals == NULL) return FALSE;
    *equals = '\0';
    *ret_key = g_strstrip(line);
    *ret_value = g_strstrip(equals + 1);
    gsize n = strlen(*ret_value);
    if (n >= 2 && (*ret_value)[0] == '"' && (*ret_value)[n - 1] == '"') {
        (*ret_value)[n - 1] = '\0';
        (*ret_value)++;
    }
    return (*ret_key)[0] != '\0';
}

static gboolean load_file(Settings *settings, const char *path, GError **error) {
    g_autofree char *text = NULL;
    g_autoptr(GError) why = NULL;
    if (!g_file_get_contents(path, &text, NULL, &why)) {
        g_set_error(error, FAULT, FAULT_SETUP, "cannot read the settings file: %s", why->message);
        return FALSE;
    }
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
    for (guint i = 0; lines[i] != NULL; i++) {
        char *line = g_strstrip(lines[i]), *key, *value;
        if (line[0] == '\0' || line[0] == '#') continue;
        g_autofree char *where = g_strdup_printf("%s:%u", path, i + 1);
        if (!split(line, &key, &value)) {
            g_set_error(error, FAULT, FAULT_BAD_INPUT, "%s: \"%s\" is no \"key = value\"", where, line);
            return FALSE;
        }
        if (!put(settings, where, key, value, error)) return FALSE;
    }
    return TRUE;
}

static gboolean check_whole(const Settings *settings, GError **error) {
    const char *why = NULL;
    if (settings->media_port_max < settings->media_port_min)
        why = "media.port_max is below media.port_min";
    else if ((settings->tls_cert[0] == '\0') != (settings->tls_key[0] == '\0'))
        why = "tls.cert and tls.key go together";
    else if (strcmp(settings->meeting_language, "vi") != 0 && strcmp(settings->meeting_language, "en") != 0)
        why = "meeting.language must be vi or en";
    else if (!g_strv_contains((const char *const[]){ "debug", "info", "warn", "error", NULL },
                              settings->log_level))
        why = "log.level must be debug, info, warn or error";
    if (why != NULL) g_set_error(error, FAULT, FAULT_BAD_INPUT, "settings: %s", why);
    return why == NULL;
}

Settings *settings_load(const char *path, const char *const *overrides, GError **error) {
    g_autoptr(Settings) settings = g_new0(Settings, 1);
    for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
        if (rows[i].kind == KIND_TEXT)
            put_text(settings, &rows[i], rows[i].text);
        else
            put_number(settings, &rows[i], rows[i].number);
    }
    if (path != NULL && !load_file(settings, path, error)) return NULL;
    for (guint i = 0; overrides != NULL && overrides[i] != NULL; i++) {
        g_autofree char *line = g_strdup(overrides[i]);
        char *key, *value;
        if (!split(line, &key, &value)) {
            g_set_error(error, FAULT, FAULT_BAD_INPUT, "--set: \"%s\" is no key=value", overrides[i]);
            return NULL;
        }
        if (!put(settings, "--set", key, value, error)) return NULL;
    }
    if (!check_whole(settings, error)) return NULL;
    return g_steal_pointer(&settings);
}

void settings_free(Settings *settings) {
    if (settings == NULL) return;
    for (guint i = 0; i < G_N_ELEMENTS(rows); i++)
        if (rows[i].kind == KIND_TEXT) g_free(*text_of(settings, &rows[i]));
    g_free(settings);
}

static char *value_text(const Settings *settings, const Row *row) {
    if (row->kind == KIND_TEXT) return g_strdup(*text_of(settings, row));
    if (row->kind == KIND_SWITCH) return g_strdup(number_of(settings, row) ? "true" : "false");
    return g_strdup_printf("%" G_GINT64_FORMAT, number_of(settings, row));
}

static gboolean is_default(const Settings *settings, const Row *row) {
    if (row->kind == KIND_TEXT) return strcmp(*text_of(settings, row), row->text) == 0;
    return number_of(settings, row) == row->number;
}

void settings_print(const Settings *settings, FILE *out) {
    for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
        const Row *row = &rows[i];
        g_autofree char *value = value_text(settings, row);
        fprintf(out, "# %s", row->sentence);
        if (row->kind == KIND_NUMBER)
            fprintf(out, " (%" G_GINT64_FORMAT " to %" G_GINT64_FORMAT ")", row->least, row->most);
        fprintf(out, "\n%s%s = %s\n\n", is_default(settings, row) ? "#" : "", row->key, value);
    }
}

char *settings_value(const Settings *settings, const char *key) {
    const Row *row = find_row(key);
    return row != NULL ? value_text(settings, row) : NULL;
}

char **settings_overrides(const Settings *settings) {
    g_autoptr(GStrvBuilder) list = g_strv_builder_new();
    for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
        if (is_default(settings, &rows[i])) continue;
        g_autofree char *value = value_text(settings, &rows[i]);
        g_autofree char *line = g_strdup_printf("%s=%s", rows[i].key, value);
        g_strv_builder_add(list, line);
    }
    return g_strv_builder_end(list);
}
