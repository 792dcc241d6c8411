/* line.c -- see line.h. */
#include "bridge/meeting/line.h"

#include "config/log.h"

enum { LINE_US = 1000000, SOUND_BPS = 60000, LOG_US = 10000000 };

G_STATIC_ASSERT((int)VIEW_RUNGS_MAX <= (int)LADDER_RUNGS_MAX);

/* The hall is the room from which the meeting is led, and every console that watches over it. */
static LineRank rank_of(const LegRecord *leg, const ShownView *view) {
    const Scene *scene = leg->conference->scene;
    const SceneSeat *seat = scene != NULL ? scene_seat(scene, leg->seat) : NULL;
    if (seat != NULL && seat->heard == HEARD_ALWAYS) return LINE_FLOOR;
    gboolean console = view != NULL && !g_str_equal(view->spec.name, "program");
    return console || (scene != NULL && scene->hall == leg->seat) ? LINE_HALL : LINE_ROOM;
}

static guint wished_place(const LegRecord *leg, const RungLadder *ladder) {
    for (guint i = 0; i < ladder->n_rungs; i++)
        if (ladder->vp8[i].stream == leg->wished || ladder->h264[i].stream == leg->wished) return i;
    return 0;
}

/* Its codec shows in what it wishes; before that the one with more levels will do. */
static gboolean takes_h264(const LegRecord *leg, const RungLadder *ladder) {
    for (guint i = 0; i < ladder->n_rungs; i++)
        if (ladder->h264[i].stream == leg->wished) return TRUE;
    return FALSE;
}

static LadderTop level_of(const LegRecord *leg, const RungLadder *ladder) {
    gboolean thin = leg->quality.thin && leg->quality.stream == leg->wished;
    return ladder_top(wished_place(leg, ladder), thin);
}

void bridge_line_allow(LegRecord *leg, const RungLadder *ladder, gboolean other_view, gint64 now_us) {
    if (other_view) leg->climb = (LineClimb){ 0 };
    line_climb_allow(&leg->climb, ladder->top, level_of(leg, ladder), now_us);
}

static LineLeg share_of(const LegRecord *leg, const ShownView *view, guint best, gint64 now_us) {
    const RungLadder *screen = &leg->conference->presentation.ladder;
    LineLeg share = {
        .id = leg->id, .rank = rank_of(leg, view), .best = best, .beside_bps = leg->hears ? SOUND_BPS : 0
    };
    if (leg->told_presentation != 0 && screen->n_rungs > 0) share.beside_bps += screen->vp8[0].bitrate_bps;
    if (view == NULL) return share;
    share.n_rungs = view->ladder.n_rungs;
    const DownlinkRung *rungs = takes_h264(leg, &view->ladder) ? view->ladder.h264 : view->ladder.vp8;
    for (guint i = 0; i < share.n_rungs; i++)
        share.rungs[i] = (LadderRung){ rungs[i].bitrate_bps, rungs[i].layers > 1 };
    share.stills = share.n_rungs > 0 && view->ladder.vp8[share.n_rungs - 1].stills != 0;
    share.own = line_climb_own(&leg->climb, level_of(leg, &view->ladder), now_us);
    return share;
}

LadderTop bridge_line_top(const Bridge *bridge, const LegRecord *leg, const ShownView *view, guint best) {
    LineLeg share = share_of(leg, view, best, 0);
    return line_share_top(&bridge->line, &share);
}

static guint gather(Bridge *bridge, LineLeg *shares, gint64 now_us) {
    GHashTableIter iter;
    gpointer value;
    guint n = 0;
    g_hash_table_iter_init(&iter, bridge->legs);
    while (g_hash_table_iter_next(&iter, NULL, &value)) {
        const LegRecord *leg = value;
        const ShownView *view = leg->view != 0 ? conference_view(leg->conference, leg->view) : NULL;
        if (leg->way == LEG_SEND) continue;
        shares[n++] = share_of(leg, view, view != NULL ? bridge_leg_rung_best(bridge, leg, view) : 0, now_us);
    }
    return n;
}

static void tell_all(Bridge *bridge) {
    GHashTableIter iter;
    gpointer value;
    g_hash_table_iter_init(&iter, bridge->legs);
    while (g_hash_table_iter_next(&iter, NULL, &value)) {
        LegRecord *leg = value;
        bridge_leg_watch(bridge, leg, leg->view, leg->hears);
    }
}

/* Two hundred joins are two hundred steps: what came of them is told every 10 s. */
static void log_share(Bridge *bridge, guint n_legs, gint64 now_us) {
    const LineShare *line = &bridge->line;
    if (line->pressure == bridge->line_logged || now_us - bridge->line_logged_us < LOG_US) return;
    bridge->line_logged = line->pressure;
    bridge->line_logged_us = now_us;
    log_info("line.share", "lowered=%u of=%u needed_bps=%" G_GUINT64_FORMAT " line_bps=%" G_GINT64_FORMAT,
             line->n_lowered, n_legs, line->needed_bps, bridge->settings->line_up_bps);
}

gint64 bridge_line_beat(Bridge *bridge, gint64 now_us) {
    guint n_legs = g_hash_table_size(bridge->legs), before = bridge->line.pressure;
    gint64 budget_bps = bridge->settings->line_up_bps;
    if (budget_bps == 0) return G_MAXINT64;
    if (now_us < bridge->next_line_us && n_legs == bridge->n_line_legs) return bridge->next_line_us;
    bridge->next_line_us = now_us + LINE_US;
    bridge->n_line_legs = n_legs;
    LineLeg *shares = g_new(LineLeg, n_legs + 1);
    guint n = gather(bridge, shares, now_us);
    line_share_update(&bridge->line, shares, n, (guint64)budget_bps, now_us);
    g_free(shares);
    log_share(bridge, n, now_us);
    if (bridge->line.pressure != before) tell_all(bridge);
    return bridge->next_line_us;
}

json_t *bridge_line_json(const Bridge *bridge) {
    const LineShare *line = &bridge->line;
    return json_pack("{s:I,s:I,s:i,s:f}", "up_bps", (json_int_t)bridge->settings->line_up_bps, "needed_bps",
                     (json_int_t)line->needed_bps, "lowered_legs", (int)line->n_lowered, "steps",
                     line_share_steps(line));
}
