/* SPDX-License-Identifier: MIT */
/* test_store_verify.c - damage is found, named and can be mended; listing passes over what does not
 * belong. */
#include "unit_store.h"

/* Puts "content", and hands out the path of the object, made writable. */
static char *put_and_open_up(ptm_store *store)
{
    char *path = NULL;
    assert_int_equal(unit_put(store, "content", NULL, NULL), PTM_OK);
    assert_int_equal(ptm_store_path(store, unit_oid_of("content").hex, &path, NULL), PTM_OK);
    assert_int_equal(chmod(path, 0644), 0);
    return path;
}

static void test_store_verify__finds_flipped_cut_and_grown_objects(void **state)
{
    (void)state;
    static const char *const damage[] = {"c0ntent", "conten", "", "content!"};
    struct unit_oid oid = unit_oid_of("content");
    for (size_t i = 0; i < sizeof damage / sizeof damage[0]; i++) {
        UNIT_TMP(tmp);
        PTM_AUTO(unit_store_closep) ptm_store *store = unit_store(tmp.path);
        PTM_AUTO(ptmi_freep) char *path = put_and_open_up(store);
        assert_int_equal(ptm_store_verify(store, oid.hex, NULL), PTM_OK);
        unit_write(path, damage[i]);
        struct ptm_err err = {0};
        assert_int_equal(ptm_store_verify(store, oid.hex, &err), PTM_ECORRUPT);
        assert_non_null(strstr(err.msg, path));
    }
}

static void test_store_verify__tells_absent_and_strange_apart(void **state)
{
    (void)state;
    UNIT_TMP(tmp);
    PTM_AUTO(unit_store_closep) ptm_store *store = unit_store(tmp.path);
    struct unit_oid oid = unit_oid_of("content");
    struct ptm_err err = {0};
    assert_int_equal(ptm_store_verify(store, oid.hex, &err), PTM_ENOENT);
    PTM_AUTO(ptmi_freep) char *path = put_and_open_up(store);
    char moved[256];
    snprintf(moved, sizeof moved, "%s/moved", tmp.path);
    assert_int_equal(rename(path, moved), 0);
    assert_int_equal(symlink(moved, path), 0);
    assert_int_equal(ptm_store_verify(store, oid.hex, &err), PTM_ECORRUPT);
    assert_false(ptm_store_has(store, oid.hex, NULL));
    assert_int_equal(unlink(path), 0);
    assert_int_equal(mkdir(path, 0755), 0);
    assert_int_equal(ptm_store_verify(store, oid.hex, &err), PTM_ECORRUPT);
    assert_false(ptm_store_has(store, oid.hex, NULL));
}

static void test_store_verify__removed_objects_can_be_put_again(void **state)
{
    (void)state;
    UNIT_TMP(tmp);
    PTM_AUTO(unit_store_closep) ptm_store *store = unit_store(tmp.path);
    struct unit_oid oid = unit_oid_of("content");
    PTM_AUTO(ptmi_freep) char *path = put_and_open_up(store);
    unit_write(path, "c0ntent");
    assert_int_equal(ptm_store_remove(store, oid.hex, NULL), PTM_OK);
    assert_int_equal(ptm_store_remove(store, oid.hex, NULL), PTM_OK); /* absent is fine */
    assert_false(ptm_store_has(store, oid.hex, NULL));
    assert_int_equal(unit_put(store, "content", oid.hex, NULL), PTM_OK);
    assert_int_equal(ptm_store_verify(store, oid.hex, NULL), PTM_OK);
}

/* Same name, other size: the one on disk cannot be right, and the one in hand was hashed just now.
 */
static void test_store_verify__put_mends_an_object_of_a_wrong_size(void **state)
{
    (void)state;
    UNIT_TMP(tmp);
    PTM_AUTO(unit_store_closep) ptm_store *store = unit_store(tmp.path);
    struct unit_oid oid = unit_oid_of("content");
    PTM_AUTO(ptmi_freep) char *path = put_and_open_up(store);
    unit_write(path, "con");
    assert_int_equal(unit_put(store, "content", NULL, NULL), PTM_OK);
    assert_int_equal(ptm_store_verify(store, oid.hex, NULL), PTM_OK);
    assert_int_equal(unit_entries(unit_path(tmp.path, ".ptm/tmp")), 0);
}

struct seen {
    int n;
    int64_t bytes;
    int stop_at;
};

static ptm_rc see(void *arg, const char *oid, int64_t size, struct ptm_err *err)
{
    struct seen *seen = arg;
    assert_int_equal(strlen(oid), 64);
    seen->n++;
    seen->bytes += size;
    if (seen->n == seen->stop_at) return ptm_err_set(err, PTM_ECANCELED, "enough");
    return PTM_OK;
}

static void test_store_verify__each_lists_objects_and_nothing_else(void **state)
{
    (void)state;
    UNIT_TMP(tmp);
    PTM_AUTO(unit_store_closep) ptm_store *store = unit_store(tmp.path);
    struct seen none = {0};
    assert_int_equal(ptm_store_each(store, see, &none, NULL), PTM_OK);
    assert_int_equal(none.n, 0);
    for (int i = 0; i < 50; i++) {
        char text[16];
        snprintf(text, sizeof text, "object %02d", i);
        assert_int_equal(unit_put(store, text, NULL, NULL), PTM_OK);
    }
    /* Strangers: by name, by place, by kind. */
    const char *objects = unit_path(tmp.path, ".ptm/objects/sha256");
    assert_int_equal(ptmi_fs_mkdirs(unit_path(objects, "zz"), NULL), PTM_OK);
    assert_int_equal(ptmi_fs_mkdirs(unit_path(objects, "00/00"), NULL), PTM_OK);
    unit_write(unit_path(objects, "README"), "x");
    unit_write(unit_path(objects, "00/00/README"), "x");
    char misplaced[256];
    snprintf(misplaced, sizeof misplaced, "%s/00/00/%s", objects, unit_oid_of("object 00").hex);
    unit_write(misplaced, "object 00");
    assert_int_equal(symlink("..", unit_path(objects, "aa.link")), 0);
    struct seen seen = {0};
    assert_int_equal(ptm_store_each(store, see, &seen, NULL), PTM_OK);
    assert_int_equal(seen.n, 50);
    assert_int_equal(seen.bytes, 50 * 9);
    struct seen some = {.stop_at = 7};
    struct ptm_err err = {0};
    assert_int_equal(ptm_store_each(store, see, &some, &err), PTM_ECANCELED);
    assert_string_equal(err.msg, "enough");
    assert_int_equal(some.n, 7);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_store_verify__finds_flipped_cut_and_grown_objects),
        cmocka_unit_test(test_store_verify__tells_absent_and_strange_apart),
        cmocka_unit_test(test_store_verify__removed_objects_can_be_put_again),
        cmocka_unit_test(test_store_verify__put_mends_an_object_of_a_wrong_size),
        cmocka_unit_test(test_store_verify__each_lists_objects_and_nothing_else),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
