/* test_signaling_session.c -- pages of a meeting in one process with the books and a bridge that plays by the test's rules:
 * who comes in is told who speaks, and what a seat's lost media means for it. */
#include "config/control.h"
#include "signaling/session_broadcast.h"
#include "signaling/session_legs_table.h"
#include "signaling/session_scene.h"
#include "signaling/session_speaking.h"

#include <glib/gstdio.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

enum { WAIT_US = 30 * G_USEC_PER_SEC, A = 2, B = 3 };

typedef struct {
    char *folder, *path;
    Settings *settings;
    Service service;
    int listen_fd;
    ControlStream *bridge; /* its end of the link */
    char *meeting;
    gboolean full; /* the bridge takes no leg more */
} House;

/* ---- the bridge: says yes to everything ---- */

static void bridge_take(gpointer user, json_t *message) {
    House *house = user;
    json_t *answer = json_pack("{s:s, s:O}", "t", "ok", "re", json_object_get(message, "id"));
    if (strcmp(json_string_value(json_object_get(message, "t")), "hello") == 0) {
        json_t *more = json_pack("{s:i, s:s, s:[], s:[], s:{}}", "version", CONTROL_VERSION, "instance",
                                 "one", "legs", "meetings", "sandbox");
        json_object_update(answer, more);
        json_decref(more);
    }
    if (house->full && strcmp(json_string_value(json_object_get(message, "t")), "leg.open") == 0) {
        json_decref(answer);
        answer = json_pack("{s:s, s:O, s:s, s:s}", "t", "fault", "re", json_object_get(message, "id"), "code",
                           "full", "text", "no more legs");
    }
    control_stream_send(house->bridge, answer, NULL);
    json_decref(answer);
}

static void bridge_read(gpointer user, int events) {
    (void)events;
    House *house = user;
    assert_true(control_stream_read(house->bridge, bridge_take, house, NULL));
}

static void bridge_accept(gpointer user, int events) {
    (void)events;
    House *house = user;
    house->bridge = control_stream_new(control_accept(house->listen_fd));
    reactor_watch(house->service.loop, control_stream_fd(house->bridge), REACTOR_READ, bridge_read, house,
                  NULL);
}

static void on_up(gpointer user, json_t *hello, gboolean is_new) { legs_bridge_up(user, hello, is_new); }
static void on_down(gpointer user) { legs_bridge_down(user); }
static void on_event(gpointer user, const char *name, json_t *event) { legs_bridge_event(user, name, event); }

static void open_bridge(House *house) {
    static const BridgeEvents events = { .up = on_up, .down = on_down, .event = on_event };
    Service *service = &house->service;
    house->path = g_build_filename(house->folder, "b.sock", NULL);
    house->listen_fd = control_listen(house->path, NULL);
    reactor_watch(service->loop, house->listen_fd, REACTOR_READ, bridge_accept, house, NULL);
    service->bridge = bridge_link_new(service->loop, house->path, service->instance, &events, service);
    gint64 until_us = reactor_now_us() + WAIT_US;
    while (!bridge_link_is_up(service->bridge) && reactor_now_us() < until_us) reactor_run(service->loop, 10);
    assert_true(bridge_link_is_up(service->bridge));
    service->legs->settle_until_us = 0; /* all pages are back */
}

/* ---- the house ---- */

static const char csv[] =
    "code,name,type,district\nT,Quảng Ninh,tỉnh,\nA,Bắc Sơn,xã,Huyện A\nB,Bắc Sơn,xã,Thị xã B\n";
static const Actor chair = { ROLE_CHAIR, 0, "chutoa", LANGUAGE_VI };

static void on_committed(gpointer user, const char *meeting, json_t *events, gint64 time_ms) {
    (void)time_ms;
    legs_committed(user, meeting, events);
    broadcast_committed(user, meeting, events);
}

static void on_sessions_ended(gpointer user) { session_check_logins(user); }

static void open_office(House *house) {
    static const OfficeEvents events = { .committed = on_committed, .sessions_ended = on_sessions_ended };
    Service *service = &house->service;
    service->office = office_open(NULL, house->settings, NULL);
    g_autoptr(RosterPlan) plan =
        office_import_roster(service->office, &chair, csv, sizeof csv - 1, NULL, NULL, NULL);
    assert_int_equal(plan->n_errors, 0);
    office_listen(service->office, &events, service);
    house->meeting = office_create_meeting(service->office, &chair, "Giao ban", TRUE, NULL, NULL, NULL);
    assert_true(office_settle(service->office, WAIT_US));
}

static int set_up(void **state) {
    const char *const overrides[] = { "trial.roster=config/roster/quang-ninh-2019.csv", NULL };
    House *house = g_new0(House, 1);
    Service *service = &house->service;
    house->folder = g_dir_make_tmp("diemcau-session-XXXXXX", NULL);
    house->settings = settings_load(NULL, overrides, NULL);
    service->settings = house->settings;
    service->instance = g_strdup("server");
    service->loop = reactor_new(NULL);
    service->sessions = session_table_new();
    service->legs = legs_new();
    service->scenes = scenes_new();
    service->broadcast = broadcast_new(service);
    service->speaking = speaking_new(service);
    open_office(house);
    open_bridge(house);
    *state = house;
    return 0;
}

static int tear_down(void **state) {
    House *house = *state;
    Service *service = &house->service;
    bridge_link_free(service->bridge);
    reactor_unwatch(service->loop, control_stream_fd(house->bridge));
    control_stream_free(house->bridge);
    reactor_unwatch(service->loop, house->listen_fd);
    close(house->listen_fd);
    office_close(service->office);
    speaking_free(service->speaking);
    broadcast_free(service->broadcast);
    scenes_free(service->scenes);
    legs_free(service->legs);
    session_table_free(service->sessions);
    reactor_free(service->loop);
    settings_free(house->settings);
    g_unlink(house->path);
    g_rmdir(house->folder);
    g_free(service->instance);
    g_free(house->meeting);
    g_free(house->path);
    g_free(house->folder);
    g_free(house);
    return 0;
}

/* ---- pages ---- */

static void ask_writable(gpointer socket) { (void)socket; }
static void close_socket(gpointer socket, guint code, const char *reason) {
    (void)reason;
    guint *closed = socket;
    if (closed == NULL) fail_msg("closed with %u", code);
    *closed = code;
}

/* Single quotes stand for double ones. */
static void say(Session *page, const char *format, ...) G_GNUC_PRINTF(2, 3);
static void say(Session *page, const char *format, ...) {
    va_list args;
    va_start(args, format);
    g_autofree char *text = g_strdup_vprintf(format, args);
    va_end(args);
    g_strdelimit(text, "'", '"');
    session_receive(page, text, strlen(text));
    assert_true(office_settle(page->service->office, WAIT_US));
}

/* Logged in as the room of a seat, or as the chair. closed: the code it is closed with one day; NULL: it must not be. */
static Session *open_socket(House *house, gint32 seat, guint *closed) {
    static const SocketPort port = { .ask_writable = ask_writable, .close = close_socket };
    Auth *auth = office_auth(house->service.office);
    gint64 now_ms = office_now_ms(house->service.office);
    g_autoptr(StoreBatch) batch = store_batch_new();
    if (auth_user(auth, "chutoa") == NULL)
        assert_true(auth_put_user(auth, batch, "chutoa", "chair", "x", TRUE, now_ms, LANGUAGE_VI, NULL));
    g_autofree char *token =
        auth_session_new(auth, batch, seat == 0 ? auth_user(auth, "chutoa")->id : 0, seat, now_ms);
    Identity identity;
    assert_true(auth_identify(auth, token, now_ms, &identity));
    Credentials credentials = { .has_room = seat != 0,
                                .seat = seat,
                                .has_user = seat == 0,
                                .user_role = ROLE_CHAIR,
                                .user_name = "chutoa" };
    memcpy(seat != 0 ? credentials.room_hash : credentials.user_hash, identity.hash, TOKEN_HASH_BYTES);
    return session_new(&house->service, &credentials, &port, closed);
}

static Session *open_page(House *house, const char *page, gint32 seat) {
    Session *session = open_socket(house, seat, NULL);
    say(session, "{'t':'hello','id':1,'page':'%s','client':'%s-%d'}", page, page, seat);
    return session;
}

static Session *join(House *house, gint32 seat) {
    Session *room = open_page(house, "room", seat);
    say(room, "{'t':'join','id':2,'meeting':'%s','microphone':true,'camera':true}", house->meeting);
    assert_string_equal(room->meeting, house->meeting);
    return room;
}

/* Reads all that the page was told; of the last list of speakers the seats, "2 3", "" when it is empty; NULL: none came. */
static char *heard(Session *page) {
    g_autoptr(GString) seats = NULL;
    for (GBytes *bytes; (bytes = session_next(page)) != NULL; g_bytes_unref(bytes)) {
        json_t *message = json_loadb(g_bytes_get_data(bytes, NULL), g_bytes_get_size(bytes), 0, NULL), *row;
        gsize i;
        if (strcmp(json_string_value(json_object_get(message, "t")), "speaking") == 0) {
            if (seats == NULL) seats = g_string_new(NULL);
            g_string_truncate(seats, 0);
            json_array_foreach(json_object_get(message, "seats"), i, row) g_string_append_printf(
                seats, "%s%d", i > 0 ? " " : "", (int)json_integer_value(json_object_get(row, "seat")));
        }
        json_decref(message);
    }
    return seats != NULL ? g_strdup(seats->str) : NULL;
}

static void hears(Session *page, const char *wanted) {
    g_autofree char *seats = heard(page);
    if (g_strcmp0(seats, wanted) != 0)
        fail_msg("%s hears %s, not %s", page->name, seats != NULL ? seats : "nothing", wanted);
}

/* Rooms are told of another company once a second. */
static void comes_to_hear(House *house, Session *page, const char *wanted) {
    gint64 until_us = reactor_now_us() + WAIT_US;
    for (;;) {
        reactor_run(house->service.loop, 10);
        g_autofree char *seats = heard(page);
        if (g_strcmp0(seats, wanted) == 0) return;
        assert_true(reactor_now_us() < until_us);
    }
}

static void meeting_ends(House *house) {
    json_t *command = json_pack("{s:s, s:b}", "t", "end", "now", TRUE);
    assert_true(office_command(house->service.office, house->meeting, &chair, command, NULL, NULL, NULL));
    json_decref(command);
    assert_true(office_settle(house->service.office, WAIT_US));
    scenes_send(&house->service);
}

static void speaks(House *house, gint32 seat) {
    json_t *event = json_pack("{s:s, s:s, s:[{s:i, s:i}]}", "t", "speaking", "meeting", house->meeting,
                              "seats", "seat", seat, "level", 30);
    legs_bridge_event(&house->service, "speaking", event);
    json_decref(event);
}

/* ---- who speaks ---- */

static void who_comes_in_is_told_who_speaks(void **state) {
    House *house = *state;
    Session *speaker = join(house, A);
    speaks(house, A);
    hears(speaker, "2");
    Session *late = join(house, B);
    hears(late, "2");
    Session *console = open_page(house, "chair", 0);
    say(console, "{'t':'attend','id':2,'meeting':'%s'}", house->meeting);
    hears(console, "2");
    hears(speaker, NULL); /* no news for who knows it */
}

static void who_leaves_and_comes_back_is_told_again(void **state) {
    House *house = *state;
    join(house, A);
    Session *room = join(house, B);
    speaks(house, A);
    hears(room, "2");
    say(room, "{'t':'leave','id':3}");
    say(room, "{'t':'join','id':4,'meeting':'%s'}", house->meeting);
    hears(room, "2");
}

static void nobody_speaks_when_the_bridge_is_gone(void **state) {
    House *house = *state;
    Session *room = join(house, A);
    Session *console = open_page(house, "chair", 0);
    say(console, "{'t':'attend','id':2,'meeting':'%s'}", house->meeting);
    speaks(house, A);
    hears(room, "2");
    hears(console, "2");
    legs_bridge_down(&house->service);
    hears(console, "");
    comes_to_hear(house, room, "");
}

static void who_reads_too_slowly_is_told_who_speaks_in_the_end(void **state) {
    House *house = *state;
    Session *room = join(house, A);
    hears(room, NULL);
    g_autoptr(GBytes) much = g_bytes_new_take(g_strnfill(OUTBOX_BYTES_MAX - 16, ' '), OUTBOX_BYTES_MAX - 16);
    session_push_bytes(room, much, OUTBOX_CONTROL);
    speaks(house, A); /* has no place */
    g_autoptr(GBytes) read = session_next(room);
    assert_ptr_equal(read, much);
    hears(room, "2");
}

static void nobody_speaks_in_a_meeting_that_has_ended(void **state) {
    House *house = *state;
    Session *console = open_page(house, "chair", 0);
    say(console, "{'t':'attend','id':2,'meeting':'%s'}", house->meeting);
    speaks(house, A);
    hears(console, "2");
    meeting_ends(house);
    speaks(house, A); /* the bridge had it on its way */
    hears(console, NULL);
    say(console, "{'t':'attend','id':3,'meeting':'%s'}", house->meeting);
    hears(console, NULL);
}

/* ---- wishes ---- */

static void wishes(House *house, const char *what, const char *rid) {
    json_t *event = json_pack("{s:s, s:i, s:[s]}", "t", what, "leg", 7, "rids", rid);
    legs_bridge_event(&house->service, what, event);
    json_decref(event);
}

/* Reads all that the page was told: how many messages of this name. */
static guint n_told(Session *page, const char *name) {
    guint n = 0;
    for (GBytes *bytes; (bytes = session_next(page)) != NULL; g_bytes_unref(bytes)) {
        json_t *message = json_loadb(g_bytes_get_data(bytes, NULL), g_bytes_get_size(bytes), 0, NULL);
        n += strcmp(json_string_value(json_object_get(message, "t")), name) == 0;
        json_decref(message);
    }
    return n;
}

static void a_wish_is_told_alone(void **state) {
    House *house = *state;
    Session *room = join(house, A);
    Leg *leg = leg_add(&house->service, 7, house->meeting, A, LEG_DUPLEX);
    leg->session = room->number;
    wishes(house, "presentation.needs", "h");
    assert_int_equal(n_told(room, "presentation-needs"), 1);
    wishes(house, "needs", "l");
    assert_int_equal(n_told(room, "presentation-needs"), 0);
    wishes(house, "needs", "m");
    assert_int_equal(n_told(room, "needs"), 1);
    leg_tell_needs(room, leg); /* its page has come back */
    assert_int_equal(n_told(room, "presentation-needs"), 1);
}

/* ---- logins that end ---- */

static SeatPresence presence(House *house, gint32 seat);

/* The last answer of that kind has this code; "" when it has none. */
static void is_answered(Session *page, const char *kind, const char *code) {
    g_autofree char *last = NULL;
    for (GBytes *bytes; (bytes = session_next(page)) != NULL; g_bytes_unref(bytes)) {
        json_t *message = json_loadb(g_bytes_get_data(bytes, NULL), g_bytes_get_size(bytes), 0, NULL);
        const char *was = json_string_value(json_object_get(message, "code"));
        if (strcmp(json_string_value(json_object_get(message, "t")), kind) == 0) {
            g_free(last);
            last = g_strdup(was != NULL ? was : "");
        }
        json_decref(message);
    }
    assert_non_null(last);
    assert_string_equal(last, code);
}

/* A new link: what came by the older one ends. */
static void link_changes(House *house, gint32 seat) {
    for (guint i = 0; i < 2; i++) {
        g_autofree char *link = office_make_link(house->service.office, &chair, seat, NULL, NULL, NULL);
        assert_non_null(link);
        assert_true(office_settle(house->service.office, WAIT_US));
    }
}

static void a_link_that_ended_before_hello_opens_nothing(void **state) {
    House *house = *state;
    Session *socket = open_socket(house, A, NULL);
    link_changes(house, A);
    say(socket, "{'t':'hello','id':1,'page':'room','client':'x'}");
    is_answered(socket, "fault", "refused");
    assert_false(socket->said_hello);
}

static void who_says_nothing_is_closed(void **state) {
    House *house = *state;
    guint silent = 0;
    Session *socket = open_socket(house, A, &silent);
    open_page(house, "room", B)->made_us -= 2 * SESSION_SILENT_US;
    session_close_silent(&house->service);
    assert_int_equal(silent, 0);
    socket->made_us -= 2 * SESSION_SILENT_US;
    session_close_silent(&house->service);
    assert_int_equal(silent, CLOSE_BAD_PROTOCOL);
}

static void a_leg_without_its_socket_ends_with_its_link(void **state) {
    House *house = *state;
    Session *page = join(house, A);
    Session *other = join(house, B);
    say(page, "{'t':'leg.open','id':3,'way':'duplex'}");
    say(other, "{'t':'leg.open','id':3,'way':'duplex'}");
    session_gone(page); /* its peer connection goes on */
    assert_int_equal(legs_count(&house->service, LEG_CONNECTING), 2);
    link_changes(house, A);
    assert_int_equal(legs_count(&house->service, LEG_CONNECTING), 1);
    assert_int_equal(legs_count_session(&house->service, other->number), 1);
}

static void ignore(gpointer user, json_t *answer, const GError *why) { (void)user, (void)answer, (void)why; }

static void who_is_disconnected_sends_no_more(void **state) {
    House *house = *state;
    Session *console = open_page(house, "chair", 0);
    join(house, A);
    const LegWish whip = { .meeting = house->meeting, .seat = A, .way = LEG_SEND, .room = TRUE };
    const LegWish whep = { .meeting = house->meeting, .seat = A, .way = LEG_RECEIVE, .room = TRUE };
    leg_open(&house->service, &whip, ignore, NULL);
    leg_open(&house->service, &whep, ignore, NULL);
    say(console, "{'t':'attend','id':2,'meeting':'%s'}", house->meeting);
    say(console, "{'t':'seat.disconnect','id':3,'seat':%d}", A);
    assert_int_equal(presence(house, A), SEAT_ABSENT);
    assert_int_equal(legs_count(&house->service, LEG_CONNECTING), 0);
}

static void a_console_does_not_leave_for_the_room_that_took_its_seat(void **state) {
    House *house = *state;
    gint32 hall = roster_hall(office_roster(house->service.office));
    Session *console = open_page(house, "chair", 0);
    say(console, "{'t':'attend','id':2,'meeting':'%s'}", house->meeting);
    say(console, "{'t':'join','id':3,'meeting':'%s'}", house->meeting);
    assert_non_null(console->told_view);
    join(house, hall);
    say(console, "{'t':'leave','id':4}");
    assert_int_not_equal(presence(house, hall), SEAT_ABSENT);
}

static void a_full_bridge_is_said_in_the_page_s_language(void **state) {
    House *house = *state;
    Session *page = join(house, A);
    house->full = TRUE;
    say(page, "{'t':'leg.open','id':3,'way':'duplex'}");
    gint64 until_us = reactor_now_us() + WAIT_US;
    while (legs_count(&house->service, LEG_CONNECTING) > 0 && reactor_now_us() < until_us)
        reactor_run(house->service.loop, 10);
    gboolean told = FALSE;
    for (GBytes *bytes; (bytes = session_next(page)) != NULL; g_bytes_unref(bytes)) {
        json_t *message = json_loadb(g_bytes_get_data(bytes, NULL), g_bytes_get_size(bytes), 0, NULL);
        if (g_strcmp0(json_string_value(json_object_get(message, "code")), "full") == 0) {
            told = TRUE;
            assert_string_equal(json_string_value(json_object_get(message, "text")),
                                words(LANGUAGE_VI, WORD_LEGS_FULL));
        }
        json_decref(message);
    }
    assert_true(told);
}

static void a_page_s_end_may_be_undone(void **state) {
    House *house = *state;
    Session *console = open_page(house, "chair", 0);
    say(console, "{'t':'attend','id':2,'meeting':'%s'}", house->meeting);
    say(console, "{'t':'meeting.end','id':3,'now':true}");
    assert_int_equal(meeting_phase(office_meeting(house->service.office, house->meeting)), MEETING_OPEN);
    say(console, "{'t':'undo','id':4}");
    is_answered(console, "ok", "");
}

/* ---- presence ---- */

static void a_minute_passes(House *house) {
    GHashTableIter iter;
    gpointer since;
    g_hash_table_iter_init(&iter, house->service.legs->dark);
    while (g_hash_table_iter_next(&iter, NULL, &since)) *(gint64 *)since -= 60 * G_USEC_PER_SEC;
}

static void review(House *house) {
    legs_review(&house->service);
    assert_true(office_settle(house->service.office, WAIT_US));
}

static SeatPresence presence(House *house, gint32 seat) {
    return meeting_seat(office_meeting(house->service.office, house->meeting), seat).presence;
}

static void a_room_that_never_sends_is_lost(void **state) {
    House *house = *state;
    join(house, A);
    review(house);
    assert_int_equal(presence(house, A), SEAT_JOINING);
    a_minute_passes(house);
    review(house);
    assert_int_equal(presence(house, A), SEAT_LOST);
}

static void who_left_while_joining_has_all_its_time_when_it_comes_again(void **state) {
    House *house = *state;
    Session *room = join(house, A);
    review(house);
    say(room, "{'t':'leave','id':3}");
    review(house);
    assert_int_equal(presence(house, A), SEAT_ABSENT);
    a_minute_passes(house);
    say(room, "{'t':'join','id':4,'meeting':'%s'}", house->meeting);
    review(house);
    assert_int_equal(presence(house, A), SEAT_JOINING);
}

static void nobody_waits_in_a_meeting_that_has_ended(void **state) {
    House *house = *state;
    join(house, A);
    review(house);
    assert_int_equal(g_hash_table_size(house->service.legs->dark), 1);
    meeting_ends(house);
    assert_int_equal(g_hash_table_size(house->service.legs->dark), 0);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        CASE(who_comes_in_is_told_who_speaks),
        CASE(who_leaves_and_comes_back_is_told_again),
        CASE(nobody_speaks_when_the_bridge_is_gone),
        CASE(who_reads_too_slowly_is_told_who_speaks_in_the_end),
        CASE(nobody_speaks_in_a_meeting_that_has_ended),
        CASE(a_wish_is_told_alone),
        CASE(a_link_that_ended_before_hello_opens_nothing),
        CASE(who_says_nothing_is_closed),
        CASE(a_leg_without_its_socket_ends_with_its_link),
        CASE(who_is_disconnected_sends_no_more),
        CASE(a_console_does_not_leave_for_the_room_that_took_its_seat),
        CASE(a_full_bridge_is_said_in_the_page_s_language),
        CASE(a_page_s_end_may_be_undone),
        CASE(a_room_that_never_sends_is_lost),
        CASE(who_left_while_joining_has_all_its_time_when_it_comes_again),
        CASE(nobody_waits_in_a_meeting_that_has_ended),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
