/* SPDX-License-Identifier: MIT */
/* test_store_slot.c - one writer an object: waiting, resuming, giving up, dying. */
#include "unit_store.h"

#include <pthread.h>
#include <signal.h>

static void write_part(const ptm_store_slot *slot, const char *text)
{
    unit_write(ptm_store_slot_part(slot), text);
}

static void test_store_slot__publishes_and_cleans_up(void **state)
{
    (void)state;
    UNIT_TMP(tmp);
    PTM_AUTO(unit_store_closep) ptm_store *store = unit_store(tmp.path);
    struct unit_oid oid = unit_oid_of("content");
    ptm_store_slot *slot = NULL;
    bool present = true;
    assert_int_equal(ptm_store_slot_open(store, oid.hex, &slot, &present, NULL), PTM_OK);
    assert_non_null(slot);
    assert_false(present);
    write_part(slot, "content");
    assert_int_equal(ptm_store_slot_commit(slot, 7, NULL), PTM_OK);
    ptm_store_slot_close(slot);
    assert_int_equal(ptm_store_verify(store, oid.hex, NULL), PTM_OK);
    struct stat st = unit_object_stat(store, oid.hex);
    assert_int_equal(st.st_mode & 0777, 0444);
    assert_int_equal(st.st_mtim.tv_sec, 946684800);
    assert_int_equal(unit_entries(unit_path(tmp.path, ".ptm/tmp")), 0);
    assert_int_equal(unit_entries(unit_path(tmp.path, ".ptm/locks")), 0);
    slot = NULL;
    assert_int_equal(ptm_store_slot_open(store, oid.hex, &slot, &present, NULL), PTM_OK);
    assert_null(slot);
    assert_true(present);
}

static void test_store_slot__keeps_parts_but_not_empty_ones(void **state)
{
    (void)state;
    UNIT_TMP(tmp);
    PTM_AUTO(unit_store_closep) ptm_store *store = unit_store(tmp.path);
    struct unit_oid oid = unit_oid_of("content");
    ptm_store_slot *slot = NULL;
    bool present = true;
    assert_int_equal(ptm_store_slot_open(store, oid.hex, &slot, &present, NULL), PTM_OK);
    write_part(slot, "");
    ptm_store_slot_close(slot);
    assert_int_equal(unit_entries(unit_path(tmp.path, ".ptm/tmp")), 0);
    assert_int_equal(ptm_store_slot_open(store, oid.hex, &slot, &present, NULL), PTM_OK);
    write_part(slot, "con");
    ptm_store_slot_close(slot);
    PTM_AUTO(unit_store_closep) ptm_store *again = unit_store(tmp.path); /* a sweep spares parts */
    assert_int_equal(ptm_store_slot_open(again, oid.hex, &slot, &present, NULL), PTM_OK);
    PTM_AUTO(ptmi_freep) char *part = unit_read(ptm_store_slot_part(slot));
    assert_string_equal(part, "con");
    ptm_store_slot_close(slot);
    assert_int_equal(unit_objects(store), 0);
}

static void test_store_slot__refuses_a_wrong_size_and_stays_open(void **state)
{
    (void)state;
    UNIT_TMP(tmp);
    PTM_AUTO(unit_store_closep) ptm_store *store = unit_store(tmp.path);
    struct unit_oid oid = unit_oid_of("content");
    PTM_AUTO(unit_slot_closep) ptm_store_slot *slot = NULL;
    bool present = true;
    struct ptm_err err = {0};
    assert_int_equal(ptm_store_slot_open(store, oid.hex, &slot, &present, NULL), PTM_OK);
    assert_int_equal(ptm_store_slot_commit(slot, 7, &err), PTM_ENOENT); /* nothing fetched */
    write_part(slot, "cont");
    assert_int_equal(ptm_store_slot_commit(slot, 7, &err), PTM_ESIZE);
    assert_non_null(strstr(err.msg, ptm_store_slot_part(slot)));
    assert_false(ptm_store_has(store, oid.hex, NULL));
    write_part(slot, "content");
    assert_int_equal(ptm_store_slot_commit(slot, -1, &err), PTM_OK);
    assert_true(ptm_store_has(store, oid.hex, NULL));
}

static void test_store_slot__refuses_what_is_no_oid(void **state)
{
    (void)state;
    UNIT_TMP(tmp);
    PTM_AUTO(unit_store_closep) ptm_store *store = unit_store(tmp.path);
    static const char *const bad[] = {
        "",
        "../../../../etc/passwd",
        "ABCDEF",
        "0123",
        "0123456789ABCDEF0123456789abcdef0123456789abcdef0123456789abcdef",
        "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef0"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        ptm_store_slot *slot = NULL;
        char *path = NULL;
        bool present = false;
        assert_int_equal(ptm_store_slot_open(store, bad[i], &slot, &present, NULL), PTM_EINVAL);
        assert_int_equal(ptm_store_path(store, bad[i], &path, NULL), PTM_EINVAL);
        assert_int_equal(ptm_store_verify(store, bad[i], NULL), PTM_EINVAL);
        assert_int_equal(ptm_store_remove(store, bad[i], NULL), PTM_EINVAL);
        assert_int_equal(ptm_store_link(store, bad[i], unit_path(tmp.path, "x"), PTM_LINK_AUTO,
                                        false, NULL, NULL),
                         PTM_EINVAL);
        assert_false(ptm_store_has(store, bad[i], NULL));
    }
}

/* A kill while publishing leaves the part read-only, and its lock file behind. */
static int open_and_die(void *arg)
{
    PTM_AUTO(unit_store_closep) ptm_store *store = unit_store(arg);
    ptm_store_slot *slot = NULL;
    bool present = false;
    struct unit_oid oid = unit_oid_of("content");
    UNIT_CHECK(ptm_store_slot_open(store, oid.hex, &slot, &present, NULL) == PTM_OK && slot);
    write_part(slot, "cont");
    UNIT_CHECK(chmod(ptm_store_slot_part(slot), 0444) == 0);
    (void)kill(getpid(), SIGKILL);
    return 1;
}

static void test_store_slot__of_a_killed_process_is_taken_over(void **state)
{
    (void)state;
    UNIT_TMP(tmp);
    assert_int_equal(unit_in_child(open_and_die, tmp.path), 128 + SIGKILL);
    assert_int_equal(unit_entries(unit_path(tmp.path, ".ptm/locks")), 1);
    PTM_AUTO(unit_store_closep) ptm_store *store = unit_store(tmp.path);
    assert_int_equal(unit_entries(unit_path(tmp.path, ".ptm/locks")), 0); /* swept */
    PTM_AUTO(unit_slot_closep) ptm_store_slot *slot = NULL;
    bool present = false;
    assert_int_equal(ptm_store_slot_open(store, unit_oid_of("content").hex, &slot, &present, NULL),
                     PTM_OK);
    struct stat st = unit_stat(ptm_store_slot_part(slot));
    assert_int_equal(st.st_size, 4);
    assert_true(st.st_mode & S_IWUSR);
}

/* As a kill leaves it between publishing and cleaning up: the part is one more name of the object.
 */
static void test_store_slot__published_parts_are_never_written_to(void **state)
{
    (void)state;
    UNIT_TMP(tmp);
    PTM_AUTO(unit_store_closep) ptm_store *store = unit_store(tmp.path);
    struct unit_oid oid = unit_oid_of("content");
    PTM_AUTO(ptmi_freep) char *object = NULL;
    assert_int_equal(unit_put(store, "content", NULL, NULL), PTM_OK);
    assert_int_equal(ptm_store_path(store, oid.hex, &object, NULL), PTM_OK);
    char part[256];
    snprintf(part, sizeof part, "%s/.ptm/tmp/%s.part", tmp.path, oid.hex);
    assert_int_equal(link(object, part), 0);
    ptm_store_close(unit_store(tmp.path));
    assert_int_equal(unit_entries(unit_path(tmp.path, ".ptm/tmp")), 0); /* swept */
    assert_int_equal(unit_entries(unit_path(tmp.path, ".ptm/locks")), 0);
    /* Not swept, and the object is gone, but a work tree still has it. */
    assert_int_equal(link(object, part), 0);
    assert_int_equal(link(object, unit_path(tmp.path, "worktree")), 0);
    assert_int_equal(ptm_store_remove(store, oid.hex, NULL), PTM_OK);
    PTM_AUTO(unit_slot_closep) ptm_store_slot *slot = NULL;
    bool present = true;
    assert_int_equal(ptm_store_slot_open(store, oid.hex, &slot, &present, NULL), PTM_OK);
    assert_false(ptmi_fs_exists(part));
    assert_int_equal(unit_stat(unit_path(tmp.path, "worktree")).st_mode & 0222, 0);
}

/* Fetches as the mirror does: opens the slot, and brings the object when it is the one who may. */
struct fetcher {
    const char *root;
    bool give_up; /* close without commit */
};

static int fetch_one(void *arg)
{
    const struct fetcher *fetcher = arg;
    PTM_AUTO(unit_store_closep) ptm_store *store = unit_store(fetcher->root);
    struct unit_oid oid = unit_oid_of("content");
    PTM_AUTO(unit_slot_closep) ptm_store_slot *slot = NULL;
    bool present = false;
    struct ptm_err err = {0};
    UNIT_CHECK(ptm_store_slot_open(store, oid.hex, &slot, &present, &err) == PTM_OK);
    if (present) return 10;
    FILE *part = fopen(ptm_store_slot_part(slot), "a");
    UNIT_CHECK(part && fprintf(part, "%s", "content") == 7);
    usleep(120000); /* long enough for the others to meet a busy lock; nothing depends on it */
    UNIT_CHECK(fclose(part) == 0);
    if (fetcher->give_up) return 20;
    UNIT_CHECK(ptm_store_slot_commit(slot, 7, &err) == PTM_OK);
    return 30;
}

static void test_store_slot__lets_one_fetch_and_the_others_find(void **state)
{
    (void)state;
    for (int round = 0; round < 3; round++) {
        UNIT_TMP(tmp);
        struct fetcher fetcher = {.root = tmp.path};
        int fetched = 0, found = 0;
        pid_t pids[4];
        fflush(NULL);
        for (int i = 0; i < 4; i++)
            if ((pids[i] = fork()) == 0) _exit(fetch_one(&fetcher));
        for (int i = 0; i < 4; i++) {
            int status = -1;
            assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
            fetched += WEXITSTATUS(status) == 30;
            found += WEXITSTATUS(status) == 10;
        }
        assert_int_equal(fetched, 1);
        assert_int_equal(found, 3);
        assert_int_equal(unit_entries(unit_path(tmp.path, ".ptm/locks")), 0);
        assert_int_equal(unit_entries(unit_path(tmp.path, ".ptm/tmp")), 0);
    }
}

static void test_store_slot__given_up_goes_to_the_next_with_its_part(void **state)
{
    (void)state;
    UNIT_TMP(tmp);
    struct fetcher fetcher = {.root = tmp.path, .give_up = true};
    assert_int_equal(unit_in_child(fetch_one, &fetcher), 20);
    PTM_AUTO(unit_store_closep) ptm_store *store = unit_store(tmp.path);
    PTM_AUTO(unit_slot_closep) ptm_store_slot *slot = NULL;
    bool present = true;
    assert_int_equal(ptm_store_slot_open(store, unit_oid_of("content").hex, &slot, &present, NULL),
                     PTM_OK);
    assert_int_equal(unit_stat(ptm_store_slot_part(slot)).st_size, 7);
    assert_int_equal(ptm_store_slot_commit(slot, 7, NULL), PTM_OK);
}

static void *fetch_in_thread(void *arg)
{
    return (void *)(intptr_t)fetch_one(arg);
}

static void test_store_slot__holds_between_threads(void **state)
{
    (void)state;
    UNIT_TMP(tmp);
    struct fetcher fetcher = {.root = tmp.path};
    pthread_t threads[3];
    int fetched = 0;
    for (int i = 0; i < 3; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, fetch_in_thread, &fetcher), 0);
    for (int i = 0; i < 3; i++) {
        void *status = NULL;
        pthread_join(threads[i], &status);
        fetched += (intptr_t)status == 30;
    }
    assert_int_equal(fetched, 1);
}

static void test_store_slot__put_meanwhile_is_no_conflict(void **state)
{
    (void)state;
    UNIT_TMP(tmp);
    PTM_AUTO(unit_store_closep) ptm_store *store = unit_store(tmp.path);
    struct unit_oid oid = unit_oid_of("content");
    ptm_store_slot *slot = NULL;
    bool present = true;
    assert_int_equal(ptm_store_slot_open(store, oid.hex, &slot, &present, NULL), PTM_OK);
    write_part(slot, "content");
    assert_int_equal(unit_put(store, "content", NULL, NULL), PTM_OK);
    ino_t inode = unit_object_stat(store, oid.hex).st_ino;
    assert_int_equal(ptm_store_slot_commit(slot, 7, NULL), PTM_OK);
    ptm_store_slot_close(slot);
    assert_int_equal(unit_object_stat(store, oid.hex).st_ino, inode);
    assert_int_equal(unit_entries(unit_path(tmp.path, ".ptm/tmp")), 0);
    ptm_store_slot_close(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_store_slot__publishes_and_cleans_up),
        cmocka_unit_test(test_store_slot__keeps_parts_but_not_empty_ones),
        cmocka_unit_test(test_store_slot__refuses_a_wrong_size_and_stays_open),
        cmocka_unit_test(test_store_slot__refuses_what_is_no_oid),
        cmocka_unit_test(test_store_slot__of_a_killed_process_is_taken_over),
        cmocka_unit_test(test_store_slot__published_parts_are_never_written_to),
        cmocka_unit_test(test_store_slot__lets_one_fetch_and_the_others_find),
        cmocka_unit_test(test_store_slot__given_up_goes_to_the_next_with_its_part),
        cmocka_unit_test(test_store_slot__holds_between_threads),
        cmocka_unit_test(test_store_slot__put_meanwhile_is_no_conflict),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
