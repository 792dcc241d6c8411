/* office.h -- keeps the books: store, roster, users and tokens, meetings. Owner: the signaling thread.
 * Decide and apply run at once, in memory; everything that may leave the process is told after the commit that covers it, in
 * order. So each meeting has two states: the head (what commands are decided on, private) and the shown one, which follows
 * at each commit and from which scenes, snapshots and views are built. */
#pragma once

#include "config/settings.h"
#include "signaling/auth.h"
#include "signaling/meeting.h"
#include "signaling/meeting_view.h"
#include "signaling/roster.h"
#include "signaling/store.h"

typedef struct Office Office;

typedef struct {
    /* After a commit: these events (borrowed array) are now in the shown state. Send the scene, deltas, chimes. */
    void (*committed)(gpointer user, const char *meeting_id, json_t *events, gint64 time_ms);
    void (*roster_changed)(gpointer user);            /* labels, seats */
    void (*link_changed)(gpointer user, gint32 seat); /* new or revoked: its room sessions have ended */
    void (*sessions_ended)(gpointer user);            /* ask auth_identity_lives() for each open socket */
    void (*health)(gpointer user, gboolean well,
                   const char *sentence); /* the store fails or is well again: alarm */
} OfficeEvents;

/* data_dir: made when missing (0700); NULL = in memory, for tests. Loads all, replays the meetings that are not ended.
 * settings: borrowed for life. FAULT_BUSY: another program has the folder. */
Office *office_open(const char *data_dir, const Settings *settings, GError **error);
void office_close(Office *office); /* NULL is fine */
void office_listen(Office *office, const OfficeEvents *events, gpointer user);
/* wake: called on other threads when office_dispatch() has something to do; only wakes a loop. */
void office_set_wake(Office *office, void (*wake)(gpointer user), gpointer user);
void office_dispatch(Office *office); /* store and auth results */
void office_tick(Office *office);     /* 4 to 10 times a second: due commands, overdue commits, tidying */
gboolean office_settle(Office *office,
                       gint64 timeout_us); /* command line, tests: dispatch until nothing waits */

/* UTC in ms that never runs backwards; between steps of the wall clock it advances by the monotonic clock. */
gint64 office_now_ms(Office *office);
Store *office_store(Office *office);
Roster *office_roster(Office *office);
Auth *office_auth(Office *office);
const Settings *office_settings(Office *office);
/* What links begin with: http.public_url, else what the server told (kept for the command line), else https://localhost:port. */
const char *office_public_url(Office *office);
gint64 office_new_epoch(
    Office *office); /* of scenes: larger than that of any earlier run, kept in the books */
void office_set_public_url(Office *office,
                           const char *url); /* the server, once it knows its addresses and port */

/* ---- meetings ---- */
const Meeting *office_meeting(Office *office,
                              const char *id); /* shown state; NULL when unknown or ended long ago */
/* ids of meetings that are draft or open, oldest first; NULL-ended, (transfer full) */
char **office_meeting_ids(Office *office);
/* [{"id","title","state","planned_at_ms"?,"opened_at_ms"?,"ended_at_ms"?}] newest first */
json_t *office_meetings_json(Office *office, gboolean with_ended);

/* done: exactly once, after the commit (why NULL; events borrowed) or when it is overdue (FAULT_BUSY). May be NULL. */
typedef void (*OfficeDone)(gpointer user, json_t *events, const GError *why);
/* FALSE: refused in words (actor's language), done is never called. command is borrowed. Commands: meeting.h.
 * Seats named in a command must be in the roster (FAULT_NOT_FOUND). */
gboolean office_command(Office *office, const char *meeting_id, const Actor *actor, json_t *command,
                        OfficeDone done, gpointer user, GError **error);
/* Makes a meeting and returns its id (transfer full), NULL with error. With open: opens it too. */
char *office_create_meeting(Office *office, const Actor *actor, const char *title, gboolean open,
                            OfficeDone done, gpointer user, GError **error);

/* ---- roster, links, users: each stores, writes an audit event, and tells done after the commit ---- */
/* Returns the plan (transfer full); errors in it mean that nothing was changed. NULL with error when the store is unwell. */
RosterPlan *office_import_roster(Office *office, const Actor *actor, const char *csv, gsize n_bytes,
                                 OfficeDone done, gpointer user, GError **error);
/* The room's address (transfer full), shown once. */
char *office_make_link(Office *office, const Actor *actor, gint32 seat, OfficeDone done, gpointer user,
                       GError **error);
gboolean office_revoke_link(Office *office, const Actor *actor, gint32 seat, OfficeDone done, gpointer user,
                            GError **error);
/* A room's address that lives life_ms beside the room's own link, which stays as it is (transfer full). */
char *office_lend_link(Office *office, gint32 seat, gint64 life_ms, GError **error);
/* A fresh one-time login address of a user (transfer full). */
char *office_make_login_link(Office *office, const char *user_name, OfficeDone done, gpointer user,
                             GError **error);
/* argon2id_hash from auth_hash_password(). */
gboolean office_put_user(Office *office, const Actor *actor, const char *name, const char *role,
                         const char *argon2id_hash, gboolean must_be_new, OfficeDone done, gpointer user,
                         GError **error);
/* Erases the text of one log row (a name that must go); the chain stays valid, and the erasing is itself a row. */
gboolean office_erase_event(Office *office, const Actor *actor, gint64 seq, OfficeDone done, gpointer user,
                            GError **error);
/* A batch for the caller's own changes (sessions); office_submit() takes it. Empty batches are fine. */
void office_submit(Office *office, StoreBatch *batch, OfficeDone done, gpointer user);
/* One line for the audit log, not of a meeting. fields: borrowed object. */
void office_audit(Office *office, StoreBatch *batch, const char *kind, const Actor *actor, json_t *fields);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(Office, office_close)
