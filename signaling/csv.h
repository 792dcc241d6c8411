/* csv.h -- RFC 4180 read strictly, written plainly. Pure. Takes a BOM, comma or semicolon (whichever the first line has
 * more of), LF or CRLF, NFC or NFD (cells come out as NFC, spaces at their ends stripped). */
#pragma once

#include <glib.h>

enum {
    CSV_BYTES_MAX = 4 * 1024 * 1024,
    CSV_ROWS_MAX = 5000,
    CSV_COLUMNS_MAX = 64,
    CSV_CELL_BYTES_MAX = 4096,
    CSV_ERRORS_MAX = 100
};

typedef struct {
    guint line;   /* where the row begins, 1 .. */
    char **cells; /* NULL-ended */
    guint n_cells;
} CsvRow;

typedef struct {
    guint line, column; /* 1 .. ; column counts cells, 0 = the whole line; line 0 = the whole file */
    char *value;        /* the cell as it came, shortened; valid UTF-8, may be "" */
    int word;           /* Word of words.h: what is wrong */
    int number;         /* its %d, where it has one */
} CsvError;

void csv_error_free(CsvError *error); /* NULL is fine */
void csv_row_free(CsvRow *row);       /* NULL is fine */

/* Rows that could be read, blank lines left out (transfer full, of CsvRow). Every problem goes into errors (of CsvError),
 * at most about CSV_ERRORS_MAX of them; reading goes on with the next line. */
GPtrArray *csv_read(const char *text, gsize n_bytes, GPtrArray *errors);
/* Adds one problem. value need not be UTF-8. */
void csv_complain(GPtrArray *errors, guint line, guint column, const char *value, gsize n_bytes, int word,
                  int number);

/* Appends one row with commas and CRLF; cells are quoted where they must be. */
void csv_write_row(GString *out, const char *const *cells, guint n_cells);
