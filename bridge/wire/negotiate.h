/* negotiate.h -- what two sides agree on: our offer to pages and simulated endpoints and what their answer means; a foreign
 * offer (WHIP, WHEP, the simulator answering us) and our answer. Pure: text and plain structs. */
#pragma once

#include "bridge/wire/codec.h"
#include "bridge/wire/rtp.h"
#include "bridge/wire/rtp_profile.h"
#include "bridge/wire/sdp.h"
#include "bridge/wire/transport_description.h"

enum { MEDIA_SECTIONS_MAX = 8, MEDIA_RIDS_MAX = 4, MEDIA_REMOTE_SSRCS_MAX = 4 };

typedef enum { MEDIA_OTHER, MEDIA_AUDIO, MEDIA_VIDEO } MediaKind;

/* Extension ids of one section, 0 = not agreed. Clients exist that reuse an id in two sections of a bundle. */
typedef struct {
    guint8 audio_level, abs_send_time, transport_cc, mid, rid, repaired_rid, video_orientation;
} MediaExts;

typedef struct {
    MediaKind kind;
    char mid[RTP_TEXT_BYTES];
    gboolean rejected; /* port 0: keeps its place, carries nothing */
    gboolean we_send, we_receive;
    Codec codec;                           /* 0 when rejected */
    guint8 payload_type, rtx_payload_type; /* both ways; rtx 0: none */
    guint8 red_payload_type; /* audio, both ways: may be sent and must be understood; 0: not agreed */
    guint feedback;          /* SDP_FB_ bits both sides know */
    MediaExts exts;
    guint exts_one_way;     /* bit i: the peer only sends the i-th field of MediaExts (Firefox: its rids) */
    char fmtp[160];         /* of the codec, for the answer (H.264 profile and mode) */
    char rejected_line[96]; /* rejected: its m= line in the answer, after "m=" */
    /* What we send. In our own offer from OfferSpec, in an answer from AnswerSpec. rtx 0: none. */
    guint32 local_ssrc, local_rtx_ssrc;
    /* What the peer says it sends; may be empty (simulcast, or no a=ssrc lines): then learn, see rtp_streams.h. */
    guint n_remote;
    struct {
        guint32 ssrc, rtx_ssrc;
    } remote[MEDIA_REMOTE_SSRCS_MAX];
    /* Simulcast layers low to high as agreed; n_rids 0: one plain stream. */
    guint n_rids;
    char rids[MEDIA_RIDS_MAX][RTP_TEXT_BYTES];
    gboolean rids_from_peer; /* TRUE: the peer sends them, FALSE: we do (the simulator) */
} MediaSection;

typedef struct {
    guint n_sections;
    MediaSection sections[MEDIA_SECTIONS_MAX]; /* in the order of the description */
    TransportDescription remote;               /* of the BUNDLE's first section */
    gboolean reduced_size, bundled; /* bundled: their offer has a BUNDLE group, so the answer has one */
} MediaPlan;

/* ---- (a) we offer ---- */
typedef struct {
    guint64 session_id;    /* o= line; not 0 */
    guint session_version; /* 1, then one more per restart */
    gboolean receive_only; /* the leg only receives: sections are sendonly from us, no simulcast */
    const char *cname;
    struct {
        guint32 ssrc, rtx_ssrc; /* rtx unused for audio */
    } local[SECTIONS_OFFERED];
    const TransportDescription *transport;
} OfferSpec;

/* (transfer full) The text of the offer; the same spec with a new transport and version is the ICE restart. */
char *negotiate_offer(const OfferSpec *spec);

/* What the answer to that offer means. FALSE: FAULT_BAD_INPUT with a sentence. A page that keeps recvonly just does not
 * send; a section answered with port 0 is rejected; the audio or video section may be rejected, not all of them. */
gboolean negotiate_read_answer(const OfferSpec *spec, const char *sdp, gsize n_bytes, MediaPlan *ret_plan,
                               GError **error);

/* ---- (b) a client offers ---- */
typedef enum {
    ANSWER_RECEIVE = 1, /* WHIP: we receive what it sends */
    ANSWER_SEND,        /* WHEP: we send, VP8 preferred */
    ANSWER_BOTH,        /* the simulator answering our own offer */
} AnswerWay;

/* Reads the offer and decides. Keeps the client's payload types and extension ids per section. Opus; VP8; H.264 by profile
 * (level ignored) and packetization-mode: what we receive may be baseline, main or high in mode 0 or 1 and the client's order
 * decides, what we send is VP8 or else baseline in mode 1. Whatever else is offered is rejected section by section. FALSE, FAULT_BAD_INPUT: not SDP, no BUNDLE, no rtcp-mux, no ICE or DTLS
 * data. FALSE, FAULT_REFUSED: nothing usable inside ("no audio or video with a codec that we know: ..."). */
gboolean negotiate_read_offer(AnswerWay way, const char *sdp, gsize n_bytes, MediaPlan *ret_plan,
                              GError **error);

typedef struct {
    guint64 session_id;
    guint session_version;
    const char *cname;
    const TransportDescription *transport; /* setup active or passive */
    gboolean ice_lite; /* "a=ice-lite"; the simulator's own ICE client and the bridge: FALSE */
} AnswerSpec;

/* (transfer full) The answer for a plan whose local_ssrc fields the caller has filled where we_send. */
char *negotiate_answer(const MediaPlan *plan, const AnswerSpec *spec);

/* Candidate line helper: the value after "candidate:" of a host UDP candidate (RFC 8839 5.1). */
void negotiate_host_candidate(char *ret_text, gsize n_bytes, guint index, const char *address, guint port);

/* Reads foundation, component, "udp", priority, address and port; FALSE for TCP, names (.local) and malformed ones. */
gboolean negotiate_read_candidate(const char *candidate, char *ret_address, gsize n_bytes, guint16 *ret_port,
                                  guint32 *ret_priority);
