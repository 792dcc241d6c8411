/* log.c -- lines are made on the caller's thread, written on one of our own, so that a slow disk or terminal stops nobody. */
#include "config/log.h"

#include <string.h>
#include <unistd.h>

enum { LINES_MAX = 4096, LINE_BYTES_MAX = 2048 };

static struct {
    GMutex lock;
    GCond news;
    GThread *writer;
    GQueue lines;
    gboolean open;
    guint n_lost;
    int fd;
    LogLevel least;
    const char *program;
} out = { .lines = G_QUEUE_INIT };

static const char *const level_words[] = { "debug", "info", "warn", "error", [LOG_ALWAYS] = "info" };
static const char *const secret_keys[] = { "token=", "password=", "pwd=", "secret=", "cookie=", "key=" };

LogLevel log_level_from_word(const char *word, LogLevel fallback) {
    for (guint i = 0; i < G_N_ELEMENTS(level_words); i++)
        if (g_strcmp0(word, level_words[i]) == 0) return (LogLevel)i;
    return fallback;
}

static void write_whole(int fd, const char *text) {
    for (gsize left = strlen(text); left > 0;) {
        gssize n = write(fd, text, left);
        if (n <= 0) return;
        text += n;
        left -= (gsize)n;
    }
}

static gpointer write_lines(gpointer unused) {
    (void)unused;
    g_mutex_lock(&out.lock);
    for (;;) {
        while (out.open && g_queue_is_empty(&out.lines)) g_cond_wait(&out.news, &out.lock);
        char *line = g_queue_pop_head(&out.lines);
        if (line == NULL) break; /* closed and empty */
        guint n_lost = out.n_lost;
        out.n_lost = 0;
        g_mutex_unlock(&out.lock);
        write_whole(out.fd, line);
        g_free(line);
        if (n_lost > 0) {
            g_autofree char *note = g_strdup_printf("warn log.lost lines=%u\n", n_lost);
            write_whole(out.fd, note);
        }
        g_mutex_lock(&out.lock);
    }
    g_mutex_unlock(&out.lock);
    return NULL;
}

void log_open(const char *program, LogLevel least, int fd) {
    g_mutex_lock(&out.lock);
    g_assert(!out.open);
    out.program = program;
    out.least = least;
    out.fd = fd;
    out.open = TRUE;
    g_mutex_unlock(&out.lock);
    out.writer = g_thread_new("log", write_lines, NULL);
}

void log_close(void) {
    g_mutex_lock(&out.lock);
    gboolean was_open = out.open;
    out.open = FALSE;
    g_cond_signal(&out.news);
    g_mutex_unlock(&out.lock);
    if (was_open) g_thread_join(out.writer);
}

/* A value runs to the next space; one in quotes to the next quote. */
static void mask_secrets(char *text) {
    for (guint i = 0; i < G_N_ELEMENTS(secret_keys); i++) {
        for (char *at = text; (at = strstr(at, secret_keys[i])) != NULL;) {
            gboolean whole_word = at == text || at[-1] == ' ' || at[-1] == '_';
            at += strlen(secret_keys[i]);
            char end = ' ';
            if (*at == '"') {
                end = '"';
                at++;
            }
            for (; whole_word && *at != '\0' && *at != end; at++) *at = '*';
        }
    }
}

void log_line(LogLevel level, const char *event, const char *format, ...) {
    if (!out.open || level < out.least) return;
    char text[LINE_BYTES_MAX];
    va_list values;
    va_start(values, format);
    g_vsnprintf(text, sizeof text, format, values);
    va_end(values);
    mask_secrets(text);
    for (char *at = text; *at != '\0'; at++)
        if ((guchar)*at < 0x20 || *at == 0x7f)
            *at = ' '; /* one event, one line; no terminal tricks from outside */

    g_autoptr(GDateTime) now = g_date_time_new_now_utc();
    g_autofree char *when = g_date_time_format(now, "%Y-%m-%dT%H:%M:%S");
    char *line = g_strdup_printf("%s.%03dZ %s %s %s%s%s\n", when, g_date_time_get_microsecond(now) / 1000,
                                 out.program, level_words[level], event, text[0] != '\0' ? " " : "", text);
    g_mutex_lock(&out.lock);
    if (out.open && g_queue_get_length(&out.lines) < LINES_MAX) {
        g_queue_push_tail(&out.lines, line);
        line = NULL;
    } else {
        out.n_lost++;
    }
    g_cond_signal(&out.news);
    g_mutex_unlock(&out.lock);
    g_free(line);
}

gboolean log_limiter_pass(LogLimiter *limiter, gint64 now_us) {
    if (now_us < limiter->next_us) {
        limiter->n_swallowed++;
        return FALSE;
    }
    limiter->n_swallowed_last = limiter->n_swallowed;
    limiter->n_swallowed = 0;
    limiter->next_us = now_us + G_USEC_PER_SEC;
    return TRUE;
}
