/* probe.c -- see probe.h. */
#include "tests/load/probe.h"

#include "tests/load/barcode.h"
#include "tests/load/click.h"
#include "tests/load/voice.h"

#include <math.h>
#include <opus/opus.h>
#include <string.h>
#include <vpx/vp8cx.h>
#include <vpx/vpx_encoder.h>

enum {
    WIDTH = 640,
    HEIGHT = 360,
    FPS = 25,
    FRAME_US = G_USEC_PER_SEC / FPS,
    BITRATE_KBPS = 700,
    KEPT = 256, /* frames, and entries of the book */
    VOICE_BPS = 32000,
    VOICE_NARROW_BPS = 16000,
    PACKET_US = 20000,
    SLIP_US = 30000, /* the microphone was not asked for so long: its clicks come by the clock again */
};

typedef struct {
    guint32 stamp;
    ProbeMoment moment;
} Entry;

struct Probe {
    GThread *thread;
    gint over, active, wants_keyframe;
    vpx_codec_ctx_t encoder;
    vpx_image_t *image;
    guint64 n_drawn;
    /* encoded frames on their way to the sender, and then kept for resends */
    GMutex mutex;
    GByteArray *frames[KEPT];
    ProbeFrame infos[KEPT];
    guint64 n_made, n_taken;
    /* the book, under the mutex too */
    Entry pictures[KEPT], clicks[KEPT];
    guint64 n_pictures, n_clicks;
    /* voice: the sender's thread */
    OpusEncoder *voice;
    guint64 n_samples;
    guint8 packet[VOICE_BYTES_MAX * 2];
};

/* ---- the camera ---- */

/* A wall with some texture, so that the encoder has what it would have. */
static void draw_wall(vpx_image_t *image) {
    for (guint y = 0; y < HEIGHT; y++)
        for (guint x = 0; x < WIDTH; x++)
            image->planes[0][y * (guint)image->stride[0] + x] =
                (guint8)(90 + x * 40 / WIDTH + y * 30 / HEIGHT + ((x * 7 + y * 13) >> 3 & 7));
    for (guint plane = 1; plane < 3; plane++)
        memset(image->planes[plane], plane == 1 ? 118 : 138, (gsize)image->stride[plane] * HEIGHT / 2);
}

/* Something that moves besides the barcode. */
static void draw_hand(vpx_image_t *image, guint64 n) {
    guint x = (guint)(n * 5 % (WIDTH - 60));
    for (guint y = 285; y < 335; y++) {
        guint8 *row = image->planes[0] + y * (guint)image->stride[0];
        for (guint i = 0; i < WIDTH; i++) row[i] = (guint8)(120 + i * 40 / WIDTH);
        memset(row + x, 200, 60);
    }
}

static void keep(Probe *probe, const vpx_codec_cx_pkt_t *packet, guint32 stamp, gint64 capture_us) {
    g_mutex_lock(&probe->mutex);
    guint at = (guint)(probe->n_made % KEPT);
    GByteArray *bytes = probe->frames[at];
    g_byte_array_set_size(bytes, 0);
    g_byte_array_append(bytes, packet->data.frame.buf, (guint)packet->data.frame.sz);
    probe->infos[at] =
        (ProbeFrame){ .bytes = bytes->data, .n_bytes = bytes->len, .stamp = stamp, .capture_us = capture_us };
    probe->n_made++;
    g_mutex_unlock(&probe->mutex);
}

static void shoot(Probe *probe) {
    gint64 capture_us = g_get_monotonic_time();
    guint32 stamp = (guint32)(capture_us / 1000) & BARCODE_MASK;
    const vpx_codec_cx_pkt_t *packet;
    vpx_codec_iter_t iter = NULL;
    gboolean key = g_atomic_int_compare_and_exchange(&probe->wants_keyframe, TRUE, FALSE);
    draw_hand(probe->image, probe->n_drawn++);
    barcode_draw(probe->image->planes[0], (guint)probe->image->stride[0], WIDTH, HEIGHT, stamp);
    if (vpx_codec_encode(&probe->encoder, probe->image, (vpx_codec_pts_t)probe->n_drawn, 1,
                         key ? VPX_EFLAG_FORCE_KF : 0, VPX_DL_REALTIME) != VPX_CODEC_OK)
        return;
    while ((packet = vpx_codec_get_cx_data(&probe->encoder, &iter)) != NULL)
        if (packet->kind == VPX_CODEC_CX_FRAME_PKT) keep(probe, packet, stamp, capture_us);
}

static gpointer film(gpointer data) {
    Probe *probe = data;
    gint64 due_us = g_get_monotonic_time();
    while (!g_atomic_int_get(&probe->over)) {
        gint64 now_us = g_get_monotonic_time();
        if (now_us < due_us) {
            g_usleep((gulong)(due_us - now_us));
            continue;
        }
        due_us = MAX(due_us + FRAME_US, now_us);
        if (g_atomic_int_get(&probe->active)) shoot(probe);
    }
    return NULL;
}

static gboolean open_microphone(Probe *probe) {
    int fault = 0;
    probe->voice = opus_encoder_create(48000, 1, OPUS_APPLICATION_VOIP, &fault);
    if (probe->voice == NULL) return FALSE;
    opus_encoder_ctl(probe->voice, OPUS_SET_BITRATE(VOICE_BPS));
    opus_encoder_ctl(probe->voice, OPUS_SET_COMPLEXITY(5));
    opus_encoder_ctl(probe->voice, OPUS_SET_INBAND_FEC(1));
    return TRUE;
}

static gboolean open_camera(Probe *probe) {
    vpx_codec_enc_cfg_t config;
    if (vpx_codec_enc_config_default(vpx_codec_vp8_cx(), &config, 0) != VPX_CODEC_OK) return FALSE;
    config.g_w = WIDTH;
    config.g_h = HEIGHT;
    config.g_timebase = (vpx_rational_t){ 1, FPS };
    config.g_threads = 1;
    config.g_lag_in_frames = 0;
    config.rc_end_usage = VPX_CBR;
    config.rc_target_bitrate = BITRATE_KBPS;
    config.rc_max_quantizer = 52;
    config.kf_mode = VPX_KF_DISABLED;
    if (vpx_codec_enc_init(&probe->encoder, vpx_codec_vp8_cx(), &config, 0) != VPX_CODEC_OK) return FALSE;
    vpx_codec_control(&probe->encoder, VP8E_SET_CPUUSED, 10);
    probe->image = vpx_img_alloc(NULL, VPX_IMG_FMT_I420, WIDTH, HEIGHT, 16);
    if (probe->image == NULL) return FALSE;
    draw_wall(probe->image);
    probe->thread = g_thread_new("probe-camera", film, probe);
    return TRUE;
}

Probe *probe_new(gboolean films) {
    Probe *probe = g_new0(Probe, 1);
    g_mutex_init(&probe->mutex);
    for (guint i = 0; i < KEPT; i++) probe->frames[i] = g_byte_array_new();
    if (open_microphone(probe) && (!films || open_camera(probe))) return probe;
    probe_free(probe);
    return NULL;
}

gboolean probe_films(const Probe *probe) { return probe->thread != NULL; }

void probe_free(Probe *probe) {
    if (probe == NULL) return;
    g_atomic_int_set(&probe->over, TRUE);
    if (probe->thread != NULL) g_thread_join(probe->thread);
    if (probe->encoder.iface != NULL) vpx_codec_destroy(&probe->encoder);
    if (probe->voice != NULL) opus_encoder_destroy(probe->voice);
    vpx_img_free(probe->image);
    for (guint i = 0; i < KEPT; i++) g_byte_array_unref(probe->frames[i]);
    g_mutex_clear(&probe->mutex);
    g_free(probe);
}

void probe_force_keyframe(Probe *probe) { g_atomic_int_set(&probe->wants_keyframe, TRUE); }

void probe_set_active(Probe *probe, gboolean active) {
    if (g_atomic_int_get(&probe->active) == active) return;
    if (active) probe_force_keyframe(probe);
    g_mutex_lock(&probe->mutex);
    probe->n_taken = probe->n_made; /* nothing from before the pause */
    g_mutex_unlock(&probe->mutex);
    g_atomic_int_set(&probe->active, active);
}

gboolean probe_take_frame(Probe *probe, ProbeFrame *ret_frame) {
    g_mutex_lock(&probe->mutex);
    gboolean found = probe->n_taken < probe->n_made;
    if (found) *ret_frame = probe->infos[probe->n_taken++ % KEPT];
    g_mutex_unlock(&probe->mutex);
    return found;
}

/* ---- the book ---- */

static void note(Probe *probe, Entry *entries, guint64 *n, Entry entry) {
    g_mutex_lock(&probe->mutex);
    entries[*n % KEPT] = entry;
    (*n)++;
    g_mutex_unlock(&probe->mutex);
}

void probe_frame_sent(Probe *probe, const ProbeFrame *frame, gint64 now_us) {
    note(probe, probe->pictures, &probe->n_pictures, (Entry){ frame->stamp, { frame->capture_us, now_us } });
}

gboolean probe_find_picture(Probe *probe, guint32 stamp, ProbeMoment *ret_moment) {
    gboolean found = FALSE;
    g_mutex_lock(&probe->mutex);
    for (guint64 back = 1; back <= MIN(probe->n_pictures, KEPT) && !found; back++) {
        const Entry *entry = &probe->pictures[(probe->n_pictures - back) % KEPT];
        if (entry->stamp != stamp) continue;
        *ret_moment = entry->moment;
        found = TRUE;
    }
    g_mutex_unlock(&probe->mutex);
    return found;
}

gboolean probe_find_click(Probe *probe, guint turn, gint64 before_us, ProbeMoment *ret_moment) {
    gboolean found = FALSE;
    g_mutex_lock(&probe->mutex);
    for (guint64 back = 1; back <= MIN(probe->n_clicks, KEPT) && !found; back++) {
        const Entry *entry = &probe->clicks[(probe->n_clicks - back) % KEPT];
        if (entry->stamp != turn || entry->moment.sent_us > before_us) continue;
        *ret_moment = entry->moment;
        found = TRUE;
    }
    g_mutex_unlock(&probe->mutex);
    return found;
}

ProbeMoment probe_click_by_clock(guint turn, gint64 heard_us) {
    const gint64 click_us = (gint64)CLICK_PERIOD_SAMPLES * 1000 / 48, round_us = CLICK_TURNS * click_us;
    gint64 sent_us = heard_us - (heard_us - PACKET_US - turn * click_us) % round_us;
    return (ProbeMoment){ sent_us - PACKET_US, sent_us };
}

/* ---- the microphone ---- */

void probe_set_loss(Probe *probe, double loss) {
    opus_encoder_ctl(probe->voice, OPUS_SET_PACKET_LOSS_PERC((opus_int32)lround(100 * loss)));
}

/* A click that begins within these samples goes into the book. */
static void note_click(Probe *probe, guint64 at, guint n_samples, gint64 capture_us, gint64 now_us) {
    guint64 next = (at + CLICK_PERIOD_SAMPLES - 1) / CLICK_PERIOD_SAMPLES * CLICK_PERIOD_SAMPLES;
    if (next < CLICK_PERIOD_SAMPLES || next >= at + n_samples) return;
    gint64 within_us = (gint64)(next - at) * 1000 / 48;
    note(probe, probe->clicks, &probe->n_clicks,
         (Entry){ (guint32)(next / CLICK_PERIOD_SAMPLES % CLICK_TURNS),
                  { capture_us + within_us, now_us + within_us } });
}

guint probe_voice(Probe *probe, guint n_frames, gint64 capture_us, gint64 now_us, const guint8 **ret_bytes,
                  guint8 *ret_level) {
    gint16 samples[PROBE_FRAMES_MAX * VOICE_FRAME_SAMPLES];
    guint n_samples = n_frames * VOICE_FRAME_SAMPLES;
    gint64 by_clock = capture_us * 48 / 1000;
    if (ABS(by_clock - (gint64)probe->n_samples) > (gint64)SLIP_US * 48 / 1000)
        probe->n_samples = (guint64)by_clock;
    click_fill(samples, n_samples, probe->n_samples);
    note_click(probe, probe->n_samples, n_samples, capture_us, now_us);
    probe->n_samples += n_samples;
    opus_encoder_ctl(probe->voice, OPUS_SET_BITRATE(n_frames > 1 ? VOICE_NARROW_BPS : VOICE_BPS));
    opus_int32 n = opus_encode(probe->voice, samples, (int)n_samples, probe->packet, sizeof probe->packet);
    *ret_bytes = probe->packet;
    *ret_level = voice_loop_level(samples, n_samples);
    return (guint)MAX(n, 0);
}
