/* http_read.c -- what the headers of a request say; see http.h. All of it hostile text. */
#include "signaling/http.h"

#include "config/fault.h"
#include "config/fields.h"

#include <string.h>

char *http_cookie(const HttpRequest *request, const char *name) {
    if (request->cookie == NULL) return NULL;
    g_auto(GStrv) pairs = g_strsplit(request->cookie, ";", 64);
    for (char **pair = pairs; *pair != NULL; pair++) {
        char *text = g_strstrip(*pair);
        char *equals = strchr(text, '=');
        if (equals == NULL) continue;
        *equals = '\0';
        if (strcmp(text, name) == 0) return g_strdup(equals + 1);
    }
    return NULL;
}

char *http_query(const HttpRequest *request, const char *name) {
    if (request->query == NULL) return NULL;
    g_auto(GStrv) pairs = g_strsplit(request->query, "&", 32);
    for (char **pair = pairs; *pair != NULL; pair++) {
        char *equals = strchr(*pair, '=');
        if (equals == NULL) continue;
        *equals = '\0';
        if (strcmp(*pair, name) != 0) continue;
        for (char *at = equals + 1; *at != '\0'; at++)
            if (*at == '+') *at = ' ';
        return g_uri_unescape_string(equals + 1, NULL); /* NULL when malformed */
    }
    return NULL;
}

char *http_bearer(const HttpRequest *request) {
    if (request->authorization == NULL) return NULL;
    if (g_ascii_strncasecmp(request->authorization, "Bearer ", 7) != 0) return NULL;
    char *token = g_strstrip(g_strdup(request->authorization + 7));
    if (token[0] == '\0' || strlen(token) > 512) g_clear_pointer(&token, g_free);
    return token;
}

gboolean http_content_type_is(const HttpRequest *request, const char *type) {
    if (request->content_type == NULL) return FALSE;
    gsize n = strlen(type);
    if (g_ascii_strncasecmp(request->content_type, type, n) != 0) return FALSE;
    char next = request->content_type[n];
    return next == '\0' || next == ';' || next == ' ';
}

json_t *http_json_body(const HttpRequest *request, const char *fields, GError **error) {
    json_t *body =
        fields_parse_object((const char *)request->body->data, request->body->len, 64 * 1024, error);
    if (body == NULL) return NULL;
    if (!fields_check(request->path, fields, body, FALSE, error)) {
        json_decref(body);
        return NULL;
    }
    return body;
}

/* The first of "vi" and "en" that is named; the order in the header is taken for the wish, as browsers write it. */
const char *http_language(const HttpRequest *request, const char *fallback) {
    if (request->accept_language == NULL) return fallback;
    g_auto(GStrv) wishes = g_strsplit(request->accept_language, ",", 16);
    for (char **wish = wishes; *wish != NULL; wish++) {
        const char *text = g_strstrip(*wish);
        if (g_ascii_strncasecmp(text, "vi", 2) == 0) return "vi";
        if (g_ascii_strncasecmp(text, "en", 2) == 0) return "en";
    }
    return fallback;
}

gboolean http_origin_is_listed(const char *origin, const char *allowed) {
    if (origin == NULL || allowed == NULL) return FALSE;
    g_auto(GStrv) words = g_strsplit(allowed, " ", 64);
    for (char **word = words; *word != NULL; word++)
        if (**word != '\0' && g_ascii_strcasecmp(*word, origin) == 0) return TRUE;
    return FALSE;
}

gboolean http_origin_is_ours(const char *origin, const char *host, const char *allowed) {
    if (origin == NULL) return TRUE;
    const char *authority = strstr(origin, "://");
    if (authority != NULL && host != NULL && g_ascii_strcasecmp(authority + 3, host) == 0) return TRUE;
    return http_origin_is_listed(origin, allowed);
}

char *http_set_cookie(const char *name, const char *value, gint64 max_age_s, gboolean secure) {
    return g_strdup_printf("%s=%s; Path=/; Max-Age=%" G_GINT64_FORMAT "; HttpOnly; SameSite=Strict%s", name,
                           value, max_age_s, secure ? "; Secure" : "");
}
