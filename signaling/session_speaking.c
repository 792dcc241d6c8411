/* session_speaking.c -- see session_speaking.h. */
#include "signaling/session_speaking.h"

#include <string.h>

enum { ROOMS_EVERY_US = 1000000 };

/* What is said in one meeting. */
typedef struct {
    Service *service;
    char *meeting;
    GBytes *bytes;  /* the last message, with levels */
    GArray *seats;  /* gint32: who, sorted: that somebody is louder than before is no news for rooms */
    guint64 number; /* of this company: no two of any meetings have the same */
    guint64 number_told;
    gint64 told_us; /* when rooms were last told of another company */
    ReactorTimer *later;
} Talk;

struct SpeakingTable {
    Service *service;
    GHashTable *talks; /* meeting -> Talk */
    guint64 n_companies;
};

static void talk_free(gpointer data) {
    Talk *talk = data;
    reactor_cancel(talk->service->loop, &talk->later);
    g_free(talk->meeting);
    g_array_unref(talk->seats);
    g_clear_pointer(&talk->bytes, g_bytes_unref);
    g_free(talk);
}

SpeakingTable *speaking_new(Service *service) {
    SpeakingTable *table = g_new0(SpeakingTable, 1);
    table->service = service;
    table->talks = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, talk_free);
    return table;
}

void speaking_free(SpeakingTable *table) {
    if (table == NULL) return;
    g_hash_table_unref(table->talks);
    g_free(table);
}

static Talk *talk_of(SpeakingTable *table, const char *meeting) {
    Talk *talk = g_hash_table_lookup(table->talks, meeting);
    if (talk != NULL) return talk;
    talk = g_new0(Talk, 1);
    talk->service = table->service;
    talk->meeting = g_strdup(meeting);
    talk->seats = g_array_new(FALSE, FALSE, sizeof(gint32));
    g_hash_table_insert(table->talks, talk->meeting, talk);
    return talk;
}

void speaking_forget(Service *service, const char *meeting) {
    g_hash_table_remove(service->speaking->talks, meeting);
}

/* ---- telling ---- */

static void push(Session *session, const Talk *talk) {
    session->told_speaking = talk->number;
    session_push_bytes(session, talk->bytes, OUTBOX_STATE);
}

void speaking_send(Session *session) {
    const Talk *talk = session->meeting != NULL
                           ? g_hash_table_lookup(session->service->speaking->talks, session->meeting)
                           : NULL;
    if (talk != NULL) push(session, talk);
}

static void tell_console(Session *session, gpointer user) {
    const Talk *talk = user;
    if (!session->is_room && g_strcmp0(session->meeting, talk->meeting) == 0) push(session, talk);
}

static void tell_room(Session *session, gpointer user) {
    const Talk *talk = user;
    if (session->is_room && session->told_speaking != talk->number &&
        g_strcmp0(session->meeting, talk->meeting) == 0)
        push(session, talk);
}

static void on_later(gpointer user);

static void tell_rooms(Talk *talk, gint64 now_us) {
    if (talk->number == talk->number_told || talk->later != NULL) return;
    gint64 left_us = talk->told_us + ROOMS_EVERY_US - now_us;
    if (talk->told_us != 0 && left_us > 0) {
        talk->later = reactor_after(talk->service->loop, (guint)((left_us + 999) / 1000), 0, on_later, talk);
        return;
    }
    talk->told_us = now_us;
    talk->number_told = talk->number;
    session_each(talk->service, tell_room, talk);
}

static void on_later(gpointer user) {
    Talk *talk = user;
    talk->later = NULL;
    tell_rooms(talk, reactor_now_us());
}

/* ---- news of the bridge ---- */

static gint compare_seats(gconstpointer a, gconstpointer b) {
    gint32 one = *(const gint32 *)a, other = *(const gint32 *)b;
    return one < other ? -1 : one > other;
}

/* Takes seats. */
static void note_company(SpeakingTable *table, Talk *talk, GArray *seats) {
    g_array_sort(seats, compare_seats);
    gboolean same = talk->number != 0 && seats->len == talk->seats->len &&
                    memcmp(seats->data, talk->seats->data, seats->len * sizeof(gint32)) == 0;
    if (!same) talk->number = ++table->n_companies;
    g_array_unref(talk->seats);
    talk->seats = seats;
}

/* rows: as the bridge tells them, or NULL for nobody; borrowed. */
static void take_company(Talk *talk, json_t *rows) {
    Service *service = talk->service;
    GArray *who = g_array_new(FALSE, FALSE, sizeof(gint32));
    json_t *seats = json_array(), *row;
    gsize index;
    json_array_foreach(rows, index, row) {
        gint32 id = (gint32)json_integer_value(json_object_get(row, "seat"));
        const SeatRecord *seat = roster_seat(office_roster(service->office), id);
        if (seat == NULL) continue;
        json_array_append_new(seats, json_pack("{s:i, s:s, s:O?}", "seat", id, "label", seat->label, "level",
                                               json_object_get(row, "level")));
        g_array_append_val(who, id);
    }
    json_t *message = json_pack("{s:s, s:o}", "t", "speaking", "seats", seats);
    char *text = json_dumps(message, JSON_COMPACT);
    json_decref(message);
    g_clear_pointer(&talk->bytes, g_bytes_unref);
    talk->bytes = g_bytes_new_with_free_func(text, strlen(text), free, text);
    note_company(service->speaking, talk, who);
    session_each(service, tell_console, talk);
    tell_rooms(talk, reactor_now_us());
}

void speaking_take(Service *service, json_t *event) {
    const char *id = json_string_value(json_object_get(event, "meeting"));
    const Meeting *meeting = office_meeting(service->office, id);
    if (meeting == NULL || meeting_phase(meeting) != MEETING_OPEN) return; /* it ended a moment ago */
    take_company(talk_of(service->speaking, id), json_object_get(event, "seats"));
}

void speaking_stop(Service *service) {
    GHashTableIter iter;
    gpointer value;
    g_hash_table_iter_init(&iter, service->speaking->talks);
    while (g_hash_table_iter_next(&iter, NULL, &value)) {
        Talk *talk = value;
        if (talk->seats->len > 0) take_company(talk, NULL);
    }
}
