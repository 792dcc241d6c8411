/* session_logins.c -- logins, links and bearers end: what was opened by them ends, too, unless a meeting needs it just now. */
#include "signaling/session_legs.h"

#include <string.h>

static gboolean lives(Service *service, const guint8 *login) {
    return auth_identity_lives(office_auth(service->office), login, office_now_ms(service->office));
}

static void check_session(Session *session, gpointer user) {
    (void)user;
    if (lives(session->service, session_login(session))) return;
    legs_close_session_legs(session);
    session_close(session, CLOSE_LOGGED_OUT, "logged out");
}

/* A leg may have outlived its socket, or never had one. */
static void check_leg(Service *service, Leg *leg, gconstpointer what) {
    (void)what;
    if (leg_has_owner(leg) && !lives(service, leg->owner)) leg_close(service, leg->id);
}

void session_check_logins(Service *service) {
    session_each(service, check_session, NULL);
    legs_each(service, check_leg, NULL);
}

typedef struct {
    StoreBatch *batch;
    gboolean any;
} Prolonging;

static void prolong(Service *service, const char *id, const guint8 *login, Prolonging *prolonging) {
    const Meeting *meeting = id != NULL ? office_meeting(service->office, id) : NULL;
    if (meeting == NULL || meeting_phase(meeting) != MEETING_OPEN) return;
    if (auth_prolong(office_auth(service->office), prolonging->batch, login, office_now_ms(service->office)))
        prolonging->any = TRUE;
}

static void prolong_session(Session *session, gpointer user) {
    prolong(session->service, session->meeting, session_login(session), user);
}

static void prolong_leg(Service *service, Leg *leg, gconstpointer what) {
    if (leg_has_owner(leg)) prolong(service, leg->meeting, leg->owner, (Prolonging *)what);
}

void session_review_logins(Service *service) {
    Prolonging prolonging = { .batch = store_batch_new() };
    session_each(service, prolong_session, &prolonging);
    legs_each(service, prolong_leg, &prolonging);
    if (prolonging.any)
        office_submit(service->office, prolonging.batch, NULL, NULL);
    else
        store_batch_free(prolonging.batch);
    session_check_logins(service);
}
