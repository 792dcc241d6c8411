/* session_broadcast.c -- coalesced telling of rooms and consoles; see session_broadcast.h. Scenes: session_scene.c. */
#include "signaling/session_broadcast.h"

#include "config/log.h"
#include "signaling/meeting_view.h"
#include "signaling/session_legs.h"
#include "signaling/session_scene.h"

#include <string.h>

enum {
    ROOMS_EVERY_MS = 20,     /* gathers what one burst of commands did */
    CONSOLES_EVERY_MS = 200, /* five a second */
    SCENES_EVERY_MS =
        100, /* a scene of 200 seats is 40 kB: a storm of joins must not make fifty of them a second */
};

typedef struct {
    char *id;
    json_t *snapshot; /* what the consoles have been told, as one whole */
    gint64 n;         /* number of the last snapshot or delta */
    gboolean rooms_dirty, consoles_dirty;
} Watched;

struct Broadcast {
    Service *service;
    GHashTable *meetings; /* id -> Watched */
    ReactorTimer *rooms, *consoles, *scenes;
    gboolean lists_dirty;
    gint64 consoles_us, scenes_us; /* last delta, last scenes */
};

static void watched_free(gpointer data) {
    Watched *watched = data;
    if (watched->snapshot != NULL) json_decref(watched->snapshot);
    g_free(watched->id);
    g_free(watched);
}

Broadcast *broadcast_new(Service *service) {
    Broadcast *broadcast = g_new0(Broadcast, 1);
    broadcast->service = service;
    broadcast->meetings = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, watched_free);
    return broadcast;
}

void broadcast_free(Broadcast *broadcast) {
    if (broadcast == NULL) return;
    reactor_cancel(broadcast->service->loop, &broadcast->rooms);
    reactor_cancel(broadcast->service->loop, &broadcast->consoles);
    reactor_cancel(broadcast->service->loop, &broadcast->scenes);
    g_hash_table_unref(broadcast->meetings);
    g_free(broadcast);
}

static Watched *watched_of(Broadcast *broadcast, const char *id) {
    Watched *watched = g_hash_table_lookup(broadcast->meetings, id);
    if (watched != NULL) return watched;
    watched = g_new0(Watched, 1);
    watched->id = g_strdup(id);
    g_hash_table_insert(broadcast->meetings, watched->id, watched);
    return watched;
}

static guint wait_ms(gint64 last_us, guint every_ms) {
    gint64 waited_ms = (reactor_now_us() - last_us) / 1000;
    return waited_ms >= every_ms ? ROOMS_EVERY_MS : MAX((guint)(every_ms - waited_ms), ROOMS_EVERY_MS);
}

/* ---- snapshots and deltas ---- */

/* What meetings do not know of their seats. */
typedef struct {
    GHashTable *quality;  /* seat -> object, see legs_quality() */
    GHashTable *attached; /* set of seats that a console takes part in */
} Extra;

static void add_extra(gpointer user, gint32 seat, json_t *object) {
    const Extra *extra = user;
    json_t *quality = g_hash_table_lookup(extra->quality, GINT_TO_POINTER(seat));
    if (quality != NULL) json_object_set(object, "quality", quality);
    json_object_set_new(object, "console",
                        json_boolean(g_hash_table_contains(extra->attached, GINT_TO_POINTER(seat))));
}

static void note_attached(Session *session, gpointer user) {
    if (!session->is_room && session->seat != 0) g_hash_table_add(user, GINT_TO_POINTER(session->seat));
}

static json_t *make_snapshot(Broadcast *broadcast, Watched *watched) {
    Service *service = broadcast->service;
    const Meeting *meeting = office_meeting(service->office, watched->id);
    if (meeting == NULL) return NULL;
    g_autoptr(GHashTable) attached = g_hash_table_new(NULL, NULL);
    session_each(service, note_attached, attached);
    g_autoptr(GHashTable) quality = legs_quality(service, watched->id);
    Extra extra = { .quality = quality, .attached = attached };
    return meeting_snapshot(meeting, watched->id, office_roster(service->office),
                            office_now_ms(service->office), add_extra, &extra);
}

void broadcast_send_snapshot(Session *session) {
    if (session->is_room || session->meeting == NULL) return;
    Service *service = session->service;
    Watched *watched = watched_of(service->broadcast, session->meeting);
    /* The one snapshot that everybody's deltas start from; made when the first console comes. */
    if (watched->snapshot == NULL) watched->snapshot = make_snapshot(service->broadcast, watched);
    if (watched->snapshot == NULL) return;
    json_t *message = json_copy(watched->snapshot);
    json_object_set_new(message, "t", json_string("snapshot"));
    json_object_set_new(message, "n", json_integer(watched->n));
    json_object_set_new(message, "meetings", office_meetings_json(service->office, FALSE));
    session_push(session, message, OUTBOX_CONTROL);
}

typedef struct {
    Watched *watched;
    GBytes *bytes;
    guint n_consoles;
} Telling;

static void push_delta(Session *session, gpointer user) {
    Telling *telling = user;
    if (session->is_room || g_strcmp0(session->meeting, telling->watched->id) != 0) return;
    telling->n_consoles++;
    if (telling->bytes != NULL) session_push_bytes(session, telling->bytes, OUTBOX_STATE);
}

static void tell_consoles(Broadcast *broadcast, Watched *watched) {
    watched->consoles_dirty = FALSE;
    if (watched->snapshot == NULL) return;
    Telling telling = { .watched = watched };
    session_each(broadcast->service, push_delta, &telling);
    json_t *now = telling.n_consoles > 0 ? make_snapshot(broadcast, watched) : NULL;
    json_t *delta = now != NULL ? meeting_delta(watched->snapshot, now) : NULL;
    if (delta != NULL) {
        json_object_set_new(delta, "t", json_string("delta"));
        json_object_set_new(delta, "n", json_integer(++watched->n));
        char *text = json_dumps(delta, JSON_COMPACT);
        json_decref(delta);
        telling.bytes = g_bytes_new_take(text, strlen(text));
        session_each(broadcast->service, push_delta, &telling);
        g_bytes_unref(telling.bytes);
    }
    if (now != NULL || telling.n_consoles == 0) {
        json_decref(watched->snapshot);
        watched->snapshot = now;
    }
}

static void on_consoles(gpointer user) {
    Broadcast *broadcast = user;
    broadcast->consoles = NULL;
    broadcast->consoles_us = reactor_now_us();
    GHashTableIter iter;
    gpointer value;
    g_hash_table_iter_init(&iter, broadcast->meetings);
    while (g_hash_table_iter_next(&iter, NULL, &value)) {
        Watched *watched = value;
        if (watched->consoles_dirty) tell_consoles(broadcast, watched);
    }
}

static void mark_consoles(Broadcast *broadcast, Watched *watched) {
    watched->consoles_dirty = TRUE;
    if (broadcast->consoles != NULL) return;
    broadcast->consoles =
        reactor_after(broadcast->service->loop, wait_ms(broadcast->consoles_us, CONSOLES_EVERY_MS), 0,
                      on_consoles, broadcast);
}

/* ---- rooms ---- */

/* Pushes only what differs from the last telling of this kind. */
static void push_if_new(Session *session, char **told, json_t *message, gboolean always) {
    char *text = json_dumps(message, JSON_COMPACT);
    json_decref(message);
    if (!always && g_strcmp0(*told, text) == 0) {
        free(text);
        return;
    }
    g_autoptr(GBytes) bytes = g_bytes_new(text, strlen(text));
    session_push_bytes(session, bytes, OUTBOX_CONTROL);
    g_free(*told);
    *told = g_strdup(text);
    free(text);
}

void broadcast_send_room_view(Session *session, gboolean always) {
    Service *service = session->service;
    if (session->meeting == NULL || session->seat == 0) return;
    const Meeting *meeting = office_meeting(service->office, session->meeting);
    if (meeting == NULL) return;
    json_t *view =
        meeting_room_view(meeting, session->meeting, office_roster(service->office), session->seat);
    json_object_set_new(view, "t", json_string("room"));
    push_if_new(session, &session->told_view, view, always);
    gboolean has_floor = meeting_floor(meeting) == session->seat;
    if (has_floor && !session->told_floor)
        session_push(session, json_pack("{s:s, s:s}", "t", "chime", "what", "floor"), OUTBOX_CONTROL);
    session->told_floor = has_floor;
}

void broadcast_send_waiting(Session *session, gboolean always) {
    Service *service = session->service;
    if (session->is_room && session->meeting != NULL) return;
    json_t *meetings = office_meetings_json(service->office, FALSE);
    json_t *message =
        json_pack("{s:s, s:o}", "t", session->is_room ? "waiting" : "meetings", "meetings", meetings);
    push_if_new(session, session->is_room ? &session->told_waiting : &session->told_meetings, message,
                always);
}

/* The session's meeting has ended, or its seat was sent out. */
static void send_out(Session *session, const char *why) {
    session_push(session, json_pack("{s:s}", "t", why), OUTBOX_CONTROL);
    session_leave_meeting(session);
    broadcast_send_waiting(session, TRUE);
}

static void tell_room(Session *session, gpointer user) {
    const Watched *watched = user;
    if (g_strcmp0(session->meeting, watched->id) != 0) return;
    const Meeting *meeting = office_meeting(session->service->office, watched->id);
    if (meeting == NULL || meeting_phase(meeting) == MEETING_ENDED) {
        if (session->is_room)
            send_out(session, "ended");
        else
            session_push(session, json_pack("{s:s}", "t", "ended"), OUTBOX_CONTROL);
        return;
    }
    if (session->is_room && meeting_seat(meeting, session->seat).presence == SEAT_ABSENT) {
        send_out(session, "removed");
        return;
    }
    /* A console that takes part with picture and sound has a seat's view, too. */
    if (session->is_room || session->told_view != NULL) broadcast_send_room_view(session, FALSE);
}

static void tell_list(Session *session, gpointer user) {
    (void)user;
    broadcast_send_waiting(session, FALSE);
}

static void on_rooms(gpointer user) {
    Broadcast *broadcast = user;
    broadcast->rooms = NULL;
    GHashTableIter iter;
    gpointer value;
    g_hash_table_iter_init(&iter, broadcast->meetings);
    while (g_hash_table_iter_next(&iter, NULL, &value)) {
        Watched *watched = value;
        if (!watched->rooms_dirty) continue;
        watched->rooms_dirty = FALSE;
        session_each(broadcast->service, tell_room, watched);
    }
    if (broadcast->lists_dirty) session_each(broadcast->service, tell_list, NULL);
    broadcast->lists_dirty = FALSE;
}

static void on_scenes(gpointer user) {
    Broadcast *broadcast = user;
    broadcast->scenes = NULL;
    broadcast->scenes_us = reactor_now_us();
    scenes_send(broadcast->service);
}

static void mark_rooms(Broadcast *broadcast) {
    if (broadcast->rooms == NULL)
        broadcast->rooms = reactor_after(broadcast->service->loop, ROOMS_EVERY_MS, 0, on_rooms, broadcast);
}

/* ---- marks ---- */

void broadcast_scene_changed(Service *service, const char *meeting) {
    if (meeting == NULL || service->broadcast == NULL) return;
    Broadcast *broadcast = service->broadcast;
    scene_mark(service, meeting);
    if (broadcast->scenes == NULL)
        broadcast->scenes = reactor_after(service->loop, wait_ms(broadcast->scenes_us, SCENES_EVERY_MS), 0,
                                          on_scenes, broadcast);
}

void broadcast_all_scenes_changed(Service *service) {
    g_auto(GStrv) ids = office_meeting_ids(service->office);
    for (char **id = ids; *id != NULL; id++) broadcast_scene_changed(service, *id);
}

void broadcast_committed(Service *service, const char *meeting, json_t *events) {
    (void)events;
    Watched *watched = watched_of(service->broadcast, meeting);
    watched->rooms_dirty = TRUE;
    service->broadcast->lists_dirty = TRUE;
    mark_rooms(service->broadcast);
    mark_consoles(service->broadcast, watched);
    broadcast_scene_changed(service, meeting);
}

void broadcast_presence_changed(Service *service, const char *meeting) {
    if (meeting == NULL || service->broadcast == NULL) return;
    mark_consoles(service->broadcast, watched_of(service->broadcast, meeting));
}

void broadcast_roster_changed(Service *service) {
    g_auto(GStrv) ids = office_meeting_ids(service->office);
    for (char **id = ids; *id != NULL; id++) broadcast_committed(service, *id, NULL);
}

/* ---- alarms ---- */

typedef struct {
    const char *code, *text;
} Alarm;

static void tell_alarm(Session *session, gpointer user) {
    const Alarm *alarm = user;
    if (session->role != ROLE_TECHNICIAN && session->role != ROLE_ADMIN) return;
    session_push(session,
                 json_pack("{s:s, s:s, s:s}", "t", "alarm", "code", alarm->code, "text", alarm->text),
                 OUTBOX_CONTROL);
}

void broadcast_alarm(Service *service, const char *code, const char *text) {
    log_warn("alarm", "code=%s text=\"%s\"", code, text);
    Alarm alarm = { .code = code, .text = text };
    session_each(service, tell_alarm, &alarm);
}
