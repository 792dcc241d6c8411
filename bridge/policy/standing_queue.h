/* standing_queue.h -- pure: do packets wait in the line, and for how long? The shortest delay of the last moments against the
 * shortest of the last half minute (draft-ietf-aqm-codel): jitter and single large packets leave short delays in between, a
 * queue that stands leaves none. A full one grows no more, so its trend (delay_trend.h) says nothing, and what it loses looks
 * like chance. */
#pragma once

#include <glib.h>

typedef struct {
    gint64 moment_us; /* how long a moment is; 0: not begun */
    gint64 base_us[2], base_from_us;
    gint64 least_us[2], least_from_us; /* of this moment and the one before; G_MAXINT64: none came */
} StandingQueue;

void standing_queue_init(StandingQueue *queue, gint64 moment_us);
/* delay_us: from any origin, one way or round. at_us: when it was measured, by the clock of the other times given. */
void standing_queue_note(StandingQueue *queue, gint64 delay_us, gint64 at_us);
/* How long each packet waits at least, beyond what the line takes anyway; 0: not known. */
gint64 standing_queue_us(const StandingQueue *queue, gint64 at_us);
/* How long each waited at least a moment ago: of a queue that is draining. What it lets through first shows how long the line
 * itself takes. */
gint64 standing_queue_before_us(const StandingQueue *queue, gint64 at_us);
/* How much longer than the shortest of the last half minute a delay is. */
gint64 standing_queue_over_us(const StandingQueue *queue, gint64 delay_us);
/* The line is another one, or may be. */
void standing_queue_forget(StandingQueue *queue);
