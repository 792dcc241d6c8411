/* admin.c -- the requests of the command line. Each handler changes the books through office.h and answers when that is
 * committed; what is slow (argon2id, backup, check) runs on other threads meanwhile. */
#include "signaling/admin.h"

#include "config/fields.h"

#include <string.h>

/* One request until its answer. */
typedef struct {
    Office *office;
    json_t *request;
    Actor actor;
    AdminDone done;
    gpointer user;
    json_t *answer; /* what is told when the commit is there */
    char *password_hash;
} Case;

static void finish(Case *c, const GError *why) {
    json_t *answer;
    if (why != NULL) {
        answer = c->answer != NULL ? json_incref(c->answer) : json_object();
        json_object_set_new(answer, "ok", json_false());
        json_object_set_new(answer, "code", json_string(fault_word(why)));
        json_object_set_new(answer, "text", json_string(why->message));
    } else {
        answer = json_object();
        json_object_set_new(answer, "ok", json_true());
        if (c->answer != NULL) json_object_update(answer, c->answer);
    }
    c->done(c->user, answer);
    json_decref(answer);
    json_decref(c->answer);
    json_decref(c->request);
    g_free(c->password_hash);
    g_free(c);
}

/* Ends the case with an error that words_refuse() or a call below has made. Takes why. */
static void fail(Case *c, GError *why) {
    finish(c, why);
    g_error_free(why);
}

#define FAIL(c, code, ...)                                                                                   \
    do {                                                                                                     \
        GError *fail_why = NULL;                                                                             \
        words_refuse(&fail_why, code, (c)->actor.language, __VA_ARGS__);                                     \
        fail(c, fail_why);                                                                                   \
    } while (0)

static void on_committed(gpointer user, json_t *events, const GError *why) {
    (void)events;
    finish(user, why);
}

static const char *text_of(const Case *c, const char *field) {
    return json_string_value(json_object_get(c->request, field));
}

static gboolean flag_of(const Case *c, const char *field) {
    return json_is_true(json_object_get(c->request, field));
}

static gint64 number_of(const Case *c, const char *field) {
    return json_integer_value(json_object_get(c->request, field));
}

static const SeatRecord *need_seat(Case *c, const char *code) {
    const SeatRecord *seat = roster_seat_by_code(office_roster(c->office), code);
    if (seat == NULL) FAIL(c, FAULT_NOT_FOUND, WORD_ROSTER_CODE_UNKNOWN, code != NULL ? code : "");
    return seat;
}

/* ---- roster ---- */

/* The file as it is, which need not be text at all: then base64. (transfer full) */
static guchar *csv_of(const Case *c, gsize *ret_n_bytes) {
    const char *encoded = text_of(c, "csv_base64"), *plain = text_of(c, "csv");
    if (encoded != NULL) return g_base64_decode(encoded, ret_n_bytes);
    *ret_n_bytes = plain != NULL ? strlen(plain) : 0;
    return (guchar *)g_strdup(plain != NULL ? plain : "");
}

static void on_roster_import(Case *c) {
    gsize n_bytes = 0;
    g_autofree guchar *csv = csv_of(c, &n_bytes);
    GError *why = NULL;
    /* A plan with errors commits nothing, but its done still comes: told apart by the answer. */
    g_autoptr(RosterPlan) plan =
        office_import_roster(c->office, &c->actor, (const char *)csv, n_bytes, NULL, NULL, &why);
    if (plan == NULL) {
        fail(c, why);
        return;
    }
    c->answer = roster_plan_json(plan);
    if (plan->n_errors > 0) {
        FAIL(c, FAULT_BAD_INPUT, WORD_IMPORT_FAILED, (int)plan->n_errors);
        return;
    }
    office_submit(c->office, store_batch_new(), on_committed, c);
}

static void on_roster_export(Case *c) {
    g_autofree char *csv = roster_export(office_roster(c->office));
    c->answer = json_pack("{s:s}", "csv", csv);
    finish(c, NULL);
}

static gboolean add_link(Case *c, json_t *links, const SeatRecord *seat, GError **why) {
    g_autofree char *url = office_make_link(c->office, &c->actor, seat->id, NULL, NULL, why);
    if (url == NULL) return FALSE;
    json_array_append_new(links,
                          json_pack("{s:s, s:s, s:s}", "code", seat->code, "name", seat->label, "url", url));
    return TRUE;
}

static void on_roster_link(Case *c) {
    const Roster *roster = office_roster(c->office);
    json_t *links = json_array();
    GError *why = NULL;
    gboolean ok = TRUE;
    c->answer = json_pack("{s:o}", "links", links);
    if (flag_of(c, "all")) {
        for (guint i = 0; ok && i < roster_n_seats(roster); i++)
            ok = add_link(c, links, roster_seat_at(roster, i), &why);
    } else {
        const SeatRecord *seat = need_seat(c, text_of(c, "code"));
        if (seat == NULL) return;
        ok = add_link(c, links, seat, &why);
    }
    /* Commits come in order, so one empty batch behind them all answers for them all. */
    if (ok)
        office_submit(c->office, store_batch_new(), on_committed, c);
    else
        fail(c, why);
}

static void on_roster_revoke(Case *c) {
    GError *why = NULL;
    const SeatRecord *seat = need_seat(c, text_of(c, "code"));
    if (seat == NULL) return;
    if (!office_revoke_link(c->office, &c->actor, seat->id, on_committed, c, &why)) fail(c, why);
}

/* ---- users ---- */

static void on_password_hashed(gpointer user, const char *argon2id_hash, const GError *why) {
    Case *c = user;
    GError *refused = NULL;
    if (why != NULL) {
        finish(c, why);
        return;
    }
    gboolean is_new = strcmp(text_of(c, "do"), "user.add") == 0;
    if (!office_put_user(c->office, &c->actor, text_of(c, "name"), text_of(c, "role"), argon2id_hash, is_new,
                         on_committed, c, &refused))
        fail(c, refused);
}

static void hash_and_put(Case *c) {
    GError *why = NULL;
    g_autofree char *generated = flag_of(c, "generate") ? auth_password_new() : NULL;
    const char *password = generated != NULL ? generated : text_of(c, "password");
    if (generated != NULL) c->answer = json_pack("{s:s}", "password", generated);
    if (!auth_hash_password(office_auth(c->office), password != NULL ? password : "", c->actor.language,
                            on_password_hashed, c, &why)) {
        g_clear_pointer(&c->answer, json_decref);
        fail(c, why);
    }
}

static void on_user_add(Case *c) {
    /* Said before a tenth of a second is spent on hashing. */
    if (auth_user(office_auth(c->office), text_of(c, "name")) != NULL) {
        FAIL(c, FAULT_CONFLICT, WORD_USER_EXISTS, text_of(c, "name"));
        return;
    }
    hash_and_put(c);
}

static void on_user_passwd(Case *c) {
    if (auth_user(office_auth(c->office), text_of(c, "name")) == NULL) {
        FAIL(c, FAULT_NOT_FOUND, WORD_USER_UNKNOWN, text_of(c, "name"));
        return;
    }
    hash_and_put(c);
}

static void on_user_login(Case *c) {
    GError *why = NULL;
    g_autofree char *url = office_make_login_link(c->office, text_of(c, "name"), NULL, NULL, &why);
    if (url == NULL) {
        fail(c, why);
        return;
    }
    c->answer = json_pack("{s:s}", "url", url);
    office_submit(c->office, store_batch_new(), on_committed, c);
}

static void on_user_list(Case *c) {
    GPtrArray *users = auth_users(office_auth(c->office));
    json_t *list = json_array();
    for (guint i = 0; i < users->len; i++) {
        const UserRecord *user = users->pdata[i];
        json_array_append_new(list, json_pack("{s:s, s:s}", "name", user->name, "role", user->role));
    }
    c->answer = json_pack("{s:o}", "users", list);
    finish(c, NULL);
}

/* ---- meetings ---- */

static void on_meeting_create(Case *c) {
    GError *why = NULL;
    g_autofree char *id = office_create_meeting(c->office, &c->actor, text_of(c, "title"), flag_of(c, "open"),
                                                NULL, NULL, &why);
    if (id == NULL) {
        fail(c, why);
        return;
    }
    c->answer = json_pack("{s:s}", "meeting", id);
    office_submit(c->office, store_batch_new(), on_committed, c);
}

static void on_meeting_list(Case *c) {
    c->answer = json_pack("{s:o}", "meetings", office_meetings_json(c->office, flag_of(c, "all")));
    finish(c, NULL);
}

static void command_meeting(Case *c, json_t *command) {
    GError *why = NULL;
    if (!office_command(c->office, text_of(c, "meeting"), &c->actor, command, on_committed, c, &why))
        fail(c, why);
    json_decref(command);
}

static void on_meeting_open(Case *c) { command_meeting(c, json_pack("{s:s}", "t", "open")); }

static void on_meeting_end(Case *c) {
    /* Who types the meeting's id needs no five seconds to think again. */
    command_meeting(c, json_pack("{s:s, s:b}", "t", "end", "now", TRUE));
}

static void on_token(Case *c) {
    const char *code = text_of(c, "endpoint");
    const Meeting *meeting = office_meeting(c->office, text_of(c, "meeting"));
    if (meeting == NULL || meeting_phase(meeting) == MEETING_ENDED) {
        FAIL(c, FAULT_NOT_FOUND, meeting == NULL ? WORD_MEETING_UNKNOWN : WORD_MEETING_ENDED);
        return;
    }
    if ((code != NULL) == flag_of(c, "observer")) {
        FAIL(c, FAULT_BAD_INPUT, WORD_ADMIN_TOKEN_FOR);
        return;
    }
    const SeatRecord *seat = code != NULL ? need_seat(c, code) : NULL;
    if (code != NULL && seat == NULL) return;
    StoreBatch *batch = store_batch_new();
    gint64 life_ms = 24ll * 3600 * 1000;
    g_autofree char *token = auth_bearer_new(office_auth(c->office), batch, text_of(c, "meeting"),
                                             seat != NULL ? seat->id : 0, life_ms, office_now_ms(c->office));
    c->answer = json_pack("{s:s}", "token", token);
    office_submit(c->office, batch, on_committed, c);
}

/* ---- the store ---- */

static void on_checked(gpointer user, StoreCheck *check, const GError *why) {
    Case *c = user;
    if (check == NULL) {
        finish(c, why);
        return;
    }
    json_t *erased = json_array();
    for (guint i = 0; i < check->erased->len; i++)
        json_array_append_new(erased, json_integer(g_array_index(check->erased, gint64, i)));
    c->answer = json_pack("{s:I, s:o, s:I, s:s}", "rows", (json_int_t)check->n_events, "erased", erased,
                          "head_seq", (json_int_t)check->head_seq, "head", check->head_hex);
    const char *anchor = text_of(c, "anchor");
    if (check->broken_seq == 0 && anchor != NULL && g_ascii_strcasecmp(anchor, check->anchor_hex) != 0) {
        g_autofree char *asked = g_strdup_printf("%" G_GINT64_FORMAT, number_of(c, "anchor_seq"));
        FAIL(c, FAULT_INTERNAL, WORD_CHAIN_NOT_ANCHORED, asked);
        return;
    }
    if (check->broken_seq == 0) {
        finish(c, NULL);
        return;
    }
    g_autofree char *seq = g_strdup_printf("%" G_GINT64_FORMAT, check->broken_seq);
    json_object_set_new(c->answer, "broken", json_integer(check->broken_seq));
    FAIL(c, FAULT_INTERNAL, WORD_CHAIN_BROKEN, seq, check->broken_why);
}

static void on_check(Case *c) {
    store_ask_check(office_store(c->office), number_of(c, "anchor_seq"), on_checked, c);
}

static void on_backed_up(gpointer user, const GError *why) { finish(user, why); }

static void on_backup(Case *c) {
    store_ask_backup(office_store(c->office), text_of(c, "path"), on_backed_up, c);
}

static void on_erase(Case *c) {
    char head[TOKEN_HASH_BYTES * 2 + 1];
    gint64 seq = number_of(c, "seq");
    GError *why = NULL;
    if (seq < 1 || seq > store_head(office_store(c->office), head)) {
        g_autofree char *text = g_strdup_printf("%" G_GINT64_FORMAT, seq);
        FAIL(c, FAULT_NOT_FOUND, WORD_EVENT_UNKNOWN, text);
        return;
    }
    if (!office_erase_event(c->office, &c->actor, seq, on_committed, c, &why)) fail(c, why);
}

/* ---- the table ---- */

static const struct {
    const char *name, *fields;
    void (*handle)(Case *c);
} rows[] = {
    { "roster.import", "", on_roster_import }, /* csv may be larger than a field may be: looked at by hand */
    { "roster.export", "", on_roster_export },
    { "roster.link", "code:string? all:bool?", on_roster_link },
    { "roster.revoke", "code:string", on_roster_revoke },
    { "user.add", "name:string role:string password:string? generate:bool?", on_user_add },
    { "user.passwd", "name:string password:string? generate:bool?", on_user_passwd },
    { "user.login", "name:string", on_user_login },
    { "user.list", "", on_user_list },
    { "meeting.create", "title:string open:bool?", on_meeting_create },
    { "meeting.list", "all:bool?", on_meeting_list },
    { "meeting.open", "meeting:word", on_meeting_open },
    { "meeting.end", "meeting:word", on_meeting_end },
    { "token", "meeting:word endpoint:string? observer:bool?", on_token },
    { "check", "anchor_seq:int? anchor:word?", on_check },
    { "backup", "path:string", on_backup },
    { "erase", "seq:int", on_erase },
};

gboolean admin_table_check(GError **error) {
    for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
        if (rows[i].handle != NULL && fields_parsable(rows[i].fields)) continue;
        g_set_error(error, FAULT, FAULT_INTERNAL, "admin requests: row %s is broken", rows[i].name);
        return FALSE;
    }
    return TRUE;
}

void admin_handle(Office *office, json_t *request, AdminDone done, gpointer user) {
    const char *name = json_string_value(json_object_get(request, "do"));
    Case *c = g_new0(Case, 1);
    c->office = office;
    c->request = json_incref(request);
    c->done = done;
    c->user = user;
    c->actor.role = ROLE_ADMIN;
    c->actor.name = "cli";
    c->actor.language = language_from_text(text_of(c, "language"), LANGUAGE_VI);
    for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
        if (g_strcmp0(rows[i].name, name) != 0) continue;
        g_autoptr(GError) malformed = NULL;
        if (fields_check(name, rows[i].fields, request, FALSE, &malformed))
            rows[i].handle(c);
        else
            FAIL(c, FAULT_BAD_INPUT, WORD_ADMIN_MALFORMED, malformed->message);
        return;
    }
    FAIL(c, FAULT_BAD_INPUT, WORD_ADMIN_UNKNOWN, name != NULL ? name : "");
}

void admin_handle_line(Office *office, const char *line, gsize n_bytes, AdminDone done, gpointer user) {
    g_autoptr(GError) malformed = NULL;
    json_t *request = fields_parse_object(line, n_bytes, ADMIN_LINE_BYTES_MAX, &malformed);
    if (request == NULL) {
        json_t *answer =
            json_pack("{s:b, s:s, s:s}", "ok", FALSE, "code", "bad-input", "text", malformed->message);
        done(user, answer);
        json_decref(answer);
        return;
    }
    admin_handle(office, request, done, user);
    json_decref(request);
}
