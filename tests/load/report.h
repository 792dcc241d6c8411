/* report.h -- adds up what all endpoints counted between two moments, for a table and for JSON. */
#pragma once

#include "tests/load/endpoint.h"
#include "tests/load/options.h"
#include "tests/load/process_usage.h"

#include <jansson.h>
#include <stdio.h>

enum { FPS_MAX = 64 };

typedef struct Report Report;

Report *report_new(const Options *options, Endpoint **endpoints, guint n_endpoints);
void report_free(Report *report); /* NULL is fine */
/* One more endpoint, borrowed, which is none of the rooms: its figures are told apart, as console_... */
void report_follow_console(Report *report, Endpoint *console);

/* The measuring window begins: everything before is forgotten, joins excepted. */
void report_begin(Report *report, gint64 now_us);
gboolean report_has_begun(const Report *report);
/* Once a second: frames per second of every endpoint go into the distribution. */
void report_second(Report *report, gint64 now_us);

/* The numbers so far. (transfer full) */
json_t *report_make(Report *report, gint64 now_us);
void report_print(const json_t *result, FILE *out);

guint report_n_live(const Report *report);     /* endpoints with media */
guint report_n_watching(const Report *report); /* endpoints that have seen a whole picture */
