/* control_link.c -- the control thread's loop; see control_link.h. */
#include "bridge/meeting/control_link.h"

#include "config/control.h"
#include "config/fault.h"
#include "config/log.h"

#include <poll.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

typedef struct {
    const Settings *settings;
    Bridge *bridge;
    int listen_fd, signal_fd;
    ControlStream *stream; /* NULL: no link */
    gboolean broken, stop;
    gint64 alone_since_us;
} Link;

static void send_message(Link *link, json_t *message) {
    g_autoptr(GError) error = NULL;
    if (link->stream == NULL || link->broken)
        return; /* nobody to tell; scenes are sent whole after a new hello */
    if (control_stream_send(link->stream, message, &error)) return;
    log_warn("control.send", "why=\"%s\"", error->message);
    link->broken = TRUE;
}

static void on_event(gpointer user, json_t *event) { send_message(user, event); }

static void on_answer(gpointer user, guint request, json_t *body, const GError *error) {
    json_t *answer;
    if (request == 0) return;
    if (error != NULL) {
        answer = json_pack("{s:s,s:I,s:s,s:s}", "t", "fault", "re", (json_int_t)request, "code",
                           fault_word(error), "text", error->message);
    } else {
        answer = json_copy(body);
        json_object_set_new(answer, "t", json_string("ok"));
        json_object_set_new(answer, "re", json_integer(request));
    }
    send_message(user, answer);
    json_decref(answer);
}

static void take_message(gpointer user, json_t *message) {
    Link *link = user;
    g_autoptr(GError) error = NULL;
    guint request = (guint)json_integer_value(json_object_get(message, "id"));
    const char *name = json_string_value(json_object_get(message, "t"));
    if (!control_check(message, CONTROL_TO_BRIDGE, &error)) {
        log_warn("control.bad", "why=\"%s\"", error->message);
        on_answer(link, request, NULL, error);
    } else if (strcmp(name, "quit") == 0) {
        json_t *body = json_object();
        on_answer(link, request, body, NULL);
        json_decref(body);
        link->stop = TRUE;
    } else if (control_row(name) != NULL) { /* a stray ok or fault is nobody's */
        bridge_order(link->bridge, request, name, message);
    }
}

static void drop_stream(Link *link, gint64 now_us) {
    g_clear_pointer(&link->stream, control_stream_free);
    link->broken = FALSE;
    link->alone_since_us = now_us;
}

static void take_caller(Link *link, gint64 now_us) {
    int fd = control_accept(link->listen_fd);
    if (fd < 0) return;
    drop_stream(link, now_us);
    link->stream = control_stream_new(fd);
    log_info("control.link", "state=connected");
}

static void serve_stream(Link *link, short events, gint64 now_us) {
    g_autoptr(GError) error = NULL;
    gboolean fine = !link->broken;
    if (fine && (events & POLLOUT) != 0) fine = control_stream_flush(link->stream, &error);
    if (fine && (events & (POLLIN | POLLHUP | POLLERR)) != 0)
        fine = control_stream_read(link->stream, take_message, link, &error);
    if (fine && !link->broken) return;
    log_info("control.link", "state=gone why=\"%s\"", error != NULL ? error->message : "cannot send");
    drop_stream(link, now_us);
}

static void take_signal(Link *link) {
    struct signalfd_siginfo info;
    if (read(link->signal_fd, &info, sizeof info) == sizeof info) {
        log_info("bridge.stop", "signal=%u", info.ssi_signo);
        link->stop = TRUE;
    }
}

static void turn(Link *link) {
    gint64 now_us = g_get_monotonic_time();
    gint64 until_us = bridge_settle(link->bridge, now_us);
    short wants = POLLIN;
    if (link->stream != NULL && control_stream_wants_write(link->stream)) wants |= POLLOUT;
    struct pollfd fds[] = {
        { .fd = link->listen_fd, .events = POLLIN },
        { .fd = link->signal_fd, .events = POLLIN },
        { .fd = bridge_news_fd(link->bridge), .events = POLLIN },
        { .fd = link->stream != NULL ? control_stream_fd(link->stream) : -1, .events = wants },
    };
    if (poll(fds, G_N_ELEMENTS(fds), (int)(MAX(until_us - now_us, 0) / 1000 + 1)) < 0) return;
    now_us = g_get_monotonic_time();
    if (fds[1].revents != 0) take_signal(link);
    if (fds[2].revents != 0) bridge_take_news(link->bridge);
    if (link->stream != NULL && (fds[3].revents != 0 || link->broken))
        serve_stream(link, fds[3].revents, now_us);
    if (fds[0].revents != 0) take_caller(link, now_us);
    if (link->stream == NULL &&
        now_us - link->alone_since_us > link->settings->bridge_orphan_s * G_USEC_PER_SEC) {
        log_warn("bridge.orphan", "seconds=%" G_GINT64_FORMAT, link->settings->bridge_orphan_s);
        link->stop = TRUE;
    }
}

gboolean control_link_serve(const Settings *settings, json_t *sandbox, int listen_fd, int signal_fd,
                            GError **error) {
    static const BridgeEvents events = { .event = on_event, .answer = on_answer };
    Link link = { .settings = settings, .listen_fd = listen_fd, .signal_fd = signal_fd };
    link.alone_since_us = g_get_monotonic_time();
    link.bridge = bridge_new(settings, sandbox, &events, &link, error);
    gboolean started = link.bridge != NULL;
    while (started && !link.stop) turn(&link);
    bridge_free(link.bridge);
    control_stream_free(link.stream);
    close(listen_fd);
    return started;
}
