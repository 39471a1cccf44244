/* SPDX-License-Identifier: MIT */
/*
 * test_store_nomem.c - every allocation of the store, the whole-file writer, locks, pool and
 * processes fails once: the call says so or does without, what is on disk is old or new, and
 * nothing is leaked (the build under ASan sees that).
 */
#include "unit_store.h"

#include "base/pool.h"
#include "base/proc.h"
#include "fail_alloc.h"

/* No job here needs more. */
#define MOST_ALLOCATIONS 300

struct scene {
    char root[128];
    struct unit_oid oid; /* of "content", which is in the store */
    int fd;              /* holds "fresh" */
};

typedef ptm_rc (*job_fn)(const struct scene *scene, struct ptm_err *err);
typedef void (*check_fn)(const struct scene *scene, ptm_rc rc);

static void run_once(job_fn job, check_fn check, int n, bool *out_hit)
{
    UNIT_TMP(tmp);
    struct scene scene = {.oid = unit_oid_of("content")};
    snprintf(scene.root, sizeof scene.root, "%s", tmp.path);
    {
        PTM_AUTO(unit_store_closep) ptm_store *store = unit_store(tmp.path);
        assert_int_equal(unit_put(store, "content", NULL, NULL), PTM_OK);
    }
    unit_write(unit_path(tmp.path, "file"), "old");
    PTM_AUTO(ptmi_closep) int fd = unit_text_fd("fresh");
    scene.fd = fd;
    struct ptm_err err = {0};
    fail_alloc_arm(n);
    ptm_rc rc = job(&scene, &err);
    *out_hit = fail_alloc_disarm();
    if (rc != PTM_OK) {
        assert_true(*out_hit);
        assert_int_equal(rc, PTM_ENOMEM);
        assert_int_equal(err.rc, PTM_ENOMEM);
    }
    if (check) check(&scene, rc);
    PTM_AUTO(unit_store_closep) ptm_store *store = unit_store(tmp.path);
    assert_int_equal(ptm_store_verify(store, scene.oid.hex, NULL), PTM_OK);
    assert_int_equal(unit_entries(unit_path(tmp.path, ".ptm/tmp")), 0);
    assert_int_equal(unit_entries(unit_path(tmp.path, ".ptm/locks")), 0);
}

static void torture(job_fn job, check_fn check)
{
    int n = 0;
    for (bool hit = true; hit && n < MOST_ALLOCATIONS;) run_once(job, check, ++n, &hit);
    assert_in_range(n, 2, MOST_ALLOCATIONS - 1);
}

static ptm_rc put_job(const struct scene *scene, struct ptm_err *err)
{
    PTM_AUTO(unit_store_closep) ptm_store *store = NULL;
    PTM_TRY(ptm_store_open(NULL, scene->root, &store, err));
    return ptm_store_put_fd(store, scene->fd, NULL, NULL, err);
}

static void check_put(const struct scene *scene, ptm_rc rc)
{
    PTM_AUTO(unit_store_closep) ptm_store *store = unit_store(scene->root);
    struct unit_oid fresh = unit_oid_of("fresh");
    if (rc == PTM_OK || ptm_store_has(store, fresh.hex, NULL))
        assert_int_equal(ptm_store_verify(store, fresh.hex, NULL), PTM_OK);
}

static void test_store_nomem__put(void **state)
{
    (void)state;
    torture(put_job, check_put);
}

static ptm_rc slot_job(const struct scene *scene, struct ptm_err *err)
{
    PTM_AUTO(unit_store_closep) ptm_store *store = NULL;
    PTM_TRY(ptm_store_open(NULL, scene->root, &store, err));
    /* SHA-256 of "fresh", written out: hashing it here would allocate. */
    static const char fresh[] = "d098ab5e44b9aabb755f76d806598f43573c662b35e4a2eab1e312ec9ad195e2";
    PTM_AUTO(unit_slot_closep) ptm_store_slot *slot = NULL;
    bool present = false;
    PTM_TRY(ptm_store_slot_open(store, fresh, &slot, &present, err));
    int fd = open(ptm_store_slot_part(slot), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (fd < 0 || write(fd, "fresh", 5) != 5 || close(fd) != 0) abort();
    ptm_rc rc = ptm_store_slot_commit(slot, 5, err);
    if (rc < 0) (void)unlink(ptm_store_slot_part(slot)); /* parts would stay, as they should */
    return rc;
}

static void test_store_nomem__slot(void **state)
{
    (void)state;
    torture(slot_job, NULL);
}

static ptm_rc link_over(const struct scene *scene, ptm_link_mode mode, struct ptm_err *err)
{
    PTM_AUTO(unit_store_closep) ptm_store *store = NULL;
    PTM_TRY(ptm_store_open(NULL, scene->root, &store, err));
    return ptm_store_link(store, scene->oid.hex, unit_path(scene->root, "file"), mode, false, NULL,
                          err);
}

static ptm_rc hard_job(const struct scene *scene, struct ptm_err *err)
{
    return link_over(scene, PTM_LINK_AUTO, err);
}

static ptm_rc copy_job(const struct scene *scene, struct ptm_err *err)
{
    return link_over(scene, PTM_LINK_COPY, err);
}

static void check_file(const struct scene *scene, ptm_rc rc)
{
    PTM_AUTO(ptmi_freep) char *text = unit_read(unit_path(scene->root, "file"));
    assert_non_null(text);
    assert_string_equal(text, rc == PTM_OK ? "content" : "old");
    assert_int_equal(unit_entries(scene->root), 2);
}

static void test_store_nomem__link(void **state)
{
    (void)state;
    torture(hard_job, check_file);
    torture(copy_job, check_file);
}

static ptm_rc whole_job(const struct scene *scene, struct ptm_err *err)
{
    return ptmi_fs_write_whole(unit_path(scene->root, "file"), "content", 7, NULL, err);
}

static void test_store_nomem__whole_file(void **state)
{
    (void)state;
    torture(whole_job, check_file);
}

static ptm_rc verify_job(const struct scene *scene, struct ptm_err *err)
{
    PTM_AUTO(unit_store_closep) ptm_store *store = NULL;
    PTM_TRY(ptm_store_open(NULL, scene->root, &store, err));
    return ptm_store_verify(store, scene->oid.hex, err);
}

static void test_store_nomem__verify(void **state)
{
    (void)state;
    torture(verify_job, NULL);
}

static ptm_rc files_job(const struct scene *scene, struct ptm_err *err)
{
    PTM_AUTO(ptmi_freep) char *one = NULL;
    PTM_AUTO(ptmi_freep) char *two = NULL;
    PTM_TRY(ptmi_fs_read(unit_path(scene->root, "file"), 100, &one, NULL, err));
    PTM_TRY(ptmi_fs_read_beneath(scene->root, "file", 100, &two, NULL, err));
    PTM_TRY(ptmi_fs_mkdirs(unit_path(scene->root, ".ptm/a/b"), err));
    ptmi_lock *lock = NULL;
    PTM_TRY(ptmi_lock_take(NULL, unit_path(scene->root, ".ptm/lock"), &lock, err));
    ptmi_lock_remove(lock);
    return PTM_OK;
}

static void test_store_nomem__files_and_locks(void **state)
{
    (void)state;
    torture(files_job, NULL);
}

static void no_job(void *job)
{
    (void)job;
}

static ptm_rc pool_job(const struct scene *scene, struct ptm_err *err)
{
    (void)scene;
    ptmi_pool *pool = NULL;
    PTM_TRY(ptmi_pool_new(2, &pool, err));
    ptmi_pool_submit(pool, no_job, NULL);
    ptmi_pool_free(pool);
    return PTM_OK;
}

static ptm_rc proc_job(const struct scene *scene, struct ptm_err *err)
{
    PTM_AUTO(ptmi_proc_result_clear) struct ptmi_proc_result out = {0};
    struct ptmi_proc proc = {
        .argv = (const char *const[]){"/bin/sh", "-c", "cat; echo x >&2", NULL},
        .env = (const char *const[]){"A=b", NULL},
        .cwd = scene->root,
        .input = "abc",
        .input_len = 3,
    };
    ptm_rc rc = ptmi_proc_run(NULL, &proc, &out, err);
    /* A failed look-up has no error of its own to tell. */
    return rc == PTM_ENOENT ? ptm_err_set(err, PTM_ENOMEM, "out of memory") : rc;
}

static void test_store_nomem__pool_and_processes(void **state)
{
    (void)state;
    torture(pool_job, NULL);
    torture(proc_job, NULL);
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1); /* no child left on any path */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_store_nomem__put),
        cmocka_unit_test(test_store_nomem__slot),
        cmocka_unit_test(test_store_nomem__link),
        cmocka_unit_test(test_store_nomem__whole_file),
        cmocka_unit_test(test_store_nomem__verify),
        cmocka_unit_test(test_store_nomem__files_and_locks),
        cmocka_unit_test(test_store_nomem__pool_and_processes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
