/* auth_state.h -- the inside of Auth, for auth*.c alone. */
#pragma once

#include "signaling/auth.h"
#include "signaling/password_worker.h"
#include "signaling/slowing.h"

struct Auth {
    AuthSettings settings;
    GPtrArray *users;          /* of UserRecord */
    GHashTable *tokens;        /* hash -> TokenRecord, owned */
    GHashTable *links_by_seat; /* seat -> its newest TOKEN_LINK, borrowed */
    PasswordWorker *worker;
    Slowing *slowing;
};

UserRecord *auth_peek_user(const Auth *auth, const char *name); /* NULL when unknown; name as typed */
UserRecord *auth_peek_user_by_id(const Auth *auth, gint32 id);
/* What tokens are kept as. */
void auth_hash_token(const char *token, guint8 ret_hash[TOKEN_HASH_BYTES]);
TokenRecord *auth_peek_token(const Auth *auth, const char *token); /* whatever its kind and age */
/* Name as the tables keep it: NFC, lower case, no spaces at the ends; NULL when it cannot be one. (transfer full) */
char *auth_user_name(const char *typed);
/* Drops all sessions (and login links) of a user, or all sessions of a seat; 0 = not asked for. */
void auth_end_sessions(Auth *auth, StoreBatch *batch, gint32 user, gint32 seat);
void auth_drop_token(Auth *auth, StoreBatch *batch, TokenRecord *token);
