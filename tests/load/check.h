/* check.h -- looks at what a sampled endpoint really sees and hears: decodes the program and reads the strips in its tiles,
 * decodes the sound and listens for each speaker's tone and for the absence of its own. One thread. */
#pragma once

#include "tests/load/talk.h"

typedef struct Check Check;

typedef struct {
    guint64 n_pictures, n_decode_errors, n_looks;   /* looks: pictures that were searched for strips */
    guint64 n_tiles, n_tiles_read, n_colours_right; /* of the layout that fits best, at each look */
    guint64 n_speakers, n_speakers_seen;            /* speaking for 4 s or more, and with a tile */
    guint64 n_windows, n_tones, n_tones_heard; /* windows of sound; others' tones due and found in them */
    guint64 n_own_windows, n_own_heard;        /* while it speaks itself */
    guint width, height;
} CheckStats;

/* i: which endpoint of n this is; numbers: of all endpoints (borrowed); schedule: borrowed. */
Check *check_new(guint i, guint n, const guint *numbers, const TalkSchedule *schedule, gint64 epoch_us,
                 CheckStats *stats);
void check_free(Check *check); /* NULL is fine */
/* The picture of the last look becomes this PNG file when the check is freed. path: borrowed; NULL: no. */
void check_save_to(Check *check, const char *path);
void check_layout(Check *check, const char *layout);
void check_frame(Check *check, const guint8 *bytes, gsize n_bytes, gint64 now_us);
void check_voice(Check *check, const guint8 *bytes, gsize n_bytes, guint32 rtp_time, gint64 now_us);
