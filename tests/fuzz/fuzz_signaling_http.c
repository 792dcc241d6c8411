/* fuzz_signaling_http.c -- door to what reads header values, paths and the SDP fragments of WHIP. */
#include "signaling/http_routes.h"
#include "signaling/whip.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const guint8 *data, gsize n_bytes);

static void read_headers(char *text) {
    HttpRequest request = {
        .cookie = text, .query = text, .authorization = text, .content_type = text, .accept_language = text
    };
    g_autofree char *cookie = http_cookie(&request, "diemcau");
    g_autofree char *query = http_query(&request, "text");
    g_autofree char *bearer = http_bearer(&request);
    http_content_type_is(&request, "application/json");
    http_language(&request, "vi");
    if (http_origin_is_ours(text, "host:1", "https://a.example")) g_assert(strstr(text, "://") != NULL);
    char *parts[HTTP_PATH_PARTS_MAX] = { 0 };
    guint methods = 0;
    http_route_find(HTTP_GET, text, parts, &methods);
    for (guint i = 0; i < HTTP_PATH_PARTS_MAX; i++) {
        g_assert(parts[i] == NULL || strchr(parts[i], '/') == NULL);
        g_free(parts[i]);
    }
}

static void read_sdp(const char *text, gsize n_bytes) {
    g_autofree char *ufrag = NULL;
    g_autofree char *pwd = NULL;
    if (whip_read_fragment(text, n_bytes, &ufrag, &pwd, NULL)) {
        /* What was read goes into an offer and comes out of it again. */
        g_autofree char *offer = whip_offer_with_ice("v=0\r\na=ice-ufrag:x\r\na=ice-pwd:y\r\n", ufrag, pwd);
        g_autofree char *again = NULL;
        g_autofree char *pwd_again = NULL;
        g_assert(whip_read_fragment(offer, strlen(offer), &again, &pwd_again, NULL));
        g_assert_cmpstr(again, ==, ufrag);
        g_assert_cmpstr(pwd_again, ==, pwd);
    }
    g_autofree char *offer = whip_offer_with_ice(text, "abcd", "abcdefghijklmnopqrstuv");
    g_autofree char *fragment = whip_fragment_of(text);
}

int LLVMFuzzerTestOneInput(const guint8 *data, gsize n_bytes) {
    if (n_bytes > 64 * 1024) return 0;
    g_autofree char *text = g_strndup((const char *)data, n_bytes);
    read_headers(text);
    read_sdp(text, strlen(text));
    return 0;
}
