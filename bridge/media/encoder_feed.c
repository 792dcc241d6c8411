/* encoder_feed.c -- see encoder_feed.h. */
#include "bridge/media/encoder_feed.h"

#include <gst/base/gstpushsrc.h>

typedef struct {
    GstPushSrc parent;
    GMutex lock;
    GCond filled;
    GstBuffer *slot;
    gboolean flushing;
    GstCaps *caps;
} EncoderFeed;

typedef struct {
    GstPushSrcClass parent_class;
} EncoderFeedClass;

GType encoder_feed_get_type(void);
G_DEFINE_TYPE(EncoderFeed, encoder_feed, GST_TYPE_PUSH_SRC)

static EncoderFeed *feed_of(gpointer object) {
    return G_TYPE_CHECK_INSTANCE_CAST(object, encoder_feed_get_type(), EncoderFeed);
}

static GstFlowReturn feed_create(GstPushSrc *source, GstBuffer **ret_buffer) {
    EncoderFeed *feed = feed_of(source);
    g_mutex_lock(&feed->lock);
    while (feed->slot == NULL && !feed->flushing) g_cond_wait(&feed->filled, &feed->lock);
    GstBuffer *buffer = feed->flushing ? NULL : g_steal_pointer(&feed->slot);
    g_mutex_unlock(&feed->lock);
    if (buffer == NULL) return GST_FLOW_FLUSHING;
    *ret_buffer = buffer;
    return GST_FLOW_OK;
}

static void set_flushing(EncoderFeed *feed, gboolean flushing) {
    g_mutex_lock(&feed->lock);
    feed->flushing = flushing;
    gst_clear_buffer(&feed->slot);
    g_cond_broadcast(&feed->filled);
    g_mutex_unlock(&feed->lock);
}

static gboolean feed_unlock(GstBaseSrc *source) {
    set_flushing(feed_of(source), TRUE);
    return TRUE;
}

static gboolean feed_unlock_stop(GstBaseSrc *source) {
    set_flushing(feed_of(source), FALSE);
    return TRUE;
}

static GstCaps *feed_get_caps(GstBaseSrc *source, GstCaps *filter) {
    EncoderFeed *feed = feed_of(source);
    return filter != NULL ? gst_caps_intersect(filter, feed->caps) : gst_caps_ref(feed->caps);
}

static gboolean feed_is_seekable(GstBaseSrc *source) {
    (void)source;
    return FALSE;
}

static void feed_finalize(GObject *object) {
    EncoderFeed *feed = feed_of(object);
    gst_clear_buffer(&feed->slot);
    gst_clear_caps(&feed->caps);
    g_mutex_clear(&feed->lock);
    g_cond_clear(&feed->filled);
    G_OBJECT_CLASS(encoder_feed_parent_class)->finalize(object);
}

static void encoder_feed_class_init(EncoderFeedClass *class) {
    GstBaseSrcClass *base = GST_BASE_SRC_CLASS(class);
    static GstStaticPadTemplate template =
        GST_STATIC_PAD_TEMPLATE("src", GST_PAD_SRC, GST_PAD_ALWAYS, GST_STATIC_CAPS("video/x-raw"));
    gst_element_class_add_static_pad_template(GST_ELEMENT_CLASS(class), &template);
    gst_element_class_set_static_metadata(GST_ELEMENT_CLASS(class), "Canvas source", "Source/Video",
                                          "Pictures of a canvas", "diemcau");
    G_OBJECT_CLASS(class)->finalize = feed_finalize;
    base->unlock = feed_unlock;
    base->unlock_stop = feed_unlock_stop;
    base->get_caps = feed_get_caps;
    base->is_seekable = feed_is_seekable;
    GST_PUSH_SRC_CLASS(class)->create = feed_create;
}

static void encoder_feed_init(EncoderFeed *feed) {
    g_mutex_init(&feed->lock);
    g_cond_init(&feed->filled);
    gst_base_src_set_live(GST_BASE_SRC(feed), TRUE);
    gst_base_src_set_format(GST_BASE_SRC(feed), GST_FORMAT_TIME);
    gst_base_src_set_do_timestamp(GST_BASE_SRC(feed), FALSE);
}

GstElement *encoder_feed_new(GstCaps *caps) {
    EncoderFeed *feed = g_object_new(encoder_feed_get_type(), NULL);
    feed->caps = gst_caps_ref(caps);
    return GST_ELEMENT(feed);
}

gboolean encoder_feed_give(GstElement *element, GstBuffer *buffer) {
    EncoderFeed *feed = feed_of(element);
    g_mutex_lock(&feed->lock);
    gboolean room = feed->slot == NULL && !feed->flushing;
    if (room) feed->slot = g_steal_pointer(&buffer);
    g_cond_signal(&feed->filled);
    g_mutex_unlock(&feed->lock);
    gst_clear_buffer(&buffer);
    return room;
}

gboolean encoder_feed_is_full(GstElement *element) {
    EncoderFeed *feed = feed_of(element);
    g_mutex_lock(&feed->lock);
    gboolean full = feed->slot != NULL;
    g_mutex_unlock(&feed->lock);
    return full;
}
