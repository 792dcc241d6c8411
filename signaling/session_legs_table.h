/* session_legs_table.h -- inside of LegTable, for session_legs.c and session_presence.c alone. */
#pragma once

#include "signaling/session_legs.h"

struct LegTable {
    GHashTable *legs; /* id -> Leg */
    gint32 next_id;
    guint n_adoptions;
    gint64 settle_until_us; /* nobody is told as lost before */
    GHashTable *dark;       /* "meeting/seat" -> gint64 us: since when a present seat has no living media */
};

void leg_vanished(Service *service, gint32 id);
