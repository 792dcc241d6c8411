/* talk.h -- who speaks when: a pure function of the schedule, the endpoint and the time. */
#pragma once

#include <glib.h>

typedef struct {
    guint at_once; /* how many at any time; 0: nobody */
    gint64 spurt_us;
    gboolean all;  /* everybody always */
    guint n_fixed; /* these always (numbers from 0) */
    guint fixed[32];
} TalkSchedule;

/* "4:6": four at once, each for 6 s, everybody in turn; "none"; "all"; "0,3,7": these always. FALSE: FAULT_BAD_INPUT. */
gboolean talk_read(const char *text, TalkSchedule *ret_schedule, GError **error);

/* Is endpoint i of n speaking at this time? *ret_since_us: how long already. */
gboolean talk_is_on(const TalkSchedule *schedule, guint i, guint n, gint64 time_us, gint64 *ret_since_us);
