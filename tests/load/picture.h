/* picture.h -- the camera of a simulated endpoint: a short loop of VP8 frames, drawn and encoded once, sent for ever.
 * Each endpoint's picture is its own: name, number, a colour, a clock hand that goes round once per loop, and a strip of
 * ten light and dark cells that holds the number, so that a test can read from a composed picture who is in it. */
#pragma once

#include <glib.h>

enum { PICTURE_CODE_CELLS = 10 }; /* a light one, 8 bits of the number, their parity */

typedef struct {
    guint width, height, fps, n_frames;
    guint32 *offsets; /* n_frames + 1 */
    guint8 *bytes;    /* frame i: bytes[offsets[i]] to bytes[offsets[i + 1]]; frame 0 is the keyframe */
} PictureLoop;

/* Any thread. (transfer full); NULL: the encoder refused. */
PictureLoop *picture_loop_new(guint number, const char *name, guint width, guint height, guint fps,
                              guint n_frames, guint bitrate_bps);
void picture_loop_free(PictureLoop *loop); /* NULL is fine */

/* The background colour of a number, as 8 bit YUV (BT.601, limited range). */
void picture_colour(guint number, guint8 ret_yuv[3]);

/* Reads the strip out of a tile of an I420 picture: who is it? -1: no strip there. colour_right: the background agrees. */
gint picture_read_code(const guint8 *const planes[3], const gint strides[3], guint x, guint y, guint width,
                       guint height, gboolean *ret_colour_right);
