/* CSV: what is taken, what is refused and where, and that writing and reading are each other's inverse. */
#include "signaling/csv.h"
#include "signaling/words.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

static const struct {
    const char *name, *text, *rows; /* rows: cells joined by |, rows by newline */
} good[] = {
    { "empty", "", "" },
    { "one cell", "a", "a" },
    { "commas and LF", "a,b\nc,d\n", "a|b\nc|d" },
    { "CRLF", "a,b\r\nc,d\r\n", "a|b\nc|d" },
    { "no newline at the end", "a,b\nc,d", "a|b\nc|d" },
    { "CR before the end of the file", "a,b\r", "a|b" },
    { "semicolons", "a;b\nc,c;d\n", "a|b\nc,c|d" },
    { "byte order mark",
      "\xef\xbb\xbf"
      "a,b",
      "a|b" },
    { "quoted separator, mark and line break", "\"a,b\",\"say \"\"no\"\"\",\"x\ny\"\n",
      "a,b|say \"no\"|x\ny" },
    { "quoted CRLF becomes one newline", "\"x\r\ny\",b\n", "x\ny|b" },
    { "empty cells", ",\na,\n,b\n", "a|\n|b" },
    { "blank lines are left out", "a\n\n  \nb\n", "a\nb" },
    { "spaces at the ends go", " a , b \n", "a|b" },
    { "empty quoted", "\"\",b", "|b" },
    { "NFD becomes NFC", "\xc4\x90\xc3\xa2\xcc\x80m", "\xc4\x90\xe1\xba\xa7m" },
    { "tab inside", "a\tb,c", "a\tb|c" },
};

static const struct {
    const char *name, *text;
    gsize n_bytes; /* 0 = strlen */
    int word;
    guint line, column, n_rows; /* n_rows: how many other rows could be read */
} bad[] = {
    { "quote never closed", "a,b\n\"c,d\ne,f\n", 0, WORD_CSV_QUOTE_OPEN, 2, 1, 2 },
    { "quote inside a cell", "a,b\nc\"d,e\nf,g\n", 0, WORD_CSV_QUOTE_INSIDE, 2, 1, 2 },
    { "text behind a closing quote", "a,\"b\"c\nd,e\n", 0, WORD_CSV_AFTER_QUOTE, 1, 2, 1 },
    { "lone CR", "a,b\rc\nd,e\n", 0, WORD_CSV_BARE_CR, 1, 2, 1 },
    { "not UTF-8", "a,b\nc,\xe2\x28\xa1\nd,e", 0, WORD_CSV_NOT_UTF8, 2, 2, 2 },
    { "control character", "a,\x01\nd,e", 0, WORD_CSV_CONTROL, 1, 2, 1 },
    { "NUL", "a,b\0c\nd,e", 9, WORD_CSV_CONTROL, 1, 2, 1 },
};

static char *join_rows(const GPtrArray *rows) {
    GString *text = g_string_new(NULL);
    for (guint i = 0; i < rows->len; i++) {
        const CsvRow *row = rows->pdata[i];
        g_autofree char *line = g_strjoinv("|", row->cells);
        assert_int_equal(g_strv_length(row->cells), row->n_cells);
        g_string_append_printf(text, "%s%s", i > 0 ? "\n" : "", line);
    }
    return g_string_free(text, FALSE);
}

static void free_error(gpointer error) { csv_error_free(error); }

static void test_good(void **state) {
    (void)state;
    for (guint i = 0; i < G_N_ELEMENTS(good); i++) {
        g_autoptr(GPtrArray) errors = g_ptr_array_new_with_free_func(free_error);
        g_autoptr(GPtrArray) rows = csv_read(good[i].text, strlen(good[i].text), errors);
        g_autofree char *got = join_rows(rows);
        if (errors->len > 0) fail_msg("%s: refused", good[i].name);
        if (strcmp(got, good[i].rows) != 0) fail_msg("%s: [%s]", good[i].name, got);
    }
}

static void test_bad(void **state) {
    (void)state;
    for (guint i = 0; i < G_N_ELEMENTS(bad); i++) {
        g_autoptr(GPtrArray) errors = g_ptr_array_new_with_free_func(free_error);
        gsize n_bytes = bad[i].n_bytes != 0 ? bad[i].n_bytes : strlen(bad[i].text);
        g_autoptr(GPtrArray) rows = csv_read(bad[i].text, n_bytes, errors);
        if (errors->len != 1) fail_msg("%s: %u errors", bad[i].name, errors->len);
        const CsvError *error = errors->pdata[0];
        if (error->word != bad[i].word || error->line != bad[i].line || error->column != bad[i].column ||
            rows->len != bad[i].n_rows)
            fail_msg("%s: word %d line %u column %u, %u rows", bad[i].name, error->word, error->line,
                     error->column, rows->len);
        assert_true(g_utf8_validate(error->value, -1, NULL));
    }
}

static void test_line_numbers_count_lines_inside_cells(void **state) {
    (void)state;
    static const char text[] = "a\n\"b\nb\nb\"\nc\n";
    g_autoptr(GPtrArray) errors = g_ptr_array_new_with_free_func(free_error);
    g_autoptr(GPtrArray) rows = csv_read(text, sizeof text - 1, errors);
    assert_int_equal(rows->len, 3);
    assert_int_equal(((CsvRow *)rows->pdata[1])->line, 2);
    assert_int_equal(((CsvRow *)rows->pdata[2])->line, 5);
}

static void test_limits(void **state) {
    (void)state;
    g_autoptr(GPtrArray) errors = g_ptr_array_new_with_free_func(free_error);
    GString *text = g_string_new(NULL);
    for (guint i = 0; i < CSV_COLUMNS_MAX + 1; i++) g_string_append(text, "a,");
    g_string_append(text, "a\n");
    for (guint i = 0; i < CSV_CELL_BYTES_MAX + 1; i++) g_string_append_c(text, 'b');
    g_string_append(text, "\nok\n");
    g_autoptr(GPtrArray) rows = csv_read(text->str, text->len, errors);
    assert_int_equal(rows->len, 1);
    assert_int_equal(errors->len, 2);
    assert_int_equal(((CsvError *)errors->pdata[0])->word, WORD_CSV_TOO_MANY_COLUMNS);
    assert_int_equal(((CsvError *)errors->pdata[1])->word, WORD_CSV_CELL_LONG);
    g_string_truncate(text, 0);
    for (guint i = 0; i < CSV_ROWS_MAX + 10; i++) g_string_append(text, "a\n");
    g_autoptr(GPtrArray) many = csv_read(text->str, text->len, errors);
    assert_int_equal(((CsvError *)errors->pdata[2])->word, WORD_CSV_TOO_MANY_ROWS);
    assert_true(many->len <= CSV_ROWS_MAX + 1);
    g_string_free(text, TRUE);
}

static void test_noise_ends(void **state) {
    (void)state;
    /* Marks on every line: each could be an open cell to the end of the file. */
    GString *text = g_string_new(NULL);
    for (guint i = 0; i < 20000; i++) g_string_append(text, i % 2 != 0 ? "\"x\"y,\"\n" : "a\"b\n");
    g_autoptr(GPtrArray) errors = g_ptr_array_new_with_free_func(free_error);
    g_autoptr(GPtrArray) rows = csv_read(text->str, text->len, errors);
    assert_int_equal(errors->len, CSV_ERRORS_MAX);
    g_string_free(text, TRUE);
}

static void test_write_and_read_again(void **state) {
    (void)state;
    static const char *const cells[] = { "Đầm Hà", "a,b;c", "say \"no\"", "two\nlines", "", "=1+1", "'x" };
    GString *text = g_string_new(NULL);
    csv_write_row(text, cells, G_N_ELEMENTS(cells));
    assert_true(g_str_has_suffix(text->str, "\r\n"));
    g_autoptr(GPtrArray) errors = g_ptr_array_new_with_free_func(free_error);
    g_autoptr(GPtrArray) rows = csv_read(text->str, text->len, errors);
    assert_int_equal(errors->len, 0);
    const CsvRow *row = rows->pdata[0];
    assert_int_equal(row->n_cells, G_N_ELEMENTS(cells));
    for (guint i = 0; i < G_N_ELEMENTS(cells); i++) assert_string_equal(row->cells[i], cells[i]);
    g_string_free(text, TRUE);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good),
        cmocka_unit_test(test_bad),
        cmocka_unit_test(test_line_numbers_count_lines_inside_cells),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_noise_ends),
        cmocka_unit_test(test_write_and_read_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
