/* bytes.h -- bytes from the network pass through a Reader that cannot overrun, and leave through a Writer that cannot
 * either. A short read or write makes it `bad` for good; the caller asks once, at the end. Big-endian. */
#pragma once

#include <glib.h>

typedef struct {
    const guint8 *at;
    gsize left;
    gboolean bad;
} Reader;

Reader reader_over(const guint8 *bytes, gsize n_bytes);
guint8 reader_u8(Reader *reader);
guint16 reader_u16(Reader *reader);
guint32 reader_u24(Reader *reader);
guint32 reader_u32(Reader *reader);
guint64 reader_u64(Reader *reader);
const guint8 *reader_bytes(Reader *reader, gsize n_bytes); /* NULL and bad when short; borrowed */
void reader_skip(Reader *reader, gsize n_bytes);
Reader reader_sub(Reader *reader, gsize n_bytes); /* the next n_bytes as a reader of their own */

typedef struct {
    guint8 *start;
    gsize n_bytes, capacity;
    gboolean bad;
} Writer;

Writer writer_over(guint8 *bytes, gsize capacity);
void writer_u8(Writer *writer, guint8 value);
void writer_u16(Writer *writer, guint16 value);
void writer_u24(Writer *writer, guint32 value);
void writer_u32(Writer *writer, guint32 value);
void writer_u64(Writer *writer, guint64 value);
void writer_bytes(Writer *writer, const void *bytes, gsize n_bytes);
guint8 *writer_reserve(Writer *writer, gsize n_bytes); /* zeroed room, or NULL and bad */

/* Constant time; for tokens, keys, MACs. */
gboolean secret_equal(const void *a, const void *b, gsize n_bytes);
