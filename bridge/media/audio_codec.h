/* audio_codec.h -- Opus, mono, 48 kHz: the only file that knows libopus. Owned by one thread (the audio thread). */
#pragma once

#include <glib.h>

typedef struct AudioDecoder AudioDecoder;
typedef struct AudioEncoder AudioEncoder;

enum {
    AUDIO_DECODED_SAMPLES_MAX = 5760, /* 120 ms, the longest packet (RFC 6716 3.2.5) */
    AUDIO_STEP_SAMPLES = 120,         /* concealment comes in multiples of 2.5 ms */
    AUDIO_ENCODED_BYTES_MAX = 1000,
};

AudioDecoder *audio_decoder_new(void);
void audio_decoder_free(AudioDecoder *decoder); /* NULL is fine */
void audio_decoder_reset(AudioDecoder *decoder);
/* Any duration, mono or stereo, to mono. Returns samples (room: AUDIO_DECODED_SAMPLES_MAX), 0 when malformed. */
guint audio_decoder_decode(AudioDecoder *decoder, const guint8 *bytes, gsize n_bytes, gint16 *ret_samples);
/* The packet before `bytes` was lost: its redundant copy inside (RFC 6716 2.1.7), or concealment where there is none.
 * n_samples: how long the lost one was, a multiple of AUDIO_STEP_SAMPLES. FALSE: nothing written. */
gboolean audio_decoder_recover(AudioDecoder *decoder, const guint8 *bytes, gsize n_bytes, gint16 *ret_samples,
                               guint n_samples);
/* Invents n_samples (a multiple of AUDIO_STEP_SAMPLES): fades out in speech, comfort noise in a DTX pause. */
void audio_decoder_conceal(AudioDecoder *decoder, gint16 *ret_samples, guint n_samples);

typedef struct {
    guint bitrate_bps, complexity;
    guint frame_samples; /* of a packet: 960 or 2880 */
    guint loss_percent;  /* expected at the listeners: how much redundancy goes in */
} AudioEncoderSettings;
AudioEncoder *audio_encoder_new(const AudioEncoderSettings *settings, GError **error); /* FAULT_INTERNAL */
void audio_encoder_free(AudioEncoder *encoder);                                        /* NULL is fine */
void audio_encoder_reset(AudioEncoder *encoder);
/* Off at first. Opus takes every steady sound for noise, so it is to be allowed only where there is nothing to hear. */
void audio_encoder_allow_dtx(AudioEncoder *encoder, gboolean allowed);
/* At first TRUE: each voiced packet carries a thin copy of the one before (in-band FEC), which Opus does in its speech modes
 * alone. FALSE: no copies, and its other mode (CELT), which sounds better at these rates for a third of the work. Going from
 * one to the other is the encoder's own affair and is not heard; between encoders it would be. */
void audio_encoder_carry_copies(AudioEncoder *encoder, gboolean carry);
/* TRUE: the next packets lean on nothing before them, for a listener whose decoder heard another encoder until now. */
void audio_encoder_stand_alone(AudioEncoder *encoder, gboolean alone);
/* frame_samples in. Returns bytes; 2 or fewer: a DTX pause, only the first of them needs to be sent. 0 on failure. */
gsize audio_encoder_encode(AudioEncoder *encoder, const gint16 *samples,
                           guint8 ret_bytes[AUDIO_ENCODED_BYTES_MAX]);
