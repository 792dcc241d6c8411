/* needs.h -- pure: how large a camera is shown -> what it should send. Two layers, low to high: `t` thumbnail, `m` main.
 * What is not shown is not sent; what is shown small is not sent large. */
#pragma once

#include <glib.h>

typedef struct {
    gboolean active;
    guint width, height, fps, max_bps;
} LayerNeed;

typedef struct {
    LayerNeed thumbnail, main;
} CameraNeed;

enum { NEED_THUMBNAIL_WIDTH_MAX = 200, NEED_REST_FPS = 1 };

/* width x height: the largest tile that shows the camera now, 0 x 0: nowhere; fps: the highest frame rate of the views that show
 * it; thumbnail_fps: what thumbnails may have at most. */
CameraNeed camera_need(guint width, guint height, guint fps, guint thumbnail_fps);
gboolean camera_need_equal(const CameraNeed *a, const CameraNeed *b);

/* What a client without layers (WHIP) is capped to, for REMB. */
guint camera_need_bps(const CameraNeed *need);
