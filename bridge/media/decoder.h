/* decoder.h -- one bare decoder element between two pads of our own: no pipeline, no thread, no queue. A frame pushed in comes
 * out as pictures before the push returns, on the pushing thread. One thread at a time; which one does not matter. */
#pragma once

#include "bridge/media/frame.h"

#include <gst/gst.h>
#include <gst/video/video.h>

typedef struct Decoder Decoder;

/* Larger pictures are refused: nobody composes them, and their memory would be the sender's to choose. */
enum { DECODER_WIDTH_MAX = 2560, DECODER_HEIGHT_MAX = 2560 };

/* buffer: I420, Y42B or Y444 as info says; (transfer full). token: what was given to the push. */
typedef void (*DecoderPicture)(gpointer user, GstBuffer *buffer, const GstVideoInfo *info, guint32 token);

/* CODEC_VP8 or CODEC_H264. FAULT_SETUP when the element is missing. */
Decoder *decoder_new(Codec codec, DecoderPicture picture, gpointer user, GError **error);
void decoder_free(Decoder *decoder); /* NULL is fine */

/* Does not take the frame. FALSE: nothing could be made of it where a picture was due. */
gboolean decoder_push(Decoder *decoder, Frame *frame, guint32 token);

/* The element's name and Debian package for a codec. */
const char *decoder_element(Codec codec);
const char *decoder_package(Codec codec);
