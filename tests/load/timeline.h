/* timeline.h -- writes down when rooms began to hear and see, and every pause since, one JSON object per line, on the
 * monotonic clock of the machine, so that a benchmark can set it against the moment when it broke something. One thread. */
#pragma once

#include "tests/load/receiver.h"

typedef struct Timeline Timeline;

/* What is remembered of one endpoint. */
typedef struct {
    gint64 voice_us, picture_us, control_us; /* last heard, last seen, last in the meeting; 0: never */
    gboolean started;
} TimelineMark;

/* What happened to an endpoint up to now; stats are those of its receiver. */
typedef struct {
    guint number;
    gint64 started_us; /* of its join; 0: not yet */
    gboolean joined;   /* it sits in the meeting and signaling answers */
    const ReceiverStats *received;
} TimelineNews;

/* NULL: FAULT_SETUP. */
Timeline *timeline_open(const char *path, GError **error);
void timeline_close(Timeline *timeline); /* NULL is fine */

/* At every turn. Lines: {"t":"start|voice|picture|control","n":number,"from_us":before,"at_us":now}. from_us is 0 for the
 * first; voice and picture are written when they come after a pause of 300 ms or more. */
void timeline_follow(Timeline *timeline, TimelineMark *mark, const TimelineNews *news, gint64 now_us);
/* The run is over: what is still missing counts as a pause up to now. */
void timeline_finish(Timeline *timeline, const TimelineMark *mark, guint number, gint64 now_us);
