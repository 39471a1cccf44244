/* SPDX-License-Identifier: MIT */
/* test_git_lfs_pointer.c - which texts are pointers, and which only look like one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "../../src/base/auto.h"
#include "../../src/base/fs.h"
#include "../../src/base/str.h"
#include "../../src/git/lfs.h"

#define V1 "version https://git-lfs.github.com/spec/v1\n"
#define OID "4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393"

static bool parse(const char *text, struct ptmi_lfs_pointer *out)
{
    return ptmi_lfs_pointer_parse(text, strlen(text), out);
}

static void test_git_lfs_pointer__is_read(void **state)
{
    struct ptmi_lfs_pointer p;
    (void)state;
    assert_true(parse(V1 "oid sha256:" OID "\nsize 12345\n", &p));
    assert_string_equal(p.oid, OID);
    assert_int_equal(p.size, 12345);
    assert_true(parse(V1 "oid sha256:" OID "\nsize 0\n", &p));
    assert_int_equal(p.size, 0);
    assert_true(parse(V1 "oid sha256:" OID "\nsize 9223372036854775807\n", &p));
    assert_int_equal(p.size, INT64_MAX);
}

static void test_git_lfs_pointer__takes_old_versions_and_extensions(void **state)
{
    struct ptmi_lfs_pointer p;
    (void)state;
    assert_true(
        parse("version https://hawser.github.com/spec/v1\noid sha256:" OID "\nsize 1\n", &p));
    assert_true(parse(
        V1 "ext-0-foo sha256:" OID "\next-1-bar sha256:" OID "\noid sha256:" OID "\nsize 1\n", &p));
    /* The LF at the end may be missing, as git-lfs has it. */
    assert_true(parse(V1 "oid sha256:" OID "\nsize 1", &p));
}

static void test_git_lfs_pointer__refuses_what_is_none(void **state)
{
    static const char *const texts[] = {
        "",
        "version",
        V1,
        V1 "oid sha256:" OID "\n",
        V1 "size 1\n",
        V1 "size 1\noid sha256:" OID "\n",                     /* not sorted */
        V1 "oid sha256:" OID "\noid sha256:" OID "\nsize 1\n", /* twice */
        V1 "oid sha256:" OID "\nsize 1\nsize 1\n",             /* twice */
        V1 "oid sha256:" OID "\nsize -1\n",
        V1 "oid sha256:" OID "\nsize +1\n",
        V1 "oid sha256:" OID "\nsize 1 \n",
        V1 "oid sha256:" OID "\nsize 9223372036854775808\n",
        V1 "oid sha256:" OID "\r\nsize 1\r\n", /* CRLF */
        V1 "oid sha256:4D7A214614AB2935C943F9E0FF69D22EADBB8F32B1258DAAA5E2CA24D17E2393\nsize 1\n",
        V1 "oid sha256:4d7a\nsize 1\n",
        V1 "oid md5:" OID "\nsize 1\n",
        V1 "oid " OID "\nsize 1\n",
        V1 "oid sha256:" OID "0\nsize 1\n",
        V1 "oid sha256:../../../../../../../../etc/passwd/aaaaaaaaaaaaaaaaaaaaaaaaaaa\nsize 1\n",
        V1 "oid sha256:" OID "\nsize 1\nz more\n",
        V1 "oid sha256:" OID "\nsize 1\n\n",
        "\n" V1 "oid sha256:" OID "\nsize 1\n",
        "version https://git-lfs.github.com/spec/v2\noid sha256:" OID "\nsize 1\n",
        "oid sha256:" OID "\nsize 1\nversion https://git-lfs.github.com/spec/v1\n",
        V1 "oid  sha256:" OID "\nsize 1\n",
    };
    struct ptmi_lfs_pointer p = {.size = 7};
    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        if (parse(texts[i], &p)) fail_msg("taken for a pointer: %s", texts[i]);
    assert_int_equal(p.size, 7); /* out is written only on success */
}

static void test_git_lfs_pointer__refuses_nul_and_size(void **state)
{
    struct ptmi_lfs_pointer p;
    char text[2048];
    (void)state;
    int n = snprintf(text, sizeof text, V1 "oid sha256:" OID "\nsize 1%c\n", 0);
    assert_false(ptmi_lfs_pointer_parse(text, (size_t)n, &p));
    /* 1,024 bytes are too many, even when all of it is well-formed. */
    n = snprintf(text, sizeof text, V1);
    for (int i = 0; i < 10; i++)
        n += snprintf(text + n, sizeof text - (size_t)n, "ext-%d-x sha256:" OID "\n", i);
    n += snprintf(text + n, sizeof text - (size_t)n, "oid sha256:" OID "\nsize 1\n");
    assert_true(n < 1024);
    assert_true(ptmi_lfs_pointer_parse(text, (size_t)n, &p));
    n = snprintf(text, sizeof text, V1);
    for (int i = 0; i < 10; i++)
        n += snprintf(text + n, sizeof text - (size_t)n, "ext-%d-xxxxxxxxxxxx sha256:" OID "\n", i);
    n += snprintf(text + n, sizeof text - (size_t)n, "oid sha256:" OID "\nsize 1\n");
    assert_true(n >= 1024);
    assert_false(ptmi_lfs_pointer_parse(text, (size_t)n, &p));
}

static void test_git_lfs_pointer__no_prefix_of_one_is_one(void **state)
{
    static const char text[] = V1 "oid sha256:" OID "\nsize 12345\n";
    struct ptmi_lfs_pointer p;
    (void)state;
    /* Cut within the size it is one of another size: git-lfs thinks so too. */
    size_t size_at = strlen(V1 "oid sha256:" OID "\nsize ");
    for (size_t n = 0; n <= size_at; n++) assert_false(ptmi_lfs_pointer_parse(text, n, &p));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_git_lfs_pointer__is_read),
        cmocka_unit_test(test_git_lfs_pointer__takes_old_versions_and_extensions),
        cmocka_unit_test(test_git_lfs_pointer__refuses_what_is_none),
        cmocka_unit_test(test_git_lfs_pointer__refuses_nul_and_size),
        cmocka_unit_test(test_git_lfs_pointer__no_prefix_of_one_is_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
