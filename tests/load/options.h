/* options.h -- the command line of diemcau-sim. */
#pragma once

#include <glib.h>

enum { WATCHES_MAX = 8 };

typedef struct {
    char *http;         /* --http */
    char *data;         /* --data: where `diemcau roster link --all` finds the roster */
    char *links;        /* --links FILE: JSON of [{"code","name","url"}] instead */
    char *meeting;      /* --meeting */
    char *talk;         /* --talk */
    char *ice;          /* --ice fast|nice */
    char *json;         /* --json[=FILE]; "-": the last line of standard output */
    char *shape;        /* --shape: a word for the table and the JSON */
    char *picture;      /* --picture FILE.png */
    char *timeline;     /* --timeline FILE */
    char *every;        /* --every FILE */
    char **watch;       /* --watch NAME=PID */
    char *janus;        /* --janus audiobridge|videoroom */
    char *camera;       /* --camera */
    char *console;      /* --console TOKEN */
    char *console_view; /* --console-view VIEW */
    char *layout;       /* --layout WORD */
    gboolean all, each, no_gro, no_picture, probe, clicks, hears, version;
    gint senders;  /* --senders; 0: all */
    gint window_s; /* --window; 0: as --seconds says */
    gint count, seconds, settle_s, sample, join_over_ms, seed, port_min, port_max, remb_kbps;
    double loss;
} Options;

/* FALSE: FAULT_BAD_INPUT or a GOption error, in words. */
gboolean options_read(Options *ret_options, int argc, char **argv, GError **error);
void options_clear(Options *options);
