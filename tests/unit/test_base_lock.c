/* SPDX-License-Identifier: MIT */
/* test_base_lock.c - locks between descriptors, threads and processes; waiting, cancelling,
 * removal. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <pthread.h>
#include <signal.h>

#include "base/auto.h"
#include "base/fs.h"
#include "unit_tmp.h"

PTM_DEFINE_CLEANUP(release, ptmi_lock *, ptmi_lock_release)
PTM_DEFINE_CLEANUP(free_ctx, ptm_ctx *, ptm_ctx_free)

static void test_base_lock__excludes_within_the_process(void **state)
{
    (void)state;
    UNIT_TMP(tmp);
    const char *path = unit_path(tmp.path, "lock");
    ptmi_lock *first = NULL, *second = NULL;
    struct ptm_err err = {0};
    assert_int_equal(ptmi_lock_try(NULL, path, &first, &err), PTM_OK);
    assert_int_equal(ptmi_lock_try(NULL, path, &second, &err), PTM_EBUSY);
    assert_null(second);
    char pid[32];
    snprintf(pid, sizeof pid, "%ld", (long)getpid());
    assert_non_null(strstr(err.msg, pid));
    ptmi_lock_release(first);
    assert_int_equal(ptmi_lock_try(NULL, path, &second, &err), PTM_OK);
    ptmi_lock_release(second);
    assert_true(ptmi_fs_exists(path));
    ptmi_lock_release(NULL);
    ptmi_lock_remove(NULL);
}

/* Takes the lock, says so, and waits to be killed. */
static pid_t start_holder(const char *path)
{
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    pid_t pid = fork();
    if (pid == 0) {
        ptmi_lock *lock = NULL;
        if (ptmi_lock_take(NULL, path, &lock, NULL) != PTM_OK) _exit(1);
        if (write(ends[1], "x", 1) != 1) _exit(1);
        for (;;) pause();
    }
    char c;
    assert_int_equal(read(ends[0], &c, 1), 1);
    close(ends[0]);
    close(ends[1]);
    return pid;
}

static void end_holder(pid_t pid)
{
    assert_int_equal(kill(pid, SIGKILL), 0);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
}

static void test_base_lock__goes_with_its_holder(void **state)
{
    (void)state;
    UNIT_TMP(tmp);
    const char *path = unit_path(tmp.path, "lock");
    pid_t holder = start_holder(path);
    PTM_AUTO(release) ptmi_lock *lock = NULL;
    struct ptm_err err = {0};
    assert_int_equal(ptmi_lock_try(NULL, path, &lock, &err), PTM_EBUSY);
    char pid[32];
    snprintf(pid, sizeof pid, "process %ld", (long)holder);
    assert_non_null(strstr(err.msg, pid));
    end_holder(holder);
    assert_int_equal(ptmi_lock_try(NULL, path, &lock, &err), PTM_OK);
}

/* Keeps what was logged, and cancels when told to. */
struct heard {
    int lines;
    char last[512];
    pid_t kill_pid;
};

static void hear(void *arg, ptm_log_level level, const char *module, const char *line)
{
    (void)module;
    struct heard *heard = arg;
    if (level != PTM_LOG_WARN) return;
    heard->lines++;
    snprintf(heard->last, sizeof heard->last, "%s", line);
    if (heard->kill_pid) (void)kill(heard->kill_pid, SIGKILL);
}

static ptm_ctx *listening_ctx(struct heard *heard)
{
    struct ptm_ctx_opts opts = PTM_CTX_OPTS_INIT;
    opts.log = hear;
    opts.log_arg = heard;
    ptm_ctx *ctx = NULL;
    assert_int_equal(ptm_ctx_new(&opts, &ctx, NULL), PTM_OK);
    return ctx;
}

static void test_base_lock__take_waits_and_tells_once(void **state)
{
    (void)state;
    UNIT_TMP(tmp);
    const char *path = unit_path(tmp.path, "lock");
    struct heard heard = {.kill_pid = start_holder(path)};
    PTM_AUTO(free_ctx) ptm_ctx *ctx = listening_ctx(&heard);
    PTM_AUTO(release) ptmi_lock *lock = NULL;
    /* The message itself is what ends the holder: had we not waited, there would be none. */
    assert_int_equal(ptmi_lock_take(ctx, path, &lock, NULL), PTM_OK);
    assert_int_equal(waitpid(heard.kill_pid, NULL, 0), heard.kill_pid);
    assert_int_equal(heard.lines, 1);
    assert_non_null(strstr(heard.last, path));
    char pid[32];
    snprintf(pid, sizeof pid, "process %ld", (long)heard.kill_pid);
    assert_non_null(strstr(heard.last, pid));
}

static void test_base_lock__take_ends_when_cancelled(void **state)
{
    (void)state;
    UNIT_TMP(tmp);
    const char *path = unit_path(tmp.path, "lock");
    pid_t holder = start_holder(path);
    struct heard heard = {0};
    PTM_AUTO(free_ctx) ptm_ctx *ctx = listening_ctx(&heard);
    ptm_ctx_cancel(ctx, 1);
    PTM_AUTO(release) ptmi_lock *lock = NULL;
    struct ptm_err err = {0};
    assert_int_equal(ptmi_lock_take(ctx, path, &lock, &err), PTM_ECANCELED);
    assert_non_null(strstr(err.msg, path));
    end_holder(holder);
}

/* Many take and remove one lock at once; the counter is only right if it excludes all the time. */
struct race {
    const char *path;
    int inside;
    long total;
    bool clash;
};

static void *take_and_remove(void *arg)
{
    struct race *race = arg;
    for (int i = 0; i < 15; i++) {
        ptmi_lock *lock = NULL;
        if (ptmi_lock_take(NULL, race->path, &lock, NULL) != PTM_OK) break;
        if (__atomic_add_fetch(&race->inside, 1, __ATOMIC_SEQ_CST) != 1) race->clash = true;
        race->total++;
        __atomic_sub_fetch(&race->inside, 1, __ATOMIC_SEQ_CST);
        if (i % 2)
            ptmi_lock_remove(lock);
        else
            ptmi_lock_release(lock);
    }
    return NULL;
}

static void test_base_lock__removing_never_lets_two_in(void **state)
{
    (void)state;
    UNIT_TMP(tmp);
    struct race race = {.path = unit_path(tmp.path, "lock")};
    pthread_t threads[4];
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, take_and_remove, &race), 0);
    for (int i = 0; i < 4; i++) pthread_join(threads[i], NULL);
    assert_false(race.clash);
    assert_int_equal(race.total, 60);
}

static void test_base_lock__remove_leaves_no_file(void **state)
{
    (void)state;
    UNIT_TMP(tmp);
    ptmi_lock *lock = NULL;
    assert_int_equal(ptmi_lock_take(NULL, unit_path(tmp.path, "lock"), &lock, NULL), PTM_OK);
    ptmi_lock_remove(lock);
    assert_int_equal(unit_entries(tmp.path), 0);
    struct ptm_err err = {0};
    assert_int_equal(ptmi_lock_take(NULL, unit_path(tmp.path, "none/lock"), &lock, &err),
                     PTM_ENOENT);
    assert_non_null(strstr(err.msg, "none/lock"));
}

/* A name that others can plant: what a link leads to is not emptied. */
static void test_base_lock__planted_links_are_not_written_through(void **state)
{
    (void)state;
    UNIT_TMP(tmp);
    const char *precious = unit_path(tmp.path, "precious"), *path = unit_path(tmp.path, "lock");
    struct ptm_err err = {0};
    ptmi_lock *lock = NULL;
    unit_write(precious, "all my notes");
    assert_int_equal(symlink("precious", path), 0);
    assert_int_equal(ptmi_lock_take(NULL, path, &lock, &err), PTM_EUNSAFE);
    assert_non_null(strstr(err.msg, path));
    assert_int_equal(ptmi_lock_try(NULL, path, &lock, &err), PTM_EUNSAFE);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(link(precious, path), 0);
    ptmi_lock *second = NULL;
    assert_int_equal(ptmi_lock_take(NULL, path, &lock, &err), PTM_OK);
    assert_int_equal(ptmi_lock_try(NULL, path, &second, &err), PTM_EBUSY);
    ptmi_lock_remove(lock);
    assert_int_equal(mkfifo(path, 0600), 0);
    assert_int_equal(ptmi_lock_try(NULL, path, &lock, &err), PTM_EUNSAFE);
    PTM_AUTO(ptmi_freep) char *text = unit_read(precious);
    assert_string_equal(text, "all my notes");
}

/* Where open-file-description locks are refused, flock() excludes just the same. */
static int refuse_with;
int __real_ptmi_os_lock(int fd, bool lock);
int __wrap_ptmi_os_lock(int fd, bool lock);
int __wrap_ptmi_os_lock(int fd, bool lock)
{
    return refuse_with ? refuse_with : __real_ptmi_os_lock(fd, lock);
}

static void test_base_lock__falls_back_to_flock(void **state)
{
    (void)state;
    static const int refusals[] = {ENOLCK, EINVAL, ENOTSUP, ENOSYS};
    for (size_t i = 0; i < sizeof refusals / sizeof refusals[0]; i++) {
        refuse_with = refusals[i];
        test_base_lock__excludes_within_the_process(state);
        test_base_lock__goes_with_its_holder(state);
    }
    refuse_with = 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_base_lock__excludes_within_the_process),
        cmocka_unit_test(test_base_lock__goes_with_its_holder),
        cmocka_unit_test(test_base_lock__take_waits_and_tells_once),
        cmocka_unit_test(test_base_lock__take_ends_when_cancelled),
        cmocka_unit_test(test_base_lock__removing_never_lets_two_in),
        cmocka_unit_test(test_base_lock__remove_leaves_no_file),
        cmocka_unit_test(test_base_lock__planted_links_are_not_written_through),
        cmocka_unit_test(test_base_lock__falls_back_to_flock),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
