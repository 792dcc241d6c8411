/* whip_sdp.c -- SDP fragments of WHIP; see whip.h. Line by line: credentials are lines of their own. */
#include "signaling/whip.h"

#include "config/fault.h"

#include <string.h>

enum { CREDENTIAL_BYTES_MAX = 256 };

char *whip_etag(gint32 leg, guint n_restarts) { return g_strdup_printf("\"%d-%u\"", leg, n_restarts); }

WhipPatch whip_patch_kind(const char *if_match, const char *etag) {
    if (if_match == NULL) return WHIP_NO_MATCH;
    if (strcmp(if_match, "*") == 0) return WHIP_RESTART;
    return strcmp(if_match, etag) == 0 ? WHIP_TRICKLE : WHIP_STALE;
}

static char **lines_of(const char *text) {
    char **lines = g_strsplit(text, "\n", 4000);
    for (char **line = lines; *line != NULL; line++) g_strchomp(*line);
    return lines;
}

/* ice-char of RFC 8839. */
static gboolean is_credential(const char *text, gsize n_min) {
    gsize n = strlen(text);
    if (n < n_min || n > CREDENTIAL_BYTES_MAX) return FALSE;
    for (const char *at = text; *at != '\0'; at++)
        if (!g_ascii_isalnum(*at) && *at != '+' && *at != '/') return FALSE;
    return TRUE;
}

gboolean whip_read_fragment(const char *fragment, gsize n_bytes, char **ret_ufrag, char **ret_pwd,
                            GError **error) {
    g_autofree char *text = g_strndup(fragment, n_bytes);
    g_auto(GStrv) lines = lines_of(text);
    const char *ufrag = NULL, *pwd = NULL;
    gboolean agree = TRUE;
    for (char **line = lines; *line != NULL; line++) {
        if (g_str_has_prefix(*line, "a=ice-ufrag:")) {
            agree = agree && (ufrag == NULL || strcmp(ufrag, *line + 12) == 0);
            ufrag = *line + 12;
        } else if (g_str_has_prefix(*line, "a=ice-pwd:")) {
            agree = agree && (pwd == NULL || strcmp(pwd, *line + 10) == 0);
            pwd = *line + 10;
        }
    }
    if (ufrag == NULL || pwd == NULL || !agree || !is_credential(ufrag, 4) || !is_credential(pwd, 22)) {
        g_set_error(error, FAULT, FAULT_BAD_INPUT, "the fragment needs one a=ice-ufrag and one a=ice-pwd");
        return FALSE;
    }
    *ret_ufrag = g_strdup(ufrag);
    *ret_pwd = g_strdup(pwd);
    return TRUE;
}

char *whip_offer_with_ice(const char *offer, const char *ufrag, const char *pwd) {
    g_auto(GStrv) lines = lines_of(offer);
    g_autoptr(GString) out = g_string_new(NULL);
    for (char **line = lines; *line != NULL; line++) {
        if ((*line)[0] == '\0' || g_str_has_prefix(*line, "a=candidate:")) continue;
        if (g_str_has_prefix(*line, "a=ice-ufrag:"))
            g_string_append_printf(out, "a=ice-ufrag:%s\r\n", ufrag);
        else if (g_str_has_prefix(*line, "a=ice-pwd:"))
            g_string_append_printf(out, "a=ice-pwd:%s\r\n", pwd);
        else
            g_string_append_printf(out, "%s\r\n", *line);
    }
    return g_strdup(out->str);
}

char *whip_fragment_of(const char *answer) {
    g_auto(GStrv) lines = lines_of(answer);
    g_autoptr(GString) head = g_string_new(NULL);
    g_autoptr(GString) media = g_string_new(NULL);
    const char *ufrag = NULL, *pwd = NULL;
    gboolean in_first = FALSE, past_first = FALSE;
    for (char **line = lines; *line != NULL; line++) {
        if (g_str_has_prefix(*line, "m=")) {
            past_first = in_first;
            in_first = TRUE;
            if (!past_first) g_string_append_printf(media, "%s\r\n", *line);
        }
        if (ufrag == NULL && g_str_has_prefix(*line, "a=ice-ufrag:")) ufrag = *line;
        if (pwd == NULL && g_str_has_prefix(*line, "a=ice-pwd:")) pwd = *line;
        gboolean told = g_str_has_prefix(*line, "a=mid:") || g_str_has_prefix(*line, "a=candidate:") ||
                        g_str_has_prefix(*line, "a=end-of-candidates");
        if (in_first && !past_first && told) g_string_append_printf(media, "%s\r\n", *line);
        if (!in_first && (g_str_has_prefix(*line, "a=group:BUNDLE") || strcmp(*line, "a=ice-lite") == 0))
            g_string_append_printf(head, "%s\r\n", *line);
    }
    if (ufrag == NULL || pwd == NULL) return NULL;
    return g_strdup_printf("%s%s\r\n%s\r\n%s", head->str, ufrag, pwd, media->str);
}
