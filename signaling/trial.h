/* trial.h -- `serve --trial`: whatever is missing for a first meeting. */
#pragma once

#include "signaling/office.h"

typedef struct {
    char *chair_url, *technician_url,
        *room_url; /* login links of 15 min (/login#..), one room's link (/r#..) */
    char *room_label;
    char *meeting_id;
    char *chair_password, *technician_password; /* only when the user was made now, else NULL */
    guint n_seats;
} Trial;

/* Before the server serves (it waits for the store): imports settings->trial_roster when the roster is empty, makes users
 * "chutoa" (chair) and "kythuat" (technician) when missing, creates and opens settings->trial_title when no meeting is open,
 * makes fresh login links and lends one room link for a day (nobody's older link dies: it may run at every start). Everything is committed on return. (transfer full) */
Trial *trial_set_up(Office *office, GError **error);
void trial_free(Trial *trial);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(Trial, trial_free)
