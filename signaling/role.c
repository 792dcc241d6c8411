/* role.c -- the table of rights. */
#include "signaling/role.h"

#define BIT(right) (1u << (right))
static const struct {
    const char *word;
    guint rights;
} rows[] = {
    [ROLE_NONE] = { "none", 0 },
    [ROLE_ROOM] = { "room", BIT(RIGHT_SEAT) },
    [ROLE_OBSERVER] = { "observer", BIT(RIGHT_WATCH) },
    [ROLE_CHAIR] = { "chair",
                     BIT(RIGHT_WATCH) | BIT(RIGHT_DIRECT) | BIT(RIGHT_MEETINGS) | BIT(RIGHT_ROSTER_READ) },
    [ROLE_TECHNICIAN] = { "technician", BIT(RIGHT_WATCH) | BIT(RIGHT_DIRECT) | BIT(RIGHT_MEETINGS) |
                                            BIT(RIGHT_ROSTER_READ) | BIT(RIGHT_ROSTER_WRITE) |
                                            BIT(RIGHT_STATUS) },
    [ROLE_ADMIN] = { "admin", BIT(RIGHT_WATCH) | BIT(RIGHT_DIRECT) | BIT(RIGHT_MEETINGS) |
                                  BIT(RIGHT_ROSTER_READ) | BIT(RIGHT_ROSTER_WRITE) | BIT(RIGHT_USERS) |
                                  BIT(RIGHT_STATUS) },
    /* The server itself acts for seats; what a person may do it does only in a person's name. */
    [ROLE_SYSTEM] = { "system", BIT(RIGHT_SEAT) | BIT(RIGHT_MEETINGS) | BIT(RIGHT_DIRECT) },
};

Role role_from_word(const char *word) {
    for (guint role = ROLE_ROOM; role < ROLE_SYSTEM; role++)
        if (g_strcmp0(rows[role].word, word) == 0) return (Role)role;
    return ROLE_NONE;
}

const char *role_word(Role role) { return (guint)role < G_N_ELEMENTS(rows) ? rows[role].word : "none"; }

gboolean role_may(Role role, Right right) {
    return (guint)role < G_N_ELEMENTS(rows) && (rows[role].rights & BIT(right)) != 0;
}
