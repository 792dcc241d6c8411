/* log.h -- one line per event: UTC time, level, event name, key=value pairs.
 * Any thread may log; lines are handed to a writer thread through a bounded queue, so logging never blocks a loop
 * (lines lost to a full queue are counted and told). Values that are secrets must not be given at all; as a second
 * net, keys named token, password, pwd, secret, cookie or key are masked. */
#pragma once

#include <glib.h>

typedef enum { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR, LOG_ALWAYS } LogLevel;

/* Starts the writer thread on file descriptor fd (2 = standard error). program: shown in each line. */
void log_open(const char *program, LogLevel least, int fd);
void log_close(void); /* flushes; later lines are dropped */
LogLevel log_level_from_word(const char *word, LogLevel fallback);

void log_line(LogLevel level, const char *event, const char *format, ...) G_GNUC_PRINTF(3, 4);

#define log_debug(event, ...) log_line(LOG_DEBUG, event, __VA_ARGS__)
#define log_info(event, ...)  log_line(LOG_INFO, event, __VA_ARGS__)
#define log_warn(event, ...)  log_line(LOG_WARN, event, __VA_ARGS__)
#define log_error(event, ...) log_line(LOG_ERROR, event, __VA_ARGS__)
/* Information that must reach the journal whatever log.level says. */
#define log_always(event, ...) log_line(LOG_ALWAYS, event, __VA_ARGS__)

/* At most one pass per interval where packets flow; n_swallowed counts what was held back since the last pass.
 * Zero-initialise. Owned by one thread. */
typedef struct {
    gint64 next_us;
    guint n_swallowed, n_swallowed_last;
} LogLimiter;
gboolean log_limiter_pass(LogLimiter *limiter, gint64 now_us); /* one per second */
