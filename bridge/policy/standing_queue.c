/* standing_queue.c -- see standing_queue.h. */
#include "bridge/policy/standing_queue.h"

static const gint64 BASE_US = 20 * G_USEC_PER_SEC; /* a longer way is believed after one to two of these */
static const gint64 SILENT = 4;                    /* so many moments without a word: nothing is known */

void standing_queue_init(StandingQueue *queue, gint64 moment_us) {
    *queue = (StandingQueue){ .moment_us = moment_us,
                              .base_us = { G_MAXINT64, G_MAXINT64 },
                              .least_us = { G_MAXINT64, G_MAXINT64 } };
}

void standing_queue_forget(StandingQueue *queue) { standing_queue_init(queue, queue->moment_us); }

static void turn(gint64 *two_us, gint64 *from_us, gint64 at_us, gint64 length_us) {
    if (*from_us != 0 && at_us - *from_us < length_us) return;
    two_us[1] = *from_us != 0 && at_us - *from_us < 2 * length_us ? two_us[0] : G_MAXINT64;
    two_us[0] = G_MAXINT64;
    *from_us = at_us;
}

void standing_queue_note(StandingQueue *queue, gint64 delay_us, gint64 at_us) {
    turn(queue->base_us, &queue->base_from_us, at_us, BASE_US);
    turn(queue->least_us, &queue->least_from_us, at_us, queue->moment_us);
    queue->base_us[0] = MIN(queue->base_us[0], delay_us);
    queue->least_us[0] = MIN(queue->least_us[0], delay_us);
}

gint64 standing_queue_over_us(const StandingQueue *queue, gint64 delay_us) {
    gint64 base_us = MIN(queue->base_us[0], queue->base_us[1]);
    return base_us == G_MAXINT64 ? 0 : MAX(delay_us - base_us, 0);
}

static gboolean is_known(const StandingQueue *queue, gint64 at_us) {
    /* The moment before is whole; this one alone may have begun with a single late packet. */
    return at_us - queue->least_from_us <= SILENT * queue->moment_us && queue->least_us[1] != G_MAXINT64;
}

gint64 standing_queue_us(const StandingQueue *queue, gint64 at_us) {
    if (!is_known(queue, at_us)) return 0;
    return standing_queue_over_us(queue, MIN(queue->least_us[0], queue->least_us[1]));
}

gint64 standing_queue_before_us(const StandingQueue *queue, gint64 at_us) {
    return is_known(queue, at_us) ? standing_queue_over_us(queue, queue->least_us[1]) : 0;
}
