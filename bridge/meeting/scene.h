/* scene.h -- pure: a scene message of the control link as a struct. Bounded; what cannot be shown is refused in words. */
#pragma once

#include "bridge/media/audio_mixer.h"
#include "bridge/media/studio.h"
#include "bridge/policy/layout.h"
#include "config/turn.h"

#include <jansson.h>

enum { SCENE_SEATS_MAX = AUDIO_SEATS_MAX, SCENE_VIEWS_MAX = 8, SCENE_SLOTS_MAX = STUDIO_TILES_MAX };

typedef struct {
    guint32 seat;
    char label[STUDIO_LABEL_BYTES_MAX];
    Heard heard;
    gboolean present;       /* in the meeting; FALSE: invited, shown as a plate on the wall only */
    gint64 offline_since_s; /* UTC, 0: unknown */
    gboolean microphone_off, hand;
} SceneSeat;

typedef struct {
    guint32 pin; /* a seat, or 0: the next of the loudest */
} SceneSlot;

typedef struct {
    guint32 view;
    char name[16]; /* program, wall, pages */
    Layout layout;
    gboolean turns; /* places that no seat is pinned to show all who are here, page by page */
    Turn turn;
    guint n_slots; /* 0: as many as the layout holds, filled by the loudest */
    SceneSlot slots[SCENE_SLOTS_MAX];
} SceneView;

typedef struct {
    guint32 leg, view; /* view 0: none */
    gboolean hears;
} SceneLeg;

typedef struct {
    char meeting[65];
    gint64 epoch, revision;
    guint32 hall;      /* the seat that the meeting is led from, 0: none */
    guint32 presenter; /* whose screen is shown to all, 0: nobody's */
    guint n_seats, n_views, n_legs;
    SceneSeat *seats;
    SceneView views[SCENE_VIEWS_MAX];
    SceneLeg *legs;
} Scene;

/* NULL: FAULT_BAD_INPUT or FAULT_FULL names the place. (transfer full) */
Scene *scene_parse(json_t *message, GError **error);
void scene_free(Scene *scene);

/* NULL when the seat is not in the scene. Borrowed. */
const SceneSeat *scene_seat(const Scene *scene, guint32 seat);
const SceneView *scene_view(const Scene *scene, guint32 view);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(Scene, scene_free)
