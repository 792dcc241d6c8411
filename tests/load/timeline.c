/* timeline.c -- see timeline.h. */
#include "tests/load/timeline.h"

#include "config/fault.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum { PAUSE_US = 300 * 1000 };

struct Timeline {
    FILE *file;
};

Timeline *timeline_open(const char *path, GError **error) {
    FILE *file = fopen(path, "we");
    if (file == NULL) {
        g_set_error(error, FAULT, FAULT_SETUP, "cannot write %s: %s", path, g_strerror(errno));
        return NULL;
    }
    Timeline *timeline = g_new0(Timeline, 1);
    timeline->file = file;
    return timeline;
}

void timeline_close(Timeline *timeline) {
    if (timeline == NULL) return;
    (void)fclose(timeline->file);
    g_free(timeline);
}

static void tell(Timeline *timeline, const char *what, guint number, gint64 from_us, gint64 at_us) {
    fprintf(timeline->file,
            "{\"t\":\"%s\",\"n\":%u,\"from_us\":%" G_GINT64_FORMAT ",\"at_us\":%" G_GINT64_FORMAT "}\n", what,
            number, from_us, at_us);
}

static void follow(Timeline *timeline, const char *what, guint number, gint64 *mark_us, gint64 last_us) {
    if (last_us == *mark_us) return;
    if (*mark_us == 0 || last_us - *mark_us >= PAUSE_US) tell(timeline, what, number, *mark_us, last_us);
    *mark_us = last_us;
}

void timeline_follow(Timeline *timeline, TimelineMark *mark, const TimelineNews *news, gint64 now_us) {
    if (!mark->started && news->started_us != 0) {
        mark->started = TRUE;
        tell(timeline, "start", news->number, 0, news->started_us);
    }
    follow(timeline, "voice", news->number, &mark->voice_us, news->received->last_audio_us);
    follow(timeline, "picture", news->number, &mark->picture_us, news->received->last_frame_us);
    if (news->joined) follow(timeline, "control", news->number, &mark->control_us, now_us);
}

static void finish(Timeline *timeline, const char *what, guint number, gint64 mark_us, gint64 now_us) {
    if (mark_us != 0 && now_us - mark_us >= PAUSE_US) tell(timeline, what, number, mark_us, now_us);
}

void timeline_finish(Timeline *timeline, const TimelineMark *mark, guint number, gint64 now_us) {
    finish(timeline, "voice", number, mark->voice_us, now_us);
    finish(timeline, "picture", number, mark->picture_us, now_us);
    finish(timeline, "control", number, mark->control_us, now_us);
}
