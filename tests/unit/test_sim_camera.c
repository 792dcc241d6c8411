/* Tests of what the simulator's camera sends for what is asked of it. */
#include "tests/load/camera.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

typedef struct {
    const char *name, *camera;
    guint layer;
    LayerWish wish;
    guint width, height, fps;
} Row;

static const Row ROWS[] = {
    { "a thumbnail as always", NULL, CAMERA_THUMBNAIL, { TRUE, 160, 90, 8, 60000 }, 160, 90, 8 },
    { "at rest: one frame a second", NULL, CAMERA_THUMBNAIL, { TRUE, 160, 90, 1, 15000 }, 160, 90, 1 },
    { "lowered by overload", NULL, CAMERA_THUMBNAIL, { TRUE, 160, 90, 4, 60000 }, 160, 90, 4 },
    { "between two rates: the lower", NULL, CAMERA_THUMBNAIL, { TRUE, 160, 90, 5, 60000 }, 160, 90, 4 },
    { "a rate next to ours is ours", NULL, CAMERA_THUMBNAIL, { TRUE, 160, 90, 6, 60000 }, 160, 90, 8 },
    { "few bits: fewer frames", NULL, CAMERA_THUMBNAIL, { TRUE, 160, 90, 8, 20000 }, 160, 90, 2 },
    { "not even those: the least there is", NULL, CAMERA_THUMBNAIL, { TRUE, 160, 90, 8, 5000 }, 160, 90, 1 },
    { "a small tile", NULL, CAMERA_MAIN, { TRUE, 320, 180, 25, 200000 }, 320, 180, 15 },
    { "a tile", NULL, CAMERA_MAIN, { TRUE, 640, 360, 25, 600000 }, 640, 360, 15 },
    { "more than the camera has", NULL, CAMERA_MAIN, { TRUE, 1280, 720, 25, 1500000 }, 640, 360, 15 },
    { "half the frames", NULL, CAMERA_MAIN, { TRUE, 640, 360, 8, 600000 }, 640, 360, 7 },
    { "a large camera, full",
      "1280x720@25:1500",
      CAMERA_MAIN,
      { TRUE, 1280, 720, 25, 1500000 },
      1280,
      720,
      25 },
    { "a large camera, a middle tile",
      "1280x720@25:1500",
      CAMERA_MAIN,
      { TRUE, 960, 540, 25, 1000000 },
      960,
      540,
      25 },
    { "a large camera on a thin line",
      "1280x720@25:1500",
      CAMERA_MAIN,
      { TRUE, 1280, 720, 25, 1100000 },
      1280,
      720,
      12 },
    { "nothing said: all", "1280x720@25:1500", CAMERA_MAIN, { .active = TRUE }, 1280, 720, 25 },
};

static void test_choice(void **state) {
    (void)state;
    Workshop *workshop = workshop_new(1);
    for (guint i = 0; i < G_N_ELEMENTS(ROWS); i++) {
        const Row *row = &ROWS[i];
        print_message("  %s\n", row->name);
        assert_true(camera_set_main(row->camera != NULL ? row->camera : "640x360@15:350"));
        guint variant = camera_variant(row->layer, &row->wish);
        Camera *camera = camera_new(workshop, 1, "Hạ Long");
        const PictureLoop *loop = NULL;
        for (guint turns = 0; turns < 1000 && loop == NULL; turns++) {
            loop = camera_loop(camera, variant);
            g_usleep(10000);
        }
        assert_non_null(loop);
        assert_int_equal(loop->width, row->width);
        assert_int_equal(loop->height, row->height);
        assert_int_equal(loop->fps, row->fps);
        camera_free(camera);
    }
    workshop_free(workshop);
    assert_true(camera_set_main("640x360@15:350"));
}

int main(void) {
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_choice) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
