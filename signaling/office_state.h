/* office_state.h -- the inside of Office, for office*.c alone. */
#pragma once

#include "config/mailbox.h"
#include "signaling/office.h"

typedef struct {
    MeetingRecord *record; /* as of the head */
    Meeting *head;         /* NULL: ended before this start, only the record is known */
    Meeting *shown;
} OfficeMeeting;

/* Something handed to the store; ends with the commit. */
typedef struct {
    Office *office;
    char *meeting_id; /* NULL: not of a meeting */
    json_t *events;
    gint64 time_ms;
    gint64 submitted_us;
    OfficeDone done;
    gpointer user;
    gboolean answered;                         /* overdue: done has been told so */
    void (*then)(Office *office, gint32 seat); /* after the commit, before done; NULL = nothing */
    gint32 seat;
} Commit;

struct Office {
    Owner owner;
    const Settings *settings;
    Store *store; /* NULL while closing */
    Auth *auth;
    Roster *roster;
    GPtrArray *meetings; /* of OfficeMeeting, oldest first */
    GQueue commits;      /* of Commit, oldest first */
    const OfficeEvents *events;
    gpointer events_user;
    char *public_url;
    gint64 clock_utc_ms, clock_mono_us; /* the clock's last step */
    gint64 tidied_ms;
    gint64 anchored_ms, anchored_seq; /* when and which head of the log was last told to the journal */
    gboolean well;
};

OfficeMeeting *office_peek_meeting(Office *office, const char *id); /* NULL when unknown */
Language office_language(const Office *office);                     /* for sentences that nobody asked for */
/* FALSE with FAULT_BUSY in words: nothing may be changed now. */
gboolean office_may_write(Office *office, Language language, GError **error);
/* Takes batch; fills and keeps a Commit. events may be NULL. */
Commit *office_commit(Office *office, StoreBatch *batch, OfficeDone done, gpointer user);
/* office_meeting.c: the meeting's part of a commit. */
void office_show_events(Office *office, const char *meeting_id, json_t *events, gint64 time_ms);
gboolean office_load_meetings(Office *office, GError **error);
void office_meeting_entry_free(gpointer entry);
