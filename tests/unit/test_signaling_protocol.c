/* test_signaling_protocol.c -- the tables hold, docs/protocol.md says what they say, and the loop under the server works. */
#include "config/control.h"
#include "config/fields.h"
#include "signaling/bridge_link.h"
#include "signaling/protocol.h"
#include "signaling/reactor.h"

#include <glib/gstdio.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cmocka.h>

static void tables(void **state) {
    (void)state;
    g_autoptr(GError) error = NULL;
    if (!protocol_table_check(&error)) fail_msg("%s", error->message);
    guint n_rows;
    const ProtocolRow *rows = protocol_rows(&n_rows);
    assert_true(n_rows > 25);
    for (guint i = 0; i < n_rows; i++) {
        assert_ptr_equal(protocol_row(rows[i].name), &rows[i]);
        /* What a room may do to others is nothing. */
        if (strchr(rows[i].name, '.') == NULL) continue;
        gboolean own = g_str_has_prefix(rows[i].name, "leg.") || strcmp(rows[i].name, "floor.take") == 0 ||
                       strcmp(rows[i].name, "present.stop") == 0;
        if (!own && (rows[i].who & FOR_ROOM)) fail_msg("%s is for rooms", rows[i].name);
    }
    assert_null(protocol_row("no.such"));
    assert_null(protocol_row(NULL));
}

static void documentation(void **state) {
    (void)state;
    g_autofree char *written = NULL;
    if (!g_file_get_contents("docs/protocol.md", &written, NULL, NULL)) skip();
    char *text = NULL;
    size_t n = 0;
    FILE *out = open_memstream(&text, &n);
    protocol_print(out);
    fclose(out);
    gboolean same = strcmp(written, text) == 0;
    free(text);
    if (!same) fail_msg("docs/protocol.md is old: write it again with `diemcau protocol > docs/protocol.md`");
}

/* ---- loop ---- */

typedef struct {
    Reactor *loop;
    ReactorTimer *timer;
    guint n_calls;
    int fd;
} Counter;

static void count(gpointer user) {
    Counter *counter = user;
    if (++counter->n_calls == 3) reactor_cancel(counter->loop, &counter->timer);
}

static void count_fd(gpointer user, int events) {
    Counter *counter = user;
    guint64 value;
    assert_true(events & REACTOR_READ);
    assert_int_equal(read(counter->fd, &value, sizeof value), sizeof value);
    counter->n_calls++;
    reactor_unwatch(counter->loop, counter->fd); /* inside its own call */
}

static void run_for(Reactor *loop, guint ms) {
    gint64 until_us = reactor_now_us() + ms * 1000;
    while (reactor_now_us() < until_us) reactor_run(loop, 5);
}

static void loop_works(void **state) {
    (void)state;
    g_autoptr(Reactor) loop = reactor_new(NULL);
    Counter repeated = { .loop = loop }, once = { .loop = loop }, seen = { .loop = loop };
    repeated.timer = reactor_after(loop, 0, 2, count, &repeated);
    reactor_after(loop, 5, 0, count, &once);
    seen.fd = eventfd(1, EFD_CLOEXEC | EFD_NONBLOCK);
    assert_true(reactor_watch(loop, seen.fd, REACTOR_READ, count_fd, &seen, NULL));
    run_for(loop, 60);
    assert_int_equal(repeated.n_calls, 3);
    assert_int_equal(once.n_calls, 1);
    assert_int_equal(seen.n_calls, 1);
    ReactorTimer *never = reactor_after(loop, 1, 0, count, &once);
    reactor_cancel(loop, &never);
    run_for(loop, 10);
    assert_int_equal(once.n_calls, 1);
    close(seen.fd);
}

/* ---- the link to a bridge that plays by the test's rules ---- */

typedef struct {
    Reactor *loop;
    int listen_fd;
    ControlStream *stream;
    json_t *got; /* names of requests, in order */
    const char *instance;
    gboolean mute; /* takes requests and says nothing */
    /* what the link told */
    guint n_up, n_new, n_down, n_events, n_done, n_failed;
    FaultCode last_fault;
    BridgeLink *link;
} Fake;

static void fake_take(gpointer user, json_t *message) {
    Fake *fake = user;
    const char *name = json_string_value(json_object_get(message, "t"));
    json_array_append_new(fake->got, json_string(name));
    if (fake->mute && strcmp(name, "hello") != 0) return;
    json_t *answer = json_pack("{s:s, s:O}", "t", "ok", "re", json_object_get(message, "id"));
    if (strcmp(name, "hello") == 0) {
        json_object_set_new(answer, "version", json_integer(CONTROL_VERSION));
        json_object_set_new(answer, "instance", json_string(fake->instance));
        json_object_set_new(answer, "legs", json_array());
        json_object_set_new(answer, "meetings", json_array());
        json_object_set_new(answer, "sandbox", json_object());
    }
    control_stream_send(fake->stream, answer, NULL);
    json_decref(answer);
}

static void fake_read(gpointer user, int events) {
    (void)events;
    Fake *fake = user;
    if (control_stream_read(fake->stream, fake_take, fake, NULL)) return;
    reactor_unwatch(fake->loop, control_stream_fd(fake->stream));
    g_clear_pointer(&fake->stream, control_stream_free);
}

static void fake_accept(gpointer user, int events) {
    (void)events;
    Fake *fake = user;
    fake->stream = control_stream_new(control_accept(fake->listen_fd));
    reactor_watch(fake->loop, control_stream_fd(fake->stream), REACTOR_READ, fake_read, fake, NULL);
}

static void fake_hang_up(Fake *fake) {
    reactor_unwatch(fake->loop, control_stream_fd(fake->stream));
    g_clear_pointer(&fake->stream, control_stream_free);
}

static void on_up(gpointer user, json_t *hello, gboolean is_new) {
    (void)hello;
    Fake *fake = user;
    fake->n_up++;
    fake->n_new += is_new ? 1 : 0;
}
static void on_down(gpointer user) { ((Fake *)user)->n_down++; }
static void on_event(gpointer user, const char *name, json_t *event) {
    (void)event;
    assert_string_equal(name, "alarm");
    ((Fake *)user)->n_events++;
}
static void on_done(gpointer user, json_t *answer, const GError *why) {
    Fake *fake = user;
    assert_true((answer != NULL) != (why != NULL));
    fake->n_done++;
    if (why == NULL) return;
    fake->n_failed++;
    fake->last_fault = (FaultCode)why->code;
}

static void until(Fake *fake, const guint *counter, guint wanted) {
    gint64 until_us = reactor_now_us() + 5 * G_USEC_PER_SEC;
    while (*counter < wanted && reactor_now_us() < until_us) reactor_run(fake->loop, 10);
    assert_int_equal(*counter, wanted);
}

static void link_answers_exactly_once(void **state) {
    (void)state;
    g_autofree char *folder = g_dir_make_tmp("diemcau-link-XXXXXX", NULL);
    g_autofree char *path = g_build_filename(folder, "b.sock", NULL);
    Fake fake = { .loop = reactor_new(NULL), .got = json_array(), .instance = "one" };
    static const BridgeEvents events = { .up = on_up, .down = on_down, .event = on_event };
    fake.link = bridge_link_new(fake.loop, path, "server", &events, &fake);
    /* Not there yet: the fault comes later, not inside the call. */
    bridge_link_request(fake.link, json_pack("{s:s}", "t", "stats"), 1000, on_done, &fake);
    assert_int_equal(fake.n_done, 0);
    until(&fake, &fake.n_done, 1);
    assert_int_equal(fake.last_fault, FAULT_GONE);

    fake.listen_fd = control_listen(path, NULL);
    reactor_watch(fake.loop, fake.listen_fd, REACTOR_READ, fake_accept, &fake, NULL);
    until(&fake, &fake.n_up, 1);
    assert_int_equal(fake.n_new, 1);
    bridge_link_request(fake.link, json_pack("{s:s}", "t", "quit"), 1000, on_done, &fake);
    until(&fake, &fake.n_done, 2);
    assert_int_equal(fake.n_failed, 1);

    /* An event, and nonsense beside it that is counted and hurts nobody. */
    json_t *alarm = json_pack("{s:s, s:s, s:s}", "t", "alarm", "code", "x", "text", "y");
    json_t *nonsense = json_pack("{s:s}", "t", "kitchen");
    control_stream_send(fake.stream, nonsense, NULL);
    control_stream_send(fake.stream, alarm, NULL);
    until(&fake, &fake.n_events, 1);
    assert_int_equal(bridge_link_stats(fake.link).bad_messages, 1);
    json_decref(alarm);
    json_decref(nonsense);

    /* Silence: the deadline answers. */
    fake.mute = TRUE;
    bridge_link_request(fake.link, json_pack("{s:s}", "t", "stats"), 50, on_done, &fake);
    until(&fake, &fake.n_done, 3);
    assert_int_equal(fake.last_fault, FAULT_BUSY);

    /* The bridge dies with a request open; the next one is another instance. */
    bridge_link_request(fake.link, json_pack("{s:s}", "t", "stats"), 5000, on_done, &fake);
    fake_hang_up(&fake);
    fake.instance = "two";
    until(&fake, &fake.n_done, 4);
    assert_int_equal(fake.last_fault, FAULT_GONE);
    assert_int_equal(fake.n_down, 1);
    until(&fake, &fake.n_up, 2);
    assert_int_equal(fake.n_new, 2);

    /* The same one again after a lost link is not new. */
    fake_hang_up(&fake);
    until(&fake, &fake.n_up, 3);
    assert_int_equal(fake.n_new, 2);
    bridge_link_request(fake.link, json_pack("{s:s}", "t", "stats"), 5000, on_done, &fake);
    bridge_link_free(fake.link);
    assert_int_equal(fake.n_done, 5);
    if (fake.stream != NULL) fake_hang_up(&fake);
    reactor_unwatch(fake.loop, fake.listen_fd);
    close(fake.listen_fd);
    reactor_free(fake.loop);
    json_decref(fake.got);
    g_unlink(path);
    g_rmdir(folder);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tables),
        cmocka_unit_test(documentation),
        cmocka_unit_test(loop_works),
        cmocka_unit_test(link_answers_exactly_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
