/* bytes.c -- Reader and Writer; see bytes.h. */
#include "config/bytes.h"

#include <string.h>

Reader reader_over(const guint8 *bytes, gsize n_bytes) {
    return (Reader){ .at = bytes, .left = n_bytes, .bad = FALSE };
}

const guint8 *reader_bytes(Reader *reader, gsize n_bytes) {
    if (reader->bad || reader->left < n_bytes) {
        reader->bad = TRUE;
        return NULL;
    }
    const guint8 *at = reader->at;
    reader->at += n_bytes;
    reader->left -= n_bytes;
    return at;
}

void reader_skip(Reader *reader, gsize n_bytes) { (void)reader_bytes(reader, n_bytes); }

Reader reader_sub(Reader *reader, gsize n_bytes) {
    const guint8 *at = reader_bytes(reader, n_bytes);
    return (Reader){ .at = at, .left = at != NULL ? n_bytes : 0, .bad = at == NULL };
}

static guint64 read_number(Reader *reader, gsize n_bytes) {
    const guint8 *at = reader_bytes(reader, n_bytes);
    guint64 value = 0;
    for (gsize i = 0; at != NULL && i < n_bytes; i++) value = value << 8 | at[i];
    return value;
}

guint8 reader_u8(Reader *reader) { return (guint8)read_number(reader, 1); }
guint16 reader_u16(Reader *reader) { return (guint16)read_number(reader, 2); }
guint32 reader_u24(Reader *reader) { return (guint32)read_number(reader, 3); }
guint32 reader_u32(Reader *reader) { return (guint32)read_number(reader, 4); }
guint64 reader_u64(Reader *reader) { return read_number(reader, 8); }

Writer writer_over(guint8 *bytes, gsize capacity) {
    return (Writer){ .start = bytes, .n_bytes = 0, .capacity = capacity, .bad = FALSE };
}

guint8 *writer_reserve(Writer *writer, gsize n_bytes) {
    if (writer->bad || writer->capacity - writer->n_bytes < n_bytes) {
        writer->bad = TRUE;
        return NULL;
    }
    guint8 *at = writer->start + writer->n_bytes;
    memset(at, 0, n_bytes);
    writer->n_bytes += n_bytes;
    return at;
}

void writer_bytes(Writer *writer, const void *bytes, gsize n_bytes) {
    guint8 *at = writer_reserve(writer, n_bytes);
    if (at != NULL && n_bytes > 0) memcpy(at, bytes, n_bytes);
}

static void write_number(Writer *writer, guint64 value, gsize n_bytes) {
    guint8 *at = writer_reserve(writer, n_bytes);
    for (gsize i = 0; at != NULL && i < n_bytes; i++) at[i] = (guint8)(value >> (8 * (n_bytes - 1 - i)));
}

void writer_u8(Writer *writer, guint8 value) { write_number(writer, value, 1); }
void writer_u16(Writer *writer, guint16 value) { write_number(writer, value, 2); }
void writer_u24(Writer *writer, guint32 value) { write_number(writer, value, 3); }
void writer_u32(Writer *writer, guint32 value) { write_number(writer, value, 4); }
void writer_u64(Writer *writer, guint64 value) { write_number(writer, value, 8); }

gboolean secret_equal(const void *a, const void *b, gsize n_bytes) {
    const volatile guint8 *left = a, *right = b;
    guint8 different = 0;
    for (gsize i = 0; i < n_bytes; i++) different = (guint8)(different | (left[i] ^ right[i]));
    return different == 0;
}
