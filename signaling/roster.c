/* roster.c -- the points of the province: found, labelled, searched. Import and export: roster_import.c. */
#include "signaling/roster.h"

#include "signaling/fold.h"

#include <string.h>

struct Roster {
    GPtrArray *seats;    /* of SeatRecord, by place */
    GHashTable *by_id;   /* id -> SeatRecord, borrowed */
    GHashTable *by_code; /* code -> SeatRecord, borrowed */
    GPtrArray *folded;   /* of char *, beside seats: what searching looks at */
};

Roster *roster_new(void) {
    Roster *roster = g_new0(Roster, 1);
    roster->seats = g_ptr_array_new_with_free_func((GDestroyNotify)seat_record_free);
    roster->folded = g_ptr_array_new_with_free_func(g_free);
    roster->by_id = g_hash_table_new(g_direct_hash, g_direct_equal);
    roster->by_code = g_hash_table_new(g_str_hash, g_str_equal);
    return roster;
}

void roster_free(Roster *roster) {
    if (roster == NULL) return;
    g_hash_table_destroy(roster->by_code);
    g_hash_table_destroy(roster->by_id);
    g_ptr_array_unref(roster->folded);
    g_ptr_array_unref(roster->seats);
    g_free(roster);
}

/* ---- labels ---- */

/* First letter upper or lower: "xã" -> "Xã", "Huyện Đầm Hà" -> "huyện Đầm Hà". (transfer full) */
static char *with_first(const char *text, gboolean upper) {
    if (*text == '\0') return g_strdup("");
    gunichar first = g_utf8_get_char(text);
    char letter[7] = { 0 };
    g_unichar_to_utf8(upper ? g_unichar_toupper(first) : g_unichar_tolower(first), letter);
    return g_strconcat(letter, g_utf8_next_char(text), NULL);
}

/* "Xã Đầm Hà". A name that already begins with its type keeps it once. */
static char *plain_label(const SeatRecord *seat) {
    g_autofree char *name = text_fold(seat->name), *type = text_fold(seat->type);
    gsize n_bytes = strlen(type);
    if (n_bytes == 0 ||
        (strncmp(name, type, n_bytes) == 0 && (name[n_bytes] == ' ' || name[n_bytes] == '\0')))
        return with_first(seat->name, TRUE);
    g_autofree char *first = with_first(seat->type, TRUE);
    return g_strconcat(first, " ", seat->name, NULL);
}

static void make_labels(GPtrArray *seats) {
    g_autoptr(GHashTable) count = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    for (guint i = 0; i < seats->len; i++) {
        SeatRecord *seat = seats->pdata[i];
        g_free(seat->label);
        seat->label = plain_label(seat);
        gpointer n = g_hash_table_lookup(count, seat->label);
        g_hash_table_insert(count, g_strdup(seat->label), GINT_TO_POINTER(GPOINTER_TO_INT(n) + 1));
    }
    for (guint i = 0; i < seats->len; i++) {
        SeatRecord *seat = seats->pdata[i];
        if (GPOINTER_TO_INT(g_hash_table_lookup(count, seat->label)) < 2 || *seat->district == '\0') continue;
        g_autofree char *plain = seat->label, *district = with_first(seat->district, FALSE);
        seat->label = g_strconcat(plain, ", ", district, NULL);
    }
}

static gint by_place(gconstpointer a, gconstpointer b) {
    const SeatRecord *first = *(SeatRecord *const *)a, *second = *(SeatRecord *const *)b;
    if (first->place != second->place) return first->place < second->place ? -1 : 1;
    return (first->id > second->id) - (first->id < second->id);
}

void roster_take_seats(Roster *roster, GPtrArray *seats) {
    g_ptr_array_unref(roster->seats);
    roster->seats = seats;
    g_ptr_array_sort(seats, by_place);
    make_labels(seats);
    g_hash_table_remove_all(roster->by_id);
    g_hash_table_remove_all(roster->by_code);
    g_ptr_array_set_size(roster->folded, 0);
    for (guint i = 0; i < seats->len; i++) {
        SeatRecord *seat = seats->pdata[i];
        g_autofree char *text = g_strjoin("\n", seat->code, seat->label, seat->name, seat->district, NULL);
        g_hash_table_insert(roster->by_id, GINT_TO_POINTER(seat->id), seat);
        g_hash_table_insert(roster->by_code, seat->code, seat);
        g_ptr_array_add(roster->folded, text_fold(text));
    }
}

/* ---- questions ---- */

guint roster_n_seats(const Roster *roster) { return roster->seats->len; }

const SeatRecord *roster_seat_at(const Roster *roster, guint index) {
    return index < roster->seats->len ? roster->seats->pdata[index] : NULL;
}

const SeatRecord *roster_seat(const Roster *roster, gint32 id) {
    return g_hash_table_lookup(roster->by_id, GINT_TO_POINTER(id));
}

const SeatRecord *roster_seat_by_code(const Roster *roster, const char *code) {
    return code != NULL ? g_hash_table_lookup(roster->by_code, code) : NULL;
}

gint32 roster_hall(const Roster *roster) {
    for (guint i = 0; i < roster->seats->len; i++) {
        const SeatRecord *seat = roster->seats->pdata[i];
        g_autofree char *type = text_fold(seat->type);
        if (strcmp(type, "tinh") == 0) return seat->id;
    }
    return roster->seats->len > 0 ? ((const SeatRecord *)roster->seats->pdata[0])->id : 0;
}

void roster_support(const Roster *roster, const SeatRecord *seat, const char *support_phone,
                    const char **ret_name, const char **ret_phone) {
    *ret_name = "";
    *ret_phone = support_phone != NULL ? support_phone : "";
    if (seat == NULL) return;
    const SeatRecord *who = *seat->technician_phone != '\0' || *seat->technician != '\0' ? seat : NULL;
    for (guint i = 0; who == NULL && i < roster->seats->len; i++) {
        const SeatRecord *other = roster->seats->pdata[i];
        if (strcmp(other->district, seat->district) == 0 && *other->technician_phone != '\0') who = other;
    }
    if (who == NULL) return;
    *ret_name = who->technician;
    if (*who->technician_phone != '\0') *ret_phone = who->technician_phone;
}

GArray *roster_search(const Roster *roster, const char *typed) {
    GArray *found = g_array_new(FALSE, FALSE, sizeof(gint32));
    g_autofree char *wanted = text_fold(typed);
    for (guint i = 0; i < roster->seats->len; i++) {
        if (strstr(roster->folded->pdata[i], wanted) == NULL) continue;
        g_array_append_val(found, ((SeatRecord *)roster->seats->pdata[i])->id);
    }
    return found;
}

json_t *roster_seat_json(const SeatRecord *seat, gboolean with_contacts) {
    json_t *json = json_pack("{s:i, s:s, s:s, s:s, s:s, s:s, s:s}", "id", (int)seat->id, "code", seat->code,
                             "name", seat->name, "label", seat->label, "type", seat->type, "district",
                             seat->district, "group", seat->group);
    if (!with_contacts) return json;
    json_object_set_new(json, "phone", json_string(seat->phone));
    json_object_set_new(json, "technician", json_string(seat->technician));
    json_object_set_new(json, "technician_phone", json_string(seat->technician_phone));
    json_object_set_new(json, "note", json_string(seat->note));
    return json;
}
