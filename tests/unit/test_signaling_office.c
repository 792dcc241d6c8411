/* The books as a whole: nothing leaves before its commit, and a restart finds everything as it was. */
#include "config/fault.h"
#include "signaling/admin.h"
#include "signaling/office.h"
#include "signaling/trial.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <glib/gstdio.h>
#include <string.h>

enum { WAIT_US = 30 * G_USEC_PER_SEC };

static const Actor chair = { ROLE_CHAIR, 0, "chutoa", LANGUAGE_VI };
static const Actor technician = { ROLE_TECHNICIAN, 0, "kythuat", LANGUAGE_VI };
static const Actor system_actor = { ROLE_SYSTEM, 0, "system", LANGUAGE_VI };

typedef struct {
    char *folder;
    Settings *settings;
} Place;

static int set_up(void **state) {
    const char *const overrides[] = { "trial.roster=config/roster/quang-ninh-2019.csv", NULL };
    GError *why = NULL;
    Place *place = g_new0(Place, 1);
    place->folder = g_dir_make_tmp("diemcau-office-XXXXXX", NULL);
    place->settings = settings_load(NULL, overrides, &why);
    if (place->settings == NULL) fail_msg("%s", why->message);
    *state = place;
    return 0;
}

static int tear_down(void **state) {
    Place *place = *state;
    g_autoptr(GDir) dir = g_dir_open(place->folder, 0, NULL);
    for (const char *name; (name = g_dir_read_name(dir)) != NULL;) {
        g_autofree char *path = g_build_filename(place->folder, name, NULL);
        g_unlink(path);
    }
    g_rmdir(place->folder);
    settings_free(place->settings);
    g_free(place->folder);
    g_free(place);
    return 0;
}

static Office *open_office(const Place *place, gboolean on_disk) {
    GError *why = NULL;
    Office *office = office_open(on_disk ? place->folder : NULL, place->settings, &why);
    if (office == NULL) fail_msg("%s", why->message);
    return office;
}

static const char csv[] =
    "code,name,type,district\nT,Quảng Ninh,tỉnh,\nA,Bắc Sơn,xã,Huyện A\nB,Bắc Sơn,xã,Thị xã B\n";

static void import_rooms(Office *office) {
    g_autoptr(RosterPlan) plan =
        office_import_roster(office, &technician, csv, sizeof csv - 1, NULL, NULL, NULL);
    assert_int_equal(plan->n_errors, 0);
}

typedef struct {
    GString *told;
    Office *office;
    char *meeting;
} Witness;

static void on_committed(gpointer user, const char *meeting_id, json_t *events, gint64 time_ms) {
    Witness *witness = user;
    (void)time_ms;
    gsize index;
    json_t *event;
    json_array_foreach(events, index, event)
        g_string_append_printf(witness->told, "%s ", json_string_value(json_object_get(event, "k")));
    /* What is told has been shown. */
    if (witness->office != NULL && strstr(witness->told->str, "joined") != NULL)
        assert_int_not_equal(meeting_n_seats(office_meeting(witness->office, meeting_id)), 0);
}

static void on_done(gpointer user, json_t *events, const GError *why) {
    (void)events;
    assert_null(why);
    g_string_append(((Witness *)user)->told, "done ");
}

static void give(Office *office, const char *meeting, const Actor *actor, json_t *command, Witness *witness) {
    GError *why = NULL;
    if (!office_command(office, meeting, actor, command, witness != NULL ? on_done : NULL, witness, &why))
        fail_msg("%s", why->message);
    json_decref(command);
}

static void test_nothing_is_told_before_the_commit(void **state) {
    Place *place = *state;
    g_autoptr(Office) office = open_office(place, FALSE);
    const OfficeEvents events = { .committed = on_committed };
    Witness witness = { g_string_new(NULL), office, NULL };
    import_rooms(office);
    office_listen(office, &events, &witness);
    g_autofree char *id = office_create_meeting(office, &chair, "  Giao ban ", TRUE, on_done, &witness, NULL);
    give(office, id, &system_actor, json_pack("{s:s, s:i, s:b}", "t", "join", "seat", 2, "microphone", TRUE),
         &witness);
    give(office, id, &chair, json_pack("{s:s, s:s}", "t", "layout", "layout", "1+7"),
         &witness); /* no event, but an answer */
    give(office, id, &chair, json_pack("{s:s, s:i}", "t", "floor.give", "seat", 2), &witness);
    assert_string_equal(witness.told->str, "");
    assert_null(office_meeting(office, id)); /* not even shown */
    assert_true(office_settle(office, WAIT_US));
    assert_string_equal(witness.told->str, "created done opened done joined done done floor-given ");
    const Meeting *meeting = office_meeting(office, id);
    assert_int_equal(meeting_floor(meeting), 2);
    assert_string_equal(meeting_title(meeting), "Giao ban");
    assert_int_equal(meeting_chair_seat(meeting), 1); /* the hall */
    g_string_free(witness.told, TRUE);
}

static void test_refusals(void **state) {
    Place *place = *state;
    g_autoptr(Office) office = open_office(place, FALSE);
    import_rooms(office);
    g_autofree char *id = office_create_meeting(office, &chair, "a", TRUE, NULL, NULL, NULL);
    static const struct {
        const char *meeting, *command;
        FaultCode code;
    } cases[] = {
        { "nowhere", "{\"t\":\"open\"}", FAULT_NOT_FOUND },
        { NULL, "{\"t\":\"floor.give\",\"seat\":99}", FAULT_NOT_FOUND }, /* not in the roster */
        { NULL, "{\"t\":\"pin\",\"seats\":[99]}", FAULT_NOT_FOUND },
        { NULL, "{\"t\":\"floor.give\",\"seat\":2}", FAULT_CONFLICT }, /* not in the meeting */
        { NULL, "{\"t\":\"open\"}", FAULT_CONFLICT },
        { NULL, "{\"x\":1}", FAULT_BAD_INPUT },
    };
    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GError) why = NULL;
        json_t *command = json_loads(cases[i].command, 0, NULL);
        assert_false(office_command(office, cases[i].meeting != NULL ? cases[i].meeting : id, &chair, command,
                                    NULL, NULL, &why));
        if (why->code != (int)cases[i].code) fail_msg("%s: %s", cases[i].command, why->message);
        json_decref(command);
    }
    g_autoptr(GError) why = NULL;
    assert_null(office_create_meeting(office, &chair, "", TRUE, NULL, NULL, &why));
    assert_int_equal(why->code, FAULT_BAD_INPUT);
    const Actor room = { ROLE_ROOM, 2, "A", LANGUAGE_EN };
    g_autoptr(GError) refused = NULL;
    assert_null(office_create_meeting(office, &room, "x", TRUE, NULL, NULL, &refused));
    assert_int_equal(refused->code, FAULT_REFUSED);
}

static void test_a_restart_finds_the_meeting(void **state) {
    Place *place = *state;
    g_autofree char *id = NULL, *ended = NULL;
    gint64 before_ms = 0;
    char head[TOKEN_HASH_BYTES * 2 + 1], head_again[TOKEN_HASH_BYTES * 2 + 1];
    json_t *snapshot = NULL;
    {
        g_autoptr(Office) office = open_office(place, TRUE);
        import_rooms(office);
        id = office_create_meeting(office, &chair, "Giao ban", TRUE, NULL, NULL, NULL);
        ended = office_create_meeting(office, &chair, "Đã xong", TRUE, NULL, NULL, NULL);
        give(office, id, &system_actor,
             json_pack("{s:s, s:i, s:b}", "t", "join", "seat", 2, "microphone", TRUE), NULL);
        give(office, id, &system_actor, json_pack("{s:s, s:i}", "t", "connected", "seat", 2), NULL);
        give(office, id, &system_actor, json_pack("{s:s, s:i}", "t", "join", "seat", 3), NULL);
        const Actor room = { ROLE_ROOM, 3, "B", LANGUAGE_VI };
        give(office, id, &room, json_pack("{s:s, s:i, s:b}", "t", "hand", "seat", 3, "up", TRUE), NULL);
        give(office, id, &chair, json_pack("{s:s, s:i}", "t", "floor.give", "seat", 2), NULL);
        give(office, ended, &chair, json_pack("{s:s, s:b}", "t", "end", "now", TRUE), NULL);
        assert_true(office_settle(office, WAIT_US));
        before_ms = office_now_ms(office);
        snapshot =
            meeting_snapshot(office_meeting(office, id), id, office_roster(office), before_ms, NULL, NULL);
        assert_int_equal(store_head(office_store(office), head), 11);
    }
    g_autoptr(Office) office = open_office(place, TRUE);
    json_t *again =
        meeting_snapshot(office_meeting(office, id), id, office_roster(office), before_ms, NULL, NULL);
    assert_null(meeting_delta(snapshot, again));
    assert_true(json_equal(snapshot, again));
    assert_true(office_now_ms(office) >= before_ms);
    assert_int_equal(store_head(office_store(office), head_again), 11);
    assert_string_equal(head, head_again);
    assert_null(office_meeting(office, ended));
    json_t *open_list = office_meetings_json(office, FALSE), *list = office_meetings_json(office, TRUE);
    assert_int_equal(json_array_size(open_list), 1);
    assert_int_equal(json_array_size(list), 2);
    /* The one that ended stays ended, and goes on being named. */
    g_autoptr(GError) why = NULL;
    json_t *open_again = json_pack("{s:s}", "t", "open");
    assert_false(office_command(office, ended, &chair, open_again, NULL, NULL, &why));
    assert_int_equal(why->code, FAULT_CONFLICT);
    json_decref(open_again);
    json_decref(open_list);
    json_decref(list);
    json_decref(again);
    json_decref(snapshot);
}

static void test_ending_comes_due(void **state) {
    Place *place = *state;
    g_autoptr(Office) office = open_office(place, FALSE);
    import_rooms(office);
    g_autofree char *id = office_create_meeting(office, &chair, "a", TRUE, NULL, NULL, NULL);
    give(office, id, &chair, json_pack("{s:s}", "t", "end"), NULL);
    assert_true(office_settle(office, WAIT_US));
    office_tick(office);
    assert_true(office_settle(office, WAIT_US));
    assert_int_equal(meeting_phase(office_meeting(office, id)), MEETING_OPEN);
    gint64 start_us = g_get_monotonic_time();
    while (meeting_phase(office_meeting(office, id)) == MEETING_OPEN &&
           g_get_monotonic_time() - start_us < 15 * G_USEC_PER_SEC) {
        office_tick(office);
        office_settle(office, WAIT_US);
        g_usleep(50000);
    }
    assert_int_equal(meeting_phase(office_meeting(office, id)), MEETING_ENDED);
    assert_true(g_get_monotonic_time() - start_us > 4 * G_USEC_PER_SEC);
}

static void count_roster(gpointer user) { ++*(guint *)user; }

static void test_import_is_all_or_nothing(void **state) {
    Place *place = *state;
    g_autoptr(Office) office = open_office(place, TRUE);
    const OfficeEvents events = { .roster_changed = count_roster };
    guint n_changes = 0;
    office_listen(office, &events, &n_changes);
    import_rooms(office);
    static const char bad[] = "code,name,type\nA,Khác,xã\nA,Lại,xã\n";
    g_autoptr(RosterPlan) plan =
        office_import_roster(office, &technician, bad, sizeof bad - 1, NULL, NULL, NULL);
    assert_int_equal(plan->n_errors, 1);
    assert_true(office_settle(office, WAIT_US));
    assert_string_equal(roster_seat_by_code(office_roster(office), "A")->name, "Bắc Sơn");
    assert_int_equal(n_changes, 1);
}

static void test_trial_may_run_at_every_start(void **state) {
    Place *place = *state;
    g_autofree char *meeting = NULL, *room_url = NULL;
    for (guint start = 0; start < 2; start++) {
        g_autoptr(Office) office = open_office(place, TRUE);
        GError *why = NULL;
        g_autoptr(Trial) trial = trial_set_up(office, &why);
        if (trial == NULL) fail_msg("%s", why->message);
        assert_int_equal(trial->n_seats, 201);
        assert_true((trial->chair_password != NULL) == (start == 0)); /* told once */
        assert_true(g_str_has_prefix(trial->chair_url, "https://localhost:8443/login#"));
        assert_int_equal(meeting_phase(office_meeting(office, trial->meeting_id)), MEETING_OPEN);
        if (start == 1) {
            assert_string_equal(trial->meeting_id, meeting);
            gint32 revoked = 0;
            StoreBatch *batch = store_batch_new();
            const char *old = strchr(room_url, '#') + 1; /* a room that sits on the older link keeps it */
            assert_int_not_equal(0, auth_use_room_link(office_auth(office), batch, old, "a",
                                                       office_now_ms(office), LANGUAGE_VI, &revoked, NULL));
            store_batch_free(batch);
        }
        g_free(meeting);
        g_free(room_url);
        meeting = g_strdup(trial->meeting_id);
        room_url = g_strdup(trial->room_url);
    }
}

/* ---- requests of the command line ---- */

static void keep_answer(gpointer user, json_t *answer) {
    json_t **slot = user;
    assert_null(*slot); /* exactly once */
    *slot = json_incref(answer);
}

static json_t *ask(Office *office, const char *single_quoted) {
    g_autofree char *line = g_strdelimit(g_strdup(single_quoted), "'", '"');
    json_t *answer = NULL;
    admin_handle_line(office, line, strlen(line), keep_answer, &answer);
    assert_true(office_settle(office, WAIT_US));
    assert_non_null(answer);
    return answer;
}

static void test_admin_requests(void **state) {
    Place *place = *state;
    g_autoptr(Office) office = open_office(place, FALSE);
    static const struct {
        const char *request, *code; /* code NULL = ok */
    } cases[] = {
        { "nonsense", "bad-input" },
        { "{}", "bad-input" },
        { "{'do':'dance'}", "bad-input" },
        { "{'do':'roster.import','csv':'code,name,type\\nT,Quảng Ninh,tỉnh\\nA,B,xã\\n'}", NULL },
        { "{'do':'roster.import','csv_base64':'Y29kZSxuYW1lLHR5cGUKQSxCLHgK//8='}",
          "bad-input" }, /* not UTF-8 inside */
        { "{'do':'roster.import'}", "bad-input" },
        { "{'do':'roster.export'}", NULL },
        { "{'do':'roster.link','code':'A'}", NULL },
        { "{'do':'roster.link','code':'Z'}", "not-found" },
        { "{'do':'roster.link','all':true}", NULL },
        { "{'do':'roster.link'}", "not-found" },
        { "{'do':'roster.revoke','code':'A'}", NULL },
        { "{'do':'roster.revoke','code':'A'}", "not-found" },
        { "{'do':'user.add','name':'chutoa','role':'chair','generate':true}", NULL },
        { "{'do':'user.add','name':'chutoa','role':'chair','generate':true}", "conflict" },
        { "{'do':'user.add','name':'x','role':'king','generate':true}", "bad-input" },
        { "{'do':'user.add','name':'x','role':'chair','password':'short'}", "bad-input" },
        { "{'do':'user.add','name':'x','role':'chair'}", "bad-input" },
        { "{'do':'user.passwd','name':'chutoa','password':'another one'}", NULL },
        { "{'do':'user.passwd','name':'nobody','password':'another one'}", "not-found" },
        { "{'do':'user.login','name':'chutoa'}", NULL },
        { "{'do':'user.login','name':'nobody'}", "not-found" },
        { "{'do':'user.list'}", NULL },
        { "{'do':'meeting.create','title':''}", "bad-input" },
        { "{'do':'meeting.end','meeting':'nowhere'}", "not-found" },
        { "{'do':'token','meeting':'nowhere','observer':true}", "not-found" },
        { "{'do':'check'}", NULL },
        { "{'do':'erase','seq':1}", NULL },
        { "{'do':'erase','seq':100000}", "not-found" },
    };
    g_autoptr(GError) why = NULL;
    assert_true(admin_table_check(&why));
    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        json_t *answer = ask(office, cases[i].request);
        const char *code = json_string_value(json_object_get(answer, "code"));
        if (g_strcmp0(code, cases[i].code) != 0) fail_msg("%s: %s", cases[i].request, code);
        assert_true(json_is_true(json_object_get(answer, "ok")) == (code == NULL));
        if (code != NULL) assert_true(json_string_length(json_object_get(answer, "text")) > 10);
        json_decref(answer);
    }
}

static void test_admin_meeting_and_tokens(void **state) {
    Place *place = *state;
    g_autoptr(Office) office = open_office(place, FALSE);
    import_rooms(office);
    json_t *created = ask(office, "{'do':'meeting.create','title':'Họp','open':true}");
    const char *id = json_string_value(json_object_get(created, "meeting"));
    g_autofree char *for_room = g_strdup_printf("{'do':'token','meeting':'%s','endpoint':'A'}", id);
    g_autofree char *for_watcher = g_strdup_printf("{'do':'token','meeting':'%s','observer':true}", id);
    g_autofree char *for_both =
        g_strdup_printf("{'do':'token','meeting':'%s','observer':true,'endpoint':'A'}", id);
    json_t *room = ask(office, for_room), *watcher = ask(office, for_watcher), *both = ask(office, for_both);
    Identity who;
    const char *token = json_string_value(json_object_get(room, "token"));
    assert_true(auth_identify(office_auth(office), token, office_now_ms(office), &who));
    assert_int_equal(who.role, ROLE_ROOM);
    assert_int_equal(who.seat, 2);
    assert_string_equal(who.meeting, id);
    token = json_string_value(json_object_get(watcher, "token"));
    assert_true(auth_identify(office_auth(office), token, office_now_ms(office), &who));
    assert_int_equal(who.role, ROLE_OBSERVER);
    assert_false(json_is_true(json_object_get(both, "ok")));
    g_autofree char *end = g_strdup_printf("{'do':'meeting.end','meeting':'%s'}", id);
    json_t *ended = ask(office, end), *late = ask(office, for_room);
    assert_true(json_is_true(json_object_get(ended, "ok")));
    assert_false(json_is_true(json_object_get(late, "ok")));
    json_t *all[] = { created, room, watcher, both, ended, late };
    for (guint i = 0; i < G_N_ELEMENTS(all); i++) json_decref(all[i]);
}

#define WITH_FOLDER(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        WITH_FOLDER(test_nothing_is_told_before_the_commit),
        WITH_FOLDER(test_refusals),
        WITH_FOLDER(test_a_restart_finds_the_meeting),
        WITH_FOLDER(test_ending_comes_due),
        WITH_FOLDER(test_import_is_all_or_nothing),
        WITH_FOLDER(test_trial_may_run_at_every_start),
        WITH_FOLDER(test_admin_requests),
        WITH_FOLDER(test_admin_meeting_and_tokens),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
