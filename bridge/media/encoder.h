/* encoder.h -- one static pipeline: our own push source -> encoder element -> sink with a callback. One thread of its own, made
 * by GStreamer, lowered by us. Pictures are given, encoded frames come back on that thread. */
#pragma once

#include "bridge/media/picture.h"
#include "bridge/media/studio_counters.h"
#include "bridge/wire/codec.h"

#include <gst/gst.h>
#include <gst/video/video.h>

typedef struct Encoder Encoder;

enum {
    ENCODER_SPEED_MIN = 4,
    ENCODER_SPEED_MAX = 16,
    ENCODER_QUANTIZER_MIN = 4,
    ENCODER_QUANTIZER_MAX = 63,
    ENCODER_STILLS_QUANTIZER = 40
};

typedef struct {
    Codec codec; /* CODEC_VP8 or CODEC_H264 */
    guint width, height, fps, bitrate_bps;
    guint speed;         /* VP8: 4 the finest picture, 16 the least work */
    gboolean stills;     /* VP8: keyframes only, sized by encoder_set_quantizer() */
    gboolean two_layers; /* VP8: the upper temporal one may be left out */
    gint nice;
} EncoderSpec;

typedef struct {
    const guint8 *bytes; /* VP8 frame, or H.264 unit in byte-stream format; good during the call */
    gsize n_bytes;
    gboolean keyframe;
    guint8 temporal_layer;
    gint64 time_us; /* as given with the picture */
} EncodedFrame;

typedef void (*EncoderFrame)(gpointer user, const EncodedFrame *frame);

/* FAULT_SETUP names the missing element and its Debian package. cpu_us: the thread's CPU time is added there. */
Encoder *encoder_start(const EncoderSpec *spec, EncoderFrame frame, gpointer user, Counter *cpu_us,
                       GError **error);
gint64 encoder_take_cpu_us(
    Encoder *encoder);               /* what the thread has used since the call before; any one thread */
void encoder_stop(Encoder *encoder); /* ends the thread; no call afterwards. NULL is fine */

/* Scales (or copies) the picture and hands it to the encoder; never waits. time_us: monotonic, rising. FALSE: the encoder is
 * behind and the picture was left out. key: this frame is to be a keyframe. */
gboolean encoder_give(Encoder *encoder, const Picture *picture, gint64 time_us, gboolean key);
void encoder_set_bitrate(Encoder *encoder, guint bitrate_bps);
/* From the next frame on, without a new start. The bit rate stays what it is: the encoder goes by the frames' times. */
void encoder_set_speed(Encoder *encoder, guint speed);
/* VP8 stills: 4 the finest, ENCODER_QUANTIZER_MAX the smallest. */
void encoder_set_quantizer(Encoder *encoder, guint quantizer);
void encoder_set_fps(Encoder *encoder, guint fps);
gboolean encoder_has_failed(const Encoder *encoder); /* any thread: the pipeline reported an error */
guint encoder_n_temporal_layers(const Encoder *encoder);

/* The element that would encode this codec here, or NULL; and what to install then. */
const char *encoder_element(Codec codec);
const char *encoder_package(Codec codec);
