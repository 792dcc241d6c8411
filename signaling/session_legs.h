/* session_legs.h -- the peer connections that the bridge holds for us: whose they are, in which state, and what that means
 * for their seat. A leg belongs to a seat and to the page (client) that made it, not to a socket: it outlives a lost
 * WebSocket, and a restart of this server, which adopts the legs that the bridge names in its hello.
 * A seat has at most one sending leg: the page that comes later replaces it. Thread: server. */
#pragma once

#include "signaling/meeting_view.h"
#include "signaling/session.h"

enum {
    SESSION_LEGS_MAX =
        4, /* of a page, of a bearer: a console looks at program, wall and pages, and may take part */
    SEAT_NOBODY = G_MAXINT32, /* legs of consoles that are attached to no seat hear everybody */
    LEG_LOST_AFTER_MS = 5000, /* a seat without living media is told as lost */
    LEG_SETTLE_MS = 12000,    /* after a start or a new bridge: time for all pages to come back */
    LEG_RESTART_AFTER_MS =
        3000, /* lost so long: ask the page for an ICE restart; the bridge gives up after 30 s */
    LEG_GIVE_UP_AFTER_MS = 60000, /* no news of it at all: then for a new leg */
};

typedef enum { LEG_DUPLEX, LEG_RECEIVE, LEG_SEND } LegWay;
typedef enum { LEG_CONNECTING, LEG_LIVE, LEG_LOST } LegState;

typedef struct {
    gint32 id;
    char *meeting;
    gint32 seat;
    LegWay way;
    ViewId view; /* VIEW_NONE for LEG_SEND */
    gboolean hears;
    guint64 session; /* who is told about it; 0: nobody at the moment */
    char *client;    /* page load that made it; NULL: adopted, not claimed yet */
    gboolean room;   /* made by a room's page or bearer, not by a console */
    LegState state;
    gint64 state_us;
    gboolean asked_restart;
    json_t *quality; /* last report of the bridge, or NULL */
    json_t *needs; /* last wish of the bridge for its camera, or NULL: told again to a page that comes back */
    json_t *screen_needs; /* the same for the screen that it shows */
    guint8
        owner[TOKEN_HASH_BYTES]; /* the login, link or bearer that made it; zeros: adopted, not claimed yet */
    /* WHIP and WHEP */
    char *resource; /* last part of the Location; NULL for pages */
    char *offer;    /* theirs, for a restart */
    guint n_restarts;
} Leg;

LegTable *legs_new(void);
void legs_free(LegTable *table);

/* ---- from the bridge ---- */
void legs_bridge_up(Service *service, json_t *hello, gboolean is_new);
void legs_bridge_down(Service *service);
void legs_bridge_event(Service *service, const char *name, json_t *event);

/* ---- from pages ---- */
gboolean legs_claim(Session *session, gint32 leg); /* the page still has it: TRUE when the bridge does, too */
void legs_session_gone(const Session *session);
void legs_close_session_legs(const Session *session);
/* Ends what other pages of the seat send, when `client` takes the seat; NULL: what all pages send. */
void legs_replace_sender(Service *service, gint32 seat, const char *client);

/* ---- for all ---- */
typedef struct {
    const char *meeting;
    gint32 seat;
    LegWay way;
    ViewId view;
    gboolean hears, room;
    guint64 session;
    const char *client;
    const guint8 *owner;  /* hash of the login, link or bearer */
    const char *offer;    /* theirs, or NULL: we offer */
    gint64 screen_height; /* of who watches, pixels; 0: not told */
} LegWish;
/* Asks the bridge; done exactly once with {"sdp", "kind"} or why. The leg is in the table at once; it is gone again when
 * done is told why. */
gint32 leg_open(Service *service, const LegWish *wish, BridgeDone done, gpointer user);
Leg *leg_find(Service *service, gint32 id); /* NULL when gone; good until the loop turns */
Leg *leg_find_resource(Service *service, const char *resource);
void leg_close(Service *service, gint32 id);
void legs_close_meeting(Service *service, const char *meeting);
/* What the seat's room has there, and what is sent for it; consoles go on looking. meeting NULL: any. */
void legs_close_seat(Service *service, const char *meeting, gint32 seat);
/* The seat's link was changed: legs of which nobody knows by whose link they were made. */
void legs_close_unclaimed(Service *service, gint32 seat);
void legs_committed(Service *service, const char *meeting,
                    json_t *events); /* who was sent out sends no more */
/* Calls func for each leg; func may close legs. */
void legs_each(Service *service, void (*func)(Service *service, Leg *leg, gconstpointer what),
               gconstpointer what);
gboolean leg_has_owner(const Leg *leg);

/* Legs of a meeting for its scene; array of SceneLeg (transfer full). */
GArray *legs_scene(Service *service, const char *meeting);
/* Writes what only the bridge knows into the scene's legs: "hears". */
void legs_finish_scene(Service *service, json_t *scene);

/* Line quality of the meeting's seats for the consoles, of the leg that sends where there is one: seat ->
 * {"up_loss","down_loss","rtt_ms","rung"} (transfer full); a seat without a report is not in it. */
GHashTable *legs_quality(Service *service, const char *meeting);

/* Four times a second: presence of seats follows their media. */
void legs_review(Service *service);
guint legs_count(Service *service, LegState state);
guint legs_count_session(Service *service, guint64 session);
guint legs_count_owner(Service *service, const guint8 *owner);
gboolean legs_session_sends(
    const Session *session); /* it has a leg that carries its seat's voice and picture */
