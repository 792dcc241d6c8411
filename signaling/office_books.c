/* office_books.c -- roster, links and users in the books: each change with a line in the audit log. */
#include "signaling/office_state.h"

#include <string.h>

/* ---- roster ---- */

static void tell_roster(Office *office, gint32 seat) {
    (void)seat;
    if (office->events != NULL && office->events->roster_changed != NULL)
        office->events->roster_changed(office->events_user);
}

static gboolean seat_differs(const SeatRecord *a, const SeatRecord *b) {
    return a == NULL || a->place != b->place || strcmp(a->code, b->code) != 0 ||
           strcmp(a->name, b->name) != 0 || strcmp(a->type, b->type) != 0 ||
           strcmp(a->district, b->district) != 0 || strcmp(a->group, b->group) != 0 ||
           strcmp(a->phone, b->phone) != 0 || strcmp(a->technician, b->technician) != 0 ||
           strcmp(a->technician_phone, b->technician_phone) != 0 || strcmp(a->note, b->note) != 0;
}

RosterPlan *office_import_roster(Office *office, const Actor *actor, const char *csv, gsize n_bytes,
                                 OfficeDone done, gpointer user, GError **error) {
    if (!office_may_write(office, actor->language, error)) return NULL;
    RosterPlan *plan = roster_plan_import(office->roster, csv, n_bytes,
                                          (guint)office->settings->meeting_seats_max, actor->language);
    StoreBatch *batch = store_batch_new();
    if (plan->n_errors > 0) {
        office_submit(office, batch, done, user);
        return plan;
    }
    for (guint i = 0; i < plan->seats->len; i++) {
        const SeatRecord *seat = plan->seats->pdata[i];
        if (seat_differs(roster_seat(office->roster, seat->id), seat)) store_batch_seat(batch, seat);
    }
    json_t *counts = json_pack("{s:i, s:i, s:i}", "added", (int)plan->n_added, "changed",
                               (int)plan->n_changed, "unchanged", (int)plan->n_unchanged);
    office_audit(office, batch, "roster.imported", actor, counts);
    json_decref(counts);
    roster_take_seats(office->roster, g_steal_pointer(&plan->seats));
    Commit *commit = office_commit(office, batch, done, user);
    if (commit != NULL) commit->then = tell_roster;
    return plan;
}

/* ---- links ---- */

static void tell_link(Office *office, gint32 seat) {
    if (office->events == NULL) return;
    if (office->events->link_changed != NULL) office->events->link_changed(office->events_user, seat);
    if (office->events->sessions_ended != NULL) office->events->sessions_ended(office->events_user);
}

static const SeatRecord *need_seat(Office *office, gint32 id, Language language, GError **error) {
    const SeatRecord *seat = roster_seat(office->roster, id);
    if (seat == NULL) words_refuse(error, FAULT_NOT_FOUND, language, WORD_SEAT_UNKNOWN);
    return seat;
}

static void commit_link(Office *office, StoreBatch *batch, const char *kind, const Actor *actor,
                        const SeatRecord *seat, OfficeDone done, gpointer user) {
    json_t *fields = json_pack("{s:i, s:s}", "seat", (int)seat->id, "code", seat->code);
    office_audit(office, batch, kind, actor, fields);
    json_decref(fields);
    Commit *commit = office_commit(office, batch, done, user);
    if (commit == NULL) return;
    commit->then = tell_link;
    commit->seat = seat->id;
}

char *office_make_link(Office *office, const Actor *actor, gint32 id, OfficeDone done, gpointer user,
                       GError **error) {
    const SeatRecord *seat = need_seat(office, id, actor->language, error);
    if (seat == NULL || !office_may_write(office, actor->language, error)) return NULL;
    StoreBatch *batch = store_batch_new();
    g_autofree char *token = auth_room_link_new(office->auth, batch, id, office_now_ms(office));
    commit_link(office, batch, "link.made", actor, seat, done, user);
    return g_strconcat(office->public_url, "/r#", token, NULL);
}

char *office_lend_link(Office *office, gint32 id, gint64 life_ms, GError **error) {
    Language language = office_language(office);
    if (need_seat(office, id, language, error) == NULL || !office_may_write(office, language, error))
        return NULL;
    StoreBatch *batch = store_batch_new();
    g_autofree char *token = auth_lent_link_new(office->auth, batch, id, life_ms, office_now_ms(office));
    office_submit(office, batch, NULL, NULL);
    return g_strconcat(office->public_url, "/r#", token, NULL);
}

gboolean office_revoke_link(Office *office, const Actor *actor, gint32 id, OfficeDone done, gpointer user,
                            GError **error) {
    const SeatRecord *seat = need_seat(office, id, actor->language, error);
    if (seat == NULL || !office_may_write(office, actor->language, error)) return FALSE;
    StoreBatch *batch = store_batch_new();
    if (!auth_link_revoke(office->auth, batch, id, office_now_ms(office))) {
        store_batch_free(batch);
        return words_refuse(error, FAULT_NOT_FOUND, actor->language, WORD_LINK_NONE);
    }
    commit_link(office, batch, "link.revoked", actor, seat, done, user);
    return TRUE;
}

/* ---- users ---- */

char *office_make_login_link(Office *office, const char *user_name, OfficeDone done, gpointer user,
                             GError **error) {
    Language language = office_language(office);
    const UserRecord *record = auth_user(office->auth, user_name);
    if (!office_may_write(office, language, error)) return NULL;
    if (record == NULL) {
        words_refuse(error, FAULT_NOT_FOUND, language, WORD_USER_UNKNOWN, user_name);
        return NULL;
    }
    StoreBatch *batch = store_batch_new();
    g_autofree char *token = auth_login_link_new(office->auth, batch, record->id, office_now_ms(office));
    office_submit(office, batch, done, user);
    return g_strconcat(office->public_url, "/login#", token, NULL);
}

static void tell_sessions(Office *office, gint32 seat) {
    (void)seat;
    if (office->events != NULL && office->events->sessions_ended != NULL)
        office->events->sessions_ended(office->events_user);
}

gboolean office_put_user(Office *office, const Actor *actor, const char *name, const char *role,
                         const char *argon2id_hash, gboolean must_be_new, OfficeDone done, gpointer user,
                         GError **error) {
    if (!office_may_write(office, actor->language, error)) return FALSE;
    g_autoptr(StoreBatch) batch = store_batch_new();
    if (!auth_put_user(office->auth, batch, name, role, argon2id_hash, must_be_new, office_now_ms(office),
                       actor->language, error))
        return FALSE;
    json_t *fields = json_pack("{s:s, s:s}", "user", name, "role", role != NULL ? role : "");
    office_audit(office, batch, must_be_new ? "user.added" : "user.changed", actor, fields);
    json_decref(fields);
    Commit *commit = office_commit(office, g_steal_pointer(&batch), done, user);
    if (commit != NULL) commit->then = tell_sessions;
    return TRUE;
}

gboolean office_erase_event(Office *office, const Actor *actor, gint64 seq, OfficeDone done, gpointer user,
                            GError **error) {
    if (!office_may_write(office, actor->language, error)) return FALSE;
    StoreBatch *batch = store_batch_new();
    json_t *fields = json_pack("{s:I}", "seq", (json_int_t)seq);
    store_batch_erase(batch, seq);
    office_audit(office, batch, "event.erased", actor, fields);
    json_decref(fields);
    office_submit(office, batch, done, user);
    return TRUE;
}
