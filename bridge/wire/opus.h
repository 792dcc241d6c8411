/* opus.h -- what an Opus packet's first bytes tell (RFC 6716 3). Pure. */
#pragma once

#include <glib.h>

/* Samples at 48 kHz of the whole packet, 120 to 5760; 0 when malformed (empty, or over 120 ms). */
guint opus_payload_samples(const guint8 *payload, gsize n_bytes);
