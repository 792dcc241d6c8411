/* stun.c -- see stun.h. Lengths inside are patched for MESSAGE-INTEGRITY and FINGERPRINT as RFC 8489 14.5 and 14.7 want. */
#include "tests/load/stun.h"

#include "config/bytes.h"

#include <string.h>

enum {
    HEADER_BYTES = 20,
    ATTR_USERNAME = 0x0006,
    ATTR_INTEGRITY = 0x0008,
    ATTR_ERROR = 0x0009,
    ATTR_XOR_ADDRESS = 0x0020,
    ATTR_PRIORITY = 0x0024,
    ATTR_USE_CANDIDATE = 0x0025,
    ATTR_FINGERPRINT = 0x8028,
    ATTR_CONTROLLED = 0x8029,
    SHA1_BYTES = 20,
};
static const guint32 COOKIE = 0x2112A442, FINGERPRINT_XOR = 0x5354554E;

static guint32 crc32_of(const guint8 *bytes, gsize n_bytes) {
    guint32 crc = 0xFFFFFFFF;
    for (gsize i = 0; i < n_bytes; i++) {
        crc ^= bytes[i];
        for (guint bit = 0; bit < 8; bit++) crc = crc >> 1 ^ (crc & 1 ? 0xEDB88320 : 0);
    }
    return ~crc;
}

/* HMAC-SHA1 over the first n_bytes with the length field saying n_counted (bytes after the header). */
static void integrity(const guint8 *bytes, gsize n_bytes, gsize n_counted, const char *key,
                      guint8 ret[SHA1_BYTES]) {
    GHmac *hmac = g_hmac_new(G_CHECKSUM_SHA1, (const guchar *)key, strlen(key));
    guint8 head[HEADER_BYTES];
    gsize n_digest = SHA1_BYTES;
    memcpy(head, bytes, HEADER_BYTES);
    head[2] = (guint8)(n_counted >> 8);
    head[3] = (guint8)n_counted;
    g_hmac_update(hmac, head, HEADER_BYTES);
    g_hmac_update(hmac, bytes + HEADER_BYTES, (gssize)(n_bytes - HEADER_BYTES));
    g_hmac_get_digest(hmac, ret, &n_digest);
    g_hmac_unref(hmac);
}

static gboolean read_kind(guint16 type, StunClass *ret_kind) {
    switch (type) {
    case 0x0001: *ret_kind = STUN_REQUEST; return TRUE;
    case 0x0011: *ret_kind = STUN_INDICATION; return TRUE;
    case 0x0101: *ret_kind = STUN_SUCCESS; return TRUE;
    case 0x0111: *ret_kind = STUN_ERROR; return TRUE;
    default: return FALSE;
    }
}

gboolean stun_read(const guint8 *bytes, gsize n_bytes, const char *key, StunMessage *ret_message) {
    Reader reader = reader_over(bytes, n_bytes);
    StunMessage message = { .username = "" };
    gboolean signed_well = FALSE;
    const guint8 *id;
    if (!read_kind(reader_u16(&reader), &message.kind) || reader_u16(&reader) != n_bytes - HEADER_BYTES)
        return FALSE;
    if (reader_u32(&reader) != COOKIE || (id = reader_bytes(&reader, STUN_ID_BYTES)) == NULL) return FALSE;
    memcpy(message.id, id, STUN_ID_BYTES);
    while (reader.left > 0) {
        gsize at = n_bytes - reader.left;
        guint16 type = reader_u16(&reader), n = reader_u16(&reader);
        const guint8 *value = reader_bytes(&reader, n);
        reader_skip(&reader, (4u - n % 4u) % 4u);
        if (reader.bad) return FALSE;
        if (type == ATTR_USERNAME && n < sizeof message.username && !signed_well) {
            memcpy(message.username, value, n);
            message.username[n] = '\0';
        } else if (type == ATTR_USE_CANDIDATE) {
            message.use_candidate = TRUE;
        } else if (type == ATTR_ERROR && n >= 4) {
            message.error_code = (value[2] & 7) * 100u + value[3];
        } else if (type == ATTR_INTEGRITY && n == SHA1_BYTES && key != NULL) {
            guint8 want[SHA1_BYTES];
            integrity(bytes, at, at + 4 + SHA1_BYTES - HEADER_BYTES, key, want);
            if (!secret_equal(want, value, SHA1_BYTES)) return FALSE;
            signed_well = TRUE;
        } else if (type == ATTR_FINGERPRINT && n == 4) {
            Reader crc = reader_over(value, 4);
            if (reader_u32(&crc) != (crc32_of(bytes, at) ^ FINGERPRINT_XOR)) return FALSE;
        }
    }
    if (key != NULL && !signed_well) return FALSE;
    *ret_message = message;
    return TRUE;
}

static void put_head(Writer *writer, guint16 type, const guint8 id[STUN_ID_BYTES]) {
    writer_u16(writer, type);
    writer_u16(writer, 0);
    writer_u32(writer, COOKIE);
    writer_bytes(writer, id, STUN_ID_BYTES);
}

/* Signs, adds the fingerprint and the length. */
static gsize finish(Writer *writer, const char *key) {
    guint8 digest[SHA1_BYTES];
    gsize n_counted;
    if (writer->bad) return 0;
    integrity(writer->start, writer->n_bytes, writer->n_bytes + 4 + SHA1_BYTES - HEADER_BYTES, key, digest);
    writer_u16(writer, ATTR_INTEGRITY);
    writer_u16(writer, SHA1_BYTES);
    writer_bytes(writer, digest, SHA1_BYTES);
    n_counted = writer->n_bytes + 8 - HEADER_BYTES;
    writer->start[2] = (guint8)(n_counted >> 8);
    writer->start[3] = (guint8)n_counted;
    guint32 crc = crc32_of(writer->start, writer->n_bytes) ^ FINGERPRINT_XOR;
    writer_u16(writer, ATTR_FINGERPRINT);
    writer_u16(writer, 4);
    writer_u32(writer, crc);
    return writer->bad ? 0 : writer->n_bytes;
}

gsize stun_write_check(guint8 ret_bytes[STUN_BYTES_MAX], const guint8 id[STUN_ID_BYTES], const char *username,
                       const char *key, guint64 tie_breaker, guint32 priority) {
    Writer writer = writer_over(ret_bytes, STUN_BYTES_MAX);
    gsize n = strlen(username);
    put_head(&writer, 0x0001, id);
    writer_u16(&writer, ATTR_USERNAME);
    writer_u16(&writer, (guint16)n);
    writer_bytes(&writer, username, n);
    for (; n % 4 != 0; n++) writer_u8(&writer, 0);
    writer_u16(&writer, ATTR_PRIORITY);
    writer_u16(&writer, 4);
    writer_u32(&writer, priority);
    writer_u16(&writer, ATTR_CONTROLLED);
    writer_u16(&writer, 8);
    writer_u64(&writer, tie_breaker);
    return finish(&writer, key);
}

gsize stun_write_success(guint8 ret_bytes[STUN_BYTES_MAX], const guint8 id[STUN_ID_BYTES], const char *key,
                         const struct sockaddr_in *from) {
    Writer writer = writer_over(ret_bytes, STUN_BYTES_MAX);
    put_head(&writer, 0x0101, id);
    writer_u16(&writer, ATTR_XOR_ADDRESS);
    writer_u16(&writer, 8);
    writer_u16(&writer, 0x0001);
    writer_u16(&writer, (guint16)(ntohs(from->sin_port) ^ (COOKIE >> 16)));
    writer_u32(&writer, ntohl(from->sin_addr.s_addr) ^ COOKIE);
    return finish(&writer, key);
}
