/* sdp.h -- session descriptions (RFC 8866) as far as WebRTC needs them: text -> struct, bounded, every error names its
 * line. Offers and answers are made by negotiate.h; this file knows syntax, not policy. */
#pragma once

#include "bridge/wire/transport_description.h"

enum {
    SDP_BYTES_MAX = 64 * 1024,
    SDP_SECTIONS_MAX = 8,
    SDP_FORMATS_MAX = 64,
    SDP_EXTMAPS_MAX = 32,
    SDP_SSRCS_MAX = 16,
    SDP_SSRC_GROUPS_MAX = 8,
    SDP_RIDS_MAX = 8,
    SDP_CANDIDATES_MAX = 32,
};

typedef enum { SDP_INACTIVE = 0, SDP_SENDONLY = 1, SDP_RECVONLY = 2, SDP_SENDRECV = 3 } SdpDirection;

enum { /* bits of SdpFormat.feedback */
       SDP_FB_NACK = 1 << 0,
       SDP_FB_PLI = 1 << 1,
       SDP_FB_FIR = 1 << 2,
       SDP_FB_REMB = 1 << 3,
       SDP_FB_TRANSPORT_CC = 1 << 4,
};

/* All strings are borrowed from the Sdp that holds them; "" when absent, never NULL. */
typedef struct {
    guint8 payload_type;
    const char *encoding; /* "opus", "VP8", ... as written */
    guint32 clock_hz;
    guint n_channels;
    const char *fmtp;
    guint feedback; /* bits; "*" lines are spread over all formats */
} SdpFormat;

typedef struct {
    guint id; /* 1..255 */
    const char *uri;
    SdpDirection direction; /* SDP_SENDRECV when not said */
} SdpExtmap;

typedef struct {
    guint32 ssrc;
    const char *cname;
} SdpSsrc;

typedef struct {
    const char *semantics; /* "FID", "SIM", "FEC-FR" */
    guint n_ssrcs;
    guint32 ssrcs[4];
} SdpSsrcGroup;

typedef struct {
    const char *id;
    gboolean send; /* else recv */
    const char *restrictions;
} SdpRid;

typedef struct {
    guint line;       /* of the m= line, from 1 */
    const char *kind; /* "audio", "video", "application" */
    guint port;
    const char *protocol;
    const char *mid;
    SdpDirection direction;
    gboolean rtcp_mux, rtcp_rsize, bundle_only, end_of_candidates;
    /* Of this section, or of the session when the section does not say. */
    const char *ufrag, *pwd, *fingerprint;
    SetupRole setup;              /* 0: not said */
    const char *msid;             /* first one, "stream track" */
    guint ptime_ms, max_ptime_ms; /* 0: not said */
    guint n_formats;
    SdpFormat formats[SDP_FORMATS_MAX]; /* in the order of the m= line */
    guint n_extmaps;
    SdpExtmap extmaps[SDP_EXTMAPS_MAX];
    guint n_ssrcs;
    SdpSsrc ssrcs[SDP_SSRCS_MAX];
    guint n_ssrc_groups;
    SdpSsrcGroup ssrc_groups[SDP_SSRC_GROUPS_MAX];
    guint n_rids;
    SdpRid rids[SDP_RIDS_MAX];
    const char *simulcast_send, *simulcast_recv; /* "t;m" */
    guint n_candidates;
    const char *candidates[SDP_CANDIDATES_MAX]; /* value without "candidate:" */
} SdpSection;

typedef struct {
    char *text;         /* the copy that strings point into */
    const char *bundle; /* mids of a=group:BUNDLE, "" when there is none */
    gboolean ice_lite, extmap_allow_mixed;
    const char *ice_options;
    guint n_sections;
    SdpSection *sections;
} Sdp;

/* (transfer full) NULL on error, FAULT_BAD_INPUT: "SDP line 12: ...". Lines may end in CRLF or LF. Unknown attributes are
 * skipped; more of something than its MAX is an error (of SSRCs, groups, extmaps and candidates the rest is skipped). */
Sdp *sdp_parse(const char *text, gsize n_bytes, GError **error);
void sdp_free(Sdp *sdp); /* NULL is fine */

const SdpFormat *sdp_format(const SdpSection *section, guint payload_type); /* NULL when absent */
/* The value of a parameter in "a=1;b=2" (case of the key ignored); FALSE when absent. Cut to the room. */
gboolean sdp_fmtp_value(const char *fmtp, const char *key, char *ret_value, gsize n_bytes);
gboolean sdp_list_has(const char *list, const char *word); /* space separated, as in Sdp.bundle */

G_DEFINE_AUTOPTR_CLEANUP_FUNC(Sdp, sdp_free)
