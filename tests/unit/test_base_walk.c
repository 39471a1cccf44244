/* SPDX-License-Identifier: MIT */
/* test_base_walk.c - every file below a folder once, in one order, and no way out of it by links.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "base/auto.h"
#include "base/fs.h"
#include "base/walk.h"

struct seen {
    size_t root;
    char text[4096];
    int failed;
};

static ptm_rc note(void *arg, const char *path, const struct ptm_err *why, struct ptm_err *err)
{
    struct seen *seen = arg;
    (void)err;
    size_t len = strlen(seen->text);
    snprintf(seen->text + len, sizeof seen->text - len, "%s ", path + seen->root);
    seen->failed += why != NULL;
    return PTM_OK;
}

static void put(const char *root, const char *name)
{
    char path[256];
    snprintf(path, sizeof path, "%s/%s", root, name);
    assert_int_equal(ptmi_fs_write_whole(path, "x", 1, NULL, NULL), PTM_OK);
}

static void test_base_walk__every_file_once_in_the_order_of_names(void **state)
{
    char root[] = "/tmp/ptm-walk-XXXXXX", path[256];
    (void)state;
    assert_non_null(mkdtemp(root));
    for (int i = 0; i < 3; i++) {
        snprintf(path, sizeof path, "%s/%s", root,
                 (const char *[]){"b/deep", ".git/x", "empty"}[i]);
        assert_int_equal(ptmi_fs_mkdirs(path, NULL), PTM_OK);
    }
    put(root, "c");
    put(root, "a");
    put(root, "b/deep/file");
    put(root, ".git/config");
    snprintf(path, sizeof path, "%s/link", root);
    assert_int_equal(symlink("a", path), 0);
    snprintf(path, sizeof path, "%s/b/up", root);
    assert_int_equal(symlink("..", path), 0);
    snprintf(path, sizeof path, "%s/pipe", root);
    assert_int_equal(mkfifo(path, 0600), 0);

    struct seen seen = {.root = strlen(root) + 1};
    struct ptmi_walk walk = {.fn = note, .arg = &seen, .skip_git = true};
    assert_int_equal(ptmi_walk(&walk, root, NULL), PTM_OK);
    assert_string_equal(seen.text, "a b/deep/file c link ");
    assert_int_equal(walk.links, 1);
    assert_int_equal(walk.specials, 1);

    struct seen plain = {.root = strlen(root) + 1};
    walk = (struct ptmi_walk){.fn = note, .arg = &plain, .no_links = true};
    assert_int_equal(ptmi_walk(&walk, root, NULL), PTM_OK);
    assert_string_equal(plain.text, ".git/config a b/deep/file c ");
    assert_int_equal(walk.links, 2);
    assert_int_equal(ptmi_fs_remove_tree(root, NULL), PTM_OK);
}

static void test_base_walk__what_is_not_there_is_told(void **state)
{
    (void)state;
    struct seen seen = {0};
    struct ptmi_walk walk = {.fn = note, .arg = &seen};
    assert_int_equal(ptmi_walk(&walk, "/nonexistent/folder", NULL), PTM_OK);
    assert_int_equal(seen.failed, 1);
    assert_string_equal(seen.text, "/nonexistent/folder ");
}

static ptm_rc stop(void *arg, const char *path, const struct ptm_err *why, struct ptm_err *err)
{
    int *calls = arg;
    (void)path;
    (void)why;
    ++*calls;
    return ptm_err_set(err, PTM_ECANCELED, "enough");
}

static void test_base_walk__ends_when_told(void **state)
{
    char root[] = "/tmp/ptm-walk-XXXXXX";
    int calls = 0;
    (void)state;
    assert_non_null(mkdtemp(root));
    put(root, "a");
    put(root, "b");
    struct ptmi_walk walk = {.fn = stop, .arg = &calls};
    assert_int_equal(ptmi_walk(&walk, root, NULL), PTM_ECANCELED);
    assert_int_equal(calls, 1);
    assert_int_equal(ptmi_fs_remove_tree(root, NULL), PTM_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_base_walk__every_file_once_in_the_order_of_names),
        cmocka_unit_test(test_base_walk__what_is_not_there_is_told),
        cmocka_unit_test(test_base_walk__ends_when_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
