/* overload.c -- see overload.h. */
#include "bridge/policy/overload.h"

enum { SPEED_MAX = 16, SMALL_HEIGHT = 360 };

guint overload_encoder_speed(guint at_rest, guint step, guint height) {
    step = MIN(step, OVERLOAD_ENCODER_STEPS - 1);
    return MIN(at_rest + (height <= SMALL_HEIGHT ? step : 2 * step), MAX(at_rest, SPEED_MAX));
}
