/* http.c -- the exchange: references, answers; see http.h. Reading headers: http_read.c. */
#include "signaling/http.h"

#include "config/fault.h"
#include "config/log.h"

#include <string.h>

static guint64 n_exchanges;

HttpExchange *http_exchange_new(void) {
    HttpExchange *exchange = g_new0(HttpExchange, 1);
    exchange->n_refs = 1;
    exchange->number = ++n_exchanges;
    exchange->headers = g_ptr_array_new_with_free_func(g_free);
    exchange->request.body = g_byte_array_new();
    return exchange;
}

HttpExchange *http_exchange_ref(HttpExchange *exchange) {
    exchange->n_refs++;
    return exchange;
}

static void request_clear(HttpRequest *request) {
    char **texts[] = { &request->path,          &request->query,    &request->host,
                       &request->origin,        &request->cookie,   &request->authorization,
                       &request->content_type,  &request->accept,   &request->accept_language,
                       &request->if_none_match, &request->if_match, &request->address };
    for (guint i = 0; i < G_N_ELEMENTS(texts); i++) g_clear_pointer(texts[i], g_free);
    for (guint i = 0; i < HTTP_PATH_PARTS_MAX; i++) g_clear_pointer(&request->parts[i], g_free);
    g_clear_pointer(&request->body, g_byte_array_unref);
}

void http_exchange_unref(HttpExchange *exchange) {
    if (exchange == NULL || --exchange->n_refs > 0) return;
    request_clear(&exchange->request);
    g_clear_pointer(&exchange->headers, g_ptr_array_unref);
    g_clear_pointer(&exchange->answer_body, g_bytes_unref);
    g_free(exchange);
}

void http_header(HttpExchange *exchange, const char *name, const char *value) {
    /* A line break in a value would be a header of somebody else's making. */
    if (strpbrk(value, "\r\n") != NULL) {
        log_error("http.header-refused", "name=%s", name);
        return;
    }
    g_ptr_array_add(exchange->headers, g_strdup(name));
    g_ptr_array_add(exchange->headers, g_strdup(value));
}

void http_answer(HttpExchange *exchange, guint status, const char *content_type, GBytes *body) {
    if (exchange->answered) {
        log_error("http.answered-twice", "path=%s status=%u", exchange->request.path, status);
        g_bytes_unref(body);
        return;
    }
    exchange->answered = TRUE;
    exchange->status = status;
    exchange->answer_body = body;
    if (content_type != NULL) http_header(exchange, "content-type", content_type);
    if (exchange->on_answer != NULL) exchange->on_answer(exchange, exchange->on_answer_user);
}

void http_answer_text(HttpExchange *exchange, guint status, const char *content_type, const char *text) {
    http_answer(exchange, status, content_type, g_bytes_new(text, strlen(text)));
}

void http_answer_json(HttpExchange *exchange, guint status, json_t *object) {
    char *text = json_dumps(object, JSON_COMPACT);
    json_decref(object);
    http_header(exchange, "cache-control", "no-store");
    http_answer(exchange, status, "application/json", g_bytes_new_take(text, strlen(text)));
}

void http_answer_empty(HttpExchange *exchange, guint status) { http_answer(exchange, status, NULL, NULL); }

void http_answer_code(HttpExchange *exchange, guint status, const char *code, const char *text) {
    http_answer_json(exchange, status, json_pack("{s:s, s:s}", "code", code, "text", text));
}

void http_answer_fault(HttpExchange *exchange, const GError *error) {
    http_answer_code(exchange, fault_http_status(error), fault_word(error), error->message);
}
