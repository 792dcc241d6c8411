/* rtp_streams.c -- see rtp_streams.h. The order of belief: a stream once told keeps its place; then what the packet's own
 * extensions say; then a payload type that only one section uses. */
#include "bridge/wire/rtp_streams.h"

#include <string.h>

RtpStream *rtp_streams_find(RtpStreams *streams, guint32 ssrc) {
    for (guint i = 0; i < streams->n_streams; i++)
        if (streams->streams[i].ssrc == ssrc) return &streams->streams[i];
    return NULL;
}

static RtpStream *add(RtpStreams *streams, guint32 ssrc, guint section, gboolean is_rtx) {
    RtpStream *stream;

    if (ssrc == 0 || streams->n_streams == RTP_STREAMS_MAX) return NULL;
    stream = &streams->streams[streams->n_streams++];
    *stream = (RtpStream){ .ssrc = ssrc, .section = (guint8)section, .is_rtx = is_rtx };
    return stream;
}

void rtp_streams_init(RtpStreams *streams, const MediaPlan *plan) {
    memset(streams, 0, sizeof *streams);
    streams->plan = plan;
    for (guint i = 0; i < plan->n_sections; i++) {
        const MediaSection *section = &plan->sections[i];

        /* Layers are told apart by rid alone: an SSRC line could not say which layer it is. */
        if (section->rejected || !section->we_receive || (section->n_rids > 0 && section->rids_from_peer))
            continue;
        for (guint k = 0; k < section->n_remote; k++) {
            RtpStream *rtx;

            if (rtp_streams_find(streams, section->remote[k].ssrc) != NULL) continue;
            add(streams, section->remote[k].ssrc, i, FALSE);
            if (section->rtx_payload_type == 0 ||
                rtp_streams_find(streams, section->remote[k].rtx_ssrc) != NULL)
                continue;
            rtx = add(streams, section->remote[k].rtx_ssrc, i, TRUE);
            if (rtx != NULL) rtx->primary = section->remote[k].ssrc;
        }
    }
}

static gboolean uses_payload_type(const MediaSection *section, guint8 payload_type) {
    return !section->rejected && section->we_receive &&
           (section->payload_type == payload_type ||
            (section->red_payload_type != 0 && section->red_payload_type == payload_type) ||
            (section->rtx_payload_type != 0 && section->rtx_payload_type == payload_type));
}

/* The section of a packet by its mid, read with each section's own id; else the only one with this payload type. -1: unclear. */
static gint section_of(const MediaPlan *plan, const RtpPacket *packet) {
    gint only = -1;
    guint n = 0;

    for (guint i = 0; i < plan->n_sections; i++) {
        const MediaSection *section = &plan->sections[i];
        char mid[RTP_TEXT_BYTES];

        if (!uses_payload_type(section, packet->payload_type)) continue;
        if (rtp_ext_text(packet, section->exts.mid, mid)) {
            if (strcmp(mid, section->mid) == 0) return (gint)i;
            continue; /* says that it is another's */
        }
        only = (gint)i;
        n++;
    }
    return n == 1 ? only : -1;
}

static gboolean knows_rid(const MediaSection *section, const char *rid) {
    for (guint i = 0; i < section->n_rids; i++)
        if (strcmp(section->rids[i], rid) == 0) return TRUE;
    return FALSE;
}

static RtpStream *of_layer(RtpStreams *streams, guint section, const char *rid, gboolean is_rtx) {
    for (guint i = 0; i < streams->n_streams; i++) {
        RtpStream *stream = &streams->streams[i];

        if (stream->section == section && stream->is_rtx == is_rtx && strcmp(stream->rid, rid) == 0)
            return stream;
    }
    return NULL;
}

/* RTX finds what it repairs, and a late primary is found by its RTX: by rid, or as the only one of the section. */
static void pair_up(RtpStreams *streams, RtpStream *stream) {
    RtpStream *other = of_layer(streams, stream->section, stream->rid, !stream->is_rtx);

    if (other == NULL) return;
    if (stream->is_rtx && stream->primary == 0) stream->primary = other->ssrc;
    if (!stream->is_rtx) other->primary = stream->ssrc;
}

static RtpStream *learn(RtpStreams *streams, const RtpPacket *packet) {
    gint at = section_of(streams->plan, packet);
    const MediaSection *section;
    RtpStream *stream, *before;
    char rid[RTP_TEXT_BYTES] = "";
    gboolean is_rtx;

    if (at < 0) return NULL;
    section = &streams->plan->sections[at];
    is_rtx = section->rtx_payload_type != 0 && packet->payload_type == section->rtx_payload_type;
    if (section->n_rids > 0 && section->rids_from_peer) {
        if (!rtp_ext_text(packet, is_rtx ? section->exts.repaired_rid : section->exts.rid, rid)) return NULL;
        if (!knows_rid(section, rid)) return NULL;
    }
    /* A new SSRC for a layer that is known: the sender has started over. */
    before = of_layer(streams, (guint)at, rid, is_rtx);
    if (before != NULL) {
        before->ssrc = packet->ssrc;
        stream = before;
        if (is_rtx) stream->primary = 0;
    } else {
        stream = add(streams, packet->ssrc, (guint)at, is_rtx);
    }
    if (stream == NULL) return NULL;
    memcpy(stream->rid, rid, sizeof rid);
    pair_up(streams, stream);
    return stream;
}

RtpStream *rtp_streams_of(RtpStreams *streams, const RtpPacket *packet) {
    RtpStream *stream = rtp_streams_find(streams, packet->ssrc);

    if (stream == NULL) stream = learn(streams, packet);
    if (stream != NULL && uses_payload_type(&streams->plan->sections[stream->section], packet->payload_type))
        return stream;
    streams->n_refused++;
    return NULL;
}

void rtp_streams_forget(RtpStreams *streams, guint32 ssrc) {
    RtpStream *stream = rtp_streams_find(streams, ssrc);

    if (stream == NULL) return;
    for (guint i = 0; i < streams->n_streams; i++)
        if (streams->streams[i].primary == ssrc) streams->streams[i].primary = 0;
    *stream = streams->streams[--streams->n_streams];
}
