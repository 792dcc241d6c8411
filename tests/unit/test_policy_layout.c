/* test_policy_layout.c -- what must hold for every layout, every number of tiles and every canvas. */
#include "bridge/policy/layout.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static const Layout layouts[] = { LAYOUT_FULL,         LAYOUT_1_1,        LAYOUT_1_5,
                                  LAYOUT_1_7,          LAYOUT_1_12,       LAYOUT_1_20,
                                  LAYOUT_GRID,         LAYOUT_LECTURE,    LAYOUT_WALL,
                                  LAYOUT_PRESENTATION, LAYOUT_GRID_2,     LAYOUT_GRID_2 + 1,
                                  LAYOUT_GRID_2 + 2,   LAYOUT_GRID_2 + 3, LAYOUT_GRID_2 + 4,
                                  LAYOUT_GRID_7 };

static const struct {
    const char *name;
    guint width, height;
} canvases[] = { { "720p", 1280, 720 }, { "1080p", 1920, 1080 }, { "1440p", 2560, 1440 },
                 { "360p", 640, 360 },  { "4:3", 1024, 768 },    { "tall", 720, 1280 },
                 { "odd", 1279, 719 } };

static gboolean overlap(const Rect *a, const Rect *b) {
    return a->x < b->x + b->width && b->x < a->x + a->width && a->y < b->y + b->height &&
           b->y < a->y + a->height;
}

static void check_tile(const Rect *rect, guint width, guint height, gboolean alone) {
    assert_int_equal((rect->x | rect->y | rect->width | rect->height) & 1, 0);
    assert_true(rect->width > 0 && rect->height > 0);
    assert_true(rect->x + rect->width <= width && rect->y + rect->height <= height);
    if (alone) return; /* one alone has the canvas, whatever its shape */
    /* 16:9 within three per cent and the rounding to even numbers. */
    gint wide_error = rect->width * 9 - rect->height * 16;
    assert_true(ABS(wide_error) <= rect->width * 9 * 3 / 100 + 40);
}

static void every_placement_is_sound(void **state) {
    (void)state;
    for (guint l = 0; l < G_N_ELEMENTS(layouts); l++)
        for (guint c = 0; c < G_N_ELEMENTS(canvases); c++)
            for (guint n = 0; n <= 256; n++) {
                Rect rects[257], again[257];
                guint width = canvases[c].width, height = canvases[c].height;
                memset(rects, 0xee, sizeof rects);
                guint placed = layout_place(layouts[l], n, width, height, rects, 256);
                assert_int_equal(placed, MIN(n, layout_capacity(layouts[l], n)));
                for (guint i = 0; i < placed; i++) {
                    check_tile(&rects[i], width, height, placed == 1 && layout_grid_side(layouts[l]) == 0);
                    for (guint k = 0; k < i; k++) assert_false(overlap(&rects[i], &rects[k]));
                }
                assert_int_equal(rects[placed].x, 0xeeee); /* nothing is written behind */
                assert_int_equal(layout_place(layouts[l], n, width, height, again, 256), placed);
                assert_memory_equal(rects, again, placed * sizeof(Rect));
            }
}

static void best_place_comes_first(void **state) {
    (void)state;
    for (guint l = 0; l < G_N_ELEMENTS(layouts); l++)
        for (guint n = 2; n <= 30; n++) {
            Rect rects[32];
            guint placed = layout_place(layouts[l], n, 1280, 720, rects, 32);
            for (guint i = 1; i < placed; i++) assert_true(rects[i].width <= rects[0].width);
        }
}

static void known_walls(void **state) {
    (void)state;
    static const struct {
        const char *name;
        guint n, width, height, tile_width, tile_height, columns;
    } cases[] = {
        { "201 in 1080p are 15 x 14", 201, 1920, 1080, 128, 72, 15 },
        { "256 in 1440p are 16 x 16", 256, 2560, 1440, 160, 90, 16 },
        { "two side by side", 2, 1920, 1080, 960, 540, 2 },
        { "nine", 9, 1920, 1080, 640, 360, 3 },
        { "fifty fit 160x90 or more", 50, 1280, 720, 160, 90, 8 },
    };
    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        print_message("case: %s\n", cases[i].name);
        Rect rects[256];
        assert_int_equal(layout_place(LAYOUT_WALL, cases[i].n, cases[i].width, cases[i].height, rects, 256),
                         cases[i].n);
        assert_int_equal(rects[0].width, cases[i].tile_width);
        assert_int_equal(rects[0].height, cases[i].tile_height);
        guint columns = 0;
        while (columns < cases[i].n && rects[columns].y == rects[0].y) columns++;
        assert_int_equal(columns, cases[i].columns);
    }
}

static void capacities(void **state) {
    (void)state;
    static const struct {
        const char *word;
        guint n_wanted, capacity;
    } cases[] = {
        { "full", 9, 1 },   { "1+1", 9, 2 },      { "1+5", 9, 6 },       { "1+7", 9, 8 },
        { "1+12", 99, 13 }, { "1+20", 99, 21 },   { "grid", 9, 9 },      { "grid", 99, 49 },
        { "wall", 7, 7 },   { "wall", 999, 256 }, { "lecture", 99, 12 }, { "presentation", 99, 10 },
        { "2x2", 1, 4 },    { "4x4", 3, 16 },     { "7x7", 999, 49 },
    };
    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        Layout layout = layout_from_word(cases[i].word);
        assert_int_not_equal(layout, 0);
        assert_string_equal(layout_word(layout), cases[i].word);
        assert_int_equal(layout_capacity(layout, cases[i].n_wanted), cases[i].capacity);
    }
    assert_int_equal(layout_from_word("3d"), 0);
    assert_int_equal(layout_from_word(NULL), 0);
    assert_string_equal(layout_word(0), "");
}

static void no_room_and_no_canvas(void **state) {
    (void)state;
    Rect rects[4];
    assert_int_equal(layout_place(LAYOUT_1_7, 8, 1280, 720, rects, 3),
                     3); /* the caller's room is the limit */
    assert_int_equal(layout_place(LAYOUT_GRID, 4, 0, 0, rects, 4), 0);
    assert_int_equal(layout_place(LAYOUT_GRID, 4, 8, 8, rects, 4), 0);
    assert_int_equal(layout_place(0, 4, 1280, 720, rects, 4), 0);
    assert_int_equal(layout_place(LAYOUT_WALL, 4, 70000, 720, rects, 4), 0);
}

static void few_rooms_stand_closer(void **state) {
    (void)state;
    static const struct {
        Layout asked;
        guint n_tiles;
        Layout expected;
    } cases[] = {
        { LAYOUT_1_7, 2, LAYOUT_1_1 },         { LAYOUT_1_7, 3, LAYOUT_1_5 },
        { LAYOUT_1_7, 7, LAYOUT_1_7 },         { LAYOUT_1_20, 8, LAYOUT_1_7 },
        { LAYOUT_1_20, 21, LAYOUT_1_20 },      { LAYOUT_1_5, 9, LAYOUT_1_5 },
        { LAYOUT_GRID, 2, LAYOUT_GRID },       { LAYOUT_FULL, 3, LAYOUT_FULL },
        { LAYOUT_LECTURE, 2, LAYOUT_LECTURE },
    };
    for (guint i = 0; i < G_N_ELEMENTS(cases); i++)
        assert_int_equal(layout_tightened(cases[i].asked, cases[i].n_tiles), cases[i].expected);
}

static void places_of_a_sized_grid_stay(void **state) {
    (void)state;
    for (guint side = 2; side <= 7; side++) {
        Rect all[49], some[49];
        Layout layout = layout_sized_grid(side);
        assert_int_equal(layout_grid_side(layout), side);
        assert_int_equal(layout_place(layout, side * side, 1280, 720, all, 49), side * side);
        for (guint n = 1; n < side * side; n++) {
            assert_int_equal(layout_place(layout, n, 1280, 720, some, 49), n);
            assert_memory_equal(some, all, n * sizeof(Rect));
        }
        assert_in_range(all[0].width, (1280 - 4 * (side + 1)) / side - 4, 1280 / side);
    }
    assert_int_equal(layout_grid_side(LAYOUT_WALL), 0);
    assert_int_equal(layout_sized_grid(99), LAYOUT_GRID_7);
    assert_true(layout_leads(LAYOUT_1_7) && layout_leads(LAYOUT_PRESENTATION));
    assert_false(layout_leads(LAYOUT_GRID) || layout_leads(LAYOUT_GRID_2) || layout_leads(LAYOUT_WALL));
}

static void a_presentation_is_the_largest_and_in_the_middle(void **state) {
    (void)state;
    Rect rects[10];
    for (guint n = 2; n <= 10; n++) {
        assert_int_equal(layout_place(LAYOUT_PRESENTATION, n, 1280, 720, rects, 10), n);
        assert_in_range(rects[0].width, 1000, 1024);
        gint above = rects[0].y, below = 720 - rects[0].y - rects[0].height;
        if (n <= 6) assert_in_range(ABS(above - below), 0, 2); /* beside it only */
        if (n > 6) assert_true(rects[6].y >= rects[0].y + rects[0].height);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_placement_is_sound),
        cmocka_unit_test(best_place_comes_first),
        cmocka_unit_test(known_walls),
        cmocka_unit_test(capacities),
        cmocka_unit_test(places_of_a_sized_grid_stay),
        cmocka_unit_test(a_presentation_is_the_largest_and_in_the_middle),
        cmocka_unit_test(no_room_and_no_canvas),
        cmocka_unit_test(few_rooms_stand_closer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
