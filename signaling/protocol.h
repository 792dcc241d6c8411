/* protocol.h -- the messages that pages may send: one table of rows (name, who may, fields, answer, handler, sentence), checked
 * whole at start; docs/protocol.md is made from it and from the control link's table. */
#pragma once

#include "signaling/session.h"

#include <stdio.h>

enum {
    FOR_ROOM = 1 << 0,
    FOR_CHAIR = 1 << 1,
    FOR_TECHNICIAN = 1 << 2,
    FOR_ADMIN = 1 << 3,
    FOR_OBSERVER = 1 << 4,
    FOR_DIRECTORS = FOR_CHAIR | FOR_TECHNICIAN | FOR_ADMIN,
    FOR_CONSOLES = FOR_DIRECTORS | FOR_OBSERVER,
    FOR_ALL = FOR_ROOM | FOR_CONSOLES,
};

/* Either answers through `asked` (now or later) and returns TRUE, or returns FALSE with error and has not answered. */
typedef gboolean (*ProtocolHandler)(Session *session, json_t *message, const Asked *asked, GError **error);

typedef struct {
    const char *name;
    guint who;
    const char *fields; /* fields.h; "t" and "id" come on top */
    const char *answer; /* field list of the "ok" */
    ProtocolHandler handler;
    const char *sentence;
} ProtocolRow;

const ProtocolRow *protocol_rows(guint *ret_n_rows);
const ProtocolRow *protocol_row(const char *name); /* NULL when unknown */
gboolean protocol_table_check(GError **error);

/* FALSE: FAULT_BAD_INPUT malformed or unknown, FAULT_REFUSED may not; or what the handler said. */
gboolean protocol_dispatch(Session *session, json_t *message, const Asked *asked, GError **error);

/* Both tables as a page for people: `diemcau protocol` writes docs/protocol.md. */
void protocol_print(FILE *out);

/* ---- handlers, by file ---- */
gboolean on_hello(Session *session, json_t *message, const Asked *asked,
                  GError **error);                                                       /* session_hello.c */
gboolean on_join(Session *session, json_t *message, const Asked *asked, GError **error); /* session_join.c */
gboolean on_leave(Session *session, json_t *message, const Asked *asked, GError **error); /* session_join.c */
gboolean on_attend(Session *session, json_t *message, const Asked *asked,
                   GError **error); /* session_join.c */
gboolean on_snapshot(Session *session, json_t *message, const Asked *asked,
                     GError **error); /* session_join.c */
gboolean on_command(Session *session, json_t *message, const Asked *asked,
                    GError **error); /* session_commands.c */
gboolean on_meeting_create(Session *session, json_t *message, const Asked *asked, GError **error);
gboolean on_meeting_open(Session *session, json_t *message, const Asked *asked, GError **error);
gboolean on_ping(Session *session, json_t *message, const Asked *asked, GError **error);
gboolean on_leg_open(Session *session, json_t *message, const Asked *asked,
                     GError **error); /* session_legs.c */
gboolean on_leg_answer(Session *session, json_t *message, const Asked *asked, GError **error);
gboolean on_leg_restart(Session *session, json_t *message, const Asked *asked, GError **error);
gboolean on_leg_close(Session *session, json_t *message, const Asked *asked, GError **error);
