/* vp8.c -- see vp8.h. The descriptor of RFC 7741 4.2:
 *     |X|R|N|S|R| PID |   |I|L|T|K| RSV |   |M| PictureID |...|   TL0PICIDX   |TID|Y| KEYIDX |            */
#include "bridge/wire/vp8.h"

#include "config/bytes.h"

gboolean vp8_descriptor_parse(const guint8 *payload, gsize n_bytes, Vp8Descriptor *ret_descriptor) {
    Reader reader = reader_over(payload, n_bytes);
    guint8 first = reader_u8(&reader), extended = first & 0x80 ? reader_u8(&reader) : 0;
    Vp8Descriptor d = { .starts_partition = first >> 4 & 1,
                        .non_reference = first >> 5 & 1,
                        .partition = first & 0x07,
                        .picture_id = -1,
                        .tl0_index = -1,
                        .temporal_layer = -1,
                        .key_index = -1 };

    if (extended & 0x80) {
        guint8 id = reader_u8(&reader);

        d.picture_id_long = id >> 7;
        d.picture_id = id & 0x7F;
        if (d.picture_id_long) d.picture_id = d.picture_id << 8 | reader_u8(&reader);
    }
    if (extended & 0x40) d.tl0_index = reader_u8(&reader);
    if (extended & 0x30) {
        guint8 layers = reader_u8(&reader);

        if (extended & 0x20) {
            d.temporal_layer = (gint8)(layers >> 6);
            d.layer_sync = layers >> 5 & 1;
        }
        if (extended & 0x10) d.key_index = (gint8)(layers & 0x1F);
    }
    if (reader.bad) return FALSE;
    d.n_bytes = n_bytes - reader.left;
    *ret_descriptor = d;
    return TRUE;
}

gsize vp8_descriptor_write(const Vp8Descriptor *d, guint8 ret_bytes[VP8_DESCRIPTOR_BYTES_MAX]) {
    guint8 extended = (guint8)((d->picture_id >= 0 ? 0x80 : 0) | (d->tl0_index >= 0 ? 0x40 : 0) |
                               (d->temporal_layer >= 0 ? 0x20 : 0) | (d->key_index >= 0 ? 0x10 : 0));
    Writer writer = writer_over(ret_bytes, VP8_DESCRIPTOR_BYTES_MAX);

    writer_u8(&writer, (guint8)((extended ? 0x80 : 0) | (d->non_reference ? 0x20 : 0) |
                                (d->starts_partition ? 0x10 : 0) | (d->partition & 0x07)));
    if (extended) writer_u8(&writer, extended);
    if (d->picture_id >= 0) {
        if (d->picture_id_long)
            writer_u16(&writer, (guint16)(0x8000 | (d->picture_id & 0x7FFF)));
        else
            writer_u8(&writer, (guint8)(d->picture_id & 0x7F));
    }
    if (d->tl0_index >= 0) writer_u8(&writer, (guint8)d->tl0_index);
    if (extended & 0x30)
        writer_u8(&writer, (guint8)((d->temporal_layer >= 0 ? d->temporal_layer << 6 : 0) |
                                    (d->temporal_layer >= 0 && d->layer_sync ? 0x20 : 0) |
                                    (d->key_index >= 0 ? d->key_index & 0x1F : 0)));
    return writer.n_bytes;
}

void vp8_descriptor_write_ours(guint8 ret_bytes[VP8_DESCRIPTOR_BYTES_MAX], gboolean first,
                               gboolean non_reference, guint16 picture_id, guint8 tl0_index,
                               guint8 temporal_layer, gboolean layer_sync) {
    ret_bytes[0] = (guint8)(0x80 | (non_reference ? 0x20 : 0) | (first ? 0x10 : 0));
    ret_bytes[1] = 0xE0; /* I, L, T */
    ret_bytes[2] = (guint8)(0x80 | picture_id >> 8);
    ret_bytes[3] = (guint8)picture_id;
    ret_bytes[4] = tl0_index;
    ret_bytes[5] = (guint8)(temporal_layer << 6 | (layer_sync ? 0x20 : 0));
}

gboolean vp8_is_keyframe(const guint8 *frame, gsize n_bytes) { return n_bytes > 0 && (frame[0] & 0x01) == 0; }

gboolean vp8_keyframe_size(const guint8 *frame, gsize n_bytes, guint16 *ret_width, guint16 *ret_height) {
    guint16 width, height;

    if (n_bytes < 10 || !vp8_is_keyframe(frame, n_bytes)) return FALSE;
    if (frame[3] != 0x9D || frame[4] != 0x01 || frame[5] != 0x2A) return FALSE;
    width = (guint16)((frame[6] | frame[7] << 8) & 0x3FFF);
    height = (guint16)((frame[8] | frame[9] << 8) & 0x3FFF);
    if (width == 0 || height == 0) return FALSE;
    *ret_width = width;
    *ret_height = height;
    return TRUE;
}
