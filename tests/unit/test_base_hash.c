/* SPDX-License-Identifier: MIT */
/* test_base_hash.c - digests against the published test vectors of FIPS 180. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/hash.h"

#define ABC_256 "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
#define EMPTY_256 "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
#define MILLION_A_256 "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"
#define ABC_1 "a9993e364706816aba3e25717850c26c9cd0d89d"

static void test_base_hash__known_digests(void **state)
{
    (void)state;
    char hex[65];
    assert_int_equal(ptmi_hash_bytes(PTMI_SHA256, "abc", 3, hex, NULL), PTM_OK);
    assert_string_equal(hex, ABC_256);
    assert_int_equal(ptmi_hash_bytes(PTMI_SHA256, "", 0, hex, NULL), PTM_OK);
    assert_string_equal(hex, EMPTY_256);
    assert_int_equal(ptmi_hash_bytes(PTMI_SHA1, "abc", 3, hex, NULL), PTM_OK);
    assert_string_equal(hex, ABC_1);
}

static void test_base_hash__starts_over_after_the_result(void **state)
{
    (void)state;
    ptmi_hash *hash = NULL;
    char hex[65];
    assert_int_equal(ptmi_hash_new(PTMI_SHA256, &hash, NULL), PTM_OK);
    for (int i = 0; i < 1000000; i += 10) ptmi_hash_update(hash, "aaaaaaaaaa", 10);
    assert_int_equal(ptmi_hash_hex(hash, hex, NULL), PTM_OK);
    assert_string_equal(hex, MILLION_A_256);
    ptmi_hash_update(hash, "a", 1);
    ptmi_hash_update(hash, "bc", 2);
    assert_int_equal(ptmi_hash_hex(hash, hex, NULL), PTM_OK);
    assert_string_equal(hex, ABC_256);
    ptmi_hash_free(hash);
    ptmi_hash_free(NULL);
}

static void test_base_hash__reads_a_file_from_its_offset(void **state)
{
    (void)state;
    PTM_AUTO(ptmi_fclosep) FILE *file = tmpfile();
    assert_non_null(file);
    int fd = fileno(file);
    assert_int_equal(write(fd, "xxabc", 5), 5);
    assert_int_equal(lseek(fd, 2, SEEK_SET), 2);
    char hex[65];
    int64_t size = 0;
    assert_int_equal(ptmi_hash_fd(PTMI_SHA256, fd, hex, &size, NULL), PTM_OK);
    assert_string_equal(hex, ABC_256);
    assert_int_equal(size, 3);
    struct ptm_err err = {0};
    assert_int_equal(ptmi_hash_fd(PTMI_SHA256, -1, hex, &size, &err), PTM_EIO);
    assert_true(err.sys_errno != 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_base_hash__known_digests),
        cmocka_unit_test(test_base_hash__starts_over_after_the_result),
        cmocka_unit_test(test_base_hash__reads_a_file_from_its_offset),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
