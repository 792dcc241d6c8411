/* sdp.c -- see sdp.h. One copy of the text, cut in place; a table of attributes; every list bounded.
 * Start reading at sdp_parse(). */
#include "bridge/wire/sdp.h"

#include "config/fault.h"

#include <string.h>

typedef struct {
    Sdp *sdp;
    SdpSection *section; /* NULL: still in the session part */
    SdpSection session;  /* what sections inherit */
    guint line;
    const char *wrong; /* set by a handler: the end of the sentence */
} Parser;

/* The next space-separated word of *at, or "" at the end. */
static char *next_word(char **at) {
    char *word = *at, *end;

    while (*word == ' ') word++;
    end = word + strcspn(word, " ");
    *at = *end == '\0' ? end : end + 1;
    *end = '\0';
    return word;
}

static gboolean read_number(const char *text, guint64 max, guint64 *ret_value) {
    guint64 value = 0;

    if (*text == '\0' || strlen(text) > 20) return FALSE;
    for (; *text != '\0'; text++) {
        if (!g_ascii_isdigit(*text)) return FALSE;
        if (value > (G_MAXUINT64 - 9) / 10) return FALSE;
        value = value * 10 + (guint64)(*text - '0');
    }
    *ret_value = value;
    return value <= max;
}

static SdpSection *target(Parser *parser) {
    return parser->section != NULL ? parser->section : &parser->session;
}

static SdpFormat *find_format(SdpSection *section, guint payload_type) {
    for (guint i = 0; i < section->n_formats; i++)
        if (section->formats[i].payload_type == payload_type) return &section->formats[i];
    return NULL;
}

const SdpFormat *sdp_format(const SdpSection *section, guint payload_type) {
    for (guint i = 0; i < section->n_formats; i++)
        if (section->formats[i].payload_type == payload_type) return &section->formats[i];
    return NULL;
}

/* Takes the payload type off the front of an attribute's value; NULL: not a number, or not in the m= line. */
static SdpFormat *format_of(Parser *parser, char **value) {
    guint64 payload_type;

    if (!read_number(next_word(value), 127, &payload_type)) {
        parser->wrong = "the payload type is no number from 0 to 127";
        return NULL;
    }
    return find_format(target(parser), (guint)payload_type);
}

/* ---- attributes: value is what follows "name:", "" when there is none ---- */

static void on_group(Parser *parser, char *value) {
    if (parser->section == NULL && strcmp(next_word(&value), "BUNDLE") == 0) parser->sdp->bundle = value;
}
static void on_ice_lite(Parser *parser, char *value G_GNUC_UNUSED) { parser->sdp->ice_lite = TRUE; }
static void on_ice_options(Parser *parser, char *value) { parser->sdp->ice_options = value; }
static void on_mixed(Parser *parser, char *value G_GNUC_UNUSED) { parser->sdp->extmap_allow_mixed = TRUE; }
static void on_mid(Parser *parser, char *value) { target(parser)->mid = value; }
static void on_ufrag(Parser *parser, char *value) { target(parser)->ufrag = value; }
static void on_pwd(Parser *parser, char *value) { target(parser)->pwd = value; }
static void on_fingerprint(Parser *parser, char *value) { target(parser)->fingerprint = value; }
static void on_sendrecv(Parser *parser, char *value G_GNUC_UNUSED) {
    target(parser)->direction = SDP_SENDRECV;
}
static void on_sendonly(Parser *parser, char *value G_GNUC_UNUSED) {
    target(parser)->direction = SDP_SENDONLY;
}
static void on_recvonly(Parser *parser, char *value G_GNUC_UNUSED) {
    target(parser)->direction = SDP_RECVONLY;
}
static void on_inactive(Parser *parser, char *value G_GNUC_UNUSED) {
    target(parser)->direction = SDP_INACTIVE;
}
static void on_rtcp_mux(Parser *parser, char *value G_GNUC_UNUSED) { target(parser)->rtcp_mux = TRUE; }
static void on_rtcp_rsize(Parser *parser, char *value G_GNUC_UNUSED) { target(parser)->rtcp_rsize = TRUE; }
static void on_bundle_only(Parser *parser, char *value G_GNUC_UNUSED) { target(parser)->bundle_only = TRUE; }
static void on_end(Parser *parser, char *value G_GNUC_UNUSED) { target(parser)->end_of_candidates = TRUE; }

static void on_setup(Parser *parser, char *value) {
    if (strcmp(value, "actpass") == 0)
        target(parser)->setup = SETUP_ACTPASS;
    else if (strcmp(value, "active") == 0)
        target(parser)->setup = SETUP_ACTIVE;
    else if (strcmp(value, "passive") == 0)
        target(parser)->setup = SETUP_PASSIVE;
    else
        parser->wrong = "setup is none of actpass, active, passive";
}

static void on_msid(Parser *parser, char *value) {
    if (*target(parser)->msid == '\0') target(parser)->msid = value;
}

static void on_ptime(Parser *parser, char *value) {
    guint64 ms;

    if (read_number(value, 1000, &ms)) target(parser)->ptime_ms = (guint)ms;
}

static void on_max_ptime(Parser *parser, char *value) {
    guint64 ms;

    if (read_number(value, 1000, &ms)) target(parser)->max_ptime_ms = (guint)ms;
}

static void on_rtpmap(Parser *parser, char *value) {
    SdpFormat *format = format_of(parser, &value);
    char *clock, *channels;
    guint64 number;

    if (format == NULL) return;
    clock = strchr(value, '/');
    if (clock == NULL) {
        parser->wrong = "rtpmap has no clock rate";
        return;
    }
    *clock++ = '\0';
    channels = strchr(clock, '/');
    if (channels != NULL) *channels++ = '\0';
    if (!read_number(clock, 1000000, &number) || number == 0) {
        parser->wrong = "the clock rate is no number";
        return;
    }
    format->encoding = value;
    format->clock_hz = (guint32)number;
    format->n_channels = channels != NULL && read_number(channels, 255, &number) ? (guint)number : 1;
}

static void on_fmtp(Parser *parser, char *value) {
    SdpFormat *format = format_of(parser, &value);

    if (format != NULL) format->fmtp = value;
}

static guint feedback_bit(char *value) {
    static const struct {
        const char *text;
        guint bit;
    } KINDS[] = { { "nack", SDP_FB_NACK },
                  { "nack pli", SDP_FB_PLI },
                  { "ccm fir", SDP_FB_FIR },
                  { "goog-remb", SDP_FB_REMB },
                  { "transport-cc", SDP_FB_TRANSPORT_CC } };

    g_strchomp(value);
    for (guint i = 0; i < G_N_ELEMENTS(KINDS); i++)
        if (strcmp(value, KINDS[i].text) == 0) return KINDS[i].bit;
    return 0;
}

static void on_feedback(Parser *parser, char *value) {
    SdpFormat *format;

    if (*value == '*') {
        SdpSection *section = target(parser);

        next_word(&value);
        for (guint i = 0, bit = feedback_bit(value); i < section->n_formats; i++)
            section->formats[i].feedback |= bit;
        return;
    }
    format = format_of(parser, &value);
    if (format != NULL) format->feedback |= feedback_bit(value);
}

static void on_extmap(Parser *parser, char *value) {
    SdpSection *section = target(parser);
    char *word = next_word(&value), *way = strchr(word, '/');
    SdpExtmap map = { .direction = SDP_SENDRECV };
    guint64 id;

    if (way != NULL) *way++ = '\0';
    if (!read_number(word, 4351, &id)) {
        parser->wrong = "the extension id is no number";
        return;
    }
    if (way != NULL && strcmp(way, "sendonly") == 0) map.direction = SDP_SENDONLY;
    if (way != NULL && strcmp(way, "recvonly") == 0) map.direction = SDP_RECVONLY;
    if (way != NULL && strcmp(way, "inactive") == 0) map.direction = SDP_INACTIVE;
    map.id = (guint)id;
    map.uri = next_word(&value);
    /* Ids over 255 are placeholders of an offer with too many extensions (RFC 8285 7): we never take them. */
    if (id >= 1 && id <= 255 && section->n_extmaps < SDP_EXTMAPS_MAX)
        section->extmaps[section->n_extmaps++] = map;
}

static void on_ssrc(Parser *parser, char *value) {
    SdpSection *section = target(parser);
    guint64 ssrc;
    SdpSsrc *found = NULL;

    if (!read_number(next_word(&value), G_MAXUINT32, &ssrc)) {
        parser->wrong = "the SSRC is no 32 bit number";
        return;
    }
    for (guint i = 0; i < section->n_ssrcs && found == NULL; i++)
        if (section->ssrcs[i].ssrc == ssrc) found = &section->ssrcs[i];
    if (found == NULL) {
        if (section->n_ssrcs == SDP_SSRCS_MAX) return;
        found = &section->ssrcs[section->n_ssrcs++];
        *found = (SdpSsrc){ .ssrc = (guint32)ssrc, .cname = "" };
    }
    if (g_str_has_prefix(value, "cname:")) found->cname = value + strlen("cname:");
}

static void on_ssrc_group(Parser *parser, char *value) {
    SdpSection *section = target(parser);
    SdpSsrcGroup group = { .semantics = next_word(&value) };

    while (*value != '\0' && group.n_ssrcs < G_N_ELEMENTS(group.ssrcs)) {
        guint64 ssrc;
        char *word = next_word(&value);

        if (*word == '\0') break;
        if (!read_number(word, G_MAXUINT32, &ssrc)) {
            parser->wrong = "an SSRC of the group is no 32 bit number";
            return;
        }
        group.ssrcs[group.n_ssrcs++] = (guint32)ssrc;
    }
    if (section->n_ssrc_groups < SDP_SSRC_GROUPS_MAX) section->ssrc_groups[section->n_ssrc_groups++] = group;
}

static void on_rid(Parser *parser, char *value) {
    SdpSection *section = target(parser);
    SdpRid rid = { .id = next_word(&value) };
    char *way = next_word(&value);

    rid.send = strcmp(way, "send") == 0;
    rid.restrictions = value;
    if (!rid.send && strcmp(way, "recv") != 0)
        parser->wrong = "a rid is neither send nor recv";
    else if (section->n_rids == SDP_RIDS_MAX)
        parser->wrong = "too many rids in one section";
    else
        section->rids[section->n_rids++] = rid;
}

static void on_simulcast(Parser *parser, char *value) {
    while (*value != '\0') {
        char *way = next_word(&value), *list = next_word(&value);

        if (strcmp(way, "send") == 0)
            target(parser)->simulcast_send = list;
        else if (strcmp(way, "recv") == 0)
            target(parser)->simulcast_recv = list;
        else
            parser->wrong = "simulcast is neither send nor recv";
    }
}

static void on_candidate(Parser *parser, char *value) {
    SdpSection *section = target(parser);

    if (section->n_candidates < SDP_CANDIDATES_MAX) section->candidates[section->n_candidates++] = value;
}

static const struct {
    const char *name;
    void (*read)(Parser *parser, char *value);
} ATTRIBUTES[] = {
    { "group", on_group },
    { "ice-lite", on_ice_lite },
    { "ice-options", on_ice_options },
    { "extmap-allow-mixed", on_mixed },
    { "mid", on_mid },
    { "ice-ufrag", on_ufrag },
    { "ice-pwd", on_pwd },
    { "fingerprint", on_fingerprint },
    { "setup", on_setup },
    { "sendrecv", on_sendrecv },
    { "sendonly", on_sendonly },
    { "recvonly", on_recvonly },
    { "inactive", on_inactive },
    { "rtcp-mux", on_rtcp_mux },
    { "rtcp-rsize", on_rtcp_rsize },
    { "bundle-only", on_bundle_only },
    { "end-of-candidates", on_end },
    { "msid", on_msid },
    { "ptime", on_ptime },
    { "maxptime", on_max_ptime },
    { "rtpmap", on_rtpmap },
    { "fmtp", on_fmtp },
    { "rtcp-fb", on_feedback },
    { "extmap", on_extmap },
    { "ssrc", on_ssrc },
    { "ssrc-group", on_ssrc_group },
    { "rid", on_rid },
    { "simulcast", on_simulcast },
    { "candidate", on_candidate },
};

static void read_attribute(Parser *parser, char *text) {
    char *value = strchr(text, ':');

    if (value != NULL)
        *value++ = '\0';
    else
        value = text + strlen(text);
    for (guint i = 0; i < G_N_ELEMENTS(ATTRIBUTES); i++) {
        if (strcmp(ATTRIBUTES[i].name, text) != 0) continue;
        ATTRIBUTES[i].read(parser, value);
        return;
    }
}

static void section_clear(SdpSection *section) {
    memset(section, 0, sizeof *section);
    section->direction = SDP_SENDRECV;
    section->kind = section->protocol = section->mid = section->ufrag = section->pwd = section->fingerprint =
        "";
    section->msid = section->simulcast_send = section->simulcast_recv = "";
}

/* m=video 9 UDP/TLS/RTP/SAVPF 96 97 */
static void read_media(Parser *parser, char *value) {
    SdpSection *section;
    guint64 number;
    char *port;

    if (parser->sdp->n_sections == SDP_SECTIONS_MAX) {
        parser->wrong = "more than 8 media sections";
        return;
    }
    section = parser->section = &parser->sdp->sections[parser->sdp->n_sections++];
    section_clear(section);
    section->direction = parser->session.direction;
    section->line = parser->line;
    section->kind = next_word(&value);
    port = next_word(&value);
    port[strcspn(port, "/")] = '\0';
    section->protocol = next_word(&value);
    if (!read_number(port, 65535, &number))
        parser->wrong = "the port is no number from 0 to 65535";
    else
        section->port = (guint)number;
    if (strcmp(section->kind, "audio") != 0 && strcmp(section->kind, "video") != 0) return;
    while (*value != '\0' && parser->wrong == NULL) {
        char *word = next_word(&value);

        if (*word == '\0') break;
        if (!read_number(word, 127, &number))
            parser->wrong = "a payload type is no number from 0 to 127";
        else if (section->n_formats == SDP_FORMATS_MAX)
            parser->wrong = "more than 64 payload types";
        else if (find_format(section, (guint)number) != NULL)
            parser->wrong = "a payload type is listed twice";
        else
            section->formats[section->n_formats++] =
                (SdpFormat){ .payload_type = (guint8)number, .encoding = "", .fmtp = "" };
    }
}

static void read_line(Parser *parser, char *line) {
    if (parser->line == 1) {
        if (strcmp(line, "v=0") != 0) parser->wrong = "a session description begins with v=0";
        return;
    }
    if (!g_ascii_isalpha(line[0]) || line[1] != '=') {
        parser->wrong = "this is no line of the form x=...";
        return;
    }
    for (const char *at = line; *at != '\0' && parser->wrong == NULL; at++)
        if (g_ascii_iscntrl(*at) && *at != '\t') parser->wrong = "control characters inside";
    if (parser->wrong != NULL) return;
    if (line[0] == 'm')
        read_media(parser, line + 2);
    else if (line[0] == 'a')
        read_attribute(parser, line + 2);
}

/* What the session says holds for every section that does not say it. */
static void inherit(Parser *parser) {
    const SdpSection *session = &parser->session;

    for (guint i = 0; i < parser->sdp->n_sections; i++) {
        SdpSection *section = &parser->sdp->sections[i];

        if (*section->ufrag == '\0') section->ufrag = session->ufrag;
        if (*section->pwd == '\0') section->pwd = session->pwd;
        if (*section->fingerprint == '\0') section->fingerprint = session->fingerprint;
        if (section->setup == 0) section->setup = session->setup;
        for (guint k = 0; k < session->n_extmaps && section->n_extmaps < SDP_EXTMAPS_MAX; k++)
            section->extmaps[section->n_extmaps++] = session->extmaps[k];
    }
}

Sdp *sdp_parse(const char *text, gsize n_bytes, GError **error) {
    g_autoptr(Sdp) sdp = NULL;
    Parser parser = { .line = 0 };
    char *at, *next;

    if (n_bytes > SDP_BYTES_MAX || (n_bytes > 0 && memchr(text, '\0', n_bytes) != NULL)) {
        g_set_error(error, FAULT, FAULT_BAD_INPUT, "SDP: %s",
                    n_bytes > SDP_BYTES_MAX ? "longer than 64 kB" : "a zero byte inside");
        return NULL;
    }
    sdp = g_new0(Sdp, 1);
    sdp->text = g_strndup(n_bytes > 0 ? text : "", n_bytes);
    sdp->sections = g_new0(SdpSection, SDP_SECTIONS_MAX);
    sdp->bundle = sdp->ice_options = "";
    parser.sdp = sdp;
    section_clear(&parser.session);
    for (at = sdp->text; at == sdp->text || *at != '\0'; at = next) {
        gsize n = strcspn(at, "\n");

        next = at + n + (at[n] == '\n');
        at[n] = '\0';
        if (n > 0 && at[n - 1] == '\r') at[n - 1] = '\0';
        parser.line++;
        if (parser.line > 1 && *at == '\0') continue; /* an empty line at the end is common */
        read_line(&parser, at);
        if (parser.wrong == NULL) continue;
        g_set_error(error, FAULT, FAULT_BAD_INPUT, "SDP line %u: %s", parser.line, parser.wrong);
        return NULL;
    }
    inherit(&parser);
    return g_steal_pointer(&sdp);
}

void sdp_free(Sdp *sdp) {
    if (sdp == NULL) return;
    g_free(sdp->sections);
    g_free(sdp->text);
    g_free(sdp);
}

gboolean sdp_fmtp_value(const char *fmtp, const char *key, char *ret_value, gsize n_bytes) {
    gsize n_key = strlen(key);

    while (*fmtp != '\0') {
        gsize n;

        fmtp += strspn(fmtp, "; ");
        n = strcspn(fmtp, ";");
        if (n > n_key && fmtp[n_key] == '=' && g_ascii_strncasecmp(fmtp, key, n_key) == 0) {
            g_strlcpy(ret_value, fmtp + n_key + 1, MIN(n_bytes, n - n_key));
            g_strchomp(ret_value);
            return TRUE;
        }
        fmtp += n;
    }
    return FALSE;
}

gboolean sdp_list_has(const char *list, const char *word) {
    gsize n_word = strlen(word);

    while (*list != '\0') {
        gsize n;

        list += strspn(list, " ");
        n = strcspn(list, " ");
        if (n == n_word && n > 0 && strncmp(list, word, n) == 0) return TRUE;
        list += n;
    }
    return FALSE;
}
