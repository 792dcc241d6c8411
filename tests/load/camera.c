/* camera.c -- see camera.h. Finished loops are published by one atomic store; nobody waits for anybody. */
#include "tests/load/camera.h"

#include <stdio.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { LOOP_S = 4, JOB_VOICE = CAMERA_LAYERS };

typedef struct {
    Camera *camera;
    guint what;
} Job;

struct Workshop {
    GThreadPool *pool;
    VoiceLoop *silence;
};

static struct {
    guint width, height, fps, bitrate_bps;
} LAYERS[CAMERA_LAYERS] = { { 160, 90, 8, 50000 }, { 640, 360, 15, 350000 } };

gboolean camera_set_main(const char *text) {
    guint width, height, fps, kbps;
    char end;
    if (sscanf(text, "%4ux%4u@%2u:%5u%c", &width, &height, &fps, &kbps, &end) != 4) return FALSE;
    if (width < 16 || height < 16 || fps == 0 || kbps == 0) return FALSE;
    LAYERS[CAMERA_MAIN].width = width;
    LAYERS[CAMERA_MAIN].height = height;
    LAYERS[CAMERA_MAIN].fps = fps;
    LAYERS[CAMERA_MAIN].bitrate_bps = kbps * 1000;
    return TRUE;
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
        guint i = job->what;
        g_atomic_pointer_set(&camera->loops[i],
                             picture_loop_new(camera->number, camera->name, LAYERS[i].width, LAYERS[i].height,
                                              LAYERS[i].fps, LAYERS[i].fps * LOOP_S, LAYERS[i].bitrate_bps));
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
    for (guint i = 0; i < CAMERA_LAYERS; i++) picture_loop_free(camera->loops[i]);
    g_free(camera->voice);
    g_free(camera->name);
    g_free(camera);
}

const PictureLoop *camera_loop(Camera *camera, guint layer) {
    ask(camera, &camera->asked[layer], layer);
    return g_atomic_pointer_get(&camera->loops[layer]);
}

const VoiceLoop *camera_voice(Camera *camera) {
    ask(camera, &camera->asked_voice, JOB_VOICE);
    return g_atomic_pointer_get(&camera->voice);
}
