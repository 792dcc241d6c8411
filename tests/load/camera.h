/* camera.h -- what an endpoint has to send, made once by a thread in the background and kept over reconnects: its picture in
 * two sizes and its voice. The large picture and the voice are made when they are first asked for. */
#pragma once

#include "tests/load/picture.h"
#include "tests/load/probe.h"
#include "tests/load/voice.h"

enum { CAMERA_THUMBNAIL, CAMERA_MAIN, CAMERA_LAYERS };

typedef struct Workshop Workshop; /* the threads that draw and encode */

typedef struct {
    guint number;
    char *name;
    Workshop *workshop;
    PictureLoop *loops[CAMERA_LAYERS]; /* read with camera_loop */
    VoiceLoop *voice;
    Probe *probe; /* makes the large picture and the voice instead; borrowed, NULL for nearly all */
    gint asked[CAMERA_LAYERS], asked_voice;
} Camera;

/* silence is shared by all. */
Workshop *workshop_new(guint n_threads);
void workshop_free(Workshop *workshop); /* ends what is under way; cameras after it; NULL is fine */
const VoiceLoop *workshop_silence(const Workshop *workshop);
guint workshop_n_waiting(const Workshop *workshop);

/* What CAMERA_MAIN is for all cameras made from now on: "1280x720@25:1500" (kbit/s). FALSE: malformed. */
gboolean camera_set_main(const char *text);

Camera *camera_new(Workshop *workshop, guint number, const char *name);
void camera_free(Camera *camera); /* NULL is fine */

/* NULL until it is made; asking starts it. */
const PictureLoop *camera_loop(Camera *camera, guint layer);
const VoiceLoop *camera_voice(Camera *camera);
