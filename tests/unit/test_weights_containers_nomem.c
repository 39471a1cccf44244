/* SPDX-License-Identifier: MIT */
/*
 * test_weights_containers_nomem.c - every allocation of sources, zip and tar directories and
 * unpacking fails once: the call says so, and leaks nothing (which the build under ASan sees).
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
#include "weights/tardir.h"
#include "weights/unpack.h"
#include "weights/zipdir.h"

#include "fail_alloc.h"
#include "tar_build.h"
#include "unit_tmp.h"
#include "zip_build.h"

/* No job here needs more. */
#define MOST_ALLOCATIONS 200

static struct unit_tmp tmp;
static struct zip_build zip_file;
static struct tar_build tar_file;
static uint8_t gzip_file[200];
static size_t gzip_len;

typedef ptm_rc (*job_fn)(struct ptm_err *err);

static void torture(job_fn job)
{
    int n = 1;
    for (; n < MOST_ALLOCATIONS; n++) {
        struct ptm_err err = {0};
        fail_alloc_arm(n);
        ptm_rc rc = job(&err);
        if (!fail_alloc_disarm()) {
            assert_int_equal(rc, PTM_OK);
            break;
        }
        if (rc != PTM_ENOMEM) fail_msg("allocation %d: %d %s", n, rc, err.msg);
        assert_true(err.rc == PTM_ENOMEM && err.msg[0]);
    }
    assert_in_range(n, 2, MOST_ALLOCATIONS - 1);
}

static ptm_rc source_job(struct ptm_err *err)
{
    PTM_AUTO(ptmi_source_unrefp) ptmi_source *file = NULL;
    PTM_AUTO(ptmi_source_unrefp) ptmi_source *part = NULL;
    PTM_AUTO(ptmi_source_unrefp) ptmi_source *beneath = NULL;
    PTM_AUTO(ptmi_source_unrefp) ptmi_source *owned = NULL;
    PTM_TRY(ptmi_source_open(unit_path(tmp.path, "file"), false, &file, err));
    PTM_TRY(ptmi_source_part(file, 1, 2, "part", &part, err));
    PTM_TRY(ptmi_source_open_beneath(tmp.path, "file", false, &beneath, err));
    return ptmi_source_own(__real_malloc(4), 4, "owned", &owned, err);
}

static ptm_rc zip_job(struct ptm_err *err)
{
    PTM_AUTO(ptmi_source_unrefp) ptmi_source *source = NULL;
    PTM_AUTO(ptmi_zip_clear) struct ptmi_zip zip = {0};
    PTM_TRY(ptmi_source_lend(zip_file.data, zip_file.len, "zip", &source, err));
    ptm_rc rc = ptmi_zip_read(source, &zip, err);
    if (rc != PTM_OK) assert_null(zip.source);
    PTM_TRY(rc);
    PTM_TRY(ptmi_zip_check(&zip, err));
    assert_in_range(zip.n_odds, 3, 10);
    for (size_t i = 0; i < zip.n_members; i++) {
        PTM_AUTO(ptmi_source_unrefp) ptmi_source *member = NULL;
        PTM_TRY(ptmi_zip_open(&zip, &zip.members[i], 1000, &member, err));
    }
    return PTM_OK;
}

static ptm_rc tar_job(struct ptm_err *err)
{
    PTM_AUTO(ptmi_source_unrefp) ptmi_source *source = NULL;
    PTM_AUTO(ptmi_source_unrefp) ptmi_source *member = NULL;
    PTM_AUTO(ptmi_tar_clear) struct ptmi_tar tar = {0};
    PTM_TRY(ptmi_source_lend(tar_file.data, tar_file.len, "tar", &source, err));
    ptm_rc rc = ptmi_tar_read(source, &tar, err);
    if (rc != PTM_OK) assert_null(tar.source);
    PTM_TRY(rc);
    return ptmi_tar_open(&tar, &tar.members[0], &member, err);
}

static ptm_rc unpack_job(struct ptm_err *err)
{
    PTM_AUTO(ptmi_source_unrefp) ptmi_source *source = NULL;
    PTM_AUTO(ptmi_source_unrefp) ptmi_source *unpacked = NULL;
    PTM_TRY(ptmi_source_lend(gzip_file, gzip_len, "gzip", &source, err));
    return ptmi_unpack_stream(source, 1000000, &unpacked, err);
}

static void test_weights_containers_nomem__sources(void **state)
{
    (void)state;
    torture(source_job);
}

static void test_weights_containers_nomem__zip(void **state)
{
    (void)state;
    torture(zip_job);
}

static void test_weights_containers_nomem__tar(void **state)
{
    (void)state;
    torture(tar_job);
}

static void test_weights_containers_nomem__unpack(void **state)
{
    (void)state;
    torture(unpack_job);
}

static int make_files(void **state)
{
    (void)state;
    static const uint8_t zeros[100000];
    tmp = unit_tmp_make();
    unit_write(unit_path(tmp.path, "file"), "0123");
    zip_add(&zip_file, &(struct zip_spec){.name = "a", .data = "aaaa", .len = 4, .deflate = true});
    zip_add(&zip_file, &(struct zip_spec){.name = "A", .data = "b", .len = 1, .torch = true});
    zip_add(&zip_file, &(struct zip_spec){.name = "/c", .local_name = "d", .flags = 0x20});
    zip_end(&zip_file, &(struct zip_end){.zip64 = true, .gap = 3});
    tar_add(&tar_file, &(struct tar_spec){.name = "x", .type = 'x', .text = "12 path=one\n"});
    for (int i = 0; i < 20; i++) tar_add(&tar_file, &(struct tar_spec){.name = "/two"});
    struct libdeflate_compressor *c = libdeflate_alloc_compressor(6);
    assert_non_null(c);
    gzip_len = libdeflate_gzip_compress(c, zeros, sizeof zeros, gzip_file, sizeof gzip_file);
    libdeflate_free_compressor(c);
    return gzip_len == 0;
}

static int drop_files(void **state)
{
    (void)state;
    zip_free(&zip_file);
    tar_free(&tar_file);
    unit_tmp_remove(&tmp);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_weights_containers_nomem__sources),
        cmocka_unit_test(test_weights_containers_nomem__zip),
        cmocka_unit_test(test_weights_containers_nomem__tar),
        cmocka_unit_test(test_weights_containers_nomem__unpack),
    };
    return cmocka_run_group_tests(tests, make_files, drop_files);
}
