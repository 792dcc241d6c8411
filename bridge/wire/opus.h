/* opus.h -- what an Opus packet's first bytes tell (RFC 6716 3). Pure. */
#pragma once

#include <glib.h>

/* Samples at 48 kHz of the whole packet, 120 to 5760; 0 when malformed (empty, or over 120 ms). */
guint opus_payload_samples(const guint8 *payload, gsize n_bytes);

/* Does it carry a copy of what came before it (LBRR, RFC 6716 2.1.7)? Packets of more than two frames are not looked into. */
gboolean opus_payload_has_fec(const guint8 *payload, gsize n_bytes);
