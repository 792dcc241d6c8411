/* auth_token.c -- links, sessions, bearers: random texts that we know only by their hashes. */
#include "signaling/auth_state.h"

#include <sodium.h>
#include <string.h>

enum {
    TOKEN_RANDOM_BYTES = 16,
    SESSIONS_PER_SEAT_MAX = 8,
    SESSIONS_PER_USER_MAX = 32,
    LINK_PREFIX_BYTES = 8,
    PROLONG_BELOW_MS = 15 * 60 * 1000,
    PROLONG_BY_MS = 60 * 60 * 1000,
};

void auth_hash_token(const char *token, guint8 ret_hash[TOKEN_HASH_BYTES]) {
    crypto_generichash(ret_hash, TOKEN_HASH_BYTES, (const guint8 *)token, strlen(token), NULL, 0);
}

TokenRecord *auth_peek_token(const Auth *auth, const char *token) {
    guint8 hash[TOKEN_HASH_BYTES];
    if (token == NULL || strlen(token) >= TOKEN_TEXT_BYTES) return NULL;
    auth_hash_token(token, hash);
    return g_hash_table_lookup(auth->tokens, hash);
}

static gboolean is_over(const TokenRecord *token, gint64 now_ms) {
    return token->expires_ms != 0 && now_ms >= token->expires_ms;
}

void auth_drop_token(Auth *auth, StoreBatch *batch, TokenRecord *token) {
    store_batch_token_gone(batch, token->hash);
    if (g_hash_table_lookup(auth->links_by_seat, GINT_TO_POINTER(token->seat)) == token)
        g_hash_table_remove(auth->links_by_seat, GINT_TO_POINTER(token->seat));
    g_hash_table_remove(auth->tokens, token->hash);
}

/* Tokens of a kind that belong to a user or to a seat, oldest first; borrowed. */
static GPtrArray *tokens_of(const Auth *auth, TokenKind kind, gint32 user, gint32 seat) {
    GPtrArray *found = g_ptr_array_new();
    GHashTableIter each;
    gpointer value;
    g_hash_table_iter_init(&each, auth->tokens);
    while (g_hash_table_iter_next(&each, NULL, &value)) {
        TokenRecord *token = value;
        if (token->kind == kind && ((user != 0 && token->user == user) || (seat != 0 && token->seat == seat)))
            g_ptr_array_add(found, token);
    }
    return found;
}

void auth_end_sessions(Auth *auth, StoreBatch *batch, gint32 user, gint32 seat) {
    static const TokenKind kinds[] = { TOKEN_SESSION, TOKEN_LOGIN, TOKEN_BEARER };
    for (guint k = 0; k < G_N_ELEMENTS(kinds); k++) {
        g_autoptr(GPtrArray) tokens = tokens_of(auth, kinds[k], user, seat);
        for (guint i = 0; i < tokens->len; i++) auth_drop_token(auth, batch, tokens->pdata[i]);
    }
}

/* ---- making ---- */

static TokenRecord *new_token(Auth *auth, TokenKind kind, gint32 user, gint32 seat, gint64 life_ms,
                              gint64 now_ms, char **ret_text) {
    guint8 random[TOKEN_RANDOM_BYTES];
    char text[TOKEN_TEXT_BYTES];
    randombytes_buf(random, sizeof random);
    sodium_bin2base64(text, sizeof text, random, sizeof random, sodium_base64_VARIANT_URLSAFE_NO_PADDING);
    TokenRecord *token = g_new0(TokenRecord, 1);
    auth_hash_token(text, token->hash);
    token->kind = kind;
    token->user = user;
    token->seat = seat;
    token->meeting = g_strdup("");
    token->created_ms = now_ms;
    token->expires_ms = life_ms > 0 ? now_ms + life_ms : 0;
    g_hash_table_insert(auth->tokens, token->hash, token);
    *ret_text = g_strdup(text);
    sodium_memzero(text, sizeof text);
    return token;
}

static gint oldest_first(gconstpointer a, gconstpointer b) {
    const TokenRecord *first = *(TokenRecord *const *)a, *second = *(TokenRecord *const *)b;
    return (first->created_ms > second->created_ms) - (first->created_ms < second->created_ms);
}

/* A page makes a session at each first visit; a room that never keeps its cookie must not fill the table. */
static void make_room(Auth *auth, StoreBatch *batch, gint32 user, gint32 seat) {
    g_autoptr(GPtrArray) sessions = tokens_of(auth, TOKEN_SESSION, user, seat);
    guint n_max = user != 0 ? SESSIONS_PER_USER_MAX : SESSIONS_PER_SEAT_MAX;
    g_ptr_array_sort(sessions, oldest_first);
    for (guint i = 0; i + n_max <= sessions->len; i++) auth_drop_token(auth, batch, sessions->pdata[i]);
}

char *auth_session_new(Auth *auth, StoreBatch *batch, gint32 user, gint32 seat, gint64 now_ms) {
    char *text;
    make_room(auth, batch, user, seat);
    gint64 life_ms = user != 0 ? auth->settings.session_ms : auth->settings.room_session_ms;
    store_batch_token(batch,
                      new_token(auth, TOKEN_SESSION, user, user != 0 ? 0 : seat, life_ms, now_ms, &text));
    return text;
}

char *auth_login_link_new(Auth *auth, StoreBatch *batch, gint32 user, gint64 now_ms) {
    char *text;
    store_batch_token(batch,
                      new_token(auth, TOKEN_LOGIN, user, 0, auth->settings.login_link_ms, now_ms, &text));
    return text;
}

/* What marks a lent link in its record; links for life have no meeting. */
static const char LENT[] = "lent";

char *auth_lent_link_new(Auth *auth, StoreBatch *batch, gint32 seat, gint64 life_ms, gint64 now_ms) {
    char *text;
    TokenRecord *token = new_token(auth, TOKEN_LINK, 0, seat, life_ms, now_ms, &text);
    g_free(token->meeting);
    token->meeting = g_strdup(LENT);
    store_batch_token(batch, token);
    return text;
}

static gboolean drop_lent_links(Auth *auth, StoreBatch *batch, gint32 seat) {
    g_autoptr(GPtrArray) links = tokens_of(auth, TOKEN_LINK, 0, seat);
    gboolean any = FALSE;
    for (guint i = 0; i < links->len; i++) {
        TokenRecord *token = links->pdata[i];
        if (strcmp(token->meeting, LENT) != 0) continue;
        auth_drop_token(auth, batch, token);
        any = TRUE;
    }
    return any;
}

char *auth_bearer_new(Auth *auth, StoreBatch *batch, const char *meeting, gint32 seat, gint64 life_ms,
                      gint64 now_ms) {
    char *text;
    TokenRecord *token = new_token(auth, TOKEN_BEARER, 0, seat, life_ms, now_ms, &text);
    g_free(token->meeting);
    token->meeting = g_strdup(meeting);
    store_batch_token(batch, token);
    return text;
}

/* ---- using ---- */

gint32 auth_use_login_link(Auth *auth, StoreBatch *batch, const char *text, const char *address,
                           gint64 now_ms, Language language, GError **error) {
    guint wait_s = slowing_wait_s(auth->slowing, "login-link", address, auth->settings.attempts * 20, now_ms);
    if (wait_s > 0) {
        words_refuse(error, FAULT_BUSY, language, WORD_LOGIN_SLOWED, (int)wait_s);
        return 0;
    }
    TokenRecord *token = auth_peek_token(auth, text);
    if (token == NULL || token->kind != TOKEN_LOGIN || is_over(token, now_ms) ||
        auth_peek_user_by_id(auth, token->user) == NULL) {
        slowing_failed(auth->slowing, "login-link", address, now_ms);
        words_refuse(error, FAULT_REFUSED, language, WORD_LOGIN_LINK_WRONG);
        return 0;
    }
    gint32 user = token->user;
    auth_drop_token(auth, batch, token);
    return user;
}

gint32 auth_use_room_link(Auth *auth, StoreBatch *batch, const char *text, const char *address, gint64 now_ms,
                          Language language, gint32 *ret_seat_revoked, GError **error) {
    *ret_seat_revoked = 0;
    TokenRecord *token = auth_peek_token(auth, text);
    if (token != NULL && token->kind == TOKEN_LINK && !is_over(token, now_ms)) {
        token->used_ms = now_ms;
        store_batch_token(batch, token);
        return token->seat;
    }
    /* Only now, after a right link has passed: wrong ones slow nobody but themselves and a flood from one address. */
    g_autofree char *prefix = g_strndup(text != NULL ? text : "", LINK_PREFIX_BYTES);
    guint prefix_s = slowing_wait_s(auth->slowing, "link", prefix, auth->settings.attempts, now_ms);
    guint address_s =
        slowing_wait_s(auth->slowing, "link-address", address, auth->settings.attempts * 60, now_ms);
    if (MAX(prefix_s, address_s) > 0) {
        words_refuse(error, FAULT_BUSY, language, WORD_LOGIN_SLOWED, (int)MAX(prefix_s, address_s));
        return 0;
    }
    slowing_failed(auth->slowing, "link", prefix, now_ms);
    slowing_failed(auth->slowing, "link-address", address, now_ms);
    gboolean revoked = token != NULL && token->kind == TOKEN_LINK;
    if (revoked) *ret_seat_revoked = token->seat;
    words_refuse(error, FAULT_REFUSED, language, revoked ? WORD_ROOM_LINK_REVOKED : WORD_ROOM_LINK_WRONG);
    return 0;
}

static gboolean fill_identity(const Auth *auth, const TokenRecord *token, gint64 now_ms, Identity *identity) {
    if (token == NULL || is_over(token, now_ms) ||
        (token->kind != TOKEN_SESSION && token->kind != TOKEN_BEARER))
        return FALSE;
    *identity = (Identity){ .kind = token->kind,
                            .user = token->user,
                            .seat = token->seat,
                            .name = "",
                            .meeting = token->meeting,
                            .expires_ms = token->expires_ms };
    memcpy(identity->hash, token->hash, sizeof identity->hash);
    if (token->user == 0) {
        identity->role = token->seat != 0 ? ROLE_ROOM : ROLE_OBSERVER;
        return TRUE;
    }
    const UserRecord *user = auth_peek_user_by_id(auth, token->user);
    if (user == NULL) return FALSE;
    identity->role = role_from_word(user->role);
    identity->name = user->name;
    return TRUE;
}

gboolean auth_identify(Auth *auth, const char *token, gint64 now_ms, Identity *ret_identity) {
    return fill_identity(auth, auth_peek_token(auth, token), now_ms, ret_identity);
}

gboolean auth_identity_lives(Auth *auth, const guint8 hash[TOKEN_HASH_BYTES], gint64 now_ms) {
    Identity identity;
    return fill_identity(auth, g_hash_table_lookup(auth->tokens, hash), now_ms, &identity);
}

gboolean auth_prolong(Auth *auth, StoreBatch *batch, const guint8 hash[TOKEN_HASH_BYTES], gint64 now_ms) {
    TokenRecord *token = g_hash_table_lookup(auth->tokens, hash);
    if (token == NULL || token->expires_ms == 0 || is_over(token, now_ms) ||
        token->expires_ms - now_ms >= PROLONG_BELOW_MS)
        return FALSE;
    token->expires_ms = now_ms + PROLONG_BY_MS;
    store_batch_token(batch, token);
    return TRUE;
}

void auth_log_out(Auth *auth, StoreBatch *batch, const guint8 hash[TOKEN_HASH_BYTES]) {
    TokenRecord *token = g_hash_table_lookup(auth->tokens, hash);
    if (token != NULL && token->kind == TOKEN_SESSION) auth_drop_token(auth, batch, token);
}

/* ---- the links of rooms ---- */

LinkState auth_link_state(const Auth *auth, gint32 seat, gint64 *ret_used_ms) {
    const TokenRecord *token = g_hash_table_lookup(auth->links_by_seat, GINT_TO_POINTER(seat));
    if (ret_used_ms != NULL) *ret_used_ms = token != NULL ? token->used_ms : 0;
    if (token == NULL) return LINK_NONE;
    return token->expires_ms == 0 ? LINK_ACTIVE : LINK_REVOKED;
}

static gboolean retire_link(Auth *auth, StoreBatch *batch, gint32 seat, gint64 now_ms) {
    TokenRecord *token = g_hash_table_lookup(auth->links_by_seat, GINT_TO_POINTER(seat));
    if (token == NULL || token->expires_ms != 0) return FALSE;
    /* Kept, not forgotten: whoever still uses it is told that there is a newer one, and whom to call. */
    token->expires_ms = MAX(now_ms, 1);
    store_batch_token(batch, token);
    auth_end_sessions(auth, batch, 0, seat);
    return TRUE;
}

char *auth_room_link_new(Auth *auth, StoreBatch *batch, gint32 seat, gint64 now_ms) {
    char *text;
    /* A lent link beside it stays: in a demonstration the simulator makes new links for all rooms, and the one printed
     * for a person must still work. */
    retire_link(auth, batch, seat, now_ms);
    TokenRecord *token = new_token(auth, TOKEN_LINK, 0, seat, 0, now_ms, &text);
    g_hash_table_insert(auth->links_by_seat, GINT_TO_POINTER(seat), token);
    store_batch_token(batch, token);
    return text;
}

gboolean auth_link_revoke(Auth *auth, StoreBatch *batch, gint32 seat, gint64 now_ms) {
    gboolean lent = drop_lent_links(auth, batch, seat);
    if (lent) auth_end_sessions(auth, batch, 0, seat);
    return retire_link(auth, batch, seat, now_ms) || lent;
}

void auth_tidy(Auth *auth, StoreBatch *batch, gint64 now_ms) {
    const gint64 year_ms = 365ll * 24 * 3600 * 1000;
    g_autoptr(GPtrArray) over = g_ptr_array_new();
    GHashTableIter each;
    gpointer value;
    g_hash_table_iter_init(&each, auth->tokens);
    while (g_hash_table_iter_next(&each, NULL, &value)) {
        TokenRecord *token = value;
        if (!is_over(token, now_ms)) continue;
        if (token->kind != TOKEN_LINK || now_ms - token->expires_ms > year_ms) g_ptr_array_add(over, token);
    }
    for (guint i = 0; i < over->len; i++) auth_drop_token(auth, batch, over->pdata[i]);
}
