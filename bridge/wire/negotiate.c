/* negotiate.c -- the parts of negotiation that offers and answers share: reading what a section says, and single lines.
 * Our offer: negotiate_offer.c. Foreign offers: negotiate_answer.c. */
#include "bridge/wire/negotiate_private.h"

#include "config/fault.h"

#include <string.h>

MediaKind negotiate_kind(const SdpSection *section) {
    if (strcmp(section->kind, "audio") == 0) return MEDIA_AUDIO;
    return strcmp(section->kind, "video") == 0 ? MEDIA_VIDEO : MEDIA_OTHER;
}

const char *negotiate_direction_word(gboolean send, gboolean receive) {
    if (send) return receive ? "sendrecv" : "sendonly";
    return receive ? "recvonly" : "inactive";
}

/* ---- reading ---- */

/* One row per extension: where its id lives in MediaExts and which kinds of section may have it. */
static const struct {
    const char *uri;
    gsize offset;
    gboolean audio, video;
} EXTS[] = {
    { EXT_URI_AUDIO_LEVEL, G_STRUCT_OFFSET(MediaExts, audio_level), TRUE, FALSE },
    { EXT_URI_ABS_SEND_TIME, G_STRUCT_OFFSET(MediaExts, abs_send_time), TRUE, TRUE },
    { EXT_URI_TRANSPORT_CC, G_STRUCT_OFFSET(MediaExts, transport_cc), TRUE, TRUE },
    { EXT_URI_MID, G_STRUCT_OFFSET(MediaExts, mid), TRUE, TRUE },
    { EXT_URI_RID, G_STRUCT_OFFSET(MediaExts, rid), FALSE, TRUE },
    { EXT_URI_REPAIRED_RID, G_STRUCT_OFFSET(MediaExts, repaired_rid), FALSE, TRUE },
    { EXT_URI_VIDEO_ORIENTATION, G_STRUCT_OFFSET(MediaExts, video_orientation), FALSE, TRUE },
};

void negotiate_read_exts(const SdpSection *section, MediaKind kind, MediaExts *ret_exts, guint *ret_one_way) {
    memset(ret_exts, 0, sizeof *ret_exts);
    *ret_one_way = 0;
    for (guint i = 0; i < section->n_extmaps; i++) {
        const SdpExtmap *map = &section->extmaps[i];

        /* We write one-byte elements; what the peer does not send is of no use to us. */
        if (map->id > 14 || (map->direction & SDP_SENDONLY) == 0) continue;
        for (guint k = 0; k < G_N_ELEMENTS(EXTS); k++) {
            guint8 *id = (guint8 *)ret_exts + EXTS[k].offset;

            if (*id != 0 || !(kind == MEDIA_AUDIO ? EXTS[k].audio : EXTS[k].video)) continue;
            if (strcmp(map->uri, EXTS[k].uri) != 0) continue;
            *id = (guint8)map->id;
            if (map->direction == SDP_SENDONLY) *ret_one_way |= 1u << EXTS[k].offset;
        }
    }
}

guint8 negotiate_rtx_of(const SdpSection *section, guint payload_type) {
    for (guint i = 0; i < section->n_formats; i++) {
        const SdpFormat *format = &section->formats[i];
        char value[8];

        if (g_ascii_strcasecmp(format->encoding, "rtx") != 0) continue;
        if (!sdp_fmtp_value(format->fmtp, "apt", value, sizeof value)) continue;
        if (g_ascii_strtoull(value, NULL, 10) == payload_type) return format->payload_type;
    }
    return 0;
}

/* "111/111": the payload types inside, newest first. One other codec inside, and we could not read it. */
static gboolean repeats_only(const char *fmtp, guint payload_type) {
    guint n = 0;

    for (;; n++) {
        char *end;
        guint64 inside = g_ascii_strtoull(fmtp, &end, 10);

        if (end == fmtp || inside != payload_type) return FALSE;
        if (*end == '\0') return n >= 1;
        if (*end != '/') return FALSE;
        fmtp = end + 1;
    }
}

guint8 negotiate_red_of(const SdpSection *section, guint payload_type) {
    for (guint i = 0; i < section->n_formats; i++) {
        const SdpFormat *format = &section->formats[i];

        if (g_ascii_strcasecmp(format->encoding, "red") == 0 && format->clock_hz == 48000 &&
            format->n_channels == 2 && repeats_only(format->fmtp, payload_type))
            return format->payload_type;
    }
    return 0;
}

void negotiate_read_ssrcs(const SdpSection *section, MediaSection *ret_section) {
    ret_section->n_remote = 0;
    for (guint i = 0; i < section->n_ssrc_groups && ret_section->n_remote < MEDIA_REMOTE_SSRCS_MAX; i++) {
        const SdpSsrcGroup *group = &section->ssrc_groups[i];

        if (strcmp(group->semantics, "FID") != 0 || group->n_ssrcs != 2) continue;
        ret_section->remote[ret_section->n_remote].ssrc = group->ssrcs[0];
        ret_section->remote[ret_section->n_remote++].rtx_ssrc = group->ssrcs[1];
    }
    for (guint i = 0; i < section->n_ssrcs && ret_section->n_remote < MEDIA_REMOTE_SSRCS_MAX; i++) {
        gboolean known = FALSE;

        for (guint k = 0; k < ret_section->n_remote && !known; k++)
            known = section->ssrcs[i].ssrc == ret_section->remote[k].ssrc ||
                    section->ssrcs[i].ssrc == ret_section->remote[k].rtx_ssrc;
        if (known) continue;
        ret_section->remote[ret_section->n_remote].ssrc = section->ssrcs[i].ssrc;
        ret_section->remote[ret_section->n_remote++].rtx_ssrc = 0;
    }
}

void negotiate_read_rids(const char *list, MediaSection *ret_section) {
    ret_section->n_rids = 0;
    while (*list != '\0' && ret_section->n_rids < MEDIA_RIDS_MAX) {
        gsize n;

        list += strspn(list, ";~");
        n = strcspn(list, ";,");
        if (n > 0 && n < RTP_TEXT_BYTES) g_strlcpy(ret_section->rids[ret_section->n_rids++], list, n + 1);
        list += strcspn(list, ";");
    }
}

static gboolean is_ice_text(const char *text, gsize least) {
    gsize n = strlen(text);

    if (n < least || n > 256) return FALSE;
    for (gsize i = 0; i < n; i++)
        if (!g_ascii_isalnum(text[i]) && text[i] != '+' && text[i] != '/' && text[i] != '-' && text[i] != '_')
            return FALSE;
    return TRUE;
}

static const char *transport_fault(const SdpSection *section, gboolean in_offer) {
    if (!is_ice_text(section->ufrag, 4)) return "ice-ufrag is missing or malformed";
    if (!is_ice_text(section->pwd, 22)) return "ice-pwd is missing or malformed";
    if (*section->fingerprint == '\0') return "there is no DTLS fingerprint";
    if (strlen(section->fingerprint) > 127) return "the DTLS fingerprint is too long";
    if (in_offer && section->setup == 0) return "there is no a=setup line";
    if (!in_offer && section->setup == SETUP_ACTPASS) return "an answer must not say setup:actpass";
    return NULL;
}

gboolean negotiate_read_transport(const Sdp *sdp, const MediaPlan *plan, gboolean in_offer,
                                  TransportDescription *ret, GError **error) {
    const SdpSection *first = NULL;
    const char *wrong = NULL;

    for (guint i = 0; i < plan->n_sections && wrong == NULL; i++) {
        const SdpSection *section = &sdp->sections[i];

        if (plan->sections[i].rejected) continue;
        if (!section->rtcp_mux)
            wrong = "rtcp-mux is needed";
        else if (first == NULL)
            wrong = transport_fault(section, in_offer);
        else if (!sdp_list_has(sdp->bundle, section->mid) || !sdp_list_has(sdp->bundle, first->mid))
            wrong = "all media must be in one BUNDLE group";
        if (wrong != NULL)
            g_set_error(error, FAULT, FAULT_BAD_INPUT, "SDP, media section of line %u: %s", section->line,
                        wrong);
        if (first == NULL) first = section;
    }
    if (wrong != NULL) return FALSE;
    if (first == NULL) {
        g_set_error(error, FAULT, FAULT_BAD_INPUT, "SDP: every media section is rejected");
        return FALSE;
    }
    memset(ret, 0, sizeof *ret);
    g_strlcpy(ret->ufrag, first->ufrag, sizeof ret->ufrag);
    g_strlcpy(ret->pwd, first->pwd, sizeof ret->pwd);
    g_strlcpy(ret->fingerprint, first->fingerprint, sizeof ret->fingerprint);
    ret->setup =
        first->setup != 0 ? first->setup : SETUP_ACTIVE; /* RFC 4145 4: what an answer means by default */
    for (guint i = 0; i < first->n_candidates && ret->n_candidates < TRANSPORT_CANDIDATES_MAX; i++)
        if (strlen(first->candidates[i]) < sizeof ret->candidates[0])
            g_strlcpy(ret->candidates[ret->n_candidates++], first->candidates[i], sizeof ret->candidates[0]);
    return TRUE;
}

/* ---- lines ---- */

void negotiate_put_session(GString *text, guint64 id, guint version, const char *bundle) {
    g_string_append_printf(text, "v=0\r\no=- %" G_GUINT64_FORMAT " %u IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n",
                           id & G_MAXINT64, version);
    if (*bundle != '\0') g_string_append_printf(text, "a=group:BUNDLE %s\r\n", bundle);
    g_string_append(text, "a=msid-semantic: WMS *\r\n");
}

void negotiate_put_transport(GString *text, const TransportDescription *transport, gboolean with_candidates) {
    static const char *const SETUP[] = { "actpass", "actpass", "active", "passive" };

    g_string_append(text, "c=IN IP4 0.0.0.0\r\n");
    for (guint i = 0; with_candidates && i < transport->n_candidates; i++)
        g_string_append_printf(text, "a=candidate:%s\r\n", transport->candidates[i]);
    if (with_candidates) g_string_append(text, "a=end-of-candidates\r\n");
    g_string_append_printf(text, "a=ice-ufrag:%s\r\na=ice-pwd:%s\r\na=fingerprint:%s\r\na=setup:%s\r\n",
                           transport->ufrag, transport->pwd, transport->fingerprint,
                           SETUP[transport->setup & 3]);
}

void negotiate_put_exts(GString *text, const MediaSection *section) {
    for (guint i = 0; i < G_N_ELEMENTS(EXTS); i++) {
        guint8 id = *((const guint8 *)&section->exts + EXTS[i].offset);
        const char *way = section->exts_one_way >> EXTS[i].offset & 1 ? "/recvonly" : "";

        if (id != 0) g_string_append_printf(text, "a=extmap:%u%s %s\r\n", id, way, EXTS[i].uri);
    }
}

void negotiate_put_codec(GString *text, const MediaSection *section) {
    static const char *const NAMES[] = { "", "opus/48000/2", "VP8/90000", "H264/90000" };
    static const struct {
        guint bit;
        const char *text;
    } FEEDBACK[] = { { SDP_FB_REMB, "goog-remb" },
                     { SDP_FB_TRANSPORT_CC, "transport-cc" },
                     { SDP_FB_FIR, "ccm fir" },
                     { SDP_FB_NACK, "nack" },
                     { SDP_FB_PLI, "nack pli" } };
    guint pt = section->payload_type;

    g_string_append_printf(text, "a=rtpmap:%u %s\r\n", pt, NAMES[section->codec]);
    for (guint i = 0; i < G_N_ELEMENTS(FEEDBACK); i++)
        if (section->feedback & FEEDBACK[i].bit)
            g_string_append_printf(text, "a=rtcp-fb:%u %s\r\n", pt, FEEDBACK[i].text);
    if (*section->fmtp != '\0') g_string_append_printf(text, "a=fmtp:%u %s\r\n", pt, section->fmtp);
    if (section->red_payload_type != 0)
        g_string_append_printf(text, "a=rtpmap:%u red/48000/2\r\na=fmtp:%u %u/%u\r\n",
                               section->red_payload_type, section->red_payload_type, pt, pt);
    if (section->rtx_payload_type != 0)
        g_string_append_printf(text, "a=rtpmap:%u rtx/90000\r\na=fmtp:%u apt=%u\r\n",
                               section->rtx_payload_type, section->rtx_payload_type, pt);
}

void negotiate_put_rids(GString *text, const MediaSection *section, const char *way) {
    if (section->n_rids == 0) return;
    for (guint i = 0; i < section->n_rids; i++)
        g_string_append_printf(text, "a=rid:%s %s\r\n", section->rids[i], way);
    g_string_append_printf(text, "a=simulcast:%s ", way);
    for (guint i = 0; i < section->n_rids; i++)
        g_string_append_printf(text, "%s%s", i > 0 ? ";" : "", section->rids[i]);
    g_string_append(text, "\r\n");
}

void negotiate_put_source(GString *text, const MediaSection *section, gboolean presentation,
                          const char *cname) {
    const char *stream = presentation ? MSID_PRESENTATION : MSID_STREAM;
    const char *track = section->kind == MEDIA_AUDIO ? "audio" : presentation ? "presentation" : "video";

    g_string_append_printf(text, "a=msid:%s %s\r\n", stream, track);
    if (section->local_ssrc == 0) return;
    if (section->local_rtx_ssrc != 0)
        g_string_append_printf(text, "a=ssrc-group:FID %u %u\r\n", section->local_ssrc,
                               section->local_rtx_ssrc);
    g_string_append_printf(text, "a=ssrc:%u cname:%s\r\na=ssrc:%u msid:%s %s\r\n", section->local_ssrc, cname,
                           section->local_ssrc, stream, track);
    if (section->local_rtx_ssrc != 0)
        g_string_append_printf(text, "a=ssrc:%u cname:%s\r\na=ssrc:%u msid:%s %s\r\n",
                               section->local_rtx_ssrc, cname, section->local_rtx_ssrc, stream, track);
}

/* ---- candidates ---- */

void negotiate_host_candidate(char *ret_text, gsize n_bytes, guint index, const char *address, guint port) {
    /* RFC 8445 5.1.2.1: type preference 126 (host), local preference falling with the index, component 1. */
    guint32 priority = (126u << 24) | ((65535u - index) << 8) | 255u;

    g_snprintf(ret_text, (gulong)n_bytes, "%u 1 udp %u %s %u typ host", index + 1, priority, address, port);
}

gboolean negotiate_read_candidate(const char *candidate, char *ret_address, gsize n_bytes, guint16 *ret_port,
                                  guint32 *ret_priority) {
    g_auto(GStrv) words = g_strsplit(candidate, " ", 9);
    guint64 priority, port;

    if (g_strv_length(words) < 8 || g_ascii_strcasecmp(words[2], "udp") != 0 || strcmp(words[1], "1") != 0)
        return FALSE;
    if (strcmp(words[6], "typ") != 0 || !g_hostname_is_ip_address(words[4]) || strlen(words[4]) >= n_bytes)
        return FALSE;
    if (!g_ascii_string_to_unsigned(words[3], 10, 0, G_MAXUINT32, &priority, NULL)) return FALSE;
    if (!g_ascii_string_to_unsigned(words[5], 10, 1, 65535, &port, NULL)) return FALSE;
    g_strlcpy(ret_address, words[4], n_bytes);
    *ret_port = (guint16)port;
    *ret_priority = (guint32)priority;
    return TRUE;
}
