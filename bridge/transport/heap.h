/* heap.h -- the timers of a loop, nearest first: a binary heap that knows where each timer is, so that moving one costs
 * O(log n). */
#pragma once

#include "bridge/transport/loop.h"

typedef struct {
    LoopTimer **timers; /* timers[1 .. n_timers] */
    guint n_timers, capacity;
} Heap;

void heap_clear(Heap *heap);
void heap_set(Heap *heap, LoopTimer *timer, gint64 due_us); /* adds or moves */
void heap_remove(Heap *heap, LoopTimer *timer);             /* not inside is fine */
LoopTimer *heap_peek(const Heap *heap);                     /* the nearest, or NULL */
