/* control_stream.c -- framing of the control link: u32 length, one JSON object; bounded buffers both ways. */
#include "config/bytes.h"
#include "config/control.h"
#include "config/fault.h"
#include "config/fields.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { HEAD_BYTES = 4, OUTBOX_BYTES_MAX = 8 * CONTROL_MESSAGE_BYTES_MAX, READ_BYTES = 64 * 1024 };

struct ControlStream {
    int fd;
    GByteArray *in, *out;
    gsize n_out_sent; /* of out */
};

ControlStream *control_stream_new(int fd) {
    ControlStream *stream = g_new0(ControlStream, 1);
    stream->fd = fd;
    stream->in = g_byte_array_new();
    stream->out = g_byte_array_new();
    return stream;
}

void control_stream_free(ControlStream *stream) {
    if (stream == NULL) return;
    close(stream->fd);
    g_byte_array_unref(stream->in);
    g_byte_array_unref(stream->out);
    g_free(stream);
}

int control_stream_fd(const ControlStream *stream) { return stream->fd; }

gboolean control_stream_wants_write(const ControlStream *stream) {
    return stream->out->len > stream->n_out_sent;
}

gboolean control_stream_flush(ControlStream *stream, GError **error) {
    while (control_stream_wants_write(stream)) {
        gssize n = send(stream->fd, stream->out->data + stream->n_out_sent,
                        stream->out->len - stream->n_out_sent, MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return TRUE;
        if (n < 0) {
            g_set_error(error, FAULT, FAULT_GONE, "control link: %s", g_strerror(errno));
            return FALSE;
        }
        stream->n_out_sent += (gsize)n;
    }
    g_byte_array_set_size(stream->out, 0);
    stream->n_out_sent = 0;
    return TRUE;
}

gboolean control_stream_send(ControlStream *stream, json_t *message, GError **error) {
    g_autofree char *text = json_dumps(message, JSON_COMPACT);
    gsize n_bytes = text != NULL ? strlen(text) : 0;
    if (n_bytes == 0 || n_bytes > CONTROL_MESSAGE_BYTES_MAX ||
        stream->out->len + n_bytes > OUTBOX_BYTES_MAX) {
        g_set_error(error, FAULT, FAULT_FULL,
                    "control link: no room for a message of %" G_GSIZE_FORMAT " bytes", n_bytes);
        return FALSE;
    }
    guint8 head[HEAD_BYTES];
    Writer writer = writer_over(head, sizeof head);
    writer_u32(&writer, (guint32)n_bytes);
    g_byte_array_append(stream->out, head, sizeof head);
    g_byte_array_append(stream->out, (const guint8 *)text, (guint)n_bytes);
    return control_stream_flush(stream, error);
}

/* Hands out the whole messages in `in`; what is left is the beginning of the next one. */
static gboolean hand_out(ControlStream *stream, void (*take)(gpointer user, json_t *message), gpointer user,
                         GError **error) {
    gsize done = 0;
    gboolean fine = TRUE;
    while (fine && stream->in->len - done >= HEAD_BYTES) {
        Reader reader = reader_over(stream->in->data + done, stream->in->len - done);
        guint32 n_bytes = reader_u32(&reader);
        if (n_bytes > CONTROL_MESSAGE_BYTES_MAX) {
            g_set_error(error, FAULT, FAULT_BAD_INPUT, "control link: a frame of %u bytes", n_bytes);
            return FALSE;
        }
        const guint8 *text = reader_bytes(&reader, n_bytes);
        if (text == NULL) break;
        json_t *message = fields_parse_object((const char *)text, n_bytes, CONTROL_MESSAGE_BYTES_MAX, error);
        fine = message != NULL;
        if (fine) take(user, message);
        json_decref(message);
        done += HEAD_BYTES + n_bytes;
    }
    if (done > 0) g_byte_array_remove_range(stream->in, 0, (guint)done);
    return fine;
}

gboolean control_stream_read(ControlStream *stream, void (*take)(gpointer user, json_t *message),
                             gpointer user, GError **error) {
    for (;;) {
        guint had = stream->in->len;
        gssize n;
        g_byte_array_set_size(stream->in, had + READ_BYTES);
        do n = recv(stream->fd, stream->in->data + had, READ_BYTES, 0);
        while (n < 0 && errno == EINTR);
        int why = errno;
        g_byte_array_set_size(stream->in, had + (n > 0 ? (guint)n : 0));
        if (n < 0 && (why == EAGAIN || why == EWOULDBLOCK)) return TRUE;
        if (n <= 0) {
            g_set_error(error, FAULT, FAULT_GONE, "control link: %s",
                        n == 0 ? "the other side has closed" : g_strerror(why));
            return FALSE;
        }
        if (!hand_out(stream, take, user, error)) return FALSE;
    }
}

/* ---- sockets ---- */

static gboolean fill_address(const char *path, struct sockaddr_un *ret_address, GError **error) {
    memset(ret_address, 0, sizeof *ret_address);
    ret_address->sun_family = AF_UNIX;
    if (strlen(path) >= sizeof ret_address->sun_path) {
        g_set_error(error, FAULT, FAULT_SETUP,
                    "the socket path %s is too long (%" G_GSIZE_FORMAT " of at most %" G_GSIZE_FORMAT
                    " bytes); choose a data folder with a shorter path",
                    path, strlen(path), sizeof ret_address->sun_path - 1);
        return FALSE;
    }
    memcpy(ret_address->sun_path, path, strlen(path));
    return TRUE;
}

static int fail_socket(int fd, const char *path, const char *verb, GError **error) {
    g_set_error(error, FAULT, FAULT_SETUP, "cannot %s %s: %s", verb, path, g_strerror(errno));
    if (fd >= 0) close(fd);
    return -1;
}

int control_listen(const char *path, GError **error) {
    struct sockaddr_un address;
    if (!fill_address(path, &address, error)) return -1;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) return fail_socket(fd, path, "make the socket", error);
    unlink(
        path); /* left behind by a program that was killed; whoever starts us keeps two from sharing a folder */
    if (bind(fd, (const struct sockaddr *)&address, sizeof address) < 0 || listen(fd, 8) < 0)
        return fail_socket(fd, path, "listen on", error);
    return fd;
}

int control_accept(int listen_fd) { return accept4(listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK); }

int control_connect(const char *path, GError **error) {
    struct sockaddr_un address;
    if (!fill_address(path, &address, error)) return -1;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0 || connect(fd, (const struct sockaddr *)&address, sizeof address) < 0)
        return fail_socket(fd, path, "connect to", error);
    return fd;
}
