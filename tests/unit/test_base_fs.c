/* SPDX-License-Identifier: MIT */
/* test_base_fs.c - reading with caps, reading beneath a hostile folder, making and removing
 * folders, copies, free space. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/auto.h"
#include "base/base_priv.h"
#include "base/fs.h"
#include "unit_tmp.h"

static void test_base_fs__read_gives_the_bytes_and_a_nul(void **state)
{
    (void)state;
    UNIT_TMP(tmp);
    const char *path = unit_path(tmp.path, "a");
    unit_write(path, "hello");
    PTM_AUTO(ptmi_freep) char *text = NULL;
    size_t len = 0;
    assert_int_equal(ptmi_fs_read(path, 5, &text, &len, NULL), PTM_OK);
    assert_int_equal(len, 5);
    assert_string_equal(text, "hello");
}

static void test_base_fs__read_refuses_more_than_max(void **state)
{
    (void)state;
    UNIT_TMP(tmp);
    const char *path = unit_path(tmp.path, "a");
    unit_write(path, "hello");
    struct ptm_err err = {0};
    char *text = NULL;
    assert_int_equal(ptmi_fs_read(path, 4, &text, NULL, &err), PTM_ELIMIT);
    assert_null(text);
    assert_non_null(strstr(err.msg, path));
    assert_int_equal(ptmi_fs_read(unit_path(tmp.path, "none"), 4, &text, NULL, &err), PTM_ENOENT);
    assert_non_null(strstr(err.msg, "none"));
}

/* Files of /proc say that they have no bytes, and have some. */
static void test_base_fs__read_goes_on_where_the_size_lies(void **state)
{
    (void)state;
    PTM_AUTO(ptmi_freep) char *text = NULL;
    size_t len = 0;
    if (!ptmi_fs_exists("/proc/self/status")) UNIT_SKIP_TEST("no /proc");
    assert_int_equal(ptmi_fs_read("/proc/self/status", 1 << 20, &text, &len, NULL), PTM_OK);
    assert_true(len > 100);
    char *more = NULL;
    assert_int_equal(ptmi_fs_read("/proc/self/status", 10, &more, NULL, NULL), PTM_ELIMIT);
}

static void test_base_fs__read_does_not_hang_on_a_fifo(void **state)
{
    (void)state;
    UNIT_TMP(tmp);
    assert_int_equal(mkfifo(unit_path(tmp.path, "fifo"), 0600), 0);
    char *text = NULL;
    assert_int_equal(ptmi_fs_read(unit_path(tmp.path, "fifo"), 10, &text, NULL, NULL), PTM_EINVAL);
    assert_int_equal(ptmi_fs_read_beneath(tmp.path, "fifo", 10, &text, NULL, NULL), PTM_EUNSAFE);
    assert_int_equal(ptmi_fs_read(tmp.path, 10, &text, NULL, NULL), PTM_EINVAL);
}

static void fill_hostile(const char *root)
{
    assert_int_equal(mkdir(unit_path(root, "repo"), 0755), 0);
    assert_int_equal(mkdir(unit_path(root, "repo/sub"), 0755), 0);
    unit_write(unit_path(root, "secret"), "secret");
    unit_write(unit_path(root, "repo/sub/card"), "card");
    assert_int_equal(symlink("../secret", unit_path(root, "repo/out")), 0);
    assert_int_equal(symlink("/etc/passwd", unit_path(root, "repo/abs")), 0);
    assert_int_equal(symlink("sub/card", unit_path(root, "repo/in")), 0);
    assert_int_equal(symlink("..", unit_path(root, "repo/up")), 0);
    assert_int_equal(symlink("sub", unit_path(root, "repo/dirlink")), 0);
}

static void check_beneath(const char *repo)
{
    static const char *const bad[] = {
        "out",         "abs", "in", "up/secret", "dirlink/card", "../secret", "sub/../../secret",
        "/etc/passwd", "",    ".",  "..",        "sub/",         "sub//card", "./sub/card"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        char *text = NULL;
        struct ptm_err err = {0};
        ptm_rc rc = ptmi_fs_read_beneath(repo, bad[i], 100, &text, NULL, &err);
        if (rc != PTM_EUNSAFE) fail_msg("'%s' gave %d: %s", bad[i], rc, err.msg);
        assert_null(text);
    }
    PTM_AUTO(ptmi_freep) char *text = NULL;
    assert_int_equal(ptmi_fs_read_beneath(repo, "sub/card", 100, &text, NULL, NULL), PTM_OK);
    assert_string_equal(text, "card");
    char *none = NULL;
    assert_int_equal(ptmi_fs_read_beneath(repo, "sub/none", 100, &none, NULL, NULL), PTM_ENOENT);
    assert_int_equal(ptmi_fs_read_beneath(repo, "sub", 100, &none, NULL, NULL), PTM_EUNSAFE);
}

/* The same answers with and without openat2: --wrap replaces it by one that the kernel does not
 * know. */
static bool no_openat2;
int __real_ptmi_os_open_beneath(int dir_fd, const char *relative, int flags);
int __wrap_ptmi_os_open_beneath(int dir_fd, const char *relative, int flags);
int __wrap_ptmi_os_open_beneath(int dir_fd, const char *relative, int flags)
{
    if (!no_openat2) return __real_ptmi_os_open_beneath(dir_fd, relative, flags);
    errno = ENOSYS;
    return -1;
}

static void test_base_fs__read_beneath_follows_no_link(void **state)
{
    (void)state;
    UNIT_TMP(tmp);
    fill_hostile(tmp.path);
    check_beneath(unit_path(tmp.path, "repo"));
    no_openat2 = true;
    check_beneath(unit_path(tmp.path, "repo"));
    no_openat2 = false;
}

static void test_base_fs__open_beneath_opens_and_follows_no_link(void **state)
{
    (void)state;
    UNIT_TMP(tmp);
    fill_hostile(tmp.path);
    const char *repo = unit_path(tmp.path, "repo");
    int none = -1;
    assert_int_equal(ptmi_fs_open_beneath(repo, "in", &none, NULL), PTM_EUNSAFE);
    assert_int_equal(ptmi_fs_open_beneath(repo, "../secret", &none, NULL), PTM_EUNSAFE);
    assert_int_equal(ptmi_fs_open_beneath(repo, "none", &none, NULL), PTM_ENOENT);
    assert_int_equal(none, -1);
    PTM_AUTO(ptmi_closep) int fd = -1;
    char text[8] = "";
    assert_int_equal(ptmi_fs_open_beneath(repo, "sub/card", &fd, NULL), PTM_OK);
    assert_int_equal(read(fd, text, sizeof text), 4);
    assert_string_equal(text, "card");
}

static void test_base_fs__mkdirs_makes_all_and_names_what_is_in_the_way(void **state)
{
    (void)state;
    UNIT_TMP(tmp);
    assert_int_equal(ptmi_fs_mkdirs(unit_path(tmp.path, "a/b/c"), NULL), PTM_OK);
    assert_int_equal(ptmi_fs_mkdirs(unit_path(tmp.path, "a/b/c/"), NULL), PTM_OK);
    assert_true(ptmi_fs_is_dir(unit_path(tmp.path, "a/b/c")));
    unit_write(unit_path(tmp.path, "a/file"), "x");
    struct ptm_err err = {0};
    assert_int_equal(ptmi_fs_mkdirs(unit_path(tmp.path, "a/file/d"), &err), PTM_EEXIST);
    assert_non_null(strstr(err.msg, "a/file"));
}

static void test_base_fs__mkdirs_honours_umask(void **state)
{
    (void)state;
    UNIT_TMP(tmp);
    mode_t before = umask(027);
    assert_int_equal(ptmi_fs_mkdirs(unit_path(tmp.path, "a/b"), NULL), PTM_OK);
    umask(before);
    struct stat st;
    assert_int_equal(stat(unit_path(tmp.path, "a"), &st), 0);
    assert_int_equal(st.st_mode & 0777, 0750);
}

static int remove_read_only_as_user(void *arg)
{
    const char *tree = arg;
    if (getuid() == 0) {
        /* Root may write anywhere: be somebody else, whose folder it is. */
        UNIT_CHECK(chown(tree, 65534, 65534) == 0 &&
                   chown(unit_path(tree, "a"), 65534, 65534) == 0);
        UNIT_CHECK(chown(unit_path(tree, "a/b"), 65534, 65534) == 0);
        UNIT_CHECK(setgid(65534) == 0 && setuid(65534) == 0);
    }
    struct ptm_err err = {0};
    UNIT_CHECK(ptmi_fs_remove_tree(unit_path(tree, "a"), &err) == PTM_OK);
    UNIT_CHECK(!ptmi_fs_exists(unit_path(tree, "a")));
    return 0;
}

static void test_base_fs__remove_tree_opens_read_only_folders(void **state)
{
    (void)state;
    UNIT_TMP(tmp);
    assert_int_equal(ptmi_fs_mkdirs(unit_path(tmp.path, "a/b"), NULL), PTM_OK);
    unit_write(unit_path(tmp.path, "a/b/file"), "x");
    assert_int_equal(chmod(unit_path(tmp.path, "a/b"), 0), 0);
    assert_int_equal(chmod(unit_path(tmp.path, "a"), 0555), 0);
    assert_int_equal(unit_in_child(remove_read_only_as_user, tmp.path), 0);
}

static void test_base_fs__remove_tree_follows_no_link(void **state)
{
    (void)state;
    UNIT_TMP(tmp);
    assert_int_equal(ptmi_fs_mkdirs(unit_path(tmp.path, "keep"), NULL), PTM_OK);
    unit_write(unit_path(tmp.path, "keep/file"), "x");
    assert_int_equal(ptmi_fs_mkdirs(unit_path(tmp.path, "tree"), NULL), PTM_OK);
    assert_int_equal(symlink("../keep", unit_path(tmp.path, "tree/link")), 0);
    assert_int_equal(symlink("nowhere", unit_path(tmp.path, "tree/dangling")), 0);
    assert_int_equal(ptmi_fs_remove_tree(unit_path(tmp.path, "tree"), NULL), PTM_OK);
    assert_false(ptmi_fs_exists(unit_path(tmp.path, "tree")));
    assert_true(ptmi_fs_exists(unit_path(tmp.path, "keep/file")));
    assert_int_equal(ptmi_fs_remove_tree(unit_path(tmp.path, "tree"), NULL), PTM_OK);
    assert_int_equal(symlink("keep", unit_path(tmp.path, "top")), 0);
    assert_int_equal(ptmi_fs_remove_tree(unit_path(tmp.path, "top"), NULL), PTM_OK);
    assert_true(ptmi_fs_exists(unit_path(tmp.path, "keep/file")));
}

/* Deeper than any limit on descriptors, or than a path may be long. */
static void test_base_fs__remove_tree_goes_to_any_depth(void **state)
{
    (void)state;
    UNIT_TMP(tmp);
    assert_int_equal(mkdir(unit_path(tmp.path, "deep"), 0755), 0);
    int at = open(unit_path(tmp.path, "deep"), O_RDONLY | O_DIRECTORY);
    for (int i = 0; i < 3000; i++) {
        assert_int_equal(mkdirat(at, "folder", 0755), 0);
        int next = openat(at, "folder", O_RDONLY | O_DIRECTORY);
        assert_true(next >= 0);
        close(at);
        at = next;
    }
    close(at);
    assert_int_equal(ptmi_fs_remove_tree(unit_path(tmp.path, "deep"), NULL), PTM_OK);
    assert_int_equal(unit_entries(tmp.path), 0);
}

static void test_base_fs__remove_tree_empties_wide_folders(void **state)
{
    (void)state;
    UNIT_TMP(tmp);
    assert_int_equal(mkdir(unit_path(tmp.path, "wide"), 0755), 0);
    for (int i = 0; i < 3000; i++) {
        char name[32];
        snprintf(name, sizeof name, "wide/file-%d", i);
        unit_write(unit_path(tmp.path, name), "");
    }
    assert_int_equal(ptmi_fs_remove_tree(unit_path(tmp.path, "wide"), NULL), PTM_OK);
    assert_int_equal(unit_entries(tmp.path), 0);
}

static void test_base_fs__copy_goes_from_offset_to_end(void **state)
{
    (void)state;
    UNIT_TMP(tmp);
    unit_write(unit_path(tmp.path, "a"), "0123456789");
    PTM_AUTO(ptmi_closep) int src = open(unit_path(tmp.path, "a"), O_RDONLY);
    PTM_AUTO(ptmi_closep) int dst = open(unit_path(tmp.path, "b"), O_RDWR | O_CREAT, 0666);
    assert_int_equal(lseek(src, 4, SEEK_SET), 4);
    assert_int_equal(ptmi_fs_copy(src, dst, NULL), PTM_OK);
    PTM_AUTO(ptmi_freep) char *text = unit_read(unit_path(tmp.path, "b"));
    assert_string_equal(text, "456789");
}

/* From a pipe copy_file_range cannot; the plain way must take over. */
static void test_base_fs__copy_works_where_the_kernel_cannot(void **state)
{
    (void)state;
    UNIT_TMP(tmp);
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(write(ends[1], "piped", 5), 5);
    close(ends[1]);
    PTM_AUTO(ptmi_closep) int dst = open(unit_path(tmp.path, "b"), O_RDWR | O_CREAT, 0666);
    assert_int_equal(ptmi_fs_copy(ends[0], dst, NULL), PTM_OK);
    close(ends[0]);
    PTM_AUTO(ptmi_freep) char *text = unit_read(unit_path(tmp.path, "b"));
    assert_string_equal(text, "piped");
}

static void test_base_fs__free_bytes_and_network(void **state)
{
    (void)state;
    UNIT_TMP(tmp);
    int64_t bytes = -1;
    assert_int_equal(ptmi_fs_free_bytes(tmp.path, &bytes, NULL), PTM_OK);
    assert_true(bytes >= 0);
    struct ptm_err err = {0};
    assert_int_equal(ptmi_fs_free_bytes(unit_path(tmp.path, "none"), &bytes, &err), PTM_ENOENT);
    assert_non_null(strstr(err.msg, "none"));
    assert_false(ptmi_fs_is_network("/proc"));
}

static void test_base_fs__sync_all(void **state)
{
    (void)state;
    UNIT_TMP(tmp);
    struct ptm_err err = {0};
    unit_write(unit_path(tmp.path, "file"), "text");
    assert_int_equal(ptmi_fs_sync_all(tmp.path, &err), PTM_OK);
    assert_int_equal(ptmi_fs_sync_all(unit_path(tmp.path, "absent"), &err), PTM_ENOENT);
    assert_non_null(strstr(err.msg, "absent"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_base_fs__read_gives_the_bytes_and_a_nul),
        cmocka_unit_test(test_base_fs__read_refuses_more_than_max),
        cmocka_unit_test(test_base_fs__read_goes_on_where_the_size_lies),
        cmocka_unit_test(test_base_fs__read_does_not_hang_on_a_fifo),
        cmocka_unit_test(test_base_fs__read_beneath_follows_no_link),
        cmocka_unit_test(test_base_fs__open_beneath_opens_and_follows_no_link),
        cmocka_unit_test(test_base_fs__mkdirs_makes_all_and_names_what_is_in_the_way),
        cmocka_unit_test(test_base_fs__mkdirs_honours_umask),
        cmocka_unit_test(test_base_fs__remove_tree_opens_read_only_folders),
        cmocka_unit_test(test_base_fs__remove_tree_follows_no_link),
        cmocka_unit_test(test_base_fs__remove_tree_goes_to_any_depth),
        cmocka_unit_test(test_base_fs__remove_tree_empties_wide_folders),
        cmocka_unit_test(test_base_fs__copy_goes_from_offset_to_end),
        cmocka_unit_test(test_base_fs__copy_works_where_the_kernel_cannot),
        cmocka_unit_test(test_base_fs__free_bytes_and_network),
        cmocka_unit_test(test_base_fs__sync_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
