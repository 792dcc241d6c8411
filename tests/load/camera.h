/* camera.h -- what an endpoint has to send, made once by a thread in the background and kept over reconnects: its picture in
 * two layers, each in the sizes and frame rates that a server may ask for, and its voice. Each is made when first asked for. */
#pragma once

#include "tests/load/picture.h"
#include "tests/load/probe.h"
#include "tests/load/voice.h"

enum { CAMERA_THUMBNAIL, CAMERA_MAIN, CAMERA_LAYERS };
enum { CAMERA_VARIANTS = 23 }; /* thumbnails by size and frame rate, main pictures by size and frame rate */

/* What the server asks of a layer. 0: not said. */
typedef struct {
    gboolean active;
    guint width, height, fps, max_bps;
} LayerWish;

typedef struct Workshop Workshop; /* the threads that draw and encode */

typedef struct {
    guint number;
    char *name;
    Workshop *workshop;
    PictureLoop *loops[CAMERA_VARIANTS]; /* read with camera_loop */
    VoiceLoop *voice;
    Probe *probe; /* makes the large picture and the voice instead; borrowed, NULL for nearly all */
    gint asked[CAMERA_VARIANTS], asked_voice;
} Camera;

/* silence is shared by all. */
Workshop *workshop_new(guint n_threads);
void workshop_free(Workshop *workshop); /* ends what is under way; cameras after it; NULL is fine */
const VoiceLoop *workshop_silence(const Workshop *workshop);
guint workshop_n_waiting(const Workshop *workshop);

/* The most that CAMERA_MAIN is for all cameras made from now on: "1280x720@25:1500" (kbit/s). FALSE: malformed. */
gboolean camera_set_main(const char *text);

/* Which variant serves a wish best: as large as is asked for or else as the camera can, not more frames and bits than are
 * asked for where there is a choice. wish NULL: the layer as good as it gets. */
guint camera_variant(guint layer, const LayerWish *wish);
guint camera_variant_bps(guint variant);

Camera *camera_new(Workshop *workshop, guint number, const char *name);
void camera_free(Camera *camera); /* NULL is fine */

/* NULL until it is made; asking starts it. */
const PictureLoop *camera_loop(Camera *camera, guint variant);
const VoiceLoop *camera_voice(Camera *camera);
