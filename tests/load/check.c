/* check.c -- see check.h. Nothing tells an endpoint which tiles it is shown: layouts are tried on the picture, and the one in
 * which most strips can be read is believed. */
#include "tests/load/check.h"

#include "bridge/policy/layout.h"
#include "tests/load/picture.h"
#include "tests/load/voice.h"

#include <cairo.h>
#include <libyuv/convert_argb.h>
#include <math.h>
#include <opus/opus.h>
#include <string.h>
#include <vpx/vp8dx.h>
#include <vpx/vpx_decoder.h>

enum {
    RATE_HZ = 48000,
    WINDOW_SAMPLES = RATE_HZ * 2 / 5, /* 400 ms: bins of 2.5 Hz, tones are 15 Hz apart */
    LOOK_US = 2 * G_USEC_PER_SEC,
    TILES_MAX = 49,
    SETTLED_US = 4 * G_USEC_PER_SEC, /* a speaker has a tile by then */
    HEARD_US = 1200 * 1000,          /* and is heard by then; also how long before its end it is not judged */
};
static const double HEARD_SHARE = 0.02, ABSENT_SHARE = 0.004;

struct Check {
    guint i, n;
    const guint *numbers;
    const TalkSchedule *schedule;
    gint64 epoch_us, looked_us;
    CheckStats *stats;
    const char *save_to;
    cairo_surface_t *kept;
    Layout layout;
    vpx_codec_ctx_t video;
    gboolean has_video;
    OpusDecoder *audio;
    guint32 next_time;
    gboolean has_time;
    guint n_samples;
    double window[WINDOW_SAMPLES];
};

Check *check_new(guint i, guint n, const guint *numbers, const TalkSchedule *schedule, gint64 epoch_us,
                 CheckStats *stats) {
    Check *check = g_new0(Check, 1);
    int fault = 0;
    *check = (Check){
        .i = i, .n = n, .numbers = numbers, .schedule = schedule, .epoch_us = epoch_us, .stats = stats
    };
    check->has_video = vpx_codec_dec_init(&check->video, vpx_codec_vp8_dx(), NULL, 0) == VPX_CODEC_OK;
    check->audio = opus_decoder_create(RATE_HZ, 1, &fault);
    return check;
}

void check_free(Check *check) {
    if (check == NULL) return;
    if (check->kept != NULL) (void)cairo_surface_write_to_png(check->kept, check->save_to);
    cairo_surface_destroy(check->kept);
    if (check->has_video) vpx_codec_destroy(&check->video);
    if (check->audio != NULL) opus_decoder_destroy(check->audio);
    g_free(check);
}

void check_save_to(Check *check, const char *path) { check->save_to = path; }
void check_layout(Check *check, const char *layout) { check->layout = layout_from_word(layout); }

/* ---- the picture ---- */

typedef struct {
    guint n_tiles, n_read, n_colours;
    gint numbers[TILES_MAX];
} Reading;

static void read_tiles(const vpx_image_t *image, Layout layout, guint n_tiles, Reading *ret_reading) {
    const guint8 *planes[3] = { image->planes[0], image->planes[1], image->planes[2] };
    const gint strides[3] = { image->stride[0], image->stride[1], image->stride[2] };
    Rect rects[TILES_MAX];
    *ret_reading =
        (Reading){ .n_tiles = layout_place(layout, n_tiles, image->d_w, image->d_h, rects, TILES_MAX) };
    for (guint i = 0; i < ret_reading->n_tiles; i++) {
        gboolean colour_right = FALSE;
        ret_reading->numbers[i] = picture_read_code(planes, strides, rects[i].x, rects[i].y, rects[i].width,
                                                    rects[i].height, &colour_right);
        if (ret_reading->numbers[i] < 0) continue;
        ret_reading->n_read++;
        if (colour_right) ret_reading->n_colours++;
    }
}

static gboolean is_in(const Reading *reading, guint number) {
    for (guint i = 0; i < reading->n_tiles; i++)
        if (reading->numbers[i] == (gint)(number & 0xFF)) return TRUE;
    return FALSE;
}

/* Kept as pixels; it becomes a file at the end, because packing a PNG would hold up the packets. */
static void keep(Check *check, const vpx_image_t *image) {
    int width = (int)image->d_w, height = (int)image->d_h;
    cairo_surface_destroy(check->kept);
    check->kept = cairo_image_surface_create(CAIRO_FORMAT_RGB24, width, height);
    I420ToARGB(image->planes[0], image->stride[0], image->planes[1], image->stride[1], image->planes[2],
               image->stride[2], cairo_image_surface_get_data(check->kept),
               cairo_image_surface_get_stride(check->kept), width, height);
    cairo_surface_mark_dirty(check->kept);
}

/* With few rooms the bridge takes a smaller layout than was asked: every number of tiles of every layout is tried. */
static void try_layout(const vpx_image_t *image, Layout layout, Reading *best) {
    Reading reading;
    guint capacity = layout != 0 ? MIN(layout_capacity(layout, TILES_MAX), TILES_MAX) : 0;
    for (guint n = 1; n <= capacity; n++) {
        read_tiles(image, layout, n, &reading);
        if (reading.n_read > best->n_read) *best = reading;
    }
}

static void look(Check *check, const vpx_image_t *image, gint64 now_us) {
    Reading best = { 0 };
    try_layout(image, check->layout, &best); /* the one that was told wins a draw */
    for (Layout layout = LAYOUT_FULL; layout <= LAYOUT_WALL; layout++) try_layout(image, layout, &best);
    check->stats->n_looks++;
    check->stats->n_tiles += best.n_tiles;
    check->stats->n_tiles_read += best.n_read;
    check->stats->n_colours_right += best.n_colours;
    for (guint i = 0; i < check->n; i++) {
        gint64 since_us;
        if (!talk_is_on(check->schedule, i, check->n, now_us - check->epoch_us, &since_us) ||
            since_us < SETTLED_US)
            continue;
        check->stats->n_speakers++;
        if (is_in(&best, check->numbers[i])) check->stats->n_speakers_seen++;
    }
}

void check_frame(Check *check, const guint8 *bytes, gsize n_bytes, gint64 now_us) {
    vpx_codec_iter_t iter = NULL;
    vpx_image_t *image;
    if (!check->has_video) return;
    if (vpx_codec_decode(&check->video, bytes, (unsigned)n_bytes, NULL, 0) != VPX_CODEC_OK)
        check->stats->n_decode_errors++;
    while ((image = vpx_codec_get_frame(&check->video, &iter)) != NULL) {
        check->stats->n_pictures++;
        check->stats->width = image->d_w;
        check->stats->height = image->d_h;
        if (now_us - check->looked_us < LOOK_US) continue;
        check->looked_us = now_us;
        look(check, image, now_us);
        if (check->save_to != NULL) keep(check, image);
    }
}

/* ---- the sound ---- */

/* Share of the window's power that is at this frequency (Goertzel over a Hann window; 1 for a lone steady tone). */
static double share_of(const double *window, double power, double hz) {
    double w = 2 * G_PI * hz / RATE_HZ, c = 2 * cos(w), s1 = 0, s2 = 0;
    for (guint i = 0; i < WINDOW_SAMPLES; i++) {
        double s = window[i] * (0.5 - 0.5 * cos(2 * G_PI * i / WINDOW_SAMPLES)) + c * s1 - s2;
        s2 = s1;
        s1 = s;
    }
    double magnitude = s1 * s1 + s2 * s2 - c * s1 * s2;
    return power <= 0 ? 0 : magnitude * 8 / ((double)WINDOW_SAMPLES * power);
}

static void judge(Check *check, gint64 now_us) {
    double power = 0;
    for (guint i = 0; i < WINDOW_SAMPLES; i++) power += check->window[i] * check->window[i];
    check->stats->n_windows++;
    for (guint i = 0; i < check->n; i++) {
        gint64 since_us, later_us;
        double share;
        if (!talk_is_on(check->schedule, i, check->n, now_us - check->epoch_us, &since_us) ||
            since_us < HEARD_US)
            continue;
        /* Still the same spurt a little later: what is heard now was said a little before. */
        if (!talk_is_on(check->schedule, i, check->n, now_us - check->epoch_us + 100 * 1000, &later_us) ||
            later_us < since_us)
            continue;
        share = share_of(check->window, power, voice_tone_hz(check->numbers[i]));
        if (i == check->i) {
            check->stats->n_own_windows++;
            if (share > ABSENT_SHARE && power > 1) check->stats->n_own_heard++;
        } else {
            check->stats->n_tones++;
            if (share > HEARD_SHARE) check->stats->n_tones_heard++;
        }
    }
}

static void append(Check *check, const float *samples, guint n, gint64 now_us) {
    for (guint i = 0; i < n; i++) {
        check->window[check->n_samples++] = samples != NULL ? (double)samples[i] : 0.0;
        if (check->n_samples < WINDOW_SAMPLES) continue;
        judge(check, now_us);
        check->n_samples = 0;
    }
}

void check_voice(Check *check, const guint8 *bytes, gsize n_bytes, guint32 rtp_time, gint64 now_us) {
    float samples[5760];
    int n;
    guint32 gap = rtp_time - check->next_time;
    if (check->audio == NULL || n_bytes == 0) return;
    if (check->has_time && gap > 0x80000000u) return; /* out of order: the checker needs no perfection */
    n = opus_decode_float(check->audio, bytes, (opus_int32)n_bytes, samples, G_N_ELEMENTS(samples), 0);
    if (n <= 0) return;
    if (check->has_time && gap > 0 && gap < RATE_HZ) append(check, NULL, gap, now_us); /* a pause of DTX */
    append(check, samples, (guint)n, now_us);
    check->next_time = rtp_time + (guint32)n;
    check->has_time = TRUE;
}
