/* shown_pages.c -- views that turn: all who are here have their page in the order of the roster, and its cameras are asked for
 * and decoded a moment before, so that a page comes with its pictures. */
#include "bridge/meeting/bridge.h"

static gboolean contains(const guint32 *seats, guint n_seats, guint32 seat) {
    for (guint i = 0; i < n_seats; i++)
        if (seats[i] == seat) return TRUE;
    return FALSE;
}

/* Who is here, and who was until the line broke: a short loss moves nobody to another page. */
static guint all_in_turn(const Scene *scene, const guint32 *taken, guint n_taken, guint32 *ret_seats) {
    guint n = 0;
    for (guint i = 0; i < scene->n_seats; i++) {
        const SceneSeat *seat = &scene->seats[i];
        if ((seat->present || seat->offline_since_s != 0) && !contains(taken, n_taken, seat->seat))
            ret_seats[n++] = seat->seat;
    }
    return n;
}

static void release(StudioSource *source) {
    if (source == NULL) return;
    studio_source_warm(source, FALSE);
    studio_source_unref(source);
}

/* Those that go on being warm are held again before they are let go: a decoder does not begin anew. */
static void warm(Conference *conference, ShownPages *pages, const guint32 *seats, guint n_seats) {
    StudioSource *before[STUDIO_TILES_MAX];
    guint n_before = pages->n_warm;
    for (guint i = 0; i < n_before; i++) before[i] = pages->warm[i];
    pages->n_warm = MIN(n_seats, STUDIO_TILES_MAX);
    for (guint i = 0; i < pages->n_warm; i++) {
        const Seat *seat = g_hash_table_lookup(conference->seats, GUINT_TO_POINTER(seats[i]));
        pages->warm_seats[i] = seats[i];
        pages->warm[i] = seat != NULL && seat->sending_leg != 0 ? studio_source_ref(seat->source) : NULL;
        if (pages->warm[i] != NULL) studio_source_warm(pages->warm[i], TRUE);
    }
    for (guint i = 0; i < n_before; i++) release(before[i]);
}

/* Every camera of the coming page that sends has a picture of just now. */
static gboolean is_ready(Conference *conference, const ShownPages *pages) {
    for (guint i = 0; i < pages->n_warm; i++) {
        const Seat *seat = g_hash_table_lookup(conference->seats, GUINT_TO_POINTER(pages->warm_seats[i]));
        const LegRecord *leg = seat != NULL ? bridge_leg(conference->bridge, seat->sending_leg) : NULL;
        gboolean sends = leg != NULL && leg->state == TRANSPORT_LIVE && leg->camera_on;
        if (sends && (pages->warm[i] == NULL || !studio_source_is_fresh(pages->warm[i]))) return FALSE;
    }
    return TRUE;
}

guint shown_pages_seats(Conference *conference, ShownView *view, guint n_places, const guint32 *taken,
                        guint n_taken, guint32 *ret_seats, guint *ret_n_all) {
    ShownPages *pages = &view->pages;
    g_autofree guint32 *all = g_new(guint32, conference->scene->n_seats + 1);
    guint n_all = all_in_turn(conference->scene, taken, n_taken, all);
    gint64 now_ms = g_get_real_time() / 1000;
    PagerView now =
        pager_update(&pages->pager, &view->spec.turn, n_all, n_places, is_ready(conference, pages), now_ms);
    warm(conference, pages, all + now.warm_first, now.n_warm);
    for (guint i = 0; i < now.n; i++) ret_seats[i] = all[now.first + i];
    pages->next_us =
        now.next_ms != G_MAXINT64 ? g_get_monotonic_time() + (now.next_ms - now_ms) * 1000 : G_MAXINT64;
    *ret_n_all = n_all;
    return now.n;
}

void shown_pages_end(ShownView *view) {
    for (guint i = 0; i < view->pages.n_warm; i++) release(view->pages.warm[i]);
    view->pages = (ShownPages){ .next_us = G_MAXINT64 };
}

gboolean shown_pages_warms(const ShownView *view, guint32 seat) {
    return contains(view->pages.warm_seats, view->pages.n_warm, seat);
}
