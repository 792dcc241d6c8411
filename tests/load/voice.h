/* voice.h -- the microphone of a simulated endpoint: a loop of Opus packets holding a tone of its own that swells five
 * times a second like syllables do, each with its true level (RFC 6464); and one packet of silence that all share. */
#pragma once

#include <glib.h>

enum { VOICE_FRAME_SAMPLES = 960, VOICE_LOOP_FRAMES = 120, VOICE_BYTES_MAX = 160 };

typedef struct {
    guint n_frames;
    guint16 sizes[VOICE_LOOP_FRAMES];
    guint8 levels[VOICE_LOOP_FRAMES]; /* -dBov */
    guint8 bytes[VOICE_LOOP_FRAMES][VOICE_BYTES_MAX];
} VoiceLoop;

/* The tone of a number: 300 Hz and 15 Hz more for each. */
double voice_tone_hz(guint number);

/* Any thread. (transfer full, g_free); NULL: libopus refused. */
VoiceLoop *voice_loop_new(guint number);
guint8 voice_loop_level(const gint16 *samples, guint n_samples); /* RFC 6464: in -dBov, 127 is silence */
VoiceLoop *voice_silence_new(void);                              /* one frame, level 127 */
