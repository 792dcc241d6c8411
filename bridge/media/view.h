/* view.h -- one view at work: a thread that ticks on absolute time, its canvas and its rungs. The verbs leave letters for that
 * thread and never wait for it. */
#pragma once

#include "bridge/media/canvas.h"
#include "bridge/media/rung.h"

typedef struct View View;

typedef struct {
    CanvasParts canvas;
    RungParts rung;
} ViewParts;

/* Takes the scene. parts outlive the view. */
View *view_start(const ViewParts *parts, ViewScene *scene, GError **error);
/* Tells the thread to end; view_free joins it, which is quick once view_has_ended. */
void view_end(View *view);
gboolean view_has_ended(const View *view);
void view_free(View *view); /* ends and joins; NULL is fine */

void view_take_scene(View *view, ViewScene *scene);
void view_set_rungs(View *view, const RungSpec *rungs, guint n_rungs);
void view_set_speaking(View *view, const guint32 *sources, guint n_sources);
/* Any thread. TRUE: the stream is one of this view. */
gboolean view_force_keyframe(View *view, StreamId stream);
guint view_n_encoders(View *view);
