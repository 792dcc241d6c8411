/* words.h -- every sentence that signaling says to people, in Vietnamese and English, in one table (words.c).
 * Anybody in signaling/ may add a row: W(NAME, "tiếng Việt", "English"); %s and %d stand in the same order in both. */
#pragma once

#include "config/fault.h"

#include <glib.h>

typedef enum { LANGUAGE_VI = 0, LANGUAGE_EN } Language;

/* "vi", "en", or an Accept-Language header: the first of the two that it names; fallback when neither. NULL is fine. */
Language language_from_text(const char *text, Language fallback);
const char *language_word(Language language);

typedef enum {
#define W(name, vi, en) WORD_##name,
#include "signaling/words.inc"
#undef W
    N_WORDS
} Word;

/* The sentence as it stands in the table. Static. */
const char *words(Language language, Word word);
/* The sentence with its %s and %d filled in. (transfer full) */
char *words_format(Language language, Word word, ...);
/* Sets error to FAULT/code with the filled-in sentence. Always returns FALSE, so that a check can end with it. */
gboolean words_refuse(GError **error, FaultCode code, Language language, Word word, ...);
