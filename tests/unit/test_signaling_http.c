/* test_signaling_http.c -- reading requests, routes, and the SDP fragments of WHIP: tables of hostile and honest input. */
#include "config/fault.h"
#include "signaling/http_routes.h"
#include "signaling/whip.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static void cookies(void **state) {
    (void)state;
    static const struct {
        const char *header, *name, *value;
    } cases[] = {
        { NULL, "a", NULL },        { "", "a", NULL },
        { "a=1", "a", "1" },        { "b=2; a=1", "a", "1" },
        { "aa=2; a=1;", "a", "1" }, { "a", "a", NULL },
        { "a=x=y", "a", "x=y" },    { "diemcau_room=r; diemcau=u", "diemcau", "u" },
        { ";;;=;", "a", NULL },
    };
    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        HttpRequest request = { .cookie = (char *)cases[i].header };
        g_autofree char *value = http_cookie(&request, cases[i].name);
        if (cases[i].value == NULL)
            assert_null(value);
        else
            assert_string_equal(value, cases[i].value);
    }
}

static void queries(void **state) {
    (void)state;
    static const struct {
        const char *query, *name, *value;
    } cases[] = {
        { NULL, "t", NULL },     { "t=a", "t", "a" },      { "x=1&t=a%20b", "t", "a b" },
        { "t=a+b", "t", "a b" }, { "t=%zz", "t", NULL },   { "tt=1", "t", NULL },
        { "t=", "t", "" },       { "t=%C4%91", "t", "đ" }, { "t=a%26b", "t", "a&b" },
    };
    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        HttpRequest request = { .query = (char *)cases[i].query };
        g_autofree char *value = http_query(&request, cases[i].name);
        if (cases[i].value == NULL)
            assert_null(value);
        else
            assert_string_equal(value, cases[i].value);
    }
}

static void bearers(void **state) {
    (void)state;
    static const struct {
        const char *header, *token;
    } cases[] = {
        { NULL, NULL },        { "Bearer abc", "abc" }, { "bearer  abc ", "abc" },
        { "Basic abc", NULL }, { "Bearer ", NULL },     { "Bearer", NULL },
    };
    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        HttpRequest request = { .authorization = (char *)cases[i].header };
        g_autofree char *token = http_bearer(&request);
        if (cases[i].token == NULL)
            assert_null(token);
        else
            assert_string_equal(token, cases[i].token);
    }
}

static void origins(void **state) {
    (void)state;
    static const struct {
        const char *origin, *host, *allowed;
        gboolean ours;
    } cases[] = {
        { NULL, "h:8443", "", TRUE },
        { "https://h:8443", "h:8443", "", TRUE },
        { "https://H:8443", "h:8443", "", TRUE },
        { "https://h", "h:8443", "", FALSE },
        { "https://evil.example", "h:8443", "", FALSE },
        { "https://h:8443.evil.example", "h:8443", "", FALSE },
        { "null", "h:8443", "", FALSE },
        { "", "h:8443", "", FALSE },
        { "https://studio.example", "h:8443", "https://other.example https://studio.example", TRUE },
        { "https://studio.example.evil", "h:8443", "https://studio.example", FALSE },
        { "https://h:8443", NULL, "", FALSE },
    };
    for (guint i = 0; i < G_N_ELEMENTS(cases); i++)
        assert_int_equal(http_origin_is_ours(cases[i].origin, cases[i].host, cases[i].allowed),
                         cases[i].ours);
}

static void content_types(void **state) {
    (void)state;
    static const struct {
        const char *header, *type;
        gboolean fits;
    } cases[] = {
        { "application/json", "application/json", TRUE },
        { "Application/JSON; charset=utf-8", "application/json", TRUE },
        { "application/jsonx", "application/json", FALSE },
        { "text/plain", "application/json", FALSE },
        { NULL, "application/json", FALSE },
    };
    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        HttpRequest request = { .content_type = (char *)cases[i].header };
        assert_int_equal(http_content_type_is(&request, cases[i].type), cases[i].fits);
    }
}

static void routes(void **state) {
    (void)state;
    static const struct {
        HttpMethod method;
        const char *path;
        gboolean found;
        guint methods; /* what the path takes when the method does not fit */
        const char *part0, *part1;
    } cases[] = {
        { HTTP_GET, "/api/v1/clock", TRUE, 0, NULL, NULL },
        { HTTP_GET, "/api/v1/roster/7/link", TRUE, 0, "7", NULL },
        { HTTP_DELETE, "/api/v1/clock", FALSE, HTTP_GET, NULL, NULL },
        { HTTP_GET, "/api/v1/roster//link", FALSE, 0, NULL, NULL },
        { HTTP_GET, "/api/v1/clock/", FALSE, 0, NULL, NULL },
        { HTTP_GET, "/api/v1/cloc", FALSE, 0, NULL, NULL },
        { HTTP_POST, "/whep/m1/wall", TRUE, 0, "m1", "wall" },
        { HTTP_PATCH, "/whip/m1/leg/abc", TRUE, 0, "m1", "abc" },
        { HTTP_POST, "/whip/m1/leg/abc", FALSE, HTTP_PATCH | HTTP_DELETE | HTTP_OPTIONS, NULL, NULL },
        { HTTP_GET, "/", FALSE, 0, NULL, NULL },
    };
    assert_true(http_routes_check(NULL));
    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        char *parts[HTTP_PATH_PARTS_MAX] = { 0 };
        guint methods = 0;
        const HttpRoute *route = http_route_find(cases[i].method, cases[i].path, parts, &methods);
        assert_int_equal(route != NULL, cases[i].found);
        if (route == NULL) assert_int_equal(methods, cases[i].methods);
        if (cases[i].part0 != NULL) assert_string_equal(parts[0], cases[i].part0);
        if (cases[i].part1 != NULL) assert_string_equal(parts[1], cases[i].part1);
        for (guint j = 0; j < HTTP_PATH_PARTS_MAX; j++) g_free(parts[j]);
    }
}

static void answers_once(void **state) {
    (void)state;
    HttpExchange *exchange = http_exchange_new();
    exchange->request.path = g_strdup("/x");
    http_header(exchange, "x-bad", "a\r\nset-cookie: evil=1");
    assert_int_equal(exchange->headers->len, 0);
    http_answer_code(exchange, 404, "not-found", "nothing here");
    http_answer_empty(exchange, 200);
    assert_int_equal(exchange->status, 404);
    http_exchange_unref(exchange);
}

static void cookie_lines(void **state) {
    (void)state;
    g_autofree char *plain = http_set_cookie("diemcau", "v", 60, FALSE);
    assert_string_equal(plain, "diemcau=v; Path=/; Max-Age=60; HttpOnly; SameSite=Strict");
    g_autofree char *secure = http_set_cookie("diemcau", "", 0, TRUE);
    assert_non_null(strstr(secure, "Max-Age=0"));
    assert_non_null(strstr(secure, "; Secure"));
}

/* ---- WHIP ---- */

static void patches(void **state) {
    (void)state;
    g_autofree char *etag = whip_etag(7, 2);
    assert_string_equal(etag, "\"7-2\"");
    assert_int_equal(whip_patch_kind(NULL, etag), WHIP_NO_MATCH);
    assert_int_equal(whip_patch_kind("*", etag), WHIP_RESTART);
    assert_int_equal(whip_patch_kind("\"7-2\"", etag), WHIP_TRICKLE);
    assert_int_equal(whip_patch_kind("\"7-1\"", etag), WHIP_STALE);
    assert_int_equal(whip_patch_kind("7-2", etag), WHIP_STALE);
}

#define PWD "abcdefghijklmnopqrstuv"
static void fragments(void **state) {
    (void)state;
    static const struct {
        const char *name, *text;
        gboolean good;
    } cases[] = {
        { "plain", "a=ice-ufrag:abcd\r\na=ice-pwd:" PWD "\r\n", TRUE },
        { "bare newlines", "a=ice-ufrag:abcd\na=ice-pwd:" PWD "\n", TRUE },
        { "twice the same",
          "a=ice-ufrag:abcd\r\na=ice-pwd:" PWD "\r\nm=audio 9 RTP/AVP 0\r\na=ice-ufrag:abcd\r\n", TRUE },
        { "two generations", "a=ice-ufrag:abcd\r\na=ice-pwd:" PWD "\r\na=ice-ufrag:efgh\r\n", FALSE },
        { "no password", "a=ice-ufrag:abcd\r\n", FALSE },
        { "short password", "a=ice-ufrag:abcd\r\na=ice-pwd:short\r\n", FALSE },
        { "short ufrag", "a=ice-ufrag:abc\r\na=ice-pwd:" PWD "\r\n", FALSE },
        { "not an ice-char", "a=ice-ufrag:ab d\r\na=ice-pwd:" PWD "\r\n", FALSE },
        { "empty", "", FALSE },
    };
    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *ufrag = NULL;
        g_autofree char *pwd = NULL;
        g_autoptr(GError) error = NULL;
        gboolean good = whip_read_fragment(cases[i].text, strlen(cases[i].text), &ufrag, &pwd, &error);
        if (good != cases[i].good) fail_msg("case: %s", cases[i].name);
        if (good)
            assert_string_equal(ufrag, "abcd");
        else
            assert_true(g_error_matches(error, FAULT, FAULT_BAD_INPUT));
    }
}

static void restarts(void **state) {
    (void)state;
    g_autofree char *offer = whip_offer_with_ice(
        "v=0\r\na=ice-ufrag:old1\r\na=ice-pwd:oldoldoldoldoldoldoldol\r\nm=audio 9 X 0\r\n"
        "a=ice-ufrag:old1\r\na=candidate:1 1 udp 1 192.0.2.1 9 typ host\r\na=mid:0\r\n",
        "new1", PWD);
    assert_string_equal(offer, "v=0\r\na=ice-ufrag:new1\r\na=ice-pwd:" PWD
                               "\r\nm=audio 9 X 0\r\na=ice-ufrag:new1\r\na=mid:0\r\n");
    g_autofree char *fragment = whip_fragment_of(
        "v=0\r\na=group:BUNDLE 0 1\r\nm=audio 9 X 0\r\na=mid:0\r\na=ice-ufrag:srv1\r\na=ice-pwd:" PWD
        "\r\na=candidate:1 1 udp 1 192.0.2.1 9 typ host\r\na=rtpmap:0 x\r\nm=video 9 X 0\r\na=mid:1\r\n");
    assert_string_equal(fragment,
                        "a=group:BUNDLE 0 1\r\na=ice-ufrag:srv1\r\na=ice-pwd:" PWD
                        "\r\nm=audio 9 X 0\r\na=mid:0\r\na=candidate:1 1 udp 1 192.0.2.1 9 typ host\r\n");
    assert_null(whip_fragment_of("v=0\r\n"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cookies),      cmocka_unit_test(queries),       cmocka_unit_test(bearers),
        cmocka_unit_test(origins),      cmocka_unit_test(content_types), cmocka_unit_test(routes),
        cmocka_unit_test(answers_once), cmocka_unit_test(cookie_lines),  cmocka_unit_test(patches),
        cmocka_unit_test(fragments),    cmocka_unit_test(restarts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
