/* listener.c -- see listener.h. The receiver's thread only copies; everything else happens on the listener's. */
#include "tests/load/listener.h"

#include "bridge/policy/layout.h"
#include "tests/load/barcode.h"
#include "tests/load/click.h"

#include <math.h>
#include <opus/opus.h>
#include <stdlib.h>
#include <string.h>
#include <vpx/vp8dx.h>
#include <vpx/vpx_decoder.h>

enum { RATE_HZ = 48000, TILES_MAX = 49, SAMPLES_MAX = 5760, PAIR_US = G_USEC_PER_SEC };

typedef enum { ITEM_FRAME, ITEM_VOICE, ITEM_OVER } ItemKind;

typedef struct {
    ItemKind kind;
    guint8 *bytes;
    gsize n_bytes;
    guint32 rtp_time;
    gint64 arrival_us;
    gint64 label_us; /* the sender's clock for rtp_time; 0: no report yet */
} Item;

typedef struct {
    gint64 capture_us, sent_us, arrival_us, decoded_us;
    gint64 label_us; /* 0: unknown */
} Sample;

typedef struct {
    gboolean known;
    RtcpSenderInfo info;
} Report;

struct Listener {
    Probe *probe;
    GThread *thread;
    GAsyncQueue *items;
    Report voice_report, picture_report;
    vpx_codec_ctx_t video;
    OpusDecoder *audio;
    Rect tile; /* where the barcode was last */
    guint32 stamp;
    gboolean has_stamp, has_time;
    guint32 next_time;
    ClickFinder finder;
    gint64 click_capture_us;
    GMutex mutex; /* over the samples */
    GArray *pictures, *clicks;
};

/* ---- pictures ---- */

static gint32 read_at(const vpx_image_t *image, const Rect *rect) {
    return barcode_read(image->planes[0], (guint)image->stride[0], rect->x, rect->y, rect->width,
                        rect->height);
}

/* Nothing tells which tile the probe stands in: where it was, else every tile of every layout. */
static gint32 find_barcode(Listener *listener, const vpx_image_t *image) {
    Rect rects[TILES_MAX];
    const Rect *last = &listener->tile;
    gint32 stamp;
    if (last->width > 0 && (guint)last->x + last->width <= image->d_w &&
        (guint)last->y + last->height <= image->d_h && (stamp = read_at(image, last)) >= 0)
        return stamp;
    for (Layout layout = LAYOUT_FULL; layout <= LAYOUT_WALL; layout++)
        for (guint n = 1; n <= MIN(layout_capacity(layout, TILES_MAX), TILES_MAX); n++) {
            guint placed = layout_place(layout, n, image->d_w, image->d_h, rects, TILES_MAX);
            for (guint i = 0; i < placed; i++) {
                if ((stamp = read_at(image, &rects[i])) < 0) continue;
                listener->tile = rects[i];
                return stamp;
            }
        }
    return -1;
}

static void add(Listener *listener, GArray *samples, const Sample *sample) {
    g_mutex_lock(&listener->mutex);
    g_array_append_val(samples, *sample);
    g_mutex_unlock(&listener->mutex);
}

static void take_picture(Listener *listener, const Item *item, const vpx_image_t *image) {
    ProbeMoment moment;
    gint64 decoded_us = g_get_monotonic_time();
    gint32 stamp = find_barcode(listener, image);
    if (stamp < 0 || (listener->has_stamp && listener->stamp == (guint32)stamp)) return; /* shown again */
    listener->stamp = (guint32)stamp;
    listener->has_stamp = TRUE;
    if (listener->probe == NULL || !probe_find_picture(listener->probe, (guint32)stamp, &moment)) return;
    add(listener, listener->pictures,
        &(Sample){ moment.capture_us, moment.sent_us, item->arrival_us, decoded_us, item->label_us });
}

static void take_frame(Listener *listener, const Item *item) {
    vpx_codec_iter_t iter = NULL;
    vpx_image_t *image;
    if (vpx_codec_decode(&listener->video, item->bytes, (unsigned)item->n_bytes, NULL, 0) != VPX_CODEC_OK)
        return;
    while ((image = vpx_codec_get_frame(&listener->video, &iter)) != NULL)
        take_picture(listener, item, image);
}

/* ---- voice ---- */

static gboolean find_click(Listener *listener, guint turn, gint64 heard_us, ProbeMoment *ret_moment) {
    if (listener->probe != NULL) return probe_find_click(listener->probe, turn, heard_us, ret_moment);
    *ret_moment = probe_click_by_clock(turn, heard_us);
    return TRUE;
}

static void take_voice(Listener *listener, const Item *item) {
    gint16 samples[SAMPLES_MAX];
    ProbeMoment moment;
    guint turn;
    gint index;
    if (listener->has_time && item->rtp_time - listener->next_time > 0x80000000u) return; /* out of order */
    int n = opus_decode(listener->audio, item->bytes, (opus_int32)item->n_bytes, samples, SAMPLES_MAX, 0);
    if (n <= 0) return;
    listener->next_time = item->rtp_time + (guint32)n;
    listener->has_time = TRUE;
    if (!click_find(&listener->finder, samples, (guint)n, &index, &turn)) return;
    gint64 within_us = (gint64)index * 1000 / 48, heard_us = item->arrival_us + within_us;
    if (!find_click(listener, turn, heard_us, &moment) || moment.capture_us == listener->click_capture_us)
        return;
    listener->click_capture_us = moment.capture_us;
    add(listener, listener->clicks,
        &(Sample){ moment.capture_us, moment.sent_us, heard_us, heard_us,
                   item->label_us != 0 ? item->label_us + within_us : 0 });
}

/* ---- life ---- */

static gpointer listen(gpointer data) {
    Listener *listener = data;
    gboolean over = FALSE;
    while (!over) {
        Item *item = g_async_queue_pop(listener->items);
        if (item->kind == ITEM_FRAME) take_frame(listener, item);
        if (item->kind == ITEM_VOICE) take_voice(listener, item);
        over = item->kind == ITEM_OVER;
        g_free(item->bytes);
        g_free(item);
    }
    return NULL;
}

Listener *listener_new(Probe *probe) {
    Listener *listener = g_new0(Listener, 1);
    int fault = 0;
    listener->probe = probe;
    g_mutex_init(&listener->mutex);
    listener->items = g_async_queue_new();
    listener->pictures = g_array_new(FALSE, FALSE, sizeof(Sample));
    listener->clicks = g_array_new(FALSE, FALSE, sizeof(Sample));
    listener->audio = opus_decoder_create(RATE_HZ, 1, &fault);
    if (listener->audio == NULL ||
        vpx_codec_dec_init(&listener->video, vpx_codec_vp8_dx(), NULL, 0) != VPX_CODEC_OK) {
        listener_free(listener);
        return NULL;
    }
    listener->thread = g_thread_new("probe-listener", listen, listener);
    return listener;
}

static void push(Listener *listener, Item item) {
    g_async_queue_push(listener->items, g_memdup2(&item, sizeof item));
}

void listener_free(Listener *listener) {
    if (listener == NULL) return;
    if (listener->thread != NULL) {
        push(listener, (Item){ .kind = ITEM_OVER });
        g_thread_join(listener->thread);
    }
    if (listener->video.iface != NULL) vpx_codec_destroy(&listener->video);
    if (listener->audio != NULL) opus_decoder_destroy(listener->audio);
    g_async_queue_unref(listener->items);
    g_array_unref(listener->pictures);
    g_array_unref(listener->clicks);
    g_mutex_clear(&listener->mutex);
    g_free(listener);
}

/* What the last report says of this RTP time. */
static gint64 label_of(const Report *report, guint32 rtp_time, gint clock_khz) {
    if (!report->known) return 0;
    return ntp_to_utc_us(report->info.ntp) +
           (gint64)(gint32)(rtp_time - report->info.rtp_time) * 1000 / clock_khz;
}

void listener_frame(Listener *listener, const guint8 *bytes, gsize n_bytes, guint32 rtp_time, gint64 now_us) {
    push(listener, (Item){ ITEM_FRAME, g_memdup2(bytes, n_bytes), n_bytes, rtp_time, now_us,
                           label_of(&listener->picture_report, rtp_time, 90) });
}

void listener_voice(Listener *listener, const guint8 *bytes, gsize n_bytes, guint32 rtp_time, gint64 now_us) {
    push(listener, (Item){ ITEM_VOICE, g_memdup2(bytes, n_bytes), n_bytes, rtp_time, now_us,
                           label_of(&listener->voice_report, rtp_time, 48) });
}

void listener_report(Listener *listener, gboolean voice, const RtcpSenderInfo *info) {
    *(voice ? &listener->voice_report : &listener->picture_report) = (Report){ TRUE, *info };
}

/* ---- results ---- */

static gint compare(gconstpointer a, gconstpointer b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void tell(json_t *result, const char *name, GArray *values_us) {
    static const struct {
        const char *suffix;
        double share;
    } POINTS[] = { { "p5", 0.05 }, { "p50", 0.50 }, { "p95", 0.95 }, { "p99", 0.99 } };
    char key[64];
    g_array_sort(values_us, compare);
    for (guint i = 0; i < G_N_ELEMENTS(POINTS) && values_us->len > 0; i++) {
        guint at = MIN(values_us->len - 1, (guint)(POINTS[i].share * values_us->len));
        g_snprintf(key, sizeof key, "%s_%s", name, POINTS[i].suffix);
        json_object_set_new(result, key, json_real(round(g_array_index(values_us, double, at) / 100) / 10));
    }
    g_snprintf(key, sizeof key, "%s_n", name);
    json_object_set_new(result, key, json_integer(values_us->len));
    g_array_set_size(values_us, 0);
}

static gint64 added_of(const Sample *s) { return s->arrival_us - s->sent_us; }
static gint64 whole_of(const Sample *s) { return s->decoded_us - s->capture_us; }

static void tell_all(json_t *result, const char *name, const GArray *samples, gint64 from_us,
                     gint64 (*value)(const Sample *sample)) {
    g_autoptr(GArray) values = g_array_new(FALSE, FALSE, sizeof(double));
    for (guint i = 0; i < samples->len; i++) {
        const Sample *sample = &g_array_index(samples, Sample, i);
        if (sample->arrival_us < from_us) continue;
        double us = (double)value(sample);
        g_array_append_val(values, us);
    }
    tell(result, name, values);
}

/* In order: [seconds since the first, ms], so that a cause can be seen in its course. */
static void tell_course(json_t *result, const char *name, const GArray *samples) {
    json_t *course = json_array();
    for (guint i = 0; i < samples->len; i++) {
        const Sample *sample = &g_array_index(samples, Sample, i);
        gint64 since_us = sample->arrival_us - g_array_index(samples, Sample, 0).arrival_us;
        json_array_append_new(course, json_pack("[f,f]", round((double)since_us / 1e5) / 10,
                                                round((double)added_of(sample) / 100) / 10));
    }
    json_object_set_new(result, name, course);
}

/* When the course of the voice begins, by the machine's clock. */
static void tell_beginning(json_t *result, const GArray *clicks) {
    if (clicks->len == 0) return;
    json_object_set_new(result, "course_voice_from_us",
                        json_integer(g_array_index(clicks, Sample, 0).arrival_us));
}

static const Sample *nearest(const GArray *samples, gint64 capture_us) {
    const Sample *best = NULL;
    for (guint i = 0; i < samples->len; i++) {
        const Sample *sample = &g_array_index(samples, Sample, i);
        if (best == NULL || ABS(sample->capture_us - capture_us) < ABS(best->capture_us - capture_us))
            best = sample;
    }
    return best != NULL && ABS(best->capture_us - capture_us) < PAIR_US ? best : NULL;
}

/* Each picture against the click nearest to it. */
static void tell_skew(json_t *result, const Listener *listener, gint64 from_us) {
    g_autoptr(GArray) arrival = g_array_new(FALSE, FALSE, sizeof(double));
    g_autoptr(GArray) synced = g_array_new(FALSE, FALSE, sizeof(double));
    for (guint i = 0; i < listener->pictures->len; i++) {
        const Sample *picture = &g_array_index(listener->pictures, Sample, i);
        const Sample *click = nearest(listener->clicks, picture->capture_us);
        if (picture->arrival_us < from_us || click == NULL) continue;
        double us = (double)(picture->arrival_us - picture->capture_us) -
                    (double)(click->arrival_us - click->capture_us);
        g_array_append_val(arrival, us);
        if (picture->label_us == 0 || click->label_us == 0) continue;
        /* A player shows at the same moment what bears the same time: a later label of the picture is a picture that is late. */
        us =
            (double)(picture->label_us - click->label_us) - (double)(picture->capture_us - click->capture_us);
        g_array_append_val(synced, us);
    }
    tell(result, "skew_arrival", arrival);
    tell(result, "skew_synced", synced);
}

void listener_tell(Listener *listener, gint64 from_us, json_t *result) {
    g_mutex_lock(&listener->mutex);
    tell_all(result, "delay_voice", listener->clicks, from_us, added_of);
    tell_all(result, "delay_picture", listener->pictures, from_us, added_of);
    tell_all(result, "whole_voice", listener->clicks, from_us, whole_of);
    tell_all(result, "whole_picture", listener->pictures, from_us, whole_of);
    tell_skew(result, listener, from_us);
    tell_course(result, "course_voice", listener->clicks);
    tell_beginning(result, listener->clicks);
    tell_course(result, "course_picture", listener->pictures);
    g_mutex_unlock(&listener->mutex);
}
