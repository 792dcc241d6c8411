/* test_meeting_machine.c -- the quota of a control group, read from files as the kernel writes them. */
#include "bridge/meeting/machine.h"

#include <glib/gstdio.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void put(const char *root, const char *name, const char *text) {
    g_autofree char *path = g_build_filename(root, name, NULL), *folder = g_path_get_dirname(path);
    g_mkdir_with_parents(folder, 0700);
    assert_true(g_file_set_contents(path, text, -1, NULL));
}

static void remove_all(const char *path) {
    GDir *dir = g_dir_open(path, 0, NULL);
    for (const char *name; dir != NULL && (name = g_dir_read_name(dir)) != NULL;) {
        g_autofree char *child = g_build_filename(path, name, NULL);
        remove_all(child);
    }
    if (dir != NULL) g_dir_close(dir);
    g_remove(path);
}

static void the_least_quota_holds(void **state) {
    (void)state;
    static const struct {
        const char *name, *groups;
        struct {
            const char *file, *text;
        } files[4];
        guint percent; /* 0: no quota */
    } cases[] = {
        { "no files", "0::/\n", { { NULL, NULL } }, 0 },
        { "no quota", "0::/app\n", { { "app/cpu.max", "max 100000\n" } }, 0 },
        { "one and a half", "0::/app\n", { { "app/cpu.max", "150000 100000\n" } }, 150 },
        { "the group above is tighter",
          "0::/slice/app\n",
          { { "slice/app/cpu.max", "300000 100000\n" }, { "slice/cpu.max", "50000 50000\n" } },
          100 },
        { "only at the root, as inside a container", "0::/\n", { { "cpu.max", "25000 100000\n" } }, 25 },
        { "the first kind of groups",
          "5:cpu,cpuacct:/app\n3:memory:/app\n",
          { { "cpu,cpuacct/app/cpu.cfs_quota_us", "200000\n" },
            { "cpu,cpuacct/app/cpu.cfs_period_us", "100000\n" } },
          200 },
        { "the first kind without quota",
          "5:cpu:/\n",
          { { "cpu/cpu.cfs_quota_us", "-1\n" }, { "cpu/cpu.cfs_period_us", "100000\n" } },
          0 },
        { "nonsense", "hello\n::\n0:x\n", { { "cpu.max", "lots\n" } }, 0 },
    };
    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *root = g_dir_make_tmp("diemcau-machine-XXXXXX", NULL);
        for (guint k = 0; k < G_N_ELEMENTS(cases[i].files) && cases[i].files[k].file != NULL; k++)
            put(root, cases[i].files[k].file, cases[i].files[k].text);
        double cores = machine_quota_cores(cases[i].groups, root);
        remove_all(root);
        if ((guint)(cores * 100 + 0.5) != cases[i].percent) fail_msg("%s: %.2f cores", cases[i].name, cores);
    }
}

static void there_is_something_to_run_on(void **state) {
    (void)state;
    machine_global_init();
    assert_true(machine_cores() > 0);
    assert_true(machine_cores() <= g_get_num_processors());
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_least_quota_holds),
        cmocka_unit_test(there_is_something_to_run_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
