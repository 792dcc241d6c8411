/* auth.h -- users, passwords, links, sessions. In memory on the signaling thread; every change is put into the batch the
 * caller gives and counts at once. Passwords are argon2id, hashed in a one-slot worker thread, never on the caller's.
 * Tokens are random, shown once, kept as BLAKE2b hashes. now_ms: UTC milliseconds (office_now_ms). */
#pragma once

#include "signaling/records.h"
#include "signaling/role.h"
#include "signaling/store.h"

#include <glib.h>

typedef struct Auth Auth;
enum { TOKEN_TEXT_BYTES = 32, PASSWORD_BYTES_MIN = 8, PASSWORD_BYTES_MAX = 256 };

typedef struct {
    gint64 login_link_ms;   /* life of a login link: 900000 */
    gint64 session_ms;      /* life of a user's session: 43200000 */
    gint64 room_session_ms; /* of a room's: a year */
    guint attempts;         /* failures per minute and account before slowing: 5 */
} AuthSettings;

typedef struct {
    TokenKind kind;
    Role role;
    gint32 user, seat;
    const char *name;    /* user's name, "" for a room; borrowed until the next change */
    const char *meeting; /* of a bearer token, else "" */
    gint64 expires_ms;
    guint8 hash[TOKEN_HASH_BYTES]; /* names the session, for auth_log_out() and for closing its sockets */
} Identity;

/* Takes both arrays (of UserRecord, of TokenRecord). */
Auth *auth_new(const AuthSettings *settings, GPtrArray *users, GPtrArray *tokens);
void auth_free(Auth *auth); /* joins the worker; waiting requests are answered FAULT_GONE; NULL is fine */
void auth_set_wake(Auth *auth, void (*wake)(gpointer user),
                   gpointer user);      /* called on the worker's thread */
guint auth_n_waiting(const Auth *auth); /* passwords in work */
guint auth_dispatch(Auth *auth);        /* calls the dones that are due */

/* ---- users ---- */
const UserRecord *auth_user(const Auth *auth, const char *name); /* NULL when unknown */
const UserRecord *auth_user_by_id(const Auth *auth, gint32 id);
GPtrArray *auth_users(const Auth *auth); /* of UserRecord, borrowed */
char *auth_password_new(void);           /* a generated one, easy to read out; (transfer full) */

/* Exactly once, from auth_dispatch(). argon2id_hash: borrowed, NULL on error. */
typedef void (*AuthHashed)(gpointer user, const char *argon2id_hash, const GError *why);
/* FAULT_BAD_INPUT too short/long, FAULT_BUSY worker's queue full. */
gboolean auth_hash_password(Auth *auth, const char *password, Language language, AuthHashed done,
                            gpointer user, GError **error);
/* Adds or changes a user. role NULL: as it is. FAULT_BAD_INPUT bad name or role; FAULT_CONFLICT exists and must_be_new;
 * FAULT_NOT_FOUND unknown and role NULL. A changed password ends the user's sessions. */
gboolean auth_put_user(Auth *auth, StoreBatch *batch, const char *name, const char *role,
                       const char *argon2id_hash, gboolean must_be_new, gint64 now_ms, Language language,
                       GError **error);

/* ---- logging in ---- */
/* Exactly once. identity_user 0 and why set (FAULT_REFUSED, FAULT_BUSY slowed down) or the user's id. The caller then calls
 * auth_session_new() with a batch. */
typedef void (*AuthLoggedIn)(gpointer user, gint32 identity_user, const GError *why);
/* address: of the client, for slowing. FALSE: refused at once (slowed down, worker busy). */
gboolean auth_log_in(Auth *auth, const char *name, const char *password, const char *address, gint64 now_ms,
                     Language language, AuthLoggedIn done, gpointer user, GError **error);
/* One-time link: the token dies. Returns the user's id, 0 with FAULT_REFUSED / FAULT_BUSY. */
gint32 auth_use_login_link(Auth *auth, StoreBatch *batch, const char *token, const char *address,
                           gint64 now_ms, Language language, GError **error);
/* A room's link. Returns the seat's id, 0 with FAULT_REFUSED (wrong or revoked: *ret_seat_revoked tells whose it was, or 0)
 * or FAULT_BUSY. Rooms behind one address never lock each other out: only failures count, per token prefix and address. */
gint32 auth_use_room_link(Auth *auth, StoreBatch *batch, const char *token, const char *address,
                          gint64 now_ms, Language language, gint32 *ret_seat_revoked, GError **error);

/* ---- tokens; each returns the text, shown once (transfer full) ---- */
char *auth_session_new(Auth *auth, StoreBatch *batch, gint32 user, gint32 seat, gint64 now_ms);
char *auth_login_link_new(Auth *auth, StoreBatch *batch, gint32 user, gint64 now_ms);
char *auth_room_link_new(Auth *auth, StoreBatch *batch, gint32 seat,
                         gint64 now_ms); /* revokes the old link and its sessions */
/* A second, passing link beside the room's own, for trials: nobody's link or session ends by it. */
char *auth_lent_link_new(Auth *auth, StoreBatch *batch, gint32 seat, gint64 life_ms, gint64 now_ms);
char *auth_bearer_new(Auth *auth, StoreBatch *batch, const char *meeting, gint32 seat /* 0 = observer */,
                      gint64 life_ms, gint64 now_ms);

/* The live session or bearer behind a cookie's or header's text. FALSE: unknown or over. Never blocks, never slows. */
gboolean auth_identify(Auth *auth, const char *token, gint64 now_ms, Identity *ret_identity);
gboolean auth_identity_lives(Auth *auth, const guint8 hash[TOKEN_HASH_BYTES], gint64 now_ms);
/* A login that is in use: with less than 15 minutes left it gets an hour from now. FALSE: nothing was put into the batch. */
gboolean auth_prolong(Auth *auth, StoreBatch *batch, const guint8 hash[TOKEN_HASH_BYTES], gint64 now_ms);
void auth_log_out(Auth *auth, StoreBatch *batch, const guint8 hash[TOKEN_HASH_BYTES]);

typedef enum { LINK_NONE, LINK_ACTIVE, LINK_REVOKED } LinkState;
LinkState auth_link_state(const Auth *auth, gint32 seat, gint64 *ret_used_ms); /* ret_used_ms may be NULL */
gboolean auth_link_revoke(Auth *auth, StoreBatch *batch, gint32 seat,
                          gint64 now_ms); /* FALSE: there was none; its sessions end */
/* Forgets tokens that are over. Once an hour. */
void auth_tidy(Auth *auth, StoreBatch *batch, gint64 now_ms);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(Auth, auth_free)
