/* links.h -- the rooms' join links: from a file, or freshly made by `diemcau roster link --all --json`. */
#pragma once

#include <glib.h>

typedef struct {
    char *code, *name, *token; /* token: what stands after '#' in the link */
} RoomLink;

/* (transfer full) array of RoomLink; NULL: FAULT_SETUP or FAULT_BAD_INPUT. The program runs beside this one. */
GPtrArray *links_from_roster(const char *data, GError **error);
GPtrArray *links_of_nobody(guint n); /* for a server that knows no rooms: names alone */
GPtrArray *links_from_file(const char *path, GError **error);
