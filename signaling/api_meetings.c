/* api_meetings.c -- meetings over HTTP: list, create, open, end. */
#include "signaling/http_routes.h"

#include "config/fault.h"

#include <string.h>

typedef struct {
    HttpExchange *exchange;
    char *meeting;
} Deciding;

static void deciding_free(Deciding *deciding) {
    http_exchange_unref(deciding->exchange);
    g_free(deciding->meeting);
    g_free(deciding);
}

static void on_done(gpointer user, json_t *events, const GError *why) {
    (void)events;
    Deciding *deciding = user;
    if (why != NULL)
        http_answer_fault(deciding->exchange, why);
    else
        http_answer_json(deciding->exchange, 200, json_pack("{s:s}", "id", deciding->meeting));
    deciding_free(deciding);
}

static Deciding *deciding_new(HttpExchange *exchange) {
    Deciding *deciding = g_new0(Deciding, 1);
    deciding->exchange = http_exchange_ref(exchange);
    return deciding;
}

void api_meetings(HttpExchange *exchange, const Caller *caller) {
    Office *office = caller->service->office;
    if (exchange->request.method == HTTP_GET) {
        g_autofree char *all = http_query(&exchange->request, "all");
        http_answer_json(exchange, 200,
                         json_pack("{s:o}", "meetings", office_meetings_json(office, all != NULL)));
        return;
    }
    g_autoptr(GError) error = NULL;
    json_t *body = http_json_body(&exchange->request, "title:string open:bool?", &error);
    if (body == NULL) {
        http_answer_fault(exchange, error);
        return;
    }
    Deciding *deciding = deciding_new(exchange);
    deciding->meeting =
        office_create_meeting(office, &caller->actor, json_string_value(json_object_get(body, "title")),
                              json_is_true(json_object_get(body, "open")), on_done, deciding, &error);
    json_decref(body);
    if (deciding->meeting == NULL) {
        http_answer_fault(exchange, error);
        deciding_free(deciding);
    }
}

void api_meeting_do(HttpExchange *exchange, const Caller *caller) {
    const char *id = exchange->request.parts[0], *what = exchange->request.parts[1];
    if (strcmp(what, "open") != 0 && strcmp(what, "end") != 0) {
        http_answer_code(exchange, 404, "not-found", words(caller->language, WORD_PAGE_UNKNOWN));
        return;
    }
    g_autoptr(GError) error = NULL;
    Deciding *deciding = deciding_new(exchange);
    deciding->meeting = g_strdup(id);
    json_t *command = json_pack("{s:s}", "t", what);
    if (!office_command(caller->service->office, id, &caller->actor, command, on_done, deciding, &error)) {
        http_answer_fault(exchange, error);
        deciding_free(deciding);
    }
    json_decref(command);
}
