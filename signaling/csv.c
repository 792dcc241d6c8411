/* csv.c -- a strict reader of RFC 4180 and its writer. */
#include "signaling/csv.h"

#include "signaling/fold.h"
#include "signaling/words.h"

#include <string.h>

typedef struct {
    const char *at, *end;
    char separator;
    guint line;
    GPtrArray *rows, *errors;
    GPtrArray *cells; /* of the row being read */
    guint row_line;   /* where it began */
    gboolean row_bad;
    GString *cell;
} CsvReader;

void csv_error_free(CsvError *error) {
    if (error == NULL) return;
    g_free(error->value);
    g_free(error);
}

void csv_row_free(CsvRow *row) {
    if (row == NULL) return;
    g_strfreev(row->cells);
    g_free(row);
}

void csv_complain(GPtrArray *errors, guint line, guint column, const char *value, gsize n_bytes, int word,
                  int number) {
    CsvError *error = g_new0(CsvError, 1);
    error->line = line;
    error->column = column;
    /* Whatever came, what is shown must be text. */
    g_autofree char *cut = g_strndup(value != NULL ? value : "", MIN(n_bytes, 80));
    error->value = g_utf8_make_valid(cut, -1);
    error->word = word;
    error->number = number;
    g_ptr_array_add(errors, error);
}

static void complain(CsvReader *reader, Word word, int number) {
    csv_complain(reader->errors, reader->line, reader->cells->len + 1, reader->cell->str, reader->cell->len,
                 (int)word, number);
    reader->row_bad = TRUE;
}

/* One cell is whole: check what holds for every cell. */
static void end_cell(CsvReader *reader) {
    g_autofree char *nfc = NULL;
    if (reader->cell->len > CSV_CELL_BYTES_MAX) {
        complain(reader, WORD_CSV_CELL_LONG, CSV_CELL_BYTES_MAX);
    } else if (strlen(reader->cell->str) != reader->cell->len) {
        complain(reader, WORD_CSV_CONTROL, 0);
    } else if ((nfc = text_nfc(reader->cell->str, (gssize)reader->cell->len)) == NULL) {
        complain(reader, WORD_CSV_NOT_UTF8, 0);
    } else {
        for (const char *at = nfc; *at != '\0'; at = g_utf8_next_char(at)) {
            gunichar letter = g_utf8_get_char(at);
            if (!g_unichar_iscntrl(letter) || letter == '\n' || letter == '\t') continue;
            complain(reader, WORD_CSV_CONTROL, 0);
            break;
        }
    }
    if (reader->cells->len == CSV_COLUMNS_MAX && !reader->row_bad)
        complain(reader, WORD_CSV_TOO_MANY_COLUMNS, CSV_COLUMNS_MAX);
    if (reader->cells->len < CSV_COLUMNS_MAX)
        g_ptr_array_add(reader->cells, g_strstrip(g_strdup(nfc != NULL ? nfc : "")));
    g_string_truncate(reader->cell, 0);
}

static gboolean row_is_blank(const CsvReader *reader) {
    for (guint i = 0; i < reader->cells->len; i++)
        if (*(const char *)reader->cells->pdata[i] != '\0') return FALSE;
    return TRUE;
}

static void end_row(CsvReader *reader) {
    end_cell(reader);
    if (!reader->row_bad && !row_is_blank(reader)) {
        CsvRow *row = g_new0(CsvRow, 1);
        row->line = reader->row_line;
        g_ptr_array_add(reader->cells, NULL);
        row->n_cells = reader->cells->len - 1;
        row->cells = (char **)g_ptr_array_free(reader->cells, FALSE);
        reader->cells = g_ptr_array_new_with_free_func(g_free);
        g_ptr_array_add(reader->rows, row);
    }
    g_ptr_array_set_size(reader->cells, 0);
    reader->row_bad = FALSE;
}

/* After a mistake inside a row, reading goes on with the next line. */
static void skip_line(CsvReader *reader) {
    const char *newline = memchr(reader->at, '\n', (gsize)(reader->end - reader->at));
    reader->at = newline != NULL ? newline + 1 : reader->end;
    g_ptr_array_set_size(reader->cells, 0);
    g_string_truncate(reader->cell, 0);
    reader->row_bad = FALSE;
    reader->line++;
    reader->row_line = reader->line;
}

static gboolean at_line_end(CsvReader *reader) {
    if (reader->at < reader->end && *reader->at == '\r' &&
        (reader->at + 1 == reader->end || reader->at[1] == '\n'))
        reader->at++;
    return reader->at == reader->end || *reader->at == '\n';
}

/* reader->at stands behind the opening quotation mark. FALSE: the row is spoilt and has been skipped. */
static gboolean read_quoted(CsvReader *reader) {
    guint first_line = reader->line;
    const char *first = reader->at;
    for (; reader->at < reader->end; reader->at++) {
        if (*reader->at == '"') {
            if (reader->at + 1 == reader->end || reader->at[1] != '"') break;
            reader->at++;
        } else if (*reader->at == '\n') {
            reader->line++;
        } else if (*reader->at == '\r' && reader->at + 1 < reader->end && reader->at[1] == '\n') {
            continue; /* a line break inside a cell is one \n, whatever wrote the file */
        }
        g_string_append_c(reader->cell, *reader->at);
    }
    if (reader->at == reader->end) {
        /* Everything to the end of the file may be inside that cell: read on with the line after the mark. */
        reader->line = first_line;
        g_string_truncate(reader->cell, MIN(reader->cell->len, 40));
        complain(reader, WORD_CSV_QUOTE_OPEN, 0);
        reader->at = first;
        skip_line(reader);
        return FALSE;
    }
    reader->at++;
    if (at_line_end(reader) || *reader->at == reader->separator) return TRUE;
    complain(reader, WORD_CSV_AFTER_QUOTE, 0);
    skip_line(reader);
    return FALSE;
}

static gboolean read_plain(CsvReader *reader) {
    while (!at_line_end(reader) && *reader->at != reader->separator) {
        if (*reader->at == '"' || *reader->at == '\r') {
            complain(reader, *reader->at == '"' ? WORD_CSV_QUOTE_INSIDE : WORD_CSV_BARE_CR, 0);
            skip_line(reader);
            return FALSE;
        }
        g_string_append_c(reader->cell, *reader->at++);
    }
    return TRUE;
}

/* One cell and what ends it. FALSE: the file is at its end. */
static gboolean read_cell(CsvReader *reader) {
    gboolean whole;
    if (reader->at < reader->end && *reader->at == '"') {
        reader->at++;
        whole = read_quoted(reader);
    } else {
        whole = read_plain(reader);
    }
    if (!whole) return reader->at < reader->end;
    if (reader->at < reader->end && *reader->at == reader->separator) {
        reader->at++;
        end_cell(reader);
        return TRUE; /* a separator at the very end of the file still announces an empty cell */
    }
    end_row(reader);
    if (reader->at == reader->end) return FALSE;
    reader->at++;
    reader->line++;
    reader->row_line = reader->line;
    return reader->at < reader->end;
}

static char pick_separator(const char *text, const char *end) {
    guint n_commas = 0, n_semicolons = 0;
    for (const char *at = text; at < end && *at != '\n'; at++) {
        n_commas += *at == ',';
        n_semicolons += *at == ';';
    }
    return n_semicolons > n_commas ? ';' : ',';
}

GPtrArray *csv_read(const char *text, gsize n_bytes, GPtrArray *errors) {
    GPtrArray *rows = g_ptr_array_new_with_free_func((GDestroyNotify)csv_row_free);
    if (n_bytes > CSV_BYTES_MAX) {
        csv_complain(errors, 0, 0, "", 0, WORD_CSV_TOO_BIG, CSV_BYTES_MAX);
        return rows;
    }
    CsvReader reader = {
        .at = text, .end = text + n_bytes, .line = 1, .row_line = 1, .rows = rows, .errors = errors
    };
    if (n_bytes >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0) reader.at += 3;
    reader.separator = pick_separator(reader.at, reader.end);
    reader.cells = g_ptr_array_new_with_free_func(g_free);
    reader.cell = g_string_new(NULL);
    for (gboolean more = reader.at < reader.end; more;) {
        more = read_cell(&reader);
        if (rows->len > CSV_ROWS_MAX) {
            csv_complain(errors, reader.line, 0, "", 0, WORD_CSV_TOO_MANY_ROWS, CSV_ROWS_MAX);
            break;
        }
        if (errors->len >= CSV_ERRORS_MAX) break; /* no CSV file at all: the first hundred say enough */
    }
    g_ptr_array_unref(reader.cells);
    g_string_free(reader.cell, TRUE);
    return rows;
}

void csv_write_row(GString *out, const char *const *cells, guint n_cells) {
    for (guint i = 0; i < n_cells; i++) {
        if (i > 0) g_string_append_c(out, ',');
        const char *cell = cells[i];
        gsize length = strlen(cell);
        /* Spaces at the ends would be stripped by readers, ours too; quoting does not help and is not needed. */
        if (length == strcspn(cell, ",;\"\r\n")) {
            g_string_append(out, cell);
            continue;
        }
        g_string_append_c(out, '"');
        for (; *cell != '\0'; cell++) {
            if (*cell == '"') g_string_append_c(out, '"');
            g_string_append_c(out, *cell);
        }
        g_string_append_c(out, '"');
    }
    g_string_append(out, "\r\n");
}
