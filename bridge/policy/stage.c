/* stage.c -- who stands in which slot; see stage.h. */
#include "bridge/policy/stage.h"

#include <string.h>

enum { LEAD_US = 1500000 };

static gboolean contains(const guint32 *seats, guint n_seats, guint32 seat) {
    for (guint i = 0; i < n_seats; i++)
        if (seats[i] == seat) return TRUE;
    return FALSE;
}

static gint slot_of(const Stage *stage, guint32 seat) {
    for (guint i = 0; i < stage->n_slots; i++)
        if (stage->seats[i] == seat) return (gint)i;
    return -1;
}

static void put(Stage *stage, guint slot, guint32 seat, gint64 spoke_us) {
    stage->seats[slot] = seat;
    stage->spoke_us[slot] = spoke_us;
}

/* Pins first; whoever left, or stands in a slot that is now another's by pin, makes room. */
static void settle_pins(Stage *stage, const guint32 *pins, const guint32 *candidates, guint n_candidates) {
    for (guint i = 0; i < stage->n_slots; i++) {
        guint32 seat = stage->seats[i];
        gboolean pinned_elsewhere = seat != 0 && pins[i] != seat && contains(pins, stage->n_slots, seat);
        if (seat != 0 && (pinned_elsewhere || !contains(candidates, n_candidates, seat))) put(stage, i, 0, 0);
    }
    for (guint i = 0; i < stage->n_slots; i++) {
        if (pins[i] == 0 || stage->seats[i] == pins[i]) continue;
        guint32 seat = contains(candidates, n_candidates, pins[i]) ? pins[i] : 0;
        put(stage, i, seat, 0);
    }
}

/* The free slot that was heard longest ago; -1 when all have spoken within the hold. */
static gint oldest_free(const Stage *stage, const guint32 *pins, gint64 now_us, gint64 hold_us) {
    gint best = -1;
    for (guint i = 0; i < stage->n_slots; i++) {
        if (pins[i] != 0) continue;
        if (stage->seats[i] == 0) return (gint)i;
        if (stage->spoke_us[i] != 0 && now_us - stage->spoke_us[i] < hold_us) continue;
        /* Among those equally long silent the last slot gives way: it is the smallest tile. */
        if (best < 0 || stage->spoke_us[i] <= stage->spoke_us[best]) best = (gint)i;
    }
    return best;
}

static void seat_speakers(Stage *stage, const guint32 *pins, const guint32 *candidates, guint n_candidates,
                          const guint32 *speaking, guint n_speaking, gint64 now_us, gint64 hold_us) {
    for (guint i = 0; i < n_speaking; i++) {
        if (!contains(candidates, n_candidates, speaking[i])) continue;
        gint slot = slot_of(stage, speaking[i]);
        if (slot < 0) {
            slot = oldest_free(stage, pins, now_us, hold_us);
            if (slot < 0) return;
            put(stage, (guint)slot, speaking[i], now_us);
        }
        stage->spoke_us[slot] = now_us;
    }
}

static void fill_empty(Stage *stage, const guint32 *pins, const guint32 *candidates, guint n_candidates) {
    guint next = 0;
    for (guint i = 0; i < stage->n_slots; i++) {
        if (stage->seats[i] != 0 || pins[i] != 0) continue;
        while (next < n_candidates && slot_of(stage, candidates[next]) >= 0) next++;
        if (next == n_candidates) return;
        put(stage, i, candidates[next], 0);
    }
}

/* A cough does not take the large tile: the new voice must go on for LEAD_US. */
static void follow_speaker(Stage *stage, const guint32 *pins, const guint32 *speaking, guint n_speaking,
                           gint64 now_us) {
    gint slot = -1;
    for (guint i = 0; i < n_speaking && slot < 0; i++) {
        slot = slot_of(stage, speaking[i]);
        if (slot > 0 && pins[slot] != 0) slot = -1;
    }
    guint32 seat = slot > 0 ? stage->seats[slot] : 0;
    if (seat != stage->coming) {
        stage->coming = seat;
        stage->coming_since_us = now_us;
    }
    if (seat == 0 || (stage->seats[0] != 0 && now_us - stage->coming_since_us < LEAD_US)) return;
    guint32 before = stage->seats[0];
    gint64 before_spoke_us = stage->spoke_us[0];
    put(stage, 0, seat, stage->spoke_us[slot]);
    put(stage, (guint)slot, before, before_spoke_us);
    stage->coming = 0;
}

gboolean stage_update(Stage *stage, gboolean leads, const guint32 *pins, guint n_slots,
                      const guint32 *candidates, guint n_candidates, const guint32 *speaking,
                      guint n_speaking, gint64 now_us, gint64 hold_us) {
    guint n_before = stage->n_slots;
    guint32 before[STAGE_SLOTS_MAX];
    memcpy(before, stage->seats, sizeof before);
    g_assert(n_slots <= STAGE_SLOTS_MAX);
    for (guint i = n_before; i < n_slots; i++) put(stage, i, 0, 0);
    for (guint i = n_slots; i < n_before; i++) put(stage, i, 0, 0);
    stage->n_slots = n_slots;
    settle_pins(stage, pins, candidates, n_candidates);
    seat_speakers(stage, pins, candidates, n_candidates, speaking, n_speaking, now_us, hold_us);
    fill_empty(stage, pins, candidates, n_candidates);
    if (leads && n_slots > 1 && pins[0] == 0) follow_speaker(stage, pins, speaking, n_speaking, now_us);
    return n_before != n_slots || memcmp(before, stage->seats, sizeof before) != 0;
}
