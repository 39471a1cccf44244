/* SPDX-License-Identifier: MIT */
/*
 * test_pack_nomem.c - every allocation and every write of unpacking fails once: the call says so,
 * and leaks nothing (which the build under ASan sees).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/auto.h"
#include "pack/extract.h"

#include "fail_alloc.h"
#include "unit_tmp.h"
#include "zip_build.h"

/* No job here needs more. */
#define MOST 200

static struct unit_tmp tmp;
static int write_fails_at; /* 0: none */

ssize_t __real_write(int fd, const void *data, size_t len);
ssize_t __wrap_write(int fd, const void *data, size_t len);

/* Only half of what is asked for, as a full disk does, then nothing. */
ssize_t __wrap_write(int fd, const void *data, size_t len)
{
    if (write_fails_at == 0) return __real_write(fd, data, len);
    if (--write_fails_at > 0) return __real_write(fd, data, len > 1 ? len / 2 : len);
    errno = ENOSPC;
    return -1;
}

static ptm_rc unpack(struct ptm_err *err)
{
    char archive[128], dest[128];
    struct ptmi_extracted out;
    snprintf(archive, sizeof archive, "%s/a.zip", tmp.path);
    snprintf(dest, sizeof dest, "%s/dest", tmp.path);
    assert_int_equal(mkdir(dest, 0777), 0);
    return ptmi_extract_zip(
        NULL, &(struct ptmi_extract){.archive = archive, .dest = dest, .one_root = true}, &out,
        err);
}

static void clean_up(void)
{
    assert_int_equal(ptmi_fs_remove_tree(unit_path(tmp.path, "dest"), NULL), PTM_OK);
}

static void test_pack_nomem__every_allocation(void **state)
{
    (void)state;
    int n = 1;
    for (; n < MOST; n++) {
        struct ptm_err err = {0};
        fail_alloc_arm(n);
        ptm_rc rc = unpack(&err);
        bool hit = fail_alloc_disarm();
        clean_up();
        if (!hit) {
            assert_int_equal(rc, PTM_OK);
            break;
        }
        if (rc != PTM_ENOMEM) fail_msg("allocation %d: %d %s", n, rc, err.msg);
        assert_true(err.rc == PTM_ENOMEM && err.msg[0]);
    }
    assert_in_range(n, 10, MOST - 1);
}

static void test_pack_nomem__every_write(void **state)
{
    (void)state;
    int n = 1;
    for (; n < MOST; n++) {
        struct ptm_err err = {0};
        write_fails_at = n;
        ptm_rc rc = unpack(&err);
        bool hit = write_fails_at == 0;
        write_fails_at = 0;
        clean_up();
        if (!hit) {
            assert_int_equal(rc, PTM_OK);
            break;
        }
        if (rc != PTM_ENOSPC) fail_msg("write %d: %d %s", n, rc, err.msg);
        assert_non_null(strstr(err.msg, "dest/"));
    }
    assert_in_range(n, 4, MOST - 1);
}

static int make_archive(void **state)
{
    struct zip_build zip = {0};
    (void)state;
    tmp = unit_tmp_make();
    zip_add(&zip,
            &(struct zip_spec){.name = "r/a/b/c", .data = "hello", .len = 5, .deflate = true});
    zip_add(&zip, &(struct zip_spec){.name = "r/d", .data = "hello", .len = 5});
    zip_add(&zip, &(struct zip_spec){.name = "r/e/"});
    zip_add(&zip, &(struct zip_spec){
                      .name = "r/a/l", .data = "../e/../d", .len = 9, .mode = S_IFLNK | 0777});
    zip_end(&zip, &(struct zip_end){0});
    FILE *file = fopen(unit_path(tmp.path, "a.zip"), "wb");
    bool ok = file && fwrite(zip.data, 1, zip.len, file) == zip.len && fclose(file) == 0;
    zip_free(&zip);
    return ok ? 0 : 1;
}

static int drop_archive(void **state)
{
    (void)state;
    unit_tmp_remove(&tmp);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pack_nomem__every_allocation),
        cmocka_unit_test(test_pack_nomem__every_write),
    };
    return cmocka_run_group_tests(tests, make_archive, drop_archive);
}
