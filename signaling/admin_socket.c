/* admin_socket.c -- listening, lines in, lines out; see admin_socket.h. */
#include "signaling/admin_socket.h"

#include "config/control.h"
#include "config/fault.h"
#include "config/log.h"
#include "signaling/admin.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

enum { GUESTS_MAX = 32 };

typedef struct {
    Admin *admin; /* NULL once the socket is gone: an answer may still come */
    int fd;
    GByteArray *in, *out;
    guint n_refs; /* the connection, and each request without an answer */
} Guest;

struct Admin {
    Service *service;
    char *path;
    int fd;
    GPtrArray *guests;
};

static void guest_unref(Guest *guest) {
    if (--guest->n_refs > 0) return;
    g_byte_array_unref(guest->in);
    g_byte_array_unref(guest->out);
    g_free(guest);
}

static void guest_close(Guest *guest) {
    if (guest->admin == NULL) return;
    reactor_unwatch(guest->admin->service->loop, guest->fd);
    close(guest->fd);
    g_ptr_array_remove_fast(guest->admin->guests, guest);
    guest->admin = NULL;
    guest_unref(guest);
}

static void on_guest(gpointer user, int events);

/* FALSE: the guest has been closed. */
static gboolean guest_flush(Guest *guest) {
    while (guest->out->len > 0) {
        gssize n = send(guest->fd, guest->out->data, guest->out->len, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n < 0 && (errno == EAGAIN || errno == EINTR)) break;
        if (n < 0) {
            guest_close(guest);
            return FALSE;
        }
        g_byte_array_remove_range(guest->out, 0, (guint)n);
    }
    int wishes = REACTOR_READ | (guest->out->len > 0 ? REACTOR_WRITE : 0);
    reactor_watch(guest->admin->service->loop, guest->fd, wishes, on_guest, guest, NULL);
    return TRUE;
}

static void on_answer(gpointer user, json_t *answer) {
    Guest *guest = user;
    if (guest->admin != NULL) {
        char *text = json_dumps(answer, JSON_COMPACT);
        g_byte_array_append(guest->out, (const guint8 *)text, (guint)strlen(text));
        g_byte_array_append(guest->out, (const guint8 *)"\n", 1);
        free(text);
        guest_flush(guest);
    }
    guest_unref(guest);
}

static void handle_lines(Guest *guest) {
    const guint8 *end;
    while (guest->admin != NULL && guest->in->len > 0 &&
           (end = memchr(guest->in->data, '\n', guest->in->len)) != NULL) {
        gsize n_line = (gsize)(end - guest->in->data);
        g_autofree char *line = g_strndup((const char *)guest->in->data, n_line);
        g_byte_array_remove_range(guest->in, 0, (guint)n_line + 1);
        guest->n_refs++;
        admin_handle_line(guest->admin->service->office, line, n_line, on_answer, guest);
    }
}

static void on_guest(gpointer user, int events) {
    Guest *guest = user;
    if ((events & REACTOR_WRITE) && !guest_flush(guest)) return;
    if (!(events & REACTOR_READ)) return;
    guint8 bytes[16 * 1024];
    gssize n = recv(guest->fd, bytes, sizeof bytes, MSG_DONTWAIT);
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (n <= 0 || guest->in->len + (gsize)n > ADMIN_LINE_BYTES_MAX) {
        guest_close(guest);
        return;
    }
    g_byte_array_append(guest->in, bytes, (guint)n);
    guest->n_refs++;
    handle_lines(guest);
    guest_unref(guest);
}

static void on_listen(gpointer user, int events) {
    (void)events;
    Admin *admin = user;
    int fd = control_accept(admin->fd);
    if (fd < 0) return;
    if (admin->guests->len >= GUESTS_MAX) {
        close(fd);
        return;
    }
    Guest *guest = g_new0(Guest, 1);
    *guest = (Guest){ .admin = admin, .fd = fd, .n_refs = 1 };
    guest->in = g_byte_array_new();
    guest->out = g_byte_array_new();
    g_ptr_array_add(admin->guests, guest);
    if (!reactor_watch(admin->service->loop, fd, REACTOR_READ, on_guest, guest, NULL)) guest_close(guest);
}

Admin *admin_socket_new(Service *service, const char *path, GError **error) {
    mode_t before = umask(0077); /* no moment in which others could connect */
    int fd = control_listen(path, error);
    umask(before);
    if (fd < 0) return NULL;
    Admin *admin = g_new0(Admin, 1);
    admin->service = service;
    admin->path = g_strdup(path);
    admin->fd = fd;
    admin->guests = g_ptr_array_new();
    reactor_watch(service->loop, fd, REACTOR_READ, on_listen, admin, NULL);
    return admin;
}

void admin_socket_free(Admin *admin) {
    if (admin == NULL) return;
    while (admin->guests->len > 0) guest_close(admin->guests->pdata[0]);
    g_ptr_array_unref(admin->guests);
    reactor_unwatch(admin->service->loop, admin->fd);
    close(admin->fd);
    g_unlink(admin->path);
    g_free(admin->path);
    g_free(admin);
}
