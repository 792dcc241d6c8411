/* api_roster.c -- the roster for technicians: list, import, export, links, QR codes. */
#include "signaling/http_routes.h"

#include "config/fault.h"

#include <qrencode.h>
#include <stdlib.h>
#include <string.h>

enum { QR_TEXT_BYTES_MAX = 512, QR_MARGIN = 4 };

static json_t *link_json(const Auth *auth, gint32 seat) {
    static const char *const states[] = {
        [LINK_NONE] = "none", [LINK_ACTIVE] = "active", [LINK_REVOKED] = "revoked"
    };
    gint64 used_ms = 0;
    LinkState state = auth_link_state(auth, seat, &used_ms);
    json_t *link = json_pack("{s:s}", "state", states[state]);
    if (used_ms != 0) json_object_set_new(link, "used_at", json_integer(used_ms));
    return link;
}

void api_roster(HttpExchange *exchange, const Caller *caller) {
    Roster *roster = office_roster(caller->service->office);
    json_t *seats = json_array();
    for (guint i = 0; i < roster_n_seats(roster); i++) {
        const SeatRecord *seat = roster_seat_at(roster, i);
        json_t *row = roster_seat_json(seat, TRUE);
        json_object_set_new(row, "link", link_json(office_auth(caller->service->office), seat->id));
        json_array_append_new(seats, row);
    }
    http_answer_json(exchange, 200, json_pack("{s:o}", "seats", seats));
}

/* ---- answers that wait for the commit ---- */
typedef struct {
    HttpExchange *exchange;
    guint status;
    json_t *answer;
} Committing;

static Committing *committing_new(HttpExchange *exchange) {
    Committing *committing = g_new0(Committing, 1);
    committing->exchange = http_exchange_ref(exchange);
    committing->status = 200;
    return committing;
}

static void committing_free(Committing *committing) {
    if (committing->answer != NULL) json_decref(committing->answer);
    http_exchange_unref(committing->exchange);
    g_free(committing);
}

static void on_committed(gpointer user, json_t *events, const GError *why) {
    (void)events;
    Committing *committing = user;
    if (why != NULL)
        http_answer_fault(committing->exchange, why);
    else
        http_answer_json(committing->exchange, committing->status, g_steal_pointer(&committing->answer));
    committing_free(committing);
}

void api_roster_import(HttpExchange *exchange, const Caller *caller) {
    const GByteArray *body = exchange->request.body;
    g_autoptr(GError) error = NULL;
    Committing *committing = committing_new(exchange);
    g_autoptr(RosterPlan) plan =
        office_import_roster(caller->service->office, &caller->actor, (const char *)body->data, body->len,
                             on_committed, committing, &error);
    if (plan == NULL) {
        http_answer_fault(exchange, error);
        committing_free(committing);
        return;
    }
    committing->answer = roster_plan_json(plan);
    if (plan->n_errors == 0) return;
    g_autofree char *text = words_format(caller->language, WORD_IMPORT_FAILED, (int)plan->n_errors);
    committing->status = 400; /* nothing was changed */
    json_object_set_new(committing->answer, "code", json_string("bad-input"));
    json_object_set_new(committing->answer, "text", json_string(text));
}

void api_roster_export(HttpExchange *exchange, const Caller *caller) {
    char *csv = roster_export(office_roster(caller->service->office));
    http_header(exchange, "content-disposition", "attachment; filename=\"diem-cau.csv\"");
    http_header(exchange, "cache-control", "no-store");
    http_answer(exchange, 200, "text/csv; charset=utf-8", g_bytes_new_take(csv, strlen(csv)));
}

void api_link(HttpExchange *exchange, const Caller *caller) {
    Service *service = caller->service;
    g_autoptr(GError) error = NULL;
    gint64 number = 0;
    const SeatRecord *seat = NULL;
    if (g_ascii_string_to_signed(exchange->request.parts[0], 10, 1, G_MAXINT32, &number, NULL))
        seat = roster_seat(office_roster(service->office), (gint32)number);
    if (seat == NULL) {
        http_answer_code(exchange, 404, "not-found", words(caller->language, WORD_SEAT_UNKNOWN));
        return;
    }
    gint32 id = seat->id;
    if (exchange->request.method == HTTP_GET) {
        if (auth_link_state(office_auth(service->office), id, NULL) == LINK_NONE)
            http_answer_code(exchange, 404, "not-found", words(caller->language, WORD_LINK_NONE));
        else
            http_answer_json(exchange, 200, link_json(office_auth(service->office), id));
        return;
    }
    Committing *committing = committing_new(exchange);
    gboolean good;
    if (exchange->request.method == HTTP_POST) {
        g_autofree char *url =
            office_make_link(service->office, &caller->actor, id, on_committed, committing, &error);
        good = url != NULL;
        if (good) committing->answer = json_pack("{s:s}", "url", url);
    } else {
        good = office_revoke_link(service->office, &caller->actor, id, on_committed, committing, &error);
        if (good) committing->answer = json_object();
    }
    if (!good) {
        http_answer_fault(exchange, error);
        committing_free(committing);
    }
}

/* One path of unit squares per row run; no script, no style, nothing a page would have to trust. */
static char *qr_svg(const QRcode *code) {
    int size = code->width + 2 * QR_MARGIN;
    GString *svg = g_string_new(NULL);
    g_string_append_printf(
        svg,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" shape-rendering=\"crispEdges\">"
        "<rect width=\"%d\" height=\"%d\" fill=\"#fff\"/><path fill=\"#000\" d=\"",
        size, size, size, size);
    for (int y = 0; y < code->width; y++) {
        for (int x = 0; x < code->width;) {
            int start = x;
            while (x < code->width && (code->data[y * code->width + x] & 1)) x++;
            if (x > start)
                g_string_append_printf(svg, "M%d %dh%dv1h-%dz", start + QR_MARGIN, y + QR_MARGIN, x - start,
                                       x - start);
            else
                x++;
        }
    }
    g_string_append(svg, "\"/></svg>");
    return g_string_free(svg, FALSE);
}

void api_qr(HttpExchange *exchange, const Caller *caller) {
    g_autoptr(GError) error = NULL;
    g_autofree char *text = NULL;
    if (exchange->request.method == HTTP_GET) {
        text = http_query(&exchange->request, "text");
    } else {
        json_t *body = http_json_body(&exchange->request, "text:string", &error);
        if (body == NULL) {
            http_answer_fault(exchange, error);
            return;
        }
        text = g_strdup(json_string_value(json_object_get(body, "text")));
        json_decref(body);
    }
    if (text == NULL || text[0] == '\0' || strlen(text) > QR_TEXT_BYTES_MAX) {
        http_answer_code(exchange, 400, "bad-input", words(caller->language, WORD_QR_TEXT));
        return;
    }
    QRcode *code = QRcode_encodeString8bit(text, 0, QR_ECLEVEL_M);
    if (code == NULL) {
        http_answer_code(exchange, 500, "internal", "cannot make a QR code");
        return;
    }
    char *svg = qr_svg(code);
    QRcode_free(code);
    http_header(exchange, "cache-control", "no-store");
    http_answer(exchange, 200, "image/svg+xml", g_bytes_new_take(svg, strlen(svg)));
}
