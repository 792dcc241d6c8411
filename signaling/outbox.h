/* outbox.h -- what one connection still has to be sent, pure. Bounded in bytes: when it overflows, state deltas go first
 * (their reader gets a fresh snapshot instead); what still does not fit means the reader is too slow and is closed.
 * Messages are shared: a delta serialised once sits in two hundred boxes. */
#pragma once

#include <glib.h>

enum { OUTBOX_BYTES_MAX = 1024 * 1024 };

typedef enum {
    OUTBOX_CONTROL, /* must arrive, in order */
    OUTBOX_STATE,   /* a delta or speaking list: may be dropped, a snapshot and the last list heal it */
} OutboxKind;

typedef struct Outbox Outbox;

Outbox *outbox_new(gsize n_bytes_max);
void outbox_free(Outbox *box); /* NULL is fine */

/* Takes a reference to message. FALSE: full even without its state messages; the caller closes the connection. */
gboolean outbox_put(Outbox *box, GBytes *message, OutboxKind kind);

GBytes *outbox_take(Outbox *box); /* the oldest (transfer full), or NULL */
gboolean outbox_is_empty(const Outbox *box);
gsize outbox_n_bytes(const Outbox *box);

/* TRUE once after state messages were dropped and the box has drained to half: time for a snapshot. */
gboolean outbox_wants_snapshot(Outbox *box);
guint64 outbox_n_dropped(const Outbox *box);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(Outbox, outbox_free)
