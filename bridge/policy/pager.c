/* pager.c -- see pager.h. */
#include "bridge/policy/pager.h"

static void show(Pager *pager, gint64 number, guint n_pages) {
    pager->number = number;
    pager->page = turn_page(number, n_pages);
    pager->coming = -1;
}

/* TRUE: the page may be changed now. */
static gboolean may_come(Pager *pager, gint64 target, gboolean due, gboolean ready, gint64 now_ms) {
    if (pager->coming != target) {
        pager->coming = target;
        pager->coming_since_ms = now_ms;
        return FALSE;
    }
    gint64 waited_ms = now_ms - pager->coming_since_ms; /* negative: the clock was set back */
    return due && (ready || waited_ms >= PAGER_PATIENCE_MS || waited_ms < 0);
}

PagerView pager_update(Pager *pager, const Turn *turn, guint n_items, guint per_page, gboolean ready,
                       gint64 now_ms) {
    PagerView view = { .n_pages = turn_n_pages(n_items, per_page), .next_ms = G_MAXINT64 };
    gint64 number = turn_number(turn, now_ms), next_ms = turn_next_ms(turn, now_ms);
    if (!pager->begun || pager->per_page != per_page) {
        pager->begun = TRUE;
        pager->per_page = per_page;
        show(pager, number, view.n_pages);
    }
    /* Rooms that come and go during a turn do not turn the page, unless it is no longer there. */
    pager->page = MIN(pager->page, view.n_pages - 1);
    gboolean due = number != pager->number, soon = next_ms != G_MAXINT64 && next_ms - now_ms <= PAGER_WARM_MS;
    gint64 target = due ? number : number + (soon ? 1 : 0);
    if (target == pager->number) {
        pager->coming = -1;
    } else if (turn_page(target, view.n_pages) == pager->page) {
        if (due) show(pager, target, view.n_pages);
    } else if (may_come(pager, target, due, ready, now_ms)) {
        show(pager, target, view.n_pages);
    } else {
        view.n_warm = turn_items(n_items, per_page, turn_page(target, view.n_pages), &view.warm_first);
    }
    view.page = pager->page;
    view.n = turn_items(n_items, per_page, pager->page, &view.first);
    if (pager->coming >= 0 && due)
        view.next_ms = now_ms + PAGER_LOOK_MS;
    else if (next_ms != G_MAXINT64)
        view.next_ms = next_ms - now_ms > PAGER_WARM_MS ? next_ms - PAGER_WARM_MS : next_ms;
    return view;
}
