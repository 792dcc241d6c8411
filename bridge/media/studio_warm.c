/* studio_warm.c -- studio_global_init: everything that reads files or starts programs happens here, before the sandbox. Each
 * codec is built, used once and dropped, so that its plugin, its libraries and their tables are in memory. */
#include "bridge/media/studio.h"

#include "bridge/media/decoder.h"
#include "bridge/media/encoder.h"
#include "bridge/media/label.h"
#include "config/fault.h"

#include <string.h>

enum { WARM_WIDTH = 320, WARM_HEIGHT = 180, WARM_WAIT_US = 5000000 };

typedef struct {
    GMutex lock;
    GCond came;
    GBytes *encoded;
    guint n_pictures;
} Warm;

static void on_encoded(gpointer user, const EncodedFrame *frame) {
    Warm *warm = user;
    g_mutex_lock(&warm->lock);
    if (warm->encoded == NULL) warm->encoded = g_bytes_new(frame->bytes, frame->n_bytes);
    g_cond_signal(&warm->came);
    g_mutex_unlock(&warm->lock);
}

static void on_picture(gpointer user, GstBuffer *buffer, const GstVideoInfo *info, guint32 token) {
    (void)info;
    (void)token;
    ((Warm *)user)->n_pictures++;
    gst_buffer_unref(buffer);
}

/* One grey picture through the encoder. (transfer full), NULL when nothing came. */
static GBytes *encode_once(Warm *warm, Codec codec, GError **error) {
    EncoderSpec spec = { .codec = codec,
                         .width = WARM_WIDTH,
                         .height = WARM_HEIGHT,
                         .fps = 8,
                         .bitrate_bps = 300000,
                         .speed = 12 };
    Counter cpu_us = 0;
    Encoder *encoder = encoder_start(&spec, on_encoded, warm, &cpu_us, error);
    if (encoder == NULL) return NULL;
    Picture picture = picture_new(WARM_WIDTH, WARM_HEIGHT);
    picture_fill(&picture, yuv_of_rgb(0x808080));
    encoder_give(encoder, &picture, 1, FALSE);
    gint64 until_us = g_get_monotonic_time() + WARM_WAIT_US;
    g_mutex_lock(&warm->lock);
    while (warm->encoded == NULL && g_cond_wait_until(&warm->came, &warm->lock, until_us)) continue;
    GBytes *encoded = g_steal_pointer(&warm->encoded);
    g_mutex_unlock(&warm->lock);
    encoder_stop(encoder);
    picture_clear(&picture);
    if (encoded == NULL)
        g_set_error(error, FAULT, FAULT_SETUP, "GStreamer element %s gives no frame", encoder_element(codec));
    return encoded;
}

static gboolean decode_once(Warm *warm, Codec codec, GBytes *encoded, GError **error) {
    Decoder *decoder = decoder_new(codec, on_picture, warm, error);
    if (decoder == NULL) return FALSE;
    if (encoded != NULL) {
        gsize n_bytes;
        gconstpointer bytes = g_bytes_get_data(encoded, &n_bytes);
        Frame *frame = frame_new(codec, n_bytes);
        memcpy(frame->bytes, bytes, n_bytes);
        frame->keyframe = TRUE;
        decoder_push(decoder, frame, 0);
        frame_unref(frame);
    }
    decoder_free(decoder);
    if (codec == CODEC_VP8 && warm->n_pictures == 0) {
        g_set_error(error, FAULT, FAULT_SETUP, "GStreamer element %s gives no picture",
                    decoder_element(codec));
        return FALSE;
    }
    return TRUE;
}

/* VP8 both ways and H.264 decoding must be here; H.264 encoding may be. */
static gboolean warm_codecs(Warm *warm, GError **error) {
    g_autoptr(GBytes) vp8 = encode_once(warm, CODEC_VP8, error);
    if (vp8 == NULL || !decode_once(warm, CODEC_VP8, vp8, error)) return FALSE;
    g_autoptr(GBytes) h264 = encoder_element(CODEC_H264) != NULL ? encode_once(warm, CODEC_H264, NULL) : NULL;
    return decode_once(warm, CODEC_H264, h264, error);
}

static void warm_labels(void) {
    Labels *labels = labels_new(NULL);
    sprite_unref(label_name(labels, 320, 180, "Thị trấn Quảng Hà – Điểm cầu Đầm Hà ỗ ự ẵ ỹ", TRUE));
    sprite_unref(label_plate(labels, 320, 180, PLATE_OFFLINE, "Xã Đồng Văn", "Mất kết nối từ 14:05"));
    sprite_unref(label_hand(labels, 180));
    labels_free(labels);
    GTimeZone *zone = g_time_zone_new_identifier("Asia/Ho_Chi_Minh");
    if (zone != NULL) g_time_zone_unref(zone);
}

gboolean studio_global_init(GError **error) {
    /* No scanner process: the sandbox allows none later, and without it the registry is read the same way every time. */
    gst_registry_fork_set_enabled(FALSE);
    g_autoptr(GError) why = NULL;
    if (!gst_init_check(NULL, NULL, &why)) {
        g_set_error(error, FAULT, FAULT_SETUP, "GStreamer does not start: %s", why->message);
        return FALSE;
    }
    Warm warm = { 0 };
    g_mutex_init(&warm.lock);
    g_cond_init(&warm.came);
    gboolean ok = warm_codecs(&warm, error);
    g_mutex_clear(&warm.lock);
    g_cond_clear(&warm.came);
    if (ok) warm_labels();
    /* From here on nothing is to look at the plugin folders or write the registry's cache. */
    g_setenv("GST_REGISTRY_UPDATE", "no", TRUE);
    return ok;
}
