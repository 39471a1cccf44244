/* SPDX-License-Identifier: MIT */
/* test_base_lazy.c - libraries that are loaded when they are first needed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <dlfcn.h>
#include <string.h>

#include "base/lazy.h"

/* A library that is certainly there. */
#define LIBC "libc.so.6"
#define CALLS(X) X(strlen) X(strcmp)

struct calls {
    CALLS(PTMI_LAZY_MEMBER)
};

static void test_base_lazy__calls_go_to_the_library(void **state)
{
    (void)state;
    struct calls calls = {0};
    const char *const names[] = {CALLS(PTMI_LAZY_NAME)};
    struct ptmi_lazy library = {
        .soname = LIBC, .need = "tests", .names = names, .n = 2, .calls = &calls};
    struct ptm_err err = {0};
    if (!dlopen(LIBC, RTLD_NOW)) {
        print_message("no " LIBC " here\n");
        skip();
    }
    assert_int_equal(ptmi_lazy_load(&library, &err), PTM_OK);
    assert_int_equal(calls.strlen("four"), 4);
    assert_int_equal(calls.strcmp("a", "a"), 0);
    assert_int_equal(ptmi_lazy_load(&library, &err), PTM_OK);
}

static void test_base_lazy__an_absent_library_is_named(void **state)
{
    (void)state;
    struct calls calls = {0};
    const char *const names[] = {CALLS(PTMI_LAZY_NAME)};
    struct ptmi_lazy library = {.soname = "libptm-none.so.7",
                                .need = "the test needs it",
                                .names = names,
                                .n = 2,
                                .calls = &calls};
    for (int i = 0; i < 2; i++) {
        struct ptm_err err = {0};
        assert_int_equal(ptmi_lazy_load(&library, &err), PTM_EUNSUPPORTED);
        assert_non_null(strstr(err.msg, "libptm-none.so.7: "));
        assert_non_null(strstr(err.msg, "the test needs it"));
    }
}

static void test_base_lazy__a_function_that_lacks_is_named(void **state)
{
    (void)state;
    void *calls[2] = {0};
    const char *const names[] = {"strlen", "ptmi_no_such_function"};
    struct ptmi_lazy library = {
        .soname = LIBC, .need = "tests", .names = names, .n = 2, .calls = calls};
    struct ptm_err err = {0};
    if (!dlopen(LIBC, RTLD_NOW)) {
        print_message("no " LIBC " here\n");
        skip();
    }
    assert_int_equal(ptmi_lazy_load(&library, &err), PTM_EUNSUPPORTED);
    assert_non_null(strstr(err.msg, "it has no ptmi_no_such_function"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_base_lazy__calls_go_to_the_library),
        cmocka_unit_test(test_base_lazy__an_absent_library_is_named),
        cmocka_unit_test(test_base_lazy__a_function_that_lacks_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
