/* cli_archive.c -- a backup is a folder: diemcau.db and tls/. */
#include "signaling/cli_archive.h"

#include "config/fault.h"
#include "signaling/cli_client.h"
#include "signaling/store.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

static gboolean make_folder(const char *path, GError **error) {
    if (g_mkdir_with_parents(path, 0700) == 0) return TRUE;
    g_set_error(error, FAULT, FAULT_SETUP, "cannot make the folder %s: %s", path, g_strerror(errno));
    return FALSE;
}

static gboolean write_synced(const char *path, const char *bytes, gsize n_bytes) {
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0) return FALSE;
    gsize n_written = 0;
    while (n_written < n_bytes) {
        gssize n = write(fd, bytes + n_written, n_bytes - n_written);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) break;
        n_written += (gsize)n;
    }
    gboolean ok = n_written == n_bytes && fsync(fd) == 0;
    int why = errno;
    ok = close(fd) == 0 && ok;
    if (!ok) errno = why;
    return ok;
}

static gboolean copy_file(const char *from, const char *to, GError **error) {
    g_autoptr(GError) why = NULL;
    g_autofree char *bytes = NULL;
    gsize n_bytes = 0;
    if (!g_file_get_contents(from, &bytes, &n_bytes, &why)) {
        g_set_error(error, FAULT, FAULT_SETUP, "cannot read %s: %s", from, why->message);
        return FALSE;
    }
    if (write_synced(to, bytes, n_bytes)) return TRUE;
    g_set_error(error, FAULT, FAULT_SETUP, "cannot write %s: %s", to, g_strerror(errno));
    return FALSE;
}

/* Plain files of a folder; a folder that is not there is empty. */
static gboolean copy_folder(const char *from, const char *to, GError **error) {
    g_autoptr(GDir) dir = g_dir_open(from, 0, NULL);
    if (dir == NULL) return TRUE;
    if (!make_folder(to, error)) return FALSE;
    for (const char *name; (name = g_dir_read_name(dir)) != NULL;) {
        g_autofree char *source = g_build_filename(from, name, NULL),
                        *target = g_build_filename(to, name, NULL);
        if (g_file_test(source, G_FILE_TEST_IS_REGULAR) && !copy_file(source, target, error)) return FALSE;
    }
    return TRUE;
}

char *archive_passing_copy(const char *data_dir) {
    g_autofree char *folder = g_canonicalize_filename(data_dir, NULL); /* the server stands in another one */
    g_autofree char *name = g_strdup_printf("diemcau.db.copy-%d", (int)getpid());
    return g_build_filename(folder, name, NULL);
}

gboolean archive_prepare(const char *target, GError **error) {
    g_autofree char *database = g_build_filename(target, "diemcau.db", NULL);
    if (!g_file_test(database, G_FILE_TEST_EXISTS)) return make_folder(target, error);
    g_set_error(error, FAULT, FAULT_CONFLICT, "%s exists already; choose another name", database);
    return FALSE;
}

gboolean archive_fill(const char *data_dir, const char *target, GError **error) {
    g_autofree char *copy = archive_passing_copy(data_dir),
                    *database = g_build_filename(target, "diemcau.db", NULL);
    g_autofree char *tls_from = g_build_filename(data_dir, "tls", NULL),
                    *tls_to = g_build_filename(target, "tls", NULL);
    gboolean ok = copy_file(copy, database, error);
    g_unlink(copy);
    if (!ok) g_unlink(database);
    return ok && copy_folder(tls_from, tls_to, error);
}

/* ---- restoring ---- */

/* Looks at the copy, never at the backup itself: opening a database writes beside it. */
static gboolean check_copy(const char *path, GError **error) {
    g_autoptr(Store) store = store_open(path, error);
    if (store == NULL) return FALSE;
    g_autoptr(StoreCheck) check = store_check(store, error);
    if (check == NULL) return FALSE;
    if (check->broken_seq == 0) return TRUE;
    g_set_error(error, FAULT, FAULT_BAD_INPUT,
                "the log in the backup was tampered with: row %" G_GINT64_FORMAT " (%s)", check->broken_seq,
                check->broken_why);
    return FALSE;
}

static gboolean put_aside(const char *database, GError **error) {
    static const char *const endings[] = { "", "-wal", "-shm" };
    g_autoptr(GDateTime) now = g_date_time_new_now_utc();
    g_autofree char *stamp = g_date_time_format(now, "%Y%m%dT%H%M%SZ");
    for (guint i = 0; i < G_N_ELEMENTS(endings); i++) {
        g_autofree char *from = g_strconcat(database, endings[i], NULL);
        g_autofree char *to = g_strconcat(database, ".before-", stamp, endings[i], NULL);
        if (g_rename(from, to) == 0 || errno == ENOENT) continue;
        g_set_error(error, FAULT, FAULT_SETUP, "cannot put %s aside: %s", from, g_strerror(errno));
        return FALSE;
    }
    return TRUE;
}

/* What is there need not be readable: a damaged file, or one of a newer version, is what a backup is for. */
static gboolean exchange(const char *backup, const char *database, GError **error) {
    g_autofree char *copy = g_strconcat(database, ".restoring", NULL),
                    *copy_lock = g_strconcat(copy, ".lock", NULL);
    /* A write-ahead log that outlived its database goes aside, too: it would be read into the new one. */
    gboolean ok = copy_file(backup, copy, error) && check_copy(copy, error) && put_aside(database, error);
    if (ok && g_rename(copy, database) != 0) {
        g_set_error(error, FAULT, FAULT_SETUP, "cannot write %s: %s", database, g_strerror(errno));
        ok = FALSE;
    }
    g_unlink(copy_lock);
    if (!ok) g_unlink(copy);
    return ok;
}

static gboolean restore_database(const char *backup, const char *database, gboolean replace, GError **error) {
    if (!replace && g_file_test(database, G_FILE_TEST_EXISTS)) {
        g_set_error(error, FAULT, FAULT_CONFLICT,
                    "%s exists already; --replace keeps it aside and puts the backup there", database);
        return FALSE;
    }
    int lock_fd = store_lock(database, error);
    if (lock_fd < 0) return FALSE;
    gboolean ok = exchange(backup, database, error);
    close(lock_fd);
    return ok;
}

gboolean archive_restore(const char *source, const char *data_dir, gboolean replace, GError **error) {
    g_autofree char *backup = g_build_filename(source, "diemcau.db", NULL);
    g_autofree char *database = g_build_filename(data_dir, "diemcau.db", NULL);
    g_autofree char *tls_from = g_build_filename(source, "tls", NULL),
                    *tls_to = g_build_filename(data_dir, "tls", NULL);
    if (cli_server_runs(data_dir)) {
        g_set_error(error, FAULT, FAULT_BUSY, "a server is running on %s: stop it first", data_dir);
        return FALSE;
    }
    return make_folder(data_dir, error) && restore_database(backup, database, replace, error) &&
           copy_folder(tls_from, tls_to, error);
}
