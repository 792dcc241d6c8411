/* test_config_basics.c -- bytes, faults, mailbox, fields, settings, and the control link's table and framing. */
#include "config/bytes.h"
#include "config/control.h"
#include "config/fault.h"
#include "config/fields.h"
#include "config/mailbox.h"
#include "config/settings.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

static void bytes_never_overrun(void **state) {
    (void)state;
    const guint8 five[] = { 1, 2, 3, 4, 5 };
    Reader reader = reader_over(five, sizeof five);
    assert_int_equal(reader_u16(&reader), 0x0102);
    assert_int_equal(reader_u24(&reader), 0x030405);
    assert_false(reader.bad);
    assert_int_equal(reader_u8(&reader), 0);
    assert_true(reader.bad);

    reader = reader_over(five, sizeof five);
    Reader sub = reader_sub(&reader, 2);
    assert_int_equal(reader_u32(&sub), 0);
    assert_true(sub.bad);
    assert_int_equal(reader_u24(&reader), 0x030405); /* the sub reader's fault is its own */

    guint8 room[3];
    Writer writer = writer_over(room, sizeof room);
    writer_u16(&writer, 0xbeef);
    writer_u16(&writer, 1);
    assert_true(writer.bad);
    assert_int_equal(writer.n_bytes, 2);
    assert_true(secret_equal("abc", "abc", 3));
    assert_false(secret_equal("abc", "abd", 3));
}

static void faults_travel_as_words(void **state) {
    (void)state;
    for (int code = FAULT_BAD_INPUT; code <= FAULT_INTERNAL; code++)
        assert_int_equal(fault_from_word(fault_code_word((FaultCode)code)), code);
    assert_int_equal(fault_from_word("no such word"), FAULT_INTERNAL);
    g_autoptr(GError) other = g_error_new_literal(G_FILE_ERROR, 1, "x");
    assert_string_equal(fault_word(other), "internal");
    assert_int_equal(fault_http_status(NULL), 500);
}

static gpointer post_many(gpointer user) {
    for (guint i = 0; i < 1000; i++)
        while (!mailbox_post(user, 7, &i, sizeof i)) g_thread_yield();
    return NULL;
}

static void mailbox_keeps_order_and_bounds(void **state) {
    (void)state;
    g_autoptr(Mailbox) box = mailbox_new(4, sizeof(guint));
    guint value = 0, kind = 0;
    gsize n_bytes = 0;
    for (guint i = 0; i < 4; i++) assert_true(mailbox_post(box, i, &i, sizeof i));
    assert_false(mailbox_post(box, 9, &value, sizeof value));
    assert_int_equal(mailbox_n_lost(box), 1);
    for (guint i = 0; i < 4; i++) {
        assert_true(mailbox_take(box, &kind, &value, &n_bytes));
        assert_int_equal(kind, i);
        assert_int_equal(value, i);
    }
    assert_false(mailbox_take(box, &kind, &value, &n_bytes));

    GThread *poster = g_thread_new("poster", post_many, box);
    for (guint i = 0; i < 1000;) {
        if (!mailbox_take(box, &kind, &value, &n_bytes)) continue;
        assert_int_equal(value, i);
        i++;
    }
    g_thread_join(poster);
}

static void fields_are_checked(void **state) {
    (void)state;
    static const struct {
        const char *name, *fields, *json, *complaint; /* NULL: fine */
    } cases[] = {
        { "all there", "leg:id sdp:string", "{\"leg\":1,\"sdp\":\"v=0\\r\\n\"}", NULL },
        { "optional missing", "leg:id why:string?", "{\"leg\":1}", NULL },
        { "optional null", "why:string?", "{\"why\":null}", NULL },
        { "missing", "leg:id", "{}", "missing" },
        { "id zero", "leg:id", "{\"leg\":0}", "type id" },
        { "id too large", "leg:id", "{\"leg\":2147483648}", "type id" },
        { "real as int", "n:int", "{\"n\":1.5}", "type int" },
        { "word with space", "w:word", "{\"w\":\"a b\"}", "type word" },
        { "empty word", "w:word", "{\"w\":\"\"}", "type word" },
        { "control character", "s:string", "{\"s\":\"a\\u0007\"}", "type string" },
        { "unknown field", "s:string", "{\"s\":\"a\",\"x\":1}", "unknown field \"x\"" },
        { "t and id are known", "s:string", "{\"t\":\"m\",\"id\":3,\"s\":\"a\"}", NULL },
    };
    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GError) error = NULL;
        json_t *object = json_loads(cases[i].json, 0, NULL);
        gboolean ok = fields_check("m", cases[i].fields, object, TRUE, &error);
        json_decref(object);
        print_message("case: %s\n", cases[i].name);
        assert_int_equal(ok, cases[i].complaint == NULL);
        if (!ok) assert_non_null(strstr(error->message, cases[i].complaint));
    }
    assert_true(fields_parsable("a:string b:id?"));
    assert_false(fields_parsable("a:strin"));
    assert_false(fields_parsable("a"));
}

static void hostile_json_is_refused(void **state) {
    (void)state;
    static const char *const bad[] = { "",
                                       "[]",
                                       "{",
                                       "{\"a\":1,\"a\":2}",
                                       "nul",
                                       "{\"a\":\"\xff\"}",
                                       "{\"a\":[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]}" };
    for (guint i = 0; i < G_N_ELEMENTS(bad); i++) {
        g_autoptr(GError) error = NULL;
        print_message("case: %s\n", bad[i]);
        assert_null(fields_parse_object(bad[i], strlen(bad[i]), 1000, &error));
        assert_int_equal(error->code, FAULT_BAD_INPUT);
    }
    assert_null(fields_parse_object("{}      ", 8, 7, NULL));
}

static void settings_name_what_is_wrong(void **state) {
    (void)state;
    static const struct {
        const char *name, *override, *complaint;
    } cases[] = {
        { "near key", "http.prot=1", "http.port" },
        { "range", "http.https_port=0", "from 1 to 65535" },
        { "no number", "media.workers=two", "media.workers" },
        { "no switch", "media.gso=perhaps", "true or false" },
        { "no pair", "media.gso", "key=value" },
        { "ports crossed", "media.port_max=2000", "media.port_max" },
        { "half a certificate", "tls.cert=/x", "tls.key" },
        { "language", "meeting.language=fr", "vi or en" },
    };
    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        const char *overrides[] = { cases[i].override, NULL };
        g_autoptr(GError) error = NULL;
        print_message("case: %s\n", cases[i].name);
        assert_null(settings_load(NULL, overrides, &error));
        assert_non_null(strstr(error->message, cases[i].complaint));
    }
}

static void settings_load_and_hand_on(void **state) {
    (void)state;
    g_autofree char *path = g_strdup_printf("%s/diemcau-test-settings-%d", g_get_tmp_dir(), getpid());
    assert_true(g_file_set_contents(
        path, "# a comment\nhttp.port = 9000\ntrial.title = \"Họp giao ban\"\nmedia.gso=no\n", -1, NULL));
    const char *overrides[] = { "http.port=9001", NULL };
    g_autoptr(Settings) settings = settings_load(path, overrides, NULL);
    assert_non_null(settings);
    assert_int_equal(settings->http_port, 9001); /* the command line has the last word */
    assert_string_equal(settings->trial_title, "Họp giao ban");
    assert_false(settings->media_gso);
    g_auto(GStrv) handed = settings_overrides(settings);
    g_autoptr(Settings) again = settings_load(NULL, (const char *const *)handed, NULL);
    assert_int_equal(g_strv_length(handed), 3);
    assert_int_equal(again->http_port, 9001);

    assert_true(g_file_set_contents(path, "\nhttp.port = 9000\nnot.a.key = 1\n", -1, NULL));
    g_autoptr(GError) error = NULL;
    assert_null(settings_load(path, NULL, &error));
    g_autofree char *where = g_strdup_printf("%s:3", path);
    assert_non_null(strstr(error->message, where));
    unlink(path);
}

static void count_message(gpointer user, json_t *message) {
    assert_string_equal(json_string_value(json_object_get(message, "t")), "leg.state");
    ++*(guint *)user;
}

static void control_frames_cross(void **state) {
    (void)state;
    int fds[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds), 0);
    g_autoptr(ControlStream) near = control_stream_new(fds[0]);
    g_autoptr(ControlStream) far = control_stream_new(fds[1]);
    g_autoptr(GError) error = NULL;
    json_t *event = json_pack("{s:s,s:i,s:s}", "t", "leg.state", "leg", 5, "state", "live");
    guint n_taken = 0;
    for (guint i = 0; i < 5000; i++) {
        assert_true(control_stream_send(near, event, &error));
        if (i % 50 == 0) assert_true(control_stream_read(far, count_message, &n_taken, &error));
    }
    while (n_taken < 5000) {
        assert_true(control_stream_flush(near, &error));
        assert_true(control_stream_read(far, count_message, &n_taken, &error));
    }
    assert_true(control_check(event, CONTROL_TO_SIGNALING, &error));
    assert_false(control_check(event, CONTROL_TO_BRIDGE, NULL));
    json_decref(event);

    /* A lying length ends the link with words, not with memory. */
    const guint8 lie[] = { 0xff, 0xff, 0xff, 0xff, '{' };
    assert_int_equal(send(control_stream_fd(near), lie, sizeof lie, 0), sizeof lie);
    assert_false(control_stream_read(far, count_message, &n_taken, &error));
    assert_int_equal(error->code, FAULT_BAD_INPUT);
}

static void control_table_is_whole(void **state) {
    (void)state;
    assert_true(control_table_check(NULL));
    g_autofree char *deep = g_strnfill(200, 'x');
    g_autoptr(GError) error = NULL;
    assert_int_equal(control_listen(deep, &error), -1);
    assert_non_null(strstr(error->message, "too long"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_never_overrun),
        cmocka_unit_test(faults_travel_as_words),
        cmocka_unit_test(mailbox_keeps_order_and_bounds),
        cmocka_unit_test(fields_are_checked),
        cmocka_unit_test(hostile_json_is_refused),
        cmocka_unit_test(settings_name_what_is_wrong),
        cmocka_unit_test(settings_load_and_hand_on),
        cmocka_unit_test(control_frames_cross),
        cmocka_unit_test(control_table_is_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
