/* words.c -- the table of sentences (words.inc) and its two languages. */
#include "signaling/words.h"

#include <stdarg.h>
#include <string.h>

static const struct {
    const char *text[2]; /* by Language */
} rows[N_WORDS] = {
#define W(name, vi, en) [WORD_##name] = { { vi, en } },
#include "signaling/words.inc"
#undef W
};

Language language_from_text(const char *text, Language fallback) {
    /* The order of an Accept-Language header is what people set; q values are not worth a parser here. */
    for (const char *at = text; at != NULL && *at != '\0';) {
        at += strspn(at, " ,\t");
        if (g_ascii_strncasecmp(at, "vi", 2) == 0 && !g_ascii_isalpha(at[2])) return LANGUAGE_VI;
        if (g_ascii_strncasecmp(at, "en", 2) == 0 && !g_ascii_isalpha(at[2])) return LANGUAGE_EN;
        at += strcspn(at, ",");
    }
    return fallback;
}

const char *language_word(Language language) { return language == LANGUAGE_EN ? "en" : "vi"; }

const char *words(Language language, Word word) {
    g_return_val_if_fail((guint)word < N_WORDS, "");
    return rows[word].text[language == LANGUAGE_EN];
}

static char *format_list(Language language, Word word, va_list values) {
/* The formats are ours (words.inc), only chosen at run time; test_signaling_words checks them against each other. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    return g_strdup_vprintf(words(language, word), values);
#pragma GCC diagnostic pop
}

char *words_format(Language language, Word word, ...) {
    va_list values;
    va_start(values, word);
    char *text = format_list(language, word, values);
    va_end(values);
    return text;
}

gboolean words_refuse(GError **error, FaultCode code, Language language, Word word, ...) {
    va_list values;
    va_start(values, word);
    g_autofree char *text = format_list(language, word, values);
    va_end(values);
    g_set_error_literal(error, FAULT, (gint)code, text);
    return FALSE;
}
