/* srtp.c -- packets of SRTP and SRTCP: where header, content, tag and index lie, and which packet may come or go.
 * In:    plain packets to seal, protected ones to open. Runs: on the owner's thread.
 * A state is kept for each SSRC: of the peer's only once one of its packets has proved genuine, so nobody fills the memory.
 * Not here: the cryptography (srtp_sealer.c), roll-over and replays (srtp_window.c). */
#include "bridge/transport/srtp.h"

#include "bridge/transport/srtp_sealer.h"
#include "bridge/transport/srtp_window.h"

#include <string.h>

enum {
    RTP_BYTES_MIN = 12,
    RTCP_BYTES_MIN = 8,
    WORD_BYTES = 4,
    SENT_FIRST = 6,
    HEARD_FIRST = 4,
    LINE_BYTES = 64,
    PACKET_BYTES_MAX = G_MAXUINT16,
};
static const guint64 RTP_INDEX_MAX = ((guint64)1 << 48) - 1;
static const guint32 RTCP_INDEX_MAX = ((guint32)1 << 31) - 1, RTCP_ENCRYPTED = (guint32)1 << 31;

typedef struct {
    guint32 ssrc;
    guint32 n_reports; /* the index of the next report */
    guint64 highest;   /* index of the newest packet */
    gboolean begun;
} SentStream;

typedef struct {
    guint32 ssrc;
    SrtpWindow rtp, rtcp;
} HeardStream;

/* Between two packets of one path the worker serves a hundred others, so each line of the cache that a packet touches is
 * fetched from far: what sealing needs lies in the first two or three. */
struct SrtpPath {
    SrtpSealer send_rtp;
    guint8 n_tag_bytes;
    guint8 suite; /* SrtpSuite */
    guint16 n_sent, sent_room;
    SentStream *sent; /* sent_first, or memory of its own */
    SentStream sent_first[SENT_FIRST];
    SrtpSealer send_rtcp, receive_rtp, receive_rtcp;
    HeardStream *heard;
    guint n_heard, heard_room, last_heard;
};

guint srtp_suite_key_bytes(SrtpSuite suite) { return suite == SRTP_SUITE_AES256_GCM ? 32 : 16; }
guint srtp_suite_salt_bytes(SrtpSuite suite) { return suite == SRTP_SUITE_AES128_SHA1_80 ? 14 : 12; }

/* The compiler may not leave this out as a dead store. */
void srtp_keys_wipe(SrtpKeys *keys) { explicit_bzero(keys, sizeof *keys); }

gboolean srtp_library_init(GError **error) { return srtp_sealer_init(error); }

/* ---- life ---- */

SrtpPath *srtp_path_new(const SrtpKeys *keys, GError **error) {
    if (!srtp_library_init(error)) return NULL;
    SrtpSuite suite = keys->suite;
    SrtpPath *path = g_aligned_alloc0(1, sizeof *path, LINE_BYTES);
    path->suite = (guint8)suite;
    path->n_tag_bytes = (guint8)srtp_tag_bytes(suite);
    path->sent = path->sent_first;
    path->sent_room = SENT_FIRST;
    if (srtp_sealer_set(&path->send_rtp, suite, SRTP_FOR_RTP, keys->send, error) &&
        srtp_sealer_set(&path->send_rtcp, suite, SRTP_FOR_RTCP, keys->send, error) &&
        srtp_sealer_set(&path->receive_rtp, suite, SRTP_FOR_RTP, keys->receive, error) &&
        srtp_sealer_set(&path->receive_rtcp, suite, SRTP_FOR_RTCP, keys->receive, error))
        return path;
    srtp_path_free(path);
    return NULL;
}

void srtp_path_free(SrtpPath *path) {
    if (path == NULL) return;
    srtp_sealer_clear(&path->send_rtp);
    srtp_sealer_clear(&path->send_rtcp);
    srtp_sealer_clear(&path->receive_rtp);
    srtp_sealer_clear(&path->receive_rtcp);
    if (path->sent != path->sent_first) g_free(path->sent);
    g_free(path->heard);
    g_aligned_free(path);
}

void srtp_path_fetch(const SrtpPath *path) {
    for (gsize at = 0; at < G_STRUCT_OFFSET(SrtpPath, send_rtcp); at += LINE_BYTES)
        __builtin_prefetch((const guint8 *)path + at, 1);
}

/* ---- streams ---- */

static void grow_sent(SrtpPath *path) {
    path->sent_room = (guint16)MAX(2 * SENT_FIRST, path->sent_room * 2);
    if (path->sent == path->sent_first)
        path->sent = memcpy(g_new(SentStream, path->sent_room), path->sent_first, sizeof path->sent_first);
    else
        path->sent = g_renew(SentStream, path->sent, path->sent_room);
}

/* The state of an SSRC of ours; NULL: there are too many. */
static SentStream *sent_stream(SrtpPath *path, guint32 ssrc) {
    for (guint i = 0; i < path->n_sent; i++)
        if (path->sent[i].ssrc == ssrc) return &path->sent[i];
    if (path->n_sent == SRTP_SENT_SSRCS_MAX) return NULL;
    if (path->n_sent == path->sent_room) grow_sent(path);
    SentStream *stream = &path->sent[path->n_sent++];
    *stream = (SentStream){ .ssrc = ssrc };
    return stream;
}

static HeardStream *find_heard(SrtpPath *path, guint32 ssrc) {
    if (path->last_heard < path->n_heard && path->heard[path->last_heard].ssrc == ssrc)
        return &path->heard[path->last_heard];
    for (guint i = 0; i < path->n_heard; i++)
        if (path->heard[i].ssrc == ssrc) return &path->heard[path->last_heard = i];
    return NULL;
}

static gboolean is_full(const SrtpPath *path) { return path->n_heard == SRTP_SSRCS_MAX; }

/* Not when full. */
static HeardStream *add_heard(SrtpPath *path, guint32 ssrc) {
    if (path->n_heard == path->heard_room) {
        path->heard_room = MAX(HEARD_FIRST, path->heard_room * 2);
        path->heard = g_renew(HeardStream, path->heard, path->heard_room);
    }
    HeardStream *stream = &path->heard[path->n_heard++];
    *stream = (HeardStream){ .ssrc = ssrc };
    return stream;
}

/* ---- bytes ---- */

static guint32 word_at(const guint8 *bytes) {
    return (guint32)bytes[0] << 24 | (guint32)bytes[1] << 16 | (guint32)bytes[2] << 8 | bytes[3];
}

static void put_word(guint8 *bytes, guint32 word) {
    for (guint i = 0; i < WORD_BYTES; i++) bytes[i] = (guint8)(word >> (24 - 8 * i));
}

static guint16 sequence_at(const guint8 *packet) { return (guint16)(packet[2] << 8 | packet[3]); }

/* What stays clear: fixed header, CSRCs, extension (RFC 3711 3.1). 0: this is no RTP header, or its lengths lie. */
static gsize clear_bytes(const guint8 *packet, gsize n_bytes) {
    if (n_bytes < RTP_BYTES_MIN || packet[0] >> 6 != 2) return 0;
    gsize n = RTP_BYTES_MIN + (gsize)(packet[0] & 0x0f) * 4;
    if (packet[0] & 0x10) {
        if (n_bytes < n + 4) return 0;
        n += 4 + (gsize)(packet[n + 2] << 8 | packet[n + 3]) * 4;
    }
    return n <= n_bytes ? n : 0;
}

/* ---- RTP ---- */

static SrtpFrame rtp_frame(const guint8 *packet, gsize n_clear_bytes, guint64 index) {
    return (SrtpFrame){ .ssrc = word_at(packet + 8),
                        .index = index,
                        .clear = packet,
                        .n_clear_bytes = n_clear_bytes,
                        .word = (guint32)(index >> 16) };
}

/* The index of a packet to send. FALSE: it must not be sent. */
static gboolean take_number(SrtpPath *path, const guint8 *packet, guint64 *ret_index) {
    SentStream *stream = sent_stream(path, word_at(packet + 8));
    if (stream == NULL) return FALSE;
    guint64 index = srtp_nearest_index(stream->begun, stream->highest, sequence_at(packet));
    if (index > RTP_INDEX_MAX || (stream->begun && index <= stream->highest)) return FALSE;
    stream->begun = TRUE;
    stream->highest = *ret_index = index; /* whatever happens now, the number is used */
    return TRUE;
}

SrtpVerdict srtp_path_seal_rtp(SrtpPath *path, const guint8 *head, gsize n_head_bytes, const guint8 *tail,
                               gsize n_tail_bytes, guint8 *ret_packet, gsize *ret_n_bytes) {
    gsize n_clear = clear_bytes(head, n_head_bytes), n_bytes = n_head_bytes + n_tail_bytes;
    guint64 index;
    if (n_clear == 0 || n_bytes > PACKET_BYTES_MAX) return SRTP_MALFORMED;
    if (!take_number(path, head, &index)) return SRTP_REFUSED;
    SrtpFrame frame = rtp_frame(head, n_clear, index);
    const SrtpPiece pieces[2] = { { head + n_clear, n_head_bytes - n_clear }, { tail, n_tail_bytes } };
    if (ret_packet != head) memcpy(ret_packet, head, n_clear);
    if (!srtp_sealer_seal(&path->send_rtp, &frame, pieces, ret_packet + n_clear, ret_packet + n_bytes))
        return SRTP_REFUSED;
    *ret_n_bytes = n_bytes + path->n_tag_bytes;
    return SRTP_OK;
}

SrtpVerdict srtp_path_protect_rtp(SrtpPath *path, guint8 *packet, gsize *n_bytes) {
    return srtp_path_seal_rtp(path, packet, *n_bytes, NULL, 0, packet, n_bytes);
}

SrtpVerdict srtp_path_unprotect_rtp(SrtpPath *path, guint8 *packet, gsize *n_bytes) {
    static const SrtpWindow none;
    if (*n_bytes < (gsize)RTP_BYTES_MIN + path->n_tag_bytes || *n_bytes > PACKET_BYTES_MAX)
        return SRTP_MALFORMED;
    gsize n_plain = *n_bytes - path->n_tag_bytes, n_clear = clear_bytes(packet, n_plain);
    if (n_clear == 0) return SRTP_MALFORMED;
    HeardStream *stream = find_heard(path, word_at(packet + 8));
    if (stream == NULL && is_full(path)) return SRTP_TOO_MANY;
    const SrtpWindow *window = stream != NULL ? &stream->rtp : &none;
    guint64 index = srtp_window_guess(window, sequence_at(packet));
    if (!srtp_window_is_new(window, index)) return SRTP_REPLAYED;
    SrtpFrame frame = rtp_frame(packet, n_clear, index);
    if (index > RTP_INDEX_MAX ||
        !srtp_sealer_open(&path->receive_rtp, &frame, packet + n_clear, n_plain - n_clear, packet + n_plain))
        return SRTP_AUTH_FAILED;
    if (stream == NULL) stream = add_heard(path, frame.ssrc);
    srtp_window_take(&stream->rtp, index);
    *n_bytes = n_plain;
    return SRTP_OK;
}

/* ---- RTCP: header of 8 bytes, content, then GCM: tag, word (RFC 7714 9); else: word, tag (RFC 3711 3.4) ---- */

static gsize word_offset(const SrtpPath *path, gsize n_plain_bytes) {
    return path->suite == SRTP_SUITE_AES128_SHA1_80 ? n_plain_bytes : n_plain_bytes + path->n_tag_bytes;
}

static gsize tag_offset(const SrtpPath *path, gsize n_plain_bytes) {
    return path->suite == SRTP_SUITE_AES128_SHA1_80 ? n_plain_bytes + WORD_BYTES : n_plain_bytes;
}

SrtpVerdict srtp_path_protect_rtcp(SrtpPath *path, guint8 *packet, gsize *n_bytes) {
    gsize n_plain = *n_bytes;
    if (n_plain < RTCP_BYTES_MIN || n_plain > PACKET_BYTES_MAX || packet[0] >> 6 != 2) return SRTP_MALFORMED;
    guint32 ssrc = word_at(packet + 4);
    SentStream *stream = sent_stream(path, ssrc);
    if (stream == NULL || stream->n_reports > RTCP_INDEX_MAX) return SRTP_REFUSED;
    SrtpFrame frame = { .ssrc = ssrc,
                        .index = stream->n_reports,
                        .clear = packet,
                        .n_clear_bytes = RTCP_BYTES_MIN,
                        .word = stream->n_reports | RTCP_ENCRYPTED };
    const SrtpPiece pieces[2] = { { packet + RTCP_BYTES_MIN, n_plain - RTCP_BYTES_MIN }, { NULL, 0 } };
    stream->n_reports++;
    if (!srtp_sealer_seal(&path->send_rtcp, &frame, pieces, packet + RTCP_BYTES_MIN,
                          packet + tag_offset(path, n_plain)))
        return SRTP_REFUSED;
    put_word(packet + word_offset(path, n_plain), frame.word);
    *n_bytes = n_plain + path->n_tag_bytes + WORD_BYTES;
    return SRTP_OK;
}

SrtpVerdict srtp_path_unprotect_rtcp(SrtpPath *path, guint8 *packet, gsize *n_bytes) {
    static const SrtpWindow none;
    gsize n_trailer = (gsize)path->n_tag_bytes + WORD_BYTES;
    if (*n_bytes < RTCP_BYTES_MIN + n_trailer || *n_bytes > PACKET_BYTES_MAX || packet[0] >> 6 != 2)
        return SRTP_MALFORMED;
    gsize n_plain = *n_bytes - n_trailer;
    HeardStream *stream = find_heard(path, word_at(packet + 4));
    if (stream == NULL && is_full(path)) return SRTP_TOO_MANY;
    guint32 word = word_at(packet + word_offset(path, n_plain));
    gsize n_clear = word & RTCP_ENCRYPTED ? RTCP_BYTES_MIN : n_plain;
    SrtpFrame frame = { .ssrc = word_at(packet + 4),
                        .index = word & RTCP_INDEX_MAX,
                        .clear = packet,
                        .n_clear_bytes = n_clear,
                        .word = word };
    if (!srtp_window_is_new(stream != NULL ? &stream->rtcp : &none, frame.index)) return SRTP_REPLAYED;
    if (!srtp_sealer_open(&path->receive_rtcp, &frame, packet + n_clear, n_plain - n_clear,
                          packet + tag_offset(path, n_plain)))
        return SRTP_AUTH_FAILED;
    if (stream == NULL) stream = add_heard(path, frame.ssrc);
    srtp_window_take(&stream->rtcp, frame.index);
    *n_bytes = n_plain;
    return SRTP_OK;
}
