/* test_media_pictures.c -- pictures brought into tiles: shapes, turns, writing. */
#include "bridge/media/label.h"
#include "bridge/media/palette.h"
#include "bridge/media/picture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static const guint32 corner_colours[4] = { 0xd02020, 0x20c020, 0x2020d0,
                                           0xd0d020 }; /* clockwise from the upper left */

/* Four quarters of four colours. */
static Picture quartered(guint width, guint height) {
    Picture picture = picture_new(width, height);
    guint16 w = (guint16)(width / 2 & ~1u), h = (guint16)(height / 2 & ~1u), rw = (guint16)(width - w),
            rh = (guint16)(height - h);
    picture_fill_rect(&picture, (Rect){ 0, 0, w, h }, yuv_of_rgb(corner_colours[0]));
    picture_fill_rect(&picture, (Rect){ w, 0, rw, h }, yuv_of_rgb(corner_colours[1]));
    picture_fill_rect(&picture, (Rect){ w, h, rw, rh }, yuv_of_rgb(corner_colours[2]));
    picture_fill_rect(&picture, (Rect){ 0, h, w, rh }, yuv_of_rgb(corner_colours[3]));
    return picture;
}

static Yuv pixel(const Picture *picture, guint x, guint y) {
    return (Yuv){ picture->planes[0][y * (guint)picture->strides[0] + x],
                  picture->planes[1][y / 2 * (guint)picture->strides[1] + x / 2],
                  picture->planes[2][y / 2 * (guint)picture->strides[2] + x / 2] };
}

static void assert_colour(Yuv is, guint32 rgb) {
    Yuv should = yuv_of_rgb(rgb);
    assert_true(ABS(is.y - should.y) < 6 && ABS(is.u - should.u) < 6 && ABS(is.v - should.v) < 6);
}

static void shapes_fit_the_tile(void **state) {
    (void)state;
    static const struct {
        const char *name;
        guint width, height, quarters;
        Rect shown; /* in a tile of 320x180 */
    } cases[] = {
        { "same shape", 640, 360, 0, { 0, 0, 320, 180 } },
        { "thumbnail", 160, 90, 0, { 0, 0, 320, 180 } },
        { "16:10 is cropped", 640, 400, 0, { 0, 0, 320, 180 } },
        { "4:3 is cropped a little and has bars", 640, 480, 0, { 22, 0, 276, 180 } },
        { "portrait stands in bars", 360, 640, 0, { 102, 0, 116, 180 } },
        { "turned phone is upright", 640, 360, 1, { 102, 0, 116, 180 } },
        { "wide is cropped and has bars", 1280, 400, 0, { 0, 32, 320, 116 } },
        { "one pixel high", 320, 1, 0, { 0, 0, 320, 180 } },
        { "the least that VP8 has", 2, 2, 0, { 70, 0, 180, 180 } },
        { "the least, odd, lying on its side", 3, 3, 1, { 70, 0, 180, 180 } },
    };
    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        print_message("case: %s\n", cases[i].name);
        Picture from = picture_new(cases[i].width, MAX(cases[i].height, 2)), tile = picture_new(320, 180);
        picture_fill(&from, yuv_of_rgb(0x20c020));
        from.height = cases[i].height;
        Rect shown = picture_fit(&from, cases[i].quarters, &tile, yuv_of_rgb(COLOUR_BARS), TRUE);
        assert_in_range(shown.x, MAX(cases[i].shown.x, 4) - 4, cases[i].shown.x + 4);
        assert_in_range(shown.y, MAX(cases[i].shown.y, 4) - 4, cases[i].shown.y + 4);
        assert_in_range(shown.width, cases[i].shown.width - 8, cases[i].shown.width + 8);
        assert_in_range(shown.height, cases[i].shown.height - 8, cases[i].shown.height + 8);
        if (cases[i].height > 1) assert_colour(pixel(&tile, 160, 90), 0x20c020);
        if (shown.x > 8) assert_colour(pixel(&tile, 2, 90), COLOUR_BARS);
        if (shown.y > 8) assert_colour(pixel(&tile, 160, 2), COLOUR_BARS);
        picture_clear(&from);
        picture_clear(&tile);
    }
}

static void quarter_turns_go_clockwise(void **state) {
    (void)state;
    Picture from = quartered(64, 64);
    for (guint quarters = 0; quarters < 8; quarters++) {
        Picture to = picture_new(64, 64);
        picture_fit(&from, quarters, &to, yuv_of_rgb(0), FALSE);
        static const struct { guint x, y; } corners[4] = { { 8, 8 }, { 56, 8 }, { 56, 56 }, { 8, 56 } };
        for (guint corner = 0; corner < 4; corner++)
            assert_colour(pixel(&to, corners[(corner + quarters) % 4].x, corners[(corner + quarters) % 4].y),
                          corner_colours[corner]);
        picture_clear(&to);
    }
    picture_clear(&from);
}

static guint spread(const Picture *picture) {
    guint low = 255, high = 0;
    for (guint y = 0; y < picture->height; y++)
        for (guint x = 0; x < picture->width; x++) {
            low = MIN(low, pixel(picture, x, y).y);
            high = MAX(high, pixel(picture, x, y).y);
        }
    return high - low;
}

static void names_fit_and_can_be_read(void **state) {
    (void)state;
    static const char *texts[] = {
        "Xã Ỷ La", "Thị trấn Đầm Hà",
        "Phường Trần Hưng Đạo (thành phố Hạ Long, tỉnh Quảng Ninh) – điểm cầu số một", "bad \xff\xfe utf-8",
        "two\nlines"
    };
    static const struct {
        guint width, height;
    } tiles[] = { { 128, 72 }, { 160, 90 }, { 314, 174 }, { 1280, 720 }, { 16, 16 }, { 4, 4 } };
    Labels *labels = labels_new("No Such Font");
    for (guint i = 0; i < G_N_ELEMENTS(texts); i++)
        for (guint k = 0; k < G_N_ELEMENTS(tiles); k++)
            for (gboolean off = FALSE; off <= TRUE; off++) {
                Sprite *name = label_name(labels, tiles[k].width, tiles[k].height, texts[i], off);
                assert_true(name->colour.width <= tiles[k].width);
                assert_int_equal((name->colour.width | name->colour.height) & 1, 0);
                if (tiles[k].width >= 128) {
                    assert_true(name->colour.height * 3 <= tiles[k].height);
                    assert_true(spread(&name->colour) > 120);
                }
                Picture tile = picture_new(tiles[k].width, tiles[k].height);
                sprite_blend(name, &tile, 0, 0); /* larger than the tile is cut, not drawn beside it */
                sprite_blend(name, &tile, 1000, 1000);
                picture_clear(&tile);
                sprite_unref(name);
            }
    assert_null(label_name(labels, 320, 180, "", FALSE));
    labels_free(labels);
}

static void plates_fill_their_tile(void **state) {
    (void)state;
    Labels *labels = labels_new(NULL);
    static const PlateKind kinds[] = { PLATE_NO_CAMERA, PLATE_WAITING, PLATE_OFFLINE };
    for (guint i = 0; i < G_N_ELEMENTS(kinds); i++) {
        Sprite *plate = label_plate(labels, 128, 72, kinds[i], "Xã Quảng Sơn", "Mất kết nối từ 14:05");
        assert_int_equal(plate->colour.width, 128);
        assert_int_equal(plate->colour.height, 72);
        assert_int_equal(plate->alpha[0], 255);
        assert_int_equal(plate->alpha[128 * 72 - 1], 255);
        assert_true(spread(&plate->colour) > 80);
        sprite_unref(plate);
    }
    labels_free(labels);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shapes_fit_the_tile),
        cmocka_unit_test(quarter_turns_go_clockwise),
        cmocka_unit_test(names_fit_and_can_be_read),
        cmocka_unit_test(plates_fill_their_tile),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
