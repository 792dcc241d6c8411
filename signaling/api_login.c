/* api_login.c -- passwords, one-time links and room links are traded for cookies; who am I. */
#include "signaling/http_routes.h"
#include "signaling/session.h"

#include "config/log.h"

#include <string.h>

enum { ROOM_COOKIE_S = 365 * 24 * 3600 };

static void set_cookie(HttpExchange *exchange, const char *name, const char *value, gint64 max_age_s) {
    g_autofree char *line = http_set_cookie(name, value, max_age_s, exchange->request.secure);
    http_header(exchange, "set-cookie", line);
}

static json_t *user_json(Service *service, gint32 user) {
    GPtrArray *users = auth_users(office_auth(service->office));
    for (guint i = 0; i < users->len; i++) {
        const UserRecord *record = users->pdata[i];
        if (record->id == user) return json_pack("{s:s, s:s}", "name", record->name, "role", record->role);
    }
    return json_null();
}

/* ---- a wait for the commit, then the answer: a cookie must not die with a crash right after it was given ---- */
typedef struct {
    HttpExchange *exchange;
    Service *service;
    json_t *answer;
} Granting;

static void on_granted(gpointer user, json_t *events, const GError *why) {
    (void)events;
    Granting *granting = user;
    if (why != NULL) {
        json_decref(granting->answer);
        http_answer_fault(granting->exchange, why);
    } else {
        http_answer_json(granting->exchange, 200, granting->answer);
    }
    http_exchange_unref(granting->exchange);
    g_free(granting);
}

static void grant(HttpExchange *exchange, Service *service, StoreBatch *batch, json_t *answer) {
    Granting *granting = g_new0(Granting, 1);
    *granting = (Granting){ .exchange = http_exchange_ref(exchange), .service = service, .answer = answer };
    office_submit(service->office, batch, on_granted, granting);
}

static void grant_user(HttpExchange *exchange, Service *service, StoreBatch *batch, gint32 user) {
    Auth *auth = office_auth(service->office);
    g_autofree char *token = auth_session_new(auth, batch, user, 0, office_now_ms(service->office));
    set_cookie(exchange, "diemcau", token, service->settings->auth_session_s);
    log_info("login.good", "user=%d address=%s", user, exchange->request.address);
    const UserRecord *record = auth_user_by_id(auth, user);
    const Actor actor = { .role = record != NULL ? role_from_word(record->role) : ROLE_NONE,
                          .name = record != NULL ? record->name : "" };
    office_audit(service->office, batch, "user.login", &actor, NULL);
    grant(exchange, service, batch, json_pack("{s:o}", "user", user_json(service, user)));
}

static void on_password(gpointer user, gint32 identity_user, const GError *why) {
    HttpExchange *exchange = user;
    if (why != NULL) {
        log_info("login.refused", "address=%s why=\"%s\"", exchange->request.address, fault_word(why));
        http_answer_fault(exchange, why);
    } else {
        grant_user(exchange, exchange->service, store_batch_new(), identity_user);
    }
    http_exchange_unref(exchange);
}

void api_login(HttpExchange *exchange, const Caller *caller) {
    Service *service = caller->service;
    Auth *auth = office_auth(service->office);
    gint64 now_ms = office_now_ms(service->office);
    g_autoptr(GError) error = NULL;
    json_t *body = http_json_body(&exchange->request, "name:string? password:string? token:string?", &error);
    const char *name = json_string_value(json_object_get(body, "name"));
    const char *password = json_string_value(json_object_get(body, "password"));
    const char *token = json_string_value(json_object_get(body, "token"));
    if (body == NULL) {
        http_answer_fault(exchange, error);
    } else if (token != NULL) {
        g_autoptr(StoreBatch) batch = store_batch_new();
        gint32 user = auth_use_login_link(auth, batch, token, exchange->request.address, now_ms,
                                          caller->language, &error);
        if (user == 0)
            http_answer_fault(exchange, error);
        else
            grant_user(exchange, service, g_steal_pointer(&batch), user);
    } else if (name == NULL || password == NULL) {
        http_answer_code(exchange, 400, "bad-input", words(caller->language, WORD_LOGIN_WRONG));
    } else if (!auth_log_in(auth, name, password, exchange->request.address, now_ms, caller->language,
                            on_password, http_exchange_ref(exchange), &error)) {
        http_answer_fault(exchange, error);
        http_exchange_unref(exchange);
    }
    if (body != NULL) json_decref(body);
}

/* ---- rooms ---- */

static json_t *support_json(Service *service, const SeatRecord *seat) {
    const char *name = "", *phone = "";
    roster_support(office_roster(service->office), seat, service->settings->support_phone, &name, &phone);
    return json_pack("{s:s, s:s}", "name", name, "phone", phone);
}

static json_t *seat_json(Service *service, gint32 id) {
    const SeatRecord *seat = roster_seat(office_roster(service->office), id);
    return seat != NULL ? roster_seat_json(seat, FALSE) : NULL;
}

static void refuse_room(HttpExchange *exchange, const Caller *caller, gint32 seat_revoked,
                        const GError *why) {
    const SeatRecord *seat =
        seat_revoked != 0 ? roster_seat(office_roster(caller->service->office), seat_revoked) : NULL;
    json_t *support =
        seat != NULL ? support_json(caller->service, seat)
                     : json_pack("{s:s, s:s}", "name", "", "phone", caller->service->settings->support_phone);
    log_info("room.refused", "address=%s seat=%d why=%s", exchange->request.address, seat_revoked,
             fault_word(why));
    http_answer_json(
        exchange, fault_http_status(why),
        json_pack("{s:s, s:s, s:o}", "code", fault_word(why), "text", why->message, "support", support));
}

void api_room(HttpExchange *exchange, const Caller *caller) {
    Service *service = caller->service;
    Auth *auth = office_auth(service->office);
    gint64 now_ms = office_now_ms(service->office);
    g_autoptr(GError) error = NULL;
    json_t *body = http_json_body(&exchange->request, "token:string", &error);
    if (body == NULL) {
        http_answer_fault(exchange, error);
        return;
    }
    g_autoptr(StoreBatch) batch = store_batch_new();
    gint32 revoked = 0;
    const char *token = json_string_value(json_object_get(body, "token"));
    gint32 id = auth_use_room_link(auth, batch, token, exchange->request.address, now_ms, caller->language,
                                   &revoked, &error);
    json_decref(body);
    json_t *seat = id != 0 ? seat_json(service, id) : NULL;
    if (id == 0) {
        refuse_room(exchange, caller, revoked, error);
    } else if (seat == NULL) { /* the seat has left the roster */
        http_answer_code(exchange, 403, "refused", words(caller->language, WORD_ROOM_LINK_WRONG));
    } else {
        /* A page that is loaded again keeps its session: rooms would gather one a day for a year. */
        gboolean keeps = caller->has_room && caller->room.seat == id;
        g_autofree char *session = keeps ? http_cookie(&exchange->request, "diemcau_room")
                                         : auth_session_new(auth, batch, 0, id, now_ms);
        set_cookie(exchange, "diemcau_room", session, ROOM_COOKIE_S);
        json_t *support = support_json(service, roster_seat(office_roster(service->office), id));
        grant(exchange, service, g_steal_pointer(&batch),
              json_pack("{s:o, s:o}", "seat", seat, "support", support));
    }
}

/* ---- */

void api_logout(HttpExchange *exchange, const Caller *caller) {
    Service *service = caller->service;
    StoreBatch *batch = store_batch_new();
    if (caller->has_user) auth_log_out(office_auth(service->office), batch, caller->user.hash);
    if (caller->has_room) auth_log_out(office_auth(service->office), batch, caller->room.hash);
    set_cookie(exchange, "diemcau", "", 0);
    set_cookie(exchange, "diemcau_room", "", 0);
    session_check_logins(service);
    grant(exchange, service, batch, json_object());
}

void api_me(HttpExchange *exchange, const Caller *caller) {
    Service *service = caller->service;
    if (!caller->has_user && !caller->has_room) {
        http_answer_code(exchange, 401, "refused", words(caller->language, WORD_LOGIN_FIRST));
        return;
    }
    json_t *answer = json_object();
    if (caller->has_user) json_object_set_new(answer, "user", user_json(service, caller->user.user));
    json_t *seat = caller->has_room ? seat_json(service, caller->room.seat) : NULL;
    if (seat != NULL) {
        json_object_set_new(answer, "seat", seat);
        json_object_set_new(
            answer, "support",
            support_json(service, roster_seat(office_roster(service->office), caller->room.seat)));
    }
    http_answer_json(exchange, 200, answer);
}
