/* codec.h -- the codecs that the bridge knows; shared by every layer from wire up. */
#pragma once

typedef enum { CODEC_OPUS = 1, CODEC_VP8, CODEC_H264 } Codec;
