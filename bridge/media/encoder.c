/* encoder.c -- see encoder.h. */
#include "bridge/media/encoder.h"

#include "bridge/media/encoder_feed.h"
#include "bridge/media/own_threads.h"
#include "config/fault.h"
#include "config/log.h"

#include <gst/app/gstappsink.h>
#include <string.h>

enum { LOWER_LAYER_PERCENT = 65, POOL_PICTURES = 4 };

/* Live settings (facts of measurement: the defaults of vp8enc are for files). deadline=1: real time; one thread each, because
 * the machine's cores are shared by the rungs; no keyframe but the first and those that are asked for. */
static const struct {
    Codec codec;
    const char *element, *package, *settings;
} kinds[] = {
    { CODEC_VP8, "vp8enc", "gstreamer1.0-plugins-good",
      "deadline=1 threads=1 timebase=1/90000 end-usage=cbr buffer-size=1000 buffer-initial-size=500 "
      "buffer-optimal-size=600 "
      "undershoot=95 "
      "overshoot=15 min-quantizer=4 max-quantizer=56 lag-in-frames=0 keyframe-max-dist=1000000 "
      "max-intra-bitrate=400 "
      "static-threshold=500 error-resilient=default min-force-key-unit-interval=0" },
    { CODEC_H264, "x264enc", "gstreamer1.0-plugins-ugly",
      "tune=zerolatency speed-preset=superfast threads=1 sliced-threads=false bframes=0 key-int-max=1000000 "
      "vbv-buf-capacity=300 byte-stream=true" },
    { CODEC_H264, "openh264enc", "gstreamer1.0-plugins-bad",
      "rate-control=bitrate complexity=low multi-thread=1 gop-size=1000000 usage-type=camera" },
};

struct Encoder {
    EncoderSpec spec;
    guint kind, n_layers;
    gint quantizer; /* of stills, as told to the element */
    GstElement *pipeline, *feed, *element;
    GstBufferPool *pool;
    GstVideoInfo info;
    EncoderFrame frame;
    gpointer user;
    Counter *cpu_us, own_cpu_us;
    gint64 start_us;      /* of the stream's time; the first picture's */
    gint64 cpu_before_us; /* encoder thread */
    guint n_out;          /* encoder thread */
    gint failed;          /* atomic */
};

static gint kind_of(Codec codec) {
    for (guint i = 0; i < G_N_ELEMENTS(kinds); i++) {
        if (kinds[i].codec != codec) continue;
        GstElementFactory *factory = gst_element_factory_find(kinds[i].element);
        if (factory == NULL) continue;
        gst_object_unref(factory);
        return (gint)i;
    }
    return -1;
}

const char *encoder_element(Codec codec) {
    gint kind = kind_of(codec);
    return kind >= 0 ? kinds[kind].element : NULL;
}

const char *encoder_package(Codec codec) { return codec == CODEC_VP8 ? kinds[0].package : kinds[1].package; }

static void apply_settings(GstElement *element, const char *settings) {
    g_auto(GStrv) words = g_strsplit(settings, " ", -1);
    for (guint i = 0; words[i] != NULL; i++) {
        char *equals = strchr(words[i], '=');
        if (equals == NULL) continue;
        *equals = '\0';
        gst_util_set_object_arg(G_OBJECT(element), words[i], equals + 1);
    }
}

/* vp8enc wants its lists as GValueArray, which has no text form. */
static void set_pair(Encoder *encoder, const char *property, gint first, gint second) {
    G_GNUC_BEGIN_IGNORE_DEPRECATIONS
    GValueArray *pair = g_value_array_new(2);
    GValue value = G_VALUE_INIT;
    g_value_init(&value, G_TYPE_INT);
    g_value_set_int(&value, first);
    g_value_array_append(pair, &value);
    g_value_set_int(&value, second);
    g_value_array_append(pair, &value);
    g_object_set(encoder->element, property, pair, NULL);
    g_value_unset(&value);
    g_value_array_free(pair);
    G_GNUC_END_IGNORE_DEPRECATIONS
}

/* Its other lists are GstValueArrays; each member is given in words. */
static void set_words(Encoder *encoder, const char *property, GType type, const char *first,
                      const char *second) {
    const char *words[] = { first, second };
    GValue list = G_VALUE_INIT;
    g_value_init(&list, GST_TYPE_ARRAY);
    for (guint i = 0; i < G_N_ELEMENTS(words); i++) {
        GValue value = G_VALUE_INIT;
        g_value_init(&value, type);
        gst_value_deserialize(&value, words[i]);
        gst_value_array_append_and_take_value(&list, &value);
    }
    g_object_set_property(G_OBJECT(encoder->element), property, &list);
    g_value_unset(&list);
}

static void set_layer_rates(Encoder *encoder) {
    gint bps = (gint)encoder->spec.bitrate_bps;
    set_pair(encoder, "temporal-scalability-target-bitrate", bps / 100 * LOWER_LAYER_PERCENT, bps);
}

/* Two temporal layers: the upper one stands on the frame before and nothing stands on it, so a leg may leave it out at any
 * moment. Nobody refers to the golden or the alternate frame. */
static void set_two_layers(Encoder *encoder) {
    g_object_set(encoder->element, "temporal-scalability-number-layers", 2,
                 "temporal-scalability-periodicity", 2, NULL);
    set_pair(encoder, "temporal-scalability-layer-id", 0, 1);
    set_pair(encoder, "temporal-scalability-rate-decimator", 2, 1);
    set_words(encoder, "temporal-scalability-layer-flags", g_type_from_name("GstVPXEncTsLayerFlags"),
              "no-ref-golden+no-ref-alt+no-upd-golden+no-upd-alt",
              "no-ref-golden+no-ref-alt+no-upd-last+no-upd-golden+no-upd-alt+no-upd-entropy");
    /* Both lists or none: the element divides by their lengths. */
    set_words(encoder, "temporal-scalability-layer-sync-flags", G_TYPE_BOOLEAN, "false", "true");
}

static void set_bitrate(Encoder *encoder) {
    guint bps = encoder->spec.bitrate_bps;
    if (kinds[encoder->kind].codec == CODEC_VP8) {
        g_object_set(encoder->element, "target-bitrate", (gint)bps, NULL);
        if (encoder->n_layers == 2) set_layer_rates(encoder);
    } else if (g_str_equal(kinds[encoder->kind].element, "x264enc")) {
        g_object_set(encoder->element, "bitrate", bps / 1000, NULL);
    } else {
        g_object_set(encoder->element, "bitrate", bps, "max-bitrate", bps + bps / 2, NULL);
    }
}

/* Negative: that speed and no other. A positive number lets libvpx choose by the clock, which takes a third more time for
 * the same picture and makes the cost of a frame depend on who else is on the machine. */
static void set_speed(Encoder *encoder) {
    if (encoder->spec.codec != CODEC_VP8) return;
    gint speed = (gint)CLAMP(encoder->spec.speed, ENCODER_SPEED_MIN, ENCODER_SPEED_MAX);
    g_object_set(encoder->element, "cpu-used", -speed, NULL);
}

static guint8 layer_of(const Encoder *encoder, GstBuffer *buffer, gboolean keyframe) {
    if (encoder->n_layers < 2 || keyframe) return 0;
    GstCustomMeta *meta = gst_buffer_get_custom_meta(buffer, "GstVP8Meta");
    guint layer = 0;
    if (meta != NULL) gst_structure_get_uint(gst_custom_meta_get_structure(meta), "layer-id", &layer);
    return (guint8)MIN(layer, 1);
}

static GstFlowReturn on_sample(GstAppSink *sink, gpointer user) {
    Encoder *encoder = user;
    GstSample *sample = gst_app_sink_try_pull_sample(sink, 0);
    if (sample == NULL) return GST_FLOW_OK;
    GstBuffer *buffer = gst_sample_get_buffer(sample);
    GstMapInfo map;
    if (buffer != NULL && gst_buffer_map(buffer, &map, GST_MAP_READ)) {
        gboolean keyframe = !GST_BUFFER_FLAG_IS_SET(buffer, GST_BUFFER_FLAG_DELTA_UNIT);
        EncodedFrame frame = { .bytes = map.data,
                               .n_bytes = map.size,
                               .keyframe = keyframe,
                               .temporal_layer = layer_of(encoder, buffer, keyframe),
                               .time_us = encoder->start_us + (gint64)(GST_BUFFER_PTS(buffer) / 1000) };
        if (map.size > 0) encoder->frame(encoder->user, &frame);
        gst_buffer_unmap(buffer, &map);
    }
    gst_sample_unref(sample);
    gint64 cpu_now_us = thread_cpu_us();
    count(encoder->cpu_us, (guint64)(cpu_now_us - encoder->cpu_before_us));
    count(&encoder->own_cpu_us, (guint64)(cpu_now_us - encoder->cpu_before_us));
    encoder->cpu_before_us = cpu_now_us;
    return GST_FLOW_OK;
}

static void give_thread_of_its_own(GstMessage *message) {
    const GValue *object = gst_message_get_stream_status_object(message);
    if (object == NULL || !G_VALUE_HOLDS(object, GST_TYPE_TASK)) return;
    GstTaskPool *threads = own_threads_new();
    gst_task_set_pool(g_value_get_object(object), threads);
    gst_object_unref(threads);
}

/* On whatever thread posts: the encoder's own says here that it begins. */
static GstBusSyncReply on_message(GstBus *bus, GstMessage *message, gpointer user) {
    (void)bus;
    Encoder *encoder = user;
    if (GST_MESSAGE_TYPE(message) == GST_MESSAGE_STREAM_STATUS) {
        GstStreamStatusType type;
        gst_message_parse_stream_status(message, &type, NULL);
        if (type == GST_STREAM_STATUS_TYPE_CREATE) give_thread_of_its_own(message);
        if (type == GST_STREAM_STATUS_TYPE_ENTER) thread_begin("encode", encoder->spec.nice);
    } else if (GST_MESSAGE_TYPE(message) == GST_MESSAGE_ERROR) {
        g_autoptr(GError) error = NULL;
        gst_message_parse_error(message, &error, NULL);
        if (g_atomic_int_compare_and_exchange(&encoder->failed, 0, 1))
            log_error("encoder.failed", "element=%s why=\"%s\"", kinds[encoder->kind].element,
                      error->message);
    }
    gst_message_unref(message);
    return GST_BUS_DROP;
}

static gboolean make_pool(Encoder *encoder, GstCaps *caps) {
    encoder->pool = gst_buffer_pool_new();
    GstStructure *config = gst_buffer_pool_get_config(encoder->pool);
    gst_buffer_pool_config_set_params(config, caps, (guint)encoder->info.size, 1, POOL_PICTURES);
    return gst_buffer_pool_set_config(encoder->pool, config) &&
           gst_buffer_pool_set_active(encoder->pool, TRUE);
}

static GstElement *make_sink(Encoder *encoder) {
    GstElement *sink = gst_element_factory_make("appsink", NULL);
    if (sink == NULL) return NULL;
    GstAppSinkCallbacks callbacks = { .new_sample = on_sample };
    g_object_set(sink, "sync", FALSE, "async", FALSE, "enable-last-sample", FALSE, NULL);
    gst_app_sink_set_callbacks(GST_APP_SINK(sink), &callbacks, encoder, NULL);
    if (encoder->spec.codec == CODEC_H264) {
        GstCaps *caps = gst_caps_from_string("video/x-h264, profile=(string)constrained-baseline, "
                                             "stream-format=(string)byte-stream, alignment=(string)au");
        gst_app_sink_set_caps(GST_APP_SINK(sink), caps);
        gst_caps_unref(caps);
    }
    return sink;
}

static gboolean build(Encoder *encoder, GError **error) {
    const char *name = kinds[encoder->kind].element;
    encoder->element = gst_element_factory_make(name, NULL);
    GstElement *sink = make_sink(encoder);
    if (encoder->element == NULL || sink == NULL) {
        g_set_error(error, FAULT, FAULT_SETUP, "GStreamer element %s is missing: install the package %s",
                    encoder->element == NULL ? name : "appsink",
                    encoder->element == NULL ? kinds[encoder->kind].package : "gstreamer1.0-plugins-base");
        if (sink != NULL) gst_object_unref(gst_object_ref_sink(sink));
        if (encoder->element != NULL) gst_object_unref(gst_object_ref_sink(encoder->element));
        encoder->element = NULL;
        return FALSE;
    }
    apply_settings(encoder->element, kinds[encoder->kind].settings);
    if (encoder->spec.codec == CODEC_VP8) {
        set_speed(encoder);
        if (encoder->n_layers == 2) set_two_layers(encoder);
        if (encoder->spec.stills) encoder_set_quantizer(encoder, ENCODER_STILLS_QUANTIZER);
    }
    set_bitrate(encoder);
    GstCaps *caps = gst_video_info_to_caps(&encoder->info);
    encoder->feed = encoder_feed_new(caps);
    gst_bin_add_many(GST_BIN(encoder->pipeline), encoder->feed, encoder->element, sink, NULL);
    gboolean ok =
        make_pool(encoder, caps) && gst_element_link_many(encoder->feed, encoder->element, sink, NULL);
    gst_caps_unref(caps);
    if (ok) ok = gst_element_set_state(encoder->pipeline, GST_STATE_PLAYING) != GST_STATE_CHANGE_FAILURE;
    if (!ok) g_set_error(error, FAULT, FAULT_INTERNAL, "GStreamer element %s does not start", name);
    return ok;
}

Encoder *encoder_start(const EncoderSpec *spec, EncoderFrame frame, gpointer user, Counter *cpu_us,
                       GError **error) {
    gint kind = kind_of(spec->codec);
    if (kind < 0) {
        const char *element = spec->codec == CODEC_VP8 ? kinds[0].element : "x264enc or openh264enc";
        g_set_error(error, FAULT, FAULT_SETUP, "GStreamer element %s is missing: install the package %s",
                    element, encoder_package(spec->codec));
        return NULL;
    }
    Encoder *encoder = g_new0(Encoder, 1);
    encoder->spec = *spec;
    encoder->kind = (guint)kind;
    encoder->frame = frame;
    encoder->user = user;
    encoder->cpu_us = cpu_us;
    encoder->n_layers = spec->codec == CODEC_VP8 && !spec->stills && spec->two_layers ? 2 : 1;
    gst_video_info_set_format(&encoder->info, GST_VIDEO_FORMAT_I420, spec->width, spec->height);
    encoder->info.fps_n = (gint)spec->fps;
    encoder->info.fps_d = 1;
    encoder->info.colorimetry =
        (GstVideoColorimetry){ GST_VIDEO_COLOR_RANGE_16_235, GST_VIDEO_COLOR_MATRIX_BT601,
                               GST_VIDEO_TRANSFER_BT601, GST_VIDEO_COLOR_PRIMARIES_SMPTE170M };
    encoder->pipeline = gst_object_ref_sink(gst_pipeline_new(NULL));
    GstBus *bus = gst_element_get_bus(encoder->pipeline);
    gst_bus_set_sync_handler(bus, on_message, encoder, NULL);
    gst_object_unref(bus);
    if (!build(encoder, error)) g_clear_pointer(&encoder, encoder_stop);
    return encoder;
}

void encoder_stop(Encoder *encoder) {
    if (encoder == NULL) return;
    gst_element_set_state(encoder->pipeline, GST_STATE_NULL);
    if (encoder->pool != NULL) {
        gst_buffer_pool_set_active(encoder->pool, FALSE);
        gst_object_unref(encoder->pool);
    }
    gst_object_unref(encoder->pipeline);
    g_free(encoder);
}

static void draw_into(Encoder *encoder, GstBuffer *buffer, const Picture *picture) {
    GstMapInfo map;
    if (!gst_buffer_map(buffer, &map, GST_MAP_WRITE)) return;
    Picture to = { .width = encoder->spec.width, .height = encoder->spec.height };
    for (guint i = 0; i < 3; i++) {
        to.planes[i] = map.data + encoder->info.offset[i];
        to.strides[i] = encoder->info.stride[i];
    }
    picture_scale(picture, &to, TRUE);
    gst_buffer_unmap(buffer, &map);
}

gboolean encoder_give(Encoder *encoder, const Picture *picture, gint64 time_us, gboolean key) {
    if (encoder_feed_is_full(encoder->feed)) return FALSE; /* asked before scaling, which would be in vain */
    GstBuffer *buffer = NULL;
    GstBufferPoolAcquireParams params = { .flags = GST_BUFFER_POOL_ACQUIRE_FLAG_DONTWAIT };
    if (gst_buffer_pool_acquire_buffer(encoder->pool, &buffer, &params) != GST_FLOW_OK) return FALSE;
    if (encoder->start_us == 0) encoder->start_us = time_us;
    draw_into(encoder, buffer, picture);
    GST_BUFFER_PTS(buffer) = (GstClockTime)(time_us - encoder->start_us) * 1000;
    GST_BUFFER_DTS(buffer) = GST_CLOCK_TIME_NONE;
    GST_BUFFER_DURATION(buffer) = GST_SECOND / encoder->spec.fps;
    if (key)
        gst_element_send_event(encoder->element,
                               gst_video_event_new_upstream_force_key_unit(GST_CLOCK_TIME_NONE, TRUE, 0));
    return encoder_feed_give(encoder->feed, buffer);
}

void encoder_set_bitrate(Encoder *encoder, guint bitrate_bps) {
    encoder->spec.bitrate_bps = bitrate_bps;
    set_bitrate(encoder);
}

void encoder_set_speed(Encoder *encoder, guint speed) {
    if (encoder->spec.speed == speed) return;
    encoder->spec.speed = speed;
    set_speed(encoder);
}

gint64 encoder_take_cpu_us(Encoder *encoder) { return (gint64)atomic_exchange(&encoder->own_cpu_us, 0); }

void encoder_set_quantizer(Encoder *encoder, guint quantizer) {
    gint value = (gint)CLAMP(quantizer, ENCODER_QUANTIZER_MIN, ENCODER_QUANTIZER_MAX);
    if (encoder->spec.codec != CODEC_VP8 || encoder->quantizer == value) return;
    /* Each is told to libvpx at once, which refuses a least above the most. */
    const char *first = value > encoder->quantizer ? "max-quantizer" : "min-quantizer";
    const char *second = value > encoder->quantizer ? "min-quantizer" : "max-quantizer";
    encoder->quantizer = value;
    g_object_set(encoder->element, first, value, second, value, NULL);
}

void encoder_set_fps(Encoder *encoder, guint fps) { encoder->spec.fps = MAX(fps, 1); }

gboolean encoder_has_failed(const Encoder *encoder) { return g_atomic_int_get(&encoder->failed) != 0; }

guint encoder_n_temporal_layers(const Encoder *encoder) { return encoder->n_layers; }
