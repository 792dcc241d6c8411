/* auth.c -- users and logging in. Tokens: auth_token.c; argon2id: password_worker.c; counting failures: slowing.c. */
#include "signaling/auth_state.h"

#include "signaling/fold.h"

#include <sodium.h>
#include <string.h>

static guint token_hash(gconstpointer hash) {
    guint head;
    memcpy(&head, hash, sizeof head);
    return head;
}

static gboolean token_equal(gconstpointer a, gconstpointer b) {
    return sodium_memcmp(a, b, TOKEN_HASH_BYTES) == 0;
}

Auth *auth_new(const AuthSettings *settings, GPtrArray *users, GPtrArray *tokens) {
    Auth *auth = g_new0(Auth, 1);
    auth->settings = *settings;
    auth->users = users;
    auth->tokens = g_hash_table_new_full(token_hash, token_equal, NULL, (GDestroyNotify)token_record_free);
    auth->links_by_seat = g_hash_table_new(g_direct_hash, g_direct_equal);
    auth->slowing = slowing_new();
    auth->worker = password_worker_new();
    for (guint i = 0; i < tokens->len; i++) {
        TokenRecord *token = token_record_copy(tokens->pdata[i]);
        g_hash_table_insert(auth->tokens, token->hash, token);
        if (token->kind != TOKEN_LINK || *token->meeting != '\0')
            continue; /* a lent link is not the room's own */
        const TokenRecord *newest = g_hash_table_lookup(auth->links_by_seat, GINT_TO_POINTER(token->seat));
        if (newest == NULL || token->expires_ms == 0 ||
            (newest->expires_ms != 0 && newest->created_ms < token->created_ms))
            g_hash_table_insert(auth->links_by_seat, GINT_TO_POINTER(token->seat), token);
    }
    g_ptr_array_unref(tokens);
    return auth;
}

void auth_free(Auth *auth) {
    if (auth == NULL) return;
    password_worker_free(auth->worker);
    slowing_free(auth->slowing);
    g_hash_table_destroy(auth->links_by_seat);
    g_hash_table_destroy(auth->tokens);
    g_ptr_array_unref(auth->users);
    g_free(auth);
}

void auth_set_wake(Auth *auth, void (*wake)(gpointer user), gpointer user) {
    password_worker_set_wake(auth->worker, wake, user);
}

guint auth_dispatch(Auth *auth) { return password_worker_dispatch(auth->worker); }

guint auth_n_waiting(const Auth *auth) { return password_worker_n_waiting(auth->worker); }

/* ---- users ---- */

char *auth_user_name(const char *typed) {
    g_autofree char *nfc = typed != NULL ? text_nfc(typed, -1) : NULL;
    if (nfc == NULL) return NULL;
    g_autofree char *lower = g_utf8_strdown(nfc, -1);
    g_strstrip(lower);
    glong n_letters = 0;
    for (const char *at = lower; *at != '\0'; at = g_utf8_next_char(at), n_letters++) {
        gunichar letter = g_utf8_get_char(at);
        if (!g_unichar_isalnum(letter) && !g_unichar_ismark(letter) &&
            (letter > 127 || strchr("._-", (int)letter) == NULL))
            return NULL;
    }
    return n_letters >= 1 && n_letters <= 64 ? g_steal_pointer(&lower) : NULL;
}

UserRecord *auth_peek_user(const Auth *auth, const char *typed) {
    g_autofree char *name = auth_user_name(typed);
    for (guint i = 0; name != NULL && i < auth->users->len; i++) {
        UserRecord *user = auth->users->pdata[i];
        if (strcmp(user->name, name) == 0) return user;
    }
    return NULL;
}

UserRecord *auth_peek_user_by_id(const Auth *auth, gint32 id) {
    for (guint i = 0; i < auth->users->len; i++) {
        UserRecord *user = auth->users->pdata[i];
        if (user->id == id) return user;
    }
    return NULL;
}

const UserRecord *auth_user(const Auth *auth, const char *name) { return auth_peek_user(auth, name); }

const UserRecord *auth_user_by_id(const Auth *auth, gint32 id) { return auth_peek_user_by_id(auth, id); }

GPtrArray *auth_users(const Auth *auth) { return auth->users; }

char *auth_password_new(void) {
    /* Read out over a telephone: no letters that look or sound alike. 30^12 is 59 bits. */
    static const char letters[] = "abcdefghkmnpqrstuvwxyz23456789";
    char text[15];
    for (guint i = 0; i < 14; i++)
        text[i] = i == 4 || i == 9 ? '-' : letters[randombytes_uniform(sizeof letters - 1)];
    text[14] = '\0';
    return g_strdup(text);
}

gboolean auth_put_user(Auth *auth, StoreBatch *batch, const char *typed, const char *role,
                       const char *argon2id_hash, gboolean must_be_new, gint64 now_ms, Language language,
                       GError **error) {
    g_autofree char *name = auth_user_name(typed);
    if (name == NULL) return words_refuse(error, FAULT_BAD_INPUT, language, WORD_USER_NAME_BAD, typed);
    if (role != NULL && (role_from_word(role) == ROLE_NONE || role_from_word(role) == ROLE_ROOM))
        return words_refuse(error, FAULT_BAD_INPUT, language, WORD_ROLE_BAD, role);
    UserRecord *user = auth_peek_user(auth, name);
    if (user != NULL && must_be_new)
        return words_refuse(error, FAULT_CONFLICT, language, WORD_USER_EXISTS, name);
    if (user == NULL && role == NULL)
        return words_refuse(error, FAULT_NOT_FOUND, language, WORD_USER_UNKNOWN, name);
    if (user == NULL) {
        user = g_new0(UserRecord, 1);
        for (guint i = 0; i < auth->users->len; i++)
            user->id = MAX(user->id, ((UserRecord *)auth->users->pdata[i])->id);
        user->id++;
        user->name = g_strdup(name);
        user->password_hash = g_strdup("");
        user->created_ms = now_ms;
        g_ptr_array_add(auth->users, user);
    } else {
        auth_end_sessions(auth, batch, user->id, 0);
    }
    if (role != NULL) {
        g_free(user->role);
        user->role = g_strdup(role);
    }
    if (argon2id_hash != NULL) {
        g_free(user->password_hash);
        user->password_hash = g_strdup(argon2id_hash);
    }
    store_batch_user(batch, user);
    return TRUE;
}

/* ---- hashing ---- */

typedef struct {
    AuthHashed done;
    gpointer user;
} Hashing;

static void on_hashed(gpointer data, const char *hash, gboolean matches, const GError *why) {
    (void)matches;
    Hashing *hashing = data;
    hashing->done(hashing->user, why == NULL ? hash : NULL, why);
    g_free(hashing);
}

gboolean auth_hash_password(Auth *auth, const char *password, Language language, AuthHashed done,
                            gpointer user, GError **error) {
    gsize n_bytes = strlen(password);
    if (n_bytes < PASSWORD_BYTES_MIN || n_bytes > PASSWORD_BYTES_MAX || !g_utf8_validate(password, -1, NULL))
        return words_refuse(error, FAULT_BAD_INPUT, language, WORD_PASSWORD_LENGTH, PASSWORD_BYTES_MIN,
                            PASSWORD_BYTES_MAX);
    /* One person types it composed, the other's keyboard decomposed: what is hashed is NFC, here and at logging in. */
    g_autofree char *nfc = text_nfc(password, -1);
    Hashing *hashing = g_new0(Hashing, 1);
    hashing->done = done;
    hashing->user = user;
    gboolean posted = password_worker_post(auth->worker, nfc, NULL, on_hashed, hashing);
    sodium_memzero(nfc, strlen(nfc));
    if (posted) return TRUE;
    g_free(hashing);
    return words_refuse(error, FAULT_BUSY, language, WORD_LOGIN_BUSY);
}

/* ---- logging in ---- */

typedef struct {
    Auth *auth;
    AuthLoggedIn done;
    gpointer user;
    gint32 user_id; /* 0 = no such user */
    char *account, *pair, *address;
    gint64 now_ms;
    Language language;
} LoggingIn;

static void logging_in_free(LoggingIn *attempt) {
    g_free(attempt->account);
    g_free(attempt->pair);
    g_free(attempt->address);
    g_free(attempt);
}

/* An account is slowed mostly together with an address: otherwise anybody could keep the chair out by typing wrong passwords. */
static guint wait_s(Auth *auth, const LoggingIn *attempt) {
    guint n = auth->settings.attempts;
    guint pair_s = slowing_wait_s(auth->slowing, "pair", attempt->pair, n, attempt->now_ms);
    guint account_s = slowing_wait_s(auth->slowing, "account", attempt->account, n * 10, attempt->now_ms);
    guint address_s = slowing_wait_s(auth->slowing, "address", attempt->address, n * 20, attempt->now_ms);
    return MAX(pair_s, MAX(account_s, address_s));
}

static void on_checked(gpointer data, const char *hash, gboolean matches, const GError *why) {
    (void)hash;
    LoggingIn *attempt = data;
    Auth *auth = attempt->auth;
    gboolean known = matches && attempt->user_id != 0 && auth_peek_user_by_id(auth, attempt->user_id) != NULL;
    if (why != NULL) {
        attempt->done(attempt->user, 0, why);
    } else if (known) {
        slowing_succeeded(auth->slowing, "pair", attempt->pair);
        slowing_forgive(auth->slowing, "account", attempt->account);
        slowing_forgive(auth->slowing, "address", attempt->address);
        attempt->done(attempt->user, attempt->user_id, NULL);
    } else {
        g_autoptr(GError) wrong = NULL;
        words_refuse(&wrong, FAULT_REFUSED, attempt->language, WORD_LOGIN_WRONG);
        attempt->done(attempt->user, 0, wrong);
    }
    logging_in_free(attempt);
}

/* Somebody unknown costs as much time as somebody known, so that names cannot be told apart by the clock. */
static const char *hash_of_nobody(void) {
    return "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHRzb21lc2FsdA$"
           "mJm0EKJzHpb0Hr4e0gcvQn3xD1bl0H6zVjvhKyqGoWw";
}

gboolean auth_log_in(Auth *auth, const char *name, const char *password, const char *address, gint64 now_ms,
                     Language language, AuthLoggedIn done, gpointer user, GError **error) {
    const UserRecord *record = auth_peek_user(auth, name);
    g_autofree char *nfc = text_nfc(password, -1);
    if (nfc == NULL || strlen(nfc) > PASSWORD_BYTES_MAX)
        return words_refuse(error, FAULT_REFUSED, language, WORD_LOGIN_WRONG);
    LoggingIn *attempt = g_new0(LoggingIn, 1);
    *attempt =
        (LoggingIn){ .auth = auth, .done = done, .user = user, .now_ms = now_ms, .language = language };
    attempt->account = text_fold(name);
    attempt->address = g_strdup(address);
    attempt->pair = g_strconcat(attempt->account, " ", address, NULL);
    guint seconds = wait_s(auth, attempt);
    if (seconds > 0) {
        logging_in_free(attempt);
        return words_refuse(error, FAULT_BUSY, language, WORD_LOGIN_SLOWED, (int)seconds);
    }
    /* Counted before the answer is known, so that many tries at once do not all pass; a right one takes its own back. */
    slowing_failed(auth->slowing, "pair", attempt->pair, now_ms);
    slowing_failed(auth->slowing, "account", attempt->account, now_ms);
    slowing_failed(auth->slowing, "address", attempt->address, now_ms);
    const char *hash =
        record != NULL && *record->password_hash != '\0' ? record->password_hash : hash_of_nobody();
    attempt->user_id = record != NULL && hash == record->password_hash ? record->id : 0;
    if (password_worker_post(auth->worker, nfc, hash, on_checked, attempt)) return TRUE;
    logging_in_free(attempt);
    return words_refuse(error, FAULT_BUSY, language, WORD_LOGIN_BUSY);
}
