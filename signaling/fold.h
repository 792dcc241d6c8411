/* fold.h -- text as a searching person types it: lower case, no diacritics, đ as d. Pure. */
#pragma once

#include <glib.h>

/* NFC of valid UTF-8, NULL when it is not valid. (transfer full) */
char *text_nfc(const char *text, gssize n_bytes);
/* "Đầm Hà" -> "dam ha"; spaces collapsed. (transfer full) */
char *text_fold(const char *text);
/* Order of a phone book: by folded text first, then by bytes. */
int text_collate(const char *a, const char *b);
