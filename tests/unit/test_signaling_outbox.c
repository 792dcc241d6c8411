/* test_signaling_outbox.c -- what a slow reader loses, and what never. */
#include "signaling/outbox.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static gboolean put(Outbox *box, const char *text, OutboxKind kind) {
    g_autoptr(GBytes) message = g_bytes_new(text, strlen(text));
    return outbox_put(box, message, kind);
}

static void assert_next(Outbox *box, const char *text) {
    g_autoptr(GBytes) message = outbox_take(box);
    if (text == NULL) {
        assert_null(message);
        return;
    }
    assert_non_null(message);
    gsize n;
    const char *bytes = g_bytes_get_data(message, &n);
    assert_int_equal(n, strlen(text));
    assert_memory_equal(bytes, text, n);
}

static void keeps_order(void **state) {
    (void)state;
    g_autoptr(Outbox) box = outbox_new(100);
    assert_true(outbox_is_empty(box));
    assert_true(put(box, "one", OUTBOX_CONTROL));
    assert_true(put(box, "two", OUTBOX_STATE));
    assert_true(put(box, "three", OUTBOX_CONTROL));
    assert_int_equal(outbox_n_bytes(box), 11);
    assert_next(box, "one");
    assert_next(box, "two");
    assert_next(box, "three");
    assert_next(box, NULL);
    assert_int_equal(outbox_n_bytes(box), 0);
}

static void drops_state_before_control(void **state) {
    (void)state;
    g_autoptr(Outbox) box = outbox_new(10);
    assert_true(put(box, "ctrl", OUTBOX_CONTROL));
    assert_true(put(box, "state", OUTBOX_STATE));
    assert_true(put(box, "answer", OUTBOX_CONTROL)); /* 4 + 6 fit once the state is gone */
    assert_int_equal(outbox_n_dropped(box), 1);
    assert_next(box, "ctrl");
    assert_next(box, "answer");
    assert_next(box, NULL);
}

static void asks_for_one_snapshot(void **state) {
    (void)state;
    g_autoptr(Outbox) box = outbox_new(10);
    assert_false(outbox_wants_snapshot(box));
    assert_true(put(box, "12345678", OUTBOX_CONTROL));
    assert_true(put(box, "delta", OUTBOX_STATE)); /* dropped at the door, not refused */
    assert_false(outbox_wants_snapshot(box));     /* still more than half full */
    assert_next(box, "12345678");
    assert_true(put(box, "d2", OUTBOX_STATE)); /* a delta after a gap makes no sense */
    assert_next(box, NULL);
    assert_true(outbox_wants_snapshot(box));
    assert_false(outbox_wants_snapshot(box));
    assert_true(put(box, "d3", OUTBOX_STATE));
    assert_next(box, "d3");
}

static void refuses_control_when_full(void **state) {
    (void)state;
    g_autoptr(Outbox) box = outbox_new(10);
    assert_true(put(box, "0123456789", OUTBOX_CONTROL));
    assert_false(put(box, "x", OUTBOX_CONTROL));
    assert_next(box, "0123456789");
    assert_true(put(box, "x", OUTBOX_CONTROL));
}

static void shares_messages(void **state) {
    (void)state;
    g_autoptr(Outbox) a = outbox_new(100);
    g_autoptr(Outbox) b = outbox_new(100);
    g_autoptr(GBytes) message = g_bytes_new_static("same", 4);
    assert_true(outbox_put(a, message, OUTBOX_STATE));
    assert_true(outbox_put(b, message, OUTBOX_STATE));
    g_autoptr(GBytes) from_a = outbox_take(a);
    g_autoptr(GBytes) from_b = outbox_take(b);
    assert_ptr_equal(from_a, message);
    assert_ptr_equal(from_b, message);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keeps_order),           cmocka_unit_test(drops_state_before_control),
        cmocka_unit_test(asks_for_one_snapshot), cmocka_unit_test(refuses_control_when_full),
        cmocka_unit_test(shares_messages),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
