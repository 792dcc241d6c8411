/* fuzz_signaling_csv.c -- door: bytes as a CSV file and as a roster. What is read can be written and read again as the same, and a
 * roster that is taken exports to a file that changes nothing. */
#include "signaling/csv.h"
#include "signaling/roster.h"

#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes);

static void free_error(gpointer error) { csv_error_free(error); }

static void read_again(const GPtrArray *rows) {
    g_autoptr(GPtrArray) errors = g_ptr_array_new_with_free_func(free_error);
    GString *text = g_string_new(NULL);
    for (guint i = 0; i < rows->len; i++) {
        const CsvRow *row = rows->pdata[i];
        csv_write_row(text, (const char *const *)row->cells, row->n_cells);
    }
    /* One first row of semicolons only could be taken for another separator, and a first cell for a byte order mark. */
    if (rows->len > 0 && memchr(text->str, ';', text->len) == NULL && text->str[0] != '\xef') {
        g_autoptr(GPtrArray) again = csv_read(text->str, text->len, errors);
        g_assert(errors->len == 0);
        g_assert(again->len == rows->len);
        for (guint i = 0; i < rows->len; i++) {
            const CsvRow *one = rows->pdata[i], *two = again->pdata[i];
            g_assert(g_strv_equal((const char *const *)one->cells, (const char *const *)two->cells));
        }
    }
    g_string_free(text, TRUE);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes) {
    g_autoptr(GPtrArray) errors = g_ptr_array_new_with_free_func(free_error);
    g_autoptr(GPtrArray) rows = csv_read((const char *)data, n_bytes, errors);
    for (guint i = 0; i < errors->len; i++)
        g_assert(g_utf8_validate(((CsvError *)errors->pdata[i])->value, -1, NULL));
    if (errors->len == 0) read_again(rows);

    g_autoptr(Roster) roster = roster_new();
    g_autoptr(RosterPlan) plan =
        roster_plan_import(roster, (const char *)data, n_bytes, ROSTER_SEATS_MAX, LANGUAGE_VI);
    json_t *json = roster_plan_json(plan);
    g_assert(json);
    g_assert(json_array_size(json_object_get(json, "rows")) == plan->rows->len);
    json_decref(json);
    if (plan->n_errors > 0) return 0;
    roster_take_seats(roster, g_steal_pointer(&plan->seats));
    g_autofree char *exported = roster_export(roster);
    g_autoptr(RosterPlan) again =
        roster_plan_import(roster, exported, strlen(exported), ROSTER_SEATS_MAX, LANGUAGE_EN);
    g_assert(again->n_errors + again->n_added + again->n_changed == 0);
    return 0;
}
