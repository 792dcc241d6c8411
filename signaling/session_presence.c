/* session_presence.c -- what the legs mean for their seats: a seat whose media lives is connected, one without is lost after
 * a while; a leg that stays lost is asked for an ICE restart, then given up. Line quality for the consoles. */
#include "signaling/session_legs_table.h"

#include "config/log.h"

#include <string.h>

enum { JOINING_MAX_US = 20 * G_USEC_PER_SEC };

typedef enum { MEDIA_NONE, MEDIA_CONNECTING, MEDIA_LOST, MEDIA_LIVE } SeatMedia;

/* Best state among the sending legs of each seat of a meeting: seat -> SeatMedia. */
static GHashTable *media_of(Service *service, const char *meeting) {
    GHashTable *media = g_hash_table_new(NULL, NULL);
    GHashTableIter iter;
    gpointer value;
    g_hash_table_iter_init(&iter, service->legs->legs);
    while (g_hash_table_iter_next(&iter, NULL, &value)) {
        const Leg *leg = value;
        if (leg->way == LEG_RECEIVE || strcmp(leg->meeting, meeting) != 0) continue;
        SeatMedia now = leg->state == LEG_LIVE   ? MEDIA_LIVE
                        : leg->state == LEG_LOST ? MEDIA_LOST
                                                 : MEDIA_CONNECTING;
        SeatMedia best = (SeatMedia)GPOINTER_TO_INT(g_hash_table_lookup(media, GINT_TO_POINTER(leg->seat)));
        if (now > best) g_hash_table_insert(media, GINT_TO_POINTER(leg->seat), GINT_TO_POINTER((int)now));
    }
    return media;
}

gboolean legs_session_sends(const Session *session) {
    GHashTableIter iter;
    gpointer value;
    g_hash_table_iter_init(&iter, session->service->legs->legs);
    while (g_hash_table_iter_next(&iter, NULL, &value)) {
        const Leg *leg = value;
        if (leg->session == session->number && leg->seat == session->seat && leg->way != LEG_RECEIVE)
            return TRUE;
    }
    return FALSE;
}

static void tell_meeting(Service *service, const char *meeting, gint32 seat, const char *what) {
    Actor actor = { .role = ROLE_SYSTEM, .name = "system", .language = service_language(service) };
    json_t *command = json_pack("{s:s, s:i}", "t", what, "seat", seat);
    g_autoptr(GError) error = NULL;
    /* A store that cannot write is told by the office; here it would be a line for each seat, four times a second. */
    if (!office_command(service->office, meeting, &actor, command, NULL, NULL, &error) &&
        !g_error_matches(error, FAULT, FAULT_BUSY))
        log_warn("presence.refused", "what=%s seat=%d why=\"%s\"", what, seat, error->message);
    json_decref(command);
}

/* For how long a seat that should have media has had none. */
static gint64 dark_us(Service *service, const char *meeting, gint32 seat, gint64 now_us) {
    g_autofree char *key = g_strdup_printf("%s/%d", meeting, seat);
    const gint64 *since = g_hash_table_lookup(service->legs->dark, key);
    if (since != NULL) return now_us - *since;
    g_hash_table_insert(service->legs->dark, g_steal_pointer(&key), g_memdup2(&now_us, sizeof now_us));
    return 0;
}

static void light(Service *service, const char *meeting, gint32 seat) {
    if (g_hash_table_size(service->legs->dark) == 0) return; /* nearly always */
    g_autofree char *key = g_strdup_printf("%s/%d", meeting, seat);
    g_hash_table_remove(service->legs->dark, key);
}

static gboolean is_of_meeting(gpointer key, gpointer since, gpointer meeting) {
    (void)since;
    gsize n = strlen(meeting);
    return strncmp(key, meeting, n) == 0 && ((const char *)key)[n] == '/';
}

void legs_forget_meeting(Service *service, const char *meeting) {
    g_hash_table_foreach_remove(service->legs->dark, is_of_meeting, (gpointer)meeting);
}

static void review_seat(Service *service, const char *meeting, const SeatState *seat, SeatMedia media,
                        gint64 now_us) {
    if (media == MEDIA_LIVE) {
        light(service, meeting, seat->id);
        if (seat->presence != SEAT_PRESENT) tell_meeting(service, meeting, seat->id, "connected");
        return;
    }
    if (seat->presence == SEAT_LOST) {
        light(service, meeting, seat->id);
        return;
    }
    gint64 waited_us = dark_us(service, meeting, seat->id, now_us);
    if (now_us < service->legs->settle_until_us) return;
    gint64 limit_us = seat->presence == SEAT_JOINING ? JOINING_MAX_US : LEG_LOST_AFTER_MS * (gint64)1000;
    /* The bridge calls a leg lost when it has heard nothing for five seconds or more: no second wait on top. Who has just
     * come back may still have its old leg beside the one it is about to open. */
    if (media == MEDIA_LOST && seat->presence == SEAT_PRESENT) limit_us = 0;
    if (waited_us >= limit_us) {
        light(service, meeting, seat->id);
        tell_meeting(service, meeting, seat->id, "lost");
    }
}

static void review_meeting(Service *service, const char *id, gint64 now_us) {
    const Meeting *meeting = office_meeting(service->office, id);
    if (meeting == NULL || meeting_phase(meeting) != MEETING_OPEN) return;
    g_autoptr(GHashTable) media = media_of(service, id);
    for (guint i = 0; i < meeting_n_seats(meeting); i++) {
        SeatState seat = meeting_seat(meeting, meeting_seat_id_at(meeting, i));
        if (seat.presence == SEAT_ABSENT) {
            light(service, id, seat.id); /* who comes back has all its time again */
            continue;
        }
        SeatMedia now = (SeatMedia)GPOINTER_TO_INT(g_hash_table_lookup(media, GINT_TO_POINTER(seat.id)));
        review_seat(service, id, &seat, now, now_us);
    }
}

static void review_leg(Service *service, Leg *leg, gint64 now_us) {
    gint64 lasted_ms = (now_us - leg->state_us) / 1000;
    if (leg->state == LEG_LOST && !leg->asked_restart && lasted_ms >= LEG_RESTART_AFTER_MS) {
        Session *session = session_find(service, leg->session);
        leg->asked_restart = TRUE;
        log_info("leg.restart-asked", "leg=%d seat=%d", leg->id, leg->seat);
        if (session != NULL)
            session_push(session, json_pack("{s:s, s:i}", "t", "restart-ice", "leg", leg->id),
                         OUTBOX_CONTROL);
    }
    if (leg->state != LEG_LIVE && lasted_ms >= LEG_GIVE_UP_AFTER_MS) {
        log_info("leg.given-up", "leg=%d seat=%d", leg->id, leg->seat);
        gint32 id = leg->id;
        bridge_link_request(service->bridge, json_pack("{s:s, s:i}", "t", "leg.close", "leg", id),
                            BRIDGE_DEADLINE_MS, NULL, NULL);
        leg_vanished(service, id);
    }
}

void legs_review(Service *service) {
    gint64 now_us = reactor_now_us();
    if (!bridge_link_is_up(service->bridge)) return; /* what we do not see we do not judge */
    g_autoptr(GList) legs = g_hash_table_get_values(service->legs->legs);
    for (GList *at = legs; at != NULL; at = at->next) review_leg(service, at->data, now_us);
    g_auto(GStrv) ids = office_meeting_ids(service->office);
    for (char **id = ids; *id != NULL; id++) review_meeting(service, *id, now_us);
}

static void copy_number(json_t *to, const char *as, json_t *from, const char *key) {
    json_t *value = json_object_get(from, key);
    if (json_is_number(value) || json_is_string(value)) json_object_set(to, as, value);
}

static json_t *quality_of(const Leg *leg) {
    json_t *quality = json_object();
    json_t *up = json_object_get(leg->quality, "up"), *down = json_object_get(leg->quality, "down");
    copy_number(quality, "rtt_ms", leg->quality, "rtt_ms");
    copy_number(quality, "up_loss", up, "loss");
    copy_number(quality, "up_kbps", up, "kbps");
    copy_number(quality, "down_loss", down, "loss");
    copy_number(quality, "rung", down, "rung");
    return quality;
}

static void free_json(gpointer data) { json_decref(data); }

GHashTable *legs_quality(Service *service, const char *meeting) {
    GHashTable *by_seat = g_hash_table_new_full(NULL, NULL, NULL, free_json);
    GHashTableIter iter;
    gpointer value;
    g_hash_table_iter_init(&iter, service->legs->legs);
    while (g_hash_table_iter_next(&iter, NULL, &value)) {
        const Leg *leg = value;
        if (leg->quality == NULL || strcmp(leg->meeting, meeting) != 0) continue;
        gpointer seat = GINT_TO_POINTER(leg->seat);
        if (leg->way == LEG_RECEIVE && g_hash_table_contains(by_seat, seat)) continue;
        g_hash_table_insert(by_seat, seat, quality_of(leg));
    }
    return by_seat;
}
