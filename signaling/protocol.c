/* protocol.c -- the table of messages, its check and its dispatch; see protocol.h. */
#include "signaling/protocol.h"

#include "config/fields.h"

#include <string.h>

/* clang-format off */
static const ProtocolRow rows[] = {
    { "hello", FOR_ALL, "client:word page:word language:word? leg:id?",
      "role:word seat:id? server:word now_ms:int time_zone:string leg_alive:bool", on_hello,
      "first message of a socket: who the page is, and which leg it still has" },
    { "ping", FOR_ALL, "", "now_ms:int", on_ping, "is anybody there" },

    { "join", FOR_ROOM | FOR_CHAIR, "meeting:word microphone:bool? camera:bool?", "seat:id", on_join,
      "takes the seat in an open meeting; a rejoin keeps mute, floor and place in the queue" },
    { "attend", FOR_CONSOLES, "meeting:word", "", on_attend, "a console watches a meeting; a snapshot follows" },
    { "leave", FOR_ALL, "", "", on_leave, "leaves the meeting" },
    { "snapshot", FOR_CONSOLES, "", "", on_snapshot, "asks for a whole snapshot after a gap in the numbers" },

    { "leg.open", FOR_ALL, "way:word view:word? hears:bool? screen_height:int?", "leg:id sdp:string", on_leg_open,
      "asks for a peer connection; the answer carries our offer. way: duplex, receive; view: program, wall, pages; "
      "screen_height in pixels: from 1440 on the wall comes larger" },
    { "leg.answer", FOR_ALL, "leg:id sdp:string", "", on_leg_answer, "the page's answer to our offer" },
    { "leg.restart", FOR_ALL, "leg:id", "sdp:string", on_leg_restart, "ICE restart: a new offer for a living leg" },
    { "leg.close", FOR_ALL, "leg:id", "", on_leg_close, "ends a peer connection" },

    { "state", FOR_ROOM | FOR_CHAIR, "microphone:bool? camera:bool? deaf:bool?", "", on_command,
      "what the room did itself: microphone, camera, sound blocked by the browser" },
    { "hand", FOR_ROOM | FOR_CHAIR, "up:bool", "", on_command, "asks for the floor, or takes that back" },

    { "floor.give", FOR_DIRECTORS, "seat:id", "", on_command, "gives the floor; everybody else's microphone is held off" },
    { "floor.take", FOR_DIRECTORS | FOR_ROOM, "seat:id?", "", on_command, "takes the floor back; a room gives back its own" },
    { "hand.lower", FOR_DIRECTORS, "seat:id", "", on_command, "takes a room off the queue" },
    { "mute", FOR_DIRECTORS, "seat:id", "", on_command, "holds a room's microphone off" },
    { "unmute.allow", FOR_DIRECTORS, "seat:id", "", on_command, "lets a room turn its microphone on again" },
    { "mute.all", FOR_DIRECTORS, "", "", on_command, "holds all microphones off but the chair's and the floor; undo for 5 s" },
    { "unmute.all.allow", FOR_DIRECTORS, "", "", on_command, "lifts mute.all" },
    { "present", FOR_ROOM | FOR_CHAIR, "", "", on_command,
      "shows the room's screen to all, by media section 2: the chair's seat, who has the floor, and whom the chair lets" },
    { "present.stop", FOR_DIRECTORS | FOR_ROOM, "seat:id?", "", on_command, "ends the presentation; a room only its own" },
    { "present.allow", FOR_DIRECTORS, "seat:id on:bool", "", on_command, "lets a room present without the floor, or no longer" },
    { "layout", FOR_DIRECTORS, "layout:string", "", on_command, "layout of the program" },
    { "turn", FOR_DIRECTORS, "view:word on:bool? every_s:int? side:int? hold:bool? step:int?", "", on_command,
      "pages that follow each other. view: pages (the second screen, side x side tiles) or program (on: its places show all in turn)" },
    { "pin", FOR_DIRECTORS, "seats:array", "", on_command, "seats that always have a tile, in order" },
    { "notice", FOR_DIRECTORS, "text:string", "", on_command, "a line of text for every room; empty removes it" },
    { "seat.disconnect", FOR_DIRECTORS, "seat:id", "", on_command, "sends a room out; it may join again" },
    { "undo", FOR_DIRECTORS, "", "", on_command, "takes back mute.all or meeting.end within 5 s" },
    { "meeting.end", FOR_DIRECTORS, "", "", on_command, "ends the meeting after 5 s, unless undone" },
    { "meeting.open", FOR_DIRECTORS, "meeting:word", "", on_meeting_open, "opens a meeting that was created" },
    { "meeting.create", FOR_DIRECTORS, "title:string", "meeting:word", on_meeting_create, "creates a meeting" },
};
/* clang-format on */

const ProtocolRow *protocol_rows(guint *ret_n_rows) {
    *ret_n_rows = G_N_ELEMENTS(rows);
    return rows;
}

const ProtocolRow *protocol_row(const char *name) {
    for (guint i = 0; i < G_N_ELEMENTS(rows); i++)
        if (g_strcmp0(rows[i].name, name) == 0) return &rows[i];
    return NULL;
}

gboolean protocol_table_check(GError **error) {
    for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
        const ProtocolRow *row = &rows[i];
        if (protocol_row(row->name) == row && row->who != 0 && row->handler != NULL &&
            row->sentence != NULL && fields_parsable(row->fields) && fields_parsable(row->answer))
            continue;
        g_set_error(error, FAULT, FAULT_INTERNAL, "table of messages: row %s is broken", row->name);
        return FALSE;
    }
    return TRUE;
}

static guint who_is(const Session *session) {
    if (!session->said_hello) return FOR_ALL; /* only hello comes through: see below */
    switch (session->role) {
    case ROLE_ROOM: return FOR_ROOM;
    case ROLE_CHAIR: return FOR_CHAIR;
    case ROLE_TECHNICIAN: return FOR_TECHNICIAN;
    case ROLE_ADMIN: return FOR_ADMIN;
    case ROLE_OBSERVER: return FOR_OBSERVER;
    case ROLE_NONE:
    case ROLE_SYSTEM: break;
    }
    return 0;
}

gboolean protocol_dispatch(Session *session, json_t *message, const Asked *asked, GError **error) {
    const char *name = json_string_value(json_object_get(message, "t"));
    if (name == NULL)
        return words_refuse(error, FAULT_BAD_INPUT, session->language, WORD_COMMAND_MALFORMED, "t");
    if (!fields_check(name, "t:word id:id", message, FALSE, error)) return FALSE;
    const ProtocolRow *row = protocol_row(name);
    /* Not counted as malformed: a page of the version before may say what nobody listens to any more. */
    if (row == NULL)
        return words_refuse(error, FAULT_NOT_FOUND, session->language, WORD_COMMAND_UNKNOWN, name);
    if (!session->said_hello && row->handler != on_hello)
        return words_refuse(error, FAULT_REFUSED, session->language, WORD_HELLO_FIRST);
    if (!(row->who & who_is(session)))
        return words_refuse(error, FAULT_REFUSED, session->language, WORD_REFUSED_ROLE);
    if (!fields_check(name, row->fields, message, FALSE, error)) return FALSE;
    session->service->stats.commands++;
    return row->handler(session, message, asked, error);
}
