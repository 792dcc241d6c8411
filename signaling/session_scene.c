/* session_scene.c -- a meeting's media consequences, whole, to the bridge; see session_scene.h. */
#include "signaling/session_scene.h"

#include "config/log.h"
#include "signaling/session_broadcast.h"
#include "signaling/session_legs.h"
#include "signaling/session_speaking.h"

typedef struct {
    Service *service;
    char *meeting;
} Sent;

struct Scenes {
    GHashTable *marked;    /* ids of meetings whose scene changed */
    GHashTable *at_bridge; /* ids the bridge has a scene of */
    gint64 revision;
};

Scenes *scenes_new(void) {
    Scenes *scenes = g_new0(Scenes, 1);
    scenes->marked = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    scenes->at_bridge = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    return scenes;
}

void scenes_free(Scenes *scenes) {
    if (scenes == NULL) return;
    g_hash_table_unref(scenes->marked);
    g_hash_table_unref(scenes->at_bridge);
    g_free(scenes);
}

void scene_mark(Service *service, const char *meeting) {
    g_hash_table_add(service->scenes->marked, g_strdup(meeting));
}

static void on_scene(gpointer user, json_t *answer, const GError *why) {
    (void)answer;
    Sent *sent = user;
    if (why != NULL) {
        log_warn("scene.refused", "meeting=%s why=\"%s\"", sent->meeting, why->message);
        /* A late or full bridge gets it again with the next change; a scene it could not read is our defect. */
        if (!g_error_matches(why, FAULT, FAULT_GONE) && !g_error_matches(why, FAULT, FAULT_BUSY))
            broadcast_alarm(sent->service, "scene-refused", why->message);
    }
    g_free(sent->meeting);
    g_free(sent);
}

static void send_one(Service *service, const char *id) {
    const Meeting *meeting = office_meeting(service->office, id);
    if (meeting == NULL || meeting_phase(meeting) != MEETING_OPEN) {
        if (g_hash_table_remove(service->scenes->at_bridge, id))
            bridge_link_request(service->bridge, json_pack("{s:s, s:s}", "t", "meeting.close", "meeting", id),
                                BRIDGE_DEADLINE_MS, NULL, NULL);
        legs_close_meeting(service, id);
        speaking_forget(service, id);
        return;
    }
    g_autoptr(GArray) legs = legs_scene(service, id);
    json_t *scene =
        meeting_scene(meeting, id, office_roster(service->office), service->epoch,
                      ++service->scenes->revision, (const SceneLeg *)(gpointer)legs->data, legs->len);
    legs_finish_scene(service, scene);
    json_object_set_new(scene, "t", json_string("scene"));
    g_hash_table_add(service->scenes->at_bridge, g_strdup(id));
    Sent *sent = g_new0(Sent, 1);
    sent->service = service;
    sent->meeting = g_strdup(id);
    bridge_link_request(service->bridge, scene, BRIDGE_DEADLINE_MS, on_scene, sent);
}

void scenes_send(Service *service) {
    if (!bridge_link_is_up(service->bridge)) return;
    g_autoptr(GHashTable) now = g_steal_pointer(&service->scenes->marked);
    service->scenes->marked = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    GHashTableIter iter;
    gpointer key;
    g_hash_table_iter_init(&iter, now);
    while (g_hash_table_iter_next(&iter, &key, NULL)) send_one(service, key);
    /* What closing legs marked anew is of meetings that have ended: nothing to send. */
}
