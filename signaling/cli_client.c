/* cli_client.c -- one request over the admin socket, or on the books themselves. */
#include "signaling/cli_client.h"

#include "config/fields.h"
#include "signaling/admin.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { WAIT_S = 300 };

/* -1: nobody listens (errno tells). Blocking: a command line has nothing else to do. */
static int connect_admin(const char *data_dir) {
    g_autofree char *path = g_build_filename(data_dir, "run", "admin.sock", NULL);
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    struct timeval wait = { .tv_sec = WAIT_S };
    if (strlen(path) >= sizeof address.sun_path) {
        errno = ENAMETOOLONG;
        return -1;
    }
    memcpy(address.sun_path, path, strlen(path) + 1);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) return -1;
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait);
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof wait);
    if (connect(fd, (struct sockaddr *)&address, sizeof address) == 0) return fd;
    int why = errno;
    close(fd);
    errno = why;
    return -1;
}

gboolean cli_server_runs(const char *data_dir) {
    int fd = connect_admin(data_dir);
    if (fd >= 0) close(fd);
    return fd >= 0;
}

static gboolean send_line(int fd, json_t *request, GError **error) {
    char *text = json_dumps(request, JSON_COMPACT);
    gsize n_bytes = strlen(text) + 1;
    text[n_bytes - 1] = '\n'; /* instead of the ending NUL: send() counts */
    for (gsize n_sent = 0; n_sent < n_bytes;) {
        gssize n = send(fd, text + n_sent, n_bytes - n_sent, MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) {
            g_set_error(error, FAULT, FAULT_GONE, "the server did not take the request: %s",
                        g_strerror(errno));
            free(text);
            return FALSE;
        }
        n_sent += (gsize)n;
    }
    free(text);
    return TRUE;
}

static json_t *receive_line(int fd, GError **error) {
    g_autoptr(GByteArray) line = g_byte_array_new();
    guint8 piece[16384];
    while (line->len == 0 || line->data[line->len - 1] != '\n') {
        gssize n = recv(fd, piece, sizeof piece, 0);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0 || line->len > ADMIN_LINE_BYTES_MAX) {
            g_set_error(error, FAULT, FAULT_GONE, "the server gave no answer: %s",
                        n == 0 ? "it closed the connection" : g_strerror(n < 0 ? errno : EMSGSIZE));
            return NULL;
        }
        g_byte_array_append(line, piece, (guint)n);
    }
    return fields_parse_object((const char *)line->data, line->len, ADMIN_LINE_BYTES_MAX, error);
}

/* ---- without a server ---- */

static void keep_answer(gpointer user, json_t *answer) { *(json_t **)user = json_incref(answer); }

/* What the server of that folder was started with, as far as it can be known: DATA/diemcau.conf, and for the folder of the
 * package's service the file of that. NULL: neither. */
static char *configuration(const char *data_dir) {
    g_autofree char *folder = g_canonicalize_filename(data_dir, NULL);
    g_autofree char *own = g_build_filename(folder, "diemcau.conf", NULL);
    if (g_file_test(own, G_FILE_TEST_EXISTS)) return g_steal_pointer(&own);
    gboolean is_service = strcmp(folder, "/var/lib/diemcau") == 0;
    return is_service && g_file_test("/etc/diemcau/diemcau.conf", G_FILE_TEST_EXISTS)
               ? g_strdup("/etc/diemcau/diemcau.conf")
               : NULL;
}

static json_t *ask_books(const char *data_dir, json_t *request, GError **error) {
    g_autofree char *conf = configuration(data_dir);
    g_autoptr(Settings) settings = settings_load(conf, NULL, error);
    if (settings == NULL) return NULL;
    g_autoptr(Office) office = office_open(data_dir, settings, error);
    if (office == NULL) return NULL;
    json_t *answer = NULL;
    gint64 until_us = g_get_monotonic_time() + WAIT_S * G_USEC_PER_SEC;
    admin_handle(office, request, keep_answer, &answer);
    while (answer == NULL && g_get_monotonic_time() < until_us) office_settle(office, G_USEC_PER_SEC);
    if (answer == NULL) g_set_error(error, FAULT, FAULT_BUSY, "the data folder takes too long to write");
    return answer;
}

json_t *cli_ask(const char *data_dir, json_t *request, GError **error) {
    int fd = connect_admin(data_dir);
    if (fd < 0 && (errno == ENOENT || errno == ECONNREFUSED || errno == ENAMETOOLONG))
        return ask_books(data_dir, request, error);
    if (fd < 0) {
        g_set_error(error, FAULT, FAULT_SETUP, "cannot reach the server of %s: %s", data_dir,
                    g_strerror(errno));
        return NULL;
    }
    json_t *answer = send_line(fd, request, error) ? receive_line(fd, error) : NULL;
    close(fd);
    return answer;
}
