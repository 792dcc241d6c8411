/* session_legs_table.h -- inside of LegTable, for session_legs*.c and session_presence.c alone. */
#pragma once

#include "signaling/session_legs.h"

struct LegTable {
    GHashTable *legs; /* id -> Leg */
    gint32 next_id;
    guint n_adoptions;
    gint64 settle_until_us; /* nobody is told as lost before */
    GHashTable *dark;       /* "meeting/seat" -> gint64 us: since when a present seat has no living media */
};

Leg *leg_add(Service *service, gint32 id, const char *meeting, gint32 seat, LegWay way);
void leg_remove(Service *service, Leg *leg);    /* from the table; the bridge is not told */
void leg_vanished(Service *service, gint32 id); /* gone at the bridge: its page is told to make a new one */
void legs_forget_meeting(Service *service,
                         const char *meeting); /* it has ended: nobody in it waits for media */
void leg_tell_needs(Session *session,
                    const Leg *leg); /* what the bridge last wished of its camera and screen */
