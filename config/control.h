/* control.h -- the control link between signaling and bridge: one table of messages, used by both programs.
 * Framing on a stream socket: u32 big-endian length, then one JSON object {"t": name, ...fields}.
 * Requests carry "id" (1 ..), their one answer {"t":"ok","re":id,...} or {"t":"fault","re":id,"code":word,"text":sentence}.
 * Events carry no id. The link carries values and ids only. */
#pragma once

#include <glib.h>
#include <jansson.h>

#define CONTROL_VERSION 1
enum { CONTROL_MESSAGE_BYTES_MAX = 1024 * 1024 };

typedef enum { CONTROL_TO_BRIDGE, CONTROL_TO_SIGNALING } ControlWay;

typedef struct {
    const char *name;
    ControlWay way;
    gboolean request;   /* has an id and is answered exactly once */
    const char *fields; /* see fields.h */
    const char *answer; /* field list of the "ok", "" when bare */
    const char *sentence;
} ControlRow;

const ControlRow *control_rows(guint *ret_n_rows);
const ControlRow *control_row(const char *name); /* NULL when unknown */
gboolean control_table_check(GError **error);    /* whole table, at start and in a test */

/* Checks a received message against its row and way. FALSE: FAULT_BAD_INPUT. ok and fault pass. */
gboolean control_check(json_t *message, ControlWay way, GError **error);

/* ---- one end of a link: framing and buffering on a non-blocking stream socket, no thread of its own ---- */
typedef struct ControlStream ControlStream;

/* Takes fd. Bounded: CONTROL_OUTBOX_BYTES_MAX waiting bytes, then send fails and the link should be closed. */
ControlStream *control_stream_new(int fd);
void control_stream_free(ControlStream *stream); /* closes fd; NULL is fine */
int control_stream_fd(const ControlStream *stream);
gboolean control_stream_wants_write(const ControlStream *stream);

/* Queues and tries to send. Does not take message. FALSE: FAULT_FULL or FAULT_GONE. */
gboolean control_stream_send(ControlStream *stream, json_t *message, GError **error);
gboolean control_stream_flush(ControlStream *stream, GError **error); /* when writable */

/* When readable: reads what is there and calls `take` once per message (borrowed). FALSE: FAULT_GONE at the end of the
 * stream, FAULT_BAD_INPUT for a frame too long or no JSON. */
gboolean control_stream_read(ControlStream *stream, void (*take)(gpointer user, json_t *message),
                             gpointer user, GError **error);

/* Unix sockets, CLOEXEC and non-blocking. A path that is too long is refused in words (FAULT_SETUP). -1 on error. */
int control_listen(const char *path, GError **error);
int control_accept(int listen_fd);
int control_connect(const char *path, GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(ControlStream, control_stream_free)
