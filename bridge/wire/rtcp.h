/* rtcp.h -- RTCP packets, compound and reduced-size (RFC 3550, 4585, 5104, 5506): items out of bytes, bytes out of items.
 * Pure. Unknown and APP packets are skipped; lying lengths end the parse. */
#pragma once

#include "config/bytes.h"

enum {
    RTCP_BLOCKS_MAX = 31,
    RTCP_SSRCS_MAX = 31,
    RTCP_NACKS_MAX = 1024, /* sequence numbers of one NACK; more are dropped */
    RTCP_FIRS_MAX = 16,
    RTCP_TWCC_MAX = 2048, /* packets of one feedback; more are dropped */
    RTCP_CNAME_BYTES = 256,
};

typedef enum {
    RTCP_SR = 1,
    RTCP_RR,
    RTCP_CNAME, /* one SDES chunk's CNAME */
    RTCP_BYE,
    RTCP_NACK, /* generic NACK, RFC 4585 6.2.1 */
    RTCP_PLI,  /* RFC 4585 6.3.1 */
    RTCP_FIR,  /* RFC 5104 4.3.1 */
    RTCP_REMB, /* draft-alvestrand-rmcat-remb-03 */
    RTCP_TWCC, /* draft-holmer-rmcat-transport-wide-cc-extensions-01 3.1 */
} RtcpKind;

typedef struct {
    guint32 ssrc;             /* the stream that is reported on */
    guint8 fraction_lost;     /* of 256, since the last report */
    gint32 n_lost;            /* cumulative, signed 24 bit */
    guint32 highest_sequence; /* with cycles in the upper 16 bits */
    guint32 jitter;           /* in units of the stream's RTP clock */
    guint32 last_sr;          /* middle 32 bits of the NTP time of the last SR, 0: none */
    guint32 since_last_sr;    /* units of 1/65536 s */
} RtcpReportBlock;

typedef struct {
    guint64 ntp; /* 32.32 fixed point seconds since 1900 */
    guint32 rtp_time;
    guint32 n_packets, n_bytes; /* sent so far; bytes of payload */
} RtcpSenderInfo;

enum { RTCP_TWCC_LOST = G_MININT32 };
typedef struct {
    guint16 base_sequence;
    guint8 feedback_count; /* numbers the feedback packets themselves */
    gint64 reference_us;   /* multiple of 64 ms, the receiver's clock, signed 24 bit */
    guint n_packets;
    gint32 arrival_us[RTCP_TWCC_MAX]; /* since reference_us, or RTCP_TWCC_LOST; [i] is base_sequence + i */
} RtcpTwcc;

typedef struct {
    RtcpKind kind;
    guint32 sender_ssrc; /* who sent the packet; CNAME: whose it is */
    guint32 media_ssrc;  /* NACK, PLI, TWCC: the stream concerned; else 0 */
    union {
        struct {
            RtcpSenderInfo info; /* SR only */
            guint n_blocks;
            RtcpReportBlock blocks[RTCP_BLOCKS_MAX];
        } report; /* SR, RR */
        char cname[RTCP_CNAME_BYTES];
        struct {
            guint n_ssrcs;
            guint32 ssrcs[RTCP_SSRCS_MAX];
        } bye;
        struct {
            guint n_sequences;
            guint16 sequences[RTCP_NACKS_MAX]; /* in the order of the packet */
        } nack;
        struct {
            guint n_entries;
            struct {
                guint32 ssrc;
                guint8 sequence;
            } entries[RTCP_FIRS_MAX];
        } fir;
        struct {
            guint64 bitrate_bps;
            guint n_ssrcs;
            guint32 ssrcs[RTCP_SSRCS_MAX];
        } remb;
        RtcpTwcc twcc;
    };
} RtcpItem;

/* Calls visit once per item, in order. FALSE: malformed from some point on (items before it were given).
 * scratch: room for one item, e.g. a static per thread; it is big, so it is the caller's. */
typedef void (*RtcpVisit)(gpointer user, const RtcpItem *item);
gboolean rtcp_parse(const guint8 *bytes, gsize n_bytes, RtcpItem *scratch, RtcpVisit visit, gpointer user);

/* ---- writers: each appends one packet; a full writer becomes bad. Lists longer than their MAX are cut. ---- */
void rtcp_write_sr(Writer *writer, guint32 ssrc, const RtcpSenderInfo *info, const RtcpReportBlock *blocks,
                   guint n_blocks);
void rtcp_write_rr(Writer *writer, guint32 ssrc, const RtcpReportBlock *blocks, guint n_blocks);
void rtcp_write_cname(Writer *writer, guint32 ssrc, const char *cname);
void rtcp_write_bye(Writer *writer, const guint32 *ssrcs, guint n_ssrcs,
                    const char *reason); /* reason NULL: none */
/* sequences oldest first; runs within 16 share an entry. */
void rtcp_write_nack(Writer *writer, guint32 sender, guint32 media, const guint16 *sequences,
                     guint n_sequences);
void rtcp_write_pli(Writer *writer, guint32 sender, guint32 media);
void rtcp_write_fir(Writer *writer, guint32 sender, guint32 media, guint8 sequence);
void rtcp_write_remb(Writer *writer, guint32 sender, guint64 bitrate_bps, const guint32 *ssrcs,
                     guint n_ssrcs);
/* arrival_us must fit: deltas beyond +-8 s end the feedback early. Returns how many of twcc->n_packets were said. */
guint rtcp_write_twcc(Writer *writer, guint32 sender, guint32 media, const RtcpTwcc *twcc);

/* ---- times ---- */
/* reference_us goes round every 12.4 days: the same time on a line without end, the one nearest to that of the feedback before.
 * before_us: what was returned for that, 0: none. */
gint64 rtcp_twcc_reference_us(const RtcpTwcc *twcc, gint64 before_us);
guint64 ntp_from_utc_us(gint64 utc_us);
gint64 ntp_to_utc_us(guint64 ntp);
static inline guint32 ntp_middle(guint64 ntp) { return (guint32)(ntp >> 16); }
/* Round trip from a report block (RFC 3550 6.4.1) and our NTP time of its arrival; -1 when it names no SR of ours. */
gint64 rtcp_round_trip_us(const RtcpReportBlock *block, guint64 arrival_ntp);
