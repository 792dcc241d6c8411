/* control.c -- the message table of the control link. Framing: control_stream.c. */
#include "config/control.h"

#include "config/fault.h"
#include "config/fields.h"

#include <string.h>

/* Nested shapes:
 *   scene.endpoints [{seat:id, label, badges:[word], heard: never|may|always, offline_since?: unix s, microphone_off?, hand?}]
 *   scene.views     [{view: id, name: program|wall|pages, layout: word, slots:[{pin:id}|{loudest:k}], turn?: {start_ms, every_ms, held?}}]
 *   scene.legs      [{leg:id, view:id|0}]
 *   hello.legs      [{leg:id, meeting, seat:id, way: duplex|receive|send, state: word, view:id|0, hears:bool}]
 *   needs.rids      [{rid, active:bool, width, height, fps, max_bps}]
 *   speaking.seats  [{seat:id, level: dBov 0..127}]  loudest first
 *   load.misfits    [{meeting, layout: word, needs_cores, free_cores}]  for the program; "wall": to begin the wall
 *   quality.legs    [{leg, rtt_ms, up:{kbps, loss, fps, audio_loss}, down:{kbps, loss, rung, estimate_kbps}}] */
static const ControlRow rows[] = {
    { "hello", CONTROL_TO_BRIDGE, TRUE, "version:int instance:string",
      "version:int instance:string legs:array meetings:array sandbox:object",
      "first message of a link: who is there, which legs live, what the sandbox could do" },
    { "scene", CONTROL_TO_BRIDGE, TRUE,
      "meeting:word epoch:int revision:int endpoints:array views:array legs:array presenter:id? hall:id?",
      "applied:bool",
      "all media consequences of a meeting's state; older revisions of the same epoch are refused" },
    { "meeting.close", CONTROL_TO_BRIDGE, TRUE, "meeting:word", "",
      "ends the meeting's mix, canvases and legs" },
    { "leg.open", CONTROL_TO_BRIDGE, TRUE,
      "leg:id meeting:word seat:id way:word view:id? offer:string? muted:bool? screen_height:int?",
      "sdp:string kind:word",
      "makes a peer connection: our offer, or our answer to the offer given; way: duplex, receive, send" },
    { "leg.answer", CONTROL_TO_BRIDGE, TRUE, "leg:id sdp:string", "", "the page's answer to our offer" },
    { "leg.restart", CONTROL_TO_BRIDGE, TRUE, "leg:id offer:string?", "sdp:string kind:word",
      "ICE restart: a new offer of ours, or our answer to theirs" },
    { "leg.close", CONTROL_TO_BRIDGE, TRUE, "leg:id", "", "ends a peer connection" },
    { "stats", CONTROL_TO_BRIDGE, TRUE, "", "stats:object", "every module's counters" },
    { "quit", CONTROL_TO_BRIDGE, TRUE, "", "", "ends the bridge in order" },

    { "leg.state", CONTROL_TO_SIGNALING, FALSE, "leg:id state:word why:string?", "",
      "connecting, live, lost (nothing authenticated for 5 to 15 s, by the peer's habits), failed, closed" },
    { "speaking", CONTROL_TO_SIGNALING, FALSE, "meeting:word seats:array", "",
      "who is heard now; at most 5/s" },
    { "needs", CONTROL_TO_SIGNALING, FALSE, "leg:id rids:array", "", "what the bridge wants of a camera" },
    { "presentation.needs", CONTROL_TO_SIGNALING, FALSE, "leg:id rids:array", "",
      "what the bridge wants of a screen that is shown: its layers, as in needs; all inactive: no longer" },
    { "quality", CONTROL_TO_SIGNALING, FALSE, "legs:array", "", "line quality of every leg, every 2 s" },
    { "load", CONTROL_TO_SIGNALING, FALSE,
      "level:int why:word wall_fps:int program_fps:int top_height:int thumbnail_fps:int budget_cores:number "
      "used_cores:number misfits:array",
      "",
      "what the bridge gives up for want of processor time, and which layouts do not fit; at each change, "
      "every 5 s" },
    { "alarm", CONTROL_TO_SIGNALING, FALSE, "code:word text:string", "",
      "something an operator should know" },
};

const ControlRow *control_rows(guint *ret_n_rows) {
    *ret_n_rows = G_N_ELEMENTS(rows);
    return rows;
}

const ControlRow *control_row(const char *name) {
    for (guint i = 0; i < G_N_ELEMENTS(rows); i++)
        if (g_strcmp0(rows[i].name, name) == 0) return &rows[i];
    return NULL;
}

gboolean control_table_check(GError **error) {
    for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
        if (control_row(rows[i].name) != &rows[i] || !fields_parsable(rows[i].fields) ||
            !fields_parsable(rows[i].answer)) {
            g_set_error(error, FAULT, FAULT_INTERNAL, "control message table: row %s is broken",
                        rows[i].name);
            return FALSE;
        }
    }
    return TRUE;
}

gboolean control_check(json_t *message, ControlWay way, GError **error) {
    const char *name = json_string_value(json_object_get(message, "t"));
    if (g_strcmp0(name, "ok") == 0) return fields_check(name, "re:id", message, FALSE, error);
    if (g_strcmp0(name, "fault") == 0)
        return fields_check(name, "re:id code:word text:string", message, FALSE, error);
    const ControlRow *row = control_row(name);
    if (row == NULL || row->way != way) {
        g_set_error(error, FAULT, FAULT_BAD_INPUT, "control link: unknown message \"%s\"", name ? name : "");
        return FALSE;
    }
    if (row->request && !fields_check(name, "id:id", message, FALSE, error)) return FALSE;
    return fields_check(name, row->fields, message, FALSE, error);
}
