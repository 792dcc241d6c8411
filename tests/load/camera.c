/* camera.c -- see camera.h. Finished loops are published by one atomic store; nobody waits for anybody. */
#include "tests/load/camera.h"

#include <math.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

enum {
    LOOP_S = 4,
    THUMBNAILS = 8,
    THUMBNAIL_RATES = 4,
    SMALL_HEIGHT = 72,
    SIZES = 5,
    RATES = 3,
    JOB_VOICE = CAMERA_VARIANTS
};
G_STATIC_ASSERT(THUMBNAILS + SIZES * RATES == CAMERA_VARIANTS);

typedef struct {
    Camera *camera;
    guint what;
} Job;

struct Workshop {
    GThreadPool *pool;
    VoiceLoop *silence;
};

typedef struct {
    guint width, height, fps, bitrate_bps;
} Shape;

static const Shape THUMBNAIL[THUMBNAILS] = {
    { 160, 90, 8, 50000 }, { 160, 90, 4, 30000 }, { 160, 90, 2, 18000 }, { 160, 90, 1, 12000 },
    { 128, 72, 8, 40000 }, { 128, 72, 4, 25000 }, { 128, 72, 2, 15000 }, { 128, 72, 1, 10000 },
};
static const Shape SMALLER[SIZES - 1] = { { .width = 320, .height = 180 },
                                          { .width = 640, .height = 360 },
                                          { .width = 960, .height = 540 },
                                          { .width = 1280, .height = 720 } };
static Shape largest = { 640, 360, 15, 350000 };

gboolean camera_set_main(const char *text) {
    guint width, height, fps, kbps;
    char end;
    if (sscanf(text, "%4ux%4u@%2u:%5u%c", &width, &height, &fps, &kbps, &end) != 4) return FALSE;
    if (width < 16 || height < 16 || fps == 0 || kbps == 0) return FALSE;
    largest.width = width;
    largest.height = height;
    largest.fps = fps;
    largest.bitrate_bps = kbps * 1000;
    return TRUE;
}

/* The size-th main picture, the rate-th of its frame rates: the whole, the half and the quarter. Sizes from the largest on
 * are the largest. */
static Shape main_shape(guint size, guint rate) {
    Shape shape = largest;
    if (size < SIZES - 1 && SMALLER[size].height < largest.height) {
        shape = SMALLER[size];
        double area = (double)(shape.width * shape.height) / (largest.width * largest.height);
        shape.bitrate_bps = (guint)(largest.bitrate_bps * pow(area, 0.75));
    }
    shape.fps = MAX(1, largest.fps >> rate);
    shape.bitrate_bps = (guint)(shape.bitrate_bps * pow(0.7, rate));
    return shape;
}

static Shape shape_of(guint variant) {
    if (variant < THUMBNAILS) return THUMBNAIL[variant];
    return main_shape((variant - THUMBNAILS) / RATES, (variant - THUMBNAILS) % RATES);
}

guint camera_variant_bps(guint variant) { return shape_of(variant).bitrate_bps; }

static gboolean fits(const Shape *shape, const LayerWish *wish) {
    /* A third more frames than asked for are no reason to send half of them. */
    return (wish->fps == 0 || shape->fps * 3 <= wish->fps * 4) &&
           (wish->max_bps == 0 || shape->bitrate_bps <= wish->max_bps);
}

static guint main_variant(const LayerWish *wish) {
    guint size = 0;
    while (size < SIZES - 1 && (wish->height == 0 || SMALLER[size].height < wish->height) &&
           SMALLER[size].height < largest.height)
        size++;
    for (;; size--)
        for (guint rate = 0; rate < RATES; rate++) {
            Shape shape = main_shape(size, rate);
            if (fits(&shape, wish) || (size == 0 && rate == RATES - 1))
                return THUMBNAILS + size * RATES + rate;
        }
}

guint camera_variant(guint layer, const LayerWish *wish) {
    static const LayerWish ALL = { .active = TRUE };
    guint variant = 0;
    if (wish == NULL) wish = &ALL;
    if (layer == CAMERA_MAIN) return main_variant(wish);
    if (wish->height > 0 && wish->height <= SMALL_HEIGHT) variant = THUMBNAIL_RATES;
    guint last = variant + THUMBNAIL_RATES - 1;
    while (variant < last && !fits(&THUMBNAIL[variant], wish)) variant++;
    return variant;
}

static void make(gpointer data, gpointer user) {
    static _Thread_local gboolean lowered;
    Job *job = data;
    Camera *camera = job->camera;
    (void)user;
    if (!lowered) (void)setpriority(PRIO_PROCESS, (id_t)syscall(SYS_gettid), 10); /* packets first */
    lowered = TRUE;
    if (job->what == JOB_VOICE) {
        g_atomic_pointer_set(&camera->voice, voice_loop_new(camera->number));
    } else {
        Shape shape = shape_of(job->what);
        g_atomic_pointer_set(&camera->loops[job->what],
                             picture_loop_new(camera->number, camera->name, shape.width, shape.height,
                                              shape.fps, shape.fps * LOOP_S, shape.bitrate_bps));
    }
    g_free(job);
}

Workshop *workshop_new(guint n_threads) {
    Workshop *workshop = g_new0(Workshop, 1);
    workshop->silence = voice_silence_new();
    workshop->pool = g_thread_pool_new(make, NULL, (gint)n_threads, TRUE, NULL);
    return workshop;
}

void workshop_free(Workshop *workshop) {
    if (workshop == NULL) return;
    g_thread_pool_free(workshop->pool, FALSE, TRUE);
    g_free(workshop->silence);
    g_free(workshop);
}

const VoiceLoop *workshop_silence(const Workshop *workshop) { return workshop->silence; }
guint workshop_n_waiting(const Workshop *workshop) { return g_thread_pool_unprocessed(workshop->pool); }

static void ask(Camera *camera, gint *asked, guint what) {
    if (*asked) return;
    *asked = TRUE;
    Job *job = g_new(Job, 1);
    *job = (Job){ camera, what };
    g_thread_pool_push(camera->workshop->pool, job, NULL);
}

Camera *camera_new(Workshop *workshop, guint number, const char *name) {
    Camera *camera = g_new0(Camera, 1);
    camera->workshop = workshop;
    camera->number = number;
    camera->name = g_strdup(name);
    return camera;
}

void camera_free(Camera *camera) {
    if (camera == NULL) return;
    for (guint i = 0; i < CAMERA_VARIANTS; i++) picture_loop_free(camera->loops[i]);
    g_free(camera->voice);
    g_free(camera->name);
    g_free(camera);
}

const PictureLoop *camera_loop(Camera *camera, guint variant) {
    ask(camera, &camera->asked[variant], variant);
    return g_atomic_pointer_get(&camera->loops[variant]);
}

const VoiceLoop *camera_voice(Camera *camera) {
    ask(camera, &camera->asked_voice, JOB_VOICE);
    return g_atomic_pointer_get(&camera->voice);
}
