/* session_media.c -- what pages ask about their peer connections; the bridge answers, this checks whose they are. */
#include "signaling/protocol.h"
#include "signaling/session_broadcast.h"
#include "signaling/session_legs.h"
#include "signaling/session_load.h"

#include <string.h>

typedef struct {
    Service *service;
    Asked asked;
    gint32 leg;
} LegAsked;

static LegAsked *leg_asked_new(Session *session, const Asked *asked, gint32 leg) {
    LegAsked *waiting = g_new0(LegAsked, 1);
    waiting->service = session->service;
    waiting->asked = *asked;
    waiting->leg = leg;
    return waiting;
}

/* A bridge that is away, late or full is said in the page's language; what it says of an SDP is for its developers. */
static void fault_leg(const LegAsked *waiting, const GError *why) {
    const Session *session = session_find(waiting->service, waiting->asked.session);
    gboolean away = g_error_matches(why, FAULT, FAULT_GONE) || g_error_matches(why, FAULT, FAULT_BUSY);
    gboolean full = g_error_matches(why, FAULT, FAULT_FULL);
    g_autoptr(GError) said = NULL;
    if ((away || full) && session != NULL)
        words_refuse(&said, (FaultCode)why->code, session->language,
                     full ? WORD_LEGS_FULL : WORD_BRIDGE_AWAY);
    asked_fault(waiting->service, &waiting->asked, said != NULL ? said : why);
}

static void answer_leg(gpointer user, json_t *answer, const GError *why) {
    LegAsked *waiting = user;
    if (why != NULL) {
        fault_leg(waiting, why);
    } else {
        json_t *fields = json_object();
        json_t *sdp = json_object_get(answer, "sdp");
        if (sdp != NULL) {
            json_object_set_new(fields, "leg", json_integer(waiting->leg));
            json_object_set(fields, "sdp", sdp);
        }
        asked_ok(waiting->service, &waiting->asked, fields);
    }
    g_free(waiting);
}

static gboolean read_wish(const Session *session, json_t *message, LegWish *wish, GError **error) {
    const char *way = json_string_value(json_object_get(message, "way"));
    const char *view = json_string_value(json_object_get(message, "view"));
    gboolean duplex = strcmp(way, "duplex") == 0;
    if (!duplex && strcmp(way, "receive") != 0)
        return words_refuse(error, FAULT_BAD_INPUT, session->language, WORD_COMMAND_MALFORMED, "way");
    wish->way = duplex ? LEG_DUPLEX : LEG_RECEIVE;
    wish->view = view != NULL ? view_from_word(view) : VIEW_PROGRAM;
    if (wish->view == VIEW_NONE)
        return words_refuse(error, FAULT_BAD_INPUT, session->language, WORD_COMMAND_MALFORMED, "view");
    if (session->is_room && wish->view != VIEW_PROGRAM)
        return words_refuse(error, FAULT_REFUSED, session->language, WORD_REFUSED_ROLE);
    if (wish->view == VIEW_WALL && !load_allows(session, "wall", error)) return FALSE;
    /* Sending needs a seat that was joined; a console without one looks and listens. */
    if (duplex && (session->seat == 0 || session->told_view == NULL))
        return words_refuse(error, FAULT_CONFLICT, session->language, WORD_JOIN_FIRST);
    if (duplex && !role_may(session->role, RIGHT_SEAT) && session->role != ROLE_CHAIR)
        return words_refuse(error, FAULT_REFUSED, session->language, WORD_REFUSED_ROLE);
    json_t *hears = json_object_get(message, "hears");
    wish->hears = hears != NULL ? json_is_true(hears) : TRUE;
    wish->screen_height =
        CLAMP(json_integer_value(json_object_get(message, "screen_height")), 0, G_MAXUINT16);
    return TRUE;
}

gboolean on_leg_open(Session *session, json_t *message, const Asked *asked, GError **error) {
    LegWish wish = { .meeting = session->meeting,
                     .seat = session->seat != 0 ? session->seat : SEAT_NOBODY,
                     .room = session->is_room,
                     .session = session->number,
                     .client = session->client,
                     .owner = session_login(session) };
    if (session->meeting == NULL)
        return words_refuse(error, FAULT_CONFLICT, session->language, WORD_NO_MEETING);
    if (!read_wish(session, message, &wish, error)) return FALSE;
    Service *service = session->service;
    if (!bridge_link_is_up(service->bridge))
        return words_refuse(error, FAULT_GONE, session->language, WORD_BRIDGE_AWAY);
    if (legs_count_session(service, session->number) >= SESSION_LEGS_MAX)
        return words_refuse(error, FAULT_FULL, session->language, WORD_LEGS_TOO_MANY, SESSION_LEGS_MAX);
    /* A page that asks for a second sending leg has given up its first; and whoever sent for this seat stops now. */
    if (wish.way == LEG_DUPLEX) legs_replace_sender(service, wish.seat, NULL);
    LegAsked *waiting = leg_asked_new(session, asked, 0);
    gint32 leg = leg_open(service, &wish, answer_leg, waiting);
    waiting->leg = leg;
    return TRUE;
}

/* The leg, if it is this page's own. */
static Leg *own_leg(Session *session, json_t *message, GError **error) {
    Leg *leg = leg_find(session->service, (gint32)json_integer_value(json_object_get(message, "leg")));
    if (leg != NULL && leg->resource == NULL && g_strcmp0(leg->client, session->client) == 0 &&
        leg->seat == (session->seat != 0 ? session->seat : SEAT_NOBODY))
        return leg;
    words_refuse(error, FAULT_NOT_FOUND, session->language, WORD_LEG_UNKNOWN);
    return NULL;
}

gboolean on_leg_answer(Session *session, json_t *message, const Asked *asked, GError **error) {
    const Leg *leg = own_leg(session, message, error);
    if (leg == NULL) return FALSE;
    json_t *request = json_pack("{s:s, s:i, s:O}", "t", "leg.answer", "leg", leg->id, "sdp",
                                json_object_get(message, "sdp"));
    bridge_link_request(session->service->bridge, request, BRIDGE_DEADLINE_MS, answer_leg,
                        leg_asked_new(session, asked, leg->id));
    return TRUE;
}

gboolean on_leg_restart(Session *session, json_t *message, const Asked *asked, GError **error) {
    const Leg *leg = own_leg(session, message, error);
    if (leg == NULL) return FALSE;
    json_t *request = json_pack("{s:s, s:i}", "t", "leg.restart", "leg", leg->id);
    bridge_link_request(session->service->bridge, request, BRIDGE_DEADLINE_MS, answer_leg,
                        leg_asked_new(session, asked, leg->id));
    return TRUE;
}

gboolean on_leg_close(Session *session, json_t *message, const Asked *asked, GError **error) {
    const Leg *leg = own_leg(session, message, error);
    if (leg == NULL) return FALSE;
    leg_close(session->service, leg->id);
    asked_ok(session->service, asked, NULL);
    return TRUE;
}
