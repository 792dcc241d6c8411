/* slowing.h -- counts failures by a key (account, address, token's beginning) and says how long to wait. Pure but for memory;
 * time is an argument. Successes are never counted, so that 200 rooms behind one address do not lock each other out. */
#pragma once

#include <glib.h>

typedef struct Slowing Slowing;
enum { SLOWING_KEYS_MAX = 20000, SLOWING_WINDOW_MS = 60000 };

Slowing *slowing_new(void);
void slowing_free(Slowing *slowing);
/* Seconds this key still has to wait, 0 = may try. */
guint slowing_wait_s(Slowing *slowing, const char *kind, const char *key, guint n_free, gint64 now_ms);
/* After n_free failures within a minute each further one doubles the wait: 1, 2, 4 .. 60 s. */
void slowing_failed(Slowing *slowing, const char *kind, const char *key, gint64 now_ms);
/* Takes one failure back: what was counted ahead turned out right. */
void slowing_forgive(Slowing *slowing, const char *kind, const char *key);
void slowing_succeeded(Slowing *slowing, const char *kind, const char *key);
