/* turn.c -- see turn.h. */
#include "config/turn.h"

gboolean turn_equal(const Turn *a, const Turn *b) {
    return a->start_ms == b->start_ms && a->every_ms == b->every_ms && a->held == b->held;
}

gint64 turn_number(const Turn *turn, gint64 now_ms) {
    if (turn->held >= 0) return turn->held;
    if (turn->every_ms <= 0 || now_ms <= turn->start_ms) return 0;
    return (now_ms - turn->start_ms) / turn->every_ms;
}

gint64 turn_next_ms(const Turn *turn, gint64 now_ms) {
    if (turn->held >= 0 || turn->every_ms <= 0) return G_MAXINT64;
    return turn->start_ms + (turn_number(turn, now_ms) + 1) * turn->every_ms;
}

Turn turn_hold(const Turn *turn, gint64 now_ms) {
    Turn held = *turn;
    held.held = turn_number(turn, now_ms);
    return held;
}

Turn turn_go_on(const Turn *turn, gint64 now_ms) {
    Turn running = *turn;
    if (turn->held < 0) return running;
    running.start_ms = now_ms - turn->held * turn->every_ms;
    running.held = -1;
    return running;
}

Turn turn_step(const Turn *turn, gint64 steps, gint64 now_ms) {
    /* Back from the first page there is nothing: who knows how many pages there are goes forward instead. */
    Turn stepped = turn_hold(turn, now_ms);
    stepped.held = MAX(stepped.held + steps, 0);
    return turn->held >= 0 ? stepped : turn_go_on(&stepped, now_ms);
}

guint turn_n_pages(guint n_items, guint per_page) {
    if (per_page == 0 || n_items == 0) return 1;
    return (n_items + per_page - 1) / per_page;
}

guint turn_page(gint64 number, guint n_pages) {
    return n_pages > 0 && number > 0 ? (guint)(number % n_pages) : 0;
}

guint turn_items(guint n_items, guint per_page, guint page, guint *ret_first) {
    *ret_first = MIN(page * per_page, n_items);
    return MIN(per_page, n_items - *ret_first);
}
