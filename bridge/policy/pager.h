/* pager.h -- pure: what of a list stands on the page that a turn asks for, and what is made ready for the next one. A page is
 * changed when its pictures are there, or after a little patience: nobody shall look at black tiles. */
#pragma once

#include "config/turn.h"

enum {
    PAGER_WARM_MS = 2500,     /* so long before its turn a page is made ready */
    PAGER_PATIENCE_MS = 1500, /* so long a page is waited for when its turn came unforeseen */
    PAGER_LOOK_MS = 100       /* how often one looks meanwhile */
};

typedef struct {
    gboolean begun;
    guint per_page, page; /* shown now */
    gint64 number;        /* the turn that is shown */
    gint64 coming;        /* the turn that is made ready; -1: none */
    gint64 coming_since_ms;
} Pager; /* all zero: nothing shown yet */

typedef struct {
    guint first, n;           /* shown */
    guint warm_first, n_warm; /* made ready; n_warm 0: none */
    guint page, n_pages;
    gint64 next_ms; /* ask again then at the latest; G_MAXINT64: when something else changes */
} PagerView;

/* ready: the pictures of what the last call named as warm are there. */
PagerView pager_update(Pager *pager, const Turn *turn, guint n_items, guint per_page, gboolean ready,
                       gint64 now_ms);
