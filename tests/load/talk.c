/* talk.c -- see talk.h. The k-th of K places changes hands every spurt, the places one after the other, so that there is
 * always somebody beginning, somebody in the middle and somebody about to end. */
#include "tests/load/talk.h"

#include "config/fault.h"

#include <string.h>

static gboolean read_fixed(const char *text, TalkSchedule *schedule) {
    g_auto(GStrv) words = g_strsplit(text, ",", -1);
    for (guint i = 0; words[i] != NULL; i++) {
        guint64 number;
        if (schedule->n_fixed == G_N_ELEMENTS(schedule->fixed)) return FALSE;
        if (!g_ascii_string_to_unsigned(words[i], 10, 0, 100000, &number, NULL)) return FALSE;
        schedule->fixed[schedule->n_fixed++] = (guint)number;
    }
    return schedule->n_fixed > 0;
}

gboolean talk_read(const char *text, TalkSchedule *ret_schedule, GError **error) {
    TalkSchedule schedule = { .spurt_us = G_USEC_PER_SEC };
    const char *colon = strchr(text, ':');
    guint64 at_once, spurt_s;
    gboolean ok = TRUE;
    if (strcmp(text, "all") == 0) {
        schedule.all = TRUE;
    } else if (colon != NULL) {
        g_autofree char *first = g_strndup(text, (gsize)(colon - text));
        ok = g_ascii_string_to_unsigned(first, 10, 1, 64, &at_once, NULL) &&
             g_ascii_string_to_unsigned(colon + 1, 10, 1, 3600, &spurt_s, NULL);
        if (ok) schedule.at_once = (guint)at_once;
        if (ok) schedule.spurt_us = (gint64)spurt_s * G_USEC_PER_SEC;
    } else if (strcmp(text, "none") != 0) {
        ok = read_fixed(text, &schedule);
    }
    if (ok)
        *ret_schedule = schedule;
    else
        g_set_error(error, FAULT, FAULT_BAD_INPUT,
                    "--talk %s: want none, all, HOWMANY:SECONDS as 4:6, or numbers as 0,3,7", text);
    return ok;
}

gboolean talk_is_on(const TalkSchedule *schedule, guint i, guint n, gint64 time_us, gint64 *ret_since_us) {
    guint at_once = MIN(schedule->at_once, n);
    *ret_since_us = time_us;
    if (schedule->all) return TRUE;
    for (guint k = 0; k < schedule->n_fixed; k++)
        if (schedule->fixed[k] == i) return TRUE;
    for (guint k = 0; k < at_once; k++) {
        gint64 shifted_us = time_us + k * schedule->spurt_us / at_once;
        guint64 turn = (guint64)(shifted_us / schedule->spurt_us);
        if ((turn * at_once + k) % n != i) continue;
        *ret_since_us = MIN(time_us, shifted_us % schedule->spurt_us);
        return TRUE;
    }
    return FALSE;
}
