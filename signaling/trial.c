/* trial.c -- everything that a first meeting needs and that is not there yet. */
#include "signaling/trial.h"

#include <string.h>

enum { WAIT_US = 30 * G_USEC_PER_SEC, ROOM_LINK_MS = 24 * 3600 * 1000 };

static const Actor trial_actor = { .role = ROLE_ADMIN, .name = "trial", .language = LANGUAGE_VI };

void trial_free(Trial *trial) {
    if (trial == NULL) return;
    g_free(trial->chair_url);
    g_free(trial->technician_url);
    g_free(trial->room_url);
    g_free(trial->room_label);
    g_free(trial->meeting_id);
    g_free(trial->chair_password);
    g_free(trial->technician_password);
    g_free(trial);
}

static gboolean import_roster(Office *office, GError **error) {
    const char *path = office_settings(office)->trial_roster;
    g_autofree char *csv = NULL;
    gsize n_bytes = 0;
    if (roster_n_seats(office_roster(office)) > 0) return TRUE;
    if (*path == '\0') {
        g_set_error(error, FAULT, FAULT_SETUP,
                    "the roster is empty and trial.roster names no file to import");
        return FALSE;
    }
    g_autoptr(GError) why = NULL;
    if (!g_file_get_contents(path, &csv, &n_bytes, &why)) {
        g_set_error(error, FAULT, FAULT_SETUP, "cannot read the trial roster: %s", why->message);
        return FALSE;
    }
    g_autoptr(RosterPlan) plan = office_import_roster(office, &trial_actor, csv, n_bytes, NULL, NULL, error);
    if (plan == NULL) return FALSE;
    if (plan->n_errors == 0) return TRUE;
    const RosterRow *first = NULL;
    for (guint i = 0; first == NULL && i < plan->rows->len; i++)
        if (((RosterRow *)plan->rows->pdata[i])->what == ROSTER_ERROR) first = plan->rows->pdata[i];
    g_set_error(error, FAULT, FAULT_SETUP, "%s, line %u: %s (%u errors in all)", path,
                first != NULL ? first->line : 0, first != NULL ? first->text : "", plan->n_errors);
    return FALSE;
}

/* ---- users ---- */

typedef struct {
    Office *office;
    const char *name, *role;
    GError *why;
} Making;

static void on_hashed(gpointer user, const char *argon2id_hash, const GError *why) {
    Making *making = user;
    if (why != NULL)
        making->why = g_error_copy(why);
    else
        office_put_user(making->office, &trial_actor, making->name, making->role, argon2id_hash, TRUE, NULL,
                        NULL, &making->why);
}

static gboolean settle(Office *office, GError **error) {
    if (office_settle(office, WAIT_US)) return TRUE;
    g_set_error(error, FAULT, FAULT_SETUP, "the data folder takes longer than 30 s to write");
    return FALSE;
}

/* Makes the user when missing; *ret_password is set then. */
static gboolean make_user(Office *office, const char *name, const char *role, char **ret_password,
                          GError **error) {
    if (auth_user(office_auth(office), name) != NULL) return TRUE;
    g_autofree char *password = auth_password_new();
    Making making = { .office = office, .name = name, .role = role };
    if (!auth_hash_password(office_auth(office), password, LANGUAGE_VI, on_hashed, &making, error) ||
        !settle(office, error))
        return FALSE;
    if (making.why != NULL) {
        g_propagate_error(error, making.why);
        return FALSE;
    }
    *ret_password = g_steal_pointer(&password);
    return TRUE;
}

/* ---- the meeting and the links ---- */

static char *open_meeting(Office *office, GError **error) {
    g_auto(GStrv) ids = office_meeting_ids(office);
    for (guint i = 0; ids[i] != NULL; i++)
        if (meeting_phase(office_meeting(office, ids[i])) == MEETING_OPEN) return g_strdup(ids[i]);
    const char *title = office_settings(office)->trial_title;
    return office_create_meeting(office, &trial_actor, *title != '\0' ? title : "Họp thử", TRUE, NULL, NULL,
                                 error);
}

/* A commune, not the hall: the first room that is neither the chair's nor a district's own. */
static const SeatRecord *pick_room(const Roster *roster) {
    gint32 hall = roster_hall(roster);
    for (guint i = 0; i < roster_n_seats(roster); i++) {
        const SeatRecord *seat = roster_seat_at(roster, i);
        if (seat->id != hall && (strcmp(seat->type, "xã") == 0 || strcmp(seat->type, "phường") == 0))
            return seat;
    }
    return roster_seat_at(roster, roster_n_seats(roster) - 1);
}

Trial *trial_set_up(Office *office, GError **error) {
    g_autoptr(Trial) trial = g_new0(Trial, 1);
    if (!import_roster(office, error) ||
        !make_user(office, "chutoa", "chair", &trial->chair_password, error) ||
        !make_user(office, "kythuat", "technician", &trial->technician_password, error) ||
        !settle(office, error))
        return NULL;
    const SeatRecord *room = pick_room(office_roster(office));
    if (room == NULL) {
        g_set_error(error, FAULT, FAULT_SETUP, "the roster is empty");
        return NULL;
    }
    trial->n_seats = roster_n_seats(office_roster(office));
    trial->room_label = g_strdup(room->label);
    trial->meeting_id = open_meeting(office, error);
    if (trial->meeting_id == NULL) return NULL;
    trial->chair_url = office_make_login_link(office, "chutoa", NULL, NULL, error);
    if (trial->chair_url == NULL) return NULL;
    trial->technician_url = office_make_login_link(office, "kythuat", NULL, NULL, error);
    if (trial->technician_url == NULL) return NULL;
    /* Lent, not made: a restart of the server must not throw out a room that sits on an older link. */
    trial->room_url = office_lend_link(office, room->id, ROOM_LINK_MS, error);
    if (trial->room_url == NULL || !settle(office, error)) return NULL;
    return g_steal_pointer(&trial);
}
