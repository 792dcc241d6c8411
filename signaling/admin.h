/* admin.h -- what the command line asks for, done on the books. The same handlers run beside a server (through the admin socket
 * DATA/run/admin.sock: one JSON object per line in, one per line out) and without one (cli.c opens the office itself).
 *   request {"do": name, ...fields}   answer {"ok": true, ...} or {"ok": false, "code": word, "text": sentence, ...}
 * Names: roster.import csv|csv_base64, roster.export, roster.link code|all, roster.revoke code, user.add name role password?|generate,
 * user.passwd name password?|generate, user.login name, user.list, meeting.create title open, meeting.list all?, meeting.open id, meeting.end id,
 * token meeting endpoint|observer, check anchor_seq? anchor?, backup path, erase seq. Optional everywhere: "language": vi|en. */
#pragma once

#include "signaling/office.h"

enum { ADMIN_LINE_BYTES_MAX = 8 * 1024 * 1024 };

/* Exactly once, also at once from inside admin_handle(). answer: borrowed. */
typedef void (*AdminDone)(gpointer user, json_t *answer);
/* request is borrowed. Answers only what is committed. */
void admin_handle(Office *office, json_t *request, AdminDone done, gpointer user);
/* Parses one line (hostile, too) and handles it. */
void admin_handle_line(Office *office, const char *line, gsize n_bytes, AdminDone done, gpointer user);
gboolean admin_table_check(GError **error);
