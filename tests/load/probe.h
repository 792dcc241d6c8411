/* probe.h -- the camera and microphone of a room that measures delay. Clicks are made on multiples of half a second of the
 * machine's clock, and barcodes say its milliseconds: a listener in another process knows without the book when they were
 * captured. Unlike the other rooms' loops its picture is drawn and
 * encoded live (640 x 360, 25 per second, on a thread of its own) with the time of capture in a barcode, and its voice is
 * encoded packet by packet and clicks. It keeps a book of when what was captured and sent; listener.h looks there.
 * One thread, the sender's, except the look-ups. */
#pragma once

#include <glib.h>

typedef struct Probe Probe;

typedef struct {
    const guint8 *bytes; /* the probe's; live for 250 frames more */
    guint n_bytes;
    guint32 stamp; /* what the barcode says */
    gint64 capture_us;
} ProbeFrame;

/* films FALSE: a microphone alone. NULL: libvpx or libopus refused. */
Probe *probe_new(gboolean films);
void probe_free(Probe *probe);
gboolean probe_films(const Probe *probe);

/* Nobody needs the picture: it stops, and begins again with a keyframe. */
void probe_set_active(Probe *probe, gboolean active);
void probe_force_keyframe(Probe *probe);
/* The next encoded frame, in order; FALSE: none yet. */
gboolean probe_take_frame(Probe *probe, ProbeFrame *ret_frame);
void probe_frame_sent(Probe *probe, const ProbeFrame *frame, gint64 now_us);

/* The next n_frames times 20 ms of sound (1; on a narrow line 3, with half the bits), whose first sample was captured at
 * capture_us, as an Opus packet that leaves now. Bytes live until the next call. */
enum { PROBE_FRAMES_MAX = 3 };
guint probe_voice(Probe *probe, guint n_frames, gint64 capture_us, gint64 now_us, const guint8 **ret_bytes,
                  guint8 *ret_level);
void probe_set_loss(Probe *probe, double loss); /* what reports say of the voice: Opus' own copies go by it */

typedef struct {
    gint64 capture_us;
    gint64 sent_us; /* of a click: as if each sample left by itself, 20 ms after it was captured */
} ProbeMoment;

/* Any thread. FALSE: not in the book (any more). */
gboolean probe_find_picture(Probe *probe, guint32 stamp, ProbeMoment *ret_moment);
/* The newest click of this turn that was sent before this time. */
gboolean probe_find_click(Probe *probe, guint turn, gint64 before_us, ProbeMoment *ret_moment);
/* The same by the clock alone, for who has no book: a click that is up to two seconds old. Pure. */
ProbeMoment probe_click_by_clock(guint turn, gint64 heard_us);
