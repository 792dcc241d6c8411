/* encoder_feed.h -- a GstPushSrc around one slot: the canvas puts the newest picture in, the encoder's thread takes it out. */
#pragma once

#include <gst/gst.h>

/* caps: of the pictures. The element is floating. */
GstElement *encoder_feed_new(GstCaps *caps);
/* Any thread, never waits. Takes the buffer. FALSE: the slot is still full, the buffer was dropped. */
gboolean encoder_feed_give(GstElement *feed, GstBuffer *buffer);
gboolean encoder_feed_is_full(GstElement *feed);
