/* heap.c -- see heap.h. */
#include "bridge/transport/heap.h"

static void put(Heap *heap, guint place, LoopTimer *timer) {
    heap->timers[place] = timer;
    timer->place = place;
}

static void sift_up(Heap *heap, guint place) {
    LoopTimer *timer = heap->timers[place];
    while (place > 1 && heap->timers[place / 2]->due_us > timer->due_us) {
        put(heap, place, heap->timers[place / 2]);
        place /= 2;
    }
    put(heap, place, timer);
}

static void sift_down(Heap *heap, guint place) {
    LoopTimer *timer = heap->timers[place];
    while (place * 2 <= heap->n_timers) {
        guint child = place * 2;
        if (child < heap->n_timers && heap->timers[child + 1]->due_us < heap->timers[child]->due_us) child++;
        if (heap->timers[child]->due_us >= timer->due_us) break;
        put(heap, place, heap->timers[child]);
        place = child;
    }
    put(heap, place, timer);
}

void heap_clear(Heap *heap) {
    for (guint i = 1; i <= heap->n_timers; i++) heap->timers[i]->place = 0;
    g_clear_pointer(&heap->timers, g_free);
    heap->n_timers = heap->capacity = 0;
}

void heap_set(Heap *heap, LoopTimer *timer, gint64 due_us) {
    timer->due_us = due_us;
    if (timer->place == 0) {
        if (heap->n_timers + 1 >= heap->capacity) {
            heap->capacity = MAX(16, heap->capacity * 2);
            heap->timers = g_renew(LoopTimer *, heap->timers, heap->capacity);
        }
        put(heap, ++heap->n_timers, timer);
    }
    sift_up(heap, timer->place);
    sift_down(heap, timer->place);
}

void heap_remove(Heap *heap, LoopTimer *timer) {
    guint place = timer->place;
    if (place == 0) return;
    timer->place = 0;
    LoopTimer *last = heap->timers[heap->n_timers--];
    if (last == timer) return;
    put(heap, place, last);
    sift_up(heap, place);
    sift_down(heap, last->place);
}

LoopTimer *heap_peek(const Heap *heap) { return heap->n_timers > 0 ? heap->timers[1] : NULL; }
