/* rounds.h -- pure: whom a beat has to look at. The times lie side by side, so that a beat passes over those who need nothing
 * without touching what is theirs: two hundred of them, two hundred times a second. Owned by one thread. */
#pragma once

#include <glib.h>

typedef struct {
    gint64 due_us; /* 0: at once */
    gpointer who;
    guint *place; /* the owner's: index of this here */
} Round;

typedef struct {
    Round *list;
    guint n, room;
} Rounds;

void rounds_clear(Rounds *rounds); /* of nobody any more */

/* Due at once. place: where the owner keeps its index, as long as it is in here. */
void rounds_add(Rounds *rounds, gpointer who, guint *place);
void rounds_remove(Rounds *rounds, guint place); /* the last one takes its place */

/* Due at at_us if it was to be later. */
static inline void rounds_hasten(Rounds *rounds, guint place, gint64 at_us) {
    if (rounds->list[place].due_us > at_us) rounds->list[place].due_us = at_us;
}
