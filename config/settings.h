/* settings.h -- every setting is one row of a table in settings.c: key, type, default, range, sentence. Loading, range
 * errors, --print-settings and the sample file come from the row. Code receives a const Settings and asks no global. */
#pragma once

#include <glib.h>
#include <stdio.h>

typedef struct {
    /* http */
    char *http_host;        /* http.host: address of the HTTPS socket, "" = all */
    gint64 http_https_port; /* http.https_port: 8443 */
    gint64 http_port;       /* http.port: 8080, loopback only; 0 = off */
    char *
        http_web_root; /* http.web_root: folder of the built pages; "" = beside the program or /usr/share/diemcau/web */
    char *http_public_url; /* http.public_url: what links begin with; "" = https://<first address>:<port> */
    char *http_origins;    /* http.origins: extra allowed Origins (CORS and upgrade), space separated */
    gint64 http_connections_max; /* http.connections_max: 2000 */
    char *metrics_token;         /* metrics.token: bearer for /metrics from elsewhere; "" = loopback only */
    /* tls */
    char *tls_cert, *tls_key; /* tls.cert, tls.key: PEM files; "" = local CA in the data folder */
    char *tls_names;          /* tls.names: extra host names of the local leaf, space separated */
    /* media */
    gint64 media_port_min, media_port_max; /* media.port_min 20000, media.port_max 20999 */
    char *media_addresses;        /* media.addresses: addresses to offer, space separated; "" = found */
    char *media_announce;         /* media.announce: public address behind 1:1 NAT; "" = none */
    gint64 media_workers;         /* media.workers: 2 */
    gint64 media_legs_max;        /* media.legs_max: 600 */
    gboolean media_gso;           /* media.gso: true */
    gboolean bridge_sandbox;      /* bridge.sandbox: true */
    gint64 bridge_budget_percent; /* bridge.budget_percent: 0 = what the machine gives */
    gint64 bridge_orphan_s;       /* bridge.orphan_s: 600, a bridge without link ends itself */
    char *bridge_program;         /* bridge.program: "" = beside this program */
    /* audio */
    gint64 audio_voices_max;  /* audio.voices_max: 8 loudest N mixed beside the floor */
    gint64 audio_bps;         /* audio.bps: 32000 */
    gint64 audio_complexity;  /* audio.complexity: 5 */
    gboolean audio_levelling; /* audio.levelling: true */
    /* video */
    gint64 video_program_fps;      /* video.program_fps: 25 */
    gint64 video_wall_fps;         /* video.wall_fps: 8 */
    gboolean video_1080p;          /* video.1080p: false */
    gint64 video_1080p_bps;        /* video.1080p_bps: 3000000 */
    gint64 video_720p_bps;         /* video.720p_bps: 1500000 */
    gint64 video_360p_bps;         /* video.360p_bps: 500000 */
    gint64 video_180p_bps;         /* video.180p_bps: 120000 */
    gint64 video_presentation_bps; /* video.presentation_bps: 2500000 */
    gint64 video_presentation_fps; /* video.presentation_fps: 15 */
    gint64 video_wall_bps;         /* video.wall_bps: 2500000 */
    gint64 video_wall_1440p_bps;   /* video.wall_1440p_bps: 4000000 */
    gint64 video_encoder_speed;    /* video.encoder_speed: 8, VP8 effort at rest */
    gint64 video_decoders;         /* video.decoders: 2 pool threads */
    /* line */
    gint64 line_up_bps; /* line.up_bps: 0 = not known */
    /* meeting */
    gint64 meeting_seats_max; /* meeting.seats_max: 256 */
    char *meeting_time_zone;  /* meeting.time_zone: Asia/Ho_Chi_Minh */
    char *meeting_language;   /* meeting.language: vi | en */
    /* auth */
    gint64 auth_login_link_s; /* auth.login_link_s: 900 */
    gint64 auth_session_s;    /* auth.session_s: 43200 */
    gint64 auth_attempts;     /* auth.attempts: 5 per minute before slowing */
    /* support */
    char *support_phone; /* support.phone: "" */
    /* log */
    char *log_level; /* log.level: debug|info|warn|error */
    /* trial: what `serve --trial` sets up */
    char *trial_roster; /* trial.roster: CSV imported into an empty roster */
    char *trial_title;  /* trial.title: "Họp thử" */
} Settings;

/* Defaults, then the file (NULL: none; key = value lines, # comments), then the overrides ("key=value", NULL-ended, or NULL).
 * Errors (FAULT_BAD_INPUT) name file, line and key, the range, and for an unknown key the nearest known one. */
Settings *settings_load(const char *path, const char *const *overrides, GError **error);
void settings_free(Settings *settings);

/* Prints every key with sentence, range, default and current value: the sample file is this for defaults. */
void settings_print(const Settings *settings, FILE *out);

/* The value of a key as text, for handing on to a child; NULL when the key is unknown. (transfer full) */
char *settings_value(const Settings *settings, const char *key);

/* All settings that differ from their default, as "key=value" (transfer full, NULL-ended). */
char **settings_overrides(const Settings *settings);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(Settings, settings_free)
