/* mailbox.c -- a ring of slots under a short lock, and an eventfd. The lock is held for one memcpy; letters are few (per frame,
 * per tick, per order), never per packet. */
#include "config/mailbox.h"

#include <errno.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

typedef struct {
    guint kind;
    gsize n_bytes;
    guint8 letter[];
} Slot;

struct Mailbox {
    GMutex lock;
    int fd;
    guint n_slots, first, n_held;
    gsize slot_bytes, stride;
    guint64 n_lost;
    guint8 *slots;
};

static Slot *slot_at(const Mailbox *box, guint index) {
    return (Slot *)(void *)(box->slots + (gsize)(index % box->n_slots) * box->stride);
}

Mailbox *mailbox_new(guint n_slots, gsize slot_bytes) {
    Mailbox *box = g_new0(Mailbox, 1);
    g_mutex_init(&box->lock);
    box->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    g_assert(box->fd >= 0);
    box->n_slots = n_slots;
    box->slot_bytes = slot_bytes;
    box->stride = (sizeof(Slot) + slot_bytes + 15) & ~(gsize)15;
    box->slots = g_malloc0(n_slots * box->stride);
    return box;
}

void mailbox_free(Mailbox *box) {
    if (box == NULL) return;
    close(box->fd);
    g_free(box->slots);
    g_mutex_clear(&box->lock);
    g_free(box);
}

gboolean mailbox_post(Mailbox *box, guint kind, gconstpointer letter, gsize n_bytes) {
    g_assert(n_bytes <= box->slot_bytes);
    g_mutex_lock(&box->lock);
    gboolean fits = box->n_held < box->n_slots, was_empty = box->n_held == 0;
    if (fits) {
        Slot *slot = slot_at(box, box->first + box->n_held++);
        slot->kind = kind;
        slot->n_bytes = n_bytes;
        if (n_bytes > 0) memcpy(slot->letter, letter, n_bytes);
    } else {
        box->n_lost++;
    }
    g_mutex_unlock(&box->lock);
    /* Only the letter that ends emptiness rings: the owner takes until empty, and resets the bell under the lock. */
    if (fits && was_empty) {
        const guint64 one = 1;
        while (write(box->fd, &one, sizeof one) < 0 && errno == EINTR) {}
    }
    return fits;
}

gboolean mailbox_take(Mailbox *box, guint *ret_kind, gpointer ret_letter, gsize *ret_n_bytes) {
    g_mutex_lock(&box->lock);
    gboolean some = box->n_held > 0;
    if (some) {
        const Slot *slot = slot_at(box, box->first);
        if (ret_kind != NULL) *ret_kind = slot->kind;
        if (ret_n_bytes != NULL) *ret_n_bytes = slot->n_bytes;
        if (slot->n_bytes > 0) memcpy(ret_letter, slot->letter, slot->n_bytes);
        box->first = (box->first + 1) % box->n_slots;
        box->n_held--;
    } else {
        guint64 rung;
        while (read(box->fd, &rung, sizeof rung) < 0 && errno == EINTR) {}
    }
    g_mutex_unlock(&box->lock);
    return some;
}

int mailbox_fd(const Mailbox *box) { return box->fd; }

guint64 mailbox_n_lost(const Mailbox *box) {
    Mailbox *own = (Mailbox *)(guintptr)box;
    g_mutex_lock(&own->lock);
    guint64 n_lost = box->n_lost;
    g_mutex_unlock(&own->lock);
    return n_lost;
}
