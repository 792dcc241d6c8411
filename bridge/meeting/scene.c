/* scene.c -- reads a scene; see scene.h. The shapes are told in config/control.c. */
#include "bridge/meeting/scene.h"

#include "config/fault.h"
#include "config/fields.h"

#include <string.h>

static const struct {
    const char *word;
    Heard heard;
} heard_words[] = { { "never", HEARD_NEVER }, { "may", HEARD_MAY }, { "always", HEARD_ALWAYS } };

/* Cuts at a whole UTF-8 character. */
static void copy_text(char *to, gsize to_bytes, const char *from) {
    gsize n = MIN(strlen(from), to_bytes - 1);
    while (n > 0 && ((guchar)from[n] & 0xc0) == 0x80) n--;
    memcpy(to, from, n);
    to[n] = '\0';
}

static gboolean flag(json_t *object, const char *key, gboolean fallback) {
    json_t *value = json_object_get(object, key);
    return json_is_boolean(value) ? json_is_true(value) : fallback;
}

static guint32 id_of(json_t *object, const char *key) {
    return (guint32)json_integer_value(json_object_get(object, key));
}

static gboolean fail(GError **error, FaultCode code, const char *what) {
    g_set_error(error, FAULT, (int)code, "scene: %s", what);
    return FALSE;
}

static gboolean read_seat(json_t *object, SceneSeat *ret_seat, GError **error) {
    if (!fields_check("scene.endpoints", "seat:id label:string heard:word present:bool? offline_since:int?",
                      object, FALSE, error))
        return FALSE;
    const char *heard = json_string_value(json_object_get(object, "heard"));
    ret_seat->heard = 0;
    for (guint i = 0; i < G_N_ELEMENTS(heard_words); i++)
        if (strcmp(heard_words[i].word, heard) == 0) ret_seat->heard = heard_words[i].heard;
    if (ret_seat->heard == 0) return fail(error, FAULT_BAD_INPUT, "heard must be never, may or always");
    ret_seat->seat = id_of(object, "seat");
    copy_text(ret_seat->label, sizeof ret_seat->label, json_string_value(json_object_get(object, "label")));
    ret_seat->present = flag(object, "present", TRUE);
    ret_seat->offline_since_s = json_integer_value(json_object_get(object, "offline_since"));
    ret_seat->microphone_off = flag(object, "microphone_off", FALSE);
    ret_seat->hand = flag(object, "hand", FALSE);
    return TRUE;
}

static gboolean read_turn(json_t *object, SceneView *view, GError **error) {
    json_t *turn = json_object_get(object, "turn");
    if (turn == NULL) return TRUE;
    if (!json_is_object(turn)) return fail(error, FAULT_BAD_INPUT, "turn must be an object");
    if (!fields_check("scene.views.turn", "start_ms:int every_ms:int held:int?", turn, FALSE, error))
        return FALSE;
    json_t *held = json_object_get(turn, "held");
    view->turns = TRUE;
    view->turn = (Turn){ .start_ms = json_integer_value(json_object_get(turn, "start_ms")),
                         .every_ms = json_integer_value(json_object_get(turn, "every_ms")),
                         .held = held != NULL ? json_integer_value(held) : -1 };
    if (view->turn.every_ms != 0 &&
        (view->turn.every_ms < TURN_EVERY_MS_MIN || view->turn.every_ms > TURN_EVERY_MS_MAX))
        return fail(error, FAULT_BAD_INPUT, "a turn is too short or too long");
    return TRUE;
}

static gboolean read_view(json_t *object, SceneView *ret_view, GError **error) {
    if (!fields_check("scene.views", "view:id name:word layout:word slots:array", object, FALSE, error))
        return FALSE;
    json_t *slots = json_object_get(object, "slots"), *slot;
    size_t index;
    ret_view->view = id_of(object, "view");
    copy_text(ret_view->name, sizeof ret_view->name, json_string_value(json_object_get(object, "name")));
    ret_view->layout = layout_from_word(json_string_value(json_object_get(object, "layout")));
    if (ret_view->layout == 0) return fail(error, FAULT_BAD_INPUT, "unknown layout");
    if (json_array_size(slots) > SCENE_SLOTS_MAX) return fail(error, FAULT_FULL, "too many slots");
    json_array_foreach(slots, index, slot) {
        ret_view->slots[ret_view->n_slots++].pin = json_is_object(slot) ? id_of(slot, "pin") : 0;
    }
    return read_turn(object, ret_view, error);
}

static gboolean read_leg(json_t *object, SceneLeg *ret_leg, GError **error) {
    if (!fields_check("scene.legs", "leg:id view:int hears:bool?", object, FALSE, error)) return FALSE;
    ret_leg->leg = id_of(object, "leg");
    ret_leg->view = id_of(object, "view");
    ret_leg->hears = flag(object, "hears", TRUE);
    return TRUE;
}

static gboolean read_arrays(Scene *scene, json_t *message, GError **error) {
    json_t *seats = json_object_get(message, "endpoints"), *views = json_object_get(message, "views");
    json_t *legs = json_object_get(message, "legs"), *item;
    size_t index;
    if (json_array_size(seats) > SCENE_SEATS_MAX) return fail(error, FAULT_FULL, "too many endpoints");
    if (json_array_size(views) > SCENE_VIEWS_MAX) return fail(error, FAULT_FULL, "too many views");
    scene->seats = g_new0(SceneSeat, json_array_size(seats) + 1);
    scene->legs = g_new0(SceneLeg, json_array_size(legs) + 1);
    json_array_foreach(seats, index, item) {
        if (!read_seat(item, &scene->seats[scene->n_seats++], error)) return FALSE;
    }
    json_array_foreach(views, index, item) {
        if (!read_view(item, &scene->views[scene->n_views++], error)) return FALSE;
    }
    json_array_foreach(legs, index, item) {
        if (!read_leg(item, &scene->legs[scene->n_legs++], error)) return FALSE;
    }
    return TRUE;
}

Scene *scene_parse(json_t *message, GError **error) {
    g_autoptr(Scene) scene = g_new0(Scene, 1);
    copy_text(scene->meeting, sizeof scene->meeting, json_string_value(json_object_get(message, "meeting")));
    scene->epoch = json_integer_value(json_object_get(message, "epoch"));
    scene->presenter = id_of(message, "presenter");
    scene->hall = id_of(message, "hall");
    scene->revision = json_integer_value(json_object_get(message, "revision"));
    if (!read_arrays(scene, message, error)) return NULL;
    return g_steal_pointer(&scene);
}

void scene_free(Scene *scene) {
    if (scene == NULL) return;
    g_free(scene->seats);
    g_free(scene->legs);
    g_free(scene);
}

const SceneSeat *scene_seat(const Scene *scene, guint32 seat) {
    for (guint i = 0; scene != NULL && i < scene->n_seats; i++)
        if (scene->seats[i].seat == seat) return &scene->seats[i];
    return NULL;
}

const SceneView *scene_view(const Scene *scene, guint32 view) {
    for (guint i = 0; scene != NULL && i < scene->n_views; i++)
        if (scene->views[i].view == view) return &scene->views[i];
    return NULL;
}
