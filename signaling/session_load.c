/* session_load.c -- see session_load.h. */
#include "signaling/session_load.h"

#include "config/log.h"

#include <math.h>
#include <string.h>

static const char *text_of(json_t *object, const char *key) {
    const char *text = json_string_value(json_object_get(object, key));
    return text != NULL ? text : "";
}

/* The meeting's row of what does not fit, or NULL. Borrowed. */
static json_t *misfit(Service *service, const char *meeting, const char *layout) {
    gsize index;
    json_t *row;
    json_array_foreach(json_object_get(service->bridge_load, "misfits"), index, row) {
        if (g_strcmp0(text_of(row, "meeting"), meeting) == 0 && strcmp(text_of(row, "layout"), layout) == 0)
            return row;
    }
    return NULL;
}

void load_send(Session *session) {
    json_t *load = session->service->bridge_load;
    if (load == NULL || session->is_room || !session->said_hello) return;
    json_t *message = json_copy(load), *words = json_array(), *row;
    gsize index;
    json_array_foreach(json_object_get(load, "misfits"), index, row) {
        if (g_strcmp0(text_of(row, "meeting"), session->meeting) == 0)
            json_array_append(words, json_object_get(row, "layout"));
    }
    json_object_set_new(message, "misfits", words);
    session_push(session, message, OUTBOX_STATE);
}

static void tell(Session *session, gpointer user) {
    (void)user;
    load_send(session);
}

void load_take(Service *service, json_t *event) {
    json_int_t before = json_integer_value(json_object_get(service->bridge_load, "level"));
    json_int_t now = json_integer_value(json_object_get(event, "level"));
    if (now != before)
        log_info("bridge.load", "level=%d before=%d why=%s", (int)now, (int)before, text_of(event, "why"));
    load_forget(service);
    service->bridge_load = json_copy(event);
    session_each(service, tell, NULL);
}

void load_forget(Service *service) {
    json_decref(service->bridge_load);
    service->bridge_load = NULL;
}

/* "0,9" in Vietnamese, "0.9" in English; never "0.0" for something. */
static char *cores_text(Language language, json_t *row, const char *key) {
    double tenths = ceil(json_number_value(json_object_get(row, key)) * 10);
    int whole = (int)MAX(tenths, 0);
    return g_strdup_printf("%d%c%d", whole / 10, language == LANGUAGE_VI ? ',' : '.', whole % 10);
}

gboolean load_allows(const Session *session, const char *layout, GError **error) {
    json_t *row = layout != NULL ? misfit(session->service, session->meeting, layout) : NULL;
    if (row == NULL) return TRUE;
    g_autofree char *needs = cores_text(session->language, row, "needs_cores");
    g_autofree char *left = cores_text(session->language, row, "free_cores");
    gboolean wall = strcmp(layout, "wall") == 0;
    log_info("layout.misfit", "meeting=%s layout=%s needs=%s free=%s", session->meeting, layout, needs, left);
    if (wall) return words_refuse(error, FAULT_REFUSED, session->language, WORD_WALL_MISFIT, needs, left);
    return words_refuse(error, FAULT_REFUSED, session->language, WORD_LAYOUT_MISFIT, layout, needs, left);
}
