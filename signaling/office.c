/* office.c -- opening and closing the books, the clock, the way of every change to the disk and back.
 * Meetings: office_meeting.c; roster, links and users: office_books.c. */
#include "signaling/office_state.h"

#include "config/log.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

enum { TIDY_EVERY_MS = 3600 * 1000, ANCHOR_EVERY_MS = 60 * 1000 };

/* ---- opening and closing ---- */

static gboolean make_folder(const char *data_dir, GError **error) {
    if (g_mkdir_with_parents(data_dir, 0700) == 0) return TRUE;
    g_set_error(error, FAULT, FAULT_SETUP, "cannot make the data folder %s: %s", data_dir, g_strerror(errno));
    return FALSE;
}

/* Time goes on from the last row of the log, even when the machine's clock has been set back since. */
static gboolean load_clock(Office *office, GError **error) {
    char head[TOKEN_HASH_BYTES * 2 + 1];
    office->anchored_seq = store_head(office->store, head);
    g_autoptr(GPtrArray) last = store_read_events(office->store, NULL, office->anchored_seq - 1, error);
    if (last == NULL) return FALSE;
    if (last->len > 0) office->clock_utc_ms = ((EventRecord *)last->pdata[last->len - 1])->time_ms;
    return TRUE;
}

static gboolean load(Office *office, GError **error) {
    GPtrArray *seats = store_read_seats(office->store, error);
    if (seats == NULL) return FALSE;
    roster_take_seats(office->roster, seats);
    g_autoptr(GPtrArray) users = store_read_users(office->store, error);
    if (users == NULL) return FALSE;
    GPtrArray *tokens = store_read_tokens(office->store, error);
    if (tokens == NULL) return FALSE;
    AuthSettings settings = { .login_link_ms = office->settings->auth_login_link_s * 1000,
                              .session_ms = office->settings->auth_session_s * 1000,
                              .room_session_ms = 365ll * 24 * 3600 * 1000,
                              .attempts = (guint)office->settings->auth_attempts };
    office->auth = auth_new(&settings, g_steal_pointer(&users), tokens);
    return load_clock(office, error) && office_load_meetings(office, error);
}

static char *first_url(Office *office) {
    char *url = g_strdup(office->settings->http_public_url);
    if (url[0] == '\0') {
        g_free(url);
        url = store_read_note(office->store, "public_url");
    }
    if (url == NULL) return g_strdup_printf("https://localhost:%d", (int)office->settings->http_https_port);
    while (g_str_has_suffix(url, "/")) url[strlen(url) - 1] = '\0'; /* paths are hung behind it */
    return url;
}

Office *office_open(const char *data_dir, const Settings *settings, GError **error) {
    g_autoptr(Office) office = g_new0(Office, 1);
    owner_stamp(&office->owner);
    office->settings = settings;
    office->well = TRUE;
    office->roster = roster_new();
    office->meetings = g_ptr_array_new_with_free_func(office_meeting_entry_free);
    g_queue_init(&office->commits);
    g_autofree char *path =
        data_dir != NULL ? g_build_filename(data_dir, "diemcau.db", NULL) : g_strdup(":memory:");
    if (!meeting_table_check(error) || (data_dir != NULL && !make_folder(data_dir, error))) return NULL;
    office->store = store_open(path, error);
    if (office->store == NULL || !load(office, error)) return NULL;
    office->public_url = first_url(office);
    return g_steal_pointer(&office);
}

/* The head of the log leaves the folder for the journal: a chain that is only looked at from inside proves nothing. */
static void anchor_head(Office *office) {
    char head[TOKEN_HASH_BYTES * 2 + 1];
    gint64 seq = store_head(office->store, head);
    if (seq == office->anchored_seq) return;
    office->anchored_seq = seq;
    log_always("log.head", "seq=%" G_GINT64_FORMAT " hash=%s", seq, head);
}

void office_close(Office *office) {
    if (office == NULL) return;
    owner_check(&office->owner);
    office->events = NULL;
    if (office->store != NULL && store_settle(office->store, G_USEC_PER_SEC)) anchor_head(office);
    Store *store = g_steal_pointer(&office->store);
    store_close(store); /* commits what waits and tells everybody */
    auth_free(office->auth);
    g_ptr_array_unref(office->meetings);
    roster_free(office->roster);
    g_free(office->public_url);
    g_free(office);
}

void office_listen(Office *office, const OfficeEvents *events, gpointer user) {
    office->events = events;
    office->events_user = user;
}

void office_set_wake(Office *office, void (*wake)(gpointer user), gpointer user) {
    store_set_wake(office->store, wake, user);
    auth_set_wake(office->auth, wake, user);
}

/* ---- the clock ---- */

/* The wall clock is asked once and then followed by the monotonic one, so that durations between events are true. When the wall
 * clock is ahead by a second (it was set), it is taken over; when it is behind, time goes on as it was. */
gint64 office_now_ms(Office *office) {
    gint64 mono_us = g_get_monotonic_time(), wall_ms = g_get_real_time() / 1000;
    gint64 now_ms = office->clock_utc_ms + (mono_us - office->clock_mono_us) / 1000;
    if (office->clock_mono_us != 0 && wall_ms <= now_ms + 1000) return now_ms;
    if (office->clock_mono_us != 0) log_info("clock.step", "ahead_ms=%" G_GINT64_FORMAT, wall_ms - now_ms);
    office->clock_utc_ms = MAX(wall_ms, office->clock_utc_ms); /* loading set it to the last event's time */
    office->clock_mono_us = mono_us;
    return office->clock_utc_ms;
}

/* ---- plain questions ---- */

Store *office_store(Office *office) { return office->store; }

Roster *office_roster(Office *office) { return office->roster; }

Auth *office_auth(Office *office) { return office->auth; }

const Settings *office_settings(Office *office) { return office->settings; }

Language office_language(const Office *office) {
    return language_from_text(office->settings->meeting_language, LANGUAGE_VI);
}

const char *office_public_url(Office *office) { return office->public_url; }

void office_set_public_url(Office *office, const char *url) {
    if (strcmp(office->public_url, url) == 0) return;
    g_free(office->public_url);
    office->public_url = g_strdup(url);
    StoreBatch *batch = store_batch_new();
    store_batch_note(batch, "public_url", url);
    office_submit(office, batch, NULL, NULL);
}

/* The wall clock alone would not do: set back before a restart of this process, the bridge would refuse each scene as older. */
gint64 office_new_epoch(Office *office) {
    g_autofree char *last = store_read_note(office->store, "epoch");
    gint64 epoch = g_get_real_time() / 1000;
    if (last != NULL) epoch = MAX(epoch, g_ascii_strtoll(last, NULL, 10) + 1);
    g_autofree char *text = g_strdup_printf("%" G_GINT64_FORMAT, epoch);
    StoreBatch *batch = store_batch_new();
    store_batch_note(batch, "epoch", text);
    office_submit(office, batch, NULL, NULL);
    return epoch;
}

/* ---- to the disk and back ---- */

gboolean office_may_write(Office *office, Language language, GError **error) {
    if (office->store == NULL) return words_refuse(error, FAULT_GONE, language, WORD_STORE_CLOSED);
    if (store_is_well(office->store, g_get_monotonic_time(), NULL)) return TRUE;
    return words_refuse(error, FAULT_BUSY, language, WORD_STORE_UNWELL);
}

static void commit_free(Commit *commit) {
    g_free(commit->meeting_id);
    json_decref(commit->events);
    g_free(commit);
}

static void answer(Commit *commit, const GError *why) {
    if (commit->answered) return;
    commit->answered = TRUE;
    if (commit->done != NULL) commit->done(commit->user, commit->events, why);
}

static void on_committed(gpointer user, const GError *why) {
    Commit *commit = user;
    Office *office = commit->office;
    g_queue_remove(&office->commits, commit);
    gboolean gone = why != NULL && why->code == FAULT_GONE;
    /* A batch that the database refused is a defect of ours, already logged. The meeting goes on in memory all the same: the
     * head has the events, and 200 rooms must not see another state than the chair. */
    if (!gone && commit->meeting_id != NULL) {
        office_show_events(office, commit->meeting_id, commit->events, commit->time_ms);
    }
    if (!gone && commit->then != NULL) commit->then(office, commit->seat);
    answer(commit, why);
    if (!gone && commit->meeting_id != NULL && json_array_size(commit->events) > 0 &&
        office->events != NULL && office->events->committed != NULL)
        office->events->committed(office->events_user, commit->meeting_id, commit->events, commit->time_ms);
    commit_free(commit);
}

Commit *office_commit(Office *office, StoreBatch *batch, OfficeDone done, gpointer user) {
    Commit *commit = g_new0(Commit, 1);
    commit->office = office;
    commit->time_ms = office_now_ms(office);
    commit->submitted_us = g_get_monotonic_time();
    commit->done = done;
    commit->user = user;
    if (office->store == NULL) {
        /* Closing: told from on_committed() as everything else, so that done comes exactly once. */
        g_autoptr(GError) why =
            g_error_new_literal(FAULT, FAULT_GONE, words(office_language(office), WORD_STORE_CLOSED));
        store_batch_free(batch);
        g_queue_push_tail(&office->commits, commit);
        on_committed(commit, why);
        return NULL;
    }
    g_queue_push_tail(&office->commits, commit);
    store_submit(office->store, batch, on_committed, commit);
    return commit;
}

void office_submit(Office *office, StoreBatch *batch, OfficeDone done, gpointer user) {
    office_commit(office, batch, done, user);
}

void office_audit(Office *office, StoreBatch *batch, const char *kind, const Actor *actor, json_t *fields) {
    json_t *payload = fields != NULL ? json_copy(fields) : json_object();
    json_object_set_new(payload, "by", json_string(actor->name != NULL ? actor->name : ""));
    json_object_set_new(payload, "role", json_string(role_word(actor->role)));
    char *text = json_dumps(payload, JSON_COMPACT | JSON_SORT_KEYS);
    store_batch_event(batch, "", kind, office_now_ms(office), text);
    free(text);
    json_decref(payload);
}

void office_dispatch(Office *office) {
    owner_check(&office->owner);
    auth_dispatch(office->auth);
    store_dispatch(office->store);
}

gboolean office_settle(Office *office, gint64 timeout_us) {
    gint64 until_us = g_get_monotonic_time() + timeout_us;
    for (;;) {
        gint64 left_us = until_us - g_get_monotonic_time();
        if (left_us <= 0 || !store_settle(office->store, left_us)) return FALSE;
        auth_dispatch(office->auth);
        if (auth_n_waiting(office->auth) == 0 && g_queue_is_empty(&office->commits)) return TRUE;
        g_usleep(1000);
    }
}

/* ---- the beat ---- */

static void tell_overdue(Office *office) {
    gint64 late_us = g_get_monotonic_time() - STORE_OVERDUE_US;
    g_autoptr(GError) why =
        g_error_new_literal(FAULT, FAULT_BUSY, words(office_language(office), WORD_STORE_UNWELL));
    for (GList *at = office->commits.head; at != NULL;) {
        Commit *commit = at->data;
        at = at->next; /* done may add commits behind, never remove this one */
        if (commit->submitted_us > late_us) return;
        answer(commit, why);
    }
}

static void watch_health(Office *office) {
    gboolean well = store_is_well(office->store, g_get_monotonic_time(), NULL);
    if (well == office->well) return;
    office->well = well;
    const char *sentence = words(office_language(office), well ? WORD_STORE_WELL : WORD_STORE_UNWELL);
    log_line(well ? LOG_INFO : LOG_ERROR, "office.store", "well=%d", well);
    if (office->events != NULL && office->events->health != NULL)
        office->events->health(office->events_user, well, sentence);
}

static void give_due_commands(Office *office) {
    const Actor system = { .role = ROLE_SYSTEM, .name = "system", .language = office_language(office) };
    gint64 now_ms = office_now_ms(office);
    for (guint i = 0; i < office->meetings->len; i++) {
        const OfficeMeeting *entry = office->meetings->pdata[i];
        if (entry->head == NULL) continue;
        gint64 due_ms = meeting_due_ms(entry->head);
        if (due_ms == 0 || now_ms < due_ms) continue;
        json_t *command = json_pack("{s:s}", "t", "due");
        g_autoptr(GError) why = NULL;
        if (!office_command(office, entry->record->id, &system, command, NULL, NULL, &why))
            log_debug("meeting.due", "meeting=%s why=\"%s\"", entry->record->id, why->message);
        json_decref(command);
    }
}

void office_tick(Office *office) {
    owner_check(&office->owner);
    watch_health(office);
    tell_overdue(office);
    give_due_commands(office);
    gint64 now_ms = office_now_ms(office);
    if (now_ms - office->anchored_ms >= ANCHOR_EVERY_MS) {
        office->anchored_ms = now_ms;
        anchor_head(office);
    }
    if (now_ms - office->tidied_ms < TIDY_EVERY_MS) return;
    office->tidied_ms = now_ms;
    StoreBatch *batch = store_batch_new();
    auth_tidy(office->auth, batch, now_ms);
    office_submit(office, batch, NULL, NULL);
}
