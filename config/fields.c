/* fields.c -- reads a field list and holds an object against it. */
#include "config/fields.h"

#include "config/fault.h"

#include <string.h>

enum { FIELDS_MAX = 24, DEPTH_MAX = 16 };

typedef struct {
    char name[32];
    char type[12];
    gboolean optional;
} Field;

static gboolean is_text(json_t *value) {
    const char *text = json_string_value(value);
    if (text == NULL || json_string_length(value) > FIELD_STRING_BYTES_MAX) return FALSE;
    if (strlen(text) != json_string_length(value)) return FALSE; /* a NUL inside */
    for (; *text != '\0'; text++)
        if ((guchar)*text < 0x20 && strchr("\r\n\t", *text) == NULL) return FALSE;
    return TRUE;
}

static gboolean is_word(json_t *value) {
    const char *text = json_string_value(value);
    gsize n_bytes = json_string_length(value);
    if (text == NULL || n_bytes < 1 || n_bytes > 64 || strlen(text) != n_bytes) return FALSE;
    for (; *text != '\0'; text++)
        if (!g_ascii_isalnum(*text) && strchr("-_.:+", *text) == NULL) return FALSE;
    return TRUE;
}

static gboolean is_id(json_t *value) {
    return json_is_integer(value) && json_integer_value(value) >= 1 &&
           json_integer_value(value) <= G_MAXINT32;
}
static gboolean is_int(json_t *value) { return json_is_integer(value); }
static gboolean is_number(json_t *value) { return json_is_number(value); }
static gboolean is_bool(json_t *value) { return json_is_boolean(value); }
static gboolean is_object(json_t *value) { return json_is_object(value); }
static gboolean is_array(json_t *value) { return json_is_array(value); }

static const struct {
    const char *name;
    gboolean (*holds)(json_t *value);
} types[] = {
    { "string", is_text },   { "word", is_word }, { "id", is_id },         { "int", is_int },
    { "number", is_number }, { "bool", is_bool }, { "object", is_object }, { "array", is_array },
};

static gboolean (*type_check(const char *name))(json_t *) {
    for (guint i = 0; i < G_N_ELEMENTS(types); i++)
        if (strcmp(types[i].name, name) == 0) return types[i].holds;
    return NULL;
}

/* The next "name:type[?]" of the list; FALSE at its end or when it cannot be read (then *ret_broken). */
static gboolean next_field(const char **at, Field *ret_field, gboolean *ret_broken) {
    *ret_broken = FALSE;
    *at += strspn(*at, " ");
    gsize n_bytes = strcspn(*at, " ");
    if (n_bytes == 0) return FALSE;
    const char *colon = memchr(*at, ':', n_bytes);
    if (colon == NULL) {
        *ret_broken = TRUE;
        return FALSE;
    }
    gsize name_bytes = (gsize)(colon - *at), type_bytes = n_bytes - name_bytes - 1;
    ret_field->optional = type_bytes > 0 && (*at)[n_bytes - 1] == '?';
    if (ret_field->optional) type_bytes--;
    if (name_bytes == 0 || name_bytes >= sizeof ret_field->name || type_bytes >= sizeof ret_field->type) {
        *ret_broken = TRUE;
        return FALSE;
    }
    memcpy(ret_field->name, *at, name_bytes);
    ret_field->name[name_bytes] = '\0';
    memcpy(ret_field->type, colon + 1, type_bytes);
    ret_field->type[type_bytes] = '\0';
    *at += n_bytes;
    *ret_broken = type_check(ret_field->type) == NULL;
    return !*ret_broken;
}

gboolean fields_parsable(const char *fields) {
    Field field;
    gboolean broken = FALSE;
    guint n_fields = 0;
    while (next_field(&fields, &field, &broken)) n_fields++;
    return !broken && n_fields <= FIELDS_MAX;
}

static gboolean refuse_unknown(const char *message, const char *fields, json_t *object, GError **error) {
    const char *key;
    json_t *value;
    json_object_foreach(object, key, value) {
        gboolean known = strcmp(key, "t") == 0 || strcmp(key, "id") == 0, broken = FALSE;
        Field field;
        for (const char *at = fields; !known && next_field(&at, &field, &broken);)
            known = strcmp(key, field.name) == 0;
        if (!known) {
            g_set_error(error, FAULT, FAULT_BAD_INPUT, "%s: unknown field \"%.40s\"", message, key);
            return FALSE;
        }
    }
    return TRUE;
}

gboolean fields_check(const char *message, const char *fields, json_t *object, gboolean strict,
                      GError **error) {
    if (!json_is_object(object)) {
        g_set_error(error, FAULT, FAULT_BAD_INPUT, "%s: not an object", message);
        return FALSE;
    }
    Field field;
    gboolean broken = FALSE;
    for (const char *at = fields; next_field(&at, &field, &broken);) {
        json_t *value = json_object_get(object, field.name);
        if (value == NULL || json_is_null(value)) {
            if (field.optional) continue;
            g_set_error(error, FAULT, FAULT_BAD_INPUT, "%s: field \"%s\" is missing", message, field.name);
            return FALSE;
        }
        if (!type_check(field.type)(value)) {
            g_set_error(error, FAULT, FAULT_BAD_INPUT, "%s: field \"%s\" must be of type %s", message,
                        field.name, field.type);
            return FALSE;
        }
    }
    g_assert(!broken); /* tables are checked at start */
    return !strict || refuse_unknown(message, fields, object, error);
}

/* jansson refuses what is deeper than 2048; we stop far earlier, before it builds anything. */
static gboolean depth_is_sane(const char *text, gsize n_bytes) {
    guint depth = 0;
    gboolean quoted = FALSE;
    for (gsize i = 0; i < n_bytes; i++) {
        char c = text[i];
        if (quoted) {
            if (c == '\\')
                i++;
            else if (c == '"')
                quoted = FALSE;
        } else if (c == '"') {
            quoted = TRUE;
        } else if (c == '{' || c == '[') {
            if (++depth > DEPTH_MAX) return FALSE;
        } else if ((c == '}' || c == ']') && depth > 0) {
            depth--;
        }
    }
    return TRUE;
}

json_t *fields_parse_object(const char *text, gsize n_bytes, gsize n_bytes_max, GError **error) {
    if (n_bytes > n_bytes_max) {
        g_set_error(error, FAULT, FAULT_BAD_INPUT,
                    "message of %" G_GSIZE_FORMAT " bytes is longer than %" G_GSIZE_FORMAT, n_bytes,
                    n_bytes_max);
        return NULL;
    }
    if (!depth_is_sane(text, n_bytes)) {
        g_set_error(error, FAULT, FAULT_BAD_INPUT, "JSON is nested deeper than %d", DEPTH_MAX);
        return NULL;
    }
    json_error_t why;
    json_t *object = json_loadb(text, n_bytes, JSON_REJECT_DUPLICATES, &why);
    if (object == NULL) {
        g_set_error(error, FAULT, FAULT_BAD_INPUT, "no valid JSON: line %d, column %d: %s", why.line,
                    why.column, why.text);
        return NULL;
    }
    if (!json_is_object(object)) {
        json_decref(object);
        g_set_error_literal(error, FAULT, FAULT_BAD_INPUT, "not a JSON object");
        return NULL;
    }
    return object;
}
