/* negotiate_offer.c -- our own offer with its fixed numbers (rtp_profile.h), and what the answer to it means. */
#include "bridge/wire/negotiate_private.h"

#include "config/fault.h"

#include <string.h>

enum { VOICE_PTIME_MS_MAX = 60 };

static const char *const MIDS[SECTIONS_OFFERED] = { "0", "1", "2" };

/* What we would like of each section; the answer takes away from it. */
static void offered_section(const OfferSpec *spec, guint i, MediaSection *ret_section) {
    memset(ret_section, 0, sizeof *ret_section);
    ret_section->kind = i == SECTION_AUDIO ? MEDIA_AUDIO : MEDIA_VIDEO;
    g_strlcpy(ret_section->mid, MIDS[i], sizeof ret_section->mid);
    ret_section->we_send = TRUE;
    ret_section->we_receive = !spec->receive_only;
    ret_section->local_ssrc = spec->local[i].ssrc;
    ret_section->exts =
        (MediaExts){ .abs_send_time = EXT_ABS_SEND_TIME, .transport_cc = EXT_TRANSPORT_CC, .mid = EXT_MID };
    if (i == SECTION_AUDIO) {
        ret_section->codec = CODEC_OPUS;
        ret_section->payload_type = PT_OPUS;
        ret_section->red_payload_type = PT_RED; /* second: nobody sends it until he is asked to */
        ret_section->feedback = SDP_FB_TRANSPORT_CC;
        ret_section->exts.audio_level = EXT_AUDIO_LEVEL;
        g_strlcpy(ret_section->fmtp, "minptime=10;useinbandfec=1;usedtx=1", sizeof ret_section->fmtp);
        return;
    }
    ret_section->codec = CODEC_VP8;
    ret_section->payload_type = PT_VP8;
    ret_section->rtx_payload_type = PT_VP8_RTX;
    ret_section->feedback = FEEDBACK_ALL;
    ret_section->local_rtx_ssrc = spec->local[i].rtx_ssrc;
    ret_section->exts.video_orientation = EXT_VIDEO_ORIENTATION;
    if (!ret_section->we_receive) return;
    ret_section->exts.rid = EXT_RID;
    ret_section->exts.repaired_rid = EXT_REPAIRED_RID;
    ret_section->rids_from_peer = TRUE;
    negotiate_read_rids(RID_THUMBNAIL ";" RID_MAIN, ret_section);
}

char *negotiate_offer(const OfferSpec *spec) {
    GString *text = g_string_sized_new(4096);

    negotiate_put_session(text, spec->session_id, spec->session_version, "0 1 2");
    for (guint i = 0; i < SECTIONS_OFFERED; i++) {
        MediaSection section;

        offered_section(spec, i, &section);
        if (i == SECTION_AUDIO)
            g_string_append_printf(text, "m=audio 9 UDP/TLS/RTP/SAVPF %u %u\r\n", PT_OPUS, PT_RED);
        else
            g_string_append_printf(text, "m=video 9 UDP/TLS/RTP/SAVPF %u %u\r\n", PT_VP8, PT_VP8_RTX);
        negotiate_put_transport(text, spec->transport, i == 0);
        g_string_append_printf(text, "a=mid:%s\r\n", section.mid);
        negotiate_put_exts(text, &section);
        g_string_append_printf(text, "a=%s\r\na=rtcp-mux\r\na=rtcp-rsize\r\n",
                               negotiate_direction_word(section.we_send, section.we_receive));
        negotiate_put_codec(text, &section);
        /* Browsers on narrow lines would go to 120 ms, for which everybody waits. */
        if (i == SECTION_AUDIO) g_string_append_printf(text, "a=maxptime:%u\r\n", VOICE_PTIME_MS_MAX);
        negotiate_put_source(text, &section, i == SECTION_PRESENTATION, spec->cname);
        negotiate_put_rids(text, &section, "recv");
    }
    return g_string_free(text, FALSE);
}

/* ---- the answer ---- */

/* Every id in the answer must be the one we offered: clients that renumber cannot share our packets. */
static gboolean exts_kept(const MediaExts *offered, const MediaExts *answered) {
    const guint8 *a = (const guint8 *)offered, *b = (const guint8 *)answered;

    for (gsize i = 0; i < sizeof *offered; i++)
        if (b[i] != 0 && b[i] != a[i]) return FALSE;
    return TRUE;
}

/* Rids of the answer in the order of the offer, those we offered only. */
static void keep_offered_rids(MediaSection *section, const char *answered_list) {
    MediaSection answered = { .n_rids = 0 };
    guint n = 0;

    negotiate_read_rids(answered_list, &answered);
    for (guint i = 0; i < section->n_rids; i++)
        for (guint k = 0; k < answered.n_rids; k++)
            if (strcmp(section->rids[i], answered.rids[k]) == 0) {
                memmove(section->rids[n++], answered.rids[k], RTP_TEXT_BYTES);
                break;
            }
    section->n_rids = n;
}

/* NULL, or what is wrong with this section of the answer. */
static const char *read_section(const SdpSection *answer, MediaSection *section) {
    const SdpFormat *format;
    MediaExts exts;
    gboolean peer_sends = answer->direction & SDP_SENDONLY, peer_receives = answer->direction & SDP_RECVONLY;

    if (negotiate_kind(answer) != section->kind) return "the kind of media differs from the offer's";
    if (answer->port == 0) {
        *section = (MediaSection){ .kind = section->kind, .rejected = TRUE };
        return NULL;
    }
    if (strcmp(answer->mid, section->mid) != 0) return "the mid differs from the offer's";
    format = sdp_format(answer, section->payload_type);
    if (format == NULL) return "the answer lacks the codec that was offered";
    negotiate_read_exts(answer, section->kind, &exts, &section->exts_one_way);
    if (!exts_kept(&section->exts, &exts)) return "the answer changed the id of a header extension";
    section->exts = exts;
    section->feedback &= format->feedback;
    if (section->rtx_payload_type != 0 && sdp_format(answer, section->rtx_payload_type) == NULL)
        section->rtx_payload_type = 0;
    if (section->kind == MEDIA_AUDIO && negotiate_red_of(answer, PT_OPUS) != PT_RED)
        section->red_payload_type = 0;
    section->we_send = section->we_send && peer_receives;
    section->we_receive = section->we_receive && peer_sends;
    if (section->rtx_payload_type == 0) section->local_rtx_ssrc = 0;
    if (!section->we_receive || exts.rid == 0)
        section->n_rids = 0;
    else
        keep_offered_rids(section, answer->simulcast_send);
    if (section->n_rids == 0) section->rids_from_peer = FALSE;
    if (section->we_receive) negotiate_read_ssrcs(answer, section);
    return NULL;
}

gboolean negotiate_read_answer(const OfferSpec *spec, const char *text, gsize n_bytes, MediaPlan *ret_plan,
                               GError **error) {
    g_autoptr(Sdp) sdp = sdp_parse(text, n_bytes, error);
    gboolean reduced_size = TRUE;

    if (sdp == NULL) return FALSE;
    if (sdp->n_sections != SECTIONS_OFFERED) {
        g_set_error(error, FAULT, FAULT_BAD_INPUT, "SDP answer: %u media sections, the offer had %u",
                    sdp->n_sections, (guint)SECTIONS_OFFERED);
        return FALSE;
    }
    memset(ret_plan, 0, sizeof *ret_plan);
    ret_plan->n_sections = SECTIONS_OFFERED;
    for (guint i = 0; i < SECTIONS_OFFERED; i++) {
        MediaSection *section = &ret_plan->sections[i];
        const char *wrong;

        offered_section(spec, i, section);
        wrong = read_section(&sdp->sections[i], section);
        if (wrong != NULL) {
            g_set_error(error, FAULT, FAULT_BAD_INPUT, "SDP answer, media section of line %u: %s",
                        sdp->sections[i].line, wrong);
            return FALSE;
        }
        reduced_size = reduced_size && (section->rejected || sdp->sections[i].rtcp_rsize);
    }
    ret_plan->reduced_size = reduced_size;
    return negotiate_read_transport(sdp, ret_plan, FALSE, &ret_plan->remote, error);
}
