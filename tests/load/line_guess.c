/* line_guess.c -- see line_guess.h. The rules of draft-ietf-rmcat-gcc-02 5, with the voice packets as the clock. */
#include "tests/load/line_guess.h"

enum {
    FIRST_BPS = 300000,
    MIN_BPS = 20000,
    HEADERS_BYTES = 28, /* IP and UDP */
    QUEUE_US = 60000,
    EVEN_US = 25000,
    EPOCH_US = 10 * G_USEC_PER_SEC
};

void line_guess_late(LineGuess *guess, gint64 late_us, gint64 now_us) {
    double late = (double)late_us;
    if (guess->epoch_us == 0) {
        guess->late_us = guess->least_us = guess->least_before_us = late;
        guess->epoch_us = now_us;
    }
    guess->late_us += (late - guess->late_us) / 16; /* jitter is no queue */
    if (now_us - guess->epoch_us > EPOCH_US) {
        guess->least_before_us = guess->least_us;
        guess->least_us = guess->late_us;
        guess->epoch_us = now_us;
    }
    guess->least_us = MIN(guess->least_us, guess->late_us);
}

void line_guess_packet(LineGuess *guess, gsize n_bytes) { guess->n_bytes += n_bytes + HEADERS_BYTES; }

guint64 line_guess_bps(LineGuess *guess, gint64 now_us) {
    gint64 lasted_us = now_us - guess->since_us;
    double queue_us = guess->late_us - MIN(guess->least_us, guess->least_before_us);
    if (guess->bps == 0) guess->bps = FIRST_BPS;
    if (guess->since_us != 0 && lasted_us > 0) {
        double incoming_bps = (double)guess->n_bytes * 8e6 / (double)lasted_us;
        if (queue_us > QUEUE_US)
            guess->bps = MIN(guess->bps, 0.85 * incoming_bps);
        else if (queue_us < EVEN_US)
            guess->bps = MAX(MIN(guess->bps * 1.08 + 1000, 1.5 * incoming_bps + 10000), MIN_BPS);
    }
    guess->bps = MAX(guess->bps, MIN_BPS);
    guess->n_bytes = 0;
    guess->since_us = now_us;
    return (guint64)guess->bps;
}
