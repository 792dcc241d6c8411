/* http_static.c -- the built pages: /name -> name.html, /assets/..., with validators and the security headers of a page.
 * Files are kept in memory and read again when they change. */
#include "signaling/http_routes.h"

#include "config/fault.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FILE_BYTES_MAX = 16 * 1024 * 1024, CACHED_FILES_MAX = 500 };

typedef struct {
    struct timespec changed;
    goffset size;
    GBytes *bytes;
    char *etag;
} CachedFile;

static void cached_file_free(gpointer data) {
    CachedFile *file = data;
    g_bytes_unref(file->bytes);
    g_free(file->etag);
    g_free(file);
}

static const struct {
    const char *ending, *type;
} types[] = {
    { ".html", "text/html; charset=utf-8" },
    { ".js", "text/javascript; charset=utf-8" },
    { ".css", "text/css; charset=utf-8" },
    { ".json", "application/json" },
    { ".svg", "image/svg+xml" },
    { ".png", "image/png" },
    { ".ico", "image/x-icon" },
    { ".jpg", "image/jpeg" },
    { ".webp", "image/webp" },
    { ".woff2", "font/woff2" },
    { ".mp3", "audio/mpeg" },
    { ".wav", "audio/wav" },
    { ".txt", "text/plain; charset=utf-8" },
    { ".webmanifest", "application/manifest+json" },
};

static const char *type_of(const char *path) {
    for (guint i = 0; i < G_N_ELEMENTS(types); i++)
        if (g_str_has_suffix(path, types[i].ending)) return types[i].type;
    return NULL;
}

/* Parts of letters, digits, '.', '-', '_' that do not begin with a dot: no way out of the folder. */
static gboolean path_is_plain(const char *path) {
    if (path[0] != '/' || strlen(path) > 300) return FALSE;
    for (const char *at = path; *at != '\0'; at++) {
        if (*at == '/' && (at[1] == '.' || at[1] == '/')) return FALSE;
        if (!g_ascii_isalnum(*at) && strchr("/.-_", *at) == NULL) return FALSE;
    }
    return TRUE;
}

char *http_web_root(const Settings *settings) {
    if (settings->http_web_root[0] != '\0') return g_strdup(settings->http_web_root);
    g_autofree char *self = g_file_read_link("/proc/self/exe", NULL);
    g_autofree char *bin = g_path_get_dirname(self != NULL ? self : "/usr/bin/diemcau");
    /* In the build tree the program lies in build/<flavour>/bin, the pages in build/web. */
    static const char *const near[] = { "../../web", "../share/diemcau/web", "web" };
    for (guint i = 0; i < G_N_ELEMENTS(near); i++) {
        g_autofree char *index = g_build_filename(bin, near[i], "index.html", NULL);
        if (g_file_test(index, G_FILE_TEST_IS_REGULAR)) return g_path_get_dirname(index);
    }
    return g_strdup("/usr/share/diemcau/web");
}

static GBytes *read_whole(int fd, gsize n_bytes) {
    g_autofree char *text = g_malloc(n_bytes + 1);
    gsize n_read = 0;
    while (n_read < n_bytes) {
        gssize n = read(fd, text + n_read, n_bytes - n_read);
        if (n <= 0) return NULL;
        n_read += (gsize)n;
    }
    return g_bytes_new_take(g_steal_pointer(&text), n_bytes);
}

static CachedFile *load(GHashTable *cache, const char *path) {
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    struct stat info;
    if (fd < 0) return NULL;
    if (fstat(fd, &info) != 0 || !S_ISREG(info.st_mode) || info.st_size > FILE_BYTES_MAX) {
        close(fd);
        return NULL;
    }
    CachedFile *file = g_hash_table_lookup(cache, path);
    if (file != NULL && file->size == info.st_size && file->changed.tv_sec == info.st_mtim.tv_sec &&
        file->changed.tv_nsec == info.st_mtim.tv_nsec) {
        close(fd);
        return file;
    }
    GBytes *bytes = read_whole(fd, (gsize)info.st_size);
    close(fd);
    if (bytes == NULL) return NULL;
    g_autofree char *sum = g_compute_checksum_for_bytes(G_CHECKSUM_SHA256, bytes);
    file = g_new0(CachedFile, 1);
    *file = (CachedFile){ .changed = info.st_mtim, .size = info.st_size, .bytes = bytes };
    file->etag = g_strdup_printf("\"%.24s\"", sum);
    if (g_hash_table_size(cache) >= CACHED_FILES_MAX) g_hash_table_remove_all(cache);
    g_hash_table_insert(cache, g_strdup(path), file);
    return file;
}

/* The file for a path: itself, else the page of that name. */
static CachedFile *find(Service *service, const char *path, const char **ret_type) {
    if (!path_is_plain(path)) return NULL;
    g_autofree char *name = g_strdup(path);
    gsize n = strlen(name);
    while (n > 1 && name[n - 1] == '/') name[--n] = '\0';
    g_autofree char *page = g_strdup_printf("%s.html", strcmp(name, "/") == 0 ? "/index" : name);
    const char *file_name = type_of(name) != NULL ? name : page;
    g_autofree char *full = g_build_filename(service->web_root, file_name, NULL);
    *ret_type = type_of(file_name);
    return load(service->web_files, full);
}

static void page_headers(HttpExchange *exchange) {
    static const char *const lines[][2] = {
        { "content-security-policy",
          "default-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'; "
          "object-src 'none'" },
        { "x-content-type-options", "nosniff" },
        { "x-frame-options", "DENY" },
        { "referrer-policy", "no-referrer" },
        { "permissions-policy", "camera=(self), microphone=(self), display-capture=(self), autoplay=(self)" },
    };
    for (guint i = 0; i < G_N_ELEMENTS(lines); i++) http_header(exchange, lines[i][0], lines[i][1]);
}

static gboolean etag_fits(const char *given, const char *etag) {
    if (given == NULL) return FALSE;
    return strcmp(given, "*") == 0 || strstr(given, etag) != NULL;
}

static void answer_unknown(HttpExchange *exchange, Service *service) {
    Language language = language_from_text(exchange->request.accept_language, service_language(service));
    page_headers(exchange);
    if (g_str_has_prefix(exchange->request.path, "/api/")) {
        http_answer_code(exchange, 404, "not-found", words(language, WORD_PAGE_UNKNOWN));
        return;
    }
    g_autofree char *text =
        g_strdup_printf("<!doctype html><html lang=\"%s\"><meta charset=\"utf-8\"><title>404</title><p>%s "
                        "<a href=\"/\">Điểm Cầu</a></p></html>\n",
                        language_word(language), words(language, WORD_PAGE_UNKNOWN));
    http_answer_text(exchange, 404, "text/html; charset=utf-8", text);
}

void http_static(HttpExchange *exchange, Service *service) {
    const char *type = NULL;
    CachedFile *file = find(service, exchange->request.path, &type);
    if (file == NULL) {
        answer_unknown(exchange, service);
        return;
    }
    page_headers(exchange);
    http_header(exchange, "etag", file->etag);
    /* Assets carry a hash in their names; pages are asked for again each time. */
    gboolean hashed = g_str_has_prefix(exchange->request.path, "/assets/");
    http_header(exchange, "cache-control", hashed ? "public, max-age=31536000, immutable" : "no-cache");
    if (etag_fits(exchange->request.if_none_match, file->etag)) {
        http_answer_empty(exchange, 304);
        return;
    }
    http_answer(exchange, 200, type, g_bytes_ref(file->bytes));
}

GHashTable *http_static_cache_new(void) {
    return g_hash_table_new_full(g_str_hash, g_str_equal, g_free, cached_file_free);
}
