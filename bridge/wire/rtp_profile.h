/* rtp_profile.h -- the fixed numbers of every offer that we make: the same for all pages and simulated endpoints, so that
 * one packetised block fits all. Clients that offer themselves (WHIP, WHEP) keep their own numbers: see negotiate.h. */
#pragma once

enum {
    PT_OPUS = 111,
    PT_RED = 63, /* redundant audio over PT_OPUS (RFC 2198) */
    PT_VP8 = 96,
    PT_VP8_RTX = 97,
    PT_H264 = 102, /* 42e01f, packetization-mode=1 */
    PT_H264_RTX = 103,
};

enum {
    EXT_AUDIO_LEVEL = 1,   /* RFC 6464 */
    EXT_ABS_SEND_TIME = 2, /* 24 bit, 6.18 fixed point seconds */
    EXT_TRANSPORT_CC = 3,  /* draft-holmer-rmcat-transport-wide-cc-extensions-01 */
    EXT_MID = 4,           /* RFC 8843 */
    EXT_RID = 5,           /* RFC 8852 */
    EXT_REPAIRED_RID = 6,
    EXT_VIDEO_ORIENTATION = 7, /* 3GPP TS 26.114 7.4.5 */
};

#define EXT_URI_AUDIO_LEVEL       "urn:ietf:params:rtp-hdrext:ssrc-audio-level"
#define EXT_URI_ABS_SEND_TIME     "http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time"
#define EXT_URI_TRANSPORT_CC      "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01"
#define EXT_URI_MID               "urn:ietf:params:rtp-hdrext:sdes:mid"
#define EXT_URI_RID               "urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id"
#define EXT_URI_REPAIRED_RID      "urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id"
#define EXT_URI_VIDEO_ORIENTATION "urn:3gpp:video-orientation"

/* The three media sections of our offers, in this order; their mids are "0", "1", "2". */
enum { SECTION_AUDIO = 0, SECTION_VIDEO = 1, SECTION_PRESENTATION = 2, SECTIONS_OFFERED = 3 };

#define RID_THUMBNAIL "t"
#define RID_MAIN      "m"
