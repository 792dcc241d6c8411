/* overload.h -- pure: what the machine affords, and what is given up when it does not. Time is an argument. */
#pragma once

#include <glib.h>

/* ---- encoders ---- */

enum { OVERLOAD_ENCODER_STEPS = 4 };

/* VP8 speed of an encoder of that height: `at_rest`, and more under load, in steps 0 to OVERLOAD_ENCODER_STEPS - 1. Small
 * pictures gain little and would show it most. */
guint overload_encoder_speed(guint at_rest, guint step, guint height);
