/* janus_offer.c -- see janus_offer.h. Payload types and extension ids are those of our own offers, so that the packets are
 * the same ones that our bridge gets; SSRCs are not told: the server learns them by the mid of the packets. */
#include "tests/load/janus_offer.h"

#include "bridge/wire/rtp_profile.h"

static void put_transport(GString *text, const TransportDescription *local) {
    g_string_append(text, "c=IN IP4 127.0.0.1\r\n");
    for (guint i = 0; i < local->n_candidates; i++)
        g_string_append_printf(text, "a=candidate:%s\r\n", local->candidates[i]);
    g_string_append_printf(text,
                           "a=end-of-candidates\r\na=ice-ufrag:%s\r\na=ice-pwd:%s\r\na=fingerprint:%s\r\n"
                           "a=setup:active\r\na=rtcp-mux\r\na=rtcp-rsize\r\na=sendonly\r\n",
                           local->ufrag, local->pwd, local->fingerprint);
}

static void put_extension(GString *text, guint id, const char *uri) {
    g_string_append_printf(text, "a=extmap:%u %s\r\n", id, uri);
}

char *janus_offer(const TransportDescription *local, const char *cname) {
    GString *text = g_string_new("v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n"
                                 "a=group:BUNDLE 0 1\r\na=msid-semantic: WMS *\r\n");
    g_string_append_printf(text, "m=audio 9 UDP/TLS/RTP/SAVPF %u\r\na=mid:0\r\n", PT_OPUS);
    put_transport(text, local);
    put_extension(text, EXT_AUDIO_LEVEL, EXT_URI_AUDIO_LEVEL);
    put_extension(text, EXT_MID, EXT_URI_MID);
    g_string_append_printf(text, "a=msid:%s audio\r\na=rtpmap:%u opus/48000/2\r\n", cname, PT_OPUS);
    g_string_append_printf(text, "a=fmtp:%u minptime=10;useinbandfec=1;usedtx=1\r\n", PT_OPUS);
    g_string_append_printf(text, "m=video 9 UDP/TLS/RTP/SAVPF %u\r\na=mid:1\r\n", PT_VP8);
    put_transport(text, local);
    put_extension(text, EXT_TRANSPORT_CC, EXT_URI_TRANSPORT_CC);
    put_extension(text, EXT_MID, EXT_URI_MID);
    g_string_append_printf(text, "a=msid:%s video\r\na=rtpmap:%u VP8/90000\r\n", cname, PT_VP8);
    g_string_append_printf(text,
                           "a=rtcp-fb:%u nack\r\na=rtcp-fb:%u nack pli\r\na=rtcp-fb:%u goog-remb\r\n"
                           "a=rtcp-fb:%u transport-cc\r\n",
                           PT_VP8, PT_VP8, PT_VP8, PT_VP8);
    return g_string_free(text, FALSE);
}
