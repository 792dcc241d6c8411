/* negotiate_answer.c -- a client's offer (browser, OBS, GStreamer, the simulator's view of ours): what of it we take, and
 * our answer. The client's payload types and extension ids are kept, section by section. */
#include "bridge/wire/negotiate_private.h"

#include "config/fault.h"

#include <string.h>

enum { VIDEO_SECTIONS_MAX = 2 };

static gboolean is_codec(const SdpFormat *format, const char *encoding, guint32 clock_hz) {
    return g_ascii_strcasecmp(format->encoding, encoding) == 0 && format->clock_hz == clock_hz;
}

/* ---- H.264 (RFC 6184 8.1): by profile and packetization-mode, the level is ours to choose ---- */

typedef struct {
    guint profile; /* profile_idc */
    guint mode;
} H264Terms;

/* FALSE: parameters are malformed, or a mode that we never take. */
static gboolean read_h264_terms(const char *fmtp, H264Terms *ret_terms) {
    char value[16];
    guint64 id = 0x420010, mode = 0;

    if (sdp_fmtp_value(fmtp, "profile-level-id", value, sizeof value) &&
        (strlen(value) != 6 || !g_ascii_string_to_unsigned(value, 16, 0, 0xFFFFFF, &id, NULL)))
        return FALSE;
    if (sdp_fmtp_value(fmtp, "packetization-mode", value, sizeof value) &&
        !g_ascii_string_to_unsigned(value, 10, 0, 1, &mode, NULL))
        return FALSE;
    *ret_terms = (H264Terms){ (guint)(id >> 16), (guint)mode };
    return TRUE;
}

static gboolean takes_h264(const SdpFormat *format, gboolean we_send) {
    H264Terms terms;

    if (!is_codec(format, "H264", 90000) || !read_h264_terms(format->fmtp, &terms)) return FALSE;
    if (we_send) return terms.profile == 66 && terms.mode == 1;
    return terms.profile == 66 || terms.profile == 77 || terms.profile == 100;
}

static void h264_answer_fmtp(const char *offered, char *ret_fmtp, gsize n_bytes) {
    char id[16] = "420010", mode[16] = "0";

    sdp_fmtp_value(offered, "profile-level-id", id, sizeof id);
    sdp_fmtp_value(offered, "packetization-mode", mode, sizeof mode);
    g_snprintf(ret_fmtp, (gulong)n_bytes,
               "level-asymmetry-allowed=1;packetization-mode=%s;profile-level-id=%s", mode, id);
}

/* ---- choosing ---- */

static Codec codec_of(const SdpFormat *format, MediaKind kind, gboolean we_send) {
    if (kind == MEDIA_AUDIO)
        return is_codec(format, "opus", 48000) && format->n_channels == 2 ? CODEC_OPUS : 0;
    if (is_codec(format, "VP8", 90000)) return CODEC_VP8;
    return takes_h264(format, we_send) ? CODEC_H264 : 0;
}

/* The client's first that we know; when we send, VP8 wherever it stands (its encoders are running anyway). */
static const SdpFormat *choose_format(const SdpSection *offer, MediaKind kind, gboolean we_send,
                                      Codec *ret_codec) {
    const SdpFormat *chosen = NULL;

    *ret_codec = 0;
    for (guint i = 0; i < offer->n_formats; i++) {
        Codec codec = codec_of(&offer->formats[i], kind, we_send);

        if (codec == 0 || (chosen != NULL && !(we_send && codec == CODEC_VP8 && *ret_codec != CODEC_VP8)))
            continue;
        chosen = &offer->formats[i];
        *ret_codec = codec;
    }
    return chosen;
}

static void reject(const SdpSection *offer, MediaSection *section) {
    gboolean data = negotiate_kind(offer) == MEDIA_OTHER && strstr(offer->protocol, "SCTP") != NULL;
    char format[16] = "0";

    if (offer->n_formats > 0) g_snprintf(format, sizeof format, "%u", offer->formats[0].payload_type);
    *section = (MediaSection){ .kind = section->kind, .rejected = TRUE };
    g_strlcpy(section->mid, offer->mid, sizeof section->mid);
    g_snprintf(section->rejected_line, sizeof section->rejected_line, "%.24s 0 %.40s %s", offer->kind,
               offer->protocol, data ? "webrtc-datachannel" : format);
}

static void read_layers(AnswerWay way, const SdpSection *offer, MediaSection *section) {
    gboolean ours = way == ANSWER_BOTH && *offer->simulcast_recv != '\0' && section->we_send;

    if (section->exts.rid == 0 || (!ours && !section->we_receive)) return;
    negotiate_read_rids(ours ? offer->simulcast_recv : offer->simulcast_send, section);
    section->rids_from_peer = !ours && section->n_rids > 0;
}

/* TRUE: the section carries something. */
static gboolean read_section(AnswerWay way, const SdpSection *offer, MediaSection *section) {
    const SdpFormat *format;
    gboolean peer_sends = offer->direction & SDP_SENDONLY, peer_receives = offer->direction & SDP_RECVONLY;

    section->kind = negotiate_kind(offer);
    section->we_receive = peer_sends && way != ANSWER_SEND;
    section->we_send = peer_receives && way != ANSWER_RECEIVE;
    format = section->kind == MEDIA_OTHER
                 ? NULL
                 : choose_format(offer, section->kind, section->we_send, &section->codec);
    if (format == NULL || !g_str_has_suffix(offer->protocol, "RTP/SAVPF") ||
        (offer->port == 0 && !offer->bundle_only)) {
        reject(offer, section);
        return FALSE;
    }
    g_strlcpy(section->mid, offer->mid, sizeof section->mid);
    section->payload_type = format->payload_type;
    section->rtx_payload_type = section->kind == MEDIA_VIDEO && format->feedback & SDP_FB_NACK
                                    ? negotiate_rtx_of(offer, format->payload_type)
                                    : 0;
    if (section->kind == MEDIA_AUDIO)
        section->red_payload_type = negotiate_red_of(offer, format->payload_type);
    section->feedback =
        format->feedback & (section->kind == MEDIA_AUDIO ? SDP_FB_TRANSPORT_CC : FEEDBACK_ALL);
    negotiate_read_exts(offer, section->kind, &section->exts, &section->exts_one_way);
    if (section->codec == CODEC_H264) h264_answer_fmtp(format->fmtp, section->fmtp, sizeof section->fmtp);
    if (section->codec == CODEC_OPUS)
        g_strlcpy(section->fmtp, "minptime=10;useinbandfec=1;usedtx=1", sizeof section->fmtp);
    if (section->we_receive) negotiate_read_ssrcs(offer, section);
    read_layers(way, offer, section);
    return section->we_send || section->we_receive;
}

/* What the client offers, for a sentence: "audio PCMU; video AV1, VP9". */
static char *describe_offer(const Sdp *sdp) {
    GString *text = g_string_new(NULL);

    for (guint i = 0; i < sdp->n_sections; i++) {
        g_string_append_printf(text, "%s%.16s", i > 0 ? "; " : "", sdp->sections[i].kind);
        for (guint k = 0; k < sdp->sections[i].n_formats && k < 8; k++)
            if (*sdp->sections[i].formats[k].encoding != '\0')
                g_string_append_printf(text, "%s%.24s", k > 0 ? ", " : " ",
                                       sdp->sections[i].formats[k].encoding);
    }
    return g_string_free(text, FALSE);
}

static gboolean mids_usable(const Sdp *sdp, GError **error) {
    for (guint i = 0; i < sdp->n_sections; i++) {
        if (strlen(sdp->sections[i].mid) < RTP_TEXT_BYTES) continue;
        g_set_error(error, FAULT, FAULT_BAD_INPUT,
                    "SDP, media section of line %u: its mid is longer than 16 characters",
                    sdp->sections[i].line);
        return FALSE;
    }
    return TRUE;
}

gboolean negotiate_read_offer(AnswerWay way, const char *text, gsize n_bytes, MediaPlan *ret_plan,
                              GError **error) {
    g_autoptr(Sdp) sdp = sdp_parse(text, n_bytes, error);
    guint n_audio = 0, n_video = 0, n_active = 0;
    g_autofree char *described = NULL;

    if (sdp == NULL || !mids_usable(sdp, error)) return FALSE;
    memset(ret_plan, 0, sizeof *ret_plan);
    ret_plan->reduced_size = TRUE;
    ret_plan->bundled = *sdp->bundle != '\0';
    for (guint i = 0; i < sdp->n_sections; i++) {
        const SdpSection *offer = &sdp->sections[i];
        MediaSection *section = &ret_plan->sections[ret_plan->n_sections++];
        gboolean active = read_section(way, offer, section);

        if (!section->rejected && section->kind == MEDIA_AUDIO && n_audio++ >= 1) reject(offer, section);
        if (!section->rejected && section->kind == MEDIA_VIDEO && n_video++ >= VIDEO_SECTIONS_MAX)
            reject(offer, section);
        if (section->rejected) continue;
        if (active) n_active++;
        ret_plan->reduced_size = ret_plan->reduced_size && offer->rtcp_rsize;
    }
    if (n_active > 0) return negotiate_read_transport(sdp, ret_plan, TRUE, &ret_plan->remote, error);
    described = describe_offer(sdp);
    g_set_error(error, FAULT, FAULT_REFUSED,
                "the offer has no audio or video that can be %s here with Opus, VP8 or H.264 (it has: %s)",
                way == ANSWER_RECEIVE ? "received" : "sent", *described != '\0' ? described : "nothing");
    return FALSE;
}

/* ---- the answer ---- */

char *negotiate_answer(const MediaPlan *plan, const AnswerSpec *spec) {
    GString *text = g_string_sized_new(4096);
    g_autoptr(GString) bundle = g_string_new(NULL);
    guint n_put = 0, n_video = 0;

    for (guint i = 0; plan->bundled && i < plan->n_sections; i++) /* RFC 8843 7.3 */
        if (!plan->sections[i].rejected && *plan->sections[i].mid != '\0')
            g_string_append_printf(bundle, "%s%s", bundle->len > 0 ? " " : "", plan->sections[i].mid);
    negotiate_put_session(text, spec->session_id, spec->session_version, bundle->str);
    if (spec->ice_lite) g_string_append(text, "a=ice-lite\r\n");
    for (guint i = 0; i < plan->n_sections; i++) {
        const MediaSection *section = &plan->sections[i];
        gboolean presentation = section->kind == MEDIA_VIDEO && !section->rejected && n_video++ > 0;

        if (section->rejected) {
            g_string_append_printf(text, "m=%s\r\nc=IN IP4 0.0.0.0\r\n", section->rejected_line);
            if (*section->mid != '\0') g_string_append_printf(text, "a=mid:%s\r\n", section->mid);
            g_string_append(text, "a=inactive\r\n");
            continue;
        }
        g_string_append_printf(text, "m=%s 9 UDP/TLS/RTP/SAVPF %u",
                               section->kind == MEDIA_AUDIO ? "audio" : "video", section->payload_type);
        if (section->rtx_payload_type != 0) g_string_append_printf(text, " %u", section->rtx_payload_type);
        if (section->red_payload_type != 0) g_string_append_printf(text, " %u", section->red_payload_type);
        g_string_append(text, "\r\n");
        negotiate_put_transport(text, spec->transport, n_put++ == 0);
        if (*section->mid != '\0') g_string_append_printf(text, "a=mid:%s\r\n", section->mid);
        negotiate_put_exts(text, section);
        g_string_append_printf(text, "a=%s\r\na=rtcp-mux\r\n",
                               negotiate_direction_word(section->we_send, section->we_receive));
        if (plan->reduced_size) g_string_append(text, "a=rtcp-rsize\r\n");
        negotiate_put_codec(text, section);
        if (section->we_send) negotiate_put_source(text, section, presentation, spec->cname);
        negotiate_put_rids(text, section, section->rids_from_peer ? "recv" : "send");
    }
    return g_string_free(text, FALSE);
}
