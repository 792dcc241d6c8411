/* roster.h -- the points of the province, in memory, on the signaling thread. Reading is direct; changing goes through
 * roster_plan_* (pure: says what would change) and office.c, which stores it and then applies it. */
#pragma once

#include "signaling/records.h"
#include "signaling/words.h"

#include <glib.h>
#include <jansson.h>

typedef struct Roster Roster;
enum { ROSTER_SEATS_MAX = 1024 }; /* the bridge takes no larger scene */

Roster *roster_new(void);
void roster_free(Roster *roster);                         /* NULL is fine */
void roster_take_seats(Roster *roster, GPtrArray *seats); /* of SeatRecord; replaces all, makes labels */
guint roster_n_seats(const Roster *roster);
const SeatRecord *roster_seat_at(const Roster *roster, guint index); /* in the roster's order */
const SeatRecord *roster_seat(const Roster *roster,
                              gint32 id); /* NULL when unknown; good until the next change */
const SeatRecord *roster_seat_by_code(const Roster *roster, const char *code);
/* The seat the chair sits in unless a meeting says otherwise: first of type "tỉnh", else the first; 0 when empty. */
gint32 roster_hall(const Roster *roster);

/* Whom a room should call: technician of the seat, else of its district's first seat, else support_phone. Sets both to
 * strings owned by the roster or to support_phone / "". */
void roster_support(const Roster *roster, const SeatRecord *seat, const char *support_phone,
                    const char **ret_name, const char **ret_phone);

/* Seats whose code, name, label or district contains what was typed; diacritics do not matter, đ counts as d. */
GArray *roster_search(const Roster *roster,
                      const char *typed); /* of gint32 ids, in the roster's order; (transfer full) */

/* {"id","code","name","label","type","district","group","phone","technician","technician_phone","note"} */
json_t *roster_seat_json(const SeatRecord *seat, gboolean with_contacts);

/* ---- import and export ---- */
typedef enum { ROSTER_ADDED, ROSTER_CHANGED, ROSTER_UNCHANGED, ROSTER_ERROR } RosterWhat;
typedef struct {
    guint line, column; /* column: 0 = the whole row */
    RosterWhat what;
    char *code; /* may be "" for an error */
    char *text; /* sentence for the user: what changed, or what is wrong with which value */
} RosterRow;
typedef struct {
    guint n_added, n_changed, n_unchanged, n_errors;
    GPtrArray *rows;  /* of RosterRow, by line */
    GPtrArray *seats; /* of SeatRecord: the whole roster as it would be; NULL when there are errors */
} RosterPlan;

/* All or nothing. A seat is known again by its code; points that the file does not name stay as they are, behind the others.
 * Header row needed: code,name,type and any of the other columns, in any order; unknown columns are errors. Pure. */
/* n_seats_max: meeting.seats_max, at most ROSTER_SEATS_MAX: whatever stands in the roster fits into one meeting. */
RosterPlan *roster_plan_import(const Roster *roster, const char *csv, gsize n_bytes, guint n_seats_max,
                               Language language);
void roster_plan_free(RosterPlan *plan);
/* {added, changed, unchanged, errors, rows:[{line, column?, code, what: added|changed|unchanged|error, text}]} */
json_t *roster_plan_json(const RosterPlan *plan);
char *roster_export(const Roster *roster); /* CSV with BOM and CRLF; (transfer full) */

G_DEFINE_AUTOPTR_CLEANUP_FUNC(Roster, roster_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(RosterPlan, roster_plan_free)
