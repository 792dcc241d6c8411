/* probe.h -- pure: when to try whether the line has room for the next level. A probe costs a fraction of a second of more
 * packets, which nobody sees; after one that failed the next of about as much waits twice as long, up to a minute. */
#pragma once

#include <glib.h>

enum { PROBE_US = 400000, PROBE_EVERY_US_MIN = 6000000, PROBE_EVERY_US_MAX = 60000000 };

typedef struct {
    gint64 ended_us, failed_us, every_us; /* every: after a failure, 0: there was none */
    gint64 clean_since_us;
    guint32 failed_bps; /* target of the last failure, 0: none */
    guint32 held_bps;   /* of the last success, since the last failure */
    gboolean climbing;
} Probe; /* zero-initialise */

/* Every few 100 ms while feedback comes. wanted_bps: what the next level needs in all, 0: there is none; has_bps: the estimate;
 * known_bps: what gets through now. Returns what to send in all, or 0: not now. */
guint32 probe_due(Probe *probe, guint32 wanted_bps, guint32 has_bps, guint32 known_bps, gboolean clean,
                  gint64 now_us);
void probe_ended(Probe *probe, gboolean held, guint32 target_bps, gint64 now_us);
