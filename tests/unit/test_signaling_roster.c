/* The roster: import all or nothing with every error named, labels of the real names, search as people type. */
#include "signaling/fold.h"
#include "signaling/roster.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#define DEMO "config/roster/quang-ninh-2019.csv"

/* Imports into the roster; fails the test on errors. Returns "added changed unchanged". */
static char *import(Roster *roster, const char *csv, gsize n_bytes) {
    g_autoptr(RosterPlan) plan = roster_plan_import(roster, csv, n_bytes, ROSTER_SEATS_MAX, LANGUAGE_VI);
    for (guint i = 0; i < plan->rows->len; i++) {
        const RosterRow *row = plan->rows->pdata[i];
        if (row->what == ROSTER_ERROR) fail_msg("line %u: %s", row->line, row->text);
    }
    roster_take_seats(roster, g_steal_pointer(&plan->seats));
    return g_strdup_printf("%u %u %u", plan->n_added, plan->n_changed, plan->n_unchanged);
}

static void expect_import(Roster *roster, const char *csv, const char *counts) {
    g_autofree char *got = import(roster, csv, strlen(csv));
    assert_string_equal(got, counts);
}

static Roster *demo_roster(void) {
    g_autofree char *csv = NULL;
    gsize n_bytes = 0;
    g_autoptr(GError) why = NULL;
    if (!g_file_get_contents(DEMO, &csv, &n_bytes, &why)) fail_msg("%s", why->message);
    Roster *roster = roster_new();
    g_autofree char *got = import(roster, csv, n_bytes);
    assert_string_equal(got, "201 0 0");
    return roster;
}

static void test_demo_roster(void **state) {
    (void)state;
    g_autoptr(Roster) roster = demo_roster();
    assert_int_equal(roster_n_seats(roster), 201);
    const SeatRecord *hall = roster_seat(roster, roster_hall(roster));
    assert_string_equal(hall->label, "Tỉnh Quảng Ninh");
    g_autoptr(GHashTable) labels = g_hash_table_new(g_str_hash, g_str_equal);
    for (guint i = 0; i < 201; i++) {
        const SeatRecord *seat = roster_seat_at(roster, i);
        if (!g_hash_table_add(labels, seat->label)) fail_msg("two rooms are called %s", seat->label);
        assert_ptr_equal(roster_seat_by_code(roster, seat->code), seat);
        assert_ptr_equal(roster_seat(roster, seat->id), seat);
    }
    /* Names that repeat carry their district, names that differ by type do not. */
    assert_true(g_hash_table_contains(labels, "Thị trấn Đầm Hà"));
    assert_true(g_hash_table_contains(labels, "Xã Đầm Hà"));
    assert_true(g_hash_table_contains(labels, "Huyện Đầm Hà"));
    assert_false(g_hash_table_contains(labels, "Phường Bắc Sơn, thành phố Móng Cái"));
}

static void test_labels(void **state) {
    (void)state;
    static const char csv[] = "code,name,type,district\n"
                              "1,Thanh Sơn,xã,Huyện Ba Chẽ\n"
                              "2,Thanh Sơn,xã,Thành phố Uông Bí\n"
                              "3,Thanh Sơn,phường,Thành phố Uông Bí\n"
                              "4,Xã Đồn Đạc,xã,Huyện Ba Chẽ\n"
                              "5,ủy ban,phòng,\n";
    static const char *const labels[] = { "Xã Thanh Sơn, huyện Ba Chẽ", "Xã Thanh Sơn, thành phố Uông Bí",
                                          "Phường Thanh Sơn", "Xã Đồn Đạc", "Phòng ủy ban" };
    g_autoptr(Roster) roster = roster_new();
    expect_import(roster, csv, "5 0 0");
    for (guint i = 0; i < G_N_ELEMENTS(labels); i++)
        assert_string_equal(roster_seat_at(roster, i)->label, labels[i]);
}

static void test_import_again(void **state) {
    (void)state;
    g_autoptr(Roster) roster = demo_roster();
    g_autofree char *exported = roster_export(roster);
    gint32 id = roster_seat_at(roster, 5)->id;
    g_autofree char *code = g_strdup(roster_seat_at(roster, 5)->code);
    expect_import(roster, exported, "0 0 201");
    /* Other separators, line ends, decomposed text and no mark change nothing. */
    g_autofree char *unmarked = g_strdup(exported + 3);
    g_autofree char *nfd = g_utf8_normalize(unmarked, -1, G_NORMALIZE_DEFAULT);
    assert_int_not_equal(strlen(nfd), strlen(unmarked));
    g_auto(GStrv) lines = g_strsplit(nfd, "\r\n", -1);
    g_autofree char *unix_text = g_strjoinv("\n", lines);
    expect_import(roster, unix_text, "0 0 201");
    /* One row: the others stay, the id stays, the place moves to the front. */
    g_autofree char *one = g_strdup_printf("type;code;name;note\nxã;%s;Tên mới;\nxã;NEW-1;Mới;\n", code);
    expect_import(roster, one, "1 1 0");
    assert_int_equal(roster_n_seats(roster), 202);
    assert_int_equal(roster_seat_by_code(roster, code)->id, id);
    assert_string_equal(roster_seat(roster, id)->label, "Xã Tên mới");
    assert_string_not_equal(roster_seat(roster, id)->phone, ""); /* a column that the file does not have */
    assert_ptr_equal(roster_seat_at(roster, 0), roster_seat(roster, id));
    assert_int_equal(roster_seat_by_code(roster, "NEW-1")->id, 202);
}

static void test_errors_are_all_named_and_nothing_changes(void **state) {
    (void)state;
    static const char csv[] = "code,name,type,district\n"
                              "A,Một,xã,H\n"
                              "A,Hai,xã,H\n"   /* 3: code twice */
                              "B,,xã,H\n"      /* 4: name empty */
                              "C d,Ba,xã,H\n"  /* 5: code bad */
                              "D,Bốn,xã\n"     /* 6: cells */
                              "E,N\"ăm,xã,H\n" /* 7: quote */
                              "F,Sáu,xã,H\n";
    static const struct {
        guint line, column;
        const char *in_text;
    } wanted[] = { { 3, 1, "A" }, { 4, 2, "name" }, { 5, 1, "C d" }, { 6, 0, "3" }, { 7, 2, "nháy" } };
    g_autoptr(Roster) roster = roster_new();
    g_autoptr(RosterPlan) plan =
        roster_plan_import(roster, csv, sizeof csv - 1, ROSTER_SEATS_MAX, LANGUAGE_VI);
    assert_int_equal(plan->n_errors, G_N_ELEMENTS(wanted));
    assert_null(plan->seats);
    guint n = 0;
    for (guint i = 0; i < plan->rows->len; i++) {
        const RosterRow *row = plan->rows->pdata[i];
        if (row->what != ROSTER_ERROR) continue;
        assert_int_equal(row->line, wanted[n].line);
        assert_int_equal(row->column, wanted[n].column);
        assert_non_null(strstr(row->text, wanted[n].in_text));
        n++;
    }
    json_t *json = roster_plan_json(plan);
    assert_int_equal(json_integer_value(json_object_get(json, "errors")), 5);
    assert_int_equal(json_array_size(json_object_get(json, "rows")), 7);
    json_decref(json);
}

static void test_headers(void **state) {
    (void)state;
    static const struct {
        const char *name, *csv;
        guint n_errors;
    } cases[] = {
        { "empty file", "", 1 },
        { "only blank lines", "\n\n", 1 },
        { "unknown column", "code,name,type,colour\nA,B,xã,red\n", 1 },
        { "column twice", "code,name,type,name\nA,B,xã,C\n", 1 },
        { "no code", "name,type\nB,xã\n", 1 },
        { "nothing we know", "Mã,Tên\nA,B\n", 5 },
        { "capital letters are fine", "Code,NAME,Type\nA,B,xã\n", 0 },
        { "header alone is fine", "code,name,type\n", 0 },
    };
    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(Roster) roster = roster_new();
        g_autoptr(RosterPlan) plan =
            roster_plan_import(roster, cases[i].csv, strlen(cases[i].csv), ROSTER_SEATS_MAX, LANGUAGE_EN);
        if (plan->n_errors != cases[i].n_errors) fail_msg("%s: %u errors", cases[i].name, plan->n_errors);
        assert_true((plan->seats == NULL) == (plan->n_errors > 0));
    }
}

static void test_folding(void **state) {
    (void)state;
    static const struct {
        const char *text, *folded;
    } cases[] = {
        { "Đầm Hà", "dam ha" },
        { "ĐẦM  HÀ ", "dam ha" },
        { "Giếng Đáy", "gieng day" },
        { "Uông Bí", "uong bi" },
        { "Phường Ưu Việt", "phuong uu viet" },
        { "", "" },
        { "Ba Chẽ", "ba che" },
    };
    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *nfd = g_utf8_normalize(cases[i].text, -1, G_NORMALIZE_DEFAULT);
        g_autofree char *one = text_fold(cases[i].text), *two = text_fold(nfd);
        assert_string_equal(one, cases[i].folded);
        assert_string_equal(two, cases[i].folded);
    }
    assert_null(text_nfc("\xff", 1));
}

static void test_search(void **state) {
    (void)state;
    static const struct {
        const char *typed;
        guint n_min, n_max;
    } cases[] = { { "dam ha", 3, 20 }, { "Đầm Hà", 3, 20 },  { "ĐAM", 3, 20 },
                  { "qn-000", 1, 1 },  { "khong co", 0, 0 }, { "", 201, 201 } };
    g_autoptr(Roster) roster = demo_roster();
    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GArray) found = roster_search(roster, cases[i].typed);
        if (found->len < cases[i].n_min || found->len > cases[i].n_max)
            fail_msg("\"%s\" finds %u", cases[i].typed, found->len);
    }
}

static void test_support(void **state) {
    (void)state;
    static const char csv[] =
        "code,name,type,district,technician,technician_phone\n"
        "1,H,huyện,Huyện H,Anh Ba,0203 1\n2,X,xã,Huyện H,,\n3,Y,xã,Huyện Y,,\n4,Z,xã,Huyện Z,Chị Tư,\n";
    static const struct {
        const char *code, *name, *phone;
    } cases[] = { { "1", "Anh Ba", "0203 1" },
                  { "2", "Anh Ba", "0203 1" },
                  { "3", "", "0900" },
                  { "4", "Chị Tư", "0900" } };
    g_autoptr(Roster) roster = roster_new();
    expect_import(roster, csv, "4 0 0");
    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        const char *name, *phone;
        roster_support(roster, roster_seat_by_code(roster, cases[i].code), "0900", &name, &phone);
        assert_string_equal(name, cases[i].name);
        assert_string_equal(phone, cases[i].phone);
    }
}

/* Every sentence is there in both languages and takes the same values in the same order. */
static void test_words(void **state) {
    (void)state;
    for (guint word = 0; word < N_WORDS; word++) {
        const char *vi = words(LANGUAGE_VI, (Word)word), *en = words(LANGUAGE_EN, (Word)word);
        assert_true(vi[0] != '\0' && en[0] != '\0' && g_utf8_validate(vi, -1, NULL));
        const char *a = vi, *b = en;
        for (;;) {
            a = strchr(a, '%');
            b = strchr(b, '%');
            if (a == NULL || b == NULL) break;
            if (a[1] != b[1] || strchr("sd%", a[1]) == NULL) fail_msg("\"%s\" and \"%s\" differ", vi, en);
            a += 2;
            b += 2;
        }
        if (a != b) fail_msg("\"%s\" and \"%s\" differ", vi, en);
    }
    assert_int_equal(language_from_text("en-US,vi;q=0.5", LANGUAGE_VI), LANGUAGE_EN);
    assert_int_equal(language_from_text("fr, vi-VN", LANGUAGE_EN), LANGUAGE_VI);
    assert_int_equal(language_from_text("vietnam", LANGUAGE_EN), LANGUAGE_EN);
    assert_int_equal(language_from_text(NULL, LANGUAGE_VI), LANGUAGE_VI);
}

static void test_a_list_longer_than_a_meeting_may_be(void **state) {
    (void)state;
    static const struct {
        guint n_max, n_rows;
        gboolean fits;
    } cases[] = {
        { 256, 256, TRUE },
        { 256, 257, FALSE },
        { 1024, 1024, TRUE },
        { 5000, 1025, FALSE }, /* the bridge's limit */
    };
    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(Roster) roster = roster_new();
        g_autoptr(GString) csv = g_string_new("code,name,type\n");
        for (guint row = 0; row < cases[i].n_rows; row++)
            g_string_append_printf(csv, "X%u,Xã %u,xã\n", row, row);
        g_autoptr(RosterPlan) plan =
            roster_plan_import(roster, csv->str, csv->len, cases[i].n_max, LANGUAGE_VI);
        if ((plan->n_errors == 0) != cases[i].fits) fail_msg("%u of %u", cases[i].n_rows, cases[i].n_max);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_list_longer_than_a_meeting_may_be),
        cmocka_unit_test(test_demo_roster),
        cmocka_unit_test(test_labels),
        cmocka_unit_test(test_import_again),
        cmocka_unit_test(test_errors_are_all_named_and_nothing_changes),
        cmocka_unit_test(test_headers),
        cmocka_unit_test(test_folding),
        cmocka_unit_test(test_search),
        cmocka_unit_test(test_support),
        cmocka_unit_test(test_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
