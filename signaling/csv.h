/* csv.h -- RFC 4180 read strictly, written plainly. Pure. Takes a BOM, comma or semicolon (whichever the first line has),
 * LF or CRLF, NFC or NFD (cells come out as NFC). */
#pragma once

#include <glib.h>

enum {
    CSV_BYTES_MAX = 4 * 1024 * 1024,
    CSV_ROWS_MAX = 5000,
    CSV_COLUMNS_MAX = 64,
    CSV_CELL_BYTES_MAX = 4096
};

typedef struct {
    guint line;   /* where the row begins, 1 .. */
    char **cells; /* NULL-ended */
} CsvRow;

typedef struct {
    guint line, column; /* 1 .. ; column counts cells, 0 = the whole line */
    char *value;        /* the cell as it came, shortened; may be "" */
    char *text;         /* what is wrong and what to do, English; roster.c says it in the user's language */
    int word;           /* Word of words.h, or -1 */
} CsvError;

void csv_error_free(CsvError *error);

/* Rows that could be read, blank lines left out (transfer full, of CsvRow). Every problem goes into errors (of CsvError,
 * borrowed array); reading goes on with the next line where it can. */
GPtrArray *csv_read(const char *text, gsize n_bytes, GPtrArray *errors);

/* Appends one row with CRLF; cells are quoted where they must be. A cell that a spreadsheet would take for a formula
 * (= + - @ first) is kept as it is: this is data, and the import reads it back. */
void csv_write_row(GString *out, const char *const *cells, guint n_cells);
