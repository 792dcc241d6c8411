/* replay.c -- a plain main for a fuzz door: feeds it every file of the folders named on the command line.
 * Prints one TAP line per folder.  A door has failed when this program dies: there is nothing to compare. */
#include <glib.h>
#include <stdint.h>
#include <stdio.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes);

static guint replay_folder(const char *folder) {
    guint n_inputs = 0;
    GDir *dir = g_dir_open(folder, 0, NULL);
    const char *name;
    while (dir != NULL && (name = g_dir_read_name(dir)) != NULL) {
        g_autofree char *path = g_build_filename(folder, name, NULL);
        g_autofree char *bytes = NULL;
        gsize n_bytes = 0;
        if (!g_file_get_contents(path, &bytes, &n_bytes, NULL)) continue;
        /* A copy of the exact size: g_file_get_contents() adds a zero that would hide an overrun by one. */
        g_autofree guint8 *exact = g_memdup2(bytes, n_bytes);
        g_printerr("# %s\n", path); /* the last line before a crash names the input */
        (void)LLVMFuzzerTestOneInput(exact != NULL ? exact : (const guint8 *)"", n_bytes);
        n_inputs++;
    }
    if (dir != NULL) g_dir_close(dir);
    return n_inputs;
}

int main(int argc, char **argv) {
    (void)LLVMFuzzerTestOneInput((const guint8 *)"", 0);
    for (int i = 1; i < argc; i++) {
        guint n_inputs = replay_folder(argv[i]);
        printf("ok - %s: %u inputs\n", argv[i], n_inputs);
    }
    return 0;
}
