/* playout.c -- see playout.h. Stretches are judged two seconds after the newest, when nothing can change them any more. */
#include "tests/load/playout.h"

enum {
    SLOT_SAMPLES = 960,
    SLOT_US = 20000,
    STEP_US = 10000,
    JUDGE_AFTER = 100,
    DELAY_MIN_US = 40000, /* as a browser's: two packets */
    DELAY_MAX_US = 900000,
    EPOCH_US = 10 * G_USEC_PER_SEC,
    LOOK_BACK = 64,
    GROW_MAX_US = 120000,
    SHRINK = 500 /* packets until most of it is gone */
};
static const float QUANTILE = 0.97F, FORGET = 0.985F;

static PlayoutSlot *slot_of(Playout *playout, guint64 at) { return &playout->slots[at % PLAYOUT_SLOTS]; }

static void judge(Playout *playout, PlayoutStats *stats) {
    for (; playout->judged + JUDGE_AFTER < playout->highest; playout->judged++) {
        const PlayoutSlot *slot = slot_of(playout, playout->judged);
        if (slot->at != playout->judged || slot->pause) continue;
        stats->n_due++;
        if (slot->arrived_us == 0 || slot->arrived_us > slot->due_us)
            stats->n_concealed++;
        else if (slot->copy)
            stats->n_from_copies++;
    }
}

/* Later than the least of the last seconds. */
static gint64 lateness(Playout *playout, guint64 at, gint64 now_us) {
    gint64 late_us = now_us - (gint64)at * SLOT_US;
    if (playout->epoch_us == 0) {
        playout->least_us = playout->least_before_us = late_us;
        playout->epoch_us = now_us;
    } else if (now_us - playout->epoch_us > EPOCH_US) {
        playout->least_before_us = playout->least_us;
        playout->least_us = late_us;
        playout->epoch_us = now_us;
    }
    playout->least_us = MIN(playout->least_us, late_us);
    return late_us - MIN(playout->least_us, playout->least_before_us);
}

static void follow_jitter(Playout *playout, gint64 late_us) {
    gint64 step = CLAMP(late_us / STEP_US, 0, PLAYOUT_STEPS - 1);
    float sum = 0, all = 0;
    guint i = 0;
    for (guint k = 0; k < PLAYOUT_STEPS; k++) playout->delays[k] *= FORGET;
    playout->delays[step] += 1 - FORGET;
    for (guint k = 0; k < PLAYOUT_STEPS; k++) all += playout->delays[k];
    while (i < PLAYOUT_STEPS - 1 && (sum += playout->delays[i]) < QUANTILE * all) i++;
    playout->delay_us = CLAMP((gint64)(i + 2) * STEP_US, DELAY_MIN_US, DELAY_MAX_US);
    playout->grown_us -= playout->grown_us / SHRINK;
}

static void open_slot(Playout *playout, guint64 at, gboolean pause, gboolean guessed) {
    gint64 base_us = MIN(playout->least_us, playout->least_before_us);
    *slot_of(playout, at) =
        (PlayoutSlot){ .at = at,
                       .due_us = base_us + (gint64)at * SLOT_US + playout->delay_us + playout->grown_us,
                       .pause = pause,
                       .guessed = guessed };
}

/* Sound has come for a stretch that was taken for a pause: then it was another one near it that was silent. */
static void correct_guess(Playout *playout, guint64 at) {
    for (guint64 i = at > LOOK_BACK ? at - LOOK_BACK : 1; i < at; i++) {
        PlayoutSlot *slot = slot_of(playout, i);
        if (slot->at != i || !slot->guessed || slot->arrived_us != 0) continue;
        slot->pause = TRUE;
        slot->guessed = FALSE;
        return;
    }
}

/* While a buffer conceals, time stands still in it: what comes then is played, later than it would have been. */
static void grow(Playout *playout, gint64 too_late_us) {
    if (too_late_us > 0 && playout->grown_us + too_late_us <= GROW_MAX_US)
        playout->grown_us += too_late_us + STEP_US / 2;
}

static void fill(Playout *playout, guint64 at, guint n, gboolean copy, gint64 now_us) {
    for (guint64 i = at; i < at + n; i++) {
        PlayoutSlot *slot = slot_of(playout, i);
        if (slot->at != i || slot->arrived_us != 0) continue;
        if (slot->pause) correct_guess(playout, i);
        slot->pause = FALSE;
        slot->arrived_us = now_us;
        grow(playout, now_us - slot->due_us);
        slot->copy = copy;
    }
}

static guint slots_in(guint n_samples) { return MAX(1, (n_samples + SLOT_SAMPLES / 2) / SLOT_SAMPLES); }
static guint64 slot_at(guint64 time) { return (time + SLOT_SAMPLES / 2) / SLOT_SAMPLES + 1; }

void playout_packet(Playout *playout, PlayoutStats *stats, guint64 time, guint n_samples, guint n_missing,
                    gint64 now_us) {
    guint n = slots_in(n_samples);
    guint64 at = slot_at(time), last = at + n - 1;
    /* A packet is there when its last sample could be. */
    follow_jitter(playout, lateness(playout, last, now_us));
    stats->delay_us = playout->delay_us + playout->grown_us;
    if (playout->highest == 0 || last > playout->highest + PLAYOUT_SLOTS / 2) {
        if (playout->highest != 0 && n_missing > 0) {
            stats->n_due += (guint64)n_missing * n;
            stats->n_concealed += (guint64)n_missing * n;
        }
        playout->highest = at - 1;
        playout->judged = at;
    }
    for (guint64 i = playout->highest + 1; i <= last; i++) {
        gboolean missing = i < at && i - playout->highest <= (guint64)n_missing * n;
        open_slot(playout, i, i < at && !missing, missing);
    }
    playout->highest = MAX(playout->highest, last);
    fill(playout, at, n, FALSE, now_us);
    judge(playout, stats);
}

void playout_copy(Playout *playout, guint64 time, guint n_samples, gint64 now_us) {
    fill(playout, slot_at(time), slots_in(n_samples), TRUE, now_us);
}
