/* decoder.c -- see decoder.h. */
#include "bridge/media/decoder.h"

#include "bridge/wire/vp8.h"
#include "config/fault.h"

/* An H.264 decoder may hold a picture back; this many frames without one is an error. */
enum { SILENT_FRAMES_MAX = 4 };

static const struct {
    Codec codec;
    const char *element, *threads_property, *package, *caps;
} kinds[] = {
    { CODEC_VP8, "vp8dec", "threads", "gstreamer1.0-plugins-good", "video/x-vp8" },
    { CODEC_H264, "avdec_h264", "max-threads", "gstreamer1.0-libav",
      "video/x-h264, stream-format=(string)byte-stream, alignment=(string)au" },
};

struct Decoder {
    Codec codec;
    GstElement *element;
    GstPad *feed, *drain; /* ours: before and after the element */
    GstVideoInfo info;
    gboolean info_known;
    DecoderPicture picture;
    gpointer user;
    GstClockTime next_time;
    guint n_pictures, n_silent;
};

static guint kind_of(Codec codec) { return codec == CODEC_H264 ? 1 : 0; }

const char *decoder_element(Codec codec) { return kinds[kind_of(codec)].element; }

const char *decoder_package(Codec codec) { return kinds[kind_of(codec)].package; }

/* Tokens travel as time stamps: one nanosecond each would be rounded by some decoders, so a token is a millisecond. */
static GstClockTime token_to_time(guint32 token) { return (GstClockTime)token * GST_MSECOND; }

static GstFlowReturn on_picture(GstPad *pad, GstObject *parent, GstBuffer *buffer) {
    (void)parent;
    Decoder *decoder = gst_pad_get_element_private(pad);
    guint32 token =
        GST_BUFFER_PTS_IS_VALID(buffer) ? (guint32)(GST_BUFFER_PTS(buffer) / GST_MSECOND) : G_MAXUINT32;
    decoder->n_pictures++;
    if (decoder->info_known && !GST_BUFFER_FLAG_IS_SET(buffer, GST_BUFFER_FLAG_CORRUPTED))
        decoder->picture(decoder->user, buffer, &decoder->info, token);
    else
        gst_buffer_unref(buffer);
    return GST_FLOW_OK;
}

static gboolean is_too_large(guint width, guint height) {
    return width > DECODER_WIDTH_MAX || height > DECODER_HEIGHT_MAX;
}

/* Refused sizes end the stream: parameter sets can hide in any frame. */
static gboolean on_event_down(GstPad *pad, GstObject *parent, GstEvent *event) {
    (void)parent;
    Decoder *decoder = gst_pad_get_element_private(pad);
    gboolean ok = TRUE;
    if (GST_EVENT_TYPE(event) == GST_EVENT_CAPS) {
        GstCaps *caps;
        gst_event_parse_caps(event, &caps);
        decoder->info_known = gst_video_info_from_caps(&decoder->info, caps) &&
                              !is_too_large((guint)GST_VIDEO_INFO_WIDTH(&decoder->info),
                                            (guint)GST_VIDEO_INFO_HEIGHT(&decoder->info));
        ok = decoder->info_known;
    }
    gst_event_unref(event);
    return ok;
}

static gboolean on_event_up(GstPad *pad, GstObject *parent, GstEvent *event) {
    (void)pad;
    (void)parent;
    gst_event_unref(event); /* requests for keyframes are made by the source, which throttles them */
    return TRUE;
}

static gboolean on_query(GstPad *pad, GstObject *parent, GstQuery *query) {
    (void)parent;
    switch (GST_QUERY_TYPE(query)) {
    case GST_QUERY_ACCEPT_CAPS: gst_query_set_accept_caps_result(query, TRUE); return TRUE;
    case GST_QUERY_CAPS: {
        GstCaps *filter, *mine = gst_pad_get_pad_template_caps(pad), *answer;
        gst_query_parse_caps(query, &filter);
        answer = filter != NULL ? gst_caps_intersect(filter, mine) : gst_caps_ref(mine);
        gst_query_set_caps_result(query, answer);
        gst_caps_unref(answer);
        gst_caps_unref(mine);
        return TRUE;
    }
    default: return FALSE;
    }
}

static GstPad *own_pad(Decoder *decoder, const char *name, GstPadDirection direction, const char *caps_text) {
    GstCaps *caps = gst_caps_from_string(caps_text);
    GstPadTemplate *template = gst_pad_template_new(name, direction, GST_PAD_ALWAYS, caps);
    GstPad *pad = gst_pad_new_from_template(template, name);
    gst_object_unref(template);
    gst_caps_unref(caps);
    gst_object_ref_sink(pad);
    gst_pad_set_element_private(pad, decoder);
    gst_pad_set_query_function(pad, on_query);
    return pad;
}

static gboolean join(Decoder *decoder) {
    GstPad *sink = gst_element_get_static_pad(decoder->element, "sink");
    GstPad *source = gst_element_get_static_pad(decoder->element, "src");
    gboolean ok = gst_pad_link_full(decoder->feed, sink, GST_PAD_LINK_CHECK_NOTHING) == GST_PAD_LINK_OK &&
                  gst_pad_link_full(source, decoder->drain, GST_PAD_LINK_CHECK_NOTHING) == GST_PAD_LINK_OK;
    gst_object_unref(sink);
    gst_object_unref(source);
    return ok && gst_pad_set_active(decoder->drain, TRUE) && gst_pad_set_active(decoder->feed, TRUE) &&
           gst_element_set_state(decoder->element, GST_STATE_PLAYING) != GST_STATE_CHANGE_FAILURE;
}

static void begin_stream(Decoder *decoder) {
    GstCaps *caps = gst_caps_from_string(kinds[kind_of(decoder->codec)].caps);
    GstSegment segment;
    gst_segment_init(&segment, GST_FORMAT_TIME);
    gst_pad_push_event(decoder->feed, gst_event_new_stream_start("camera"));
    gst_pad_push_event(decoder->feed, gst_event_new_caps(caps));
    gst_pad_push_event(decoder->feed, gst_event_new_segment(&segment));
    gst_caps_unref(caps);
}

Decoder *decoder_new(Codec codec, DecoderPicture picture, gpointer user, GError **error) {
    guint kind = kind_of(codec);
    GstElement *element = gst_element_factory_make(kinds[kind].element, NULL);
    if (element == NULL) {
        g_set_error(error, FAULT, FAULT_SETUP, "GStreamer element %s is missing: install the package %s",
                    kinds[kind].element, kinds[kind].package);
        return NULL;
    }
    Decoder *decoder = g_new0(Decoder, 1);
    decoder->codec = codec;
    decoder->picture = picture;
    decoder->user = user;
    decoder->element = gst_object_ref_sink(element);
    /* Frame threads would add delay and compete with the audio; the pool has the parallelism. */
    gst_util_set_object_arg(G_OBJECT(element), kinds[kind].threads_property, "1");
    decoder->feed = own_pad(decoder, "feed", GST_PAD_SRC, "ANY");
    decoder->drain =
        own_pad(decoder, "drain", GST_PAD_SINK, "video/x-raw, format=(string){ I420, Y42B, Y444 }");
    gst_pad_set_event_function(decoder->feed, on_event_up);
    gst_pad_set_event_function(decoder->drain, on_event_down);
    gst_pad_set_chain_function(decoder->drain, on_picture);
    if (!join(decoder)) {
        g_set_error(error, FAULT, FAULT_INTERNAL, "GStreamer element %s does not start", kinds[kind].element);
        decoder_free(decoder);
        return NULL;
    }
    begin_stream(decoder);
    return decoder;
}

void decoder_free(Decoder *decoder) {
    if (decoder == NULL) return;
    gst_pad_set_active(decoder->feed, FALSE);
    gst_element_set_state(decoder->element, GST_STATE_NULL);
    gst_pad_set_active(decoder->drain, FALSE);
    gst_object_unref(decoder->feed);
    gst_object_unref(decoder->drain);
    gst_object_unref(decoder->element);
    g_free(decoder);
}

/* A frame that is decoded but not shown (VP8 alternate reference, RFC 6386 9.1) yields no picture. */
static gboolean is_shown(const Frame *frame) {
    return frame->codec != CODEC_VP8 || (frame->bytes[0] & 0x10) != 0;
}

static gboolean asks_too_much(const Frame *frame) {
    guint16 width = frame->width, height = frame->height;
    if (frame->codec == CODEC_VP8 && !vp8_keyframe_size(frame->bytes, frame->n_bytes, &width, &height))
        return FALSE;
    return is_too_large(width, height);
}

gboolean decoder_push(Decoder *decoder, Frame *frame, guint32 token) {
    if (frame->n_bytes < 3 || frame->codec != decoder->codec || asks_too_much(frame)) return FALSE;
    guint n_before = decoder->n_pictures;
    GstBuffer *buffer =
        gst_buffer_new_wrapped_full(GST_MEMORY_FLAG_READONLY, frame->bytes, frame->n_bytes, 0, frame->n_bytes,
                                    frame_ref(frame), (GDestroyNotify)frame_unref);
    GST_BUFFER_PTS(buffer) = GST_BUFFER_DTS(buffer) = token_to_time(token);
    if (!frame->keyframe) GST_BUFFER_FLAG_SET(buffer, GST_BUFFER_FLAG_DELTA_UNIT);
    if (gst_pad_push(decoder->feed, buffer) != GST_FLOW_OK) return FALSE;
    if (decoder->n_pictures != n_before || !is_shown(frame)) {
        decoder->n_silent = 0;
        return TRUE;
    }
    decoder->n_silent++;
    return decoder->codec == CODEC_H264 && decoder->n_silent < SILENT_FRAMES_MAX;
}
