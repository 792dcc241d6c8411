/* stage.h -- pure: who stands in which slot of a view. Pinned seats keep their slots; the others go to those who speak, and a
 * seat that is shown stays where it is until somebody louder needs the place: pictures must not jump while one looks. */
#pragma once

#include <glib.h>

enum { STAGE_SLOTS_MAX = 256 };

typedef struct {
    guint n_slots;
    guint32 seats[STAGE_SLOTS_MAX];   /* 0: empty */
    gint64 spoke_us[STAGE_SLOTS_MAX]; /* when the one in the slot was last heard; 0: never */
    guint32 coming;                   /* speaks, and will lead when it goes on */
    gint64 coming_since_us;
} Stage;

/* leads: slot 0 is the large one and follows who speaks, unless it is pinned; the one who stood there takes the other's place.
 * pins[i]: the seat of slot i, or 0 for "loudest". candidates: seats that are present, best order first. speaking: those heard
 * now, loudest first. hold_us: who spoke within it is not pushed out. TRUE when a slot changed. */
gboolean stage_update(Stage *stage, gboolean leads, const guint32 *pins, guint n_slots,
                      const guint32 *candidates, guint n_candidates, const guint32 *speaking,
                      guint n_speaking, gint64 now_us, gint64 hold_us);
