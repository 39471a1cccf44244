/* SPDX-License-Identifier: MIT */
/* test_base_whole.c - files that appear whole: with every write, sync and rename failing in turn,
 * and killed in the middle. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <signal.h>

#include "base/auto.h"
#include "base/base_priv.h"
#include "base/fs.h"
#include "unit_tmp.h"

/* The n-th call of any of these fails (linked with --wrap); 0: none. */
static int fail_at, calls;
static bool nameless_refused;

static bool fails_now(void)
{
    return fail_at && ++calls == fail_at;
}

ssize_t __real_write(int fd, const void *data, size_t len);
ssize_t __wrap_write(int fd, const void *data, size_t len);
ssize_t __wrap_write(int fd, const void *data, size_t len)
{
    if (fails_now()) {
        errno = ENOSPC;
        return -1;
    }
    return __real_write(fd, data, len);
}

int __real_fsync(int fd);
int __wrap_fsync(int fd);
int __wrap_fsync(int fd)
{
    if (!fails_now()) return __real_fsync(fd);
    errno = EIO;
    return -1;
}

int __real_rename(const char *from, const char *to);
int __wrap_rename(const char *from, const char *to);
int __wrap_rename(const char *from, const char *to)
{
    if (!fails_now()) return __real_rename(from, to);
    errno = EACCES;
    return -1;
}

int __real_ptmi_os_tmpfile(const char *dir, mode_t mode);
int __wrap_ptmi_os_tmpfile(const char *dir, mode_t mode);
int __wrap_ptmi_os_tmpfile(const char *dir, mode_t mode)
{
    if (!nameless_refused) return __real_ptmi_os_tmpfile(dir, mode);
    errno = EOPNOTSUPP;
    return -1;
}

/* How copies inside the kernel go: as they do, one byte, or none at all. */
static enum { COPY_REALLY, COPY_ONE_BYTE, COPY_REFUSED } kernel_copy;

ssize_t __real_ptmi_os_copy_from(int fd_src, int64_t offset, int fd_dst, size_t len);
ssize_t __wrap_ptmi_os_copy_from(int fd_src, int64_t offset, int fd_dst, size_t len);
ssize_t __wrap_ptmi_os_copy_from(int fd_src, int64_t offset, int fd_dst, size_t len)
{
    if (kernel_copy == COPY_REALLY) return __real_ptmi_os_copy_from(fd_src, offset, fd_dst, len);
    if (kernel_copy == COPY_ONE_BYTE) {
        kernel_copy = COPY_REFUSED;
        return __real_ptmi_os_copy_from(fd_src, offset, fd_dst, 1);
    }
    errno = EXDEV;
    return -1;
}

PTM_DEFINE_CLEANUP(abort_whole, ptmi_whole *, ptmi_whole_abort)

static char *big_text(size_t len)
{
    char *text = malloc(len + 1);
    for (size_t i = 0; i < len; i++) text[i] = (char)('a' + i % 26);
    text[len] = '\0';
    return text;
}

static void test_base_whole__writes_and_leaves_equal_files_alone(void **state)
{
    (void)state;
    UNIT_TMP(tmp);
    const char *path = unit_path(tmp.path, "out.json");
    bool changed = false;
    assert_int_equal(ptmi_fs_write_whole(path, "one", 3, &changed, NULL), PTM_OK);
    assert_true(changed);
    struct stat first, second;
    assert_int_equal(stat(path, &first), 0);
    assert_int_equal(ptmi_fs_write_whole(path, "one", 3, &changed, NULL), PTM_OK);
    assert_false(changed);
    assert_int_equal(stat(path, &second), 0);
    assert_int_equal(first.st_ino, second.st_ino);
    assert_int_equal(ptmi_fs_write_whole(path, "two", 3, &changed, NULL), PTM_OK);
    assert_true(changed);
    PTM_AUTO(ptmi_freep) char *text = unit_read(path);
    assert_string_equal(text, "two");
    assert_int_equal(unit_entries(tmp.path), 1);
}

static void test_base_whole__long_content_survives_in_pieces(void **state)
{
    (void)state;
    UNIT_TMP(tmp);
    const char *path = unit_path(tmp.path, "big");
    PTM_AUTO(ptmi_freep) char *text = big_text(300000);
    PTM_AUTO(abort_whole) ptmi_whole *whole = NULL;
    assert_int_equal(ptmi_whole_open(path, 0644, &whole, NULL), PTM_OK);
    for (size_t at = 0, step = 1; at < 300000; at += step, step = step * 3 % 100001) {
        if (step > 300000 - at) step = 300000 - at;
        ptmi_whole_write(whole, text + at, step);
    }
    assert_false(ptmi_fs_exists(path));
    assert_int_equal(ptmi_whole_commit(whole, NULL, NULL), PTM_OK);
    PTM_AUTO(ptmi_freep) char *found = unit_read(path);
    assert_string_equal(found, text);
}

static void test_base_whole__abort_leaves_nothing(void **state)
{
    (void)state;
    UNIT_TMP(tmp);
    for (int named = 0; named < 2; named++) {
        nameless_refused = named;
        ptmi_whole *whole = NULL;
        assert_int_equal(ptmi_whole_open(unit_path(tmp.path, "x"), 0644, &whole, NULL), PTM_OK);
        ptmi_whole_puts(whole, "text");
        ptmi_whole_abort(whole);
        assert_int_equal(unit_entries(tmp.path), 0);
    }
    nameless_refused = false;
    ptmi_whole_abort(NULL);
}

static void test_base_whole__mode_honours_umask(void **state)
{
    (void)state;
    UNIT_TMP(tmp);
    for (int named = 0; named < 2; named++) {
        nameless_refused = named;
        const char *path = unit_path(tmp.path, named ? "named" : "nameless");
        mode_t before = umask(027);
        assert_int_equal(ptmi_fs_write_whole(path, "x", 1, NULL, NULL), PTM_OK);
        umask(before);
        struct stat st;
        assert_int_equal(stat(path, &st), 0);
        assert_int_equal(st.st_mode & 0777, 0640);
    }
    nameless_refused = false;
}

/* A name of the longest kind still has room for the temporary one beside it. */
static void test_base_whole__long_names_and_links(void **state)
{
    (void)state;
    UNIT_TMP(tmp);
    char name[256];
    memset(name, 'n', 255);
    name[255] = '\0';
    for (int named = 0; named < 2; named++) {
        nameless_refused = named;
        const char *text = named ? "named" : "nameless";
        assert_int_equal(
            ptmi_fs_write_whole(unit_path(tmp.path, name), text, strlen(text), NULL, NULL), PTM_OK);
    }
    nameless_refused = false;
    unit_write(unit_path(tmp.path, "victim"), "mine");
    assert_int_equal(symlink("victim", unit_path(tmp.path, "link")), 0);
    assert_int_equal(ptmi_fs_write_whole(unit_path(tmp.path, "link"), "mine", 4, NULL, NULL),
                     PTM_OK);
    struct stat st;
    assert_int_equal(lstat(unit_path(tmp.path, "link"), &st), 0);
    assert_true(S_ISREG(st.st_mode)); /* the link was replaced, not what it pointed at */
}

static void test_base_whole__missing_folder_is_named(void **state)
{
    (void)state;
    UNIT_TMP(tmp);
    struct ptm_err err = {0};
    assert_int_equal(ptmi_fs_write_whole(unit_path(tmp.path, "none/x"), "x", 1, NULL, &err),
                     PTM_ENOENT);
    assert_non_null(strstr(err.msg, "none/x"));
}

/* One file of several chunks, with call n failing: 0 when call n was never made. */
static bool write_with_failure(const char *path, const char *text, int n)
{
    calls = 0;
    fail_at = n;
    struct ptm_err err = {0};
    ptmi_whole *whole = NULL;
    bool changed = false;
    ptm_rc rc = ptmi_whole_open(path, 0644, &whole, &err);
    assert_int_equal(rc, PTM_OK);
    for (size_t at = 0; at < strlen(text); at += 1000)
        ptmi_whole_write(whole, text + at, strlen(text + at) < 1000 ? strlen(text + at) : 1000);
    rc = ptmi_whole_commit(whole, &changed, &err);
    ptmi_whole_abort(whole);
    bool failed = calls >= n;
    fail_at = 0;
    if (failed) {
        assert_true(rc < 0);
        assert_non_null(strstr(err.msg, path));
        assert_false(changed);
    } else {
        assert_int_equal(rc, PTM_OK);
    }
    return failed;
}

static void fail_every_call(const char *folder)
{
    const char *path = unit_path(folder, "target");
    PTM_AUTO(ptmi_freep) char *text = big_text(200000);
    int n = 1;
    for (;; n++) {
        unit_write(path, "old");
        if (!write_with_failure(path, text, n)) break;
        PTM_AUTO(ptmi_freep) char *found = unit_read(path);
        /* Old or new, never half; the new one only when the last sync (of the folder) is what
         * failed. */
        assert_true(!strcmp(found, "old") || !strcmp(found, text));
        assert_int_equal(unit_entries(folder), 1);
    }
    assert_true(n > 5); /* four writes, two syncs, a rename */
    PTM_AUTO(ptmi_freep) char *found = unit_read(path);
    assert_string_equal(found, text);
    assert_int_equal(unit_entries(folder), 1);
}

static void test_base_whole__any_failing_call_leaves_old_or_new(void **state)
{
    (void)state;
    UNIT_TMP(tmp);
    fail_every_call(tmp.path);
    nameless_refused = true;
    fail_every_call(tmp.path);
    nameless_refused = false;
}

static void test_base_whole__first_error_is_kept(void **state)
{
    (void)state;
    UNIT_TMP(tmp);
    PTM_AUTO(ptmi_freep) char *text = big_text(70000);
    PTM_AUTO(abort_whole) ptmi_whole *whole = NULL;
    struct ptm_err err = {0};
    assert_int_equal(ptmi_whole_open(unit_path(tmp.path, "x"), 0644, &whole, &err), PTM_OK);
    calls = 0, fail_at = 1;
    ptmi_whole_puts(whole, text);
    ptmi_whole_puts(whole, text);
    fail_at = 0;
    assert_int_equal(ptmi_whole_commit(whole, NULL, &err), PTM_ENOSPC);
    assert_int_equal(err.sys_errno, ENOSPC);
    assert_int_equal(unit_entries(tmp.path), 0);
}

static void test_base_whole__copies_of_other_files(void **state)
{
    (void)state;
    UNIT_TMP(tmp);
    PTM_AUTO(ptmi_freep) char *text = big_text(300000);
    unit_write(unit_path(tmp.path, "from"), text);
    PTM_AUTO(ptmi_closep) int fd = open(unit_path(tmp.path, "from"), O_RDONLY | O_CLOEXEC);
    for (int how = COPY_REALLY; how <= COPY_REFUSED; how++) {
        kernel_copy = how;
        PTM_AUTO(abort_whole) ptmi_whole *whole = NULL;
        const char *path = unit_path(tmp.path, "to");
        assert_int_equal(ptmi_whole_open(path, 0644, &whole, NULL), PTM_OK);
        ptmi_whole_puts(whole, "<");
        ptmi_whole_copy(whole, fd, 3, 200000);
        ptmi_whole_start_sync(whole);
        ptmi_whole_copy(whole, fd, 299999, 1);
        ptmi_whole_copy(whole, fd, 0, 0);
        ptmi_whole_puts(whole, ">");
        assert_true(ptmi_whole_ok(whole));
        assert_int_equal(ptmi_whole_publish(whole, true, NULL), PTM_OK);
        PTM_AUTO(ptmi_freep) char *found = unit_read(path);
        assert_int_equal(strlen(found), 200003);
        assert_memory_equal(found + 1, text + 3, 200000);
        assert_int_equal(found[200001], text[299999]);
    }
    kernel_copy = COPY_REALLY;
    assert_int_equal(lseek(fd, 0, SEEK_CUR), 0);
    assert_int_equal(unit_entries(tmp.path), 2);
}

static void test_base_whole__a_copy_of_too_little_fails(void **state)
{
    (void)state;
    UNIT_TMP(tmp);
    unit_write(unit_path(tmp.path, "from"), "text");
    PTM_AUTO(ptmi_closep) int fd = open(unit_path(tmp.path, "from"), O_RDONLY | O_CLOEXEC);
    PTM_AUTO(abort_whole) ptmi_whole *whole = NULL;
    assert_int_equal(ptmi_whole_open(unit_path(tmp.path, "to"), 0644, &whole, NULL), PTM_OK);
    ptmi_whole_copy(whole, fd, 2, 3);
    assert_false(ptmi_whole_ok(whole));
    ptmi_whole_copy(whole, fd, 0, 4); /* nothing more is done */
    assert_int_equal(ptmi_whole_publish(whole, true, NULL), PTM_EIO);
    assert_int_equal(unit_entries(tmp.path), 1);
}

/* A new file, with and without names for unfinished ones, and one that somebody else made first. */
static void test_base_whole__publish_never_replaces_unasked(void **state)
{
    (void)state;
    UNIT_TMP(tmp);
    const char *path = unit_path(tmp.path, "x");
    for (int named = 0; named < 2; named++) {
        nameless_refused = named;
        PTM_AUTO(abort_whole) ptmi_whole *first = NULL, *second = NULL;
        struct ptm_err err = {0};
        assert_int_equal(ptmi_whole_open(path, 0644, &first, NULL), PTM_OK);
        assert_int_equal(ptmi_whole_open(path, 0644, &second, NULL), PTM_OK);
        ptmi_whole_puts(first, "first");
        ptmi_whole_puts(second, "second");
        assert_int_equal(ptmi_whole_publish(first, false, &err), PTM_OK);
        assert_int_equal(ptmi_whole_publish(second, false, &err), PTM_EEXIST);
        assert_non_null(strstr(err.msg, path));
        PTM_AUTO(ptmi_freep) char *found = unit_read(path);
        assert_string_equal(found, "first");
        assert_int_equal(unit_entries(tmp.path), 1);
        assert_int_equal(unlink(path), 0);
    }
    nameless_refused = false;
}

static int write_forever(void *arg)
{
    PTM_AUTO(ptmi_freep) char *text = big_text(100000);
    ptmi_whole *whole = NULL;
    UNIT_CHECK(ptmi_whole_open(arg, 0644, &whole, NULL) == PTM_OK);
    ptmi_whole_puts(whole, text);
    (void)kill(getpid(), SIGKILL);
    return 1;
}

static void test_base_whole__kill_leaves_nothing_behind(void **state)
{
    (void)state;
    UNIT_TMP(tmp);
    int probe = ptmi_os_tmpfile(tmp.path, 0600);
    if (probe < 0) UNIT_SKIP_TEST_IN(tmp, "the file system under /tmp has no nameless files");
    close(probe);
    char path[128];
    snprintf(path, sizeof path, "%s/x", tmp.path);
    assert_int_equal(unit_in_child(write_forever, path), 128 + SIGKILL);
    assert_int_equal(unit_entries(tmp.path), 0);
}

static int write_on_full_disk(void *arg)
{
    const char *folder = arg;
    if (!unit_own_mounts()) return UNIT_SKIP;
    if (mount("tmpfs", folder, "tmpfs", 0, "size=128k") != 0) return UNIT_SKIP;
    PTM_AUTO(ptmi_freep) char *text = big_text(1 << 20);
    struct ptm_err err = {0};
    const char *path = unit_path(folder, "x");
    UNIT_CHECK(ptmi_fs_write_whole(path, "old", 3, NULL, &err) == PTM_OK);
    UNIT_CHECK(ptmi_fs_write_whole(path, text, 1 << 20, NULL, &err) == PTM_ENOSPC);
    UNIT_CHECK(strstr(err.msg, path));
    PTM_AUTO(ptmi_freep) char *found = unit_read(path);
    UNIT_CHECK(!strcmp(found, "old") && unit_entries(folder) == 1);
    return 0;
}

static void test_base_whole__full_disk_keeps_the_old_file(void **state)
{
    (void)state;
    UNIT_TMP(tmp);
    int status = unit_in_child(write_on_full_disk, tmp.path);
    if (status == UNIT_SKIP) UNIT_SKIP_TEST_IN(tmp, "may not mount a small tmpfs here");
    assert_int_equal(status, 0);
}

static int write_on_read_only(void *arg)
{
    const char *folder = arg;
    if (!unit_own_mounts()) return UNIT_SKIP;
    if (mount("tmpfs", folder, "tmpfs", MS_RDONLY, "size=128k") != 0) return UNIT_SKIP;
    struct ptm_err err = {0};
    UNIT_CHECK(ptmi_fs_write_whole(unit_path(folder, "x"), "x", 1, NULL, &err) == PTM_EPERM);
    UNIT_CHECK(strstr(err.msg, folder));
    UNIT_CHECK(ptmi_fs_mkdirs(unit_path(folder, "a/b"), &err) == PTM_EPERM);
    UNIT_CHECK(strstr(err.msg, folder));
    return 0;
}

static void test_base_whole__read_only_folder_is_named(void **state)
{
    (void)state;
    UNIT_TMP(tmp);
    int status = unit_in_child(write_on_read_only, tmp.path);
    if (status == UNIT_SKIP) UNIT_SKIP_TEST_IN(tmp, "may not mount a read-only tmpfs here");
    assert_int_equal(status, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_base_whole__writes_and_leaves_equal_files_alone),
        cmocka_unit_test(test_base_whole__long_content_survives_in_pieces),
        cmocka_unit_test(test_base_whole__abort_leaves_nothing),
        cmocka_unit_test(test_base_whole__mode_honours_umask),
        cmocka_unit_test(test_base_whole__long_names_and_links),
        cmocka_unit_test(test_base_whole__missing_folder_is_named),
        cmocka_unit_test(test_base_whole__any_failing_call_leaves_old_or_new),
        cmocka_unit_test(test_base_whole__first_error_is_kept),
        cmocka_unit_test(test_base_whole__copies_of_other_files),
        cmocka_unit_test(test_base_whole__a_copy_of_too_little_fails),
        cmocka_unit_test(test_base_whole__publish_never_replaces_unasked),
        cmocka_unit_test(test_base_whole__kill_leaves_nothing_behind),
        cmocka_unit_test(test_base_whole__full_disk_keeps_the_old_file),
        cmocka_unit_test(test_base_whole__read_only_folder_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
