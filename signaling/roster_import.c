/* roster_import.c -- the roster as a file: what an import would change, or everything that is wrong with it; and back. */
#include "config/fault.h"
#include "signaling/csv.h"
#include "signaling/roster.h"

#include <stddef.h>
#include <string.h>

static const struct {
    const char *name;
    gsize offset;
    gboolean needed;
} columns[] = {
    { "code", offsetof(SeatRecord, code), TRUE },
    { "name", offsetof(SeatRecord, name), TRUE },
    { "type", offsetof(SeatRecord, type), TRUE },
    { "district", offsetof(SeatRecord, district), FALSE },
    { "group", offsetof(SeatRecord, group), FALSE },
    { "phone", offsetof(SeatRecord, phone), FALSE },
    { "technician", offsetof(SeatRecord, technician), FALSE },
    { "technician_phone", offsetof(SeatRecord, technician_phone), FALSE },
    { "note", offsetof(SeatRecord, note), FALSE },
};
enum { N_COLUMNS = G_N_ELEMENTS(columns) };

typedef struct {
    const Roster *roster;
    Language language;
    RosterPlan *plan;
    GPtrArray *seats;     /* the roster as it would be */
    GHashTable *lines;    /* code -> line, of this file */
    int place[N_COLUMNS]; /* of each of our columns in the file; -1 = not there */
    gint32 next_id, next_place;
} Import;

static char **cell_slot(const SeatRecord *seat, guint column) {
    return (char **)(gpointer)((const char *)seat + columns[column].offset);
}

/* Takes text. */
static void report(Import *import, guint line, guint column, RosterWhat what, const char *code, char *text) {
    RosterRow *row = g_new0(RosterRow, 1);
    row->line = line;
    row->column = column;
    row->what = what;
    row->code = g_strdup(code);
    row->text = text;
    g_ptr_array_add(import->plan->rows, row);
    RosterPlan *plan = import->plan;
    guint *counts[] = { &plan->n_added, &plan->n_changed, &plan->n_unchanged, &plan->n_errors };
    (*counts[what])++;
}

/* ---- the header row ---- */

static char *known_columns(void) {
    GString *names = g_string_new(NULL);
    for (guint i = 0; i < N_COLUMNS; i++)
        g_string_append_printf(names, "%s%s", i > 0 ? ", " : "", columns[i].name);
    return g_string_free(names, FALSE);
}

static void read_header(Import *import, const CsvRow *row) {
    for (guint i = 0; i < N_COLUMNS; i++) import->place[i] = -1;
    for (guint cell = 0; cell < row->n_cells; cell++) {
        g_autofree char *name = g_ascii_strdown(row->cells[cell], -1);
        guint i = 0;
        while (i < N_COLUMNS && strcmp(columns[i].name, name) != 0) i++;
        g_autofree char *names = known_columns();
        if (i == N_COLUMNS) {
            report(import, row->line, cell + 1, ROSTER_ERROR, "",
                   words_format(import->language, WORD_ROSTER_COLUMN_UNKNOWN, row->cells[cell], names));
        } else if (import->place[i] >= 0) {
            report(import, row->line, cell + 1, ROSTER_ERROR, "",
                   words_format(import->language, WORD_ROSTER_COLUMN_TWICE, name));
        } else {
            import->place[i] = (int)cell;
        }
    }
    for (guint i = 0; i < N_COLUMNS; i++)
        if (columns[i].needed && import->place[i] < 0)
            report(import, row->line, 0, ROSTER_ERROR, "",
                   words_format(import->language, WORD_ROSTER_COLUMN_MISSING, columns[i].name));
}

/* ---- one row ---- */

static gboolean code_is_good(const char *code) {
    gsize n_bytes = strlen(code);
    return n_bytes >= 1 && n_bytes <= 64 &&
           strspn(code, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.") == n_bytes;
}

static gboolean check_row(Import *import, const CsvRow *row, guint n_header_cells) {
    guint n_errors = import->plan->n_errors;
    if (row->n_cells != n_header_cells) {
        report(import, row->line, 0, ROSTER_ERROR, "",
               words_format(import->language, WORD_ROSTER_CELLS, (int)row->n_cells, (int)n_header_cells));
        return FALSE;
    }
    const char *code = row->cells[import->place[0]];
    for (guint i = 0; i < N_COLUMNS; i++) {
        if (!columns[i].needed || *row->cells[import->place[i]] != '\0') continue;
        report(import, row->line, (guint)import->place[i] + 1, ROSTER_ERROR, code,
               words_format(import->language, WORD_ROSTER_CELL_EMPTY, columns[i].name));
    }
    if (*code != '\0' && !code_is_good(code))
        report(import, row->line, (guint)import->place[0] + 1, ROSTER_ERROR, code,
               words_format(import->language, WORD_ROSTER_CODE_BAD, code));
    gpointer line = g_hash_table_lookup(import->lines, code);
    if (line != NULL)
        report(import, row->line, (guint)import->place[0] + 1, ROSTER_ERROR, code,
               words_format(import->language, WORD_ROSTER_CODE_TWICE, code, GPOINTER_TO_INT(line)));
    g_hash_table_insert(import->lines, g_strdup(code), GINT_TO_POINTER((gint)row->line));
    return import->plan->n_errors == n_errors;
}

/* Columns that the file does not have stay as they are. Returns the names of what changed. (transfer full) */
static char *fill_seat(const Import *import, SeatRecord *seat, const CsvRow *row) {
    GString *changed = g_string_new(NULL);
    for (guint i = 0; i < N_COLUMNS; i++) {
        if (import->place[i] < 0) continue;
        const char *cell = row->cells[import->place[i]];
        char **slot = cell_slot(seat, i);
        if (strcmp(*slot, cell) == 0) continue;
        g_string_append_printf(changed, "%s%s \"%s\" → \"%s\"", changed->len > 0 ? ", " : "", columns[i].name,
                               *slot, cell);
        g_free(*slot);
        *slot = g_strdup(cell);
    }
    return g_string_free(changed, FALSE);
}

static SeatRecord *blank_seat(gint32 id) {
    SeatRecord *seat = g_new0(SeatRecord, 1);
    seat->id = id;
    for (guint i = 0; i < N_COLUMNS; i++) *cell_slot(seat, i) = g_strdup("");
    seat->label = g_strdup("");
    return seat;
}

static void take_row(Import *import, const CsvRow *row) {
    const SeatRecord *before = roster_seat_by_code(import->roster, row->cells[import->place[0]]);
    SeatRecord *seat = before != NULL ? seat_record_copy(before) : blank_seat(import->next_id++);
    g_autofree char *changed = fill_seat(import, seat, row);
    seat->place = import->next_place++;
    g_ptr_array_add(import->seats, seat);
    if (before == NULL)
        report(import, row->line, 0, ROSTER_ADDED, seat->code,
               words_format(import->language, WORD_ROSTER_ADDED, seat->name));
    else if (*changed != '\0')
        report(import, row->line, 0, ROSTER_CHANGED, seat->code,
               words_format(import->language, WORD_ROSTER_CHANGED, changed));
    else
        report(import, row->line, 0, ROSTER_UNCHANGED, seat->code,
               g_strdup(words(import->language, WORD_ROSTER_UNCHANGED)));
}

/* ---- the whole file ---- */

static void keep_the_others(Import *import) {
    for (guint i = 0; i < roster_n_seats(import->roster); i++) {
        const SeatRecord *seat = roster_seat_at(import->roster, i);
        if (g_hash_table_contains(import->lines, seat->code)) continue;
        SeatRecord *copy = seat_record_copy(seat);
        copy->place = import->next_place++;
        g_ptr_array_add(import->seats, copy);
    }
}

static gint by_line(gconstpointer a, gconstpointer b) {
    const RosterRow *first = *(RosterRow *const *)a, *second = *(RosterRow *const *)b;
    if (first->line != second->line) return first->line < second->line ? -1 : 1;
    return (first->column > second->column) - (first->column < second->column);
}

static void report_csv_error(Import *import, const CsvError *error) {
    char *text = words_format(import->language, (Word)error->word, error->number);
    if (*error->value != '\0') {
        char *with_value = g_strdup_printf("%s [%s]", text, error->value);
        g_free(text);
        text = with_value;
    }
    report(import, error->line, error->column, ROSTER_ERROR, "", text);
}

static void csv_error_free_any(gpointer error) { csv_error_free(error); }

static void roster_row_free(gpointer data) {
    RosterRow *row = data;
    g_free(row->code);
    g_free(row->text);
    g_free(row);
}

static void read_rows(Import *import, const GPtrArray *rows) {
    const CsvRow *header = rows->pdata[0];
    read_header(import, header);
    /* With a wrong header every row would be reported wrong; the header's own errors say it better. */
    if (import->plan->n_errors > 0 && (import->place[0] < 0 || import->place[1] < 0 || import->place[2] < 0))
        return;
    for (guint i = 1; i < rows->len; i++)
        if (check_row(import, rows->pdata[i], header->n_cells)) take_row(import, rows->pdata[i]);
    keep_the_others(import);
}

RosterPlan *roster_plan_import(const Roster *roster, const char *csv, gsize n_bytes, guint n_seats_max,
                               Language language) {
    g_autoptr(GPtrArray) errors = g_ptr_array_new_with_free_func(csv_error_free_any);
    g_autoptr(GHashTable) lines = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    g_autoptr(GPtrArray) seats = g_ptr_array_new_with_free_func((GDestroyNotify)seat_record_free);
    g_autoptr(GPtrArray) rows = csv_read(csv, n_bytes, errors);
    RosterPlan *plan = g_new0(RosterPlan, 1);
    Import import = {
        .roster = roster, .language = language, .plan = plan, .seats = seats, .lines = lines, .next_id = 1
    };
    plan->rows = g_ptr_array_new_with_free_func(roster_row_free);
    for (guint i = 0; i < roster_n_seats(roster); i++)
        import.next_id = MAX(import.next_id, roster_seat_at(roster, i)->id + 1);

    for (guint i = 0; i < errors->len; i++) report_csv_error(&import, errors->pdata[i]);
    if (rows->len > 0)
        read_rows(&import, rows);
    else if (plan->n_errors == 0)
        report(&import, 1, 0, ROSTER_ERROR, "", g_strdup(words(language, WORD_CSV_EMPTY)));
    n_seats_max = MIN(n_seats_max, ROSTER_SEATS_MAX);
    if (seats->len > n_seats_max)
        report(&import, 0, 0, ROSTER_ERROR, "", words_format(language, WORD_ROSTER_FULL, (int)n_seats_max));
    g_ptr_array_sort(plan->rows, by_line);
    if (plan->n_errors == 0) plan->seats = g_steal_pointer(&seats);
    return plan;
}

void roster_plan_free(RosterPlan *plan) {
    if (plan == NULL) return;
    g_ptr_array_unref(plan->rows);
    if (plan->seats != NULL) g_ptr_array_unref(plan->seats);
    g_free(plan);
}

json_t *roster_plan_json(const RosterPlan *plan) {
    static const char *const whats[] = { "added", "changed", "unchanged", "error" };
    json_t *rows = json_array();
    for (guint i = 0; i < plan->rows->len; i++) {
        const RosterRow *row = plan->rows->pdata[i];
        json_t *json = json_pack("{s:i, s:s, s:s, s:s}", "line", (int)row->line, "code", row->code, "what",
                                 whats[row->what], "text", row->text);
        if (row->column > 0) json_object_set_new(json, "column", json_integer(row->column));
        json_array_append_new(rows, json);
    }
    return json_pack("{s:i, s:i, s:i, s:i, s:o}", "added", (int)plan->n_added, "changed",
                     (int)plan->n_changed, "unchanged", (int)plan->n_unchanged, "errors", (int)plan->n_errors,
                     "rows", rows);
}

char *roster_export(const Roster *roster) {
    GString *out = g_string_new("\xef\xbb\xbf"); /* without it Excel takes the file for a local code page */
    const char *cells[N_COLUMNS];
    for (guint i = 0; i < N_COLUMNS; i++) cells[i] = columns[i].name;
    csv_write_row(out, cells, N_COLUMNS);
    for (guint row = 0; row < roster_n_seats(roster); row++) {
        for (guint i = 0; i < N_COLUMNS; i++) cells[i] = *cell_slot(roster_seat_at(roster, row), i);
        csv_write_row(out, cells, N_COLUMNS);
    }
    return g_string_free(out, FALSE);
}
