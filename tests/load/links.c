/* links.c -- see links.h. */
#include "tests/load/links.h"

#include "config/fault.h"

#include <jansson.h>
#include <string.h>

static void link_free(gpointer data) {
    RoomLink *link = data;
    g_free(link->code);
    g_free(link->name);
    g_free(link->token);
    g_free(link);
}

static GPtrArray *read_links(const char *text, const char *from, GError **error) {
    json_error_t fault;
    json_t *list = json_loads(text, 0, &fault), *entry;
    GPtrArray *links = g_ptr_array_new_with_free_func(link_free);
    size_t i;
    json_array_foreach(list, i, entry) {
        const char *url = json_string_value(json_object_get(entry, "url"));
        const char *token = url != NULL ? strchr(url, '#') : NULL;
        const char *code = json_string_value(json_object_get(entry, "code"));
        const char *name = json_string_value(json_object_get(entry, "name"));
        if (token == NULL || code == NULL) continue;
        RoomLink *link = g_new0(RoomLink, 1);
        *link = (RoomLink){ g_strdup(code), g_strdup(name != NULL ? name : code), g_strdup(token + 1) };
        g_ptr_array_add(links, link);
    }
    json_decref(list);
    if (links->len > 0) return links;
    g_set_error(error, FAULT, FAULT_BAD_INPUT, "%s: no list of links [{\"code\", \"name\", \"url\"}] (%s)",
                from, list == NULL ? fault.text : "it is empty");
    g_ptr_array_unref(links);
    return NULL;
}

GPtrArray *links_of_nobody(guint n) {
    GPtrArray *links = g_ptr_array_new_with_free_func(link_free);
    for (guint i = 0; i < n; i++) {
        RoomLink *link = g_new0(RoomLink, 1);
        *link =
            (RoomLink){ g_strdup_printf("R-%03u", i + 1), g_strdup_printf("Room %u", i + 1), g_strdup("") };
        g_ptr_array_add(links, link);
    }
    return links;
}

GPtrArray *links_from_file(const char *path, GError **error) {
    g_autofree char *text = NULL;
    if (!g_file_get_contents(path, &text, NULL, error)) return NULL;
    return read_links(text, path, error);
}

GPtrArray *links_from_roster(const char *data, GError **error) {
    g_autofree char *self = g_file_read_link("/proc/self/exe", error), *text = NULL, *complaint = NULL;
    int status = 0;
    if (self == NULL) return NULL;
    g_autofree char *folder = g_path_get_dirname(self);
    g_autofree char *program = g_build_filename(folder, "diemcau", NULL);
    char *argv[] = { program, "roster", "link", "--all", "--json", "--data", (char *)data, NULL };
    if (!g_spawn_sync(NULL, argv, NULL, G_SPAWN_DEFAULT, NULL, NULL, &text, &complaint, &status, error))
        return NULL;
    if (!g_spawn_check_wait_status(status, NULL)) {
        g_set_error(error, FAULT, FAULT_SETUP, "diemcau roster link --all --data %s failed: %s", data,
                    g_strstrip(complaint));
        return NULL;
    }
    return read_links(text, "diemcau roster link --all --json", error);
}
