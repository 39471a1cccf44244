/* SPDX-License-Identifier: MIT */
/* test_store_put.c - bytes become objects: whole or not at all, whatever fails, is killed, is full,
 * or does the same at once. */
#include "unit_store.h"

#include <signal.h>

/* The n-th call of any of these fails (linked with --wrap); 0: none. */
static int fail_at, calls;
static int refuse_links; /* errno of every link() */

static bool fails_now(void)
{
    if (!fail_at || ++calls != fail_at) return false;
    errno = EIO;
    return true;
}

ssize_t __real_write(int fd, const void *data, size_t len);
ssize_t __wrap_write(int fd, const void *data, size_t len);
ssize_t __wrap_write(int fd, const void *data, size_t len)
{
    return fails_now() ? -1 : __real_write(fd, data, len);
}

int __real_fsync(int fd);
int __wrap_fsync(int fd);
int __wrap_fsync(int fd)
{
    return fails_now() ? -1 : __real_fsync(fd);
}

int __real_rename(const char *from, const char *to);
int __wrap_rename(const char *from, const char *to);
int __wrap_rename(const char *from, const char *to)
{
    return fails_now() ? -1 : __real_rename(from, to);
}

int __real_mkdir(const char *path, mode_t mode);
int __wrap_mkdir(const char *path, mode_t mode);
int __wrap_mkdir(const char *path, mode_t mode)
{
    return fails_now() ? -1 : __real_mkdir(path, mode);
}

int __real_link(const char *from, const char *to);
int __wrap_link(const char *from, const char *to);
int __wrap_link(const char *from, const char *to)
{
    if (!refuse_links) return fails_now() ? -1 : __real_link(from, to);
    errno = refuse_links;
    return -1;
}

static void test_store_put__makes_a_read_only_object_of_the_past(void **state)
{
    (void)state;
    UNIT_TMP(tmp);
    PTM_AUTO(unit_store_closep) ptm_store *store = unit_store(tmp.path);
    PTM_AUTO(ptmi_closep) int fd = unit_text_fd("weights");
    struct unit_oid want = unit_oid_of("weights");
    char oid[65] = "";
    int64_t size = 0;
    assert_false(ptm_store_has(store, want.hex, NULL));
    assert_int_equal(ptm_store_put_fd(store, fd, NULL, oid, NULL), PTM_OK);
    assert_string_equal(oid, want.hex);
    assert_true(ptm_store_has(store, oid, &size));
    assert_int_equal(size, 7);
    struct stat st = unit_object_stat(store, oid);
    assert_int_equal(st.st_mode & 0777, 0444);
    assert_int_equal(st.st_mtim.tv_sec, 946684800);
    assert_int_equal(st.st_nlink, 1);
    char path[256];
    snprintf(path, sizeof path, "%s/.ptm/objects/sha256/%.2s/%.2s/%s", tmp.path, oid, oid + 2, oid);
    PTM_AUTO(ptmi_freep) char *named = NULL;
    assert_int_equal(ptm_store_path(store, oid, &named, NULL), PTM_OK);
    assert_string_equal(named, path);
    PTM_AUTO(ptmi_freep) char *text = unit_read(path);
    assert_string_equal(text, "weights");
    assert_int_equal(unit_entries(unit_path(tmp.path, ".ptm/tmp")), 0);
}

static void test_store_put__an_empty_file_is_an_object_too(void **state)
{
    (void)state;
    UNIT_TMP(tmp);
    PTM_AUTO(unit_store_closep) ptm_store *store = unit_store(tmp.path);
    struct unit_oid oid = unit_oid_of("");
    assert_int_equal(unit_put(store, "", oid.hex, NULL), PTM_OK);
    assert_int_equal(ptm_store_verify(store, oid.hex, NULL), PTM_OK);
}

static void test_store_put__wrong_content_is_not_published(void **state)
{
    (void)state;
    UNIT_TMP(tmp);
    PTM_AUTO(unit_store_closep) ptm_store *store = unit_store(tmp.path);
    struct unit_oid want = unit_oid_of("right"), wrong = unit_oid_of("wrong");
    struct ptm_err err = {0};
    assert_int_equal(unit_put(store, "wrong", want.hex, &err), PTM_EHASH);
    assert_non_null(strstr(err.msg, want.hex));
    assert_non_null(strstr(err.msg, wrong.hex));
    assert_int_equal(unit_objects(store), 0);
    assert_int_equal(unit_entries(unit_path(tmp.path, ".ptm/tmp")), 0);
    /* The same when the object is there and nothing would be written. */
    assert_int_equal(unit_put(store, "right", want.hex, &err), PTM_OK);
    assert_int_equal(unit_put(store, "wrong", want.hex, &err), PTM_EHASH);
    assert_int_equal(unit_put(store, "x", "not-an-oid", &err), PTM_EINVAL);
    assert_int_equal(unit_objects(store), 1);
}

static void test_store_put__twice_is_once(void **state)
{
    (void)state;
    UNIT_TMP(tmp);
    PTM_AUTO(unit_store_closep) ptm_store *store = unit_store(tmp.path);
    struct unit_oid oid = unit_oid_of("same");
    assert_int_equal(unit_put(store, "same", NULL, NULL), PTM_OK);
    ino_t first = unit_object_stat(store, oid.hex).st_ino;
    assert_int_equal(unit_put(store, "same", NULL, NULL), PTM_OK);
    assert_int_equal(unit_put(store, "same", oid.hex, NULL), PTM_OK);
    assert_int_equal(unit_object_stat(store, oid.hex).st_ino, first);
    assert_int_equal(unit_entries(unit_path(tmp.path, ".ptm/tmp")), 0);
}

static void test_store_put__honours_umask(void **state)
{
    (void)state;
    UNIT_TMP(tmp);
    PTM_AUTO(unit_store_closep) ptm_store *store = unit_store(tmp.path);
    mode_t before = umask(027);
    assert_int_equal(unit_put(store, "x", NULL, NULL), PTM_OK);
    umask(before);
    assert_int_equal(unit_object_stat(store, unit_oid_of("x").hex).st_mode & 0777, 0440);
}

static void test_store_put__works_where_there_are_no_hard_links(void **state)
{
    (void)state;
    static const int refusals[] = {EPERM, EOPNOTSUPP, ENOSYS};
    for (size_t i = 0; i < sizeof refusals / sizeof refusals[0]; i++) {
        UNIT_TMP(tmp);
        PTM_AUTO(unit_store_closep) ptm_store *store = unit_store(tmp.path);
        refuse_links = refusals[i];
        assert_int_equal(unit_put(store, "x", NULL, NULL), PTM_OK);
        assert_int_equal(unit_put(store, "x", NULL, NULL), PTM_OK);
        refuse_links = 0;
        assert_int_equal(ptm_store_verify(store, unit_oid_of("x").hex, NULL), PTM_OK);
        assert_int_equal(unit_entries(unit_path(tmp.path, ".ptm/tmp")), 0);
    }
}

static void test_store_put__any_failing_call_leaves_absent_or_whole(void **state)
{
    (void)state;
    struct unit_oid oid = unit_oid_of("content");
    int n = 1;
    for (bool failed = true; failed; n++) {
        UNIT_TMP(tmp);
        PTM_AUTO(unit_store_closep) ptm_store *store = unit_store(tmp.path);
        PTM_AUTO(ptmi_closep) int fd = unit_text_fd("content");
        struct ptm_err err = {0};
        calls = 0, fail_at = n;
        ptm_rc rc = ptm_store_put_fd(store, fd, NULL, NULL, &err);
        failed = calls >= n;
        fail_at = 0;
        assert_int_equal(rc, failed ? PTM_EIO : PTM_OK);
        if (failed) assert_non_null(strstr(err.msg, tmp.path));
        if (ptm_store_has(store, oid.hex, NULL))
            assert_int_equal(ptm_store_verify(store, oid.hex, NULL), PTM_OK);
        assert_int_equal(unit_entries(unit_path(tmp.path, ".ptm/tmp")), 0);
        assert_int_equal(unit_put(store, "content", oid.hex, NULL), PTM_OK);
    }
    assert_true(n > 7); /* write, sync, two folders with their syncs, link, sync */
}

struct pipe_put {
    const char *root;
    int in[2];
};

static int put_from_pipe(void *arg)
{
    struct pipe_put *job = arg;
    close(job->in[1]);
    PTM_AUTO(unit_store_closep) ptm_store *store = unit_store(job->root);
    UNIT_CHECK(store);
    return ptm_store_put_fd(store, job->in[0], NULL, NULL, NULL) == PTM_OK ? 0 : 1;
}

/* A child that has stored a first piece and waits for more; the temporary file is there when this
 * returns. */
static pid_t start_put(struct pipe_put *job)
{
    assert_int_equal(pipe(job->in), 0);
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) _exit(put_from_pipe(job));
    close(job->in[0]);
    assert_int_equal(write(job->in[1], "first", 5), 5);
    for (int i = 0; i < 1000 && unit_entries(unit_path(job->root, ".ptm/tmp")) < 1; i++)
        usleep(5000);
    assert_int_equal(unit_entries(unit_path(job->root, ".ptm/tmp")), 1);
    return pid;
}

static void test_store_put__kill_in_the_middle_leaves_nothing_visible(void **state)
{
    (void)state;
    UNIT_TMP(tmp);
    struct pipe_put job = {.root = tmp.path};
    pid_t pid = start_put(&job);
    assert_int_equal(kill(pid, SIGKILL), 0);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
    close(job.in[1]);
    PTM_AUTO(unit_store_closep) ptm_store *store = unit_store(tmp.path); /* sweeps */
    assert_int_equal(unit_objects(store), 0);
    assert_int_equal(unit_entries(unit_path(tmp.path, ".ptm/tmp")), 0);
}

static void test_store_put__opening_sweeps_no_file_in_use(void **state)
{
    (void)state;
    UNIT_TMP(tmp);
    struct pipe_put job = {.root = tmp.path};
    pid_t pid = start_put(&job);
    PTM_AUTO(unit_store_closep) ptm_store *store = unit_store(tmp.path);
    assert_int_equal(unit_entries(unit_path(tmp.path, ".ptm/tmp")), 1);
    assert_int_equal(write(job.in[1], "second", 6), 6);
    close(job.in[1]);
    int status = -1;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    assert_int_equal(ptm_store_verify(store, unit_oid_of("firstsecond").hex, NULL), PTM_OK);
}

static int put_many(void *arg)
{
    PTM_AUTO(unit_store_closep) ptm_store *store = unit_store(arg);
    UNIT_CHECK(store);
    for (int i = 0; i < 40; i++) {
        char text[32];
        snprintf(text, sizeof text, "object %d", i);
        struct ptm_err err = {0};
        if (unit_put(store, text, NULL, &err) != PTM_OK) fprintf(stderr, "%s\n", err.msg);
        UNIT_CHECK(err.rc == PTM_OK);
    }
    return 0;
}

static void test_store_put__many_processes_put_the_same_at_once(void **state)
{
    (void)state;
    UNIT_TMP(tmp);
    pid_t pids[4];
    fflush(NULL);
    for (int i = 0; i < 4; i++)
        if ((pids[i] = fork()) == 0) _exit(put_many(tmp.path));
    for (int i = 0; i < 4; i++) {
        int status = -1;
        assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
        assert_int_equal(status, 0);
    }
    PTM_AUTO(unit_store_closep) ptm_store *store = unit_store(tmp.path);
    assert_int_equal(unit_objects(store), 40);
    assert_int_equal(unit_entries(unit_path(tmp.path, ".ptm/tmp")), 0);
    for (int i = 0; i < 40; i++) {
        char text[32];
        snprintf(text, sizeof text, "object %d", i);
        assert_int_equal(ptm_store_verify(store, unit_oid_of(text).hex, NULL), PTM_OK);
    }
}

static int use_read_only(void *arg)
{
    const char *root = arg;
    if (!unit_own_mounts()) return UNIT_SKIP;
    if (mount("tmpfs", root, "tmpfs", 0, "size=1m") != 0) return UNIT_SKIP;
    {
        PTM_AUTO(unit_store_closep) ptm_store *store = unit_store(root);
        UNIT_CHECK(store && unit_put(store, "x", NULL, NULL) == PTM_OK);
    }
    UNIT_CHECK(mount(NULL, root, NULL, MS_REMOUNT | MS_RDONLY, NULL) == 0);
    struct ptm_err err = {0};
    ptm_store *none = NULL;
    UNIT_CHECK(ptm_store_open(NULL, unit_path(root, "other"), &none, &err) == PTM_EPERM);
    UNIT_CHECK(none == NULL && strstr(err.msg, unit_path(root, "other")));
    /* What is there can still be read and verified. */
    PTM_AUTO(unit_store_closep) ptm_store *store = unit_store(root);
    UNIT_CHECK(store && ptm_store_verify(store, unit_oid_of("x").hex, NULL) == PTM_OK);
    UNIT_CHECK(unit_put(store, "y", NULL, &err) == PTM_EPERM && strstr(err.msg, root));
    ptm_store_slot *slot = NULL;
    bool present = false;
    UNIT_CHECK(ptm_store_slot_open(store, unit_oid_of("y").hex, &slot, &present, &err) ==
               PTM_EPERM);
    UNIT_CHECK(strstr(err.msg, root));
    UNIT_CHECK(ptm_store_remove(store, unit_oid_of("x").hex, &err) == PTM_EPERM);
    return 0;
}

static void test_store_put__read_only_root_is_named(void **state)
{
    (void)state;
    UNIT_TMP(tmp);
    int status = unit_in_child(use_read_only, tmp.path);
    if (status == UNIT_SKIP) UNIT_SKIP_TEST_IN(tmp, "may not mount a tmpfs here");
    assert_int_equal(status, 0);
}

static int use_full_disk(void *arg)
{
    const char *root = arg;
    if (!unit_own_mounts()) return UNIT_SKIP;
    if (mount("tmpfs", root, "tmpfs", 0, "size=512k") != 0) return UNIT_SKIP;
    PTM_AUTO(unit_store_closep) ptm_store *store = unit_store(root);
    UNIT_CHECK(store && unit_put(store, "small", NULL, NULL) == PTM_OK);
    size_t len = 1 << 20;
    PTM_AUTO(ptmi_freep) char *big = malloc(len + 1);
    memset(big, 'x', len);
    big[len] = '\0';
    struct ptm_err err = {0};
    UNIT_CHECK(unit_put(store, big, NULL, &err) == PTM_ENOSPC);
    UNIT_CHECK(strstr(err.msg, root));
    UNIT_CHECK(unit_objects(store) == 1 && unit_entries(unit_path(root, ".ptm/tmp")) == 0);
    /* A copy that does not fit leaves neither half a file nor a temporary one. */
    memset(big, 'y', 300 << 10);
    big[300 << 10] = '\0';
    struct unit_oid oid = unit_oid_of(big);
    UNIT_CHECK(unit_put(store, big, NULL, NULL) == PTM_OK);
    UNIT_CHECK(ptm_store_link(store, oid.hex, unit_path(root, "copy"), PTM_LINK_COPY, false, NULL,
                              &err) == PTM_ENOSPC);
    UNIT_CHECK(strstr(err.msg, unit_path(root, "copy")));
    UNIT_CHECK(!ptmi_fs_exists(unit_path(root, "copy")));
    UNIT_CHECK(unit_entries(unit_path(root, ".ptm/tmp")) == 0);
    return 0;
}

static void test_store_put__full_disk_leaves_no_half_object(void **state)
{
    (void)state;
    UNIT_TMP(tmp);
    int status = unit_in_child(use_full_disk, tmp.path);
    if (status == UNIT_SKIP) UNIT_SKIP_TEST_IN(tmp, "may not mount a small tmpfs here");
    assert_int_equal(status, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_store_put__makes_a_read_only_object_of_the_past),
        cmocka_unit_test(test_store_put__an_empty_file_is_an_object_too),
        cmocka_unit_test(test_store_put__wrong_content_is_not_published),
        cmocka_unit_test(test_store_put__twice_is_once),
        cmocka_unit_test(test_store_put__honours_umask),
        cmocka_unit_test(test_store_put__works_where_there_are_no_hard_links),
        cmocka_unit_test(test_store_put__any_failing_call_leaves_absent_or_whole),
        cmocka_unit_test(test_store_put__kill_in_the_middle_leaves_nothing_visible),
        cmocka_unit_test(test_store_put__opening_sweeps_no_file_in_use),
        cmocka_unit_test(test_store_put__many_processes_put_the_same_at_once),
        cmocka_unit_test(test_store_put__read_only_root_is_named),
        cmocka_unit_test(test_store_put__full_disk_leaves_no_half_object),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
