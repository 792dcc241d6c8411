/* vp8.h -- VP8 in RTP (RFC 7741): the payload descriptor, and what a frame's first bytes tell (RFC 6386 9.1). Pure. */
#pragma once

#include <glib.h>

typedef struct {
    gboolean starts_partition, non_reference;
    guint8 partition;         /* 0..7 */
    gint32 picture_id;        /* -1: absent */
    gboolean picture_id_long; /* 15 bits */
    gint16 tl0_index;         /* TL0PICIDX, -1: absent */
    gint8 temporal_layer;     /* TID 0..3, -1: absent */
    gboolean layer_sync;      /* Y */
    gint8 key_index;          /* KEYIDX, -1: absent */
    gsize n_bytes;            /* of the descriptor */
} Vp8Descriptor;

/* FALSE when the payload ends inside the descriptor. An empty rest is allowed. */
gboolean vp8_descriptor_parse(const guint8 *payload, gsize n_bytes, Vp8Descriptor *ret_descriptor);

/* Writes into room for 6 bytes; returns the length. n_bytes of the descriptor is ignored. */
enum { VP8_DESCRIPTOR_BYTES_MAX = 6 };
gsize vp8_descriptor_write(const Vp8Descriptor *descriptor, guint8 ret_bytes[VP8_DESCRIPTOR_BYTES_MAX]);

/* The descriptor of everything that we send: 15 bit picture id, TL0PICIDX, TID; always VP8_DESCRIPTOR_BYTES_MAX long, so
 * that packets of a frame stay equal in size. first: first packet of the frame. */
void vp8_descriptor_write_ours(guint8 ret_bytes[VP8_DESCRIPTOR_BYTES_MAX], gboolean first,
                               gboolean non_reference, guint16 picture_id, guint8 tl0_index,
                               guint8 temporal_layer, gboolean layer_sync);

/* frame: starts at the first byte of a frame (partition 0, after the descriptor). */
gboolean vp8_is_keyframe(const guint8 *frame, gsize n_bytes);
/* FALSE: no keyframe, start code missing, too short, or a size of 0. Scale bits are ignored. */
gboolean vp8_keyframe_size(const guint8 *frame, gsize n_bytes, guint16 *ret_width, guint16 *ret_height);
