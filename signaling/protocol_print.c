/* protocol_print.c -- docs/protocol.md, written from the tables: pages, HTTP, control link. */
#include "signaling/http_routes.h"
#include "signaling/protocol.h"

#include "config/control.h"

#include <string.h>

static void print_who(guint who, FILE *out) {
    static const char *const names[] = { "room", "chair", "technician", "admin", "observer" };
    if (who == FOR_ALL) {
        fputs("all", out);
        return;
    }
    const char *comma = "";
    for (guint i = 0; i < G_N_ELEMENTS(names); i++) {
        if (!(who & (1u << i))) continue;
        fprintf(out, "%s%s", comma, names[i]);
        comma = ", ";
    }
}

static void print_fields(const char *fields, FILE *out) {
    if (fields[0] != '\0') fprintf(out, "`%s`", fields);
}

static void print_messages(FILE *out) {
    guint n_rows;
    const ProtocolRow *rows = protocol_rows(&n_rows);
    fputs("## WebSocket: requests of pages\n\n"
          "`/ws`, subprotocol `diemcau.v1`, cookie and Origin checked before the upgrade. JSON text frames "
          "of at most 64 kB. "
          "A request is `{\"t\": name, \"id\": n, ...}` and gets exactly one answer: "
          "`{\"t\":\"ok\",\"re\":n,...}` or "
          "`{\"t\":\"fault\",\"re\":n,\"code\":word,\"text\":sentence}`. Answers wait for the commit of what "
          "they say.\n\n"
          "| name | who | fields | answer | |\n|---|---|---|---|---|\n",
          out);
    for (guint i = 0; i < n_rows; i++) {
        fprintf(out, "| `%s` | ", rows[i].name);
        print_who(rows[i].who, out);
        fputs(" | ", out);
        print_fields(rows[i].fields, out);
        fputs(" | ", out);
        print_fields(rows[i].answer, out);
        fprintf(out, " | %s |\n", rows[i].sentence);
    }
}

static void print_pushes(FILE *out) {
    static const char *const rows[][3] = {
        { "waiting", "room in no meeting", "`meetings`: those it may join" },
        { "room", "room",
          "`meeting`, `seat`, `floor`, `presenting`, `notice`: its own view, whole, at every change" },
        { "chime", "room", "`what: \"floor\"`: it has the floor now" },
        { "ended", "all", "the meeting has ended" },
        { "removed", "room", "the chair sent this room out; it may join again" },
        { "taken-over", "room", "another page has the seat; the socket closes with 4001" },
        { "media-lost", "all", "`leg` is gone at the bridge: open a new one" },
        { "restart-ice", "all",
          "`leg` has heard nothing for 8 to 18 s, by the peer's habits: ask with `leg.restart`" },
        { "needs", "all", "`leg`, `rids`: which layers of the camera are wanted" },
        { "presentation-needs", "all", "`leg`, `rids`: which layers of the screen that it shows are wanted" },
        { "speaking", "all in a meeting",
          "`seats`: who is heard, loudest first: at the beginning, and when somebody begins or stops (rooms "
          "at most "
          "once a second, consoles five times); consoles also when another is the loudest" },
        { "meetings", "console", "the list of meetings, when it changed" },
        { "snapshot", "console", "`n`, `meeting`, `seats`, `meetings`: all of it" },
        { "delta", "console",
          "`n`, changed fields of `meeting` and `seats`; null removes; at most 5/s; a gap in `n`: ask" },
        { "load", "console",
          "`level` (0: nothing is given up), `why`: calm, processor, late, encoders; `wall_fps`, "
          "`program_fps`, `top_height`, "
          "`thumbnail_fps`, `budget_cores`, `used_cores`; `misfits`: layouts that would be refused now" },
        { "alarm", "technician, admin", "`code`, `text`" },
    };
    fputs("\n## WebSocket: pushes of the server\n\n| name | to | |\n|---|---|---|\n", out);
    for (guint i = 0; i < G_N_ELEMENTS(rows); i++)
        fprintf(out, "| `%s` | %s | %s |\n", rows[i][0], rows[i][1], rows[i][2]);
    fputs("\nClose codes: 1001 server stops or the same page came with a new socket, 1009 message too big, "
          "4001 taken over, "
          "4003 logged out or link revoked, 4004 too many malformed messages or none for 10 s, 4008 read too "
          "slowly.\n",
          out);
}

static void print_methods(guint methods, FILE *out) {
    static const char *const names[] = { "GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS" };
    const char *space = "";
    for (guint i = 0; i < G_N_ELEMENTS(names); i++) {
        if (!(methods & (1u << i))) continue;
        fprintf(out, "%s%s", space, names[i]);
        space = " ";
    }
}

static void print_route_who(int who, FILE *out) {
    guint n_named = 0;
    if (who == WHO_ANYBODY) fputs("anybody", out);
    if (who == WHO_MACHINE) fputs("loopback or `metrics.token`", out);
    if (who == WHO_BEARER) fputs("bearer token", out);
    for (Role role = ROLE_ROOM; who >= 0 && role < ROLE_SYSTEM; role++)
        if (role_may(role, (Right)who)) fprintf(out, "%s%s", n_named++ > 0 ? ", " : "", role_word(role));
}

static void print_routes(FILE *out) {
    guint n_rows;
    const HttpRoute *rows = http_routes(&n_rows);
    fputs("\n## HTTP\n\nErrors are `{\"code\", \"text\"}`. What is not GET needs our own Origin (or none) "
          "and the right "
          "Content-Type; bodies need a Content-Length (411 otherwise). Everything else is a page.\n\n"
          "| method | path | who | |\n|---|---|---|---|\n",
          out);
    for (guint i = 0; i < n_rows; i++) {
        fputs("| ", out);
        print_methods(rows[i].methods, out);
        fprintf(out, " | `%s` | ", rows[i].path);
        print_route_who(rows[i].who, out);
        fprintf(out, " | %s |\n", rows[i].sentence);
    }
}

static void print_control(FILE *out) {
    guint n_rows;
    const ControlRow *rows = control_rows(&n_rows);
    fprintf(out,
            "\n## Control link, version %d\n\nA Unix socket (`DATA/run/bridge-0.sock`): u32 big-endian "
            "length, then one JSON "
            "object. Requests have an `id` and exactly one answer.\n\n"
            "| name | to | fields | answer | |\n|---|---|---|---|---|\n",
            CONTROL_VERSION);
    for (guint i = 0; i < n_rows; i++) {
        fprintf(out, "| `%s` | %s | ", rows[i].name,
                rows[i].way == CONTROL_TO_BRIDGE ? "bridge" : "signaling");
        print_fields(rows[i].fields, out);
        fputs(" | ", out);
        print_fields(rows[i].answer, out);
        fprintf(out, " | %s%s |\n", rows[i].request ? "" : "event: ", rows[i].sentence);
    }
}

void protocol_print(FILE *out) {
    fputs("# The protocol\n\nWritten by `diemcau protocol` from the tables in signaling/protocol.c, "
          "signaling/http_routes.c and "
          "config/control.c; do not edit. Field types are those of config/fields.h: a trailing `?` makes a "
          "field optional.\n\n",
          out);
    print_messages(out);
    print_pushes(out);
    print_routes(out);
    print_control(out);
}
