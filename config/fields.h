/* fields.h -- checks a JSON object against a row of a message table. Both the control link and the WebSocket protocol
 * describe their messages this way, and docs/protocol.md is generated from the same rows.
 *
 * A field list is text: "meeting:string leg:id sdp:string? layout:word muted:bool". Types:
 *   string  any text without control characters except \r \n \t, at most FIELD_STRING_BYTES_MAX bytes
 *   word    letters, digits, '-', '_', '.', ':' ; 1 to 64 bytes
 *   id      integer 1 .. 2^31-1
 *   int     integer        number  integer or real        bool        object        array
 * A trailing '?' makes the field optional. Unknown fields are refused only when `strict`. */
#pragma once

#include <glib.h>
#include <jansson.h>

enum { FIELD_STRING_BYTES_MAX = 200 * 1024 };

/* TRUE, or FAULT_BAD_INPUT with a sentence naming message and field. */
gboolean fields_check(const char *message, const char *fields, json_t *object, gboolean strict,
                      GError **error);

/* TRUE when the field list itself can be read (tables are checked whole at start). */
gboolean fields_parsable(const char *fields);

/* Parses hostile text: at most n_bytes_max bytes, depth <= 16, duplicates refused, an object at the top. */
json_t *fields_parse_object(const char *text, gsize n_bytes, gsize n_bytes_max,
                            GError **error); /* (transfer full) */
