/* role.h -- who somebody is, and what he may. One table of rights (role.c). */
#pragma once

#include "signaling/words.h"

#include <glib.h>

typedef enum {
    ROLE_NONE = 0,
    ROLE_ROOM,
    ROLE_OBSERVER,
    ROLE_CHAIR,
    ROLE_TECHNICIAN,
    ROLE_ADMIN,
    ROLE_SYSTEM
} Role;
typedef enum {
    RIGHT_SEAT,         /* sit in a seat: join, hand, own microphone */
    RIGHT_WATCH,        /* snapshot, deltas, wall, program without a seat */
    RIGHT_DIRECT,       /* floor, mute, layout, pin, notice, end */
    RIGHT_MEETINGS,     /* create, open, end meetings */
    RIGHT_ROSTER_READ,  /* names, contacts, state of links */
    RIGHT_ROSTER_WRITE, /* import, make and revoke links */
    RIGHT_USERS,        /* add users, set passwords */
    RIGHT_STATUS,       /* bridge, versions, stats */
    N_RIGHTS
} Right;

/* "room" "observer" "chair" "technician" "admin"; ROLE_NONE when unknown ("system" is nobody's to claim). */
Role role_from_word(const char *word);
const char *role_word(Role role);
gboolean role_may(Role role, Right right);

/* Who gives a command. Strings are borrowed for the call. */
typedef struct {
    Role role;
    gint32 seat;      /* the seat a room is, or the seat a console is attached to; 0 = none */
    const char *name; /* user's login name, seat's code, or "system" */
    Language language;
} Actor;
