/* fold.c -- Vietnamese text as people type it when they search. */
#include "signaling/fold.h"

#include <string.h>

char *text_nfc(const char *text, gssize n_bytes) {
    if (!g_utf8_validate(text, n_bytes, NULL)) return NULL;
    return g_utf8_normalize(text, n_bytes, G_NORMALIZE_DEFAULT_COMPOSE);
}

char *text_fold(const char *text) {
    /* Decomposed, a letter and its marks are apart and the marks can be left out. đ is a letter of its own in Unicode and
     * does not decompose, so it is mapped by hand. */
    g_autofree char *apart = g_utf8_normalize(text, -1, G_NORMALIZE_ALL);
    if (apart == NULL) return g_strdup("");
    GString *out = g_string_sized_new(strlen(apart));
    gboolean space = FALSE;
    for (const char *at = apart; *at != '\0'; at = g_utf8_next_char(at)) {
        gunichar letter = g_unichar_tolower(g_utf8_get_char(at));
        if (g_unichar_ismark(letter)) continue;
        if (g_unichar_isspace(letter)) {
            space = out->len > 0;
            continue;
        }
        if (space) g_string_append_c(out, ' ');
        space = FALSE;
        g_string_append_unichar(out, letter == 0x0111 ? 'd' : letter);
    }
    return g_string_free(out, FALSE);
}

int text_collate(const char *a, const char *b) {
    g_autofree char *folded_a = text_fold(a);
    g_autofree char *folded_b = text_fold(b);
    int order = strcmp(folded_a, folded_b);
    return order != 0 ? order : strcmp(a, b);
}
