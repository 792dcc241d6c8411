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
    STREAMS_FIRST = 4,
    PACKET_BYTES_MAX = G_MAXUINT16,
};
static const guint64 RTP_INDEX_MAX = ((guint64)1 << 48) - 1;
static const guint32 RTCP_INDEX_MAX = ((guint32)1 << 31) - 1, RTCP_ENCRYPTED = (guint32)1 << 31;

typedef struct {
    guint32 ssrc;
    guint32 n_reports; /* sent; the index of the next one */
    SrtpWindow rtp, rtcp;
} Stream;

typedef struct {
    SrtpSealer *rtp, *rtcp;
    Stream *streams;
    guint n_streams, n_room, n_max, last;
} Direction;

struct SrtpPath {
    SrtpSuite suite;
    gsize n_tag_bytes;
    Direction send, receive;
};

guint srtp_suite_key_bytes(SrtpSuite suite) { return suite == SRTP_SUITE_AES256_GCM ? 32 : 16; }
guint srtp_suite_salt_bytes(SrtpSuite suite) { return suite == SRTP_SUITE_AES128_SHA1_80 ? 14 : 12; }

/* The compiler may not leave this out as a dead store. */
void srtp_keys_wipe(SrtpKeys *keys) { explicit_bzero(keys, sizeof *keys); }

gboolean srtp_library_init(GError **error) { return srtp_sealer_init(error); }

/* ---- life ---- */

static gboolean open_direction(Direction *direction, SrtpSuite suite, const guint8 *master, guint n_max,
                               GError **error) {
    direction->n_max = n_max;
    direction->rtp = srtp_sealer_new(suite, SRTP_FOR_RTP, master, error);
    if (direction->rtp == NULL) return FALSE;
    direction->rtcp = srtp_sealer_new(suite, SRTP_FOR_RTCP, master, error);
    return direction->rtcp != NULL;
}

static void close_direction(Direction *direction) {
    srtp_sealer_free(direction->rtp);
    srtp_sealer_free(direction->rtcp);
    g_free(direction->streams);
}

SrtpPath *srtp_path_new(const SrtpKeys *keys, GError **error) {
    if (!srtp_library_init(error)) return NULL;
    SrtpPath *path = g_new0(SrtpPath, 1);
    path->suite = keys->suite;
    path->n_tag_bytes = srtp_tag_bytes(keys->suite);
    if (open_direction(&path->send, keys->suite, keys->send, SRTP_SENT_SSRCS_MAX, error) &&
        open_direction(&path->receive, keys->suite, keys->receive, SRTP_SSRCS_MAX, error))
        return path;
    srtp_path_free(path);
    return NULL;
}

void srtp_path_free(SrtpPath *path) {
    if (path == NULL) return;
    close_direction(&path->send);
    close_direction(&path->receive);
    g_free(path);
}

/* ---- streams ---- */

static Stream *find_stream(Direction *direction, guint32 ssrc) {
    if (direction->last < direction->n_streams && direction->streams[direction->last].ssrc == ssrc)
        return &direction->streams[direction->last];
    for (guint i = 0; i < direction->n_streams; i++)
        if (direction->streams[i].ssrc == ssrc) return &direction->streams[direction->last = i];
    return NULL;
}

/* There must be room: see n_max. */
static Stream *add_stream(Direction *direction, guint32 ssrc) {
    if (direction->n_streams == direction->n_room) {
        direction->n_room = MAX(STREAMS_FIRST, direction->n_room * 2);
        direction->streams = g_renew(Stream, direction->streams, direction->n_room);
    }
    Stream *stream = &direction->streams[direction->n_streams++];
    *stream = (Stream){ .ssrc = ssrc };
    return stream;
}

static gboolean is_full(const Direction *direction) { return direction->n_streams == direction->n_max; }

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

/* The index of a packet to send. FALSE: it had been sent already, or must not be sent. */
static gboolean take_number(Direction *direction, const guint8 *packet, guint64 *ret_index) {
    guint32 ssrc = word_at(packet + 8);
    Stream *stream = find_stream(direction, ssrc);
    if (stream == NULL && is_full(direction)) return FALSE;
    if (stream == NULL) stream = add_stream(direction, ssrc);
    *ret_index = srtp_window_guess(&stream->rtp, sequence_at(packet));
    if (*ret_index > RTP_INDEX_MAX || !srtp_window_is_new(&stream->rtp, *ret_index)) return FALSE;
    srtp_window_take(&stream->rtp, *ret_index); /* whatever happens now, the number is used */
    return TRUE;
}

SrtpVerdict srtp_path_seal_rtp(SrtpPath *path, const guint8 *head, gsize n_head_bytes, const guint8 *tail,
                               gsize n_tail_bytes, guint8 *ret_packet, gsize *ret_n_bytes) {
    gsize n_clear = clear_bytes(head, n_head_bytes), n_bytes = n_head_bytes + n_tail_bytes;
    guint64 index;
    if (n_clear == 0 || n_bytes > PACKET_BYTES_MAX) return SRTP_MALFORMED;
    if (!take_number(&path->send, head, &index)) return SRTP_REFUSED;
    SrtpFrame frame = rtp_frame(head, n_clear, index);
    const SrtpPiece pieces[2] = { { head + n_clear, n_head_bytes - n_clear }, { tail, n_tail_bytes } };
    if (ret_packet != head) memcpy(ret_packet, head, n_clear);
    if (!srtp_sealer_seal(path->send.rtp, &frame, pieces, ret_packet + n_clear, ret_packet + n_bytes))
        return SRTP_REFUSED;
    *ret_n_bytes = n_bytes + path->n_tag_bytes;
    return SRTP_OK;
}

SrtpVerdict srtp_path_protect_rtp(SrtpPath *path, guint8 *packet, gsize *n_bytes) {
    return srtp_path_seal_rtp(path, packet, *n_bytes, NULL, 0, packet, n_bytes);
}

SrtpVerdict srtp_path_unprotect_rtp(SrtpPath *path, guint8 *packet, gsize *n_bytes) {
    static const SrtpWindow none;
    Direction *receive = &path->receive;
    if (*n_bytes < RTP_BYTES_MIN + path->n_tag_bytes || *n_bytes > PACKET_BYTES_MAX) return SRTP_MALFORMED;
    gsize n_plain = *n_bytes - path->n_tag_bytes, n_clear = clear_bytes(packet, n_plain);
    if (n_clear == 0) return SRTP_MALFORMED;
    Stream *stream = find_stream(receive, word_at(packet + 8));
    if (stream == NULL && is_full(receive)) return SRTP_TOO_MANY;
    const SrtpWindow *window = stream != NULL ? &stream->rtp : &none;
    guint64 index = srtp_window_guess(window, sequence_at(packet));
    if (!srtp_window_is_new(window, index)) return SRTP_REPLAYED;
    SrtpFrame frame = rtp_frame(packet, n_clear, index);
    if (index > RTP_INDEX_MAX ||
        !srtp_sealer_open(receive->rtp, &frame, packet + n_clear, n_plain - n_clear, packet + n_plain))
        return SRTP_AUTH_FAILED;
    if (stream == NULL) stream = add_stream(receive, frame.ssrc);
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
    Direction *send = &path->send;
    gsize n_plain = *n_bytes;
    if (n_plain < RTCP_BYTES_MIN || n_plain > PACKET_BYTES_MAX || packet[0] >> 6 != 2) return SRTP_MALFORMED;
    guint32 ssrc = word_at(packet + 4);
    Stream *stream = find_stream(send, ssrc);
    if (stream == NULL && is_full(send)) return SRTP_REFUSED;
    if (stream == NULL) stream = add_stream(send, ssrc);
    if (stream->n_reports > RTCP_INDEX_MAX) return SRTP_REFUSED;
    SrtpFrame frame = { .ssrc = ssrc,
                        .index = stream->n_reports,
                        .clear = packet,
                        .n_clear_bytes = RTCP_BYTES_MIN,
                        .word = stream->n_reports | RTCP_ENCRYPTED };
    const SrtpPiece pieces[2] = { { packet + RTCP_BYTES_MIN, n_plain - RTCP_BYTES_MIN }, { NULL, 0 } };
    stream->n_reports++;
    if (!srtp_sealer_seal(send->rtcp, &frame, pieces, packet + RTCP_BYTES_MIN,
                          packet + tag_offset(path, n_plain)))
        return SRTP_REFUSED;
    put_word(packet + word_offset(path, n_plain), frame.word);
    *n_bytes = n_plain + path->n_tag_bytes + WORD_BYTES;
    return SRTP_OK;
}

SrtpVerdict srtp_path_unprotect_rtcp(SrtpPath *path, guint8 *packet, gsize *n_bytes) {
    static const SrtpWindow none;
    Direction *receive = &path->receive;
    gsize n_trailer = path->n_tag_bytes + WORD_BYTES;
    if (*n_bytes < RTCP_BYTES_MIN + n_trailer || *n_bytes > PACKET_BYTES_MAX || packet[0] >> 6 != 2)
        return SRTP_MALFORMED;
    gsize n_plain = *n_bytes - n_trailer;
    Stream *stream = find_stream(receive, word_at(packet + 4));
    if (stream == NULL && is_full(receive)) return SRTP_TOO_MANY;
    guint32 word = word_at(packet + word_offset(path, n_plain));
    gsize n_clear = word & RTCP_ENCRYPTED ? RTCP_BYTES_MIN : n_plain;
    SrtpFrame frame = { .ssrc = word_at(packet + 4),
                        .index = word & RTCP_INDEX_MAX,
                        .clear = packet,
                        .n_clear_bytes = n_clear,
                        .word = word };
    if (!srtp_window_is_new(stream != NULL ? &stream->rtcp : &none, frame.index)) return SRTP_REPLAYED;
    if (!srtp_sealer_open(receive->rtcp, &frame, packet + n_clear, n_plain - n_clear,
                          packet + tag_offset(path, n_plain)))
        return SRTP_AUTH_FAILED;
    if (stream == NULL) stream = add_stream(receive, frame.ssrc);
    srtp_window_take(&stream->rtcp, frame.index);
    *n_bytes = n_plain;
    return SRTP_OK;
}
