/* meeting.c -- the meeting's state: made, asked, compared. What changes it: meeting_events.c. What may be asked of it:
 * meeting_commands.c. */
#include "signaling/meeting_state.h"

#include <string.h>

Meeting *meeting_new(void) {
    Meeting *meeting = g_new0(Meeting, 1);
    meeting->title = g_strdup("");
    meeting->layout = g_strdup("1+7");
    meeting->notice = g_strdup("");
    meeting->program_turn.held = -1;
    meeting->pinned = g_array_new(FALSE, FALSE, sizeof(gint32));
    meeting->hands = g_array_new(FALSE, FALSE, sizeof(gint32));
    meeting->seats = g_ptr_array_new_with_free_func(g_free);
    meeting->by_id = g_hash_table_new(g_direct_hash, g_direct_equal);
    return meeting;
}

void meeting_free(Meeting *meeting) {
    if (meeting == NULL) return;
    g_hash_table_destroy(meeting->by_id);
    g_ptr_array_unref(meeting->seats);
    g_array_unref(meeting->hands);
    g_array_unref(meeting->pinned);
    g_free(meeting->notice);
    g_free(meeting->layout);
    g_free(meeting->title);
    g_free(meeting);
}

Seat *meeting_peek_seat(const Meeting *meeting, gint32 id) {
    return g_hash_table_lookup(meeting->by_id, GINT_TO_POINTER(id));
}

gboolean meeting_holds(const Meeting *meeting, const Seat *seat, gint32 id) {
    if (seat != NULL && seat->held) return TRUE;
    if (id == meeting->chair_seat || id == meeting->floor) return FALSE;
    if (seat != NULL && seat->allowed) return FALSE;
    return meeting->muted_all || meeting->floor != 0;
}

gboolean meeting_may_present(const Meeting *meeting, const Seat *seat, gint32 id) {
    if (id == 0) return FALSE;
    return id == meeting->chair_seat || id == meeting->floor || (seat != NULL && seat->present_allowed);
}

/* ---- layouts: the words of the bridge's layout table, with the tiles that each can show ---- */
static const struct {
    const char *word;
    guint n_tiles;
} layouts[] = {
    { "full", 1 },  { "1+1", 2 },   { "1+5", 6 },     { "1+7", 8 },           { "1+12", 13 },
    { "1+20", 21 }, { "grid", 49 }, { "lecture", 8 }, { "presentation", 10 }, { "2x2", 4 },
    { "3x3", 9 },   { "4x4", 16 },  { "5x5", 25 },    { "6x6", 36 },          { "7x7", 49 },
};

guint meeting_layout_tiles(const char *layout) {
    for (guint i = 0; i < G_N_ELEMENTS(layouts); i++)
        if (g_strcmp0(layouts[i].word, layout) == 0) return layouts[i].n_tiles;
    return 0;
}

gboolean meeting_layout_known(const char *layout) { return meeting_layout_tiles(layout) > 0; }

/* ---- questions ---- */

MeetingPhase meeting_phase(const Meeting *meeting) { return meeting->phase; }

const char *meeting_phase_word(MeetingPhase phase) {
    static const char *const phase_words[] = { "none", "draft", "open", "ended" };
    return (guint)phase < G_N_ELEMENTS(phase_words) ? phase_words[phase] : "none";
}

const char *meeting_title(const Meeting *meeting) { return meeting->title; }

const char *meeting_layout(const Meeting *meeting) { return meeting->layout; }

const char *meeting_notice(const Meeting *meeting) { return meeting->notice; }

gint64 meeting_opened_ms(const Meeting *meeting) { return meeting->opened_ms; }

gint64 meeting_ended_ms(const Meeting *meeting) { return meeting->ended_ms; }

gint32 meeting_floor(const Meeting *meeting) { return meeting->floor; }

gint32 meeting_presenting(const Meeting *meeting) { return meeting->presenting; }

gint32 meeting_chair_seat(const Meeting *meeting) { return meeting->chair_seat; }

gboolean meeting_muted_all(const Meeting *meeting) { return meeting->muted_all; }

guint meeting_n_pinned(const Meeting *meeting) { return meeting->pinned->len; }

gint32 meeting_pinned(const Meeting *meeting, guint index) {
    return index < meeting->pinned->len ? g_array_index(meeting->pinned, gint32, index) : 0;
}

gint64 meeting_due_ms(const Meeting *meeting) {
    gint64 end_ms = meeting->ending_due_ms, presenter_ms = meeting->presenter_due_ms;
    return end_ms == 0 || (presenter_ms != 0 && presenter_ms < end_ms) ? presenter_ms : end_ms;
}

const char *meeting_undo(const Meeting *meeting, gint64 now_ms, gint64 *ret_until_ms) {
    gboolean end = now_ms < meeting->ending_due_ms;
    gboolean mute = now_ms < meeting->mute_undo_until_ms;
    /* The later of the two was done last, and is what a person means by "undo". */
    if (end && mute) mute = meeting->mute_undo_until_ms > meeting->ending_due_ms;
    if (!end && !mute) return NULL;
    if (ret_until_ms != NULL) *ret_until_ms = mute ? meeting->mute_undo_until_ms : meeting->ending_due_ms;
    return mute ? "mute.all" : "end";
}

static guint hand_place(const Meeting *meeting, gint32 id) {
    for (guint i = 0; i < meeting->hands->len; i++)
        if (g_array_index(meeting->hands, gint32, i) == id) return i + 1;
    return 0;
}

SeatState meeting_seat(const Meeting *meeting, gint32 id) {
    const Seat *seat = meeting_peek_seat(meeting, id);
    SeatState state = { .id = id };
    if (seat != NULL) {
        state.presence = seat->presence;
        state.since_ms = seat->since_ms;
        state.microphone = seat->microphone_on ? MICROPHONE_ON : MICROPHONE_OFF;
        state.camera = seat->camera;
        state.deaf = seat->deaf;
        state.present_allowed = seat->present_allowed;
        state.hand_ms = seat->hand_ms;
        state.first_ms = seat->first_ms;
        state.last_ms = seat->last_ms;
        state.present_ms = seat->present_ms;
        state.n_lost = seat->n_lost;
    }
    if (meeting_holds(meeting, seat, id)) state.microphone = MICROPHONE_HELD_OFF;
    state.may_present = meeting_may_present(meeting, seat, id);
    state.hand_place = state.hand_ms != 0 ? hand_place(meeting, id) : 0;
    state.floor = id == meeting->floor && id != 0 ? FLOOR_GIVEN
                  : state.hand_ms != 0            ? FLOOR_ASKED
                                                  : FLOOR_NONE;
    return state;
}

guint meeting_n_seats(const Meeting *meeting) { return meeting->seats->len; }

gint32 meeting_seat_id_at(const Meeting *meeting, guint index) {
    return index < meeting->seats->len ? ((const Seat *)meeting->seats->pdata[index])->id : 0;
}

/* ---- equality, for tests of replay ---- */

static gboolean ids_equal(const GArray *a, const GArray *b) {
    return a->len == b->len && (a->len == 0 || memcmp(a->data, b->data, a->len * sizeof(gint32)) == 0);
}

static gboolean seats_equal(const Seat *a, const Seat *b) {
    return a->id == b->id && a->presence == b->presence && a->since_ms == b->since_ms &&
           a->microphone_on == b->microphone_on && a->held == b->held && a->allowed == b->allowed &&
           a->camera == b->camera && a->deaf == b->deaf && a->present_allowed == b->present_allowed &&
           a->hand_ms == b->hand_ms && a->first_ms == b->first_ms && a->last_ms == b->last_ms &&
           a->present_ms == b->present_ms && a->n_lost == b->n_lost &&
           a->undo_microphone_on == b->undo_microphone_on && a->undo_held == b->undo_held &&
           a->undo_allowed == b->undo_allowed;
}

gboolean meeting_equal(const Meeting *a, const Meeting *b) {
    if (a->phase != b->phase || strcmp(a->title, b->title) != 0 || strcmp(a->layout, b->layout) != 0 ||
        strcmp(a->notice, b->notice) != 0 || a->created_ms != b->created_ms ||
        a->planned_ms != b->planned_ms || a->opened_ms != b->opened_ms || a->ended_ms != b->ended_ms ||
        a->chair_seat != b->chair_seat || a->floor != b->floor || a->presenting != b->presenting ||
        a->presenting_ms != b->presenting_ms || a->presenter_due_ms != b->presenter_due_ms ||
        a->muted_all != b->muted_all || a->undo_muted_all != b->undo_muted_all ||
        !turn_equal(&a->program_turn, &b->program_turn) || !turn_equal(&a->pages_turn, &b->pages_turn) ||
        a->pages_side != b->pages_side || a->ending_due_ms != b->ending_due_ms ||
        a->mute_undo_until_ms != b->mute_undo_until_ms || !ids_equal(a->pinned, b->pinned) ||
        !ids_equal(a->hands, b->hands) || a->seats->len != b->seats->len)
        return FALSE;
    for (guint i = 0; i < a->seats->len; i++)
        if (!seats_equal(a->seats->pdata[i], b->seats->pdata[i])) return FALSE;
    return TRUE;
}
