/* rounds.c -- see rounds.h. */
#include "bridge/policy/rounds.h"

enum { FIRST_ROOM = 16 };

void rounds_clear(Rounds *rounds) {
    g_assert(rounds->n == 0);
    g_clear_pointer(&rounds->list, g_free);
    rounds->room = 0;
}

void rounds_add(Rounds *rounds, gpointer who, guint *place) {
    if (rounds->n == rounds->room) {
        rounds->room = MAX(FIRST_ROOM, 2 * rounds->room);
        rounds->list = g_renew(Round, rounds->list, rounds->room);
    }
    *place = rounds->n;
    rounds->list[rounds->n++] = (Round){ .who = who, .place = place };
}

void rounds_remove(Rounds *rounds, guint place) {
    g_assert(place < rounds->n);
    Round last = rounds->list[--rounds->n];
    rounds->list[place] = last;
    *last.place = place;
}
