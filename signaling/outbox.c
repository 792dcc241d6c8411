/* outbox.c -- a bounded queue of shared messages; see outbox.h. */
#include "signaling/outbox.h"

typedef struct {
    GBytes *message;
    OutboxKind kind;
} Item;

struct Outbox {
    GQueue items; /* of Item */
    gsize n_bytes, n_bytes_max;
    gboolean lost_state;
    guint64 n_dropped;
};

Outbox *outbox_new(gsize n_bytes_max) {
    Outbox *box = g_new0(Outbox, 1);
    g_queue_init(&box->items);
    box->n_bytes_max = n_bytes_max;
    return box;
}

static void item_free(gpointer data) {
    Item *item = data;
    g_bytes_unref(item->message);
    g_free(item);
}

void outbox_free(Outbox *box) {
    if (box == NULL) return;
    g_queue_clear_full(&box->items, item_free);
    g_free(box);
}

static void drop_state(Outbox *box) {
    GList *next = NULL;
    for (GList *link = box->items.head; link != NULL; link = next) {
        next = link->next;
        Item *item = link->data;
        if (item->kind != OUTBOX_STATE) continue;
        box->n_bytes -= g_bytes_get_size(item->message);
        box->n_dropped++;
        box->lost_state = TRUE;
        item_free(item);
        g_queue_delete_link(&box->items, link);
    }
}

gboolean outbox_put(Outbox *box, GBytes *message, OutboxKind kind) {
    gsize n_bytes = g_bytes_get_size(message);
    /* After a loss no delta makes sense before the snapshot that is to come. */
    if (kind == OUTBOX_STATE && box->lost_state) {
        box->n_dropped++;
        return TRUE;
    }
    if (box->n_bytes + n_bytes > box->n_bytes_max) {
        drop_state(box);
        if (kind == OUTBOX_STATE) {
            box->lost_state = TRUE;
            box->n_dropped++;
            return TRUE;
        }
        if (box->n_bytes + n_bytes > box->n_bytes_max) return FALSE;
    }
    Item *item = g_new0(Item, 1);
    item->message = g_bytes_ref(message);
    item->kind = kind;
    g_queue_push_tail(&box->items, item);
    box->n_bytes += n_bytes;
    return TRUE;
}

GBytes *outbox_take(Outbox *box) {
    Item *item = g_queue_pop_head(&box->items);
    if (item == NULL) return NULL;
    GBytes *message = item->message;
    box->n_bytes -= g_bytes_get_size(message);
    g_free(item);
    return message;
}

gboolean outbox_is_empty(const Outbox *box) { return box->items.length == 0; }

gsize outbox_n_bytes(const Outbox *box) { return box->n_bytes; }

gboolean outbox_wants_snapshot(Outbox *box) {
    if (!box->lost_state || box->n_bytes > box->n_bytes_max / 2) return FALSE;
    box->lost_state = FALSE;
    return TRUE;
}

guint64 outbox_n_dropped(const Outbox *box) { return box->n_dropped; }
