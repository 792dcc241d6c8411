/* turn.h -- pure: pages that follow each other by the clock. Which page is shown is a function of start, interval and now: nobody
 * tells it step by step, and two programs that know the same three numbers agree. Times are UTC in milliseconds. */
#pragma once

#include <glib.h>

enum { TURN_EVERY_MS_MIN = 3000, TURN_EVERY_MS_MAX = 600000 };

typedef struct {
    gint64 start_ms, every_ms; /* every_ms 0: nothing turns, the first page stands */
    gint64 held;               /* the turn that is held; -1: it goes on */
} Turn;

gboolean turn_equal(const Turn *a, const Turn *b);
/* Turns since the start, from 0; before the start 0. */
gint64 turn_number(const Turn *turn, gint64 now_ms);
/* When the next turn begins; G_MAXINT64 while none comes. */
gint64 turn_next_ms(const Turn *turn, gint64 now_ms);

/* Holds it where it is, lets it go on from there with a whole interval, or goes `steps` pages on (back: negative). */
Turn turn_hold(const Turn *turn, gint64 now_ms);
Turn turn_go_on(const Turn *turn, gint64 now_ms);
Turn turn_step(const Turn *turn, gint64 steps, gint64 now_ms);

/* Pages of per_page that n_items need, at least one. */
guint turn_n_pages(guint n_items, guint per_page);
/* The page of a turn, and which items stand on it. */
guint turn_page(gint64 number, guint n_pages);
guint turn_items(guint n_items, guint per_page, guint page, guint *ret_first);
