/* session_commands.c -- requests that are commands of a meeting, nearly word for word: the meeting decides, the commit answers. */
#include "signaling/protocol.h"
#include "signaling/session_legs.h"
#include "signaling/session_load.h"

#include <string.h>

typedef struct {
    Service *service;
    Asked asked;
    char *meeting; /* for the answer of meeting.create, else NULL */
} Waiting;

static void on_done(gpointer user, json_t *events, const GError *why) {
    (void)events;
    Waiting *waiting = user;
    asked_note_commit(waiting->service, &waiting->asked);
    if (why != NULL)
        asked_fault(waiting->service, &waiting->asked, why);
    else
        asked_ok(waiting->service, &waiting->asked,
                 waiting->meeting != NULL ? json_pack("{s:s}", "meeting", waiting->meeting) : NULL);
    g_free(waiting->meeting);
    g_free(waiting);
}

static Waiting *waiting_new(Service *service, const Asked *asked) {
    Waiting *waiting = g_new0(Waiting, 1);
    *waiting = (Waiting){ .service = service, .asked = *asked };
    return waiting;
}

static gboolean give(Session *session, const char *meeting, const Actor *actor, json_t *command,
                     const Asked *asked, GError **error) {
    Waiting *waiting = waiting_new(session->service, asked);
    if (office_command(session->service->office, meeting, actor, command, on_done, waiting, error))
        return TRUE;
    g_free(waiting);
    return FALSE;
}

gboolean on_command(Session *session, json_t *message, const Asked *asked, GError **error) {
    if (session->meeting == NULL)
        return words_refuse(error, FAULT_CONFLICT, session->language, WORD_NO_MEETING);
    const char *name = json_string_value(json_object_get(message, "t"));
    if (strcmp(name, "layout") == 0 &&
        !load_allows(session, json_string_value(json_object_get(message, "layout")), error))
        return FALSE;
    json_t *command = json_copy(message);
    json_object_del(command, "id");
    json_object_del(command, "now"); /* to end at once is for the command line; a page's chair may undo */
    /* The page's name for it differs from the meeting's, where a meeting is what is spoken to. */
    if (strcmp(name, "meeting.end") == 0) json_object_set_new(command, "t", json_string("end"));
    Actor actor = session_actor(session);
    gboolean own = strcmp(name, "state") == 0 || strcmp(name, "hand") == 0 || strcmp(name, "present") == 0;
    if (own && !session->is_room) {
        if (session->told_view == NULL) { /* a console that takes part in no seat has no hand to raise */
            json_decref(command);
            return words_refuse(error, FAULT_CONFLICT, session->language, WORD_CONSOLE_NO_SEAT);
        }
        actor.role = ROLE_ROOM;
    }
    if (own || (session->is_room && (strcmp(name, "floor.take") == 0 || strcmp(name, "present.stop") == 0)))
        json_object_set_new(command, "seat", json_integer(session->seat));
    gboolean good = give(session, session->meeting, &actor, command, asked, error);
    json_decref(command);
    return good;
}

gboolean on_meeting_open(Session *session, json_t *message, const Asked *asked, GError **error) {
    const char *id = json_string_value(json_object_get(message, "meeting"));
    Actor actor = session_actor(session);
    json_t *command = json_pack("{s:s}", "t", "open");
    gboolean good = give(session, id, &actor, command, asked, error);
    json_decref(command);
    return good;
}

gboolean on_meeting_create(Session *session, json_t *message, const Asked *asked, GError **error) {
    Actor actor = session_actor(session);
    Waiting *waiting = waiting_new(session->service, asked);
    char *id = office_create_meeting(session->service->office, &actor,
                                     json_string_value(json_object_get(message, "title")), FALSE, on_done,
                                     waiting, error);
    if (id == NULL) {
        g_free(waiting);
        return FALSE;
    }
    /* The commit comes from a later turn of the loop, so the answer is not out yet. */
    waiting->meeting = id;
    return TRUE;
}

gboolean on_ping(Session *session, json_t *message, const Asked *asked, GError **error) {
    (void)message;
    (void)error;
    asked_ok(session->service, asked,
             json_pack("{s:I}", "now_ms", (json_int_t)office_now_ms(session->service->office)));
    return TRUE;
}
