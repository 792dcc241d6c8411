/* fault.h -- the one error domain of both programs.
 * A fault's code travels (control link, WebSocket, HTTP) as a word; its message is a sentence for the person it concerns. */
#pragma once

#include <glib.h>

typedef enum {
    FAULT_BAD_INPUT = 1, /* "bad-input": malformed or out of range; the sender must change it */
    FAULT_REFUSED,       /* "refused": well formed, but this person may not, or not now */
    FAULT_NOT_FOUND,     /* "not-found": no such meeting, seat, leg, link, command */
    FAULT_CONFLICT,      /* "conflict": the state has moved on (wrong revision, already done) */
    FAULT_FULL,          /* "full": a limit was reached */
    FAULT_GONE,          /* "gone": the other side is no longer there */
    FAULT_BUSY,          /* "busy": try again later (slowed down, time-out) */
    FAULT_SETUP,         /* "setup": this machine lacks something: port, folder, plugin, right */
    FAULT_INTERNAL,      /* "internal": our defect */
} FaultCode;

#define FAULT (fault_quark())
GQuark fault_quark(void);

/* The word for the wire; "internal" for anything unknown, also for errors of other domains. Never NULL. */
const char *fault_word(const GError *error);
const char *fault_code_word(FaultCode code);

/* The code for a word, FAULT_INTERNAL when the word is unknown. */
FaultCode fault_from_word(const char *word);

/* HTTP status that fits the code: 400 403 404 409 503 410 429 500 500. */
guint fault_http_status(const GError *error);
