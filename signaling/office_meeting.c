/* office_meeting.c -- meetings in the books: replayed at start, decided in memory, shown after the commit. */
#include "signaling/office_state.h"

#include "config/log.h"

#include <sodium.h>
#include <string.h>

void office_meeting_entry_free(gpointer data) {
    OfficeMeeting *entry = data;
    if (entry == NULL) return;
    meeting_free(entry->shown);
    meeting_free(entry->head);
    meeting_record_free(entry->record);
    g_free(entry);
}

OfficeMeeting *office_peek_meeting(Office *office, const char *id) {
    for (guint i = office->meetings->len; id != NULL && i > 0; i--) {
        OfficeMeeting *entry = office->meetings->pdata[i - 1];
        if (strcmp(entry->record->id, id) == 0) return entry;
    }
    return NULL;
}

/* ---- replay ---- */

static void apply_to(Meeting *meeting, const char *id, json_t *event, gint64 time_ms) {
    g_autoptr(GError) why = NULL;
    if (!meeting_apply(meeting, event, time_ms, &why))
        log_error("meeting.event", "meeting=%s why=\"%s\"", id, why->message);
}

static gboolean replay(Office *office, OfficeMeeting *entry, GError **error) {
    const char *id = entry->record->id;
    g_autoptr(GPtrArray) events = store_read_events(office->store, id, 0, error);
    if (events == NULL) return FALSE;
    entry->head = meeting_new();
    entry->shown = meeting_new();
    for (guint i = 0; i < events->len; i++) {
        const EventRecord *record = events->pdata[i];
        json_t *event = record->payload != NULL ? json_loads(record->payload, 0, NULL) : NULL;
        office->clock_utc_ms = MAX(office->clock_utc_ms, record->time_ms);
        if (event == NULL) {
            log_warn("meeting.replay",
                     "meeting=%s seq=%" G_GINT64_FORMAT " kind=%s left out: erased or unreadable", id,
                     record->seq, record->kind);
            continue;
        }
        apply_to(entry->head, id, event, record->time_ms);
        apply_to(entry->shown, id, event, record->time_ms);
        json_decref(event);
    }
    log_info("meeting.replayed", "meeting=%s events=%u state=%s", id, events->len,
             meeting_phase_word(meeting_phase(entry->head)));
    return TRUE;
}

gboolean office_load_meetings(Office *office, GError **error) {
    g_autoptr(GPtrArray) records = store_read_meetings(office->store, error);
    if (records == NULL) return FALSE;
    for (guint i = records->len; i > 0; i--) {
        OfficeMeeting *entry = g_new0(OfficeMeeting, 1);
        entry->record = meeting_record_copy(records->pdata[i - 1]);
        g_ptr_array_add(office->meetings, entry);
        office->clock_utc_ms =
            MAX(office->clock_utc_ms, MAX(entry->record->opened_ms, entry->record->ended_ms));
        if (strcmp(entry->record->state, "ended") != 0 && !replay(office, entry, error)) return FALSE;
    }
    return TRUE;
}

/* ---- commands ---- */

/* The state machine knows ids, the roster knows which of them are rooms. */
static gboolean check_seats(Office *office, json_t *command, Language language, GError **error) {
    static const char *const fields[] = { "seat", "chair" };
    for (guint i = 0; i < G_N_ELEMENTS(fields); i++) {
        json_t *id = json_object_get(command, fields[i]);
        if (json_is_integer(id) && roster_seat(office->roster, (gint32)json_integer_value(id)) == NULL)
            return words_refuse(error, FAULT_NOT_FOUND, language, WORD_SEAT_UNKNOWN);
    }
    gsize index;
    json_t *id;
    json_array_foreach(json_object_get(command, "seats"), index, id) {
        if (json_is_integer(id) && roster_seat(office->roster, (gint32)json_integer_value(id)) == NULL)
            return words_refuse(error, FAULT_NOT_FOUND, language, WORD_SEAT_UNKNOWN);
    }
    return TRUE;
}

static void update_record(OfficeMeeting *entry, StoreBatch *batch, gint64 now_ms) {
    MeetingRecord *record = entry->record;
    const char *state = meeting_phase_word(meeting_phase(entry->head));
    if (strcmp(record->state, state) == 0) return;
    g_free(record->state);
    record->state = g_strdup(state);
    g_free(record->title);
    record->title = g_strdup(meeting_title(entry->head));
    if (record->created_ms == 0) record->created_ms = now_ms;
    record->opened_ms = meeting_opened_ms(entry->head);
    record->ended_ms = meeting_ended_ms(entry->head);
    store_batch_meeting(batch, record);
}

static StoreBatch *batch_of_events(OfficeMeeting *entry, json_t *events, gint64 now_ms) {
    StoreBatch *batch = store_batch_new();
    gsize index;
    json_t *event;
    json_array_foreach(events, index, event) {
        char *text = json_dumps(event, JSON_COMPACT | JSON_SORT_KEYS);
        store_batch_event(batch, entry->record->id, json_string_value(json_object_get(event, "k")), now_ms,
                          text);
        free(text);
        apply_to(entry->head, entry->record->id, event, now_ms);
    }
    update_record(entry, batch, now_ms);
    return batch;
}

static gboolean command_entry(Office *office, OfficeMeeting *entry, const Actor *actor, json_t *command,
                              OfficeDone done, gpointer user, GError **error) {
    gint64 now_ms = office_now_ms(office);
    json_t *events = NULL;
    if (!office_may_write(office, actor->language, error) ||
        !check_seats(office, command, actor->language, error) ||
        !meeting_decide(entry->head, command, actor, now_ms, &events, error))
        return FALSE;
    /* An empty batch goes the same way, so that its answer does not overtake those before it. */
    Commit *commit = office_commit(office, batch_of_events(entry, events, now_ms), done, user);
    if (commit == NULL) {
        json_decref(events);
        return TRUE;
    }
    commit->meeting_id = g_strdup(entry->record->id);
    commit->events = events;
    commit->time_ms = now_ms;
    return TRUE;
}

gboolean office_command(Office *office, const char *meeting_id, const Actor *actor, json_t *command,
                        OfficeDone done, gpointer user, GError **error) {
    owner_check(&office->owner);
    OfficeMeeting *entry = office_peek_meeting(office, meeting_id);
    if (entry == NULL) return words_refuse(error, FAULT_NOT_FOUND, actor->language, WORD_MEETING_UNKNOWN);
    if (entry->head == NULL) return words_refuse(error, FAULT_CONFLICT, actor->language, WORD_MEETING_ENDED);
    return command_entry(office, entry, actor, command, done, user, error);
}

void office_show_events(Office *office, const char *meeting_id, json_t *events, gint64 time_ms) {
    OfficeMeeting *entry = office_peek_meeting(office, meeting_id);
    gsize index;
    json_t *event;
    if (entry == NULL || entry->shown == NULL) return;
    json_array_foreach(events, index, event) apply_to(entry->shown, meeting_id, event, time_ms);
}

static char *new_meeting_id(void) {
    static const char letters[] = "abcdefghkmnpqrstuvwxyz23456789";
    char *id = g_strnfill(10, 'm');
    for (guint i = 1; i < 10; i++) id[i] = letters[randombytes_uniform(sizeof letters - 1)];
    return id;
}

char *office_create_meeting(Office *office, const Actor *actor, const char *title, gboolean open,
                            OfficeDone done, gpointer user, GError **error) {
    owner_check(&office->owner);
    g_autofree char *nfc =
        g_utf8_validate(title, -1, NULL) ? g_utf8_normalize(title, -1, G_NORMALIZE_DEFAULT_COMPOSE) : NULL;
    OfficeMeeting *entry = g_new0(OfficeMeeting, 1);
    gint32 hall = roster_hall(office->roster);
    entry->record = g_new0(MeetingRecord, 1);
    entry->record->id = new_meeting_id();
    entry->record->title = g_strdup("");
    entry->record->state = g_strdup("none");
    entry->head = meeting_new();
    entry->shown = meeting_new();
    json_t *create = json_pack("{s:s, s:s}", "t", "create", "title", nfc != NULL ? g_strstrip(nfc) : "");
    if (hall != 0) json_object_set_new(create, "chair", json_integer(hall));
    g_ptr_array_add(office->meetings, entry);
    gboolean ok = command_entry(office, entry, actor, create, open ? NULL : done, user, error);
    json_decref(create);
    if (!ok) {
        g_ptr_array_remove(office->meetings, entry);
        return NULL;
    }
    char *id = g_strdup(entry->record->id);
    if (!open) return id;
    json_t *command = json_pack("{s:s}", "t", "open");
    ok = office_command(office, id, actor, command, done, user, error);
    json_decref(command);
    if (!ok) g_clear_pointer(&id, g_free);
    return id;
}

/* ---- questions ---- */

const Meeting *office_meeting(Office *office, const char *id) {
    const OfficeMeeting *entry = office_peek_meeting(office, id);
    return entry != NULL && entry->shown != NULL && meeting_phase(entry->shown) != MEETING_NONE ? entry->shown
                                                                                                : NULL;
}

char **office_meeting_ids(Office *office) {
    GPtrArray *ids = g_ptr_array_new();
    for (guint i = 0; i < office->meetings->len; i++) {
        const OfficeMeeting *entry = office->meetings->pdata[i];
        MeetingPhase phase = entry->shown != NULL ? meeting_phase(entry->shown) : MEETING_ENDED;
        if (phase == MEETING_DRAFT || phase == MEETING_OPEN)
            g_ptr_array_add(ids, g_strdup(entry->record->id));
    }
    g_ptr_array_add(ids, NULL);
    return (char **)g_ptr_array_free(ids, FALSE);
}

static void set_time(json_t *json, const char *key, gint64 time_ms) {
    if (time_ms != 0) json_object_set_new(json, key, json_integer(time_ms));
}

json_t *office_meetings_json(Office *office, gboolean with_ended) {
    json_t *list = json_array();
    for (guint i = office->meetings->len; i > 0; i--) {
        const OfficeMeeting *entry = office->meetings->pdata[i - 1];
        const MeetingRecord *record = entry->record;
        /* What has been committed is shown, not what the head has decided. */
        const char *state =
            entry->shown != NULL ? meeting_phase_word(meeting_phase(entry->shown)) : record->state;
        if (strcmp(state, "none") == 0 || (!with_ended && strcmp(state, "ended") == 0)) continue;
        json_t *json = json_pack("{s:s, s:s, s:s}", "id", record->id, "title", record->title, "state", state);
        set_time(json, "planned_at_ms", record->planned_ms);
        set_time(json, "opened_at_ms",
                 entry->shown != NULL ? meeting_opened_ms(entry->shown) : record->opened_ms);
        set_time(json, "ended_at_ms",
                 entry->shown != NULL ? meeting_ended_ms(entry->shown) : record->ended_ms);
        json_array_append_new(list, json);
    }
    return list;
}
