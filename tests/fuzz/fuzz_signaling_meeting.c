/* fuzz_signaling_meeting.c -- door: lines of JSON as commands (first letter: who gives it) and as events of a damaged log. Refusals
 * change nothing, and the events of what was accepted give the same state again. */
#include "config/fields.h"
#include "signaling/meeting.h"
#include "signaling/meeting_view.h"

#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes);

static Actor actor_of(char letter) {
    static const Role roles[] = { ROLE_CHAIR, ROLE_SYSTEM, ROLE_ROOM, ROLE_OBSERVER, ROLE_TECHNICIAN };
    Actor actor = { roles[(guchar)letter % G_N_ELEMENTS(roles)], (guchar)letter % 7, "x", LANGUAGE_VI };
    return actor;
}

static void give(Meeting *meeting, Meeting *copy, json_t *command, const Actor *actor, gint64 now_ms) {
    g_autoptr(GError) why = NULL;
    json_t *events = NULL;
    if (!meeting_decide(meeting, command, actor, now_ms, &events, &why)) {
        g_assert(why);
        g_assert(meeting_equal(meeting, copy));
        return;
    }
    gsize index;
    json_t *event;
    json_array_foreach(events, index, event) {
        char *text = json_dumps(event, JSON_COMPACT);
        json_t *stored = json_loads(text, 0, NULL);
        g_assert(meeting_apply(meeting, event, now_ms, NULL));
        g_assert(meeting_apply(copy, stored, now_ms, NULL));
        json_decref(stored);
        free(text);
    }
    json_decref(events);
    g_assert(meeting_equal(meeting, copy));
}

static void look_at(const Meeting *meeting) {
    g_autoptr(Roster) roster = roster_new();
    json_t *views[] = { meeting_scene(meeting, "m", roster, 1, 1, NULL, 0),
                        meeting_snapshot(meeting, "m", roster, 5, NULL, NULL),
                        meeting_room_view(meeting, "m", roster, 1), meeting_attendance(meeting, roster, 5) };
    for (guint i = 0; i < G_N_ELEMENTS(views); i++) {
        g_assert(views[i]);
        json_decref(views[i]);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes) {
    g_autoptr(Meeting) meeting = meeting_new(), copy = meeting_new(), damaged = meeting_new();
    g_autofree char *text = g_strndup((const char *)data, n_bytes);
    g_auto(GStrv) lines = g_strsplit(text, "\n", 200);
    for (guint i = 0; lines[i] != NULL; i++) {
        if (lines[i][0] == '\0') continue;
        json_t *json = fields_parse_object(lines[i] + 1, strlen(lines[i] + 1), 65536, NULL);
        if (json == NULL) continue;
        Actor actor = actor_of(lines[i][0]);
        give(meeting, copy, json, &actor, 1000 * (gint64)i);
        meeting_apply(damaged, json, 1000 * (gint64)i,
                      NULL); /* a command is hardly an event, but lines may be */
        json_decref(json);
    }
    look_at(meeting);
    look_at(damaged);
    return 0;
}
