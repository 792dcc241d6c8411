/* slowing.c -- failures by key. */
#include "signaling/slowing.h"

typedef struct {
    guint n_failures;
    gint64 last_ms;
} Row;

struct Slowing {
    GHashTable *rows; /* "kind:key" -> Row */
};

Slowing *slowing_new(void) {
    Slowing *slowing = g_new0(Slowing, 1);
    slowing->rows = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    return slowing;
}

void slowing_free(Slowing *slowing) {
    if (slowing == NULL) return;
    g_hash_table_destroy(slowing->rows);
    g_free(slowing);
}

static char *name_of(const char *kind, const char *key) {
    g_autofree char *cut = g_strndup(key != NULL ? key : "", 128);
    return g_strconcat(kind, ":", cut, NULL);
}

static gboolean is_old(gpointer name, gpointer row, gpointer now_ms) {
    (void)name;
    return *(const gint64 *)now_ms - ((const Row *)row)->last_ms > SLOWING_WINDOW_MS;
}

guint slowing_wait_s(Slowing *slowing, const char *kind, const char *key, guint n_free, gint64 now_ms) {
    g_autofree char *name = name_of(kind, key);
    const Row *row = g_hash_table_lookup(slowing->rows, name);
    if (row == NULL || row->n_failures < n_free) return 0;
    guint doublings = MIN(row->n_failures - n_free, 6u);
    gint64 until_ms = row->last_ms + MIN(1000ll << doublings, (gint64)SLOWING_WINDOW_MS);
    return now_ms >= until_ms ? 0 : (guint)((until_ms - now_ms + 999) / 1000);
}

void slowing_failed(Slowing *slowing, const char *kind, const char *key, gint64 now_ms) {
    char *name = name_of(kind, key);
    Row *row = g_hash_table_lookup(slowing->rows, name);
    if (row == NULL) {
        /* A flood of made-up names must not fill the memory; when it tries to, the oldest minute is forgotten first. */
        if (g_hash_table_size(slowing->rows) >= SLOWING_KEYS_MAX)
            g_hash_table_foreach_remove(slowing->rows, is_old, &now_ms);
        if (g_hash_table_size(slowing->rows) >= SLOWING_KEYS_MAX) g_hash_table_remove_all(slowing->rows);
        row = g_new0(Row, 1);
        g_hash_table_insert(slowing->rows, name, row);
    } else {
        g_free(name);
        if (now_ms - row->last_ms > SLOWING_WINDOW_MS) row->n_failures = 0;
    }
    row->n_failures++;
    row->last_ms = now_ms;
}

void slowing_succeeded(Slowing *slowing, const char *kind, const char *key) {
    g_autofree char *name = name_of(kind, key);
    g_hash_table_remove(slowing->rows, name);
}

void slowing_forgive(Slowing *slowing, const char *kind, const char *key) {
    g_autofree char *name = name_of(kind, key);
    Row *row = g_hash_table_lookup(slowing->rows, name);
    if (row != NULL && row->n_failures > 0) row->n_failures--;
}
