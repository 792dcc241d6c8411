/* negotiate_private.h -- what the three files of negotiation share. */
#pragma once

#include "bridge/wire/negotiate.h"

#define MSID_STREAM       "diemcau"
#define MSID_PRESENTATION "diemcau-presentation"

enum { FEEDBACK_ALL = SDP_FB_NACK | SDP_FB_PLI | SDP_FB_FIR | SDP_FB_REMB | SDP_FB_TRANSPORT_CC };

MediaKind negotiate_kind(const SdpSection *section);
const char *negotiate_direction_word(gboolean send, gboolean receive);

/* Ids 1..14 of the extensions that a section of this kind may carry; *ret_one_way: see MediaSection. */
void negotiate_read_exts(const SdpSection *section, MediaKind kind, MediaExts *ret_exts, guint *ret_one_way);
/* The payload type of the RTX format that repairs payload_type; 0: none. */
guint8 negotiate_rtx_of(const SdpSection *section, guint payload_type);
/* The payload type of the RED format that repeats payload_type and nothing else (RFC 2198); 0: none. */
guint8 negotiate_red_of(const SdpSection *section, guint payload_type);
/* The SSRCs that the peer says it sends: FID pairs, then single ones. */
void negotiate_read_ssrcs(const SdpSection *section, MediaSection *ret_section);
/* "t;~m,x" -> rids "t", "m": the first alternative of each. */
void negotiate_read_rids(const char *list, MediaSection *ret_section);

/* Checks that everything that is not rejected shares one transport, and reads it. accept_actpass: in an offer. */
gboolean negotiate_read_transport(const Sdp *sdp, const MediaPlan *plan, gboolean in_offer,
                                  TransportDescription *ret, GError **error);

/* ---- lines ---- */
void negotiate_put_session(GString *text, guint64 id, guint version, const char *bundle);
void negotiate_put_transport(GString *text, const TransportDescription *transport, gboolean with_candidates);
void negotiate_put_exts(GString *text, const MediaSection *section);
void negotiate_put_codec(GString *text, const MediaSection *section);
void negotiate_put_rids(GString *text, const MediaSection *section, const char *way);
void negotiate_put_source(GString *text, const MediaSection *section, gboolean presentation,
                          const char *cname);
