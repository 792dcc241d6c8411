/* mailbox.h -- a bounded inbox of one thread: values in, any thread posts, the owner takes.
 * Posting never waits: a full box answers FALSE and counts. Readable fd for poll/epoll while something is inside. */
#pragma once

#include <glib.h>

typedef struct Mailbox Mailbox;

/* n_slots letters of at most slot_bytes each are allocated at once. */
Mailbox *mailbox_new(guint n_slots, gsize slot_bytes);
void mailbox_free(Mailbox *box); /* NULL is fine; letters still inside are dropped: see mailbox_drain */

/* Any thread. Copies n_bytes (<= slot_bytes). kind: meaning is the owner's. FALSE: full, nothing was copied. */
gboolean mailbox_post(Mailbox *box, guint kind, gconstpointer letter, gsize n_bytes);

/* Owner. Copies the oldest letter out; FALSE: empty (and the fd is no longer readable). */
gboolean mailbox_take(Mailbox *box, guint *ret_kind, gpointer ret_letter, gsize *ret_n_bytes);

int mailbox_fd(const Mailbox *box);         /* eventfd, owned by the box */
guint64 mailbox_n_lost(const Mailbox *box); /* posts refused so far; any thread */

G_DEFINE_AUTOPTR_CLEANUP_FUNC(Mailbox, mailbox_free)

/* Stamp of the owner thread of a struct; checked at its doors. */
typedef struct {
    GThread *thread;
} Owner;
static inline void owner_stamp(Owner *owner) { owner->thread = g_thread_self(); }
#define owner_check(owner) g_assert((owner)->thread == g_thread_self())
